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
        while let Some(index) = self.tables.sessions.over_limit() {
            self.evict_session(index);
        }
    }

    fn evict_session(&mut self, index: SessionIndex) {
        let (count, memory) = (limits::MAX_SESSIONS, self.tables.sessions.most());
        let detail = format!("more than {count} sessions, or more than {memory} bytes for them");
        rules::add_limit(self.at, detail, self.tables.sink.findings);
        for n in ending::all_outstanding(index, &self.tables) {
            self.tables.complete(n);
        }
        self.tables.definitions.forget(index);
        if let Some(record) = self.tables.sessions.evict(index) {
            self.tables.sink.out.push(Record::Session(Box::new(record)));
        }
    }

    /// Frees a quarter of the memory of what belongs to sessions if it is full, from the table that
    /// holds most of open exchanges, sessions and open transactions. Returns how many bytes of
    /// transactions the caller has to give up, 0 if none: they cannot be removed while a step holds
    /// one of them.
    #[must_use]
    #[inline(always)]
    pub(super) fn limit_memory(&mut self, transactions: usize) -> usize {
        let [exchanges, sessions] =
            [self.tables.exchanges.open_allocated(), self.tables.sessions.allocated()];
        let most = self.tables.sessions.most();
        // Held responses have a part of their own, within which they are kept.
        let held = exchanges + sessions + transactions + self.tables.exchanges.held().allocated();
        if transactions > most / 2 {
            return transactions - most / 8 * 3;
        }
        // Nearly always.
        if held <= most { 0 } else { self.free_memory(transactions, held - most / 4 * 3) }
    }

    #[cold]
    fn free_memory(&mut self, transactions: usize, excess: usize) -> usize {
        let [exchanges, sessions] =
            [self.tables.exchanges.open_allocated(), self.tables.sessions.allocated()];
        if transactions > exchanges.max(sessions) {
            return excess;
        }
        if exchanges >= sessions {
            for n in self.tables.exchanges.largest(excess) {
                self.give_up_exchange(n, self.at);
            }
            return 0;
        }
        while self.tables.sessions.allocated() + excess > sessions
            && let Some(index) = self.tables.sessions.least_needed()
        {
            self.evict_session(index);
        }
        0
    }
}
