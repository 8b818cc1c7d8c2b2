//! Short names for what rows are about, harmless already.

use super::unsupported::unsupported_protocols;
use crate::base::fact::{Loser, Losses};
use crate::base::{PacketNo, Side, sanitize, units};
use crate::ledger::{Cause, ConnectionCount, Exchange, Group, SessionRef, Speaks, Subject};

/// `s1`.
pub(super) fn session(session: &SessionRef) -> String {
    format!("s{}", session.number)
}

/// The method and, where it has one, the name. Requests of the server begin with `←`.
pub(super) fn call(origin: Side, method: &str, name: Option<&str>) -> String {
    let arrow = if origin == Side::Server { "← " } else { "" };
    let method = sanitize::clean(method);
    match name {
        Some(name) => format!("{arrow}{method} {}", sanitize::clean(name)),
        None => format!("{arrow}{method}"),
    }
}

/// The call of an exchange.
pub(super) fn exchange(exchange: &Exchange) -> String {
    call(exchange.origin, &exchange.method, exchange.name.as_deref())
}

/// What a row of a latency table counts, without its group.
pub(super) fn subject(subject: &Subject) -> String {
    match subject {
        Subject::Call { origin, method, name } => call(*origin, method, name.as_deref()),
        Subject::All => "(all)".to_owned(),
        Subject::Other => "(other)".to_owned(),
    }
}

/// Whose calls a row of a latency table counts; empty for everybody's.
pub(super) fn group(group: Group) -> String {
    match group {
        Group::Whole => String::new(),
        Group::Server(server) => server.to_string(),
        Group::Session(number) => format!("s{number}"),
        Group::Client(client) => client.to_string(),
    }
}

/// The packets of an exchange: `61-66`.
pub(super) fn packets(exchange: &Exchange) -> String {
    let (first, last) = first_and_last(exchange);
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

/// The first and the last packet, in capture order, that carry some of an exchange.
pub(super) fn first_and_last(exchange: &Exchange) -> (PacketNo, PacketNo) {
    let request = exchange.request.span;
    exchange.response.map_or((request.first, request.last), |response| {
        (request.first.min(response.span.first), request.last.max(response.span.last))
    })
}

/// Why an exchange has no answer, in words.
pub(super) fn cause(cause: Option<Cause>, http_status: Option<u16>) -> String {
    match (cause, http_status) {
        (Some(Cause::ClientClosed), _) => "the client closed".to_owned(),
        (Some(Cause::ServerClosed), _) => "the server closed".to_owned(),
        (Some(Cause::ClientReset), _) => "the client reset".to_owned(),
        (Some(Cause::ServerReset), _) => "the server reset".to_owned(),
        (Some(Cause::NoStream), _) => "no stream to answer on".to_owned(),
        (Some(Cause::Cancelled), _) => "the sender cancelled it".to_owned(),
        (Some(Cause::HttpError), Some(status)) => format!("HTTP {status}"),
        (Some(Cause::HttpError), None) => "refused by HTTP".to_owned(),
        (Some(Cause::CaptureEnd), _) => "the capture ended first".to_owned(),
        (None, _) => "not known".to_owned(),
    }
}

/// A duration for a table; `-` where there is none.
pub(super) fn cell(ns: Option<i64>) -> String {
    ns.map_or_else(|| "-".to_owned(), units::cell)
}

/// How many packets were lost, and by whom: `7 packets lost (4 by the kernel, 3 by mcpdump)`.
pub(super) fn lost(losses: Losses) -> String {
    let said: Vec<_> = Loser::ALL
        .into_iter()
        .filter(|by| *by != Loser::Unknown && losses.by(*by) > 0)
        .map(|by| format!("{} by {}", losses.by(by), by.name()))
        .collect();
    let whose = if said.is_empty() { String::new() } else { format!(" ({})", said.join(", ")) };
    format!("{} lost{whose}", units::several(losses.total(), "packet"))
}

/// What of some connections is not read yet, and so not known; `None` where all is.
pub(super) fn unsupported(counts: &[ConnectionCount]) -> Option<String> {
    let total =
        |speaks| counts.iter().filter(|count| count.speaks == speaks).map(|count| count.connections).sum();
    unsupported_protocols(total(Speaks::Tls), total(Speaks::Http2))
}
