//! Short labels of exchanges, sessions and table rows. All are sanitized.

use super::unsupported::UnreadConnections;
use crate::base::fact::{Loser, Losses};
use crate::base::protocols::{HttpVersion, Protocols};
use crate::base::tls::{Decrypted, TlsVersion};
use crate::base::{Degraded, Files, Finding, PacketNo, Side, sanitize, units};
use crate::ledger::{
    CallGroup, Cause, CauseCount, ConnectionCount, Exchange, Group, ServerRef, SessionRef, Snapshot,
    StreamEnds, Streams, TlsKind, TlsRow, UnansweredCall,
};
use crate::why::{self, Limits};

/// Calls that are named for each reason why there is no answer.
const CALLS: usize = 4;

/// Returns the name of a session: `s1`.
pub(super) fn session(session: &SessionRef) -> String {
    format!("s{}", session.number)
}

/// Returns the name of a session, and the session that is its leg nearer to the client: `s2 (behind
/// s1)`.
pub(super) fn session_and_leg(of: &SessionRef) -> String {
    let name = session(of);
    of.behind.map_or_else(|| name.clone(), |front| format!("{name} (behind s{front})"))
}

/// Returns the address and port of the client of a session, and the balancer that named it:
/// `192.0.2.7:5000 via 10.0.0.9:41000`.
pub(super) fn client(of: &SessionRef) -> String {
    let SessionRef { client, via, .. } = of;
    via.map_or_else(|| client.to_string(), |via| format!("{client} via {via}"))
}

