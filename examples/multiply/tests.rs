//! Every copy is the original under another client address, other session ids and a later time.

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;

use mcpdump::base::Findings;
use mcpdump::capture::{self, Item, Packet, Source as _};
use mcpdump::engine::Engine;
use mcpdump::ledger::{Entry, Record};

use super::copies::{Multiply, multiply};

const CAPTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/many-sessions/capture.pcapng");
const COPIES: u32 = 5;

fn original() -> Vec<u8> {
    fs::read(CAPTURE).unwrap()
}

fn multiplied() -> Vec<u8> {
    let (options, mut output) = (Multiply { copies: COPIES, overlap: 2 }, Vec::new());
    let written = multiply(Box::new(Cursor::new(original())), options, &mut output).unwrap();
    assert_eq!(written.bytes, output.len() as u64);
    output
}

fn packets(file: Vec<u8>) -> Vec<Packet> {
    let mut source = capture::from_reader("test", Box::new(Cursor::new(file)));
    let (mut findings, mut packets) = (Findings::new(), Vec::new());
    while let Some(item) = source.next(&mut findings).unwrap() {
        if let Item::Packet(packet) = item {
            packets.push(packet);
        }
    }
    packets
}

/// Number of sessions, and of exchanges by id, method, status and total time.
fn exchanges(file: Vec<u8>) -> (usize, BTreeMap<String, u32>) {
    let mut source = capture::from_reader("test", Box::new(Cursor::new(file)));
    let (mut engine, mut entries) = (Engine::new(), Vec::new());
    while engine.read(&mut source, &mut entries).unwrap() {}
    let (mut sessions, mut counts) = (Vec::new(), BTreeMap::new());
    for entry in entries {
        if let Entry::Record(Record::Exchange(exchange)) = entry {
            let (id, total) = (exchange.id.json(), exchange.total_ns());
            let key = format!("{id:?} {} {:?} {total:?}", exchange.method, exchange.status);
            *counts.entry(key).or_insert(0) += 1;
            sessions.push(exchange.session.id.clone());
        }
    }
    sessions.sort();
    sessions.dedup();
    (sessions.len(), counts)
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    assert!(multiplied() == multiplied());
}

#[test]
fn each_copy_has_the_packets_of_the_original_in_order_of_time() {
    let (original, copies) = (packets(original()), packets(multiplied()));
    assert_eq!(copies.len(), original.len() * COPIES as usize);
    assert!(copies.iter().map(|packet| packet.origin.time).is_sorted());
    let bytes = |packets: &[Packet]| packets.iter().map(|packet| packet.data.len()).sum::<usize>();
    assert_eq!(bytes(&copies), bytes(&original) * COPIES as usize);
}

#[test]
fn each_copy_has_the_sessions_and_exchanges_of_the_original() {
    let (sessions, mut expected) = exchanges(original());
    assert!(!expected.is_empty(), "the original has exchanges");
    for count in expected.values_mut() {
        *count *= COPIES;
    }
    assert_eq!(exchanges(multiplied()), (sessions * COPIES as usize, expected));
}
