//! TCP connections: what they carry, what they lost, how they ended.

use ratatui::layout::Rect;

use super::{View, ViewName};
use crate::base::{Ending, Side, units};
use crate::ledger::ConnectionFact;
use crate::tui::action::Action;
use crate::tui::effect::{Copies, Effect};
use crate::tui::list::List;
use crate::tui::pen::{FrameInfo, Hit, Pane, Pen};
use crate::tui::table::{Cell, Column, Table};
use crate::tui::theme::Role;
use crate::tui::world::World;

const COLUMNS: [Column; 11] = [
    Column::new("tcp", 5).right(),
    Column::new("Client and server", 31).grows(),
    Column::new("Carries", 8),
    Column::new("Packets", 7).right(),
    Column::new("Again", 5).right(),
    Column::new("Gaps", 7).right(),
    Column::new("Shake", 7).right(),
    Column::new("Ended", 16),
    Column::new("Bytes", 7).right(),
    Column::new("First seen", 12),
    Column::new("Lasted", 7).right(),
];

/// The view of the connections.
#[derive(Debug, Default)]
pub(in crate::tui) struct Connections {
    list: List,
}

impl View for Connections {
    fn name(&self) -> ViewName {
        ViewName::Connections
    }

    fn draw(&self, area: Rect, pen: &mut Pen<'_>) {
        let world = pen.world;
        let rows = count(world);
        if rows == 0 {
            let text = if world.ended {
                "no TCP connection was seen"
            } else {
                "waiting for the first connection..."
            };
            pen.text((area.x + 2, area.y + area.height / 3).into(), area.width, Role::Faint, text);
            return;
        }
        let table =
            Table { columns: &COLUMNS, sorted: None, rows, list: self.list, focused: true, pane: Pane::List };
        table.draw(area, pen, |row| {
            connection(world, row).map(|(fact, is_open)| cells(fact, is_open)).unwrap_or_default()
        });
    }

    fn act(&mut self, action: Action, world: &mut World, seen: &FrameInfo) -> Option<Vec<Effect>> {
        if action == Action::Open {
            let filter = connection(world, self.list.selected)
                .map(|(fact, _)| format!("client:{} server:{}", fact.client, fact.server));
            return Some(filter.map_or(vec![Effect::Bell], |text| vec![Effect::Filter(text)]));
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
        connection(world, self.list.selected).map_or_else(Copies::default, |(fact, _)| {
            let ends = format!("{} {}", fact.client, fact.server);
            Copies::default()
                .with('w', "Wireshark filter", format!("tcp.stream == {}", fact.tcp_stream))
                .with('a', "addresses", ends)
        })
    }

    fn status(&self, world: &World) -> String {
        format!("{} of {}", (self.list.selected + 1).min(count(world)), count(world))
    }

    fn help(&self) -> &'static [&'static str] {
        &[
            "A row is a TCP connection, with Wireshark's number of it (tcp.stream); those that are over",
            "come first. Again counts segments that carry nothing new, Gaps the bytes that are in no packet",
            "of the capture, Shake is the TCP handshake: what the network alone costs. Enter shows the",
            "exchanges whose requests it carried.",
        ]
    }
}

/// The connections that are over, then those that are open, and whether it is one of these.
fn connection(world: &World, row: usize) -> Option<(&ConnectionFact, bool)> {
    let told = world.store.connections();
    let open = || world.store.open_connections().nth(row.checked_sub(told.len())?);
    told.get(row).map(|fact| (fact, false)).or_else(|| open().map(|fact| (fact, true)))
}

fn count(world: &World) -> usize {
    world.store.connections().len() + world.store.open_connections().len()
}

fn cells(fact: &ConnectionFact, is_open: bool) -> Vec<Cell> {
    let sum = |of: fn(&crate::base::fact::DirectionFact) -> u64| fact.directions.iter().map(of).sum::<u64>();
    let (again, gaps) = (sum(|direction| direction.retransmissions), sum(|direction| direction.gaps));
    let carries = if fact.mcp { "mcp" } else { fact.speaks.name() };
    let warn = |count: u64| if count > 0 { Role::Warn } else { Role::Faint };
    let (role, ended) = match fact.ended {
        _ if is_open => (Role::Good, "open"),
        Ending::Closed => (Role::Faint, "closed"),
        Ending::Reset(Side::Client) => (Role::Warn, "client reset"),
        Ending::Reset(Side::Server) => (Role::Warn, "server reset"),
        Ending::Open => (Role::Faint, "open at end"),
    };
    vec![
        Cell::text(Role::Title, fact.tcp_stream.to_string()),
        Cell::text(Role::Text, format!("{} {}", fact.client, fact.server)),
        Cell::text(if fact.mcp { Role::Strong } else { Role::Faint }, carries),
        Cell::text(Role::Text, sum(|direction| direction.packets).to_string()),
        Cell::text(warn(again), again.to_string()),
        Cell::text(warn(gaps), if gaps > 0 { units::bytes(gaps).replace(' ', "") } else { "-".to_owned() }),
        Cell::text(Role::Faint, fact.handshake_ns.map_or_else(|| "-".to_owned(), units::cell)),
        Cell::text(role, ended),
        Cell::text(Role::Faint, units::bytes(sum(|direction| direction.bytes)).replace(' ', "")),
        Cell::text(Role::Faint, units::time_of_day(fact.first.time)),
        Cell::text(Role::Faint, units::cell(fact.last.time.since(fact.first.time))),
    ]
}
