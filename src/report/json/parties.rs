//! The parts of the document that are about connections, sessions, streams, offers and findings.

use std::net::SocketAddr;

use serde::Serialize;

use super::{Ms, Seconds, session, text};
use crate::base::Finding;
use crate::ledger::{ConnectionCount, FindingRow, Implementation, OfferRow, SessionRow, Stream};

#[derive(Serialize)]
pub(super) struct Connection {
    speaks: &'static str,
    mcp: bool,
    connections: u64,
    bytes: u64,
    gap_bytes: u64,
    retransmissions: u64,
}

impl Connection {
    pub(super) fn of(count: &ConnectionCount) -> Self {
        Self {
            speaks: count.speaks.name(),
            mcp: count.mcp,
            connections: count.connections,
            bytes: count.bytes,
            gap_bytes: count.gap_bytes,
            retransmissions: count.retransmissions,
        }
    }
}

#[derive(Serialize)]
pub(super) struct Party<'a> {
    session: String,
    session_id: Option<&'a str>,
    transport: &'static str,
    protocol_version: Option<&'a str>,
    server: SocketAddr,
    client: SocketAddr,
    client_info: Option<Info<'a>>,
    server_info: Option<Info<'a>>,
    client_capabilities: &'a [Box<str>],
    server_capabilities: &'a [Box<str>],
    exchanges: u64,
    errors: u64,
    unanswered: u64,
    max_ms: Option<Ms>,
    first_packet: u64,
    last_packet: u64,
    ended: &'static str,
    degraded: Vec<&'static str>,
}

impl<'a> Party<'a> {
    pub(super) fn of(row: &'a SessionRow) -> Self {
        let told = &row.session;
        Self {
            session: session(told.session.number),
            session_id: told.session.id.as_deref(),
            transport: told.session.transport.name(),
            protocol_version: told.protocol_version.as_deref(),
            server: told.session.server,
            client: told.session.client,
            client_info: told.client_info.as_ref().map(Info::of),
            server_info: told.server_info.as_ref().map(Info::of),
            client_capabilities: &told.client_capabilities,
            server_capabilities: &told.server_capabilities,
            exchanges: told.exchanges,
            errors: row.errors,
            unanswered: row.unanswered,
            max_ms: row.max_ns.map(Ms),
            first_packet: told.first.packet.0,
            last_packet: told.last.packet.0,
            ended: told.ended.name(),
            degraded: told.degraded.names().collect(),
        }
    }
}

#[derive(Serialize)]
struct Info<'a> {
    name: &'a str,
    version: &'a str,
}

impl<'a> Info<'a> {
    fn of(info: &'a Implementation) -> Self {
        Self { name: &info.name, version: &info.version }
    }
}

#[derive(Serialize)]
pub(super) struct Foreign {
    method: Option<String>,
    target: Option<String>,
    http_status: Option<u16>,
    server: SocketAddr,
    client: SocketAddr,
    events: u64,
    bytes: u64,
    start: Seconds,
    first_packet: u64,
    last_packet: u64,
    ended: &'static str,
}

impl Foreign {
    pub(super) fn of(stream: &Stream) -> Self {
        Self {
            method: stream.method.as_deref().map(text),
            target: stream.target.as_deref().map(text),
            http_status: stream.http_status,
            server: stream.server,
            client: stream.client,
            events: stream.events,
            bytes: stream.bytes,
            start: Seconds(stream.span.start.time),
            first_packet: stream.span.first.0,
            last_packet: stream.span.last.0,
            ended: stream.ended.name(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct Offer {
    server: SocketAddr,
    kind: &'static str,
    bytes: u64,
    definitions: Vec<Definition>,
}

#[derive(Serialize)]
struct Definition {
    name: String,
    bytes: u64,
    uses: u64,
}

impl Offer {
    pub(super) fn of(row: &OfferRow) -> Self {
        let definitions = row.definitions.iter().map(|definition| Definition {
            name: text(&definition.name),
            bytes: definition.bytes,
            uses: definition.uses,
        });
        Self { server: row.server, kind: row.kind, bytes: row.bytes(), definitions: definitions.collect() }
    }
}

#[derive(Serialize)]
pub(super) struct Noticed {
    code: &'static str,
    severity: &'static str,
    meaning: &'static str,
    remedy: &'static str,
    count: u64,
    first: Vec<Detail>,
}

impl Noticed {
    pub(super) fn of(row: &FindingRow) -> Self {
        let info = row.code.info();
        Self {
            code: info.name,
            severity: info.severity.name(),
            meaning: info.title,
            remedy: info.remedy,
            count: row.count,
            first: row.first.iter().map(Detail::of).collect(),
        }
    }
}

#[derive(Serialize)]
struct Detail {
    packet: Option<u64>,
    time: Option<Seconds>,
    tcp_stream: Option<u32>,
    session: Option<String>,
    exchange: Option<u64>,
    detail: String,
}

impl Detail {
    fn of(finding: &Finding) -> Self {
        Self {
            packet: finding.at.map(|at| at.packet.0),
            time: finding.at.map(|at| Seconds(at.time)),
            tcp_stream: finding.tcp_stream,
            session: finding.session.map(session),
            exchange: finding.exchange,
            detail: text(&finding.detail),
        }
    }
}
