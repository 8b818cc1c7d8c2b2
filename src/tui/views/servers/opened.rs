//! The server that was opened: what it offers, and the definition that is read.

use std::cmp::Reverse;
use std::net::SocketAddr;

use ratatui::layout::Rect;

use super::gather::{self, Definition, KINDS, Server, Texts};
use crate::base::units;
use crate::tui::action::Action;
use crate::tui::doc::Doc;
use crate::tui::effect::{Copies, Effect};
use crate::tui::list::List;
use crate::tui::pen::{FrameInfo, Hit, Pane, Pen};
use crate::tui::table::{Cell, Column, Table};
use crate::tui::theme::Role;
use crate::tui::views::reader::{MASK, Reader};
use crate::tui::world::World;

const COLUMNS: [Column; 5] = [
    Column::new("Kind", 9),
    Column::new("Name", 28),
    Column::new("Used", 6).right(),
    Column::new("Size", 7).right(),
    Column::new("What it is, in its own words", 20).grows(),
];

/// The columns where the definition stands beside them.
const FEW: [Column; 4] = [Column::new("Kind", 9), Column::new("Name", 20).grows(), COLUMNS[2], COLUMNS[3]];

/// Columns of the screen from which the definition stands beside the list.
const BESIDE: u16 = 160;

/// A definition that is large: a model reads it with every request.
const LARGE: u64 = 4096;

/// What the list is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum By {
    /// In the order of the kinds, then by name.
    #[default]
    Kind,
    Name,
    Uses,
    Bytes,
}

impl By {
    /// In the order of the columns.
    const ALL: [Self; 4] = [Self::Kind, Self::Name, Self::Uses, Self::Bytes];
}

/// A server that was opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) server: Server,
    texts: Texts,
    definitions: Vec<Definition>,
    list: List,
    by: By,
    /// Whether the order is turned.
    turned: bool,
    reader: Reader,
    /// The definition that the reader has: its place in [`KINDS`], its name and its length.
    read: Option<(usize, String, usize)>,
    /// Whether keys go to the definition.
    pub(super) in_reader: bool,
    /// How many listings were read: they are read again where there are more.
    listings: Option<u64>,
    /// Why what was listed cannot be shown; `None` where it can.
    failed: Option<String>,
}

