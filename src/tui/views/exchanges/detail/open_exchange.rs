//! The open exchange and its tabs.

use std::io;

use crate::base::fact::PayloadKind;
use crate::base::time_style::TimeStyle;
use crate::base::{Files, PacketNo};
use crate::ledger::Exchange;
use crate::ledger::store::Payload;
use crate::tui::action::Action;
use crate::tui::effect::{CopyMenu, Effect};
use crate::tui::frame_info::{FrameInfo, Hit, Pane};
use crate::tui::list_state::ListState;
use crate::tui::model::Model;
use crate::tui::times::Times;
use crate::tui::views::format;
use crate::tui::views::message::{HEADS, message};
use crate::tui::views::reader::DocumentReader;

use super::events::{self, OpenEvent};
use super::pages;
use super::parts::{self, ExchangePart};
use super::tab::{Line, Tab};
use super::timeline::{self, StageSource, TimelineStage};
use super::why::Why;

/// Payloads of a transaction that are read, at most: a session's stream may last for hours.
const MAX_PAYLOADS: usize = 2000;

/// An open exchange. It reads from the store when it is opened, and again when the store has more
/// about it.
#[derive(Debug)]
pub(in super::super) struct OpenExchange {
    pub(in super::super) exchange: Exchange,
    pub(in super::super) is_open: bool,
    pub(in super::super) request: DocumentReader,
    pub(in super::super) response: DocumentReader,
    /// Heads of the transactions that carried the request and the response.
    pub(in super::super) heads: Vec<Payload>,
    /// The messages, events and heads of the exchange.
    pub(in super::super) parts: Vec<ExchangePart>,
    pub(super) stages: Vec<TimelineStage>,
    pub(super) events: Vec<Payload>,
    /// The open event.
    pub(super) event: Option<OpenEvent>,
    /// Lines of the tabs that show plain lines, in the order of [`Tab::ALL`].
    pages: [Vec<Line>; 8],
    pub(super) tab: Tab,
    /// The form of times.
    pub(super) times: Times,
    files: Files,
    lists: [ListState; 8],
    search_text: String,
    why: Why,
    /// Whether the bytes of messages are shown.
    has_bytes: bool,
    /// Why payloads cannot be shown; `None` if they can.
    pub(super) failed: Option<String>,
    /// Version of the data that this was built from.
    version: ExchangeVersion,
}

impl OpenExchange {
    /// Opens exchange `n`; `None` if the store does not have it.
    pub(in super::super) fn open(n: u64, model: &mut Model) -> Option<Self> {
        let index = model.store().find(n)?;
        let exchange = model.store().exchange(index)?;
        let is_open = model.store().is_open(index);
        let mut detail = Self {
            version: ExchangeVersion::of(&exchange, is_open, model),
            is_open,
            request: DocumentReader::default(),
            response: DocumentReader::default(),
            heads: Vec::new(),
            parts: Vec::new(),
            stages: Vec::new(),
            events: Vec::new(),
            event: None,
            has_bytes: false,
            pages: Default::default(),
            tab: Tab::default(),
            times: model.times(),
            files: model.files().clone(),
            lists: Default::default(),
            search_text: String::new(),
            why: Why::default(),
            failed: None,
            exchange,
        };
        detail.read(index, model);
        detail.refresh_why(model);
        Some(detail)
    }

    /// Takes over the tab and the display options of `other`.
    pub(in super::super) fn with_options_of(mut self, other: &Self) -> Self {
        self.tab = other.tab;
        self.show_bytes(other.has_bytes);
        self.load();
        self
    }

    /// Adds what can be copied of the open tab.
    pub(in super::super) fn copy_menu(&self, menu: CopyMenu) -> CopyMenu {
        let menu = match (self.tab, &self.event) {
            (Tab::Http, _) if !self.heads.is_empty() => {
                menu.with('h', "HTTP heads", pages::text(self.page()))
            }
            (Tab::Events, Some(event)) => menu.with('d', "data of the event", event.reader.text()),
            (Tab::Events, None) => match self.events.get(self.list().selected) {
                Some(payload) => menu.with('d', "data of the event", String::from_utf8_lossy(&payload.bytes)),
                None => menu,
            },
            _ => menu,
        };
        match self.reader() {
            Some(reader) => reader.copy_menu(menu),
            None => menu,
        }
    }

    /// Returns the position, for the footer.
    pub(in super::super) fn status(&self) -> String {
        match self.reader() {
            Some(reader) => reader.status(),
            None => {
                let rows = self.rows();
                format!("{} of {rows}", (self.list().selected + 1).min(rows))
            }
        }
    }

    /// Whether a document is shown, which can be searched and folded.
    pub(in super::super) fn shows_document(&self) -> bool {
        self.reader().is_some()
    }

    /// Reads the exchange again if the store has more about it.
    pub(in super::super) fn refresh(&mut self, model: &mut Model) {
        let Some(index) = model.store().find(self.exchange.n) else { return };
        let Some(exchange) = model.store().exchange(index) else { return };
        let is_open = model.store().is_open(index);
        let version = ExchangeVersion::of(&exchange, is_open, model);
        if version != self.version {
            (self.exchange, self.is_open, self.version) = (exchange, is_open, version);
            self.read(index, model);
        }
        self.refresh_why(model);
    }

