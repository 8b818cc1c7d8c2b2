//! Replaces what the headers of a packet say, and finds its TCP payload.
//!
//! The walk is that of `link`: link headers, IP, tunnels, TCP. What `link` only reads is rewritten
//! here: addresses are replaced, options and trailers that may hold more of them are cleared.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use super::addresses::Addresses;
use super::checksum::Sum;
use crate::base::limits;

/// The TCP segment of a packet whose headers were replaced.
#[derive(Debug)]
pub(super) struct Frame {
    /// The addresses and ports as they were: sender, receiver.
    pub(super) ends: [SocketAddr; 2],
    pub(super) seq: u32,
    pub(super) syn: bool,
    pub(super) fin: bool,
    pub(super) rst: bool,
    /// Where the payload stands in the packet.
    pub(super) payload: Range<usize>,
    /// Payload bytes after it that were not captured.
    pub(super) missing: u64,
    /// The checksums to compute once the payload is replaced, from the inside out.
    pub(super) sums: Vec<Sum>,
}

/// Why a packet is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeftOut {
    /// It is no TCP, or not recognised as such.
    NotTcp,
    /// It is a fragment of an IP packet.
    Fragment,
    /// It is cut inside its headers, or they are malformed.
    Headers,
    /// Its headers hold addresses in a way that is not replaced: source routes, IPsec, mobility.
    UnknownHeader,
}

impl LeftOut {
    /// All reasons.
    pub const ALL: [Self; 4] = [Self::NotTcp, Self::Fragment, Self::Headers, Self::UnknownHeader];

    /// Returns the words for the packets.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NotTcp => "without TCP",
            Self::Fragment => "fragments of IP packets",
            Self::Headers => "cut or malformed in their headers",
            Self::UnknownHeader => "with IP headers that hold further addresses",
        }
    }
}

type Result<T> = std::result::Result<T, LeftOut>;

/// A header that follows.
#[derive(Clone, Copy, Debug)]
enum Next {
    Ethernet,
    EtherType(u16),
    Llc,
    Ppp,
    CiscoHdlc,
    Pppoe,
    /// IP of this version; 0 if its first bits decide.
    Ip(u8),
    /// The payload of IP: the protocol, where the IP header begins, and its version.
    Payload(u8, usize, u8),
}

/// Replaces the headers of a packet. `wire` is its length on the wire, in bytes.
///
/// # Errors
/// The packet has to be left out; what was replaced until then is of no use.
pub(super) fn replace(
    bytes: &mut [u8],
    link_type: u32,
    wire: u64,
    addresses: &mut Addresses,
) -> Result<Frame> {
    let wire = usize::try_from(wire).unwrap_or(usize::MAX).max(bytes.len());
    let mut walk = Walk { end: bytes.len(), bytes, at: 0, wire, addresses, sums: Vec::new() };
    let mut next = walk.link(link_type)?;
    for _ in 0..=limits::MAX_LINK_HEADERS * (1 + limits::MAX_TUNNELS) {
        next = match next {
            Next::Ethernet => walk.ethernet()?,
            Next::EtherType(kind) => walk.ether_type(kind)?,
            Next::Llc => walk.llc()?,
            Next::Ppp => walk.ppp()?,
            Next::CiscoHdlc => {
                let kind = walk.u16(2)?;
                walk.at += 4;
                Next::EtherType(kind)
            }
            Next::Pppoe => {
                let len = usize::from(walk.u16(4)?);
                walk.at += 6;
                walk.bound(len);
                Next::Ppp
            }
            Next::Ip(version) => walk.ip(version)?,
            Next::Payload(6, ip, version) => return walk.tcp(ip, version),
            Next::Payload(protocol, ip, version) => walk.tunnel(protocol, ip, version)?,
        };
    }
    Err(LeftOut::Headers)
}

struct Walk<'a> {
    bytes: &'a mut [u8],
    /// Where the next header begins, and where the captured bytes of its packet end.
    at: usize,
    end: usize,
    /// Where its packet ends on the wire.
    wire: usize,
    addresses: &'a mut Addresses,
    sums: Vec<Sum>,
}

