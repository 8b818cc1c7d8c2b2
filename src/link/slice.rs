//! What is left of a packet behind the headers that were taken off, and why reading stops.
//!
//! Knows no protocol.

use crate::base::reader::Short;
use crate::base::{Code, Reader};
use crate::capture::Packet;

/// Bytes of a packet from some header on: those that were captured, and how many there were on the wire.
#[derive(Clone, Copy, Debug)]
pub(super) struct PacketSlice<'a> {
    /// What was captured; never more than `wire`.
    pub(super) bytes: &'a [u8],
    /// How many bytes it had on the wire.
    pub(super) wire: usize,
    /// Where it begins: bytes from the start of the packet (of the joined payload, behind fragments).
    pub(super) offset: usize,
}

impl<'a> PacketSlice<'a> {
    /// The whole packet.
    #[inline]
    pub(super) fn of_packet(packet: &'a Packet) -> Self {
        Self {
            bytes: &packet.data,
            // A u32 fits on every target that holds packets of 16 MiB; saturate where it does not.
            wire: usize::try_from(packet.original_len).unwrap_or(usize::MAX).max(packet.data.len()),
            offset: 0,
        }
    }

    /// Bytes of which none are missing.
    pub(super) fn whole(bytes: &'a [u8]) -> Self {
        Self { bytes, wire: bytes.len(), offset: 0 }
    }

    /// What follows a header of `len` bytes; nothing where the slice is not longer than that.
    #[inline]
    pub(super) fn skip(self, len: usize) -> Self {
        Self {
            bytes: self.bytes.get(len..).unwrap_or_default(),
            wire: self.wire.saturating_sub(len),
            offset: self.offset + len,
        }
    }

    /// The slice, which a header says is `len` bytes long: what lies behind is padding or a trailer.
    ///
    /// A `len` beyond the end is believed: tools and mirrors that cut packets inside a tunnel do not always tell the
    /// length that there was.
    #[inline]
    pub(super) fn bound(self, len: usize) -> Self {
        Self { bytes: self.bytes.get(..len).unwrap_or(self.bytes), wire: len, offset: self.offset }
    }

    /// A reader of the captured bytes.
    pub(super) fn reader(self) -> Reader<'a> {
        Reader::new(self.bytes)
    }

    /// Why a header that needs `needed` bytes cannot be read.
    #[cold]
    pub(super) fn lacks(self, header: &'static str, needed: usize) -> NoSegment {
        self.short(Short { field: header, offset: 0, needed, left: self.bytes.len() })
    }

    /// Why a field of this slice cannot be read: the packet was cut, or never had it.
    #[cold]
    pub(super) fn short(self, mut short: Short) -> NoSegment {
        let cut = short.offset + short.needed <= self.wire;
        short.offset += self.offset;
        if cut {
            return NoSegment::Unreadable(Box::new(Problem {
                code: Code::CaptureCutPackets,
                detail: format!("cut by the snapshot length inside its headers: {short}"),
            }));
        }
        NoSegment::malformed(short.to_string())
    }
}

/// Why reading ended before a segment.
#[derive(Debug)]
pub(super) enum NoSegment {
    /// What the headers announce is not TCP.
    NotTcp,
    /// A fragment, kept or given up.
    Fragment,
    /// A link type that is not read.
    Unsupported,
    /// Headers that cannot be read.
    Unreadable(Box<Problem>),
}

/// A finding without its packet.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) code: Code,
    pub(super) detail: String,
}

impl NoSegment {
    /// Headers below TCP that contradict themselves.
    #[cold]
    pub(super) fn malformed(detail: String) -> Self {
        Self::Unreadable(Box::new(Problem { code: Code::LinkMalformed, detail }))
    }
}
