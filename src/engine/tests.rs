//! What must not change the output: when a silence is announced, and how many lanes there are.

use std::collections::VecDeque;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::front::Front;
use super::input::{LaneInput, RoutedSegment};
use super::lane::Lane;
use super::order::{Emitted, EmittedKind};
use super::{Engine, fuzz};
use crate::base::fact::Loser;
use crate::base::{Code, Fact, Findings, Origin, Timestamp, limits};
use crate::capture::{Error, Input, Item, LinkType, OpenOptions, Packet, Source, open};
use crate::http::UpdateKind;
use crate::ledger::Entry;

/// Captures with holes, resets, unsolicited responses, and long silences.
const CAPTURES: [&str; 5] =
    ["slow-and-odd", "damaged-ts-sse-dropped", "damaged-ts-sse-midstream", "ts-streamable", "ts-sse"];

fn items(name: &str) -> Vec<Item> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures").join(name);
    let file = std::fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path: &PathBuf| path.to_string_lossy().contains(".pcap"))
        .unwrap();
    let mut capture = open(&[Input::Path(file)], &OpenOptions::default()).unwrap();
    std::iter::from_fn(|| capture.next(&mut Findings::new()).unwrap()).collect()
}

/// Returns all entries that an engine makes of the items, as text.
fn entries(mut engine: Engine, items: impl Iterator<Item = Item>) -> Vec<String> {
    let mut entries = Vec::new();
    engine.emit_payloads();
    for item in items {
        engine.push(item, &mut entries);
    }
    engine.finish(&mut entries);
    entries.iter().map(|entry| format!("{entry:?}")).collect()
}

