//! The search of heads and bodies for a filter, in slices: stored payloads may be in a file, and be
//! gigabytes.

use crate::ledger::Exchange;
use crate::ledger::query::{Contents, Filter, Found};
use crate::ledger::store::{Payload, Store, found_in};

/// Bytes that are searched in one slice, and exchanges: a few milliseconds.
const SLICE_BYTES: usize = 1 << 20;
const SLICE_EXCHANGES: usize = 512;

/// Payloads that are read to find the message of an exchange among those of one packet, and the
/// heads.
const MAX_PAYLOADS: usize = 4;

/// What was found in the payloads of the exchanges of the store.
#[derive(Debug, Default)]
pub(super) struct ContentSearch {
    /// Empty if the filter needs no search.
    contents: Contents,
    /// By index in the store, for those that were searched.
    found: Vec<Found>,
    /// Whether the user ended the search.
    is_stopped: bool,
}

impl ContentSearch {
    /// Creates the search for a filter.
    pub(super) fn new(filter: &Filter) -> Self {
        Self { contents: filter.contents().clone(), ..Self::default() }
    }

    /// Whether the filter searches payloads.
    pub(super) fn is_needed(&self) -> bool {
        !self.contents.is_empty()
    }

    /// Returns how many of the exchanges can be filtered now.
    pub(super) fn searched(&self, store: &Store) -> usize {
        if self.is_needed() { self.found.len().min(store.len()) } else { store.len() }
    }

    /// Returns how many of the exchanges can be filtered, now or later.
    pub(super) fn reachable(&self, store: &Store) -> usize {
        if self.is_stopped { self.searched(store) } else { store.len() }
    }

    /// Returns what was found in the exchange at `index`.
    pub(super) fn found(&self, index: usize) -> Found {
        self.found.get(index).copied().unwrap_or_default()
    }

    /// Searches a slice of the exchanges.
    pub(super) fn search(&mut self, store: &mut Store) {
        if !self.is_needed() || self.is_stopped {
            return;
        }
        let (mut bytes, mut exchanges) = (0, 0);
        while self.found.len() < store.len() && bytes < SLICE_BYTES && exchanges < SLICE_EXCHANGES {
            let index = self.found.len();
            let Some(exchange) = store.exchange(index) else { return };
            // Payloads that were lost hold nothing.
            let request = store.request_payloads(index, MAX_PAYLOADS).unwrap_or_default();
            let response = store.response_payloads(index, MAX_PAYLOADS).unwrap_or_default();
            bytes += request.iter().chain(&response).map(|payload| payload.bytes.len()).sum::<usize>();
            exchanges += 1;
            self.found.push(self.find(&exchange, &request, &response));
        }
    }

    /// Searches the exchange at `index`, which is new or changes, unless the slices come to it.
    /// Returns what was found; `None` if it was not searched.
    pub(super) fn update(&mut self, index: usize, exchange: &Exchange, store: &mut Store) -> Option<Found> {
        if !self.is_needed() {
            return Some(Found::NONE);
        }
        if index > self.found.len() || (self.is_stopped && index == self.found.len()) {
            return None;
        }
        let (asked_on, transaction) = (exchange.tcp_stream, exchange.transaction);
        let request = store.latest_payloads(asked_on, transaction, MAX_PAYLOADS).unwrap_or_default();
        let response = exchange.answered_on.map(|(tcp_stream, transaction)| {
            store.latest_payloads(tcp_stream, transaction, MAX_PAYLOADS).unwrap_or_default()
        });
        let found = self.find(exchange, &request, &response.unwrap_or_default());
        // The request may no longer be among the latest.
        let before = self.found.get(index).copied().unwrap_or_default();
        let found = found.and(before);
        match self.found.get_mut(index) {
            Some(known) => *known = found,
            None => self.found.push(found),
        }
        Some(found)
    }

    /// Ends the search. Returns false if it was over.
    pub(super) fn stop(&mut self, store: &Store) -> bool {
        let is_running = self.is_needed() && !self.is_stopped && self.found.len() < store.len();
        self.is_stopped |= is_running;
        is_running
    }

    /// Describes a search that is not complete, for the footer; `None` if there is none.
    pub(super) fn status(&self, store: &Store) -> Option<String> {
        let (searched, all) = (self.searched(store), store.len());
        if searched >= all {
            return None;
        }
        let percent = searched * 100 / all.max(1);
        Some(if self.is_stopped {
            format!("stopped at {percent} %")
        } else {
            format!("searching {percent} %")
        })
    }

    fn find(&self, exchange: &Exchange, request: &[Payload], response: &[Payload]) -> Found {
        found_in(&self.contents, exchange, request, response)
    }
}
