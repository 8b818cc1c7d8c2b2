//! The table of connections: finds a segment's connection, numbers connections as Wireshark does, keeps the caps and
//! lets packet time end what waits.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::connection::Connection;
use super::key::Key;
use super::slab::{List, Slab};
use super::{Output, Slot};
use crate::base::fact::ConnectionFact;
use crate::base::{Code, Degraded, Ending, Finding, Findings, Origin, Timestamp, limits};
use crate::link::Segment;

/// All connections that are followed.
///
/// Numbers are Wireshark's (`tcp.stream`) as long as a connection's packets come while it is followed. Packets that come
/// after it was given up (a day of silence, ten seconds after its end, too many at once) are a new connection here and
/// the old one in Wireshark, which forgets nothing; the numbers behind it are then higher by one.
#[derive(Debug, Default)]
pub struct Table {
    /// Slots by key. Never iterated: its order is not the same in two runs.
    slots: HashMap<Key, u32, foldhash::fast::RandomState>,
    slab: Slab,
    /// When to look at which connection for holes that are due; with its number, since slots are used again.
    checks: BinaryHeap<Reverse<(Timestamp, u32, u32)>>,
    /// What all connections hold, in bytes, about.
    pub(super) held: usize,
    /// The number of the next connection.
    next: u32,
    /// The key and slot of the last packet: packets of a connection often follow each other.
    latest: Option<(Key, u32)>,
}

impl Table {
    /// No connections, the first number 0.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Segments that A and B of a connection sent again so far; none where the slot is free.
    #[must_use]
    pub fn retransmissions(&self, slot: Slot) -> [u64; 2] {
        self.slab.get(slot.0).map_or([0; 2], Connection::retransmissions)
    }

    /// The story so far of the connection of a slot; `None` where the slot is free.
    #[must_use]
    pub fn fact(&self, slot: Slot) -> Option<ConnectionFact> {
        self.slab.get(slot.0).map(Connection::fact)
    }

    /// Takes the next segment, and appends what it makes known.
    pub fn push(&mut self, segment: Segment, out: &mut Vec<Output>, findings: &mut Findings) {
        let (key, turned) = Key::of(&segment.source, &segment.destination);
        let at = segment.origin;
        let known = match self.find(&key) {
            Some(slot) if self.is_over_for(slot, &segment, turned) => {
                self.close(slot, Degraded::NONE, at, (out, findings));
                None
            }
            known => known,
        };
        let slot = known.unwrap_or_else(|| self.open(&segment, (out, findings)));
        self.latest = Some((key, slot));
        let Some((connection, list)) = self.slab.get_mut(slot) else {
            return;
        };
        let from = connection.push(segment, turned, out, findings);
        let mut cost = connection.cost();
        let others = self.held - connection.counted;
        while others + cost > limits::MAX_HELD && connection.relieve(from, out, findings) {
            cost = connection.cost();
        }
        let over = connection.over();
        if over {
            connection.over_since.get_or_insert(at.time);
        }
        self.held = others + cost;
        connection.counted = cost;
        let due = connection.due();
        if let Some(due) = due {
            self.check(slot, due);
        }
        match list {
            List::Open if over => self.slab.move_to(slot, List::Over),
            List::Open => self.slab.move_to(slot, List::Open),
            // Late packets do not put the end off.
            List::Over => {}
        }
    }

    fn find(&self, key: &Key) -> Option<u32> {
        match &self.latest {
            Some((latest, slot)) if latest == key => Some(*slot),
            _ => self.slots.get(key).copied(),
        }
    }

    fn is_over_for(&self, slot: u32, segment: &Segment, turned: bool) -> bool {
        segment.flags.syn && self.slab.get(slot).is_some_and(|known| known.is_over_for(segment, turned))
    }

    fn open(&mut self, segment: &Segment, (out, findings): (&mut Vec<Output>, &mut Findings)) -> u32 {
        if self.slab.len() >= limits::MAX_CONNECTIONS {
            self.make_room(segment.origin, (out, findings));
        }
        let connection = Connection::open(segment, Slot(self.slab.next_slot()), self.next);
        self.next = self.next.wrapping_add(1);
        out.push(connection.opened());
        let key = connection.key();
        let slot = self.slab.insert(connection);
        self.slots.insert(key, slot);
        slot
    }

