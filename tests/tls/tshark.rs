//! A second opinion: tshark decrypts the same bytes of every connection, and finds the same calls
//! on the same HTTP/2 streams.

use std::collections::BTreeMap;
use std::path::Path;

use mcpdump::base::{Fact, Feed, Side};
use mcpdump::engine::Engine;
use mcpdump::ledger::Entry;
use serde_json::Value;

use crate::support::corpus;
use crate::support::program::plain;
use crate::support::run::Run;

/// The captures, with the secrets inside, and the connections that are compared, at most. tshark
/// reads the whole capture for each.
const CAPTURES: [(&str, usize); 4] = [
    ("h2-tls/capture-dsb.pcapng", 8),
    ("h2-stacks/capture.pcapng", 8),
    ("tls12-cbc/capture-dsb.pcapng", 4),
    ("tls13-keylog/capture-dsb.pcapng", 4),
];

/// Whether tshark is there; if not, prints that the test is skipped. With `MCPDUMP_MUST_TSHARK` in
/// the environment it fails instead.
fn has_tshark() -> bool {
    let found = plain("tshark").arg("--version").output().is_ok_and(|output| output.status.success());
    let strict = std::env::var_os("MCPDUMP_MUST_TSHARK").is_some_and(|value| !value.is_empty());
    assert!(found || !strict, "no tshark");
    if !found {
        eprintln!("skipped: no tshark");
    }
    found
}

/// What client and server of each connection said in TLS.
type Decrypted = BTreeMap<u32, [Vec<u8>; 2]>;

fn decrypted(path: &Path) -> Decrypted {
    let mut clients = BTreeMap::new();
    let (mut engine, mut entries) = (Engine::new(), Vec::new());
    let mut source = corpus::source_of(path);
    while engine.read(&mut source, &mut entries).unwrap() {}
    for entry in &entries {
        if let Entry::Fact(Fact::Connection(fact)) = entry
            && fact.tls.is_some()
        {
            clients.insert(fact.tcp_stream, fact.client_end);
        }
    }
    let (mut engine, mut entries) = (Engine::of_connections(clients.keys().copied()), Vec::new());
    let mut source = corpus::source_of(path);
    while engine.read(&mut source, &mut entries).unwrap() {}
    let mut all = Decrypted::new();
    for entry in &entries {
        if let Entry::Fact(Fact::Delivery(delivery)) = entry
            && delivery.is_decrypted
            && let Feed::Data(bytes, _) = &delivery.feed
        {
            let side = delivery.from.side(clients[&delivery.tcp_stream]);
            all.entry(delivery.tcp_stream).or_default()[side as usize].extend_from_slice(bytes);
        }
    }
    all
}

