//! Reads as much of the link, IP and TCP headers as is needed to find and rewrite the payload.
//! Knows Ethernet with VLAN tags, SLL, SLL2, NULL and RAW; no tunnels, no fragments, no IPv6
//! extension headers.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use bytes::Bytes;
use mcpdump::capture::Packet;

pub(crate) const FIN: u8 = 1;
pub(crate) const SYN: u8 = 2;
pub(crate) const RST: u8 = 4;
pub(crate) const PSH: u8 = 8;

/// The headers of a packet that carries TCP, with offsets into its data.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// Sender.
    pub(crate) source: SocketAddr,
    /// Receiver.
    pub(crate) destination: SocketAddr,
    /// Sequence number of the first payload byte, or of the SYN.
    pub(crate) seq: u32,
    /// The flags, as in RFC 9293 section 3.1.
    pub(crate) flags: u8,
    /// The payload that was captured.
    pub(crate) payload: Range<usize>,
    /// Whether the whole payload was captured.
    pub(crate) is_whole: bool,
    /// Offset of the IP header.
    ip: usize,
    /// Offset of the TCP header.
    tcp: usize,
}

impl Frame {
    /// Reads the headers of a packet, or returns `None` if it carries no TCP or an encapsulation
    /// that this module does not know.
    pub(crate) fn of(packet: &Packet) -> Option<Self> {
        let data: &[u8] = &packet.data;
        let ip = ip_header(packet)?;
        let version = data.get(ip)? >> 4;
        let (tcp, length, addresses) = if version == 4 { ipv4(data, ip)? } else { ipv6(data, ip)? };
        let end = if length == 0 { packet.original_len as usize } else { ip + length };
        let payload = tcp + usize::from(data.get(tcp + 12)? >> 4) * 4;
        (payload <= end && payload <= data.len()).then_some(())?;
        let (from, to) = addresses;
        Some(Self {
            source: SocketAddr::new(from, be16(data, tcp)?),
            destination: SocketAddr::new(to, be16(data, tcp + 2)?),
            seq: u32::from_be_bytes(data.get(tcp + 4..tcp + 8)?.try_into().ok()?),
            flags: *data.get(tcp + 13)?,
            payload: payload..end.min(data.len()),
            is_whole: end <= data.len(),
            ip,
            tcp,
        })
    }

    /// Whether any of these flags is set.
    pub(crate) fn has(&self, flags: u8) -> bool {
        self.flags & flags != 0
    }

    /// The same packet with a part of its payload; `part` is relative to the start of the payload.
    pub(crate) fn piece(&self, packet: &Packet, part: Range<usize>) -> Packet {
        let is_last = part.end == self.payload.len();
        let mut data = packet.data[..self.payload.start].to_vec();
        data.extend_from_slice(&packet.data[self.payload.start + part.start..self.payload.start + part.end]);
        let length = data.len() - self.ip;
        if data[self.ip] >> 4 == 6 {
            data[self.ip + 4..self.ip + 6]
                .copy_from_slice(&u16::try_from(length - 40).unwrap().to_be_bytes());
        } else if be16(&data, self.ip + 2) != Some(0) {
            data[self.ip + 2..self.ip + 4].copy_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
        }
        let seq = self.seq.wrapping_add(u32::try_from(part.start).unwrap());
        data[self.tcp + 4..self.tcp + 8].copy_from_slice(&seq.to_be_bytes());
        if !is_last {
            data[self.tcp + 13] &= !(FIN | PSH);
        }
        Packet { original_len: u32::try_from(data.len()).unwrap(), data: Bytes::from(data), ..packet.clone() }
    }
}

impl Frame {
    /// The same packet with another payload. Its length in the IP header is right.
    pub(crate) fn with_payload(&self, packet: &Packet, payload: &[u8]) -> Packet {
        let mut data = packet.data[..self.payload.start].to_vec();
        data.extend_from_slice(payload);
        let length = data.len() - self.ip;
        let (place, length) = if data[self.ip] >> 4 == 6 { (4, length - 40) } else { (2, length) };
        // Zero stands for a length that does not fit, as when segmentation is offloaded.
        let length = u16::try_from(length).unwrap_or(0).to_be_bytes();
        data[self.ip + place..self.ip + place + 2].copy_from_slice(&length);
        Packet { original_len: u32::try_from(data.len()).unwrap(), data: Bytes::from(data), ..packet.clone() }
    }

    /// The same packet with sequence number and acknowledgement moved by these numbers of bytes.
    pub(crate) fn moved(&self, packet: &Packet, seq: u32, ack: u32) -> Packet {
        let mut data = packet.data.to_vec();
        for (place, by) in [(self.tcp + 4, seq), (self.tcp + 8, ack)] {
            let number = u32::from_be_bytes(data[place..place + 4].try_into().unwrap()).wrapping_add(by);
            data[place..place + 4].copy_from_slice(&number.to_be_bytes());
        }
        Packet { data: Bytes::from(data), ..packet.clone() }
    }

    /// The bytes of the headers, from the IP header on.
    pub(crate) fn headers(&self) -> Range<usize> {
        self.ip..self.payload.start
    }
}

/// Offset of the IP header, or `None` if the packet is not IP.
fn ip_header(packet: &Packet) -> Option<usize> {
    const TAGS: [u16; 2] = [0x8100, 0x88a8];
    let data: &[u8] = &packet.data;
    match packet.link_type.0 {
        0 => Some(4),
        1 => {
            let mut at = 12;
            while TAGS.contains(&be16(data, at)?) {
                at += 4;
            }
            matches!(be16(data, at)?, 0x0800 | 0x86dd).then_some(at + 2)
        }
        12 | 14 | 101 | 228 | 229 => Some(0),
        113 => matches!(be16(data, 14)?, 0x0800 | 0x86dd).then_some(16),
        276 => matches!(be16(data, 0)?, 0x0800 | 0x86dd).then_some(20),
        _ => None,
    }
}

type Ip = (usize, usize, (IpAddr, IpAddr));

/// Offset of the TCP header after an IPv4 header, the total length (0 if segmentation was
/// offloaded), and the addresses of sender and receiver.
fn ipv4(data: &[u8], ip: usize) -> Option<Ip> {
    let is_fragment = be16(data, ip + 6)? & 0x3fff != 0;
    (data.get(ip)? >> 4 == 4 && *data.get(ip + 9)? == 6 && !is_fragment).then_some(())?;
    let address = |at: usize| Some(IpAddr::from(<[u8; 4]>::try_from(data.get(at..at + 4)?).ok()?));
    let header = usize::from(data.get(ip)? & 15) * 4;
    let length = usize::from(be16(data, ip + 2)?);
    Some((ip + header, length, (address(ip + 12)?, address(ip + 16)?)))
}

/// As [`ipv4`], for an IPv6 header.
fn ipv6(data: &[u8], ip: usize) -> Option<Ip> {
    (data.get(ip)? >> 4 == 6 && *data.get(ip + 6)? == 6).then_some(())?;
    let address = |at: usize| Some(IpAddr::from(<[u8; 16]>::try_from(data.get(at..at + 16)?).ok()?));
    let length = usize::from(be16(data, ip + 4)?) + 40;
    Some((ip + 40, length, (address(ip + 8)?, address(ip + 24)?)))
}

fn be16(data: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(data.get(at..at + 2)?.try_into().ok()?))
}
