//! The payload of an IP packet, or a fragment of it.

use std::net::IpAddr;

use bytes::Bytes;
use etherparse::UdpHeaderSlice;

use crate::base::{Origin, PacketNo};

use super::slice::{NoSegment, PacketSlice};
use super::udp::UdpDatagram;

/// Payload of an IP packet, with the fields of its headers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Datagram<'a> {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    /// Identification of IPv4; `None` for IPv6.
    pub(super) id: Option<u16>,
    /// Time to live of IPv4, hop limit of IPv6.
    pub(super) hop_limit: u8,
    /// Protocol number of the payload (IANA registry).
    pub(super) protocol: u8,
    /// Payload, bounded by the IP length.
    pub(super) slice: PacketSlice<'a>,
    /// Set if `slice` is a fragment of the payload.
    pub(super) fragment: Option<Fragment>,
}

/// Length of a UDP header, in bytes.
const UDP_HEADER: usize = 8;

impl Datagram<'_> {
    /// Decodes UDP; the payload is a slice of `base`. That is why there is no segment, which is all
    /// that most callers ask for.
    pub(super) fn udp(&self, base: &Bytes, origin: Origin) -> NoSegment {
        let Ok(header) = UdpHeaderSlice::from_slice(self.slice.bytes) else {
            return NoSegment::NotTcp;
        };
        let slice = match usize::from(header.length()) {
            // A jumbogram, or segmentation offload.
            len if len < UDP_HEADER => self.slice,
            len => self.slice.bound(len.min(self.slice.wire)),
        };
        let payload = slice.skip(UDP_HEADER);
        NoSegment::Udp(UdpDatagram {
            source: (self.source, header.source_port()).into(),
            destination: (self.destination, header.destination_port()).into(),
            origin,
            payload: base.slice_ref(payload.bytes),
            wire_len: payload.wire,
        })
    }
}

/// Fields of a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fragment {
    /// Identification (16 bits in IPv4).
    pub(super) id: u32,
    /// Offset in the payload in bytes; a multiple of 8.
    pub(super) offset: usize,
    /// Whether more fragments follow (the MF flag).
    pub(super) more: bool,
}

/// Reassembled payload of an IP packet.
#[derive(Debug)]
pub(super) struct Reassembled {
    pub(super) bytes: Bytes,
    /// Protocol number of the first fragment.
    pub(super) protocol: u8,
    /// The packets of its fragments, in capture order.
    pub(super) packets: Box<[PacketNo]>,
}
