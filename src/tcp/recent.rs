//! The last packets of a direction, to tell a packet that was captured twice from one that was sent
//! twice.

use crate::base::{Timestamp, limits};
use crate::link::{Flags, Segment};

/// Number of packets that are compared. Copies follow each other closely: the kernel captures a
/// packet on two devices in a row, a mirror port sends it in and out.
const KEPT: usize = 4;

/// The last packets with an IP identification. Packets without one (IPv6, or 0) are never taken for
/// copies.
#[derive(Debug, Default)]
pub(super) struct Recent {
    seen: [Option<CopyKey>; KEPT],
    next: u8,
}

/// What all copies of a packet have in common. The TTL does not belong to it: routers decrement it.
#[derive(Clone, Copy, Debug)]
struct CopyKey {
    id: u16,
    window: u16,
    seq: u32,
    ack: Option<u32>,
    flags: Flags,
    len: u32,
    time: Timestamp,
}

impl Recent {
    /// Records a packet that cannot be a copy.
    pub(super) fn note(&mut self, segment: &Segment) {
        let Some(seen) = CopyKey::of(segment) else { return };
        if let Some(place) = self.seen.get_mut(usize::from(self.next)) {
            *place = Some(seen);
        }
        self.next = (self.next + 1) % KEPT as u8;
    }

    /// Returns whether a packet is a copy of a recorded one; records it if not.
    pub(super) fn saw(&mut self, segment: &Segment) -> bool {
        let Some(this) = CopyKey::of(segment) else {
            return false;
        };
        let copy = self.seen.iter().flatten().any(|seen| seen.same_as(&this));
        if !copy {
            self.note(segment);
        }
        copy
    }
}

impl CopyKey {
    fn of(segment: &Segment) -> Option<Self> {
        Some(Self {
            id: segment.ip_id.filter(|id| *id != 0)?,
            window: segment.window,
            seq: segment.seq,
            ack: segment.ack,
            flags: segment.flags,
            len: segment.payload.len() as u32,
            time: segment.origin.time,
        })
    }

    fn same_as(&self, other: &Self) -> bool {
        self.id == other.id
            && self.seq == other.seq
            && self.ack == other.ack
            && self.len == other.len
            && self.flags == other.flags
            && self.window == other.window
            && other.time.since(self.time) <= limits::DUPLICATE_WAIT
    }
}
