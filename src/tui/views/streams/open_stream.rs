//! The open stream: its events, and the data of one of them. Of an open transaction its heads and
//! bodies.

use ratatui::layout::Rect;

use crate::base::fact::PayloadKind;
use crate::base::{Files, PacketNo, Side, Timestamp, units};
use crate::ledger::LlmCall;
use crate::ledger::store::{HttpItem, Payload};
use crate::tui::action::Action;
use crate::tui::document::Document;
use crate::tui::effect::{CopyMenu, Effect};
use crate::tui::frame_info::{FrameInfo, Hit, Pane};
use crate::tui::list_state::ListState;
use crate::tui::model::Model;
use crate::tui::painter::Painter;
use crate::tui::table::{Cell, Column, Table};
use crate::tui::theme::MASK;
use crate::tui::theme::Role;
use crate::tui::times::Times;
use crate::tui::views::format::{self, capture_place};
use crate::tui::views::reader::DocumentReader;
use crate::tui::views::{layout, wireshark};

use super::llm;

const EVENT_COLUMNS: [Column; 6] = [
    Column::new("Time", 12),
    Column::new("Gap", 8).right(),
    Column::new("Type", 12),
    Column::new("Data", 24).grows(),
    Column::new("Id", 8),
    Column::new("Packet", 8).right(),
];

/// Silence from which a gap is highlighted, in nanoseconds.
pub(super) const LONG_SILENCE_NS: i64 = 1_000_000_000;

/// Events of a stream that are read, at most: the latest.
const MAX_EVENTS: usize = 5000;

/// Bytes of an event's data that are shown in its line.
const MAX_PREVIEW: usize = 1000;

/// Width of the screen, in columns, from which the data is drawn beside the events instead of
/// below.
const BESIDE_WIDTH: u16 = 160;

/// An open stream.
#[derive(Debug)]
pub(super) struct OpenStream {
    id: (u32, u32),
    /// Exchange that opened the stream.
    exchange: Option<u64>,
    /// Number of payloads when the events were read; they are read again when there are more.
    pieces: u32,
    title: String,
    /// Start of the request; `None` if it is not known.
    start: Option<Timestamp>,
    /// Whether heads and bodies are listed, too.
    has_heads: bool,
    /// The answer of the LLM call that it is, put together: the first row.
    answer: Option<Payload>,
    /// What is known of that call.
    llm: Option<llm::Summary>,
    events: Vec<Payload>,
    list: ListState,
    /// Data of the selected event; `None` until it is opened.
    reader: Option<DocumentReader>,
    /// Event in the reader: its index and its first packet.
    in_reader: Option<(usize, u64)>,
    is_in_reader: bool,
    /// Whether the bytes of the data are shown.
    has_bytes: bool,
    /// The form of times.
    times: Times,
    files: Files,
    failed: Option<String>,
}

impl OpenStream {
    /// Opens a row; `call` is the LLM call that it is.
    pub(super) fn new(item: &HttpItem, call: Option<&LlmCall>) -> Self {
        let mut open = Self::of_transaction(item.id(), "");
        open.start = Some(item.span().start.time);
        match item {
            HttpItem::Stream(stream) => {
                let target = stream.target.as_deref().unwrap_or("(its request was not captured)");
                open.exchange = stream.exchange;
                open.title = match stream.is_stdio() {
                    true => "standard output".to_owned(),
                    false => format!("{} {target}", stream.method.as_deref().unwrap_or("")),
                };
                open.has_heads = false;
            }
            HttpItem::LlmCall(call) => {
                open.title = format!("POST {}", call.target.as_deref().unwrap_or_default());
            }
            HttpItem::Transaction(transaction) => {
                open.title = format!("{} {}", transaction.method, transaction.target);
            }
        }
        if let Some(call) = call {
            // The answer is what one looks for: it is open.
            open.answer = Some(llm::answer(call));
            open.llm = Some(llm::Summary::new(call));
            open.has_heads = true;
            open.reader = Some(DocumentReader::default());
        }
        open
    }

    /// A transaction of which nothing but its payloads is known. `connection` is the name of its
    /// connection.
    pub(super) fn of_transaction(id: (u32, u32), connection: &str) -> Self {
        Self {
            id,
            exchange: None,
            pieces: 0,
            title: format!("tcp.stream {connection}, HTTP transaction {}", id.1 + 1),
            start: None,
            has_heads: true,
            answer: None,
            llm: None,
            events: Vec::new(),
            list: ListState::default(),
            reader: None,
            in_reader: None,
            is_in_reader: false,
            has_bytes: false,
            times: Times::default(),
            files: Files::default(),
            failed: None,
        }
    }

