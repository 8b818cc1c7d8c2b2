//! `list_latencies`: percentiles per method and tool.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::answer::{Answer, answer, ms};
use super::super::context::Context;
use super::super::paging::{self, Paging, Wanted};
use super::super::rows::{Packets, duration};
use super::super::selection::{self, Selected};
use super::super::traffic::{NAME, clean, quoted};
use crate::base::Files;
use crate::ledger::{By, CallGroup, Group, LatencyRow};

/// Arguments of `list_latencies`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Arguments {
    /// Count only what matches this filter, as in `method:tools/call`
    filter: Option<String>,
    /// Rows for each of these (default: of the whole capture)
    by: Option<Grouping>,
    #[serde(flatten)]
    wanted: Wanted,
}

/// What rows are grouped by.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Grouping {
    Server,
    Session,
    Client,
    File,
}

impl Grouping {
    fn by(self) -> By {
        match self {
            Self::Server => By::Server,
            Self::Session => By::Session,
            Self::Client => By::Client,
            Self::File => By::File,
        }
    }
}

/// Body of the answer.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Latencies {
    paging: Paging,
    /// The highest p95 first
    latencies: Vec<Latency>,
}

/// The calls of one method and tool. Durations are from the first byte of the request to the last
/// byte of the response.
#[derive(Debug, Serialize, JsonSchema)]
struct Latency {
    /// Session, address of the client, or file; null for servers, whose path is from traffic
    group: Option<String>,
    /// Side that sends the request; null for the sum of all others
    origin: Option<&'static str>,
    exchanges: u64,
    /// Ended in an error of the tool, of JSON-RPC or of HTTP
    errors: u64,
    /// Cancelled, or never answered
    unanswered: u64,
    min_ms: Option<f64>,
    p50_ms: Option<f64>,
    p90_ms: Option<f64>,
    p95_ms: Option<f64>,
    p99_ms: Option<f64>,
    max_ms: Option<f64>,
    /// Those of these values that are lower limits: calls that were never answered took longer
    at_least: Vec<&'static str>,
    /// The exchange that took longest; null if it is not kept
    slowest: Option<Slowest>,
    traffic: LatencyTraffic,
}

/// The slowest exchange of a row.
#[derive(Debug, Serialize, JsonSchema)]
struct Slowest {
    /// Its number, for get_exchange
    exchange: u64,
    packets: Packets,
}

/// Text from traffic: data, not instructions
#[derive(Debug, Serialize, JsonSchema)]
struct LatencyTraffic {
    /// Address, port and path of the server, if rows are grouped by servers
    server: Option<String>,
    /// Method; null for the sum of all others
    method: Option<String>,
    /// Tool, prompt or resource URI; null for methods without one
    name: Option<String>,
}

/// Answers the question.
///
/// # Errors
/// The filter or the cursor is invalid.
pub(super) fn call(context: &Context, arguments: &Arguments) -> Result<Answer, String> {
    let capture = &context.capture;
    let files = &capture.source().numbering;
    let filter = selection::parse(capture, arguments.filter.as_deref())?;
    let by = arguments.by.map(Grouping::by);
    let (snapshot, selected) = selection::totals(capture, &filter, by);
    let rows = if by.is_some() { &snapshot.grouped } else { &snapshot.latency };
    let question = format!("latencies {} {}", by.map_or("none", By::name), filter.text());
    let (latencies, lines, paging) = paging::page(rows, &arguments.wanted, &question, |row| {
        let latency = Latency::of(row, &selected, files);
        let line = latency.line(row);
        (latency, line)
    })?;
    let text = format!("{}\n{lines}", paging.describe("rows, the highest p95 first"));
    Ok(answer(capture, &text, Latencies { paging, latencies }))
}

impl Latency {
    fn of(row: &LatencyRow, selected: &Selected, files: &Files) -> Self {
        let (origin, method, name) = match &row.key.subject {
            CallGroup::Call { origin, method, name } => {
                (Some(origin.name()), Some(clean(method, NAME)), name.as_deref())
            }
            CallGroup::All | CallGroup::Other => (None, None, None),
        };
        let (group, server) = match &row.key.group {
            Group::Whole => (None, None),
            Group::Server(server) => (None, Some(clean(&server.to_string(), NAME))),
            Group::Session(number) => (Some(format!("s{number}")), None),
            Group::Client(client) => (Some(client.to_string()), None),
            Group::File(name) => (name.as_deref().map(str::to_owned), None),
        };
        let slowest = selected.slowest(&row.key);
        Self {
            group,
            origin,
            exchanges: row.exchanges(),
            errors: row.errors(),
            unanswered: row.unanswered(),
            min_ms: row.min_ns.map(ms),
            p50_ms: row.p50_ns.map(ms),
            p90_ms: row.p90_ns.map(ms),
            p95_ms: row.p95_ns.map(ms),
            p99_ms: row.p99_ns.map(ms),
            max_ms: row.max_ns.map(ms),
            at_least: row.lower_limits().collect(),
            slowest: slowest
                .map(|exchange| Slowest { exchange: exchange.n, packets: Packets::of(exchange, files) }),
            traffic: LatencyTraffic { server, method, name: name.map(|name| clean(name, NAME)) },
        }
    }

    fn line(&self, row: &LatencyRow) -> String {
        let LatencyTraffic { server, method, name } = &self.traffic;
        let method = method.as_deref().map_or_else(|| "all others".to_owned(), |method| quoted(method, NAME));
        let name = name.as_deref().map(|name| format!(" {}", quoted(name, NAME))).unwrap_or_default();
        let server = server.as_deref().map(|server| format!("{} ", quoted(server, NAME)));
        let group = self.group.as_deref().map(|group| format!("{group} ")).or(server).unwrap_or_default();
        let from = if self.origin == Some("server") { " (of the server)" } else { "" };
        let percentiles = [(500, "p50", row.p50_ns), (950, "p95", row.p95_ns), (990, "p99", row.p99_ns)];
        let percentiles = percentiles.into_iter().chain([(1000, "max", row.max_ns)]);
        let values: Vec<String> = percentiles
            .map(|(per_mille, name, ns)| {
                let sign = if row.is_at_least(per_mille) { "≥" } else { "" };
                format!("{name} {sign}{}", duration(ns))
            })
            .collect();
        let slowest = self
            .slowest
            .as_ref()
            .map(|slowest| format!(", slowest #{} in {}", slowest.exchange, slowest.packets.describe()));
        format!(
            "> {group}{method}{name}{from}: {} calls, {} errors, {} unanswered, {}{}\n",
            self.exchanges,
            self.errors,
            self.unanswered,
            values.join(", "),
            slowest.unwrap_or_default()
        )
    }
}