    /// Tells the story once its tab is shown.
    fn refresh_why(&mut self, model: &mut Model) {
        if self.tab == Tab::Why && self.why.refresh(&self.exchange, self.is_open, model) {
            let lines = self.why.lines(model.files());
            if let Some(page) = self.pages.get_mut(Tab::Why as usize) {
                *page = lines;
            }
        }
    }

    pub(in super::super) fn handle_action(
        &mut self,
        action: Action,
        _: &mut Model,
        frame: &FrameInfo,
    ) -> Option<Vec<Effect>> {
        let lines = frame.visible_rows(Pane::Detail);
        match action {
            Action::Left | Action::Right => self.next_tab(action == Action::Right),
            Action::Partner => {
                self.tab = if self.tab == Tab::Request { Tab::Response } else { Tab::Request };
                self.search(&self.search_text.clone());
            }
            Action::Bytes if self.shows_document() => self.show_bytes(!self.has_bytes),
            _ if self.shows_document() => {
                let done = self.reader_mut()?.handle_action(action, lines);
                let leaves = action == Action::Back && self.tab == Tab::Events && done.is_none();
                return if leaves { self.event.take().map(|_| Vec::new()) } else { done };
            }
            Action::Open => return Some(self.open_row()),
            Action::Fold | Action::Bytes => return Some(vec![Effect::Bell]),
            _ => {
                let rows = self.rows();
                return self.list_mut().handle_action(action, lines, rows).then(Vec::new);
            }
        }
        Some(Vec::new())
    }

    /// Opens the selected row: for a stage its tab, for an event its data.
    fn open_row(&mut self) -> Vec<Effect> {
        let row = self.list().selected;
        match self.tab {
            Tab::Timeline => match self.stages.get(row) {
                Some(stage) => {
                    self.tab = stage.tab;
                    self.search(&self.search_text.clone());
                }
                None => return vec![Effect::Bell],
            },
            Tab::Events => {
                let tcp_stream =
                    self.exchange.answered_on.map_or(self.exchange.tcp_stream, |(stream, _)| stream);
                self.event = events::open((&self.events, row), tcp_stream, &self.times, &self.files);
                self.show_bytes(self.has_bytes);
                self.search(&self.search_text.clone());
            }
            _ => return vec![Effect::Bell],
        }
        Vec::new()
    }

    fn show_bytes(&mut self, shown: bool) {
        self.has_bytes = shown;
        self.request.show_bytes(shown);
        self.response.show_bytes(shown);
        if let Some(event) = &mut self.event {
            event.reader.show_bytes(shown);
        }
    }

    pub(in super::super) fn handle_click(&mut self, hit: Hit) -> Vec<Effect> {
        match (hit, self.reader_mut()) {
            (Hit::Tab(index), _) => {
                self.tab = Tab::ALL.get(index).map_or(self.tab, |(tab, _)| *tab);
                self.search(&self.search_text.clone());
            }
            (Hit::Row(Pane::Detail, row), Some(reader)) => reader.handle_click(row),
            (Hit::Cell(Pane::Detail, offset, _), Some(reader)) => reader.click_byte(offset),
            (Hit::Row(Pane::Detail, row), None) => self.list_mut().selected = row,
            _ => {}
        }
        Vec::new()
    }

    pub(in super::super) fn handle_wheel(&mut self, down: bool, frame: &FrameInfo) {
        let (lines, rows) = (frame.visible_rows(Pane::Detail), self.rows());
        match self.reader_mut() {
            Some(reader) => reader.handle_wheel(down, lines),
            None => self.list_mut().scroll(down, 3, lines, rows),
        }
    }

    /// Searches the shown document and returns the number of matching lines; `None` if no document
    /// is shown.
    pub(in super::super) fn search(&mut self, text: &str) -> Option<usize> {
        text.clone_into(&mut self.search_text);
        self.load();
        self.reader_mut().map(|reader| reader.search(text))
    }

    fn next_tab(&mut self, right: bool) {
        let at = Tab::ALL.iter().position(|(tab, _)| *tab == self.tab).unwrap_or(0);
        let step = if right { 1 } else { Tab::ALL.len() - 1 };
        self.tab = Tab::ALL.get((at + step) % Tab::ALL.len()).map_or(self.tab, |(tab, _)| *tab);
        self.search(&self.search_text.clone());
    }

    /// Parses the document of the open tab. Documents of other tabs are parsed when they are
    /// opened.
    fn load(&mut self) {
        if let Some(reader) = self.reader_mut() {
            reader.load();
        }
    }

    /// Returns the document that is shown.
    fn reader(&self) -> Option<&DocumentReader> {
        match self.tab {
            Tab::Request => Some(&self.request),
            Tab::Response => Some(&self.response),
            Tab::Events => self.event.as_ref().map(|event| &event.reader),
            _ => None,
        }
    }

