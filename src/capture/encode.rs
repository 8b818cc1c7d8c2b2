//! Encodes packets as pcapng (draft-ietf-opsawg-pcapng; section numbers are those of draft 03).
//!
//! Does no I/O: [`Encoder`] makes whole blocks, `save` writes them to files. The crate pcap-file
//! writes pcapng only as a release candidate; these are the few blocks that are needed.
//!
//! ```text
//!  section header │ interface 0 │ packet │ packet │ statistics │ packet │ … │ statistics
//!    program        link type, ns └ interface number  └ losses so far         └ totals
//! ```

use super::item::{LinkType, Packet};
use super::pcapng::{ENHANCED_PACKET, INTERFACE_DESCRIPTION, SECRETS, SECTION_HEADER, STATISTICS};
use crate::base::fact::Losses;
use crate::base::{Timestamp, text};

/// Metadata of a file. Empty texts are omitted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileMetadata {
    /// Processor of the machine.
    pub hardware: String,
    /// Operating system and version.
    pub system: String,
    /// Program and version.
    pub application: String,
    /// Capture device.
    pub device: String,
    /// What the device is, for people.
    pub description: String,
    /// BPF filter of the capture.
    pub filter: String,
    /// Snapshot length in bytes; 0 for no limit.
    pub snaplen: u32,
    /// What the file holds, for its reader.
    pub comment: String,
}

/// Content of an interface statistics block (section 4.6), counted from the start of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FileStatistics {
    /// Packets in the file.
    pub(super) written: u64,
    /// Packets lost, by loser.
    pub(super) lost: Losses,
    /// Time until which no further packet was captured; `None` if it is unknown.
    pub(super) end_time: Option<Timestamp>,
}

/// A link type that pcapng cannot represent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("link type {} cannot be written to pcapng, which has 16 bits for it", .0.0)]
pub(super) struct UnsupportedLinkType(pub(super) LinkType);

/// Encodes one file of one section.
#[derive(Debug)]
pub(super) struct Encoder {
    metadata: FileMetadata,
    interfaces: Vec<WrittenInterface>,
    /// Whole blocks not cleared yet.
    blocks: Vec<u8>,
    /// Length of the cleared blocks in bytes.
    cleared: u64,
}

/// A described interface. A file has one per link type and interface read; live captures have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct WrittenInterface {
    link_type: u16,
    /// Number of the interface in the file that is read, at most [`MAX_INTERFACE`].
    interface: u32,
    /// `if_tsoffset` in seconds. Ticks are unsigned, so times before 1970 get a separate interface.
    offset: i64,
    /// Times of its first and last packet, in file order.
    times: Option<(Timestamp, Timestamp)>,
}

/// Largest number of an interface that is told apart: the interface of each packet is looked for
/// among those described. Captures have a few.
const MAX_INTERFACE: u32 = 15;

/// Code of the option that holds a comment (section 3.5).
const COMMENT: u16 = 1;

/// `if_tsoffset` of times before 1970, in seconds: no [`Timestamp`] is earlier.
const BEFORE_1970: i64 = i64::MIN / 1_000_000_000 - 1;

impl Encoder {
    /// Creates an encoder; the section header is the first block.
    pub(super) fn new(metadata: FileMetadata) -> Self {
        let mut encoder = Self { metadata, interfaces: Vec::new(), blocks: Vec::new(), cleared: 0 };
        encoder.section();
        encoder
    }

    /// Length of the file so far in bytes.
    pub(super) fn len(&self) -> u64 {
        self.cleared + self.blocks.len() as u64
    }

    /// Whole blocks since [`Encoder::clear_blocks`].
    pub(super) fn blocks(&self) -> &[u8] {
        &self.blocks
    }

    /// Clears the blocks after they were written.
    pub(super) fn clear_blocks(&mut self) {
        self.cleared = self.len();
        self.blocks.clear();
    }

    /// Whole blocks since [`Encoder::clear_blocks`] that end before a position in the file, where a
    /// block begins.
    pub(super) fn blocks_until(&self, position: u64) -> &[u8] {
        self.blocks.get(..self.offset(position)).unwrap_or_default()
    }