impl Walk<'_> {
    fn get<const N: usize>(&self, offset: usize) -> Result<[u8; N]> {
        let bytes = self.bytes.get(..self.end).and_then(|bytes| bytes.get(self.at + offset..));
        bytes.and_then(|bytes| bytes.first_chunk().copied()).ok_or(LeftOut::Headers)
    }

    fn u8(&self, offset: usize) -> Result<u8> {
        self.get(offset).map(|[byte]| byte)
    }

    fn u16(&self, offset: usize) -> Result<u16> {
        self.get(offset).map(u16::from_be_bytes)
    }

    fn part(&mut self, offset: usize, len: usize) -> Result<&mut [u8]> {
        let begin = self.at + offset;
        let end = begin.checked_add(len).filter(|end| *end <= self.end).ok_or(LeftOut::Headers)?;
        self.bytes.get_mut(begin..end).ok_or(LeftOut::Headers)
    }

    /// Ends the packet `len` bytes behind the next header; what follows is cleared: padding, which
    /// some devices fill with what they sent before, and check sequences.
    fn bound(&mut self, len: usize) {
        let end = self.at.saturating_add(len);
        if end < self.end {
            if let Some(rest) = self.bytes.get_mut(end..self.end) {
                rest.fill(0);
            }
            self.end = end;
        }
        self.wire = end;
    }

    fn link(&mut self, link_type: u32) -> Result<Next> {
        Ok(match link_type {
            1 => Next::Ethernet,
            0 | 108 => {
                let bytes = self.get(0)?;
                self.at += 4;
                match u32::from_be_bytes(bytes).min(u32::from_le_bytes(bytes)) {
                    2 => Next::Ip(4),
                    10 | 24 | 28 | 30 => Next::Ip(6),
                    _ => return Err(LeftOut::NotTcp),
                }
            }
            9 | 50 => Next::Ppp,
            12 | 14 | 101 => Next::Ip(0),
            51 => Next::Pppoe,
            104 => Next::CiscoHdlc,
            113 => {
                let (len, kind) = (self.u16(4)?, self.u16(14)?);
                self.link_address(6, usize::from(len))?;
                self.at += 16;
                Next::EtherType(kind)
            }
            228 => Next::Ip(4),
            229 => Next::Ip(6),
            276 => {
                let (kind, len) = (self.u16(0)?, self.u8(11)?);
                self.link_address(12, usize::from(len))?;
                self.at += 20;
                Next::EtherType(kind)
            }
            _ => return Err(LeftOut::NotTcp),
        })
    }

    /// The address in a Linux cooked header, in a field of eight bytes.
    fn link_address(&mut self, offset: usize, len: usize) -> Result<()> {
        let mut address: [u8; 8] = self.get(offset)?;
        match (len, address.first_chunk_mut()) {
            (6, Some(mac)) => {
                self.addresses.replace_mac(mac);
                let [.., a, b] = &mut address;
                (*a, *b) = (0, 0);
            }
            _ => address = [0; 8],
        }
        self.part(offset, 8)?.copy_from_slice(&address);
        Ok(())
    }

    fn ethernet(&mut self) -> Result<Next> {
        for offset in [0, 6] {
            let mut mac = self.get(offset)?;
            self.addresses.replace_mac(&mut mac);
            self.part(offset, 6)?.copy_from_slice(&mac);
        }
        let kind = self.u16(12)?;
        self.at += 14;
        Ok(Next::EtherType(kind))
    }

    fn ether_type(&mut self, kind: u16) -> Result<Next> {
        Ok(match kind {
            0x0800 => Next::Ip(4),
            0x86dd => Next::Ip(6),
            0x8100 | 0x88a8 | 0x9100 | 0x9200 => {
                let kind = self.u16(2)?;
                self.at += 4;
                Next::EtherType(kind)
            }
            0x8864 => Next::Pppoe,
            0..0x0600 => {
                self.bound(usize::from(kind));
                Next::Llc
            }
            _ => return Err(LeftOut::NotTcp),
        })
    }

    fn llc(&mut self) -> Result<Next> {
        let ([0xaa, 0xaa, 0x03, 0, 0, 0], kind) = (self.get(0)?, self.u16(6)?) else {
            return Err(LeftOut::NotTcp);
        };
        self.at += 8;
        Ok(Next::EtherType(kind))
    }

    fn ppp(&mut self) -> Result<Next> {
        match self.get(0)? {
            [0xff, 0x03] => self.at += 2,
            [0x0f | 0x8f, 0] => return Ok(Next::CiscoHdlc),
            _ => {}
        }
        let (len, version) = match self.get(0)? {
            [0x21, _] => (1, 4),
            [0x57, _] => (1, 6),
            [0, 0x21] => (2, 4),
            [0, 0x57] => (2, 6),
            _ => return Err(LeftOut::NotTcp),
        };
        self.at += len;
        Ok(Next::Ip(version))
    }

    fn ip(&mut self, version: u8) -> Result<Next> {
        let first = self.u8(0)? >> 4;
        match (version, first) {
            (0 | 4, 4) => self.ipv4(),
            (0 | 6, 6) => self.ipv6(),
            _ => Err(LeftOut::Headers),
        }
    }

    /// IPv4 (RFC 791).
    fn ipv4(&mut self) -> Result<Next> {
        let header = usize::from(self.u8(0)? & 0xf) * 4;
        let (total, fragment, protocol) = (usize::from(self.u16(2)?), self.u16(6)?, self.u8(9)?);
        if header < 20 || (1..header).contains(&total) {
            return Err(LeftOut::Headers);
        }
        // Options record addresses: all become No Operation.
        self.part(20, header - 20)?.fill(1);
        for offset in [12, 16] {
            let mut address = self.get(offset)?;
            self.addresses.replace_v4(&mut address);
            self.part(offset, 4)?.copy_from_slice(&address);
        }
        if fragment & 0x3fff != 0 {
            return Err(LeftOut::Fragment);
        }
        // Segmentation offload leaves the length 0.
        if total >= header {
            self.bound(total);
        }
        self.sums.push(Sum::Ipv4 { at: self.at, len: header });
        let ip = self.at;
        self.at += header;
        Ok(Next::Payload(protocol, ip, 4))
    }

    /// IPv6 (RFC 8200) and its extension headers.
    fn ipv6(&mut self) -> Result<Next> {
        let (len, mut protocol) = (usize::from(self.u16(4)?), self.u8(6)?);
        for offset in [8, 24] {
            let mut address = self.get(offset)?;
            self.addresses.replace_v6(&mut address);
            self.part(offset, 16)?.copy_from_slice(&address);
        }
        let ip = self.at;
        self.at += 40;
        if len > 0 {
            self.bound(len);
        }
        for _ in 0..limits::MAX_LINK_HEADERS {
            match protocol {
                // Hop-by-hop and destination options: one option of padding takes their place.
                0 | 60 => {
                    let [next, words] = self.get(0)?;
                    let len = (usize::from(words) + 1) * 8;
                    let options = self.part(2, len - 2)?;
                    options.fill(0);
                    padding(options);
                    protocol = next;
                    self.at += len;
                }
                44 => {
                    let [next, _, high, low] = self.get(0)?;
                    if u16::from_be_bytes([high, low]) & !6 != 0 {
                        return Err(LeftOut::Fragment);
                    }
                    protocol = next;
                    self.at += 8;
                }
                43 | 51 | 135 | 139 | 140 => return Err(LeftOut::UnknownHeader),
                _ => return Ok(Next::Payload(protocol, ip, 6)),
            }
        }
        Err(LeftOut::Headers)
    }

    fn tunnel(&mut self, protocol: u8, ip: usize, version: u8) -> Result<Next> {
        match protocol {
            4 => Ok(Next::Ip(4)),
            41 => Ok(Next::Ip(6)),
            47 => self.gre(),
            17 => {
                let (port, len, checksum) = (self.u16(2)?, self.u16(4)?, self.u16(6)?);
                let [flags, ..]: [u8; 8] = self.get(8)?;
                if !matches!(port, 4789 | 8472) || flags & 0x08 == 0 {
                    return Err(LeftOut::NotTcp);
                }
                if usize::from(len) >= 8 {
                    self.bound(usize::from(len));
                }
                if checksum != 0 {
                    self.sums.push(Sum::Udp { at: self.at, len: self.wire - self.at, ip, version });
                }
                self.at += 16;
                Ok(Next::Ethernet)
            }
            _ => Err(LeftOut::NotTcp),
        }
    }

    /// GRE (RFC 2784, RFC 2890), and ERSPAN in it.
    fn gre(&mut self) -> Result<Next> {
        let (flags, kind) = (self.u16(0)?, self.u16(2)?);
        if flags & 0x4007 != 0 {
            return Err(LeftOut::NotTcp);
        }
        if flags & 0x8000 != 0 {
            self.sums.push(Sum::Gre { at: self.at, len: self.end.saturating_sub(self.at) });
        }
        self.at += 4 + [0x8000, 0x2000, 0x1000].iter().filter(|flag| flags & **flag != 0).count() * 4;
        match kind {
            0x6558 => Ok(Next::Ethernet),
            0x88be => {
                self.at += if flags & 0x1000 != 0 { 8 } else { 0 };
                Ok(Next::Ethernet)
            }
            0x22eb => {
                let [.., high, low]: [u8; 12] = self.get(0)?;
                self.at += if low & 1 != 0 { 20 } else { 12 };
                match high >> 2 & 0x1f {
                    0 => Ok(Next::Ethernet),
                    2 => Ok(Next::Ip(0)),
                    _ => Err(LeftOut::NotTcp),
                }
            }
            kind => Ok(Next::EtherType(kind)),
        }
    }

    /// TCP (RFC 9293). `ip` is where the IP header begins.
    fn tcp(mut self, ip: usize, version: u8) -> Result<Frame> {
        let header = usize::from(self.u8(12)? >> 4) * 4;
        let [source, destination] = [self.u16(0)?, self.u16(2)?];
        let (seq, flags) = (u32::from_be_bytes(self.get(4)?), self.u8(13)?);
        if header < 20 || self.at + header > self.wire {
            return Err(LeftOut::Headers);
        }
        // A header that is cut has its options cleared as far as they are there.
        let captured = header.min(self.end.saturating_sub(self.at));
        options(self.part(20, captured.saturating_sub(20))?);
        let begin = (self.at + header).min(self.end);
        let wire_len = self.wire - self.at;
        let missing = (self.wire - (self.at + header)).saturating_sub(self.end - begin) as u64;
        self.sums.push(Sum::Tcp { at: self.at, len: wire_len, ip, version });
        // Addresses identify a connection whether replaced or not: both are permutations.
        let [source_ip, destination_ip] = addresses_of(self.bytes, ip, version).ok_or(LeftOut::Headers)?;
        self.sums.reverse();
        Ok(Frame {
            ends: [SocketAddr::new(source_ip, source), SocketAddr::new(destination_ip, destination)],
            seq,
            syn: flags & 0x02 != 0,
            fin: flags & 0x01 != 0,
            rst: flags & 0x04 != 0,
            payload: begin..self.end,
            missing,
            sums: self.sums,
        })
    }
}

