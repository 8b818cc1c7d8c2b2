//! What the packets of one connection say: round trips, hop limits, the last byte before an end,
//! stalls.
//!
//! A trace is made of the segments and the heads of a connection, from a second pass over the
//! capture (`Engine::of_connections`). All questions to it are about times and packets; none needs
//! the order of bytes.

use crate::base::fact::{ConnectionFact, PayloadFact, PayloadKind, SegmentFact, SegmentNote};
use crate::base::{End, Fact, Origin, PacketNo, Side, Timestamp, limits};
use crate::ledger::{Entry, Speaks};

/// Segments at the beginning of a connection that are kept if there are too many: the handshake.
const KEPT_FIRST: usize = 256;

/// Length of a head that is kept, in bytes.
const MAX_HEAD: usize = 8192;

/// Length of the beginning of a body that is kept, in bytes: enough to recognise an error page.
const MAX_BODY: usize = 512;

/// Heads that are kept of one connection.
const MAX_HEADS: usize = 20_000;

/// Payload that a program sends as it closes: a TLS alert (RFC 8446 section 6.1), GOAWAY (RFC 9113
/// section 6.8), the last chunk (RFC 9112 section 7.1). At most this many bytes…
const FAREWELL_BYTES: u64 = 64;

/// …and at most this long before the close, in nanoseconds.
const FAREWELL_NS: i64 = 50_000_000;

/// A segment, as far as the questions need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TracedSegment {
    pub(super) origin: Origin,
    pub(super) from: End,
    pub(super) seq: u32,
    pub(super) ack: Option<u32>,
    pub(super) len: u64,
    pub(super) window: u16,
    pub(super) hop_limit: u8,
    pub(super) syn: bool,
    pub(super) fin: bool,
    pub(super) rst: bool,
    pub(super) note: SegmentNote,
}

impl TracedSegment {
    fn of(fact: &SegmentFact) -> Self {
        Self {
            origin: fact.origin,
            from: fact.from,
            seq: fact.seq,
            ack: fact.ack,
            len: fact.len,
            window: fact.window,
            hop_limit: fact.hop_limit,
            syn: fact.syn,
            fin: fact.fin,
            rst: fact.rst,
            note: fact.note,
        }
    }

    /// The sequence number after it.
    pub(super) fn end_seq(&self) -> u32 {
        let flags = u32::from(self.syn) + u32::from(self.fin);
        // The lower 32 bits: sequence numbers wrap (RFC 9293 section 3.4).
        self.seq.wrapping_add((self.len & 0xffff_ffff) as u32).wrapping_add(flags)
    }

    /// Whether it carries bytes for the first time.
    pub(super) fn is_news(&self) -> bool {
        self.len > 0 && !matches!(self.note, SegmentNote::Retransmission | SegmentNote::Duplicate)
    }
}

/// A head, and the beginning of the body behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TracedHead {
    pub(super) transaction: u32,
    pub(super) side: Side,
    pub(super) first: Origin,
    pub(super) last: PacketNo,
    text: String,
    /// The beginning of the body; empty if there is none, or if it is an event stream.
    pub(super) body: String,
}

impl TracedHead {
    /// Its memory, in bytes.
    fn allocated(&self) -> usize {
        size_of::<Self>() + self.text.len() + self.body.len()
    }

    /// Whether it is that of a POST.
    pub(super) fn is_post(&self) -> bool {
        self.text.split_ascii_whitespace().next() == Some("POST")
    }

    /// Returns the value of a field by its name in lower case; `None` if the head does not have it.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let mut lines = self.text.lines().skip(1);
        lines.find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// Returns the status of a response; `None` for a request.
    pub(super) fn status(&self) -> Option<u16> {
        let mut words = self.text.lines().next()?.split_ascii_whitespace();
        words.find_map(|word| word.parse().ok().filter(|status| (100..1000).contains(status)))
    }
}

/// A time in which the network held something up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stall {
    pub(super) from: Origin,
    pub(super) to: Origin,
}

/// The opening of a connection (RFC 9293 section 3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Handshake {
    pub(super) syn: Origin,
    pub(super) syn_ack: Origin,
    pub(super) ack: Origin,
}

