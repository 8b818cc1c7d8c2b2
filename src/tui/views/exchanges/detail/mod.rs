//! The exchange that was opened, in tabs.

mod draw;
mod pages;
mod timeline;

use std::io;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::base::fact::CarriedKind;
use crate::ledger::store::Said;
use crate::ledger::{Exchange, Id, Status};
use crate::tui::action::Action;
use crate::tui::doc::Doc;
use crate::tui::effect::Effect;
use crate::tui::list::List;
use crate::tui::pen::{FrameInfo, Hit, Pane};
use crate::tui::theme::Role;
use crate::tui::views::reader::Reader;
use crate::tui::world::World;

use timeline::Stage;

/// Pieces of a transaction that are looked at: of a stream of a session that lasts for hours, what is near.
const PIECES: usize = 2000;

/// Pieces of a transaction that are looked at for its heads alone.
const HEADS: usize = 8;

/// A line with its parts, for the eye.
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

/// An exchange that was opened. What it needs of the store is read when it is opened, and again when more is told.
#[derive(Debug)]
pub(super) struct Detail {
    pub(super) exchange: Exchange,
    pub(super) is_open: bool,
    pub(super) request: Reader,
    pub(super) response: Reader,
    /// Heads of the transactions that carried request and response.
    pub(super) heads: Vec<Said>,
    stages: Vec<Stage>,
    /// The lines of the tabs that are no documents, in the order of [`Tab::ALL`].
    pages: [Vec<Line>; 7],
    tab: Tab,
    lists: [List; 7],
    needle: String,
    /// Why what was said cannot be shown; `None` where it can.
    failed: Option<String>,
    /// What it was made of: it is made again where that changed.
    made_of: (bool, u32, usize),
}

impl Detail {
    /// Exchange `n`; `None` where there is none.
    pub(super) fn open(n: u64, world: &mut World) -> Option<Self> {
        let index = world.store.find(n)?;
        let exchange = world.store.exchange(index)?;
        let is_open = world.store.is_open(index);
        let mut detail = Self {
            made_of: made_of(&exchange, is_open, world),
            exchange,
            is_open,
            request: Reader::default(),
            response: Reader::default(),
            heads: Vec::new(),
            stages: Vec::new(),
            pages: Default::default(),
            tab: Tab::default(),
            lists: Default::default(),
            needle: String::new(),
            failed: None,
        };
        detail.read(index, world);
        Some(detail)
    }

    pub(super) fn with_tab(mut self, tab: Option<Tab>) -> Self {
        self.tab = tab.unwrap_or_default();
        self
    }

    pub(super) fn tab(&self) -> Tab {
        self.tab
    }

    /// Whether a document is shown, which can be searched and folded.
    pub(super) fn is_doc(&self) -> bool {
        self.reader().is_some()
    }

    /// Reads again what changed since.
    pub(super) fn refresh(&mut self, world: &mut World) {
        let Some(index) = world.store.find(self.exchange.n) else { return };
        let Some(exchange) = world.store.exchange(index) else { return };
        let is_open = world.store.is_open(index);
        let made_of = made_of(&exchange, is_open, world);
        if made_of != self.made_of {
            (self.exchange, self.is_open, self.made_of) = (exchange, is_open, made_of);
            self.read(index, world);
        }
    }

    pub(super) fn act(&mut self, action: Action, _: &mut World, seen: &FrameInfo) -> Option<Vec<Effect>> {
        let lines = seen.lines(Pane::Detail);
        match action {
            Action::Left | Action::Right => self.turn(action == Action::Right),
            Action::Partner => {
                self.tab = if self.tab == Tab::Request { Tab::Response } else { Tab::Request };
            }
            _ if self.is_doc() => return self.reader_mut()?.act(action, lines),
            Action::Open | Action::Fold => return Some(vec![Effect::Bell]),
            _ => {
                let rows = self.rows();
                return self.list_mut().act(action, lines, rows).then(Vec::new);
            }
        }
        Some(Vec::new())
    }

    pub(super) fn click(&mut self, hit: Hit) -> Vec<Effect> {
        match (hit, self.reader_mut()) {
            (Hit::Tab(index), _) => {
                self.tab = Tab::ALL.get(index).map_or(self.tab, |(tab, _)| *tab);
                self.search(&self.needle.clone());
            }
            (Hit::Row(Pane::Detail, row), Some(reader)) => reader.click(row),
            (Hit::Row(Pane::Detail, row), None) => self.list_mut().selected = row,
            _ => {}
        }
        Vec::new()
    }

    pub(super) fn wheel(&mut self, down: bool, seen: &FrameInfo) {
        let (lines, rows) = (seen.lines(Pane::Detail), self.rows());
        match self.reader_mut() {
            Some(reader) => reader.wheel(down, lines),
            None => self.list_mut().scroll(down, 3, lines, rows),
        }
    }

    /// Looks for text in the document that is shown. Says how many lines have it; `None` where none is shown.
    pub(super) fn search(&mut self, text: &str) -> Option<usize> {
        text.clone_into(&mut self.needle);
        self.reader_mut().map(|reader| reader.search(text))
    }

    fn turn(&mut self, right: bool) {
        let at = Tab::ALL.iter().position(|(tab, _)| *tab == self.tab).unwrap_or(0);
        let step = if right { 1 } else { Tab::ALL.len() - 1 };
        self.tab = Tab::ALL.get((at + step) % Tab::ALL.len()).map_or(self.tab, |(tab, _)| *tab);
        self.search(&self.needle.clone());
    }

    /// The document that is shown.
    fn reader(&self) -> Option<&Reader> {
        match self.tab {
            Tab::Request => Some(&self.request),
            Tab::Response => Some(&self.response),
            _ => None,
        }
    }

