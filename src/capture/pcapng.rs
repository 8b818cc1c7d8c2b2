//! Reads pcapng (draft-ietf-opsawg-pcapng; section numbers are those of draft 03).
//!
//! ```text
//!  section header │ interface 0 │ interface 1 │ packet │ secrets │ … │ statistics ║ section …
//!                   link type, clock, snaplen   └ interface number              numbers from 0
//! ```
//!
//! An inconsistent block is skipped with a finding; reading ends only if the end of a block is
//! unknown.

use std::collections::VecDeque;

use bytes::{Buf, Bytes};

use super::buffer::{InputBuffer, Refill};
use super::clock::InterfaceClock;
use super::fields::{BlockInfo, Fields};
use super::file_findings::FileFindings;
use super::framing::{self, Framed, PcapngBlock};
use super::item::{Error, Item, LinkType, Packet};
use crate::base::fact::{Loser, Losses};
use crate::base::limits::MAX_INTERFACES;
use crate::base::reader::Short;
use crate::base::{Code, Timestamp};

/// The type of a section header block: the same in both byte orders.
pub(super) const SECTION_HEADER: u32 = 0x0a0d_0d0a;

pub(super) const INTERFACE_DESCRIPTION: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
pub(super) const STATISTICS: u32 = 5;
pub(super) const ENHANCED_PACKET: u32 = 6;
pub(super) const SECRETS: u32 = 10;

/// Reader of a pcapng file, with the state of its current section.
#[derive(Default)]
pub(super) struct PcapngReader {
    big_endian: bool,
    /// Whether mcpdump wrote the section.
    is_ours: bool,
    interfaces: Vec<SectionInterface>,
    /// Whether the section has more interfaces than are kept.
    has_more_interfaces: bool,
    /// Time of the last packet of the file.
    last_time: Timestamp,
    /// Time of the statistics after the last packet, if mcpdump wrote them.
    end_time: Option<Timestamp>,
    /// Items of a block after the first one.
    ready: VecDeque<Item>,
}

struct SectionInterface {
    link_type: LinkType,
    /// Snapshot length in bytes; 0 for no limit.
    snaplen: u32,
    clock: InterfaceClock,
    /// Losses reported by packet blocks and not by statistics yet.
    reported_by_packets: u64,
    /// Losses reported by statistics blocks.
    reported_by_statistics: Losses,
}

impl PcapngReader {
    /// Returns the next item; [`Item::Pending`] if the file has no more yet, `None` at the end.
    ///
    /// # Errors
    /// The input cannot be read.
    pub(super) fn next(&mut self, input: &mut InputBuffer) -> Result<Option<Item>, Error> {
        if let Some(item) = self.ready.pop_front() {
            return Ok(Some(item));
        }
        loop {
            let block = match self.next_block(input.bytes()) {
                Framed::Complete(block) => block,
                Framed::Incomplete(need) => match input.refill(need)? {
                    Refill::Bytes => continue,
                    Refill::Pending => return Ok(Some(Item::Pending)),
                    Refill::End => return Ok(None),
                },
                Framed::Invalid(what) => {
                    input.note_damage(&what);
                    return Ok(None);
                }
            };
            let info = BlockInfo { offset: input.offset(), kind: block.kind };
            let whole = input.take(block.len);
            match self.read(info, whole, &mut input.findings) {
                Ok(None) => {}
                Ok(item) => return Ok(item),
                Err(InvalidBlock(what)) => {
                    let what = format!("a block of type {}: {what}; it is skipped", block.kind);
                    input.findings.add(Code::CaptureBadBlock, info.offset, &what);
                }
            }
        }
    }

    fn next_block(&mut self, bytes: &[u8]) -> Framed<PcapngBlock> {
        if bytes.starts_with(&SECTION_HEADER.to_be_bytes()) {
            match byte_order(bytes) {
                Framed::Complete(big_endian) => self.big_endian = big_endian,
                Framed::Incomplete(need) => return Framed::Incomplete(need),
                Framed::Invalid(what) => return Framed::Invalid(what),
            }
        }
        framing::pcapng_block(bytes, self.big_endian)
    }

