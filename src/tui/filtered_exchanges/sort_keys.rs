//! What rows are sorted by, in eight bytes each.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::sort_by::SortBy;
use crate::ledger::Exchange;

/// What a row is sorted by: a number, or the number of a [`Label`] in its [`SortKeys`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SortKey(i64);

impl SortKey {
    /// It has nothing to be sorted by.
    const MISSING: Self = Self(i64::MIN);

    fn number(number: i64) -> Self {
        Self(number.max(i64::MIN + 1))
    }
}

/// What is no number. Many exchanges have the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Label {
    Call(Arc<str>, Option<Arc<str>>),
    End(SocketAddr),
}

/// Makes keys for one order, and compares them.
#[derive(Debug, Default)]
pub(super) struct SortKeys {
    by: SortBy,
    descending: bool,
    labels: Vec<Label>,
    numbers: HashMap<Label, i64, foldhash::fast::RandomState>,
}

impl SortKeys {
    /// SortKeys for the order by `by`; `descending` has the largest first.
    pub(super) fn new(by: SortBy, descending: bool) -> Self {
        Self { by, descending, ..Self::default() }
    }

    /// What they are made of, and whether the largest is first.
    pub(super) fn sorted(&self) -> (SortBy, bool) {
        (self.by, self.descending)
    }

    /// The key of an exchange.
    pub(super) fn of(&mut self, exchange: &Exchange) -> SortKey {
        let label = match self.look(exchange) {
            Ok(key) => return key,
            Err(label) => label,
        };
        let number = self.labels.len() as i64;
        self.labels.push(label.clone());
        self.numbers.insert(label, number);
        SortKey(number)
    }

    /// The key of an exchange; `None` where none that is equal was made.
    pub(super) fn known(&self, exchange: &Exchange) -> Option<SortKey> {
        self.look(exchange).ok()
    }

    /// The order of rows: their keys, and the places of their exchanges in the store. What has no value comes last,
    /// whatever the direction.
    pub(super) fn order(&self, (a, at): (SortKey, u32), (b, bt): (SortKey, u32)) -> Ordering {
        let by_key = match (a, b) {
            _ if a == b => Ordering::Equal,
            (SortKey::MISSING, _) => return Ordering::Greater,
            (_, SortKey::MISSING) => return Ordering::Less,
            _ => self.compare(a, b),
        };
        let order = by_key.then(at.cmp(&bt));
        if self.descending { order.reverse() } else { order }
    }

    fn compare(&self, SortKey(a): SortKey, SortKey(b): SortKey) -> Ordering {
        if self.labels.is_empty() {
            return a.cmp(&b);
        }
        let label = |number| self.labels.get(usize::try_from(number).unwrap_or(usize::MAX));
        label(a).cmp(&label(b))
    }

    /// The key, or the label that is not known yet.
    fn look(&self, exchange: &Exchange) -> Result<SortKey, Label> {
        let label = match self.by {
            SortBy::Time => return Ok(SortKey::number(exchange.request.span.start.time.0)),
            SortBy::Session => return Ok(SortKey::number(exchange.session.number.into())),
            SortBy::Status => return Ok(SortKey::number(exchange.status as i64)),
            SortBy::Total => return Ok(exchange.total_ns().map_or(SortKey::MISSING, SortKey::number)),
            SortBy::Progress => return Ok(SortKey::number(exchange.progress.into())),
            SortBy::Bytes => {
                let answer = exchange.response.map_or(0, |response| response.bytes);
                let bytes = exchange.request.bytes.saturating_add(answer);
                return Ok(SortKey::number(i64::try_from(bytes).unwrap_or(i64::MAX)));
            }
            SortBy::Method => Label::Call(Arc::clone(&exchange.method), exchange.name.clone()),
            SortBy::Client => Label::End(exchange.client),
        };
        self.numbers.get(&label).map(|number| SortKey(*number)).ok_or(label)
    }
}
