//! What passes the filter, counted: for the views that show no exchanges, but what exchanges belong to.
//!
//! Nothing of it is kept before such a view is looked at under a filter; then exchanges are looked at in slices, as the
//! list of exchanges does, and counted while the rest follows.

use std::collections::HashMap;
use std::collections::hash_map;
use std::hash::Hash;
use std::net::SocketAddr;

use foldhash::fast::RandomState;

use super::event::Uptime;
use super::exchange_stats::ExchangeStats;
use super::heat_map::HeatMaps;
use super::model::SUMMED;
use crate::base::Finding;
use crate::ledger::query::{Filter, Subject};
use crate::ledger::store::Store;
use crate::ledger::{Entry, Exchange, Ledger, Record, Snapshot};

/// What has an exchange that passes a filter, and how these exchanges fared.
#[derive(Debug)]
pub(super) struct Narrowed {
    filter: Filter,
    /// Exchanges of the store that were looked at.
    looked: usize,
    /// Findings of the store that were looked at, once the exchanges were.
    noticed: usize,
    ledger: Ledger,
    /// The totals, as they were when they were counted out last.
    pub(super) summary: Snapshot,
    pub(super) heat_maps: HeatMaps,
    pub(super) sessions: HashMap<u32, ExchangeStats, RandomState>,
    /// Of how many exchanges each connection, server and session has something.
    connections: HashMap<u32, u32, RandomState>,
    servers: HashMap<SocketAddr, u32, RandomState>,
    touched: HashMap<u32, u32, RandomState>,
    /// What passes and is open, by its place in the store: it may not pass once it is over.
    open: HashMap<usize, Belongs, RandomState>,
    /// Findings about exchanges that are open and do not pass, by the exchange: they may pass once they are over.
    waiting: HashMap<u64, Vec<usize>, RandomState>,
    /// How often totals were counted out.
    pub(super) summed_times: u64,
    summed: Option<Uptime>,
    stale: bool,
}

impl Narrowed {
    /// Nothing looked at yet.
    pub(super) fn new(filter: Filter) -> Self {
        Self {
            filter,
            looked: 0,
            noticed: 0,
            ledger: Ledger::new(None),
            summary: Snapshot::default(),
            heat_maps: HeatMaps::default(),
            sessions: HashMap::default(),
            connections: HashMap::default(),
            servers: HashMap::default(),
            touched: HashMap::default(),
            open: HashMap::default(),
            waiting: HashMap::default(),
            summed_times: 0,
            summed: None,
            stale: true,
        }
    }

    /// Looks at up to `most` exchanges or findings that were not looked at yet. Whether some are left.
    pub(super) fn look(&mut self, store: &Store, most: usize) -> bool {
        let end = store.len().min(self.looked.saturating_add(most));
        for index in self.looked..end {
            if let Some(exchange) = store.exchange(index) {
                self.take(index, exchange, store.is_open(index));
            }
        }
        self.looked = end;
        if end < store.len() {
            return true;
        }
        let rest = store.findings().get(self.noticed..).unwrap_or_default();
        for finding in rest.iter().take(most) {
            if self.concerns(finding, store) {
                self.notice(finding);
            } else if let Some(n) =
                finding.exchange.filter(|n| store.find(*n).is_some_and(|at| store.is_open(at)))
            {
                self.waiting.entry(n).or_default().push(self.noticed);
            }
            self.noticed += 1;
        }
        rest.len() > most
    }

    /// Whether the store has something that was not looked at.
    pub(super) fn is_behind(&self, store: &Store) -> bool {
        self.looked < store.len() || self.noticed < store.findings().len()
    }

    /// What became of an exchange that was open was told: it stands at `index` of the store.
    pub(super) fn told(&mut self, index: usize, exchange: &Exchange, store: &Store) {
        if index >= self.looked {
            return;
        }
        if let Some(belongs) = self.open.remove(&index) {
            self.forget(&belongs);
        }
        self.take(index, exchange.clone(), false);
        let waited = self.waiting.remove(&exchange.n).unwrap_or_default();
        if self.filter.matches(Subject::Exchange(exchange)) {
            waited
                .into_iter()
                .filter_map(|at| store.findings().get(at))
                .for_each(|finding| self.notice(finding));
        }
    }

