//! Where the time went: client, network, server, its queue, the human.

use super::repeated::{self, Repeated};
use super::story::{Certainty, Evidence, Sentence, Topic};
use super::survey::{Call, SentMessage, Survey};
use super::trace::{self, Stall, Trace};
use super::traces::Traces;
use super::words::{capitalized, precise, the};
use crate::base::http2::WindowWait;
use crate::base::{Degraded, Side, Timestamp, units};
use crate::ledger::Exchange;

/// Parts of the time that are told, at most: the largest.
const MAX_PARTS: usize = 6;

/// Times below this, in nanoseconds, are told of no call.
const SMALL: i64 = 1_000_000;

/// Later calls of the same kind that a first one is compared with, at least.
const MIN_LATER: usize = 5;

/// How many times longer than the others a first call takes that is a cold start.
const COLD: i64 = 3;

/// How much longer than the others it takes then, at least, in nanoseconds.
const MIN_COLD: i64 = 50_000_000;

/// Calls in front of this one from which a queue is told.
const MIN_QUEUE: usize = 2;

/// How soon after another answer one begins that waited behind it, in nanoseconds.
const BEHIND: i64 = 1_000_000;

/// A part of the time, with the sentence that tells it.
struct Part {
    ns: i64,
    sentence: Sentence,
}

/// Returns the sentences on where the time of an exchange went, the largest part first.
pub(super) fn sentences(exchange: &Exchange, survey: &Survey, traces: &Traces) -> Vec<Sentence> {
    if exchange.degraded.contains(Degraded::TIME_BACK) {
        let text = "Where the time went cannot be told: packet times go back meanwhile";
        return vec![Sentence::new(Topic::Time, Certainty::Unknown, text, Evidence::none())];
    }
    let (Some(until), from) = (exchange.waited_until(), exchange.request.span.start) else {
        return Vec::new();
    };
    let until = exchange.response.map_or(until, |response| response.span.end);
    let whole = until.time.since(from.time);
    let asked_on = traces.get(exchange.tcp_stream);
    let answered_on = exchange.answered_on.and_then(|(tcp_stream, _)| traces.get(tcp_stream));
    let mut parts = Vec::new();
    parts.extend(asked_on.and_then(|trace| set_up(exchange, trace)));
    let window = (from.time, until.time);
    let mut network = 0;
    for trace in both(asked_on, answered_on) {
        parts.extend(stalls(trace, window));
        if let Some(response) = exchange.response {
            let wait = (exchange.request.span.end.time, response.span.start.time);
            network += trace::total(&trace.loss_stalls(wait.0, wait.1));
        }
    }
    let round_trip = asked_on.and_then(|trace| trace.round_trip(server_of(exchange)));
    if let Some(round_trip) = round_trip {
        network += round_trip.ns;
        if round_trip.ns >= SMALL {
            let text = format!(
                "The network: a round trip from the place of the capture to {} and back takes {}",
                the(server_of(exchange)),
                units::duration(round_trip.ns)
            );
            let evidence = Evidence::none()
                .packet(exchange.tcp_stream, round_trip.sent)
                .packet(exchange.tcp_stream, round_trip.back);
            parts.push(Part { ns: round_trip.ns, sentence: time(Certainty::Proven, text, evidence) });
        }
    }
    parts.extend(messages(exchange));
    parts.extend(windows(exchange));
    parts.extend(human(exchange));
    parts.extend(proxy(exchange));
    let queue = queue(exchange, survey);
    let behind = head_of_line(exchange, survey);
    let queued = [&queue, &behind].into_iter().flatten().map(|part| part.ns).max().unwrap_or(0);
    parts.extend(queue.into_iter().chain(behind));
    parts.extend(cold_start(exchange, survey));
    let again = repeated::request(exchange, traces);
    parts.extend(again.map(|again| Part { ns: again.after_ns, sentence: again.sentence() }));
    parts.extend(match again {
        Some(again) => server_since(exchange, &again),
        None if repeated::is_repeated(exchange) => None,
        None => server(exchange, (network, queued, round_trip.is_some())),
    });
    parts.retain(|part| part.ns >= SMALL && part.ns.saturating_mul(100) >= whole);
    parts.sort_by_key(|part| std::cmp::Reverse(part.ns));
    parts.truncate(MAX_PARTS);
    parts.into_iter().map(|part| part.sentence).collect()
}

