//! The parts of an exchange on the wire, in packet order, as a bridge to Wireshark.

use crate::base::fact::{ConnectionFact, PayloadKind};
use crate::base::{Files, Side, Span, sanitize, units};
use crate::ledger::store::Payload;
use crate::ledger::{Exchange, MessageSpan};
use crate::tui::model::Model;
use crate::tui::theme::Role;
use crate::tui::views::format;
use crate::tui::views::wireshark;

use super::pages;
use super::tab::Line;

/// Parts that are listed, at most. Later ones are found with the filter of the connections.
const MAX_PARTS: usize = 500;

/// Number of columns in the line of a part.
const COLUMNS: usize = 6;

/// A message, an event or a head of an exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct ExchangePart {
    /// Packets that carry it.
    pub(in super::super) span: Span,
    from: Side,
    /// Length in bytes, without transfer and content codings.
    bytes: u64,
    what: String,
    role: Role,
}

/// Returns the parts of an exchange in packet order. `carried` are the payloads of its own
/// transaction; of `heads`, those since the request began are used.
pub(super) fn of(
    exchange: &Exchange,
    carried: &[Payload],
    heads: &[Payload],
    model: &Model,
) -> Vec<ExchangePart> {
    let (from, asked) = (exchange.request.span.start.packet, exchange.origin);
    let part = |span, from, bytes, what: String, role| ExchangePart { span, from, bytes, what, role };
    let request = exchange.request;
    let what = format!("request {}", exchange.method);
    let mut parts = vec![part(request.span, asked, request.bytes, what, Role::Send)];
    if let Some(response) = exchange.response {
        parts.push(part(response.span, asked.other(), response.bytes, "response".to_owned(), Role::Receive));
    }
    for notification in model.store().notifications_of(exchange.n).take(MAX_PARTS) {
        let MessageSpan { span, bytes } = notification.message;
        parts.push(part(span, notification.from, bytes, notification.method.to_string(), Role::Tail));
    }
    // An event that carries one of these messages is not listed twice.
    let mut named: Vec<(Span, u64)> = parts.iter().map(|part| (part.span, part.bytes)).collect();
    for payload in carried.iter().filter(|payload| payload.span.start.packet >= from).take(MAX_PARTS) {
        let PayloadKind::Event { name, .. } = &payload.kind else { continue };
        let bytes = payload.bytes.len() as u64;
        if let Some(known) = named.iter().position(|known| *known == (payload.span, bytes)) {
            named.swap_remove(known);
            continue;
        }
        let what = format!("event {}", name.as_deref().unwrap_or("message"));
        parts.push(part(payload.span, payload.side, bytes, what, Role::Text));
    }
    for head in heads.iter().filter(|head| head.span.start.packet >= from) {
        let text = String::from_utf8_lossy(&head.bytes);
        let what = pages::cut(text.lines().next().unwrap_or_default()).to_owned();
        parts.push(part(head.span, head.side, head.bytes.len() as u64, what, Role::Faint));
    }
    // Within a packet, a head comes before its body, and a response after what it answers.
    let rank = |role| match role {
        Role::Faint => 0,
        Role::Receive => 2,
        _ => 1,
    };
    parts.sort_by_key(|part| (part.span.start.packet, part.span.end.packet, rank(part.role)));
    parts.truncate(MAX_PARTS);
    parts
}

/// Width of the packet numbers, in columns; more if they need it.
const PACKETS_WIDTH: usize = 13;

