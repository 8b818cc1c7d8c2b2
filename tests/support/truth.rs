//! Compares the export of a capture with what client and server logged (`truth.json`).
//!
//! Session by session: every exchange (origin, id with its JSON type, method, tool, status,
//! progress), every notification (sender, method), and the time: `total_ms` lies between the
//! latencies that the two endpoints measured, give or take a slack. If the truth lists the
//! exchanges that are complete in a damaged capture (`fully_visible`), those must be right; the
//! others must agree or be marked degraded.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::corpus;

/// A `truth.json`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Truth {
    pub(crate) transport: String,
    pub(crate) protocol_version: Option<String>,
    #[serde(default)]
    vantage: String,
    #[serde(default)]
    derived: bool,
    slack_ms: Option<f64>,
    note: Option<String>,
    /// The server's port: names the leg if the capture has several.
    leg: Option<u16>,
    pub(crate) sessions: Vec<SessionTruth>,
    #[serde(default)]
    pub(crate) streams: Vec<StreamTruth>,
}

/// A session as its endpoints logged it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct SessionTruth {
    pub(crate) session_id: Option<String>,
    pub(crate) exchanges: Vec<ExchangeTruth>,
    pub(crate) messages: Vec<MessageTruth>,
}

/// An exchange as its endpoints logged it; times in seconds since the epoch.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ExchangeTruth {
    pub(crate) origin: String,
    pub(crate) id: Value,
    pub(crate) method: String,
    pub(crate) tool: Option<String>,
    pub(crate) status: String,
    pub(crate) t_request: Option<f64>,
    pub(crate) latency_ms: Option<f64>,
    pub(crate) server_latency_ms: Option<f64>,
    pub(crate) progress_count: Option<u64>,
    pub(crate) fully_visible: Option<bool>,
}

/// A message as its endpoints logged it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct MessageTruth {
    dir: String,
    kind: String,
    method: Option<String>,
}

/// An event stream without MCP, as its server logged it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct StreamTruth {
    pub(crate) path: String,
    pub(crate) request_id: String,
    pub(crate) event_count: u64,
    pub(crate) t_first_event: f64,
    pub(crate) t_last_event: f64,
}

impl Truth {
    /// Reads the truth of a capture file: the one with its name, or that of the directory.
    pub(crate) fn of(capture: &Path) -> Self {
        let name = capture.file_name().unwrap().to_string_lossy();
        let stem = name.split(".pcap").next().unwrap();
        let own = capture.with_file_name(format!("{stem}.truth.json"));
        Self::read(&if own.exists() { own } else { capture.with_file_name("truth.json") })
    }

    fn read(path: &Path) -> Self {
        serde_json::from_slice(&corpus::bytes(path))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Reads the truth of each leg (`truth-*.json`) with its port; the truth of the whole capture
    /// without a port if it has no legs.
    pub(crate) fn legs(capture: &Path) -> Vec<(Option<u16>, Self)> {
        let is_leg = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.starts_with("truth-") && name.ends_with(".json")
        };
        let entries = std::fs::read_dir(capture.parent().unwrap()).unwrap();
        let mut legs: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).filter(is_leg).collect();
        legs.sort();
        if legs.is_empty() {
            return vec![(None, Self::of(capture))];
        }
        legs.iter()
            .map(|path| {
                let truth = Self::read(path);
                assert!(truth.leg.is_some(), "{} names no leg", path.display());
                (truth.leg, truth)
            })
            .collect()
    }

    /// Tolerance for times in milliseconds: a derived truth was logged in another run of the same
    /// traffic, or its packets were rewritten.
    fn slack_ms(&self) -> f64 {
        self.slack_ms.unwrap_or(if self.derived { 60.0 } else { 1.0 })
    }

    /// Whether the packets have no capture times.
    fn is_timeless(&self) -> bool {
        self.note.as_deref() == Some("simple packet blocks carry no times")
    }

    /// Whether the truth lists the complete exchanges of a damaged capture.
    fn is_partial(&self) -> bool {
        let mut exchanges = self.sessions.iter().flat_map(|session| &session.exchanges);
        exchanges.any(|exchange| exchange.fully_visible.is_some())
    }
}

/// The request or the response of an exported exchange.
#[derive(Clone, Debug, Deserialize)]
struct Part {
    start: f64,
    end: f64,
    first_packet: u64,
    last_packet: u64,
}

