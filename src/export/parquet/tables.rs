//! The columns of the tables, and the rows of what was found. Columns are only ever added.

use super::column::Kind::{Int, Text, Time};
use super::column::{Cell, Column};
use super::files::Table;
use crate::base::{Files, Finding, PacketNo, Span, Timestamp};
use crate::ledger::{Exchange, Notification, SessionRef, Stream};

/// Every table.
pub(super) static ALL: [&Table; 4] = [&EXCHANGES, &NOTIFICATIONS, &STREAMS, &FINDINGS];

pub(super) static EXCHANGES: Table = Table { name: "exchanges", columns: OF_EXCHANGES, has_servers: true };
pub(super) static NOTIFICATIONS: Table =
    Table { name: "notifications", columns: OF_NOTIFICATIONS, has_servers: true };
pub(super) static STREAMS: Table = Table { name: "streams", columns: OF_STREAMS, has_servers: true };
/// A finding may be about no server, and many have none of their own.
pub(super) static FINDINGS: Table = Table { name: "findings", columns: OF_FINDINGS, has_servers: false };

const OF_EXCHANGES: &[Column] = &[
    ("start", Time),
    ("ended", Time),
    ("n", Int),
    ("session", Int),
    ("session_id", Text),
    ("path", Text),
    ("client", Text),
    ("client_name", Text),
    ("server_name", Text),
    ("transport", Text),
    ("protocol_version", Text),
    ("origin", Text),
    ("id", Text),
    ("method", Text),
    ("name", Text),
    ("status", Text),
    ("cause", Text),
    ("http_status", Int),
    ("error_code", Int),
    ("error_message", Text),
    ("total_ns", Int),
    ("send_ns", Int),
    ("wait_ns", Int),
    ("receive_ns", Int),
    ("ack_ns", Int),
    ("waited_ns", Int),
    ("server_ns", Int),
    ("user_ns", Int),
    ("network_ns", Int),
    ("request_bytes", Int),
    ("response_bytes", Int),
    ("progress", Int),
    ("retransmissions", Int),
    ("continues", Int),
    ("parent", Int),
    ("view", Text),
    ("tcp_stream", Int),
    ("first_packet", Int),
    ("last_packet", Int),
    ("first_file", Text),
    ("degraded", Text),
    ("findings", Text),
];

const OF_NOTIFICATIONS: &[Column] = &[
    ("time", Time),
    ("session", Int),
    ("session_id", Text),
    ("path", Text),
    ("client", Text),
    ("transport", Text),
    ("sender", Text),
    ("method", Text),
    ("exchange", Int),
    ("bytes", Int),
    ("tcp_stream", Int),
    ("first_packet", Int),
    ("last_packet", Int),
    ("first_file", Text),
    ("degraded", Text),
];

const OF_STREAMS: &[Column] = &[
    ("start", Time),
    ("ended", Time),
    ("first_event", Time),
    ("last_event", Time),
    ("session", Int),
    ("session_id", Text),
    ("exchange", Int),
    ("client", Text),
    ("method", Text),
    ("target", Text),
    ("http_status", Int),
    ("events", Int),
    ("bytes", Int),
    ("end", Text),
    ("tcp_stream", Int),
    ("first_packet", Int),
    ("last_packet", Int),
    ("first_file", Text),
    ("degraded", Text),
];

const OF_FINDINGS: &[Column] = &[
    ("time", Time),
    ("code", Text),
    ("severity", Text),
    ("session", Int),
    ("exchange", Int),
    ("tcp_stream", Int),
    ("packet", Int),
    ("file", Text),
    ("detail", Text),
    ("count", Int),
];

