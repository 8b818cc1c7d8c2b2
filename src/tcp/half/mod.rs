//! One direction of a connection: its position, the segments held behind holes, its end, and its
//! counts.
//!
//! ```text
//!                    cursor: everything before it was delivered, or given up as a gap
//!                      v            hole              hole       fin
//!   |== delivered =====|            |== held ==|      |== held ==|
//!   0                               first             high ------^
//!                                                          acks: what the receiver acknowledged
//! ```
//!
//! A hole is given up [`limits::HOLE_WAIT`] after the receiver acknowledged its bytes (the capture
//! missed them), after [`limits::ONE_SIDED_WAIT`] if the receiver sends nothing, when a cap is
//! reached, or when the direction ends.

use bytes::Bytes;

use super::acks::Acks;
use super::reassembly::{Next, Piece, Store};
use super::recent::Recent;
use super::reported::Reported;
use super::seq::{Cursor, Position, Seq};
use super::sink::{DirectionSink, count};
use super::vantage::VantagePoints;
use crate::base::fact::DirectionFact;
use crate::base::{Code, Degraded, End, Ending, Feed, Origin, PacketNo, Span, Timestamp, limits};
use crate::link::{Flags, Segment};

mod ending;

/// One direction of a connection.
#[derive(Debug, Default)]
pub(super) struct Half {
    /// The next expected byte; `None` before the sequence numbers are known.
    cursor: Option<Cursor>,
    /// The start was derived from a segment without data, which may be a keep-alive: the first byte
    /// may be the next one.
    provisional: bool,
    /// Exclusive end of the bytes that were seen, as a position.
    high: u64,
    /// The latest packet that carried any byte before the cursor.
    reached: Origin,
    /// Time of `reached`, or of an acknowledgement of its bytes with an earlier time.
    sent: Timestamp,
    /// Acknowledgements that repeat the position of the cursor while bytes are held behind a hole,
    /// as one vantage point shows them.
    duplicate_acks: u32,
    /// The vantage point of the first of them.
    acks_seen_at: u32,
    /// Position of the FIN, and its packet.
    fin: Option<(u64, Origin)>,
    /// [`Feed::Eof`] was sent.
    ended: bool,
    /// The end waits: see [`Half::delay_end`].
    end_waits: bool,
    /// A SYN was seen.
    syn: bool,
    /// End of a segment far outside of the window: one that continues there is accepted.
    stray: Option<Seq>,
    acks: Acks,
    store: Store,
    recent: Recent,
    vantage_points: VantagePoints,
    reported: Reported,
    fact: DirectionFact,
    /// The last packet.
    last: PacketNo,
}

/// The part of a segment at or after the cursor.
#[derive(Debug)]
struct Run {
    at: u64,
    bytes: Bytes,
    /// Number of bytes after `bytes` that were truncated by the snapshot length.
    missing: u64,
    fin: bool,
    /// Whether its vantage point shows it for the first time, and there are others.
    is_first_there: bool,
    origin: Origin,
}

impl Run {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn end(&self) -> u64 {
        self.at + self.len() + self.missing
    }
}

impl Half {
    /// Returns the number of segments that were sent again.
    pub(super) fn retransmissions(&self) -> u64 {
        self.fact.retransmissions
    }

    /// Takes the next segment of the direction, without RST, and the payload out of it.
    #[inline]
    pub(super) fn push(&mut self, segment: &mut Segment, sink: &mut DirectionSink<'_, '_>) {
        self.count(segment);
        let numbers = segment.wire_len() + u64::from(segment.flags.syn) + u64::from(segment.flags.fin);
        let (vantage, is_first_there) =
            self.vantage_points.record(segment.vantage, Seq(segment.seq), numbers);
        let goes_on = self.goes_on(segment);
        if goes_on && !segment.payload.is_empty() {
            self.recent.note(segment, vantage);
            self.fact.zero_windows += u64::from(segment.window == 0);
            self.deliver(std::mem::take(&mut segment.payload), segment.origin, sink);
            return;
        }
        if self.recent.saw(segment, vantage) {
            self.fact.duplicates += 1;
            self.fact.given_up += segment.payload.len() as u64;
            return;
        }
        self.fact.zero_windows += u64::from(segment.window == 0);
        if goes_on {
            return;
        }
        let seq = Seq(segment.seq).plus(u64::from(segment.flags.syn));
        let cursor = self.anchor(segment, seq, sink);
        if segment.flags.syn {
            if self.syn && segment.wire_len() == 0 {
                self.count_again(is_first_there);
            }
            self.syn = true;
        }
        if let Some(run) = self.clip(segment, is_first_there, cursor, sink) {
            self.place(run, sink);
        }
    }

