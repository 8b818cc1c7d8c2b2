//! Which exchanges are shown, in which order: kept up to date as they come, not made anew.
//!
//! Another filter or another order is looked after in slices, so that a million exchanges stop no key: what was looked
//! at is shown, the rest follows.

mod chunks;
mod sort_by;
mod sort_keys;

use crate::ledger::Exchange;
use crate::ledger::query::{Filter, Subject};
use crate::ledger::store::Store;

use chunks::SortedChunks;
use sort_keys::SortKeys;

pub use sort_by::SortBy;

/// The exchanges that pass the filter, in order.
#[derive(Debug)]
pub struct FilteredExchanges {
    filter: Filter,
    keys: SortKeys,
    order: SortedChunks,
    /// Exchanges of the store that were looked at since filter or order changed.
    looked: usize,
}

impl FilteredExchanges {
    /// Every exchange that passes, by time.
    #[must_use]
    pub fn new(filter: Filter) -> Self {
        Self { filter, keys: SortKeys::default(), order: SortedChunks::default(), looked: 0 }
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
        let key = self.keys.known(&store.exchange(index)?)?;
        self.order.place((key, u32::try_from(index).ok()?), &self.keys)
    }

    /// The filter.
    #[must_use]
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// What they are sorted by, and whether the largest is first.
    #[must_use]
    pub fn sorted(&self) -> (SortBy, bool) {
        self.keys.sorted()
    }

    /// How many exchanges of the store were looked at, of so many: fewer than all while a new filter takes hold.
    #[must_use]
    pub fn looked(&self) -> usize {
        self.looked
    }

    /// From now on others are shown.
    pub fn refilter(&mut self, filter: Filter) {
        self.filter = filter;
        let (by, descending) = self.keys.sorted();
        self.resort(by, descending);
    }

    /// From now on they stand in another order.
    pub fn resort(&mut self, by: SortBy, descending: bool) {
        (self.keys, self.order, self.looked) = (SortKeys::new(by, descending), SortedChunks::default(), 0);
    }

    /// The exchange that stands at `index` of the store was told, in the place of what was known of it.
    pub(super) fn told(&mut self, index: usize, was: Option<&Exchange>, exchange: &Exchange) {
        if index > self.looked {
            // The slices come to it.
            return;
        }
        let Ok(row) = u32::try_from(index) else { return };
        let before = was.filter(|_| index < self.looked).and_then(|was| self.keys.known(was));
        self.looked = self.looked.max(index + 1);
        let shown = self.filter.matches(Subject::Exchange(exchange));
        // Mostly it stays where it is.
        let key = self.keys.of(exchange);
        if let Some(before) = before.filter(|before| !shown || *before != key) {
            self.order.remove((before, row), &self.keys);
        }
        if shown {
            self.order.insert((key, row), &self.keys);
        }
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
            let key = self.keys.of(exchange);
            self.order.insert((key, index), &self.keys);
        }
    }
}

#[cfg(test)]
mod tests;