pub(super) fn exchange(it: &Exchange, files: &Files) -> Vec<Cell> {
    let (session, request) = (&it.session, it.request.span);
    let error = it.error.as_ref();
    let all = it.response.map_or(request, |response| request.join(response.span));
    let mut row = vec![
        time(Some(request.start.time)),
        time(it.waited_until().map(|end| end.time)),
        Cell::number(Some(it.n)),
    ];
    row.extend(of_session(Some(session)));
    row.extend([
        Cell::text(session.path.as_deref()),
        Cell::text(Some(&it.client.to_string())),
        Cell::text(session.client_name.as_deref()),
        Cell::text(session.server_name.as_deref()),
        Cell::text(Some(session.transport.name())),
        Cell::text(it.protocol_version.as_deref()),
        Cell::text(Some(it.origin.name())),
        Cell::text(Some(&it.id.json())),
        Cell::text(Some(&it.method)),
        Cell::text(it.name.as_deref()),
        Cell::text(Some(it.status.name())),
        Cell::text(it.cause.map(|cause| cause.name())),
        Cell::number(it.http_status.map(u64::from)),
        Cell::Int(error.and_then(|error| error.code)),
        Cell::text(error.map(|error| &*error.message)),
        Cell::Int(it.total_ns()),
        Cell::Int(Some(it.send_ns())),
        Cell::Int(it.wait_ns()),
        Cell::Int(it.receive_ns()),
        Cell::Int(it.ack_ns()),
        Cell::Int(it.waited_ns()),
        Cell::Int(it.server_ns()),
        Cell::Int((it.asked.requests > 0).then_some(it.asked.client_ns)),
        Cell::Int(Some(it.network_ns())),
        Cell::number(Some(it.request.bytes)),
        Cell::number(it.response.map(|response| response.bytes)),
        Cell::number(Some(it.progress.into())),
        Cell::number(Some(it.retransmissions.into())),
        Cell::number(it.continues),
        Cell::number(it.parent),
        Cell::text(it.view()),
    ]);
    row.extend(packets(Some(it.tcp_stream), all, files));
    row.push(Cell::words(it.degraded.names()));
    row.push(Cell::words(it.findings.iter().map(|code| code.name())));
    row
}

pub(super) fn notification(it: &Notification, files: &Files) -> Vec<Cell> {
    let span = it.message.span;
    let mut row = vec![time(Some(span.start.time))];
    row.extend(of_session(Some(&it.session)));
    row.extend([
        Cell::text(it.session.path.as_deref()),
        Cell::text(Some(&it.session.client.to_string())),
        Cell::text(Some(it.session.transport.name())),
        Cell::text(Some(it.from.name())),
        Cell::text(Some(&it.method)),
        Cell::number(it.exchange),
        Cell::number(Some(it.message.bytes)),
    ]);
    row.extend(packets(Some(it.tcp_stream), span, files));
    row.push(Cell::words(it.degraded.names()));
    row
}

pub(super) fn stream(it: &Stream, files: &Files) -> Vec<Cell> {
    let mut row = vec![
        time(Some(it.span.start.time)),
        time(it.end.map(|end| end.time)),
        time(it.first_event),
        time(it.last_event),
    ];
    row.extend(of_session(it.session.as_ref()));
    row.extend([
        Cell::number(it.exchange),
        Cell::text(Some(&it.client.to_string())),
        Cell::text(it.method.as_deref()),
        Cell::text(it.target.as_deref()),
        Cell::number(it.http_status.map(u64::from)),
        Cell::number(Some(it.events)),
        Cell::number(Some(it.bytes)),
        Cell::text(Some(it.ended.name())),
    ]);
    row.extend(packets(Some(it.tcp_stream), it.span, files));
    row.push(Cell::words(it.degraded.names()));
    row
}

pub(super) fn finding(it: &Finding, files: &Files) -> Vec<Cell> {
    let packet = it.at.map(|at| at.packet);
    vec![
        time(it.at.map(|at| at.time)),
        Cell::text(Some(it.code.name())),
        Cell::text(Some(it.code.severity().name())),
        Cell::number(it.session.map(u64::from)),
        Cell::number(it.exchange),
        connection(it.tcp_stream, packet, files),
        Cell::number(packet.map(|packet| files.number(packet))),
        Cell::text(packet.and_then(|packet| files.name(packet))),
        Cell::text(Some(&it.detail)),
        Cell::number(Some(it.count)),
    ]
}

fn time(time: Option<Timestamp>) -> Cell {
    Cell::Int(time.map(|time| time.0))
}

fn of_session(session: Option<&SessionRef>) -> [Cell; 2] {
    [
        Cell::number(session.map(|session| session.number.into())),
        Cell::text(session.and_then(|session| session.id.as_deref())),
    ]
}

/// The number of a connection, in the file of a packet of it.
fn connection(stream: Option<u32>, packet: Option<PacketNo>, files: &Files) -> Cell {
    let number = stream.and_then(|stream| files.stream(stream, packet.unwrap_or_default()));
    Cell::number(number.map(u64::from))
}

/// Connection, first and last packet, and the file of the first if there are several.
fn packets(stream: Option<u32>, span: Span, files: &Files) -> [Cell; 4] {
    [
        connection(stream, Some(span.first), files),
        Cell::number(Some(files.number(span.first))),
        Cell::number(Some(files.number(span.last))),
        Cell::text(files.name(span.first)),
    ]
}
