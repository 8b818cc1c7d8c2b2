//! The sessions: a row each.

use super::connections::address;
use super::store_items::StoreItem;
use super::table_view::{TableKind, TableView};
use crate::base::units;
use crate::ledger::store::Store;
use crate::ledger::{Implementation, Session, SessionEnd};
use crate::tui::effect::Copies;
use crate::tui::model::Model;
use crate::tui::sorted_list::SortKey;
use crate::tui::table::{Cell, Column, First};
use crate::tui::theme::Role;
use crate::tui::view_name::ViewName;

/// Width of the activity sparkline, in columns.
const ACTIVITY: u16 = 16;

const COLUMNS: [Column; 12] = [
    Column::new("Id", 6).sorts(First::Least),
    Column::new("Client", 16).grows().sorts(First::Least),
    Column::new("Server", 16).grows().sorts(First::Least),
    Column::new("Exch", 6).right().sorts(First::Largest),
    Column::new("Bad", 5).right().sorts(First::Largest),
    Column::new("p50", 7).right().sorts(First::Largest),
    Column::new("p95", 7).right().sorts(First::Largest),
    Column::new("Revision", 10).sorts(First::Largest),
    Column::new("Last seen", 12).sorts(First::Largest),
    Column::new("Activity", ACTIVITY),
    Column::new("Transport", 15).sorts(First::Least),
    Column::new("Ended", 13).sorts(First::Least),
];

/// View of the sessions.
pub(in crate::tui) type Sessions = TableView<Session>;

impl TableKind for Session {
    const NAME: ViewName = ViewName::Sessions;
    const WORD: &'static str = "session";
    const COLUMNS: &'static [Column] = &COLUMNS;
    const HELP: &'static [&'static str] = &[
        "A session is what one client and one server said to each other under one session id, over",
        "any number of connections; where the wire has no id, what one client address said to one",
        "server. p50 and p95 are of its answered exchanges, within 2 %. Activity is when its requests",
        "began, from the start of the capture to its end. Enter shows its exchanges.",
        "",
        "With a filter: the sessions that have an exchange that passes it, and counts of these exchanges.",
    ];

    fn filter(&self) -> String {
        format!("session:s{}", self.session.number)
    }

    fn copies(&self) -> Copies {
        let about = &self.session;
        let field = if about.server.is_ipv4() { "ip.addr" } else { "ipv6.addr" };
        let ends = format!("{field} == {} && tcp.port == {}", about.server.ip(), about.server.port());
        let copies = Copies::default().with('w', "Wireshark filter", ends);
        match &about.id {
            Some(id) => copies.with('i', "session id", id.to_string()),
            None => copies,
        }
    }
}

impl StoreItem for Session {
    type Id = u32;

    fn over(store: &Store) -> &[Self] {
        store.sessions()
    }

    fn open(store: &Store) -> impl Iterator<Item = &Self> {
        store.open_sessions()
    }

    fn id(&self) -> u32 {
        self.session.number
    }

    fn sort_key(&self, column: usize, model: &Model) -> SortKey {
        let stats = model.totals().session(self.session.number);
        let name = |info: &Option<Implementation>, at| {
            info.as_ref().map_or_else(|| address(at), |info| SortKey::text(&info.name))
        };
        match column {
            1 => name(&self.client_info, self.session.client),
            2 => name(&self.server_info, self.session.server),
            3 => SortKey::count(stats.map_or(0, |stats| stats.exchanges())),
            4 => SortKey::count(stats.map_or(0, |stats| stats.failed())),
            5 => SortKey::number(stats.and_then(|stats| stats.quantile_ns(500))),
            6 => SortKey::number(stats.and_then(|stats| stats.quantile_ns(950))),
            7 => self.protocol_version.as_deref().map_or(SortKey::Missing, SortKey::text),
            8 => SortKey::Number(self.last.time.0),
            10 => SortKey::text(self.session.transport.name()),
            11 => SortKey::text(ended(self, model)),
            _ => SortKey::count(self.session.number.into()),
        }
    }

    fn passes(&self, model: &Model) -> bool {
        model.matching().is_some_and(|matching| matching.has_session(self.session.number))
    }

    fn cells(&self, _: bool, model: &Model) -> Vec<Cell> {
        let about = &self.session;
        let stats = model.totals().session(about.number);
        let cell = |per_mille| {
            let ns = stats.and_then(|stats| stats.quantile_ns(per_mille));
            Cell::text(Role::Text, ns.map_or_else(|| "-".to_owned(), units::cell))
        };
        let failed = stats.map_or(0, |stats| stats.failed());
        let capture = model.store().capture();
        let start = capture.first.map_or(self.first.time, |first| first.time);
        let activity = stats.map_or(Cell::Empty, |stats| {
            Cell::Levels(Role::Receive, stats.activity().columns(start, model.now(), ACTIVITY.into()))
        });
        vec![
            Cell::text(Role::Title, format!("s{}", about.number)),
            who(self.client_info.as_ref(), about.client.to_string()),
            who(self.server_info.as_ref(), about.server.to_string()),
            Cell::text(Role::Text, stats.map_or(0, |stats| stats.exchanges()).to_string()),
            Cell::text(if failed > 0 { Role::Bad } else { Role::Faint }, failed.to_string()),
            cell(500),
            cell(950),
            Cell::text(Role::Text, self.protocol_version.as_deref().unwrap_or("-").to_owned()),
            Cell::text(Role::Faint, units::time_of_day(self.last.time)),
            activity,
            Cell::text(Role::Faint, about.transport.name()),
            Cell::text(Role::Faint, ended(self, model)),
        ]
    }
}

fn ended(session: &Session, model: &Model) -> &'static str {
    match session.ended {
        SessionEnd::Open if model.has_ended() => "open at end",
        SessionEnd::Open => "open",
        SessionEnd::Deleted => "deleted",
        SessionEnd::StreamClosed => "stream closed",
    }
}

/// Returns a cell with the name, version and address of a client or server.
pub(super) fn who(info: Option<&Implementation>, address: String) -> Cell {
    let named = info.map(|info| {
        vec![
            (Role::Strong, format!("{} ", info.name).into()),
            (Role::Text, format!("{} ", info.version).into()),
        ]
    });
    Cell::Ended(named.unwrap_or_default(), (Role::Faint, address.into()))
}
