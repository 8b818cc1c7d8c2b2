//! The open server: its definitions, and the definition in the reader.

use ratatui::layout::Rect;

use crate::base::time_style::TimeStyle;
use crate::base::{Files, sanitize, units};
use crate::ledger::ServerRef;
use crate::tui::action::Action;
use crate::tui::document::Document;
use crate::tui::effect::{CopyMenu, Effect};
use crate::tui::frame_info::{FrameInfo, Hit, Pane};
use crate::tui::model::Model;
use crate::tui::painter::Painter;
use crate::tui::sorted_list::{Items, ListLayout, SortKey, SortedList};
use crate::tui::table::{Cell, Column, First};
use crate::tui::theme::MASK;
use crate::tui::theme::Role;
use crate::tui::times::Times;
use crate::tui::views::format;
use crate::tui::views::layout;
use crate::tui::views::reader::DocumentReader;

use super::definition::{self, Definition};
use super::history::{self, ChangeKind, History};
use super::server::Server;
use crate::ledger::definitions::DefinitionKind;

const COLUMNS: [Column; 8] = [
    Column::new("Kind", 8).sorts(First::Least),
    Column::new("Name", 20).grows().sorts(First::Least),
    Column::new("Used", 5).right().sorts(First::Largest),
    Column::new("Fail", 5).right().sorts(First::Largest),
    Column::new("p50", 7).right().sorts(First::Largest),
    Column::new("Size", 7).right().sorts(First::Largest),
    Column::new("~Tokens", 7).right().sorts(First::Largest),
    Column::new("Description", 29).grows(),
];

/// Number of columns that are shown if the definition is beside the list.
const COLUMNS_BESIDE: usize = 7;

/// Width of the screen, in columns, from which the definition is drawn beside the list.
const BESIDE_WIDTH: u16 = 160;

/// Length from which a definition counts as large, in bytes: a model reads it with every request.
const LARGE_BYTES: u64 = 4096;

/// Bytes of JSON per token of a model: a common estimate for English and code.
const BYTES_PER_TOKEN: u64 = 4;

/// An open server.
#[derive(Debug)]
pub(super) struct OpenServer {
    pub(super) server: Server,
    history: History,
    definitions: Vec<Definition>,
    /// Number of rebuilds of the definitions.
    version: u64,
    list: SortedList<(DefinitionKind, String)>,
    reader: DocumentReader,
    /// Definition in the reader: kind, name, length of all versions, and the style of times.
    in_reader: Option<(DefinitionKind, String, usize, TimeStyle)>,
    /// The form of times.
    times: Times,
    files: Files,
    /// Whether keys go to the definition.
    pub(super) is_in_reader: bool,
    /// Number of listings that were read; they are read again when there are more.
    listings: Option<u64>,
    /// Why the listings cannot be shown; `None` if they can.
    failed: Option<String>,
}

impl OpenServer {
    pub(super) fn new(server: Server, model: &mut Model) -> Self {
        let mut open = Self {
            server,
            history: History::default(),
            definitions: Vec::new(),
            version: 0,
            list: SortedList::new(&COLUMNS),
            reader: DocumentReader::default(),
            in_reader: None,
            times: model.times(),
            files: model.files().clone(),
            is_in_reader: false,
            listings: None,
            failed: None,
        };
        open.refresh(model);
        open
    }

    pub(super) fn reference(&self) -> &ServerRef {
        &self.server.reference
    }

    /// Reads new listings; the selected definition stays selected.
    pub(super) fn refresh(&mut self, model: &mut Model) {
        let listings = model.catalog().listing_count(self.reference());
        if self.listings != Some(listings) {
            self.listings = Some(listings);
            match definition::read_history(self.reference(), model) {
                Ok(history) => (self.history, self.failed) = (history, None),
                Err(error) => self.failed = Some(format!("its listings could not be stored: {error}")),
            }
        }
        self.times = model.times();
        self.definitions = definition::definitions(self.reference(), &self.history, model);
        self.version += 1;
        self.list.refresh(&DefinitionItems::of(&self.definitions, self.version, &self.times));
        self.show_selected();
    }

