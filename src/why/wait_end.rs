//! The end of a wait without an answer: which packet ended it, and after which silence.

use super::limits::{Ending, How};
use super::trace::{Trace, TracedHead, TracedSegment};
use super::traces::Traces;
use crate::base::{Degraded, Origin, PacketNo, Side, Status};
use crate::ledger::{Cause, Exchange, Speaks};

/// Silence, in nanoseconds, from which a connection counts as idle before a request: shorter pauses
/// are those of a client that thinks.
const IDLE: i64 = 1_000_000_000;

/// How soon after a request a server that had closed the connection answers with a reset, in
/// nanoseconds, beyond two round trips.
const RACE: i64 = 200_000_000;

/// The end of a wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct WaitEnd<'a> {
    /// The connection of the packet that ended it; `None` if its packets were not read.
    pub(super) trace: Option<&'a Trace>,
    /// That packet; `None` if it is of no connection that was read.
    pub(super) segment: Option<&'a TracedSegment>,
    /// Its number and time.
    pub(super) at: Origin,
    /// The side that sent it, as its addresses say; `None` if it is not known.
    pub(super) by: Option<Side>,
    pub(super) how: How,
    /// The last new byte of client and server before it, on that connection.
    pub(super) last: [Option<&'a TracedSegment>; 2],
    /// The head of the HTTP error that ended it; `None` if none did.
    pub(super) head: Option<&'a TracedHead>,
    /// The connection had been idle before the request.
    pub(super) idle: Option<Idle<'a>>,
    silence_ns: Option<i64>,
    wait_ns: i64,
    /// Whether limits on the wait count from the request: what a server asks is no HTTP request.
    has_clock: bool,
}

/// A connection that was idle until a request was sent on it, while the server closed it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Idle<'a> {
    /// The last byte before.
    pub(super) since: &'a TracedSegment,
    /// The FIN of the server, if it was captured.
    pub(super) fin: Option<&'a TracedSegment>,
    /// How long it was idle: until the FIN, else until the request; in nanoseconds.
    pub(super) ns: i64,
}

impl<'a> WaitEnd<'a> {
    /// Returns the end of the wait of an exchange. `None` if the answer ended it, if it is not
    /// known what ended the wait, if the capture did, or if packet times go back meanwhile.
    pub(super) fn of(exchange: &Exchange, traces: &'a Traces) -> Option<Self> {
        if exchange.degraded.contains(Degraded::TIME_BACK) || is_answered(exchange) {
            return None;
        }
        let cause = exchange.cause?;
        let head = traces
            .get(exchange.tcp_stream)
            .and_then(|trace| trace.head(exchange.transaction, Side::Server))
            .filter(|_| exchange.status == Status::HttpError);
        let at = match (exchange.wait_ended, head, exchange.ack) {
            (_, Some(head), _) => head.first,
            (Some(at), ..) => at,
            _ => return None,
        };
        let (how, by) = match cause {
            Cause::ClientClosed | Cause::ClientReset => (How::Closed, Some(Side::Client)),
            Cause::ServerClosed | Cause::ServerReset => (How::Closed, Some(Side::Server)),
            Cause::Cancelled => (How::Cancelled, Some(exchange.origin)),
            Cause::HttpError => (How::Status(exchange.http_status?), Some(Side::Server)),
            Cause::NoStream | Cause::NoResponse | Cause::Deleted | Cause::CaptureEnd => return None,
        };
        let found = traces.at(at.packet);
        let (trace, segment) = found.unzip();
        let last = found.map_or([None; 2], |(trace, segment)| trace.last_byte_before(segment));
        let idle = trace.filter(|_| by == Some(Side::Server)).and_then(|trace| idle(exchange, trace, at));
        let wait_ns = at.time.since(exchange.request.span.end.time);
        let has_clock = exchange.origin == Side::Client || how == How::Cancelled;
        let silence_ns = None;
        let mut end = Self { trace, segment, at, by, how, last, head, idle, silence_ns, wait_ns, has_clock };
        end.silence_ns = end.silence(exchange);
        if idle.is_some_and(|idle| idle.fin.is_none()) && segment.is_some_and(|it| it.rst) {
            end.how = How::ResetInAnswer;
        }
        Some(end)
    }

    /// Returns its times as limits are compared with them.
    pub(super) fn ending(&self) -> Ending {
        let idle_ns = self.idle.map(|idle| idle.ns);
        Ending {
            how: self.how,
            by: self.by,
            silence_ns: self.silence_ns.filter(|_| idle_ns.is_none()),
            wait_ns: Some(self.wait_ns).filter(|_| idle_ns.is_none() && self.has_clock),
            idle_ns,
        }
    }

    /// Returns the packet of the last byte of either side; `None` if it is not known.
    pub(super) fn last_byte(&self) -> Option<PacketNo> {
        self.last.iter().flatten().map(|segment| segment.origin.packet).max()
    }

    fn silence(&self, exchange: &Exchange) -> Option<i64> {
        let trace = self.trace.filter(|trace| !trace.has_holes())?;
        if trace.fact().is_some_and(|fact| fact.speaks == Speaks::Http2) {
            // Other streams of the connection may have gone on.
            let nothing_came = exchange.progress == 0 && exchange.ack.is_none_or(|ack| ack >= self.at.time);
            return Some(self.wait_ns).filter(|_| nothing_came);
        }
        let last = self.last.iter().flatten().map(|segment| segment.origin.time).max()?;
        Some(self.at.time.since(last))
    }
}

/// Whether an exchange has an answer that came before its sender cancelled it.
pub(super) fn is_answered(exchange: &Exchange) -> bool {
    exchange.response.is_some() && exchange.status != Status::Cancelled
}

/// Returns how long the connection of a request had been idle, if the server closed it just before
/// or just after the request was sent.
pub(super) fn idle<'a>(exchange: &Exchange, trace: &'a Trace, at: Origin) -> Option<Idle<'a>> {
    let request = exchange.request.span;
    if trace.has_holes() || trace.tcp_stream() != Some(exchange.tcp_stream) {
        return None;
    }
    let first = trace.at(request.first)?;
    let before = |side| {
        let earlier = trace.sent_by(side).rev().find(|it| it.origin.packet < request.first && it.is_news());
        earlier.filter(|_| first.origin.packet == request.first)
    };
    let since = Side::BOTH.into_iter().filter_map(before).max_by_key(|it| it.origin.packet)?;
    let round_trip = trace.round_trip(Side::Server).map_or(0, |round_trip| round_trip.ns);
    let in_answer = at.time.since(request.end.time) <= RACE.saturating_add(round_trip.saturating_mul(2));
    let fin = trace.sent_by(Side::Server).find(|it| it.fin && it.origin.packet > since.origin.packet);
    let until = fin.map_or(request.start.time, |fin| fin.origin.time);
    let ns = until.since(since.origin.time);
    (in_answer && ns >= IDLE).then_some(Idle { since, fin, ns })
}
