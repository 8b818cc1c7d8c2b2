//! Event streams that end after the same silence: an idle limit on the way.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

use super::handle::SessionIndex;
use crate::base::{Code, Finding, Findings, Origin, ResponseEnd, Side, units};

/// Ends that are kept: enough to see a limit, whatever the length of the capture.
const MAX_ENDS: usize = 4096;

/// Silence, in nanoseconds, from which an end counts even if the client opens no other stream: a
/// client that is done closes its streams sooner.
const LONG: i64 = 10_000_000_000;

/// How far silences may differ that one limit causes: one part in this many.
const SPREAD: i64 = 20;

/// Streams that show a limit; two suffice if the silence is [`LONG`].
const MIN_STREAMS: usize = 3;

/// Packets that a finding names.
const MAX_PACKETS: usize = 8;

/// The ends of streams so far.
#[derive(Debug, Default)]
pub(super) struct IdleEnds {
    list: Vec<IdleEnd>,
    /// The place in `list` of the last end of each session.
    last: HashMap<SessionIndex, usize, foldhash::fast::RandomState>,
}

/// The end of a stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct IdleEnd {
    pub(super) server: SocketAddr,
    pub(super) how: ResponseEnd,
    /// The packet that ended it.
    pub(super) at: Origin,
    pub(super) tcp_stream: u32,
    /// How long it was silent before, in nanoseconds.
    pub(super) silence: i64,
    pub(super) session: SessionIndex,
    /// Number of the session.
    pub(super) number: u32,
    /// Whether the session opened another stream afterwards.
    pub(super) is_reopened: bool,
}

impl IdleEnds {
    pub(super) fn add(&mut self, end: IdleEnd) {
        if self.list.len() < MAX_ENDS {
            self.last.insert(end.session, self.list.len());
            self.list.push(end);
        }
    }

    /// The session opens a stream.
    pub(super) fn reopen(&mut self, session: SessionIndex) {
        if let Some(end) = self.last.get(&session).and_then(|at| self.list.get_mut(*at)) {
            end.is_reopened = true;
        }
    }

    /// The capture is over: adds a finding for each limit that several ends show.
    pub(super) fn finish(&mut self, findings: &mut Findings) {
        let mut rest = std::mem::take(&mut self.list);
        // A session that opened a stream again after most of its streams was not done when the last
        // one ended.
        let again: HashSet<_> = rest.iter().filter(|end| end.is_reopened).map(|end| end.session).collect();
        rest.retain(|end| end.silence >= LONG || again.contains(&end.session));
        rest.sort_by_key(|end| (end.server, end.how.name(), end.silence));
        for ends in rest.chunk_by(|a, b| (a.server, a.how) == (b.server, b.how)) {
            let mut parts = vec![ends];
            while let Some(part) = parts.pop() {
                let Some((first, len)) = most_alike(part) else { continue };
                let (shorter, rest) = part.split_at(first);
                let (alike, longer) = rest.split_at(len);
                findings.push(finding(alike));
                parts.extend([longer, shorter]);
            }
        }
    }
}

/// The longest run of ends whose silences are equal: its start and its length. `None` if none shows
/// a limit. `ends` is sorted by silence.
fn most_alike(ends: &[IdleEnd]) -> Option<(usize, usize)> {
    let run = |(start, first): (usize, &IdleEnd)| {
        let limit = first.silence.saturating_add(first.silence / SPREAD);
        let len = ends.iter().skip(start).take_while(|end| end.silence <= limit).count();
        (start, len, first.silence)
    };
    let runs = ends.iter().enumerate().map(run);
    let shows_limit =
        |(_, len, silence): &(usize, usize, i64)| *len >= MIN_STREAMS || (*len == 2 && *silence >= LONG);
    let best = runs.filter(shows_limit).max_by_key(|(start, len, _)| (*len, usize::MAX - start))?;
    Some((best.0, best.1))
}