    fn read(
        &mut self,
        info: BlockInfo,
        whole: Bytes,
        findings: &mut FileFindings,
    ) -> Result<Option<Item>, InvalidBlock> {
        let body = whole
            .get(8..whole.len().saturating_sub(4))
            .ok_or_else(|| InvalidBlock("it is too short".into()))?;
        let mut fields = Fields::new(body, self.big_endian);
        match info.kind {
            SECTION_HEADER => {
                self.interfaces.clear();
                self.has_more_interfaces = false;
                self.section(&mut fields, info, findings);
                Ok(None)
            }
            INTERFACE_DESCRIPTION => self.interface(&mut fields, info, findings).map(|()| None),
            ENHANCED_PACKET | OBSOLETE_PACKET => {
                let block = if info.kind == ENHANCED_PACKET {
                    self.enhanced(&mut fields, info, findings)?
                } else {
                    self.obsolete(&mut fields)?
                };
                self.packet(block, whole, info, findings)
            }
            SIMPLE_PACKET => {
                let block = self.simple(&mut fields)?;
                findings.no_time(info.offset);
                self.packet(block, whole, info, findings)
            }
            STATISTICS => self.statistics(&mut fields, info, findings),
            SECRETS => secrets(&mut fields, &whole).map(Some),
            _ => Ok(None),
        }
    }

    /// Reads which program wrote the section (`shb_userappl`, section 4.1).
    fn section(&mut self, fields: &mut Fields<'_>, info: BlockInfo, findings: &mut FileFindings) {
        self.is_ours = false;
        // Byte-order mark, version, section length.
        if fields.reader.take("section header", 16).is_ok() {
            fields.options(info, findings, |code, value| {
                self.is_ours |= code == 4 && value.reader.rest().starts_with(b"mcpdump");
            });
        }
    }

    /// Reads an interface description (section 4.2). Of repeated options the last one counts.
    fn interface(
        &mut self,
        fields: &mut Fields<'_>,
        info: BlockInfo,
        findings: &mut FileFindings,
    ) -> Result<(), InvalidBlock> {
        if self.interfaces.len() >= MAX_INTERFACES {
            // Once: a file may have millions.
            if std::mem::replace(&mut self.has_more_interfaces, true) {
                return Ok(());
            }
            let what = format!("more than {MAX_INTERFACES} interfaces in a section");
            return Err(InvalidBlock(what));
        }
        let link_type = LinkType(u32::from(fields.u16("link type")?));
        fields.u16("reserved")?;
        let snaplen = fields.u32("snapshot length")?;
        let (mut resolution, mut offset) = (6, 0);
        fields.options(info, findings, |code, mut value| match code {
            9 => resolution = value.reader.u8("if_tsresol").unwrap_or(resolution),
            14 => offset = value.u64("if_tsoffset").map_or(offset, u64::cast_signed),
            _ => {}
        });
        self.interfaces.push(SectionInterface {
            link_type,
            snaplen,
            clock: InterfaceClock::new(resolution, offset),
            reported_by_packets: 0,
            reported_by_statistics: Losses::default(),
        });
        Ok(())
    }

    /// Reads an enhanced packet block (section 4.3).
    fn enhanced(
        &self,
        fields: &mut Fields<'_>,
        info: BlockInfo,
        findings: &mut FileFindings,
    ) -> Result<PacketBlock, InvalidBlock> {
        let interface = self.interface_index(fields.u32("interface")?)?;
        let ticks = fields.ticks()?;
        let captured = fields.u32("captured length")?;
        let original = fields.u32("original length")?;
        fields.reader.take("packet", captured as usize)?;
        let mut lost = 0;
        fields.pad(captured as usize);
        if !fields.reader.rest().is_empty() {
            fields.options(info, findings, |code, mut value| {
                if code == 4 {
                    lost = value.u64("epb_dropcount").unwrap_or(0);
                }
            });
        }
        Ok(PacketBlock { interface, ticks: Some(ticks), start: 28, captured, original, lost })
    }

