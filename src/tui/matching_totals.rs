//! The totals of the exchanges that match the filter.
//!
//! They exist only after a view that shows them was opened under a filter. Exchanges that the store
//! already holds are scanned in slices, as for the list of exchanges; later ones are recorded as
//! they arrive.

use std::collections::HashMap;
use std::collections::hash_map;
use std::hash::Hash;
use std::net::SocketAddr;

use foldhash::fast::RandomState;

use super::content_search::ContentSearch;
use super::event::Uptime;
use super::totals::Totals;
use crate::base::Finding;
use crate::ledger::query::{Filter, Found, Subject};
use crate::ledger::store::Store;
use crate::ledger::{Entry, Exchange, Record};

/// The totals of the exchanges that match a filter, and the connections, servers and sessions that
/// have such an exchange.
#[derive(Debug)]
pub(super) struct MatchingTotals {
    filter: Filter,
    totals: Totals,
    /// The number of exchanges of the store that were scanned.
    scanned_exchanges: usize,
    /// The number of findings of the store that were scanned. Scanned after the exchanges.
    scanned_findings: usize,
    /// The number of matching exchanges of each connection, server and session.
    connections: HashMap<u32, u32, RandomState>,
    servers: HashMap<SocketAddr, u32, RandomState>,
    sessions: HashMap<u32, u32, RandomState>,
    /// The matching exchanges that are open, by index in the store. They may not match any more
    /// once they are over.
    open: HashMap<usize, Owners, RandomState>,
    /// The findings about open exchanges that do not match, by the exchange. They may match once
    /// they are over.
    deferred_findings: HashMap<u64, Vec<usize>, RandomState>,
}

impl MatchingTotals {
    /// Returns totals with nothing scanned.
    pub(super) fn new(filter: Filter) -> Self {
        let mut totals = Totals::new(filter.views());
        totals.invalidate();
        Self {
            filter,
            totals,
            scanned_exchanges: 0,
            scanned_findings: 0,
            connections: HashMap::default(),
            servers: HashMap::default(),
            sessions: HashMap::default(),
            open: HashMap::default(),
            deferred_findings: HashMap::default(),
        }
    }

    /// Returns the totals.
    pub(super) fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Scans up to `limit` exchanges, then up to `limit` findings. Returns whether some are left.
    pub(super) fn scan(&mut self, store: &Store, search: &ContentSearch, limit: usize) -> bool {
        let end = search.searched(store).min(self.scanned_exchanges.saturating_add(limit));
        for index in self.scanned_exchanges..end {
            if let Some(exchange) = store.exchange(index) {
                self.record(index, exchange, store.is_open(index), search.found(index));
            }
        }
        self.scanned_exchanges = end.max(self.scanned_exchanges);
        if end < search.reachable(store) {
            return true;
        }
        let rest = store.findings().get(self.scanned_findings..).unwrap_or_default();
        for finding in rest.iter().take(limit) {
            if self.concerns(finding, store, search) {
                self.totals.record(&Entry::Finding(finding.clone()));
            } else if let Some(n) = finding.exchange
                && store.find(n).is_some_and(|index| store.is_open(index))
            {
                self.deferred_findings.entry(n).or_default().push(self.scanned_findings);
            }
            self.scanned_findings += 1;
        }
        rest.len() > limit
    }

    /// Whether the store holds exchanges or findings that were not scanned.
    pub(super) fn is_behind(&self, store: &Store, search: &ContentSearch) -> bool {
        self.scanned_exchanges < search.searched(store) || self.scanned_findings < store.findings().len()
    }

    /// Records that the exchange at `index` of the store is over. The store still holds its open
    /// state.
    pub(super) fn record_end(&mut self, index: usize, exchange: &Exchange, store: &Store, found: Found) {
        if index >= self.scanned_exchanges {
            return;
        }
        if let Some(owners) = self.open.remove(&index) {
            self.remove(&owners);
        }
        self.record(index, exchange.clone(), false, found);
        let deferred = self.deferred_findings.remove(&exchange.n).unwrap_or_default();
        if self.filter.matches_with(Subject::Exchange(exchange), found) {
            for finding in deferred.into_iter().filter_map(|index| store.findings().get(index)) {
                self.totals.record(&Entry::Finding(finding.clone()));
            }
        }
    }

    /// Makes the summary anew, see [`Totals::summarize`].
    pub(super) fn summarize(&mut self, uptime: Uptime, at_once: bool) {
        self.totals.summarize(uptime, at_once);
    }

    /// Whether a connection has a matching exchange.
    pub(super) fn has_connection(&self, tcp_stream: u32) -> bool {
        self.connections.contains_key(&tcp_stream)
    }

    /// Whether a server has a matching exchange.
    pub(super) fn has_server(&self, address: &SocketAddr) -> bool {
        self.servers.contains_key(address)
    }

    /// Whether a session, by its number, has a matching exchange.
    pub(super) fn has_session(&self, number: u32) -> bool {
        self.sessions.contains_key(&number)
    }

    fn record(&mut self, index: usize, exchange: Exchange, is_open: bool, found: Found) {
        if !self.filter.matches_with(Subject::Exchange(&exchange), found) {
            return;
        }
        let owners = Owners::of(&exchange);
        for tcp_stream in owners.connections() {
            *self.connections.entry(tcp_stream).or_default() += 1;
        }
        *self.servers.entry(owners.server).or_default() += 1;
        *self.sessions.entry(owners.session).or_default() += 1;
        if is_open {
            self.open.insert(index, owners);
            self.totals.invalidate();
        } else {
            self.totals.record(&Entry::Record(Record::Exchange(Box::new(exchange))));
        }
    }

