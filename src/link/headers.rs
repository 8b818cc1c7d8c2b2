//! Decodes link headers down to the IP packet.
//!
//! Link types: <https://www.tcpdump.org/linktypes.html>. EtherTypes, VLAN tags, LLC and SNAP, PPPoE
//! and PPP are decoded at any position.

use etherparse::{Ethernet2HeaderSlice, SingleVlanHeaderSlice};

use crate::base::limits;
use crate::base::reader::Short;
use crate::capture::{LinkType, Packet};

use super::slice::{NoSegment, PacketSlice};

/// An IP packet and its version.
#[derive(Clone, Copy, Debug)]
pub(super) struct IpPacket<'a> {
    /// Version announced by the previous header.
    pub(super) version: IpVersion,
    /// The packet; padding may follow it.
    pub(super) slice: PacketSlice<'a>,
}

/// Version of IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IpVersion {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
    /// The first four bits decide.
    Either,
}

/// Next header of a frame. Decoders return it rather than call each other, so that deeply nested
/// hostile frames do not recurse.
enum NextHeader<'a> {
    Ip(IpVersion, PacketSlice<'a>),
    /// The payload of this EtherType (or length).
    EtherType(u16, PacketSlice<'a>),
    Llc(PacketSlice<'a>),
    Ppp(PacketSlice<'a>),
    Pppoe(PacketSlice<'a>),
    CiscoHdlc(PacketSlice<'a>),
}

type Result<'a> = std::result::Result<NextHeader<'a>, NoSegment>;

/// Decodes the link headers of a packet.
#[inline]
pub(super) fn open(
    link_type: LinkType,
    slice: PacketSlice<'_>,
) -> std::result::Result<IpPacket<'_>, NoSegment> {
    follow(match link_type.0 {
        1 => return ethernet(slice),
        0 | 108 => loopback(slice)?,
        9 | 50 => NextHeader::Ppp(slice),
        // DLT_RAW differs between systems; all three values occur in files.
        12 | 14 | 101 => NextHeader::Ip(IpVersion::Either, slice),
        51 => NextHeader::Pppoe(slice),
        104 => NextHeader::CiscoHdlc(slice),
        113 => sll(slice)?,
        228 => NextHeader::Ip(IpVersion::V4, slice),
        229 => NextHeader::Ip(IpVersion::V6, slice),
        276 => sll2(slice)?,
        _ => return Err(NoSegment::Unsupported),
    })
}

/// Returns where a packet was seen: a number for its device and its direction there, as far as the
/// capture tells them apart. Equal for all packets of most captures.
///
/// | link type | device | direction |
/// |---|---|---|
/// | Linux cooked capture (113) | the interface of the file (pcapng) | packet type |
/// | Linux cooked capture version 2 (276) | interface index | packet type |
/// | any other | the interface of the file | |
#[inline]
pub(super) fn vantage(packet: &Packet) -> u32 {
    // An odd factor maps different interfaces to different numbers.
    let interface = packet.interface.wrapping_mul(0x9e37_79b1);
    interface
        ^ match (packet.link_type.0, &*packet.data) {
            (113, [_, kind, ..]) => u32::from(*kind),
            (276, [_, _, _, _, i0, i1, i2, i3, _, _, kind, ..]) => {
                u32::from_be_bytes([*i0, *i1, *i2, *i3]) << 3 ^ u32::from(*kind)
            }
            _ => 0,
        }
}

/// Ethernet II, or IEEE 802.3 with LLC.
#[inline]
pub(super) fn ethernet(slice: PacketSlice<'_>) -> std::result::Result<IpPacket<'_>, NoSegment> {
    let Ok(header) = Ethernet2HeaderSlice::from_slice(slice.bytes) else {
        return Err(slice.lacks("Ethernet header", 14));
    };
    let slice = slice.skip(14);
    match header.ether_type().0 {
        // Nearly every frame takes this path, without the loop.
        0x0800 => Ok(IpPacket { version: IpVersion::V4, slice }),
        kind => ether_type(kind, slice),
    }
}

/// Decodes the payload of an EtherType.
pub(super) fn ether_type(kind: u16, slice: PacketSlice<'_>) -> std::result::Result<IpPacket<'_>, NoSegment> {
    follow(NextHeader::EtherType(kind, slice))
}

fn follow(mut next: NextHeader<'_>) -> std::result::Result<IpPacket<'_>, NoSegment> {
    for _ in 0..=limits::MAX_LINK_HEADERS {
        next = match next {
            NextHeader::Ip(version, slice) => return Ok(IpPacket { version, slice }),
            NextHeader::EtherType(kind, slice) => by_ether_type(kind, slice)?,
            NextHeader::Llc(slice) => llc(slice)?,
            NextHeader::Ppp(slice) => ppp(slice)?,
            NextHeader::Pppoe(slice) => pppoe(slice)?,
            NextHeader::CiscoHdlc(slice) => cisco_hdlc(slice)?,
        };
    }
    let max = limits::MAX_LINK_HEADERS;
    Err(NoSegment::malformed(format!("more than {max} link headers")))
}

fn by_ether_type(kind: u16, slice: PacketSlice<'_>) -> Result<'_> {
    Ok(match kind {
        0x0800 => NextHeader::Ip(IpVersion::V4, slice),
        0x86dd => NextHeader::Ip(IpVersion::V6, slice),
        // 802.1Q, 802.1ad and the numbers used before 802.1ad.
        0x8100 | 0x88a8 | 0x9100 | 0x9200 => {
            let Ok(tag) = SingleVlanHeaderSlice::from_slice(slice.bytes) else {
                return Err(slice.lacks("VLAN tag", 4));
            };
            NextHeader::EtherType(tag.ether_type().0, slice.skip(4))
        }
        0x8864 => NextHeader::Pppoe(slice),
        // Below 0x600 it is the length of an 802.3 frame.
        0..0x0600 => NextHeader::Llc(slice.bound(usize::from(kind).min(slice.wire))),
        _ => return Err(NoSegment::NotTcp),
    })
}

/// IEEE 802.2 LLC; IP comes in SNAP (RFC 1042).
fn llc(slice: PacketSlice<'_>) -> Result<'_> {
    match slice.bytes {
        [0xaa, 0xaa, 0x03, 0, 0, 0, high, low, ..] => {
            let kind = u16::from_be_bytes([*high, *low]);
            Ok(NextHeader::EtherType(kind, slice.skip(8)))
        }
        _ => Err(NoSegment::NotTcp),
    }
}

/// PPPoE session stage (RFC 2516 section 4): version and type, code, session id, length; then PPP.
fn pppoe(slice: PacketSlice<'_>) -> Result<'_> {
    let mut reader = slice.reader();
    let mut read = || -> std::result::Result<_, Short> {
        reader.take("PPPoE version, code and session", 4)?;
        reader.u16("PPPoE length")
    };
    let len = read().map_err(|short| slice.short(short))?;
    let slice = slice.skip(6);
    Ok(NextHeader::Ppp(slice.bound(usize::from(len).min(slice.wire))))
}

/// PPP (RFC 1661 section 2), with or without the HDLC framing of RFC 1662, or Cisco's.
fn ppp(slice: PacketSlice<'_>) -> Result<'_> {
    let slice = match slice.bytes {
        [0xff, 0x03, ..] => slice.skip(2),
        [0x0f | 0x8f, 0, ..] => return Ok(NextHeader::CiscoHdlc(slice)),
        _ => slice,
    };
    // A protocol of one byte is odd, and the first byte of a protocol of two is even (RFC 1661
    // section 6.5).
    match slice.bytes {
        [0x21, ..] => Ok(NextHeader::Ip(IpVersion::V4, slice.skip(1))),
        [0x57, ..] => Ok(NextHeader::Ip(IpVersion::V6, slice.skip(1))),
        [0, 0x21, ..] => Ok(NextHeader::Ip(IpVersion::V4, slice.skip(2))),
        [0, 0x57, ..] => Ok(NextHeader::Ip(IpVersion::V6, slice.skip(2))),
        [] | [0] => Err(slice.lacks("PPP protocol", 2)),
        _ => Err(NoSegment::NotTcp),
    }
}

/// Cisco HDLC: address, control, EtherType.
fn cisco_hdlc(slice: PacketSlice<'_>) -> Result<'_> {
    match slice.bytes {
        [_, _, high, low, ..] => Ok(NextHeader::EtherType(u16::from_be_bytes([*high, *low]), slice.skip(4))),
        _ => Err(slice.lacks("Cisco HDLC header", 4)),
    }
}

/// BSD loopback: an address family in the byte order of the capturing host (NULL) or big-endian
/// (LOOP).
///
/// Both byte orders occur with both link types: the one that gives the smaller number is used.
fn loopback(slice: PacketSlice<'_>) -> Result<'_> {
    let Some(bytes) = slice.bytes.first_chunk() else {
        return Err(slice.lacks("loopback address family", 4));
    };
    let family = u32::from_be_bytes(*bytes).min(u32::from_le_bytes(*bytes));
    match family {
        2 => Ok(NextHeader::Ip(IpVersion::V4, slice.skip(4))),
        // AF_INET6 of Linux; NetBSD and OpenBSD; FreeBSD; macOS.
        10 | 24 | 28 | 30 => Ok(NextHeader::Ip(IpVersion::V6, slice.skip(4))),
        _ => Err(NoSegment::NotTcp),
    }
}

/// Linux cooked capture: packet type, ARPHRD type, address length, address, protocol.
///
/// Not decoded by etherparse, which rejects ARPHRD types that it does not know.
fn sll(slice: PacketSlice<'_>) -> Result<'_> {
    let mut reader = slice.reader();
    let mut read = || -> std::result::Result<_, Short> {
        reader.take("SLL packet type and address", 14)?;
        reader.u16("SLL protocol")
    };
    let protocol = read().map_err(|short| slice.short(short))?;
    cooked(protocol, slice.skip(16))
}

/// Linux cooked capture version 2: protocol, reserved, interface index, ARPHRD type, packet type,
/// address.
fn sll2(slice: PacketSlice<'_>) -> Result<'_> {
    let mut reader = slice.reader();
    let mut read = || -> std::result::Result<_, Short> {
        let protocol = reader.u16("SLL2 protocol")?;
        reader.take("SLL2 interface, types and address", 18)?;
        Ok(protocol)
    };
    let protocol = read().map_err(|short| slice.short(short))?;
    cooked(protocol, slice.skip(20))
}

/// An EtherType, or one of Linux's own numbers below them: 1 is 802.3 without LLC, 4 is LLC.
fn cooked(protocol: u16, slice: PacketSlice<'_>) -> Result<'_> {
    match protocol {
        4 => Ok(NextHeader::Llc(slice)),
        0..0x0600 => Err(NoSegment::NotTcp),
        kind => Ok(NextHeader::EtherType(kind, slice)),
    }
}
