//! What MCP and JSON-RPC demand, held against what was seen.

use std::borrow::Cow;

use base64::prelude::{BASE64_STANDARD, Engine as _};

use super::exchange::OpenExchange;
use super::message::described;
use super::session::{SessionIndex, SessionState, Sessions, Stream};
use super::tracker::{Found, HeldResponse, Tracker, about};
use super::transaction::{Response, Transaction, TransactionKey, Verb};
use super::{Cause, Id, Side, Status, Transport, method};
use crate::base::{Code, Degraded, Finding, Findings, Origin};
use crate::rpc::Parsed;

/// A body or event that is known to be MCP's: its faults, and those of its messages.
pub(super) fn parsed(key: TransactionKey, parsed: &Parsed, findings: &mut Findings) {
    let inner = parsed.envelopes.iter().flat_map(|envelope| &envelope.faults);
    for fault in parsed.faults.iter().chain(inner) {
        findings.push(about(fault.code, parsed.span.end, key, fault.detail.clone().into_owned()));
    }
}

/// Headers of a POST that repeat its body (MCP 2026-07-28).
pub(super) fn request(transaction: Option<&Transaction>, parsed: &Parsed, findings: &mut Findings) {
    let Some(transaction) = transaction else { return };
    let ([envelope], (method, name)) = (&*parsed.envelopes, &transaction.repeats) else {
        return;
    };
    let look = &envelope.look;
    let body_name = look.name.as_deref().or(look.uri.as_deref());
    let pairs = [
        ("Mcp-Method", method.as_deref(), envelope.method.as_deref()),
        ("Mcp-Name", name.as_deref(), body_name),
        ("MCP-Protocol-Version", transaction.version.as_deref(), look.meta_version.as_deref()),
    ];
    for (field, header, body) in pairs {
        if let (Some(header), Some(body)) = (header, body) {
            let header = decoded(header);
            if header != body {
                let detail = format!("{field} is {header}, the body has {body}");
                findings.push(about(Code::McpHeaderMismatch, parsed.span.end, transaction.key, detail));
            }
        }
    }
}

/// A header value of MCP 2026-07-28: what is not ASCII is carried as `=?base64?…?=`.
fn decoded(value: &str) -> Cow<'_, str> {
    let coded = value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?="));
    let bytes = coded.and_then(|coded| BASE64_STANDARD.decode(coded).ok());
    match bytes.and_then(|bytes| String::from_utf8(bytes).ok()) {
        Some(text) => Cow::Owned(text),
        None => Cow::Borrowed(value),
    }
}

/// Batches outside of 2025-03-26.
pub(super) fn batch(
    state: Option<&SessionState>,
    key: TransactionKey,
    parsed: &Parsed,
    findings: &mut Findings,
) {
    let version = state.and_then(|state| state.told.protocol_version.as_deref());
    if let Some(version) = version.filter(|version| *version != "2025-03-26") {
        let detail = format!("{} messages in a batch, under {version}", parsed.envelopes.len());
        findings.push(about(Code::McpBatch, parsed.span.end, key, detail));
    }
}

/// A new exchange, before it is counted among the outstanding.
pub(super) fn opened(
    state: &mut SessionState,
    open: &mut OpenExchange,
    found: &Found<'_>,
    findings: &mut Findings,
) {
    let told = &mut open.told;
    let mut note = |code, detail: String, findings: &mut Findings| {
        findings.push(Finding {
            session: Some(state.told.session.number),
            exchange: Some(told.n),
            ..about(code, found.span.end, found.carrier, detail)
        });
        told.findings.push(code);
    };
    let id = (found.from, found.envelope.id.clone().unwrap_or(Id::Null));
    // Stateless servers see the ids of several clients (design: «which session»).
    if state.told.session.id.is_some() && id.1 != Id::Null && state.outstanding.contains_key(&id) {
        note(Code::McpIdReused, format!("id {}", id.1), findings);
    }
    if let Some(token) = &open.token
        && state.told.session.id.is_some()
        && state.tokens.contains_key(&(found.from, token.clone()))
    {
        note(Code::McpTokenCollision, format!("token {token}"), findings);
    }
    let first = !state.initialized && state.told.exchanges == 1;
    let whole = state.told.degraded.is_none() && matches!(state.stream, Stream::Open(_));
    let method = found.envelope.method.as_deref().unwrap_or_default();
    let works = !method::is_initialize(method) && method != "ping" && found.from == Side::Client;
    if first && whole && works && state.told.session.transport == Transport::HttpSse {
        note(Code::McpNoInitialize, format!("the first request is {method}"), findings);
    }
}

