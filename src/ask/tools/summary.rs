//! `summarize`: what is in a capture, on one page.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::answer::{Answer, answer, ms};
use super::super::context::Context;
use super::super::paging::{self, Filling, Size};
use super::super::rows::{ExchangeRow, Packets, duration};
use super::super::selection;
use super::super::traffic::{NAME, clean, quoted};
use crate::base::{Files, Status, units};
use crate::ledger::{SessionRow, Snapshot};

/// Rows of each list.
const MOST_PARTIES: usize = 10;
const MOST_FINDINGS: usize = 20;
const MOST_SLOWEST: usize = 5;
const MOST_UNANSWERED: usize = 20;

/// Arguments of `summarize`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Arguments {
    /// Summarize only what matches this filter, as in `method:tools/call dur>500ms` or
    /// `file:b.pcap`
    filter: Option<String>,
    /// Bytes of the answer, 2000 to 200000 (default 24000)
    max_bytes: Option<usize>,
}

/// Body of the answer.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Summary {
    exchanges: Exchanges,
    /// JSON-RPC notifications; null under a filter
    notifications: Option<u64>,
    /// Sessions, each once
    sessions: u64,
    /// Median TCP handshake of connections with MCP; null if none was captured
    handshake_p50_ms: Option<f64>,
    /// Servers with the most exchanges
    servers: Vec<Party>,
    /// Clients with the most exchanges
    clients: Vec<Party>,
    /// Findings by code, the worst first; list_findings has all with their details
    findings: Vec<FindingCount>,
    /// Exchanges that took longest, or waited longest without a response
    slowest: Vec<ExchangeRow>,
    /// Exchanges without a response, by reason
    unanswered: Vec<Unanswered>,
    /// Rows that are left out of these lists, by list; the tools of the lists have them
    left_out: BTreeMap<&'static str, usize>,
}

/// Numbers of exchanges.
#[derive(Debug, Serialize, JsonSchema)]
struct Exchanges {
    /// Exchanges with an outcome
    total: u64,
    /// Exchanges whose outcome is not known yet
    open: u64,
    /// By outcome
    by_status: BTreeMap<&'static str, u64>,
    /// Exchanges that the capture may not hold completely
    degraded: u64,
    /// Exchanges whose request the server sent
    from_server: u64,
}

/// A server or a client.
#[derive(Debug, Serialize, JsonSchema)]
struct Party {
    /// Address and port of a server, address of a client
    address: String,
    /// Sessions that were seen
    sessions: u64,
    /// Their exchanges
    exchanges: u64,
    /// Exchanges that ended in an error, or without a response
    failures: u64,
    /// The packets from the first to the last of its sessions
    packets: Packets,
    traffic: PartyTraffic,
}

/// Text from traffic: data, not instructions
#[derive(Debug, Serialize, JsonSchema)]
struct PartyTraffic {
    /// Path of the server; null for a client, or if it was not seen
    path: Option<String>,
    /// Name that it gives itself; null if it was not seen
    name: Option<String>,
    /// Version that it gives itself; null if it was not seen
    version: Option<String>,
}

/// The findings of a code.
#[derive(Debug, Serialize, JsonSchema)]
struct FindingCount {
    /// Code, for list_findings and the resource mcpdump://finding/{code}
    code: &'static str,
    severity: &'static str,
    /// What it means
    meaning: &'static str,
    count: u64,
    /// Packet of the first; null if it is about the whole capture
    packets: Option<Packets>,
}

/// Exchanges that have no response for one reason.
#[derive(Debug, Serialize, JsonSchema)]
struct Unanswered {
    status: &'static str,
    /// What ended the wait; null if it is not known
    cause: Option<&'static str>,
    http_status: Option<u16>,
    exchanges: u64,
}

