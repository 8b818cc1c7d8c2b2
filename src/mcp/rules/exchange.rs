//! Rules for exchanges: when a request opens one, and when it is complete.

use super::super::exchange::OpenExchange;
use super::super::record::{Cause, Exchange, Transport};
use super::super::session::SessionState;
use super::super::{method, revision};
use super::rule::{FindingContext, Moment, Violation, violation};
use crate::base::{Code, Degraded, Origin, Side, Status, limits, units};
use crate::rpc::Id;

/// How long a call is silent before messages that come together show that they were kept, in
/// nanoseconds.
const HIDDEN: i64 = 500_000_000;

/// A request and the exchange that it opens.
pub(in crate::mcp) struct NewExchange<'a> {
    pub(in crate::mcp) session: &'a SessionState,
    pub(in crate::mcp) exchange: &'a OpenExchange,
    /// Why earlier messages may be missing.
    pub(in crate::mcp) missing: Degraded,
    /// Whether a request with its id is outstanding at the same address of the server. At another
    /// address it may be the same request on the other leg of a proxy.
    pub(in crate::mcp) is_outstanding_here: bool,
    /// Whether it is an outstanding request that was captured on the other side of a NAT, too.
    pub(in crate::mcp) is_translated: bool,
}

/// An exchange of which nothing more is to come, at its last packet.
pub(in crate::mcp) struct CompletedExchange<'a> {
    pub(in crate::mcp) exchange: &'a Exchange,
    pub(in crate::mcp) at: Origin,
    /// Why the HTTP response holds no usable JSON-RPC response; `None` if the cause is another.
    pub(in crate::mcp) unusable: Option<&'a str>,
    /// The capability that it needs and that its receiver did not announce.
    pub(in crate::mcp) missing_capability: Option<&'static str>,
    /// Number of messages about it before the response, and the first of them.
    pub(in crate::mcp) messages: (u32, Option<Origin>),
    /// Whether such a message may be missing.
    pub(in crate::mcp) may_miss_messages: bool,
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
        let at = self.exchange.wait_ended.filter(|_| self.unusable.is_some());
        of_exchange(self.exchange, at.unwrap_or(self.at))
    }
}

pub(super) fn of_exchange(exchange: &Exchange, at: Origin) -> FindingContext {
    let session = Some(exchange.session.number);
    FindingContext { at, tcp_stream: exchange.tcp_stream, session, exchange: Some(exchange.n) }
}

/// Without a session id the ids of several clients meet, so that one id in two requests is normal.
/// If messages are missing, the response to the first request may be among them.
pub(super) fn id_is_reused(new: &NewExchange<'_>) -> Option<Violation> {
    let Exchange { id, .. } = new.exchange.record();
    if !new.session.has_id() || *id == Id::Null || !new.is_outstanding_here {
        return None;
    }
    if new.is_translated || new.missing.may_hide_messages() {
        return None;
    }
    violation(Code::McpIdReused, format!("id {id}"))
}

/// An id that was used and answered before; reported once for each session and sender.
pub(super) fn id_is_not_unique(new: &NewExchange<'_>) -> Option<Violation> {
    let Exchange { origin, id, method, .. } = new.exchange.record();
    let is_stateless = new.session.protocol_version().is_some_and(|version| revision::is_stateless(version));
    if is_stateless || method::is_initialize(method) || !new.session.is_repeated_id(*origin, id) {
        return None;
    }
    violation(Code::McpIdNotUnique, format!("id {id} of {method} was used before in the session"))
}

pub(super) fn token_collides(new: &NewExchange<'_>) -> Option<Violation> {
    let token = new.exchange.token()?;
    let is_in_use = new.session.with_token(new.exchange.record().origin, token).is_some();
    if !new.session.has_id() || !is_in_use || new.is_translated || new.missing.may_hide_messages() {
        return None;
    }
    violation(Code::McpTokenCollision, format!("token {token}"))
}

/// The first request of a session on HTTP+SSE or a channel that was captured from its beginning.
pub(super) fn initialize_is_missing(new: &NewExchange<'_>) -> Option<Violation> {
    let (session, request) = (new.session, new.exchange.record());
    let is_first = session.is_at_first_request() && session.has_one_stream();
    if !is_first {
        return None;
    }
    let is_complete = new.missing.is_none() && session.has_open_stream();
    let needs_initialize = request.origin == Side::Client
        && !method::opens_session(&request.method)
        && *request.method != *method::PING;
    if !(is_complete && needs_initialize) {
        return None;
    }
    violation(Code::McpNoInitialize, format!("the first request is {}", request.method))
}