    /// Counts a segment that brings nothing new: a copy of one elsewhere, else a retransmission.
    fn count_again(&mut self, is_first_there: bool) {
        if is_first_there {
            self.fact.duplicates += 1;
        } else {
            self.fact.retransmissions += 1;
        }
    }

    /// Returns whether a segment is the next one in order and nothing is held: the fast path.
    fn goes_on(&self, segment: &Segment) -> bool {
        self.cursor.is_some_and(|cursor| cursor.seq.0 == segment.seq)
            && segment.flags == Flags::default()
            && segment.missing == 0
            && self.store.is_empty()
            && self.fin.is_none()
            && !self.ended
            && !self.provisional
    }

    /// Counts a packet of the direction.
    fn count(&mut self, segment: &Segment) {
        self.fact.packets += 1;
        self.fact.bytes += segment.payload.len() as u64;
        self.last = segment.origin.packet;
    }

    /// Returns the cursor. The first packet sets it, and emits a gap if the start of the direction
    /// was not captured.
    fn anchor(&mut self, segment: &Segment, seq: Seq, sink: &mut DirectionSink<'_, '_>) -> Cursor {
        let empty = segment.wire_len() == 0 && !segment.flags.fin;
        if let Some(mut cursor) = self.cursor {
            if self.provisional {
                // The start was derived from a keep-alive, which is one byte before it.
                if seq == cursor.seq.plus(1) && self.store.is_empty() {
                    cursor = Cursor::at(seq);
                }
                self.provisional = empty;
            }
            self.cursor = Some(cursor);
            return cursor;
        }
        // A single byte that the receiver has already is a keep-alive.
        let probe = segment.wire_len() <= 1 && !segment.flags.fin && self.acks.last() == Some(seq.plus(1));
        let cursor = Cursor::at(if probe && !segment.flags.syn { seq.plus(1) } else { seq });
        self.cursor = Some(cursor);
        if !segment.flags.syn && !self.ended {
            self.provisional = empty && !probe;
            sink.feed(Feed::Gap { len: 0, why: Degraded::MIDSTREAM, at: segment.origin });
        }
        cursor
    }

    /// Returns the part of a segment at or after the cursor; `None` if there is none. The rest is
    /// given up.
    fn clip(
        &mut self,
        segment: &mut Segment,
        is_first_there: bool,
        cursor: Cursor,
        sink: &mut DirectionSink<'_, '_>,
    ) -> Option<Run> {
        let seq = Seq(segment.seq).plus(u64::from(segment.flags.syn));
        let len = segment.payload.len() as u64;
        let total = segment.wire_len();
        let fin = segment.flags.fin;
        let mut run = Run {
            at: cursor.position,
            bytes: std::mem::take(&mut segment.payload),
            missing: u64::from(segment.missing),
            fin,
            is_first_there,
            origin: segment.origin,
        };
        let keep_alive = total == 1 && segment.flags == Flags::default();
        if keep_alive && seq.plus(1) == cursor.seq.plus(self.high.saturating_sub(cursor.position)) {
            self.fact.given_up += len;
            return None;
        }
        match cursor.locate(seq) {
            Position::Ahead(at) => run.at = at,
            Position::Behind(behind) => {
                let old = behind.min(len);
                self.fact.given_up += old;
                if total > 0 && behind > cursor.position && !is_first_there {
                    self.reported.before_start(old, sink);
                } else if total > 0 && total <= behind {
                    self.count_again(is_first_there);
                }
                if total < behind || (total == behind && !fin) {
                    return None;
                }
                run.bytes = run.bytes.slice(old as usize..);
                run.missing = total - behind - run.len();
            }
            Position::Far(at) => {
                if !self.believes(seq, at, total) {
                    self.fact.given_up += len;
                    self.reported.out_of_window(total, sink);
                    return None;
                }
                run.at = at;
            }
        }
        Some(run)
    }

