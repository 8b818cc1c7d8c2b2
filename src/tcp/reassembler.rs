//! The connections of a lane: reassembles them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::connection::Connection;
use super::{ConnectionId, Delivery, Opened, Summary};
use crate::base::fact::DirectionFact;
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
}

impl Reassembler {
    /// Memory of a connection without bytes that wait, in bytes.
    pub const CONNECTION_SIZE: usize = size_of::<Connection>();

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

    /// Takes the next segment of a connection, sent by `from`, and the payload out of it.
    #[inline]
    pub fn push(
        &mut self,
        id: ConnectionId,
        from: End,
        segment: &mut Segment,
        sink: &mut Sink<'_, Delivery>,
    ) {
        let Some(connection) = self.connections.get_mut(id.slot as usize).and_then(Option::as_deref_mut)
        else {
            return;
        };
        connection.push(from, segment, sink);
        if let Some(due) = connection.due()
            && let Some(checks) = self.checks.get_mut(usize::from(id.shard))
        {
            schedule(checks, connection, due);
        }
    }

    /// Gives up holes of a connection because memory is short, until it holds half as much: it is
    /// not emptied where others hold nearly as much.
    pub fn relieve(&mut self, id: ConnectionId, sink: &mut Sink<'_, Delivery>) {
        let connection = self.connections.get_mut(id.slot as usize).and_then(Option::as_deref_mut);
        let Some(connection) = connection.filter(|it| it.id == id) else { return };
        let enough = connection.cost() / 2;
        while connection.cost() > enough && connection.relieve(sink) {}
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
        Some(connection.summary())
    }

    /// Returns the numbers of segments that A and B retransmitted so far; 0 if the connection is
    /// not open.
    #[must_use]
    pub fn retransmissions(&self, id: ConnectionId) -> [u64; 2] {
        self.get(id.slot).map_or([0; 2], Connection::retransmissions)
    }

    /// Returns the counts so far of what an end sent; `None` if the connection is not open.
    #[must_use]
    pub fn counts(&self, id: ConnectionId, from: End) -> Option<DirectionFact> {
        self.get(id.slot).map(|connection| connection.counts(from))
    }

    /// Returns the summary so far of the connection in a slot; `None` if the slot is free.
    #[must_use]
    pub fn summary(&self, slot: u32) -> Option<Summary> {
        self.get(slot).map(Connection::summary)
    }

    /// Returns the memory of the bytes of a connection that wait for reassembly, in bytes; 0 if it
    /// is not open.
    #[must_use]
    #[inline]
    pub fn held(&self, slot: u32) -> usize {
        self.get(slot).map_or(0, Connection::cost)
    }

    /// Returns what all connections hold.
    #[cfg(test)]
    pub(super) fn held_by_all(&self) -> usize {
        self.connections.iter().flatten().map(|connection| connection.cost()).sum()
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
