//! Rules for the heads of requests and responses.

use super::super::heads::Verb;
use super::super::method;
use super::super::session::SessionState;
use super::super::transaction::Transaction;
use super::rule::{FindingContext, Moment, Violation, violation};
use super::session::StreamOver;
use crate::base::{Code, Origin};

/// A transaction whose head was seen in packet `at`.
pub(in crate::mcp) struct Head<'a> {
    pub(in crate::mcp) transaction: &'a Transaction,
    /// `None` if it is not known yet, or was evicted.
    pub(in crate::mcp) session: Option<&'a SessionState>,
    pub(in crate::mcp) at: Origin,
}

impl Moment for Head<'_> {
    fn subject(&self) -> FindingContext {
        FindingContext {
            at: self.at,
            tcp_stream: self.transaction.key().0,
            session: self.session.map(SessionState::number),
            exchange: self.transaction.requests().first().copied(),
        }
    }
}

pub(super) fn session_id_is_folded(head: &Head<'_>) -> Option<Violation> {
    if !head.transaction.request()?.is_session_id_folded {
        return None;
    }
    violation(Code::McpSessionFolded, "Mcp-Session-Id holds one id twice: two fields folded to one")
}

/// The server does not know the session of a POST. An error about the request itself says nothing
/// about the session, and is known when the response is over.
pub(super) fn session_is_refused(over: &StreamOver<'_>) -> Option<Violation> {
    let StreamOver { transaction, session, end, .. } = *over;
    if !matches!(transaction.status()?, 400 | 404)
        || !transaction.is_post()
        || transaction.is_error_of_request()
    {
        return None;
    }
    refusal(&Head { transaction, session, at: end })
}

/// A client goes on with a session that its server does not know: it has to open a new one
/// (MCP 2025-03-26, transports, "Session Management"). One request may be on its way when the first
/// is refused. Reported once, and not where another address serves the session, perhaps behind a
/// balancer.
pub(super) fn session_is_kept(over: &StreamOver<'_>) -> Option<Violation> {
    let session = over.session?;
    if session.served().refused_again() != 1 {
        return None;
    }
    let server = over.transaction.peers().server;
    let is_elsewhere =
        session.served().by().iter().any(|other| *other != server) || !session.legs().others().is_empty();
    let is_refused = over.transaction.refuses_session() && session_is_refused(over).is_some();
    if is_elsewhere || !is_refused {
        return None;
    }
    let id = session.reference().id.as_ref()?;
    violation(Code::McpSessionKept, format!("session {id} is used on after it was answered 404"))
}

/// The server does not know the session of a GET, or it has no event streams.
pub(super) fn stream_is_refused(head: &Head<'_>) -> Option<Violation> {
    if head.transaction.verb() == Some(Verb::Get) { refusal(head) } else { None }
}

/// 404 to a request of a session that the client did not delete; also 400, where another address
/// serves the session.
fn refusal(head: &Head<'_>) -> Option<Violation> {
    let (session, status) = (head.session?, head.transaction.status()?);
    if !matches!(status, 400 | 404) {
        return None;
    }
    let server = head.transaction.peers().server;
    let is_named = head.transaction.request()?.session_id.is_some();
    let is_sse_post = session.is_http_sse() && !session.served().by().is_empty();
    if !(is_named || is_sse_post) || is_after_deletion(head) {
        return None;
    }
    let id = session.reference().id.as_ref()?;
    match session.served().by().iter().find(|other| **other != server) {
        Some(other) if !session.served().by().contains(&server) => violation(
            Code::McpSessionRefused,
            format!("session {id} of {other} is unknown to {server}: {status}"),
        ),
        _ if status == 404 => violation(Code::McpSessionRefused, format!("session {id}: 404")),
        _ => None,
    }
}

/// The client uses a session that it deleted.
pub(super) fn session_is_deleted(head: &Head<'_>) -> Option<Violation> {
    let deleted = head.session?.deletion().answered()?;
    let request = head.transaction.request()?;
    let is_known = !head.transaction.lacks_request_fields();
    if !is_known || !is_after_deletion(head) || !matches!(request.verb, Verb::Post | Verb::Get) {
        return None;
    }
    let (status, method) = (head.transaction.status()?, request.method());
    violation(
        Code::McpUsedAfterDeletion,
        format!("{method} after the client deleted the session (packet {}): {status}", deleted.mention()),
    )
}

/// A client of Streamable HTTP begins with another request than `initialize`, and the server
/// refuses it. Clients that initialized before the capture name the revision, or a session.
pub(super) fn session_is_not_initialized(head: &Head<'_>) -> Option<Violation> {
    if head.transaction.status()? != 400 {
        return None;
    }
    let (session, request) = (head.session?, head.transaction.request()?);
    let method = session.only_method()?;
    let is_first = !session.has_id() && !session.is_http_sse() && session.protocol_version().is_none();
    let names_nothing = request.session_id.is_none() && request.protocol_version.is_none();
    let needs_initialize = !method::opens_session(method) && method != method::PING;
    let is_known = !head.transaction.lacks_fields();
    if !(is_known && is_first && names_nothing && needs_initialize) {
        return None;
    }
    violation(Code::McpNoInitialize, format!("the first request is {method}, and is answered 400"))
}

/// Whether the request began after the client's DELETE was answered.
fn is_after_deletion(head: &Head<'_>) -> bool {
    let deleted = head.session.and_then(|session| session.deletion().answered());
    let begin = head.transaction.request_span().map(|span| span.start.packet);
    deleted.zip(begin).is_some_and(|(deleted, begin)| begin > deleted)
}

/// The first POST of an HTTP+SSE session goes to a target that the server does not have.
pub(super) fn endpoint_is_not_found(head: &Head<'_>) -> Option<Violation> {
    if head.transaction.status()? != 404 || !head.transaction.is_post() {
        return None;
    }
    let session = head.session?;
    let target = head.transaction.target()?;
    let is_first = session.is_http_sse() && session.served().by().is_empty() && session.has_open_stream();
    if !is_first {
        return None;
    }
    let target = target.split('?').next().unwrap_or_default();
    let lost =
        session.reference().path.as_deref().and_then(folder).filter(|folder| !target.starts_with(folder));
    let detail = match lost {
        Some(folder) => format!(
            "{target} is announced and answered 404; the stream is under {folder}, which the \
             announced target lacks"
        ),
        None => format!("{target} is announced and answered 404"),
    };
    violation(Code::McpEndpointNotFound, detail)
}

/// The folder of a path, with its slash; `None` if it is the root.
fn folder(path: &str) -> Option<&str> {
    path.rfind('/').and_then(|slash| path.get(..=slash)).filter(|folder| folder.len() > 1)
}

pub(super) fn stream_has_unknown_owner(_: &Head<'_>) -> Option<Violation> {
    violation(Code::McpUnknownStream, "several sessions could own it")
}
