//! The payload of an IP packet, or a fragment of it.

use std::net::IpAddr;

use bytes::Bytes;

use crate::base::PacketNo;

use super::slice::PacketSlice;

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
