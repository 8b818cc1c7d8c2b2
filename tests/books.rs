//! Laws 2 and 7: every payload byte of a connection is accounted for, and the same input gives the
//! same output, byte for byte, however the file is compressed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::net::SocketAddr;

use crate::support::assert_no_problems;
use crate::support::corpus::{self, Capture};
use crate::support::frame::Frame;
use crate::support::law::unbalanced;
use crate::support::run::{Run, packets};
use mcpdump::base::Side;
use mcpdump::capture::{Item, Packet};
use mcpdump::ledger::{Entry, Record};

/// Payload bytes by sender and receiver.
type Bytes = BTreeMap<(SocketAddr, SocketAddr), u64>;

/// The payload bytes in the packets, counted without the program's code, or `None` if a packet
/// cannot be read here.
fn captured(items: &[Item]) -> Option<Bytes> {
    let mut bytes = Bytes::new();
    for packet in packets(items).values() {
        if let Some(frame) = Frame::of(packet) {
            *bytes.entry((frame.source, frame.destination)).or_default() += frame.payload.len() as u64;
        } else if may_carry_tcp(packet) {
            return None;
        }
    }
    bytes.retain(|_, n| *n > 0);
    Some(bytes)
}

/// Whether a packet that cannot be read here may carry TCP; not if it is ARP, UDP and the like.
fn may_carry_tcp(packet: &Packet) -> bool {
    const UDP: u8 = 17;
    packet.link_type.0 != 1 || (packet.data.get(12..14) == Some(&[8, 0]) && packet.data.get(23) != Some(&UDP))
}

/// The payload bytes counted by the program.
fn told(run: &Run) -> Bytes {
    let mut bytes = Bytes::new();
    for connection in run.connections() {
        let ways = [(connection.client, connection.server), (connection.server, connection.client)];
        for (way, books) in ways.into_iter().zip(connection.directions) {
            *bytes.entry(way).or_default() += books.bytes;
        }
    }
    bytes.retain(|_, n| *n > 0);
    bytes
}

#[test]
fn every_payload_byte_is_delivered_or_accounted_for() {
    let mut problems = Vec::new();
    for capture in Capture::all() {
        let (items, run) = (capture.items(), capture.run());
        problems.extend(unbalanced(&run).into_iter().map(|problem| format!("{}: {problem}", capture.0)));
        let (Some(captured), told) = (captured(&items), told(&run)) else {
            panic!("{} holds packets that this test does not understand", capture.0);
        };
        if captured != told {
            let differs = |way: &&(SocketAddr, SocketAddr)| captured.get(way) != told.get(way);
            let way = captured.keys().chain(told.keys()).find(differs).unwrap();
            let (want, have) = (captured.get(way), told.get(way));
            problems.push(format!("{}: {way:?} has {want:?} bytes, the program counts {have:?}", capture.0));
        }
    }
    assert_no_problems(&problems);
}

#[test]
fn a_complete_capture_has_no_gaps() {
    let mut problems = Vec::new();
    for capture in Capture::all().filter(|capture| !capture.is_damaged()) {
        for connection in capture.run().connections() {
            for (side, books) in Side::BOTH.into_iter().zip(connection.directions) {
                if books.gaps > 0 {
                    let (no, side) = (connection.tcp_stream, side.name());
                    problems.push(format!(
                        "{}: connection {no}, {side}: {} bytes in gaps",
                        capture.0, books.gaps
                    ));
                }
            }
        }
    }
    assert_no_problems(&problems);
}

/// Also where the exchange is over as soon as its request is read: a server that refused it before
/// its body came.
#[test]
fn connections_of_exchanges_carry_mcp() {
    let mut problems = Vec::new();
    for capture in Capture::all() {
        let run = capture.run();
        let carriers: BTreeSet<u32> = run.exchanges().iter().map(|exchange| exchange.tcp_stream).collect();
        for connection in run.connections() {
            if carriers.contains(&connection.tcp_stream) && !connection.mcp {
                problems.push(format!("{}: connection {}", capture.0, connection.tcp_stream));
            }
        }
    }
    assert_no_problems(&problems);
}

#[test]
fn every_packet_is_counted() {
    for capture in Capture::all() {
        let items = capture.items();
        let packets = packets(&items);
        let counts = capture.run().capture().unwrap_or_else(|| panic!("{}: no counts", capture.0));
        assert_eq!(counts.packets, packets.len() as u64, "{}", capture.0);
        let original: u64 = packets.values().map(|packet| u64::from(packet.original_len)).sum();
        assert_eq!(counts.bytes, original, "{}", capture.0);
        let held: u64 = packets.values().map(|packet| packet.data.len() as u64).sum();
        assert_eq!(counts.captured_bytes, held, "{}", capture.0);
        assert_eq!(counts.last, packets.values().last().map(|packet| packet.origin), "{}", capture.0);
    }
}

#[test]
fn each_request_is_emitted_once_and_before_its_exchange() {
    let mut problems = Vec::new();
    for capture in Capture::all() {
        let run = Run::watching(&mut corpus::source(capture.bytes())).unwrap();
        let mut asked = BTreeMap::new();
        for entry in &run.entries {
            match entry {
                Entry::Record(Record::Request(request)) => {
                    let before = asked.insert(request.n, request);
                    problems.extend(
                        before.map(|before| format!("{}: {} was emitted twice", capture.0, before.n)),
                    );
                }
                Entry::Record(Record::Exchange(exchange)) => {
                    let same = asked.remove(&exchange.n).is_some_and(|request| {
                        (&request.id, &request.method, &request.name, request.request)
                            == (&exchange.id, &exchange.method, &exchange.name, exchange.request)
                    });
                    if !same {
                        problems.push(format!("{}: {} was not emitted before", capture.0, exchange.n));
                    }
                }
                _ => {}
            }
        }
        problems.extend(asked.keys().map(|n| format!("{}: {n} has no exchange", capture.0)));
        let without = Run::of(&mut corpus::source(capture.bytes())).unwrap();
        if run.jsonl() != without.jsonl() {
            problems.push(format!("{}: emitting requests changes the export", capture.0));
        }
    }
    assert_no_problems(&problems);
}

/// `export --to jsonl` of a file's bytes.
fn export(bytes: Vec<u8>) -> String {
    // The offset where a compressed file ends is one in its content.
    Run::of(&mut corpus::source(bytes)).unwrap().jsonl().replace(" (decompressed)", "")
}

#[test]
fn the_same_input_gives_the_same_output() {
    for capture in Capture::all() {
        let bytes = capture.bytes();
        let first = export(bytes.clone());
        assert!(!first.is_empty() || !capture.is_legible(), "{} says nothing", capture.0);
        assert!(first == export(bytes), "{} differs from one run to the next", capture.0);
    }
}

#[test]
fn compressed_files_are_the_same_capture() {
    for capture in Capture::all().filter(|capture| !capture.is_large()) {
        let bytes = capture.bytes();
        let plain = export(bytes.clone());
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(&bytes).unwrap();
        assert!(plain == export(gzip.finish().unwrap()), "{} as gzip", capture.0);
        assert!(plain == export(zstd::encode_all(&bytes[..], 1).unwrap()), "{} as zstd", capture.0);
        let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
        lz4.write_all(&bytes).unwrap();
        assert!(plain == export(lz4.finish().unwrap()), "{} as lz4", capture.0);
    }
}