/// The client uses a session that it has not completed: `notifications/initialized` is due after
/// the response to `initialize`. It may be in a packet that comes later.
pub(super) fn initialized_is_missing(new: &NewExchange<'_>) -> Option<Violation> {
    let (session, request) = (new.session, new.exchange.record());
    let is_open =
        session.has_id() && session.lifecycle().is_initialize_seen() && !session.lifecycle().is_initialized();
    if !is_open {
        return None;
    }
    let is_due = request.origin == Side::Client
        && !method::opens_session(&request.method)
        && *request.method != *method::PING;
    let is_stateless = session.protocol_version().is_none_or(|version| revision::is_stateless(version));
    if !is_due || is_stateless || session.lifecycle().is_use_reported() {
        return None;
    }
    violation(Code::McpNotInitialized, format!("{} before notifications/initialized", request.method))
}

/// A session is initialized once.
pub(super) fn initialize_is_repeated(new: &NewExchange<'_>) -> Option<Violation> {
    let (session, request) = (new.session, new.exchange.record());
    if !method::is_initialize(&request.method) {
        return None;
    }
    let is_done =
        session.has_id() && session.lifecycle().is_initialize_seen() && session.protocol_version().is_some();
    let at = request.request.span.start.time;
    let is_translated = session.lifecycle().has_translated(request.client.ip(), at);
    if !is_done || request.origin == Side::Server || is_translated {
        return None;
    }
    violation(Code::McpInitializedTwice, "initialize in a session that is initialized")
}

/// Capabilities, by the methods that need them: those of the receiver.
const NEEDS: [(&str, &str); 8] = [
    ("tools/", "tools"),
    ("prompts/", "prompts"),
    ("resources/", "resources"),
    ("completion/", "completions"),
    ("logging/", "logging"),
    ("sampling/", "sampling"),
    ("roots/", "roots"),
    ("elicitation/", "elicitation"),
];

/// The capability that a request needs and that its receiver did not announce; `None` if it did, or
/// if that is not known.
pub(in crate::mcp) fn missing_capability(session: &SessionState, request: &Exchange) -> Option<&'static str> {
    let (record, version) = (session.record(), session.protocol_version()?);
    let (announced, is_known) = match request.origin {
        Side::Client => (&record.server_capabilities, record.server_info.is_some()),
        Side::Server => (&record.client_capabilities, record.client_info.is_some()),
    };
    let is_tracked = session.has_id() || session.has_one_stream();
    if !is_tracked
        || !is_known
        || !session.lifecycle().is_initialize_seen()
        || revision::is_stateless(version)
    {
        return None;
    }
    let (_, needed) = NEEDS.iter().find(|(prefix, _)| request.method.starts_with(prefix))?;
    // 2024-11-05 has no capability for completion.
    let is_unnamed = *needed == "completions" && **version < *revision::BATCHES;
    (!is_unnamed && !announced.iter().any(|name| **name == **needed)).then_some(needed)
}

/// The code of an unknown method (JSON-RPC 2.0 section 5.1).
const METHOD_NOT_FOUND: i64 = -32_601;

/// The receiver did not announce what a request asks for, and does not know its method.
pub(super) fn capability_is_missing(completed: &CompletedExchange<'_>) -> Option<Violation> {
    let (exchange, needed) = (completed.exchange, completed.missing_capability?);
    if exchange.error.as_ref()?.code? != METHOD_NOT_FOUND {
        return None;
    }
    let receiver = exchange.origin.other().name();
    violation(
        Code::McpCapabilityMissing,
        format!("{} needs {needed}, which the {receiver} did not announce", exchange.method),
    )
}

/// The severity follows who ended the wait: a sender that went away is no fault of the receiver.
pub(super) fn request_is_unanswered(completed: &CompletedExchange<'_>) -> Option<Violation> {
    let Exchange { status, cause, degraded, method, id, origin, .. } = completed.exchange;
    let cause = (*cause)?;
    // Nothing answers a notification, also if it has an id.
    let is_notification = method.starts_with(method::NOTIFICATIONS);
    if *status != Status::Unanswered || degraded.contains(Degraded::CAPTURE_END) || is_notification {
        return None;
    }
    let code = match cause {
        Cause::NoResponse => return None,
        Cause::NoStream => Code::McpNoStream,
        Cause::ClientClosed | Cause::ClientReset | Cause::Deleted => Code::McpAbandoned,
        Cause::ServerClosed | Cause::ServerReset if *origin == Side::Server => Code::McpAbandoned,
        _ => Code::McpUnanswered,
    };
    let waited = completed.exchange.waited_ns().map(units::duration).unwrap_or_default();
    violation(code, format!("{method} with id {id}: {} after {waited}", cause.name()))
}

