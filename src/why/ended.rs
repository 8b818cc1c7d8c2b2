//! Who ended it: client, server, or something between them.

use std::collections::BTreeSet;

use super::gateways;
use super::limits::How;
use super::story::{Certainty, Evidence, Sentence, Topic};
use super::trace::{Trace, TracedSegment};
use super::wait_end::{Idle, WaitEnd};
use super::words::{capitalized, precise, the};
use crate::base::{Code, PacketNo, Side, Status, units};
use crate::ledger::{Cause, Exchange, Transport};

/// Packets of one end from which its hop limit counts as known.
const MIN_PACKETS: usize = 3;

/// Round trips, in nanoseconds, from which a reset that comes sooner than them shows that it did
/// not come from so far.
const MIN_ROUND_TRIP: i64 = 2_000_000;

/// Round trips that have to be measured for it.
const MIN_ROUND_TRIPS: u64 = 3;

/// Resets of both sides within this time, in nanoseconds, come from one place between them.
const TOGETHER: i64 = 20_000_000;

/// Returns the sentences on what became of an exchange without an answer, and who ended it.
pub(super) fn sentences(exchange: &Exchange, end: Option<&WaitEnd<'_>>) -> Vec<Sentence> {
    let mut sentences = vec![outcome(exchange, end)];
    sentences.extend(proxy_findings(exchange));
    sentences.extend(late_answer(exchange));
    let Some(end) = end else { return sentences };
    sentences.extend(end.trace.and_then(|trace| lost_request(exchange, end, trace)));
    sentences.extend(last_bytes(end));
    sentences.extend(end.idle.map(|idle| idle_sentence(exchange, end, idle)));
    if let (Some(trace), Some(segment)) = (end.trace, end.segment) {
        sentences.extend(between(trace, segment));
    }
    sentences.extend(gateways::sentence(exchange, end));
    sentences
}

/// Returns the sentence on what became of an exchange without an answer.
pub(super) fn outcome(exchange: &Exchange, end: Option<&WaitEnd<'_>>) -> Sentence {
    let request = exchange.request.span;
    let evidence = Evidence::none().range(exchange.tcp_stream, request.first, request.last);
    let at = end.map(|end| end.at).or(exchange.wait_ended);
    let tcp_stream = end.and_then(|end| end.trace).and_then(Trace::tcp_stream).unwrap_or(exchange.tcp_stream);
    let evidence = match at {
        Some(at) if exchange.cause != Some(Cause::CaptureEnd) => evidence.packet(tcp_stream, at.packet),
        _ => evidence,
    };
    let waited = at.map(|at| after_request(at.time.since(request.end.time)));
    let after = waited.as_deref().map(|waited| format!(" {waited}")).unwrap_or_default();
    let (certainty, text) = match (exchange.status, exchange.cause) {
        (Status::Undetermined, _) => {
            let lacks: Vec<_> = exchange.degraded.names().map(|name| name.replace('_', " ")).collect();
            let text = format!(
                "Whether it was answered cannot be told: the answer may be in what the capture lacks ({})",
                lacks.join(", ")
            );
            (Certainty::Unknown, text)
        }
        (_, Some(Cause::CaptureEnd)) => {
            let open = waited.map(|waited| format!(", {waited}")).unwrap_or_default();
            (
                Certainty::Unknown,
                format!("It was open when the capture ended{open}: nothing says how it went on"),
            )
        }
        (_, Some(cause)) => (Certainty::Proven, format!("{}{after}", ended(exchange, cause, end))),
        (_, None) => (Certainty::Unknown, "It was not answered, and no packet says why".to_owned()),
    };
    Sentence::new(Topic::Outcome, certainty, text, evidence)
}

/// Says when something happened, by the time since the last byte of the request: a server may
/// answer before that.
fn after_request(ns: i64) -> String {
    if ns < 0 {
        format!("{} before the request was complete", precise(ns.saturating_neg()))
    } else {
        format!("{} after the request", precise(ns))
    }
}

