//! The table of connections: a row each, with what it carries, what was lost and how it was closed.

use std::borrow::Cow;

use crate::base::fact::DirectionFact;
use crate::base::tls::TlsVersion;
use crate::base::{Ending, Files, Side, units};
use crate::ledger::ConnectionFact;
use crate::ledger::store::{Rows, Store};
use crate::tui::effect::CopyMenu;
use crate::tui::model::Model;
use crate::tui::sorted_list::SortKey;
use crate::tui::table::{Cell, Column, First};
use crate::tui::theme::Role;
use crate::tui::view_name::ViewName;
use crate::tui::views::store_items::StoreItem;
use crate::tui::views::table_view::TableKind;
use crate::tui::views::{cells, format, wireshark};

const COLUMNS: [Column; 16] = [
    Column::new("TCP", 5).right().sorts(First::Least),
    Column::new("Client", 15).grows().sorts(First::Least),
    Column::new("Server", 15).grows().sorts(First::Least),
    Column::new("Carries", 7).sorts(First::Least),
    Column::new("Packets", 7).right().sorts(First::Largest),
    Column::new("Retx", 6).right().sorts(First::Largest),
    Column::new("Gaps", 7).right().sorts(First::Largest),
    Column::new("Setup", 7).right().sorts(First::Largest),
    Column::new("Ended", 12).sorts(First::Largest),
    Column::new("Bytes", 7).right().sorts(First::Largest),
    Column::new("First seen", 12).sorts(First::Least),
    Column::new("Lasted", 7).right().sorts(First::Largest),
    Column::new("TLS", 3).sorts(First::Least),
    Column::new("ALPN", 8).sorts(First::Least),
    Column::new("TLS host", 14).grows().sorts(First::Least),
    Column::new("Suite", 22).sorts(First::Least),
];

impl TableKind for ConnectionFact {
    const NAME: ViewName = ViewName::Connections;
    const NOUN: &'static str = "TCP connection";
    const COLUMNS: &'static [Column] = &COLUMNS;
    const HELP: &'static [&'static str] = &[
        "A row is a TCP connection, with its number in Wireshark (tcp.stream). Retx counts retransmitted",
        "segments, Gaps the bytes that were not captured. Setup is the duration of the TCP handshake: the",
        "delay of the network alone. x shows the exchanges whose requests it carried. On a wide screen, what a",
        "TLS connection agreed on: version, protocol (ALPN), the host that the client asked for, cipher suite.",
        "",
        "Enter opens it: its packets are read again. Packets shows each one; n and N go to the next and the",
        "previous one that was retransmitted, out of order or lost. Transactions are those on it; enter opens",
        "one. The last two tabs have the bytes that each end sent. Enter on a packet reads them again.",
        "",
        "With a filter: the connections that carry a request or response of an exchange that matches it.",
    ];

    fn filter(&self) -> String {
        format!("client:{} server:{}", self.named_client.unwrap_or(self.client), self.server)
    }

    fn columns(files: &Files) -> Cow<'static, [Column]> {
        if !files.are_several() {
            return Cow::Borrowed(Self::COLUMNS);
        }
        let mut columns = COLUMNS;
        columns[0].width += format::file_width(files);
        Cow::Owned(columns.to_vec())
    }

    fn of_connection(tcp_stream: u32) -> Option<u32> {
        Some(tcp_stream)
    }

    fn copy_menu(&self, files: &Files) -> CopyMenu {
        let ends = format!("{} {}", self.client, self.server);
        let packets = (self.first.packet, self.last.packet);
        let filter = wireshark::connection(self.tcp_stream, packets, files);
        filter.in_menu(CopyMenu::default(), 'w', "Wireshark filter").with('a', "addresses", ends)
    }
}

impl StoreItem for ConnectionFact {
    type Id = u32;

    fn completed(store: &Store) -> &Rows<Self> {
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
            1 => cells::address_key(self.client),
            2 => cells::address_key(self.server),
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
            11 => SortKey::Number(self.last.time.since(self.first.time)),
            _ => SortKey::text(names(self).get(column - 12).copied().unwrap_or_default()),
        }
    }

    fn passes(&self, model: &Model) -> bool {
        model.matching().is_some_and(|matching| matching.has_connection(self.tcp_stream))
    }

    fn cells(&self, is_open: bool, model: &Model) -> Vec<Cell> {
        let retransmissions = sum(self, |direction| direction.retransmissions);
        let gaps = sum(self, |direction| direction.gaps);
        let [version, alpn, host, suite] = names(self);
        let (role, ended) = match self.ended {
            _ if is_open => (Role::Good, "open"),
            Ending::Closed => (Role::Faint, "closed"),
            Ending::Reset(Side::Client) => (Role::Warn, "client reset"),
            Ending::Reset(Side::Server) => (Role::Warn, "server reset"),
            Ending::Open => (Role::Faint, "open at end"),
        };
        vec![
            format::numbers_cell(
                Role::Title,
                model.files().connection(self.tcp_stream, self.first.packet),
                model.files(),
            ),
            Cell::end(Role::Text, self.client.to_string()),
            Cell::end(Role::Text, self.server.to_string()),
            Cell::text(if self.mcp { Role::Strong } else { Role::Faint }, carries(self)),
            Cell::text(Role::Text, sum(self, |direction| direction.packets).to_string()),
            cells::count(Role::Warn, retransmissions),
            if gaps > 0 { Cell::text(Role::Warn, format::size(gaps)) } else { Cell::text(Role::Faint, "-") },
            Cell::text(Role::Faint, format::duration(self.handshake_ns)),
            Cell::text(role, ended),
            Cell::text(Role::Faint, format::size(sum(self, |direction| direction.bytes))),
            Cell::text(Role::Faint, model.time_text(self.first.time)),
            Cell::text(Role::Faint, units::cell(self.last.time.since(self.first.time))),
            Cell::text(Role::Text, version.to_owned()),
            Cell::text(Role::Text, alpn.to_owned()),
            Cell::text(Role::Text, host.to_owned()),
            Cell::text(Role::Faint, suite.to_owned()),
        ]
    }
}

fn carries(fact: &ConnectionFact) -> &'static str {
    match (fact.mcp, &fact.tls) {
        (true, Some(_)) => "mcp tls",
        (true, None) => "mcp",
        (false, _) => fact.speaks.name(),
    }
}

/// Returns the version of TLS, the protocol and the host that were agreed on, and the suite; empty
/// for what is not known.
fn names(fact: &ConnectionFact) -> [&str; 4] {
    let Some(tls) = &fact.tls else { return [""; 4] };
    let version = tls.version.map(TlsVersion::known_name).unwrap_or_default();
    let [alpn, host, suite] =
        [&tls.alpn, &tls.sni, &tls.suite].map(|text| text.as_deref().unwrap_or_default());
    [version, alpn, host, suite]
}

fn sum(fact: &ConnectionFact, of: fn(&DirectionFact) -> u64) -> u64 {
    fact.directions.iter().map(of).sum()
}
