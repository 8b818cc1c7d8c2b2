//! Answers that came when their reader had closed the connection.

use super::limits::{Ending, How, Limits};
use super::story::{Certainty, Evidence, Sentence, Topic};
use super::trace::{self, TracedSegment};
use super::traces::Traces;
use super::which;
use super::words::precise;
use crate::base::{Degraded, PacketNo, Side};
use crate::ledger::Exchange;

/// An answer of which the client's system took nothing: it had closed the connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unread<'a> {
    tcp_stream: u32,
    /// The client's FIN, which came before the answer.
    fin: &'a TracedSegment,
    /// The first packet of the answer.
    answer: PacketNo,
    /// The reset that came back.
    reset: &'a TracedSegment,
    /// From the last byte of the request to the FIN, in nanoseconds.
    wait_ns: i64,
    /// From the last byte on the connection to the FIN, in nanoseconds.
    silence_ns: i64,
}

/// Returns how an answer was not read; `None` if it may have been. After a FIN a client can go on
/// reading (RFC 9293 section 3.6): then its system acknowledges what comes.
pub(super) fn answer<'a>(exchange: &Exchange, traces: &'a Traces) -> Option<Unread<'a>> {
    if exchange.origin == Side::Server || exchange.degraded.contains(Degraded::TIME_BACK) {
        return None;
    }
    let (response, (tcp_stream, _)) = (exchange.response?, exchange.answered_on?);
    let trace = traces.get(tcp_stream).filter(|trace| !trace.has_holes())?;
    let answer = response.span.first;
    let first = trace.at(answer)?;
    let fin = trace.sent_by(Side::Client).find(|it| it.fin)?;
    let wait_ns = fin.origin.time.since(exchange.request.span.end.time);
    if fin.origin.packet >= answer || wait_ns < 0 {
        return None;
    }
    let later = || trace.sent_by(Side::Client).filter(|it| it.origin.packet > answer);
    if later().any(|it| it.ack.is_some_and(|ack| trace::is_after(ack, first.seq))) {
        return None;
    }
    let reset = later().find(|it| it.rst)?;
    let is_last = |it: &&TracedSegment| it.is_news() && it.origin.packet < fin.origin.packet;
    let last = trace.segments().iter().rev().find(is_last)?;
    let silence_ns = fin.origin.time.since(last.origin.time);
    Some(Unread { tcp_stream, fin, answer, reset, wait_ns, silence_ns })
}

impl Unread<'_> {
    /// Returns what a line of a table says about it.
    pub(super) fn in_short(&self) -> String {
        format!(
            ", after the client had closed the connection (FIN) {} after the request",
            precise(self.wait_ns)
        )
    }

    /// Returns the sentences on who ended the wait, and on the limit that it matches.
    pub(super) fn sentences(&self, exchange: &Exchange, limits: &Limits) -> Vec<Sentence> {
        let text = format!(
            "The client had closed the connection (FIN) {} after the request, before the answer came; a reset (RST) \
             came back, and no acknowledgement: nobody read the answer",
            precise(self.wait_ns)
        );
        let evidence = [self.fin.origin.packet, self.answer, self.reset.origin.packet]
            .into_iter()
            .fold(Evidence::none(), |evidence, packet| evidence.packet(self.tcp_stream, packet));
        let mut sentences = vec![Sentence::new(Topic::Ended, Certainty::Likely, text, evidence)];
        let ending = Ending {
            how: How::Closed,
            by: Some(Side::Client),
            silence_ns: Some(self.silence_ns),
            wait_ns: Some(self.wait_ns),
            idle_ns: None,
        };
        let evidence = Evidence::none()
            .packet(exchange.tcp_stream, exchange.request.span.last)
            .packet(self.tcp_stream, self.fin.origin.packet);
        sentences.extend(which::matching(&ending, evidence, limits));
        sentences
    }
}
