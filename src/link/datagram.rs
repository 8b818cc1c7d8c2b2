//! What IP carries: the payload of an IP packet, or a fragment of one.

use std::net::IpAddr;

use bytes::Bytes;

use super::slice::PacketSlice;

/// What IP carries, without the IP headers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Datagram<'a> {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    /// The IPv4 identification.
    pub(super) id: Option<u16>,
    pub(super) ttl: u8,
    /// What `slice` is: a protocol number of IANA's registry.
    pub(super) protocol: u8,
    /// The payload, bounded by the IP length.
    pub(super) slice: PacketSlice<'a>,
    /// Set where `slice` is a fragment of the payload.
    pub(super) fragment: Option<Fragment>,
}

/// Where a fragment belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fragment {
    /// The identification (16 bits in IPv4).
    pub(super) id: u32,
    /// Bytes of the payload before it; a multiple of 8.
    pub(super) offset: usize,
    /// Whether it is not the last.
    pub(super) more: bool,
}

/// The payload of an IP packet, put together.
#[derive(Debug)]
pub(super) struct Reassembled {
    pub(super) bytes: Bytes,
    /// The protocol that its first fragment names.
    pub(super) protocol: u8,
}
