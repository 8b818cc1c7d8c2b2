//! The open stream: its events, and the data of one of them.

use ratatui::layout::Rect;

use super::LONG;
use crate::base::fact::PayloadKind;
use crate::base::units;
use crate::ledger::Stream;
use crate::ledger::store::Payload;
use crate::tui::action::Action;
use crate::tui::document::Document;
use crate::tui::effect::{Copies, Effect};
use crate::tui::frame_info::{FrameInfo, Hit, Pane};
use crate::tui::list_state::ListState;
use crate::tui::model::Model;
use crate::tui::painter::Painter;
use crate::tui::table::{Cell, Column, Table};
use crate::tui::theme::Role;
use crate::tui::views::exchanges::detail::parts::came_in;
use crate::tui::views::reader::{MASK, Reader};

const EVENTS: [Column; 6] = [
    Column::new("Time", 12),
    Column::new("Gap", 8).right(),
    Column::new("Type", 12),
    Column::new("Data", 24).grows(),
    Column::new("Id", 8),
    Column::new("Packet", 8).right(),
];

/// Events of a stream that are read, at most: the latest.
const MOST: usize = 5000;

/// Bytes of an event's data that are shown in its line.
const PREVIEW: usize = 1000;

/// Width of the screen, in columns, from which the data is drawn beside the events instead of
/// below.
const BESIDE: u16 = 160;

/// An open stream.
#[derive(Debug)]
pub(super) struct Opened {
    key: (u32, u32),
    /// Exchange that opened the stream.
    exchange: Option<u64>,
    /// Number of payloads when the events were read; they are read again when there are more.
    pieces: u32,
    title: String,
    start: crate::base::Timestamp,
    events: Vec<Payload>,
    list: ListState,
    /// Data of the selected event; `None` until it is opened.
    reader: Option<Reader>,
    /// Event in the reader: its index and its first packet.
    read: Option<(usize, u64)>,
    in_reader: bool,
    /// Whether the bytes of the data are shown.
    has_bytes: bool,
    failed: Option<String>,
}

impl Opened {
    pub(super) fn new(stream: &Stream) -> Self {
        let target = stream.target.as_deref().unwrap_or("(its request was not captured)");
        Self {
            key: (stream.tcp_stream, stream.transaction),
            exchange: stream.exchange,
            pieces: 0,
            title: format!("{} {target}", stream.method.as_deref().unwrap_or("")),
            start: stream.span.start.time,
            events: Vec::new(),
            list: ListState::default(),
            reader: None,
            read: None,
            in_reader: false,
            has_bytes: false,
            failed: None,
        }
    }

    /// Reads new events.
    pub(super) fn read(&mut self, model: &mut Model) {
        let pieces = model.store().payload_count(self.key.0, self.key.1);
        if pieces == self.pieces {
            return;
        }
        let at_end = self.pieces > 0 && self.list.selected + 1 == self.events.len();
        self.pieces = pieces;
        match model.store_mut().latest_payloads(self.key.0, self.key.1, MOST) {
            Ok(said) => {
                let is_event = |said: &Payload| matches!(said.kind, PayloadKind::Event { .. });
                self.events = said.into_iter().filter(is_event).collect();
                self.failed = None;
            }
            Err(error) => self.failed = Some(format!("what it carried could not be kept: {error}")),
        }
        if at_end && !self.in_reader {
            self.list.selected = self.events.len().saturating_sub(1);
        }
        self.list.hold(self.events.len());
        self.show();
    }

    /// Handles an action; `None` if it does not apply or closes the stream.
    pub(super) fn act(&mut self, action: Action, frame: &FrameInfo) -> Option<Vec<Effect>> {
        match action {
            Action::Partner => return Some(vec![self.exchange.map_or(Effect::Bell, Effect::Open)]),
            // An open string of the data is closed first.
            Action::Back if self.in_reader && self.reader.as_mut().is_some_and(Reader::close) => {}
            Action::Back if self.in_reader => {
                (self.reader, self.read, self.in_reader) = (None, None, false);
            }
            Action::Back if self.reader.is_some() => (self.reader, self.read) = (None, None),
            Action::NextPane if self.reader.is_some() => self.in_reader = !self.in_reader,
            Action::Bytes if self.reader.is_some() => {
                self.has_bytes = !self.has_bytes;
                self.reader.iter_mut().for_each(|reader| reader.show_bytes(self.has_bytes));
            }
            _ if self.in_reader => {
                return self
                    .reader
                    .as_mut()
                    .and_then(|reader| reader.act(action, frame.visible_rows(Pane::Detail)));
            }
            Action::Open | Action::Right | Action::NextPane => {
                if self.events.is_empty() {
                    return Some(vec![Effect::Bell]);
                }
                self.in_reader = true;
                self.reader.get_or_insert_default().show_bytes(self.has_bytes);
                self.show();
            }
            _ => {
                let moved = self.list.act(action, frame.visible_rows(Pane::List), self.events.len());
                self.show();
                return moved.then(Vec::new);
            }
        }
        Some(Vec::new())
    }

    pub(super) fn click(&mut self, hit: Hit) {
        match hit {
            Hit::Row(Pane::List, row) => {
                self.in_reader = false;
                self.list.select(row, self.events.len());
                self.show();
            }
            Hit::Row(Pane::Detail, row) => {
                self.in_reader = self.reader.is_some();
                self.reader.iter_mut().for_each(|reader| reader.click(row));
            }
            Hit::Cell(Pane::Detail, offset, _) => {
                self.in_reader = self.reader.is_some();
                self.reader.iter_mut().for_each(|reader| reader.click_byte(offset));
            }
            _ => {}
        }
    }