    /// Removes an open exchange from the counts.
    fn remove(&mut self, owners: &Owners) {
        self.totals.invalidate();
        for tcp_stream in owners.connections() {
            decrement(&mut self.connections, tcp_stream);
        }
        decrement(&mut self.servers, owners.server);
        decrement(&mut self.sessions, owners.session);
    }

    /// Whether a finding is about a matching exchange, or about no exchange but about its session.
    fn concerns(&self, finding: &Finding, store: &Store, search: &ContentSearch) -> bool {
        match (finding.exchange, finding.session) {
            (Some(n), _) => store
                .find(n)
                .and_then(|index| Some((store.exchange(index)?, search.found(index))))
                .is_some_and(|(exchange, found)| {
                    self.filter.matches_with(Subject::Exchange(&exchange), found)
                }),
            (None, Some(session)) => self.has_session(session),
            (None, None) => false,
        }
    }
}

/// The session, server and connections of an exchange.
#[derive(Clone, Copy, Debug)]
struct Owners {
    session: u32,
    server: SocketAddr,
    tcp_stream: u32,
    /// The connection of the response; `None` if it is that of the request.
    response_stream: Option<u32>,
}

impl Owners {
    fn of(exchange: &Exchange) -> Self {
        let answered_on = exchange.answered_on.map(|(tcp_stream, _)| tcp_stream);
        Self {
            session: exchange.session.number,
            server: exchange.session.server,
            tcp_stream: exchange.tcp_stream,
            response_stream: answered_on.filter(|tcp_stream| *tcp_stream != exchange.tcp_stream),
        }
    }

    fn connections(&self) -> impl Iterator<Item = u32> + use<> {
        [Some(self.tcp_stream), self.response_stream].into_iter().flatten()
    }
}

/// Subtracts one from a count; a count of zero is removed.
fn decrement<K: Eq + Hash>(counts: &mut HashMap<K, u32, RandomState>, key: K) {
    let hash_map::Entry::Occupied(mut count) = counts.entry(key) else { return };
    *count.get_mut() -= 1;
    if *count.get() == 0 {
        count.remove();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::ledger::query::Filter;
    use crate::ledger::{Entry, Record, sample};
    use crate::tui::{Model, Source};

    proptest! {
        /// In any order of requests, responses and slices, each matching exchange is counted once.
        #[test]
        fn matching_exchanges_are_counted_once(
            steps in prop::collection::vec((0usize..4, 1u64..40), 1..200), most in 1usize..5,
        ) {
            let mut model = Model::new(Source::saved("test"), 1 << 20);
            model.set_filter(Filter::parse("tool:b").unwrap());
            let (mut asked, mut answered) = (Vec::new(), Vec::new());
            for (step, n) in steps {
                let exchange = Box::new(sample::exchange(n, "tools/call", Some(["a", "b"][n as usize % 2]), 5));
                match step {
                    0 | 1 if !asked.contains(&n) => {
                        asked.push(n);
                        model.push([Entry::Record(Record::Request(exchange))]);
                    }
                    2 if asked.contains(&n) && !answered.contains(&n) => {
                        answered.push(n);
                        model.push([Entry::Record(Record::Exchange(exchange))]);
                    }
                    _ => drop(model.scan_totals(most)),
                }
            }
            model.progress_mut().end();
            while model.scan_totals(most) {}
            let matching_of = |all: &[u64]| all.iter().filter(|n| *n % 2 == 1).count();
            let matching = model.matching().unwrap();
            prop_assert_eq!(model.totals().summary().exchanges.total() as usize, matching_of(&answered));
            let recorded: u64 = model.totals().sessions().map(|stats| stats.exchanges()).sum();
            prop_assert_eq!(recorded as usize, matching_of(&answered));
            prop_assert_eq!(matching.sessions.is_empty(), matching_of(&asked) == 0);
            prop_assert_eq!(matching.servers.is_empty(), matching_of(&asked) == 0);
            prop_assert_eq!(matching.open.len(), matching_of(&asked) - matching_of(&answered));
            prop_assert_eq!(matching.servers.values().sum::<u32>() as usize, matching_of(&asked));
        }
    }

    /// An open exchange that matches is removed if it no longer matches once it is over.
    #[test]
    fn exchange_that_stops_matching_is_removed() {
        let mut model = Model::new(Source::saved("test"), 1 << 20);
        model.set_filter(Filter::parse("not dur>1s").unwrap());
        let mut asked = sample::exchange(1, "ping", None, 1);
        asked.response = None;
        let server = asked.session.server;
        model.push([Entry::Record(Record::Request(Box::new(asked)))]);
        model.scan_totals(10);
        assert!(model.matching().unwrap().has_server(&server));
        model.push([Entry::Record(Record::Exchange(Box::new(sample::exchange(
            1,
            "ping",
            None,
            2_000_000_000,
        ))))]);
        model.scan_totals(10);
        let matching = model.matching().unwrap();
        assert!(!matching.has_server(&server) && matching.sessions.is_empty());
    }

    #[test]
    fn filter_is_added_to_the_current_one() {
        let mut model = Model::new(Source::saved("test"), 1 << 20);
        assert_eq!(model.filter_with("tool:x"), "tool:x");
        model.set_filter(Filter::parse("session:s2").unwrap());
        assert_eq!(model.filter_with("tool:x"), "session:s2 tool:x");
        model.set_filter(Filter::parse("session:s2 or (tool:y)").unwrap());
        assert_eq!(model.filter_with("tool:x"), "(session:s2 or (tool:y)) tool:x");
        model.set_filter(Filter::parse("not(tool:z)or tool:y").unwrap());
        assert_eq!(model.filter_with("tool:x"), "(not(tool:z)or tool:y) tool:x");
    }
}