impl Opened {
    pub(super) fn new(server: Server, world: &mut World) -> Self {
        let mut opened = Self {
            server,
            texts: Texts::new(),
            definitions: Vec::new(),
            list: List::default(),
            by: By::default(),
            turned: false,
            reader: Reader::default(),
            read: None,
            in_reader: false,
            listings: None,
            failed: None,
        };
        opened.refresh(world);
        opened
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Reads what was listed since; what is selected stays so.
    pub(super) fn refresh(&mut self, world: &mut World) {
        let listings = world.listings.count(self.address());
        if self.listings != Some(listings) {
            self.listings = Some(listings);
            match gather::texts(self.address(), world) {
                Ok(texts) => (self.texts, self.failed) = (texts, None),
                Err(error) => self.failed = Some(format!("what it listed could not be kept: {error}")),
            }
        }
        self.definitions = gather::definitions(self.address(), &world.summary.offers, &self.texts);
        let selected = self.read.as_ref().map(|(kind, name, _)| (*kind, name.clone()));
        self.sort(selected);
    }

    pub(super) fn act(&mut self, action: Action, seen: &FrameInfo) -> Option<Vec<Effect>> {
        match action {
            Action::Partner => {
                let filter = self.selected().and_then(|definition| calls(definition, self.address()));
                return Some(vec![filter.map_or(Effect::Bell, Effect::Filter)]);
            }
            Action::Back if self.in_reader => self.in_reader = false,
            Action::NextPane => self.in_reader = !self.in_reader && self.selected().is_some(),
            _ if self.in_reader => return self.reader.act(action, seen.lines(Pane::Detail)),
            Action::Open | Action::Right if self.selected().is_some() => self.in_reader = true,
            Action::Sort => {
                let at = By::ALL.iter().position(|by| *by == self.by).unwrap_or(0);
                self.order(By::ALL.get((at + 1) % By::ALL.len()).copied().unwrap_or_default());
            }
            Action::SortReverse => {
                self.turned = !self.turned;
                self.sort(self.key());
            }
            _ => {
                let moved = self.list.act(action, seen.lines(Pane::List), self.definitions.len());
                self.read();
                return moved.then(Vec::new);
            }
        }
        Some(Vec::new())
    }

    pub(super) fn click(&mut self, hit: Hit) {
        match hit {
            Hit::Row(Pane::List, row) => {
                self.in_reader = false;
                self.list.selected = row.min(self.definitions.len().saturating_sub(1));
                self.read();
            }
            Hit::Row(Pane::Detail, row) => {
                self.in_reader = true;
                self.reader.click(row);
            }
            Hit::Column(at) => {
                if let Some(by) = By::ALL.get(at).copied() {
                    self.turned = by == self.by && !self.turned;
                    self.by = by;
                    self.sort(self.key());
                }
            }
            _ => {}
        }
    }

    pub(super) fn wheel(&mut self, pane: Pane, down: bool, seen: &FrameInfo) {
        match pane {
            Pane::Detail => self.reader.wheel(down, seen.lines(Pane::Detail)),
            Pane::List => {
                self.list.scroll(down, 3, seen.lines(Pane::List), self.definitions.len());
                self.read();
            }
        }
    }

    pub(super) fn search(&mut self, text: &str) -> Option<usize> {
        self.in_reader.then(|| self.reader.search(text))
    }

    pub(super) fn copies(&self) -> Copies {
        let Some(definition) = self.selected() else { return Copies::default() };
        let copies = Copies::default().with('n', "name", &*definition.name);
        let copies = match &definition.json {
            Some(json) => copies.with('j', "JSON, definition", &**json),
            None => copies,
        };
        match calls(definition, self.address()) {
            Some(filter) => copies.with('f', "filter for its exchanges", filter),
            None => copies,
        }
    }

    pub(super) fn status(&self) -> String {
        let count = self.definitions.len();
        format!("{} of {count}", (self.list.selected + 1).min(count))
    }

    pub(super) fn draw(&self, area: Rect, pen: &mut Pen<'_>) {
        let head = self.draw_head(area, pen);
        let body = Rect { y: area.y + head, height: area.height.saturating_sub(head), ..area };
        if let Some(failed) = &self.failed {
            pen.line(body, &[(Role::Bad, failed)]);
            return;
        }
        if self.definitions.is_empty() {
            let text = "it was not seen to list anything: no tools, prompts or resources are known";
            pen.text((body.x + 1, body.y + 1).into(), body.width.saturating_sub(1), Role::Faint, text);
            return;
        }
        if area.width < BESIDE {
            if self.in_reader {
                self.draw_reader(body, pen);
            } else {
                self.draw_list(body, &COLUMNS, pen);
            }
            return;
        }
        let left = Rect { width: body.width * 2 / 5, ..body };
        let right = Rect { x: body.x + left.width + 1, width: body.width - left.width - 1, ..body };
        self.draw_list(left, &FEW, pen);
        let [_, standing] = pen.symbols().rules;
        for line in body.y..body.bottom() {
            pen.text((left.right(), line).into(), 1, Role::Border, standing);
        }
        self.draw_reader(right, pen);
    }

    /// Who it is and what it can do. Says how many lines that took.
    fn draw_head(&self, area: Rect, pen: &mut Pen<'_>) -> u16 {
        let server = &self.server;
        let (name, version) =
            server.info.as_ref().map_or(("(it did not introduce itself)", ""), |i| (&*i.name, &*i.version));
        let line = |y| Rect { x: area.x + 1, y, width: area.width.saturating_sub(2), height: 1 };
        let revisions = server.revisions.join(", ");
        let counts = format!(
            "  {}, {}, {} failed",
            units::several(server.sessions, "session"),
            units::several(server.exchanges, "exchange"),
            server.failed,
        );
        let address = format!("  {}  ", server.address);
        let first = [(Role::Strong, name), (Role::Text, " "), (Role::Text, version), (Role::Faint, &address)];
        let used = pen.line(line(area.y), &first);
        let room = line(area.y);
        let rest = Rect { x: room.x + used, width: room.width.saturating_sub(used), ..room };
        pen.line(rest, &[(Role::Title, &revisions), (Role::Faint, &counts)]);
        let can = if server.capabilities.is_empty() {
            "none seen".to_owned()
        } else {
            server.capabilities.join(" ")
        };
        pen.line(line(area.y + 1), &[(Role::Faint, "capabilities "), (Role::Text, &can)]);
        let uses = self.definitions.iter().filter(|definition| definition.uses == Some(0)).count();
        let offers = format!(
            "{} in {}",
            units::bytes(server.bytes),
            units::several(self.definitions.len() as u64, "definition")
        );
        let unused = format!(", {uses} of them not used in this capture");
        pen.line(
            line(area.y + 2),
            &[(Role::Faint, "offers "), (Role::Text, &offers), (Role::Faint, &unused)],
        );
        3
    }

    fn draw_list(&self, area: Rect, columns: &[Column], pen: &mut Pen<'_>) {
        let sorted = By::ALL.iter().position(|by| *by == self.by);
        let down = self.turned != matches!(self.by, By::Uses | By::Bytes);
        let table = Table {
            columns,
            sorted: sorted.map(|at| (at, down)),
            rows: self.definitions.len(),
            list: self.list,
            focused: !self.in_reader,
            pane: Pane::List,
        };
        let private = pen.world.private;
        table.draw(area, pen, |row| self.definitions.get(row).map(|d| cells(d, private)).unwrap_or_default());
    }

    fn draw_reader(&self, area: Rect, pen: &mut Pen<'_>) {
        let Some(definition) = self.selected() else { return };
        let private = pen.world.private;
        let kind = KINDS.get(definition.kind).map_or("", |(_, kind, _)| kind);
        let used =
            definition.uses.map_or(String::new(), |uses| format!(", used {}", units::several(uses, "time")));
        let rest = format!("  {}{used}", units::bytes(definition.bytes));
        let title = [
            (Role::Title, kind),
            (Role::Text, " "),
            (Role::Strong, shown(definition, private)),
            (Role::Faint, &rest),
        ];
        pen.line(Rect { x: area.x + 1, width: area.width.saturating_sub(1), ..area }, &title);
        let body = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
        self.reader.draw(
            body,
            self.in_reader,
            "its definition was not kept: the capture lacks some of the listing",
            pen,
        );
    }

    fn selected(&self) -> Option<&Definition> {
        self.definitions.get(self.list.selected)
    }

    fn key(&self) -> Option<(usize, String)> {
        self.selected().map(|definition| (definition.kind, definition.name.clone()))
    }

    fn order(&mut self, by: By) {
        (self.by, self.turned) = (by, false);
        self.sort(self.key());
    }

    /// Sorts, and selects what was selected.
    fn sort(&mut self, selected: Option<(usize, String)>) {
        match self.by {
            By::Kind => self.definitions.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name))),
            By::Name => self.definitions.sort_by(|a, b| (&a.name, a.kind).cmp(&(&b.name, b.kind))),
            By::Uses => self.definitions.sort_by_key(|definition| Reverse(definition.uses)),
            By::Bytes => self.definitions.sort_by_key(|definition| Reverse(definition.bytes)),
        }
        if self.turned {
            self.definitions.reverse();
        }
        let place = selected.and_then(|(kind, name)| {
            self.definitions.iter().position(|definition| definition.kind == kind && definition.name == name)
        });
        let last = self.definitions.len().saturating_sub(1);
        self.list.selected = place.unwrap_or(self.list.selected).min(last);
        self.read();
    }

    /// Hands the selected definition to the reader, where it has another.
    fn read(&mut self) {
        let Some(definition) = self.definitions.get(self.list.selected) else { return };
        let json = definition.json.as_deref().unwrap_or("");
        let key = (definition.kind, definition.name.clone(), json.len());
        if self.read.as_ref() != Some(&key) {
            self.reader.set(Doc::of(json.as_bytes()));
            self.read = Some(key);
        }
    }
}