    pub(super) fn handle_action(&mut self, action: Action, frame: &FrameInfo) -> Option<Vec<Effect>> {
        match action {
            Action::Partner => {
                let filter = self.selected().and_then(|definition| use_filter(definition, self.reference()));
                return Some(vec![filter.map_or(Effect::Bell, Effect::Filter)]);
            }
            // An open string of the definition is closed first.
            Action::Back if self.is_in_reader => self.is_in_reader = self.reader.close(),
            Action::Back => return None,
            Action::NextPane => self.is_in_reader = !self.is_in_reader && self.selected().is_some(),
            _ if self.is_in_reader => {
                return self.reader.handle_action(action, frame.visible_rows(Pane::Detail));
            }
            Action::Open | Action::Right if self.selected().is_some() => self.is_in_reader = true,
            _ => {
                let items = DefinitionItems::of(&self.definitions, self.version, &self.times);
                let moved = self.list.handle_action(action, &items, frame.visible_rows(Pane::List));
                self.show_selected();
                return moved.then(Vec::new);
            }
        }
        Some(Vec::new())
    }

    pub(super) fn handle_click(&mut self, hit: Hit) {
        match hit {
            Hit::Row(Pane::Detail, row) => {
                self.is_in_reader = true;
                self.reader.handle_click(row);
            }
            Hit::Cell(Pane::Detail, offset, _) => {
                self.is_in_reader = true;
                self.reader.click_byte(offset);
            }
            hit => {
                self.is_in_reader = false;
                let items = DefinitionItems::of(&self.definitions, self.version, &self.times);
                self.list.handle_click(hit, Pane::List, &items);
                self.show_selected();
            }
        }
    }

    pub(super) fn handle_wheel(&mut self, pane: Pane, down: bool, frame: &FrameInfo) {
        match pane {
            Pane::Detail => self.reader.handle_wheel(down, frame.visible_rows(Pane::Detail)),
            Pane::List => {
                let items = DefinitionItems::of(&self.definitions, self.version, &self.times);
                self.list.handle_wheel(down, &items, frame.visible_rows(Pane::List));
                self.show_selected();
            }
        }
    }

    pub(super) fn search(&mut self, text: &str) -> Option<usize> {
        self.is_in_reader.then(|| self.reader.search(text))
    }

    pub(super) fn copy_menu(&self) -> CopyMenu {
        let Some(definition) = self.selected() else { return CopyMenu::default() };
        let menu = CopyMenu::default().with('n', "name", &*definition.name);
        let menu = match &definition.json {
            Some(json) => menu.with('j', "JSON, definition", &**json),
            None => menu,
        };
        let menu = match use_filter(definition, self.reference()) {
            Some(filter) => menu.with('f', "filter for its exchanges", filter),
            None => menu,
        };
        if self.is_in_reader { self.reader.copy_menu(menu) } else { menu }
    }

    pub(super) fn status(&self) -> String {
        if self.is_in_reader { self.reader.status() } else { self.list.status() }
    }

    pub(super) fn draw(&self, area: Rect, painter: &mut Painter<'_>) {
        let head = self.draw_head(area, painter);
        let body = Rect { y: area.y + head, height: area.height.saturating_sub(head), ..area };
        if let Some(failed) = &self.failed {
            painter.draw_spans(body, &[(Role::Bad, failed)]);
            return;
        }
        if self.definitions.is_empty() {
            let text = "no tools, prompts or resources were listed or used in this capture";
            painter.draw_text(
                (body.x + 1, body.y + 1).into(),
                body.width.saturating_sub(1),
                Role::Faint,
                text,
            );
            return;
        }
        if area.width < BESIDE_WIDTH {
            if self.is_in_reader {
                self.draw_reader(body, painter);
            } else {
                self.draw_list(body, &COLUMNS, painter);
            }
            return;
        }
        let (left, right) = layout::side_by_side(body, body.width * 2 / 5, painter);
        self.draw_list(left, COLUMNS.get(..COLUMNS_BESIDE).unwrap_or(&COLUMNS), painter);
        self.draw_reader(right, painter);
    }

