//! Slices of a packet after decoded headers, and why decoding stops.
//!
//! Independent of protocols.

use super::udp::UdpDatagram;
use crate::base::reader::Short;
use crate::base::{Code, Reader};
use crate::capture::Packet;

/// Bytes of a packet from some header on: the captured ones, and the length on the wire.
#[derive(Clone, Copy, Debug)]
pub(super) struct PacketSlice<'a> {
    /// Captured bytes; at most `wire`.
    pub(super) bytes: &'a [u8],
    /// Length on the wire in bytes.
    pub(super) wire: usize,
    /// Offset from the start of the packet, or of the reassembled payload, in bytes.
    pub(super) offset: usize,
}

impl<'a> PacketSlice<'a> {
    /// Returns the whole packet.
    #[inline]
    pub(super) fn of_packet(packet: &'a Packet) -> Self {
        Self {
            bytes: &packet.data,
            // Saturates only on 16-bit targets.
            wire: usize::try_from(packet.original_len).unwrap_or(usize::MAX).max(packet.data.len()),
            offset: 0,
        }
    }

    /// Creates a slice that was captured completely.
    pub(super) fn whole(bytes: &'a [u8]) -> Self {
        Self { bytes, wire: bytes.len(), offset: 0 }
    }

    /// Returns the bytes after a header of `len` bytes; empty if the packet ends before that.
    #[inline]
    pub(super) fn skip(self, len: usize) -> Self {
        Self {
            bytes: self.bytes.get(len..).unwrap_or_default(),
            wire: self.wire.saturating_sub(len),
            offset: self.offset + len,
        }
    }

    /// Returns the first `len` bytes, a length given by a header; the rest is padding or a trailer.
    ///
    /// A `len` beyond the end is accepted: tools that truncate packets inside a tunnel do not
    /// always record the original length.
    #[inline]
    pub(super) fn bound(self, len: usize) -> Self {
        Self { bytes: self.bytes.get(..len).unwrap_or(self.bytes), wire: len, offset: self.offset }
    }

    /// Returns a reader of the captured bytes.
    pub(super) fn reader(self) -> Reader<'a> {
        Reader::new(self.bytes)
    }

    /// Returns the error of a header that needs `needed` bytes.
    #[cold]
    pub(super) fn lacks(self, header: &'static str, needed: usize) -> NoSegment {
        self.short(Short { field: header, offset: 0, needed, left: self.bytes.len() })
    }

    /// Returns the error of a field that is missing: the packet was truncated, or never had it.
    #[cold]
    pub(super) fn short(self, mut short: Short) -> NoSegment {
        let cut = short.offset + short.needed <= self.wire;
        short.offset += self.offset;
        if cut {
            return NoSegment::Unreadable(Box::new(Problem {
                code: Code::CaptureCutPackets,
                detail: format!("truncated by the snapshot length inside its headers: {short}"),
            }));
        }
        NoSegment::malformed(short.to_string())
    }
}

/// Why a packet yields no segment.
#[derive(Debug)]
pub(super) enum NoSegment {
    /// The payload is UDP.
    Udp(UdpDatagram),
    /// The payload is neither TCP nor UDP.
    NotTcp,
    /// A fragment of an incomplete or abandoned IP packet.
    Fragment,
    /// An unsupported link type.
    Unsupported,
    /// Headers that cannot be decoded.
    Unreadable(Box<Problem>),
}

/// A finding without its position.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) code: Code,
    pub(super) detail: String,
}

impl NoSegment {
    /// Returns the error of inconsistent headers below TCP.
    #[cold]
    pub(super) fn malformed(detail: String) -> Self {
        Self::Unreadable(Box::new(Problem { code: Code::LinkMalformed, detail }))
    }
}