    /// Clears the blocks before a position in the file, where a block begins.
    pub(super) fn clear_blocks_until(&mut self, position: u64) {
        let offset = self.offset(position);
        self.blocks.drain(..offset);
        self.cleared += offset as u64;
    }

    /// Returns where a position in the file is in `blocks`.
    fn offset(&self, position: u64) -> usize {
        let offset = position.saturating_sub(self.cleared);
        usize::try_from(offset).unwrap_or(usize::MAX).min(self.blocks.len())
    }

    /// Describes an interface ahead of its packets, so that a file without packets has one.
    ///
    /// # Errors
    /// [`UnsupportedLinkType`].
    pub(super) fn interface(&mut self, link_type: LinkType) -> Result<(), UnsupportedLinkType> {
        self.number(link_type, 0, Timestamp::default()).map(|_| ())
    }

    /// Encodes an enhanced packet block (section 4.3).
    ///
    /// # Errors
    /// [`UnsupportedLinkType`]; the packet is not encoded.
    pub(super) fn packet(&mut self, packet: &Packet) -> Result<(), UnsupportedLinkType> {
        self.packet_with_comment(packet, None)
    }

    /// Encodes an enhanced packet block with a comment (section 3.5, `opt_comment`).
    ///
    /// # Errors
    /// As [`Encoder::packet`].
    pub(super) fn packet_with_comment(
        &mut self,
        packet: &Packet,
        comment: Option<&str>,
    ) -> Result<(), UnsupportedLinkType> {
        let time = packet.origin.time;
        let number = self.number(packet.link_type, packet.interface, time)?;
        let Some(interface) = self.interfaces.get_mut(number) else {
            return Err(UnsupportedLinkType(packet.link_type));
        };
        let (first, _) = interface.times.unwrap_or((time, time));
        interface.times = Some((first, time));
        let offset = interface.offset;
        self.block(ENHANCED_PACKET, |block| {
            block.u32(len32(number));
            block.time(time, offset);
            block.u32(len32(packet.data.len()));
            block.u32(packet.original_len);
            block.padded(&packet.data);
            if let Some(comment) = comment {
                block.text(COMMENT, comment);
                block.option(0, &[]);
            }
        });
        Ok(())
    }

    /// Encodes a decryption secrets block (section 4.7).
    pub(super) fn secrets(&mut self, kind: u32, data: &[u8]) {
        self.block(SECRETS, |block| {
            block.u32(kind);
            block.u32(len32(data.len()));
            block.padded(data);
        });
    }

    /// Encodes a decryption secrets block at a position in the file, where a block begins, or at
    /// the first one that is not cleared. Returns that position and the length of the block.
    pub(super) fn insert_secrets(&mut self, position: u64, kind: u32, data: &[u8]) -> (u64, u64) {
        let (offset, before) = (self.offset(position), self.blocks.len());
        self.secrets(kind, data);
        let len = self.blocks.len() - before;
        if let Some(behind) = self.blocks.get_mut(offset..) {
            behind.rotate_right(len);
        }
        (self.cleared + offset as u64, len as u64)
    }

    /// Encodes an interface statistics block (section 4.6) for the whole file, under its first
    /// interface. Each block counts from the start of the file; the last one is final. Packets that
    /// were accepted, not dropped by the system and not delivered are the losses of mcpdump.
    pub(super) fn statistics(&mut self, statistics: FileStatistics) {
        let Some(interface) = self.interfaces.first().copied() else {
            return;
        };
        let (first, last) = interface.times.unwrap_or_default();
        let FileStatistics { written, lost, end_time } = statistics;
        let now = end_time.map_or(last, |end_time| end_time.max(last));
        // `epb_dropcount` does not say what dropped the packets, and excludes the interface.
        let system = lost.kernel.saturating_add(lost.unknown);
        let accepted = written.saturating_add(system).saturating_add(lost.mcpdump);
        self.block(STATISTICS, |block| {
            block.u32(0);
            block.time(now, interface.offset);
            if interface.times.is_some() {
                block.option(2, &ticks(first, interface.offset)); // isb_starttime
                block.option(3, &ticks(last, interface.offset)); // isb_endtime
            }
            block.option(4, &accepted.to_le_bytes()); // isb_ifrecv
            block.option(5, &lost.interface.to_le_bytes()); // isb_ifdrop
            block.option(6, &accepted.to_le_bytes()); // isb_filteraccept
            block.option(7, &system.to_le_bytes()); // isb_osdrop
            block.option(8, &written.to_le_bytes()); // isb_usrdeliv
            block.option(0, &[]);
        });
    }