/// Says which end did what, without the time.
fn ended(exchange: &Exchange, cause: Cause, end: Option<&WaitEnd<'_>>) -> String {
    let flags = end.and_then(|end| end.segment).map(|segment| (segment.fin, segment.rst));
    let closed = |side: Side| match flags {
        Some((true, _)) => format!("{} closed the connection (FIN)", capitalized(the(side))),
        Some((_, true)) => {
            format!("{} had closed the connection, and answered with a reset (RST)", capitalized(the(side)))
        }
        Some((false, false)) if exchange.session.transport == Transport::WebSocket => {
            format!("{} closed the WebSocket", capitalized(the(side)))
        }
        Some((false, false)) if side == Side::Server && exchange.origin == Side::Server => {
            "The server ended the stream on which it had asked, before the client answered".to_owned()
        }
        Some((false, false)) if side == Side::Server => {
            "The server ended the response without the answer".to_owned()
        }
        Some((false, false)) => format!("{} closed the stream", capitalized(the(side))),
        _ => format!("{} closed the connection or the stream", capitalized(the(side))),
    };
    let reset = |side: Side| match flags {
        Some((_, true)) => format!("A reset (RST) in the name of {} ended the connection", the(side)),
        _ => format!("{} reset the stream", capitalized(the(side))),
    };
    let status =
        exchange.http_status.map_or_else(|| "an HTTP error".to_owned(), |status| format!("HTTP {status}"));
    if let Some(text) = by_frame(exchange, flags) {
        return text;
    }
    match cause {
        Cause::ClientClosed => closed(Side::Client),
        Cause::ServerClosed => closed(Side::Server),
        Cause::ClientReset => reset(Side::Client),
        Cause::ServerReset => reset(Side::Server),
        Cause::Cancelled => {
            format!("{} cancelled it (notifications/cancelled)", capitalized(the(exchange.origin)))
        }
        Cause::HttpError => format!("It was refused with {status}"),
        Cause::NoStream => {
            format!("The server accepted it ({status}) and had no stream to send the answer on")
        }
        Cause::NoResponse if matches!(exchange.http_status, Some(301 | 302 | 303 | 307 | 308)) => {
            format!("It was redirected ({status}), and not sent again in its session: the redirect came")
        }
        Cause::NoResponse => format!("The HTTP response ({status}) is complete and holds no answer"),
        Cause::Deleted => "The client deleted the session (HTTP DELETE)".to_owned(),
        Cause::CaptureEnd => "The capture ended".to_owned(),
    }
}

/// Says that an answer came when nobody waited for it any more.
fn late_answer(exchange: &Exchange) -> Option<Sentence> {
    let (response, (on, _)) = (exchange.response?, exchange.answered_on?);
    let what = if exchange.error.is_some() { "an error" } else { "its result" };
    let after = exchange
        .wait_ended
        .map(|end| format!(" {} later", precise(response.span.end.time.since(end.time))))
        .unwrap_or_default();
    let text = format!("The answer, {what}, came{after}, when nobody waited for it any more");
    let evidence = Evidence::none().range(on, response.span.first, response.span.last);
    Some(Sentence::new(Topic::Outcome, Certainty::Proven, text, evidence))
}

/// Says which frame of HTTP/2 ended the stream; `None` if none did.
fn by_frame(exchange: &Exchange, flags: Option<(bool, bool)>) -> Option<String> {
    let frame = exchange.http2_facts().closed_by?;
    let by = capitalized(the(frame.by));
    let stream = exchange.protocols.http2_stream.map(|stream| format!(" {stream}")).unwrap_or_default();
    let Some(last) = frame.last_stream else {
        return Some(format!("{by} reset HTTP/2 stream{stream} ({frame})"));
    };
    let is_refused = exchange.protocols.http2_stream.is_some_and(|stream| stream > last);
    let connection = match flags {
        Some((true, _)) => ", then closed the connection (FIN)",
        Some((_, true)) => ", then reset the connection (RST)",
        _ => "",
    };
    Some(if is_refused && frame.by == Side::Server {
        format!("{by} refused HTTP/2 stream{stream} ({frame}): it can be sent again on another connection")
    } else {
        format!("{by} announced the end of the HTTP/2 connection ({frame}){connection}")
    })
}

/// Says what both legs of a proxy show: neither end did it.
pub(super) fn proxy_findings(exchange: &Exchange) -> Option<Sentence> {
    let has = |code: Code| exchange.findings.contains(&code);
    let text = if has(Code::McpProxyClosed) {
        "Neither client nor server closed first: both legs of a proxy were captured, and the proxy ended both"
    } else if has(Code::McpProxyAnswered) {
        "The proxy between client and server made that answer: the server did not send it"
    } else if has(Code::McpNotForwarded) {
        "The proxy did not pass the request on: it is not on the other leg"
    } else {
        return None;
    };
    let request = exchange.request.span;
    let evidence = Evidence::none().range(exchange.tcp_stream, request.first, request.last);
    Some(Sentence::new(Topic::Ended, Certainty::Proven, text, evidence))
}