/// The POST of a request fails, and the answer came on the stream of HTTP+SSE before.
pub(super) fn post_failed_after_answer(completed: &CompletedExchange<'_>) -> Option<Violation> {
    let Exchange { id, http_status, response, session, origin, .. } = completed.exchange;
    let status = http_status.filter(|status| *status >= 400)?;
    if *origin == Side::Server || session.transport != Transport::HttpSse || response.is_none() {
        return None;
    }
    violation(Code::McpAnsweredAfterFailure, format!("id {id}: its POST was answered {status}"))
}

pub(super) fn response_is_unusable(completed: &CompletedExchange<'_>) -> Option<Violation> {
    let Exchange { degraded, method, id, error, .. } = completed.exchange;
    let reason = completed.unusable?;
    if degraded.contains(Degraded::CAPTURE_END) || degraded.may_hide_messages() {
        return None;
    }
    let error = error.as_ref().map_or_else(String::new, |error| format!(": {}", error.message));
    violation(Code::McpNoResponse, format!("{method} with id {id}: {reason}{error}"))
}

/// The clocks of the interfaces that captured request and response differ.
pub(super) fn response_is_before_request(completed: &CompletedExchange<'_>) -> Option<Violation> {
    let exchange = completed.exchange;
    let total = exchange.total_ns().filter(|total| *total < -limits::TIME_SKEW)?;
    if exchange.degraded.contains(Degraded::TIME_BACK) {
        return None;
    }
    let (before, id) = (units::duration(total.saturating_neg()), &exchange.id);
    let detail = format!("the response to {} with id {id} ends {before} before its request", exchange.method);
    violation(Code::CaptureTimeBack, detail)
}

/// Progress that came with the response, long after the request. Behind a proxy that was captured
/// on both sides another rule tells.
pub(super) fn events_came_at_once(completed: &CompletedExchange<'_>) -> Option<Violation> {
    let Exchange { degraded, method, id, response, twins, .. } = completed.exchange;
    let (messages, first) = completed.messages;
    let (end, first) = ((*response)?.span.end, first?);
    let wait = first.time.since(completed.exchange.request.span.end.time);
    let spread = end.time.since(first.time);
    if completed.may_miss_messages
        || degraded.any()
        || twins.behind.is_some()
        || messages < 3
        || wait < HIDDEN
        || spread > wait / 100
    {
        return None;
    }
    violation(
        Code::McpBunched,
        format!(
            "{method} with id {id}: nothing for {}, then {messages} messages and the response within {} \
             (packets {} to {})",
            units::duration(wait),
            units::duration(spread),
            first.packet.mention(),
            end.packet.mention(),
        ),
    )
}

pub(super) fn post_was_repeated(completed: &CompletedExchange<'_>) -> Option<Violation> {
    listed(completed, Code::McpPostRepeated)
}

/// An answer that ignores the cancellation.
pub(super) fn response_is_late(completed: &CompletedExchange<'_>) -> Option<Violation> {
    answered_after_cancellation(completed, Code::McpLateResponse, false, "answered")
}

/// An error after the cancellation: the server stopped, and says so.
pub(super) fn cancellation_is_acknowledged(completed: &CompletedExchange<'_>) -> Option<Violation> {
    answered_after_cancellation(completed, Code::McpCancelAcknowledged, true, "acknowledged")
}

fn answered_after_cancellation(
    completed: &CompletedExchange<'_>,
    code: Code,
    is_error: bool,
    verb: &str,
) -> Option<Violation> {
    let Exchange { status, method, id, error, wait_ended, response, .. } = completed.exchange;
    if *status != Status::Cancelled || error.is_some() != is_error {
        return None;
    }
    let after = (*response)?.span.end.time.since((*wait_ended)?.time);
    let message = error.as_ref().map_or_else(String::new, |error| format!(": {}", error.message));
    violation(
        code,
        format!("{method} with id {id}: {verb} {} after it was cancelled{message}", units::duration(after)),
    )
}

/// A finding that the exchange lists already.
pub(super) fn listed(completed: &CompletedExchange<'_>, code: Code) -> Option<Violation> {
    let Exchange { findings, method, id, .. } = completed.exchange;
    if !findings.contains(&code) {
        return None;
    }
    violation(code, format!("{method} with id {id}"))
}
