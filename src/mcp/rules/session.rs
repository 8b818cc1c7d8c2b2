//! Rules for sessions and their streams.

use super::super::costly::CostlySessions;
use super::super::heads::Verb;
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
        FindingContext { at: self.end, tcp_stream: self.transaction.key().0, ..FindingContext::default() }
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
    if !is_legacy || !is_whole || !is_mcp || stream.has_endpoint() || over.has_client {
        return None;
    }
    let events = stream.events;
    let word = if events == 1 { "event" } else { "events" };
    violation(
        Code::McpNoEndpoint,
        format!("{} carried {events} {word} and no endpoint event", request.target),
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