    /// Encodes the section header block (section 4.1), without section length.
    fn section(&mut self) {
        let FileMetadata { hardware, system, application, comment, .. } = self.metadata.clone();
        self.block(SECTION_HEADER, |block| {
            block.u32(0x1a2b_3c4d);
            block.u32(1); // version 1.0
            block.0.extend_from_slice(&u64::MAX.to_le_bytes());
            block.text(COMMENT, &comment);
            block.text(2, &hardware);
            block.text(3, &system);
            block.text(4, &application);
            block.option(0, &[]);
        });
    }

    /// Returns the number of the interface of a packet; describes it first if it is new (section
    /// 4.2).
    fn number(
        &mut self,
        link_type: LinkType,
        interface: u32,
        time: Timestamp,
    ) -> Result<usize, UnsupportedLinkType> {
        let interface = interface.min(MAX_INTERFACE);
        let offset = if time.0 < 0 { BEFORE_1970 } else { 0 };
        let small = u16::try_from(link_type.0).map_err(|_| UnsupportedLinkType(link_type))?;
        let known =
            |i: &WrittenInterface| i.link_type == small && i.interface == interface && i.offset == offset;
        if let Some(number) = self.interfaces.iter().position(known) {
            return Ok(number);
        }
        self.interfaces.push(WrittenInterface { link_type: small, interface, offset, times: None });
        let FileMetadata { device, description, filter, snaplen, system, .. } = self.metadata.clone();
        self.block(INTERFACE_DESCRIPTION, |block| {
            block.u32(u32::from(small));
            block.u32(snaplen);
            block.text(2, &device);
            block.text(3, &description);
            block.option(9, &[9]); // if_tsresol: nanoseconds
            if !filter.is_empty() {
                // Code 0: a filter in libpcap's language.
                block.option(11, &[&[0], truncate(&filter)].concat());
            }
            block.text(12, &system);
            if offset != 0 {
                block.option(14, &offset.to_le_bytes());
            }
            block.option(0, &[]);
        });
        Ok(self.interfaces.len() - 1)
    }

    /// Encodes a block: type, length, body, length.
    fn block(&mut self, kind: u32, fill: impl FnOnce(&mut BlockBody<'_>)) {
        let start = self.blocks.len();
        let mut body = BlockBody(&mut self.blocks);
        body.u32(kind);
        body.u32(0);
        fill(&mut body);
        let len = len32(self.blocks.len() - start + 4).to_le_bytes();
        if let Some(field) = self.blocks.get_mut(start + 4..start + 8) {
            field.copy_from_slice(&len);
        }
        self.blocks.extend_from_slice(&len);
    }
}

/// Iterates over encoded blocks: the end of each in bytes, and whether it is a packet.
pub(super) fn block_ends(blocks: &[u8]) -> impl Iterator<Item = (usize, bool)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let kind = blocks.get(at..at + 4)?;
        let len = blocks.get(at + 4..at + 8)?.first_chunk::<4>()?;
        at += u32::from_le_bytes(*len) as usize;
        (at <= blocks.len()).then(|| (at, kind == ENHANCED_PACKET.to_le_bytes()))
    })
}

/// Body of a block under construction, little-endian.
struct BlockBody<'a>(&'a mut Vec<u8>);

impl BlockBody<'_> {
    fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// Time stamp, upper half first.
    fn time(&mut self, time: Timestamp, offset: i64) {
        self.0.extend_from_slice(&ticks(time, offset));
    }

    /// Data, padded to 32 bits.
    fn padded(&mut self, data: &[u8]) {
        self.0.extend_from_slice(data);
        self.0.resize(self.0.len() + (data.len().next_multiple_of(4) - data.len()), 0);
    }

    /// An option; code 0 ends the list.
    fn option(&mut self, code: u16, value: &[u8]) {
        self.0.extend_from_slice(&code.to_le_bytes());
        self.0.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_le_bytes());
        self.padded(value);
    }

    /// A text option, unless the text is empty.
    fn text(&mut self, code: u16, text: &str) {
        if !text.is_empty() {
            self.option(code, truncate(text));
        }
    }
}

