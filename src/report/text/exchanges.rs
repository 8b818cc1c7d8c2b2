//! Tables of exchanges: latency, phases, the slowest and the unanswered.

use std::collections::BTreeMap;

use super::page::Page;
use crate::base::{Files, Side, sanitize, units};
use crate::ledger::{By, CallGroup, Exchange, LatencyRow, Snapshot, Status};
use crate::report::label;
use crate::report::style::Role;
use crate::report::table::{Align, Cell, Table};

/// Width of the bar that shows send, wait and receive, in columns.
const BAR_WIDTH: u64 = 20;

/// Before the line that says why.
const WHY_INDENT: &str = "      ";

/// Maximum number of rows in the table of send, wait and receive. The slowest calls come first.
const MAX_PHASES_ROWS: usize = 10;

/// Adds the latency per method and tool. `remark` describes the times. Tools follow their method;
/// the highest p95 comes first.
pub(super) fn latency(page: &mut Page, rows: &[LatencyRow], remark: &str) {
    if rows.is_empty() {
        return;
    }
    page.heading("Latency", remark);
    let mut table = latency_table("method and tool", rows);
    let lines = grouped_by(rows, method_key);
    let (mut shown, mut method) = (0, None);
    for row in lines.iter().take(page.rows) {
        shown += 1;
        let of = method_of(row);
        let named = of.as_ref().is_some_and(|(_, name)| name.is_some());
        if named && method != of.as_ref().map(|(of, _)| of.clone()) {
            let title = of.as_ref().map(|(of, _)| of.clone()).unwrap_or_default();
            table.span(vec![Cell::in_role(Role::Strong, title)]);
        }
        let text = match &of {
            Some((_, Some(name))) => format!("  {name}"),
            _ => label::subject(&row.key.subject),
        };
        method = of.map(|(of, _)| of);
        table.row(latency_cells(text, row, rows));
    }
    page.table(&table);
    page.more(lines.len() as u64, shown);
}

/// Adds the latency per group, with the calls of each group below it. Without a group, each server
/// is one row.
pub(super) fn grouped(page: &mut Page, snapshot: &Snapshot) {
    if snapshot.grouped.is_empty() {
        return;
    }
    let (title, head) = match snapshot.by {
        None => ("Latency by server", "server"),
        Some(By::Server) => ("Latency by server", "server and tool"),
        Some(By::Session) => ("Latency by session", "session and tool"),
        Some(By::Client) => ("Latency by client", "client and tool"),
        Some(By::File) => ("Latency by file", "file and tool"),
    };
    page.heading(title, "highest p95 first");
    let rows = grouped_by(&snapshot.grouped, |row| row.key.group.clone());
    let mut table = latency_table(head, &snapshot.grouped);
    let mut group = None;
    for row in rows.iter().take(page.rows) {
        let of = label::group(&row.key.group);
        let text = match &row.key.subject {
            CallGroup::All => of,
            CallGroup::Other => label::subject(&row.key.subject),
            CallGroup::Call { name, .. } => {
                if group.as_ref() != Some(&row.key.group) {
                    table.span(vec![Cell::in_role(Role::Strong, of)]);
                }
                // Only one of the two fits, and the tool is more specific than `tools/call`.
                let name = name.as_deref().map(sanitize::clean);
                format!("  {}", name.unwrap_or_else(|| label::subject(&row.key.subject)))
            }
        };
        group = Some(row.key.group.clone());
        table.row(latency_cells(text, row, &snapshot.grouped));
    }
    page.table(&table);
    page.more(rows.len() as u64, page.rows);
}

/// Adds the median send, wait and receive times, with a bar of their shares.
pub(super) fn phases(page: &mut Page, snapshot: &Snapshot) {
    let rows: Vec<_> =
        snapshot.latency.iter().filter(|row| row.p50_ns.is_some()).take(MAX_PHASES_ROWS).collect();
    if rows.is_empty() {
        return;
    }
    page.heading("Where the time goes", "independent medians of the slowest calls");
    // The time of the client and its user is a column of its own only where a server asked.
    let has_asked = rows.iter().any(|row| row.asked > 0);
    let mut heads = vec![(Align::Rest, "method and tool"), (Align::Right, "░ send")];
    if has_asked {
        heads.extend([(Align::Right, "▒ server"), (Align::Right, "▓ user")]);
    } else {
        heads.push((Align::Right, "▒ wait"));
    }
    heads.extend([(Align::Right, "█ receive"), (Align::Left, "")]);
    let mut table = Table::new(&heads);
    for row in rows {
        let text = match method_of(row) {
            Some((_, Some(name))) => name,
            _ => label::subject(&row.key.subject),
        };
        let server = if has_asked { row.server_p50_ns } else { row.wait_p50_ns };
        let mut cells = vec![Cell::new(text), Cell::duration(row.send_p50_ns), Cell::duration(server)];
        if has_asked {
            cells.push(Cell::duration(row.client_p50_ns));
        }
        cells.push(Cell::duration(row.receive_p50_ns));
        let parts = [row.send_p50_ns, server, row.client_p50_ns.filter(|_| has_asked), row.receive_p50_ns];
        cells.push(Cell::in_role(Role::Faint, bar(parts)));
        table.row(cells);
    }
    page.table(&table);
}