    /// Reads an obsolete packet block (appendix A): a 16-bit interface number, and the packets lost
    /// before this one (0xffff: unknown).
    fn obsolete(&self, fields: &mut Fields<'_>) -> Result<PacketBlock, InvalidBlock> {
        let interface = self.interface_index(u32::from(fields.u16("interface")?))?;
        let lost = fields.u16("drops count")?;
        let ticks = fields.ticks()?;
        let captured = fields.u32("captured length")?;
        let original = fields.u32("original length")?;
        fields.reader.take("packet", captured as usize)?;
        Ok(PacketBlock {
            interface,
            ticks: Some(ticks),
            start: 28,
            captured,
            original,
            lost: if lost == u16::MAX { 0 } else { u64::from(lost) },
        })
    }

    /// Reads a simple packet block (section 4.4). It has no time; the snapshot length of the first
    /// interface limits the captured length.
    fn simple(&self, fields: &mut Fields<'_>) -> Result<PacketBlock, InvalidBlock> {
        let interface = self.interface_index(0)?;
        let original = fields.u32("original length")?;
        let captured = match self.interfaces.first() {
            Some(first) if first.snaplen > 0 => original.min(first.snaplen),
            _ => original,
        };
        fields.reader.take("packet", captured as usize)?;
        Ok(PacketBlock { interface, ticks: None, start: 12, captured, original, lost: 0 })
    }

    fn packet(
        &mut self,
        block: PacketBlock,
        mut data: Bytes,
        info: BlockInfo,
        findings: &mut FileFindings,
    ) -> Result<Option<Item>, InvalidBlock> {
        let Some(interface) = self.interfaces.get_mut(block.interface) else {
            return Err(InvalidBlock("its interface is unknown".into()));
        };
        if let Some(ticks) = block.ticks {
            self.last_time = findings.time(interface.clock.ns(ticks), info.offset);
        }
        self.end_time = None;
        data.advance(block.start);
        data.truncate(block.captured as usize);
        let mut packet = Packet::unnumbered(self.last_time, interface.link_type, data, block.original);
        packet.interface = u32::try_from(block.interface).unwrap_or(u32::MAX);
        let item = Item::Packet(packet);
        if block.lost == 0 {
            return Ok(Some(item));
        }
        interface.reported_by_packets = interface.reported_by_packets.saturating_add(block.lost);
        self.ready.push_back(item);
        Ok(Some(Item::Lost { by: Loser::Unknown, packets: block.lost }))
    }

    /// Reads statistics (section 4.6). `isb_ifdrop` and `isb_osdrop` count from the start of the
    /// capture; losses already reported by packet blocks are subtracted.
    fn statistics(
        &mut self,
        fields: &mut Fields<'_>,
        info: BlockInfo,
        findings: &mut FileFindings,
    ) -> Result<Option<Item>, InvalidBlock> {
        let number = self.interface_index(fields.u32("interface")?)?;
        let ticks = fields.ticks()?;
        let (mut by_interface, mut by_system, mut accepted, mut delivered) = (0, 0, 0_u64, 0_u64);
        fields.options(info, findings, |code, mut value| match code {
            5 => by_interface = value.count("isb_ifdrop"),
            6 => accepted = value.count("isb_filteraccept"),
            7 => by_system = value.count("isb_osdrop"),
            8 => delivered = value.count("isb_usrdeliv"),
            _ => {}
        });
        let Some(interface) = self.interfaces.get_mut(number) else {
            return Ok(None);
        };
        // Other programs may write any time here.
        self.end_time = self
            .is_ours
            .then(|| interface.clock.ns(ticks))
            .and_then(|ns| i64::try_from(ns).ok())
            .map(Timestamp);
        // For other programs, undelivered packets may still have been in a buffer at the end.
        let by_mcpdump =
            if self.is_ours { accepted.saturating_sub(by_system).saturating_sub(delivered) } else { 0 };
        let losses =
            [(Loser::Interface, by_interface), (Loser::Kernel, by_system), (Loser::Mcpdump, by_mcpdump)];
        for (by, packets) in losses {
            let more = packets.saturating_sub(interface.reported_by_statistics.by(by));
            interface.reported_by_statistics.add(by, more);
            let already_reported = interface.reported_by_packets.min(more);
            interface.reported_by_packets -= already_reported;
            let packets = more - already_reported;
            if packets > 0 {
                self.ready.push_back(Item::Lost { by, packets });
            }
        }
        Ok(self.ready.pop_front())
    }

