//! The events that a stream carried for an exchange: a line each, and one of them read in full.

use crate::base::fact::PayloadKind;
use crate::base::units;
use crate::ledger::Exchange;
use crate::ledger::store::Payload;
use crate::tui::document::Document;
use crate::tui::theme::Role;
use crate::tui::views::reader::Reader;

use super::Line;
use super::parts::came_in;

/// Bytes of an event's data that are shown in its line.
const PREVIEW: usize = 400;

/// An event that was opened.
#[derive(Debug)]
pub(super) struct Event {
    /// Its place among the events.
    pub(super) index: usize,
    /// What one can say of it in a line.
    pub(super) title: String,
    /// Its data.
    pub(super) reader: Reader,
}

/// The events among what a stream carried that are of an exchange's time: none that came before its request.
pub(super) fn of(exchange: &Exchange, carried: Vec<Payload>) -> Vec<Payload> {
    let from = exchange.request.span.start.packet;
    let is_one =
        |said: &Payload| matches!(said.kind, PayloadKind::Event { .. }) && said.span.end.packet >= from;
    carried.into_iter().filter(is_one).collect()
}

/// The event in a row as a line, with the time since the one before it (since the request, for the first).
pub(super) fn line(exchange: &Exchange, events: &[Payload], row: usize) -> Line {
    let Some(said) = events.get(row) else { return Line::new() };
    let PayloadKind::Event { name, id } = &said.kind else { return Line::new() };
    let before = row.checked_sub(1).and_then(|before| events.get(before));
    let before = before.map_or(exchange.request.span.start.time, |before| before.span.end.time);
    let is_answer = exchange.response.is_some_and(|response| response.span == said.span);
    let gap = said.span.start.time.since(before);
    let front = said.bytes.get(..PREVIEW).unwrap_or(&said.bytes);
    vec![
        (Role::Faint, format!("{} ", units::time_of_day(said.span.start.time))),
        (Role::Wait, format!("{:>8} ", format!("+{}", units::cell(gap)))),
        (Role::Faint, format!("{:>7} ", said.span.first.0)),
        (Role::Title, format!("{:<10} ", name.as_deref().unwrap_or("message"))),
        (Role::Faint, id.as_deref().map_or(String::new(), |id| format!("id {id} "))),
        (Role::Faint, format!("{:>8} ", units::bytes(said.bytes.len() as u64))),
        (if is_answer { Role::Good } else { Role::Text }, String::from_utf8_lossy(front).into_owned()),
    ]
}

/// Opens the event in a row; `None` where there is none.
pub(super) fn open(events: &[Payload], row: usize, tcp_stream: u32) -> Option<Event> {
    let said = events.get(row)?;
    let PayloadKind::Event { name, .. } = &said.kind else { return None };
    let title = format!(
        "event {} of {}, {}, {}, {}; esc goes back",
        row + 1,
        events.len(),
        name.as_deref().unwrap_or("message"),
        units::time_of_day(said.span.start.time),
        units::bytes(said.bytes.len() as u64),
    );
    let mut reader = Reader::default();
    reader.set(Document::of(&said.bytes));
    reader.came_in(came_in(tcp_stream, said.span));
    Some(Event { index: row, title, reader })
}