    /// Whether a connection has an exchange that passes.
    pub(super) fn has_connection(&self, tcp_stream: u32) -> bool {
        self.connections.contains_key(&tcp_stream)
    }

    /// Whether a server has an exchange that passes.
    pub(super) fn has_server(&self, address: &SocketAddr) -> bool {
        self.servers.contains_key(address)
    }

    /// Counts out the totals, where they changed and that was not done just now. `at_once`: there is nothing to wait for.
    pub(super) fn sum_up(&mut self, uptime: Uptime, at_once: bool) {
        let late = self.summed.is_none_or(|at| uptime.saturating_sub(at) >= SUMMED);
        if self.stale && (late || at_once) {
            self.summary = self.ledger.snapshot();
            (self.summed, self.stale) = (Some(uptime), false);
            self.summed_times += 1;
        }
    }

    fn notice(&mut self, finding: &Finding) {
        self.stale = true;
        self.ledger.push(&Entry::Finding(finding.clone()));
    }

    fn take(&mut self, index: usize, exchange: Exchange, is_open: bool) {
        if !self.filter.matches(Subject::Exchange(&exchange)) {
            return;
        }
        self.stale = true;
        let belongs = Belongs::of(&exchange);
        for tcp_stream in belongs.connections() {
            *self.connections.entry(tcp_stream).or_default() += 1;
        }
        *self.servers.entry(belongs.server).or_default() += 1;
        *self.touched.entry(belongs.session).or_default() += 1;
        let stats = self.sessions.entry(belongs.session).or_default();
        if is_open {
            self.open.insert(index, belongs);
            return;
        }
        stats.count(&exchange);
        self.heat_maps.count(&exchange);
        self.ledger.push(&Entry::Record(Record::Exchange(Box::new(exchange))));
    }

    /// Takes back that an exchange passes.
    fn forget(&mut self, belongs: &Belongs) {
        self.stale = true;
        for tcp_stream in belongs.connections() {
            take_one(&mut self.connections, tcp_stream);
        }
        take_one(&mut self.servers, belongs.server);
        if take_one(&mut self.touched, belongs.session) {
            self.sessions.remove(&belongs.session);
        }
    }

    /// Whether a finding is about an exchange that passes, or about none but about its session.
    fn concerns(&self, finding: &Finding, store: &Store) -> bool {
        match (finding.exchange, finding.session) {
            (Some(n), _) => store
                .find(n)
                .and_then(|index| store.exchange(index))
                .is_some_and(|exchange| self.filter.matches(Subject::Exchange(&exchange))),
            (None, Some(session)) => self.sessions.contains_key(&session),
            (None, None) => false,
        }
    }
}

/// What an exchange belongs to.
#[derive(Clone, Copy, Debug)]
struct Belongs {
    session: u32,
    server: SocketAddr,
    tcp_stream: u32,
    /// The connection of its answer, where that is another one.
    answered_on: Option<u32>,
}

impl Belongs {
    fn of(exchange: &Exchange) -> Self {
        let answered_on = exchange.answered_on.map(|(tcp_stream, _)| tcp_stream);
        Self {
            session: exchange.session.number,
            server: exchange.session.server,
            tcp_stream: exchange.tcp_stream,
            answered_on: answered_on.filter(|tcp_stream| *tcp_stream != exchange.tcp_stream),
        }
    }

    fn connections(&self) -> impl Iterator<Item = u32> + use<> {
        [Some(self.tcp_stream), self.answered_on].into_iter().flatten()
    }
}

/// One less. Whether that was the last.
fn take_one<K: Eq + Hash>(counts: &mut HashMap<K, u32, RandomState>, of: K) -> bool {
    let hash_map::Entry::Occupied(mut count) = counts.entry(of) else { return false };
    *count.get_mut() -= 1;
    let is_last = *count.get() == 0;
    if is_last {
        count.remove();
    }
    is_last
}

