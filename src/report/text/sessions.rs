//! Sections about sessions, the definitions that servers offer, and event streams without MCP.

use super::page::Page;
use crate::base::{sanitize, units};
use crate::ledger::{Implementation, SessionRef, SessionRow, Snapshot};
use crate::report::label;
use crate::report::style::Role;
use crate::report::table::{Align, Cell, Table};

/// Maximum number of definitions shown per offer. The largest come first: they use most of a
/// model's context.
const MAX_DEFINITIONS: usize = 5;

/// Adds the sessions, grouped by server.
pub(super) fn sessions(page: &mut Page, snapshot: &Snapshot) {
    if snapshot.sessions.is_empty() {
        return;
    }
    page.heading("Sessions", "");
    let mut table = Table::new(&[
        (Align::Left, ""),
        (Align::Left, "client"),
        (Align::Rest, ""),
        (Align::Right, "n"),
        (Align::Right, "err"),
        (Align::Right, "unans"),
        (Align::Right, "max"),
        (Align::Left, "ended"),
    ]);
    let shown: Vec<_> = snapshot.sessions.iter().take(page.rows).collect();
    let mut titles: Vec<String> = Vec::new();
    let server_title = |row: &SessionRow| server_title(row, &shown);
    for row in &shown {
        let title = server_title(row);
        if !titles.contains(&title) {
            titles.push(title);
        }
    }
    for title in &titles {
        table.span(vec![Cell::in_role(Role::Strong, title.clone())]);
        for row in shown.iter().filter(|row| server_title(row) == *title) {
            table.row(session_cells(row));
        }
    }
    page.table(&table);
    page.more(snapshot.sessions_count, shown.len());
}

/// Adds the definitions that servers offer, largest first.
pub(super) fn offers(page: &mut Page, snapshot: &Snapshot) {
    if snapshot.offers.is_empty() {
        return;
    }
    page.heading("Offers", "definitions in a model's context; largest first");
    let mut table = Table::new(&[(Align::Rest, ""), (Align::Right, "definition"), (Align::Right, "uses")]);
    for offer in snapshot.offers.iter().take(page.rows) {
        let unused = offer.definitions.iter().filter(|definition| definition.uses == 0).count();
        let listed = match offer.definitions.len() {
            0 => "none".to_owned(),
            count => format!("{count} listed, {}, {unused} never used", units::bytes(offer.bytes())),
        };
        table.span(vec![
            Cell::in_role(Role::Strong, format!("{} {}", label::server(&offer.server), offer.kind)),
            Cell::new(listed),
        ]);
        let mut largest: Vec<_> = offer.definitions.iter().collect();
        largest.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
        for definition in largest.iter().take(MAX_DEFINITIONS) {
            table.row(vec![
                Cell::new(format!("  {}", sanitize::clean(&definition.name))),
                Cell::new(units::bytes(definition.bytes)),
                Cell::count(Role::Plain, definition.uses),
            ]);
        }
    }
    page.table(&table);
    page.more(snapshot.offers.len() as u64, page.rows);
}

/// Adds the event streams that belong to no session.
pub(super) fn foreign(page: &mut Page, snapshot: &Snapshot) {
    let streams = &snapshot.streams;
    if streams.foreign.is_empty() {
        return;
    }
    page.heading("Event streams without MCP", "or of an unknown session");
    let mut table = Table::new(&[
        (Align::Rest, "request"),
        (Align::Right, "events"),
        (Align::Right, "bytes"),
        (Align::Right, "packets"),
        (Align::Right, "silent"),
        (Align::Left, "ended"),
    ]);
    let mut server = None;
    for stream in streams.foreign.iter().take(page.rows) {
        if server != Some(stream.server) {
            server = Some(stream.server);
            table.span(vec![Cell::in_role(Role::Strong, stream.server.to_string())]);
        }
        let request = match (&stream.method, &stream.target) {
            (Some(method), Some(target)) => {
                format!("{} {}", sanitize::clean(method), sanitize::clean(target))
            }
            _ => "(not captured)".to_owned(),
        };
        table.row(vec![
            Cell::new(format!("  {request}")),
            Cell::new(stream.events.to_string()),
            Cell::new(units::bytes(stream.bytes)),
            Cell::new(page.numbering.packets(stream.span.first, stream.span.last)),
            Cell::duration(stream.silent_ns()),
            Cell::in_role(Role::Faint, stream.ended.name()),
        ]);
    }
    page.table(&table);
    page.more(streams.foreign_count(), streams.foreign.len().min(page.rows));
}

/// Names the server of a session, with its path if `rows` hold another server at its address.
fn server_title(row: &SessionRow, rows: &[&SessionRow]) -> String {
    let session = &row.session;
    let SessionRef { server, path, .. } = &session.session;
    let is_another =
        |other: &&SessionRow| other.session.session.server == *server && other.session.session.path != *path;
    let path = path.as_deref().filter(|_| rows.iter().any(is_another)).map(sanitize::clean);
    let address = format!("{server}{}", path.unwrap_or_default());
    let name = name(session.server_info.as_ref());
    let revision = session.protocol_version.as_deref().map(sanitize::clean).unwrap_or_default();
    let words = [address, name, session.session.transport.name().to_owned(), revision];
    let words: Vec<_> = words.into_iter().filter(|word| !word.is_empty()).collect();
    words.join("  ")
}

fn session_cells(row: &SessionRow) -> Vec<Cell> {
    let session = &row.session;
    let degraded = if session.degraded.any() { " (degraded)" } else { "" };
    vec![
        Cell::new(label::session_and_leg(&session.session)),
        Cell::new(label::client(&session.session)),
        Cell::new(name(session.client_info.as_ref())),
        Cell::new(row.exchanges.to_string()),
        Cell::count(Role::Bad, row.errors),
        Cell::count(Role::Warn, row.unanswered),
        Cell::duration(row.max_ns),
        Cell::in_role(Role::Faint, format!("{}{degraded}", session.ended.name())),
    ]
}

/// Returns name and version: `hackernews 1.0.0`. Empty if unknown.
fn name(info: Option<&Implementation>) -> String {
    info.map(|info| sanitize::clean(format!("{} {}", info.name, info.version).trim())).unwrap_or_default()
}
