//! The directory of connections: finds a segment's connection, numbers connections, caps their
//! number and decides when one is forgotten. Looks at TCP headers only.

use std::collections::HashMap;
use std::net::SocketAddr;

use super::key::Key;
use super::seq::Seq;
use super::slab::Slab;
use super::{ConnectionId, Opened};
use crate::base::{Code, End, Finding, Origin, Sink, Timestamp, limits};
use crate::link::{Addresses, Segment};

/// Connections that are not closed, the one silent longest first.
const OPEN: usize = 0;
/// Connections with a FIN in both directions of which one is not acknowledged, the one silent
/// longest first.
const CLOSING: usize = 1;
/// Connections that are closed or reset, the one closed first first.
const CLOSED: usize = 2;

/// All connections that are known.
///
/// Numbers are Wireshark's (`tcp.stream`) as long as the connection is known. Packets that come
/// after it was forgotten ([`limits::CONNECTION_IDLE`], [`limits::CONNECTION_LINGER`],
/// [`limits::CONNECTION_FIN_WAIT`], [`limits::MAX_CONNECTIONS`]) open a new connection here and
/// belong to the old one in Wireshark, which forgets nothing; later numbers are then higher by one.
#[derive(Debug, Default)]
pub struct Directory {
    /// Slots by key. Never iterated: its order differs between runs.
    slots: HashMap<Key, u32, foldhash::fast::RandomState>,
    slab: Slab<Entry, 3>,
    /// Number of the next connection.
    next: u32,
    /// Key and slot of the last packet: packets of a connection often follow each other.
    latest: Option<(Key, u32)>,
    /// Whether pairs of shards are one.
    is_halved: bool,
}

/// Where a segment belongs.
#[derive(Debug)]
pub struct Route {
    /// The connection.
    pub id: ConnectionId,
    /// The sender.
    pub from: End,
    /// Set if this segment opens the connection. Boxed: nearly no segment does.
    pub opened: Option<Box<Opened>>,
}

/// What the headers of a connection's segments say.
#[derive(Debug)]
struct Entry {
    id: ConnectionId,
    key: Key,
    ends: [SocketAddr; 2],
    /// Whether A is the second end of the key.
    is_swapped: bool,
    /// Time of the last packet.
    last: Timestamp,
    directions: [Direction; 2],
    /// A FIN or RST was seen, valid or not.
    saw_end: bool,
    /// A valid RST was seen.
    is_reset: bool,
    /// When the connection was closed or reset.
    closed_at: Timestamp,
}

/// What one end sent.
#[derive(Debug, Default)]
struct Direction {
    /// Initial sequence number as Wireshark keeps it: guessed if the SYN was not captured.
    base: Option<Seq>,
    /// Sequence number after the highest byte.
    next: Option<Seq>,
    /// Sequence number after the first FIN.
    fin: Option<Seq>,
    /// The latest acknowledgement from the other end.
    acked: Option<Seq>,
}

impl Directory {
    /// Divides connections into half as many shards: the even ones. Called before the first
    /// segment.
    pub fn halve_shards(&mut self) {
        self.is_halved = true;
    }

    /// Finds or opens the connection of a segment. Emits the connections that are forgotten for it:
    /// an earlier one with the same addresses, or one that makes room.
    #[inline]
    pub fn route(
        &mut self,
        addresses: &Addresses,
        segment: &Segment,
        sink: &mut Sink<'_, ConnectionId>,
    ) -> Route {
        let (key, is_swapped) = Key::new(&addresses.source, &addresses.destination);
        let known = match self.find(&key) {
            Some(slot) if self.is_reused(slot, segment, is_swapped) => {
                self.close(slot, sink.out);
                None
            }
            known => known,
        };
        let (slot, opened) = match known {
            Some(slot) => (slot, None),
            None => {
                let opened = self.open((key, is_swapped), addresses, segment, sink);
                (opened.id.slot, Some(Box::new(opened)))
            }
        };
        self.latest = Some((key, slot));
        let Some((entry, list)) = self.slab.get_mut(slot) else {
            // Never: the slot was found or filled above.
            return Route { id: ConnectionId::default(), from: End::A, opened };
        };
        let from = entry.sender(is_swapped);
        let id = entry.id;
        entry.push(from, segment);
        let state = entry.list();
        if list != CLOSED {
            if state == CLOSED {
                entry.closed_at = segment.origin.time;
            }
            self.slab.move_to(slot, state);
        }
        Route { id, from, opened }
    }

    #[inline]
    fn find(&self, key: &Key) -> Option<u32> {
        match &self.latest {
            Some((latest, slot)) if latest == key => Some(*slot),
            _ => self.slots.get(key).copied(),
        }
    }

    /// Returns whether a segment opens another connection with the same addresses, by Wireshark's
    /// rule: a SYN with another sequence number than the sender's first one, or any SYN after a FIN
    /// or RST.
    fn is_reused(&self, slot: u32, segment: &Segment, is_swapped: bool) -> bool {
        if !segment.flags.syn || segment.ack.is_some() {
            return false;
        }
        self.slab.get(slot).is_some_and(|entry| {
            let base = entry.sender(is_swapped).of(&entry.directions).base;
            base.is_some_and(|base| base.0 != segment.seq || entry.saw_end)
        })
    }