/// Maximum length of an option text in bytes: lengths have 16 bits, and one byte may precede it.
const MAX_OPTION_TEXT: usize = 60_000;

fn truncate(text: &str) -> &[u8] {
    text::beginning(text, MAX_OPTION_TEXT).as_bytes()
}

/// Nanoseconds since the epoch or `offset` (in seconds), as two halves, the upper first.
fn ticks(time: Timestamp, offset: i64) -> [u8; 8] {
    let ns = i128::from(time.0) - i128::from(offset) * 1_000_000_000;
    let ns = u64::try_from(ns).unwrap_or(0).to_le_bytes();
    let [a, b, c, d, e, f, g, h] = ns;
    [e, f, g, h, a, b, c, d]
}

/// A length as 32 bits: no packet is longer than `limits::MAX_PACKET`.
fn len32(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::base::Origin;
    use crate::base::fact::Loser;
    use crate::capture::Item;
    use crate::capture::samples::read;

    fn packets() -> impl Strategy<Value = Vec<Packet>> {
        let link_type = prop_oneof![Just(LinkType(1)), Just(LinkType(113)), Just(LinkType(0xffff))];
        let time = prop_oneof![any::<i64>(), 0..i64::MAX, Just(i64::MIN), Just(i64::MAX), Just(0), Just(-1)];
        let data = proptest::collection::vec(any::<u8>(), 0..80);
        let packet = (link_type, time, data, 0..1000_u32).prop_map(|(link_type, time, data, more)| Packet {
            origin: Origin::new(0, time),
            link_type,
            interface: 0,
            original_len: data.len() as u32 + more,
            data: data.into(),
        });
        proptest::collection::vec(packet, 0..20)
    }

    proptest! {
        #[test]
        fn encoded_packets_are_read_back(packets in packets(), taken in any::<bool>()) {
            let metadata = FileMetadata { hardware: "h".into(), system: "Łinux".into(), device: "lo".into(), ..FileMetadata::default() };
            let mut encoder = Encoder::new(FileMetadata { filter: "tcp port 1".into(), ..metadata });
            let mut file = Vec::new();
            for packet in &packets {
                encoder.packet(packet).unwrap();
                if taken {
                    file.extend_from_slice(encoder.blocks());
                    encoder.clear_blocks();
                }
            }
            encoder.statistics(FileStatistics { written: packets.len() as u64, ..FileStatistics::default() });
            file.extend_from_slice(encoder.blocks());
            encoder.clear_blocks();
            prop_assert_eq!(encoder.len(), file.len() as u64);
            let got = read(&file);
            prop_assert_eq!(&got.codes, &vec![]);
            prop_assert_eq!(got.error.as_deref(), None);
            let facts = |p: &Packet| (p.origin.time, p.link_type, p.original_len, p.data.clone());
            let was: Vec<_> = packets.iter().map(facts).collect();
            let is: Vec<_> = got.packets().into_iter().map(facts).collect();
            prop_assert_eq!(is, was);
        }
    }

    fn packet(link_type: u32) -> Packet {
        let data = Bytes::from_static(b"abc");
        Packet {
            origin: Origin::new(1, 5),
            link_type: LinkType(link_type),
            interface: 0,
            data,
            original_len: 3,
        }
    }

    #[test]
    fn an_unsupported_link_type_is_refused() {
        let mut encoder = Encoder::new(FileMetadata::default());
        let before = encoder.len();
        assert_eq!(encoder.packet(&packet(0x1_0000)), Err(UnsupportedLinkType(LinkType(0x1_0000))));
        assert_eq!(encoder.len(), before);
    }

    #[test]
    fn silence_at_the_end_is_read_only_from_own_files() {
        let block_ends = |application: &str, packets: usize| {
            let mut encoder =
                Encoder::new(FileMetadata { application: application.into(), ..FileMetadata::default() });
            let end_time = Some(Timestamp(9_000_000_000));
            for _ in 0..packets {
                encoder.statistics(FileStatistics { end_time, ..FileStatistics::default() });
                encoder.packet(&packet(1)).unwrap();
            }
            encoder.statistics(FileStatistics { end_time, ..FileStatistics::default() });
            read(encoder.blocks()).items.iter().filter(|item| matches!(item, Item::Time(_))).count()
        };
        assert_eq!(
            [block_ends("mcpdump 1", 1), block_ends("mcpdump 1", 3), block_ends("dumpcap", 1)],
            [1, 1, 0]
        );
    }

    #[test]
    fn losses_are_read_at_their_position() {
        let mut encoder =
            Encoder::new(FileMetadata { application: "mcpdump 1".into(), ..FileMetadata::default() });
        encoder.packet(&packet(1)).unwrap();
        let mut statistics = FileStatistics { written: 1, ..FileStatistics::default() };
        statistics.lost.add(Loser::Kernel, 3);
        encoder.statistics(statistics);
        statistics.lost.add(Loser::Mcpdump, 7);
        encoder.statistics(statistics);
        encoder.packet(&packet(113)).unwrap();
        statistics.written += 1;
        statistics.lost.add(Loser::Interface, 2);
        encoder.statistics(statistics);
        encoder.secrets(0x544c_534b, b"CLIENT_RANDOM");
        let got = read(encoder.blocks());
        assert_eq!(got.lost(), [(Loser::Kernel, 3), (Loser::Mcpdump, 7), (Loser::Interface, 2)]);
        assert_eq!(got.items.len(), 7);
        assert!(matches!(got.items.last(), Some(Item::Time(Timestamp(5)))), "the time of the last packet");
    }

    #[test]
    fn block_ends_are_found() {
        let mut encoder = Encoder::new(FileMetadata::default());
        for _ in 0..3 {
            encoder.packet(&packet(1)).unwrap();
        }
        let blocks = encoder.blocks();
        let found: Vec<_> = block_ends(blocks).collect();
        assert_eq!(
            found.iter().map(|(_, packet)| *packet).collect::<Vec<_>>(),
            [false, false, true, true, true]
        );
        assert_eq!(found.last().map(|(end, _)| *end), Some(blocks.len()));
        assert_eq!(block_ends(&blocks[..blocks.len() - 1]).count(), 4);
    }

    #[test]
    fn secrets_are_inserted_before_what_is_not_written_yet() {
        let secrets_and_packets = |cleared: usize, at: usize| {
            let mut encoder = Encoder::new(FileMetadata::default());
            let (mut begins, mut file) = (Vec::new(), Vec::new());
            for number in 0..4 {
                begins.push(encoder.len());
                encoder.packet(&packet(1)).unwrap();
                if number == 0 {
                    // The description of the interface stands before the first packet.
                    begins[0] = encoder.len() - 36;
                }
            }
            file.extend_from_slice(encoder.blocks_until(begins[cleared]));
            encoder.clear_blocks_until(begins[cleared]);
            let (position, len) = encoder.insert_secrets(begins[at], 1, b"secret");
            assert_eq!((position, len), (begins[cleared.max(at)], 28));
            file.extend_from_slice(encoder.blocks());
            encoder.clear_blocks();
            assert_eq!(encoder.len(), file.len() as u64);
            let kinds = read(&file).items.into_iter().filter_map(|item| match item {
                Item::Secrets { .. } => Some('s'),
                Item::Packet(_) => Some('p'),
                _ => None,
            });
            kinds.collect::<String>()
        };
        assert_eq!(secrets_and_packets(1, 2), "ppspp");
        assert_eq!(secrets_and_packets(3, 1), "pppsp", "not among what is written");
        assert_eq!(secrets_and_packets(0, 0), "spppp");
    }

    #[test]
    fn a_long_text_is_truncated() {
        let mut encoder =
            Encoder::new(FileMetadata { device: "ü".repeat(50_000), ..FileMetadata::default() });
        encoder.interface(LinkType(1)).unwrap();
        let got = read(encoder.blocks());
        assert_eq!((got.codes, got.error), (vec![], None));
    }
}
