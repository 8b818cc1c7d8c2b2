//! One connection: both directions, the handshake, resets, and the summary.

use super::half::Half;
use super::seq::Seq;
use super::sink::{DirectionSink, Label};
use super::{ConnectionId, Delivery, Opened, Summary};
use crate::base::fact::DirectionFact;
use crate::base::{Degraded, End, Ending, Origin, Sink, Timestamp};
use crate::link::{Flags, Segment};

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) id: ConnectionId,
    label: Label,
    first: Origin,
    last: Origin,
    halves: [Half; 2],
    /// Which end reset the connection.
    reset: Option<End>,
    /// Whether a RST answered the SYN.
    is_refused: bool,
    handshake: Handshake,
    /// When to look for holes that are due.
    pub(super) check_at: Option<Timestamp>,
}

/// Progress of the handshake (RFC 9293 section 3.5).
#[derive(Clone, Copy, Debug)]
enum Handshake {
    /// No packet yet.
    Nothing,
    /// A SYN: its sender, its sequence number, its time.
    Syn(End, Seq, Timestamp),
    /// Also the SYN-ACK: sender and time of the SYN, sequence number of the SYN-ACK.
    SynAck(End, Seq, Timestamp),
    /// Over. Time from the SYN to the ACK of the SYN-ACK, in nanoseconds; `None` unless all three
    /// were captured.
    Done(Option<i64>),
}

impl Connection {
    /// Creates a connection of which no segment was pushed.
    pub(super) fn new(opened: &Opened) -> Self {
        Self {
            id: opened.id,
            label: Label { tcp_stream: opened.id.tcp_stream, ends: opened.ends },
            first: opened.at,
            last: opened.at,
            halves: Default::default(),
            reset: None,
            is_refused: false,
            handshake: Handshake::Nothing,
            check_at: None,
        }
    }

    /// Takes the next segment, and the payload out of it.
    #[inline]
    pub(super) fn push(&mut self, from: End, segment: &mut Segment, sink: &mut Sink<'_, Delivery>) {
        self.last = segment.origin;
        let flags = segment.flags;
        if !flags.rst {
            self.follow_handshake(from, segment);
        }
        let (mine, peer) = from.split_mut(&mut self.halves);
        if flags.rst {
            if mine.reset(segment) {
                // RFC 9293 section 3.10.7.1: it acknowledges the SYN and nothing else.
                if let (Handshake::Syn(end, isn, _), Some(ack)) = (self.handshake, segment.ack) {
                    self.is_refused = end != from && Seq(ack) == isn.plus(1);
                }
                let at = segment.origin;
                let mut direction = DirectionSink { sink, label: &self.label, from: from.other(), at };
                match segment.ack {
                    Some(ack) => peer.acknowledged(ack, None, at, &mut direction),
                    None if mine.answers_unseen(Seq(segment.seq)) => peer.lose_tail(&mut direction),
                    None => {}
                }
                self.reset_by(from, at, sink);
            }
            return;
        }
        if let Some(ack) = segment.ack {
            let is_pure = segment.payload.is_empty() && segment.missing == 0 && flags == Flags::default();
            let mut sink = DirectionSink { sink, label: &self.label, from: from.other(), at: segment.origin };
            peer.acknowledged(ack, is_pure.then_some(segment.vantage), segment.origin, &mut sink);
            if flags.fin {
                peer.end_if_acknowledged(ack, &mut sink);
            }
        }
        if flags.fin && peer.due(mine.last()).is_some() {
            mine.delay_end();
        }
        let mut direction = DirectionSink { sink, label: &self.label, from, at: segment.origin };
        mine.push(segment, &mut direction);
        self.end_delayed(segment.origin, sink);
    }

    /// Ends the directions whose end waited for bytes of the other one that are here now, or were
    /// given up. So the ends come in the order in which the sides closed, also behind a hole.
    fn end_delayed(&mut self, at: Origin, sink: &mut Sink<'_, Delivery>) {
        let label = &self.label;
        for from in End::BOTH {
            let (half, peer) = from.split_mut(&mut self.halves);
            if half.is_end_delayed() && peer.due(half.last()).is_none() {
                half.stop_delay(&mut DirectionSink { sink, label, from, at });
            }
        }
    }

