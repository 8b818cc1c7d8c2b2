//! Event streams: what opened each, what it carried, how it ended; then its events, with the gaps between them.

use std::time::Duration;

use ratatui::layout::Rect;

use super::{View, ViewName};
use crate::base::fact::CarriedKind;
use crate::base::{Finish, units};
use crate::ledger::Stream;
use crate::ledger::query::Subject;
use crate::ledger::store::Said;
use crate::tui::action::{Action, Place};
use crate::tui::effect::{Copies, Effect};
use crate::tui::list::List;
use crate::tui::pen::{FrameInfo, Hit, Pane, Pen};
use crate::tui::table::{Cell, Column, Table};
use crate::tui::theme::Role;
use crate::tui::world::World;

const COLUMNS: [Column; 10] = [
    Column::new("Time", 12),
    Column::new("Opened by", 22).grows(),
    Column::new("Sess", 5),
    Column::new("Events", 6).right(),
    Column::new("Bytes", 7).right(),
    Column::new("Silence", 7).right(),
    Column::new("Ended", 13),
    Column::new("Lasted", 7).right(),
    Column::new("Server", 21),
    Column::new("Packets", 13),
];

const EVENTS: [Column; 6] = [
    Column::new("Time", 12),
    Column::new("Gap", 8).right(),
    Column::new("Type", 10),
    Column::new("Data", 24).grows(),
    Column::new("Id", 8),
    Column::new("Packet", 8).right(),
];

/// Events of a stream that are read at once: the latest.
const MOST: usize = 5000;

/// Bytes of an event's data that are shown in its line.
const PREVIEW: usize = 1000;

/// How often open streams are held against the filter again, at most.
const PASSED: Duration = Duration::from_millis(500);

/// A gap between events that is shown as a long one, in nanoseconds.
const LONG: i64 = 1_000_000_000;

/// The view of the streams.
#[derive(Debug, Default)]
pub(in crate::tui) struct Streams {
    list: List,
    /// The streams that pass the filter, by their place; `None` where all do.
    passed: Option<Vec<usize>>,
    /// What the filter was and what it was held against, when that was done last.
    made_of: (String, usize, usize, Duration),
    opened: Option<Opened>,
}

/// A stream that was opened.
#[derive(Debug)]
struct Opened {
    key: (u32, u32),
    /// What of it was read: it is read again where there is more.
    pieces: u32,
    title: String,
    events: Vec<Said>,
    list: List,
    failed: Option<String>,
}

impl View for Streams {
    fn name(&self) -> ViewName {
        ViewName::Streams
    }

    fn draw(&self, area: Rect, pen: &mut Pen<'_>) {
        let world = pen.world;
        if let Some(opened) = &self.opened {
            return opened.draw(area, pen);
        }
        let rows = self.count(world);
        if rows == 0 {
            let text = if count(world) > 0 {
                "no stream passes the filter; esc clears it"
            } else if world.ended {
                "no event stream was seen"
            } else {
                "waiting for the first event stream..."
            };
            pen.text((area.x + 2, area.y + area.height / 3).into(), area.width, Role::Faint, text);
            return;
        }
        let table =
            Table { columns: &COLUMNS, sorted: None, rows, list: self.list, focused: true, pane: Pane::List };
        table.draw(area, pen, |row| {
            self.stream(world, row).map(|stream| cells(stream, world)).unwrap_or_default()
        });
    }

    fn act(&mut self, action: Action, world: &mut World, seen: &FrameInfo) -> Option<Vec<Effect>> {
        let Some(opened) = &mut self.opened else {
            if action == Action::Open {
                self.opened = self.stream(world, self.list.selected).map(Opened::new);
                self.refresh(world);
                return Some(Vec::new());
            }
            let rows = self.count(world);
            return self.list.act(action, seen.lines(Pane::List), rows).then(Vec::new);
        };
        if action == Action::Back {
            self.opened = None;
            return Some(Vec::new());
        }
        opened.list.act(action, seen.lines(Pane::Detail), opened.events.len()).then(Vec::new)
    }

    fn click(&mut self, hit: Hit, _: &mut World, _: &FrameInfo) -> Vec<Effect> {
        match (hit, &mut self.opened) {
            (Hit::Row(Pane::List, row), None) => self.list.selected = row,
            (Hit::Row(Pane::Detail, row), Some(opened)) => opened.list.selected = row,
            _ => {}
        }
        Vec::new()
    }

