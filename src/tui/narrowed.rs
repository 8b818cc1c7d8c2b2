//! What passes the filter, counted: for the views that show no exchanges, but what exchanges belong to.
//!
//! Nothing of it is kept before such a view is looked at under a filter; then exchanges are looked at in slices, as the
//! list of exchanges does, and counted while the rest follows.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

use foldhash::fast::RandomState;

use super::event::Uptime;
use super::heat::Heats;
use super::tally::Tally;
use super::world::SUMMED;
use crate::base::Finding;
use crate::ledger::query::{Filter, Subject};
use crate::ledger::store::Store;
use crate::ledger::{By, Entry, Exchange, Ledger, Record, Snapshot};

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
    pub(super) heats: Heats,
    pub(super) sessions: HashMap<u32, Tally, RandomState>,
    pub(super) connections: HashSet<u32, RandomState>,
    pub(super) servers: HashSet<SocketAddr, RandomState>,
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
            ledger: Ledger::new(By::None),
            summary: Snapshot::default(),
            heats: Heats::default(),
            sessions: HashMap::default(),
            connections: HashSet::default(),
            servers: HashSet::default(),
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
                self.take(exchange, store.is_open(index));
            }
        }
        self.looked = end;
        if end < store.len() {
            return true;
        }
        let rest = store.findings().get(self.noticed..).unwrap_or_default();
        for finding in rest.iter().take(most) {
            self.noticed += 1;
            if self.concerns(finding, store) {
                self.stale = true;
                self.ledger.push(&Entry::Finding(finding.clone()));
            }
        }
        rest.len() > most
    }

    /// What became of an exchange that was open was told: it stands at `index` of the store.
    pub(super) fn told(&mut self, index: usize, exchange: &Exchange) {
        if index < self.looked {
            self.take(exchange.clone(), false);
        }
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

    fn take(&mut self, exchange: Exchange, is_open: bool) {
        if !self.filter.matches(Subject::Exchange(&exchange)) {
            return;
        }
        self.stale = true;
        self.connections.insert(exchange.tcp_stream);
        self.connections.extend(exchange.answered_on.map(|(tcp_stream, _)| tcp_stream));
        self.servers.insert(exchange.session.server);
        let tally = self.sessions.entry(exchange.session.number).or_default();
        if is_open {
            return;
        }
        tally.count(&exchange);
        self.heats.count(&exchange);
        self.ledger.push(&Entry::Record(Record::Exchange(Box::new(exchange))));
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

/// What is shown of the capture as a whole: of everything, or of what passes the filter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown<'w> {
    /// The totals.
    pub(super) summary: &'w Snapshot,
    /// How long the answers of each method and tool took when.
    pub(super) heats: &'w Heats,
    /// How each session fared.
    pub(super) sessions: &'w HashMap<u32, Tally, RandomState>,
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
    use crate::tui::World;

    proptest! {
        /// However requests, answers and slices follow one another, in the end each exchange that passes is counted once.
        #[test]
        fn what_passes_is_counted_once(
            steps in prop::collection::vec((0usize..4, 1u64..40), 1..200), most in 1usize..5,
        ) {
            let mut world = World::new("test".to_owned(), false, 1 << 20);
            world.refilter(Filter::parse("tool:b").unwrap());
            let (mut asked, mut answered) = (Vec::new(), Vec::new());
            for (step, n) in steps {
                let exchange = Box::new(sample::exchange(n, "tools/call", Some(["a", "b"][n as usize % 2]), 5));
                match step {
                    0 | 1 if !asked.contains(&n) => {
                        asked.push(n);
                        world.tell([Entry::Record(Record::Request(exchange))]);
                    }
                    2 if asked.contains(&n) && !answered.contains(&n) => {
                        answered.push(n);
                        world.tell([Entry::Record(Record::Exchange(exchange))]);
                    }
                    _ => drop(world.narrow(most)),
                }
            }
            world.ended = true;
            while world.narrow(most) {}
            let passes = |all: &[u64]| all.iter().filter(|n| *n % 2 == 1).count();
            let shown = world.shown();
            prop_assert_eq!(shown.summary.exchanges.total() as usize, passes(&answered));
            let counted: u64 = shown.sessions.values().map(|tally| tally.exchanges).sum();
            prop_assert_eq!(counted as usize, passes(&answered));
            prop_assert_eq!(shown.sessions.is_empty(), passes(&asked) == 0);
            let narrowed = shown.narrowed.unwrap();
            prop_assert_eq!(narrowed.servers.is_empty(), passes(&asked) == 0);
        }
    }

    #[test]
    fn a_filter_is_put_beside_the_one_that_holds() {
        let mut world = World::new("test".to_owned(), false, 1 << 20);
        assert_eq!(world.within("tool:x"), "tool:x");
        world.refilter(Filter::parse("session:s2").unwrap());
        assert_eq!(world.within("tool:x"), "session:s2 tool:x");
        world.refilter(Filter::parse("session:s2 or (tool:y)").unwrap());
        assert_eq!(world.within("tool:x"), "(session:s2 or (tool:y)) tool:x");
        world.refilter(Filter::parse("not(tool:z)or tool:y").unwrap());
        assert_eq!(world.within("tool:x"), "(not(tool:z)or tool:y) tool:x");
    }
}
