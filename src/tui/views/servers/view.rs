//! The servers: a row each; an open server shows its tools, prompts and resources with their
//! definitions.

use std::time::Duration;

use ratatui::layout::Rect;

use crate::base::time_style::TimeStyle;
use crate::ledger::ServerRef;
use crate::tui::action::{Action, KeyContext};
use crate::tui::config::Config;
use crate::tui::effect::{CopyMenu, Effect};
use crate::tui::frame_info::{FrameInfo, Hit, Pane};
use crate::tui::model::Model;
use crate::tui::painter::Painter;
use crate::tui::sorted_list::{Items, ListLayout, SortKey, SortedList};
use crate::tui::table::{Cell, Column, First};
use crate::tui::theme::Role;
use crate::tui::times::Times;
use crate::tui::view_name::ViewName;
use crate::tui::views::view::View;
use crate::tui::views::{cells, empty, format, wireshark};

use super::open_server::OpenServer;
use super::server::{self, Server};

const COLUMNS: [Column; 12] = [
    Column::new("Server", 30).grows().sorts(First::Least),
    Column::new("Revision", 13).sorts(First::Largest),
    Column::new("Sess", 5).right().sorts(First::Largest),
    Column::new("Exch", 6).right().sorts(First::Largest),
    Column::new("Fail", 5).right().sorts(First::Largest),
    Column::new("Tools", 5).right().sorts(First::Largest),
    Column::new("Size", 7).right().sorts(First::Largest),
    Column::new("Last seen", 12).sorts(First::Largest),
    Column::new("Capabilities", 24).grows(),
    Column::new("Prompts", 7).right().sorts(First::Largest),
    Column::new("Resources", 9).right().sorts(First::Largest),
    Column::new("Templates", 9).right().sorts(First::Largest),
];

/// Minimum time between two rebuilds of the servers: there may be tens of thousands of sessions.
const REBUILD_INTERVAL: Duration = Duration::from_millis(500);

/// View of the servers.
#[derive(Debug)]
pub(in crate::tui::views) struct Servers {
    list: SortedList<ServerRef>,
    servers: Vec<Server>,
    /// Version of the data that the servers were built from, and when.
    built_from: Option<(SourceVersion, Duration)>,
    /// The form of times.
    times: Times,
    /// Number of rebuilds.
    version: u64,
    open: Option<OpenServer>,
}

/// What the servers are built from: changes when there is more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SourceVersion {
    has_ended: bool,
    sessions: usize,
    offers: usize,
    /// [`Model::filter_version`].
    epoch: u64,
    times: TimeStyle,
}

impl View for Servers {
    fn new(_: &Config, _: &Model) -> Self {
        let list = SortedList::new(&COLUMNS);
        Self { list, servers: Vec::new(), built_from: None, times: Times::default(), version: 0, open: None }
    }

    fn name(&self) -> ViewName {
        ViewName::Servers
    }

    fn draw(&self, model: &Model, area: Rect, painter: &mut Painter<'_>) {
        if let Some(open) = &self.open {
            return open.draw(area, painter);
        }
        if self.servers.is_empty() {
            return empty::draw_empty(model, "server", !model.filter().is_empty(), area, painter);
        }
        let layout = ListLayout { columns: &COLUMNS, is_focused: true };
        self.list.draw(&self.items(), layout, area, painter);
    }

    fn handle_action(&mut self, action: Action, model: &mut Model, frame: &FrameInfo) -> Option<Vec<Effect>> {
        if let Some(open) = &mut self.open {
            let done = open.handle_action(action, frame);
            if action == Action::Back && done.is_none() {
                self.open = None;
                return Some(Vec::new());
            }
            return done;
        }
        match (action, self.selected()) {
            (Action::Open, Some(server)) => self.open = Some(OpenServer::new(server.clone(), model)),
            (Action::Partner, Some(server)) => {
                return Some(vec![Effect::Filter(
                    model.filter_with(&format!("server:{}", server.reference.address)),
                )]);
            }
            _ => {
                let items = ServerItems::of(&self.servers, self.version, &self.times);
                return self
                    .list
                    .handle_action(action, &items, frame.visible_rows(Pane::List))
                    .then(Vec::new);
            }
        }
        Some(Vec::new())
    }

    fn handle_click(&mut self, hit: Hit, _: &mut Model, _: &FrameInfo) -> Vec<Effect> {
        match &mut self.open {
            Some(open) => open.handle_click(hit),
            None => {
                let items = ServerItems::of(&self.servers, self.version, &self.times);
                self.list.handle_click(hit, Pane::List, &items);
            }
        }
        Vec::new()
    }

    fn handle_wheel(&mut self, pane: Pane, down: bool, _: &mut Model, frame: &FrameInfo) {
        match &mut self.open {
            Some(open) => open.handle_wheel(pane, down, frame),
            None => {
                let items = ServerItems::of(&self.servers, self.version, &self.times);
                self.list.handle_wheel(down, &items, frame.visible_rows(Pane::List));
            }
        }
    }

    fn refresh(&mut self, model: &mut Model) {
        let sessions = model.store().sessions().len() + model.store().open_sessions().len();
        let source = SourceVersion {
            has_ended: model.has_ended(),
            sessions,
            offers: model.all().summary().offers.len(),
            epoch: model.filter_version(),
            times: model.times().format.style,
        };
        let is_new = self.built_from.is_none_or(|(was, when)| {
            was != source || !model.has_ended() && model.uptime().saturating_sub(when) >= REBUILD_INTERVAL
        });
        if !is_new {
            return;
        }
        self.built_from = Some((source, model.uptime()));
        self.servers = server::servers(model);
        self.times = model.times();
        self.version += 1;
        self.list.refresh(&ServerItems::of(&self.servers, self.version, &self.times));
        if let Some(open) = &mut self.open {
            if let Some(server) = self.servers.iter().find(|server| server.reference == *open.reference()) {
                open.server = server.clone();
            }
            open.refresh(model);
        }
    }

