//! Which limit was reached: the time at an end compared with known limits, and with other ends.

use super::ended::{end_packets, verb};
use super::limits::{Clock, Ending, How, Limit, Limits};
use super::story::{Certainty, Evidence, Sentence, Topic};
use super::survey::{Call, Survey};
use super::wait_end::WaitEnd;
use super::words::{list, precise, the};
use crate::base::{Degraded, PacketNo, ResponseEnd, Side};
use crate::ledger::{Cause, Exchange, Stream};

/// Limits that are named for one end.
const MAX_NAMED: usize = 3;

/// Ends that have to be equal to show a limit that is in no table.
const MIN_EQUAL: usize = 3;

/// Waits and silences shorter than this, in nanoseconds, are equal by chance.
const SHORTEST: i64 = 2_000_000_000;

/// Packets of equal ends that are named.
const MAX_PACKETS: usize = 8;

/// Returns the sentences on the limit that ended the wait of an exchange.
pub(super) fn sentences(
    exchange: &Exchange,
    end: &WaitEnd<'_>,
    (survey, limits): (&Survey, &Limits),
) -> Vec<Sentence> {
    let ending = end.ending();
    let equal = equal_waits(exchange, survey);
    let mut sentences: Vec<_> = matching(&ending, end_packets(end), limits).into_iter().collect();
    sentences.extend(equal.filter(|_| end.idle.is_none()).map(|equal| equal.sentence(!sentences.is_empty())));
    sentences
}

/// Returns the sentence on the known limits that an ending matches; `None` if it matches none.
pub(super) fn matching(ending: &Ending, evidence: Evidence, limits: &Limits) -> Option<Sentence> {
    let found = limits.matching(ending);
    let nearest = found.first()?;
    let ns = ending.by_clock(nearest.clock)?;
    let mut named: Vec<&Limit> = Vec::new();
    for limit in found.iter().filter(|limit| limit.clock == nearest.clock) {
        if named.iter().all(|known| known.name != limit.name) {
            named.push(limit);
        }
    }
    let more = named.len().saturating_sub(MAX_NAMED);
    named.truncate(MAX_NAMED);
    let mut words: Vec<_> =
        named.iter().map(|limit| format!("{} ({})", limit.name, seconds(limit.ns))).collect();
    if more > 0 {
        words.push(format!("{more} more"));
    }
    let text = format!("{} {} matches {}", precise(ns), nearest.clock.words(), list(&words));
    let sources = named.iter().map(|limit| limit.source.to_string()).filter(|source| !source.is_empty());
    let mut sources: Vec<_> = sources.collect();
    sources.dedup();
    Some(Sentence { sources, ..Sentence::new(Topic::Limit, Certainty::Matches, text, evidence) })
}

