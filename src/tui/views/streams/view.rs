//! The event streams, and HTTP without messages: a row each; an open stream shows its events with
//! the gaps between them, an open transaction its heads and bodies.

use std::borrow::Cow;

use ratatui::layout::Rect;

use crate::base::{PacketNo, ResponseEnd, units};
use crate::ledger::query::Subject;
use crate::ledger::store::{HttpItem, Rows, Store};
use crate::ledger::{CallStatus, LlmCall, Stream, Transaction};
use crate::tui::action::{Action, KeyContext};
use crate::tui::config::Config;
use crate::tui::effect::{CopyMenu, Effect};
use crate::tui::frame_info::{FrameInfo, Hit, Pane};
use crate::tui::model::Model;
use crate::tui::painter::Painter;
use crate::tui::sorted_list::{Items, ListLayout, SortKey, SortedList};
use crate::tui::table::{Cell, Column, First};
use crate::tui::theme::MASK;
use crate::tui::theme::Role;
use crate::tui::view_name::ViewName;
use crate::tui::views::store_items::{StoreItem, StoreItems};
use crate::tui::views::view::View;
use crate::tui::views::{cells, empty, format, wireshark};

use super::open_stream::{LONG_SILENCE_NS, OpenStream};

const COLUMNS: [Column; 10] = [
    Column::new("Time", 12).sorts(First::Least),
    Column::new("Opened by", 18).grows().sorts(First::Least),
    Column::new("Sess", 5).sorts(First::Least),
    Column::new("Events", 6).right().sorts(First::Largest),
    Column::new("Bytes", 7).right().sorts(First::Largest),
    Column::new("Silence", 7).right().sorts(First::Largest),
    Column::new("Ended", 13).sorts(First::Least),
    Column::new("Lasted", 7).right().sorts(First::Largest),
    Column::new("Server", 21).sorts(First::Least),
    Column::new("Packets", 13).sorts(First::Least),
];

/// View of the event streams.
#[derive(Debug)]
pub(in crate::tui::views) struct Streams {
    list: SortedList<(u32, u32)>,
    open: Option<OpenStream>,
}

impl View for Streams {
    fn new(_: &Config, _: &Model) -> Self {
        Self { list: SortedList::new(&COLUMNS), open: None }
    }

    fn name(&self) -> ViewName {
        ViewName::Streams
    }

    fn draw(&self, model: &Model, area: Rect, painter: &mut Painter<'_>) {
        if let Some(open) = &self.open {
            return open.draw(area, painter);
        }
        let items = StoreItems::<HttpItem>::of(model);
        if self.list.len() == 0 {
            return empty::draw_empty(model, "event stream", items.len() > 0, area, painter);
        }
        let mut columns = COLUMNS;
        columns[9].width += format::file_width(model.files());
        let layout = ListLayout { columns: &columns, is_focused: true };
        self.list.draw(&items, layout, area, painter);
    }

    fn handle_action(&mut self, action: Action, model: &mut Model, frame: &FrameInfo) -> Option<Vec<Effect>> {
        if let Some(open) = &mut self.open {
            if let Some(effects) = open.handle_action(action, frame) {
                return Some(effects);
            }
            return (action == Action::Back).then(|| {
                self.open = None;
                Vec::new()
            });
        }
        // Entries since the last frame may have moved the selected stream to another row.
        self.refresh(model);
        match action {
            Action::Open => {
                self.open =
                    self.selected(model).map(|item| OpenStream::new(item, model.store().llm_call(item)));
                self.refresh(model);
                Some(Vec::new())
            }
            Action::Partner => {
                let n = self.selected(model).and_then(exchange);
                Some(vec![n.map_or(Effect::Bell, Effect::OpenExchange)])
            }
            _ => {
                let items = StoreItems::<HttpItem>::of(model);
                self.list.handle_action(action, &items, frame.visible_rows(Pane::List)).then(Vec::new)
            }
        }
    }

    fn handle_click(&mut self, hit: Hit, model: &mut Model, _: &FrameInfo) -> Vec<Effect> {
        match &mut self.open {
            Some(open) => open.handle_click(hit),
            None => self.list.handle_click(hit, Pane::List, &StoreItems::<HttpItem>::of(model)),
        }
        Vec::new()
    }

    fn handle_wheel(&mut self, pane: Pane, down: bool, model: &mut Model, frame: &FrameInfo) {
        match &mut self.open {
            Some(open) => open.handle_wheel(pane, down, frame),
            None => self.list.handle_wheel(
                down,
                &StoreItems::<HttpItem>::of(model),
                frame.visible_rows(Pane::List),
            ),
        }
    }

