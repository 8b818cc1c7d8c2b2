//! Mutants: captures of the repository with random damage at every level, from the file's bytes to
//! the JSON in an event. Whatever comes of it, nothing panics, every output is valid, and memory
//! stays small. `make mutants` runs many.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::thread;

use mcpdump::base::Timestamp;
use mcpdump::capture::{Item, Packet, Source};

use super::MIB;
use super::outputs::{self, Cost};
use crate::support::corpus::{self, Capture};
use crate::support::frame::Frame;
use crate::support::rng::Rng;
use crate::support::{assert_no_problems, run};

/// Mutants in a run of all tests, and in `make mutants`.
const FEW: u64 = 100;
const MANY: u64 = 20_000;

/// The most memory that the analysis of a mutant may hold, beside the capture.
const MOST: u64 = 64 * MIB;

/// One mutant in so many is of a large capture.
const LARGE: usize = 40;

/// Texts that readers of HTTP, SSE and JSON treat in a way of their own.
const TOKENS: &[&[u8]] = &[
    b"\r\n\r\n",
    b"\n\n",
    b"\r",
    b"data: ",
    b"data\n",
    b"event: endpoint\n",
    b"id: \0\n",
    b"retry: 99999999999999999999\n",
    b": \n",
    b"Content-Length: 18446744073709551615\r\n",
    b"Content-Length: 1\r\n",
    b"Content-Length: -1\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Encoding: gzip\r\n",
    b"Content-Encoding: br, zstd\r\n",
    b"Content-Type: text/event-stream\r\n",
    b"Mcp-Session-Id: \xff\x80\r\n",
    b"Upgrade: h2c\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n\r\n",
    b"HTTP/1.1 999 \x1b]0;x\x07\r\n",
    b"POST /mcp HTTP/1.1\r\n",
    b"CONNECT a:1 HTTP/1.1\r\n\r\n",
    b"ffffffffffffffff\r\n",
    b"0\r\n\r\n",
    b"\"id\":1e400,",
    b"\"id\":-0,",
    b"\"id\":123456789012345678901234567890,",
    b"\"id\":null,",
    b"\"id\":{},",
    b"\"jsonrpc\":\"2.0\",",
    b"\"method\":\"\\u0000\\u202e\\ud800\",",
    b"\"result\":{},\"error\":{},",
    b"\\ud83d",
    b"\\u202e",
    b"\xe2\x80\xae",
    b"\xc2\x9b31m",
    b"\x1b[31m",
    b"\xff\xfe",
    b"\0",
    b"\x7f",
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b"1e99999",
    b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    b"\x1f\x8b\x08\0\0\0\0\0\0\x03",
    b"\x28\xb5\x2f\xfd",
    b"\x16\x03\x01\x02\0\x01",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n",
];

/// What a mutant is made of.
enum Mutant {
    /// The bytes of a file.
    File(Vec<u8>),
    /// The packets of a file, and what lies between them.
    Items(Vec<Item>),
}

impl Mutant {
    /// Mutant number `seed`, and what was done to which capture.
    fn of(seed: u64) -> (Self, String) {
        let mut rng = Rng::new(seed);
        let capture = pick(&mut rng);
        let mut name = format!("mutant {seed} of {}", capture.0);
        if rng.one_in(5) {
            let mut bytes = capture.bytes();
            for _ in 0..=rng.below(3) {
                let way = rng.below(FILE_WAYS.len());
                name.push_str(&format!(", {}", FILE_WAYS[way].0));
                (FILE_WAYS[way].1)(&mut bytes, &mut rng);
            }
            return (Self::File(bytes), name);
        }
        let mut items = items(capture);
        for _ in 0..=rng.below(4) {
            let way = rng.below(WAYS.len());
            name.push_str(&format!(", {}", WAYS[way].0));
            (WAYS[way].1)(&mut items, &mut rng);
        }
        renumber(&mut items);
        (Self::Items(items), name)
    }

    /// A copy as a source: what it frees is its own.
    fn source(&self) -> Box<dyn Source> {
        match self {
            Self::File(bytes) => Box::new(corpus::source(bytes.clone())),
            Self::Items(items) => Box::new(run::source_of(items.clone())),
        }
    }
}

