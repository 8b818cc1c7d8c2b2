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
        if let Some((fin, at)) = self.fin
            && fin <= self.position()
        {
            self.end(Ending::Closed, at, sink);
        }
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

    fn end(&mut self, how: Ending<End>, at: Origin, sink: &mut DirectionSink<'_, '_>) {
        if !self.ended {
            self.ended = true;
            sink.feed(Feed::Eof { how, at });
        }
    }
}

/// Holes, and the end of the direction.
impl Half {
    /// Returns the end of the first hole and the packet that showed it; `None` if nothing was seen
    /// after the cursor.
    fn hole(&self) -> Option<(u64, Origin)> {
        self.store.first().or(self.fin).filter(|(to, _)| *to > self.position())
    }

    /// Returns the highest acknowledged position if it is beyond everything that was seen.
    ///
    /// One byte does not count: it may be the acknowledgement of a FIN that was not captured.
    fn confirmed_tail(&self, highest: u64) -> Option<u64> {
        (!self.ended && highest > self.position() + 1).then_some(highest)
    }

    /// Returns whether nothing is held and nothing is awaited, so that nothing can be due.
    #[inline]
    pub(super) fn awaits_nothing(&self) -> bool {
        self.ended || (self.store.is_empty() && self.fin.is_none() && self.acks.is_empty())
    }

    /// Returns when the first hole is due, as far as it is known. `peer` is the last packet of the
    /// other direction.
    pub(super) fn due(&self, peer: PacketNo) -> Option<Timestamp> {
        if self.awaits_nothing() {
            return None;
        }
        let Some((to, seen)) = self.hole() else {
            // A direction of which no packet was captured has no holes before its end.
            let tail = self.acks.since(self.position() + 2).filter(|_| self.fact.packets > 0);
            return tail.map(|since| since.plus(limits::HOLE_WAIT));
        };
        match self.acks.since(to) {
            Some(since) => Some(since.max(seen.time).plus(limits::HOLE_WAIT)),
            None if peer < seen.packet => Some(seen.time.plus(limits::ONE_SIDED_WAIT)),
            None => None,
        }
    }

    /// Gives up the holes that are due.
    pub(super) fn release(&mut self, peer: PacketNo, sink: &mut DirectionSink<'_, '_>) {
        let now = sink.at.time;
        while self.due(peer).is_some_and(|due| due <= now) {
            let to = match self.hole() {
                Some((to, _)) => Some(to),
                None => self.confirmed_tail(self.acks.confirmed_at(now.plus(-limits::HOLE_WAIT))),
            };
            let Some(to) = to else { return };
            self.give_up(to, Degraded::GAP, sink);
        }
    }

    /// Gives up the first hole because a cap was reached. Returns whether there was one.
    pub(super) fn relieve(&mut self, sink: &mut DirectionSink<'_, '_>) -> bool {
        let Some((to, _)) = self.hole() else { return false };
        sink.add(Code::TcpHeldLimit, &format!("{} out of order held", count(self.store.bytes())));
        self.give_up(to, Degraded::GAP, sink);
        true
    }

    fn give_up(&mut self, to: u64, why: Degraded, sink: &mut DirectionSink<'_, '_>) {
        let len = to.saturating_sub(self.position());
        // A hole at the tail was not counted yet: nothing was seen after it.
        self.fact.holes += u64::from(to > self.high);
        self.fact.gaps += len;
        self.advance(len);
        sink.gap(len, why);
        self.drain(sink);
    }

    /// Ends the direction: holes become gaps, held bytes are delivered, then the end. `unconfirmed`
    /// is added to the reasons of gaps that the receiver did not acknowledge.
    pub(super) fn flush(
        &mut self,
        how: Ending<End>,
        unconfirmed: Degraded,
        sink: &mut DirectionSink<'_, '_>,
    ) {
        if self.ended {
            return;
        }
        while let Some((to, _)) = self.hole() {
            let confirmed = self.acks.highest() >= to;
            let why = if confirmed { Degraded::GAP } else { Degraded::GAP.and(unconfirmed) };
            self.give_up(to, why, sink);
        }
        if let Some(tail) = self.confirmed_tail(self.acks.highest()) {
            self.give_up(tail, Degraded::GAP, sink);
        }
        self.end(how, sink.at, sink);
    }

