//! Sessions of revisions that have no sessions on the wire.

use std::collections::HashSet;

use foldhash::fast::RandomState;

use crate::base::limits;
use crate::ledger::Exchange;

/// Sessions whose revision is MCP 2026-07-28 or later.
#[derive(Debug, Default)]
pub(super) struct StatelessSessions {
    numbers: HashSet<u32, RandomState>,
}

impl StatelessSessions {
    /// Takes an exchange.
    pub(super) fn push(&mut self, exchange: &Exchange) {
        if exchange.is_stateless() && self.numbers.len() < limits::MAX_OPEN_EXCHANGES {
            self.numbers.insert(exchange.session.number);
        }
    }

    /// Whether a session is one, as far as is known.
    pub(super) fn has(&self, session: u32) -> bool {
        self.numbers.contains(&session)
    }
}
