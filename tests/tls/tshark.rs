//! A second opinion: tshark decrypts the same bytes of every connection.

use std::collections::BTreeMap;
use std::path::Path;

use mcpdump::base::{Fact, Feed, Side};
use mcpdump::engine::Engine;
use mcpdump::ledger::Entry;

use crate::support::corpus;
use crate::support::program::plain;

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
