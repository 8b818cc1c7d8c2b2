//! The event streams: a row each; an open stream shows its events with the gaps between them.

mod opened;

use ratatui::layout::Rect;

use super::connections::address;
use super::store_items::{self, StoreItem, StoreItems};
use super::view::View;
use crate::base::{ResponseEnd, units};
use crate::ledger::Stream;
use crate::ledger::query::Subject;
use crate::ledger::store::Store;
use crate::tui::action::{Action, KeyContext};
use crate::tui::effect::{Copies, Effect};
use crate::tui::frame_info::{FrameInfo, Hit, Pane};
use crate::tui::model::Model;
use crate::tui::painter::Painter;
use crate::tui::sorted_list::{Items, SortKey, SortedList};
use crate::tui::table::{Cell, Column, First};
use crate::tui::theme::{MASK, Role};
use crate::tui::view_name::ViewName;

use opened::Opened;

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

const LONG: i64 = 1_000_000_000;

/// View of the event streams.
#[derive(Debug)]
pub(in crate::tui) struct Streams {
    listing: SortedList<(u32, u32)>,
    opened: Option<Opened>,
}

impl Default for Streams {
    fn default() -> Self {
        Self { listing: SortedList::new(&COLUMNS), opened: None }
    }
}

impl View for Streams {
    fn name(&self) -> ViewName {
        ViewName::Streams
    }

    fn draw(&self, model: &Model, area: Rect, painter: &mut Painter<'_>) {
        if let Some(opened) = &self.opened {
            return opened.draw(area, painter);
        }
        let items = StoreItems::<Stream>::of(model);
        if self.listing.len() == 0 {
            return store_items::draw_empty(model, "event stream", items.len() > 0, area, painter);
        }
        self.listing.draw(area, (&items, &COLUMNS), true, painter);
    }

    fn act(&mut self, action: Action, model: &mut Model, frame: &FrameInfo) -> Option<Vec<Effect>> {
        if let Some(opened) = &mut self.opened {
            if let Some(effects) = opened.act(action, frame) {
                return Some(effects);
            }
            return (action == Action::Back).then(|| {
                self.opened = None;
                Vec::new()
            });
        }
        // Entries since the last frame may have moved the selected stream to another place.
        self.refresh(model);
        match action {
            Action::Open => {
                self.opened = self.selected(model).map(Opened::new);
                self.refresh(model);
                Some(Vec::new())
            }
            Action::Partner => {
                let n = self.selected(model).and_then(|stream| stream.exchange);
                Some(vec![n.map_or(Effect::Bell, Effect::Open)])
            }
            _ => {
                let items = StoreItems::<Stream>::of(model);
                self.listing.act(action, &items, frame.visible_rows(Pane::List)).then(Vec::new)
            }
        }
    }

    fn click(&mut self, hit: Hit, model: &mut Model, _: &FrameInfo) -> Vec<Effect> {
        match &mut self.opened {
            Some(opened) => opened.click(hit),
            None => self.listing.click(hit, Pane::List, &StoreItems::<Stream>::of(model)),
        }
        Vec::new()
    }

    fn wheel(&mut self, pane: Pane, down: bool, model: &mut Model, frame: &FrameInfo) {
        match &mut self.opened {
            Some(opened) => opened.wheel(pane, down, frame),
            None => {
                self.listing.wheel(down, &StoreItems::<Stream>::of(model), frame.visible_rows(Pane::List))
            }
        }
    }

    fn refresh(&mut self, model: &mut Model) {
        self.listing.refresh(&StoreItems::<Stream>::of(model));
        if let Some(opened) = self.opened.as_mut().filter(|_| !model.is_frozen()) {
            opened.read(model);
        }
    }

    fn knows(&self, action: Action) -> bool {
        let opened = self.opened.as_ref();
        match action {
            Action::Follow => false,
            Action::Sort => opened.is_none(),
            Action::NextPane => opened.is_some(),
            Action::Bytes => opened.is_some_and(Opened::has_reader),
            Action::Search | Action::Fold => opened.is_some_and(Opened::is_in_reader),
            _ => true,
        }
    }

    fn key_context(&self) -> KeyContext {
        if self.opened.is_some() { KeyContext::Detail } else { KeyContext::List }
    }

    fn copies(&self, model: &mut Model) -> Copies {
        match &self.opened {
            Some(opened) => opened.copies(),
            None => self.selected(model).map_or_else(Copies::default, |stream| {
                let filter = format!("tcp.stream == {}", stream.tcp_stream);
                Copies::default().with('w', "Wireshark filter", filter)
            }),
        }
    }