/// Returns the lines of the tab: parts, display filters and the state of the connections.
pub(super) fn lines(exchange: &Exchange, parts: &[ExchangePart], model: &Model) -> Vec<Line> {
    let files = model.files();
    let widths = parts.iter().map(|part| sanitize::width(&files.packets(part.span.first, part.span.last)));
    let width = widths.max().unwrap_or(0).max(PACKETS_WIDTH);
    let mut lines = vec![vec![(
        Role::Title,
        format!("{:<width$} {:<12} {:>9} {:<6} {:>8} what", "packets", "time", "after", "from", "bytes"),
    )]];
    lines.extend(parts.iter().map(|part| line((exchange, part), width, model)));
    lines.push(Vec::new());
    lines.push(vec![(Role::Title, "Wireshark display filters (y copies them)".to_owned())]);
    let spans: Vec<Span> = parts.iter().map(|part| part.span).collect();
    let filters = [
        ("request, response", Some(wireshark::messages(exchange, files))),
        ("these packets", Some(wireshark::part_packets(exchange, &spans, files))),
        ("connections", Some(wireshark::connections(exchange, files))),
        ("HTTP/2 stream", wireshark::http2_stream(exchange, files)),
    ];
    for (name, filter) in filters.into_iter().filter_map(|(name, filter)| Some((name, filter?))) {
        let name = filter.named(name);
        for (index, text) in filter.text.lines().enumerate() {
            let name = if index == 0 { name.as_str() } else { "" };
            lines.push(vec![(Role::Faint, format!("{name:<17} ")), (Role::Strong, text.to_owned())]);
        }
    }
    let streams = wireshark::streams(exchange);
    let is_used = |fact: &&ConnectionFact| streams.contains(&fact.tcp_stream);
    for fact in model.store().connections().iter().chain(model.store().open_connections()).filter(is_used) {
        lines.push(Vec::new());
        push_connection(&mut lines, fact, files);
    }
    lines
}

/// Returns whether a line is that of a head, whose start line may name a session.
pub(super) fn may_name_session(line: &Line) -> bool {
    line.len() == COLUMNS && line.last().is_some_and(|(role, _)| *role == Role::Faint)
}

fn line((exchange, part): (&Exchange, &ExchangePart), width: usize, model: &Model) -> Line {
    let span = part.span;
    let after = span.start.time.since(exchange.request.span.start.time);
    vec![
        (Role::Strong, format!("{:<width$} ", model.files().packets(span.first, span.last))),
        (Role::Faint, format!("{} ", model.time_text(span.start.time))),
        (Role::Wait, format!("{:>9} ", format::offset(after))),
        (Role::Text, format!("{:<6} ", part.from.name())),
        (Role::Text, format!("{:>8} ", units::bytes(part.bytes))),
        (part.role, part.what.clone()),
    ]
}

fn push_connection(lines: &mut Vec<Line>, fact: &ConnectionFact, files: &Files) {
    let stream = files.connection(fact.tcp_stream, fact.first.packet);
    let ends = format!("tcp.stream {stream}: {} to {}", fact.client, fact.server);
    lines.push(vec![(Role::Title, ends)]);
    if let Some(tls) = &fact.tls {
        lines.push(vec![(Role::Faint, format!("{:<18}", "encrypted")), (Role::Text, format::tls(tls))]);
    }
    let handshake = fact.handshake_ns.map_or("not captured".to_owned(), units::duration);
    lines.push(vec![(Role::Faint, format!("{:<18}", "handshake")), (Role::Text, handshake)]);
    for (side, counts) in Side::BOTH.iter().zip(&fact.directions) {
        let text = format!("{} in {} packets", units::bytes(counts.bytes), counts.packets);
        let problems = [
            (counts.retransmissions, format!("{} retransmitted", counts.retransmissions)),
            (counts.holes, format!("{} out of order or lost", counts.holes)),
            (counts.gaps, format!("{} not captured", units::bytes(counts.gaps))),
            (counts.duplicates, format!("{} captured again", counts.duplicates)),
            (counts.zero_windows, format!("{} zero windows", counts.zero_windows)),
        ];
        let problems: Vec<String> = problems
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(_, text)| format!(", {text}"))
            .collect();
        lines.push(vec![
            (Role::Faint, format!("{:<18}", format!("from the {}", side.name()))),
            (Role::Text, text),
            (Role::Warn, problems.concat()),
        ]);
    }
}
