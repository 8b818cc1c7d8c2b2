//! Values that were seen, each once, with how often.

use std::collections::BTreeMap;

/// Values of one list that are kept. The others are counted.
const MAX_VALUES: usize = 100;

/// Length of a value that is kept, in bytes.
const MAX_LEN: usize = 256;

/// Values that were seen, with how often.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values {
    counts: BTreeMap<String, u64>,
    /// How often other values were seen.
    more: u64,
}

impl Values {
    /// Counts a value.
    pub(super) fn add(&mut self, value: &str) {
        self.add_times(value, 1);
    }

    /// Counts a value several times.
    pub(super) fn add_times(&mut self, value: &str, times: u64) {
        if let Some(count) = self.counts.get_mut(value) {
            *count += times;
        } else if self.counts.len() < MAX_VALUES && value.len() <= MAX_LEN {
            self.counts.insert(value.to_owned(), times);
        } else {
            self.more += times;
        }
    }

    /// Adds those of another list.
    pub(super) fn merge(&mut self, other: &Self) {
        for (value, times) in &other.counts {
            self.add_times(value, *times);
        }
        self.more += other.more;
    }

    /// Returns the values with how often each was seen, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.counts.iter().map(|(value, count)| (value.as_str(), *count))
    }

    /// Returns how often values were seen that are not kept.
    #[must_use]
    pub fn more(&self) -> u64 {
        self.more
    }

    /// Whether none was seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty() && self.more == 0
    }

    /// Whether a value was seen.
    #[must_use]
    pub fn has(&self, value: &str) -> bool {
        self.counts.contains_key(value)
    }
}
