//! The TCP connections: a row each, with what it carries, what was lost and how it was closed.

use std::net::SocketAddr;

use super::store_items::{self, StoreItem};
use super::table_view::{TableKind, TableView};
use crate::base::fact::DirectionFact;
use crate::base::{Ending, Side, units};
use crate::ledger::ConnectionFact;
use crate::ledger::store::Store;
use crate::tui::effect::Copies;
use crate::tui::model::Model;
use crate::tui::sorted_list::SortKey;
use crate::tui::table::{Cell, Column, First};
use crate::tui::theme::Role;
use crate::tui::view_name::ViewName;

const COLUMNS: [Column; 12] = [
    Column::new("TCP", 5).right().sorts(First::Least),
    Column::new("Client", 15).grows().sorts(First::Least),
    Column::new("Server", 15).grows().sorts(First::Least),
    Column::new("Carries", 7).sorts(First::Least),
    Column::new("Packets", 7).right().sorts(First::Largest),
    Column::new("Again", 6).right().sorts(First::Largest),
    Column::new("Gaps", 7).right().sorts(First::Largest),
    Column::new("Shake", 7).right().sorts(First::Largest),
    Column::new("Ended", 12).sorts(First::Largest),
    Column::new("Bytes", 7).right().sorts(First::Largest),
    Column::new("First seen", 12).sorts(First::Least),
    Column::new("Lasted", 7).right().sorts(First::Largest),
];

/// View of the TCP connections.
pub(in crate::tui) type Connections = TableView<ConnectionFact>;

impl TableKind for ConnectionFact {
    const NAME: ViewName = ViewName::Connections;
    const WORD: &'static str = "TCP connection";
    const COLUMNS: &'static [Column] = &COLUMNS;
    const HELP: &'static [&'static str] = &[
        "A row is a TCP connection, with Wireshark's number of it (tcp.stream). Again counts segments that",
        "carry nothing new, Gaps the bytes that are in no packet of the capture, Shake is the TCP",
        "handshake: what the network alone costs. Enter shows the exchanges whose requests it carried.",
        "",
        "With a filter: the connections that carry an exchange that passes it, or its answer.",
    ];

    fn filter(&self) -> String {
        format!("client:{} server:{}", self.client, self.server)
    }

    fn copies(&self) -> Copies {
        let ends = format!("{} {}", self.client, self.server);
        Copies::default().with('w', "Wireshark filter", format!("tcp.stream == {}", self.tcp_stream)).with(
            'a',
            "addresses",
            ends,
        )
    }
}

impl StoreItem for ConnectionFact {
    type Id = u32;

    fn over(store: &Store) -> &[Self] {
        store.connections()
    }

    fn open(store: &Store) -> impl Iterator<Item = &Self> {
        store.open_connections()
    }

    fn id(&self) -> u32 {
        self.tcp_stream
    }

    fn sort_key(&self, column: usize, _: &Model) -> SortKey {
        match column {
            0 => SortKey::count(self.tcp_stream.into()),
            1 => address(self.client),
            2 => address(self.server),
            3 => SortKey::text(carries(self)),
            4 => SortKey::count(sum(self, |direction| direction.packets)),
            5 => SortKey::count(sum(self, |direction| direction.retransmissions)),
            6 => SortKey::count(sum(self, |direction| direction.gaps)),
            7 => SortKey::number(self.handshake_ns),
            8 => SortKey::count(match self.ended {
                Ending::Closed => 0,
                Ending::Open => 1,
                Ending::Reset(_) => 2,
            }),
            9 => SortKey::count(sum(self, |direction| direction.bytes)),
            10 => SortKey::Number(self.first.time.0),
            _ => SortKey::Number(self.last.time.since(self.first.time)),
        }
    }

    fn passes(&self, model: &Model) -> bool {
        model.matching().is_some_and(|matching| matching.has_connection(self.tcp_stream))
    }

    fn cells(&self, is_open: bool, _: &Model) -> Vec<Cell> {
        let again = sum(self, |direction| direction.retransmissions);
        let gaps = sum(self, |direction| direction.gaps);
        let warn = |count: u64| if count > 0 { Role::Warn } else { Role::Faint };
        let (role, ended) = match self.ended {
            _ if is_open => (Role::Good, "open"),
            Ending::Closed => (Role::Faint, "closed"),
            Ending::Reset(Side::Client) => (Role::Warn, "client reset"),
            Ending::Reset(Side::Server) => (Role::Warn, "server reset"),
            Ending::Open => (Role::Faint, "open at end"),
        };
        vec![
            Cell::text(Role::Title, self.tcp_stream.to_string()),
            Cell::end(Role::Text, self.client.to_string()),
            Cell::end(Role::Text, self.server.to_string()),
            Cell::text(if self.mcp { Role::Strong } else { Role::Faint }, carries(self)),
            Cell::text(Role::Text, sum(self, |direction| direction.packets).to_string()),
            Cell::text(warn(again), again.to_string()),
            Cell::text(warn(gaps), if gaps > 0 { store_items::size(gaps) } else { "-".to_owned() }),
            Cell::text(Role::Faint, self.handshake_ns.map_or_else(|| "-".to_owned(), units::cell)),
            Cell::text(role, ended),
            Cell::text(Role::Faint, store_items::size(sum(self, |direction| direction.bytes))),
            Cell::text(Role::Faint, units::time_of_day(self.first.time)),
            Cell::text(Role::Faint, units::cell(self.last.time.since(self.first.time))),
        ]
    }
}

/// Returns a sort key for an address: IPv4 addresses by number, before IPv6 addresses.
pub(super) fn address(address: SocketAddr) -> SortKey {
    match address {
        SocketAddr::V4(v4) => {
            SortKey::Number((i64::from(u32::from(*v4.ip())) << 16) | i64::from(address.port()))
        }
        SocketAddr::V6(v6) => SortKey::Text(format!("{:032x} {:05}", u128::from(*v6.ip()), v6.port()).into()),
    }
}

fn carries(fact: &ConnectionFact) -> &'static str {
    if fact.mcp { "mcp" } else { fact.speaks.name() }
}

fn sum(fact: &ConnectionFact, of: fn(&DirectionFact) -> u64) -> u64 {
    fact.directions.iter().map(of).sum()
}
