//! The document and its summary objects.

use std::collections::BTreeMap;

use serde::Serialize;

use super::exchanges::{Latency, ListedExchange, UnansweredExchanges, UndeterminedExchanges};
use super::llm::Llm;
use super::sessions::{Connection, FindingGroup, ForeignStream, Offer, Session, Tls};
use super::values::{Ms, Seconds, Statuses};
use crate::base::Files;
use crate::ledger::{By, Snapshot};
use crate::report::options::Options;

#[derive(Serialize)]
pub(super) struct Document<'a> {
    r#type: &'static str,
    v: u32,
    files: &'a [String],
    filter: Option<&'a str>,
    capture: Capture,
    connections: Vec<Connection>,
    handshake_p50_ms: Option<Ms>,
    tls: Vec<Tls<'a>>,
    exchanges: Exchanges,
    notifications: u64,
    latency: Vec<Latency>,
    by: &'static str,
    grouped: Vec<Latency>,
    sessions_count: u64,
    sessions: Vec<Session<'a>>,
    slowest: Vec<ListedExchange<'a>>,
    unanswered: UnansweredExchanges<'a>,
    undetermined: UndeterminedExchanges,
    streams: Streams<'a>,
    llm: Vec<Llm>,
    offers: Vec<Offer>,
    findings: Vec<FindingGroup<'a>>,
}

impl<'a> Document<'a> {
    pub(super) fn of(snapshot: &'a Snapshot, options: &'a Options) -> Self {
        let files = &options.numbering;
        Self {
            r#type: "report",
            v: 1,
            files: &options.files,
            filter: options.filter.as_deref(),
            capture: Capture::of(snapshot),
            connections: snapshot.connections.iter().map(Connection::of).collect(),
            handshake_p50_ms: snapshot.handshake_p50_ns.map(Ms),
            tls: snapshot.tls.iter().map(Tls::of).collect(),
            exchanges: Exchanges::of(snapshot),
            notifications: snapshot.notifications,
            latency: snapshot.latency.iter().map(Latency::of).collect(),
            by: snapshot.by.map_or("none", By::name),
            grouped: snapshot.grouped.iter().map(Latency::of).collect(),
            sessions_count: snapshot.sessions_count,
            sessions: snapshot.sessions.iter().map(|row| Session::of(row, files)).collect(),
            slowest: snapshot.slowest.iter().map(|exchange| ListedExchange::of(exchange, options)).collect(),
            unanswered: UnansweredExchanges::of(&snapshot.unanswered, options),
            undetermined: UndeterminedExchanges::of(&snapshot.undetermined),
            streams: Streams::of(snapshot, files),
            llm: snapshot.llm.iter().map(Llm::of).collect(),
            offers: snapshot.offers.iter().map(Offer::of).collect(),
            findings: snapshot.findings.iter().map(|row| FindingGroup::of(row, files)).collect(),
        }
    }
}

#[derive(Serialize)]
struct Capture {
    packets: u64,
    bytes: u64,
    captured_bytes: u64,
    start: Option<Seconds>,
    end: Option<Seconds>,
    length_ms: Ms,
    time_steps: u64,
    truncated_files: u64,
    cut_packets: u64,
    tcp_packets: u64,
    unreadable_packets: u64,
    quic_connections: u64,
    lost_packets: u64,
    mcp_bytes: u64,
    tcp_bytes: u64,
    lost_by: LostBy,
}

#[derive(Serialize)]
struct LostBy {
    kernel: u64,
    interface: u64,
    mcpdump: u64,
    unknown: u64,
}

impl Capture {
    fn of(snapshot: &Snapshot) -> Self {
        let capture = &snapshot.capture;
        Self {
            packets: capture.packets,
            bytes: capture.bytes,
            captured_bytes: capture.captured_bytes,
            start: capture.first.map(|first| Seconds(first.time)),
            end: capture.last.map(|last| Seconds(last.time)),
            length_ms: Ms(capture.length_ns),
            time_steps: capture.time_steps,
            truncated_files: capture.truncated_files,
            cut_packets: capture.cut_packets,
            tcp_packets: capture.tcp_packets,
            unreadable_packets: capture.unreadable_packets,
            quic_connections: capture.quic_connections,
            lost_packets: capture.lost.total(),
            mcp_bytes: capture.mcp_bytes,
            tcp_bytes: capture.tcp_bytes,
            lost_by: LostBy {
                kernel: capture.lost.kernel,
                interface: capture.lost.interface,
                mcpdump: capture.lost.mcpdump,
                unknown: capture.lost.unknown,
            },
        }
    }
}

#[derive(Serialize)]
struct Exchanges {
    total: u64,
    statuses: Statuses,
    degraded: u64,
    from_server: u64,
}

impl Exchanges {
    fn of(snapshot: &Snapshot) -> Self {
        Self {
            total: snapshot.exchanges.total(),
            statuses: Statuses(snapshot.exchanges.statuses),
            degraded: snapshot.exchanges.degraded,
            from_server: snapshot.exchanges.from_server,
        }
    }
}

#[derive(Serialize)]
struct Streams<'a> {
    streams: u64,
    mcp: u64,
    events: u64,
    bytes: u64,
    ended: &'a BTreeMap<&'static str, u64>,
    silent_max_ms: BTreeMap<&'static str, Ms>,
    foreign: Vec<ForeignStream<'a>>,
}

impl<'a> Streams<'a> {
    fn of(snapshot: &'a Snapshot, files: &'a Files) -> Self {
        let streams = &snapshot.streams;
        Self {
            streams: streams.streams,
            mcp: streams.mcp,
            events: streams.events,
            bytes: streams.bytes,
            ended: &streams.ended,
            silent_max_ms: streams.silent_max_ns.iter().map(|(ended, ns)| (*ended, Ms(*ns))).collect(),
            foreign: streams.foreign.iter().map(|stream| ForeignStream::of(stream, files)).collect(),
        }
    }
}
