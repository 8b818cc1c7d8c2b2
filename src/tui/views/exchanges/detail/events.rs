//! The events of an exchange: a line each, and the data of the one that is open.

use crate::base::fact::PayloadKind;
use crate::base::{Files, units};
use crate::ledger::Exchange;
use crate::ledger::store::Payload;
use crate::tui::document::Document;
use crate::tui::theme::Role;
use crate::tui::times::Times;
use crate::tui::views::format::{self, capture_place};
use crate::tui::views::reader::DocumentReader;

use super::tab::Line;

/// Bytes of an event's data that are shown in its line.
const MAX_PREVIEW: usize = 400;

/// An open event.
#[derive(Debug)]
pub(super) struct OpenEvent {
    /// Index among the events of the exchange.
    pub(super) index: usize,
    /// Summary for the rule above the data.
    pub(super) title: String,
    /// Data of the event.
    pub(super) reader: DocumentReader,
}

/// Returns the events of an exchange: those of its response stream since its request began.
pub(super) fn of(exchange: &Exchange, carried: Vec<Payload>) -> Vec<Payload> {
    let from = exchange.request.span.start.packet;
    let is_one = |payload: &Payload| {
        matches!(payload.kind, PayloadKind::Event { .. }) && payload.span.end.packet >= from
    };
    carried.into_iter().filter(is_one).collect()
}

/// Returns the line of the event in `row`, with the time since the event before it (for the first,
/// since the request).
pub(super) fn line(
    exchange: &Exchange,
    events: &[Payload],
    row: usize,
    times: &Times,
    files: &Files,
) -> Line {
    let Some(payload) = events.get(row) else { return Line::new() };
    let PayloadKind::Event { name, id } = &payload.kind else { return Line::new() };
    let before = row.checked_sub(1).and_then(|before| events.get(before));
    let before = before.map_or(exchange.request.span.start.time, |before| before.span.end.time);
    let is_answer = exchange.response.is_some_and(|response| response.span == payload.span);
    let gap = payload.span.start.time.since(before);
    let front = payload.bytes.get(..MAX_PREVIEW).unwrap_or(&payload.bytes);
    vec![
        (Role::Faint, format!("{} ", times.text(payload.span.start.time))),
        (Role::Wait, format!("{:>8} ", format::gap(gap))),
        (Role::Faint, format!("{:>7} ", files.packet(payload.span.first).to_string())),
        (Role::Title, format!("{:<10} ", name.as_deref().unwrap_or("message"))),
        (Role::Faint, id.as_deref().map_or(String::new(), |id| format!("id {id} "))),
        (Role::Faint, format!("{:>8} ", units::bytes(payload.bytes.len() as u64))),
        (if is_answer { Role::Good } else { Role::Text }, String::from_utf8_lossy(front).into_owned()),
    ]
}

/// Opens the event in `row`; `None` if there is no such event.
pub(super) fn open(
    (events, row): (&[Payload], usize),
    tcp_stream: u32,
    times: &Times,
    files: &Files,
) -> Option<OpenEvent> {
    let payload = events.get(row)?;
    let PayloadKind::Event { name, .. } = &payload.kind else { return None };
    let title = format!(
        "event {} of {}, {}, {}, {}; esc goes back",
        row + 1,
        events.len(),
        name.as_deref().unwrap_or("message"),
        times.text(payload.span.start.time),
        units::bytes(payload.bytes.len() as u64),
    );
    let mut reader = DocumentReader::default();
    reader.set(Document::of(&payload.bytes));
    reader.set_packets(capture_place(tcp_stream, payload.span, files));
    Some(OpenEvent { index: row, title, reader })
}