/// Makes options of IPv6 padding (RFC 8200 section 4.2); an option holds at most 255 bytes.
fn padding(mut options: &mut [u8]) {
    while let [kind, len, rest @ ..] = options {
        let data = rest.len().min(255);
        (*kind, *len) = (1, data as u8);
        options = rest.get_mut(data..).unwrap_or_default();
    }
}

/// Clears the options of TCP but those that describe how it sends (RFC 9293, RFC 7323, RFC 2018):
/// others hold keys, cookies and addresses.
fn options(mut options: &mut [u8]) {
    while let [kind, rest @ ..] = options {
        let len = match (*kind, rest.first()) {
            (0 | 1, _) => 1,
            (_, Some(len)) if (2..=rest.len() + 1).contains(&usize::from(*len)) => usize::from(*len),
            _ => {
                *kind = 0;
                rest.fill(0);
                return;
            }
        };
        if *kind == 0 {
            rest.fill(0);
            return;
        }
        let keeps = matches!((*kind, len), (1, 1) | (2 | 4, 2..=4) | (3, 3) | (5, _) | (8, 10));
        let (option, following) = options.split_at_mut(len);
        if !keeps {
            option.fill(1);
        }
        options = following;
    }
}

/// The addresses in an IP header: sender, receiver.
fn addresses_of(bytes: &[u8], ip: usize, version: u8) -> Option<[IpAddr; 2]> {
    let header = bytes.get(ip..)?;
    Some(if version == 4 {
        let [source, destination]: [[u8; 4]; 2] =
            [*header.get(12..)?.first_chunk()?, *header.get(16..)?.first_chunk()?];
        [source.into(), destination.into()]
    } else {
        let [source, destination]: [[u8; 16]; 2] =
            [*header.get(8..)?.first_chunk()?, *header.get(24..)?.first_chunk()?];
        [source.into(), destination.into()]
    })
}
