//! Law 3: the packets that an exchange names carry its messages, and its times are their times.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::assert_no_problems;
use crate::support::corpus::Capture;
use crate::support::frame::Frame;
use crate::support::run::{Run, packets};
use mcpdump::base::{Code, Side, Span};
use mcpdump::capture::{Item, Packet};
use mcpdump::ledger::{Exchange, MessageSpan};

type Packets<'a> = BTreeMap<u64, &'a Packet>;

/// Captures whose messages are contiguous in the payload: not compressed, not damaged, no chunk
/// boundary inside a message.
fn legible() -> impl Iterator<Item = Capture> {
    let is_legible = |capture: &Capture| {
        !capture.is_damaged()
            && !capture.is_encoded()
            && !["slow-and-odd", "events-without-space-crlf-multi-line"].contains(&capture.name())
    };
    Capture::all().filter(is_legible)
}

/// The run over a capture; fails if it has no exchanges, as there would be nothing to check.
fn told(capture: Capture, items: &[Item]) -> Run {
    let run = Run::over(items);
    let has_some = capture.is_mcp() && capture.is_legible();
    assert!(!has_some || !run.exchanges().is_empty(), "{} has no exchanges", capture.0);
    run
}

/// The payload of the packets from `first` to `last` in the direction of the first one, in stream
/// order.
fn payload(packets: &Packets<'_>, first: u64, last: u64) -> Vec<u8> {
    let frames = packets.range(first..=last).filter_map(|(_, packet)| Some((Frame::of(packet)?, *packet)));
    let mut start = None;
    let mut bytes: BTreeMap<i32, u8> = BTreeMap::new();
    for (frame, packet) in frames {
        let (source, destination, seq) = *start.get_or_insert((frame.source, frame.destination, frame.seq));
        if (frame.source, frame.destination) == (source, destination) {
            let at = frame.seq.wrapping_sub(seq).cast_signed();
            for (i, byte) in (0..).zip(&packet.data[frame.payload]) {
                bytes.entry(at + i).or_insert(*byte);
            }
        }
    }
    bytes.into_values().collect()
}

fn bytes_of(packets: &Packets<'_>, carried: &MessageSpan) -> Vec<u8> {
    payload(packets, carried.span.first.0, carried.span.last.0)
}

/// Whether bytes have the member `name` with the JSON text `value`, blanks allowed, and not as the
/// beginning of something longer.
fn has_member(bytes: &[u8], name: &str, value: &str) -> bool {
    let name = format!("\"{name}\"");
    memchr::memmem::find_iter(bytes, &name).any(|at| {
        let rest = bytes[at + name.len()..].trim_ascii_start().strip_prefix(b":");
        let rest = rest.and_then(|rest| rest.trim_ascii_start().strip_prefix(value.as_bytes()));
        rest.is_some_and(|rest| matches!(rest.trim_ascii_start(), [b',' | b'}' | b']', ..]))
    })
}

