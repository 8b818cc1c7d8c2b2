//! Field values of a record.

use std::fmt;
use std::net::SocketAddr;

use crate::base::protocols::{HttpVersion, Protocols};
use crate::base::{Degraded, Files, Span};
use crate::llm::{Carried, LlmCall};
use crate::mcp::{Exchange, Id, SessionRef};

use super::fields::{Field, NONE};
use super::subject::Subject;
use super::text::StackText;

/// Calls `visit` with each value of a field that is text, a word or an address, as printed.
pub(super) fn texts(field: Field, subject: Subject<'_>, visit: &mut dyn FnMut(&str)) {
    match field {
        Field::Session | Field::Transport => {
            let Some(session) = session(subject) else { return };
            if field == Field::Transport {
                return visit(session.transport.name());
            }
            visit(StackText::of(SessionName(session)).as_str());
            visit_some(session.id.as_deref(), visit);
        }
        Field::Server | Field::Client => {
            ends(field, subject).into_iter().flatten().for_each(|end| visit(StackText::of(end).as_str()));
            visit_some(peer_name(field, subject), visit);
        }
        Field::Ip => ends(field, subject)
            .into_iter()
            .flatten()
            .for_each(|end| visit(StackText::of(end.ip().to_canonical()).as_str())),
        Field::Tls | Field::Sni | Field::Alpn | Field::HttpVersion => {
            protocol_texts(field, protocols(subject), visit);
        }
        Field::Degraded => {
            let degraded = degraded(subject);
            if degraded.is_none() {
                visit(NONE);
            }
            degraded.names().for_each(visit);
        }
        _ => match subject {
            Subject::Exchange(exchange) => exchange_texts(field, exchange, visit),
            Subject::Notification(notification) => match field {
                Field::Method => visit(&notification.method),
                Field::Origin => visit(notification.from.name()),
                _ => {}
            },
            Subject::Stream(stream) if field == Field::Method => visit_some(stream.method.as_deref(), visit),
            Subject::Stream(_) => {}
            Subject::LlmCall(call) => llm_texts(field, call, visit),
            Subject::Transaction(transaction) => match field {
                Field::Method => visit(&transaction.method),
                Field::Finding if transaction.findings.is_empty() => visit(NONE),
                Field::Finding => transaction.findings.iter().for_each(|code| visit(code.name())),
                _ => {}
            },
        },
    }
}

fn protocol_texts(field: Field, protocols: &Protocols, visit: &mut dyn FnMut(&str)) {
    match (field, &protocols.tls) {
        (Field::HttpVersion, _) => visit_some(protocols.http.map(HttpVersion::name), visit),
        (Field::Tls, None) => visit(NONE),
        (Field::Tls, Some(tls)) => visit_some(tls.version_name(), visit),
        (Field::Sni, Some(tls)) => visit_some(tls.sni.as_deref(), visit),
        (_, Some(tls)) => visit_some(tls.alpn.as_deref(), visit),
        (_, None) => {}
    }
}

fn protocols(subject: Subject<'_>) -> &Protocols {
    match subject {
        Subject::Exchange(exchange) => &exchange.protocols,
        Subject::Notification(notification) => &notification.protocols,
        Subject::Stream(stream) => &stream.protocols,
        Subject::Transaction(transaction) => &transaction.protocols,
        Subject::LlmCall(call) => &call.protocols,
    }
}

fn llm_texts(field: Field, call: &LlmCall, visit: &mut dyn FnMut(&str)) {
    match field {
        Field::Method => visit("POST"),
        Field::Status => visit(call.status.name()),
        Field::Cause => visit_some(call.ended.by().map(|_| call.ended.name()), visit),
        Field::LlmModel => visit_some(call.model.as_deref(), visit),
        Field::LlmDialect => visit(call.dialect.name()),
        Field::LlmTool => call.tool_calls.iter().for_each(|tool| visit(&tool.name)),
        Field::LlmFinish => visit_some(call.finish_reason.as_deref(), visit),
        _ => {}
    }
}

