//! Numbers the packets of a live capture.

use bytes::Bytes;

use super::queue::PacketMeta;
use crate::base::{Origin, PacketNo};
use crate::capture::item::{LinkType, Packet};

/// Assigns packet numbers. With `-w` they are the numbers in the file.
pub(super) struct Numbering {
    link_type: LinkType,
    /// Last number assigned.
    last: u64,
}

impl Numbering {
    pub(super) fn new(link_type: LinkType) -> Self {
        Self { link_type, last: 0 }
    }

    /// Returns the next packet; its bytes are split off the front of `data`.
    pub(super) fn packet(&mut self, head: PacketMeta, data: &mut Bytes) -> Packet {
        self.skip(1);
        Packet {
            origin: Origin { packet: PacketNo(self.last), time: head.time },
            link_type: self.link_type,
            interface: 0,
            data: data.split_to(data.len().min(head.captured as usize)),
            original_len: head.original,
        }
    }

    /// Skips the numbers of packets that are only in the file.
    pub(super) fn skip(&mut self, packets: u64) {
        self.last = self.last.saturating_add(packets);
    }
}
