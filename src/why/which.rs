//! Which limit was reached: the time at an end compared with known limits, and with other ends.

use std::collections::HashMap;
use std::net::SocketAddr;

use super::ended::{end_packets, verb};
use super::limits::{Clock, Ending, How, Limit, Limits};
use super::story::{Certainty, Evidence, Sentence, Topic};
use super::survey::{Call, Survey};
use super::wait_end::WaitEnd;
use super::words::{list, precise, the};
use crate::base::{Degraded, PacketNo, ResponseEnd, Side};
use crate::ledger::{Cause, Exchange, Speaks, Stream};

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
    // What a server asks inside a call ends with the call, if it is not cancelled: the limit is
    // that of the call.
    if exchange.parent.is_some() && exchange.cause != Some(Cause::Cancelled) {
        return Vec::new();
    }
    let mut ending = end.ending();
    if ending.silence_ns.is_none() && ending.idle_ns.is_none() {
        ending.silence_ns = own_silence(exchange, end, survey);
    }
    let equal = equal_waits(exchange, survey);
    let mut sentences: Vec<_> = matching(&ending, end_packets(end), limits).into_iter().collect();
    sentences.extend(equal.filter(|_| end.idle.is_none()).map(|equal| equal.sentence(!sentences.is_empty())));
    sentences
}

/// Returns how long the own stream of an exchange was silent at its end, where other streams of
/// HTTP/2 went on; `None` if it has none, or if something of it may be missing.
fn own_silence(exchange: &Exchange, end: &WaitEnd<'_>, survey: &Survey) -> Option<i64> {
    let trace = end.trace.filter(|trace| !trace.has_holes())?;
    trace.fact().filter(|fact| fact.speaks == Speaks::Http2)?;
    let is_own = |stream: &&Stream| stream.exchange == Some(exchange.n) && stream.degraded.is_none();
    survey.streams.iter().find(is_own).filter(|stream| stream.end == Some(end.at))?.silent_ns()
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

/// The ends of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ends {
    /// After how many nanoseconds each came, its connection and its packet, in the order of the
    /// capture.
    all: Vec<(i64, u32, PacketNo)>,
    /// The same times, shortest first.
    times: Vec<i64>,
}

impl Ends {
    fn of(all: Vec<(i64, u32, PacketNo)>) -> Self {
        let mut times: Vec<_> = all.iter().map(|(ns, ..)| *ns).collect();
        times.sort_unstable();
        Self { all, times }
    }

    /// Returns the times of those that came after about `ns`, shortest first; `None` if they are
    /// too few to show a limit.
    fn around(&self, ns: i64) -> Option<&[i64]> {
        let spread = spread(ns);
        let first = self.times.partition_point(|time| time.saturating_sub(ns) < -spread);
        let end = self.times.partition_point(|time| time.saturating_sub(ns) <= spread);
        let equal = self.times.get(first..end)?;
        (equal.len() >= MIN_EQUAL && ns >= SHORTEST && equal.len() * 2 >= self.all.len()).then_some(equal)
    }
}

/// How far a time may be from `ns` to be equal, in nanoseconds.
fn spread(ns: i64) -> i64 {
    (ns / 100).max(100_000_000)
}

/// The silences at the ends of streams, by server and how they ended.
#[derive(Clone, Debug, Default)]
pub(super) struct Silences(HashMap<(SocketAddr, ResponseEnd), Ends, foldhash::fast::RandomState>);