/// Returns the protocols below MCP, if they are others than HTTP/1 without TLS: `HTTP/2, TLS 1.3,
/// mcp.example.com`.
pub(super) fn protocols(protocols: &Protocols) -> Option<String> {
    let mut parts = Vec::new();
    if protocols.http == Some(HttpVersion::V2) {
        parts.push("HTTP/2".to_owned());
    }
    if let Some(tls) = &protocols.tls {
        parts.push(format!("TLS {}", tls.version_name().unwrap_or_default()).trim_end().to_owned());
        parts.extend(tls.sni.as_deref().map(sanitize::clean));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Describes what TLS connections agreed on, and how much of them was decrypted.
pub(super) fn tls(row: &TlsRow) -> String {
    let TlsKind { sni, version, suite, alpn, decrypted } = &row.kind;
    let host = sni.as_deref().map_or_else(|| "no host named".to_owned(), sanitize::clean);
    let version = version.map_or_else(|| "version not seen".to_owned(), TlsVersion::name);
    let mut parts = vec![host, version];
    parts.extend([suite, alpn].into_iter().flatten().map(|text| sanitize::clean(text)));
    let decrypted = match decrypted {
        Decrypted::Nothing => "not decrypted",
        Decrypted::Partly => "decrypted in part",
        Decrypted::Everything => "decrypted",
    };
    let resumed = if row.resumed == 0 { String::new() } else { format!(" ({} resumed)", row.resumed) };
    let connections = units::several(row.connections, "connection");
    let mut text = format!("{} on {connections}{resumed}, {decrypted}", parts.join(" "));
    if let Some(ns) = row.handshake_p50_ns {
        text.push_str(&format!("; handshake p50 {}", units::duration(ns)));
    }
    let [client, server] = row.records.map(|side| units::bytes(side.bytes));
    text.push_str(&format!("; records {client} from clients, {server} from servers"));
    text
}

/// Counts event streams of MCP by how they ended, with the longest silence before that: `3
/// client_closed after up to 300 ms of silence`. Empty if there are none.
pub(super) fn streams(streams: &Streams) -> Vec<String> {
    let silence = |ends: &StreamEnds| {
        let ns = ends.silent_max_ns.filter(|ns| *ns > 0)?;
        let up_to = if ends.streams > 1 { "up to " } else { "" };
        Some(format!(" after {up_to}{} of silence", units::duration(ns)))
    };
    let ended = streams.mcp_ended.iter();
    ended
        .map(|(ended, ends)| format!("{} {ended}{}", ends.streams, silence(ends).unwrap_or_default()))
        .collect()
}

/// Returns the method, followed by the name if there is one. Requests from the server start with
/// `←`.
pub(super) fn call(origin: Side, method: &str, name: Option<&str>) -> String {
    let arrow = if origin == Side::Server { "← " } else { "" };
    let method = sanitize::clean(method);
    match name {
        Some(name) => format!("{arrow}{method} {}", sanitize::clean(name)),
        None => format!("{arrow}{method}"),
    }
}

/// Returns method and name of an exchange.
pub(super) fn exchange(exchange: &Exchange) -> String {
    call(exchange.origin, &exchange.method, exchange.name.as_deref())
}

/// Returns what a row of a latency table counts, without its group.
pub(super) fn subject(subject: &CallGroup) -> String {
    match subject {
        CallGroup::Call { origin, method, name } => call(*origin, method, name.as_deref()),
        CallGroup::All => "(all)".to_owned(),
        CallGroup::Other => "(other)".to_owned(),
    }
}

/// Returns address, port and path of a server.
pub(super) fn server(server: &ServerRef) -> String {
    sanitize::clean(&server.to_string())
}

/// Returns the group of a row of a latency table, empty for the whole capture.
pub(super) fn group(group: &Group) -> String {
    match group {
        Group::Whole => String::new(),
        Group::Server(server) => self::server(server),
        Group::Session(number) => format!("s{number}"),
        Group::Client(client) => client.to_string(),
        Group::File(name) => name.as_deref().unwrap_or("(no file)").to_owned(),
    }
}

/// Returns the packet range of an exchange: `61-66`, `b.pcap:61-66`.
pub(super) fn packets(exchange: &Exchange, files: &Files) -> String {
    let (first, last) = first_and_last(exchange);
    files.packets(first, last)
}

/// Returns where a finding was made, before its detail: `packet 61: `. Empty if it is about the
/// whole capture.
pub(super) fn finding_place(finding: &Finding, files: &Files) -> String {
    finding.at.map_or_else(String::new, |at| format!("packet {}: ", files.packet(at.packet)))
}

/// Returns the first and the last packet of an exchange, in capture order.
pub(super) fn first_and_last(exchange: &Exchange) -> (PacketNo, PacketNo) {
    let request = exchange.request.span;
    exchange.response.map_or((request.first, request.last), |response| {
        (request.first.min(response.span.first), request.last.max(response.span.last))
    })
}

/// Describes why an exchange has no response.
pub(super) fn cause(cause: Option<Cause>, http_status: Option<u16>) -> String {
    match (cause, http_status) {
        (Some(Cause::ClientClosed), _) => "the client closed".to_owned(),
        (Some(Cause::ServerClosed), _) => "the server closed".to_owned(),
        (Some(Cause::ClientReset), _) => "the client reset".to_owned(),
        (Some(Cause::ServerReset), _) => "the server reset".to_owned(),
        (Some(Cause::NoStream), _) => "no stream for the response".to_owned(),
        (Some(Cause::NoResponse), Some(status)) => format!("HTTP {status} without a response"),
        (Some(Cause::NoResponse), None) => "HTTP without a response".to_owned(),
        (Some(Cause::Deleted), _) => "the client deleted the session".to_owned(),
        (Some(Cause::Cancelled), _) => "the sender cancelled it".to_owned(),
        (Some(Cause::HttpError), Some(status)) => format!("HTTP {status}"),
        (Some(Cause::HttpError), None) => "HTTP error".to_owned(),
        (Some(Cause::CaptureEnd), _) => "the capture ended first".to_owned(),
        (None, _) => "unknown".to_owned(),
    }
}

/// Returns how long an exchange took: its total, or how long it waited. `≥` stands before a wait
/// without an answer: an answer would have taken longer. `-` if neither is known.
pub(super) fn elapsed(exchange: &Exchange) -> String {
    match exchange.unanswered_ns() {
        Some(waited) => at_least(units::cell(waited), true),
        None => cell(exchange.total_ns().or_else(|| exchange.waited_ns())),
    }
}

/// Returns the limit that the end of an exchange matches, or where its time went, sanitized; `None`
/// if there is nothing to add to its duration and its cause.
pub(super) fn why(exchange: &Exchange, limits: &Limits) -> Option<String> {
    why::in_short(exchange, limits).map(|text| sanitize::clean(&text))
}

/// Marks a duration that is a lower limit.
pub(super) fn at_least(duration: String, is_at_least: bool) -> String {
    if is_at_least { format!("≥{duration}") } else { duration }
}

/// Returns the name that the server gives itself, else its address, port and path.
pub(super) fn server_name(name: Option<&str>, server: &ServerRef) -> String {
    name.map_or_else(|| self::server(server), sanitize::clean)
}

/// Names calls without an answer and their servers: `search on hackernews, 2 fetch on files`.
/// Empty if there are none.
pub(super) fn unanswered_calls(cause: &CauseCount) -> String {
    let call = |call: &UnansweredCall| {
        let count = if call.exchanges > 1 { format!("{} ", call.exchanges) } else { String::new() };
        let name = sanitize::clean(call.name.as_ref().unwrap_or(&call.method));
        let server = server_name(call.server_name.as_deref(), &call.server);
        format!("{count}{name} on {server}")
    };
    let named: Vec<_> = cause.calls.iter().take(CALLS).map(call).collect();
    let shown: u64 = cause.calls.iter().take(CALLS).map(|call| call.exchanges).sum();
    match cause.exchanges.saturating_sub(shown) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// Formats a duration in nanoseconds for a table, `-` if `None`.
pub(super) fn cell(ns: Option<i64>) -> String {
    ns.map_or_else(|| "-".to_owned(), units::cell)
}

/// Counts lost packets and names who lost them: `7 packets lost (4 by the kernel, 3 by mcpdump)`.
pub(super) fn lost(losses: Losses) -> String {
    let shares: Vec<_> = Loser::ALL
        .into_iter()
        .filter(|by| *by != Loser::Unknown && losses.by(*by) > 0)
        .map(|by| format!("{} by {}", losses.by(by), by.name()))
        .collect();
    let split = if shares.is_empty() { String::new() } else { format!(" ({})", shares.join(", ")) };
    format!("{} lost{split}", units::several(losses.total(), "packet"))
}

/// Describes everything that the capture lacks, in the order of importance; empty if nothing is
/// known to be missing.
pub(super) fn damage(snapshot: &Snapshot) -> Vec<String> {
    let capture = &snapshot.capture;
    let sum = |of: fn(&ConnectionCount) -> u64| snapshot.connections.iter().map(of).sum::<u64>();
    let (gaps, lost_before) = (sum(|count| count.gap_bytes), sum(|count| count.lost_before));
    let mut damage = Vec::new();
    let mut add = |count: u64, text: String| {
        if count > 0 {
            damage.push(text);
        }
    };
    add(capture.lost.total(), lost(capture.lost));
    let files = units::several(capture.truncated_files, "file");
    let ends = if capture.truncated_files == 1 { "ends" } else { "end" };
    add(capture.truncated_files, format!("{files} {ends} inside a packet"));
    let cut = units::several(capture.cut_packets, "packet");
    add(capture.cut_packets, format!("{cut} cut short (tcpdump -s 0)"));
    let unreadable = units::several(capture.unreadable_packets, "packet");
    add(capture.unreadable_packets, format!("{unreadable} unreadable"));
    add(gaps, format!("{} missing in gaps", units::bytes(gaps)));
    let segments = units::several(lost_before, "segment");
    add(lost_before, format!("{segments} lost before the point of capture and sent again"));
    add(capture.time_steps, format!("packet times go back {}", units::several(capture.time_steps, "time")));
    damage
}

/// What the capture lacks, as the reason for an undetermined exchange: `gap, midstream`.
pub(super) fn reasons(degraded: Degraded) -> String {
    let names: Vec<_> = degraded.names().map(|name| name.replace('_', " ")).collect();
    names.join(", ")
}

/// Describes the connections whose protocol is not decoded. `None` if there are none.
pub(super) fn unsupported(snapshot: &Snapshot) -> Option<String> {
    let mut unread = UnreadConnections::default();
    for count in &snapshot.connections {
        unread.add(count.speaks, count.wrapper, count.connections);
    }
    unread.add_quic(snapshot.capture.quic_connections);
    unread.describe()
}
