//! One connection: both directions, who opened it, how it was reset, and its story.

use std::net::SocketAddr;

use super::half::Half;
use super::key::Key;
use super::seq::Seq;
use super::sink::{Sink, Whose};
use super::{End, Output, Slot};
use crate::base::fact::{ConnectionFact, Speaks};
use crate::base::{Degraded, Ending, Findings, Origin, Side, Timestamp};
use crate::link::Segment;

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    /// Whether A stands second in the key.
    turned: bool,
    whose: Whose,
    client: Option<End>,
    first: Origin,
    last: Origin,
    halves: [Half; 2],
    /// Initial sequence numbers of A and B as Wireshark keeps them: guessed where the SYN was not seen.
    bases: [Option<Seq>; 2],
    /// A FIN or RST was seen, accepted or not.
    closing: bool,
    reset: Option<Side>,
    handshake: Handshake,
    /// When the table looks at the connection for holes that are due.
    pub(super) check_at: Option<Timestamp>,
    /// Since when both directions have ended; the table sets it.
    pub(super) over_since: Option<Timestamp>,
    /// What the table has counted of [`Connection::cost`].
    pub(super) counted: usize,
}

/// How far the handshake was seen (RFC 9293 section 3.5).
#[derive(Clone, Copy, Debug)]
enum Handshake {
    /// Not yet begun, as far as the capture goes.
    Nothing,
    /// SYN of this end, with its sequence number, first sent then.
    Syn(End, Seq, Timestamp),
    /// Also the SYN-ACK, with its sequence number; the end and the time are the SYN's.
    SynAck(End, Seq, Timestamp),
    /// Over: from SYN to the ACK of the SYN-ACK, in nanoseconds, where all were seen.
    Done(Option<i64>),
}

impl Connection {
    /// The connection that `segment` begins.
    pub(super) fn open(segment: &Segment, slot: Slot, tcp_stream: u32) -> Self {
        let (_, turned) = Key::of(&segment.source, &segment.destination);
        let client = match (segment.flags.syn && !segment.flags.rst, segment.ack) {
            (true, None) => Some(End::A),
            (true, Some(_)) => Some(End::B),
            (false, _) => None,
        };
        Self {
            turned,
            whose: Whose { slot, tcp_stream, ends: [segment.source, segment.destination] },
            client,
            first: segment.origin,
            last: segment.origin,
            halves: Default::default(),
            bases: [None; 2],
            closing: false,
            reset: None,
            handshake: Handshake::Nothing,
            check_at: None,
            over_since: None,
            counted: 0,
        }
    }

    /// What is told of it at its beginning.
    pub(super) fn opened(&self) -> Output {
        Output::Opened {
            slot: self.whose.slot,
            tcp_stream: self.whose.tcp_stream,
            ends: self.whose.ends,
            client: self.client,
            at: self.first,
        }
    }

    /// Whether `segment`, which has the connection's key, begins another one, by Wireshark's rule: a SYN with another
    /// sequence number than the sender's first, or after a FIN or RST.
    pub(super) fn is_over_for(&self, segment: &Segment, turned: bool) -> bool {
        segment.flags.syn
            && segment.ack.is_none()
            && self.sender(turned).of(&self.bases).is_some_and(|base| base.0 != segment.seq || self.closing)
    }

    /// Takes the next segment. `turned` is what its key said; returns its sender.
    pub(super) fn push(
        &mut self,
        segment: Segment,
        turned: bool,
        out: &mut Vec<Output>,
        findings: &mut Findings,
    ) -> End {
        let from = self.sender(turned);
        self.last = segment.origin;
        self.note_bases(from, &segment);
        let flags = segment.flags;
        self.closing |= flags.fin || flags.rst;
        if !flags.rst {
            self.watch_handshake(from, &segment);
        }
        let (mine, peer) = pair(&mut self.halves, from);
        if flags.rst {
            if mine.reset(&segment) {
                self.reset_by(from, segment.origin, out, findings);
            }
            return from;
        }
        if let Some(ack) = segment.ack {
            peer.acknowledged(ack, segment.origin.time);
        }
        let mut sink = Sink { out, findings, whose: self.whose, from, at: segment.origin };
        mine.push(segment, &mut sink);
        from
    }

    fn sender(&self, turned: bool) -> End {
        if turned == self.turned { End::A } else { End::B }
    }

