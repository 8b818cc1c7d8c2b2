//! The totals of a set of exchanges: of all of them, or of those that match the filter.

use std::collections::HashMap;
use std::time::Duration;

use super::event::Uptime;
use super::exchange_stats::{ExchangeStats, StepRoom};
use super::heat_map::HeatMaps;
use crate::ledger::{Entry, Exchange, Ledger, Record, Snapshot, Views};

/// The shortest time between two summaries: with thousands of methods and tools one takes some
/// milliseconds.
const SUMMARY_INTERVAL: Duration = Duration::from_millis(500);

/// The largest number of sessions that have statistics: 10 MB. As many are listed.
const MAX_SESSIONS: usize = 1 << 15;

/// The totals of a set of exchanges.
#[derive(Debug)]
pub(super) struct Totals {
    ledger: Ledger,
    /// Which views of a call count, where both legs of a proxy were captured.
    views: Views,
    summary: Snapshot,
    heat_maps: HeatMaps,
    /// By number; [`MAX_SESSIONS`] at most.
    sessions: HashMap<u32, ExchangeStats, foldhash::fast::RandomState>,
    steps: StepRoom,
    /// How often the summary was made.
    version: u64,
    /// The uptime at which the summary was made; `None` before the first.
    summarized_at: Option<Uptime>,
    /// Whether something was recorded since the summary was made.
    is_stale: bool,
}

impl Totals {
    /// Returns totals with nothing recorded.
    pub(super) fn new(views: Views) -> Self {
        Self {
            ledger: Ledger::new(None).with_views(views).beside_lists(),
            views,
            summary: Snapshot::default(),
            heat_maps: HeatMaps::default(),
            sessions: HashMap::default(),
            steps: StepRoom::default(),
            version: 0,
            summarized_at: None,
            is_stale: false,
        }
    }

    /// Records an entry.
    pub(super) fn record(&mut self, entry: &Entry) {
        self.ledger.push(entry);
        self.is_stale = true;
        if let Entry::Record(record) = entry
            && let Record::Exchange(exchange) = record
        {
            if self.views.include(record) {
                self.heat_maps.record(exchange);
            }
            self.record_of_session(exchange);
        }
    }

    fn record_of_session(&mut self, exchange: &Exchange) {
        let number = exchange.session.number;
        if self.sessions.len() < MAX_SESSIONS || self.sessions.contains_key(&number) {
            self.sessions.entry(number).or_default().record(exchange, &mut self.steps);
        }
    }

    /// Marks the summary as stale though nothing was recorded.
    pub(super) fn invalidate(&mut self) {
        self.is_stale = true;
    }

    /// Makes the summary anew if it is stale and older than [`SUMMARY_INTERVAL`]. `at_once` ignores
    /// its age: nothing more will come.
    pub(super) fn summarize(&mut self, uptime: Uptime, at_once: bool) {
        let is_due = self.summarized_at.is_none_or(|made| uptime.saturating_sub(made) >= SUMMARY_INTERVAL);
        if self.is_stale && (is_due || at_once) {
            self.summary = self.ledger.snapshot();
            (self.summarized_at, self.is_stale) = (Some(uptime), false);
            self.version += 1;
        }
    }

    /// Returns the summary, at most [`SUMMARY_INTERVAL`] old.
    pub(super) fn summary(&self) -> &Snapshot {
        &self.summary
    }

    /// Returns a number that is different for every summary.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Returns the latencies of each method and tool over time.
    pub(super) fn heat_maps(&self) -> &HeatMaps {
        &self.heat_maps
    }

    /// Returns the statistics of a session, by its number; `None` if none of its exchanges is over.
    pub(super) fn session(&self, number: u32) -> Option<&ExchangeStats> {
        self.sessions.get(&number)
    }

    /// Returns the statistics of all sessions that have an exchange that is over.
    #[cfg(test)]
    pub(super) fn sessions(&self) -> impl Iterator<Item = &ExchangeStats> {
        self.sessions.values()
    }

    /// Gives access to the summary, to set up a test.
    #[cfg(test)]
    pub(super) fn summary_mut(&mut self) -> &mut Snapshot {
        &mut self.summary
    }
}
