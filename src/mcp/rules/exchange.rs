//! Rules for exchanges: when a request opens one, and when it is complete.

use super::super::exchange::OpenExchange;
use super::super::method;
use super::super::record::{Cause, Exchange};
use super::super::session::SessionState;
use super::rule::{FindingContext, Moment, Violation, violation};
use crate::base::{Code, Degraded, Origin, Side, Status};
use crate::rpc::Id;

/// A request and the exchange that it opens.
pub(in crate::mcp) struct NewExchange<'a> {
    pub(in crate::mcp) session: &'a SessionState,
    pub(in crate::mcp) exchange: &'a OpenExchange,
    /// Why earlier messages may be missing.
    pub(in crate::mcp) missing: Degraded,
}

/// An exchange of which nothing more is to come, at its last packet.
pub(in crate::mcp) struct CompletedExchange<'a> {
    pub(in crate::mcp) exchange: &'a Exchange,
    pub(in crate::mcp) at: Origin,
}

impl Moment for NewExchange<'_> {
    fn subject(&self) -> FindingContext {
        let exchange = self.exchange.record();
        FindingContext {
            at: exchange.request.span.end,
            tcp_stream: exchange.tcp_stream,
            session: Some(self.session.number()),
            exchange: Some(exchange.n),
        }
    }
}

impl Moment for CompletedExchange<'_> {
    fn subject(&self) -> FindingContext {
        of_exchange(self.exchange, self.at)
    }
}

pub(super) fn of_exchange(exchange: &Exchange, at: Origin) -> FindingContext {
    let session = Some(exchange.session.number);
    FindingContext { at, tcp_stream: exchange.tcp_stream, session, exchange: Some(exchange.n) }
}

/// Without a session id the ids of several clients meet, so that one id in two requests is normal.
/// If messages are missing, the response to the first request may be among them.
pub(super) fn id_is_reused(new: &NewExchange<'_>) -> Option<Violation> {
    let Exchange { origin, id, .. } = new.exchange.record();
    if !new.session.has_id() || *id == Id::Null || !new.session.is_outstanding(*origin, id) {
        return None;
    }
    if new.missing.may_hide_messages() {
        return None;
    }
    violation(Code::McpIdReused, format!("id {id}"))
}

pub(super) fn token_collides(new: &NewExchange<'_>) -> Option<Violation> {
    let token = new.exchange.token()?;
    let is_in_use = new.session.is_token_in_use(new.exchange.record().origin, token);
    if !new.session.has_id() || !is_in_use || new.missing.may_hide_messages() {
        return None;
    }
    violation(Code::McpTokenCollision, format!("token {token}"))
}

/// The first request of an HTTP+SSE session that was captured from its beginning.
pub(super) fn initialize_is_missing(new: &NewExchange<'_>) -> Option<Violation> {
    let (session, request) = (new.session, new.exchange.record());
    let is_first = session.is_at_first_request() && session.is_http_sse();
    let is_complete = new.missing.is_none() && session.has_open_stream();
    let needs_initialize = request.origin == Side::Client
        && !method::is_initialize(&request.method)
        && *request.method != *method::PING;
    if !(is_first && is_complete && needs_initialize) {
        return None;
    }
    violation(Code::McpNoInitialize, format!("the first request is {}", request.method))
}

pub(super) fn request_is_unanswered(completed: &CompletedExchange<'_>) -> Option<Violation> {
    let Exchange { status, cause, degraded, method, id, .. } = completed.exchange;
    if *status != Status::Unanswered || degraded.contains(Degraded::CAPTURE_END) {
        return None;
    }
    let code = if *cause == Some(Cause::NoStream) { Code::McpNoStream } else { Code::McpUnanswered };
    violation(code, format!("{method} with id {id}: {}", cause.map_or("", Cause::name)))
}

pub(super) fn post_was_repeated(completed: &CompletedExchange<'_>) -> Option<Violation> {
    listed(completed, Code::McpPostRepeated)
}

pub(super) fn response_is_late(completed: &CompletedExchange<'_>) -> Option<Violation> {
    listed(completed, Code::McpLateResponse)
}

/// A finding that the exchange lists already.
pub(super) fn listed(completed: &CompletedExchange<'_>, code: Code) -> Option<Violation> {
    let Exchange { findings, method, id, .. } = completed.exchange;
    if !findings.contains(&code) {
        return None;
    }
    violation(code, format!("{method} with id {id}"))
}