    fn open(
        &mut self,
        (key, is_swapped): (Key, bool),
        addresses: &Addresses,
        segment: &Segment,
        sink: &mut Sink<'_, ConnectionId>,
    ) -> Opened {
        if self.slab.len() >= limits::MAX_CONNECTIONS {
            self.make_room(segment.origin, sink);
        }
        let shard = if self.is_halved { key.shard() & !1 } else { key.shard() };
        let id = ConnectionId { slot: self.slab.next_slot(), tcp_stream: self.next, shard };
        self.next = self.next.wrapping_add(1);
        let ends = [addresses.source, addresses.destination];
        let at = segment.origin;
        let entry = Entry {
            id,
            key,
            ends,
            is_swapped,
            last: at.time,
            directions: Default::default(),
            saw_end: false,
            is_reset: false,
            closed_at: Timestamp::default(),
        };
        self.slab.insert(entry, OPEN);
        self.slots.insert(key, id.slot);
        let opener = match (segment.flags.syn && !segment.flags.rst, segment.ack) {
            (true, None) => Some(End::A),
            (true, Some(_)) => Some(End::B),
            (false, _) => None,
        };
        Opened { id, ends, opener, at }
    }

    /// Forgets one connection: one that is closed, else the one that is silent longest.
    fn make_room(&mut self, at: Origin, sink: &mut Sink<'_, ConnectionId>) {
        if let Some(slot) = self.slab.front(CLOSED).or_else(|| self.slab.front(CLOSING)) {
            self.close(slot, sink.out);
        } else if let Some(slot) = self.slab.front(OPEN) {
            if let Some(entry) = self.slab.get(slot) {
                sink.findings.push(limit_reached(entry, at));
            }
            self.close(slot, sink.out);
        }
    }

    /// Appends the connections to `closed` that are forgotten at `now`.
    pub fn tick(&mut self, now: Timestamp, closed: &mut Vec<ConnectionId>) {
        let waits = [
            (CLOSED, limits::CONNECTION_LINGER),
            (CLOSING, limits::CONNECTION_FIN_WAIT),
            (OPEN, limits::CONNECTION_IDLE),
        ];
        for (list, wait) in waits {
            while let Some(slot) = self.slab.front(list)
                && let Some(entry) = self.slab.get(slot)
                && now.since(if list == CLOSED { entry.closed_at } else { entry.last }) >= wait
            {
                self.close(slot, closed);
            }
        }
    }

    /// The capture is over: appends every connection to `closed`, in the order of their numbers.
    pub fn finish(&mut self, closed: &mut Vec<ConnectionId>) {
        let mut slots: Vec<_> = self.slab.iter().map(|entry| (entry.id.tcp_stream, entry.id.slot)).collect();
        slots.sort_unstable();
        for (_, slot) in slots {
            self.close(slot, closed);
        }
    }

    fn close(&mut self, slot: u32, closed: &mut Vec<ConnectionId>) {
        if let Some(entry) = self.slab.remove(slot) {
            self.slots.remove(&entry.key);
            self.latest = None;
            closed.push(entry.id);
        }
    }
}

impl Entry {
    fn sender(&self, is_swapped: bool) -> End {
        if is_swapped == self.is_swapped { End::A } else { End::B }
    }

    /// Records the headers of a segment.
    #[inline]
    fn push(&mut self, from: End, segment: &Segment) {
        self.last = segment.origin.time;
        self.saw_end |= segment.flags.fin || segment.flags.rst;
        let (mine, peer) = from.split_mut(&mut self.directions);
        let seq = Seq(segment.seq);
        if mine.base.is_none() {
            mine.base = Some(if segment.flags.syn { seq } else { seq.before() });
        }
        if peer.base.is_none() {
            peer.base = segment.ack.map(|ack| Seq(ack).before());
        }
        if segment.flags.rst {
            self.is_reset |= mine.accepts_reset(seq);
            return;
        }
        peer.acked = segment.ack.map(Seq).or(peer.acked);
        let payload = segment.payload.len() as u64 + u64::from(segment.missing);
        let end = seq.plus(payload + u64::from(segment.flags.syn) + u64::from(segment.flags.fin));
        if mine.next.is_none_or(|next| end.ahead_of(next) <= limits::MAX_AHEAD) {
            mine.next = Some(end);
        }
        if segment.flags.fin {
            mine.fin.get_or_insert(end);
        }
    }

    /// Returns the list that the connection belongs to.
    fn list(&self) -> usize {
        match (self.is_reset, &self.directions) {
            (true, _) => CLOSED,
            (false, [a, b]) if a.fin.is_some() && b.fin.is_some() => {
                if a.is_acknowledged() && b.is_acknowledged() { CLOSED } else { CLOSING }
            }
            (false, _) => OPEN,
        }
    }
}

impl Direction {
    /// Returns whether the receiver acknowledged the FIN, and so everything before it.
    fn is_acknowledged(&self) -> bool {
        self.fin.is_some() && self.fin == self.acked
    }

    /// Returns whether the receiver accepts a RST (RFC 5961 section 3): one at its last ACK, or not
    /// far ahead of what was sent. A connection kept too long costs less than one that is cut.
    fn accepts_reset(&self, seq: Seq) -> bool {
        let Some(next) = self.next else { return true };
        self.acked == Some(seq) || seq.ahead_of(next) <= limits::RST_WINDOW
    }
}

fn limit_reached(entry: &Entry, at: Origin) -> Finding {
    let [a, b] = entry.ends;
    let most = limits::MAX_CONNECTIONS;
    Finding {
        code: Code::TcpConnectionLimit,
        at: Some(at),
        tcp_stream: Some(entry.id.tcp_stream),
        session: None,
        exchange: None,
        count: 1,
        detail: format!("more than {most} open connections; the one between {a} and {b} was dropped"),
    }
}
