//! Reads classic pcap: either byte order, microseconds or nanoseconds, one link type.

use super::buffer::{InputBuffer, Refill};
use super::framing::{self, Framed, PcapHeader, PcapRecord};
use super::item::{Error, Item, LinkType, Packet};
use crate::base::{Origin, PacketNo, Timestamp};

/// Reader of a classic pcap file.
pub(super) struct PcapReader {
    header: PcapHeader,
}

impl PcapReader {
    /// Creates a reader; `header` was already taken from the input.
    pub(super) fn new(header: PcapHeader) -> Self {
        Self { header }
    }

    /// Link type of all packets.
    pub(super) fn link_type(&self) -> LinkType {
        self.header.link_type
    }

    /// Returns the next packet, with this number, if it was read already.
    #[inline(always)]
    pub(super) fn next_plain(&self, number: PacketNo, input: &mut InputBuffer) -> Option<Packet> {
        match framing::pcap_record(input.bytes(), self.header.layout) {
            Framed::Complete(record) => Some(self.packet(record, number, input)),
            Framed::Incomplete(_) | Framed::Invalid(_) => None,
        }
    }

    /// Takes a packet whose header was read.
    #[inline(always)]
    fn packet(&self, record: PcapRecord, number: PacketNo, input: &mut InputBuffer) -> Packet {
        let data = input.take_behind(record.header, record.captured);
        let unit = if self.header.nanoseconds { 1 } else { 1000 };
        // Below 2^63: 2^32 seconds are less than 4.3e18 ns, and 2^32 microseconds are 4.3e12 ns.
        let time = i64::from(record.seconds) * 1_000_000_000 + i64::from(record.fraction) * unit;
        let origin = Origin { packet: number, time: Timestamp(time) };
        Packet::new(origin, self.header.link_type, data, record.original)
    }

    /// Returns the next packet; [`Item::Pending`] if the file has no more yet, `None` at the end.
    ///
    /// # Errors
    /// The input cannot be read.
    #[inline(always)]
    pub(super) fn next(&self, input: &mut InputBuffer) -> Result<Option<Item>, Error> {
        loop {
            match framing::pcap_record(input.bytes(), self.header.layout) {
                Framed::Complete(record) => {
                    return Ok(Some(Item::Packet(self.packet(record, PacketNo(0), input))));
                }
                Framed::Incomplete(need) => match input.refill(need)? {
                    Refill::Bytes => {}
                    Refill::Pending => return Ok(Some(Item::Pending)),
                    Refill::End => return Ok(None),
                },
                Framed::Invalid(what) => {
                    input.note_damage(&what);
                    return Ok(None);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Code;
    use crate::capture::samples::{BIG, LITTLE, read};

    #[test]
    fn both_byte_orders_and_resolutions() {
        for order in [LITTLE, BIG] {
            for (magic, unit) in [(0xa1b2_c3d4, 1000), (0xa1b2_3c4d, 1)] {
                let file = [
                    order.pcap(magic, 0xf000_0065),
                    order.record(1_700_000_000, 999_999, 60, b"abcd"),
                    order.record(u32::MAX, 1, 2, b"efg"),
                ];
                let got = read(&file.concat());
                let first = 1_700_000_000_000_000_000 + 999_999 * unit;
                let second = 4_294_967_295_000_000_000 + unit;
                assert_eq!(got.table(), [(1, first, 4, 60), (2, second, 3, 3)]);
                assert_eq!(got.packets()[0].link_type, LinkType(101));
                assert_eq!(got.codes, []);
            }
        }
    }

    #[test]
    fn records_of_kuznetzovs_libpcap_are_longer() {
        let mut record = LITTLE.record(1, 2, 3, b"");
        record[8] = 3;
        let file = [LITTLE.pcap(0xa1b2_cd34, 1), record, vec![9; 8], b"abc".to_vec()];
        let got = read(&file.concat());
        assert_eq!(got.table(), [(1, 1_000_002_000, 3, 3)]);
        assert_eq!(got.packets()[0].data, b"abc"[..]);
    }

    #[test]
    fn no_packets_are_no_error_and_a_huge_one_is_damage() {
        let header = LITTLE.pcap(0xa1b2_c3d4, 1);
        let got = read(&header);
        assert!(got.items.is_empty() && got.codes.is_empty() && got.error.is_none());

        let huge = LITTLE.u32s(&[1, 1, 0x7fff_ffff, 60, 0, 0]);
        let got = read(&[header, LITTLE.record(1, 1, 4, b"abcd"), huge].concat());
        assert_eq!((got.packets().len(), got.codes), (1, vec![Code::CaptureBadBlock]));
        assert!(got.details[0].starts_with("test, offset 44: a packet of 2147483647 bytes"));
    }
}
