//! Requests that the client POSTed again before they were answered: what became of the first one.

use super::limits::{Ending, How, Limits};
use super::story::{Certainty, Evidence, Sentence, Topic};
use super::trace::{TracedHead, TracedSegment};
use super::traces::Traces;
use super::wait_end::{self, Idle};
use super::which;
use super::words::{capitalized, precise, the};
use crate::base::{Code, PacketNo, Side};
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

/// Returns how a request was sent again; `None` if it was not, or if it is not known which of them
/// was answered.
pub(super) fn request<'a>(exchange: &Exchange, traces: &'a Traces) -> Option<Repeated<'a>> {
    let (tcp_stream, transaction) = exchange.answered_on.filter(|_| is_repeated(exchange))?;
    let request = exchange.request.span;
    let sent = traces.get(tcp_stream)?.head(transaction, Side::Client)?;
    let after_ns = sent.first.time.since(request.start.time);
    if after_ns <= 0 || (tcp_stream, transaction) == (exchange.tcp_stream, exchange.transaction) {
        return None;
    }
    let trace = traces.get(exchange.tcp_stream);
    let is_end = |it: &&TracedSegment| {
        (it.fin || it.rst) && it.origin.packet > request.last && it.origin.packet < sent.first.packet
    };
    let end = trace.and_then(|trace| {
        // A reset says more than the FIN before it.
        let mut ends: Vec<_> = trace.segments().iter().filter(is_end).collect();
        ends.sort_by_key(|it| (!it.rst, it.origin.packet));
        ends.first().map(|it| (*it, trace.side(it.from)))
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
    let what = if end.rst { "reset (RST)" } else { "closed (FIN)" };
    let before =
        idle.map(|idle| format!(", which had been idle for {}", precise(idle.ns))).unwrap_or_default();
    let text = format!(
        "{} {what} the connection of the first request{before}, {} after the request began",
        capitalized(the(side)),
        precise(end.origin.time.since(exchange.request.span.start.time)),
    );
    let evidence = Evidence::none().packet(first.0, first.1).packet(first.0, end.origin.packet);
    let mut sentences = vec![Sentence::new(Topic::Ended, Certainty::Proven, text, evidence)];
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