    fn uses_filter(&self) -> bool {
        true
    }

    fn supports(&self, action: Action) -> bool {
        let is_in_reader = self.open.as_ref().map(|open| open.is_in_reader);
        match action {
            Action::Follow => false,
            Action::Sort => is_in_reader != Some(true),
            Action::Search | Action::Fold | Action::Bytes => is_in_reader == Some(true),
            Action::NextPane => is_in_reader.is_some(),
            _ => true,
        }
    }

    fn key_context(&self) -> KeyContext {
        let is_in_reader = self.open.as_ref().is_some_and(|open| open.is_in_reader);
        if is_in_reader { KeyContext::Detail } else { KeyContext::List }
    }

    fn copy_menu(&self, _: &mut Model) -> CopyMenu {
        if let Some(open) = &self.open {
            return open.copy_menu();
        }
        self.selected().map_or_else(CopyMenu::default, |server| {
            CopyMenu::default()
                .with('w', "Wireshark filter", wireshark::server(server.reference.address))
                .with('a', "address", server.label())
        })
    }

    fn status(&self, _: &Model) -> String {
        match &self.open {
            Some(open) => open.status(),
            None => self.list.status(),
        }
    }

    fn help(&self) -> &'static [&'static str] {
        &[
            "A row is a server, by address and path: its MCP revision (the latest, and the number of others), its",
            "sessions and exchanges, how many of these failed, and its definitions. Size is the length of all",
            "definitions, which a model reads with every request. (3) counts tools that were called but are",
            "in no captured listing. x shows its exchanges.",
            "",
            "Enter opens it: a row per tool, prompt, resource and template, with the number of uses and",
            "failures, the median time (within 2 %), and the length of its definition: a token is about four",
            "bytes. Enter again shows the latest definition with its schema; x shows the exchanges that use",
            "it. One that changed within the capture says since when; enter shows the difference, with the old",
            "lines behind - and the new ones behind +, and all versions.",
            "",
            "With a filter: the servers with exchanges that match it. Definitions and their use are those of",
            "the whole capture.",
        ]
    }

    fn search(&mut self, text: &str) -> Option<usize> {
        self.open.as_mut().and_then(|open| open.search(text))
    }
}

impl Servers {
    fn items(&self) -> ServerItems<'_> {
        ServerItems::of(&self.servers, self.version, &self.times)
    }

    fn selected(&self) -> Option<&Server> {
        self.servers.get(self.list.selected()?)
    }
}

/// The servers, as list items.
struct ServerItems<'a> {
    servers: &'a [Server],
    version: u64,
    times: &'a Times,
}

impl<'a> ServerItems<'a> {
    fn of(servers: &'a [Server], version: u64, times: &'a Times) -> Self {
        Self { servers, version, times }
    }
}

impl Items for ServerItems<'_> {
    type Id = ServerRef;

    fn len(&self) -> usize {
        self.servers.len()
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn id_at(&self, index: usize) -> Option<ServerRef> {
        self.servers.get(index).map(|server| server.reference.clone())
    }

    fn sort_key(&self, index: usize, column: usize) -> SortKey {
        let Some(server) = self.servers.get(index) else { return SortKey::Missing };
        let [tools, prompts, resources, templates] = server.offers;
        match column {
            1 => server.revisions.first().map_or(SortKey::Missing, |revision| SortKey::text(revision)),
            2 => SortKey::count(server.sessions),
            3 => SortKey::count(server.exchanges),
            4 => SortKey::count(server.failed),
            5 => SortKey::count((tools + server.unlisted) as u64),
            6 => SortKey::count(server.bytes),
            7 => SortKey::number(server.last.map(|last| last.time.0)),
            9 => SortKey::count(prompts as u64),
            10 => SortKey::count(resources as u64),
            11 => SortKey::count(templates as u64),
            _ => server.info.as_ref().map_or_else(
                || cells::address_key(server.reference.address),
                |info| SortKey::text(&info.name),
            ),
        }
    }

    fn cells(&self, index: usize) -> Vec<Cell> {
        self.servers.get(index).map(|server| row_cells(server, self.times)).unwrap_or_default()
    }
}

fn row_cells(server: &Server, times: &Times) -> Vec<Cell> {
    let [tools, prompts, resources, templates] = server.offers;
    let count = |count: usize| {
        let role = if count > 0 { Role::Text } else { Role::Faint };
        Cell::text(role, if count > 0 { count.to_string() } else { "-".to_owned() })
    };
    let tools = match server.unlisted {
        unlisted if tools == 0 && unlisted > 0 => Cell::text(Role::Faint, format!("({unlisted})")),
        _ => count(tools),
    };
    let revision = match server.revisions.as_slice() {
        [] => "-".to_owned(),
        [one] => one.clone(),
        [latest, more @ ..] => format!("{latest} +{}", more.len()),
    };
    vec![
        cells::peer(server.info.as_ref(), server.label()),
        Cell::text(Role::Text, revision),
        Cell::text(Role::Text, server.sessions.to_string()),
        Cell::text(Role::Text, server.exchanges.to_string()),
        cells::count(Role::Bad, server.failed),
        tools,
        Cell::text(Role::Text, if server.bytes > 0 { format::size(server.bytes) } else { "-".to_owned() }),
        Cell::text(Role::Faint, server.last.map_or_else(|| "-".to_owned(), |last| times.text(last.time))),
        Cell::text(Role::Faint, server.capabilities.join(" ")),
        count(prompts),
        count(resources),
        count(templates),
    ]
}