    /// Gives up one connection: one that is over, else the one that is silent longest.
    fn make_room(&mut self, at: Origin, (out, findings): (&mut Vec<Output>, &mut Findings)) {
        if let Some(slot) = self.slab.front(List::Over) {
            self.close(slot, Degraded::NONE, at, (out, findings));
        } else if let Some(slot) = self.slab.front(List::Open) {
            if let Some(connection) = self.slab.get(slot) {
                findings.push(limit_met(connection, at));
            }
            self.close(slot, Degraded::NONE, at, (out, findings));
        }
    }

    /// Sees to it that holes of a connection are looked at when the first of them is due.
    fn check(&mut self, slot: u32, due: Timestamp) {
        let Some((connection, _)) = self.slab.get_mut(slot) else {
            return;
        };
        if connection.check_at.is_none_or(|at| due < at) {
            connection.check_at = Some(due);
            let stream = connection.whose().tcp_stream;
            self.checks.push(Reverse((due, slot, stream)));
        }
    }

    /// Packet time went on to `now`: gives up holes that are due, and connections that were silent too long.
    pub fn tick(&mut self, now: Origin, out: &mut Vec<Output>, findings: &mut Findings) {
        while let Some(Reverse((due, slot, stream))) = self.checks.peek().copied()
            && due <= now.time
        {
            self.checks.pop();
            let Some((connection, list)) = self.slab.get_mut(slot) else {
                continue;
            };
            // An entry for a connection that is gone, or one that an earlier entry has replaced.
            if connection.whose().tcp_stream != stream || connection.check_at != Some(due) {
                continue;
            }
            connection.check_at = None;
            connection.release(now, out, findings);
            let cost = connection.cost();
            self.held = self.held - connection.counted + cost;
            connection.counted = cost;
            let over = connection.over();
            if over {
                connection.over_since.get_or_insert(now.time);
            }
            if let Some(due) = connection.due() {
                self.check(slot, due);
            }
            if over && list == List::Open {
                self.slab.move_to(slot, List::Over);
            }
        }
        for (list, wait) in [(List::Over, limits::CONNECTION_LINGER), (List::Open, limits::CONNECTION_IDLE)] {
            while let Some(slot) = self.slab.front(list)
                && let Some(connection) = self.slab.get(slot)
                && now.time.since(connection.over_since.unwrap_or(connection.last().time)) >= wait
            {
                self.close(slot, Degraded::NONE, now, (out, findings));
            }
        }
    }

    /// The capture is over: hands on all that is held (holes become gaps) and closes every connection, in the order of
    /// their numbers.
    pub fn finish(&mut self, at: Origin, out: &mut Vec<Output>, findings: &mut Findings) {
        let mut open: Vec<_> = self.slab.iter().map(Connection::whose).collect();
        open.sort_unstable_by_key(|whose| whose.tcp_stream);
        for whose in open {
            self.close(whose.slot.0, Degraded::CAPTURE_END, at, (out, findings));
        }
    }

    /// Ends what is open of a connection, tells its story and forgets it.
    fn close(
        &mut self,
        slot: u32,
        unconfirmed: Degraded,
        at: Origin,
        (out, findings): (&mut Vec<Output>, &mut Findings),
    ) {
        let Some(mut connection) = self.slab.remove(slot) else {
            return;
        };
        connection.flush(Ending::Open, unconfirmed, at, (out, findings));
        self.held -= connection.counted;
        self.slots.remove(&connection.key());
        self.latest = None;
        out.push(Output::Closed { slot: Slot(slot), fact: Box::new(connection.fact()) });
    }
}

fn limit_met(connection: &Connection, at: Origin) -> Finding {
    let whose = connection.whose();
    let [a, b] = whose.ends;
    let most = limits::MAX_CONNECTIONS;
    Finding {
        code: Code::TcpConnectionLimit,
        at: Some(at),
        tcp_stream: Some(whose.tcp_stream),
        session: None,
        exchange: None,
        detail: format!("more than {most} at once; the one between {a} and {b} was given up"),
    }
}