fn time(certainty: Certainty, text: String, evidence: Evidence) -> Sentence {
    Sentence::new(Topic::Time, certainty, text, evidence)
}

/// The side that answers the exchange.
fn server_of(exchange: &Exchange) -> Side {
    exchange.origin.other()
}

/// The connections of an exchange, each once.
fn both<'a>(asked: Option<&'a Trace>, answered: Option<&'a Trace>) -> impl Iterator<Item = &'a Trace> {
    let answered = answered.filter(|it| it.tcp_stream() != asked.and_then(Trace::tcp_stream));
    asked.into_iter().chain(answered)
}

/// Opening the connection, for the call that it was opened for.
fn set_up(exchange: &Exchange, trace: &Trace) -> Option<Part> {
    // What a server asks came on a connection that was opened for something else.
    let is_first = exchange.transaction == 0 && exchange.origin == Side::Client;
    let handshake = trace.handshake().filter(|_| is_first)?;
    let request = exchange.request.span.start;
    let ns = request.time.since(handshake.syn.time);
    let tcp = handshake.ack.time.since(handshake.syn.time);
    let is_tls = trace.fact().is_some_and(|fact| fact.tls.is_some());
    let rest = if is_tls { "TLS and the client" } else { "the client" };
    let text = format!(
        "Before the request, opening its connection took {}: {} for TCP, {} for {rest}",
        units::duration(ns),
        units::duration(tcp),
        units::duration(ns.saturating_sub(tcp)),
    );
    let evidence =
        Evidence::none().range(exchange.tcp_stream, handshake.syn.packet, exchange.request.span.first);
    Some(Part { ns, sentence: time(Certainty::Proven, text, evidence) })
}

/// What the network, or an end that did not read, held up on a connection.
fn stalls(trace: &Trace, (from, to): (Timestamp, Timestamp)) -> Vec<Part> {
    let Some(tcp_stream) = trace.tcp_stream() else { return Vec::new() };
    let mut parts = Vec::new();
    let evidence = |stalls: &[Stall]| {
        stalls.iter().fold(Evidence::none(), |evidence, stall| {
            evidence.packet(tcp_stream, stall.from.packet).packet(tcp_stream, stall.to.packet)
        })
    };
    let lost = trace.loss_stalls(from, to);
    if !lost.is_empty() {
        let ns = trace::total(&lost);
        let text = format!(
            "Lost packets cost {}: until they were sent again, {}",
            units::duration(ns),
            units::several(lost.len() as u64, "wait")
        );
        parts.push(Part { ns, sentence: time(Certainty::Proven, text, evidence(&lost)) });
    }
    for side in Side::BOTH {
        let closed = trace.closed_windows(side, from, to);
        if !closed.is_empty() {
            let ns = trace::total(&closed);
            let text = format!(
                "{} took no bytes for {} (TCP window of 0): it did not read what it was sent",
                capitalized(the(side)),
                units::duration(ns)
            );
            parts.push(Part { ns, sentence: time(Certainty::Proven, text, evidence(&closed)) });
        }
        let delayed = trace.delayed_acks(side, from, to);
        if !delayed.is_empty() {
            let ns = trace::total(&delayed);
            let text = format!(
                "{} kept the rest of a message for {} until its beginning was acknowledged, which {} delayed: \
                 Nagle's algorithm meets delayed ACKs; TCP_NODELAY avoids it",
                capitalized(the(side)),
                units::duration(ns),
                the(side.other())
            );
            parts.push(Part { ns, sentence: time(Certainty::Likely, text, evidence(&delayed)) });
        }
    }
    parts
}