/// Returns the name that the server or the client of a record gives itself.
fn peer_name(field: Field, subject: Subject<'_>) -> Option<&str> {
    if let (Field::Server, Subject::LlmCall(call)) = (field, subject) {
        return call.host.as_deref();
    }
    let session = session(subject)?;
    if field == Field::Server { session.server_name.as_deref() } else { session.client_name.as_deref() }
}

fn visit_some(text: Option<&str>, visit: &mut dyn FnMut(&str)) {
    if let Some(text) = text {
        visit(text);
    }
}

fn exchange_texts(field: Field, exchange: &Exchange, visit: &mut dyn FnMut(&str)) {
    match field {
        Field::Method => visit(&exchange.method),
        Field::Name => visit_some(exchange.name.as_deref(), visit),
        Field::Rev => visit_some(exchange.protocol_version.as_deref(), visit),
        Field::Status => visit(exchange.status.name()),
        Field::Cause => visit_some(exchange.cause.map(|cause| cause.name()), visit),
        Field::Origin => visit(exchange.origin.name()),
        Field::View => visit_some(exchange.view(), visit),
        Field::Finding if exchange.findings.is_empty() => visit(NONE),
        Field::Finding => exchange.findings.iter().for_each(|code| visit(code.name())),
        Field::Id => match &exchange.id {
            Id::Null => visit("null"),
            Id::Int(int) => visit(StackText::of(int).as_str()),
            Id::Number(text) | Id::Cut(text) | Id::Text(text) => visit(text),
        },
        _ => {}
    }
}

/// Returns the values of a numeric field in its smallest unit: nanoseconds or bytes.
pub(super) fn numbers(field: Field, subject: Subject<'_>) -> [Option<i128>; 2] {
    if field == Field::Port {
        return ends(field, subject).map(|end| end.map(|end| end.port().into()));
    }
    let number = match (field, subject) {
        (Field::Time, _) => spans(subject)[0].map(|span| span.start.time.0.into()),
        (Field::Packet, _) => spans(subject)[0].map(|span| span.first.0.into()),
        (_, Subject::Exchange(exchange)) => exchange_number(field, exchange),
        (Field::Bytes, Subject::Notification(notification)) => Some(notification.message.bytes.into()),
        (Field::Bytes, Subject::Stream(stream)) => Some(stream.bytes.into()),
        (Field::Dur, Subject::Stream(stream)) => {
            let seen = stream.span.end.time.since(stream.span.start.time);
            Some(stream.open_ns().unwrap_or(seen).into())
        }
        (Field::Http, Subject::Stream(stream)) => stream.http_status.map(i128::from),
        (Field::Bytes, Subject::Transaction(transaction)) => Some(transaction.bytes.into()),
        (Field::Dur, Subject::Transaction(transaction)) => transaction.total_ns().map(i128::from),
        (_, Subject::LlmCall(call)) => llm_number(field, call),
        (Field::Http, Subject::Transaction(transaction)) => transaction.http_status.map(i128::from),
        _ => None,
    };
    [number, None]
}

fn llm_number(field: Field, call: &LlmCall) -> Option<i128> {
    let bytes = |carried: Option<Carried>| carried.map_or(0, |carried| i128::from(carried.bytes));
    match field {
        Field::Dur => call.total_ns().map(i128::from),
        Field::Bytes => Some(bytes(call.request) + bytes(call.response)),
        Field::Http => call.http_status.map(i128::from),
        Field::LlmFirstToken => call.first_token_ns().map(i128::from),
        Field::LlmGap => call.longest_gap_ns().map(i128::from),
        Field::LlmTokens => call.output_tokens.map(i128::from),
        Field::LlmInput => call.input_tokens.map(i128::from),
        _ => None,
    }
}