    fn wheel(&mut self, _: Pane, down: bool, world: &mut World, seen: &FrameInfo) {
        match &mut self.opened {
            Some(opened) => opened.list.scroll(down, 3, seen.lines(Pane::Detail), opened.events.len()),
            None => {
                let rows = self.count(world);
                self.list.scroll(down, 3, seen.lines(Pane::List), rows);
            }
        }
    }

    fn refresh(&mut self, world: &mut World) {
        self.pass(world);
        self.list.selected = self.list.selected.min(self.count(world).saturating_sub(1));
        if let Some(opened) = &mut self.opened {
            opened.read(world);
        }
    }

    fn place(&self) -> Place {
        if self.opened.is_some() { Place::Detail } else { Place::List }
    }

    fn copies(&self, world: &mut World) -> Copies {
        match &self.opened {
            Some(opened) => {
                opened.events.get(opened.list.selected).map_or_else(Copies::default, |event| {
                    Copies::default()
                        .with('d', "data of the event", String::from_utf8_lossy(&event.bytes))
                        .with('w', "Wireshark filter", format!("frame.number == {}", event.span.first))
                })
            }
            None => self.stream(world, self.list.selected).map_or_else(Copies::default, |stream| {
                Copies::default().with(
                    'w',
                    "Wireshark filter",
                    format!("tcp.stream == {}", stream.tcp_stream),
                )
            }),
        }
    }

    fn status(&self, world: &World) -> String {
        match &self.opened {
            Some(opened) => format!("event {} of {}", opened.list.selected + 1, opened.events.len()),
            None => {
                let rows = self.count(world);
                format!("{} of {rows}", (self.list.selected + 1).min(rows))
            }
        }
    }

    fn help(&self) -> &'static [&'static str] {
        &[
            "A row is a text/event-stream, MCP or not: what opened it, how many events it carried, how long",
            "it has been silent (at its end, or now), how it ended. Enter shows its events: the time of each,",
            "the gap to the one before, type, data, id and packet.",
            "",
            "The filter holds here too: fields that only exchanges have match no stream.",
        ]
    }
}

impl Streams {
    /// The stream in a row.
    fn stream<'w>(&self, world: &'w World, row: usize) -> Option<&'w Stream> {
        let place = self.passed.as_ref().map_or(Some(row), |passed| passed.get(row).copied())?;
        stream(world, place)
    }

    fn count(&self, world: &World) -> usize {
        self.passed.as_ref().map_or_else(|| count(world), Vec::len)
    }

    /// Holds the streams against the filter, where either changed. Open ones change as they go on.
    fn pass(&mut self, world: &World) {
        let filter = world.rows.filter();
        if filter.text().is_empty() {
            self.passed = None;
            return;
        }
        let (told, open) = (world.store.streams().len(), world.store.open_streams().len());
        let (text, was_told, was_open, when) = &self.made_of;
        let waits = open == 0 || world.uptime.saturating_sub(*when) < PASSED;
        let known = self.passed.is_some() && text == filter.text() && (*was_told, *was_open) == (told, open);
        if known && waits {
            return;
        }
        let all = world.store.streams().iter().chain(world.store.open_streams()).enumerate();
        let passing = all.filter(|(_, stream)| filter.matches(Subject::Stream(stream)));
        self.passed = Some(passing.map(|(place, _)| place).collect());
        self.made_of = (filter.text().to_owned(), told, open, world.uptime);
    }
}

impl Opened {
    fn new(stream: &Stream) -> Self {
        let target = stream.target.as_deref().unwrap_or("(its request was not captured)");
        Self {
            key: (stream.tcp_stream, stream.transaction),
            pieces: 0,
            title: format!("{} {target}", stream.method.as_deref().unwrap_or("")),
            events: Vec::new(),
            list: List::default(),
            failed: None,
        }
    }

