//! Decodes the TCP header (RFC 9293 section 3.1).
//!
//! etherparse is not used: it rejects a header with truncated options, but its sequence numbers are
//! useful.

use std::net::SocketAddr;

use bytes::Bytes;

use crate::base::{Code, Origin};

use super::datagram::Datagram;
use super::slice::{NoSegment, PacketSlice, Problem};

/// The addresses of a TCP segment. Not part of [`Segment`]: once its connection is known nobody
/// asks for them, and a segment is moved several times.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    /// Sender.
    pub source: SocketAddr,
    /// Receiver.
    pub destination: SocketAddr,
}

/// A TCP segment.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Packet number and time; for a reassembled IP packet those of the packet that completed it.
    pub origin: Origin,
    /// Where the packet was seen: the same number for the same device and direction. A capture of
    /// several devices has a packet once per vantage point on its way.
    pub vantage: u32,
    /// IPv4 identification, which distinguishes a packet captured twice from a retransmission;
    /// `None` for IPv6.
    pub ip_id: Option<u16>,
    /// Time to live of IPv4, hop limit of IPv6.
    pub hop_limit: u8,
    /// Sequence number of the first byte, or of the SYN.
    pub seq: u32,
    /// Acknowledgement number; `None` without the ACK flag.
    pub ack: Option<u32>,
    /// Flags.
    pub flags: Flags,
    /// Window field, unscaled.
    pub window: u16,
    /// Captured payload.
    pub payload: Bytes,
    /// Payload bytes after `payload` that were not captured (snapshot length). Computed from the IP
    /// length, or from the original packet length if that is 0 (segmentation offload).
    pub missing: u32,
}

impl Segment {
    /// Returns the length of the payload on the wire, in bytes.
    #[must_use]
    pub fn wire_len(&self) -> u64 {
        self.payload.len() as u64 + u64::from(self.missing)
    }
}

/// TCP flags that the analysis uses (RFC 9293 section 3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// SYN.
    pub syn: bool,
    /// FIN.
    pub fin: bool,
    /// RST.
    pub rst: bool,
}

/// Length of the header without options, in bytes.
const FIXED: usize = 20;

/// Decodes the segment of a TCP datagram; the payload is a slice of `base`.
pub(super) fn decode(
    base: &Bytes,
    datagram: &Datagram<'_>,
    origin: Origin,
    vantage: u32,
) -> Result<(Addresses, Segment), NoSegment> {
    let slice = datagram.slice;
    let Some(fixed) = slice.bytes.first_chunk::<FIXED>() else {
        return Err(short(slice));
    };
    // A pattern needs no bounds checks.
    let [s0, s1, d0, d1, q0, q1, q2, q3, a0, a1, a2, a3, words, flags, w0, w1, ..] = *fixed;
    let header_len = usize::from(words >> 4) * 4;
    if header_len < FIXED || header_len > slice.wire {
        return Err(bad_offset(slice, header_len));
    }
    let payload = slice.skip(header_len);
    let missing = payload.wire.saturating_sub(payload.bytes.len());
    let addresses = Addresses {
        source: SocketAddr::new(datagram.source, u16::from_be_bytes([s0, s1])),
        destination: SocketAddr::new(datagram.destination, u16::from_be_bytes([d0, d1])),
    };
    let segment = Segment {
        origin,
        vantage,
        ip_id: datagram.id,
        hop_limit: datagram.hop_limit,
        seq: u32::from_be_bytes([q0, q1, q2, q3]),
        ack: (flags & 0x10 != 0).then(|| u32::from_be_bytes([a0, a1, a2, a3])),
        flags: Flags { syn: flags & 0x02 != 0, fin: flags & 0x01 != 0, rst: flags & 0x04 != 0 },
        window: u16::from_be_bytes([w0, w1]),
        payload: base.slice_ref(payload.bytes),
        missing: u32::try_from(missing).unwrap_or(u32::MAX),
    };
    Ok((addresses, segment))
}

#[cold]
fn short(slice: PacketSlice<'_>) -> NoSegment {
    if slice.wire < FIXED {
        let PacketSlice { wire, offset, .. } = slice;
        return malformed(format!("TCP header at offset {offset} has {wire} bytes of at least {FIXED}"));
    }
    slice.lacks("TCP header", FIXED)
}

#[cold]
fn bad_offset(slice: PacketSlice<'_>, header_len: usize) -> NoSegment {
    let (words, at) = (header_len / 4, slice.offset + 12);
    malformed(if header_len < FIXED {
        format!("TCP data offset {words} at offset {at} is less than 5")
    } else {
        let wire = slice.wire;
        format!("TCP data offset {words} at offset {at} lies beyond the {wire} bytes that IP carries")
    })
}

fn malformed(detail: String) -> NoSegment {
    NoSegment::Unreadable(Box::new(Problem { code: Code::TcpMalformed, detail }))
}
