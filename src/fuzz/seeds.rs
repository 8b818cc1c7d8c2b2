//! Inputs to begin with: what the captures of the repository carry, as the targets read it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::base::fact::Speaks;
use crate::base::fuzz::script;
use crate::base::{End, Fact, Feed, Findings};
use crate::capture::{Input, Item, OpenOptions, Source as _, open};
use crate::engine::Engine;
use crate::ledger::Entry;
use crate::tui::Config;

/// Captures, with their secrets inside.
const CAPTURES: [&str; 12] = [
    "br-json/capture.pcap",
    "gzip-sse/capture.pcap",
    "zstd-py/capture.pcap",
    "ts-sse/capture.pcap",
    "ts-streamable/capture.pcapng",
    "stacks/java-sse-hypercorn-h2c/capture.pcap",
    "tls12-cbc/capture-dsb.pcapng",
    "tls13-keylog/capture-dsb.pcapng",
    "llm-anthropic/capture.pcapng",
    "rev-2026-07-28/capture.pcapng",
    "stacks/supergateway-ws/capture.pcap",
    "stdio-wrap/capture.pcapng",
];

/// Captures of other formats and link types.
const FORMATS: [&str; 12] = [
    "any-sll2.pcap",
    "big-endian.pcap",
    "gre.pcap",
    "micro.pcapng.gz",
    "micro.pcapng.zst",
    "nanosecond.pcap",
    "ng-odd-blocks.pcapng",
    "ng-simple-packets.pcapng",
    "null.pcap",
    "raw.pcap",
    "tso-ip-length-0.pcap",
    "vlan.pcap",
];

/// An event stream with what the standard mentions.
const EVENTS: &str = "\u{feff}: comment\nevent: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\n\
    id: 7\r\nretry: 250\r\ndata: one\r\ndata:two\r\n\r\ndata\r\revent:x\ndata: \u{e9}\nid: \0\nfoo: bar\n\nid\n\ndata: half";

/// Bodies, as the parser of JSON-RPC reads them.
const MESSAGES: [&str; 8] = [
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"x":[1,2.5e3,null]},"_meta":{"progressToken":"t"}}}"#,
    r#"{"jsonrpc":"2.0","id":"x","result":{"content":[{"type":"text","text":"\u00e9\n"}],"isError":true}}"#,
    r#" {"id":null,"error":{"code":-32601,"message":"no","data":{"a":true}},"jsonrpc":"2.0"} "#,
    r#"[{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1}},{"id":1.5},[],7]"#,
    r#"{"jsonrpc":"2.0","id":3,"result":{"tools":[{"name":"t","inputSchema":{"type":"object"}}],"nextCursor":"c"}}"#,
    r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","clientInfo":{"name":"n","version":"1"}}}"#,
    "{\"method\":1,\"method\":\"\\ud83d\",\"id\":{}}",
    "\u{feff}{\"a\" : -0.0E+1, \"b\":[{}, \"\\\\\"]}trailing",
];

/// Frames of WebSocket behind a text message of each end: a ping, a message in fragments, the end.
const FRAMES: &[u8] = b"\x89\x02hi\x01\x08{\"id\":1,\x80\x05\"a\":1\x80\x01}\x88\x02\x03\xe8";

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
    EVENTS.char_indices().step_by(60).for_each(|(at, _)| {
        add("event_stream", [&[at as u8, 0, at as u8, 9][..], EVENTS.as_bytes()].concat());
    });
    MESSAGES.iter().for_each(|text| add("messages", text.as_bytes().to_vec()));
    add("configuration", Config::defaults().into_bytes());
    add(
        "configuration",
        b"theme = \"light\"\n[keys]\nquit = [\"q\", \"ctrl-c\"]\n[colors]\nok = \"#00ff00\"\n".to_vec(),
    );
    bodies()
        .into_iter()
        .enumerate()
        .for_each(|(coding, body)| add("content", [vec![coding as u8, 5], body].concat()));
    for how in 0..3 {
        let hello = b"\x81\x85\0\0\0\0hello\x81\x02{}";
        let feeds = [(End::A, &hello[..]), (End::B, b"\x81\x0d{\"result\":{}}"), (End::B, FRAMES)];
        let script =
            feeds.map(|(from, bytes)| [&[u8::from(from == End::B), 0, bytes.len() as u8], bytes].concat());
        add("web_socket", [vec![how, 3], script.concat()].concat());
    }
    for seed in 1..6_u32 {
        // Any choices describe a connection.
        let choices: Vec<u8> = (0..400_u32).map(|n| ((n * n * seed + n * 37) >> 3) as u8).collect();
        add("reassembly", choices.clone());
        add("segments", choices);
    }
    for name in FORMATS {
        let path = directory().join("linktypes").join(name);
        add("files", [&[40][..], &fs::read(&path).unwrap()].concat());
        add("frames", frames(&items(&path)));
    }
    add("files", [vec![40], lz4(&directory().join("linktypes/micro.pcapng.gz"))].concat());
    for name in CAPTURES {
        let path = directory().join(name);
        let file = fs::read(&path).unwrap();
        add("files", [&[40][..], &file].concat());
        add("follow", [&[3, 0, 9, 1, 0, 0, 200][..], &file].concat());
        let items = items(&path);
        add("frames", frames(&items));
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

/// What a file of gzip holds, in lz4.
fn lz4(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(&fs::read(path).unwrap()[..]).read_to_end(&mut bytes).unwrap();
    let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
    lz4.write_all(&bytes).unwrap();
    lz4.finish().unwrap()
}

/// A text in each content coding, in the order of the target.
fn bodies() -> [Vec<u8>; 6] {
    let text = EVENTS.repeat(9);
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let zlib = |bytes: &[u8]| {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let mut br = Vec::new();
    brotli::BrotliCompress(&mut text.as_bytes(), &mut br, &brotli::enc::BrotliEncoderParams::default())
        .unwrap();
    let zstd = zstd::encode_all(text.as_bytes(), 3).unwrap();
    [gzip(text.as_bytes()), zlib(text.as_bytes()), br.clone(), zstd.clone(), gzip(&br), zlib(&zstd)]
}

/// The first packets of a capture, as the target of the headers reads them.
fn frames(items: &[Item]) -> Vec<u8> {
    let packets =
        items.iter().filter_map(|item| if let Item::Packet(packet) = item { Some(packet) } else { None });
    let mut frames = Vec::new();
    for packet in packets.take(12) {
        let index = crate::link::fuzz::LINK_TYPES.iter().position(|known| *known == packet.link_type.0);
        frames.push(index.unwrap() as u8);
        frames.extend(u16::try_from(packet.data.len()).unwrap().to_be_bytes());
        frames.extend(&packet.data);
    }
    frames
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