/// The parts of an exchange that its packets do not carry.
fn missing(packets: &Packets<'_>, exchange: &Exchange) -> Vec<&'static str> {
    let mut missing = Vec::new();
    let request = bytes_of(packets, &exchange.request);
    let method = serde_json::Value::from(&*exchange.method).to_string();
    let id = exchange.id.json();
    if !has_member(&request, "method", &method) {
        missing.push("the method in the request's packets");
    }
    if !has_member(&request, "id", &id) {
        missing.push("the id in the request's packets");
    }
    if exchange.origin == Side::Client && !request.starts_with(b"POST ") {
        missing.push("the request line at the start of the request's packets");
    }
    if (request.len() as u64) < exchange.request.bytes {
        missing.push("as many bytes in the request's packets");
    }
    if let Some(response) = exchange.response.filter(|_| exchange.status.is_answered()) {
        let bytes = bytes_of(packets, &response);
        let has_other_id = exchange.findings.contains(&Code::McpIdChanged);
        if !has_other_id && !has_member(&bytes, "id", &id) {
            missing.push("the id in the response's packets");
        }
        if (bytes.len() as u64) < response.bytes {
            missing.push("as many bytes in the response's packets");
        }
    }
    missing
}

#[test]
fn the_packets_of_a_span_carry_the_message() {
    let mut problems = Vec::new();
    for capture in legible() {
        let items = capture.items();
        let (run, packets) = (told(capture, &items), packets(&items));
        for exchange in run.exchanges() {
            for what in missing(&packets, exchange) {
                let (id, method, span) = (&exchange.id, &exchange.method, exchange.request.span);
                let place = format!("{} {id} {method} in packet {}", capture.0, span.first);
                problems.push(format!("{place}: not {what}"));
            }
        }
    }
    assert_no_problems(&problems);
}

/// No packet is superfluous: without its last packet a request from the client is incomplete.
#[test]
fn without_its_last_packet_a_message_is_incomplete() {
    let mut problems = Vec::new();
    for capture in legible() {
        let items = capture.items();
        let (run, packets) = (told(capture, &items), packets(&items));
        for exchange in run.exchanges().into_iter().filter(|exchange| exchange.origin == Side::Client) {
            let span = exchange.request.span;
            if span.first == span.last {
                continue;
            }
            let bytes = payload(&packets, span.first.0, span.last.0 - 1);
            let head = bytes.windows(4).position(|four| four == b"\r\n\r\n");
            let body = head.map_or(0, |head| bytes.len() - head - 4) as u64;
            if body >= exchange.request.bytes {
                let (id, method) = (&exchange.id, &exchange.method);
                problems.push(format!("{} {id} {method}: complete before packet {}", capture.0, span.last));
            }
        }
    }
    assert_no_problems(&problems);
}

/// The bytes of a request are those of the body in its packets.
#[test]
fn bytes_is_the_length_of_the_message() {
    let mut problems = Vec::new();
    // Bodies with several messages, and those that share their connection with a pipelined request,
    // are left out.
    for capture in legible().filter(|capture| !capture.0.starts_with("batch")) {
        let items = capture.items();
        let (run, packets) = (told(capture, &items), packets(&items));
        for exchange in run.exchanges().into_iter().filter(|exchange| exchange.origin == Side::Client) {
            let bytes = bytes_of(&packets, &exchange.request);
            let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(0);
            let body = bytes[(head + 4).min(bytes.len())..].len() as u64;
            if body != exchange.request.bytes {
                let (id, method, told) = (&exchange.id, &exchange.method, exchange.request.bytes);
                problems.push(format!("{} {id} {method}: {body} bytes, {told} are told", capture.0));
            }
        }
    }
    assert_no_problems(&problems);
}

/// The times of a span that are not those of its packets.
fn wrong_times(packets: &Packets<'_>, times: &BTreeSet<i64>, span: Span, is_smooth: bool) -> Option<String> {
    for origin in [span.start, span.end] {
        let packet = packets.get(&origin.packet.0)?;
        if packet.origin.time != origin.time || !times.contains(&origin.time.0) {
            return Some(format!("packet {} was not captured at {}", origin.packet, origin.time));
        }
    }
    let ends = (span.start.packet, span.end.packet);
    if is_smooth && ends != (span.first, span.last) {
        return Some(format!("from {} to {}, times of {} and {}", span.first, span.last, ends.0, ends.1));
    }
    (span.first > span.last || span.end.packet < span.last).then(|| format!("{span:?} runs backwards"))
}

#[test]
fn message_times_are_packet_times() {
    let mut problems = Vec::new();
    for capture in Capture::all() {
        let items = capture.items();
        let (run, packets) = (told(capture, &items), packets(&items));
        let times = packets.values().map(|packet| packet.origin.time.0).collect();
        let is_smooth = run.is_smooth();
        for exchange in run.exchanges() {
            let carried = [Some(exchange.request), exchange.response].into_iter().flatten();
            for carried in carried {
                let wrong = wrong_times(&packets, &times, carried.span, is_smooth);
                let name = format!("{} {} {}", capture.0, exchange.id, exchange.method);
                problems.extend(wrong.map(|wrong| format!("{name}: {wrong}")));
            }
        }
    }
    assert_no_problems(&problems);
}
