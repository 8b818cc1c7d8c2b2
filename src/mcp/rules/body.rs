//! Rules for bodies that carry MCP.

use super::super::session::SessionState;
use super::super::transaction::Transaction;
use super::super::{method, revision};
use super::rule::{FindingContext, Moment, Violation, violation};
use crate::base::{Code, text, units};
use crate::rpc::{Envelope, Kind, Look, Parsed};

/// A body that carries MCP.
pub(in crate::mcp) struct Body<'a> {
    pub(in crate::mcp) transaction: &'a Transaction,
    /// `None` if the session was evicted.
    pub(in crate::mcp) session: Option<&'a SessionState>,
    pub(in crate::mcp) parsed: &'a Parsed,
    /// The exchange of the POST, if it carried exactly one request.
    pub(in crate::mcp) exchange: Option<u64>,
}

impl Moment for Body<'_> {
    fn subject(&self) -> FindingContext {
        FindingContext {
            at: self.parsed.span.end,
            tcp_stream: self.transaction.key().0,
            session: self.session.map(SessionState::number),
            exchange: self.exchange,
        }
    }
}

pub(super) fn method_header_differs(body: &Body<'_>) -> Option<Violation> {
    let [envelope] = &*body.parsed.envelopes else { return None };
    let header = body.transaction.request()?.mcp_method.as_deref();
    if header.is_none() && envelope.look.meta_version.is_none() {
        return None;
    }
    header_differs("Mcp-Method", header, envelope.method.as_deref())
        .or_else(|| header_is_missing(body, "Mcp-Method", header, envelope.method.as_deref()))
}

pub(super) fn name_header_differs(body: &Body<'_>) -> Option<Violation> {
    let [envelope] = &*body.parsed.envelopes else { return None };
    let header = body.transaction.request()?.mcp_name.as_deref();
    if header.is_none() && envelope.look.meta_version.is_none() {
        return None;
    }
    let method = envelope.method.as_deref();
    let name = envelope.look.name.as_deref().or(envelope.look.uri.as_deref());
    // The Tasks extension has it repeat the id of the task.
    let name = name.or(envelope.look.task.as_deref().filter(|_| method.is_some_and(method::is_task)));
    header_differs("Mcp-Name", header, name).or_else(|| {
        let named = name.filter(|_| method.is_some_and(|it| method::is_call(it) || method::is_task(it)));
        header_is_missing(body, "Mcp-Name", header, named)
    })
}

pub(super) fn version_header_differs(body: &Body<'_>) -> Option<Violation> {
    let [envelope] = &*body.parsed.envelopes else { return None };
    let version = Some(envelope.look.meta_version.as_deref()?);
    let header = body.transaction.request()?.protocol_version.as_deref();
    header_differs("MCP-Protocol-Version", header, version)
        .or_else(|| header_is_missing(body, "MCP-Protocol-Version", header, version))
}

/// A request of MCP 2026-07-28 without a header that repeats its body (transports, "Standard
/// request headers").
fn header_is_missing(
    body: &Body<'_>,
    field: &str,
    header: Option<&str>,
    value: Option<&str>,
) -> Option<Violation> {
    let [envelope] = &*body.parsed.envelopes else { return None };
    // First, since nearly no request names such a revision.
    if header.is_some() || !envelope.look.meta_version.as_deref().is_some_and(revision::is_stateless) {
        return None;
    }
    // A client of HTTP+SSE, or one that asks what the server speaks, need not send them.
    let is_probe = envelope.method.as_deref().is_some_and(method::opens_session);
    let is_http_sse = body.session.is_some_and(SessionState::is_http_sse);
    let is_due = envelope.kind == Kind::Request && !is_probe && !is_http_sse;
    let value = value?;
    if !is_due || body.transaction.lacks_fields() {
        return None;
    }
    violation(Code::McpHeaderMismatch, format!("{field} is missing, the body has {value}"))
}