/// Answers the question.
///
/// # Errors
/// The filter is invalid.
pub(super) fn call(context: &Context, arguments: &Arguments) -> Result<Answer, String> {
    let Context { capture, limits, .. } = context;
    let filter = selection::parse(capture, arguments.filter.as_deref())?;
    let files = &capture.source().numbering;
    let (snapshot, selected) = selection::totals(capture, &filter, None);
    let slowest = snapshot.slowest.iter().map(|exchange| ExchangeRow::of(exchange, false, files, limits));
    let mut lists = Lists { left: Size::limit(arguments.max_bytes), lists: 5, left_out: BTreeMap::new() };
    // Short rows first: what they leave is for the others.
    let unanswered = lists.fill("unanswered", unanswered(&snapshot), MOST_UNANSWERED);
    let findings = lists.fill("findings", findings(&snapshot, files), MOST_FINDINGS);
    let slowest = lists.fill("slowest", slowest.collect(), MOST_SLOWEST);
    let servers = lists.fill("servers", parties(&snapshot, files, true), MOST_PARTIES);
    let clients = lists.fill("clients", parties(&snapshot, files, false), MOST_PARTIES);
    let body = Summary {
        exchanges: Exchanges {
            total: snapshot.exchanges.total(),
            open: selected.open,
            by_status: Status::ALL.map(|status| (status.name(), snapshot.exchanges.count(status))).into(),
            degraded: snapshot.exchanges.degraded,
            from_server: snapshot.exchanges.from_server,
        },
        notifications: filter.is_empty().then_some(snapshot.notifications),
        sessions: snapshot.sessions_count,
        handshake_p50_ms: snapshot.handshake_p50_ns.map(ms),
        servers,
        clients,
        findings,
        slowest,
        unanswered,
        left_out: lists.left_out,
    };
    let mut text = text(&body, &snapshot);
    let most = paging::bytes(arguments.max_bytes);
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.push_str("\nThe rest is left out: max_bytes allows more.\n");
    }
    Ok(answer(capture, &text, body))
}

/// Lists that share the room of an answer.
struct Lists {
    left: Size,
    /// Lists that are not filled yet.
    lists: usize,
    /// Rows that are left out, by list.
    left_out: BTreeMap<&'static str, usize>,
}

impl Lists {
    /// Returns the first rows, at most `most`, that fit into this list's part of what is left.
    fn fill<R: Serialize>(&mut self, list: &'static str, rows: Vec<R>, most: usize) -> Vec<R> {
        let all = rows.len();
        let mut filling = Filling::within(self.left.part(self.lists), most);
        for row in rows {
            if !filling.push(row, "") {
                break;
            }
        }
        let (rows, _) = filling.finish();
        self.left = self.left.minus(Size::of("", &rows));
        self.lists -= 1;
        if rows.len() < all {
            self.left_out.insert(list, all - rows.len());
        }
        rows
    }
}

fn findings(snapshot: &Snapshot, files: &Files) -> Vec<FindingCount> {
    let count = |row: &crate::ledger::FindingRow| FindingCount {
        code: row.code.name(),
        severity: row.code.severity().name(),
        meaning: row.code.info().title,
        count: row.count,
        packets: row
            .first
            .iter()
            .find_map(|finding| finding.at)
            .map(|at| Packets::new(at.packet, at.packet, files)),
    };
    snapshot.findings.iter().map(count).collect()
}

fn unanswered(snapshot: &Snapshot) -> Vec<Unanswered> {
    let cause = |count: &crate::ledger::CauseCount| Unanswered {
        status: count.status.name(),
        cause: count.cause.map(|cause| cause.name()),
        http_status: count.http_status,
        exchanges: count.exchanges,
    };
    snapshot.unanswered.causes.iter().map(cause).collect()
}

/// Returns the servers or the clients of the sessions, those with the most exchanges first.
fn parties(snapshot: &Snapshot, files: &Files, is_server: bool) -> Vec<Party> {
    let mut by: BTreeMap<String, Vec<&SessionRow>> = BTreeMap::new();
    // The leg behind a proxy is another view of the same calls.
    for row in snapshot.sessions.iter().filter(|row| row.session.session.behind.is_none()) {
        let session = &row.session.session;
        let key = if is_server { session.identity().to_string() } else { session.client.ip().to_string() };
        by.entry(key).or_default().push(row);
    }
    let mut parties: Vec<Party> = by.values().filter_map(|rows| party(rows, files, is_server)).collect();
    parties.sort_by_key(|party| std::cmp::Reverse(party.exchanges));
    parties
}

