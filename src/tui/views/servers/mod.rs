//! What servers are, can do and offer: a row each; then its tools, prompts and resources with their definitions.

mod gather;
mod opened;

use std::time::Duration;

use ratatui::layout::Rect;

use super::{View, ViewName};
use crate::base::units;
use crate::tui::action::{Action, Place};
use crate::tui::effect::{Copies, Effect};
use crate::tui::list::List;
use crate::tui::pen::{FrameInfo, Hit, Pane, Pen};
use crate::tui::table::{Cell, Column, Table};
use crate::tui::theme::Role;
use crate::tui::world::World;

use gather::Server;
use opened::Opened;

const COLUMNS: [Column; 12] = [
    Column::new("Server", 27).grows(),
    Column::new("Revision", 13),
    Column::new("Sess", 5).right(),
    Column::new("Exch", 6).right(),
    Column::new("Fail", 5).right(),
    Column::new("Tools", 5).right(),
    Column::new("Size", 7).right(),
    Column::new("Capabilities", 34),
    Column::new("Prompts", 7).right(),
    Column::new("Resources", 9).right(),
    Column::new("Templates", 9).right(),
    Column::new("Last seen", 12),
];

/// How often servers are put together out of their sessions, at most: there may be tens of thousands of these.
const GATHERED: Duration = Duration::from_millis(500);

/// The view of the servers.
#[derive(Debug, Default)]
pub(in crate::tui) struct Servers {
    list: List,
    servers: Vec<Server>,
    /// What the servers were put together of, and when.
    made_of: Option<(Known, Duration)>,
    opened: Option<Opened>,
}

/// What changes where more is known: whether all was told, how many sessions and lists there are.
type Known = (bool, usize, usize);

impl View for Servers {
    fn name(&self) -> ViewName {
        ViewName::Servers
    }

    fn draw(&self, area: Rect, pen: &mut Pen<'_>) {
        if let Some(opened) = &self.opened {
            return opened.draw(area, pen);
        }
        if self.servers.is_empty() {
            let text = if pen.world.ended { "no server was seen" } else { "waiting for the first server..." };
            pen.text((area.x + 2, area.y + area.height / 3).into(), area.width, Role::Faint, text);
            return;
        }
        let table = Table {
            columns: &COLUMNS,
            sorted: None,
            rows: self.servers.len(),
            list: self.list,
            focused: true,
            pane: Pane::List,
        };
        table.draw(area, pen, |row| self.servers.get(row).map(cells).unwrap_or_default());
    }

    fn act(&mut self, action: Action, world: &mut World, seen: &FrameInfo) -> Option<Vec<Effect>> {
        if let Some(opened) = &mut self.opened {
            if action == Action::Back && !opened.in_reader {
                self.opened = None;
                return Some(Vec::new());
            }
            return opened.act(action, seen);
        }
        let selected = self.servers.get(self.list.selected);
        match (action, selected) {
            (Action::Open, Some(server)) => self.opened = Some(Opened::new(server.clone(), world)),
            (Action::Partner, Some(server)) => {
                return Some(vec![Effect::Filter(format!("server:{}", server.address))]);
            }
            _ => return self.list.act(action, seen.lines(Pane::List), self.servers.len()).then(Vec::new),
        }
        Some(Vec::new())
    }

    fn click(&mut self, hit: Hit, _: &mut World, _: &FrameInfo) -> Vec<Effect> {
        match (hit, &mut self.opened) {
            (hit, Some(opened)) => opened.click(hit),
            (Hit::Row(Pane::List, row), None) => self.list.selected = row,
            _ => {}
        }
        Vec::new()
    }

    fn wheel(&mut self, pane: Pane, down: bool, _: &mut World, seen: &FrameInfo) {
        match &mut self.opened {
            Some(opened) => opened.wheel(pane, down, seen),
            None => self.list.scroll(down, 3, seen.lines(Pane::List), self.servers.len()),
        }
    }