/// A capture; seldom a large one.
fn pick(rng: &mut Rng) -> Capture {
    let is_large = rng.one_in(LARGE);
    let captures: Vec<_> = Capture::all().filter(|capture| capture.is_large() == is_large).collect();
    captures[rng.below(captures.len())]
}

/// The items of a capture, read once.
fn items(capture: Capture) -> Vec<Item> {
    static ITEMS: OnceLock<Vec<(&'static str, Vec<Item>)>> = OnceLock::new();
    let all = ITEMS.get_or_init(|| Capture::all().map(|capture| (capture.0, capture.items())).collect());
    all.iter().find(|(name, _)| *name == capture.0).unwrap().1.clone()
}

/// Numbers packets from 1, as a file's are.
fn renumber(items: &mut [Item]) {
    let packets = items.iter_mut().filter_map(|item| match item {
        Item::Packet(packet) => Some(packet),
        _ => None,
    });
    for (number, packet) in (1..).zip(packets) {
        packet.origin.packet.0 = number;
    }
}

/// A way to damage something.
type Way<T> = (&'static str, fn(&mut T, &mut Rng));

const FILE_WAYS: &[Way<Vec<u8>>] = &[
    ("bits of the file flipped", |bytes, rng| {
        for _ in 0..=rng.below(32) {
            let at = rng.below(bytes.len());
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << rng.below(8);
            }
        }
    }),
    ("the file cut short", |bytes, rng| bytes.truncate(rng.below(bytes.len()))),
    ("a part of the file removed", |bytes, rng| {
        let start = rng.below(bytes.len());
        let end = (start + rng.below(2000)).min(bytes.len());
        bytes.drain(start..end);
    }),
    ("a part of the file repeated", |bytes, rng| {
        let start = rng.below(bytes.len());
        let end = (start + rng.below(5000)).min(bytes.len());
        let part = bytes[start..end].to_vec();
        bytes.splice(start..start, part);
    }),
    ("another file behind it", |bytes, rng| {
        let mut other = pick(rng).bytes();
        other.truncate(200_000);
        bytes.extend(other);
    }),
    ("a length of the file changed", |bytes, rng| {
        let at = rng.below(bytes.len()) & !3;
        let odd = [0, 1, 11, 0xffff, 0x7fff_ffff, u32::MAX, 1 << 24];
        let length = odd[rng.below(odd.len())].to_le_bytes();
        if let Some(place) = bytes.get_mut(at..at + 4) {
            place.copy_from_slice(&length);
        }
    }),
];

const WAYS: &[Way<Vec<Item>>] = &[
    ("packets lost", |items, rng| {
        let one_in = 2 + rng.below(40);
        items.retain(|_| !rng.one_in(one_in));
    }),
    ("packets repeated", |items, rng| {
        for _ in 0..=rng.below(20) {
            let (from, to) = (rng.below(items.len()), rng.below(items.len()));
            if let Some(item) = items.get(from).cloned() {
                items.insert(to, item);
            }
        }
    }),
    ("packets moved", |items, rng| {
        for _ in 0..=rng.below(20) {
            let (a, b) = (rng.below(items.len()), rng.below(items.len()));
            if a.max(b) < items.len() {
                items.swap(a, b);
            }
        }
    }),
    ("packets cut", |items, rng| {
        for packet in some(items, rng) {
            let len = rng.below(packet.data.len());
            packet.data.truncate(len);
            if rng.one_in(2) {
                packet.original_len = u32::try_from(len).unwrap();
            }
        }
    }),
    ("times changed", |items, rng| {
        const ODD: [i64; 6] = [i64::MIN, i64::MAX, 0, -1, 1 << 62, 1 << 40];
        for packet in some(items, rng) {
            let time = ODD[rng.below(ODD.len())];
            packet.origin.time =
                if rng.one_in(2) { Timestamp(time) } else { packet.origin.time.plus(time >> rng.below(40)) };
        }
    }),
    ("headers changed", |items, rng| {
        for packet in some(items, rng) {
            let headers = Frame::of(packet).map_or(0..packet.data.len().min(60), |frame| frame.headers());
            let mut data = packet.data.to_vec();
            let at = headers.start + rng.below(headers.len());
            if let Some(byte) = data.get_mut(at) {
                *byte = if rng.one_in(2) { *byte ^ (1 << rng.below(8)) } else { rng.next().to_le_bytes()[0] };
            }
            packet.data = data.into();
        }
    }),
    ("bits of payloads flipped", |items, rng| {
        for packet in some(items, rng) {
            let Some(frame) = Frame::of(packet).filter(|frame| !frame.payload.is_empty()) else { continue };
            let mut data = packet.data.to_vec();
            for _ in 0..=rng.below(8) {
                data[frame.payload.start + rng.below(frame.payload.len())] ^= 1 << rng.below(8);
            }
            packet.data = data.into();
        }
    }),
    ("payloads written over", |items, rng| {
        for packet in some(items, rng) {
            let Some(frame) = Frame::of(packet).filter(|frame| !frame.payload.is_empty()) else { continue };
            let mut data = packet.data.to_vec();
            let token = TOKENS[rng.below(TOKENS.len())];
            let at = rng.below(frame.payload.len());
            let room = data[frame.payload][at..].iter_mut().zip(token);
            room.for_each(|(byte, new)| *byte = *new);
            packet.data = data.into();
        }
    }),
    ("text inserted into a stream", |items, rng| {
        let token = TOKENS[rng.below(TOKENS.len())].repeat(1 + rng.below(40));
        edit(items, rng, |payload, rng| {
            let at = rng.below(payload.len());
            payload.splice(at..at, token.iter().copied());
        });
    }),
    ("text removed from a stream", |items, rng| {
        edit(items, rng, |payload, rng| {
            let start = rng.below(payload.len());
            let end = (start + 1 + rng.below(64)).min(payload.len());
            payload.drain(start..end);
        });
    }),
    ("a number in a stream changed", |items, rng| {
        let odd: [&[u8]; 8] = [
            b"0",
            b"1",
            b"-1",
            b"4294967296",
            b"18446744073709551616",
            b"9007199254740993",
            b"7fffffff",
            b"1e9",
        ];
        let number = odd[rng.below(odd.len())];
        edit(items, rng, |payload, rng| {
            let from = rng.below(payload.len());
            let Some(start) = payload.iter().skip(from).position(u8::is_ascii_digit) else { return };
            let start = from + start;
            let len = payload[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            payload.splice(start..start + len, number.iter().copied());
        });
    }),
    ("line ends changed", |items, rng| {
        let end: &[u8] = [&b"\r"[..], b"\n", b"\r\n", b"\n\r", b""][rng.below(5)];
        edit(items, rng, |payload, _| {
            let lines: Vec<_> = payload.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            *payload = lines.join(end);
        });
    }),
    ("a payload of another capture", |items, rng| {
        let others = self::items(pick(rng));
        let payloads = others.iter().filter_map(|item| match item {
            Item::Packet(packet) => Some(packet.data[Frame::of(packet)?.payload].to_vec()),
            _ => None,
        });
        let payloads: Vec<_> = payloads.filter(|payload| !payload.is_empty()).collect();
        let Some(new) = payloads.get(rng.below(payloads.len())).cloned() else { return };
        edit(items, rng, |payload, rng| {
            let at = rng.below(payload.len() + 1);
            payload.splice(at.., new);
        });
    }),
    ("another capture between its packets", |items, rng| {
        let others = self::items(pick(rng));
        let mut mixed = Vec::with_capacity(items.len() + others.len());
        let (mut own, mut others) = (items.drain(..).peekable(), others.into_iter().peekable());
        while own.peek().is_some() || others.peek().is_some() {
            let first: &mut dyn Iterator<Item = Item> =
                if rng.one_in(2) && others.peek().is_some() { &mut others } else { &mut own };
            mixed.extend(first.take(1 + rng.below(10)));
            if own.peek().is_none() {
                mixed.extend(others.by_ref());
            }
        }
        drop(own);
        *items = mixed;
    }),
];

/// Some packets, at least one.
fn some<'a>(items: &'a mut [Item], rng: &mut Rng) -> Vec<&'a mut Packet> {
    let one_in = 1 + rng.below(items.len().max(1));
    let mut packets: Vec<_> = items
        .iter_mut()
        .filter_map(|item| match item {
            Item::Packet(packet) if !packet.data.is_empty() => Some(packet),
            _ => None,
        })
        .filter(|_| rng.one_in(one_in))
        .collect();
    packets.truncate(50);
    packets
}

