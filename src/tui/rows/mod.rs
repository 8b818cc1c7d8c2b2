//! Which exchanges are shown, in which order: kept up to date as they come, not made anew.
//!
//! Another filter or another order is looked after in slices, so that a million exchanges stop no key: what was looked
//! at is shown, the rest follows.

mod chunks;

use std::sync::Arc;

use crate::ledger::Exchange;
use crate::ledger::query::{Filter, Subject};
use crate::ledger::store::Store;

use chunks::Chunks;

/// What exchanges are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortBy {
    /// First byte of the request.
    #[default]
    Time,
    /// The session's number.
    Session,
    /// Method, then tool.
    Method,
    /// What became of it.
    Status,
    /// First byte of the request to last byte of the response.
    Total,
    /// Progress notifications.
    Progress,
    /// Length of request and response.
    Bytes,
    /// The client's address and port.
    Client,
}

impl SortBy {
    /// Every order, as `s` walks them.
    pub const ALL: [Self; 8] = [
        Self::Time,
        Self::Session,
        Self::Method,
        Self::Status,
        Self::Total,
        Self::Progress,
        Self::Bytes,
        Self::Client,
    ];

    /// Whether the largest are looked for first.
    #[must_use]
    pub fn is_descending_first(self) -> bool {
        matches!(self, Self::Total | Self::Progress | Self::Bytes | Self::Status)
    }

    fn key(self, exchange: &Exchange) -> Key {
        match self {
            Self::Time => Key::Number(exchange.request.span.start.time.0),
            Self::Session => Key::Number(exchange.session.number.into()),
            Self::Method => match &exchange.name {
                None => Key::Text(Arc::clone(&exchange.method)),
                Some(name) => Key::Texts(Arc::new([Arc::clone(&exchange.method), Arc::clone(name)])),
            },
            Self::Status => Key::Number(exchange.status as i64),
            Self::Total => exchange.total_ns().map_or(Key::Missing, Key::Number),
            Self::Progress => Key::Number(exchange.progress.into()),
            Self::Bytes => {
                let bytes = exchange.request.bytes + exchange.response.map_or(0, |response| response.bytes);
                Key::Number(i64::try_from(bytes).unwrap_or(i64::MAX))
            }
            Self::Client => Key::Text(exchange.client.to_string().into()),
        }
    }
}

/// What a row is sorted by.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    Missing,
    Number(i64),
    Text(Arc<str>),
    Texts(Arc<[Arc<str>; 2]>),
}

impl Key {
    fn texts(&self) -> (&str, &str) {
        match self {
            Self::Missing | Self::Number(_) => ("", ""),
            Self::Text(text) => (text, ""),
            Self::Texts(texts) => {
                let [method, name] = &**texts;
                (method, name)
            }
        }
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.cmp(b),
            _ => self.texts().cmp(&other.texts()),
        }
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// The exchanges that pass the filter, in order.
#[derive(Debug)]
pub struct Rows {
    filter: Filter,
    by: SortBy,
    descending: bool,
    order: Chunks,
    /// Exchanges of the store that were looked at since filter or order changed.
    looked: usize,
}

impl Rows {
    /// Every exchange that passes, by time.
    #[must_use]
    pub fn new(filter: Filter) -> Self {
        Self { filter, by: SortBy::Time, descending: false, order: Chunks::new(false), looked: 0 }
    }

    /// How many are shown.
    #[must_use]
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where in the store the exchange of a row stands.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<usize> {
        self.order.get(row).map(|index| index as usize)
    }

    /// The row of the exchange that stands at `index` of the store; `None` where it is not shown.
    #[must_use]
    pub fn place(&self, store: &Store, index: usize) -> Option<usize> {
        let key = self.by.key(&store.exchange(index)?);
        self.order.place(&(key, u32::try_from(index).ok()?))
    }

    /// The filter.
    #[must_use]
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// What they are sorted by, and whether the largest is first.
    #[must_use]
    pub fn sorted(&self) -> (SortBy, bool) {
        (self.by, self.descending)
    }

    /// How many exchanges of the store were looked at, of so many: fewer than all while a new filter takes hold.
    #[must_use]
    pub fn looked(&self) -> usize {
        self.looked
    }

    /// From now on others are shown.
    pub fn refilter(&mut self, filter: Filter) {
        self.filter = filter;
        self.restart();
    }

    /// From now on they stand in another order.
    pub fn resort(&mut self, by: SortBy, descending: bool) {
        (self.by, self.descending) = (by, descending);
        self.restart();
    }

    /// The exchange at `index` of the store is about to be told again.
    pub(super) fn leave(&mut self, index: usize, was: &Exchange) {
        if index < self.looked
            && let Ok(index) = u32::try_from(index)
        {
            self.order.remove(&(self.by.key(was), index));
        }
    }

    /// The exchange at `index` of the store was told.
    pub(super) fn come(&mut self, index: usize, exchange: &Exchange) {
        if index > self.looked {
            // The slices come to it.
            return;
        }
        self.looked = self.looked.max(index + 1);
        self.take(index, exchange);
    }

    /// Looks at up to `most` exchanges that were not looked at yet. Whether some are left.
    pub(super) fn look(&mut self, store: &Store, most: usize) -> bool {
        let end = store.len().min(self.looked.saturating_add(most));
        for index in self.looked..end {
            if let Some(exchange) = store.exchange(index) {
                self.take(index, &exchange);
            }
        }
        self.looked = end;
        end < store.len()
    }

    fn take(&mut self, index: usize, exchange: &Exchange) {
        if self.filter.matches(Subject::Exchange(exchange))
            && let Ok(index) = u32::try_from(index)
        {
            self.order.insert((self.by.key(exchange), index));
        }
    }

    fn restart(&mut self) {
        self.order = Chunks::new(self.descending);
        self.looked = 0;
    }
}