/// One connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Trace {
    /// Its summary; `None` until the capture was read to its end.
    fact: Option<ConnectionFact>,
    segments: Vec<TracedSegment>,
    /// Whether segments in its middle are not kept.
    is_cut: bool,
    heads: Vec<TracedHead>,
    /// Memory of `heads`, in bytes.
    heads_len: usize,
    /// The latest transaction of which a head was kept.
    latest: u32,
}

/// What a trace keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cost {
    /// Number of segments.
    pub(super) segments: usize,
    /// Memory of the heads, in bytes.
    pub(super) heads: usize,
}

impl Trace {
    /// Takes an entry of the second pass that is about this connection.
    pub(super) fn push(&mut self, entry: &Entry) {
        match entry {
            Entry::Fact(Fact::Segment(segment)) => {
                self.segments.push(TracedSegment::of(segment));
                if self.segments.len() >= limits::MAX_TRACED_SEGMENTS {
                    self.cut_segments();
                }
            }
            Entry::Fact(Fact::Payload(payload)) => self.payload(payload),
            Entry::Fact(Fact::Connection(fact)) => self.fact = Some(ConnectionFact::clone(fact)),
            _ => {}
        }
    }

    /// Returns what it keeps.
    pub(super) fn cost(&self) -> Cost {
        Cost { segments: self.segments.len(), heads: self.heads_len }
    }

    /// Removes the segments of the first half but those of the handshake.
    pub(super) fn cut_segments(&mut self) {
        let half = self.segments.len() / 2;
        self.segments.drain(KEPT_FIRST.min(half)..half);
        self.is_cut = true;
    }

    /// Removes the heads of the first half.
    pub(super) fn cut_heads(&mut self) {
        let half = self.heads.len().div_ceil(2);
        self.heads_len -= self.heads.drain(..half).map(|head| head.allocated()).sum::<usize>();
    }

    /// Returns Wireshark's number of the connection; `None` until the capture was read to its end.
    pub(super) fn tcp_stream(&self) -> Option<u32> {
        self.fact.as_ref().map(|fact| fact.tcp_stream)
    }

    /// Returns the summary; `None` until the capture was read to its end.
    pub(super) fn fact(&self) -> Option<&ConnectionFact> {
        self.fact.as_ref()
    }

    /// Whether segments are missing, in the capture or among those that are kept.
    pub(super) fn has_holes(&self) -> bool {
        self.is_cut
            || self.fact.as_ref().is_none_or(|fact| fact.directions.iter().any(|counts| counts.gaps > 0))
    }

    /// Returns the role of an end.
    pub(super) fn side(&self, end: End) -> Side {
        end.side(self.client())
    }

    /// Returns the segments, in packet order.
    pub(super) fn segments(&self) -> &[TracedSegment] {
        &self.segments
    }

    /// Returns the segments of a side, in packet order.
    pub(super) fn sent_by(&self, side: Side) -> impl DoubleEndedIterator<Item = &TracedSegment> {
        self.segments.iter().filter(move |segment| self.side(segment.from) == side)
    }

    /// Returns the segment of a packet; `None` if it is none of this connection's.
    pub(super) fn at(&self, packet: PacketNo) -> Option<&TracedSegment> {
        let at = self.segments.binary_search_by_key(&packet, |segment| segment.origin.packet).ok()?;
        self.segments.get(at)
    }

    /// Returns the heads of the responses, in order.
    pub(super) fn responses(&self) -> impl DoubleEndedIterator<Item = &TracedHead> {
        self.heads.iter().filter(|head| head.side == Side::Server)
    }

    /// Returns the last head that a side sent in a transaction.
    pub(super) fn head(&self, transaction: u32, side: Side) -> Option<&TracedHead> {
        self.heads.iter().rev().find(|head| head.transaction == transaction && head.side == side)
    }

