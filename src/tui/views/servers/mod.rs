//! The servers: a row each; an open server shows its tools, prompts and resources with their
//! definitions.

mod gather;
mod opened;

use std::net::SocketAddr;
use std::time::Duration;

use ratatui::layout::Rect;

use super::connections::address;
use super::sessions::who;
use super::store_items;
use super::view::View;
use crate::base::units;
use crate::tui::action::{Action, KeyContext};
use crate::tui::effect::{Copies, Effect};
use crate::tui::frame_info::{FrameInfo, Hit, Pane};
use crate::tui::model::Model;
use crate::tui::painter::Painter;
use crate::tui::sorted_list::{Items, SortKey, SortedList};
use crate::tui::table::{Cell, Column, First};
use crate::tui::theme::Role;
use crate::tui::view_name::ViewName;

use gather::Server;
use opened::Opened;

const COLUMNS: [Column; 12] = [
    Column::new("Server", 30).grows().sorts(First::Least),
    Column::new("Revision", 13).sorts(First::Largest),
    Column::new("Sess", 5).right().sorts(First::Largest),
    Column::new("Exch", 6).right().sorts(First::Largest),
    Column::new("Bad", 5).right().sorts(First::Largest),
    Column::new("Tools", 5).right().sorts(First::Largest),
    Column::new("Size", 7).right().sorts(First::Largest),
    Column::new("Last seen", 12).sorts(First::Largest),
    Column::new("Capabilities", 24).grows(),
    Column::new("Prompts", 7).right().sorts(First::Largest),
    Column::new("Resources", 9).right().sorts(First::Largest),
    Column::new("Templates", 9).right().sorts(First::Largest),
];

/// Minimum time between two rebuilds of the servers: there may be tens of thousands of sessions.
const GATHERED: Duration = Duration::from_millis(500);

/// View of the servers.
#[derive(Debug)]
pub(in crate::tui) struct Servers {
    listing: SortedList<SocketAddr>,
    servers: Vec<Server>,
    /// Version of the data that the servers were built from, and when.
    made_of: Option<(Known, Duration)>,
    /// Number of rebuilds.
    made: u64,
    opened: Option<Opened>,
}

type Known = (bool, usize, usize, u64);

impl Default for Servers {
    fn default() -> Self {
        let listing = SortedList::new(&COLUMNS);
        Self { listing, servers: Vec::new(), made_of: None, made: 0, opened: None }
    }
}

impl View for Servers {
    fn name(&self) -> ViewName {
        ViewName::Servers
    }

    fn draw(&self, model: &Model, area: Rect, painter: &mut Painter<'_>) {
        if let Some(opened) = &self.opened {
            return opened.draw(area, painter);
        }
        if self.servers.is_empty() {
            return store_items::draw_empty(
                model,
                "server",
                !model.filter().is_empty(),
                area,
                painter,
            );
        }
        self.listing.draw(area, (&self.all(), &COLUMNS), true, painter);
    }

    fn act(&mut self, action: Action, model: &mut Model, frame: &FrameInfo) -> Option<Vec<Effect>> {
        if let Some(opened) = &mut self.opened {
            let done = opened.act(action, frame);
            if action == Action::Back && done.is_none() {
                self.opened = None;
                return Some(Vec::new());
            }
            return done;
        }
        match (action, self.selected()) {
            (Action::Open, Some(server)) => self.opened = Some(Opened::new(server.clone(), model)),
            (Action::Partner, Some(server)) => {
                return Some(vec![Effect::Filter(model.filter_with(&format!("server:{}", server.address)))]);
            }
            _ => {
                let all = All { servers: &self.servers, made: self.made };
                return self.listing.act(action, &all, frame.visible_rows(Pane::List)).then(Vec::new);
            }
        }
        Some(Vec::new())
    }

    fn click(&mut self, hit: Hit, _: &mut Model, _: &FrameInfo) -> Vec<Effect> {
        match &mut self.opened {
            Some(opened) => opened.click(hit),
            None => {
                let all = All { servers: &self.servers, made: self.made };
                self.listing.click(hit, Pane::List, &all);
            }
        }
        Vec::new()
    }

    fn wheel(&mut self, pane: Pane, down: bool, _: &mut Model, frame: &FrameInfo) {
        match &mut self.opened {
            Some(opened) => opened.wheel(pane, down, frame),
            None => {
                let all = All { servers: &self.servers, made: self.made };
                self.listing.wheel(down, &all, frame.visible_rows(Pane::List));
            }
        }
    }

