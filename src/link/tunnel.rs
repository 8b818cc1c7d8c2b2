//! Tunnels: a datagram that is not TCP in, the IP packet that it carries out.
//!
//! IP in IP (RFC 2003, RFC 2473), GRE (RFC 2784, RFC 2890) with ERSPAN II and III in it, VXLAN (RFC 7348).

use etherparse::UdpHeaderSlice;

use crate::base::reader::Short;

use super::datagram::Datagram;
use super::frame::{self, IpPart, Version};
use super::part::{Part, Stop};

/// VXLAN's port of IANA, and Linux's before that.
const VXLAN_PORTS: [u16; 2] = [4789, 8472];

/// The IP packet inside of a datagram; [`Stop::NotTcp`] where it is no tunnel.
pub(super) fn open<'a>(datagram: &Datagram<'a>) -> Result<IpPart<'a>, Stop> {
    let part = datagram.part;
    let version = match datagram.protocol {
        4 => Version::V4,
        41 => Version::V6,
        17 => return udp(part),
        47 => return gre(part),
        _ => return Err(Stop::NotTcp),
    };
    Ok(IpPart { version, part })
}

/// Whether a fragment of this protocol may hold TCP, so that keeping it can be of use.
pub(super) fn may_hold_tcp(protocol: u8) -> bool {
    // TCP, the tunnels above, and the extension headers that may stand before them.
    matches!(protocol, 6 | 4 | 41 | 17 | 47 | 0 | 43 | 51 | 60 | 135 | 139 | 140)
}

/// UDP is looked at for VXLAN only: its header, then flags, reserved, VNI, reserved.
fn udp(part: Part<'_>) -> Result<IpPart<'_>, Stop> {
    let Ok(header) = UdpHeaderSlice::from_slice(part.bytes) else {
        return Err(Stop::NotTcp);
    };
    if !VXLAN_PORTS.contains(&header.destination_port()) {
        return Err(Stop::NotTcp);
    }
    match part.skip(8).bytes {
        // The flag that the VNI is valid must be set; without it the port is somebody else's.
        [flags, _, _, _, _, _, _, _, ..] if flags & 0x08 != 0 => frame::ethernet(part.skip(16)),
        _ => Err(Stop::NotTcp),
    }
}

/// GRE version 0. Version 1 (PPTP) and source routes (RFC 1701) are not opened.
fn gre(part: Part<'_>) -> Result<IpPart<'_>, Stop> {
    let (header, len) = read_gre(part).map_err(|short| part.short(short))?;
    let inner = part.skip(len);
    match (header.opened, header.protocol) {
        (false, _) => Err(Stop::NotTcp),
        (true, 0x6558) => frame::ethernet(inner),
        (true, 0x88be) if header.sequence => frame::ethernet(inner.skip(8)),
        // Type I has no header of its own.
        (true, 0x88be) => frame::ethernet(inner),
        (true, 0x22eb) => erspan3(inner),
        (true, kind) => frame::ether_type(kind, inner),
    }
}

struct Gre {
    /// Whether it is of a kind that is opened.
    opened: bool,
    /// Whether it has a sequence number.
    sequence: bool,
    protocol: u16,
}

/// The header and its length.
fn read_gre(part: Part<'_>) -> Result<(Gre, usize), Short> {
    let mut reader = part.reader();
    let flags = reader.u16("GRE flags")?;
    let protocol = reader.u16("GRE protocol")?;
    let has = |flag: u16| flags & flag != 0;
    let header = Gre { opened: flags & 0x0007 == 0 && !has(0x4000), sequence: has(0x1000), protocol };
    if header.opened {
        for (flag, field) in [(0x8000, "GRE checksum"), (0x2000, "GRE key"), (0x1000, "GRE sequence number")]
        {
            if has(flag) {
                reader.u32(field)?;
            }
        }
    }
    Ok((header, reader.offset()))
}

/// ERSPAN type III: 12 bytes, then a platform's 8 where the last bit says so; bits 1 to 5 of byte 10 are the frame type.
fn erspan3(part: Part<'_>) -> Result<IpPart<'_>, Stop> {
    let Some([.., high, low]) = part.bytes.first_chunk::<12>() else {
        return Err(part.lacks("ERSPAN header", 12));
    };
    let len = if low & 1 != 0 { 20 } else { 12 };
    match high >> 2 & 0x1f {
        0 => frame::ethernet(part.skip(len)),
        2 => Ok(IpPart { version: Version::Either, part: part.skip(len) }),
        _ => Err(Stop::NotTcp),
    }
}