fn exchange_number(field: Field, exchange: &Exchange) -> Option<i128> {
    match field {
        Field::Dur => exchange.known_total_ns().map(i128::from),
        Field::Send => Some(exchange.send_ns().into()),
        Field::Wait => exchange.wait_ns().map(i128::from),
        Field::Receive => exchange.receive_ns().map(i128::from),
        Field::Ack => exchange.ack_ns().map(i128::from),
        Field::Waited => {
            let is_known = !exchange.degraded.contains(Degraded::TIME_BACK);
            exchange.waited_ns().filter(|_| is_known).map(i128::from)
        }
        Field::User => Some(exchange.asked.client_ns).filter(|_| exchange.asked.requests > 0).map(i128::from),
        Field::Bytes => {
            let response = exchange.response.map_or(0, |response| response.bytes);
            Some(i128::from(exchange.request.bytes) + i128::from(response))
        }
        Field::Progress => Some(exchange.progress.into()),
        Field::Retrans => Some(exchange.retransmissions.into()),
        Field::Error => exchange.error.as_ref()?.code.map(i128::from),
        Field::Http => exchange.http_status.map(i128::from),
        _ => None,
    }
}

/// Returns the addresses that a field refers to: one for `server` and `client`, both for `ip` and
/// `port`.
pub(super) fn ends(field: Field, subject: Subject<'_>) -> [Option<SocketAddr>; 2] {
    let (client, server) = match subject {
        Subject::Exchange(exchange) => (exchange.client, exchange.session.server),
        Subject::Notification(notification) => (notification.session.client, notification.session.server),
        Subject::Stream(stream) => (stream.client, stream.server),
        Subject::Transaction(transaction) => (transaction.client, transaction.server),
        Subject::LlmCall(call) => (call.client, call.server),
    };
    match field {
        Field::Client => [Some(client), None],
        Field::Server => [Some(server), None],
        Field::Ip | Field::Port => [Some(client), Some(server)],
        _ => [None, None],
    }
}

/// Returns the packet spans of a record. For an exchange, the request comes first.
pub(super) fn spans(subject: Subject<'_>) -> [Option<Span>; 2] {
    match subject {
        Subject::Exchange(exchange) => {
            [Some(exchange.request.span), exchange.response.map(|response| response.span)]
        }
        Subject::Notification(notification) => [Some(notification.message.span), None],
        Subject::Stream(stream) => [Some(stream.span), None],
        Subject::Transaction(transaction) => [Some(transaction.request), transaction.response],
        Subject::LlmCall(call) => {
            let [request, response] = [call.request, call.response].map(|it| it.map(|it| it.span));
            if request.is_none() { [response, None] } else { [request, response] }
        }
    }
}

/// Returns the names of the files that hold the first and last packets of the messages of a record.
pub(super) fn files_of<'a>(subject: Subject<'_>, files: &'a Files) -> impl Iterator<Item = &'a str> {
    let ends = spans(subject).into_iter().flatten().flat_map(|span| [span.first, span.last]);
    ends.filter_map(|packet| files.file(packet)).map(|name| &**name)
}

pub(super) fn session(subject: Subject<'_>) -> Option<&SessionRef> {
    match subject {
        Subject::Exchange(exchange) => Some(&exchange.session),
        Subject::Notification(notification) => Some(&notification.session),
        Subject::Stream(stream) => stream.session.as_ref(),
        Subject::Transaction(transaction) => transaction.session.as_ref(),
        Subject::LlmCall(_) => None,
    }
}

fn degraded(subject: Subject<'_>) -> Degraded {
    match subject {
        Subject::Exchange(exchange) => exchange.degraded,
        Subject::Notification(notification) => notification.degraded,
        Subject::Stream(stream) => stream.degraded,
        Subject::Transaction(transaction) => transaction.degraded,
        Subject::LlmCall(call) => call.degraded,
    }
}

/// Displays the session name: `s1`.
struct SessionName<'a>(&'a SessionRef);

impl fmt::Display for SessionName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}", self.0.number)
    }
}
