//! The report as one JSON document, `"type":"report"`, version 1.
//!
//! Fields are only ever added. Times are epoch seconds with nine decimals, durations (`…_ms`) exact milliseconds, both
//! JSON numbers; null where there is nothing to tell. Percentiles are those of [`crate::ledger::LatencyRow`]. Text from
//! traffic stands with credentials as `…`.
//!
//! ```text
//! {"type":"report","v":1,"files":[…],
//!  "capture":{packets,bytes,captured_bytes,start,end,cut_packets,tcp_packets,unreadable_packets,lost_packets,mcp_bytes,tcp_bytes,
//!             lost_by:{kernel,interface,mcpdump,unknown}},
//!  "connections":[{speaks,mcp,connections,bytes,gap_bytes,retransmissions}],"handshake_p50_ms":…,
//!  "exchanges":{total,statuses:{ok,tool_error,error,cancelled,http_error,unanswered},degraded,from_server},
//!  "notifications":…,
//!  "latency":[{group,origin,method,name,other,exchanges,errors,statuses,min_ms,p50_ms,p90_ms,p95_ms,p99_ms,max_ms,
//!              send_p50_ms,wait_p50_ms,receive_p50_ms}],
//!  "by":"none","grouped":[as latency; group is the server, "s1" or the client],
//!  "sessions_count":…,"sessions":[{session,session_id,transport,protocol_version,server,client,client_info,server_info,
//!              client_capabilities,server_capabilities,exchanges,errors,unanswered,max_ms,first_packet,last_packet,ended,degraded}],
//!  "slowest":[{n,session,origin,id,method,name,status,cause,http_status,total_ms,send_ms,wait_ms,receive_ms,ack_ms,
//!              start,first_packet,last_packet,degraded,findings}],
//!  "unanswered":{exchanges,causes:[{status,cause,http_status,exchanges}],listed:[as slowest]},
//!  "streams":{streams,mcp,events,bytes,ended:{…},foreign:[{method,target,http_status,server,client,events,bytes,start,
//!              first_packet,last_packet,ended}]},
//!  "offers":[{server,kind,bytes,definitions:[{name,bytes,uses}]}],
//!  "findings":[{code,severity,meaning,remedy,count,first:[{packet,time,tcp_stream,session,exchange,detail}]}]}
//! ```

use std::collections::BTreeMap;
use std::io;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::{Options, label, sanitize, units};
use crate::base::Timestamp;
use crate::ledger::{By, Snapshot, Status};

mod calls;
mod parties;

use calls::{Latency, Listed, Missing};
use parties::{Connection, Foreign, Noticed, Offer, Party};

/// Writes the document and a line end.
///
/// # Errors
/// Those of `out`.
pub fn write(snapshot: &Snapshot, options: &Options, out: &mut impl io::Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &Document::of(snapshot, options))?;
    out.write_all(b"\n")
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: &'static str,
    v: u32,
    files: &'a [String],
    capture: Capture,
    connections: Vec<Connection>,
    handshake_p50_ms: Option<Ms>,
    exchanges: Exchanges,
    notifications: u64,
    latency: Vec<Latency>,
    by: &'static str,
    grouped: Vec<Latency>,
    sessions_count: u64,
    sessions: Vec<Party<'a>>,
    slowest: Vec<Listed<'a>>,
    unanswered: Missing<'a>,
    streams: Streams<'a>,
    offers: Vec<Offer>,
    findings: Vec<Noticed>,
}

impl<'a> Document<'a> {
    fn of(snapshot: &'a Snapshot, options: &'a Options) -> Self {
        Self {
            r#type: "report",
            v: 1,
            files: &options.files,
            capture: Capture::of(snapshot),
            connections: snapshot.connections.iter().map(Connection::of).collect(),
            handshake_p50_ms: snapshot.handshake_p50_ns.map(Ms),
            exchanges: Exchanges::of(snapshot),
            notifications: snapshot.notifications,
            latency: snapshot.latency.iter().map(Latency::of).collect(),
            by: snapshot.by.map_or("none", By::name),
            grouped: snapshot.grouped.iter().map(Latency::of).collect(),
            sessions_count: snapshot.sessions_count,
            sessions: snapshot.sessions.iter().map(Party::of).collect(),
            slowest: snapshot.slowest.iter().map(Listed::of).collect(),
            unanswered: Missing::of(&snapshot.unanswered),
            streams: Streams::of(snapshot),
            offers: snapshot.offers.iter().map(Offer::of).collect(),
            findings: snapshot.findings.iter().map(Noticed::of).collect(),
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
    cut_packets: u64,
    tcp_packets: u64,
    unreadable_packets: u64,
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
            cut_packets: capture.cut_packets,
            tcp_packets: capture.tcp_packets,
            unreadable_packets: capture.unreadable_packets,
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
    foreign: Vec<Foreign>,
}

impl<'a> Streams<'a> {
    fn of(snapshot: &'a Snapshot) -> Self {
        let streams = &snapshot.streams;
        Self {
            streams: streams.streams,
            mcp: streams.mcp,
            events: streams.events,
            bytes: streams.bytes,
            ended: &streams.ended,
            foreign: streams.foreign.iter().map(Foreign::of).collect(),
        }
    }
}

/// Counts in the order of [`Status::ALL`], as an object.
struct Statuses([u64; 6]);

impl Serialize for Statuses {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(Status::ALL.iter().map(|status| status.name()).zip(self.0))
    }
}

/// Nanoseconds, written as exact milliseconds.
struct Ms(i64);

impl Serialize for Ms {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        digits(units::ms(self.0), serializer)
    }
}

/// A time, written as epoch seconds with nine decimals.
struct Seconds(Timestamp);

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        digits(self.0.to_string(), serializer)
    }
}

/// A number as it is spelled: an f64 would not hold the nanoseconds of today.
fn digits<S: Serializer>(digits: String, serializer: S) -> Result<S::Ok, S::Error> {
    RawValue::from_string(digits).map_err(serde::ser::Error::custom)?.serialize(serializer)
}

/// Text from traffic without its credentials; JSON escapes the rest.
fn text(text: &str) -> String {
    sanitize::redact(text).into_owned()
}

/// `s1`.
fn session(number: u32) -> String {
    label::group(crate::ledger::Group::Session(number))
}
