//! Multiplies a capture, as if many more clients had talked to the same server.
//!
//! Every copy gets client addresses of its own (10.A.B.C in the place of the client's), session ids
//! of its own (each UUID or id of 32 hexadecimal digits is replaced by another of the same length,
//! so no sequence number moves) and a time shift; some copies run at the same time, their packets
//! interleaved by time. The payload is otherwise unchanged, so every copy has the messages, pairs
//! and latencies of the original. Checksums stay as they were: captures of loopback traffic carry
//! wrong ones anyway. The same input gives the same bytes.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::ops::Range;

use mcpdump::base::Findings;
use mcpdump::capture::{self, Item, Packet, Source};
use regex::bytes::Regex;

/// Offsets of header fields in Ethernet, IPv4 without options and TCP.
const ETHERTYPE: Range<usize> = 12..14;
const VERSION: usize = 14;
const PROTOCOL: usize = 23;
const ADDRESSES: [usize; 2] = [26, 30];
const PORTS: [usize; 2] = [34, 36];
const FLAGS: usize = 47;
const HEADERS: usize = 54;

/// Nanoseconds between the starts of copies that run at the same time.
const STAGGER: i64 = 997;

/// How to multiply.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Multiply {
    /// Number of copies.
    pub(crate) copies: u32,
    /// Number of copies that overlap in time.
    pub(crate) overlap: u32,
}

/// The size of the output.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Written {
    /// Packets.
    pub(crate) packets: u64,
    /// Bytes of the file.
    pub(crate) bytes: u64,
}

/// A packet of the original, and what differs in each copy.
struct Template {
    /// Nanoseconds since the first packet.
    after: i64,
    data: Vec<u8>,
    original_len: u32,
    /// Offset of the client's address.
    client: usize,
    /// The session ids in it: range and index.
    ids: Vec<(Range<usize>, usize)>,
}

/// Reads a capture and writes it many times, as a classic pcap file with nanoseconds. Takes what is
/// IPv4 without options over Ethernet.
///
/// # Errors
/// The input is not a capture or has no packets to multiply, or the output cannot be written.
pub(crate) fn multiply(
    input: Box<dyn Read + Send>,
    how: Multiply,
    output: &mut impl Write,
) -> io::Result<Written> {
    let packets = read(input).map_err(|error| io::Error::other(error.0))?;
    let (templates, ids) = templates(&packets);
    let (Some(first), Some(last)) = (packets.first(), templates.last()) else {
        return Err(io::Error::other("no TCP over IPv4 over Ethernet in it"));
    };
    let (start, span) = (first.origin.time.0, last.after + 1_000_000);
    let mut written = Written { packets: 0, bytes: 24 };
    output.write_all(&header())?;
    for (group, from) in (0..how.copies).step_by(how.overlap.max(1) as usize).enumerate() {
        let copies = from..how.copies.min(from + how.overlap.max(1));
        let base = start + i64::try_from(group).unwrap_or(0) * span;
        let new_ids: BTreeMap<u32, Vec<Vec<u8>>> =
            copies.clone().map(|copy| (copy, own_ids(&ids, copy))).collect();
        let mut order: Vec<(i64, u32, usize)> = copies
            .flat_map(|copy| {
                let shift = base + i64::from(copy - from) * STAGGER;
                let times = templates.iter().map(move |template| template.after + shift);
                times.enumerate().map(move |(at, time)| (time, copy, at))
            })
            .collect();
        // Stable in the time alone, so that packets of one time stay in the order of the original.
        order.sort_by_key(|(time, ..)| *time);
        for (time, copy, at) in order {
            let record = record(&templates[at], time, copy, &new_ids[&copy]);
            output.write_all(&record)?;
            written.packets += 1;
            written.bytes += record.len() as u64;
        }
    }
    Ok(written)
}

/// The packets that can be multiplied.
fn read(input: Box<dyn Read + Send>) -> Result<Vec<Packet>, capture::Error> {
    let (mut source, mut findings) = (capture::from_reader("input", input), Findings::new());
    let mut packets = Vec::new();
    while let Some(item) = source.next(&mut findings)? {
        match item {
            Item::Packet(packet) if is_plain(&packet) => packets.push(packet),
            _ => {}
        }
    }
    Ok(packets)
}