    /// Returns the three packets that opened the connection; `None` unless all were captured and
    /// none was sent twice.
    pub(super) fn handshake(&self) -> Option<Handshake> {
        let mut opening = self.segments.iter().filter(|segment| segment.note != SegmentNote::Duplicate);
        let syn = opening.next().filter(|segment| segment.syn && segment.ack.is_none())?;
        let syn_ack = opening.next().filter(|segment| segment.syn && segment.from != syn.from)?;
        let ack = opening.next().filter(|segment| segment.from == syn.from && !segment.syn)?;
        let is_answer = syn_ack.ack == Some(syn.end_seq()) && ack.ack == Some(syn_ack.end_seq());
        is_answer.then_some(Handshake { syn: syn.origin, syn_ack: syn_ack.origin, ack: ack.origin })
    }

    /// Returns the shortest round trip from the place of the capture to a side and back, in
    /// nanoseconds, the packets that show it, and how many were measured. `None` without any.
    ///
    /// An acknowledgement may be delayed, a SYN-ACK is not: the shortest of several is the
    /// network's.
    pub(super) fn round_trip(&self, to: Side) -> Option<RoundTrip> {
        let mut best: Option<RoundTrip> = None;
        let mut count = 0;
        let mut waiting: Option<&TracedSegment> = None;
        for segment in &self.segments {
            if self.side(segment.from) == to {
                let Some(sent) = waiting else { continue };
                if segment.rst
                    || segment.note == SegmentNote::Duplicate
                    || segment.ack != Some(sent.end_seq())
                {
                    continue;
                }
                let ns = segment.origin.time.since(sent.origin.time);
                waiting = None;
                if ns < 0 {
                    continue;
                }
                count += 1;
                if best.is_none_or(|best| ns < best.ns) {
                    best =
                        Some(RoundTrip { ns, sent: sent.origin.packet, back: segment.origin.packet, count });
                }
            } else if segment.note == SegmentNote::Ordinary && (segment.syn || segment.fin || segment.len > 0)
            {
                waiting = Some(segment);
            } else if segment.note.is_retransmission() {
                // Which copy is acknowledged is not known (Karn's algorithm, RFC 6298 section 3).
                waiting = None;
            }
        }
        best.map(|best| RoundTrip { count, ..best })
    }

    /// Returns the last segment with new bytes of either side before a packet that ends something,
    /// without what its sender sends as it closes.
    pub(super) fn last_byte_before(&self, end: &TracedSegment) -> [Option<&TracedSegment>; 2] {
        Side::BOTH.map(|side| {
            let before =
                self.sent_by(side).rev().filter(|it| it.origin.packet < end.origin.packet && it.is_news());
            let mut before = before.skip_while(|it| self.is_farewell(it, end));
            before.next()
        })
    }

    /// Whether a segment is sent because its sender is about to close.
    fn is_farewell(&self, segment: &TracedSegment, end: &TracedSegment) -> bool {
        let is_chunk = [5, 7].contains(&segment.len);
        let speaks = self.fact.as_ref().map(|fact| (fact.speaks, fact.tls.is_some()));
        let is_framed = speaks.is_some_and(|(speaks, is_tls)| is_tls || speaks == Speaks::Http2);
        segment.from == end.from
            && (is_chunk || (is_framed && segment.len <= FAREWELL_BYTES))
            && end.origin.time.since(segment.origin.time) <= FAREWELL_NS
    }

    /// Returns the times between `from` and `to` in which one side waited for bytes that were lost,
    /// in order and without overlap.
    ///
    /// A segment that is sent again costs the time since its first copy, unless that was
    /// acknowledged before; one that fills a hole the time since the segment behind the hole.
    pub(super) fn loss_stalls(&self, from: Timestamp, to: Timestamp) -> Vec<Stall> {
        let mut stalls = Vec::new();
        for (at, segment) in self.segments.iter().enumerate() {
            if !segment.note.is_retransmission() || segment.origin.time < from || segment.origin.time > to {
                continue;
            }
            let before = self.segments.get(..at).unwrap_or_default().iter().rev();
            let before = before.take(MAX_LOOK_BACK).take_while(|it| it.origin.time >= from);
            let begin = if segment.note == SegmentNote::LostBefore {
                let is_ahead = |it: &&TracedSegment| {
                    it.from == segment.from && it.len > 0 && is_after(it.seq, segment.seq)
                };
                before.filter(is_ahead).last().map(|it| it.origin)
            } else {
                self.first_copy(segment, before)
            };
            if let Some(begin) = begin {
                stalls.push(Stall { from: begin, to: segment.origin });
            }
        }
        merged(stalls)
    }