/// Says that the other side never acknowledged the request: it may not have got it.
fn lost_request(exchange: &Exchange, end: &WaitEnd<'_>, trace: &Trace) -> Option<Sentence> {
    let tcp_stream = trace.tcp_stream().filter(|it| *it == exchange.tcp_stream)?;
    let (from, to) = (exchange.origin, exchange.origin.other());
    let lost = trace.unacknowledged(from, exchange.request.span.last, end.at.packet)?;
    let came_back = end.segment.is_some_and(|it| it.rst && trace.side(it.from) == to);
    let rest = if came_back { "" } else { ": it did not get it, or nothing comes back from there" };
    let text = format!(
        "{} sent the end of the request {} times within {}, and {} acknowledged none of them{rest}",
        capitalized(the(from)),
        lost.count,
        precise(lost.last.time.since(lost.first.time)),
        the(to),
    );
    let evidence =
        Evidence::none().packet(tcp_stream, lost.first.packet).packet(tcp_stream, lost.last.packet);
    Some(Sentence::new(Topic::Ended, Certainty::Proven, text, evidence))
}

/// Says how long the connection had been silent, in both directions.
fn last_bytes(end: &WaitEnd<'_>) -> Option<Sentence> {
    let trace = end.trace?;
    let tcp_stream = trace.tcp_stream()?;
    if end.idle.is_some() {
        return None;
    }
    if trace.has_holes() {
        let text = "How long it had been silent cannot be told: packets of the connection are missing";
        let evidence = Evidence::none().packet(tcp_stream, end.at.packet);
        return Some(Sentence::new(Topic::Ended, Certainty::Unknown, text, evidence));
    }
    let mut evidence = Evidence::none().packet(tcp_stream, end.at.packet);
    let mut parts = Vec::new();
    for (side, last) in Side::BOTH.into_iter().zip(end.last) {
        if let Some(last) = last {
            evidence = evidence.packet(tcp_stream, last.origin.packet);
            let ago = precise(end.at.time.since(last.origin.time));
            parts.push((end.at.time.since(last.origin.time), format!("{}'s {ago}", the(side))));
        }
    }
    parts.sort_by_key(|(ago, _)| *ago);
    let parts: Vec<_> = parts.into_iter().map(|(_, part)| part).collect();
    let text = match parts.as_slice() {
        [] => return None,
        [one] => format!("The last byte on that connection before it: {one} earlier"),
        parts => format!("The last bytes on that connection before it: {} earlier", parts.join(", ")),
    };
    Some(Sentence::new(Topic::Ended, Certainty::Proven, text, evidence))
}

/// Says that the request met a connection that the server was closing.
fn idle_sentence(exchange: &Exchange, end: &WaitEnd<'_>, idle: Idle<'_>) -> Sentence {
    let tcp_stream = exchange.tcp_stream;
    let evidence = Evidence::none()
        .packet(tcp_stream, idle.since.origin.packet)
        .packet(tcp_stream, exchange.request.span.first)
        .packet(tcp_stream, end.at.packet);
    let (certainty, text, evidence) = match idle.fin {
        Some(fin) => {
            let text = format!(
                "The request met a connection that the server was closing: idle for {}, then the server's FIN",
                precise(idle.ns)
            );
            (Certainty::Proven, text, evidence.packet(tcp_stream, fin.origin.packet))
        }
        None => {
            let text = format!(
                "The request was sent on a connection that had been idle for {}: the server, or something \
                 between, no longer knew it",
                precise(idle.ns)
            );
            (Certainty::Likely, text, evidence)
        }
    };
    Sentence::new(Topic::Ended, certainty, text, evidence)
}

/// Tells whether something between client and server sent the packet that ended the connection.
///
/// The hop limit is that of the sender's system less the hops on the way: packets of one sender
/// have one. Windows are not compared: a system's own resets have any.
pub(super) fn between(trace: &Trace, end: &TracedSegment) -> Option<Sentence> {
    if !(end.fin || end.rst) {
        return None;
    }
    both_reset(trace, end).or_else(|| hop_limit(trace, end)).or_else(|| too_soon(trace, end))
}

fn flag(end: &TracedSegment) -> &'static str {
    if end.rst { "RST" } else { "FIN" }
}

fn hop_limit(trace: &Trace, end: &TracedSegment) -> Option<Sentence> {
    let side = trace.side(end.from);
    let others: Vec<&TracedSegment> =
        trace.sent_by(side).filter(|it| it.origin.packet != end.origin.packet && !it.rst).collect();
    let limits: BTreeSet<u8> = others.iter().map(|it| it.hop_limit).collect();
    let (Some(limit), 1) = (limits.first().copied(), limits.len()) else { return None };
    if others.len() < MIN_PACKETS || limit == end.hop_limit {
        return None;
    }
    let tcp_stream = trace.tcp_stream()?;
    let last = others.last()?.origin.packet;
    let text = format!(
        "Something between client and server sent that {}: its hop limit is {}, that of {}'s {} other packets {limit}",
        flag(end),
        end.hop_limit,
        the(side),
        others.len()
    );
    let evidence = Evidence::none().packet(tcp_stream, end.origin.packet).packet(tcp_stream, last);
    Some(Sentence::new(Topic::Ended, Certainty::Likely, text, evidence))
}

