//! Rules for the heads of requests and responses.

use super::super::transaction::{Transaction, Verb};
use super::rule::{FindingContext, Moment, Violation, violation};
use crate::base::{Code, Origin};

/// A transaction whose head was seen in packet `at`.
pub(in crate::mcp) struct Head<'a> {
    pub(in crate::mcp) transaction: &'a Transaction,
    pub(in crate::mcp) at: Origin,
}

impl Moment for Head<'_> {
    fn subject(&self) -> FindingContext {
        FindingContext { at: self.at, tcp_stream: self.transaction.key().0, ..FindingContext::default() }
    }
}

pub(super) fn session_id_is_folded(head: &Head<'_>) -> Option<Violation> {
    if !head.transaction.request()?.is_session_id_folded {
        return None;
    }
    violation(Code::McpSessionFolded, "Mcp-Session-Id holds one id twice: two fields folded to one")
}

/// The server does not know the session of the request.
pub(super) fn session_is_refused(head: &Head<'_>) -> Option<Violation> {
    let request = head.transaction.request()?;
    let id = request.session_id.as_ref()?;
    if head.transaction.status() != Some(404) || !matches!(request.verb, Verb::Post | Verb::Get) {
        return None;
    }
    violation(Code::McpSessionRefused, format!("session {id}: 404"))
}

pub(super) fn stream_has_unknown_owner(_: &Head<'_>) -> Option<Violation> {
    violation(Code::McpUnknownStream, "several sessions could own it")
}
