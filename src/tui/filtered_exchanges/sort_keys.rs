//! The sort keys of rows, eight bytes each.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::sort_by::SortBy;
use crate::ledger::Exchange;

/// The sort key of a row: a number, or the number of a [`Label`] in its [`SortKeys`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SortKey([u32; 2]);

impl SortKey {
    /// The exchange has no value.
    const MISSING: Self = Self::of(i64::MIN);

    fn number(number: i64) -> Self {
        Self::of(number.max(i64::MIN + 1))
    }

    const fn of(number: i64) -> Self {
        Self([(number >> 32) as u32, number as u32])
    }

    fn get(self) -> i64 {
        i64::from(self.0[0] as i32) << 32 | i64::from(self.0[1])
    }
}

/// A value that is no number. Many exchanges share one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Label {
    Call(Arc<str>, Option<Arc<str>>),
    Client(SocketAddr),
}

/// Makes the keys of one order, and compares them.
#[derive(Debug, Default)]
pub(super) struct SortKeys {
    by: SortBy,
    is_descending: bool,
    labels: Vec<Label>,
    numbers: HashMap<Label, i64, foldhash::fast::RandomState>,
}

impl SortKeys {
    /// Returns keys for the order by `by`, with the largest first if `is_descending`.
    pub(super) fn new(by: SortBy, is_descending: bool) -> Self {
        Self { by, is_descending, ..Self::default() }
    }

    /// Returns what the keys are made of, and whether the largest is first.
    pub(super) fn order(&self) -> (SortBy, bool) {
        (self.by, self.is_descending)
    }

    /// Returns the key of an exchange.
    pub(super) fn get(&mut self, exchange: &Exchange) -> SortKey {
        let label = match self.find(exchange) {
            Ok(key) => return key,
            Err(label) => label,
        };
        let number = self.labels.len() as i64;
        self.labels.push(label.clone());
        self.numbers.insert(label, number);
        SortKey::of(number)
    }

    /// Returns the key of an exchange; `None` if no equal key was made before.
    pub(super) fn known(&self, exchange: &Exchange) -> Option<SortKey> {
        self.find(exchange).ok()
    }

    /// Compares rows by key, then by index in the store. Exchanges without a value come last in
    /// both directions.
    pub(super) fn compare(&self, (a, at): (SortKey, u32), (b, bt): (SortKey, u32)) -> Ordering {
        let by_key = match (a, b) {
            _ if a == b => Ordering::Equal,
            (SortKey::MISSING, _) => return Ordering::Greater,
            (_, SortKey::MISSING) => return Ordering::Less,
            _ => self.compare_keys(a, b),
        };
        let order = by_key.then(at.cmp(&bt));
        if self.is_descending { order.reverse() } else { order }
    }

    fn compare_keys(&self, a: SortKey, b: SortKey) -> Ordering {
        let (a, b) = (a.get(), b.get());
        if self.labels.is_empty() {
            return a.cmp(&b);
        }
        let label = |number| self.labels.get(usize::try_from(number).unwrap_or(usize::MAX));
        label(a).cmp(&label(b))
    }

    /// Returns the key, or the label that has no number yet.
    fn find(&self, exchange: &Exchange) -> Result<SortKey, Label> {
        let label = match self.by {
            SortBy::Time => return Ok(SortKey::number(exchange.request.span.start.time.0)),
            SortBy::Session => return Ok(SortKey::number(exchange.session.number.into())),
            SortBy::Status => return Ok(SortKey::number(exchange.status as i64)),
            SortBy::Total => return Ok(exchange.elapsed_ns().map_or(SortKey::MISSING, SortKey::number)),
            SortBy::Progress => return Ok(SortKey::number(exchange.progress.into())),
            SortBy::Bytes => {
                let response = exchange.response.map_or(0, |response| response.bytes);
                let bytes = exchange.request.bytes.saturating_add(response);
                return Ok(SortKey::number(i64::try_from(bytes).unwrap_or(i64::MAX)));
            }
            SortBy::Method => Label::Call(Arc::clone(&exchange.method), exchange.name.clone()),
            SortBy::Client => Label::Client(exchange.client),
        };
        self.numbers.get(&label).map(|number| SortKey::of(*number)).ok_or(label)
    }
}
