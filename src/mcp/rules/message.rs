//! Rules for messages that open no exchange.

use super::super::exchange::Message;
use super::super::record::{Cause, Exchange};
use super::super::session::SessionState;
use super::super::transaction::Transaction;
use super::exchange::of_exchange;
use super::rule::{FindingContext, Moment, Violation, id_text, violation};
use crate::base::{Code, Origin};

/// A message that belongs to no open exchange.
pub(in crate::mcp) struct Unmatched<'a> {
    pub(in crate::mcp) transaction: &'a Transaction,
    pub(in crate::mcp) message: Message<'a>,
    /// The session, if the finding is about it.
    pub(in crate::mcp) session: Option<&'a SessionState>,
    /// The completed exchange that it belongs to; `None` if there is none.
    pub(in crate::mcp) completed: Option<u64>,
}

/// A response to a request whose exchange is complete without one.
pub(in crate::mcp) struct LateAnswer<'a> {
    pub(in crate::mcp) response: Unmatched<'a>,
    /// Why the exchange had no response, and the status of its POST.
    pub(in crate::mcp) failure: (Option<Cause>, Option<u16>),
}

/// A progress notification of an open exchange.
pub(in crate::mcp) struct Progress<'a> {
    pub(in crate::mcp) exchange: &'a Exchange,
    pub(in crate::mcp) message: Message<'a>,
    /// The greatest progress that was told before; `None` if none was.
    pub(in crate::mcp) before: Option<f64>,
}

/// A POST that repeats a request whose POST was redirected.
pub(in crate::mcp) struct Redirect<'a> {
    /// The exchange of the request, as the redirect left it.
    pub(in crate::mcp) exchange: &'a Exchange,
    /// The POST that repeats it.
    pub(in crate::mcp) transaction: &'a Transaction,
    pub(in crate::mcp) at: Origin,
}

impl Moment for LateAnswer<'_> {
    fn subject(&self) -> FindingContext {
        self.response.subject()
    }
}

impl Moment for Progress<'_> {
    fn subject(&self) -> FindingContext {
        of_exchange(self.exchange, self.message.span.end)
    }
}

impl Moment for Redirect<'_> {
    fn subject(&self) -> FindingContext {
        of_exchange(self.exchange, self.at)
    }
}

impl Moment for Unmatched<'_> {
    fn subject(&self) -> FindingContext {
        FindingContext {
            at: self.message.span.end,
            tcp_stream: self.transaction.key().0,
            session: self.session.map(SessionState::number),
            exchange: self.completed,
        }
    }
}

pub(super) fn request_is_in_json_body(request: &Unmatched<'_>) -> Option<Violation> {
    let method = request.message.envelope.method.as_deref().unwrap_or_default();
    violation(Code::McpRequestInResponse, format!("{method} in a JSON body"))
}

pub(super) fn response_is_duplicate(response: &Unmatched<'_>) -> Option<Violation> {
    violation(Code::McpDuplicateResponse, id_text(response.message.envelope.id.as_ref()))
}

/// The POST of the request failed before this response: clients no longer wait for it. Responses to
/// cancelled requests are allowed.
pub(super) fn request_had_failed(late: &LateAnswer<'_>) -> Option<Violation> {
    let id = id_text(late.response.message.envelope.id.as_ref());
    let detail = match late.failure {
        (Some(Cause::HttpError), Some(status)) => format!("{id}: its POST was answered {status} before"),
        (Some(Cause::NoResponse | Cause::NoStream), _) => format!("{id}: its POST ended without it before"),
        _ => return None,
    };
    violation(Code::McpAnsweredAfterFailure, detail)
}

pub(super) fn token_is_unknown(progress: &Unmatched<'_>) -> Option<Violation> {
    let token = progress.message.envelope.look.progress_token.as_ref()?;
    violation(Code::McpUnknownToken, format!("token {token}"))
}

pub(super) fn cancelled_id_is_unknown(cancellation: &Unmatched<'_>) -> Option<Violation> {
    let id = cancellation.message.envelope.look.request_id.as_ref()?;
    violation(Code::McpUnknownCancel, format!("id {id}"))
}

/// The body of a GET, of a DELETE, or of a POST that held no request.
pub(super) fn response_is_stray(response: &Unmatched<'_>) -> Option<Violation> {
    let (transaction, envelope) = (response.transaction, response.message.envelope);
    let method = transaction.request()?.method();
    let status = transaction.status().map_or_else(String::new, |status| format!(", HTTP {status}"));
    violation(
        Code::McpStrayResponse,
        format!(
            "{} in the body that answers a {method} without a request{status}",
            id_text(envelope.id.as_ref())
        ),
    )
}

pub(super) fn token_type_is_changed(progress: &Unmatched<'_>) -> Option<Violation> {
    let token = progress.message.envelope.look.progress_token.as_ref()?;
    violation(
        Code::McpTypeChanged,
        format!("progress with the token {token}, the request gave {}: another JSON type", token.retyped()?),
    )
}

pub(super) fn cancelled_id_type_is_changed(cancellation: &Unmatched<'_>) -> Option<Violation> {
    let id = cancellation.message.envelope.look.request_id.as_ref()?;
    violation(
        Code::McpTypeChanged,
        format!("cancels id {id}, the request in flight has id {}: another JSON type", id.retyped()?),
    )
}

/// Each POST of such a client takes two round trips.
pub(super) fn post_is_redirected(redirect: &Redirect<'_>) -> Option<Violation> {
    let status = redirect.exchange.http_status?;
    let target = redirect.transaction.target()?;
    let method = &redirect.exchange.method;
    violation(Code::McpRedirected, format!("{method} is answered {status} and repeated at {target}"))
}

/// Progress increases with each notification (MCP, progress), and does not exceed its total.
/// Repeated values are let pass: they come with another text.
pub(super) fn progress_is_out_of_order(progress: &Progress<'_>) -> Option<Violation> {
    let look = &progress.message.envelope.look;
    let value = look.progress?;
    let Exchange { method, id, .. } = progress.exchange;
    if let Some(before) = progress.before.filter(|before| value < *before) {
        let detail = format!("{method} with id {id}: progress {value} after {before}");
        return violation(Code::McpProgressOrder, detail);
    }
    let total = look.total.filter(|total| *total > 0.0 && value > *total)?;
    violation(Code::McpProgressOrder, format!("{method} with id {id}: progress {value} of {total}"))
}

/// Progress stops with the response (MCP, progress, "Behavior requirements").
pub(super) fn progress_is_late(late: &Unmatched<'_>) -> Option<Violation> {
    let token = late.message.envelope.look.progress_token.as_ref()?;
    violation(Code::McpLateProgress, format!("progress with token {token} after the response"))
}
