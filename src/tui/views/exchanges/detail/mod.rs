//! The open exchange and its tabs.

mod draw;
mod events;
mod message;
mod pages;
pub(in crate::tui::views) mod parts;
mod timeline;

use crate::base::fact::PayloadKind;
use crate::ledger::Exchange;
use crate::ledger::store::Payload;
use crate::tui::action::Action;
use crate::tui::effect::{Copies, Effect};
use crate::tui::frame_info::{FrameInfo, Hit, Pane};
use crate::tui::list_state::ListState;
use crate::tui::model::Model;
use crate::tui::theme::Role;
use crate::tui::views::reader::Reader;

pub(in crate::tui::views) use message::answer;
pub(super) use parts::Part;

use events::Event;
use message::message;
use timeline::{Stage, Told};

/// Payloads of a transaction that are read, at most: a session's stream may last for hours.
const PIECES: usize = 2000;

/// Payloads of a transaction that are read to find its heads.
const HEADS: usize = 8;

/// A line as parts with a role each.
pub(super) type Line = Vec<(Role, String)>;

/// The tabs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Tab {
    #[default]
    Timeline,
    Request,
    Response,
    Events,
    Http,
    Packets,
    Findings,
}

impl Tab {
    const ALL: [(Self, &'static str); 7] = [
        (Self::Timeline, "Timeline"),
        (Self::Request, "Request"),
        (Self::Response, "Response"),
        (Self::Events, "Events"),
        (Self::Http, "HTTP"),
        (Self::Packets, "Packets"),
        (Self::Findings, "Findings"),
    ];
}

/// An open exchange. It reads from the store when it is opened, and again when the store has more
/// about it.
#[derive(Debug)]
pub(super) struct Detail {
    pub(super) exchange: Exchange,
    pub(super) is_open: bool,
    pub(super) request: Reader,
    pub(super) response: Reader,
    /// Heads of the transactions that carried the request and the response.
    pub(super) heads: Vec<Payload>,
    /// The messages, events and heads of the exchange.
    pub(super) parts: Vec<Part>,
    stages: Vec<Stage>,
    events: Vec<Payload>,
    /// The open event.
    event: Option<Event>,
    /// Lines of the tabs that show plain lines, in the order of [`Tab::ALL`].
    pages: [Vec<Line>; 7],
    tab: Tab,
    lists: [ListState; 7],
    needle: String,
    /// Whether the bytes of messages are shown.
    has_bytes: bool,
    /// Why payloads cannot be shown; `None` if they can.
    failed: Option<String>,
    /// Version of the data that this was built from.
    made_of: (bool, u32, usize, usize),
}

impl Detail {
    /// Opens exchange `n`; `None` if the store does not have it.
    pub(super) fn open(n: u64, model: &mut Model) -> Option<Self> {
        let index = model.store().find(n)?;
        let exchange = model.store().exchange(index)?;
        let is_open = model.store().is_open(index);
        let mut detail = Self {
            made_of: made_of(&exchange, is_open, model),
            exchange,
            is_open,
            request: Reader::default(),
            response: Reader::default(),
            heads: Vec::new(),
            parts: Vec::new(),
            stages: Vec::new(),
            events: Vec::new(),
            event: None,
            has_bytes: false,
            pages: Default::default(),
            tab: Tab::default(),
            lists: Default::default(),
            needle: String::new(),
            failed: None,
        };
        detail.read(index, model);
        Some(detail)
    }

    /// Takes over the tab and the display options of `other`.
    pub(super) fn like(mut self, other: &Self) -> Self {
        self.tab = other.tab;
        self.show_bytes(other.has_bytes);
        self.load();
        self
    }

    /// Adds what can be copied of the open tab.
    pub(super) fn copies(&self, copies: Copies) -> Copies {
        let copies = match (self.tab, &self.event) {
            (Tab::Http, _) if !self.heads.is_empty() => {
                copies.with('h', "HTTP heads", pages::text(self.page()))
            }
            (Tab::Events, Some(event)) => copies.with('d', "data of the event", event.reader.text()),
            (Tab::Events, None) => match self.events.get(self.list().selected) {
                Some(said) => copies.with('d', "data of the event", String::from_utf8_lossy(&said.bytes)),
                None => copies,
            },
            _ => copies,
        };
        match self.reader() {
            Some(reader) => reader.copies(copies),
            None => copies,
        }
    }