    /// Reads new events.
    pub(super) fn read(&mut self, model: &mut Model) {
        (self.times, self.files) = (model.times(), model.files().clone());
        let pieces = model.store().payload_count(self.id.0, self.id.1);
        if pieces == self.pieces {
            return;
        }
        let at_end = self.pieces > 0 && self.list.selected + 1 == self.events.len();
        self.pieces = pieces;
        match model.store_mut().latest_payloads(self.id.0, self.id.1, MAX_EVENTS) {
            Ok(payloads) => {
                let is_event = |payload: &Payload| matches!(payload.kind, PayloadKind::Event { .. });
                let has_heads = self.has_heads;
                let payloads = payloads.into_iter().filter(|it| has_heads || is_event(it));
                self.events = self.answer.iter().cloned().chain(payloads).collect();
                self.failed = None;
            }
            Err(error) => self.failed = Some(format!("its events could not be stored: {error}")),
        }
        if at_end && !self.is_in_reader {
            self.list.selected = self.events.len().saturating_sub(1);
        }
        self.list.clamp_to(self.events.len());
        self.show_selected();
    }

    /// Selects what a packet carried, and shows it with its bytes.
    pub(super) fn select_packet(&mut self, packet: PacketNo) {
        let holds = |event: &Payload| event.span.first <= packet && packet <= event.span.last;
        // The last one: what a packet completes is what a finding is about.
        let Some(at) = self.events.iter().rposition(holds) else { return };
        self.list.select(at, self.events.len());
        self.has_bytes = true;
        self.reader.get_or_insert_default().show_bytes(true);
        self.show_selected();
    }

    /// Handles an action; `None` if it does not apply or closes the stream.
    pub(super) fn handle_action(&mut self, action: Action, frame: &FrameInfo) -> Option<Vec<Effect>> {
        match action {
            Action::Partner => return Some(vec![self.exchange.map_or(Effect::Bell, Effect::OpenExchange)]),
            // An open string of the data is closed first.
            Action::Back if self.is_in_reader && self.reader.as_mut().is_some_and(DocumentReader::close) => {}
            Action::Back if self.is_in_reader => {
                (self.reader, self.in_reader, self.is_in_reader) = (None, None, false);
            }
            Action::Back if self.reader.is_some() => (self.reader, self.in_reader) = (None, None),
            Action::NextPane if self.reader.is_some() => self.is_in_reader = !self.is_in_reader,
            Action::Bytes if self.reader.is_some() => {
                self.has_bytes = !self.has_bytes;
                if let Some(reader) = &mut self.reader {
                    reader.show_bytes(self.has_bytes);
                }
            }
            _ if self.is_in_reader => {
                return self
                    .reader
                    .as_mut()
                    .and_then(|reader| reader.handle_action(action, frame.visible_rows(Pane::Detail)));
            }
            Action::Open | Action::Right | Action::NextPane => {
                if self.events.is_empty() {
                    return Some(vec![Effect::Bell]);
                }
                self.is_in_reader = true;
                self.reader.get_or_insert_default().show_bytes(self.has_bytes);
                self.show_selected();
            }
            _ => {
                let moved =
                    self.list.handle_action(action, frame.visible_rows(Pane::List), self.events.len());
                self.show_selected();
                return moved.then(Vec::new);
            }
        }
        Some(Vec::new())
    }

    pub(super) fn handle_click(&mut self, hit: Hit) {
        match hit {
            Hit::Row(Pane::List, row) => {
                self.is_in_reader = false;
                self.list.select(row, self.events.len());
                self.show_selected();
            }
            Hit::Row(Pane::Detail, row) => {
                if let Some(reader) = &mut self.reader {
                    self.is_in_reader = true;
                    reader.handle_click(row);
                }
            }
            Hit::Cell(Pane::Detail, offset, _) => {
                if let Some(reader) = &mut self.reader {
                    self.is_in_reader = true;
                    reader.click_byte(offset);
                }
            }
            _ => {}
        }
    }

    pub(super) fn handle_wheel(&mut self, pane: Pane, down: bool, frame: &FrameInfo) {
        match (pane, &mut self.reader) {
            (Pane::Detail, Some(reader)) => reader.handle_wheel(down, frame.visible_rows(Pane::Detail)),
            _ => {
                self.list.scroll(down, 3, frame.visible_rows(Pane::List), self.events.len());
                self.show_selected();
            }
        }
    }

    /// Whether keys go to the data of an event.
    pub(super) fn is_in_reader(&self) -> bool {
        self.is_in_reader
    }

    /// Whether the data of an event is shown.
    pub(super) fn has_reader(&self) -> bool {
        self.reader.is_some()
    }

    pub(super) fn search(&mut self, text: &str) -> Option<usize> {
        match &mut self.reader {
            Some(reader) if self.is_in_reader => Some(reader.search(text)),
            _ => None,
        }
    }

    pub(super) fn copy_menu(&self, files: &Files) -> CopyMenu {
        let Some(event) = self.events.get(self.list.selected) else { return CopyMenu::default() };
        let menu = CopyMenu::default().with('d', "data of the event", String::from_utf8_lossy(&event.bytes));
        let menu = wireshark::packet(event.span.first, files).in_menu(menu, 'w', "Wireshark filter");
        match &self.reader {
            Some(reader) => reader.copy_menu(menu),
            None => menu,
        }
    }