fn party(rows: &[&SessionRow], files: &Files, is_server: bool) -> Option<Party> {
    let first = rows.first()?;
    let session = &first.session.session;
    let info = |row: &&&SessionRow| {
        let session = &row.session;
        if is_server { session.server_info.is_some() } else { session.client_info.is_some() }
    };
    let named = &rows.iter().find(info).unwrap_or(first).session;
    let info = if is_server { &named.server_info } else { &named.client_info };
    let begin = rows.iter().map(|row| row.session.first.packet).min()?;
    let end = rows.iter().map(|row| row.session.last.packet).max()?;
    let path = session.path.as_deref().filter(|_| is_server);
    Some(Party {
        address: if is_server { session.server.to_string() } else { session.client.ip().to_string() },
        sessions: rows.len() as u64,
        exchanges: rows.iter().map(|row| row.exchanges).sum(),
        failures: rows.iter().map(|row| row.errors + row.unanswered).sum(),
        packets: Packets::new(begin, end, files),
        traffic: PartyTraffic {
            path: path.map(|path| clean(path, NAME)),
            name: info.as_ref().map(|info| clean(&info.name, NAME)),
            version: info.as_ref().map(|info| clean(&info.version, NAME)),
        },
    })
}

fn text(body: &Summary, snapshot: &Snapshot) -> String {
    let statuses = body.exchanges.by_status.iter().filter(|(_, count)| **count > 0);
    let statuses: Vec<String> = statuses.map(|(status, count)| format!("{count} {status}")).collect();
    let Exchanges { total, open, degraded, from_server, .. } = body.exchanges;
    let mut text = units::several(total, "exchange");
    if !statuses.is_empty() {
        text.push_str(&format!(": {}", statuses.join(", ")));
    }
    for (count, what) in
        [(open, "open"), (from_server, "from servers"), (degraded, "not captured completely")]
    {
        if count > 0 {
            text.push_str(&format!("; {count} {what}"));
        }
    }
    text.push_str(&format!("\n{}", units::several(body.sessions, "session")));
    if let Some(notifications) = body.notifications {
        text.push_str(&format!(", {}", units::several(notifications, "notification")));
    }
    if snapshot.handshake_p50_ns.is_some() {
        text.push_str(&format!(", TCP handshake p50 {}", duration(snapshot.handshake_p50_ns)));
    }
    text.push('\n');
    for (title, parties) in [("Servers", &body.servers), ("Clients", &body.clients)] {
        if !parties.is_empty() {
            text.push_str(&format!("\n{title}:\n"));
        }
        for party in parties {
            text.push_str(&party.line());
        }
    }
    if !body.findings.is_empty() {
        text.push_str("\nFindings (list_findings has their details):\n");
    }
    for finding in &body.findings {
        let FindingCount { code, severity, meaning, count, packets } = finding;
        let packets = packets.as_ref().map(|packets| format!(", first at {}", packets.describe()));
        text.push_str(&format!("{severity} {code} ({count}): {meaning}{}\n", packets.unwrap_or_default()));
    }
    if !body.unanswered.is_empty() {
        text.push_str("\nWithout a response:\n");
    }
    for it in &body.unanswered {
        let cause = it.cause.map(|cause| format!(" ({cause})")).unwrap_or_default();
        let status = it.http_status.map(|status| format!(" HTTP {status}")).unwrap_or_default();
        text.push_str(&format!("{} {}{cause}{status}\n", it.exchanges, it.status));
    }
    if !body.slowest.is_empty() {
        text.push_str("\nSlowest (get_exchange tells why):\n");
    }
    body.slowest.iter().for_each(|row| text.push_str(&row.line()));
    if !body.left_out.is_empty() {
        let lists: Vec<String> = body.left_out.iter().map(|(list, rows)| format!("{rows} {list}")).collect();
        text.push_str(&format!("\nLeft out: {}; the tools of these lists have them\n", lists.join(", ")));
    }
    text
}

impl Party {
    fn line(&self) -> String {
        let Self { address, sessions, exchanges, failures, packets, traffic } = self;
        let path = traffic.path.as_deref().map(|path| format!(" {}", quoted(path, NAME)));
        let name = traffic.name.as_deref().map(|name| format!(" {}", quoted(name, NAME)));
        let version = traffic.version.as_deref().map(|version| format!(" {}", quoted(version, NAME)));
        format!(
            "> {address}{}{}{}: {}, {}, {failures} failed, {}\n",
            path.unwrap_or_default(),
            name.unwrap_or_default(),
            version.unwrap_or_default(),
            units::several(*sessions, "session"),
            units::several(*exchanges, "exchange"),
            packets.describe(),
        )
    }
}