fn is_plain(packet: &Packet) -> bool {
    const IPV4: [u8; 2] = [8, 0];
    let data = &packet.data;
    packet.link_type.0 == 1
        && data.len() >= HEADERS
        && data[ETHERTYPE] == IPV4
        && data[VERSION] == 0x45
        && data[PROTOCOL] == 6
}

/// The packets with what changes in them, and the session ids.
fn templates(packets: &[Packet]) -> (Vec<Template>, Vec<Vec<u8>>) {
    let uuid_or_hex = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32,}";
    let pattern = Regex::new(uuid_or_hex).expect("the pattern is a constant");
    // A run of more than 32 digits is no id.
    let is_id = |len: usize| len == 36 || len == 32;
    let (mut ids, mut number) = (Vec::new(), BTreeMap::new());
    let servers = server_ports(packets);
    let start = packets.first().map_or(0, |packet| packet.origin.time.0);
    let mut templates = Vec::with_capacity(packets.len());
    for packet in packets {
        let found = pattern.find_iter(&packet.data).filter(|found| is_id(found.len()));
        let found = found.map(|found| {
            let id = found.as_bytes().to_vec();
            let no = *number.entry(id.clone()).or_insert_with(|| {
                ids.push(id);
                ids.len() - 1
            });
            (found.range(), no)
        });
        let to_server = servers.contains(&port(packet, PORTS[1]));
        templates.push(Template {
            after: packet.origin.time.0 - start,
            original_len: packet.original_len,
            client: ADDRESSES[usize::from(!to_server)],
            ids: found.collect(),
            data: packet.data.to_vec(),
        });
    }
    (templates, ids)
}

/// The ports that a SYN was sent to, or the lower port of each connection if no SYN was captured.
fn server_ports(packets: &[Packet]) -> Vec<u16> {
    let is_syn = |packet: &&Packet| packet.data[FLAGS] & 0x12 == 0x02;
    let mut ports: Vec<u16> = packets.iter().filter(is_syn).map(|packet| port(packet, PORTS[1])).collect();
    if ports.is_empty() {
        ports = packets.iter().map(|packet| port(packet, PORTS[0]).min(port(packet, PORTS[1]))).collect();
    }
    ports.sort_unstable();
    ports.dedup();
    ports
}

fn port(packet: &Packet, at: usize) -> u16 {
    u16::from_be_bytes([packet.data[at], packet.data[at + 1]])
}

/// Ids of the same form for one copy: every digit is replaced by one of a hash of the id and the
/// copy.
fn own_ids(ids: &[Vec<u8>], copy: u32) -> Vec<Vec<u8>> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let own = |(no, id): (usize, &Vec<u8>)| {
        let mut state = (u64::from(copy) << 32) ^ no as u64;
        let mut digit = || {
            // SplitMix64.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            DIGITS[usize::try_from(mixed >> 60).unwrap_or(0)]
        };
        id.iter().map(|&byte| if byte == b'-' { byte } else { digit() }).collect()
    };
    ids.iter().enumerate().map(own).collect()
}

/// The head of a pcap file: little endian, nanoseconds, Ethernet.
fn header() -> Vec<u8> {
    let mut header = Vec::with_capacity(24);
    header.extend(0xa1b2_3c4d_u32.to_le_bytes());
    header.extend([2, 0, 4, 0]);
    header.extend([0; 8]);
    header.extend(262_144_u32.to_le_bytes());
    header.extend(1_u32.to_le_bytes());
    header
}

fn record(template: &Template, time: i64, copy: u32, ids: &[Vec<u8>]) -> Vec<u8> {
    const SECOND: i64 = 1_000_000_000;
    let captured = u32::try_from(template.data.len()).unwrap_or(u32::MAX);
    let seconds = u32::try_from(time.div_euclid(SECOND)).unwrap_or(u32::MAX);
    let nanoseconds = u32::try_from(time.rem_euclid(SECOND)).unwrap_or(0);
    let mut record = Vec::with_capacity(16 + template.data.len());
    for word in [seconds, nanoseconds, captured, template.original_len] {
        record.extend(word.to_le_bytes());
    }
    record.extend_from_slice(&template.data);
    let packet = &mut record[16..];
    let [_, a, b, c] = copy.to_be_bytes();
    packet[template.client..template.client + 4].copy_from_slice(&[10, a, b, c]);
    for (place, no) in &template.ids {
        packet[place.clone()].copy_from_slice(&ids[*no]);
    }
    record
}