    /// Time at which the capture ended; `None` if it is unknown, or a packet was read since.
    pub(super) fn end_time(&self) -> Option<Timestamp> {
        self.end_time
    }

    fn interface_index(&self, interface: u32) -> Result<usize, InvalidBlock> {
        let there = self.interfaces.len();
        match usize::try_from(interface) {
            Ok(number) if number < there => Ok(number),
            _ => {
                Err(InvalidBlock(format!("it names interface {interface}, {there} are described before it")))
            }
        }
    }
}

/// Returns whether the section that starts at `bytes` is big-endian (section 4.1).
pub(super) fn byte_order(bytes: &[u8]) -> Framed<bool> {
    let Some([_, _, _, _, _, _, _, _, magic @ .., v0, v1]) = bytes.first_chunk::<14>() else {
        return Framed::Incomplete(28);
    };
    let (big_endian, major) = match magic {
        [0x1a, 0x2b, 0x3c, 0x4d] => (true, u16::from_be_bytes([*v0, *v1])),
        [0x4d, 0x3c, 0x2b, 0x1a] => (false, u16::from_le_bytes([*v0, *v1])),
        _ => return Framed::Invalid(format!("a section with the unknown byte-order mark {magic:02x?}")),
    };
    if major == 1 {
        Framed::Complete(big_endian)
    } else {
        Framed::Invalid(format!("a section of pcapng version {major}; version 1 is known"))
    }
}

/// Reads a decryption secrets block (section 4.7).
fn secrets(fields: &mut Fields<'_>, whole: &Bytes) -> Result<Item, InvalidBlock> {
    let kind = fields.u32("secrets type")?;
    let len = fields.u32("secrets length")? as usize;
    fields.reader.take("secrets", len)?;
    let mut data = whole.clone();
    data.advance(16);
    data.truncate(len);
    Ok(Item::Secrets { kind, data })
}

/// Fields of a packet block of any kind.
#[derive(Clone, Copy)]
struct PacketBlock {
    interface: usize,
    ticks: Option<u64>,
    /// Offset of the packet in the block, in bytes.
    start: usize,
    captured: u32,
    original: u32,
    lost: u64,
}

/// Why a block is skipped.
struct InvalidBlock(String);