    fn refresh(&mut self, model: &mut Model) {
        self.list.refresh(&StoreItems::<HttpItem>::of(model));
        if let Some(open) = &mut self.open
            && !model.is_frozen()
        {
            open.read(model);
        }
    }

    fn supports(&self, action: Action) -> bool {
        let open = self.open.as_ref();
        match action {
            Action::Follow => false,
            Action::Sort => open.is_none(),
            Action::NextPane => open.is_some(),
            Action::Bytes => open.is_some_and(OpenStream::has_reader),
            Action::Search | Action::Fold => open.is_some_and(OpenStream::is_in_reader),
            _ => true,
        }
    }

    fn key_context(&self) -> KeyContext {
        if self.open.is_some() { KeyContext::Detail } else { KeyContext::List }
    }

    fn copy_menu(&self, model: &mut Model) -> CopyMenu {
        match &self.open {
            Some(open) => open.copy_menu(model.files()),
            None => self.selected(model).map_or_else(CopyMenu::default, |stream| {
                let filter = wireshark::connection(stream.id().0, stream.packets(), model.files());
                filter.in_menu(CopyMenu::default(), 'w', "Wireshark filter")
            }),
        }
    }

    fn status(&self, _: &Model) -> String {
        self.open.as_ref().map_or_else(|| self.list.status(), OpenStream::status)
    }

    fn help(&self) -> &'static [&'static str] {
        &[
            "A row is a text/event-stream, MCP or not: the request that opened it, the number of events, the",
            "silence before it ended (or until now) and how it ended. x shows the exchange that opened it.",
            "Of an LLM call the row names the model, tokens and tools; enter shows the answer put together,",
            "then the request and the events that it was made of.",
            "HTTP without messages has a row too, with its status: GET, DELETE, preflights, and POSTs that carry",
            "no readable message; enter shows its heads and bodies.",
            "",
            "Enter shows its events: time, gap to the event before, type, data, id and packet.",
            "Enter again shows the data of an event, with JSON formatted; tab switches between the events and",
            "the data; b shows the bytes.",
            "",
            "The filter applies to streams too: fields of exchanges match no stream.",
        ]
    }

    fn open_packet(&mut self, tcp_stream: u32, packet: PacketNo, model: &mut Model) {
        let Ok(Some(transaction)) = model.store_mut().transaction_at(tcp_stream, packet) else { return };
        let id = (tcp_stream, transaction);
        let store = model.store();
        let item = store.http().iter().chain(store.open_streams()).find(|item| item.id() == id);
        let unknown = || OpenStream::of_transaction(id, &model.files().connection(tcp_stream, packet));
        let mut open = item.map_or_else(unknown, |item| OpenStream::new(item, store.llm_call(item)));
        open.read(model);
        open.select_packet(packet);
        self.open = Some(open);
    }

    fn search(&mut self, text: &str) -> Option<usize> {
        self.open.as_mut().and_then(|open| open.search(text))
    }
}

impl Streams {
    fn selected<'m>(&self, model: &'m Model) -> Option<&'m HttpItem> {
        StoreItems::of(model).get(self.list.selected()?).map(|(stream, _)| stream)
    }
}

impl StoreItem for HttpItem {
    type Id = (u32, u32);

    fn completed(store: &Store) -> &Rows<Self> {
        store.http()
    }

    fn open(store: &Store) -> impl Iterator<Item = &Self> {
        store.open_streams()
    }

    fn id(&self) -> (u32, u32) {
        Self::id(self)
    }