    /// Returns the position, for the footer.
    pub(super) fn status(&self) -> String {
        match self.reader() {
            Some(reader) => reader.status(),
            None => {
                let rows = self.rows();
                format!("{} of {rows}", (self.list().selected + 1).min(rows))
            }
        }
    }

    /// Whether a document is shown, which can be searched and folded.
    pub(super) fn is_doc(&self) -> bool {
        self.reader().is_some()
    }

    /// Reads the exchange again if the store has more about it.
    pub(super) fn refresh(&mut self, model: &mut Model) {
        let Some(index) = model.store().find(self.exchange.n) else { return };
        let Some(exchange) = model.store().exchange(index) else { return };
        let is_open = model.store().is_open(index);
        let made_of = made_of(&exchange, is_open, model);
        if made_of != self.made_of {
            (self.exchange, self.is_open, self.made_of) = (exchange, is_open, made_of);
            self.read(index, model);
        }
    }

    pub(super) fn act(&mut self, action: Action, _: &mut Model, frame: &FrameInfo) -> Option<Vec<Effect>> {
        let lines = frame.visible_rows(Pane::Detail);
        match action {
            Action::Left | Action::Right => self.turn(action == Action::Right),
            Action::Partner => {
                self.tab = if self.tab == Tab::Request { Tab::Response } else { Tab::Request };
                self.search(&self.needle.clone());
            }
            Action::Bytes if self.is_doc() => self.show_bytes(!self.has_bytes),
            _ if self.is_doc() => {
                let done = self.reader_mut()?.act(action, lines);
                let leaves = action == Action::Back && self.tab == Tab::Events && done.is_none();
                return if leaves { self.event.take().map(|_| Vec::new()) } else { done };
            }
            Action::Open => return Some(self.open_row()),
            Action::Fold | Action::Bytes => return Some(vec![Effect::Bell]),
            _ => {
                let rows = self.rows();
                return self.list_mut().act(action, lines, rows).then(Vec::new);
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
                    self.search(&self.needle.clone());
                }
                None => return vec![Effect::Bell],
            },
            Tab::Events => {
                let tcp_stream =
                    self.exchange.answered_on.map_or(self.exchange.tcp_stream, |(stream, _)| stream);
                self.event = events::open(&self.events, row, tcp_stream);
                self.show_bytes(self.has_bytes);
                self.search(&self.needle.clone());
            }
            _ => return vec![Effect::Bell],
        }
        Vec::new()
    }

    fn show_bytes(&mut self, shown: bool) {
        self.has_bytes = shown;
        let event = self.event.as_mut().map(|event| &mut event.reader);
        [Some(&mut self.request), Some(&mut self.response), event]
            .into_iter()
            .flatten()
            .for_each(|reader| reader.show_bytes(shown));
    }

    pub(super) fn click(&mut self, hit: Hit) -> Vec<Effect> {
        match (hit, self.reader_mut()) {
            (Hit::Tab(index), _) => {
                self.tab = Tab::ALL.get(index).map_or(self.tab, |(tab, _)| *tab);
                self.search(&self.needle.clone());
            }
            (Hit::Row(Pane::Detail, row), Some(reader)) => reader.click(row),
            (Hit::Cell(Pane::Detail, offset, _), Some(reader)) => reader.click_byte(offset),
            (Hit::Row(Pane::Detail, row), None) => self.list_mut().selected = row,
            _ => {}
        }
        Vec::new()
    }

    pub(super) fn wheel(&mut self, down: bool, frame: &FrameInfo) {
        let (lines, rows) = (frame.visible_rows(Pane::Detail), self.rows());
        match self.reader_mut() {
            Some(reader) => reader.wheel(down, lines),
            None => self.list_mut().scroll(down, 3, lines, rows),
        }
    }

    /// Searches the shown document and returns the number of matching lines; `None` if no document
    /// is shown.
    pub(super) fn search(&mut self, text: &str) -> Option<usize> {
        text.clone_into(&mut self.needle);
        self.load();
        self.reader_mut().map(|reader| reader.search(text))
    }

    fn turn(&mut self, right: bool) {
        let at = Tab::ALL.iter().position(|(tab, _)| *tab == self.tab).unwrap_or(0);
        let step = if right { 1 } else { Tab::ALL.len() - 1 };
        self.tab = Tab::ALL.get((at + step) % Tab::ALL.len()).map_or(self.tab, |(tab, _)| *tab);
        self.search(&self.needle.clone());
    }

