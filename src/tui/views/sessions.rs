//! The sessions: a row each.

use super::store_items::StoreItem;
use super::table_view::{TableKind, TableView};
use super::{cells, format, wireshark};
use crate::base::Files;
use crate::ledger::store::{Rows, Store};
use crate::ledger::{Implementation, Session, SessionEnd};
use crate::tui::effect::CopyMenu;
use crate::tui::model::Model;
use crate::tui::sorted_list::SortKey;
use crate::tui::table::{Cell, Column, First};
use crate::tui::theme::Role;
use crate::tui::view_name::ViewName;

/// Width of the activity sparkline, in columns.
const ACTIVITY_WIDTH: u16 = 16;

const COLUMNS: [Column; 12] = [
    Column::new("Id", 6).sorts(First::Least),
    Column::new("Client", 16).grows().sorts(First::Least),
    Column::new("Server", 16).grows().sorts(First::Least),
    Column::new("Exch", 6).right().sorts(First::Largest),
    Column::new("Fail", 5).right().sorts(First::Largest),
    Column::new("p50", 7).right().sorts(First::Largest),
    Column::new("p95", 7).right().sorts(First::Largest),
    Column::new("Revision", 10).sorts(First::Largest),
    Column::new("Last seen", 12).sorts(First::Largest),
    Column::new("Activity", ACTIVITY_WIDTH),
    Column::new("Transport", 15).sorts(First::Least),
    Column::new("Ended", 13).sorts(First::Least),
];

/// View of the sessions.
pub(super) type Sessions = TableView<Session>;

impl TableKind for Session {
    const NAME: ViewName = ViewName::Sessions;
    const NOUN: &'static str = "session";
    const COLUMNS: &'static [Column] = &COLUMNS;
    const HELP: &'static [&'static str] = &[
        "A session has all messages between a client and a server with one session id, over any number",
        "of connections; without an id, all messages between a client address and a server. p50 and p95",
        "are those of its answered exchanges, within 2 %. Activity shows when its requests began, from",
        "the start of the capture to its end. Enter shows its exchanges.",
        "",
        "With a filter: the sessions with exchanges that match it, and counts of these exchanges.",
    ];

    fn filter(&self) -> String {
        format!("session:{}", format::session_name(self.session.number))
    }

    fn copy_menu(&self, _: &Files) -> CopyMenu {
        let about = &self.session;
        let menu = CopyMenu::default().with('w', "Wireshark filter", wireshark::server(about.server));
        match &about.id {
            Some(id) => menu.with('i', "session id", id.to_string()),
            None => menu,
        }
    }
}

impl StoreItem for Session {
    type Id = u32;

    fn completed(store: &Store) -> &Rows<Self> {
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
            info.as_ref().map_or_else(|| cells::address_key(at), |info| SortKey::text(&info.name))
        };
        match column {
            1 => name(&self.client_info, self.session.client),
            2 => name(&self.server_info, self.session.server),
            3 => SortKey::count(stats.map_or(0, |stats| stats.exchanges())),
            4 => SortKey::count(stats.map_or(0, |stats| stats.failed())),
            5 => SortKey::number(stats.and_then(|stats| stats.quantile(500)).map(|p50| p50.ns)),
            6 => SortKey::number(stats.and_then(|stats| stats.quantile(950)).map(|p95| p95.ns)),
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
            Cell::text(Role::Text, format::percentile(stats.and_then(|stats| stats.quantile(per_mille))))
        };
        let failed = stats.map_or(0, |stats| stats.failed());
        let capture = model.store().capture();
        let start = capture.first.map_or(self.first.time, |first| first.time);
        let activity = stats.map_or(Cell::Empty, |stats| {
            Cell::Levels(Role::Receive, stats.activity().columns(start, model.now(), ACTIVITY_WIDTH.into()))
        });
        vec![
            Cell::text(Role::Title, format::session_name(about.number)),
            cells::peer(self.client_info.as_ref(), about.client.to_string()),
            cells::peer(self.server_info.as_ref(), about.server.to_string()),
            Cell::text(Role::Text, stats.map_or(0, |stats| stats.exchanges()).to_string()),
            cells::count(Role::Bad, failed),
            cell(500),
            cell(950),
            Cell::text(Role::Text, self.protocol_version.as_deref().unwrap_or("-").to_owned()),
            Cell::text(Role::Faint, model.time_text(self.last.time)),
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
        SessionEnd::StreamClosed { .. } => "stream closed",
    }
}
