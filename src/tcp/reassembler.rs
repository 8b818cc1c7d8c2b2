//! The connections of a lane: reassembles them, and holds the caps on bytes that wait for
//! reassembly.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::connection::Connection;
use super::{ConnectionId, Delivery, Opened, Summary};
use crate::base::{Degraded, End, Ending, Origin, Sink, Timestamp, limits};
use crate::link::Segment;

/// Reassembles the connections that a [`Directory`](super::Directory) opens.
///
/// Every call concerns one connection. The outcome depends on the connections of the same shard
/// only.
#[derive(Debug, Default)]
pub struct Reassembler {
    /// By slot. Boxed: most slots of a lane belong to connections of other lanes.
    connections: Vec<Option<Box<Connection>>>,
    /// When to check which connection of a shard for holes that are due: time, connection, slot.
    checks: [BinaryHeap<Reverse<(Timestamp, u32, u32)>>; limits::SHARDS],
    /// Approximate memory held by the connections of each shard, in bytes.
    held: [usize; limits::SHARDS],
    /// The shard whose share is full; `None` if none is.
    full_shard: Option<u8>,
    /// What its connections hold, with their numbers and slots: the largest is last.
    holders: Vec<(usize, Reverse<u32>, u32)>,
}

impl Reassembler {
    /// Creates the state of a connection. A slot may be reused after [`Reassembler::close`].
    pub fn open(&mut self, opened: &Opened) {
        let index = opened.id.slot as usize;
        if index >= self.connections.len() {
            self.connections.resize_with(index + 1, || None);
        }
        if let Some(slot) = self.connections.get_mut(index) {
            *slot = Some(Box::new(Connection::new(opened)));
        }
    }

    /// Takes the next segment of a connection, sent by `from`.
    pub fn push(&mut self, id: ConnectionId, from: End, segment: Segment, sink: &mut Sink<'_, Delivery>) {
        let Some(connection) = self.connections.get_mut(id.slot as usize).and_then(Option::as_deref_mut)
        else {
            return;
        };
        connection.push(from, segment, sink);
        let cost = connection.cost();
        if let Some(held) = self.held.get_mut(usize::from(id.shard)) {
            *held = *held - connection.counted + cost;
            connection.counted = cost;
            if *held > limits::MAX_HELD_PER_SHARD {
                self.full_shard = Some(id.shard);
            }
        }
        if let Some(due) = connection.due()
            && let Some(checks) = self.checks.get_mut(usize::from(id.shard))
        {
            schedule(checks, connection, due);
        }
    }

    /// If the share of the shard that was pushed to is full, gives up holes of the connection that
    /// holds most, and returns the connection; `None` if a quarter of the share is free.
    pub fn relieve(&mut self, sink: &mut Sink<'_, Delivery>) -> Option<ConnectionId> {
        let shard = self.full_shard?;
        let held = self.held.get_mut(usize::from(shard))?;
        if self.holders.is_empty() {
            let of_shard = |it: &&Connection| it.id.shard == shard && it.counted > 0;
            let holders = self.connections.iter().filter_map(Option::as_deref).filter(of_shard);
            self.holders.extend(holders.map(|it| (it.counted, Reverse(it.id.tcp_stream), it.id.slot)));
            self.holders.sort_unstable();
        }
        while *held > limits::MAX_HELD_PER_SHARD / 4 * 3
            && let Some((_, _, slot)) = self.holders.pop()
        {
            let Some(connection) = self.connections.get_mut(slot as usize).and_then(Option::as_deref_mut)
            else {
                continue;
            };
            // Half of it, so that it is not emptied where the others hold nearly as much.
            let enough = connection.counted / 2;
            while connection.counted > enough && connection.relieve(sink) {
                let cost = connection.cost();
                *held = *held - connection.counted + cost;
                connection.counted = cost;
            }
            return Some(connection.id);
        }
        self.full_shard = None;
        self.holders.clear();
        None
    }

    /// Gives up the holes of one connection of a shard that are due at `now` and returns the
    /// connection; `None` if none is due.
    pub fn release(&mut self, shard: u8, now: Origin, sink: &mut Sink<'_, Delivery>) -> Option<ConnectionId> {
        let checks = self.checks.get_mut(usize::from(shard))?;
        while let Some(Reverse((due, tcp_stream, slot))) = checks.peek().copied()
            && due <= now.time
        {
            checks.pop();
            let connection = self.connections.get_mut(slot as usize).and_then(Option::as_deref_mut);
            // The connection may be gone, or an earlier check may have replaced this one.
            let Some(connection) =
                connection.filter(|it| it.id.tcp_stream == tcp_stream && it.check_at == Some(due))
            else {
                continue;
            };
            connection.check_at = None;
            connection.release(now, sink);
            let cost = connection.cost();
            if let Some(held) = self.held.get_mut(usize::from(connection.id.shard)) {
                *held = *held - connection.counted + cost;
                connection.counted = cost;
            }
            if let Some(due) = connection.due() {
                schedule(checks, connection, due);
            }
            return Some(connection.id);
        }
        None
    }

    /// Ends the directions that are open, and forgets the connection. Returns its summary; `None`
    /// if it is not open. `unconfirmed` is added to the reasons of gaps whose bytes the receiver
    /// did not acknowledge.
    pub fn close(
        &mut self,
        id: ConnectionId,
        unconfirmed: Degraded,
        at: Origin,
        sink: &mut Sink<'_, Delivery>,
    ) -> Option<Summary> {
        let mut connection = self.connections.get_mut(id.slot as usize)?.take()?;
        connection.flush(Ending::Open, unconfirmed, at, sink);
        if let Some(held) = self.held.get_mut(usize::from(id.shard)) {
            *held -= connection.counted;
        }
        Some(connection.summary())
    }

    /// Returns the numbers of segments that A and B retransmitted so far; 0 if the connection is
    /// not open.
    #[must_use]
    pub fn retransmissions(&self, id: ConnectionId) -> [u64; 2] {
        self.get(id.slot).map_or([0; 2], Connection::retransmissions)
    }

    /// Returns the summary so far of the connection in a slot; `None` if the slot is free.
    #[must_use]
    pub fn summary(&self, slot: u32) -> Option<Summary> {
        self.get(slot).map(Connection::summary)
    }

    /// Returns the approximate memory held, in bytes.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.held.iter().sum()
    }

    fn get(&self, slot: u32) -> Option<&Connection> {
        self.connections.get(slot as usize)?.as_deref()
    }
}

/// Has a connection checked for holes at `due`, unless it is checked before that anyway.
fn schedule(
    checks: &mut BinaryHeap<Reverse<(Timestamp, u32, u32)>>,
    connection: &mut Connection,
    due: Timestamp,
) {
    if connection.check_at.is_none_or(|at| due < at) {
        connection.check_at = Some(due);
        checks.push(Reverse((due, connection.id.tcp_stream, connection.id.slot)));
    }
}