/// Adds the slowest exchanges with their packet numbers.
pub(super) fn slowest(page: &mut Page, snapshot: &Snapshot) {
    if snapshot.slowest.is_empty() {
        return;
    }
    let server = only_server(&snapshot.slowest);
    let on = server.as_ref().map_or_else(String::new, |server| format!("on {server}; "));
    page.heading("Slowest exchanges", &format!("{on}≥ waited without an answer"));
    let mut table = exchange_table("total", server.is_none(), &page.numbering);
    rows(&mut table, &snapshot.slowest, server.is_none(), page);
    page.table(&table);
}

/// Adds the counts of unanswered exchanges by cause, and a list of some of them.
pub(super) fn unanswered(page: &mut Page, snapshot: &Snapshot) {
    let unanswered = &snapshot.unanswered;
    if unanswered.exchanges == 0 {
        return;
    }
    let server = only_server(&unanswered.listed);
    let on = server.as_ref().map_or_else(String::new, |server| format!("on {server}"));
    page.heading("Without an answer", &on);
    let mut causes =
        Table::new(&[(Align::Right, ""), (Align::Left, ""), (Align::Left, ""), (Align::Rest, "")]);
    for cause in &unanswered.causes {
        causes.row(vec![
            Cell::in_role(Role::Strong, cause.exchanges.to_string()),
            Cell::in_role(Role::of((cause.status, cause.cause)), cause.status.name()),
            Cell::new(label::cause(cause.cause, cause.http_status)),
            Cell::in_role(Role::Faint, label::unanswered_calls(cause)),
        ]);
    }
    page.table(&causes);
    page.text.push('\n');
    let mut table = exchange_table("waited", server.is_none(), &page.numbering);
    rows(&mut table, &unanswered.listed, server.is_none(), page);
    page.table(&table);
    page.more(unanswered.exchanges, unanswered.listed.len());
}

/// Adds the counts of exchanges whose outcome cannot be determined, by what the capture lacks.
pub(super) fn undetermined(page: &mut Page, snapshot: &Snapshot) {
    if snapshot.undetermined.exchanges == 0 {
        return;
    }
    page.heading("Undetermined", "the answer may be in what the capture lacks");
    let mut table = Table::new(&[(Align::Right, ""), (Align::Left, "")]);
    for (degraded, count) in &snapshot.undetermined.reasons {
        table.row(vec![Cell::in_role(Role::Strong, count.to_string()), Cell::new(label::reasons(*degraded))]);
    }
    page.table(&table);
}

/// Returns a table of exchanges. `took` names their duration. Packets with the names of several
/// files do not fit into a column.
fn exchange_table(took: &'static str, has_servers: bool, files: &Files) -> Table {
    let mut heads = vec![(Align::Right, took), (Align::Left, "status"), (Align::Rest, "method and tool")];
    heads.extend(has_servers.then_some((Align::Left, "server")));
    heads.extend([(Align::Left, ""), (Align::Right, "n")]);
    heads.extend((!files.are_several()).then_some((Align::Right, "packets")));
    heads.push((Align::Left, "time (UTC)"));
    Table::new(&heads)
}

/// Adds a row for each exchange, and below it why it took so long or ended, if that is known; with
/// several files also the packets.
fn rows(table: &mut Table, exchanges: &[Exchange], has_servers: bool, page: &Page) {
    let files = &page.numbering;
    for exchange in exchanges {
        let mut cells = vec![Cell::in_role(Role::Strong, label::elapsed(exchange)), status(exchange)];
        cells.extend(location(exchange, has_servers, files));
        table.row(cells);
        let packets = files.are_several().then(|| label::packets(exchange, files));
        let below: Vec<_> = packets.into_iter().chain(label::why(exchange, &page.limits)).collect();
        if !below.is_empty() {
            let why = below.join("; ");
            table.span(vec![Cell::new(WHY_INDENT), Cell::in_role(Role::Faint, why)]);
        }
    }
}

/// Returns the server of all exchanges; `None` if there are several, which a column names.
fn only_server(exchanges: &[Exchange]) -> Option<String> {
    let name = |exchange: &Exchange| {
        label::server_name(exchange.session.server_name.as_deref(), &exchange.session.identity())
    };
    let first = exchanges.first().map(name)?;
    exchanges.iter().all(|exchange| name(exchange) == first).then_some(first)
}

