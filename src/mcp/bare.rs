//! HTTP transactions that carry no message: which of them are MCP, and their record.

use super::heads::RequestHead;
use super::record::Record;
use super::rules::{self, EndedTransaction, RULES};
use super::tables::Tables;
use super::transaction::{Transaction, TransactionEnd};
use crate::base::{Origin, ResponseEnd, Side};

/// Checks the rules for a transaction that is over, and emits it if it is HTTP without a message.
/// `at` is the packet that shows that nothing more of it is to come.
pub(super) fn close(transaction: &Transaction, end: TransactionEnd, at: Origin, tables: &mut Tables<'_>) {
    let Some(request) = transaction.request() else { return };
    let is_bare = transaction.is_bare();
    let has_no_request = transaction.has_messages(Side::Client) && transaction.requests().is_empty();
    if !(is_bare || has_no_request) {
        return;
    }
    let path_is_known = || tables.sessions.is_served(transaction.peers(), Some(&request.path));
    let is_mcp = transaction.session().is_some()
        || request.has_mcp_header()
        || is_endpoint(request)
        || path_is_known();
    let session = transaction.session().and_then(|index| tables.sessions.get(index));
    let ended = EndedTransaction { transaction, end, session, at, is_mcp };
    let before = tables.sink.findings.len();
    rules::check(RULES.ended_transaction, &ended, tables.sink.findings);
    let findings = tables.sink.findings.list().iter().skip(before).map(|finding| finding.code).collect();
    if !is_bare || !(is_mcp || is_shown(transaction, request, tables)) {
        return;
    }
    let session_reference = session.map(|session| session.reference().clone());
    // A router without the route does not answer in JSON-RPC.
    let is_page = !transaction.has_messages(Side::Server);
    let no_route = rules::violations(RULES.route_unknown, &ended).next();
    if let (Some(index), Some(finding)) = (transaction.session(), no_route) {
        tables.sessions.doubts().explain(index, finding, is_page);
    }
    if let Some(mut record) = transaction.record(end, why(transaction, end)) {
        record.session = session_reference;
        record.findings = findings;
        tables.sink.out.push(Record::Transaction(Box::new(record)));
    }
}

/// Whether the path is the one that MCP servers have by custom.
fn is_endpoint(request: &RequestHead) -> bool {
    request.accepts_events && matches!(request.path.rsplit('/').next(), Some("mcp" | "sse"))
}

/// Whether a transaction is listed though nothing in it is MCP's alone.
fn is_shown(transaction: &Transaction, request: &RequestHead, tables: &Tables<'_>) -> bool {
    let accepts = if transaction.is_post() { request.accepts_both } else { request.accepts_events };
    accepts || (request.is_authorization() && tables.sessions.is_served(transaction.peers(), None))
}

/// What became of a transaction, in words.
fn why(transaction: &Transaction, end: TransactionEnd) -> String {
    let mut why = Vec::new();
    if transaction.is_post() {
        let is_complete = transaction.has_request_body();
        why.push(if is_complete { "no message in the request" } else { "the request is not complete" });
    }
    match (transaction.status(), end.how) {
        (Some(_), _) => why.extend(transaction.body_text()),
        (None, ResponseEnd::Open) if end.at.is_some() => why.push("no response was read: too much was open"),
        (None, ResponseEnd::Open) => why.push("no response before the capture ended"),
        (None, ResponseEnd::ClosedBy(Side::Client)) => why.push("no response: the client closed"),
        (None, ResponseEnd::ResetBy(Side::Client)) => why.push("no response: the client reset"),
        (None, ResponseEnd::ResetBy(Side::Server)) => why.push("no response: the server reset"),
        (None, ResponseEnd::ClosedBy(Side::Server) | ResponseEnd::Complete) => {
            why.push("no response: the server closed");
        }
    }
    why.join("; ")
}
