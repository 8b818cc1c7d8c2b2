//! Rules for sessions and their streams.

use super::super::costly::CostlySessions;
use super::super::heads::Verb;
use super::super::revision;
use super::super::session::SessionState;
use super::super::transaction::Transaction;
use super::rule::{FindingContext, Moment, Violation, violation};
use crate::base::{Code, Finding, Findings, Origin};

/// An `endpoint` event.
pub(in crate::mcp) struct Endpoint<'a> {
    pub(in crate::mcp) transaction: &'a Transaction,
    pub(in crate::mcp) session: &'a SessionState,
    /// Host and port that the event names; `None` if it names only a path.
    pub(in crate::mcp) authority: Option<&'a str>,
    pub(in crate::mcp) at: Origin,
}

/// A transaction that is over, in packet `end`; its response may be an event stream.
pub(in crate::mcp) struct StreamOver<'a> {
    pub(in crate::mcp) transaction: &'a Transaction,
    /// Its session; `None` if it is not known.
    pub(in crate::mcp) session: Option<&'a SessionState>,
    /// Whether its client has a session with its server.
    pub(in crate::mcp) has_client: bool,
    pub(in crate::mcp) end: Origin,
}

impl Moment for Endpoint<'_> {
    fn subject(&self) -> FindingContext {
        FindingContext {
            at: self.at,
            tcp_stream: self.transaction.key().0,
            session: Some(self.session.number()),
            exchange: None,
        }
    }
}

impl Moment for StreamOver<'_> {
    fn subject(&self) -> FindingContext {
        let response = self.transaction.end().and_then(|end| end.span);
        FindingContext {
            at: response.map_or(self.end, |span| span.end),
            tcp_stream: self.transaction.key().0,
            session: self.session.map(SessionState::number),
            exchange: self.transaction.requests().first().copied(),
        }
    }
}

/// Clients reject an endpoint of another origin than their stream's: behind a proxy it is the
/// server's own address, which they may not reach.
pub(super) fn endpoint_has_other_origin(endpoint: &Endpoint<'_>) -> Option<Violation> {
    let named = endpoint.authority?;
    let host = endpoint.transaction.request()?.host.as_deref()?;
    if without_default_port(named).eq_ignore_ascii_case(without_default_port(host)) {
        return None;
    }
    violation(
        Code::McpEndpointOrigin,
        format!("the stream was requested from {host}, its endpoint is at {named}"),
    )
}

/// An authority without the port that its scheme implies.
fn without_default_port(authority: &str) -> &str {
    authority.strip_suffix(":80").or_else(|| authority.strip_suffix(":443")).unwrap_or(authority)
}

/// A stream on which an HTTP+SSE client waits for its endpoint.
pub(super) fn endpoint_is_missing(over: &StreamOver<'_>) -> Option<Violation> {
    let request = over.transaction.request()?;
    let stream = over.transaction.stream()?;
    let is_legacy = request.verb == Verb::Get
        && request.session_id.is_none()
        && request.protocol_version.is_none()
        && request.last_event_id.is_none();
    let is_whole = over.transaction.degraded().and(over.transaction.gaps()).is_none();
    let name = request.path.rsplit('/').next().unwrap_or_default();
    let is_mcp = ["mcp", "sse"].iter().any(|word| name.eq_ignore_ascii_case(word));
    if !is_legacy
        || !is_whole
        || !is_mcp
        || stream.has_endpoint()
        || stream.channel().is_some()
        || over.has_client
    {
        return None;
    }
    let events = stream.events;
    let word = if events == 1 { "event" } else { "events" };
    violation(
        Code::McpNoEndpoint,
        format!("{} carried {events} {word} and no endpoint event", request.target),
    )
}

/// A 401 names how to authenticate (RFC 9110 section 15.5.2); in MCP also where the metadata of the
/// resource is (MCP 2025-06-18, authorization, "Authorization server location").
pub(super) fn challenge_is_missing(over: &StreamOver<'_>) -> Option<Violation> {
    let (request, response) = (over.transaction.request()?, over.transaction.response()?);
    let is_mcp = over.session.is_some() && !over.transaction.requests().is_empty();
    if response.status? != 401 || !is_mcp || response.has_challenge || over.transaction.lacks_fields() {
        return None;
    }
    violation(
        Code::McpNoChallenge,
        format!("{} {}: 401 without WWW-Authenticate", request.method(), request.path),
    )
}

