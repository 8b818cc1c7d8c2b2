//! Caps of what is kept of sessions: their number, that of open exchanges, and the memory of all.

use super::ending;
use super::handle::SessionIndex;
use super::record::Record;
use super::rules;
use super::step::Step;
use crate::base::{Origin, limits};

impl Step<'_> {
    /// Keeps open exchanges and held responses within their caps.
    pub(super) fn limit_exchanges(&mut self, at: Origin) {
        while let Some(oldest) = self.tables.exchanges.over_limit() {
            self.give_up_exchange(oldest, at);
        }
        while let Some(oldest) = self.tables.exchanges.held().pop_over_limit() {
            let degraded = self.degraded_of(oldest.carrier);
            self.tables.give_up(&oldest, degraded);
        }
    }

    fn give_up_exchange(&mut self, n: u64, at: Origin) {
        rules::add_limit(at, "more open requests than are kept".to_owned(), self.tables.sink.findings);
        self.tables.complete(n);
    }

    /// Keeps the sessions within their cap.
    pub(super) fn limit_sessions(&mut self) {
        while let Some(oldest) = self.tables.sessions.over_limit() {
            self.evict_session(oldest);
        }
    }

    fn evict_session(&mut self, index: SessionIndex) {
        let (count, memory) = (limits::MAX_SESSIONS, limits::MAX_MEMORY_OF_SESSIONS);
        let detail = format!("more than {count} sessions, or more than {memory} bytes for them");
        rules::add_limit(self.at, detail, self.tables.sink.findings);
        for n in ending::all_outstanding(index, &self.tables) {
            self.tables.complete(n);
        }
        if let Some(record) = self.tables.sessions.evict(index) {
            self.tables.sink.out.push(Record::Session(Box::new(record)));
        }
    }

    /// Frees a quarter of the memory of what belongs to sessions if it is full: of open exchanges
    /// and sessions, the table that holds more.
    pub(super) fn limit_memory(&mut self, transactions: usize) {
        let [exchanges, sessions] = [self.tables.exchanges.allocated(), self.tables.sessions.allocated()];
        let held = exchanges + sessions + transactions;
        if held <= limits::MAX_MEMORY_OF_SESSIONS {
            return;
        }
        let excess = held - limits::MAX_MEMORY_OF_SESSIONS / 4 * 3;
        if exchanges >= sessions {
            for n in self.tables.exchanges.largest(excess) {
                self.give_up_exchange(n, self.at);
            }
            return;
        }
        while self.tables.sessions.allocated() + excess > sessions
            && let Some(oldest) = self.tables.sessions.oldest()
        {
            self.evict_session(oldest);
        }
    }
}
