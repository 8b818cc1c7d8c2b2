//! Inputs to begin with: what the captures of the repository carry, as the targets read it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::base::fact::Speaks;
use crate::base::fuzz::script;
use crate::base::{End, Fact, Feed, Findings};
use crate::capture::{Input, Item, OpenOptions, Source as _, open};
use crate::engine::Engine;
use crate::ledger::Entry;

/// Captures, with their secrets inside.
const CAPTURES: [&str; 8] = [
    "br-json/capture.pcap",
    "gzip-sse/capture.pcap",
    "zstd-py/capture.pcap",
    "ts-sse/capture.pcap",
    "ts-streamable/capture.pcapng",
    "stacks/java-sse-hypercorn-h2c/capture.pcap",
    "tls12-cbc/capture-dsb.pcapng",
    "tls13-keylog/capture-dsb.pcapng",
];

/// The frames of an Initial: the second half of a ClientHello, an acknowledgement, the first half.
const QUIC_FRAMES: &[u8] = &[6, 4, 2, 0, 0, 2, 0, 0, 1, 0, 0, 0, 6, 0, 4, 1, 0, 0, 2, 1, 0, 0, 0];

/// What an end sends on lines, as far as the length of a step goes.
const LINES: [&str; 2] = [
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}}\r\n\n\
        listening on stdio\n[{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}]\n{\"half\":",
    "\u{feff}{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"text\":\"{\\\"a\\\":1}\\n\"}}\n1\n\"x\"\n}\n{}\n[]\n",
];

/// The longest seed, in bytes.
const MOST: usize = 24 << 10;

/// Expressions of the filter language.
const FILTERS: [&str; 8] = [
    "method:tools/call and dur>500ms",
    "not (status:error or cause:server_closed) name~'get.*top'",
    "bytes>=10kB ip:10.0.0.0/8 port:3000",
    "session:s1 || finding:tcp.*",
    "body~\"a|b\" header:\"x: y\"",
    "time>2026-01-01T00:00:00Z packet<9",
    "\"quoted \\u{202e}\" s1",
    "degraded:gap http>=400",
];

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("captures")
}

fn items(path: &Path) -> Vec<Item> {
    let mut capture = open(&[Input::Path(path.to_owned())], &OpenOptions::default()).unwrap();
    std::iter::from_fn(|| capture.next(&mut Findings::new()).unwrap()).collect()
}

/// What the ends of a connection send, in order.
type Feeds = Vec<(End, Feed<End>)>;

/// What the ends of the first connections of a capture send, with what they speak.
fn connections(items: &[Item]) -> Vec<(Speaks, Feeds)> {
    let mut all = Vec::new();
    for number in 0..6 {
        let (mut engine, mut entries, mut feeds) = (Engine::of_connections([number]), Vec::new(), Vec::new());
        items.iter().for_each(|item| engine.push(item.clone(), &mut entries));
        engine.finish(&mut entries);
        let mut speaks = Speaks::Nothing;
        for entry in entries {
            match entry {
                Entry::Fact(Fact::Delivery(fact)) => feeds.push((fact.from, fact.feed)),
                Entry::Fact(Fact::Connection(fact)) => speaks = fact.speaks,
                _ => {}
            }
        }
        if !feeds.is_empty() {
            all.push((speaks, feeds));
        }
    }
    all
}

/// The lines of the secrets of a capture.
fn secrets(items: &[Item]) -> Vec<u8> {
    let data = items.iter().filter_map(|item| match item {
        Item::Secrets { data, .. } => Some(data.to_vec()),
        _ => None,
    });
    data.collect::<Vec<_>>().concat()
}