/// Sending the request and receiving the response.
fn messages(exchange: &Exchange) -> Vec<Part> {
    let mut parts = Vec::new();
    let sent = exchange.request.span;
    let text = format!(
        "The request took {} from its first byte to its last ({})",
        units::duration(exchange.send_ns()),
        units::bytes(exchange.request.bytes)
    );
    let evidence = Evidence::none().range(exchange.tcp_stream, sent.first, sent.last);
    parts.push(Part { ns: exchange.send_ns(), sentence: time(Certainty::Proven, text, evidence) });
    if let (Some(response), Some(ns)) = (exchange.response, exchange.receive_ns()) {
        let on = exchange.answered_on.map_or(exchange.tcp_stream, |(tcp_stream, _)| tcp_stream);
        let text = format!(
            "The answer took {} from its first byte to its last ({})",
            units::duration(ns),
            units::bytes(response.bytes)
        );
        let evidence = Evidence::none().range(on, response.span.first, response.span.last);
        parts.push(Part { ns, sentence: time(Certainty::Proven, text, evidence) });
    }
    parts
}

/// What an end held up that did not let more content of HTTP/2 come (RFC 9113 section 5.2).
fn windows(exchange: &Exchange) -> Vec<Part> {
    let facts = exchange.http2_facts();
    let sender = exchange.origin;
    let request = facts.request_wait.map(|wait| (wait, "request", sender.other(), exchange.tcp_stream));
    let on = exchange.answered_on.map_or(exchange.tcp_stream, |(tcp_stream, _)| tcp_stream);
    let response = facts.response_wait.map(|wait| (wait, "answer", sender, on));
    let part = |(wait, what, by, tcp_stream): (WindowWait, &str, Side, u32)| {
        let text = format!(
            "{} kept the HTTP/2 window of the {what} closed for {}: it had not read, or not released, what came",
            capitalized(the(by)),
            units::duration(wait.ns)
        );
        let evidence =
            Evidence::none().packet(tcp_stream, wait.from.packet).packet(tcp_stream, wait.to.packet);
        Part { ns: wait.ns, sentence: time(Certainty::Proven, text, evidence) }
    };
    [request, response].into_iter().flatten().map(part).collect()
}

/// The time of the client or its user, inside the call and before it.
fn human(exchange: &Exchange) -> Vec<Part> {
    let request = exchange.request.span;
    let evidence = || match exchange.response {
        Some(response) if exchange.answered_on.is_some_and(|(on, _)| on == exchange.tcp_stream) => {
            Evidence::none().range(exchange.tcp_stream, request.first, response.span.last)
        }
        _ => Evidence::none().range(exchange.tcp_stream, request.first, request.last),
    };
    let mut parts = Vec::new();
    if exchange.asked.requests > 0 {
        let (ns, requests) = (exchange.asked.client_ns, u64::from(exchange.asked.requests));
        let (took, requests) = (units::duration(ns), units::several(requests, "request"));
        // Without an answer of its own, the call may have ended before its questions were answered.
        let text = if exchange.response.is_some() {
            format!(
                "The client, its model or its user took {took} to answer {requests} of the server inside the call"
            )
        } else {
            format!(
                "{requests} of the server inside the call waited {took} for the client, its model or its user"
            )
        };
        parts.push(Part { ns, sentence: time(Certainty::Proven, text, evidence()) });
    }
    if let (Some(ns), Some(continues)) = (exchange.input_ns, exchange.continues) {
        let text = format!(
            "Before it, the client, its model or its user took {} to give the input that exchange {continues} asked for",
            units::duration(ns)
        );
        parts.push(Part { ns, sentence: time(Certainty::Proven, text, evidence()) });
    }
    parts
}