/// Changes the payload of a packet, and moves what follows in its connection, so that the change is
/// in the stream and nothing overlaps.
fn edit(items: &mut [Item], rng: &mut Rng, change: impl FnOnce(&mut Vec<u8>, &mut Rng)) {
    let has_payload =
        |packet: &Packet| Frame::of(packet).is_some_and(|frame| frame.is_whole && !frame.payload.is_empty());
    let carriers: Vec<usize> = (0..items.len())
        .filter(|at| matches!(&items[*at], Item::Packet(packet) if has_payload(packet)))
        .collect();
    let Some(at) = carriers.get(rng.below(carriers.len())).copied() else { return };
    let Some((before, by)) = change_at(&mut items[at], rng, change) else { return };
    for item in items.iter_mut().skip(at + 1) {
        let Item::Packet(packet) = item else { continue };
        let Some(frame) = Frame::of(packet) else { continue };
        if (frame.source, frame.destination) == (before.source, before.destination) {
            *packet = frame.moved(packet, by, 0);
        } else if (frame.destination, frame.source) == (before.source, before.destination) {
            *packet = frame.moved(packet, 0, by);
        }
    }
}

/// Changes the payload of one packet; returns its frame, and by how much it is longer.
fn change_at(
    item: &mut Item,
    rng: &mut Rng,
    change: impl FnOnce(&mut Vec<u8>, &mut Rng),
) -> Option<(Frame, u32)> {
    let Item::Packet(packet) = item else { return None };
    let frame = Frame::of(packet)?;
    let mut payload = packet.data[frame.payload.clone()].to_vec();
    let before = u32::try_from(payload.len()).unwrap();
    change(&mut payload, rng);
    payload.truncate(60_000);
    let by = u32::try_from(payload.len()).unwrap().wrapping_sub(before);
    *packet = frame.with_payload(packet, &payload);
    Some((frame, by))
}