    /// Returns whether a segment far outside of the window is genuine: it may follow a large loss.
    fn believes(&mut self, seq: Seq, at: u64, total: u64) -> bool {
        let confirmed = self.acks.highest().saturating_add(u64::from(limits::MAX_AHEAD)) >= at;
        let goes_on = self.stray == Some(seq) && total > 0;
        self.stray = (total > 0).then(|| seq.plus(total));
        self.acks.highest() > 0 && confirmed || goes_on
    }

    /// Delivers or holds a run, and delivers what it puts in order.
    fn place(&mut self, mut run: Run, sink: &mut DirectionSink<'_, '_>) {
        if self.ended {
            self.too_late(&run, sink);
            return;
        }
        if run.end() == run.at && !run.fin {
            return;
        }
        let fin_is_new = run.fin && self.fin.is_none();
        if run.fin && !fin_is_new && run.end() == run.at {
            self.count_again(run.is_first_there);
        }
        if fin_is_new {
            self.set_fin(run.end(), run.origin, sink);
        }
        if let Some((fin, _)) = self.fin {
            self.cut_at(fin, &mut run, sink);
        }
        let is_late = self.is_late(&run);
        let was_overtaken = run.at < self.high && run.len() > 0 && !is_late;
        if run.at > self.high {
            self.fact.holes += 1;
        } else if is_late {
            self.fact.retransmissions += 1;
            self.fact.lost_before += 1;
        }
        self.high = self.high.max(run.end());
        let position = self.position();
        if run.at > position || !self.store.is_empty() {
            let fresh = self.hold(&run, position, sink);
            self.fact.out_of_order += u64::from(was_overtaken && fresh > 0);
        } else {
            self.fact.out_of_order += u64::from(was_overtaken);
            if !run.bytes.is_empty() {
                self.deliver(run.bytes, run.origin, sink);
            }
            if run.missing > 0 {
                self.cut_gap(run.missing, run.origin, sink);
            }
        }
        self.drain(sink);
        while self.store.cost() > limits::MAX_HELD_PER_DIRECTION && self.relieve(sink) {}
    }

    /// Returns whether a run fills a hole so late that it was sent again: the first copy was lost
    /// before the point of capture. Three duplicate acknowledgements make a sender retransmit at
    /// once (RFC 5681 section 3.2).
    fn is_late(&self, run: &Run) -> bool {
        let behind = self.store.next_after(run.at).or(self.fin.map(|(_, at)| at));
        let Some(behind) = behind.filter(|_| run.len() > 0) else { return false };
        let waited = run.origin.time.since(behind.time);
        run.end() <= self.high && (waited >= limits::OUT_OF_ORDER || self.duplicate_acks >= 3)
    }

    /// Gives up a run after the end of the direction.
    fn too_late(&mut self, run: &Run, sink: &mut DirectionSink<'_, '_>) {
        self.fact.given_up += run.len();
        if run.end() > run.at {
            self.reported.after_end(run.len(), sink);
        } else if run.fin {
            self.count_again(run.is_first_there);
        }
    }

    /// Sets the end of the direction; bytes held after it are given up.
    fn set_fin(&mut self, fin: u64, origin: Origin, sink: &mut DirectionSink<'_, '_>) {
        self.fin = Some((fin, origin));
        let beyond = self.store.truncate(fin);
        self.fact.given_up += beyond;
        self.high = self.high.min(fin.max(self.position()));
        if beyond > 0 {
            self.reported.after_end(beyond, sink);
        }
    }

