//! `mcpdump slice --anonymize`: the same analysis comes out of what is replaced, and nothing that
//! was replaced is found in it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock};

use mcpdump::anonymize::{Anonymizer, Key, LeftOut, is_public};
use mcpdump::base::{Code, Severity};
use mcpdump::capture::{Item, Packet};
use mcpdump::ledger::ConnectionFact;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::corpus::{self, Capture};
use crate::support::frame::Frame;
use crate::support::program::mcpdump;
use crate::support::rng::Rng;
use crate::support::run::{Remade, Run};
use crate::support::{assert_no_problems, damage};

/// Captures whose messages cannot be replaced at the same length: they are cut off, or stay
/// encrypted without secrets.
const UNREADABLE: [&str; 11] = [
    "br-json",
    "gzip-sse",
    "zstd-py",
    "h2-stacks",
    "h2-tls",
    "tls12-cbc",
    "tls12-keylog",
    "tls13-keylog",
    "h2c-sse",
    "java-sse-hypercorn-h2c",
    "llm-gemini",
];

/// A public word that chunks of `llm-streams` divide: its parts are no words.
const DIVIDED: &str = "content_block_delta";

/// A capture, anonymized.
fn anonymized(items: &[Item]) -> (Vec<Item>, Anonymizer) {
    let mut anonymizer = Anonymizer::new(&Key::of(b"a key for tests"));
    let (mut out, mut packets) = (Vec::new(), Vec::new());
    for item in items {
        match item {
            Item::Packet(packet) => {
                anonymizer.push(packet, &mut packets);
                out.extend(packets.drain(..).map(Item::Packet));
            }
            Item::Secrets { .. } => {}
            item => out.push(item.clone()),
        }
    }
    anonymizer.finish(&mut packets);
    out.extend(packets.drain(..).map(Item::Packet));
    (Remade::new(out).items, anonymizer)
}

/// A whole capture, anonymized once for all laws.
struct Replaced {
    items: Vec<Item>,
    run: Run,
    /// Packets that were left out, by reason.
    left_out: Vec<(LeftOut, u64)>,
}

impl Replaced {
    fn of(capture: Capture) -> Arc<Self> {
        static ALL: Mutex<BTreeMap<&str, Arc<OnceLock<Arc<Replaced>>>>> = Mutex::new(BTreeMap::new());
        let replaced = Arc::clone(ALL.lock().unwrap().entry(capture.0).or_default());
        let made = replaced.get_or_init(|| {
            let (items, anonymizer) = anonymized(&capture.items());
            let run = Run::over(&items);
            Arc::new(Self { items, run, left_out: anonymizer.left_out().collect() })
        });
        Arc::clone(made)
    }
}

fn packets(items: &[Item]) -> impl Iterator<Item = &Packet> {
    items.iter().filter_map(|item| match item {
        Item::Packet(packet) => Some(packet),
        _ => None,
    })
}

/// The members of rows that are replaced: only which of them are equal is the same.
const REPLACED: [&str; 10] = [
    "session_id",
    "name",
    "client",
    "server",
    "client_name",
    "server_name",
    "target",
    "method",
    "path",
    "via",
];

/// Members that describe what is replaced.
const DESCRIPTIONS: [&str; 6] = ["detail", "client_info", "server_info", "views", "addresses", "agent"];