    fn sort_key(&self, column: usize, model: &Model) -> SortKey {
        let target = match self {
            Self::Stream(stream) => stream.target.as_deref(),
            Self::LlmCall(call) => call.target.as_deref(),
            Self::Transaction(transaction) => Some(&*transaction.target),
        };
        match (column, self) {
            (1, _) => target.map_or(SortKey::Missing, SortKey::text),
            (2, _) => {
                self.session().map_or(SortKey::Missing, |session| SortKey::count(session.number.into()))
            }
            (3, Self::Stream(stream)) => SortKey::count(stream.events),
            (3, Self::LlmCall(call)) => SortKey::count(call.pace.pieces),
            (4, Self::LlmCall(call)) => SortKey::count(call.response.map_or(0, |response| response.bytes)),
            (6, Self::LlmCall(call)) => SortKey::text(call.ended.name()),
            (7, Self::LlmCall(call)) => call.total_ns().map_or(SortKey::Missing, SortKey::Number),
            (8, Self::LlmCall(call)) => cells::address_key(call.server),
            (3, Self::Transaction(_)) | (5, Self::Transaction(_) | Self::LlmCall(_)) => SortKey::Missing,
            (4, Self::Stream(stream)) => SortKey::count(stream.bytes),
            (4, Self::Transaction(transaction)) => SortKey::count(transaction.bytes),
            (5, Self::Stream(stream)) => SortKey::Number(silence(stream, model)),
            (6, Self::Stream(stream)) => SortKey::text(stream.ended.name()),
            (6, Self::Transaction(transaction)) => SortKey::text(&outcome(transaction)),
            (7, Self::Stream(stream)) => SortKey::Number(end(stream, model).since(stream.span.start.time)),
            (7, Self::Transaction(transaction)) => {
                transaction.total_ns().map_or(SortKey::Missing, SortKey::Number)
            }
            (8, Self::Stream(stream)) => cells::address_key(stream.server),
            (8, Self::Transaction(transaction)) => cells::address_key(transaction.server),
            (9, _) => SortKey::count(self.span().first.0),
            _ => SortKey::Number(self.span().start.time.0),
        }
    }

    fn passes(&self, model: &Model) -> bool {
        let call = model.store().llm_call(self);
        let is_call = call.is_some_and(|call| model.filter().matches(Subject::LlmCall(call)));
        is_call
            || match self {
                Self::Stream(stream) => model.filter().matches(Subject::Stream(stream)),
                Self::LlmCall(_) => false,
                Self::Transaction(transaction) => model.filter().matches(Subject::Transaction(transaction)),
            }
    }

    fn cells(&self, is_open: bool, model: &Model) -> Vec<Cell> {
        match self {
            Self::Stream(stream) => stream_cells(stream, model.store().llm_call(self), is_open, model),
            Self::LlmCall(call) => llm_cells(call, model),
            Self::Transaction(transaction) => transaction_cells(transaction, model),
        }
    }
}

/// What a row of an LLM call shows behind its target: the model, and what is particular.
fn llm_parts(call: &LlmCall) -> Vec<(Role, Cow<'static, str>)> {
    let model = call.model.as_deref().unwrap_or("?");
    let mut parts = vec![(Role::Title, format!(" {model}").into())];
    if let Some(tokens) = call.output_tokens {
        parts.push((Role::Faint, format!(" {tokens} tokens").into()));
    }
    for tool in call.tool_calls.iter().take(3) {
        parts.push((Role::Faint, format!(" calls {}", tool.name).into()));
    }
    parts
}

fn llm_cells(call: &LlmCall, model: &Model) -> Vec<Cell> {
    let span = call.span();
    let target = call.target.as_deref().unwrap_or("(not captured)");
    let target = if model.is_private() { MASK } else { target };
    let mut parts = vec![(Role::Text, "POST ".into()), (Role::Strong, Cow::from(target.to_owned()))];
    parts.extend(llm_parts(call));
    let role = if call.status == CallStatus::Ok { Role::Faint } else { Role::Warn };
    vec![
        Cell::text(Role::Faint, model.time_text(span.start.time)),
        Cell::Parts(parts),
        Cell::text(Role::Faint, "-"),
        Cell::text(Role::Text, call.pace.pieces.to_string()),
        Cell::text(Role::Faint, format::size(call.response.map_or(0, |response| response.bytes))),
        Cell::text(Role::Faint, "-"),
        Cell::text(role, call.ended.name().replace('_', " ")),
        Cell::text(Role::Faint, call.total_ns().map_or_else(|| "-".to_owned(), units::cell)),
        Cell::end(Role::Faint, call.server.to_string()),
        format::ends_cell(span.first, span.last, model.files()),
    ]
}

/// The exchange whose POST opened a stream.
fn exchange(item: &HttpItem) -> Option<u64> {
    match item {
        HttpItem::Stream(stream) => stream.exchange,
        HttpItem::LlmCall(_) | HttpItem::Transaction(_) => None,
    }
}

/// The status of a transaction, or why it has none.
fn outcome(transaction: &Transaction) -> String {
    match transaction.http_status {
        Some(status) => format!("HTTP {status}"),
        None => transaction.ended.name().replace('_', " "),
    }
}