/// Formats a limit: `60 s`, `47.1 s`.
fn seconds(ns: i64) -> String {
    let ms = ns / 1_000_000;
    let text = format!("{}.{:03}", ms / 1000, ms % 1000);
    format!("{} s", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Ends that came after the same time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EqualEnds {
    /// What ended: `waits that the server closed at 10.0.0.2:3000`.
    what: String,
    clock: Clock,
    /// How many of the same kind came after the same time, and how many of the kind there are.
    equal: usize,
    all: usize,
    /// The shortest and the longest of the equal ones, in nanoseconds.
    least: i64,
    most: i64,
    evidence: Evidence,
}

impl EqualEnds {
    /// Collects the ends of one kind, as time, connection and packet, that are as long as `ns`;
    /// `None` if too few are.
    pub(super) fn of(what: String, clock: Clock, ends: &[(i64, u32, PacketNo)], ns: i64) -> Option<Self> {
        let spread = (ns / 100).max(100_000_000);
        let equal: Vec<_> =
            ends.iter().filter(|(other, ..)| other.saturating_sub(ns).saturating_abs() <= spread).collect();
        if equal.len() < MIN_EQUAL || ns < SHORTEST || equal.len() * 2 < ends.len() {
            return None;
        }
        let times = || equal.iter().map(|(ns, ..)| *ns);
        let evidence = equal
            .iter()
            .take(MAX_PACKETS)
            .fold(Evidence::none(), |evidence, (_, stream, packet)| evidence.packet(*stream, *packet));
        Some(Self {
            what,
            clock,
            equal: equal.len(),
            all: ends.len(),
            least: times().min()?,
            most: times().max()?,
            evidence,
        })
    }

    /// Says that they repeat; `is_known` if a known limit explains them.
    pub(super) fn sentence(self, is_known: bool) -> Sentence {
        let middle = self.least + (self.most - self.least) / 2;
        let half = (self.most - self.least) / 2;
        let count = if self.equal == self.all {
            format!("All {}", self.all)
        } else {
            format!("{} of {}", self.equal, self.all)
        };
        let conclusion = if is_known { "" } else { ": a limit, though none that is known here" };
        let text = format!(
            "{count} {} ended after {} ± {} {}{conclusion}",
            self.what,
            precise(middle),
            precise(half.max(1_000_000)),
            self.clock.words()
        );
        Sentence::new(Topic::Limit, Certainty::Likely, text, self.evidence)
    }
}

/// Compares the wait of an exchange with others at the same server that ended in the same way.
fn equal_waits(exchange: &Exchange, survey: &Survey) -> Option<EqualEnds> {
    let this = Call::of(exchange);
    if exchange.degraded.contains(Degraded::TIME_BACK) || exchange.cause == Some(Cause::CaptureEnd) {
        return None;
    }
    let is_same = |call: &&Call| {
        call.server == this.server
            && call.origin == this.origin
            && call.status == this.status
            && call.cause == this.cause
            && (call.cause != Some(Cause::HttpError) || call.http_status == this.http_status)
    };
    let waited = |call: &Call| Some((call.waited_ns()?, call.tcp_stream, call.ended?.packet));
    let ends: Vec<_> = survey.calls.iter().filter(is_same).filter_map(waited).collect();
    let by = match exchange.cause? {
        Cause::ClientClosed => (How::Closed, Side::Client),
        Cause::ServerClosed => (How::Closed, Side::Server),
        Cause::ClientReset => (How::ResetInAnswer, Side::Client),
        Cause::ServerReset => (How::ResetInAnswer, Side::Server),
        Cause::Cancelled => (How::Cancelled, exchange.origin),
        Cause::HttpError => (How::Status(exchange.http_status?), Side::Server),
        Cause::NoStream | Cause::NoResponse | Cause::Deleted | Cause::CaptureEnd => return None,
    };
    let what = format!("waits that {} {} at {}", the(by.1), verb(by.0), this.server);
    EqualEnds::of(what, Clock::Wait, &ends, this.waited_ns()?)
}

/// Compares the silence at the end of a stream with that of others at the same server.
pub(super) fn equal_silences(stream: &Stream, survey: &Survey) -> Option<EqualEnds> {
    let is_same = |other: &&Stream| {
        other.server == stream.server
            && other.ended == stream.ended
            && !other.degraded.contains(Degraded::TIME_BACK)
            && !other.degraded.may_hide_messages()
    };
    let silence = |other: &Stream| Some((other.silent_ns()?, other.tcp_stream, other.end?.packet));
    let ends: Vec<_> = survey.streams.iter().filter(is_same).filter_map(silence).collect();
    let what = match stream.ended {
        ResponseEnd::ClosedBy(side) => format!("streams that {} closed at {}", the(side), stream.server),
        ResponseEnd::ResetBy(side) => format!("streams that {} reset at {}", the(side), stream.server),
        ResponseEnd::Complete => format!("streams that {} completed", stream.server),
        ResponseEnd::Open => return None,
    };
    EqualEnds::of(what, Clock::Silence, &ends, stream.silent_ns()?)
}

/// Returns the sentence on the known limits that the end of a stream matches.
pub(super) fn of_stream(stream: &Stream, limits: &Limits) -> Option<Sentence> {
    let ending = Ending {
        how: How::Closed,
        by: match stream.ended {
            // The server, or the gateway in front of it, ended the body.
            ResponseEnd::Complete => Some(Side::Server),
            ended => Some(ended.by()?),
        },
        silence_ns: Some(stream.silent_ns()?),
        wait_ns: None,
        idle_ns: None,
    };
    let end = stream.end?;
    let evidence =
        Evidence::none().packet(stream.tcp_stream, stream.span.last).packet(stream.tcp_stream, end.packet);
    matching(&ending, evidence, limits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn ends(seconds: &[f64]) -> Vec<(i64, u32, PacketNo)> {
        #[expect(clippy::cast_possible_truncation, reason = "small")]
        let ns = |seconds: &f64| (seconds * 1e9) as i64;
        (0..).zip(seconds).map(|(n, seconds)| (ns(seconds), n, PacketNo(u64::from(n) * 10))).collect()
    }

    fn equal(seconds: &[f64], ns: i64) -> Option<EqualEnds> {
        EqualEnds::of("streams".to_owned(), Clock::Silence, &ends(seconds), ns)
    }

    #[test]
    fn equal_ends_show_a_limit() {
        let found = equal(&[47.0, 47.1, 47.2, 47.05], 47 * SECOND).unwrap();
        let text = found.sentence(false).text;
        assert_eq!(
            text,
            "All 4 streams ended after 47.100 s ± 100 ms of silence: a limit, though none that is known here"
        );
    }

    #[test]
    fn ends_that_differ_show_none() {
        assert_eq!(equal(&[47.0, 47.1], 47 * SECOND), None, "two are a coincidence");
        assert_eq!(equal(&[47.0, 12.0, 33.0, 90.0], 47 * SECOND), None);
        assert_eq!(equal(&[47.0, 47.0, 47.1, 1.0, 2.0, 3.0, 4.0], 47 * SECOND), None, "most differ");
        assert_eq!(equal(&[0.5, 0.5, 0.5, 0.5], SECOND / 2), None, "short ones are alike by chance");
    }

    #[test]
    fn limits_are_formatted_without_zeros() {
        assert_eq!([60 * SECOND, 47_100_000_000, 600 * SECOND].map(seconds), ["60 s", "47.1 s", "600 s"]);
    }
}