    fn read(&mut self, world: &mut World) {
        let pieces = world.store.pieces(self.key.0, self.key.1);
        if pieces == self.pieces {
            return;
        }
        let at_end = self.pieces > 0 && self.list.selected + 1 == self.events.len();
        self.pieces = pieces;
        match world.store.said_last(self.key.0, self.key.1, MOST) {
            Ok(said) => {
                let is_event = |said: &Said| matches!(said.kind, CarriedKind::Event { .. });
                self.events = said.into_iter().filter(is_event).collect();
                self.failed = None;
            }
            Err(error) => self.failed = Some(format!("what it carried could not be kept: {error}")),
        }
        if at_end {
            self.list.selected = self.events.len().saturating_sub(1);
        }
    }

    fn draw(&self, area: Rect, pen: &mut Pen<'_>) {
        let title = pen.private(&self.title).into_owned();
        pen.line(area, &[(Role::Strong, &title), (Role::Bad, self.failed.as_deref().unwrap_or(""))]);
        let body = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
        let table = Table {
            columns: &EVENTS,
            sorted: None,
            rows: self.events.len(),
            list: self.list,
            focused: true,
            pane: Pane::Detail,
        };
        let private = pen.world.private;
        table.draw(body, pen, |row| self.cells(row, private));
    }

    fn cells(&self, row: usize, private: bool) -> Vec<Cell> {
        let Some(event) = self.events.get(row) else { return Vec::new() };
        let CarriedKind::Event { name, id } = &event.kind else { return Vec::new() };
        let before = row.checked_sub(1).and_then(|before| self.events.get(before));
        let gap = before.map(|before| event.span.start.time.since(before.span.end.time));
        let role = if gap.is_some_and(|gap| gap >= LONG) { Role::Warn } else { Role::Faint };
        let (front, _) = event.bytes.split_at_checked(PREVIEW).unwrap_or((&event.bytes, &[]));
        let data = if private { "***".to_owned() } else { String::from_utf8_lossy(front).into_owned() };
        let id = if private { "***" } else { id.as_deref().unwrap_or("") };
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

fn size(bytes: u64) -> String {
    units::bytes(bytes).replace(' ', "")
}

/// The streams that are over, then those that go on.
fn stream(world: &World, row: usize) -> Option<&Stream> {
    let told = world.store.streams();
    told.get(row).or_else(|| world.store.open_streams().nth(row.checked_sub(told.len())?))
}

fn count(world: &World) -> usize {
    world.store.streams().len() + world.store.open_streams().len()
}

fn cells(stream: &Stream, world: &World) -> Vec<Cell> {
    let is_open = stream.ended == Finish::Open;
    let end = if is_open { world.now().max(stream.span.end.time) } else { stream.span.end.time };
    let silence = end.since(stream.last_event.unwrap_or(stream.span.start.time));
    let session =
        stream.session.as_ref().map_or_else(|| "-".to_owned(), |session| format!("s{}", session.number));
    let target = stream.target.as_deref().unwrap_or("(not captured)");
    let target = if world.private { "***" } else { target };
    let (role, ended) = match stream.ended {
        Finish::Open => (Role::Good, "open".to_owned()),
        Finish::Complete => (Role::Faint, "complete".to_owned()),
        Finish::ClosedBy(_) => (Role::Faint, stream.ended.name().replace('_', " ")),
        Finish::ResetBy(_) => (Role::Warn, stream.ended.name().replace('_', " ")),
    };
    let opener = stream.exchange.map_or(String::new(), |n| format!(" #{n}"));
    vec![
        Cell::text(Role::Faint, units::time_of_day(stream.span.start.time)),
        Cell::Parts(vec![
            (Role::Text, format!("{} ", stream.method.as_deref().unwrap_or("?")).into()),
            (Role::Strong, target.to_owned().into()),
            (Role::Faint, opener.into()),
        ]),
        Cell::text(Role::Faint, session),
        Cell::text(Role::Text, stream.events.to_string()),
        // They are counted when it is over.
        Cell::text(
            Role::Faint,
            if is_open && stream.bytes == 0 { "-".to_owned() } else { size(stream.bytes) },
        ),
        Cell::text(if silence >= LONG { Role::Warn } else { Role::Faint }, units::cell(silence)),
        Cell::text(role, ended),
        Cell::text(Role::Faint, units::cell(end.since(stream.span.start.time))),
        Cell::text(Role::Faint, stream.server.to_string()),
        Cell::text(Role::Faint, format!("{}-{}", stream.span.first, stream.span.last)),
    ]
}