/// The fields of an exported exchange that are compared.
#[derive(Clone, Debug, Deserialize)]
struct Exchange {
    session_id: Option<String>,
    transport: String,
    origin: String,
    id: Value,
    method: String,
    name: Option<String>,
    status: String,
    request: Part,
    response: Option<Part>,
    total_ms: Option<f64>,
    send_ms: Option<f64>,
    wait_ms: Option<f64>,
    receive_ms: Option<f64>,
    progress: u64,
    degraded: Vec<String>,
}

/// What identifies an exchange in export and truth: origin, id as JSON text, method, tool, status.
type Key = (String, String, String, Option<String>, String);

impl Exchange {
    fn key(&self) -> Key {
        let tool = self.name.clone().filter(|_| self.method == "tools/call");
        let id = self.id.to_string();
        (self.origin.clone(), id, self.method.clone(), tool, self.status.clone())
    }

    /// The first rule that an exchange row breaks whatever the truth is, or `None`.
    fn unsound(&self) -> Option<&'static str> {
        let backwards = |part: &Part| part.start > part.end || part.first_packet > part.last_packet;
        if backwards(&self.request) {
            return Some("request times or packets run backwards");
        }
        if self.response.as_ref().is_some_and(backwards) {
            return Some("response times or packets run backwards");
        }
        if let Some(total) = self.total_ms {
            let parts = [self.send_ms, self.wait_ms, self.receive_ms];
            let sum: f64 = parts.into_iter().map(|part| part.unwrap_or(f64::NAN)).sum();
            // A part that is missing makes the sum NaN, which must not pass.
            if sum.is_nan() || (sum - total).abs() > 0.002 {
                return Some("send + wait + receive is not total");
            }
        }
        let answered = ["ok", "tool_error", "error"].contains(&self.status.as_str());
        (answered && (self.response.is_none() || self.total_ms.is_none())).then_some("answered without times")
    }
}

impl ExchangeTruth {
    fn key(&self) -> Key {
        let id = self.id.to_string();
        (self.origin.clone(), id, self.method.clone(), self.tool.clone(), self.status.clone())
    }

    /// Bounds of the total time in milliseconds, from the measurements of the endpoints.
    fn bounds(&self, vantage: &str) -> Option<(f64, f64)> {
        let client = self.latency_ms?;
        if let Some(server) = self.server_latency_ms {
            return Some((client.min(server), client.max(server)));
        }
        if vantage.starts_with("t: sender") {
            return Some((client, client));
        }
        let measured_by = if vantage.starts_with("t: server") { "server" } else { "client" };
        Some(if measured_by == self.origin { (0.0, client) } else { (client, f64::INFINITY) })
    }
}

type Notes = BTreeMap<(String, String), u64>;

/// The rows of an export by session.
#[derive(Default)]
struct Printed {
    exchanges: BTreeMap<Option<String>, Vec<Exchange>>,
    notes: BTreeMap<Option<String>, Notes>,
    streams: Vec<Value>,
}

/// The differences between rows and truth, and the number of exchanges that agree.
pub(crate) fn compare(truth: &Truth, rows: &[Value]) -> (Vec<String>, usize) {
    let mut problems = Vec::new();
    let printed = sort_rows(truth, rows, &mut problems);
    let (mut wanted, mut wanted_notes): (BTreeMap<_, Vec<&ExchangeTruth>>, BTreeMap<_, Notes>) =
        Default::default();
    for session in &truth.sessions {
        wanted.entry(session.session_id.clone()).or_default().extend(&session.exchanges);
        let notes = wanted_notes.entry(session.session_id.clone()).or_default();
        for message in session.messages.iter().filter(|message| message.kind == "notification") {
            let method = message.method.clone().unwrap_or_default();
            *notes.entry((message.dir.clone(), method)).or_default() += 1;
        }
    }
    let mut agreed = 0;
    let sessions: BTreeSet<_> =
        wanted.keys().chain(printed.exchanges.keys()).chain(printed.notes.keys()).collect();
    for session in sessions {
        let rows = printed.exchanges.get(session).map_or(&[][..], Vec::as_slice);
        let expected = wanted.get(session).cloned().unwrap_or_default();
        agreed += compare_session(truth, session.as_deref(), expected, rows, &mut problems);
        if !truth.is_partial() {
            let (want, have) = (wanted_notes.get(session), printed.notes.get(session));
            compare_notes(session.as_deref(), want, have, &mut problems);
        }
    }
    compare_streams(&truth.streams, printed.streams, &mut problems);
    (problems, agreed)
}