    /// Keeps the initial sequence numbers as Wireshark does: of a direction that began without SYN, or of which only
    /// acknowledgements were seen, one before what is seen.
    fn note_bases(&mut self, from: End, segment: &Segment) {
        let (mine, peer) = pair(&mut self.bases, from);
        if mine.is_none() {
            let seq = Seq(segment.seq);
            *mine = Some(if segment.flags.syn { seq } else { seq.before() });
        }
        if peer.is_none() {
            *peer = segment.ack.map(|ack| Seq(ack).before());
        }
    }

    /// Follows the handshake: times it, and learns where a direction starts whose SYN was not captured.
    fn watch_handshake(&mut self, from: End, segment: &Segment) {
        if let Handshake::Done(_) = self.handshake {
            return;
        }
        let (_, peer) = pair(&mut self.halves, from);
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

    fn reset_by(&mut self, from: End, at: Origin, out: &mut Vec<Output>, findings: &mut Findings) {
        let side = from.side(self.client);
        if !self.over() {
            self.reset = Some(side);
        }
        self.flush(Ending::Reset(side), Degraded::NONE, at, (out, findings));
    }

    /// Ends what is open of both directions, A's first. `unconfirmed` is added to the reasons of gaps of which nothing
    /// says that the receiver had the bytes.
    pub(super) fn flush(
        &mut self,
        how: Ending,
        unconfirmed: Degraded,
        at: Origin,
        (out, findings): (&mut Vec<Output>, &mut Findings),
    ) {
        let whose = self.whose;
        for (from, half) in End::BOTH.into_iter().zip(&mut self.halves) {
            let mut sink = Sink { out, findings, whose, from, at };
            half.flush(how, unconfirmed, &mut sink);
        }
    }

    /// Gives up the holes that are due.
    pub(super) fn release(&mut self, at: Origin, out: &mut Vec<Output>, findings: &mut Findings) {
        let whose = self.whose;
        for from in End::BOTH {
            let (half, peer) = pair(&mut self.halves, from);
            let mut sink = Sink { out, findings, whose, from, at };
            half.release(peer.last(), &mut sink);
        }
    }

    /// When the first hole is due, as far as is known.
    pub(super) fn due(&self) -> Option<Timestamp> {
        let [a, b] = &self.halves;
        [a.due(b.last()), b.due(a.last())].into_iter().flatten().min()
    }

    /// Gives up the first hole of what `from` sent, because a cap is met; whether there was one.
    pub(super) fn relieve(&mut self, from: End, out: &mut Vec<Output>, findings: &mut Findings) -> bool {
        let mut sink = Sink { out, findings, whose: self.whose, from, at: self.last };
        pair(&mut self.halves, from).0.relieve(&mut sink)
    }

    /// Whether both directions have ended.
    pub(super) fn over(&self) -> bool {
        self.halves.iter().all(Half::ended)
    }

    /// The memory that is held, in bytes, about.
    pub(super) fn cost(&self) -> usize {
        self.halves.iter().map(Half::cost).sum()
    }

    /// Segments that A and B sent again.
    pub(super) fn retransmissions(&self) -> [u64; 2] {
        self.halves.each_ref().map(Half::retransmissions)
    }

    /// The last packet.
    pub(super) fn last(&self) -> Origin {
        self.last
    }

    /// The key.
    pub(super) fn key(&self) -> Key {
        let [a, b] = &self.whose.ends;
        Key::of(a, b).0
    }

    /// What it is called.
    pub(super) fn whose(&self) -> Whose {
        self.whose
    }

    /// Its story. Client first, where A is taken for it if nothing told.
    pub(super) fn fact(&self) -> ConnectionFact {
        let [a, b] = [&self.halves[0], &self.halves[1]].map(Half::fact);
        let [first, second] = self.whose.ends;
        let turned = self.client == Some(End::B);
        let (client, server): (SocketAddr, SocketAddr) =
            if turned { (second, first) } else { (first, second) };
        let fins = self.halves.iter().all(Half::closed);
        let open = if fins { Ending::Closed } else { Ending::Open };
        ConnectionFact {
            tcp_stream: self.whose.tcp_stream,
            client,
            server,
            speaks: Speaks::Nothing,
            mcp: false,
            first: self.first,
            last: self.last,
            handshake_ns: match self.handshake {
                Handshake::Done(ns) => ns,
                _ => None,
            },
            ended: self.reset.map_or(open, Ending::Reset),
            directions: if turned { [b, a] } else { [a, b] },
        }
    }
}

/// The part of `end` and the part of the other end.
fn pair<T>([a, b]: &mut [T; 2], end: End) -> (&mut T, &mut T) {
    match end {
        End::A => (a, b),
        End::B => (b, a),
    }
}
