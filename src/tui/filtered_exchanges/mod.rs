//! The exchanges that match the filter, in order, kept up to date as exchanges arrive.
//!
//! A new filter or order is applied in slices, so that no key waits for a million exchanges: the
//! exchanges that were scanned are shown, the others follow.

mod chunks;
mod sort_by;
mod sort_keys;

use crate::ledger::Exchange;
use crate::ledger::query::{Filter, Found, Subject};
use crate::ledger::store::Store;

use super::content_search::ContentSearch;
use chunks::SortedChunks;
use sort_keys::SortKeys;

pub(super) use sort_by::SortBy;

/// The exchanges that match the filter, in order.
#[derive(Debug)]
pub struct FilteredExchanges {
    filter: Filter,
    keys: SortKeys,
    rows: SortedChunks,
    /// The number of exchanges of the store that were scanned since filter or order changed.
    scanned: usize,
}

impl FilteredExchanges {
    /// Returns an empty list, sorted by time.
    #[must_use]
    pub(super) fn new(filter: Filter) -> Self {
        Self { filter, keys: SortKeys::default(), rows: SortedChunks::default(), scanned: 0 }
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the index in the store of the exchange of a row; `None` beyond the last row.
    #[must_use]
    pub(super) fn get(&self, row: usize) -> Option<usize> {
        self.rows.get(row).map(|index| index as usize)
    }

    /// Returns the row of the exchange at `index` of the store; `None` if it is not shown.
    #[must_use]
    pub(super) fn row_of(&self, store: &Store, index: usize) -> Option<usize> {
        let key = self.keys.known(&store.exchange(index)?)?;
        self.rows.position((key, u32::try_from(index).ok()?), &self.keys)
    }

    /// Returns the filter.
    #[must_use]
    pub(super) fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Returns what the rows are sorted by, and whether the largest is first.
    #[must_use]
    pub(super) fn order(&self) -> (SortBy, bool) {
        self.keys.order()
    }

    /// Returns the number of exchanges of the store that were scanned: fewer than it holds while a
    /// new filter or order is applied.
    #[must_use]
    pub(super) fn scanned(&self) -> usize {
        self.scanned
    }

    /// Sets the filter. All exchanges are to be scanned again.
    pub(super) fn set_filter(&mut self, filter: Filter) {
        self.filter = filter;
        let (by, is_descending) = self.keys.order();
        self.sort(by, is_descending);
    }

    /// Sets the order. All exchanges are to be scanned again.
    pub(super) fn sort(&mut self, by: SortBy, is_descending: bool) {
        self.keys = SortKeys::new(by, is_descending);
        (self.rows, self.scanned) = (SortedChunks::default(), 0);
    }

    /// Updates the row of the exchange at `index` of the store. `previous` is its state before;
    /// `None` if it is new. `found` is what the filter finds in its payloads.
    pub(super) fn update(
        &mut self,
        index: usize,
        previous: Option<&Exchange>,
        exchange: &Exchange,
        found: Found,
    ) {
        if index > self.scanned {
            // The slices come to it.
            return;
        }
        let Ok(row) = u32::try_from(index) else { return };
        let is_scanned = index < self.scanned;
        let before = previous.filter(|_| is_scanned).and_then(|previous| self.keys.known(previous));
        self.scanned = self.scanned.max(index + 1);
        let is_shown = self.filter.matches_with(Subject::Exchange(exchange), found);
        // Most exchanges stay in their row.
        let key = self.keys.get(exchange);
        if let Some(before) = before.filter(|before| !is_shown || *before != key) {
            self.rows.remove((before, row), &self.keys);
        }
        if is_shown {
            self.rows.insert((key, row), &self.keys);
        }
    }

    /// Scans up to `limit` exchanges, of those whose payloads were searched. Returns whether some
    /// are left.
    pub(super) fn scan(&mut self, store: &Store, search: &ContentSearch, limit: usize) -> bool {
        let end = search.searched(store).min(self.scanned.saturating_add(limit));
        for index in self.scanned..end {
            if let (Some(exchange), Ok(row)) = (store.exchange(index), u32::try_from(index))
                && self.filter.matches_with(Subject::Exchange(&exchange), search.found(index))
            {
                let key = self.keys.get(&exchange);
                self.rows.insert((key, row), &self.keys);
            }
        }
        self.scanned = end.max(self.scanned);
        end < search.reachable(store)
    }
}

#[cfg(test)]
mod tests;
