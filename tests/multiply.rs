//! The multiplier of the benchmark: every copy is the original, under other addresses, ids and times.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so and stops"
)]

#[path = "support/multiply.rs"]
mod multiplier;
mod support;

use std::collections::BTreeMap;
use std::io::Cursor;

use multiplier::{Multiply, multiply};
use support::corpus::{self, Capture};
use support::run::{Run, packets};

const COPIES: u32 = 5;

fn multiplied(capture: Capture) -> Vec<u8> {
    let (how, mut made) = (Multiply { copies: COPIES, overlap: 2 }, Vec::new());
    let written = multiply(Box::new(Cursor::new(capture.bytes())), how, &mut made).unwrap();
    assert_eq!(written.bytes, made.len() as u64);
    made
}

#[test]
fn packets_are_those_of_the_original() {
    let capture = Capture("many-sessions/capture.pcapng");
    let (original, made) = (capture.items(), multiplied(capture));
    assert!(made == multiplied(capture), "the same input gives the same bytes");
    let made = corpus::items(made).unwrap();
    let (original, made) = (packets(&original), packets(&made));
    assert_eq!(made.len(), original.len() * COPIES as usize);
    let times: Vec<_> = made.values().map(|packet| packet.origin.time).collect();
    assert!(times.is_sorted(), "in order of time");
    let bytes = |packets: &BTreeMap<u64, &mcpdump::capture::Packet>| -> usize {
        packets.values().map(|packet| packet.data.len()).sum()
    };
    assert_eq!(bytes(&made), bytes(&original) * COPIES as usize);
}

/// Of every copy the same is told as of the original.
#[test]
fn exchanges_are_those_of_the_original() {
    let capture = Capture("many-sessions/capture.pcapng");
    let count = |run: &Run| {
        let mut counts = BTreeMap::new();
        let mut sessions = Vec::new();
        for exchange in run.exchanges() {
            sessions.push(exchange.session.id.clone());
            let key = (exchange.id.json(), exchange.method.to_string(), exchange.status, exchange.total_ns());
            *counts.entry(key).or_insert(0) += 1;
        }
        sessions.sort();
        sessions.dedup();
        (counts, sessions.len())
    };
    let (one, sessions) = count(&Run::over(&capture.items()));
    let (all, all_sessions) = count(&Run::over(&corpus::items(multiplied(capture)).unwrap()));
    assert!(!one.is_empty(), "no exchanges");
    assert_eq!(all_sessions, sessions * COPIES as usize);
    assert_eq!(all.len(), one.len());
    for (key, n) in one {
        assert_eq!(all.get(&key), Some(&(n * COPIES)), "{key:?}");
    }
}