/// Sorts the rows by session, and adds the problems of single rows.
fn sort_rows(truth: &Truth, rows: &[Value], problems: &mut Vec<String>) -> Printed {
    let (mut printed, is_partial) = (Printed::default(), truth.is_partial());
    for row in rows {
        let text = |name: &str| row[name].as_str().map(str::to_owned);
        match row["type"].as_str() {
            Some("exchange") => match serde_json::from_value::<Exchange>(row.clone()) {
                Ok(exchange) => {
                    check_exchange(truth, &exchange, problems);
                    printed.exchanges.entry(exchange.session_id.clone()).or_default().push(exchange);
                }
                Err(error) => problems.push(format!("row {error}: {row}")),
            },
            Some("notification") => {
                let direction = if row["from"] == "client" { "c2s" } else { "s2c" };
                let key = (direction.to_owned(), text("method").unwrap_or_default());
                *printed.notes.entry(text("session_id")).or_default().entry(key).or_default() += 1;
            }
            Some("session") => {
                let revision = text("protocol_version");
                let is_known = truth.protocol_version.is_some() && text("session_id").is_some();
                if is_known && !is_partial && revision != truth.protocol_version {
                    problems.push(format!("revision of session {}: {revision:?}", row["session_id"]));
                }
            }
            Some("stream") => printed.streams.push(row.clone()),
            Some("finding" | "transaction" | "connection" | "llm_call") => {}
            _ => problems.push(format!("row of no known type: {row}")),
        }
    }
    printed
}

fn check_exchange(truth: &Truth, exchange: &Exchange, problems: &mut Vec<String>) {
    let name = format!("{:?} {} {} {}", exchange.session_id, exchange.origin, exchange.id, exchange.method);
    if let Some(wrong) = exchange.unsound().filter(|_| !truth.is_timeless()) {
        problems.push(format!("unsound {name}: {wrong}"));
    }
    if !truth.is_partial() && !exchange.degraded.is_empty() {
        problems.push(format!("degraded {name}: {:?}, but nothing is missing", exchange.degraded));
    }
    let is_mcp = ["http+sse", "streamable-http", "websocket", "stdio"].contains(&truth.transport.as_str());
    if is_mcp && exchange.transport != truth.transport {
        problems.push(format!("transport {name}: {}", exchange.transport));
    }
}

/// Exported exchanges of one session that are not yet found in the truth, by key, in order of time.
type Left = Vec<(Key, Vec<Exchange>)>;

/// Compares the exchanges of one session and returns the number that agree; differences in progress
/// and time are added to the problems.
fn compare_session(
    truth: &Truth,
    session: Option<&str>,
    mut expected: Vec<&ExchangeTruth>,
    rows: &[Exchange],
    problems: &mut Vec<String>,
) -> usize {
    let mut left = Left::new();
    for row in rows {
        let key = row.key();
        match left.iter_mut().find(|(have, _)| *have == key) {
            Some((_, list)) => list.push(row.clone()),
            None => left.push((key, vec![row.clone()])),
        }
    }
    for (_, list) in &mut left {
        list.sort_by(|a, b| a.request.start.total_cmp(&b.request.start));
    }
    expected.sort_by(|a, b| a.t_request.unwrap_or(0.0).total_cmp(&b.t_request.unwrap_or(0.0)));
    let mut paired = 0;
    for exchange in expected {
        if exchange.fully_visible == Some(false) {
            excuse(exchange, &mut left);
            continue;
        }
        match take(exchange, &mut left, truth.slack_ms()) {
            None => problems.push(format!("missing {session:?} {:?}", exchange.key())),
            Some(row) => {
                paired += 1;
                let name = format!("{session:?} {:?}", exchange.key());
                compare_pair(truth, exchange, &row, &name, problems);
            }
        }
    }
    let extra = left.iter().flat_map(|(key, list)| list.iter().map(move |_| key));
    problems.extend(extra.map(|key| format!("extra {session:?} {key:?}")));
    paired
}

