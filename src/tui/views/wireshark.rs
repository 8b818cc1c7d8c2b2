//! Wireshark display filters.

use std::net::SocketAddr;

use crate::base::{PacketNo, Span};
use crate::ledger::Exchange;

/// Returns the display filter for the packets from and to a server.
pub(super) fn server(address: SocketAddr) -> String {
    let field = if address.is_ipv4() { "ip.addr" } else { "ipv6.addr" };
    format!("{field} == {} && tcp.port == {}", address.ip(), address.port())
}

/// Returns the display filter for the packets of a connection.
pub(super) fn connection(tcp_stream: u32) -> String {
    format!("tcp.stream == {tcp_stream}")
}

/// Returns the display filter for a packet.
pub(super) fn packet(number: PacketNo) -> String {
    format!("frame.number == {number}")
}

/// Returns the display filter for the packets of the request and the response.
pub(super) fn messages(exchange: &Exchange) -> String {
    let packets = |stream: u32, first: PacketNo, last: PacketNo| {
        if first == last {
            format!("(tcp.stream == {stream} && frame.number == {first})")
        } else {
            format!("(tcp.stream == {stream} && frame.number >= {first} && frame.number <= {last})")
        }
    };
    let (asked_on, request) = (exchange.tcp_stream, exchange.request.span);
    match (exchange.answered_on, exchange.response.map(|response| response.span)) {
        (Some((answered_on, _)), Some(response)) if answered_on == asked_on => {
            packets(asked_on, request.first.min(response.first), request.last.max(response.last))
        }
        (Some((answered_on, _)), Some(response)) => format!(
            "{} || {}",
            packets(asked_on, request.first, request.last),
            packets(answered_on, response.first, response.last),
        ),
        _ => packets(asked_on, request.first, request.last),
    }
}

/// Returns the display filter for the packets of all parts of an exchange. Uses sets: Wireshark
/// User's Guide, section 6.4.5.
pub(super) fn part_packets(exchange: &Exchange, parts: &[Span]) -> String {
    let streams = match streams(exchange) {
        [asked_on, answered_on] if asked_on == answered_on => asked_on.to_string(),
        [asked_on, answered_on] => format!("{asked_on}, {answered_on}"),
    };
    format!("tcp.stream in {{{streams}}} && frame.number in {{{}}}", packet_numbers(parts, ".."))
}

/// Returns the display filter for the HTTP/2 stream that carried the request; `None` if HTTP/1 did.
/// In TLS it needs the secrets: Wireshark finds them in the capture, or in its key log.
pub(super) fn http2_stream(exchange: &Exchange) -> Option<String> {
    let stream = exchange.protocols.http2_stream?;
    Some(format!("tcp.stream == {} && http2.streamid == {stream}", exchange.tcp_stream))
}

/// Returns the display filter for the connections of an exchange.
pub(super) fn connections(exchange: &Exchange) -> String {
    match streams(exchange) {
        [asked_on, answered_on] if asked_on == answered_on => connection(asked_on),
        [asked_on, answered_on] => format!("{} || {}", connection(asked_on), connection(answered_on)),
    }
}

/// Returns the connections of the request and of the response: twice the same number if one
/// connection carried both.
pub(super) fn streams(exchange: &Exchange) -> [u32; 2] {
    [exchange.tcp_stream, exchange.answered_on.map_or(exchange.tcp_stream, |(stream, _)| stream)]
}

/// Returns the packet numbers of all parts, each once: `140, 142-144`, with `to` between the ends
/// of a range. Wireshark accepts this form as a packet range when it exports or prints packets
/// (User's Guide, section 5.9).
pub(super) fn packet_numbers(parts: &[Span], to: &str) -> String {
    let mut spans: Vec<(u64, u64)> = parts.iter().map(|span| (span.first.0, span.last.0)).collect();
    spans.sort_unstable();
    let mut merged: Vec<(u64, u64)> = Vec::new();
    for (first, last) in spans {
        match merged.last_mut().filter(|(_, end)| first <= end.saturating_add(1)) {
            Some((_, end)) => *end = last.max(*end),
            None => merged.push((first, last)),
        }
    }
    let words = merged
        .into_iter()
        .map(|(first, last)| if first == last { first.to_string() } else { format!("{first}{to}{last}") });
    words.collect::<Vec<_>>().join(", ")
}
