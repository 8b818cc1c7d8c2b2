//! The tabs that are lines of text: events, heads, packets, findings.

use crate::base::fact::{CarriedKind, ConnectionFact};
use crate::base::{Code, Side, units};
use crate::ledger::store::Said;
use crate::ledger::{Carried, Exchange};
use crate::tui::theme::Role;
use crate::tui::world::World;

use super::super::copies;
use super::Line;
use super::timeline::between;

/// Header fields whose value is shown: MCP's own, and those that say what a body is and how it comes.
const HARMLESS: [&str; 17] = [
    "mcp-protocol-version",
    "mcp-method",
    "mcp-name",
    "content-type",
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "accept",
    "accept-encoding",
    "connection",
    "cache-control",
    "date",
    "server",
    "user-agent",
    "host",
    "keep-alive",
    "last-event-id",
];

/// MCP's own fields that name a session: shown, but where privacy is asked for.
const IDS: [&str; 1] = ["mcp-session-id"];

/// Bytes of an event's data that are shown in its line.
const PREVIEW: usize = 400;

/// The events that the stream carried from the request on, with the time between them.
pub(super) fn events(exchange: &Exchange, carried: &[Said]) -> Vec<Line> {
    let from = exchange.request.span.start;
    let mut before = from.time;
    let mut lines = Vec::new();
    for said in carried.iter().filter(|said| said.span.end.packet >= from.packet) {
        let CarriedKind::Event { name, id } = &said.kind else { continue };
        let is_answer = exchange.response.is_some_and(|response| response.span == said.span);
        let gap = said.span.start.time.since(before);
        before = said.span.end.time;
        let (front, _) =
            said.bytes.split_at_checked(PREVIEW.min(said.bytes.len())).unwrap_or((&said.bytes, &[]));
        lines.push(vec![
            (Role::Faint, format!("{} ", units::time_of_day(said.span.start.time))),
            (Role::Wait, format!("{:>8} ", format!("+{}", units::cell(gap)))),
            (Role::Faint, format!("{:>7} ", said.span.first.0)),
            (Role::Title, format!("{:<10} ", name.as_deref().unwrap_or("message"))),
            (Role::Faint, id.as_deref().map_or(String::new(), |id| format!("id {id} "))),
            (Role::Faint, format!("{:>8} ", units::bytes(said.bytes.len() as u64))),
            (if is_answer { Role::Good } else { Role::Text }, String::from_utf8_lossy(front).into_owned()),
        ]);
    }
    lines
}

/// Start lines and header names. Values only of [`HARMLESS`] fields.
pub(super) fn http(heads: &[Said]) -> Vec<Line> {
    let mut lines = Vec::new();
    for head in heads {
        if !lines.is_empty() {
            lines.push(Vec::new());
        }
        let who = format!("{} ", head.side.name());
        let packets = format!("  packet {}", between(head.span.first.0, head.span.last.0));
        let text = String::from_utf8_lossy(&head.bytes);
        let mut fields = text.lines();
        let start = fields.next().unwrap_or_default().to_owned();
        lines.push(vec![(Role::Faint, who), (Role::Strong, start), (Role::Faint, packets)]);
        lines.extend(fields.filter(|field| !field.is_empty()).map(field));
    }
    lines
}

fn field(text: &str) -> Line {
    let Some((name, value)) = text.split_once(':') else {
        // A line folded to the field before it: its value.
        return vec![(Role::Faint, "    ***".to_owned())];
    };
    let lower = name.trim().to_ascii_lowercase();
    let is_shown = HARMLESS.contains(&lower.as_str()) || IDS.contains(&lower.as_str());
    let value = if is_shown { value.trim().to_owned() } else { "***".to_owned() };
    let role = if is_shown { Role::Text } else { Role::Faint };
    vec![(Role::JsonKey, format!("  {name}: ")), (role, value)]
}

/// Whether the line of a head may name a session: a field that does, or a start line with its target.
pub(super) fn names_a_session(line: &Line) -> bool {
    let starts = line.get(1).is_some_and(|(role, _)| *role == Role::Strong);
    let name = line.first().map(|(_, name)| name.trim().trim_end_matches(':').to_ascii_lowercase());
    starts || name.is_some_and(|name| IDS.contains(&name.as_str()))
}