/// Runs a mutant.
///
/// # Errors
/// What is wrong with it.
fn try_mutant(seed: u64) -> Result<Cost, String> {
    let (mutant, name) = Mutant::of(seed);
    let cost = outputs::check(|| mutant.source()).map_err(|problem| format!("{name}: {problem}"))?;
    let anonymized =
        outputs::anonymize(|| mutant.source()).map_err(|problem| format!("{name}: {problem}"))?;
    let peak = cost.peak.max(anonymized.peak);
    if peak <= MOST { Ok(cost) } else { Err(format!("{name}: holds {} MiB", peak / MIB)) }
}

/// Runs mutants on all processors. `MUTANT=7` in the environment runs number 7 alone.
fn try_all(count: u64) {
    let only: Option<u64> = std::env::var("MUTANT").ok().map(|seed| seed.parse().unwrap());
    let (first, end) = only.map_or((0, count), |seed| (seed, seed + 1));
    let (next, problems) = (AtomicU64::new(first), Mutex::new(Vec::new()));
    let peak = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        break;
                    }
                    match try_mutant(seed) {
                        Ok(cost) => drop(peak.fetch_max(cost.peak, Ordering::Relaxed)),
                        Err(problem) => problems.lock().unwrap().push(problem),
                    }
                }
            });
        }
    });
    println!("{} mutants, at most {} MiB", end - first, peak.into_inner() / MIB);
    let mut problems = problems.into_inner().unwrap();
    problems.sort();
    assert_no_problems(&problems);
}

#[test]
fn mutants_give_valid_output() {
    try_all(FEW);
}

#[test]
#[ignore = "takes minutes: make mutants"]
fn many_mutants_give_valid_output() {
    try_all(MANY);
}

/// What the captures themselves give is valid, too.
#[test]
fn every_output_of_every_capture_is_valid() {
    let problems = Capture::all().filter_map(|capture| {
        let bytes = capture.bytes();
        let checked = outputs::check(|| Box::new(corpus::source(bytes)));
        checked.err().map(|problem| format!("{}: {problem}", capture.0))
    });
    assert_no_problems(&problems.collect::<Vec<_>>());
}
