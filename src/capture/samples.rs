//! Tiny captures for tests, written byte by byte from the format texts.

use std::io::{self, Cursor, Read};

use super::{Capture, Item, Packet, Source, from_reader};
use crate::base::fact::Loser;
use crate::base::{Code, Findings};

/// A reader that gives one byte at a time.
pub(super) struct OneByte<R>(pub(super) R);

impl<R: Read> Read for OneByte<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = buf.len().min(1);
        self.0.read(&mut buf[..len])
    }
}

/// Writes numbers in one byte order.
#[derive(Clone, Copy)]
pub(super) struct Order {
    pub(super) big: bool,
}

pub(super) const LITTLE: Order = Order { big: false };
pub(super) const BIG: Order = Order { big: true };

impl Order {
    pub(super) fn u16(self, v: u16) -> Vec<u8> {
        if self.big { v.to_be_bytes().into() } else { v.to_le_bytes().into() }
    }

    pub(super) fn u32(self, v: u32) -> Vec<u8> {
        if self.big { v.to_be_bytes().into() } else { v.to_le_bytes().into() }
    }

    pub(super) fn u64(self, v: u64) -> Vec<u8> {
        if self.big { v.to_be_bytes().into() } else { v.to_le_bytes().into() }
    }

    pub(super) fn u32s(self, values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|v| self.u32(*v)).collect()
    }

    /// The header of a classic pcap file.
    pub(super) fn pcap(self, magic: u32, link_type: u32) -> Vec<u8> {
        let version = [self.u16(2), self.u16(4)].concat();
        [self.u32(magic), version, self.u32s(&[0, 0, 262_144, link_type])].concat()
    }

    /// A packet of a classic pcap file.
    pub(super) fn record(self, seconds: u32, fraction: u32, original: u32, data: &[u8]) -> Vec<u8> {
        let header = self.u32s(&[seconds, fraction, data.len() as u32, original]);
        [header, data.to_vec()].concat()
    }

    /// A pcapng block.
    pub(super) fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let len = self.u32(body.len() as u32 + 12);
        [self.u32(kind), len.clone(), body, len].concat()
    }

    pub(super) fn section(self) -> Vec<u8> {
        let body = [self.u32(0x1a2b_3c4d), self.u16(1), self.u16(0), vec![0xff; 8]].concat();
        self.block(0x0a0d_0d0a, &body)
    }

    pub(super) fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let mut option = [self.u16(code), self.u16(value.len() as u16), value.to_vec()].concat();
        option.resize(option.len().next_multiple_of(4), 0);
        option
    }

    pub(super) fn interface(self, link_type: u16, snaplen: u32, options: &[u8]) -> Vec<u8> {
        let body = [self.u16(link_type), self.u16(0), self.u32(snaplen), options.to_vec()].concat();
        self.block(1, &body)
    }

    /// An enhanced packet block.
    pub(super) fn packet(self, interface: u32, ticks: u64, data: &[u8], options: &[u8]) -> Vec<u8> {
        let len = data.len() as u32;
        let mut body = self.u32s(&[interface, (ticks >> 32) as u32, ticks as u32, len, len]);
        body.extend_from_slice(data);
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend_from_slice(options);
        self.block(6, &body)
    }

    /// An interface statistics block with `isb_ifdrop` and `isb_osdrop`.
    pub(super) fn statistics(self, interface: u32, by_interface: u64, by_system: u64) -> Vec<u8> {
        let drops = [self.option(5, &self.u64(by_interface)), self.option(7, &self.u64(by_system))];
        let body = [self.u32s(&[interface, 0, 0]), drops.concat(), self.option(0, &[])].concat();
        self.block(5, &body)
    }
}

/// Items and findings of a capture.
#[derive(Debug, Default)]
pub(super) struct Got {
    pub(super) items: Vec<Item>,
    pub(super) codes: Vec<Code>,
    pub(super) details: Vec<String>,
    pub(super) error: Option<String>,
}

impl Got {
    pub(super) fn packets(&self) -> Vec<&Packet> {
        let mut packets = Vec::new();
        for item in &self.items {
            if let Item::Packet(packet) = item {
                packets.push(packet);
            }
        }
        packets
    }

    /// Number, time, length, original length of each packet.
    pub(super) fn table(&self) -> Vec<(u64, i64, usize, u32)> {
        let row = |p: &&Packet| (p.origin.packet.0, p.origin.time.0, p.data.len(), p.original_len);
        self.packets().iter().map(row).collect()
    }

    pub(super) fn times(&self) -> Vec<i64> {
        self.packets().iter().map(|p| p.origin.time.0).collect()
    }

    pub(super) fn lost(&self) -> Vec<(Loser, u64)> {
        let lost = |item: &Item| match item {
            Item::Lost { by, packets } => Some((*by, *packets)),
            _ => None,
        };
        self.items.iter().filter_map(lost).collect()
    }
}

/// Reads all of `capture`.
pub(super) fn drain(mut capture: Capture) -> Got {
    let (mut got, mut findings) = (Got::default(), Findings::new());
    loop {
        match capture.next(&mut findings) {
            Ok(Some(item)) => got.items.push(item),
            Ok(None) => break,
            Err(error) => {
                got.error = Some(error.to_string());
                break;
            }
        }
    }
    for finding in findings.drain() {
        got.codes.push(finding.code);
        got.details.push(finding.detail);
    }
    got
}

/// Reads all of a file with these bytes.
pub(super) fn read(bytes: &[u8]) -> Got {
    drain(from_reader("test", Box::new(Cursor::new(bytes.to_vec()))))
}