    fn refresh(&mut self, model: &mut Model) {
        let sessions = model.store().sessions().len() + model.store().open_sessions().len();
        let known = (model.has_ended(), sessions, model.all().summary().offers.len(), model.filter_version());
        let is_new = self.made_of.is_none_or(|(was, when)| {
            was != known || !model.has_ended() && model.uptime().saturating_sub(when) >= GATHERED
        });
        if !is_new {
            return;
        }
        self.made_of = Some((known, model.uptime()));
        self.servers = gather::servers(model);
        self.made += 1;
        self.listing.refresh(&All { servers: &self.servers, made: self.made });
        if let Some(opened) = &mut self.opened {
            if let Some(server) = self.servers.iter().find(|server| server.address == opened.address()) {
                opened.server = server.clone();
            }
            opened.refresh(model);
        }
    }

    fn narrows(&self) -> bool {
        true
    }

    fn knows(&self, action: Action) -> bool {
        let in_reader = self.opened.as_ref().map(|opened| opened.in_reader);
        match action {
            Action::Follow => false,
            Action::Sort => in_reader != Some(true),
            Action::Search | Action::Fold | Action::Bytes => in_reader == Some(true),
            Action::NextPane => in_reader.is_some(),
            _ => true,
        }
    }

    fn key_context(&self) -> KeyContext {
        let in_reader = self.opened.as_ref().is_some_and(|opened| opened.in_reader);
        if in_reader { KeyContext::Detail } else { KeyContext::List }
    }

    fn copies(&self, _: &mut Model) -> Copies {
        if let Some(opened) = &self.opened {
            return opened.copies();
        }
        self.selected().map_or_else(Copies::default, |server| {
            let (ip, port) = (server.address.ip(), server.address.port());
            let field = if ip.is_ipv4() { "ip.addr" } else { "ipv6.addr" };
            Copies::default()
                .with('w', "Wireshark filter", format!("{field} == {ip} && tcp.port == {port}"))
                .with('a', "address", server.address.to_string())
        })
    }

    fn status(&self, _: &Model) -> String {
        match &self.opened {
            Some(opened) => opened.status(),
            None => self.listing.status(),
        }
    }

    fn help(&self) -> &'static [&'static str] {
        &[
            "A row is a server, by its address: the revision of MCP (of several the latest, and how many",
            "more), its sessions and exchanges, how many of these failed, and what it offers. Size is the",
            "length of all its definitions: what a model reads before it does anything. (3) are tools that",
            "were called, and that no listing of the capture has. x shows its exchanges.",
            "",
            "Enter opens it: a row per tool, prompt, resource and template, with how often it was used in",
            "this capture, how that fared (p50 within 2 %), and how long its definition is: a token is",
            "about four bytes.",
            "Enter again shows the definition with its schema, as it was listed last; x shows the exchanges",
            "that use it.",
            "",
            "With a filter: the servers that have an exchange that passes it. What they offer, and how that",
            "was used, is of the whole capture.",
        ]
    }

    fn search(&mut self, text: &str) -> Option<usize> {
        self.opened.as_mut().and_then(|opened| opened.search(text))
    }
}

impl Servers {
    fn all(&self) -> All<'_> {
        All { servers: &self.servers, made: self.made }
    }

    fn selected(&self) -> Option<&Server> {
        self.servers.get(self.listing.selected()?)
    }
}

/// The servers, as list items.
struct All<'a> {
    servers: &'a [Server],
    made: u64,
}

impl Items for All<'_> {
    type Id = SocketAddr;

    fn len(&self) -> usize {
        self.servers.len()
    }

    fn version(&self) -> u64 {
        self.made
    }

    fn id(&self, place: usize) -> Option<SocketAddr> {
        self.servers.get(place).map(|server| server.address)
    }

    fn sort_key(&self, place: usize, column: usize) -> SortKey {
        let Some(server) = self.servers.get(place) else { return SortKey::Missing };
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
            _ => {
                server.info.as_ref().map_or_else(|| address(server.address), |info| SortKey::text(&info.name))
            }
        }
    }

    fn cells(&self, place: usize) -> Vec<Cell> {
        self.servers.get(place).map(cells).unwrap_or_default()
    }
}

fn cells(server: &Server) -> Vec<Cell> {
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
        who(server.info.as_ref(), server.address.to_string()),
        Cell::text(Role::Text, revision),
        Cell::text(Role::Text, server.sessions.to_string()),
        Cell::text(Role::Text, server.exchanges.to_string()),
        Cell::text(if server.failed > 0 { Role::Bad } else { Role::Faint }, server.failed.to_string()),
        tools,
        Cell::text(
            Role::Text,
            if server.bytes > 0 { store_items::size(server.bytes) } else { "-".to_owned() },
        ),
        Cell::text(
            Role::Faint,
            server.last.map_or_else(|| "-".to_owned(), |last| units::time_of_day(last.time)),
        ),
        Cell::text(Role::Faint, server.capabilities.join(" ")),
        count(prompts),
        count(resources),
        count(templates),
    ]
}
