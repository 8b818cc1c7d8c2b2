//! Latency tables as CSV.
//!
//! The first line holds the column names. Then comes one line per table row: first the rows per
//! method and tool (`group` is empty), then the rows per server, session or client. Durations are
//! exact milliseconds, empty if no exchange has one. `waits` counts the exchanges without an answer
//! that count with the time they waited; `at_least` names the percentiles that are lower limits
//! because of them: `p99 max`. `errors` is the sum of `tool_error`, `error` and `http_error`. Files
//! and filter are the same in each row. Text from traffic is sanitized, and prefixed with `'` if a
//! spreadsheet would read it as a formula.

use std::io;

use super::label;
use super::options::Options;
use crate::base::{sanitize, units};
use crate::ledger::{By, CallGroup, LatencyRow, Snapshot, Status};

const HEADS: [&str; 31] = [
    "by",
    "group",
    "origin",
    "method",
    "name",
    "exchanges",
    "errors",
    "ok",
    "tool_error",
    "error",
    "cancelled",
    "http_error",
    "unanswered",
    "undetermined",
    "min_ms",
    "p50_ms",
    "p90_ms",
    "p95_ms",
    "p99_ms",
    "max_ms",
    "send_p50_ms",
    "wait_p50_ms",
    "receive_p50_ms",
    "other",
    "v",
    "waits",
    "at_least",
    "server_p50_ms",
    "user_p50_ms",
    "files",
    "filter",
];

/// Writes the tables.
///
/// # Errors
/// Returns the errors of `out`.
pub fn write(snapshot: &Snapshot, options: &Options, out: &mut impl io::Write) -> io::Result<()> {
    let mut csv = ::csv::Writer::from_writer(out);
    csv.write_record(HEADS)?;
    for row in &snapshot.latency {
        csv.write_record(record("", row, options))?;
    }
    let by = snapshot.by.unwrap_or(By::Server).name();
    for row in &snapshot.grouped {
        csv.write_record(record(by, row, options))?;
    }
    csv.flush()
}

fn record(by: &str, row: &LatencyRow, options: &Options) -> Vec<String> {
    let mut cells = vec![by.to_owned(), label::group(&row.key.group)];
    cells.extend(match &row.key.subject {
        CallGroup::Call { origin, method, name } => [
            origin.name().to_owned(),
            sanitize::spreadsheet_cell(method),
            name.as_deref().map(sanitize::spreadsheet_cell).unwrap_or_default(),
        ],
        CallGroup::All | CallGroup::Other => [String::new(), String::new(), String::new()],
    });
    cells.extend([row.exchanges().to_string(), row.errors().to_string()]);
    cells.extend(Status::ALL.iter().map(|status| row.count(*status).to_string()));
    let durations = [
        row.min_ns,
        row.p50_ns,
        row.p90_ns,
        row.p95_ns,
        row.p99_ns,
        row.max_ns,
        row.send_p50_ns,
        row.wait_p50_ns,
        row.receive_p50_ns,
    ];
    cells.extend(durations.map(|ns| ns.map(units::ms).unwrap_or_default()));
    let other = row.key.subject == CallGroup::Other;
    cells.extend([other.to_string(), "1".to_owned(), row.waits.to_string()]);
    cells.push(row.lower_limits().collect::<Vec<_>>().join(" "));
    cells.extend([row.server_p50_ns, row.client_p50_ns].map(|ns| ns.map(units::ms).unwrap_or_default()));
    let filter = options.filter.as_deref().unwrap_or_default();
    cells.extend([options.files.join(" "), filter.to_owned()].map(|text| sanitize::spreadsheet_cell(&text)));
    cells
}