    /// Draws the server's name, capabilities and definition counts, and returns the height.
    fn draw_head(&self, area: Rect, painter: &mut Painter<'_>) -> u16 {
        let server = &self.server;
        let (name, version) =
            server.info.as_ref().map_or(("(name not captured)", ""), |i| (&*i.name, &*i.version));
        let line = |y| Rect { x: area.x + 1, y, width: area.width.saturating_sub(2), height: 1 };
        let revisions = server.revisions.join(", ");
        let counts = format!("  {}, {} failed", units::several(server.exchanges, "exchange"), server.failed);
        let address = format!("  {}  ", server.label());
        let room = line(area.y);
        // A long name is cut, so that address and revision fit.
        let others = address.len() + sanitize::width(version) + sanitize::width(&revisions) + 1;
        let front = usize::from(room.width).saturating_sub(others).max(12);
        let name = sanitize::clean(name);
        let name = sanitize::fit(&name, front);
        let first =
            [(Role::Strong, &*name), (Role::Text, " "), (Role::Text, version), (Role::Faint, &address)];
        let used = painter.draw_spans(room, &first);
        let rest = Rect { x: room.x + used, width: room.width.saturating_sub(used), ..room };
        painter.draw_spans(rest, &[(Role::Title, &revisions), (Role::Faint, &counts)]);
        let can = if server.capabilities.is_empty() {
            "not captured".to_owned()
        } else {
            server.capabilities.join(" ")
        };
        painter.draw_spans(line(area.y + 1), &[(Role::Faint, "capabilities "), (Role::Text, &can)]);
        let listed = || self.definitions.iter().filter(|definition| definition.is_listed);
        let unused = listed().filter(|definition| definition.uses == Some(0)).count();
        let unlisted = self.definitions.len() - listed().count();
        let offers = format!(
            "{}, {}, ~{} tokens",
            units::several(listed().count() as u64, "definition"),
            units::bytes(server.bytes),
            server.bytes.div_ceil(BYTES_PER_TOKEN),
        );
        let offers = if listed().next().is_none() { "no listing in this capture".to_owned() } else { offers };
        let count = |kind| {
            self.definitions.iter().filter(|it| it.change.is_some_and(|change| change.kind == kind)).count()
        };
        let changes: Vec<String> = [ChangeKind::Changed, ChangeKind::Added, ChangeKind::Removed]
            .into_iter()
            .map(|kind| (count(kind), kind.word()))
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("; {count} {word}"))
            .collect();
        let changes = changes.concat();
        let unused = if unused > 0 { format!("; {unused} unused") } else { String::new() };
        let more = if unlisted > 0 { format!("; {unlisted} used but not listed") } else { String::new() };
        painter.draw_spans(
            line(area.y + 2),
            &[
                (Role::Faint, "offers "),
                (Role::Text, &offers),
                (Role::Faint, &unused),
                (Role::Warn, &more),
                (Role::Warn, &changes),
            ],
        );
        3
    }

    fn draw_list(&self, area: Rect, columns: &[Column], painter: &mut Painter<'_>) {
        let items = DefinitionItems {
            private: painter.is_private(),
            ..DefinitionItems::of(&self.definitions, self.version, &self.times)
        };
        let layout = ListLayout { columns, is_focused: !self.is_in_reader };
        self.list.draw(&items, layout, area, painter);
    }

    fn draw_reader(&self, area: Rect, painter: &mut Painter<'_>) {
        let Some(definition) = self.selected() else { return };
        let private = painter.is_private();
        let kind = definition.kind.noun();
        let used =
            definition.uses.map_or(String::new(), |uses| format!(", used {}", units::several(uses, "time")));
        let change =
            definition.change.map_or_else(String::new, |change| format!(", {}", change.text(&self.times)));
        let rest = format!("  {}{used}{change}", units::bytes(definition.bytes));
        let title = [
            (Role::Title, kind),
            (Role::Text, " "),
            (Role::Strong, shown_name(definition, private)),
            (Role::Faint, &rest),
        ];
        painter.draw_spans(Rect { x: area.x + 1, width: area.width.saturating_sub(1), ..area }, &title);
        let body = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
        let empty = if definition.is_listed {
            "definition not available: its listing was not captured in full"
        } else {
            "used, but in no listing of this capture"
        };
        self.reader.draw(body, self.is_in_reader, empty, painter);
    }

    fn selected(&self) -> Option<&Definition> {
        self.definitions.get(self.list.selected()?)
    }

    /// Shows the selected definition in the reader.
    fn show_selected(&mut self) {
        let selected = self.list.selected().and_then(|index| self.definitions.get(index));
        let Some(definition) = selected else { return };
        let json = definition.json.as_deref().unwrap_or("");
        let length = definition.versions.iter().map(|version| version.json.len()).sum();
        let key = (definition.kind, definition.name.clone(), length, self.times.format.style);
        if self.in_reader.as_ref() != Some(&key) {
            let versions = history::text(&definition.versions, &self.times, &self.files);
            let document = versions.map_or_else(|| Document::of(json.as_bytes()), Document::plain);
            self.reader.set(document);
            self.in_reader = Some(key);
        }
    }
}

