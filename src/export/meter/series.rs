//! Series of a metric by their attributes, with a limit on their number.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use foldhash::fast::RandomState;

use super::names::attribute;
use crate::base::sanitize;

/// Series of one kind, at most. What belongs to more is counted as [`OTHER`].
pub const MAX_SERIES: usize = 2_000;

/// The method of the series that stands for all beyond [`MAX_SERIES`].
pub const OTHER: &str = "other";

/// The longest value of an attribute, in bytes.
const MAX_VALUE: usize = 128;

/// The attributes of a series: names and values, in the order in which they were added.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels(Vec<(&'static str, Box<str>)>);

impl Labels {
    /// Adds an attribute; `None` adds none.
    pub fn add(&mut self, name: &'static str, value: Option<&str>) {
        if let Some(value) = value {
            self.0.push((name, value.into()));
        }
    }

    /// Returns these attributes and one more.
    #[must_use]
    pub fn with(&self, name: &'static str, value: &str) -> Self {
        let mut labels = self.clone();
        labels.add(name, Some(value));
        labels
    }

    /// Adds text from traffic: credentials in it are masked, and it is cut. Returns whether it was.
    pub fn add_text(&mut self, name: &'static str, text: Option<&str>) -> bool {
        let Some(text) = text else { return false };
        let clean = sanitize::clean(text);
        let kept = clean.get(..clean.floor_char_boundary(MAX_VALUE)).unwrap_or_default();
        self.0.push((name, kept.into()));
        kept.len() < clean.len()
    }

    /// Returns names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, &**value))
    }

    /// The attributes of the series for all beyond the limit.
    fn other() -> Self {
        Self(vec![(attribute::METHOD, OTHER.into()), (attribute::OVERFLOW, "true".into())])
    }
}

/// The values of all series.
#[derive(Debug)]
pub struct Series<T> {
    values: HashMap<Labels, Value<T>, RandomState>,
    /// The series for all beyond the limit; `None` if there are no more.
    other: Option<Value<T>>,
}

#[derive(Debug, Default)]
struct Value<T> {
    value: T,
    has_changed: bool,
}

impl<T> Default for Series<T> {
    fn default() -> Self {
        Self { values: HashMap::default(), other: None }
    }
}

impl<T: Default> Series<T> {
    /// Returns the value of a series, to add to it.
    pub(super) fn at(&mut self, labels: Labels) -> &mut T {
        let is_full = self.values.len() >= MAX_SERIES;
        let found = match self.values.entry(labels) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(_) if is_full => self.other.get_or_insert_default(),
            Entry::Vacant(vacant) => vacant.insert(Value::default()),
        };
        found.has_changed = true;
        &mut found.value
    }
}

impl<T> Series<T> {
    /// Returns all series, in the order of their attributes, the one for all others last.
    #[must_use]
    pub fn all(&self) -> Vec<(Labels, &T)> {
        let mut all: Vec<_> = self.values.iter().map(|(labels, it)| (labels.clone(), &it.value)).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all.extend(self.other.as_ref().map(|it| (Labels::other(), &it.value)));
        all
    }

    /// Returns those that changed since changes were forgotten, in the same order.
    #[must_use]
    pub fn changed(&self) -> Vec<(Labels, &T)> {
        let changed = self.values.iter().filter(|(_, it)| it.has_changed);
        let mut changed: Vec<_> = changed.map(|(labels, it)| (labels.clone(), &it.value)).collect();
        changed.sort_by(|a, b| a.0.cmp(&b.0));
        let other = self.other.as_ref().filter(|it| it.has_changed);
        changed.extend(other.map(|it| (Labels::other(), &it.value)));
        changed
    }

    /// Takes all series as unchanged.
    pub(super) fn forget_changes(&mut self) {
        self.values.values_mut().chain(&mut self.other).for_each(|it| it.has_changed = false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(value: &str) -> Labels {
        let mut labels = Labels::default();
        labels.add(attribute::METHOD, Some(value));
        labels
    }

    #[test]
    fn series_beyond_the_limit_are_one() {
        let mut series = Series::<u64>::default();
        for n in 0..2 * MAX_SERIES {
            *series.at(labels(&n.to_string())) += 1;
        }
        *series.at(labels("0")) += 1;
        let all = series.all();
        assert_eq!(all.len(), MAX_SERIES + 1);
        assert_eq!(all.iter().map(|(_, count)| **count).sum::<u64>(), 2 * MAX_SERIES as u64 + 1);
        let (last, count) = all.last().unwrap();
        assert_eq!((last.iter().next(), **count), (Some((attribute::METHOD, OTHER)), MAX_SERIES as u64));
        series.forget_changes();
        assert!(series.changed().is_empty());
        *series.at(labels("1")) += 1;
        *series.at(labels("new")) += 1;
        assert_eq!(series.changed().len(), 2);
    }

    #[test]
    fn values_are_short_and_visible() {
        let mut labels = Labels::default();
        assert!(labels.add_text(attribute::TOOL, Some(&"\u{e9}".repeat(100))));
        assert!(!labels.add_text(attribute::TOOL, Some("evil\u{202e}")));
        let values: Vec<_> = labels.iter().map(|(_, value)| value).collect();
        assert_eq!(values, ["\u{e9}".repeat(64).as_str(), "evil<U+202E>"]);
    }
}