/// Returns the cells that identify an exchange: call, server, session, number, packets, time.
fn location(exchange: &Exchange, has_servers: bool, files: &Files) -> Vec<Cell> {
    let text = match &exchange.name {
        Some(name) if exchange.origin == Side::Client => sanitize::clean(name),
        _ => label::exchange(exchange),
    };
    let mut cells = vec![Cell::new(text)];
    if has_servers {
        let server = exchange.session.server_name.as_deref();
        cells.push(Cell::new(label::server_name(server, &exchange.session.identity())));
    }
    cells.extend([
        Cell::in_role(Role::Faint, label::session_and_leg(&exchange.session)),
        Cell::in_role(Role::Faint, exchange.n.to_string()),
    ]);
    cells.extend((!files.are_several()).then(|| Cell::new(label::packets(exchange, files))));
    cells.push(time(exchange));
    cells
}

/// Returns the time of day at which the request started, UTC.
fn time(exchange: &Exchange) -> Cell {
    Cell::in_role(Role::Faint, units::time_of_day(exchange.request.span.start.time))
}

fn status(exchange: &Exchange) -> Cell {
    Cell::in_role(Role::of(exchange), exchange.status.name())
}

fn latency_table(head: &'static str, rows: &[LatencyRow]) -> Table {
    let mut heads = vec![(Align::Rest, head), (Align::Right, "n"), (Align::Right, "err")];
    if rows.iter().any(|row| row.unanswered() > 0) {
        heads.push((Align::Right, "unans"));
    }
    heads.extend(["p50", "p90", "p95", "p99", "max"].map(|head| (Align::Right, head)));
    Table::new(&heads)
}

fn latency_cells(text: String, row: &LatencyRow, rows: &[LatencyRow]) -> Vec<Cell> {
    let mut cells =
        vec![Cell::new(text), Cell::new(row.exchanges().to_string()), Cell::count(Role::Bad, row.errors())];
    if rows.iter().any(|row| row.unanswered() > 0) {
        let role = if row.count(Status::Unanswered) > 0 { Role::Bad } else { Role::Warn };
        cells.push(Cell::count(role, row.unanswered()));
    }
    let percentiles = [
        (500, row.p50_ns, Role::Plain),
        (900, row.p90_ns, Role::Plain),
        (950, row.p95_ns, Role::Strong),
        (990, row.p99_ns, Role::Plain),
        (1000, row.max_ns, Role::Plain),
    ];
    cells.extend(percentiles.map(|(per_mille, ns, role)| {
        let text = label::at_least(label::cell(ns), row.is_at_least(per_mille));
        Cell::in_role(if ns.is_some() { role } else { Role::Faint }, text)
    }));
    cells
}

/// Returns the rows with equal keys next to each other. Keys are in the order of their first row.
fn grouped_by<'a, K: Ord>(rows: &'a [LatencyRow], key: impl Fn(&'a LatencyRow) -> K) -> Vec<&'a LatencyRow> {
    let mut first_index = BTreeMap::new();
    for (i, row) in rows.iter().enumerate() {
        first_index.entry(key(row)).or_insert(i);
    }
    let mut sorted: Vec<_> = rows.iter().collect();
    sorted.sort_by_key(|row| first_index.get(&key(row)).copied());
    sorted
}

/// Returns a key that is equal for the rows of one method. `None` for sums of several methods.
fn method_key(row: &LatencyRow) -> Option<(Side, &str)> {
    match &row.key.subject {
        CallGroup::Call { origin, method, .. } => Some((*origin, method)),
        CallGroup::All | CallGroup::Other => None,
    }
}

/// Returns the sanitized method and name of a row. `None` for sums of several methods.
fn method_of(row: &LatencyRow) -> Option<(String, Option<String>)> {
    match &row.key.subject {
        CallGroup::Call { origin, method, name } => {
            let method = label::call(*origin, method, None);
            Some((method, name.as_deref().map(sanitize::clean)))
        }
        CallGroup::All | CallGroup::Other => None,
    }
}

/// Draws the shares of the parts as a bar. A negative wait counts as 0.
fn bar(parts: [Option<i64>; 4]) -> String {
    let parts = parts.map(|part| u128::from(part.unwrap_or(0).max(0).unsigned_abs()));
    let whole: u128 = parts.iter().sum();
    let mut text = String::new();
    let (mut sum, mut width) = (0, 0);
    for (part, sign) in parts.into_iter().zip(['░', '▒', '▓', '█']) {
        sum += part;
        let end = (sum * u128::from(BAR_WIDTH) + whole / 2).checked_div(whole).unwrap_or(0);
        while width < end {
            text.push(sign);
            width += 1;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_shares() {
        assert_eq!(bar([Some(0), Some(10), None, Some(10)]), "▒▒▒▒▒▒▒▒▒▒██████████");
        assert_eq!(bar([Some(0), Some(5), Some(15), Some(0)]), "▒▒▒▒▒▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓");
        assert_eq!(bar([Some(0), Some(-5), None, Some(0)]), "");
        assert_eq!(bar([None; 4]), "");
        assert_eq!(bar([Some(i64::MAX); 4]).chars().count(), 20);
    }
}
