//! TokenKind the fields of a record are.

use std::fmt;
use std::net::SocketAddr;

use crate::base::{Degraded, Span};
use crate::mcp::{Exchange, Id, SessionRef};

use super::fields::{Field, NONE};
use super::subject::Subject;
use super::text::StackText;

/// Hands over every value of a field that is text, a word or an address, as it is printed.
pub(super) fn texts(field: Field, subject: Subject<'_>, give: &mut dyn FnMut(&str)) {
    match field {
        Field::Session | Field::Transport => {
            let Some(session) = session(subject) else { return };
            if field == Field::Transport {
                return give(session.transport.name());
            }
            give(StackText::of(Number(session)).as_str());
            session.id.as_deref().into_iter().for_each(give);
        }
        Field::Server | Field::Client => {
            ends(field, subject).into_iter().flatten().for_each(|end| give(StackText::of(end).as_str()))
        }
        Field::Ip => ends(field, subject)
            .into_iter()
            .flatten()
            .for_each(|end| give(StackText::of(end.ip().to_canonical()).as_str())),
        Field::Degraded => {
            let degraded = degraded(subject);
            if degraded.is_none() {
                give(NONE);
            }
            degraded.names().for_each(give);
        }
        _ => match subject {
            Subject::Exchange(exchange) => exchange_texts(field, exchange, give),
            Subject::Notification(notification) => match field {
                Field::Method => give(&notification.method),
                Field::Origin => give(notification.from.name()),
                _ => {}
            },
            Subject::Stream(stream) if field == Field::Method => {
                stream.method.as_deref().into_iter().for_each(give)
            }
            Subject::Stream(_) => {}
        },
    }
}

fn exchange_texts(field: Field, exchange: &Exchange, give: &mut dyn FnMut(&str)) {
    match field {
        Field::Method => give(&exchange.method),
        Field::Name => exchange.name.as_deref().into_iter().for_each(give),
        Field::Rev => exchange.protocol_version.as_deref().into_iter().for_each(give),
        Field::Status => give(exchange.status.name()),
        Field::Cause => exchange.cause.iter().for_each(|cause| give(cause.name())),
        Field::Origin => give(exchange.origin.name()),
        Field::Finding if exchange.findings.is_empty() => give(NONE),
        Field::Finding => exchange.findings.iter().for_each(|code| give(code.name())),
        Field::Id => match &exchange.id {
            Id::Null => give("null"),
            Id::Int(int) => give(StackText::of(int).as_str()),
            Id::Number(text) | Id::Text(text) => give(text),
        },
        _ => {}
    }
}

/// The values of a field that is a number, in its smallest unit: nanoseconds, bytes.
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
            Some(stream.span.end.time.since(stream.span.start.time).into())
        }
        (Field::Http, Subject::Stream(stream)) => stream.http_status.map(i128::from),
        _ => None,
    };
    [number, None]
}

fn exchange_number(field: Field, exchange: &Exchange) -> Option<i128> {
    match field {
        Field::Dur => exchange.total_ns().map(i128::from),
        Field::Send => Some(exchange.send_ns().into()),
        Field::Wait => exchange.wait_ns().map(i128::from),
        Field::Receive => exchange.receive_ns().map(i128::from),
        Field::Ack => exchange.ack_ns().map(i128::from),
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

/// The ends that `server`, `client`, and `ip` or `port` (both) are about.
pub(super) fn ends(field: Field, subject: Subject<'_>) -> [Option<SocketAddr>; 2] {
    let (client, server) = match subject {
        Subject::Exchange(exchange) => (exchange.client, exchange.session.server),
        Subject::Notification(notification) => (notification.session.client, notification.session.server),
        Subject::Stream(stream) => (stream.client, stream.server),
    };
    match field {
        Field::Client => [Some(client), None],
        Field::Server => [Some(server), None],
        Field::Ip | Field::Port => [Some(client), Some(server)],
        _ => [None, None],
    }
}

/// The packets of a record; of an exchange those of the request first.
pub(super) fn spans(subject: Subject<'_>) -> [Option<Span>; 2] {
    match subject {
        Subject::Exchange(exchange) => {
            [Some(exchange.request.span), exchange.response.map(|response| response.span)]
        }
        Subject::Notification(notification) => [Some(notification.message.span), None],
        Subject::Stream(stream) => [Some(stream.span), None],
    }
}

pub(super) fn session(subject: Subject<'_>) -> Option<&SessionRef> {
    match subject {
        Subject::Exchange(exchange) => Some(&exchange.session),
        Subject::Notification(notification) => Some(&notification.session),
        Subject::Stream(stream) => stream.session.as_ref(),
    }
}

fn degraded(subject: Subject<'_>) -> Degraded {
    match subject {
        Subject::Exchange(exchange) => exchange.degraded,
        Subject::Notification(notification) => notification.degraded,
        Subject::Stream(stream) => stream.degraded,
    }
}

/// A session's number as it is shown: `s1`.
struct Number<'a>(&'a SessionRef);

impl fmt::Display for Number<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}", self.0.number)
    }
}
