//! Requests that the client POSTed again before they were answered: what became of the first one.

use super::limits::{Ending, How, Limits};
use super::story::{Certainty, Evidence, Sentence, Topic};
use super::trace::{TracedHead, TracedSegment};
use super::traces::Traces;
use super::wait_end::{self, Idle};
use super::words::{capitalized, precise, the};
use super::{ended, which};
use crate::base::{Code, Degraded, PacketNo, Side};
use crate::ledger::Exchange;

/// A request that was POSTed again, and answered then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Repeated<'a> {
    /// Connection and packet of the first one.
    first: (u32, PacketNo),
    /// The connection of the second one.
    pub(super) tcp_stream: u32,
    /// The head of the second one.
    pub(super) sent: &'a TracedHead,
    /// From the first byte of the first one to that of the second one, in nanoseconds.
    pub(super) after_ns: i64,
    /// What ended the connection of the first one before the second one was sent, and who sent it;
    /// `None` if nothing did.
    end: Option<(&'a TracedSegment, Side)>,
    /// How long that connection had been idle before the first one, if the server had closed it.
    idle: Option<Idle<'a>>,
}

/// Whether a request was POSTed again.
pub(super) fn is_repeated(exchange: &Exchange) -> bool {
    exchange.findings.contains(&Code::McpPostRepeated)
}

/// Returns how a request was sent again; `None` if it was not, if it is not known which of them
/// was answered, if the answer came on an event stream that the client had opened, or if time went
/// back.
pub(super) fn request<'a>(exchange: &Exchange, traces: &'a Traces) -> Option<Repeated<'a>> {
    if !is_repeated(exchange) || exchange.degraded.contains(Degraded::TIME_BACK) {
        return None;
    }
    let (tcp_stream, transaction) = exchange.answered_on?;
    let request = exchange.request.span;
    let sent = traces.get(tcp_stream)?.head(transaction, Side::Client).filter(|head| head.is_post())?;
    let after_ns = sent.first.time.since(request.start.time);
    if after_ns <= 0 || (tcp_stream, transaction) == (exchange.tcp_stream, exchange.transaction) {
        return None;
    }
    let trace = traces.get(exchange.tcp_stream);
    let is_end = |it: &&TracedSegment| {
        (it.fin || it.rst) && it.origin.packet > request.last && it.origin.packet < sent.first.packet
    };
    let end = trace.and_then(|trace| {
        let mut ends = trace.segments().iter().filter(is_end);
        let first = ends.next()?;
        // The reset of the side that had ended it says more than its FIN.
        let end = ends.find(|it| it.from == first.from && it.rst && !first.rst).unwrap_or(first);
        Some((end, trace.side(end.from)))
    });
    let by_server = end.filter(|(_, side)| *side == Side::Server);
    let idle = trace.zip(by_server).and_then(|(trace, (end, _))| wait_end::idle(exchange, trace, end.origin));
    let first = (exchange.tcp_stream, request.first);
    Some(Repeated { first, tcp_stream, sent, after_ns, end, idle })
}

/// Returns what a line of a table says about it.
pub(super) fn in_short(exchange: &Exchange, traces: &Traces) -> Option<String> {
    if !is_repeated(exchange) {
        return None;
    }
    let after =
        request(exchange, traces).map(|again| format!(" {} after the first time", precise(again.after_ns)));
    Some(format!(", with a request that was sent again{}", after.unwrap_or_default()))
}

/// Returns the sentences on why the request was sent again.
pub(super) fn sentences(exchange: &Exchange, traces: &Traces, limits: &Limits) -> Vec<Sentence> {
    let Some(Repeated { first, end: Some((end, side)), idle, .. }) = request(exchange, traces) else {
        return Vec::new();
    };
    let before =
        idle.map(|idle| format!(", which had been idle for {}", precise(idle.ns))).unwrap_or_default();
    let what = if end.rst {
        format!("A reset (RST) in the name of {} ended", the(side))
    } else {
        format!("{} closed (FIN)", capitalized(the(side)))
    };
    let text = format!(
        "{what} the connection of the first request{before}, {} after the request began",
        precise(end.origin.time.since(exchange.request.span.start.time)),
    );
    let evidence = Evidence::none().packet(first.0, first.1).packet(first.0, end.origin.packet);
    let mut sentences = vec![Sentence::new(Topic::Ended, Certainty::Proven, text, evidence)];
    sentences.extend(traces.get(first.0).and_then(|trace| ended::between(trace, end)));
    let how =
        if idle.is_some_and(|idle| idle.fin.is_none()) && end.rst { How::ResetInAnswer } else { How::Closed };
    let wait_ns = end.origin.time.since(exchange.request.span.end.time);
    let ending = Ending {
        how,
        by: Some(side),
        silence_ns: None,
        wait_ns: Some(wait_ns).filter(|_| idle.is_none()),
        idle_ns: idle.map(|idle| idle.ns),
    };
    let from = idle.map_or(exchange.request.span.last, |idle| idle.since.origin.packet);
    let until = idle.and_then(|idle| idle.fin).unwrap_or(end).origin.packet;
    let evidence = Evidence::none().packet(first.0, from).packet(first.0, until);
    sentences.extend(which::matching(&ending, evidence, limits));
    sentences
}

impl Repeated<'_> {
    /// Says how much of the time went by until the request was sent again.
    pub(super) fn sentence(&self) -> Sentence {
        let text = format!(
            "The client sent the request again {} after the first time; the first one brought no answer",
            precise(self.after_ns)
        );
        let evidence = Evidence::none()
            .packet(self.first.0, self.first.1)
            .packet(self.tcp_stream, self.sent.first.packet);
        Sentence::new(Topic::Time, Certainty::Proven, text, evidence)
    }
}
