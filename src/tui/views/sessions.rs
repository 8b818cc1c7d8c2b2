//! Who talks to whom: a row per session.

use ratatui::layout::Rect;

use super::{View, ViewName};
use crate::base::units;
use crate::ledger::{Implementation, Session, SessionEnd};
use crate::tui::action::Action;
use crate::tui::effect::{Copies, Effect};
use crate::tui::list::List;
use crate::tui::pen::{FrameInfo, Hit, Pane, Pen};
use crate::tui::table::{Cell, Column, Table};
use crate::tui::theme::Role;
use crate::tui::world::World;

const COLUMNS: [Column; 11] = [
    Column::new("Id", 6),
    Column::new("Client", 20).grows(),
    Column::new("Server", 20),
    Column::new("Exch", 6).right(),
    Column::new("Fail", 5).right(),
    Column::new("p50", 7).right(),
    Column::new("p95", 7).right(),
    Column::new("Revision", 10),
    Column::new("Last seen", 12),
    Column::new("Transport", 15),
    Column::new("Ended", 14),
];

/// The view of the sessions.
#[derive(Debug, Default)]
pub(in crate::tui) struct Sessions {
    list: List,
}

impl View for Sessions {
    fn name(&self) -> ViewName {
        ViewName::Sessions
    }

    fn draw(&self, area: Rect, pen: &mut Pen<'_>) {
        let world = pen.world;
        let rows = count(world);
        if rows == 0 {
            let text = if world.ended { "no session was seen" } else { "waiting for the first session..." };
            pen.text((area.x + 2, area.y + area.height / 3).into(), area.width, Role::Faint, text);
            return;
        }
        let table =
            Table { columns: &COLUMNS, sorted: None, rows, list: self.list, focused: true, pane: Pane::List };
        table.draw(area, pen, |row| {
            session(world, row).map(|session| cells(session, world)).unwrap_or_default()
        });
    }

    fn act(&mut self, action: Action, world: &mut World, seen: &FrameInfo) -> Option<Vec<Effect>> {
        if action == Action::Open {
            let number = session(world, self.list.selected).map(|session| session.session.number);
            return Some(
                number.map_or(vec![Effect::Bell], |n| vec![Effect::Filter(format!("session:s{n}"))]),
            );
        }
        self.list.act(action, seen.lines(Pane::List), count(world)).then(Vec::new)
    }

    fn click(&mut self, hit: Hit, _: &mut World, _: &FrameInfo) -> Vec<Effect> {
        if let Hit::Row(Pane::List, row) = hit {
            self.list.selected = row;
        }
        Vec::new()
    }

    fn wheel(&mut self, _: Pane, down: bool, world: &mut World, seen: &FrameInfo) {
        self.list.scroll(down, 3, seen.lines(Pane::List), count(world));
    }

    fn refresh(&mut self, world: &mut World) {
        self.list.selected = self.list.selected.min(count(world).saturating_sub(1));
    }

    fn copies(&self, world: &mut World) -> Copies {
        let Some(session) = session(world, self.list.selected) else { return Copies::default() };
        let about = &session.session;
        let ends = format!("ip.addr == {} && tcp.port == {}", about.server.ip(), about.server.port());
        let copies = Copies::default().with('w', "Wireshark filter", ends);
        match &about.id {
            Some(id) => copies.with('i', "session id", id.to_string()),
            None => copies,
        }
    }

    fn status(&self, world: &World) -> String {
        format!("{} of {}", (self.list.selected + 1).min(count(world)), count(world))
    }

    fn help(&self) -> &'static [&'static str] {
        &[
            "A session is what one client and one server said to each other under one session id, over",
            "any number of connections; where the wire has no id, what one client address said to one",
            "server. p50 and p95 are of its answered exchanges, within a tenth. Enter shows its exchanges.",
        ]
    }
}

/// The sessions that were told, then those that go on.
fn session(world: &World, row: usize) -> Option<&Session> {
    let told = world.store.sessions();
    told.get(row).or_else(|| world.store.open_sessions().nth(row.checked_sub(told.len())?))
}

fn count(world: &World) -> usize {
    world.store.sessions().len() + world.store.open_sessions().len()
}

fn cells(session: &Session, world: &World) -> Vec<Cell> {
    let about = &session.session;
    let tally = world.sessions.get(&about.number);
    let cell = |per_mille| {
        let ns = tally.and_then(|tally| tally.quantile_ns(per_mille));
        Cell::text(Role::Text, ns.map_or_else(|| "-".to_owned(), units::cell))
    };
    let failed = tally.map_or(0, |tally| tally.failed);
    let ended = match session.ended {
        SessionEnd::Open if world.ended => "open at end",
        SessionEnd::Open => "open",
        SessionEnd::Deleted => "deleted",
        SessionEnd::StreamClosed => "stream closed",
    };
    vec![
        Cell::text(Role::Title, format!("s{}", about.number)),
        who(session.client_info.as_ref(), &about.client.to_string()),
        who(session.server_info.as_ref(), &about.server.to_string()),
        Cell::text(Role::Text, tally.map_or(0, |tally| tally.exchanges).to_string()),
        Cell::text(if failed > 0 { Role::Bad } else { Role::Faint }, failed.to_string()),
        cell(500),
        cell(950),
        Cell::text(Role::Text, session.protocol_version.as_deref().unwrap_or("-").to_owned()),
        Cell::text(Role::Faint, units::time_of_day(session.last.time)),
        Cell::text(Role::Faint, about.transport.name()),
        Cell::text(Role::Faint, ended),
    ]
}

/// The name, the version and the address of an end.
fn who(info: Option<&Implementation>, address: &str) -> Cell {
    match info {
        Some(info) => Cell::Parts(vec![
            (Role::Strong, format!("{} ", info.name).into()),
            (Role::Text, format!("{} ", info.version).into()),
            (Role::Faint, address.to_owned().into()),
        ]),
        None => Cell::text(Role::Faint, address.to_owned()),
    }
}
