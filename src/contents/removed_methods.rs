//! Methods that a revision does not have any more.

use super::reported::Reported;
use crate::base::{Code, Finding, Side, limits, text};
use crate::ledger::Exchange;

/// Methods of clients that MCP 2026-07-28 removed (key changes).
const REMOVED: [&str; 4] = ["ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"];

/// Uses of removed methods: each is reported once of a session.
#[derive(Debug, Default)]
pub(super) struct RemovedMethods {
    reported: Reported<(u32, u64), { limits::MAX_OPEN_EXCHANGES }>,
}

impl RemovedMethods {
    /// Takes an exchange, whether its text is known or not.
    pub(super) fn push(&mut self, exchange: &Exchange) -> Option<Finding> {
        let version = exchange.protocol_version.as_deref()?;
        let method = &*exchange.method;
        let is_removed = exchange.is_stateless() && REMOVED.contains(&method);
        let key = (exchange.session.number, text::hash(method));
        if !is_removed || exchange.origin != Side::Client || !self.reported.insert(key) {
            return None;
        }
        let detail = format!("{method} is no method of MCP {version}");
        Some(exchange.finding(Code::ContentsRemovedMethod, exchange.request.span.end, detail))
    }
}