    /// Returns the first copy of a segment that was sent again; `None` if it was acknowledged
    /// before it was sent again, so that nobody waited.
    fn first_copy<'a>(
        &self,
        segment: &TracedSegment,
        before: impl Iterator<Item = &'a TracedSegment>,
    ) -> Option<Origin> {
        let mut first = None;
        for it in before {
            if it.from != segment.from {
                // An acknowledgement from beyond it: the copy was not needed.
                if it.ack.is_some_and(|ack| !is_after(segment.end_seq(), ack)) {
                    return None;
                }
            } else if it.len > 0 && !is_after(it.seq, segment.seq) && is_after(it.end_seq(), segment.seq) {
                first = Some(it.origin);
            }
        }
        first
    }

    /// Returns the copies of the last segment of a side that end in packet `last` at the latest, if
    /// there are several and none of them was acknowledged: first and last one, and their number.
    /// One packet that was captured several times counts once.
    ///
    /// Where acknowledgements are missing in the capture only, TCP sends nothing again.
    pub(super) fn unacknowledged(
        &self,
        side: Side,
        last: PacketNo,
        until: PacketNo,
    ) -> Option<Unacknowledged> {
        let (seq, end_seq) = self.at(last).map(|it| (it.seq, it.end_seq()))?;
        let is_read = |it: &TracedSegment| {
            it.origin.packet >= last && it.ack.is_some_and(|ack| !is_after(end_seq, ack))
        };
        if self.sent_by(side.other()).any(is_read) {
            return None;
        }
        let is_copy = |it: &&TracedSegment| {
            it.len > 0
                && it.note != SegmentNote::Duplicate
                && (it.seq, it.end_seq()) == (seq, end_seq)
                && (last..=until).contains(&it.origin.packet)
        };
        let copies: Vec<Origin> = self.sent_by(side).filter(is_copy).map(|it| it.origin).collect();
        let (first, latest) = (*copies.first()?, *copies.last()?);
        (copies.len() >= MIN_COPIES).then_some(Unacknowledged {
            first,
            last: latest,
            count: copies.len() as u64,
        })
    }

    /// Returns the times between `from` and `to` in which a side announced a window of 0 to the
    /// other, which had to wait, in order.
    pub(super) fn closed_windows(&self, side: Side, from: Timestamp, to: Timestamp) -> Vec<Stall> {
        let mut stalls = Vec::new();
        let mut closed: Option<Origin> = None;
        let of_side = self.sent_by(side).filter(|it| !it.rst && it.ack.is_some());
        for segment in of_side.filter(|it| (from..=to).contains(&it.origin.time)) {
            match (segment.window, closed) {
                (0, None) => closed = Some(segment.origin),
                (1.., Some(since)) => {
                    stalls.push(Stall { from: since, to: segment.origin });
                    closed = None;
                }
                _ => {}
            }
        }
        merged(stalls)
    }

    /// Returns the times between `from` and `to` in which a side kept the rest of a message back
    /// until the other acknowledged its beginning, which the other delayed: Nagle's algorithm
    /// (RFC 9293 section 3.7.4) and delayed acknowledgements (section 3.8.6.3).
    pub(super) fn delayed_acks(&self, side: Side, from: Timestamp, to: Timestamp) -> Vec<Stall> {
        let mut stalls = Vec::new();
        let within = self.segments.iter().filter(|it| (from..=to).contains(&it.origin.time));
        let segments: Vec<_> = within.collect();
        for triple in segments.windows(3) {
            let [first, ack, rest] = triple else { continue };
            let is_shape = self.side(first.from) == side
                && self.side(ack.from) != side
                && self.side(rest.from) == side
                && first.is_news()
                && rest.is_news()
                && ack.len == 0
                && !ack.fin
                && !ack.rst
                && ack.ack == Some(first.end_seq());
            let delay = ack.origin.time.since(first.origin.time);
            let after = rest.origin.time.since(ack.origin.time);
            if is_shape && DELAYED_ACK.contains(&delay) && (0..=PROMPT_NS).contains(&after) {
                stalls.push(Stall { from: first.origin, to: rest.origin });
            }
        }
        merged(stalls)
    }

    fn client(&self) -> End {
        self.fact.as_ref().map_or(End::A, |fact| fact.client_end)
    }

    fn payload(&mut self, payload: &PayloadFact) {
        match payload.kind {
            PayloadKind::Head if self.heads.len() < MAX_HEADS => {
                let head = TracedHead {
                    transaction: payload.transaction,
                    side: payload.side,
                    first: payload.span.start,
                    last: payload.span.last,
                    text: beginning(&payload.bytes, MAX_HEAD),
                    body: String::new(),
                };
                self.heads_len += head.allocated();
                self.latest = self.latest.max(head.transaction);
                self.heads.push(head);
            }
            PayloadKind::Body if payload.transaction <= self.latest => {
                let (transaction, side) = (payload.transaction, payload.side);
                let mut heads = self.heads.iter_mut().rev().take(limits::MAX_STREAMS);
                let head = heads.find(|head| head.transaction == transaction && head.side == side);
                if let Some(head) = head.filter(|head| head.status().is_some_and(|status| status >= 400)) {
                    self.heads_len -= head.allocated();
                    head.body = beginning(&payload.bytes, MAX_BODY);
                    self.heads_len += head.allocated();
                }
            }
            _ => {}
        }
    }
}