/// Inserts up to three times into each silence between packets; `parts` says where, as shares of
/// the remaining silence.
fn with_times(items: &[Item], parts: &[f64]) -> Vec<Item> {
    let (mut all, mut last, mut parts) = (Vec::new(), None, parts.iter().cycle());
    for item in items {
        if let Item::Packet(packet) = item {
            let now = packet.origin.time;
            let silence = now.since(last.unwrap_or(now));
            let mut at = 0;
            for part in parts.by_ref().take(3) {
                at += ((silence - at) as f64 * part) as i64;
                if silence > 0 {
                    all.push(Item::Time(Timestamp(now.0 - silence + at)));
                }
            }
            last = Some(now);
        }
        all.push(item.clone());
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn times_in_silence_change_nothing(
        which in 0..CAPTURES.len(),
        parts in proptest::collection::vec(0.0f64..1.0, 1..50),
    ) {
        let items = items(CAPTURES[which]);
        let (live, saved) = (with_times(&items, &parts), entries(Engine::new(), items.into_iter()));
        prop_assert!(live.iter().filter(|item| matches!(item, Item::Time(_))).count() > 10);
        prop_assert_eq!(entries(Engine::new(), live.into_iter()), saved);
    }
}

#[test]
fn the_number_of_lanes_changes_nothing() {
    let deals: [fn(usize) -> usize; 3] = [|shard| shard % 3, |shard| shard / 2, |shard| 2 - shard * 7 % 3];
    for name in CAPTURES.into_iter().chain(["many-sessions"]) {
        let items = items(name);
        let expected = entries(Engine::new(), items.iter().cloned());
        for deal in deals {
            let engine = Engine::with_lanes(3, std::array::from_fn::<_, { limits::SHARDS }, _>(deal));
            assert_eq!(entries(engine, items.iter().cloned()), expected, "{name}");
        }
    }
}

/// Items, with findings of the file before some.
struct Items(std::vec::IntoIter<Item>);

impl Source for Items {
    fn next(&mut self, findings: &mut Findings) -> Result<Option<Item>, Error> {
        let item = self.0.next();
        if let Some(Item::Packet(Packet { origin, .. })) = &item
            && origin.packet.0 % 97 == 5
        {
            findings.add(Code::CaptureBadBlock, *origin, "skipped");
        }
        Ok(item)
    }
}

/// Returns all entries of a source, as text, with `lanes` threads for lanes that are started after
/// `begin` packets; without threads if `lanes` is 0.
fn read(items: &[Item], lanes: usize, begin: u64) -> Vec<String> {
    let (mut engine, mut source) = (Engine::new(), Items(Vec::from(items).into_iter()));
    let (mut entries, mut texts) = (Vec::new(), Vec::new());
    engine.emit_requests();
    engine.set_lanes(lanes, begin);
    loop {
        let has_more = engine.read_some(&mut source, &mut entries).unwrap();
        texts.extend(entries.drain(..).map(|entry: Entry| format!("{entry:?}")));
        if !has_more {
            return texts;
        }
    }
}

fn packets_of(items: &mut [Item]) -> impl Iterator<Item = &mut Packet> {
    items.iter_mut().filter_map(|item| if let Item::Packet(packet) = item { Some(packet) } else { None })
}

/// Ways to damage a capture.
const DAMAGES: [fn(&mut Vec<Item>); 6] = [
    |_| (),
    // Packets are missing, and it is said where.
    |items| {
        for at in (3..items.len()).rev().step_by(17) {
            items[at] = Item::Lost { by: Loser::Kernel, packets: 1 };
        }
    },
    |items| {
        let mut n = 0;
        items.retain(|_| {
            n += 1;
            n % 11 != 7
        });
    },
    // Packets are cut, damaged, or of another kind.
    |items| {
        for (n, packet) in packets_of(items).enumerate() {
            match n % 13 {
                3 => packet.data = packet.data.slice(..packet.data.len() / 2),
                6 => packet.data = packet.data.iter().rev().copied().collect::<Vec<_>>().into(),
                9 => {
                    let mut data = packet.data.to_vec();
                    // UDP.
                    if let Some(protocol) = data.get_mut(23) {
                        *protocol = 17;
                    }
                    packet.data = data.into();
                }
                _ => {}
            }
        }
    },
    // Packets change places.
    |items| {
        for pair in items.chunks_exact_mut(5) {
            pair.swap(1, 4);
        }
    },
    // Time jumps, and goes back.
    |items| {
        for (n, packet) in packets_of(items).enumerate() {
            let jump = [0, 40, -3, 100_000, 1][n / 9 % 5] * 1_000_000_000;
            packet.origin = Origin { time: Timestamp(packet.origin.time.0 + jump), ..packet.origin };
        }
    },
];

#[test]
fn the_number_of_threads_changes_nothing() {
    let captures = ["many-sessions", "h2-tls", "tls13-keylog", "h2c-sse", "zstd-py", "real-loss-server-side"];
    for (name, damage) in CAPTURES.into_iter().chain(captures).flat_map(|name| DAMAGES.map(|it| (name, it))) {
        let mut items = items(name);
        damage(&mut items);
        items.truncate(1500);
        let expected = read(&items, 0, 0);
        for (lanes, begin) in [(1, 0), (2, 40), (7, 0)] {
            let found = read(&items, lanes, begin);
            let differs = expected.iter().zip(&found).find(|(expected, found)| expected != found);
            assert_eq!(differs, None, "{name}, {lanes} lanes");
            assert_eq!(found.len(), expected.len(), "{name}, {lanes} lanes");
        }
    }
}

/// Requests of four connections, of which each packet carries several small ones whose bodies are
/// large batches.
fn packed_batches() -> Vec<Item> {
    let element = r#"{"jsonrpc":"2.0","method":"a"}"#;
    packed(&format!("[{element}{}]", ",{}".repeat(9_999)), 3)
}

/// Requests of four connections, of which each packet carries several with this body in gzip.
fn packed(content: &str, count: usize) -> Vec<Item> {
    let mut body = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    body.write_all(content.as_bytes()).unwrap();
    let body = body.finish().unwrap();
    let head =
        "POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n";
    let mut request = format!("{head}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    request.extend(body);
    let requests = request.repeat(count);
    let mut nexts = [[1000, 9000]; 4];
    let mut items = Vec::new();
    for round in 0..3 {
        for (connection, next) in nexts.iter_mut().enumerate() {
            let (flags, payload) = if round == 0 { (SYN, &[][..]) } else { (ACK, &requests[..]) };
            let data = fuzz::segment(connection, false, next, (flags, 0), payload);
            let number = items.len() as u64 + 1;
            items.push(Item::Packet(Packet {
                origin: Origin::new(number, 1_795_337_355_000_000_000 + number as i64),
                link_type: LinkType(1),
                interface: 0,
                original_len: data.len() as u32,
                data: data.into(),
            }));
        }
    }
    items
}

/// Flags of TCP.
const SYN: u8 = 2;
const ACK: u8 = 16;

/// What the lanes complete weighs more than may wait: they wait for the engine.
#[test]
fn lanes_that_wait_change_nothing() {
    let items = packed_batches();
    let expected = read(&items, 0, 0);
    for lanes in [1, 3] {
        assert_eq!(read(&items, lanes, 0), expected, "{lanes} lanes");
    }
}

/// Returns what the front hands to a lane for [`packed_batches`], each with its number.
pub(super) fn inputs_of_batches() -> Vec<(u64, LaneInput)> {
    inputs_of(packed_batches())
}

/// Returns what the front hands to a lane for these packets, each with its number.
fn inputs_of(items: Vec<Item>) -> Vec<(u64, LaneInput)> {
    let (mut front, mut inputs, mut findings) = (Front::default(), VecDeque::new(), Findings::new());
    let mut all = Vec::new();
    for item in items {
        let Item::Packet(mut packet) = item else { continue };
        let (addresses, segment) = front.decode_plain(&mut packet, &mut findings).unwrap();
        let (id, from) = front.route(&addresses, &segment, &mut inputs, &mut findings);
        inputs.push_back(LaneInput::Segment(RoutedSegment { id, from, segment }));
        all.extend(inputs.drain(..).map(|input| (front.input(), input)));
    }
    all
}

/// A small packet may carry hundreds of batches: they are not all read before the first is merged.
#[test]
fn a_packet_of_batches_is_emitted_in_parts() {
    let (mut lane, mut out, mut batches) = (Lane::default(), Vec::new(), 0);
    for (number, input) in inputs_of_batches() {
        lane.push(number, input, &mut out);
        loop {
            let messages: usize = out.drain(..).map(|emitted| messages(&emitted)).sum();
            assert!(messages < 20_000, "{messages}");
            batches += usize::from(messages >= 10_000);
            if !lane.is_pending() {
                break;
            }
            lane.resume(&mut out);
        }
    }
    assert_eq!(batches, 24);
}

/// A packet may carry many bodies that are large when they are decoded, and no messages: their
/// bytes are not all held at one time.
#[test]
fn a_packet_of_payloads_is_emitted_in_parts() {
    const LEN: usize = 2 << 20;
    let (mut lane, mut out, mut all) = (Lane::default(), Vec::new(), 0);
    lane.emit_payloads();
    for (number, input) in inputs_of(packed(&"x".repeat(LEN), 20)) {
        lane.push(number, input, &mut out);
        loop {
            let bytes: usize = out.drain(..).map(|emitted| payload_len(&emitted)).sum();
            assert!(bytes <= 6 * LEN, "{bytes}");
            all += bytes;
            if !lane.is_pending() {
                break;
            }
            lane.resume(&mut out);
        }
    }
    assert!(all > 4 * 2 * 20 * LEN, "{all}");
}

fn payload_len(emitted: &Emitted) -> usize {
    if let EmittedKind::Payload(fact) = &emitted.kind { fact.bytes.len() } else { 0 }
}

/// Nor does a caller of the engine get them all at one time, with threads or without.
#[test]
fn a_caller_gets_payloads_in_parts() {
    const LEN: usize = 2 << 20;
    for lanes in [0, 2] {
        let (mut engine, mut entries, mut all) = (Engine::new(), Vec::new(), 0);
        engine.emit_payloads();
        engine.set_lanes(lanes, 0);
        let mut source = Items(packed(&"x".repeat(LEN), 20).into_iter());
        loop {
            let has_more = engine.read_some(&mut source, &mut entries).unwrap();
            let bytes: usize = entries.drain(..).map(|entry| entry_len(&entry)).sum();
            assert!(bytes <= 10 * LEN, "{bytes} with {lanes} lanes");
            all += bytes;
            if !has_more {
                break;
            }
        }
        assert!(all > 4 * 2 * 20 * LEN, "{all}");
    }
}

fn entry_len(entry: &Entry) -> usize {
    if let Entry::Fact(Fact::Payload(fact)) = entry { fact.bytes.len() } else { 0 }
}

fn messages(emitted: &Emitted) -> usize {
    let EmittedKind::Updates(updates) = &emitted.kind else { return 0 };
    let messages = updates.list.iter().map(|update| match &update.kind {
        UpdateKind::RequestBody(body) => body.envelopes.len(),
        _ => 0,
    });
    messages.sum()
}

/// A source that fails, and says what it found before it did.
struct Failing(Items);

impl Source for Failing {
    fn next(&mut self, findings: &mut Findings) -> Result<Option<Item>, Error> {
        match self.0.next(findings)? {
            Some(item) => Ok(Some(item)),
            None => {
                findings.add(Code::CaptureTruncated, Origin::default(), "in the middle of a block");
                Err(Error("broken".to_owned()))
            }
        }
    }
}

#[test]
fn what_was_read_before_an_error_is_emitted_before_it() {
    let read = |lanes| {
        let (mut engine, mut entries) = (Engine::new(), Vec::new());
        engine.set_lanes(lanes, 0);
        let mut source = Failing(Items(items("ts-sse").into_iter()));
        let error = loop {
            if let Err(error) = engine.read_some(&mut source, &mut entries) {
                break error;
            }
        };
        let emitted: Vec<_> = entries.iter().map(|entry: &Entry| format!("{entry:?}")).collect();
        // What was found before the error comes with what follows it.
        entries.clear();
        engine.finish(&mut entries);
        let after: Vec<_> = entries.iter().map(|entry| format!("{entry:?}")).collect();
        (error.0, emitted, after)
    };
    let (error, emitted, after) = read(0);
    assert!(emitted.len() > 10 && !emitted.concat().contains("in the middle of a block"));
    assert!(after.concat().contains("in the middle of a block"));
    for lanes in [1, 2] {
        assert_eq!(read(lanes), (error.clone(), emitted.clone(), after.clone()), "{lanes} lanes");
    }
}
