//! The holes of a direction, its end, and what the other one says of both.

use super::Half;
use crate::base::fact::DirectionFact;
use crate::base::{Code, Degraded, Ending, Feed, Origin, PacketNo, Timestamp, limits};
use crate::link::Segment;
use crate::tcp::seq::{Cursor, Position, Seq};
use crate::tcp::sink::{DirectionSink, count};

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
    pub(in crate::tcp) fn awaits_nothing(&self) -> bool {
        self.ended || (self.store.is_empty() && self.fin.is_none() && self.acks.is_empty())
    }

    /// Returns when the first hole is due, as far as it is known. `peer` is the last packet of the
    /// other direction.
    pub(in crate::tcp) fn due(&self, peer: PacketNo) -> Option<Timestamp> {
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
    pub(in crate::tcp) fn release(&mut self, peer: PacketNo, sink: &mut DirectionSink<'_, '_>) {
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
    pub(in crate::tcp) fn relieve(&mut self, sink: &mut DirectionSink<'_, '_>) -> bool {
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

    /// Holes become gaps, and held bytes are delivered: nothing more is to come. `unconfirmed` is
    /// added to the reasons of gaps that the receiver did not acknowledge.
    pub(in crate::tcp) fn flush(&mut self, unconfirmed: Degraded, sink: &mut DirectionSink<'_, '_>) {
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
    }

    /// Returns the packet with the FIN; the greatest number if none was captured.
    pub(in crate::tcp) fn fin_packet(&self) -> PacketNo {
        self.fin.map_or(PacketNo(u64::MAX), |(_, origin)| origin.packet)
    }

    /// Takes a RST of this direction's sender; its payload is given up. Returns whether the
    /// receiver accepts it (RFC 5961 section 3): a guessed one is outside of the window.
    pub(in crate::tcp) fn reset(&mut self, segment: &Segment) -> bool {
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

    /// Returns whether a RST without an acknowledgement, after the FIN of its sender, answers a
    /// segment that was not captured: its number is the acknowledgement number of what it answers
    /// (RFC 9293 section 3.10.7.1), and nothing that was captured acknowledges the FIN. Bytes that
    /// come after a program closed its socket are answered so.
    pub(in crate::tcp) fn answers_unseen(&self, seq: Seq) -> bool {
        let is_behind_fin = self.cursor.is_some_and(|cursor| cursor.seq.plus(1) == seq);
        self.closed() && is_behind_fin && self.acks.last() != Some(seq)
    }

    /// Bytes at the end of the direction were not captured; their number is not known.
    pub(in crate::tcp) fn lose_tail(&mut self, sink: &mut DirectionSink<'_, '_>) {
        if !self.ended {
            self.fact.holes += 1;
            sink.feed(Feed::Gap { len: 0, why: Degraded::GAP, at: sink.at });
        }
    }

    /// Takes an acknowledgement of the direction's bytes. `pure_at` is the vantage point of its
    /// segment if that carries nothing else.
    pub(in crate::tcp) fn acknowledged(
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
    pub(in crate::tcp) fn end_if_acknowledged(&mut self, ack: u32, sink: &mut DirectionSink<'_, '_>) {
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
    pub(in crate::tcp) fn starts_at(&mut self, seq: u32) {
        if self.cursor.is_none() {
            self.cursor = Some(Cursor::at(Seq(seq)));
        }
    }

    /// Returns whether the end was delivered.
    pub(in crate::tcp) fn ended(&self) -> bool {
        self.ended
    }

    /// Returns whether the direction ended with its FIN.
    pub(in crate::tcp) fn closed(&self) -> bool {
        self.fin.is_some_and(|(fin, _)| fin <= self.position()) && self.ended
    }

    /// Returns the number of the last packet.
    pub(in crate::tcp) fn last(&self) -> PacketNo {
        self.last
    }

    /// Returns the approximate memory held for reassembly, in bytes.
    pub(in crate::tcp) fn cost(&self) -> usize {
        self.store.cost()
    }

    /// Returns the counts. What was neither delivered nor given up is held.
    pub(in crate::tcp) fn fact(&self) -> DirectionFact {
        #[cfg(test)]
        assert_eq!(self.fact.bytes, self.fact.delivered + self.fact.given_up + self.store.bytes());
        self.fact
    }
}