/// A row: what has to be the same, and what is replaced.
type Row = (Value, Vec<(&'static str, String)>);

fn row(row: &Value) -> Row {
    let mut row = row.clone();
    let members = row.as_object_mut().unwrap();
    let mut replaced = Vec::new();
    for name in REPLACED {
        if let Some(value) = members.remove(name) {
            replaced.push((name, value.to_string()));
        }
    }
    for name in DESCRIPTIONS {
        members.remove(name);
    }
    if let Some(Value::Object(error)) = members.get_mut("error") {
        error.remove("message");
    }
    (row, replaced)
}

/// What differs between two analyses, and should not.
fn differences(name: &str, before: &Run, after: &Run) -> Vec<String> {
    let mut problems = Vec::new();
    let mut names: HashMap<(&str, String), String> = HashMap::new();
    let mut back: HashMap<(&str, String), String> = HashMap::new();
    for kind in ["exchange", "notification", "stream", "session", "finding"] {
        let rows =
            |run: &Run| run.rows().iter().filter(|row| row["type"] == kind).map(row).collect::<Vec<Row>>();
        let (before, after) = (rows(before), rows(after));
        if before.len() != after.len() {
            let codes =
                |rows: &[Row]| rows.iter().map(|(row, _)| row["code"].to_string()).collect::<Vec<_>>();
            let (before, after) = (codes(&before), codes(&after));
            problems.push(format!("{name}: {kind}: {before:?}, then {after:?}"));
            continue;
        }
        for ((old, old_names), (new, new_names)) in before.iter().zip(&after) {
            for (member, value) in old.as_object().unwrap() {
                if new[member] != *value {
                    problems.push(format!("{name}: {kind}: {member} {value}, then {}", new[member]));
                }
            }
            for ((what, old), (_, new)) in old_names.iter().zip(new_names) {
                let known = names.entry((what, old.clone())).or_insert_with(|| new.clone());
                let known_back = back.entry((what, new.clone())).or_insert_with(|| old.clone());
                if known != new || known_back != old {
                    problems.push(format!("{name}: {what} {old} is {new}, and was {known}"));
                }
            }
        }
    }
    problems
}

/// What is known of the connections without their contents.
fn connections(run: &Run) -> BTreeSet<String> {
    let facts = |connection: &ConnectionFact| {
        format!("{} {:?} {:?}", connection.tcp_stream, connection.ended, connection.handshake_ns)
    };
    run.connections().into_iter().map(facts).collect()
}

/// Counts of the directions of connections.
fn directions(run: &Run) -> BTreeSet<String> {
    let facts =
        |connection: &ConnectionFact| format!("{} {:?}", connection.tcp_stream, connection.directions);
    run.connections().into_iter().map(facts).collect()
}

#[test]
fn the_same_analysis_comes_out() {
    let mut problems = Vec::new();
    for capture in Capture::all() {
        let replaced = Replaced::of(capture);
        let left_out: Vec<_> = replaced.left_out.iter().filter(|(why, _)| *why != LeftOut::NotTcp).collect();
        if !left_out.is_empty() {
            problems.push(format!("{}: left out: {left_out:?}", capture.0));
        }
        let (before, after) = (&capture.run(), &replaced.run);
        if connections(before) != connections(after) {
            problems.push(format!("{}: connections differ", capture.0));
        }
        if !UNREADABLE.contains(&capture.name()) {
            if directions(before) != directions(after) {
                problems.push(format!("{}: directions differ", capture.0));
            }
            problems.extend(differences(capture.0, before, after));
            if llm_calls(before) != llm_calls(after) {
                problems.push(format!("{}: calls of language models differ", capture.0));
            }
            continue;
        }
        // Nobody is blamed for what was cut off.
        let count = |run: &Run, status: &str| run.rows().iter().filter(|row| row["status"] == status).count();
        if count(after, "unanswered") > count(before, "unanswered") {
            problems.push(format!("{}: requests seem to be unanswered", capture.0));
        }
        let known: HashSet<_> = before.findings().iter().map(|finding| finding.code).collect();
        for finding in after.findings() {
            if finding.code.severity() >= Severity::Warning
                && finding.code != Code::CaptureCutPackets
                && !known.contains(&finding.code)
            {
                problems.push(format!("{}: {}", capture.0, finding.code.name()));
            }
        }
    }
    assert_no_problems(&problems);
}

/// What is known of calls of language models without their texts.
fn llm_calls(run: &Run) -> Vec<Value> {
    let len = |list: &Value| list.as_array().map(Vec::len);
    let of = |row: &Value| {
        json!([
            row["dialect"],
            row["status"],
            row["streamed"],
            len(&row["tool_calls"]),
            len(&row["tool_results"])
        ])
    };
    run.rows().iter().filter(|row| row["type"] == "llm_call").map(of).collect()
}

/// Packets that are missing are missing in the same way.
#[test]
fn the_same_analysis_comes_out_of_a_capture_with_losses() {
    let mut problems = Vec::new();
    let captures = Capture::small_and_whole().filter(|capture| !UNREADABLE.contains(&capture.name()));
    for (seed, capture) in captures.enumerate().step_by(3) {
        let mut rng = Rng::new(seed as u64);
        let damaged = damage::lose_any(&capture.items(), 15, &mut rng).remade.items;
        let (replaced, _) = anonymized(&damaged);
        problems.extend(differences(capture.0, &Run::over(&damaged), &Run::over(&replaced)));
    }
    assert_no_problems(&problems);
}

/// The words of a text that are long enough to tell something, but those at its ends, which may be
/// parts of words. Numbers stay where they are codes and lengths.
fn words(bytes: &[u8]) -> Vec<&[u8]> {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let mut words: Vec<_> = bytes.split(move |byte| !is_word(byte)).skip(1).collect();
    words.pop();
    let is_number =
        |word: &[u8]| word.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.'));
    words.retain(|word| word.len() >= 6 && !is_number(word));
    words
}

#[test]
fn no_text_survives() {
    let mut problems = Vec::new();
    let id = regex::bytes::Regex::new(r#""id": ?"([^"]+)""#).unwrap();
    for capture in Capture::all() {
        let items = capture.items();
        let replaced = Replaced::of(capture);
        let payloads = |items: &[Item]| -> Vec<Vec<u8>> {
            let payload = |packet: &Packet| Some(packet.data[Frame::of(packet)?.payload].to_vec());
            packets(items).filter_map(payload).collect()
        };
        let mut private: HashSet<Vec<u8>> = HashSet::new();
        for payload in payloads(&items) {
            private.extend(words(&payload).into_iter().filter(|word| !is_public(word)).map(<[u8]>::to_vec));
        }
        // The ids of requests stay, and the members of this name in JSON that is none of MCP.
        let mut ids: HashSet<String> = capture.run().rows().iter().map(|row| row["id"].to_string()).collect();
        for payload in payloads(&items) {
            ids.extend(id.captures_iter(&payload).map(|id| String::from_utf8_lossy(&id[1]).into_owned()));
        }
        let mut found = BTreeSet::new();
        for payload in payloads(&replaced.items) {
            for word in words(&payload).into_iter().filter(|word| private.contains(*word)) {
                let text = String::from_utf8_lossy(word).into_owned();
                if !DIVIDED.starts_with(&text) && !ids.iter().any(|id| id.contains(&text)) {
                    found.insert(text);
                }
            }
        }
        problems.extend(found.into_iter().map(|word| format!("{}: {word}", capture.0)));
    }
    assert_no_problems(&problems);
}

#[test]
fn no_address_survives() {
    for capture in Capture::all() {
        let addresses = |run: &Run| -> BTreeSet<IpAddr> {
            run.connections()
                .iter()
                .flat_map(|connection| [connection.client.ip(), connection.server.ip()])
                .collect()
        };
        let (before, after) = (addresses(&capture.run()), addresses(&Replaced::of(capture).run));
        assert_eq!(before.len(), after.len(), "{}", capture.0);
        for address in before.intersection(&after) {
            assert!(address.is_loopback() || address.is_unspecified(), "{}: {address}", capture.0);
        }
    }
}

#[test]
fn a_slice_is_anonymized() {
    let directory = TempDir::new().unwrap();
    let slice = directory.path().join("slice.pcapng");
    let file = corpus::directory().join("ts-streamable/capture.pcapng");
    let arguments = ["slice", "--anonymize", "--filter", "method:tools/call", "-o"];
    let run = || {
        let output = mcpdump().args(arguments).args([&slice, &file]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        std::fs::read(&slice).unwrap()
    };
    let bytes = run();
    let rows = Run::over(&corpus::items(bytes.clone()).unwrap()).rows();
    let calls = rows.iter().filter(|row| row["method"] == "tools/call").count();
    let before = Run::over(&corpus::items(std::fs::read(&file).unwrap()).unwrap()).rows();
    assert_eq!(calls, before.iter().filter(|row| row["method"] == "tools/call").count());
    for text in ["corpus-server", "ts-streamable", "Linux", "request tools/call", "method:tools"] {
        assert!(memchr::memmem::find(&bytes, text.as_bytes()).is_none(), "{text}");
    }
    assert_ne!(run(), bytes, "each run has a key of its own");
}

/// What is encrypted stays so, and its secrets are not in the file.
#[test]
fn the_secrets_of_a_capture_are_not_kept() {
    let directory = TempDir::new().unwrap();
    let slice = directory.path().join("slice.pcapng");
    let file = corpus::directory().join("tls13-keylog/capture-dsb.pcapng");
    let arguments = ["slice", "--anonymize", "--filter", "tool:poll", "-o"];
    let output = mcpdump().args(arguments).args([&slice, &file]).output().unwrap();
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{messages}");
    assert!(messages.contains("replaced by zeros in") && messages.contains("of TLS records"), "{messages}");
    let items = corpus::items(std::fs::read(&slice).unwrap()).unwrap();
    assert!(!items.iter().any(|item| matches!(item, Item::Secrets { .. })));
    let run = Run::over(&items);
    assert!(run.exchanges().is_empty());
    assert!(run.connections().iter().all(|connection| connection.tls.is_some()));
}
