//! The last packets of a direction, to tell a packet that was captured twice from one that was sent
//! twice.

use super::vantage::Vantage;
use crate::base::{Timestamp, limits};
use crate::link::{Flags, Segment};

/// Number of packets that are compared. Copies follow each other closely: the kernel captures a
/// packet on two devices in a row, a mirror port sends it in and out.
const KEPT: usize = 4;

/// The last packets.
#[derive(Debug, Default)]
pub(super) struct Recent {
    seen: [Option<Seen>; KEPT],
    next: u8,
}

/// A packet and where it was seen.
#[derive(Clone, Copy, Debug)]
struct Seen {
    key: CopyKey,
    /// Vantage points that showed it; see [`Vantage::bit`].
    at: u16,
}

/// What all copies of a packet have in common. The TTL does not belong to it: routers decrement it.
#[derive(Clone, Copy, Debug)]
struct CopyKey {
    /// Identification of IPv4; `None` for 0 and for IPv6.
    id: Option<u16>,
    window: u16,
    seq: u32,
    ack: Option<u32>,
    flags: Flags,
    len: u32,
    time: Timestamp,
}

impl Recent {
    /// Records a packet that cannot be a copy.
    #[inline]
    pub(super) fn note(&mut self, segment: &Segment, vantage: Vantage) {
        if let Some(place) = self.seen.get_mut(usize::from(self.next)) {
            *place = Some(Seen { key: CopyKey::of(segment), at: vantage.bit() });
        }
        self.next = (self.next + 1) % KEPT as u8;
    }

    /// Returns whether a packet is a copy of a recorded one; records it if not.
    ///
    /// With an identification, copies have the same one. Without, a packet is a copy if the
    /// recorded one was not seen at this vantage point: a sender that repeats it is seen there
    /// twice.
    pub(super) fn saw(&mut self, segment: &Segment, vantage: Vantage) -> bool {
        let this = CopyKey::of(segment);
        let copy = self
            .seen
            .iter_mut()
            .flatten()
            .find(|seen| seen.key.same_as(&this) && (this.id.is_some() || seen.at & vantage.bit() == 0));
        match copy {
            Some(seen) => {
                seen.at |= vantage.bit();
                true
            }
            None => {
                self.note(segment, vantage);
                false
            }
        }
    }
}

impl CopyKey {
    fn of(segment: &Segment) -> Self {
        Self {
            id: segment.ip_id.filter(|id| *id != 0),
            window: segment.window,
            seq: segment.seq,
            ack: segment.ack,
            flags: segment.flags,
            len: segment.payload.len() as u32,
            time: segment.origin.time,
        }
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