    /// Parses the document of the open tab. Documents of other tabs are parsed when they are
    /// opened.
    fn load(&mut self) {
        if let Some(reader) = self.reader_mut() {
            reader.load();
        }
    }

    /// Returns the document that is shown.
    fn reader(&self) -> Option<&Reader> {
        match self.tab {
            Tab::Request => Some(&self.request),
            Tab::Response => Some(&self.response),
            Tab::Events => self.event.as_ref().map(|event| &event.reader),
            _ => None,
        }
    }

    fn reader_mut(&mut self) -> Option<&mut Reader> {
        match self.tab {
            Tab::Request => Some(&mut self.request),
            Tab::Response => Some(&mut self.response),
            Tab::Events => self.event.as_mut().map(|event| &mut event.reader),
            _ => None,
        }
    }

    fn rows(&self) -> usize {
        match self.tab {
            Tab::Timeline => self.stages.len(),
            Tab::Events => self.events.len(),
            _ => self.page().len(),
        }
    }

    fn page(&self) -> &[Line] {
        self.pages.get(self.tab as usize).map(Vec::as_slice).unwrap_or_default()
    }

    fn list(&self) -> ListState {
        self.lists.get(self.tab as usize).copied().unwrap_or_default()
    }

    fn list_mut(&mut self) -> &mut ListState {
        let [timeline, request, response, events, http, packets, findings] = &mut self.lists;
        match self.tab {
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
        let asked = model.store_mut().request_payloads(index, PIECES);
        let answered = model.store_mut().response_payloads(index, PIECES);
        let own = (self.exchange.tcp_stream, self.exchange.transaction);
        let same = self.exchange.answered_on == Some(own);
        // Later payloads of the request's transaction belong to the exchange; those of a session's
        // stream do not.
        let tail = model.store_mut().latest_payloads(own.0, own.1, PIECES);
        // Heads that follow the response: the 202 to the POST that carried it.
        let other = self.exchange.answered_on.filter(|_| !same);
        let behind = other.map_or(Ok(Vec::new()), |on| model.store_mut().latest_payloads(on.0, on.1, HEADS));
        let (asked, answered, tail, behind) = match (asked, answered, tail, behind) {
            (Ok(asked), Ok(answered), Ok(tail), Ok(behind)) => (asked, answered, tail, behind),
            (asked, answered, tail, behind) => {
                let why =
                    [asked.err(), answered.err(), tail.err(), behind.err()].into_iter().flatten().next();
                self.failed = why.map(|why| format!("what was said could not be kept: {why}"));
                return;
            }
        };
        self.failed = None;
        self.request.put(message(&asked, &self.exchange, true));
        self.response.put(message(&answered, &self.exchange, false));
        let (request, response) = (self.exchange.request, self.exchange.response);
        self.request.came_in(parts::came_in(own.0, request.span));
        if let (Some(response), Some((stream, _))) = (response, self.exchange.answered_on) {
            self.response.came_in(parts::came_in(stream, response.span));
        }
        let is_head = |said: &&Payload| said.kind == PayloadKind::Head;
        self.heads = tail.iter().filter(is_head).cloned().collect();
        self.heads.extend(behind.iter().filter(is_head).cloned());
        self.parts = parts::of(&self.exchange, &tail, &self.heads, model);
        let carried = if same || self.exchange.answered_on.is_none() { tail } else { answered };
        let told = Told {
            exchange: &self.exchange,
            heads: &self.heads,
            carried: &carried,
            own: same,
            is_open: self.is_open,
        };
        self.stages = timeline::stages(told, model);
        self.events = events::of(&self.exchange, carried);
        self.event = self.event.take().filter(|event| event.index < self.events.len());
        self.pages = [
            Vec::new(),
            Vec::new(),
            Vec::new(),
            Vec::new(),
            pages::http(&self.heads),
            parts::lines(&self.exchange, &self.parts, model),
            pages::findings(&self.exchange, model),
        ];
        self.load();
    }
}

/// Returns a version that changes when the store has more about an exchange: whether it is open,
/// and the number of its payloads, notifications and findings.
fn made_of(exchange: &Exchange, is_open: bool, model: &Model) -> (bool, u32, usize, usize) {
    let pieces = model.store().payload_count(exchange.tcp_stream, exchange.transaction);
    let messages = model.store().notifications_of(exchange.n).count();
    (is_open, pieces, messages, model.store().findings().len())
}
