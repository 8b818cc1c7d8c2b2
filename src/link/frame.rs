//! Link headers: a frame and its link type in, the IP packet in it out.
//!
//! Link types: <https://www.tcpdump.org/linktypes.html>. EtherTypes, VLAN tags, LLC and SNAP, PPPoE and PPP are opened
//! wherever they lie.

use etherparse::{Ethernet2HeaderSlice, SingleVlanHeaderSlice};

use crate::base::limits;
use crate::base::reader::Short;
use crate::capture::LinkType;

use super::part::{Part, Stop};

/// An IP packet, and what says so.
#[derive(Clone, Copy, Debug)]
pub(super) struct IpPart<'a> {
    /// The version that the header before it announces.
    pub(super) version: Version,
    /// The packet, perhaps with padding behind it.
    pub(super) part: Part<'a>,
}

/// Which IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
    /// Whichever its first four bits say.
    Either,
}

/// What comes next in a frame. Headers return it and never call each other: hostile frames nest them deeply.
enum Next<'a> {
    Ip(Version, Part<'a>),
    /// What an EtherType announces (or the length in its place).
    Type(u16, Part<'a>),
    Llc(Part<'a>),
    Ppp(Part<'a>),
    Pppoe(Part<'a>),
    CiscoHdlc(Part<'a>),
}

type Result<'a> = std::result::Result<Next<'a>, Stop>;

/// Takes the link headers off a packet.
#[inline]
pub(super) fn open(link_type: LinkType, part: Part<'_>) -> std::result::Result<IpPart<'_>, Stop> {
    descend(match link_type.0 {
        1 => return ethernet(part),
        0 | 108 => loopback(part)?,
        9 | 50 => Next::Ppp(part),
        // DLT_RAW differs between systems; all three values occur in files.
        12 | 14 | 101 => Next::Ip(Version::Either, part),
        51 => Next::Pppoe(part),
        104 => Next::CiscoHdlc(part),
        113 => sll(part)?,
        228 => Next::Ip(Version::V4, part),
        229 => Next::Ip(Version::V6, part),
        276 => sll2(part)?,
        _ => return Err(Stop::Unsupported),
    })
}

/// Ethernet II, or IEEE 802.3 with LLC.
#[inline]
pub(super) fn ethernet(part: Part<'_>) -> std::result::Result<IpPart<'_>, Stop> {
    let Ok(header) = Ethernet2HeaderSlice::from_slice(part.bytes) else {
        return Err(part.lacks("Ethernet header", 14));
    };
    let part = part.skip(14);
    match header.ether_type().0 {
        // What nearly every frame has, without going round the loop.
        0x0800 => Ok(IpPart { version: Version::V4, part }),
        kind => ether_type(kind, part),
    }
}

/// What an EtherType announces.
pub(super) fn ether_type(kind: u16, part: Part<'_>) -> std::result::Result<IpPart<'_>, Stop> {
    descend(Next::Type(kind, part))
}

fn descend(mut next: Next<'_>) -> std::result::Result<IpPart<'_>, Stop> {
    for _ in 0..=limits::MAX_LINK_HEADERS {
        next = match next {
            Next::Ip(version, part) => return Ok(IpPart { version, part }),
            Next::Type(kind, part) => by_type(kind, part)?,
            Next::Llc(part) => llc(part)?,
            Next::Ppp(part) => ppp(part)?,
            Next::Pppoe(part) => pppoe(part)?,
            Next::CiscoHdlc(part) => cisco_hdlc(part)?,
        };
    }
    let max = limits::MAX_LINK_HEADERS;
    Err(Stop::malformed(format!("more than {max} link headers")))
}

fn by_type(kind: u16, part: Part<'_>) -> Result<'_> {
    Ok(match kind {
        0x0800 => Next::Ip(Version::V4, part),
        0x86dd => Next::Ip(Version::V6, part),
        // 802.1Q, 802.1ad, and what switches used before that.
        0x8100 | 0x88a8 | 0x9100 | 0x9200 => {
            let Ok(tag) = SingleVlanHeaderSlice::from_slice(part.bytes) else {
                return Err(part.lacks("VLAN tag", 4));
            };
            Next::Type(tag.ether_type().0, part.skip(4))
        }
        0x8864 => Next::Pppoe(part),
        // Below 0x600 it is the length of an 802.3 frame.
        0..0x0600 => Next::Llc(part.bound(usize::from(kind).min(part.wire))),
        _ => return Err(Stop::NotTcp),
    })
}

/// IEEE 802.2 LLC; IP comes in SNAP (RFC 1042).
fn llc(part: Part<'_>) -> Result<'_> {
    match part.bytes {
        [0xaa, 0xaa, 0x03, 0, 0, 0, high, low, ..] => {
            let kind = u16::from_be_bytes([*high, *low]);
            Ok(Next::Type(kind, part.skip(8)))
        }
        _ => Err(Stop::NotTcp),
    }
}

/// PPPoE session stage (RFC 2516 section 4): version and type, code, session id, length; then PPP.
fn pppoe(part: Part<'_>) -> Result<'_> {
    let mut reader = part.reader();
    let mut read = || -> std::result::Result<_, Short> {
        reader.take("PPPoE version, code and session", 4)?;
        reader.u16("PPPoE length")
    };
    let len = read().map_err(|short| part.short(short))?;
    let part = part.skip(6);
    Ok(Next::Ppp(part.bound(usize::from(len).min(part.wire))))
}

/// PPP (RFC 1661 section 2), with or without the HDLC framing of RFC 1662, or Cisco's.
fn ppp(part: Part<'_>) -> Result<'_> {
    let part = match part.bytes {
        [0xff, 0x03, ..] => part.skip(2),
        [0x0f | 0x8f, 0, ..] => return Ok(Next::CiscoHdlc(part)),
        _ => part,
    };
    // A protocol of one byte is odd (RFC 1661 section 6.5): the first byte of one of two is even.
    match part.bytes {
        [0x21, ..] => Ok(Next::Ip(Version::V4, part.skip(1))),
        [0x57, ..] => Ok(Next::Ip(Version::V6, part.skip(1))),
        [0, 0x21, ..] => Ok(Next::Ip(Version::V4, part.skip(2))),
        [0, 0x57, ..] => Ok(Next::Ip(Version::V6, part.skip(2))),
        [] | [0] => Err(part.lacks("PPP protocol", 2)),
        _ => Err(Stop::NotTcp),
    }
}

/// Cisco HDLC: address, control, EtherType.
fn cisco_hdlc(part: Part<'_>) -> Result<'_> {
    match part.bytes {
        [_, _, high, low, ..] => Ok(Next::Type(u16::from_be_bytes([*high, *low]), part.skip(4))),
        _ => Err(part.lacks("Cisco HDLC header", 4)),
    }
}

/// BSD loopback: an address family in the byte order of the capturing host (NULL) or big-endian (LOOP).
///
/// Read in the order in which it is small, whatever the link type: files of either kind are found with both.
fn loopback(part: Part<'_>) -> Result<'_> {
    let Some(bytes) = part.bytes.first_chunk() else {
        return Err(part.lacks("loopback address family", 4));
    };
    let family = u32::from_be_bytes(*bytes).min(u32::from_le_bytes(*bytes));
    match family {
        2 => Ok(Next::Ip(Version::V4, part.skip(4))),
        // AF_INET6 of Linux; NetBSD and OpenBSD; FreeBSD; macOS.
        10 | 24 | 28 | 30 => Ok(Next::Ip(Version::V6, part.skip(4))),
        _ => Err(Stop::NotTcp),
    }
}

/// Linux cooked capture: packet type, ARPHRD type, address length, address, protocol.
///
/// etherparse reads it too, and refuses ARPHRD types that it does not know.
fn sll(part: Part<'_>) -> Result<'_> {
    let mut reader = part.reader();
    let mut read = || -> std::result::Result<_, Short> {
        reader.take("SLL packet type and address", 14)?;
        reader.u16("SLL protocol")
    };
    let protocol = read().map_err(|short| part.short(short))?;
    cooked(protocol, part.skip(16))
}

/// Linux cooked capture version 2: protocol, reserved, interface index, ARPHRD type, packet type, address.
fn sll2(part: Part<'_>) -> Result<'_> {
    let mut reader = part.reader();
    let mut read = || -> std::result::Result<_, Short> {
        let protocol = reader.u16("SLL2 protocol")?;
        reader.take("SLL2 interface, types and address", 18)?;
        Ok(protocol)
    };
    let protocol = read().map_err(|short| part.short(short))?;
    cooked(protocol, part.skip(20))
}

/// An EtherType, or one of Linux's own numbers below them: 1 is 802.3 without LLC, 4 is LLC.
fn cooked(protocol: u16, part: Part<'_>) -> Result<'_> {
    match protocol {
        4 => Ok(Next::Llc(part)),
        0..0x0600 => Err(Stop::NotTcp),
        kind => Ok(Next::Type(kind, part)),
    }
}
