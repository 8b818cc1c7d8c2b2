//! Cancellations that MCP does not have, and methods that a revision does not have any more.

use std::collections::HashSet;

use foldhash::fast::RandomState;

use crate::base::{Code, Finding, Side, Status, limits, text};
use crate::ledger::{Cause, Exchange, Notification, Transport};

/// Methods of clients that MCP 2026-07-28 removed (key changes).
const REMOVED: [&str; 4] = ["ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"];

/// Cancellations and removed methods.
#[derive(Debug, Default)]
pub(super) struct Cancellations {
    /// Sessions without a session on the wire.
    stateless: HashSet<u32, RandomState>,
    told: HashSet<(u32, u64), RandomState>,
}

impl Cancellations {
    /// Whether a session is of MCP 2026-07-28 or later, as far as is known.
    pub(super) fn is_stateless(&self, session: u32) -> bool {
        self.stateless.contains(&session)
    }

    /// Takes an exchange, whether its text is known or not.
    pub(super) fn exchange(&mut self, exchange: &Exchange) -> Option<Finding> {
        let version = exchange.protocol_version.as_deref()?;
        let method = &*exchange.method;
        let is_stateless = exchange.is_stateless();
        if is_stateless && self.stateless.len() < limits::MAX_OPEN_EXCHANGES {
            self.stateless.insert(exchange.session.number);
        }
        let (code, at, detail) =
            if is_stateless && REMOVED.contains(&method) && exchange.origin == Side::Client {
                let detail = format!("{method} is no method of MCP {version}");
                (Code::ContentsRemovedMethod, exchange.request.span.end, detail)
            } else if method == "initialize"
                && exchange.status == Status::Cancelled
                && exchange.cause == Some(Cause::Cancelled)
            {
                let at = exchange.wait_ended.unwrap_or(exchange.request.span.end);
                (Code::ContentsBadCancel, at, "the client cancels initialize".to_owned())
            } else {
                return None;
            };
        let is_new = self.is_new(exchange.session.number, &detail);
        is_new.then(|| exchange.finding(code, at, detail))
    }

    /// Takes a notification.
    pub(super) fn notification(&mut self, notification: &Notification) -> Option<Finding> {
        let number = notification.session.number;
        let is_it = &*notification.method == "notifications/cancelled"
            && notification.from == Side::Client
            && notification.session.transport == Transport::StreamableHttp
            && self.is_stateless(number);
        let detail = "notifications/cancelled is POSTed: closing the response cancels a request";
        (is_it && self.is_new(number, detail))
            .then(|| notification.finding(Code::ContentsBadCancel, detail.to_owned()))
    }

    fn is_new(&mut self, session: u32, detail: &str) -> bool {
        self.told.len() < limits::MAX_OPEN_EXCHANGES && self.told.insert((session, text::hash(detail)))
    }
}
