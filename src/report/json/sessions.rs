//! Objects of the document about connections, sessions, streams, offers and findings.

use std::net::SocketAddr;

use serde::Serialize;

use super::values::{Ms, Seconds, session, text};
use crate::base::fact::Wrapper;
use crate::base::tls::TlsVersion;
use crate::base::{Files, Finding};
use crate::ledger::{ConnectionCount, FindingRow, Implementation, OfferRow, SessionRow, Stream, TlsRow};

#[derive(Serialize)]
pub(super) struct Connection {
    speaks: &'static str,
    wrapper: Option<&'static str>,
    mcp: bool,
    connections: u64,
    bytes: u64,
    gap_bytes: u64,
    retransmissions: u64,
    lost_before: u64,
    copies: u64,
}

impl Connection {
    pub(super) fn of(count: &ConnectionCount) -> Self {
        Self {
            speaks: count.speaks.name(),
            wrapper: count.wrapper.map(Wrapper::name),
            mcp: count.mcp,
            connections: count.connections,
            bytes: count.bytes,
            gap_bytes: count.gap_bytes,
            retransmissions: count.retransmissions,
            lost_before: count.lost_before,
            copies: count.copies,
        }
    }
}

/// TLS connections that agreed on the same.
#[derive(Serialize)]
pub(super) struct Tls<'a> {
    sni: Option<&'a str>,
    tls: Option<String>,
    suite: Option<&'a str>,
    alpn: Option<&'a str>,
    decrypted: &'static str,
    connections: u64,
    resumed: u64,
    tls_handshake_p50_ms: Option<Ms>,
    client_records: u64,
    client_bytes: u64,
    server_records: u64,
    server_bytes: u64,
    undecrypted: u64,
}

impl<'a> Tls<'a> {
    pub(super) fn of(row: &'a TlsRow) -> Self {
        let [client, server] = row.records;
        Self {
            sni: row.kind.sni.as_deref(),
            tls: row.kind.version.map(TlsVersion::name),
            suite: row.kind.suite.as_deref(),
            alpn: row.kind.alpn.as_deref(),
            decrypted: row.kind.decrypted.name(),
            connections: row.connections,
            resumed: row.resumed,
            tls_handshake_p50_ms: row.handshake_p50_ns.map(Ms),
            client_records: client.records,
            client_bytes: client.bytes,
            server_records: server.records,
            server_bytes: server.bytes,
            undecrypted: client.undecrypted.saturating_add(server.undecrypted),
        }
    }
}

#[derive(Serialize)]
pub(super) struct Session<'a> {
    session: String,
    session_id: Option<&'a str>,
    behind: Option<String>,
    transport: &'static str,
    protocol_version: Option<&'a str>,
    server: SocketAddr,
    client: SocketAddr,
    via: Option<SocketAddr>,
    client_info: Option<Software<'a>>,
    server_info: Option<Software<'a>>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    first_file: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_file: Option<&'a str>,
}

impl<'a> Session<'a> {
    pub(super) fn of(row: &'a SessionRow, files: &'a Files) -> Self {
        let summary = &row.session;
        Self {
            session: session(summary.session.number),
            session_id: summary.session.id.as_deref(),
            behind: summary.session.behind.map(session),
            transport: summary.session.transport.name(),
            protocol_version: summary.protocol_version.as_deref(),
            server: summary.session.server,
            client: summary.session.client,
            via: summary.session.via,
            client_info: summary.client_info.as_ref().map(Software::of),
            server_info: summary.server_info.as_ref().map(Software::of),
            client_capabilities: &summary.client_capabilities,
            server_capabilities: &summary.server_capabilities,
            exchanges: row.exchanges,
            errors: row.errors,
            unanswered: row.unanswered,
            max_ms: row.max_ns.map(Ms),
            first_packet: files.number(summary.first.packet),
            last_packet: files.number(summary.last.packet),
            ended: summary.ended.name(),
            degraded: summary.degraded.names().collect(),
            first_file: files.name(summary.first.packet),
            last_file: files.name(summary.last.packet),
        }
    }
}

#[derive(Serialize)]
struct Software<'a> {
    name: &'a str,
    version: &'a str,
}

impl<'a> Software<'a> {
    fn of(info: &'a Implementation) -> Self {
        Self { name: &info.name, version: &info.version }
    }
}

#[derive(Serialize)]
pub(super) struct ForeignStream<'a> {
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
    end: Option<Seconds>,
    end_packet: Option<u64>,
    silent_ms: Option<Ms>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_file: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_file: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_file: Option<&'a str>,
}

impl<'a> ForeignStream<'a> {
    pub(super) fn of(stream: &Stream, files: &'a Files) -> Self {
        Self {
            method: stream.method.as_deref().map(text),
            target: stream.target.as_deref().map(text),
            http_status: stream.http_status,
            server: stream.server,
            client: stream.client,
            events: stream.events,
            bytes: stream.bytes,
            start: Seconds(stream.span.start.time),
            first_packet: files.number(stream.span.first),
            last_packet: files.number(stream.span.last),
            ended: stream.ended.name(),
            end: stream.end.map(|end| Seconds(end.time)),
            end_packet: stream.end.map(|end| files.number(end.packet)),
            silent_ms: stream.silent_ns().map(Ms),
            first_file: files.name(stream.span.first),
            last_file: files.name(stream.span.last),
            end_file: stream.end.and_then(|end| files.name(end.packet)),
        }
    }
}

#[derive(Serialize)]
pub(super) struct Offer {
    server: SocketAddr,
    path: Option<String>,
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
        Self {
            server: row.server.address,
            path: row.server.path.as_deref().map(str::to_owned),
            kind: row.kind,
            bytes: row.bytes(),
            definitions: definitions.collect(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct FindingGroup<'a> {
    code: &'static str,
    severity: &'static str,
    meaning: &'static str,
    remedy: &'static str,
    count: u64,
    first: Vec<FindingDetail<'a>>,
}

impl<'a> FindingGroup<'a> {
    pub(super) fn of(row: &FindingRow, files: &'a Files) -> Self {
        let info = row.code.info();
        Self {
            code: info.name,
            severity: info.severity.name(),
            meaning: info.title,
            remedy: info.remedy,
            count: row.count,
            first: row.first.iter().map(|finding| FindingDetail::of(finding, files)).collect(),
        }
    }
}

#[derive(Serialize)]
struct FindingDetail<'a> {
    packet: Option<u64>,
    time: Option<Seconds>,
    tcp_stream: Option<u32>,
    session: Option<String>,
    exchange: Option<u64>,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
}

impl<'a> FindingDetail<'a> {
    fn of(finding: &Finding, files: &'a Files) -> Self {
        let packet = finding.at.map(|at| at.packet);
        Self {
            packet: packet.map(|packet| files.number(packet)),
            time: finding.at.map(|at| Seconds(at.time)),
            tcp_stream: finding.tcp_stream.and_then(|on| files.stream(on, packet.unwrap_or_default())),
            session: finding.session.map(session),
            exchange: finding.exchange,
            detail: text(&finding.detail),
            file: packet.and_then(|packet| files.name(packet)),
        }
    }
}
