//! Law 1: the same bytes in other segments give the same output.

use crate::support::assert_no_problems;
use crate::support::corpus::Capture;
use crate::support::resegment::{Cut, cut, cut_and_shuffle};
use crate::support::rng::Rng;
use crate::support::run::{Remade, Run};
use serde_json::Value;

/// The rows that are compared: all but findings, which depend on packets.
fn rows(capture: Capture, run: &Run) -> Vec<Value> {
    let mut rows = run.rows();
    rows.retain(|row| row["type"] != "finding");
    assert!(!rows.is_empty() || !capture.is_legible(), "{}: nothing to compare", capture.0);
    rows
}

/// The rows of a resegmented capture, with the packet numbers of the original.
fn mapped(capture: Capture, remade: &Remade) -> Vec<Value> {
    let mut rows = rows(capture, &Run::over(&remade.items));
    for row in &mut rows {
        remade.map_back(row);
    }
    rows
}

/// Removes the findings from exchanges.
fn without_findings(mut rows: Vec<Value>) -> Vec<Value> {
    for row in &mut rows {
        if let Value::Object(fields) = row {
            fields.remove("findings");
        }
    }
    rows
}

/// The first rows in which two outputs differ.
fn difference(name: &str, want: &[Value], have: &[Value]) -> Option<String> {
    let both = want.iter().zip(have).find(|(a, b)| a != b);
    match both {
        Some((a, b)) => Some(format!("{name}:\n    {a}\n    {b}")),
        None => {
            (want.len() != have.len()).then(|| format!("{name}: {} rows, then {}", want.len(), have.len()))
        }
    }
}

#[test]
fn segments_cut_at_random_give_the_same_output() {
    let mut problems = Vec::new();
    for capture in Capture::all() {
        let items = capture.items();
        let want = rows(capture, &capture.run());
        for seed in 0..if capture.is_large() { 1 } else { 4 } {
            let remade = cut(&items, Cut::Random(5), &mut Rng::new(seed));
            let name = format!("{} seed {seed}", capture.0);
            problems.extend(difference(&name, &want, &mapped(capture, &remade)));
        }
    }
    assert_no_problems(&problems);
}

#[test]
fn one_byte_per_segment_gives_the_same_output() {
    let mut problems = Vec::new();
    for capture in Capture::all().filter(|capture| !capture.is_large()) {
        let items = capture.items();
        let want = rows(capture, &capture.run());
        // Longer captures in pieces of seven bytes, which take less time and also meet every offset
        // in a line.
        let bytes = if items.len() < 200 { 1 } else { 7 };
        let remade = cut(&items, Cut::Every(bytes), &mut Rng::new(0));
        problems.extend(difference(capture.0, &want, &mapped(capture, &remade)));
    }
    assert_no_problems(&problems);
}

#[test]
fn shuffled_and_repeated_segments_give_the_same_output() {
    let mut problems = Vec::new();
    // Except connections open before the capture, which begin with the first piece captured.
    let whole = Capture::all().filter(|capture| !capture.is_large() && !capture.is_damaged());
    for capture in whole {
        let items = capture.items();
        let want = without_findings(rows(capture, &capture.run()));
        for seed in 0..2 {
            let remade = cut_and_shuffle(&items, Cut::Random(5), &mut Rng::new(seed));
            let name = format!("{} seed {seed}", capture.0);
            problems.extend(difference(&name, &want, &without_findings(mapped(capture, &remade))));
        }
    }
    assert_no_problems(&problems);
}

/// Checks the cutting: every byte of every direction is there once, in order.
#[test]
fn cutting_keeps_the_bytes() {
    use crate::support::frame::Frame;
    use crate::support::run::packets;
    use std::collections::BTreeMap;

    // Each run of bytes that follow each other, with the sequence number of its first.
    let bytes = |items: &[mcpdump::capture::Item]| {
        let mut ways: BTreeMap<_, Vec<(u32, Vec<u8>)>> = BTreeMap::new();
        for packet in packets(items).values() {
            let Some(frame) = Frame::of(packet) else { continue };
            let payload = &packet.data[frame.payload.clone()];
            let way = ways.entry((frame.source, frame.destination)).or_default();
            let end =
                |(start, bytes): &(u32, Vec<u8>)| start.wrapping_add(u32::try_from(bytes.len()).unwrap());
            match way.last_mut() {
                Some(run) if end(run) == frame.seq => run.1.extend_from_slice(payload),
                _ if payload.is_empty() => {}
                _ => way.push((frame.seq, payload.to_vec())),
            }
        }
        ways
    };
    for capture in Capture::all().filter(|capture| !capture.is_large()) {
        let items = capture.items();
        for how in [Cut::Random(5), Cut::Every(1)] {
            let remade = cut(&items, how, &mut Rng::new(1));
            // With a short snapshot length no payload is complete, and nothing is cut.
            let is_cut = remade.items.len() > items.len() || !capture.is_legible();
            assert!(is_cut, "{} is not cut", capture.0);
            assert!(bytes(&items) == bytes(&remade.items), "{} {how:?}", capture.0);
        }
    }
}