    pub(super) fn status(&self) -> String {
        let event = format!("event {}", self.list.status(self.events.len()));
        match &self.reader {
            Some(reader) if self.is_in_reader => format!("{event}, {}", reader.status()),
            _ => event,
        }
    }

    pub(super) fn draw(&self, area: Rect, painter: &mut Painter<'_>) {
        let title = format!("{}  ", painter.mask(&self.title));
        let summary = self.summary(painter.is_private().then_some(MASK));
        painter.draw_spans(
            Rect { x: area.x + 1, width: area.width.saturating_sub(1), ..area },
            &[
                (Role::Strong, &title),
                (Role::Faint, &summary),
                (Role::Bad, self.failed.as_deref().unwrap_or("")),
            ],
        );
        let body = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
        let Some(reader) = &self.reader else { return self.draw_events(body, painter) };
        let below = if body.width < BESIDE_WIDTH {
            // Bytes need lines of their own.
            let parts = if self.has_bytes { 3 } else { 2 };
            let list = Rect { height: body.height / parts, ..body };
            let rest = Rect { y: list.bottom(), height: body.height - list.height, ..body };
            self.draw_events(list, painter);
            painter.draw_rule(Rect { height: 1, ..rest }, "data");
            Rect { y: rest.y + 1, height: rest.height.saturating_sub(1), ..rest }
        } else {
            let (left, right) = layout::side_by_side(body, body.width / 2, painter);
            self.draw_events(left, painter);
            right
        };
        reader.draw(below, self.is_in_reader, "the event has no data", painter);
    }

    fn draw_events(&self, area: Rect, painter: &mut Painter<'_>) {
        let mut columns = EVENT_COLUMNS;
        columns[5].width += format::file_width(&self.files);
        let table = Table {
            columns: &columns,
            sorted: None,
            rows: self.events.len(),
            list: self.list,
            focused: !self.is_in_reader,
            pane: Pane::List,
        };
        let private = painter.is_private();
        table.draw(area, painter, |row| self.cells(row, private));
    }

    /// Summarizes the events in a line. `mask` stands for what a server says, if it is there.
    fn summary(&self, mask: Option<&str>) -> String {
        if let Some(llm) = &self.llm {
            return llm.text(mask);
        }
        if self.has_heads {
            return units::several(self.events.len() as u64, "part");
        }
        let Some(first) = self.events.first() else { return "no event was captured".to_owned() };
        let longest = self.events.windows(2).filter_map(|pair| match pair {
            [before, after] => Some(after.span.start.time.since(before.span.end.time)),
            _ => None,
        });
        let longest =
            longest.max().map_or(String::new(), |ns| format!(", gaps up to {}", units::duration(ns.max(0))));
        let count = units::several(self.events.len() as u64, "event");
        if self.events.len() == MAX_EVENTS {
            return format!("the latest {count}{longest}");
        }
        let Some(start) = self.start else { return format!("{count}{longest}") };
        let after = units::duration(first.span.start.time.since(start).max(0));
        format!("{count}, first after {after}{longest}")
    }

    /// Shows the selected event in the reader.
    fn show_selected(&mut self) {
        let Some(reader) = &mut self.reader else { return };
        let Some(event) = self.events.get(self.list.selected) else { return };
        let key = (self.list.selected, event.span.first.0);
        if self.in_reader != Some(key) {
            reader.set(Document::of(&event.bytes));
            reader.set_packets(capture_place(self.id.0, event.span, &self.files));
            self.in_reader = Some(key);
        }
    }

    fn cells(&self, row: usize, private: bool) -> Vec<Cell> {
        let Some(event) = self.events.get(row) else { return Vec::new() };
        let (name, id) = match (&event.kind, event.side) {
            (PayloadKind::Event { name, id }, _) => (name.as_deref().unwrap_or("message"), id.as_deref()),
            (PayloadKind::Head, Side::Client) => ("→ head", None),
            (PayloadKind::Head, Side::Server) => ("← head", None),
            (PayloadKind::Body, Side::Client) => ("→ body", None),
            (PayloadKind::Body, Side::Server) => ("← body", None),
        };
        let before = row.checked_sub(1).and_then(|before| self.events.get(before));
        let gap = before.map(|before| event.span.start.time.since(before.span.end.time));
        let role = if gap.is_some_and(|gap| gap >= LONG_SILENCE_NS) { Role::Warn } else { Role::Faint };
        let (front, _) = event.bytes.split_at_checked(MAX_PREVIEW).unwrap_or((&event.bytes, &[]));
        let data = if private { MASK.to_owned() } else { String::from_utf8_lossy(front).into_owned() };
        let id = if private { MASK } else { id.unwrap_or("") };
        vec![
            Cell::text(Role::Faint, self.times.text(event.span.start.time)),
            Cell::text(role, gap.map_or(String::new(), format::gap)),
            Cell::text(Role::Title, name.to_owned()),
            Cell::text(Role::Text, data),
            Cell::text(Role::Faint, id.to_owned()),
            format::numbers_cell(Role::Faint, self.files.packet(event.span.first).to_string(), &self.files),
        ]
    }
}