impl From<Short> for InvalidBlock {
    fn from(short: Short) -> Self {
        Self(short.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::samples::{BIG, LITTLE, OneByte, Order, drain, read};
    use crate::capture::{LinkType, from_reader};

    const SECOND: i64 = 1_000_000_000;

    /// A section with one Ethernet interface that has these options.
    fn one(order: Order, options: &[Vec<u8>]) -> Vec<u8> {
        [order.section(), order.interface(1, 0, &options.concat())].concat()
    }

    #[test]
    fn resolutions_and_offsets_in_both_byte_orders() {
        for order in [LITTLE, BIG] {
            for (resolution, offset, ticks, want) in [
                (6, 0, 1_700_000_000_123_456, 1_700_000_000_123_456_000),
                (9, 0, 1_700_000_000_123_456_789, 1_700_000_000_123_456_789),
                (3, 0, 1_700_000_000_123, 1_700_000_000_123_000_000),
                (0x94, 0, 3 << 19, SECOND * 3 / 2),
                (6, -5, 7_500_000, SECOND * 5 / 2),
                (6, -5, 0, -5 * SECOND),
                (0, 0, 1 << 33, SECOND << 33),
            ] {
                let offset: i64 = offset;
                let options = [
                    order.option(2, b"eth0"),
                    order.option(9, &[resolution]),
                    order.option(14, &order.u64(offset.cast_unsigned())),
                    order.option(0, &[]),
                ];
                let file = [one(order, &options), order.packet(0, ticks, b"abcde", &[])].concat();
                let got = read(&file);
                assert_eq!(got.table(), [(1, want, 5, 5)]);
                assert_eq!(got.packets()[0].data, b"abcde"[..]);
                assert_eq!(got.codes, []);
            }
        }
    }

    #[test]
    fn a_time_out_of_range_is_reported_once() {
        let options = [LITTLE.option(9, &[0])];
        let packet = LITTLE.packet(0, u64::MAX, b"x", &[]);
        let got = read(&[one(LITTLE, &options), packet.clone(), packet].concat());
        assert_eq!(got.times(), [i64::MAX; 2]);
        assert_eq!(got.codes, [Code::CaptureTimeRange]);
    }

    #[test]
    fn sections_of_either_byte_order_count_interfaces_anew() {
        let second = [BIG.section(), BIG.interface(101, 0, &[]), BIG.packet(0, 2_000_000, b"two", &[])];
        let first = [
            LITTLE.section(),
            LITTLE.interface(1, 0, &[]),
            LITTLE.interface(113, 0, &LITTLE.option(9, &[9])),
            LITTLE.packet(1, 5, b"one", &[]),
            LITTLE.packet(0, 5, b"", &[]),
        ];
        let got = read(&[first.concat(), second.concat(), BIG.packet(1, 1, b"lost", &[])].concat());
        assert_eq!(got.table(), [(1, 5, 3, 3), (2, 5_000, 0, 0), (3, 2 * SECOND, 3, 3)]);
        let links: Vec<_> = got.packets().iter().map(|p| p.link_type).collect();
        assert_eq!(links, [LinkType(113), LinkType(1), LinkType(101)]);
        assert_eq!(got.codes, [Code::CaptureBadBlock]);
        assert!(got.details[0].contains("interface 1, 1 are described"), "{:?}", got.details);
    }

    #[test]
    fn simple_and_obsolete_packets() {
        for order in [LITTLE, BIG] {
            let simple =
                |original, data: &[u8]| order.block(3, &[order.u32(original), data.to_vec()].concat());
            let obsolete = |drops, data: &[u8]| {
                let head = [order.u16(0), order.u16(drops), order.u32s(&[0, 9_000_000, 3, 60])];
                order.block(2, &[head.concat(), data.to_vec(), vec![0]].concat())
            };
            let file = [
                order.section(),
                order.interface(1, 4, &[]),
                simple(3, b"abc"),
                obsolete(0xffff, b"def"),
                simple(1500, b"ghij"),
                obsolete(4, b"klm"),
            ];
            let got = read(&file.concat());
            let want =
                [(1, 0, 3, 3), (2, 9 * SECOND, 3, 60), (3, 9 * SECOND, 4, 1500), (4, 9 * SECOND, 3, 60)];
            assert_eq!(got.table(), want);
            assert_eq!(got.lost(), [(Loser::Unknown, 4)]);
            assert!(matches!(got.items[3], Item::Lost { packets: 4, .. }));
            assert_eq!(got.codes, [Code::CaptureNoTime]);
        }
    }

    #[test]
    fn unknown_blocks_are_skipped_and_secrets_yielded() {
        let keys = b"CLIENT_RANDOM 00 11\n";
        let secrets = [LITTLE.u32s(&[0x544c_534b, keys.len() as u32]), keys.to_vec()].concat();
        let file = [
            one(LITTLE, &[]),
            LITTLE.block(0x0bad, &[1, 2, 3, 4, 5]),
            LITTLE.block(0x7777_7777, &[]),
            LITTLE.block(10, &secrets),
            LITTLE.packet(0, 1, b"x", &[]),
        ];
        let got = read(&file.concat());
        let [Item::Secrets { kind, data }, Item::Packet(_)] = got.items.as_slice() else {
            panic!("{got:?}");
        };
        assert_eq!((*kind, &data[..]), (0x544c_534b, &keys[..]));
        assert_eq!(got.codes, []);
    }

    #[test]
    fn losses_are_reported_as_increases_and_once() {
        let dropped = [LITTLE.option(4, &LITTLE.u64(3)), LITTLE.option(0, &[])].concat();
        let file = [
            one(LITTLE, &[]),
            LITTLE.interface(1, 0, &[]),
            LITTLE.statistics(0, 2, 5),
            LITTLE.statistics(1, 1, u64::MAX),
            LITTLE.statistics(0, 2, 5),
            LITTLE.packet(0, 1, b"x", &dropped),
            LITTLE.statistics(0, 3, 9),
        ];
        let got = read(&file.concat());
        let (interface, kernel, unknown) = (Loser::Interface, Loser::Kernel, Loser::Unknown);
        assert_eq!(
            got.lost(),
            [(interface, 2), (kernel, 5), (interface, 1), (unknown, 3), (kernel, 2)],
            "losses of packet blocks are not reported twice"
        );
        assert_eq!(got.codes, []);
    }

    #[test]
    fn damage_skips_a_block_or_the_rest() {
        let good = LITTLE.packet(0, 1, b"good", &[]);
        let mut too_long = LITTLE.packet(0, 1, b"bad.", &[]);
        too_long[20] = 5;
        let bad_option = LITTLE.packet(0, 1, b"pack", &[4, 0, 8, 0]);
        let got = read(&[one(LITTLE, &[]), too_long, bad_option, good.clone()].concat());
        assert_eq!(got.packets().len(), 2);
        assert_eq!(got.codes, [Code::CaptureBadBlock, Code::CaptureBadBlock]);

        let mut lies = good.clone();
        *lies.last_mut().unwrap() = 1;
        for bad in [lies, LITTLE.u32s(&[6, 8, 0]), LITTLE.u32s(&[6, 0xffff_fff0])] {
            let got = read(&[one(LITTLE, &[]), good.clone(), bad, good.clone()].concat());
            assert_eq!(got.packets().len(), 1);
            assert_eq!(got.codes, [Code::CaptureBadBlock], "{:?}", got.details);
            assert!(got.details[0].contains("not read"), "{:?}", got.details);
        }
    }

    #[test]
    fn a_flood_of_interfaces_is_capped() {
        let interfaces = LITTLE.interface(1, 0, &[]).repeat(MAX_INTERFACES + 1);
        let got = read(&[LITTLE.section(), interfaces].concat());
        assert_eq!(got.codes, [Code::CaptureBadBlock]);
    }

    #[test]
    fn padding_and_short_reads_make_no_difference() {
        let file: Vec<u8> =
            (0..9u8).flat_map(|n| BIG.packet(0, u64::from(n), &vec![n; n.into()], &[])).collect();
        let file = [one(BIG, &[]), file].concat();
        let whole = read(&file);
        let reader = OneByte(std::io::Cursor::new(file));
        let split = drain(from_reader("test", Box::new(reader)));
        assert_eq!(whole.table().len(), 9);
        assert_eq!(whole.table(), split.table());
    }
}