    pub(super) fn wheel(&mut self, pane: Pane, down: bool, frame: &FrameInfo) {
        match (pane, &mut self.reader) {
            (Pane::Detail, Some(reader)) => reader.wheel(down, frame.visible_rows(Pane::Detail)),
            _ => {
                self.list.scroll(down, 3, frame.visible_rows(Pane::List), self.events.len());
                self.show();
            }
        }
    }

    /// Whether keys go to the data of an event.
    pub(super) fn is_in_reader(&self) -> bool {
        self.in_reader
    }

    /// Whether the data of an event is shown.
    pub(super) fn has_reader(&self) -> bool {
        self.reader.is_some()
    }

    pub(super) fn search(&mut self, text: &str) -> Option<usize> {
        self.reader.as_mut().filter(|_| self.in_reader).map(|reader| reader.search(text))
    }

    pub(super) fn copies(&self) -> Copies {
        let Some(event) = self.events.get(self.list.selected) else { return Copies::default() };
        let copies = Copies::default()
            .with('d', "data of the event", String::from_utf8_lossy(&event.bytes))
            .with('w', "Wireshark filter", format!("frame.number == {}", event.span.first));
        match &self.reader {
            Some(reader) => reader.copies(copies),
            None => copies,
        }
    }

    pub(super) fn status(&self) -> String {
        let event = format!("event {}", self.list.status(self.events.len()));
        match self.reader.as_ref().filter(|_| self.in_reader) {
            Some(reader) => format!("{event}, {}", reader.status()),
            None => event,
        }
    }

    pub(super) fn draw(&self, area: Rect, painter: &mut Painter<'_>) {
        let title = format!("{}  ", painter.mask(&self.title));
        let told = self.told();
        painter.draw_spans(
            Rect { x: area.x + 1, width: area.width.saturating_sub(1), ..area },
            &[
                (Role::Strong, &title),
                (Role::Faint, &told),
                (Role::Bad, self.failed.as_deref().unwrap_or("")),
            ],
        );
        let body = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
        let Some(reader) = &self.reader else { return self.draw_events(body, painter) };
        let below = if body.width < BESIDE {
            // Bytes need lines of their own.
            let parts = if self.has_bytes { 3 } else { 2 };
            let list = Rect { height: body.height / parts, ..body };
            let rest = Rect { y: list.bottom(), height: body.height - list.height, ..body };
            self.draw_events(list, painter);
            painter.draw_rule(Rect { height: 1, ..rest }, "data");
            Rect { y: rest.y + 1, height: rest.height.saturating_sub(1), ..rest }
        } else {
            let list = Rect { width: body.width / 2, ..body };
            self.draw_events(list, painter);
            let [_, standing] = painter.symbols().rules;
            for line in body.y..body.bottom() {
                painter.draw_text((list.right(), line).into(), 1, Role::Border, standing);
            }
            Rect { x: list.right() + 1, width: body.width - list.width - 1, ..body }
        };
        reader.draw(below, self.in_reader, "the event has no data", painter);
    }

    fn draw_events(&self, area: Rect, painter: &mut Painter<'_>) {
        let table = Table {
            columns: &EVENTS,
            sorted: None,
            rows: self.events.len(),
            list: self.list,
            focused: !self.in_reader,
            pane: Pane::List,
        };
        let private = painter.is_private();
        table.draw(area, painter, |row| self.cells(row, private));
    }

    /// Summarizes the events in a line.
    fn told(&self) -> String {
        let Some(first) = self.events.first() else { return "no event was captured".to_owned() };
        let longest = self.events.windows(2).filter_map(|pair| match pair {
            [before, after] => Some(after.span.start.time.since(before.span.end.time)),
            _ => None,
        });
        let longest =
            longest.max().map_or(String::new(), |ns| format!(", gaps up to {}", units::duration(ns)));
        let count = units::several(self.events.len() as u64, "event");
        if self.events.len() == MOST {
            return format!("the latest {count}{longest}");
        }
        let after = units::duration(first.span.start.time.since(self.start).max(0));
        format!("{count}, first after {after}{longest}")
    }

    /// Shows the selected event in the reader.
    fn show(&mut self) {
        let Some(reader) = &mut self.reader else { return };
        let Some(event) = self.events.get(self.list.selected) else { return };
        let key = (self.list.selected, event.span.first.0);
        if self.read != Some(key) {
            reader.set(Document::of(&event.bytes));
            reader.came_in(came_in(self.key.0, event.span));
            self.read = Some(key);
        }
    }

    fn cells(&self, row: usize, private: bool) -> Vec<Cell> {
        let Some(event) = self.events.get(row) else { return Vec::new() };
        let PayloadKind::Event { name, id } = &event.kind else { return Vec::new() };
        let before = row.checked_sub(1).and_then(|before| self.events.get(before));
        let gap = before.map(|before| event.span.start.time.since(before.span.end.time));
        let role = if gap.is_some_and(|gap| gap >= LONG) { Role::Warn } else { Role::Faint };
        let (front, _) = event.bytes.split_at_checked(PREVIEW).unwrap_or((&event.bytes, &[]));
        let data = if private { MASK.to_owned() } else { String::from_utf8_lossy(front).into_owned() };
        let id = if private { MASK } else { id.as_deref().unwrap_or("") };
        vec![
            Cell::text(Role::Faint, units::time_of_day(event.span.start.time)),
            Cell::text(role, gap.map_or(String::new(), |gap| format!("+{}", units::cell(gap)))),
            Cell::text(Role::Title, name.as_deref().unwrap_or("message").to_owned()),
            Cell::text(Role::Text, data),
            Cell::text(Role::Faint, id.to_owned()),
            Cell::text(Role::Faint, event.span.first.to_string()),
        ]
    }
}
