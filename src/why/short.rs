//! The story of an exchange in one line, from its record alone: for tables of many.

use super::limits::{Ending, How, Limits};
use super::story::Evidence;
use super::{repeated, wait_end, which};
use crate::base::{Degraded, Side, Status, units};
use crate::ledger::{Cause, Exchange};

/// A part of the time is told from this share of the whole on: one in this many.
const SHARE: i64 = 10;

/// Returns the limit that the end of an exchange matches, or where most of its time went; `None` if
/// there is nothing to add to its duration and its cause.
///
/// Without the packets of the connection it is known how long the exchange waited, and how long
/// nothing had been sent only if no byte of an answer had come.
#[must_use]
pub fn in_short(exchange: &Exchange, limits: &Limits) -> Option<String> {
    if exchange.degraded.contains(Degraded::TIME_BACK) {
        return None;
    }
    if !wait_end::is_answered(exchange) {
        // What a server asks inside a call ends with the call, if it is not cancelled: the limit is
        // that of the call.
        if exchange.parent.is_some() && exchange.cause != Some(Cause::Cancelled) {
            return None;
        }
        return Some(which::matching(&ending(exchange)?, Evidence::none(), limits)?.text);
    }
    let whole = exchange.known_total_ns().filter(|ns| *ns > 0)?;
    let is_large = |ns: i64| ns.saturating_mul(SHARE) >= whole;
    let mut parts = Vec::new();
    if is_large(exchange.asked.client_ns) {
        parts.push(format!("client or user {}", units::duration(exchange.asked.client_ns)));
    }
    if is_large(exchange.network_ns()) {
        parts.push(format!("sending and receiving {}", units::duration(exchange.network_ns())));
    }
    if parts.is_empty() {
        return None;
    }
    // The time before a request was sent again is not the server's.
    if let Some(ns) = exchange.server_ns().filter(|ns| *ns > 0 && !repeated::is_repeated(exchange)) {
        parts.insert(0, format!("server {}", units::duration(ns)));
    }
    if exchange.retransmissions > 0 {
        parts.push(units::several(exchange.retransmissions.into(), "retransmission"));
    }
    Some(parts.join(", "))
}

fn ending(exchange: &Exchange) -> Option<Ending> {
    let (how, by) = match (exchange.status, exchange.cause?) {
        (Status::Undetermined, _) => return None,
        (_, Cause::ClientClosed | Cause::ClientReset) => (How::Closed, Side::Client),
        (_, Cause::ServerClosed | Cause::ServerReset) => (How::Closed, Side::Server),
        (_, Cause::Cancelled) => (How::Cancelled, exchange.origin),
        (_, Cause::HttpError) => (How::Status(exchange.http_status?), Side::Server),
        (_, Cause::NoStream | Cause::NoResponse | Cause::Deleted | Cause::CaptureEnd) => return None,
    };
    let at = if let How::Status(_) = how { exchange.ack? } else { exchange.wait_ended?.time };
    let wait = at.since(exchange.request.span.end.time);
    let nothing_came = exchange.progress == 0 && exchange.ack.is_none_or(|ack| ack >= at);
    Some(Ending {
        how,
        by: Some(by),
        silence_ns: Some(wait).filter(|_| nothing_came),
        wait_ns: Some(wait).filter(|_| exchange.origin == Side::Client || how == How::Cancelled),
        idle_ns: None,
    })
}
