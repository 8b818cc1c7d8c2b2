//! How event streams did: keep-alives, buffering, what followed their end.

use super::story::{Certainty, Evidence, MOST_ALIKE, Sentence, Topic};
use super::survey::Survey;
use super::trace::{Trace, TracedSegment};
use super::traces::Traces;
use super::words::{precise, the};
use crate::base::{Code, Finding, Origin, ResponseEnd, Side};
use crate::ledger::{Exchange, Speaks, Stream};

/// Silence, in nanoseconds, from which it is told that nothing kept a stream alive: common
/// keep-alives come every 15 to 30 seconds.
const SILENT: i64 = 15_000_000_000;

/// Equal distances that show a keep-alive.
const MIN_BEATS: usize = 3;

/// Shortest distance that is one, in nanoseconds: sooner it is content.
const MIN_BEAT: i64 = 1_000_000_000;

/// Pause between two segments, in nanoseconds, that ends a portion of a stream: segments of one
/// write follow each other sooner.
const PORTION_PAUSE: i64 = 100_000_000;

/// Portions of one size, in a row, that show a buffer.
const MIN_PORTIONS: usize = 3;

/// Sizes that buffers of programs have, in bytes: powers of two between these.
const BUFFERS: std::ops::RangeInclusive<u64> = 1024..=1 << 20;

/// The findings that are about how a stream did.
pub(super) const CODES: [Code; 5] =
    [Code::McpBuffered, Code::McpBunched, Code::McpWrongReplay, Code::McpStreamRefused, Code::McpNoStream];

/// Returns the sentences on the streams that carried, or should have carried, an exchange.
pub(super) fn sentences(exchange: &Exchange, survey: &Survey, traces: &Traces) -> Vec<Sentence> {
    let mut sentences = Vec::new();
    if let Some(stream) = stream_of(exchange, survey) {
        let trace = traces.get(stream.tcp_stream);
        let how = |trace| portions(stream, trace).or_else(|| keep_alive(stream, trace));
        sentences.extend(trace.and_then(how));
        sentences.extend(reopened(exchange, stream, (survey, traces)));
    }
    let of_code = |code: &Code| {
        let is_it = |it: &&Finding| it.code == *code && it.exchange == Some(exchange.n);
        Sentence::of_findings(Topic::Stream, survey.findings.iter().filter(is_it))
    };
    sentences.extend(CODES.iter().filter_map(of_code).take(MOST_ALIKE));
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

/// Returns the segments with new bytes of a stream; `None` if some may be missing.
fn segments<'a>(
    stream: &Stream,
    trace: &'a Trace,
) -> Option<impl Iterator<Item = &'a TracedSegment> + use<'a>> {
    let (from, end) = (stream.span.start.packet.max(stream.span.first), stream.end.map(|end| end.packet));
    let is_within = move |packet| from <= packet && end.is_none_or(|end| packet <= end);
    let sent = trace.sent_by(Side::Server).filter(move |it| it.is_news() && is_within(it.origin.packet));
    (!trace.has_holes() && stream.degraded.is_none()).then_some(sent)
}

/// Bytes of a stream that came without a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Portion {
    first: Origin,
    last: Origin,
    len: u64,
}

/// Tells whether a stream came in portions of the size of a buffer. Events have any length, so
/// whatever sent such portions waited until its buffer was full, and cut events in two.
fn portions(stream: &Stream, trace: &Trace) -> Option<Sentence> {
    // Records and frames have their own lengths, and how they divide a buffer is not known.
    let is_clear = trace.fact().is_some_and(|fact| fact.tls.is_none() && fact.speaks == Speaks::Http1);
    let segments = segments(stream, trace).filter(|_| is_clear)?;
    let mut portions: Vec<Portion> = Vec::new();
    for TracedSegment { origin, len, .. } in segments {
        match portions.last_mut() {
            Some(it) if origin.time.since(it.last.time) < PORTION_PAUSE => {
                (it.last, it.len) = (*origin, it.len + len);
            }
            _ => portions.push(Portion { first: *origin, last: *origin, len: *len }),
        }
    }
    let run = equal(&portions);
    let (first, last) = (run.first()?, run.last()?);
    let size = buffer_size(first.len).filter(|_| run.len() >= MIN_PORTIONS)?;
    let text = format!(
        "The stream came in {} portions of {size} bytes, {} apart on average: something between the \
         server's code and the place of the capture sends only when a buffer of that size is full: events wait",
        run.len(),
        precise(last.first.time.since(first.first.time) / i64::try_from(run.len() - 1).ok()?),
    );
    let evidence = Evidence::none()
        .packet(stream.tcp_stream, first.first.packet)
        .packet(stream.tcp_stream, last.last.packet);
    Some(Sentence::new(Topic::Stream, Certainty::Likely, text, evidence))
}

/// Returns the longest run of portions of one length.
fn equal(portions: &[Portion]) -> &[Portion] {
    portions.chunk_by(|a, b| a.len == b.len).max_by_key(|run| run.len()).unwrap_or_default()
}

/// Returns the size of the buffer that a portion of this many bytes fills, alone or as a chunk (RFC
/// 9112 section 7.1); `None` if no buffer has such a size.
fn buffer_size(len: u64) -> Option<u64> {
    let size = 1 << len.checked_ilog2()?;
    let chunked = format!("{size:x}\r\n\r\n").len() as u64 + size;
    (BUFFERS.contains(&size) && (len == size || len == chunked)).then_some(size)
}

/// Tells whether something kept a silent stream alive.
fn keep_alive(stream: &Stream, trace: &Trace) -> Option<Sentence> {
    let end = stream.end?;
    let sent: Vec<_> = segments(stream, trace)?.map(|it| it.origin).collect();
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

    #[test]
    fn a_portion_fills_a_buffer_alone_or_as_a_chunk() {
        assert_eq!(buffer_size(4096), Some(4096));
        // `1000`, twice a line end.
        assert_eq!(buffer_size(4104), Some(4096));
        assert_eq!(buffer_size(65_536 + 9), Some(65_536));
        for other in [0, 1, 1023, 512, 4095, 4097, 4103, 4105, 3 << 20, 4 << 20, u64::MAX] {
            assert_eq!(buffer_size(other), None, "{other}");
        }
    }
}
