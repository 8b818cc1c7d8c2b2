//! Finds the end of each record of a file: of pcapng, and of the header of a pcap file, with
//! pcap-parser. No other file uses that crate.
//!
//! The content of blocks is read in `pcapng`: the crate lacks obsolete packet blocks, rejects a
//! block with a damaged option, and has unsigned time offsets and 32-bit seconds.

use pcap_parser::nom::{Err as Nom, Needed};
use pcap_parser::{parse_pcap_header, parse_unknownblock_be, parse_unknownblock_le};

use super::item::LinkType;
use crate::base::limits::MAX_PACKET;

/// Result of framing the record at the front of a buffer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Framed<T> {
    /// The complete record.
    Complete(T),
    /// At least this many bytes are needed in total.
    Incomplete(usize),
    /// Invalid, with the reason; the end of the record is unknown.
    Invalid(String),
}

/// Layout of the records of a classic pcap file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecordLayout {
    Little,
    Big,
    /// Alexey Kuznetzov's patched libpcap: headers of 24 bytes, little-endian.
    Modified,
}

/// The header of a classic pcap file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PcapHeader {
    pub(super) layout: RecordLayout,
    /// Fractions of a second are nanoseconds, not microseconds.
    pub(super) nanoseconds: bool,
    pub(super) link_type: LinkType,
}

/// Length of a [`PcapHeader`] in the file, in bytes.
pub(super) const PCAP_HEADER_LEN: usize = 24;

/// Reads the header of a classic pcap file.
pub(super) fn pcap_header(bytes: &[u8]) -> Framed<PcapHeader> {
    match parse_pcap_header(bytes) {
        Ok((_, header)) => Framed::Complete(PcapHeader {
            layout: match (header.is_modified_format(), header.is_bigendian()) {
                (true, _) => RecordLayout::Modified,
                (false, true) => RecordLayout::Big,
                (false, false) => RecordLayout::Little,
            },
            nanoseconds: header.is_nanosecond_precision(),
            // The upper bits describe frame check sequences.
            link_type: LinkType(header.network.0.cast_unsigned() & 0x03ff_ffff),
        }),
        Err(Nom::Incomplete(_)) => Framed::Incomplete(PCAP_HEADER_LEN),
        Err(_) => Framed::Invalid("no pcap header".into()),
    }
}

/// The header of a packet in a classic pcap file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PcapRecord {
    pub(super) seconds: u32,
    pub(super) fraction: u32,
    /// Length of this header in bytes.
    pub(super) header: usize,
    /// Captured bytes of the packet, which follow the header.
    pub(super) captured: usize,
    pub(super) original: u32,
}

/// Finds the packet at the front of `bytes`.
pub(super) fn pcap_record(bytes: &[u8], layout: RecordLayout) -> Framed<PcapRecord> {
    let header = if layout == RecordLayout::Modified { 24 } else { 16 };
    let Some(fields) = bytes.first_chunk::<16>().filter(|_| bytes.len() >= header) else {
        return Framed::Incomplete(header);
    };
    let [s0, s1, s2, s3, f0, f1, f2, f3, c0, c1, c2, c3, o0, o1, o2, o3] = *fields;
    let number = if layout == RecordLayout::Big { u32::from_be_bytes } else { u32::from_le_bytes };
    let captured = usize::try_from(number([c0, c1, c2, c3])).unwrap_or(usize::MAX);
    if captured > MAX_PACKET {
        return too_long("packet", captured);
    }
    if bytes.len() < header + captured {
        return Framed::Incomplete(header + captured);
    }
    Framed::Complete(PcapRecord {
        seconds: number([s0, s1, s2, s3]),
        fraction: number([f0, f1, f2, f3]),
        header,
        captured,
        original: number([o0, o1, o2, o3]),
    })
}

/// The frame of a pcapng block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PcapngBlock {
    /// The block type.
    pub(super) kind: u32,
    /// Length of the block in bytes, at least 12: type, length, body, length.
    pub(super) len: usize,
}

/// Maximum bytes of a block besides the packet: header and options (a comment has at most 64 KiB).
const MAX_BLOCK_OVERHEAD: usize = 256 << 10;

/// Finds the pcapng block at the front of `bytes`.
pub(super) fn pcapng_block(bytes: &[u8], big: bool) -> Framed<PcapngBlock> {
    let parsed = if big { parse_unknownblock_be(bytes) } else { parse_unknownblock_le(bytes) };
    match parsed {
        Ok((_, block)) if block.block_len1 != block.block_len2 => Framed::Invalid(format!(
            "a block says at its start that it has {} bytes, at its end {}",
            block.block_len1, block.block_len2
        )),
        Ok((_, block)) => Framed::Complete(PcapngBlock {
            // The crate always reads the type as little-endian.
            kind: if big { block.block_type.swap_bytes() } else { block.block_type },
            len: block.data.len() + 12,
        }),
        Err(Nom::Incomplete(needed)) => match needed_len(bytes, needed) {
            len if len > MAX_PACKET + MAX_BLOCK_OVERHEAD => too_long("block", len),
            len => Framed::Incomplete(len.max(12)),
        },
        Err(_) => Framed::Invalid("a block says that it is shorter than a block can be".into()),
    }
}

fn needed_len(bytes: &[u8], needed: Needed) -> usize {
    match needed {
        Needed::Unknown => bytes.len().saturating_add(1),
        Needed::Size(more) => bytes.len().saturating_add(more.get()),
    }
}

fn too_long<T>(what: &str, len: usize) -> Framed<T> {
    Framed::Invalid(format!("a {what} of {len} bytes: more than the {MAX_PACKET} that a packet may have"))
}
