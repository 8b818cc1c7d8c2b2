//! Rules for a response and the request that it answers.

use super::super::exchange::Message;
use super::super::record::Exchange;
use super::super::transaction::Transaction;
use super::super::{method, revision};
use super::body::missing_members;
use super::exchange::of_exchange;
use super::message::Unmatched;
use super::rule::{FindingContext, Moment, Violation, violation};
use crate::base::{Code, Side};
use crate::rpc::{Id, Kind};

/// A response that was given to its exchange.
pub(in crate::mcp) struct Answer<'a> {
    pub(in crate::mcp) exchange: &'a Exchange,
    pub(in crate::mcp) message: Message<'a>,
    /// The connection that carried the response.
    pub(in crate::mcp) tcp_stream: u32,
    /// The exchange in which the server asked, if it was over before this answer.
    pub(in crate::mcp) parent: Option<u64>,
    /// The transaction of Streamable HTTP that carried the response; `None` if it is not known.
    pub(in crate::mcp) carrier: Option<&'a Transaction>,
}

/// A response with another id than the request that it answers.
pub(in crate::mcp) struct OtherId<'a> {
    pub(in crate::mcp) response: Unmatched<'a>,
    /// The id of the request.
    pub(in crate::mcp) asked: &'a Id,
    /// Number of such responses of the session that have the id 0, up to this one; 0 if it has
    /// another id.
    pub(in crate::mcp) zero_ids: u32,
}

impl Moment for Answer<'_> {
    fn subject(&self) -> FindingContext {
        let mut subject = of_exchange(self.exchange, self.message.span.end);
        subject.tcp_stream = self.tcp_stream;
        subject
    }
}

impl Moment for OtherId<'_> {
    fn subject(&self) -> FindingContext {
        self.response.subject()
    }
}

/// What the server asked while it worked on a request, answered when that was over.
pub(super) fn parent_is_over(answer: &Answer<'_>) -> Option<Violation> {
    let Exchange { method, id, .. } = answer.exchange;
    let parent = answer.parent?;
    violation(
        Code::McpAnsweredAfterParent,
        format!("{method} with id {id}: answered after exchange {parent}, in which it was asked, was over"),
    )
}

/// A response on the server's own stream, which is no resumption of the POST's.
pub(super) fn response_is_on_server_stream(answer: &Answer<'_>) -> Option<Violation> {
    let carrier = answer.carrier?;
    let is_server_stream = carrier.stream().is_some_and(|stream| stream.is_standalone());
    if !is_server_stream || carrier.request()?.last_event_id.is_some() {
        return None;
    }
    let Exchange { method, id, http_status, .. } = answer.exchange;
    let status = http_status.map_or_else(|| "not answered yet".to_owned(), |status| format!("HTTP {status}"));
    violation(
        Code::McpResponseOnGetStream,
        format!("{method} with id {id}: the POST was {status}, the response came on the GET stream"),
    )
}

/// A response on the stream of another POST than its request's.
pub(super) fn response_is_on_other_stream(answer: &Answer<'_>) -> Option<Violation> {
    let carrier = answer.carrier?;
    let Exchange { n, method, id, origin, .. } = answer.exchange;
    let is_other = carrier.is_post()
        && carrier.stream().is_some()
        && !carrier.requests().is_empty()
        && !carrier.requests().contains(n);
    if *origin == Side::Server || !is_other || carrier.request()?.last_event_id.is_some() {
        return None;
    }
    violation(
        Code::McpResponseOnOtherStream,
        format!("{method} with id {id}: the response came on the stream of another POST"),
    )
}

/// A result under a status that says that the request failed, or a response under one that says
/// that there is none.
pub(super) fn result_is_refused(answer: &Answer<'_>) -> Option<Violation> {
    let status = answer.carrier?.status().filter(|status| *status >= 400 || *status == 202)?;
    let Exchange { method, id, origin, .. } = answer.exchange;
    let is_result = answer.message.envelope.kind == Kind::Response;
    if *origin == Side::Server || !(is_result || status == 202) {
        return None;
    }
    let what = if is_result { "a result" } else { "an error" };
    violation(Code::McpResultRefused, format!("{method} with id {id}: {what} under HTTP {status}"))
}

/// One number in another spelling: `1` asked, `1.0` answered.
pub(super) fn id_is_spelled_otherwise(answer: &Answer<'_>) -> Option<Violation> {
    let (asked, answered) = (&answer.exchange.id, answer.message.envelope.id.as_ref()?);
    // Nearly all ids are integers in their shortest spelling.
    let is_spelled_alike = matches!((asked, answered), (Id::Int(_), Id::Int(_)));
    if asked != answered || is_spelled_alike || asked.json() == answered.json() {
        return None;
    }
    violation(Code::McpIdSpelling, format!("asked with id {asked}, answered with id {answered}"))
}

/// The server answers `initialize` with a revision that MCP does not have.
pub(super) fn revision_is_unknown(answer: &Answer<'_>) -> Option<Violation> {
    let version = answer.message.envelope.look.protocol_version.as_deref()?;
    let is_initialized = method::is_initialize(&answer.exchange.method)
        && answer.message.envelope.kind == Kind::Response
        && !revision::is_known(version);
    if !is_initialized {
        return None;
    }
    violation(Code::McpRevisionUnknown, format!("the server answers with revision {version}"))
}

/// The server answers `initialize` without what its result must have (MCP, lifecycle,
/// "Initialization").
pub(super) fn initialized_is_incomplete(answer: &Answer<'_>) -> Option<Violation> {
    let envelope = answer.message.envelope;
    let look = &envelope.look;
    if !method::is_initialize(&answer.exchange.method) || envelope.kind != Kind::Response {
        return None;
    }
    let missing = missing_members(look, "serverInfo", look.server_info.is_some())?;
    violation(Code::McpInitializeIncomplete, format!("the result of initialize is without {missing}"))
}

/// The input schema of each tool is an object of the type `object` (MCP, tools, "Tool").
pub(super) fn tool_has_no_schema(answer: &Answer<'_>) -> Option<Violation> {
    let listing = answer.message.envelope.look.listing.as_ref()?;
    let name = listing.without_schema.as_deref()?;
    violation(Code::McpToolSchema, format!("the inputSchema of the tool {name} is no object schema"))
}

/// Reported once for each session, at the second such response.
pub(super) fn ids_are_always_zero(other: &OtherId<'_>) -> Option<Violation> {
    if other.zero_ids != 2 {
        return None;
    }
    violation(Code::McpIdZeroAlways, "responses with the id 0 to requests with other ids")
}

pub(super) fn id_is_changed(other: &OtherId<'_>) -> Option<Violation> {
    let answered = other.response.message.envelope.id.as_ref().unwrap_or(&Id::Null);
    violation(Code::McpIdChanged, format!("asked with id {}, answered with id {answered}", other.asked))
}
