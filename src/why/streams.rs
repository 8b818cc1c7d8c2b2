//! How event streams did: keep-alives, buffering, what followed their end.

use super::story::{Certainty, Evidence, Sentence, Topic};
use super::survey::Survey;
use super::trace::Trace;
use super::traces::Traces;
use super::words::{capitalized, precise, the};
use crate::base::{Code, Finding, ResponseEnd, Side, sanitize};
use crate::ledger::{Exchange, Stream};

/// Silence, in nanoseconds, from which it is told that nothing kept a stream alive: common
/// keep-alives come every 15 to 30 seconds.
const SILENT: i64 = 15_000_000_000;

/// Equal distances that show a keep-alive.
const MIN_BEATS: usize = 3;

/// Shortest distance that is one, in nanoseconds: sooner it is content.
const MIN_BEAT: i64 = 1_000_000_000;

/// Columns of a finding's detail.
const MAX_DETAIL: usize = 160;

/// The findings that are about how a stream did.
pub(super) const CODES: [Code; 5] =
    [Code::McpBuffered, Code::McpBunched, Code::McpWrongReplay, Code::McpStreamRefused, Code::McpNoStream];

/// Returns the sentences on the streams that carried, or should have carried, an exchange.
pub(super) fn sentences(exchange: &Exchange, survey: &Survey, traces: &Traces) -> Vec<Sentence> {
    let mut sentences = Vec::new();
    if let Some(stream) = stream_of(exchange, survey) {
        let trace = traces.get(stream.tcp_stream);
        sentences.extend(trace.and_then(|trace| keep_alive(stream, trace)));
        sentences.extend(reopened(exchange, stream, (survey, traces)));
    }
    let of_exchange =
        |finding: &&Finding| finding.exchange == Some(exchange.n) && CODES.contains(&finding.code);
    sentences.extend(survey.findings.iter().filter(of_exchange).take(2).map(|it| finding(Topic::Stream, it)));
    sentences
}

/// Returns the stream whose end matters to an exchange: the one that its POST opened, else the one
/// that ended its wait.
fn stream_of<'a>(exchange: &Exchange, survey: &'a Survey) -> Option<&'a Stream> {
    let own = |stream: &&Stream| stream.exchange == Some(exchange.n);
    let ended_wait = |stream: &&Stream| {
        stream.end.is_some_and(|end| exchange.wait_ended.is_some_and(|wait| wait.packet == end.packet))
    };
    survey.streams.iter().find(own).or_else(|| survey.streams.iter().find(ended_wait))
}

/// Tells whether something kept a silent stream alive.
fn keep_alive(stream: &Stream, trace: &Trace) -> Option<Sentence> {
    let (from, end) = (stream.span.start, stream.end?);
    if trace.has_holes() || stream.degraded.any() {
        return None;
    }
    let is_within = |packet| stream.span.first <= packet && packet <= end.packet && packet >= from.packet;
    let sent: Vec<_> = trace
        .sent_by(Side::Server)
        .filter(|it| it.is_news() && is_within(it.origin.packet))
        .map(|it| it.origin)
        .collect();
    let last = *sent.last()?;
    let silence = end.time.since(last.time);
    let distances: Vec<i64> = sent
        .windows(2)
        .filter_map(|pair| match pair {
            [a, b] => Some(b.time.since(a.time)),
            _ => None,
        })
        .collect();
    let beats: Vec<i64> = distances.iter().copied().filter(|ns| *ns >= MIN_BEAT).collect();
    if let Some(beat) = beat(&beats) {
        let text = format!(
            "Something was sent on the stream every {}, {} times: a keep-alive; the last one {} before the end",
            precise(beat),
            beats.len(),
            precise(silence)
        );
        let evidence =
            Evidence::none().packet(stream.tcp_stream, last.packet).packet(stream.tcp_stream, end.packet);
        return Some(Sentence::new(Topic::Stream, Certainty::Proven, text, evidence));
    }
    let by = stream.ended.by();
    if silence < SILENT || by.is_none() {
        return None;
    }
    let text = format!(
        "Nothing kept the stream alive: not even a comment line came in its last {}",
        precise(silence)
    );
    let evidence =
        Evidence::none().packet(stream.tcp_stream, last.packet).packet(stream.tcp_stream, end.packet);
    Some(Sentence::new(Topic::Stream, Certainty::Proven, text, evidence))
}