    /// Gives up the part of a run after the FIN.
    fn cut_at(&mut self, fin: u64, run: &mut Run, sink: &mut DirectionSink<'_, '_>) {
        if run.end() <= fin {
            return;
        }
        run.at = run.at.min(fin);
        let keep = (fin - run.at).min(run.len());
        let beyond = run.len() - keep;
        self.fact.given_up += beyond;
        run.bytes.truncate(keep as usize);
        run.missing = run.missing.min(fin - run.at - keep);
        if beyond > 0 {
            self.reported.after_end(beyond, sink);
        }
    }

    /// Holds a run that is not next, or that may overlap held bytes. Returns the number of its
    /// bytes that are new.
    fn hold(&mut self, run: &Run, position: u64, sink: &mut DirectionSink<'_, '_>) -> u64 {
        let (bytes, origin) = (run.bytes.clone(), run.origin);
        // A run that is next is delivered at once, so it is not copied.
        let stored = self.store.insert(run.at, &Piece { bytes, origin }, run.at > position);
        self.fact.given_up += run.len() - stored.fresh;
        if stored.fresh == 0 && run.missing == 0 && run.len() > 0 {
            self.count_again(run.is_first_there);
        }
        if stored.conflict {
            let what = format!("{} at offset {} overlap others and differ", count(run.len()), run.at);
            sink.add(Code::TcpOverlapConflict, &what);
        }
        self.store.insert_cut(run.at + run.len(), run.end(), run.origin);
        stored.fresh
    }

    /// Delivers everything that is in order, and the end if it is next.
    fn drain(&mut self, sink: &mut DirectionSink<'_, '_>) {
        while !self.store.is_empty()
            && let Some(next) = self.store.take(self.position())
        {
            match next {
                Next::Data(piece) => self.deliver(piece.bytes, piece.origin, sink),
                Next::Cut(len, origin) => self.cut_gap(len, origin, sink),
            }
        }
        self.acks.forget(self.position());
        if !self.end_waits {
            self.end_at_fin(sink);
        }
    }

    /// Ends the direction if everything before its FIN was delivered or given up.
    pub(super) fn end_at_fin(&mut self, sink: &mut DirectionSink<'_, '_>) {
        if let Some((fin, at)) = self.fin
            && fin <= self.position()
        {
            self.end(Ending::Closed, at, sink);
        }
    }

    /// The end of the direction waits from here on: its sender acknowledged bytes that are not
    /// captured, or are captured later, and may have closed because of them.
    pub(super) fn delay_end(&mut self) {
        self.end_waits = true;
    }

    /// Returns whether the end of the direction waits.
    pub(super) fn is_end_delayed(&self) -> bool {
        self.end_waits
    }

    /// Ends the direction if nothing but the delay held its end back.
    pub(super) fn stop_delay(&mut self, sink: &mut DirectionSink<'_, '_>) {
        self.end_waits = false;
        self.end_at_fin(sink);
    }

    fn deliver(&mut self, bytes: Bytes, origin: Origin, sink: &mut DirectionSink<'_, '_>) {
        let len = bytes.len() as u64;
        self.reached = self.reached.later(origin);
        self.sent = self.reached.time;
        self.duplicate_acks = 0;
        self.fact.delivered += len;
        self.advance(len);
        sink.feed(Feed::Data(bytes, Span { end: self.reached, ..Span::of(origin) }));
    }

    fn cut_gap(&mut self, len: u64, origin: Origin, sink: &mut DirectionSink<'_, '_>) {
        self.reached = self.reached.later(origin);
        self.fact.gaps += len;
        self.advance(len);
        sink.feed(Feed::Gap { len, why: Degraded::CUT_PACKET, at: origin });
    }

    fn position(&self) -> u64 {
        self.cursor.map_or(0, |cursor| cursor.position)
    }

    fn advance(&mut self, len: u64) {
        if let Some(cursor) = &mut self.cursor {
            cursor.advance(len);
            self.high = self.high.max(cursor.position);
        }
    }

    /// Ends the direction, unless it has ended.
    pub(super) fn end(&mut self, how: Ending<End>, at: Origin, sink: &mut DirectionSink<'_, '_>) {
        if !self.ended {
            self.ended = true;
            sink.feed(Feed::Eof { how, at });
        }
    }
}