impl Silences {
    /// Collects those of a capture.
    pub(super) fn of(streams: &[Stream]) -> Self {
        let mut lists = HashMap::<_, Vec<_>, foldhash::fast::RandomState>::default();
        for stream in streams {
            let is_certain =
                !stream.degraded.contains(Degraded::TIME_BACK) && !stream.degraded.may_hide_messages();
            if let (true, Some(ns), Some(end)) = (is_certain, stream.silent_ns(), stream.end) {
                lists.entry((stream.server, stream.ended)).or_default().push((
                    ns,
                    stream.tcp_stream,
                    end.packet,
                ));
            }
        }
        Self(lists.into_iter().map(|(kind, list)| (kind, Ends::of(list))).collect())
    }
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
    /// Collects the ends of one kind that are as long as `ns`; `None` if too few are.
    fn of(what: impl FnOnce() -> String, clock: Clock, ends: &Ends, ns: i64) -> Option<Self> {
        let equal = ends.around(ns)?;
        let spread = spread(ns);
        let is_equal =
            |(other, ..): &&(i64, u32, PacketNo)| other.saturating_sub(ns).saturating_abs() <= spread;
        let named = ends.all.iter().filter(is_equal).take(MAX_PACKETS);
        let evidence =
            named.fold(Evidence::none(), |evidence, (_, stream, packet)| evidence.packet(*stream, *packet));
        Some(Self {
            what: what(),
            clock,
            equal: equal.len(),
            all: ends.all.len(),
            least: *equal.first()?,
            most: *equal.last()?,
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
    let ends = Ends::of(survey.calls.iter().filter(is_same).filter_map(waited).collect());
    let by = match exchange.cause? {
        Cause::ClientClosed => (How::Closed, Side::Client),
        Cause::ServerClosed => (How::Closed, Side::Server),
        Cause::ClientReset => (How::ResetInAnswer, Side::Client),
        Cause::ServerReset => (How::ResetInAnswer, Side::Server),
        Cause::Cancelled => (How::Cancelled, exchange.origin),
        Cause::HttpError => (How::Status(exchange.http_status?), Side::Server),
        Cause::NoStream | Cause::NoResponse | Cause::Deleted | Cause::CaptureEnd => return None,
    };
    let what = || format!("waits that {} {} at {}", the(by.1), verb(by.0), this.server);
    EqualEnds::of(what, Clock::Wait, &ends, this.waited_ns()?)
}

/// Compares the silence at the end of a stream with that of others at the same server.
pub(super) fn equal_silences(stream: &Stream, silences: &Silences) -> Option<EqualEnds> {
    let ends = silences.0.get(&(stream.server, stream.ended))?;
    let by = match stream.ended {
        ResponseEnd::ClosedBy(side) => Some((side, "closed")),
        ResponseEnd::ResetBy(side) => Some((side, "reset")),
        ResponseEnd::Complete => None,
        ResponseEnd::Open => return None,
    };
    let what = || match by {
        Some((side, verb)) => format!("streams that {} {verb} at {}", the(side), stream.server),
        None => format!("streams that {} completed", stream.server),
    };
    EqualEnds::of(what, Clock::Silence, ends, stream.silent_ns()?)
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

    fn ends(seconds: &[f64]) -> Ends {
        #[expect(clippy::cast_possible_truncation, reason = "small")]
        let ns = |seconds: &f64| (seconds * 1e9) as i64;
        let end = |(n, seconds)| (ns(seconds), n, PacketNo(u64::from(n) * 10));
        Ends::of((0..).zip(seconds).map(end).collect())
    }

    fn equal(seconds: &[f64], ns: i64) -> Option<EqualEnds> {
        EqualEnds::of(|| "streams".to_owned(), Clock::Silence, &ends(seconds), ns)
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

    proptest::proptest! {
        /// As each time compared with `ns`.
        #[test]
        fn equal_times_are_found_as_by_comparing_each(
            seconds in proptest::collection::vec(0..20_i64, 0..20),
            extreme in proptest::collection::vec(proptest::sample::select(vec![i64::MIN, i64::MAX]), 0..3),
            ns in proptest::sample::select(vec![0, SECOND, 2 * SECOND, 10 * SECOND, 15 * SECOND, i64::MAX]),
        ) {
            let times: Vec<_> = seconds.iter().map(|s| s * SECOND).chain(extreme).collect();
            let is_equal = |time: &i64| time.saturating_sub(ns).saturating_abs() <= spread(ns);
            let mut equal: Vec<_> = times.iter().copied().filter(is_equal).collect();
            equal.sort_unstable();
            let shows = equal.len() >= MIN_EQUAL && ns >= SHORTEST && equal.len() * 2 >= times.len();
            let ends = Ends::of(times.iter().map(|ns| (*ns, 0, PacketNo(1))).collect());
            proptest::prop_assert_eq!(ends.around(ns), shows.then_some(&equal[..]));
        }
    }
}