/// The head of a response.
pub(super) fn responded(transaction: &Transaction, response: &Response, at: Origin, findings: &mut Findings) {
    if let (Some(404), Some(id), Verb::Post | Verb::Get) =
        (response.status, &transaction.session_id, transaction.verb)
    {
        Tracker::refused(transaction.key, at, id, findings);
    }
}

/// An exchange that is told.
pub(super) fn completed(
    sessions: &mut Sessions,
    open: &mut OpenExchange,
    at: Origin,
    findings: &mut Findings,
) {
    let told = &mut open.told;
    let mut note = |code, detail: String| {
        findings.push(Finding {
            code,
            at: Some(at),
            tcp_stream: Some(told.tcp_stream),
            session: Some(told.session.number),
            exchange: Some(told.n),
            detail,
        });
    };
    if told.status == Status::Unanswered && told.degraded.is_none() {
        let code = if told.cause == Some(Cause::NoStream) { Code::McpNoStream } else { Code::McpUnanswered };
        let cause = told.cause.map_or("", Cause::name);
        note(code, format!("{} with id {}: {cause}", told.method, told.id));
        told.findings.push(code);
    }
    for code in [Code::McpPostRepeated, Code::McpLateResponse] {
        if told.findings.contains(&code) {
            note(code, format!("{} with id {}", told.method, told.id));
        }
    }
    if let Some(other) = seen_twice(sessions, open.place, open) {
        let told = &open.told;
        findings.push(Finding {
            code: Code::McpSeenTwice,
            at: Some(at),
            tcp_stream: Some(told.tcp_stream),
            session: Some(told.session.number),
            exchange: Some(told.n),
            detail: format!(
                "s{} and s{} are one session on the way",
                other.min(told.session.number),
                other.max(told.session.number)
            ),
        });
    }
}

/// The number of the session that says the same at the same time under other addresses; once for each pair.
fn seen_twice(sessions: &mut Sessions, place: SessionIndex, open: &OpenExchange) -> Option<u32> {
    let twin_place = sessions.get(place).filter(|state| !state.twin_told)?.twin?;
    let twin = sessions.get(twin_place).filter(|twin| !twin.twin_told)?;
    let start = open.told.request.span.start.time;
    let number = twin.told.session.number;
    twin.done.iter().find(|done| done.says(&open.told) && start.since(done.start).abs() < SAME_TIME)?;
    for place in [place, twin_place] {
        if let Some(state) = sessions.get_mut(place) {
            state.twin_told = true;
        }
    }
    Some(number)
}

/// How far two copies of one message may be apart, in nanoseconds: a proxy's delay.
const SAME_TIME: i64 = 1_000_000_000;

/// A response that answers nothing.
pub(super) fn orphan(state: &mut SessionState, held: &HeldResponse, why: Degraded, findings: &mut Findings) {
    let number = Some(state.told.session.number);
    let mut detail = described(&held.envelope);
    if why.any() {
        let reasons: Vec<_> = why.names().collect();
        detail.push_str(&format!(": {}", reasons.join(", ")));
    }
    let at = held.span.end;
    let code = if why.any() { Code::McpRequestUnseen } else { Code::McpUnknownResponse };
    findings.push(Finding { session: number, ..about(code, at, held.carrier, detail) });
    if held.envelope.id == Some(Id::Int(0)) && why.is_none() {
        state.zeros += 1;
        if state.zeros == 2 {
            let detail = "responses with the id 0 to requests with other ids".to_owned();
            findings
                .push(Finding { session: number, ..about(Code::McpIdZeroAlways, at, held.carrier, detail) });
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::mcp::router::is_stateless;

    #[test]
    fn revisions_are_dates() {
        assert!(is_stateless("2026-07-28"));
        assert!(is_stateless("2027-01-01"));
        assert!(!is_stateless("2025-11-25"));
        assert!(!is_stateless("DRAFT-2026"));
        assert!(!is_stateless(""));
    }
}