fn finding(alike: &[IdleEnd]) -> Finding {
    let silences = || alike.iter().map(|end| end.silence);
    let (least, most) = (silences().min().unwrap_or_default(), silences().max().unwrap_or_default());
    let middle = least + (most - least) / 2;
    let mut packets: Vec<_> = alike.iter().map(|end| end.at.packet).collect();
    packets.sort_unstable();
    let more = if packets.len() > MAX_PACKETS { ", …" } else { "" };
    let named: Vec<_> = packets.iter().take(MAX_PACKETS).map(|packet| packet.mention().to_string()).collect();
    let last = alike.iter().max_by_key(|end| end.at.packet);
    let session = last.map(|end| end.number).filter(|n| alike.iter().all(|end| end.number == *n));
    let how = alike.first().map_or("ended", |end| match end.how {
        ResponseEnd::ClosedBy(Side::Client) => "closed by the client",
        ResponseEnd::ResetBy(Side::Client) => "reset by the client",
        ResponseEnd::ClosedBy(Side::Server) => "closed by the server",
        ResponseEnd::ResetBy(Side::Server) => "reset by the server",
        ResponseEnd::Complete => "completed by the server",
        ResponseEnd::Open => "open",
    });
    let detail = format!(
        "{} {how} after {} of silence (± {}), at packets {}{more}",
        units::several(alike.len() as u64, "stream"),
        length(middle),
        units::duration(most - middle),
        named.join(", "),
    );
    Finding {
        code: Code::McpIdleLimit,
        at: last.map(|end| end.at),
        tcp_stream: last.map(|end| end.tcp_stream),
        session,
        exchange: None,
        count: 1,
        detail,
    }
}

/// Formats a silence: from ten seconds on in seconds with one decimal, as limits are configured.
fn length(ns: i64) -> String {
    let tenths = ns.saturating_add(50_000_000) / 100_000_000;
    if tenths < 100 { units::duration(ns) } else { format!("{}.{} s", tenths / 10, tenths % 10) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Files;
    use crate::base::Timestamp;

    fn end(seconds: f64, packet: u64, is_reopened: bool) -> IdleEnd {
        IdleEnd {
            server: ([127, 0, 0, 1], 3000).into(),
            how: ResponseEnd::ClosedBy(Side::Server),
            at: Origin { time: Timestamp::default(), ..Origin::new(packet, 1) },
            tcp_stream: 0,
            silence: (seconds * 1e9) as i64,
            session: SessionIndex(0),
            number: 1,
            is_reopened,
        }
    }

    fn found(ends: &[IdleEnd]) -> Vec<String> {
        let (mut idle, mut findings) = (IdleEnds::default(), Findings::new());
        ends.iter().for_each(|end| idle.add(*end));
        idle.finish(&mut findings);
        findings.drain().map(|finding| Files::default().resolve(&finding.detail).into_owned()).collect()
    }

    #[test]
    fn equal_silences_show_a_limit() {
        let details = found(&[end(60.2, 9, false), end(60.0, 5, false), end(7.0, 3, false)]);
        assert_eq!(
            details,
            ["2 streams closed by the server after 60.1 s of silence (± 100 ms), at packets 5, 9"]
        );
        let two_limits = [30.0, 30.1, 60.0, 60.1, 60.2].map(|seconds| end(seconds, 1, false));
        assert_eq!(found(&two_limits).len(), 2);
        assert_eq!(found(&[end(60.0, 5, false), end(90.0, 9, false)]), [""; 0]);
        // A client that is done: its streams end soon after its last call, and none follows.
        let short = [end(0.3, 1, false), end(0.3, 2, false), end(0.3, 3, false)];
        assert_eq!(found(&short), [""; 0]);
        let reopened = [end(0.3, 1, true), end(0.3, 2, true), end(0.3, 3, false)];
        assert_eq!(found(&reopened).len(), 1);
    }
}