/// The shortest of several round trips.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RoundTrip {
    /// Nanoseconds.
    pub(super) ns: i64,
    /// The packet, and the one that acknowledges it.
    pub(super) sent: PacketNo,
    pub(super) back: PacketNo,
    /// How many were measured.
    pub(super) count: u64,
}

/// Copies of one segment that show that none of them arrived, or that nothing comes back.
const MIN_COPIES: usize = 3;

/// A segment that was sent again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unacknowledged {
    pub(super) first: Origin,
    pub(super) last: Origin,
    /// How many copies there are.
    pub(super) count: u64,
}

/// Segments that are looked back for the first copy of one that was sent again. Windows are
/// smaller.
const MAX_LOOK_BACK: usize = 4096;

/// How long an acknowledgement is delayed, in nanoseconds: 40 ms on Linux, 200 ms elsewhere, 500 ms
/// at most.
const DELAYED_ACK: std::ops::RangeInclusive<i64> = 30_000_000..=500_000_000;

/// How soon a sender goes on that waited for an acknowledgement alone, in nanoseconds.
const PROMPT_NS: i64 = 5_000_000;

/// Whether sequence number `a` is after `b` (RFC 9293 section 3.4).
pub(super) fn is_after(a: u32, b: u32) -> bool {
    a != b && a.wrapping_sub(b) < 1 << 31
}

/// Returns the stalls in order, with those that overlap as one.
fn merged(mut stalls: Vec<Stall>) -> Vec<Stall> {
    stalls.sort_by_key(|stall| (stall.from.time, stall.to.time));
    let mut merged: Vec<Stall> = Vec::with_capacity(stalls.len());
    for stall in stalls {
        match merged.last_mut().filter(|last| stall.from.time <= last.to.time) {
            Some(last) => last.to = if stall.to.time > last.to.time { stall.to } else { last.to },
            None => merged.push(stall),
        }
    }
    merged
}

/// Returns the sum of stalls that do not overlap, in nanoseconds.
pub(super) fn total(stalls: &[Stall]) -> i64 {
    stalls.iter().fold(0, |sum: i64, stall| sum.saturating_add(stall.to.time.since(stall.from.time)))
}

fn beginning(bytes: &[u8], most: usize) -> String {
    String::from_utf8_lossy(bytes.get(..bytes.len().min(most)).unwrap_or_default()).into_owned()
}
