//! `mcpdump slice`, and `-w` with `--filter`: the packets of what matches give the same exchanges.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Output;

use crate::support::assert_no_problems;
use crate::support::corpus::{self, Capture};
use crate::support::program::mcpdump;
use crate::support::run::{Run, parse_rows};
use mcpdump::base::{Fact, Files};
use mcpdump::capture::Item;
use mcpdump::engine::Engine;
use mcpdump::export::slice::{Extent, SlicePlan};
use mcpdump::ledger::Entry;
use serde_json::Value;
use tempfile::TempDir;

fn run(arguments: &[&str]) -> Output {
    mcpdump().args(arguments).output().expect("the program starts")
}

/// The exchanges of a capture that match.
fn exchanges(file: &str, filter: &str) -> Vec<Value> {
    let output = run(&["export", "--only", "exchanges", "--filter", filter, file]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    parse_rows(&String::from_utf8(output.stdout).unwrap())
}

/// What has to be the same in a slice, as text: everything but the numbers of packets, exchanges
/// and sessions.
fn facts(exchange: &Value) -> String {
    let message = |name: &str| {
        let message = &exchange[name];
        (message["start"].to_string(), message["end"].to_string(), message["bytes"].to_string())
    };
    let names = [
        "origin",
        "id",
        "method",
        "name",
        "status",
        "cause",
        "error",
        "http_status",
        "client",
        "server",
        "transport",
        "protocol_version",
        "total_ms",
        "ack_ms",
        "waited_ms",
        "progress",
        "asked",
        "user_ms",
    ];
    let values: Vec<String> = names.iter().map(|name| exchange[name].to_string()).collect();
    format!("{values:?} {:?} {:?}", message("request"), message("response"))
}

/// Slices a capture (`--of`), and returns what differs.
fn problems(file: &str, filter: &str, of: &str, directory: &Path) -> Vec<String> {
    let want = exchanges(file, filter);
    if want.is_empty() {
        return Vec::new();
    }
    let slice = directory.join("slice.pcapng");
    let slice = slice.to_str().unwrap();
    let output = run(&["slice", "--filter", filter, "--of", of, "-o", slice, file]);
    if !output.status.success() {
        return vec![format!("{file}, {filter}: {}", String::from_utf8_lossy(&output.stderr))];
    }
    let got: BTreeSet<String> = exchanges(slice, "").iter().map(facts).collect();
    let missing = want.iter().map(facts).filter(|exchange| !got.contains(exchange));
    missing.map(|exchange| format!("{file}, {filter}, of {of}: {exchange}")).collect()
}

#[test]
fn a_slice_gives_the_exchanges_that_match_with_the_same_times() {
    let directory = TempDir::new().unwrap();
    let mut found = Vec::new();
    for (at, capture) in Capture::all().filter(|capture| capture.is_mcp()).enumerate() {
        let file = corpus::directory().join(capture.0);
        let file = file.to_str().unwrap();
        // One large capture is enough: each is read four times.
        if !capture.is_large() || capture.0.starts_with("many-sessions/") {
            found.extend(problems(file, "not status:ok", "exchanges", directory.path()));
        }
        if !capture.is_large() {
            let of = if at % 2 == 0 { "exchanges" } else { "connections" };
            found.extend(problems(file, "method:tools/call", of, directory.path()));
        }
    }
    assert_no_problems(&found);
}

/// Of more exchanges than are kept one by one, all packets of the connections of their sessions are
/// chosen: they give the same exchanges.
#[test]
fn a_slice_of_many_exchanges_has_whole_connections() {
    let mut problems = Vec::new();
    for capture in Capture::small_and_whole() {
        let (items, whole) = (capture.items(), capture.run());
        let (mut plan, mut all) = (SlicePlan::keeping(2), SlicePlan::new());
        for entry in &whole.entries {
            plan.push(entry, true);
            all.push(entry, true);
        }
        let exchanges = whole.exchanges().len() as u64;
        assert_eq!((plan.exchanges(), plan.unverified()), (exchanges, exchanges.saturating_sub(2)));
        let mut selection = plan.selection(Extent::Exchanges, &Files::default());
        let mut source = corpus::source(capture.bytes());
        let (mut engine, mut entries) = (Engine::of_segments(), Vec::new());
        while engine.read(&mut source, &mut entries).unwrap() {}
        for entry in &entries {
            if let Entry::Fact(Fact::Segment(segment)) = entry {
                selection.push(segment);
            }
        }
        let chosen = selection.finish();
        let is_chosen = |item: &&Item| match item {
            Item::Packet(packet) => chosen.packets.contains(packet.origin.packet.0),
            _ => true,
        };
        let slice: Vec<Item> = items.iter().filter(is_chosen).cloned().collect();
        let mut comparison = all.comparison();
        Run::over(&slice).exchanges().into_iter().for_each(|exchange| comparison.push(exchange));
        problems.extend(comparison.differing().iter().map(|n| format!("{}: exchange {n}", capture.0)));
    }
    assert_no_problems(&problems);
}

#[test]
fn a_slice_of_one_call_is_small_and_names_it() {
    let directory = TempDir::new().unwrap();
    let slice = directory.path().join("one.pcapng");
    let file = corpus::directory().join("ts-sse/capture.pcap");
    let calls = exchanges(file.to_str().unwrap(), "method:tools/call");
    let packet = calls[1]["request"]["first_packet"].to_string();
    let filter = format!("packet:{packet} method:tools/call");
    let output = run(&["slice", "--filter", &filter, "-o", slice.to_str().unwrap(), file.to_str().unwrap()]);
    assert!(output.status.success());
    let bytes = std::fs::read(&slice).unwrap();
    let packets = corpus::items(bytes.clone()).unwrap();
    assert!(packets.len() < 40, "{} items", packets.len());
    let text = String::from_utf8_lossy(&bytes);
    let name = calls[1]["name"].as_str().unwrap();
    assert!(text.contains(&format!("request tools/call {name}")), "a comment names the exchange");
    assert!(text.contains("slice of "), "the file says what it is");
}

/// Wireshark decrypts records in order, from the first one on.
#[test]
fn a_slice_of_tls_has_whole_connections() {
    let directory = TempDir::new().unwrap();
    let slice = directory.path().join("tls.pcapng");
    let (slice, file) =
        (slice.to_str().unwrap(), corpus::directory().join("tls13-keylog/capture-dsb.pcapng"));
    let output = run(&["slice", "--filter", "tool:poll", "-o", slice, file.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows = parse_rows(&String::from_utf8(run(&["export", slice]).stdout).unwrap());
    assert!(rows.iter().any(|row| row["name"] == "poll"));
    let gaps =
        rows.iter().filter(|row| row["code"] == "tcp.gap" || row["degraded"].to_string().contains("gap"));
    assert_eq!(gaps.count(), 0);
}

/// A client that sends head and body of a request apart sends nothing else with the body: what
/// follows the answer, such as the last chunk, is still of the transaction.
#[test]
fn a_slice_has_the_end_of_a_transaction_and_what_was_asked_inside() {
    let directory = TempDir::new().unwrap();
    let slice = directory.path().join("asked.pcapng");
    let (slice, file) =
        (slice.to_str().unwrap(), corpus::directory().join("stacks/haproxy-http/capture.pcap"));
    let output = run(&["slice", "--filter", "tool:pick", "-o", slice, file.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows = parse_rows(&String::from_utf8(run(&["export", slice]).stdout).unwrap());
    assert_eq!(rows.iter().filter(|row| row["code"] == "tcp.gap").count(), 0);
    let asked: Vec<_> = rows.iter().filter(|row| row["method"] == "elicitation/create").collect();
    assert!(!asked.is_empty());
    assert!(asked.iter().all(|row| row["status"] == "ok"), "{asked:?}");
}

#[test]
fn nothing_that_matches_is_a_failure() {
    let directory = TempDir::new().unwrap();
    let slice = directory.path().join("none.pcapng");
    let file = corpus::directory().join("ts-sse/capture.pcap");
    let output =
        run(&["slice", "--filter", "tool:absent", "-o", slice.to_str().unwrap(), file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nothing matches"));
    assert!(!slice.exists(), "no file is left");
}

#[test]
fn w_with_a_filter_keeps_the_packets_of_what_matches() {
    let directory = TempDir::new().unwrap();
    let kept = directory.path().join("kept.pcapng");
    let file = corpus::directory().join("ts-streamable/capture.pcapng");
    let (kept, file) = (kept.to_str().unwrap(), file.to_str().unwrap());
    let filter = "status:error";
    let output = run(&["list", "--filter", filter, "-w", kept, file]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let facts = |file: &str| exchanges(file, filter).iter().map(facts).collect::<BTreeSet<_>>();
    assert!(!facts(file).is_empty());
    assert_eq!(facts(kept), facts(file));
    let packets = |file: &str| corpus::items(std::fs::read(file).unwrap()).unwrap().len();
    assert!(packets(kept) < packets(file));
    let refused = run(&["list", "--filter", filter, "-w", kept, "-C", "1", file]);
    assert_eq!(refused.status.code(), Some(2));
}

/// A pipe is read once: what was read of it is kept in a temporary file.
#[test]
fn standard_input_is_sliced() {
    let directory = TempDir::new().unwrap();
    let file = corpus::directory().join("ts-sse/capture.pcap");
    let [from_file, from_pipe] = ["file.pcapng", "pipe.pcapng"].map(|name| directory.path().join(name));
    let slice = |output: &Path, input: &str| {
        let mut command = mcpdump();
        command.args(["slice", "--filter", "method:ping", "-o", output.to_str().unwrap(), input]);
        command.stdin(std::fs::File::open(&file).unwrap()).output().unwrap()
    };
    assert!(slice(&from_file, file.to_str().unwrap()).status.success());
    assert!(slice(&from_pipe, "-").status.success());
    let packets = |path: &Path| -> Vec<_> {
        let items = corpus::items(std::fs::read(path).unwrap()).unwrap();
        crate::support::run::packets(&items).values().map(|packet| packet.data.clone()).collect()
    };
    assert!(!packets(&from_file).is_empty());
    assert_eq!(packets(&from_pipe), packets(&from_file));
}

#[test]
fn what_is_not_of_something_that_matched_is_left_out() {
    let file = corpus::directory().join("many-sessions/capture.pcapng");
    let file = file.to_str().unwrap();
    let output = run(&["export", "--filter", "session:s2", file]);
    let rows = parse_rows(&String::from_utf8(output.stdout).unwrap());
    let of = |kind: &str| rows.iter().filter(|row| row["type"] == kind).count();
    assert!(of("exchange") > 0);
    let sessions: Vec<_> = rows.iter().filter(|row| row["type"] == "session").collect();
    assert_eq!(sessions.len(), 1, "{sessions:?}");
    assert_eq!(sessions[0]["session"], "s2");
    for row in rows.iter().filter(|row| row["type"] != "finding") {
        assert_eq!(row["session"], "s2", "{row}");
    }
}

#[test]
fn bodies_and_headers_are_searched() {
    let file = corpus::directory().join("ts-sse/capture.pcap");
    let file = file.to_str().unwrap();
    let all = exchanges(file, "");
    let with = |filter: &str| exchanges(file, filter).iter().map(|row| row["n"].as_u64()).collect::<Vec<_>>();
    assert_eq!(with("body~'\"method\":\"ping\"'"), with("method:ping"));
    assert_eq!(with("body:hackernews and not body:hackernews").len(), 0);
    assert_eq!(with("header:content-type").len(), all.len(), "every POST has one");
    assert_eq!(with("auth:none").len(), all.len());
    assert!(with("auth:bearer").is_empty());
    assert!(with("not header:x-absent").len() == all.len());
    let words = with("body:protocolVersion");
    assert!(!words.is_empty() && words.len() < all.len());
    assert!(with("body:rotocolVersio").is_empty(), "a word is whole");
    let begun = with("body:protocol*");
    assert!(words.iter().all(|n| begun.contains(n)), "{begun:?}");
}