    fn reader_mut(&mut self) -> Option<&mut Reader> {
        match self.tab {
            Tab::Request => Some(&mut self.request),
            Tab::Response => Some(&mut self.response),
            _ => None,
        }
    }

    fn rows(&self) -> usize {
        if self.tab == Tab::Timeline { self.stages.len() } else { self.page().len() }
    }

    fn page(&self) -> &[Line] {
        self.pages.get(self.tab as usize).map(Vec::as_slice).unwrap_or_default()
    }

    fn list(&self) -> List {
        self.lists.get(self.tab as usize).copied().unwrap_or_default()
    }

    fn list_mut(&mut self) -> &mut List {
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

    /// Reads what was said, and makes the tabs of it.
    fn read(&mut self, index: usize, world: &mut World) {
        let asked = world.store.said_to_ask(index, PIECES);
        let answered = world.store.said_to_answer(index, PIECES);
        let own = (self.exchange.tcp_stream, self.exchange.transaction);
        let same = self.exchange.answered_on == Some(own);
        // What its own stream carried after the answer is its business too; what a session's carried is not.
        let tail = world.store.said_last(own.0, own.1, PIECES);
        // Heads that came behind the answer: the 202 to a POST that carried it.
        let other = self.exchange.answered_on.filter(|_| !same);
        let behind = other.map_or(Ok(Vec::new()), |on| world.store.said_last(on.0, on.1, HEADS));
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
        self.request.set(Doc::of(&message(&asked, &self.exchange, true)));
        self.response.set(Doc::of(&message(&answered, &self.exchange, false)));
        let is_head = |said: &&Said| said.kind == CarriedKind::Head;
        self.heads = tail.iter().filter(is_head).cloned().collect();
        self.heads.extend(behind.iter().filter(is_head).cloned());
        let carried = if same || self.exchange.answered_on.is_none() { &tail } else { &answered };
        self.stages = timeline::stages(&self.exchange, carried, same, world);
        self.pages = [
            Vec::new(),
            Vec::new(),
            Vec::new(),
            pages::events(&self.exchange, carried),
            pages::http(&self.heads),
            pages::packets(&self.exchange, world),
            pages::findings(&self.exchange, world),
        ];
    }
}

/// What changes where more is told of an exchange: whether it is open, the pieces of its transaction, its messages.
fn made_of(exchange: &Exchange, is_open: bool, world: &World) -> (bool, u32, usize) {
    let pieces = world.store.pieces(exchange.tcp_stream, exchange.transaction);
    (is_open, pieces, world.store.notifications_of(exchange.n).count())
}

/// The text of the response of exchange `n`, read from the store; empty where there is none.
///
/// # Errors
/// It could not be kept, or cannot be read back.
pub(in crate::tui::views) fn answer(n: u64, world: &mut World) -> io::Result<Vec<u8>> {
    let found = world.store.find(n).and_then(|index| Some((index, world.store.exchange(index)?)));
    let Some((index, exchange)) = found else { return Ok(Vec::new()) };
    // The piece that is asked for is the last of those.
    let said = world.store.said_to_answer(index, HEADS)?;
    Ok(message(&said, &exchange, false))
}

/// The JSON text of the request (or the response) among what was said; of a batch the element alone.
fn message(said: &[Said], exchange: &Exchange, is_request: bool) -> Vec<u8> {
    let carried = if is_request { Some(exchange.request) } else { exchange.response };
    let bodies = || said.iter().filter(|piece| piece.kind != CarriedKind::Head);
    let piece = match carried {
        // Several events may lie in one packet, and a batch is one body.
        Some(carried) => {
            let of_span = || bodies().filter(|piece| piece.span == carried.span);
            let exact = of_span().find(|piece| {
                piece.bytes.len() as u64 == carried.bytes && is_of(&piece.bytes, exchange, is_request)
            });
            exact
                .or_else(|| of_span().find(|piece| is_of(&piece.bytes, exchange, is_request)))
                .or_else(|| of_span().next())
        }
        // A refusal has a body too, and it says why.
        None if exchange.status == Status::HttpError => bodies().next_back(),
        None => None,
    };
    let Some(piece) = piece else { return Vec::new() };
    element(&piece.bytes, exchange, is_request).unwrap_or_else(|| piece.bytes.clone())
}

/// Whether a text holds the message: it has its id, and a method where it is a request.
fn is_of(bytes: &[u8], exchange: &Exchange, is_request: bool) -> bool {
    element(bytes, exchange, is_request).is_some()
}

/// What tells one message from another.
#[derive(Deserialize)]
struct Probe<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    method: Option<IgnoredAny>,
}

impl Probe<'_> {
    fn is_of(&self, exchange: &Exchange, is_request: bool) -> bool {
        let has_id = match (&exchange.id, self.id) {
            (Id::Null, id) => id.is_none(),
            (Id::Text(text), Some(id)) => {
                serde_json::from_str::<String>(id.get()).is_ok_and(|id| *id == **text)
            }
            (number, Some(id)) => id.get() == number.json(),
            (_, None) => false,
        };
        has_id && self.method.is_some() == is_request
    }
}

/// The message itself: the text, or the element of the batch that it is.
fn element(bytes: &[u8], exchange: &Exchange, is_request: bool) -> Option<Vec<u8>> {
    let fits = |text: &[u8]| {
        serde_json::from_slice::<Probe<'_>>(text).is_ok_and(|probe| probe.is_of(exchange, is_request))
    };
    if fits(bytes) {
        return Some(bytes.to_vec());
    }
    let elements = serde_json::from_slice::<Vec<&RawValue>>(bytes).ok()?;
    elements.iter().map(|raw| raw.get().as_bytes()).find(|text| fits(text)).map(<[u8]>::to_vec)
}