    /// Times the handshake, and learns where a direction starts whose SYN was not captured.
    fn follow_handshake(&mut self, from: End, segment: &Segment) {
        if let Handshake::Done(_) = self.handshake {
            return;
        }
        let (_, peer) = from.split_mut(&mut self.halves);
        let now = segment.origin.time;
        let seq = Seq(segment.seq);
        self.handshake = match (self.handshake, segment.flags.syn, segment.ack) {
            (Handshake::Nothing, true, None) => Handshake::Syn(from, seq, now),
            (Handshake::Nothing, true, Some(ack)) => {
                peer.starts_at(ack);
                Handshake::Done(None)
            }
            (Handshake::Nothing, false, _) => Handshake::Done(None),
            (Handshake::Syn(end, isn, since), true, Some(ack)) if end != from && Seq(ack) != isn => {
                Handshake::SynAck(end, seq, since)
            }
            (Handshake::Syn(end, isn, _), false, Some(ack)) if end == from => {
                // The SYN-ACK is missing, but nothing can have been answered yet.
                if seq == isn.plus(1) {
                    peer.starts_at(ack);
                }
                Handshake::Done(None)
            }
            (Handshake::SynAck(end, isn, since), false, Some(ack)) if end == from => {
                Handshake::Done((Seq(ack) == isn.plus(1)).then(|| now.since(since)))
            }
            (unchanged, _, _) => unchanged,
        };
    }

    fn reset_by(&mut self, from: End, at: Origin, sink: &mut Sink<'_, Delivery>) {
        if !self.is_over() {
            self.reset = Some(from);
        }
        self.flush(Ending::Reset(from), Degraded::NONE, at, sink);
    }

    /// Ends the directions that are open, those with a FIN first; before that, what is missing of
    /// both is given up. `unconfirmed` is added to the reasons of gaps whose bytes the receiver did
    /// not acknowledge.
    pub(super) fn flush(
        &mut self,
        how: Ending<End>,
        unconfirmed: Degraded,
        at: Origin,
        sink: &mut Sink<'_, Delivery>,
    ) {
        let label = &self.label;
        for (from, half) in End::BOTH.into_iter().zip(&mut self.halves) {
            half.flush(unconfirmed, &mut DirectionSink { sink, label, from, at });
        }
        let [a, b] = self.halves.each_ref().map(Half::fin_packet);
        let first = if b < a { End::B } else { End::A };
        for from in [first, first.other()] {
            from.split_mut(&mut self.halves).0.end_at_fin(&mut DirectionSink { sink, label, from, at });
        }
        for from in End::BOTH {
            from.split_mut(&mut self.halves).0.end(how, at, &mut DirectionSink { sink, label, from, at });
        }
    }

    /// Gives up the holes that are due.
    pub(super) fn release(&mut self, at: Origin, sink: &mut Sink<'_, Delivery>) {
        let label = &self.label;
        for from in End::BOTH {
            let (half, peer) = from.split_mut(&mut self.halves);
            half.release(peer.last(), &mut DirectionSink { sink, label, from, at });
        }
        self.end_delayed(at, sink);
    }

    /// Returns when the first hole is due; `None` if nothing is due as far as is known.
    #[inline]
    pub(super) fn due(&self) -> Option<Timestamp> {
        let [a, b] = &self.halves;
        // After nearly every segment.
        if a.awaits_nothing() && b.awaits_nothing() {
            return None;
        }
        [a.due(b.last()), b.due(a.last())].into_iter().flatten().min()
    }

    /// Gives up the first hole of a direction because a cap was reached. Returns whether there was
    /// one.
    pub(super) fn relieve(&mut self, sink: &mut Sink<'_, Delivery>) -> bool {
        let [a, b] = self.halves.each_ref().map(Half::cost);
        let from = if a >= b { End::A } else { End::B };
        let at = self.last;
        let mut direction = DirectionSink { sink, label: &self.label, from, at };
        let is_relieved = from.split_mut(&mut self.halves).0.relieve(&mut direction);
        self.end_delayed(at, sink);
        is_relieved
    }

    /// Returns whether both directions have ended.
    pub(super) fn is_over(&self) -> bool {
        self.halves.iter().all(Half::ended)
    }

    /// Returns the approximate memory held for reassembly, in bytes.
    pub(super) fn cost(&self) -> usize {
        self.halves.iter().map(Half::cost).sum()
    }

    /// Returns the numbers of segments that A and B retransmitted.
    pub(super) fn retransmissions(&self) -> [u64; 2] {
        self.halves.each_ref().map(Half::retransmissions)
    }

    /// Returns the counts so far of what an end sent.
    pub(super) fn counts(&self, from: End) -> DirectionFact {
        from.of(&self.halves).fact()
    }

    /// Returns the summary of the connection so far.
    pub(super) fn summary(&self) -> Summary {
        let is_closed = self.halves.iter().all(Half::closed);
        let open = if is_closed { Ending::Closed } else { Ending::Open };
        Summary {
            tcp_stream: self.label.tcp_stream,
            ends: self.label.ends,
            first: self.first,
            last: self.last,
            handshake_ns: match self.handshake {
                Handshake::Done(ns) => ns,
                _ => None,
            },
            ended: self.reset.map_or(open, Ending::Reset),
            is_refused: self.is_refused,
            directions: self.halves.each_ref().map(Half::fact),
        }
    }
}
