//! The form in which several views write the same kind of value.

use crate::base::protocols::Protocols;
use crate::base::tls::{TlsFact, TlsVersion};
use crate::base::{Files, PacketNo, Span, Status, Timestamp, sanitize, units};
use crate::ledger::{Cause, Exchange, Percentile};
use crate::tui::table::Cell;
use crate::tui::theme::Role;

/// The mark of a duration that is a lower limit.
pub(super) const AT_LEAST: &str = "≥";

/// Formats a length for a column, without the blank: `1.29kB`.
pub(super) fn size(bytes: u64) -> String {
    units::bytes(bytes).replace(' ', "")
}

/// Formats a duration in nanoseconds for a column; `-` if it is unknown.
pub(super) fn duration(ns: Option<i64>) -> String {
    ns.map_or_else(|| "-".to_owned(), units::cell)
}

/// Returns how long an exchange that is over took: its total, or how long it waited. A mark stands
/// before a wait without an answer: an answer would have taken longer. `-` if neither is known.
pub(super) fn elapsed(exchange: &Exchange) -> String {
    match exchange.unanswered_ns() {
        Some(waited) => at_least(units::cell(waited), true),
        None => duration(exchange.total_ns().or_else(|| exchange.waited_ns())),
    }
}

/// Marks a duration that is a lower limit.
pub(super) fn at_least(duration: String, is_at_least: bool) -> String {
    if is_at_least { format!("{AT_LEAST}{duration}") } else { duration }
}

/// Formats a percentile; `-` if it is unknown.
pub(super) fn percentile(percentile: Option<Percentile>) -> String {
    let is_at_least = percentile.is_some_and(|percentile| percentile.is_at_least);
    at_least(duration(percentile.map(|percentile| percentile.ns)), is_at_least)
}

/// Formats the time since what came before, in nanoseconds: `+12.4ms`. What was complete late, for
/// example behind a lost segment, may end after the next began; then nothing passed between them.
pub(super) fn gap(ns: i64) -> String {
    format!("+{}", units::cell(ns.max(0)))
}

/// Formats a time relative to another one, in nanoseconds: `+12.4ms`, `-47.0µs`.
pub(super) fn offset(ns: i64) -> String {
    let sign = if ns < 0 { "" } else { "+" };
    format!("{sign}{}", units::cell(ns))
}

/// Returns the name that the server of an exchange gives itself; else its address and port.
pub(super) fn server_name(exchange: &Exchange) -> String {
    let name = exchange.session.server_name.as_deref();
    name.map_or_else(|| exchange.session.server.to_string(), str::to_owned)
}

/// Returns the protocols below MCP, if they are others than HTTP/1 without TLS: `HTTP/2 stream 5,
/// TLS 1.3`.
pub(super) fn protocols(protocols: &Protocols) -> Option<String> {
    let http = protocols.http2_stream.map(|stream| format!("HTTP/2 stream {stream}"));
    let tls = protocols.tls.as_ref();
    let tls = tls.map(|tls| format!("TLS {}", tls.version_name().unwrap_or_default()).trim_end().to_owned());
    let parts: Vec<String> = http.into_iter().chain(tls).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Returns what a TLS connection agreed on: `TLS 1.3, TLS_AES_128_GCM_SHA256, h2, api.example`.
pub(super) fn tls(fact: &TlsFact) -> String {
    let version = fact.version.map_or_else(|| "version not captured".to_owned(), TlsVersion::name);
    let texts = [&fact.suite, &fact.alpn, &fact.sni].into_iter().flatten();
    let texts = texts.map(|text| format!(", {}", sanitize::clean(text)));
    format!("TLS {version}{}", texts.collect::<String>())
}

/// Returns the short name of a session: `s1`.
pub(super) fn session_name(number: u32) -> String {
    format!("s{number}")
}

/// Longest name of a file that has room in a column, in columns.
const MAX_FILE: u16 = 24;

/// Returns how much wider a column of packets is with the names of several files; 0 without them.
pub(super) fn file_width(files: &Files) -> u16 {
    if !files.are_several() {
        return 0;
    }
    let longest = files.names().iter().map(|name| sanitize::width(name)).max().unwrap_or(0);
    u16::try_from(longest).map_or(MAX_FILE, |width| width.min(MAX_FILE)) + 1
}

/// Returns the cell of the first and the last packet of something that takes several.
pub(super) fn ends_cell(first: PacketNo, last: PacketNo, files: &Files) -> Cell {
    if files.are_several() {
        return Cell::end(Role::Faint, files.packets(first, last));
    }
    Cell::text(Role::Faint, format!("{first}-{last}"))
}

/// Returns the cell of packets or of a connection. Of a name that does not fit, the end stays.
pub(super) fn numbers_cell(role: Role, text: String, files: &Files) -> Cell {
    if files.are_several() { Cell::end(role, text) } else { Cell::text(role, text) }
}

/// Describes where something was captured: `tcp.stream 1, packets 61-66`.
pub(super) fn capture_place(tcp_stream: u32, span: Span, files: &Files) -> String {
    let word = if span.first == span.last { "packet" } else { "packets" };
    let stream = files.connection(tcp_stream, span.first);
    format!("tcp.stream {stream}, {word} {}", files.packets(span.first, span.last))
}

/// Returns the packet that ended the wait for an answer: ` at packet 98`; empty if none did.
pub(super) fn ended_at(exchange: &Exchange, files: &Files) -> String {
    exchange.wait_ended.map_or_else(String::new, |end| format!(" at packet {}", files.packet(end.packet)))
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

/// Returns how long an open exchange has been open at `now`, in nanoseconds of capture time; up to
/// what seems to have ended the wait, if something did.
pub(super) fn pending_ns(exchange: &Exchange, now: Timestamp) -> i64 {
    let until = exchange.wait_ended.map_or(now, |end| end.time);
    until.since(exchange.request.span.start.time).max(0)
}

/// Returns the text of a cause on the screen.
pub(super) fn cause_text(cause: Cause) -> String {
    cause.name().replace('_', " ")
}