/// A reset is never answered by a reset (RFC 9293 section 3.5.2): two, one in the name of each
/// side, come from one place.
fn both_reset(trace: &Trace, end: &TracedSegment) -> Option<Sentence> {
    if !end.rst {
        return None;
    }
    let is_other = |it: &&TracedSegment| {
        it.rst && it.from != end.from && it.origin.time.since(end.origin.time).saturating_abs() <= TOGETHER
    };
    let other = trace.segments().iter().find(is_other)?;
    let (from, to) = if other.origin.packet < end.origin.packet { (other, end) } else { (end, other) };
    // A side whose packet is refused may reset its own socket at once: then a packet provoked it.
    let is_provoked = |it: &TracedSegment| {
        let sent = trace.segments().iter().rev().find(|earlier| {
            earlier.from != it.from && !earlier.rst && earlier.origin.packet < it.origin.packet
        });
        sent.is_some_and(|sent| it.origin.time.since(sent.origin.time) <= TOGETHER)
    };
    if is_provoked(from) {
        return None;
    }
    let tcp_stream = trace.tcp_stream()?;
    let text = "Something between client and server reset it: both got a reset in the name of the other, \
                and neither had sent anything to provoke one";
    let evidence =
        Evidence::none().packet(tcp_stream, from.origin.packet).packet(tcp_stream, to.origin.packet);
    Some(Sentence::new(Topic::Ended, Certainty::Likely, text, evidence))
}

/// A reset that answers a packet sooner than any packet came back from that side.
fn too_soon(trace: &Trace, end: &TracedSegment) -> Option<Sentence> {
    if !end.rst {
        return None;
    }
    let side = trace.side(end.from);
    let round_trip = trace.round_trip(side)?;
    if round_trip.ns < MIN_ROUND_TRIP || round_trip.count < MIN_ROUND_TRIPS {
        return None;
    }
    let mut before = trace
        .segments()
        .iter()
        .rev()
        .filter(|it| it.from != end.from && it.origin.packet < end.origin.packet);
    let provoked = before.next().filter(|it| it.len > 0)?;
    let delay = end.origin.time.since(provoked.origin.time);
    // What was sent before it could have provoked the reset, too.
    let is_alone = before
        .next()
        .is_none_or(|it| end.origin.time.since(it.origin.time) > round_trip.ns.saturating_mul(2));
    if !is_alone || delay < 0 || delay.saturating_mul(2) > round_trip.ns {
        return None;
    }
    let tcp_stream = trace.tcp_stream()?;
    let text = format!(
        "Something between, nearer than {}, sent that RST: it came {} after the packet that it answers, and no \
         round trip to {} took less than {}",
        the(side),
        units::duration(delay),
        the(side),
        units::duration(round_trip.ns)
    );
    let evidence = Evidence::none()
        .packet(tcp_stream, provoked.origin.packet)
        .packet(tcp_stream, end.origin.packet)
        .packet(tcp_stream, round_trip.sent)
        .packet(tcp_stream, round_trip.back);
    Some(Sentence::new(Topic::Ended, Certainty::Likely, text, evidence))
}

/// Returns how something ended, as one word for a comparison: `closed`, `reset`, `cancelled`.
pub(super) fn verb(how: How) -> String {
    match how {
        How::Closed => "closed".to_owned(),
        How::ResetInAnswer => "reset".to_owned(),
        How::Cancelled => "cancelled".to_owned(),
        How::Status(status) => format!("answered with HTTP {status}"),
    }
}

/// Returns the packets between which a limit ran: of the last byte, and of the end.
pub(super) fn end_packets(end: &WaitEnd<'_>) -> Evidence {
    let tcp_stream = end.trace.and_then(Trace::tcp_stream);
    let packets = match end.idle {
        Some(idle) => [Some(idle.since), idle.fin.or(end.segment)].map(|it| it.map(|it| it.origin.packet)),
        None => [end.last_byte(), Some(end.at.packet)],
    };
    let packets: Vec<PacketNo> = packets.into_iter().flatten().collect();
    tcp_stream.map_or_else(Evidence::none, |tcp_stream| {
        packets.iter().fold(Evidence::none(), |evidence, packet| evidence.packet(tcp_stream, *packet))
    })
}