/// Calls that the same server answered first, one after the other, while this one waited.
fn queue(exchange: &Exchange, survey: &Survey) -> Option<Part> {
    let this = Call::of(exchange);
    let [_, sent] = this.request;
    let [answered, _] = this.response?;
    let is_in_front = |call: &&Call| {
        let [_, asked] = call.request;
        call.n != this.n
            && call.server == this.server
            && call.origin == this.origin
            && (asked.time, asked.packet) < (sent.time, sent.packet)
            && call.client_ns == 0
            && call.response.is_some_and(|[first, _]| first.time > sent.time && first.time <= answered.time)
    };
    let mut in_front: Vec<&Call> = survey.calls.iter().filter(is_in_front).collect();
    in_front.sort_by_key(|call| call.response.map(|[_, last]| (last.time, last.packet)));
    let last = in_front.last()?;
    let ns = last.response?[1].time.since(sent.time);
    // Alone they take a turn each: what is left after the last turn is this one's own.
    let turn = answered.time.since(last.response?[1].time);
    if in_front.len() < MIN_QUEUE || turn <= 0 || !takes_turns(&in_front, turn) {
        return None;
    }
    let text = format!(
        "It waited {} for {} in front of it at the same server, which answered one after the other, {} apart",
        units::duration(ns),
        units::several(in_front.len() as u64, "call"),
        units::duration(turn)
    );
    let evidence = in_front.iter().take(8).fold(Evidence::none(), |evidence, call| {
        call.response.map_or(evidence.clone(), |[_, last]| evidence.packet(call.tcp_stream, last.packet))
    });
    Some(Part { ns, sentence: time(Certainty::Likely, text, evidence) })
}

/// What was sent on the same event stream while this one waited, up to its first byte: a stream
/// carries one event after the other.
fn head_of_line(exchange: &Exchange, survey: &Survey) -> Option<Part> {
    let this = Call::of(exchange);
    let [_, sent] = this.request;
    let [answered, _] = this.response?;
    // All that comes on the stream of its own POST belongs to it.
    let on = this.answered_on.filter(|on| *on != (exchange.tcp_stream, exchange.transaction))?;
    let is_before = |it: &&SentMessage| {
        it.on == on
            && it.answers != Some(this.n)
            && it.within != Some(this.n)
            && it.last.time > sent.time
            && it.first.packet < answered.packet
            && it.last.packet <= answered.packet
    };
    let mut before: Vec<&SentMessage> = survey.sent.iter().filter(is_before).collect();
    before.sort_by_key(|it| std::cmp::Reverse((it.last.time, it.last.packet)));
    let mut until = answered.time;
    let (mut behind, mut ns) = (Vec::new(), 0);
    for message in before {
        if until.since(message.last.time) > BEHIND {
            break;
        }
        behind.push(message);
        let from = message.first.time.max(sent.time);
        ns += message.last.time.since(from);
        until = from;
    }
    let first = behind.last()?;
    let what = match first.answers {
        Some(n) if behind.len() == 1 => format!("the answer of exchange {n}"),
        _ => units::several(behind.len() as u64, "other message"),
    };
    let text = format!(
        "It waited {} behind {what} on the same event stream, which carries one event after the other",
        units::duration(ns),
    );
    let evidence = behind
        .iter()
        .take(8)
        .fold(Evidence::none(), |evidence, it| evidence.range(on.0, it.first.packet, it.last.packet));
    // The server may have worked on this one meanwhile.
    Some(Part { ns, sentence: time(Certainty::Likely, text, evidence) })
}

/// Whether calls were answered at equal distances, each about as long as `turn`.
fn takes_turns(calls: &[&Call], turn: i64) -> bool {
    let ends: Vec<Timestamp> =
        calls.iter().filter_map(|call| call.response.map(|[_, last]| last.time)).collect();
    let is_turn = |pair: &[Timestamp]| match pair {
        [a, b] => {
            let ns = b.since(*a);
            ns.saturating_mul(2) >= turn && ns <= turn.saturating_mul(2)
        }
        _ => false,
    };
    ends.windows(2).all(is_turn)
}

/// The first call of its kind at a server, if it took much longer than the later ones.
fn cold_start(exchange: &Exchange, survey: &Survey) -> Option<Part> {
    let this = Call::of(exchange);
    let service = this.service_ns()?;
    let alike: Vec<&Call> = survey
        .calls
        .iter()
        .filter(|call| call.server == this.server && call.is_alike(&this) && call.status.is_answered())
        .collect();
    if alike.iter().any(|call| call.request[0].packet < this.request[0].packet) {
        return None;
    }
    let mut later: Vec<i64> =
        alike.iter().filter(|call| call.n != this.n).filter_map(|call| call.service_ns()).collect();
    later.sort_unstable();
    let median = later.get(later.len() / 2).copied().filter(|_| later.len() >= MIN_LATER)?;
    let longest = later.last().copied()?;
    let more = service.saturating_sub(median);
    if service < median.saturating_mul(COLD) || more < MIN_COLD || service <= longest {
        return None;
    }
    let text = format!(
        "A cold start: the first call of its kind at this server took {}, the median of the {} later ones is {}",
        units::duration(service),
        later.len(),
        units::duration(median)
    );
    let span = exchange.request.span;
    let evidence = Evidence::none().range(exchange.tcp_stream, span.first, span.last);
    Some(Part { ns: more, sentence: time(Certainty::Likely, text, evidence) })
}

