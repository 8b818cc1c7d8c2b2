//! Numbering of the packets of a live capture.

use bytes::Bytes;

use super::queue::PacketMeta;
use crate::base::{Origin, PacketNo};
use crate::capture::item::{LinkType, Packet};

/// Gives packets their numbers: those that they have in the file, where they are kept.
pub(super) struct Numbering {
    link_type: LinkType,
    /// The number that was given last.
    last: u64,
}

impl Numbering {
    pub(super) fn new(link_type: LinkType) -> Self {
        Self { link_type, last: 0 }
    }

    /// The next packet, whose bytes are the first of `data`.
    pub(super) fn packet(&mut self, head: PacketMeta, data: &mut Bytes) -> Packet {
        self.skip(1);
        Packet {
            origin: Origin { packet: PacketNo(self.last), time: head.time },
            link_type: self.link_type,
            data: data.split_to(data.len().min(head.captured as usize)),
            original_len: head.original,
        }
    }

    /// Leaves numbers out: those of packets that are in the file only.
    pub(super) fn skip(&mut self, packets: u64) {
        self.last = self.last.saturating_add(packets);
    }
}
