//! Packets in the order of the capture, until their payload is replaced.

use std::collections::VecDeque;

use bytes::Bytes;

use super::checksum::Sum;
use crate::capture::Packet;
use std::ops::Range;

/// The number of a packet in the queue.
pub(super) type PacketId = u64;

/// A packet whose headers are replaced.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) packet: Packet,
    pub(super) bytes: Vec<u8>,
    pub(super) payload: Range<usize>,
    pub(super) sums: Vec<Sum>,
    /// The flow and the direction that it waits for; `None` once it waits no longer.
    pub(super) waits_for: Option<(u64, usize)>,
}

/// What a packet takes beside its bytes, in bytes.
const OVERHEAD: usize = 512;

/// Packets, in order.
#[derive(Debug, Default)]
pub(super) struct Queue {
    packets: VecDeque<Waiting>,
    /// The number of the first one.
    first: PacketId,
    /// What they take, in bytes.
    size: usize,
}

impl Queue {
    /// The number of the packet that is pushed next.
    pub(super) fn next(&self) -> PacketId {
        self.first + self.packets.len() as u64
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    pub(super) fn push(&mut self, packet: Waiting) {
        self.size += packet.bytes.capacity() + OVERHEAD;
        self.packets.push_back(packet);
    }

    fn get(&mut self, id: PacketId) -> Option<&mut Waiting> {
        self.packets.get_mut(usize::try_from(id.checked_sub(self.first)?).ok()?)
    }

    /// The payload of a packet, not replaced yet.
    pub(super) fn payload(&mut self, id: PacketId) -> &[u8] {
        let packet = self.get(id);
        packet.and_then(|packet| packet.bytes.get(packet.payload.clone())).unwrap_or_default()
    }

    /// Replaces the payload of a packet.
    pub(super) fn resolve(&mut self, id: PacketId, replace: impl FnOnce(&mut [u8])) {
        let Some(packet) = self.get(id) else { return };
        if let Some(payload) = packet.bytes.get_mut(packet.payload.clone()) {
            replace(payload);
        }
        packet.waits_for = None;
    }

    /// Cuts off the payload of a packet behind `len` bytes, as a snapshot length does.
    pub(super) fn cut(&mut self, id: PacketId, len: usize) {
        let Some(packet) = self.get(id) else { return };
        packet.bytes.truncate(packet.payload.start.saturating_add(len));
    }

    /// The first packet, with what it waits for; `None` if it waits for nothing.
    pub(super) fn blocked(&self) -> Option<(PacketId, (u64, usize))> {
        self.packets.front().and_then(|packet| packet.waits_for).map(|waits_for| (self.first, waits_for))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Takes the first packet if it waits for nothing.
    pub(super) fn pop(&mut self) -> Option<Packet> {
        let mut waiting = self.packets.pop_front_if(|packet| packet.waits_for.is_none())?;
        self.first += 1;
        self.size -= waiting.bytes.capacity() + OVERHEAD;
        for sum in waiting.sums.drain(..) {
            sum.write(&mut waiting.bytes);
        }
        Some(Packet { data: Bytes::from(waiting.bytes), ..waiting.packet })
    }
}