/// A browser hides header fields from the script of another origin unless the response exposes
/// them.
pub(super) fn session_id_is_hidden(over: &StreamOver<'_>) -> Option<Violation> {
    let (request, response) = (over.transaction.request()?, over.transaction.response()?);
    let is_known = !over.transaction.lacks_fields();
    if !(is_known && request.is_cross_origin && response.hides_session_id) || request.session_id.is_some() {
        return None;
    }
    violation(
        Code::McpSessionIdHidden,
        "Mcp-Session-Id is not in Access-Control-Expose-Headers, and the client is a page of another origin",
    )
}

/// A POST of Streamable HTTP accepts JSON and event streams, a GET event streams (MCP 2025-03-26,
/// transports); servers answer 406 to one that does not.
pub(super) fn accept_is_incomplete(over: &StreamOver<'_>) -> Option<Violation> {
    let request = over.transaction.request()?;
    let is_mcp = over.session.is_some() && (over.transaction.is_post() || request.verb == Verb::Get);
    if over.transaction.status()? != 406 || !is_mcp || over.transaction.lacks_fields() {
        return None;
    }
    let missing = match request.verb {
        Verb::Post if !request.accepts_events => "text/event-stream",
        Verb::Post if !request.accepts_both => "application/json",
        Verb::Get if !request.accepts_events => "text/event-stream",
        _ => return None,
    };
    violation(
        Code::McpNotAcceptable,
        format!("{} {}: 406, Accept lacks {missing}", request.method(), request.path),
    )
}

/// A server gives out an id with the response to `initialize`, and no other one later.
pub(super) fn session_id_is_changed(over: &StreamOver<'_>) -> Option<Violation> {
    let (request, response) = (over.transaction.request()?, over.transaction.response()?);
    let (asked, given) = (request.session_id.as_ref()?, response.session_id.as_ref()?);
    if asked == given || !(200..300).contains(&response.status?) {
        return None;
    }
    violation(Code::McpSessionIdChanged, format!("asked with session id {asked}, answered with {given}"))
}

/// Since MCP 2025-06-18 a client names the negotiated revision with every request, and servers may
/// refuse one that does not.
pub(super) fn revision_is_not_named(over: &StreamOver<'_>) -> Option<Violation> {
    const FIRST: &str = "2025-06-18";
    if over.transaction.status()? != 400 || !over.transaction.is_post() {
        return None;
    }
    let (session, request) = (over.session?, over.transaction.request()?);
    let negotiated = session.protocol_version().map(|version| &**version)?;
    let is_due = session.lifecycle().is_initialize_seen()
        && session.is_streamable_http()
        && request.session_id.is_some();
    let is_named = request.protocol_version.is_some() || over.transaction.lacks_fields();
    let is_old = negotiated < FIRST || revision::is_stateless(negotiated);
    if !is_due || is_named || is_old {
        return None;
    }
    let is_reason =
        over.transaction.body_text().is_some_and(|text| text.to_ascii_lowercase().contains("version"));
    if !is_reason {
        return None;
    }
    violation(
        Code::McpVersionHeader,
        format!("answered 400, without MCP-Protocol-Version; {negotiated} was negotiated"),
    )
}

/// Adds that a client opens a session for each call.
pub(in crate::mcp) fn add_costly(costly: &CostlySessions, findings: &mut Findings) {
    let CostlySessions { first, at, sessions, calls } = costly;
    let path = first.path.as_deref().unwrap_or_default();
    let (client, server) = (first.client.ip(), first.server);
    findings.push(Finding {
        code: Code::McpSessionPerCall,
        at: Some(*at),
        tcp_stream: None,
        session: Some(first.number),
        exchange: None,
        count: 1,
        detail: format!("{sessions} sessions for {calls} calls from {client} to {server}{path}"),
    });
}