/// Removes the exported exchange that corresponds to an incomplete one, if it agrees or is
/// degraded.
fn excuse(exchange: &ExchangeTruth, left: &mut Left) {
    let key = exchange.key();
    let same_request = |have: &Key| (&have.0, &have.1, &have.2) == (&key.0, &key.1, &key.2);
    let is_degraded = |row: &Exchange| !row.degraded.is_empty();
    let found = left.iter_mut().find(|(have, list)| {
        !list.is_empty() && same_request(have) && (*have == key || list.iter().any(is_degraded))
    });
    if let Some((_, list)) = found {
        let at = list.iter().position(is_degraded).unwrap_or(0);
        list.remove(at);
    }
}

/// Removes the exported exchange of the same key that starts next at or after the logged time, or
/// the last one before it.
fn take(exchange: &ExchangeTruth, left: &mut Left, slack_ms: f64) -> Option<Exchange> {
    let key = exchange.key();
    let (_, list) = left.iter_mut().find(|(have, list)| *have == key && !list.is_empty())?;
    let sent = exchange.t_request.unwrap_or(0.0);
    let distance =
        |row: &Exchange| (row.request.start < sent - slack_ms / 1000.0, (row.request.start - sent).abs());
    let nearer = |a: &Exchange, b: &Exchange| {
        let (a, b) = (distance(a), distance(b));
        a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
    };
    let at = (0..list.len()).min_by(|&a, &b| nearer(&list[a], &list[b]))?;
    Some(list.remove(at))
}

fn compare_pair(
    truth: &Truth,
    exchange: &ExchangeTruth,
    row: &Exchange,
    name: &str,
    problems: &mut Vec<String>,
) {
    if exchange.progress_count.is_some_and(|sent| sent != row.progress) {
        problems.push(format!("progress {name}: {}, {:?} sent", row.progress, exchange.progress_count));
    }
    if exchange.status == "cancelled" {
        return;
    }
    if let (Some((least, most)), Some(total)) = (exchange.bounds(&truth.vantage), row.total_ms) {
        let miss = (least - total).max(total - most).max(0.0);
        if miss > truth.slack_ms() {
            problems.push(format!("time {name}: {total:.3} ms, endpoints say {least} to {most}"));
        }
    }
}

fn compare_notes(
    session: Option<&str>,
    want: Option<&Notes>,
    have: Option<&Notes>,
    problems: &mut Vec<String>,
) {
    let none = Notes::new();
    let (want, have) = (want.unwrap_or(&none), have.unwrap_or(&none));
    let kinds: BTreeSet<_> = want.keys().chain(have.keys()).collect();
    for kind in kinds {
        let (sent, seen) = (want.get(kind).unwrap_or(&0), have.get(kind).unwrap_or(&0));
        if sent != seen {
            problems.push(format!("notification {session:?} {kind:?}: {seen}, {sent} sent"));
        }
    }
}

/// Compares the streams without MCP: their number, their events, and the times of first and last
/// event, which are logged just before they are sent.
fn compare_streams(wanted: &[StreamTruth], mut left: Vec<Value>, problems: &mut Vec<String>) {
    if wanted.is_empty() {
        return;
    }
    if wanted.len() != left.len() {
        problems.push(format!("streams: {}, {} were opened", left.len(), wanted.len()));
        return;
    }
    let mut wanted: Vec<_> = wanted.iter().collect();
    wanted.sort_by(|a, b| a.t_first_event.total_cmp(&b.t_first_event));
    let time = |row: &Value, name: &str| row[name].as_f64().unwrap_or(f64::NEG_INFINITY);
    for stream in wanted {
        let distance = |row: &Value| (time(row, "first_event") - stream.t_first_event).abs();
        let other_path = |row: &Value| row["target"] != stream.path.as_str();
        let nearer = |a: &Value, b: &Value| {
            other_path(a).cmp(&other_path(b)).then(distance(a).total_cmp(&distance(b)))
        };
        let at = (0..left.len()).min_by(|&a, &b| nearer(&left[a], &left[b])).unwrap();
        let row = left.remove(at);
        let name = &stream.request_id;
        if other_path(&row) || row["events"] != stream.event_count {
            let (target, events) = (&row["target"], &row["events"]);
            problems.push(format!(
                "stream {name}: {target} with {events} events, {} were sent",
                stream.event_count
            ));
        }
        for (field, sent) in [("first_event", stream.t_first_event), ("last_event", stream.t_last_event)] {
            let late = (time(&row, field) - sent) * 1000.0;
            if !(-0.5..=20.0).contains(&late) {
                problems.push(format!("stream {name}: {field} {late:.1} ms after it was sent"));
            }
        }
    }
}