/// Since MCP 2025-06-18 a client names the negotiated revision with every request (transports,
/// "Protocol version header").
pub(super) fn negotiated_version_differs(body: &Body<'_>) -> Option<Violation> {
    let (session, request) = (body.session?, body.transaction.request()?);
    let negotiated = session.protocol_version().map(|version| &**version)?;
    let named = request.protocol_version.as_deref().filter(|named| *named != negotiated)?;
    let envelope = body.parsed.envelopes.first()?;
    let opens = envelope.method.as_deref().is_some_and(method::opens_session);
    let is_known =
        session.lifecycle().is_initialize_seen() && session.is_streamable_http() && session.has_id();
    if !is_known || opens || revision::is_stateless(negotiated) || envelope.look.meta_version.is_some() {
        return None;
    }
    violation(Code::McpVersionHeader, format!("MCP-Protocol-Version is {named}, {negotiated} was negotiated"))
}

/// A header that repeats a value of the body (MCP 2026-07-28).
pub(super) fn header_differs(field: &str, header: Option<&str>, body: Option<&str>) -> Option<Violation> {
    let (header, body) = (text::decoded_header(header?), body?);
    if header == body {
        return None;
    }
    violation(Code::McpHeaderMismatch, format!("{field} is {header}, the body has {body}"))
}

/// `initialize` has a revision, capabilities and the client's name (MCP, lifecycle,
/// "Initialization").
pub(super) fn initialize_is_incomplete(body: &Body<'_>) -> Option<Violation> {
    let is_it = |envelope: &&Envelope| {
        envelope.kind == Kind::Request && envelope.method.as_deref().is_some_and(method::is_initialize)
    };
    let look = &body.parsed.envelopes.iter().find(is_it)?.look;
    let missing = missing_members(look, "clientInfo", look.client_info.is_some())?;
    violation(Code::McpInitializeIncomplete, format!("initialize without {missing}"))
}

/// The members that `initialize` and its result must have, and this message lacks.
pub(super) fn missing_members(look: &Look, info: &str, has_info: bool) -> Option<String> {
    let members = [
        ("protocolVersion", look.protocol_version.is_some()),
        ("capabilities", look.has_capabilities),
        (info, has_info),
    ];
    let missing: Vec<_> =
        members.into_iter().filter(|(_, is_there)| !is_there).map(|(name, _)| name).collect();
    (!missing.is_empty()).then(|| missing.join(", "))
}

/// The server gave the client an id, and the client does not send it back.
pub(super) fn session_id_is_missing(body: &Body<'_>) -> Option<Violation> {
    let session = body.session?;
    if body.transaction.request()?.session_id.is_some() {
        return None;
    }
    let method = body.parsed.envelopes.first()?.method.as_deref()?;
    let id = session.reference().id.as_ref()?;
    if body.transaction.lacks_fields() || session.is_http_sse() || method::opens_session(method) {
        return None;
    }
    violation(Code::McpSessionIdMissing, format!("{method} without the session id {id}"))
}

/// The request is JSON-RPC and declared as something else.
pub(super) fn request_has_other_media_type(body: &Body<'_>) -> Option<Violation> {
    let request = body.transaction.request()?;
    has_other_media_type(body, request.is_json, request.other_media_type.as_deref())
}

/// The response holds the answer to a request, and is declared as something else than JSON.
pub(super) fn response_has_other_media_type(body: &Body<'_>) -> Option<Violation> {
    if !body.transaction.answers_requests() {
        return None;
    }
    let response = body.transaction.response()?;
    has_other_media_type(body, response.is_json, response.other_media_type())
}

fn has_other_media_type(body: &Body<'_>, is_json: bool, other: Option<&str>) -> Option<Violation> {
    if is_json
        || (other.is_none() && body.transaction.lacks_fields())
        || !body.parsed.envelopes.iter().any(|envelope| envelope.has_version)
    {
        return None;
    }
    let detail = match other {
        Some(other) => format!("JSON-RPC that is declared as {other}"),
        None => "JSON-RPC without a Content-Type".to_owned(),
    };
    violation(Code::HttpMediaType, detail)
}

pub(super) fn batch_is_outside_its_revision(body: &Body<'_>) -> Option<Violation> {
    let version = body.session?.protocol_version()?;
    // What only begins like a batch is none: `[DONE]`.
    if **version == *revision::BATCHES || body.parsed.envelopes.is_empty() {
        return None;
    }
    let messages = body.parsed.envelopes.len();
    violation(
        Code::McpBatch,
        format!("{} in a batch, under {version}", units::several(messages as u64, "message")),
    )
}
