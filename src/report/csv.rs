//! Latency tables as CSV.
//!
//! The first line holds the column names. Then comes one line per table row: first the rows per
//! method and tool (`group` is empty), then the rows per server, session or client. Durations are
//! exact milliseconds, empty if no exchange has one. `waits` counts the exchanges without an answer
//! that count with the time they waited; `at_least` names the percentiles that are lower limits
//! because of them: `p99 max`. `errors` is the sum of `tool_error`, `error` and `http_error`. Files
//! and filter are the same in each row. Text from traffic is sanitized, and prefixed with `'` if a
//! spreadsheet would read it as a formula.
//!
//! Last come LLM calls, a row per server and model: `by` is `llm`, `method` the API, `name` the
//! model; columns of their own stand at the end.

use std::io;

use super::options::Options;
use super::{label, llm_label};
use crate::base::{sanitize, units};
use crate::ledger::{By, CallGroup, CallStatus, LatencyRow, LlmRow, Snapshot, Status};

const HEADS: [&str; 40] = [
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
    "first_token_p50_ms",
    "first_token_p99_ms",
    "longest_gap_ms",
    "tokens_per_second_p50",
    "input_tokens",
    "output_tokens",
    "tool_calls",
    "cut",
    "open",
];

/// Columns that only rows of LLM calls have.
const OF_LLM: usize = 9;

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
    for row in &snapshot.llm {
        csv.write_record(llm_record(row, options))?;
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
    cells.extend(std::iter::repeat_n(String::new(), OF_LLM));
    cells
}

/// Returns the cells of the calls of one model at one server: what a column of exchanges does not
/// say of them is empty.
fn llm_record(row: &LlmRow, options: &Options) -> Vec<String> {
    let key = row.key.as_ref();
    let text = |text: Option<&str>| text.map(sanitize::spreadsheet_cell).unwrap_or_default();
    let ms = |ns: Option<i64>| ns.map(units::ms).unwrap_or_default();
    let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    let (files, filter) = (options.files.join(" "), options.filter.as_deref().unwrap_or_default());
    let cell = |head: &str| match head {
        "by" => "llm".to_owned(),
        "group" => key.map(|_| sanitize::spreadsheet_cell(&llm_label::server(row))).unwrap_or_default(),
        "origin" => "client".to_owned(),
        "method" => key.map_or_else(String::new, |key| key.dialect.name().to_owned()),
        "name" => text(key.and_then(|key| key.model.as_deref())),
        "exchanges" => row.calls().to_string(),
        "errors" | "error" => row.count(CallStatus::Error).to_string(),
        "ok" => row.count(CallStatus::Ok).to_string(),
        "cancelled" => row.count(CallStatus::Cancelled).to_string(),
        "p50_ms" => ms(row.total_p50_ns),
        "p99_ms" => ms(row.total_p99_ns),
        "other" => key.is_none().to_string(),
        "v" => "1".to_owned(),
        "files" => sanitize::spreadsheet_cell(&files),
        "filter" => sanitize::spreadsheet_cell(filter),
        "first_token_p50_ms" => ms(row.first_token_p50_ns),
        "first_token_p99_ms" => ms(row.first_token_p99_ns),
        "longest_gap_ms" => ms(row.longest_gap_ns),
        "tokens_per_second_p50" => {
            row.tokens_per_second_p50.map(|rate| format!("{rate:.3}")).unwrap_or_default()
        }
        "input_tokens" => number(row.input_tokens),
        "output_tokens" => number(row.output_tokens),
        "tool_calls" => row.tool_calls.to_string(),
        "cut" => row.count(CallStatus::Cut).to_string(),
        "open" => row.count(CallStatus::Open).to_string(),
        _ => String::new(),
    };
    HEADS.map(cell).to_vec()
}