/// The filter for the exchanges that use a definition; `None` where no exchange names it.
fn calls(definition: &Definition, server: SocketAddr) -> Option<String> {
    let (_, _, method) = KINDS.get(definition.kind)?;
    let name = definition.name.replace('\\', "\\\\").replace('"', "\\\"");
    method.map(|method| format!("method:{method} name:\"{name}\" server:{server}"))
}

/// Its name; the URI of a resource is as private as what it leads to.
fn shown(definition: &Definition, private: bool) -> &str {
    if private && definition.kind >= 2 { MASK } else { &definition.name }
}

fn cells(definition: &Definition, private: bool) -> Vec<Cell> {
    let kind = KINDS.get(definition.kind).map_or("", |(_, kind, _)| kind);
    let uses = definition.uses;
    let about = if private { MASK } else { &definition.about };
    vec![
        Cell::text(Role::Faint, kind),
        Cell::text(Role::Strong, shown(definition, private).to_owned()),
        Cell::text(
            if uses.unwrap_or(0) > 0 { Role::Text } else { Role::Faint },
            uses.map_or_else(|| "-".to_owned(), |uses| uses.to_string()),
        ),
        Cell::text(
            if definition.bytes >= LARGE { Role::Warn } else { Role::Text },
            units::bytes(definition.bytes).replace(' ', ""),
        ),
        Cell::text(Role::Faint, about.to_owned()),
    ]
}