/// What tshark decrypts of a connection. What the first sender sends stands at the margin, what the
/// other one sends behind a tab.
fn followed(path: &Path, tcp_stream: u32) -> [Vec<u8>; 2] {
    let follow = format!("follow,tls,raw,{tcp_stream}");
    let output = plain("tshark").arg("-r").arg(path).args(["-q", "-z", &follow]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut said = [Vec::new(), Vec::new()];
    for line in text.lines() {
        let (at, line) = line.strip_prefix('\t').map_or((0, line), |line| (1, line));
        if !line.is_empty()
            && line.len().is_multiple_of(2)
            && line.bytes().all(|byte| byte.is_ascii_hexdigit())
        {
            let bytes =
                (0..line.len()).step_by(2).map(|at| u8::from_str_radix(&line[at..at + 2], 16).unwrap());
            said[at].extend(bytes);
        }
    }
    said
}

#[test]
fn tshark_decrypts_the_same_bytes() {
    if !has_tshark() {
        return;
    }
    let mut problems = Vec::new();
    for (capture, most) in CAPTURES {
        let path = corpus::directory().join(capture);
        let ours = decrypted(&path);
        assert!(!ours.is_empty(), "{capture}");
        for (tcp_stream, said) in ours.iter().take(most) {
            let mut theirs = followed(&path, *tcp_stream);
            // Which end tshark names first is its own affair.
            if theirs != *said {
                theirs.reverse();
            }
            if theirs != *said {
                let lens = |said: &[Vec<u8>; 2]| Side::BOTH.map(|side| said[side as usize].len());
                problems.push(format!(
                    "{capture} {tcp_stream}: {:?}, tshark {:?}",
                    lens(said),
                    lens(&theirs)
                ));
            }
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

/// The content of each direction of HTTP/2 streams: by connection, stream, and port of the sender.
type Contents = BTreeMap<(u64, u64, u64), Vec<u8>>;

/// What tshark reads in DATA frames. The last one of a stream shows the content as a whole.
fn contents(path: &Path) -> Contents {
    let fields = ["tcp.stream", "tcp.srcport", "http2.type", "http2.streamid", "http2.data.data"];
    let mut command = plain("tshark");
    command.arg("-r").arg(path).args(["-Y", "http2.type == 0", "-T", "fields"]);
    // HTTP/2 in clear, which tshark does not look for on these ports.
    command.args(["-d", "tcp.port==8090,http2", "-d", "tcp.port==8091,http2"]);
    for field in fields {
        command.args(["-e", field]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let mut all = Contents::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let mut lists = line.split('\t').map(|list| list.split(',').collect::<Vec<_>>());
        let [connections, ports, types, streams, data] = std::array::from_fn(|_| lists.next().unwrap());
        let number = |text: &&str| text.parse::<u64>().unwrap();
        let frames = types.iter().zip(&streams).filter(|(kind, _)| **kind == "0");
        let frames: Vec<u64> = frames.map(|(_, stream)| number(stream)).collect();
        assert_eq!(frames.len(), data.len(), "{line}");
        for (stream, hex) in frames.into_iter().zip(data).filter(|(_, hex)| *hex != "<MISSING>") {
            let bytes = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
            all.insert((number(&connections[0]), stream, number(&ports[0])), bytes.collect());
        }
    }
    all
}

/// The messages in a content: a JSON text, or the data of events.
fn messages(content: &[u8]) -> Vec<Value> {
    let text = String::from_utf8_lossy(content);
    let events = text.lines().filter_map(|line| line.strip_prefix("data:"));
    let texts = std::iter::once(&*text).chain(events);
    let parsed = texts.filter_map(|text| serde_json::from_str(text).ok());
    parsed.flat_map(|value| if let Value::Array(batch) = value { batch } else { vec![value] }).collect()
}

#[test]
fn tshark_finds_the_same_calls_on_the_same_streams() {
    if !has_tshark() {
        return;
    }
    let (mut problems, mut compared) = (Vec::new(), 0);
    for capture in ["h2-tls/capture-dsb.pcapng", "h2-stacks/capture.pcapng"] {
        let path = corpus::directory().join(capture);
        let theirs = contents(&path);
        let run = Run::of(&mut corpus::source_of(&path)).unwrap();
        for row in run.rows() {
            let (Some(stream), "client") =
                (row["http2_stream"].as_u64(), row["origin"].as_str().unwrap_or(""))
            else {
                continue;
            };
            let port = |end: &str| row[end].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap();
            let of = |end: &str| theirs.get(&(row["tcp_stream"].as_u64().unwrap(), stream, port(end)));
            let holds = |end: &str, expected: &dyn Fn(&Value) -> bool| {
                of(end).is_some_and(|content| messages(content).iter().any(expected))
            };
            compared += 1;
            if !holds("client", &|message| message["id"] == row["id"] && message["method"] == row["method"]) {
                problems.push(format!("{capture}: request {row}"));
            }
            let is_answer = |message: &Value| message["id"] == row["id"] && message.get("method").is_none();
            if !row["response"].is_null() && !holds("server", &is_answer) {
                problems.push(format!("{capture}: response {row}"));
            }
        }
    }
    assert!(problems.is_empty(), "{} of {compared}: {problems:#?}", problems.len());
    assert!(compared > 100, "{compared}");
}
