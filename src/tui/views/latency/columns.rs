//! The columns of the latency table, their cells and their order.

use std::cmp::Ordering;

use crate::base::Side;
use crate::ledger::{CallGroup, LatencyRow};
use crate::tui::model::Model;
use crate::tui::table::{Cell, Column, First};
use crate::tui::theme::{Role, Symbols};
use crate::tui::views::{cells, format};

pub(super) const COLUMNS: [Column; 15] = [
    Column::new("Method and tool", 24).grows().sorts(First::Least),
    Column::new("n", 7).right().sorts(First::Largest),
    Column::new("Err", 5).right().sorts(First::Largest),
    Column::new("p50", 7).right().sorts(First::Largest),
    Column::new("p90", 7).right().sorts(First::Largest),
    Column::new("p95", 7).right().sorts(First::Largest),
    Column::new("p99", 7).right().sorts(First::Largest),
    Column::new("max", 7).right().sorts(First::Largest),
    Column::new("min", 7).right().sorts(First::Largest),
    Column::new("No answer", 10).right().sorts(First::Largest),
    Column::new("Send p50", 9).right().sorts(First::Largest),
    Column::new("Wait p50", 9).right().sorts(First::Largest),
    Column::new("Recv p50", 9).right().sorts(First::Largest),
    Column::new("Server p50", 10).right().sorts(First::Largest),
    Column::new("User p50", 9).right().sorts(First::Largest),
];

/// Default sort column: p95, as in the report.
pub(super) const P95: usize = 5;

/// Returns the value that a row is sorted by; rows with `None` come last.
fn sort_value(row: &LatencyRow, column: usize) -> Option<i64> {
    let count = |count: u64| Some(i64::try_from(count).unwrap_or(i64::MAX));
    match column {
        1 => count(row.exchanges()),
        2 => count(row.errors()),
        3 => row.p50_ns,
        4 => row.p90_ns,
        P95 => row.p95_ns,
        6 => row.p99_ns,
        7 => row.max_ns,
        8 => row.min_ns,
        9 => count(row.unanswered()),
        10 => row.send_p50_ns,
        11 => row.wait_p50_ns,
        12 => row.receive_p50_ns,
        13 => row.server_p50_ns,
        14 => row.client_p50_ns,
        _ => None,
    }
}

/// Compares two rows by a column, then by method and tool.
pub(super) fn compare(a: &LatencyRow, b: &LatencyRow, column: usize, descending: bool) -> Ordering {
    let by_name = a.key.cmp(&b.key);
    match (column, descending) {
        (0, true) => by_name.reverse(),
        (0, false) => by_name,
        (_, true) => sort_value(b, column).cmp(&sort_value(a, column)).then(by_name),
        (_, false) => sort_value(a, column).cmp(&sort_value(b, column)).then(by_name),
    }
}

/// Returns the cells of a row.
pub(super) fn row_cells(row: &LatencyRow, symbols: &Symbols, model: &Model) -> Vec<Cell> {
    let time = |role, ns: Option<i64>| Cell::text(role, format::duration(ns));
    let percentile = |role, per_mille, ns: Option<i64>| {
        let is_at_least = ns.is_some() && row.is_at_least(per_mille);
        Cell::text(role, format::at_least(format::duration(ns), is_at_least))
    };
    vec![
        Cell::Parts(
            row_name(&row.key.subject, symbols, model)
                .into_iter()
                .map(|(role, text)| (role, text.into()))
                .collect(),
        ),
        Cell::text(Role::Text, row.exchanges().to_string()),
        cells::count(Role::Bad, row.errors()),
        percentile(Role::Text, 500, row.p50_ns),
        percentile(Role::Text, 900, row.p90_ns),
        percentile(Role::Strong, 950, row.p95_ns),
        percentile(Role::Text, 990, row.p99_ns),
        percentile(Role::Text, 1000, row.max_ns),
        time(Role::Faint, row.min_ns),
        cells::count(Role::Warn, row.unanswered()),
        time(Role::Faint, row.send_p50_ns),
        time(Role::Faint, row.wait_p50_ns),
        time(Role::Faint, row.receive_p50_ns),
        time(Role::Faint, row.server_p50_ns),
        time(Role::User, row.client_p50_ns),
    ]
}

/// Returns the method and the tool of a row.
pub(super) fn row_name(subject: &CallGroup, symbols: &Symbols, model: &Model) -> Vec<(Role, String)> {
    match subject {
        CallGroup::Call { origin, method, name } => {
            let from =
                if *origin == Side::Server { format!("{} ", symbols.from_server) } else { String::new() };
            let method = method.to_string();
            let name = name.as_deref().map(|name| model.mask_name(&method, name));
            vec![
                (Role::Title, from),
                (Role::Text, format!("{method} ")),
                (Role::Strong, name.unwrap_or_default().to_owned()),
            ]
        }
        CallGroup::All => vec![(Role::Text, "all".to_owned())],
        CallGroup::Other => vec![(Role::Faint, "(other methods and tools)".to_owned())],
    }
}
