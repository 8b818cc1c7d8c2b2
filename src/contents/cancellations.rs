//! Cancellations that MCP does not have.

use super::reported::Reported;
use crate::base::{Code, Finding, Side, Status, limits};
use crate::ledger::{Cause, Exchange, Notification, Transport};

/// Cancellations: each kind is reported once of a session.
#[derive(Debug, Default)]
pub(super) struct Cancellations {
    reported: Reported<(u32, Kind), { limits::MAX_OPEN_EXCHANGES }>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    /// Of `initialize`.
    Initialize,
    /// By a notification, in a revision in which closing the response cancels.
    Notification,
}

impl Cancellations {
    /// Takes an exchange, whether its text is known or not.
    pub(super) fn exchange(&mut self, exchange: &Exchange) -> Option<Finding> {
        let is_cancelled = exchange.status == Status::Cancelled && exchange.cause == Some(Cause::Cancelled);
        let is_it = is_cancelled && &*exchange.method == "initialize" && exchange.protocol_version.is_some();
        if !is_it || !self.reported.insert((exchange.session.number, Kind::Initialize)) {
            return None;
        }
        let at = exchange.wait_ended.unwrap_or(exchange.request.span.end);
        Some(exchange.finding(Code::ContentsBadCancel, at, "the client cancels initialize"))
    }

    /// Takes a notification. `is_stateless`: whether its session is of MCP 2026-07-28 or later.
    pub(super) fn notification(
        &mut self,
        notification: &Notification,
        is_stateless: bool,
    ) -> Option<Finding> {
        let is_it = &*notification.method == "notifications/cancelled"
            && notification.from == Side::Client
            && notification.session.transport == Transport::StreamableHttp
            && is_stateless;
        let detail = "notifications/cancelled is POSTed: closing the response cancels a request";
        (is_it && self.reported.insert((notification.session.number, Kind::Notification)))
            .then(|| notification.finding(Code::ContentsBadCancel, detail))
    }
}
