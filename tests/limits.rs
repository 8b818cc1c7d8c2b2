//! `mcpdump why` on captures of real programs that end waits by their own limits, and of a network
//! that delays and loses packets (`captures/limits/make.py`).

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::program::mcpdump;

fn capture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/limits").join(name)
}

fn run(arguments: &[&str], file: &Path) -> String {
    let output = mcpdump().args(arguments).arg(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The exchanges of a capture, from its export.
fn exchanges(file: &Path) -> Vec<Value> {
    let rows = run(&["export", "--only", "exchanges"], file);
    rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The story of an exchange, as JSON.
fn story(file: &Path, n: u64) -> Value {
    let output = mcpdump().args(["why", "--format", "json"]).arg(file).arg(n.to_string()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The texts of the sentences with one of these certainties.
fn told(story: &Value, certainties: &[&str]) -> Vec<String> {
    let sentences = story["sentences"].as_array().unwrap().iter();
    let is_one = |sentence: &&Value| certainties.iter().any(|certainty| sentence["certainty"] == **certainty);
    sentences.filter(is_one).map(|sentence| sentence["text"].as_str().unwrap().to_owned()).collect()
}

/// Each wait ends as `expect.json` says: by whom, and by which limit.
#[test]
fn limits_of_real_programs_are_recognised() {
    let expect: Value = serde_json::from_slice(&std::fs::read(capture("expect.json")).unwrap()).unwrap();
    let file = capture("capture.pcap");
    let exchanges = exchanges(&file);
    for wait in expect["waits"].as_array().unwrap() {
        let is_it = |exchange: &&Value| {
            let server = exchange["server"].as_str().unwrap_or_default();
            let is_client = wait.get("client").is_none_or(|name| exchange["client_name"] == *name);
            exchange["name"] == wait["tool"] && is_client && server.ends_with(&format!(":{}", wait["port"]))
        };
        let found: Vec<_> = exchanges.iter().filter(is_it).collect();
        let [exchange] = found.as_slice() else { panic!("{wait}: {} exchanges", found.len()) };
        let story = story(&file, exchange["n"].as_u64().unwrap());
        let all = told(&story, &["proven", "likely", "matches", "unknown"]).join("\n");
        for words in wait["says"].as_array().unwrap() {
            assert!(all.contains(words.as_str().unwrap()), "{words} is not told of {wait}:\n{all}");
        }
        let limits = told(&story, &["matches"]);
        assert_eq!(limits.len(), 1, "{wait}: {limits:?}");
    }
}

/// HAProxy sends a session's requests to two servers, of which one knows it: the leg behind it
/// tells.
#[test]
fn a_session_between_two_replicas() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/stacks/haproxy-roundrobin");
    let file = std::fs::read_dir(file).unwrap().map(|entry| entry.unwrap().path());
    let file = file.filter(|path| path.to_string_lossy().contains(".pcap")).min().unwrap();
    let story = run(&["why", "--format", "json"], &file);
    let words = "lost between replicas behind 127.0.0.1:9356: 127.0.0.1:9357 gave the id out, \
                 127.0.0.1:9358 refused it";
    let told = told(&serde_json::from_str(&story).unwrap(), &["proven"]);
    assert!(told.iter().any(|sentence| sentence.contains(words)), "{told:?}");
}

/// The round trip that is told is the link's, and each wait for a lost packet is one.
#[test]
fn the_networks_share_is_what_the_link_was_told() {
    let expect: Value = serde_json::from_slice(&std::fs::read(capture("expect.json")).unwrap()).unwrap();
    let told_ms = 2.0 * expect["network"]["delay_ms"].as_f64().unwrap();
    let file = capture("network.pcap");
    let calls: Vec<_> = exchanges(&file).into_iter().filter(|it| it["method"] == "tools/call").collect();
    let rows = run(&["export", "--only", "exchanges", "--filter", "retrans>0"], &file);
    let row = |line: &str| serde_json::from_str::<Value>(line).unwrap()["n"].clone();
    let repeated: Vec<_> = rows.lines().map(row).collect();
    let mut losses = 0;
    for call in &calls {
        let story = story(&file, call["n"].as_u64().unwrap());
        let texts = told(&story, &["proven"]);
        let find = |words: &str| texts.iter().find(|text| text.contains(words));
        let round_trip = find("a round trip from the place of the capture").unwrap();
        let ms: f64 = round_trip.rsplit(' ').nth(1).unwrap().parse().unwrap();
        assert!((told_ms..told_ms * 1.1).contains(&ms), "{round_trip}, the link takes {told_ms} ms");
        let lost = find("Lost packets cost");
        losses += u64::from(lost.is_some());
        assert!(lost.is_none() || repeated.contains(&call["n"]), "{lost:?} without a retransmission: {call}");
        // A server that answers at once is not blamed for the network.
        let server = find("The server, or what is behind it").map(|text| {
            let (number, unit) = text.split_once(" took ").unwrap().1.split_once(' ').unwrap();
            assert!(unit.starts_with("ms"), "{text}");
            number.parse::<f64>().unwrap()
        });
        assert!(server.unwrap_or(0.0) < told_ms, "{texts:?}");
    }
    assert!(losses >= 3, "the link loses packets in {losses} calls of {}", calls.len());
}