/// The definitions, as list items.
struct DefinitionItems<'a> {
    definitions: &'a [Definition],
    times: &'a Times,
    version: u64,
    private: bool,
}

impl<'a> DefinitionItems<'a> {
    fn of(definitions: &'a [Definition], version: u64, times: &'a Times) -> Self {
        Self { definitions, version, private: false, times }
    }
}

impl Items for DefinitionItems<'_> {
    type Id = (DefinitionKind, String);

    fn len(&self) -> usize {
        self.definitions.len()
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn id_at(&self, index: usize) -> Option<Self::Id> {
        self.definitions.get(index).map(|definition| (definition.kind, definition.name.clone()))
    }

    fn sort_key(&self, index: usize, column: usize) -> SortKey {
        let Some(definition) = self.definitions.get(index) else { return SortKey::Missing };
        match column {
            0 => {
                SortKey::Text(format!("{} {}", definition.kind as u8, definition.name.to_lowercase()).into())
            }
            2 => definition.uses.map_or(SortKey::Missing, SortKey::count),
            3 => SortKey::count(definition.failed),
            4 => SortKey::number(definition.p50.map(|p50| p50.ns)),
            5 | 6 => SortKey::count(definition.bytes),
            _ => SortKey::text(&definition.name),
        }
    }

    fn cells(&self, index: usize) -> Vec<Cell> {
        self.definitions
            .get(index)
            .map(|definition| row_cells(definition, self.private, self.times))
            .unwrap_or_default()
    }
}

/// Returns the filter for the exchanges that use a definition; `None` if its use is not known.
fn use_filter(definition: &Definition, server: &ServerRef) -> Option<String> {
    let method = definition.kind.method()?;
    let name = definition.name.replace('\\', "\\\\").replace('"', "\\\"");
    Some(format!("method:{method} name:\"{name}\" server:{}", server.address))
}

/// Returns the name of a definition; URIs of resources are masked in privacy mode.
fn shown_name(definition: &Definition, private: bool) -> &str {
    if private && matches!(definition.kind, DefinitionKind::Resource | DefinitionKind::Template) {
        MASK
    } else {
        &definition.name
    }
}

fn row_cells(definition: &Definition, private: bool, times: &Times) -> Vec<Cell> {
    let kind = definition.kind.noun();
    let uses = definition.uses;
    let about = match definition.is_listed {
        false => "(not listed in this capture)",
        true if private => MASK,
        true => &definition.summary,
    };
    let or_none = |known: bool, text: String| if known { text } else { "-".to_owned() };
    let large = if definition.bytes >= LARGE_BYTES { Role::Warn } else { Role::Text };
    let sign = if definition.is_listed { Role::Strong } else { Role::Warn };
    let name = shown_name(definition, private).to_owned();
    vec![
        Cell::text(Role::Faint, kind),
        match definition.change {
            None => Cell::text(sign, name),
            Some(change) => {
                let mark = format!("  {}", change.kind.word());
                Cell::Ended(vec![(sign, name.into())], (Role::Warn, mark.into()))
            }
        },
        Cell::text(
            if uses.unwrap_or(0) > 0 { Role::Text } else { Role::Faint },
            uses.map_or_else(|| "-".to_owned(), |uses| uses.to_string()),
        ),
        Cell::text(
            if definition.failed > 0 { Role::Bad } else { Role::Faint },
            or_none(uses.is_some(), definition.failed.to_string()),
        ),
        Cell::text(Role::Text, format::percentile(definition.p50)),
        Cell::text(large, or_none(definition.is_listed, format::size(definition.bytes))),
        Cell::text(
            Role::Faint,
            or_none(definition.is_listed, definition.bytes.div_ceil(BYTES_PER_TOKEN).to_string()),
        ),
        Cell::Parts(vec![
            (
                Role::Warn,
                definition
                    .change
                    .map_or_else(String::new, |change| format!("{}  ", change.text(times)))
                    .into(),
            ),
            (if definition.is_listed { Role::Faint } else { Role::Warn }, about.to_owned().into()),
        ]),
    ]
}