    fn status(&self, _: &Model) -> String {
        self.opened.as_ref().map_or_else(|| self.listing.status(), Opened::status)
    }

    fn help(&self) -> &'static [&'static str] {
        &[
            "A row is a text/event-stream, MCP or not: what opened it, how many events it carried, how long",
            "it has been silent (at its end, or now), how it ended. x shows the exchange that opened it.",
            "Enter shows its events: the time of each, the gap to the one before, type, data, id and packet.",
            "Enter again shows the data of an event, JSON in lines; tab goes from the events to it, and back;",
            "b shows its bytes.",
            "",
            "The filter holds here too: fields that only exchanges have match no stream.",
        ]
    }

    fn search(&mut self, text: &str) -> Option<usize> {
        self.opened.as_mut().and_then(|opened| opened.search(text))
    }
}

impl Streams {
    fn selected<'w>(&self, model: &'w Model) -> Option<&'w Stream> {
        StoreItems::of(model).get(self.listing.selected()?).map(|(stream, _)| stream)
    }
}

impl StoreItem for Stream {
    type Id = (u32, u32);

    fn over(store: &Store) -> &[Self] {
        store.streams()
    }

    fn open(store: &Store) -> impl Iterator<Item = &Self> {
        store.open_streams()
    }

    fn id(&self) -> (u32, u32) {
        (self.tcp_stream, self.transaction)
    }

    fn sort_key(&self, column: usize, model: &Model) -> SortKey {
        match column {
            1 => self.target.as_deref().map_or(SortKey::Missing, SortKey::text),
            2 => self
                .session
                .as_ref()
                .map_or(SortKey::Missing, |session| SortKey::count(session.number.into())),
            3 => SortKey::count(self.events),
            4 => SortKey::count(self.bytes),
            5 => SortKey::Number(silence(self, model)),
            6 => SortKey::text(self.ended.name()),
            7 => SortKey::Number(end(self, model).since(self.span.start.time)),
            8 => address(self.server),
            9 => SortKey::count(self.span.first.0),
            _ => SortKey::Number(self.span.start.time.0),
        }
    }

    fn passes(&self, model: &Model) -> bool {
        model.filter().matches(Subject::Stream(self))
    }

    fn cells(&self, is_open: bool, model: &Model) -> Vec<Cell> {
        let silence = silence(self, model);
        let session =
            self.session.as_ref().map_or_else(|| "-".to_owned(), |session| format!("s{}", session.number));
        let target = self.target.as_deref().unwrap_or("(not captured)");
        let target = if model.is_private() { MASK } else { target };
        let (role, ended) = match self.ended {
            ResponseEnd::Open => {
                (Role::Good, if model.has_ended() { "open at end" } else { "open" }.to_owned())
            }
            ResponseEnd::Complete => (Role::Faint, "complete".to_owned()),
            ResponseEnd::ClosedBy(_) => (Role::Faint, self.ended.name().replace('_', " ")),
            ResponseEnd::ResetBy(_) => (Role::Warn, self.ended.name().replace('_', " ")),
        };
        let opener = self.exchange.map_or(String::new(), |n| format!(" #{n}"));
        vec![
            Cell::text(Role::Faint, units::time_of_day(self.span.start.time)),
            Cell::Parts(vec![
                (Role::Text, format!("{} ", self.method.as_deref().unwrap_or("?")).into()),
                (Role::Strong, target.to_owned().into()),
                (Role::Faint, opener.into()),
            ]),
            Cell::text(Role::Faint, session),
            Cell::text(Role::Text, self.events.to_string()),
            // Bytes are counted when the stream ends.
            Cell::text(
                Role::Faint,
                if is_open && self.bytes == 0 { "-".to_owned() } else { store_items::size(self.bytes) },
            ),
            Cell::text(if silence >= LONG { Role::Warn } else { Role::Faint }, units::cell(silence)),
            Cell::text(role, ended),
            Cell::text(Role::Faint, units::cell(end(self, model).since(self.span.start.time))),
            Cell::end(Role::Faint, self.server.to_string()),
            Cell::text(Role::Faint, format!("{}-{}", self.span.first, self.span.last)),
        ]
    }
}

/// Returns the end of the stream, or the current capture time if it is open.
fn end(stream: &Stream, model: &Model) -> crate::base::Timestamp {
    let known = stream.span.end.time;
    if stream.ended == ResponseEnd::Open { model.now().max(known) } else { known }
}

/// Returns the time since the last event until the end of the stream or until now, in nanoseconds.
fn silence(stream: &Stream, model: &Model) -> i64 {
    end(stream, model).since(stream.last_event.unwrap_or(stream.span.start.time))
}
