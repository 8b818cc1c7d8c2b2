//! The totals of all exchanges, and of those that match the filter.

use super::content_search::ContentSearch;
use super::event::Uptime;
use super::matching_totals::MatchingTotals;
use super::totals::Totals;
use crate::ledger::query::{Filter, Found};
use crate::ledger::store::Store;
use crate::ledger::{Entry, Exchange, Views};

/// The totals of all exchanges, and of those that match the filter.
#[derive(Debug)]
pub(super) struct FilterTotals {
    all: Totals,
    /// The totals of what matches the filter; `None` if the filter is empty or no view needs them.
    matching: Option<Box<MatchingTotals>>,
    /// How often the filter was set.
    filters_set: u64,
}

impl FilterTotals {
    /// Returns totals with nothing recorded, without a filter.
    pub(super) fn new() -> Self {
        Self { all: Totals::new(Views::Front), matching: None, filters_set: 0 }
    }

    /// Drops the totals of the previous filter.
    pub(super) fn reset_matching(&mut self) {
        self.matching = None;
        self.filters_set += 1;
    }

    /// Records an entry in the totals of all exchanges.
    pub(super) fn record(&mut self, entry: &Entry) {
        self.all.record(entry);
    }

    /// Records that the exchange at `index` of the store is over. The store still holds its open
    /// state.
    pub(super) fn record_end(&mut self, index: usize, exchange: &Exchange, store: &Store, found: Found) {
        if let Some(matching) = &mut self.matching {
            matching.record_end(index, exchange, store, found);
        }
    }

    /// Scans up to `limit` exchanges for the totals of what matches `filter`. Returns whether some
    /// are left.
    pub(super) fn scan(
        &mut self,
        filter: &Filter,
        store: &Store,
        search: &ContentSearch,
        limit: usize,
    ) -> bool {
        if filter.is_empty() {
            self.matching = None;
            return false;
        }
        let matching = self.matching.get_or_insert_with(|| Box::new(MatchingTotals::new(filter.clone())));
        matching.scan(store, search, limit)
    }

    /// Whether [`FilterTotals::scan`] has something left to scan.
    pub(super) fn is_behind(&self, filter: &Filter, store: &Store, search: &ContentSearch) -> bool {
        !filter.is_empty() && self.matching.as_ref().is_none_or(|matching| matching.is_behind(store, search))
    }

    /// Makes the summary of all exchanges anew, see [`Totals::summarize`].
    pub(super) fn summarize_all(&mut self, uptime: Uptime, at_once: bool) {
        self.all.summarize(uptime, at_once);
    }

    /// Makes the summary of the matching exchanges anew, see [`Totals::summarize`].
    pub(super) fn summarize_matching(&mut self, uptime: Uptime, at_once: bool) {
        if let Some(matching) = &mut self.matching {
            matching.summarize(uptime, at_once);
        }
    }

    /// Returns the totals of all exchanges.
    pub(super) fn all(&self) -> &Totals {
        &self.all
    }

    /// Returns the totals of all exchanges, to set up a test.
    #[cfg(test)]
    pub(super) fn all_mut(&mut self) -> &mut Totals {
        &mut self.all
    }

    /// Returns the totals of what matches the filter; those of all exchanges if there is no filter.
    pub(super) fn current(&self) -> &Totals {
        self.matching.as_ref().map_or(&self.all, |matching| matching.totals())
    }

    /// Returns the totals of what matches the filter; `None` if there is no filter.
    pub(super) fn matching(&self) -> Option<&MatchingTotals> {
        self.matching.as_deref()
    }

    /// Returns a number that changes when another set of sessions, connections and servers may
    /// match the filter.
    pub(super) fn filter_version(&self) -> u64 {
        let summaries = self.matching().map_or(0, |matching| matching.totals().version());
        (self.filters_set << 32) + summaries
    }
}
