//! Rules for sessions.

use super::super::record::Exchange;
use super::exchange::of_exchange;
use super::rule::{FindingContext, Moment, Violation, violation};
use crate::base::{Code, Origin};

/// An exchange that another session has too.
pub(in crate::mcp) struct TwinSession<'a> {
    pub(in crate::mcp) exchange: &'a Exchange,
    pub(in crate::mcp) at: Origin,
    /// Number of the other session.
    pub(in crate::mcp) other: u32,
}

impl Moment for TwinSession<'_> {
    fn subject(&self) -> FindingContext {
        of_exchange(self.exchange, self.at)
    }
}

pub(super) fn session_is_seen_twice(twin: &TwinSession<'_>) -> Option<Violation> {
    let number = twin.exchange.session.number;
    let (first, second) = (twin.other.min(number), twin.other.max(number));
    violation(Code::McpSeenTwice, format!("s{first} and s{second} are one session on the way"))
}