/// What is shown of the capture as a whole: of everything, or of what passes the filter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown<'w> {
    /// The totals.
    pub(super) summary: &'w Snapshot,
    /// How long the answers of each method and tool took when.
    pub(super) heat_maps: &'w HeatMaps,
    /// How each session fared.
    pub(super) sessions: &'w HashMap<u32, ExchangeStats, RandomState>,
    /// Another number, other totals.
    pub(super) version: u64,
    /// What is narrowed; `None` where everything is shown.
    pub(super) narrowed: Option<&'w Narrowed>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::ledger::query::Filter;
    use crate::ledger::{Entry, Record, sample};
    use crate::tui::Model;

    proptest! {
        /// However requests, answers and slices follow one another, in the end each exchange that passes is counted once.
        #[test]
        fn what_passes_is_counted_once(
            steps in prop::collection::vec((0usize..4, 1u64..40), 1..200), most in 1usize..5,
        ) {
            let mut model = Model::new("test".to_owned(), false, 1 << 20);
            model.refilter(Filter::parse("tool:b").unwrap());
            let (mut asked, mut answered) = (Vec::new(), Vec::new());
            for (step, n) in steps {
                let exchange = Box::new(sample::exchange(n, "tools/call", Some(["a", "b"][n as usize % 2]), 5));
                match step {
                    0 | 1 if !asked.contains(&n) => {
                        asked.push(n);
                        model.tell([Entry::Record(Record::Request(exchange))]);
                    }
                    2 if asked.contains(&n) && !answered.contains(&n) => {
                        answered.push(n);
                        model.tell([Entry::Record(Record::Exchange(exchange))]);
                    }
                    _ => drop(model.narrow(most)),
                }
            }
            model.ended = true;
            while model.narrow(most) {}
            let passes = |all: &[u64]| all.iter().filter(|n| *n % 2 == 1).count();
            let shown = model.shown();
            prop_assert_eq!(shown.summary.exchanges.total() as usize, passes(&answered));
            let counted: u64 = shown.sessions.values().map(|stats| stats.exchanges).sum();
            prop_assert_eq!(counted as usize, passes(&answered));
            prop_assert_eq!(shown.sessions.is_empty(), passes(&asked) == 0);
            let narrowed = shown.narrowed.unwrap();
            prop_assert_eq!(narrowed.servers.is_empty(), passes(&asked) == 0);
            prop_assert_eq!(narrowed.open.len(), passes(&asked) - passes(&answered));
            prop_assert_eq!(narrowed.servers.values().sum::<u32>() as usize, passes(&asked));
        }
    }

    /// What was open and passed is no more among what passes once it is over and does not.
    #[test]
    fn what_passes_no_more_is_forgotten() {
        let mut model = Model::new("test".to_owned(), false, 1 << 20);
        model.refilter(Filter::parse("not dur>1s").unwrap());
        let mut asked = sample::exchange(1, "ping", None, 1);
        asked.response = None;
        let server = asked.session.server;
        model.tell([Entry::Record(Record::Request(Box::new(asked)))]);
        model.narrow(10);
        assert!(model.shown().narrowed.unwrap().has_server(&server));
        model.tell([Entry::Record(Record::Exchange(Box::new(sample::exchange(
            1,
            "ping",
            None,
            2_000_000_000,
        ))))]);
        model.narrow(10);
        let shown = model.shown();
        assert!(!shown.narrowed.unwrap().has_server(&server) && shown.sessions.is_empty());
    }

    #[test]
    fn a_filter_is_put_beside_the_one_that_holds() {
        let mut model = Model::new("test".to_owned(), false, 1 << 20);
        assert_eq!(model.within("tool:x"), "tool:x");
        model.refilter(Filter::parse("session:s2").unwrap());
        assert_eq!(model.within("tool:x"), "session:s2 tool:x");
        model.refilter(Filter::parse("session:s2 or (tool:y)").unwrap());
        assert_eq!(model.within("tool:x"), "(session:s2 or (tool:y)) tool:x");
        model.refilter(Filter::parse("not(tool:z)or tool:y").unwrap());
        assert_eq!(model.within("tool:x"), "(not(tool:z)or tool:y) tool:x");
    }
}