/// Where to look in Wireshark, and how its connection fared.
pub(super) fn packets(exchange: &Exchange, world: &World) -> Vec<Line> {
    let entry = |name: &str, value: String| vec![(Role::Faint, format!("{name:<18}")), (Role::Text, value)];
    let mut lines = vec![entry("request", carried(&exchange.request))];
    lines.push(entry("response", exchange.response.as_ref().map_or("none".to_owned(), carried)));
    lines.push(entry(
        "connection",
        format!("tcp.stream {}, transaction {}", exchange.tcp_stream, exchange.transaction),
    ));
    if let Some((tcp_stream, transaction)) = exchange.answered_on {
        lines.push(entry("answered on", format!("tcp.stream {tcp_stream}, transaction {transaction}")));
    }
    lines.push(entry("sent again", format!("{} segments while it was carried", exchange.retransmissions)));
    lines.push(Vec::new());
    lines.push(vec![(Role::Title, "Wireshark display filter".to_owned())]);
    lines.push(vec![(Role::Strong, copies::wireshark(exchange))]);
    let streams = [Some(exchange.tcp_stream), exchange.answered_on.map(|(stream, _)| stream)];
    let of_it = |fact: &&ConnectionFact| streams.contains(&Some(fact.tcp_stream));
    for fact in world.store.connections().iter().filter(of_it) {
        lines.push(Vec::new());
        connection(&mut lines, fact);
    }
    lines
}

fn connection(lines: &mut Vec<Line>, fact: &ConnectionFact) {
    lines.push(vec![(
        Role::Title,
        format!("Connection {}: {} to {}", fact.tcp_stream, fact.client, fact.server),
    )]);
    let handshake = fact.handshake_ns.map_or("not captured".to_owned(), units::duration);
    lines.push(vec![(Role::Faint, format!("{:<18}", "handshake")), (Role::Text, handshake)]);
    for (side, counts) in Side::BOTH.iter().zip(&fact.directions) {
        let lost = counts.retransmissions + counts.holes + counts.gaps;
        let text = format!(
            "{}, {} packets, {} sent again, {} holes, {} missing, {} zero windows",
            units::bytes(counts.bytes),
            counts.packets,
            counts.retransmissions,
            counts.holes,
            units::bytes(counts.gaps),
            counts.zero_windows
        );
        let role = if lost > 0 { Role::Warn } else { Role::Text };
        lines.push(vec![(Role::Faint, format!("{:<18}", format!("from the {}", side.name()))), (role, text)]);
    }
}

fn carried(carried: &Carried) -> String {
    let span = carried.span;
    format!(
        "packets {}, {} to {}, {}",
        between(span.first.0, span.last.0),
        units::time_of_day(span.start.time),
        units::time_of_day(span.end.time),
        units::bytes(carried.bytes)
    )
}

/// What was noticed about it.
pub(super) fn findings(exchange: &Exchange, world: &World) -> Vec<Line> {
    let mut lines = Vec::new();
    let told: Vec<_> =
        world.store.findings().iter().filter(|finding| finding.exchange == Some(exchange.n)).collect();
    for finding in &told {
        let at = finding.at.map_or(String::new(), |at| format!("packet {}: ", at.packet));
        code(&mut lines, finding.code);
        lines.push(vec![(Role::Faint, format!("    {at}")), (Role::Text, finding.detail.clone())]);
    }
    for other in exchange.findings.iter().filter(|code| told.iter().all(|finding| finding.code != **code)) {
        code(&mut lines, *other);
    }
    if lines.is_empty() {
        lines.push(vec![(Role::Good, "nothing was noticed".to_owned())]);
    }
    lines
}

fn code(lines: &mut Vec<Line>, code: Code) {
    let role = Role::of_severity(code.severity());
    lines.push(vec![(role, code.name().to_owned()), (Role::Faint, format!("  {}", code.severity().name()))]);
    lines.push(vec![(Role::Text, format!("    {}", code.info().meaning))]);
}