/// Returns the distance that all have, within a fifth; `None` if they differ or are too few.
fn beat(distances: &[i64]) -> Option<i64> {
    let mut sorted = distances.to_vec();
    sorted.sort_unstable();
    let median = sorted.get(sorted.len() / 2).copied().filter(|_| sorted.len() >= MIN_BEATS)?;
    let is_equal = |ns: &i64| ns.saturating_sub(median).saturating_abs() <= median / 5;
    sorted.iter().all(is_equal).then_some(median)
}

/// Tells whether the client opened a stream again, and asked for what it had missed.
fn reopened(exchange: &Exchange, ended: &Stream, (survey, traces): (&Survey, &Traces)) -> Option<Sentence> {
    let end = ended.end?;
    if ended.ended == ResponseEnd::Complete && exchange.response.is_some() {
        return None;
    }
    let session = ended.session.as_ref()?.number;
    let is_next = |stream: &&&Stream| {
        stream.span.start.packet > end.packet
            && stream.exchange.is_none()
            && stream.method.as_deref() == Some("GET")
    };
    let streams = survey.streams_of(session);
    let next = streams.iter().find(is_next)?;
    let later = precise(next.span.start.time.since(end.time));
    let evidence =
        Evidence::none().packet(ended.tcp_stream, end.packet).packet(next.tcp_stream, next.span.first);
    let head = traces.get(next.tcp_stream).and_then(|trace| trace.head(next.transaction, Side::Client));
    let answered_there = exchange.answered_on == Some((next.tcp_stream, next.transaction));
    let text = match head.map(|head| head.field("last-event-id").is_some()) {
        Some(true) if answered_there => {
            format!(
                "The client opened a stream again {later} later with Last-Event-ID, and the answer came there"
            )
        }
        Some(true) if next.events == 0 && next.degraded.is_none() => format!(
            "The client opened a stream again {later} later, with Last-Event-ID, and the server repeated nothing there"
        ),
        Some(true) => format!("The client opened a stream again {later} later, with Last-Event-ID"),
        Some(false) => format!(
            "The client opened a stream again {later} later without Last-Event-ID: what was sent between is lost to it"
        ),
        None => format!("The client opened a stream again {later} later"),
    };
    Some(Sentence::new(Topic::Stream, Certainty::Proven, text, evidence))
}

/// Tells a finding as a sentence.
pub(super) fn finding(topic: Topic, finding: &Finding) -> Sentence {
    let detail = sanitize::clean(&finding.detail);
    let title = capitalized(finding.code.info().title);
    let text = format!("{title} ({}): {}", finding.code.name(), sanitize::fit(&detail, MAX_DETAIL));
    let evidence = match (finding.tcp_stream, finding.at) {
        (Some(tcp_stream), Some(at)) => Evidence::none().packet(tcp_stream, at.packet),
        _ => Evidence::none(),
    };
    Sentence::new(topic, Certainty::Proven, text, evidence).quoting()
}

/// Returns how a stream ended, in words.
pub(super) fn ended(stream: &Stream) -> String {
    match stream.ended {
        ResponseEnd::ClosedBy(side) => format!("{} closed it", the(side)),
        ResponseEnd::ResetBy(side) => format!("{} reset it", the(side)),
        ResponseEnd::Complete => "the server completed it".to_owned(),
        ResponseEnd::Open => "it was open when the capture ended".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_distances_are_a_beat() {
        const S: i64 = 1_000_000_000;
        assert_eq!(beat(&[15 * S, 15 * S + 9, 14 * S]), Some(15 * S));
        assert_eq!(beat(&[15 * S, 15 * S]), None, "too few");
        assert_eq!(beat(&[15 * S, 2 * S, 40 * S, 15 * S]), None);
        assert_eq!(beat(&[]), None);
    }
}
