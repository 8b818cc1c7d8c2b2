//! The form in which several views write the same kind of value.

use crate::base::{PacketNo, Span, Status, Timestamp, units};
use crate::ledger::Exchange;

/// Formats a length for a column, without the blank: `1.29kB`.
pub(super) fn size(bytes: u64) -> String {
    units::bytes(bytes).replace(' ', "")
}

/// Formats a duration in nanoseconds for a column; `-` if it is unknown.
pub(super) fn duration(ns: Option<i64>) -> String {
    ns.map_or_else(|| "-".to_owned(), units::cell)
}

/// Returns the short name of a session: `s1`.
pub(super) fn session_name(number: u32) -> String {
    format!("s{number}")
}

/// Returns a range of packet numbers: `61`, or `61-66`.
pub(super) fn packet_range(first: PacketNo, last: PacketNo) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

/// Describes where something was captured: `tcp.stream 1, packets 61-66`.
pub(super) fn capture_place(tcp_stream: u32, span: Span) -> String {
    let word = if span.first == span.last { "packet" } else { "packets" };
    format!("tcp.stream {tcp_stream}, {word} {}", packet_range(span.first, span.last))
}

/// Returns the text of an exchange's status on the screen.
pub(super) fn status_text(exchange: &Exchange) -> String {
    match (exchange.status, exchange.http_status, &exchange.error) {
        (Status::HttpError, Some(code), _) => format!("http {code}"),
        (Status::Error, _, Some(error)) => {
            error.code.map_or("error".to_owned(), |code| format!("error {code}"))
        }
        (status, ..) => status.name().replace('_', " "),
    }
}

/// Returns how long an open exchange has been open at `now`, in nanoseconds of capture time.
pub(super) fn pending_ns(exchange: &Exchange, now: Timestamp) -> i64 {
    now.since(exchange.request.span.start.time).max(0)
}