    fn refresh(&mut self, world: &mut World) {
        let sessions = world.store.sessions().len() + world.store.open_sessions().len();
        let known = (world.ended, sessions, world.summary.offers.len());
        let is_new = self.made_of.is_none_or(|(was, when)| {
            was != known || !world.ended && world.uptime.saturating_sub(when) >= GATHERED
        });
        if !is_new {
            return;
        }
        self.made_of = Some((known, world.uptime));
        let selected = self.servers.get(self.list.selected).map(|server| server.address);
        self.servers = gather::servers(world);
        let place = |address| self.servers.iter().position(|server| server.address == address);
        let last = self.servers.len().saturating_sub(1);
        self.list.selected = selected.and_then(place).unwrap_or(self.list.selected).min(last);
        if let Some(opened) = &mut self.opened {
            if let Some(server) = self.servers.iter().find(|server| server.address == opened.address()) {
                opened.server = server.clone();
            }
            opened.refresh(world);
        }
    }

    fn knows(&self, action: Action) -> bool {
        let in_reader = self.opened.as_ref().map(|opened| opened.in_reader);
        match action {
            Action::Follow => false,
            Action::Sort => in_reader == Some(false),
            Action::Search | Action::Fold => in_reader == Some(true),
            Action::NextPane => in_reader.is_some(),
            _ => true,
        }
    }

    fn place(&self) -> Place {
        let in_reader = self.opened.as_ref().is_some_and(|opened| opened.in_reader);
        if in_reader { Place::Detail } else { Place::List }
    }

    fn copies(&self, _: &mut World) -> Copies {
        if let Some(opened) = &self.opened {
            return opened.copies();
        }
        self.servers.get(self.list.selected).map_or_else(Copies::default, |server| {
            let (ip, port) = (server.address.ip(), server.address.port());
            let field = if ip.is_ipv4() { "ip.addr" } else { "ipv6.addr" };
            Copies::default()
                .with('w', "Wireshark filter", format!("{field} == {ip} && tcp.port == {port}"))
                .with('a', "address", server.address.to_string())
        })
    }

    fn status(&self, _: &World) -> String {
        match &self.opened {
            Some(opened) => opened.status(),
            None => format!("{} of {}", (self.list.selected + 1).min(self.servers.len()), self.servers.len()),
        }
    }

    fn help(&self) -> &'static [&'static str] {
        &[
            "A row is a server, by its address: the revision of MCP (of several the latest, and how many",
            "more), its sessions and exchanges, how many of these failed, and what it offers. Size is the",
            "length of all its definitions: what a model reads before it does anything. x shows its",
            "exchanges.",
            "",
            "Enter opens it: a row per tool, prompt, resource and template, with how often it was used in",
            "this capture and how long its definition is. Enter again shows the definition with its schema,",
            "as it was listed last; x shows the exchanges that use it.",
        ]
    }

    fn search(&mut self, text: &str) -> Option<usize> {
        self.opened.as_mut().and_then(|opened| opened.search(text))
    }
}

fn cells(server: &Server) -> Vec<Cell> {
    let [tools, prompts, resources, templates] = server.offers;
    let count = |count: usize| {
        let role = if count > 0 { Role::Text } else { Role::Faint };
        Cell::text(role, if count > 0 { count.to_string() } else { "-".to_owned() })
    };
    let who = match &server.info {
        Some(info) => vec![
            (Role::Strong, format!("{} ", info.name).into()),
            (Role::Text, format!("{} ", info.version).into()),
            (Role::Faint, server.address.to_string().into()),
        ],
        None => vec![(Role::Faint, server.address.to_string().into())],
    };
    let revision = match server.revisions.as_slice() {
        [] => "-".to_owned(),
        [one] => one.clone(),
        [latest, more @ ..] => format!("{latest} +{}", more.len()),
    };
    vec![
        Cell::Parts(who),
        Cell::text(Role::Text, revision),
        Cell::text(Role::Text, server.sessions.to_string()),
        Cell::text(Role::Text, server.exchanges.to_string()),
        Cell::text(if server.failed > 0 { Role::Bad } else { Role::Faint }, server.failed.to_string()),
        count(tools),
        Cell::text(Role::Text, units::bytes(server.bytes).replace(' ', "")),
        Cell::text(Role::Faint, server.capabilities.join(" ")),
        count(prompts),
        count(resources),
        count(templates),
        Cell::text(
            Role::Faint,
            server.last.map_or_else(|| "-".to_owned(), |last| units::time_of_day(last.time)),
        ),
    ]
}