    /// Takes a RST of this direction's sender; its payload is given up. Returns whether the
    /// receiver accepts it (RFC 5961 section 3): a guessed one is outside of the window.
    pub(super) fn reset(&mut self, segment: &Segment) -> bool {
        self.count(segment);
        self.fact.given_up += segment.payload.len() as u64;
        let (vantage, _) = self.vantage_points.record(segment.vantage, Seq(segment.seq), 0);
        if self.recent.saw(segment, vantage) {
            self.fact.duplicates += 1;
            return false;
        }
        let Some(cursor) = self.cursor else { return true };
        let seq = Seq(segment.seq);
        match cursor.locate(seq) {
            Position::Ahead(at) => at <= self.high + u64::from(limits::RST_WINDOW),
            // The receiver may have less than the capture: then the RST is at its last
            // acknowledgement.
            Position::Behind(_) => self.acks.last() == Some(seq),
            Position::Far(_) => false,
        }
    }

    /// Takes an acknowledgement of the direction's bytes. `pure_at` is the vantage point of its
    /// segment if that carries nothing else.
    pub(super) fn acknowledged(
        &mut self,
        ack: u32,
        pure_at: Option<u32>,
        at: Origin,
        sink: &mut DirectionSink<'_, '_>,
    ) {
        self.acks.note(Seq(ack), self.cursor.filter(|_| !self.ended), at.time);
        if self.cursor.is_some_and(|cursor| cursor.seq == Seq(ack)) {
            if let Some(vantage) = pure_at.filter(|_| !self.store.is_empty()) {
                if self.duplicate_acks == 0 {
                    self.acks_seen_at = vantage;
                }
                self.duplicate_acks += u32::from(self.acks_seen_at == vantage);
            }
            self.check_time(at.time, sink);
        }
    }

    /// Ends the direction if `ack`, in the FIN of the other one, acknowledges a FIN that was not
    /// captured: one number more than what was seen.
    pub(super) fn end_if_acknowledged(&mut self, ack: u32, sink: &mut DirectionSink<'_, '_>) {
        let is_next = self.cursor.is_some_and(|cursor| cursor.seq.plus(1) == Seq(ack));
        let is_whole = self.store.is_empty() && self.fin.is_none() && self.fact.packets > 0;
        if is_next && is_whole && !self.ended {
            self.fin = Some((self.position(), sink.at));
            self.end(Ending::Closed, sink.at, sink);
        }
    }

    /// Adds a finding if everything that was delivered is acknowledged before it was sent, as
    /// packet times have it. The engine sees greater steps.
    fn check_time(&mut self, time: Timestamp, sink: &mut DirectionSink<'_, '_>) {
        let back = self.sent.since(time);
        if back <= limits::TIME_SKEW || self.fact.delivered == 0 {
            return;
        }
        self.sent = time;
        if back < limits::TIME_STEP {
            self.reported.time_back(back, sink);
        }
    }

    /// Sets the start of the direction, derived from the other end's handshake, unless it is known.
    pub(super) fn starts_at(&mut self, seq: u32) {
        if self.cursor.is_none() {
            self.cursor = Some(Cursor::at(Seq(seq)));
        }
    }

    /// Returns whether the end was delivered.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// Returns whether the direction ended with its FIN.
    pub(super) fn closed(&self) -> bool {
        self.fin.is_some_and(|(fin, _)| fin <= self.position()) && self.ended
    }

    /// Returns the number of the last packet.
    pub(super) fn last(&self) -> PacketNo {
        self.last
    }

    /// Returns the approximate memory held for reassembly, in bytes.
    pub(super) fn cost(&self) -> usize {
        self.store.cost()
    }

    /// Returns the counts. The books balance: what is not held was delivered or given up.
    pub(super) fn fact(&self) -> DirectionFact {
        debug_assert_eq!(self.fact.bytes, self.fact.delivered + self.fact.given_up + self.store.bytes());
        self.fact
    }
}