/// The seeds of each target, by its name.
pub(super) fn all() -> BTreeMap<&'static str, Vec<Vec<u8>>> {
    let mut seeds: BTreeMap<&'static str, Vec<Vec<u8>>> = BTreeMap::new();
    let mut add = |target: &'static str, mut seed: Vec<u8>| {
        seed.truncate(MOST);
        seeds.entry(target).or_default().push(seed);
    };
    FILTERS.iter().for_each(|text| add("filter", text.as_bytes().to_vec()));
    add("quic", [&[0][..], QUIC_FRAMES].concat());
    add("quic", [&[1, 0, 0, 40][..], &[0xc3, 0, 0, 0, 1, 8], &[7; 8], &[0, 0, 20], &[9; 24]].concat());
    LINES.iter().for_each(|text| add("lines", [&[17, 0, 0, 200][..], text.as_bytes()].concat()));
    for name in CAPTURES {
        let path = directory().join(name);
        add("files", [&[40][..], &fs::read(&path).unwrap()].concat());
        let items = items(&path);
        let log = secrets(&items);
        add("key_log", log.clone());
        for (speaks, feeds) in connections(&items) {
            let cut = [17];
            let script = script(&feeds);
            let target = match speaks {
                Speaks::Http2 if log.is_empty() => "http2",
                Speaks::Http1 if log.is_empty() => "http1",
                Speaks::JsonLines => "lines",
                _ => "records",
            };
            add(target, [&cut[..], &script].concat());
            if target == "records" {
                let of_connection = log.get(..log.len().min(8_000)).unwrap_or_default();
                let len = u16::try_from(of_connection.len()).unwrap().to_be_bytes();
                add("tls_connection", [&cut[..], &len, of_connection, &script].concat());
                add("handshake", [&cut[..], &messages(&feeds)].concat());
            }
            if target == "http2" {
                add("header_blocks", blocks(&feeds));
            }
            add("packets", packets(&feeds));
        }
    }
    seeds
}

/// The bytes of one end.
fn bytes(feeds: &[(End, Feed<End>)], of: End) -> Vec<u8> {
    let data = feeds.iter().filter(|(from, _)| *from == of).filter_map(|(_, feed)| match feed {
        Feed::Data(bytes, _) => Some(bytes.to_vec()),
        _ => None,
    });
    data.collect::<Vec<_>>().concat()
}

/// The bodies of the first handshake records of both ends.
fn messages(feeds: &[(End, Feed<End>)]) -> Vec<u8> {
    let mut messages = Vec::new();
    for end in End::BOTH {
        let bytes = bytes(feeds, end);
        let mut rest = &bytes[..];
        while let [22, _, _, high, low, after @ ..] = rest {
            let len = usize::from(u16::from_be_bytes([*high, *low])).min(after.len());
            messages.extend(&after[..len]);
            rest = &after[len..];
        }
    }
    messages
}

/// The header blocks of the client, each with its length.
fn blocks(feeds: &[(End, Feed<End>)]) -> Vec<u8> {
    let bytes = bytes(feeds, End::A);
    let mut rest = bytes.strip_prefix(&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..]).unwrap_or(&bytes);
    let mut blocks = Vec::new();
    while let [a, b, c, kind, flags, _, _, _, _, after @ ..] = rest {
        let len = (u32::from_be_bytes([0, *a, *b, *c]) as usize).min(after.len());
        if *kind == 1 && flags & 0x28 == 0 {
            blocks.extend(u16::try_from(len).unwrap().to_be_bytes());
            blocks.extend(&after[..len]);
        }
        rest = &after[len..];
    }
    blocks
}

/// The packets of a connection, as the target of the engine chooses them.
fn packets(feeds: &[(End, Feed<End>)]) -> Vec<u8> {
    let mut choices = vec![0, 128];
    for (from, feed) in feeds {
        let side = if *from == End::A { 0 } else { 128 };
        match feed {
            Feed::Data(bytes, _) => {
                for part in bytes.chunks(1400).map(Bytes::copy_from_slice) {
                    choices.push(4 | side);
                    choices.extend(u16::try_from(part.len()).unwrap().to_be_bytes());
                    choices.extend(&part);
                }
            }
            Feed::Gap { .. } => choices.extend([5 | side, 0, 9, 0, 1, b'x']),
            Feed::Eof { .. } => choices.extend([6 | side, 0]),
        }
    }
    choices
}
