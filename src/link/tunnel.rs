//! Decodes tunnels: the IP packet inside a datagram.
//!
//! IP in IP (RFC 2003, RFC 2473), GRE (RFC 2784, RFC 2890) with ERSPAN II and III in it, VXLAN (RFC
//! 7348).

use etherparse::UdpHeaderSlice;

use crate::base::reader::Short;

use super::datagram::Datagram;
use super::headers::{self, IpPacket, IpVersion};
use super::slice::{NoSegment, PacketSlice};

/// Ports of VXLAN: IANA's, and the older default of Linux.
const VXLAN_PORTS: [u16; 2] = [4789, 8472];

/// Returns the IP packet inside a datagram.
///
/// # Errors
/// [`NoSegment::NotTcp`] if it is not a tunnel.
pub(super) fn open<'a>(datagram: &Datagram<'a>) -> Result<IpPacket<'a>, NoSegment> {
    let slice = datagram.slice;
    let version = match datagram.protocol {
        4 => IpVersion::V4,
        41 => IpVersion::V6,
        17 => return udp(slice),
        47 => return gre(slice),
        _ => return Err(NoSegment::NotTcp),
    };
    Ok(IpPacket { version, slice })
}

/// Whether fragments of this protocol are reassembled because they may contain TCP.
pub(super) fn may_hold_tcp(protocol: u8) -> bool {
    // TCP, the tunnels above, and the extension headers that may precede them.
    matches!(protocol, 6 | 4 | 41 | 17 | 47 | 0 | 43 | 51 | 60 | 135 | 139 | 140)
}

/// Decodes VXLAN in UDP: flags, reserved, VNI, reserved.
fn udp(slice: PacketSlice<'_>) -> Result<IpPacket<'_>, NoSegment> {
    let Ok(header) = UdpHeaderSlice::from_slice(slice.bytes) else {
        return Err(NoSegment::NotTcp);
    };
    if !VXLAN_PORTS.contains(&header.destination_port()) {
        return Err(NoSegment::NotTcp);
    }
    match slice.skip(8).bytes {
        // Without the valid-VNI flag it is another protocol on the same port.
        [flags, _, _, _, _, _, _, _, ..] if flags & 0x08 != 0 => headers::ethernet(slice.skip(16)),
        _ => Err(NoSegment::NotTcp),
    }
}

/// Decodes GRE version 0. Version 1 (PPTP) and source routes (RFC 1701) are not supported.
fn gre(slice: PacketSlice<'_>) -> Result<IpPacket<'_>, NoSegment> {
    let (header, len) = read_gre(slice).map_err(|short| slice.short(short))?;
    let inner = slice.skip(len);
    match (header.is_supported, header.protocol) {
        (false, _) => Err(NoSegment::NotTcp),
        (true, 0x6558) => headers::ethernet(inner),
        (true, 0x88be) if header.sequence => headers::ethernet(inner.skip(8)),
        // Type I has no header.
        (true, 0x88be) => headers::ethernet(inner),
        (true, 0x22eb) => erspan3(inner),
        (true, kind) => headers::ether_type(kind, inner),
    }
}

struct Gre {
    /// Whether its version and flags are supported.
    is_supported: bool,
    /// Whether it has a sequence number.
    sequence: bool,
    protocol: u16,
}

/// Returns the header and its length in bytes.
fn read_gre(slice: PacketSlice<'_>) -> Result<(Gre, usize), Short> {
    let mut reader = slice.reader();
    let flags = reader.u16("GRE flags")?;
    let protocol = reader.u16("GRE protocol")?;
    let has = |flag: u16| flags & flag != 0;
    let header = Gre { is_supported: flags & 0x0007 == 0 && !has(0x4000), sequence: has(0x1000), protocol };
    if header.is_supported {
        for (flag, field) in [(0x8000, "GRE checksum"), (0x2000, "GRE key"), (0x1000, "GRE sequence number")]
        {
            if has(flag) {
                reader.u32(field)?;
            }
        }
    }
    Ok((header, reader.offset()))
}

/// Decodes ERSPAN type III: 12 bytes, then 8 of the platform if the last bit is set. Bits 1 to 5 of
/// byte 10 are the frame type.
fn erspan3(slice: PacketSlice<'_>) -> Result<IpPacket<'_>, NoSegment> {
    let Some([.., high, low]) = slice.bytes.first_chunk::<12>() else {
        return Err(slice.lacks("ERSPAN header", 12));
    };
    let len = if low & 1 != 0 { 20 } else { 12 };
    match high >> 2 & 0x1f {
        0 => headers::ethernet(slice.skip(len)),
        2 => Ok(IpPacket { version: IpVersion::Either, slice: slice.skip(len) }),
        _ => Err(NoSegment::NotTcp),
    }
}