    fn reader_mut(&mut self) -> Option<&mut DocumentReader> {
        match self.tab {
            Tab::Request => Some(&mut self.request),
            Tab::Response => Some(&mut self.response),
            Tab::Events => self.event.as_mut().map(|event| &mut event.reader),
            _ => None,
        }
    }

    pub(super) fn rows(&self) -> usize {
        match self.tab {
            Tab::Timeline => self.stages.len(),
            Tab::Events => self.events.len(),
            _ => self.page().len(),
        }
    }

    pub(super) fn page(&self) -> &[Line] {
        self.pages.get(self.tab as usize).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn list(&self) -> ListState {
        self.lists.get(self.tab as usize).copied().unwrap_or_default()
    }

    fn list_mut(&mut self) -> &mut ListState {
        let [why, timeline, request, response, events, http, packets, findings] = &mut self.lists;
        match self.tab {
            Tab::Why => why,
            Tab::Timeline => timeline,
            Tab::Request => request,
            Tab::Response => response,
            Tab::Events => events,
            Tab::Http => http,
            Tab::Packets => packets,
            Tab::Findings => findings,
        }
    }

    /// Reads the payloads and builds the tabs.
    fn read(&mut self, index: usize, model: &mut Model) {
        self.times = model.times();
        let payloads = match ExchangePayloads::read(&self.exchange, index, model) {
            Ok(payloads) => payloads,
            Err(error) => {
                self.failed = Some(format!("the payloads could not be stored: {error}"));
                return;
            }
        };
        self.failed = None;
        self.request.set_text(message(&payloads.request, &self.exchange, true));
        self.response.set_text(message(&payloads.response, &self.exchange, false));
        let (request, response) = (self.exchange.request, self.exchange.response);
        self.request.set_packets(format::capture_place(
            self.exchange.tcp_stream,
            request.span,
            model.files(),
        ));
        if let (Some(response), Some((stream, _))) = (response, self.exchange.answered_on) {
            self.response.set_packets(format::capture_place(stream, response.span, model.files()));
        }
        let is_head = |payload: &&Payload| payload.kind == PayloadKind::Head;
        self.heads = payloads.own.iter().chain(&payloads.later).filter(is_head).cloned().collect();
        self.parts = parts::of(&self.exchange, &payloads.own, &self.heads, model);
        let own = Some((self.exchange.tcp_stream, self.exchange.transaction));
        let is_of_request = self.exchange.answered_on == own;
        let carried = if is_of_request || self.exchange.answered_on.is_none() {
            payloads.own
        } else {
            payloads.response
        };
        let source = StageSource {
            exchange: &self.exchange,
            heads: &self.heads,
            carried: &carried,
            files: &self.files,
            is_of_request,
            is_open: self.is_open,
        };
        self.stages = timeline::stages(source, model);
        self.events = events::of(&self.exchange, carried);
        self.event = self.event.take().filter(|event| event.index < self.events.len());
        self.pages = [
            self.why.lines(model.files()),
            Vec::new(),
            Vec::new(),
            Vec::new(),
            Vec::new(),
            pages::http(&self.heads, model.files()),
            parts::lines(&self.exchange, &self.parts, model),
            pages::findings(&self.exchange, model),
        ];
        self.load();
    }
}

/// The payloads that an open exchange is built from.
struct ExchangePayloads {
    request: Vec<Payload>,
    response: Vec<Payload>,
    /// Of the request's transaction, the latest. Those after the response belong to the exchange;
    /// those of a session's stream do not.
    own: Vec<Payload>,
    /// Of the transaction that carried the response, if it is another one: the heads after the
    /// response are among them, such as the 202 to the POST that carried it.
    later: Vec<Payload>,
}

impl ExchangePayloads {
    fn read(exchange: &Exchange, index: usize, model: &mut Model) -> io::Result<Self> {
        let own = (exchange.tcp_stream, exchange.transaction);
        Ok(Self {
            request: model.store_mut().request_payloads(index, MAX_PAYLOADS)?,
            response: model.store_mut().response_payloads(index, MAX_PAYLOADS)?,
            own: model.store_mut().latest_payloads(own.0, own.1, MAX_PAYLOADS)?,
            later: match exchange.answered_on {
                Some(other) if other != own => model.store_mut().latest_payloads(other.0, other.1, HEADS)?,
                _ => Vec::new(),
            },
        })
    }
}

/// What the store has about an exchange: changes when there is more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ExchangeVersion {
    is_open: bool,
    payloads: u32,
    notifications: usize,
    /// Findings of the whole capture.
    findings: usize,
    /// Relations of the whole capture.
    related: usize,
    /// How times are shown.
    times: TimeStyle,
    /// What seems to have ended the wait.
    wait_ended: Option<PacketNo>,
}

impl ExchangeVersion {
    fn of(exchange: &Exchange, is_open: bool, model: &Model) -> Self {
        Self {
            is_open,
            payloads: model.store().payload_count(exchange.tcp_stream, exchange.transaction),
            notifications: model.store().notifications_of(exchange.n).count(),
            findings: model.store().findings().len(),
            related: model.related().version(),
            times: model.times().format.style,
            wait_ended: exchange.wait_ended.map(|end| end.packet),
        }
    }
}