fn transaction_cells(transaction: &Transaction, model: &Model) -> Vec<Cell> {
    let session = transaction.session.as_ref();
    let session = session.map_or_else(|| "-".to_owned(), |session| format::session_name(session.number));
    let target = if model.is_private() { MASK } else { &transaction.target };
    let is_refused = transaction.http_status.is_none_or(|status| status >= 400);
    let role = if is_refused { Role::Warn } else { Role::Faint };
    let span = transaction.response.map_or(transaction.request, |it| transaction.request.join(it));
    vec![
        Cell::text(Role::Faint, model.time_text(span.start.time)),
        Cell::Parts(vec![
            (Role::Text, format!("{} ", transaction.method).into()),
            (Role::Strong, target.to_owned().into()),
        ]),
        Cell::text(Role::Faint, session),
        Cell::text(Role::Faint, "-"),
        Cell::text(Role::Faint, format::size(transaction.bytes)),
        Cell::text(Role::Faint, "-"),
        Cell::text(role, outcome(transaction)),
        Cell::text(Role::Faint, transaction.total_ns().map_or_else(|| "-".to_owned(), units::cell)),
        Cell::end(Role::Faint, transaction.server.to_string()),
        format::ends_cell(span.first, span.last, model.files()),
    ]
}

fn stream_cells(stream: &Stream, call: Option<&LlmCall>, is_open: bool, model: &Model) -> Vec<Cell> {
    let silence = silence(stream, model);
    let session = stream
        .session
        .as_ref()
        .map_or_else(|| "-".to_owned(), |session| format::session_name(session.number));
    let is_stdio = stream.is_stdio();
    let target = stream.target.as_deref().unwrap_or(if is_stdio { "output" } else { "(not captured)" });
    let target = if model.is_private() { MASK } else { target };
    let (role, ended) = match stream.ended {
        ResponseEnd::Open => (Role::Good, if model.has_ended() { "open at end" } else { "open" }.to_owned()),
        ResponseEnd::Complete => (Role::Faint, "complete".to_owned()),
        ResponseEnd::ClosedBy(_) => (Role::Faint, stream.ended.name().replace('_', " ")),
        ResponseEnd::ResetBy(_) => (Role::Warn, stream.ended.name().replace('_', " ")),
    };
    let opener = stream.exchange.map_or(String::new(), |n| format!(" #{n}"));
    let method = stream.method.as_deref().unwrap_or(if is_stdio { "standard" } else { "?" });
    let mut parts: Vec<(Role, Cow<'static, str>)> = vec![
        (Role::Text, format!("{method} ").into()),
        (Role::Strong, target.to_owned().into()),
        (Role::Faint, opener.into()),
    ];
    parts.extend(call.into_iter().flat_map(llm_parts));
    vec![
        Cell::text(Role::Faint, model.time_text(stream.span.start.time)),
        Cell::Parts(parts),
        Cell::text(Role::Faint, session),
        Cell::text(Role::Text, stream.events.to_string()),
        // Bytes are counted when the stream ends.
        Cell::text(
            Role::Faint,
            if is_open && stream.bytes == 0 { "-".to_owned() } else { format::size(stream.bytes) },
        ),
        Cell::text(if silence >= LONG_SILENCE_NS { Role::Warn } else { Role::Faint }, units::cell(silence)),
        Cell::text(role, ended),
        Cell::text(Role::Faint, units::cell(end(stream, model).since(stream.span.start.time))),
        Cell::end(Role::Faint, stream.server.to_string()),
        format::ends_cell(stream.span.first, stream.span.last, model.files()),
    ]
}

/// Returns the end of the stream, or the current capture time if it is open.
fn end(stream: &Stream, model: &Model) -> crate::base::Timestamp {
    let known = stream.end.map_or(stream.span.end.time, |end| end.time);
    if stream.ended == ResponseEnd::Open { model.now().max(known) } else { known }
}

/// Returns the time from the last byte to the end of the stream or to now, in nanoseconds.
fn silence(stream: &Stream, model: &Model) -> i64 {
    // Comments keep a stream alive; they are known of streams that were read to their end.
    let is_read = stream.end.is_some() || model.has_ended();
    let last = if is_read { stream.span.end.time } else { last_event(stream) };
    // A lost segment may be sent again after the end.
    end(stream, model).since(last).max(0)
}

/// Returns the end of the last event, or the start if there is none: an open stream's last byte is
/// not known.
fn last_event(stream: &Stream) -> crate::base::Timestamp {
    stream.last_event.unwrap_or(stream.span.start.time)
}