/// What a proxy took, if both of its legs were captured.
fn proxy(exchange: &Exchange) -> Option<Part> {
    let (ns, whole) = (exchange.twins.proxy_ns?, exchange.known_total_ns()?);
    let (other, place) = match (exchange.twins.behind, exchange.twins.in_front) {
        (Some(behind), _) => (behind, "behind"),
        (None, Some(front)) => (front, "in front of"),
        (None, None) => return None,
    };
    let text = format!(
        "The proxy took {} of it: {place} the proxy the same call, exchange {other}, took {}",
        precise(ns),
        precise(whole.saturating_sub(ns))
    );
    let (request, response) = (exchange.request.span, exchange.response?);
    let on = exchange.answered_on.map_or(exchange.tcp_stream, |(on, _)| on);
    let evidence = Evidence::none().range(exchange.tcp_stream, request.first, request.last).range(
        on,
        response.span.first,
        response.span.last,
    );
    Some(Part { ns, sentence: time(Certainty::Proven, text, evidence) })
}

/// The time of the server since the request was sent again.
fn server_since(exchange: &Exchange, again: &Repeated<'_>) -> Option<Part> {
    let response = exchange.response?;
    let ns = response.span.start.time.since(again.sent.first.time).saturating_sub(exchange.asked.client_ns);
    let text = format!(
        "After the request was sent again, the server, or what is behind it, took {}, network and sending included",
        precise(ns)
    );
    let evidence = Evidence::none()
        .packet(again.tcp_stream, again.sent.last)
        .packet(again.tcp_stream, response.span.first);
    Some(Part { ns, sentence: time(Certainty::Likely, text, evidence) })
}

/// What is left of the wait: the server's, or what is behind it.
fn server(exchange: &Exchange, (network, queued, is_measured): (i64, i64, bool)) -> Option<Part> {
    let (wait, response) = (exchange.server_ns()?, exchange.response?);
    let window = exchange.http2_facts().response_wait.map_or(0, |wait| wait.ns);
    // Of a stream, content before the answer may have waited.
    let before = window.saturating_sub(exchange.receive_ns().unwrap_or(0)).max(0);
    // Behind a proxy a call takes no longer than it was seen to take there.
    let behind = exchange.twins.proxy_ns.filter(|_| exchange.twins.behind.is_some());
    let most = behind.and_then(|ns| Some(exchange.known_total_ns()?.saturating_sub(ns))).unwrap_or(wait);
    let ns = wait.saturating_sub(network).saturating_sub(queued).saturating_sub(before).min(most);
    if ns <= 0 {
        return None;
    }
    let whole = exchange.elapsed_ns().unwrap_or(wait).max(1);
    let share = units::share(ns.unsigned_abs(), whole.unsigned_abs().max(ns.unsigned_abs()));
    let (certainty, network) = if exchange.retransmissions > 0 {
        // The first copy of an answer may have been lost before the place of the capture: then the
        // wait for the second one looks like the server's.
        (Certainty::Likely, ", lost packets perhaps included")
    } else if is_measured {
        (Certainty::Proven, "")
    } else {
        (Certainty::Likely, ", network included: no round trip was captured")
    };
    let text = format!("The server, or what is behind it, took {} ({share} of it{network})", precise(ns));
    let request = exchange.request.span;
    let evidence = Evidence::none().packet(exchange.tcp_stream, request.last);
    let on = exchange.answered_on.map_or(exchange.tcp_stream, |(on, _)| on);
    let evidence = evidence.packet(on, response.span.first);
    Some(Part { ns, sentence: time(certainty, text, evidence) })
}
