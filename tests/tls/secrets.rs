//! Secrets: where and when they come, and what of the traffic is missing.

use super::{exchanges, found, without_secrets};
use crate::support::assert_no_problems;
use crate::support::corpus;
use crate::support::run::{Remade, Run};
use mcpdump::base::Code;
use mcpdump::base::tls::Decrypted;
use mcpdump::capture::Item;

/// The captures of MCP over TLS, and whether a ClientHello is needed to read them.
const CAPTURES: [(&str, bool); 3] = [("tls12-cbc", true), ("tls12-keylog", true), ("tls13-keylog", false)];

fn one_block(lines: &[String]) -> Item {
    corpus::secrets(lines.concat().into_bytes())
}

/// Runs the engine over packets, with blocks of secrets after these packets.
fn with_blocks(items: &[Item], mut blocks: Vec<(usize, Item)>) -> Run {
    blocks.sort_by_key(|(after, _)| *after);
    let mut blocks = blocks.into_iter().peekable();
    let mut all = Vec::new();
    for (index, item) in items.iter().enumerate() {
        while let Some((_, block)) = blocks.next_if(|(after, _)| *after <= index) {
            all.push(block);
        }
        all.push(item.clone());
    }
    all.extend(blocks.map(|(_, block)| block));
    Run::over(&all)
}

/// The rows without findings, which may come later, without the numbers of exchanges (a connection
/// that waits for secrets is read after others), and without the names of connections: they are in
/// the handshake, whose secrets may come after those of the data.
fn rows(run: &Run) -> Vec<serde_json::Value> {
    let mut rows = run.rows();
    rows.retain(|row| row["type"] != "finding" && row["type"] != "connection");
    for row in &mut rows {
        let fields = row.as_object_mut().unwrap();
        ["n", "exchange", "alpn"].into_iter().for_each(|field| drop(fields.remove(field)));
    }
    rows.sort_by_key(ToString::to_string);
    rows
}

/// One block for each line, as ecapture writes them, in any order and also behind the packets that
/// they open: the same exchanges, with the same times and packets.
#[test]
fn secrets_may_come_after_the_packets_that_they_open() {
    let mut problems = Vec::new();
    for (name, _) in CAPTURES {
        let (items, lines) = without_secrets(name);
        let first = rows(&with_blocks(&items, vec![(0, one_block(&lines))]));
        assert!(first.len() > 50, "{name}");
        // A few packets behind the hello: before the connection is closed.
        let blocks = |behind: usize| -> Vec<_> {
            let block = |line: &String| {
                let random: Vec<u8> = line.split(' ').nth(1).unwrap().as_bytes().to_vec();
                let random: Vec<u8> = random
                    .chunks(2)
                    .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
                    .collect();
                let is_hello = |item: &Item| match item {
                    Item::Packet(packet) => packet.data.windows(32).any(|bytes| bytes == random),
                    _ => false,
                };
                let at = items.iter().position(is_hello).expect("the hello of each line is captured");
                // Not even a final newline.
                (at + behind, corpus::secrets(line.trim_end().as_bytes().to_vec()))
            };
            lines.iter().rev().map(block).collect()
        };
        for behind in [0, 1, 3, 5, 8] {
            let run = with_blocks(&items, blocks(behind));
            if rows(&run) != first {
                problems.push(format!("{name}: secrets {behind} packets behind the hello"));
            }
        }
    }
    assert_no_problems(&problems);
}

/// Records that wait too long, or too many, are given up with a finding, and what follows is read
/// all the same.
#[test]
fn what_waits_too_long_is_given_up() {
    let (mut items, lines) = without_secrets("tls13-keylog");
    // Two minutes of packet time between the first third and the rest.
    let third = items.len() / 3;
    for item in items.iter_mut().skip(third) {
        if let Item::Packet(packet) = item {
            packet.origin.time = packet.origin.time.plus(120_000_000_000);
        }
    }
    let run = with_blocks(&items, vec![(items.len() / 2, one_block(&lines))]);
    let given_up = found(&run, Code::TlsNoSecret);
    assert!(given_up.iter().any(|finding| finding.detail.contains("records waited 1 m")), "{given_up:?}");
    assert!(!exchanges(&run).is_empty(), "later records are read");
    let partly = run
        .connections()
        .iter()
        .filter(|fact| fact.tls.as_ref().unwrap().decrypted == Decrypted::Partly)
        .count();
    assert!(partly > 0);
}

/// The server's secrets are there and the client's are not: the answers are read, nobody is blamed.
#[test]
fn one_direction_alone_blames_nobody() {
    for (label, other) in [("CLIENT", "SERVER"), ("SERVER", "CLIENT")] {
        let (items, mut lines) = without_secrets("tls13-keylog");
        lines.retain(|line| line.starts_with(label));
        let run = with_blocks(&items, vec![(0, one_block(&lines))]);
        let missing = found(&run, Code::TlsNoSecret);
        assert_eq!(missing.len(), run.connections().len(), "{label}");
        let name = format!("{other}_TRAFFIC_SECRET_0");
        assert!(missing.iter().all(|finding| finding.detail.contains(&name)), "{missing:?}");
        for row in run.rows().iter().filter(|row| row["type"] == "exchange") {
            assert_ne!(row["status"], "unanswered", "{row}");
        }
    }
}

/// The capture begins in the middle. In TLS 1.3 the secrets are enough; in TLS 1.2 both hellos are
/// needed, and the finding says so.
#[test]
fn midstream_connections_are_read_where_their_secrets_fit() {
    for (name, needs_hello) in CAPTURES {
        let (items, lines) = without_secrets(name);
        // The handshake of the first connection takes about ten packets.
        let rest = Remade::new(items[20..].to_vec()).items;
        let run = with_blocks(&rest, vec![(0, one_block(&lines))]);
        let midstream: Vec<_> = run
            .connections()
            .into_iter()
            .filter_map(|fact| fact.tls.as_deref())
            .filter(|tls| tls.sni.is_none() && tls.alpn_offered.is_empty() && tls.handshake_ns.is_none())
            .cloned()
            .collect();
        assert!(!midstream.is_empty(), "{name}");
        let is_read = midstream.iter().all(|tls| tls.decrypted != Decrypted::Nothing);
        assert_eq!(is_read, !needs_hello, "{name}: {midstream:?}");
        let missing = found(&run, Code::TlsNoSecret);
        assert_eq!(missing.is_empty(), !needs_hello, "{name}: {missing:?}");
    }
}

/// One data packet of the capture is lost, each in turn: decryption goes on behind it, and the
/// other exchanges are complete.
#[test]
fn after_a_loss_decryption_goes_on() {
    let mut problems = Vec::new();
    for (name, _) in CAPTURES {
        let (items, lines) = without_secrets(name);
        let whole = exchanges(&with_blocks(&items, vec![(0, one_block(&lines))])).len();
        for lost in (30..items.len()).step_by(7) {
            let kept =
                items.iter().enumerate().filter(|(index, _)| *index != lost).map(|(_, item)| item.clone());
            let kept = Remade::new(kept.collect()).items;
            let run = with_blocks(&kept, vec![(0, one_block(&lines))]);
            let left = exchanges(&run).len();
            // A lost packet has one or two messages; a lost hello of TLS 1.2 costs its connection.
            let undecrypted = found(&run, Code::TlsUndecrypted).len() + found(&run, Code::TlsNoSecret).len();
            if left + 3 < whole && undecrypted == 0 {
                problems.push(format!("{name} without packet {}: {left} of {whole} exchanges", lost + 1));
            }
            if found(&run, Code::TlsBadRecord).len() + found(&run, Code::TlsUndecrypted).len() > 0 {
                problems.push(format!("{name} without packet {}: {:?}", lost + 1, run.findings()));
            }
        }
    }
    assert_no_problems(&problems);
}

/// A key log of something else, and one with damage, are reported; secrets never are.
#[test]
fn a_key_log_that_is_none_is_reported() {
    let (items, lines) = without_secrets("tls12-keylog");
    let text = [&lines[0][..40], "\n-----BEGIN PRIVATE KEY-----\n", &lines[1..].concat()].concat();
    let run = with_blocks(&items, vec![(0, corpus::secrets(text.into_bytes()))]);
    let bad = found(&run, Code::TlsBadKeyLog);
    assert_eq!(bad.len(), 1);
    assert_eq!(bad[0].detail, "2 lines skipped");
    assert_eq!(found(&run, Code::TlsNoSecret).len(), 1, "the connection of the damaged line");
    for line in &lines {
        let secret = line.split_whitespace().nth(2).unwrap();
        assert!(!run.jsonl().contains(&secret[..16]));
    }
}

/// A secret of another connection opens nothing, and the finding does not blame the capture.
#[test]
fn a_wrong_secret_is_reported() {
    let (items, lines) = without_secrets("tls12-keylog");
    let secret = lines[0].split_whitespace().nth(2).unwrap();
    let flip = if secret.starts_with('0') { "1" } else { "0" };
    let wrong: Vec<String> =
        lines.iter().map(|line| line.replace(secret, &format!("{flip}{}", &secret[1..]))).collect();
    let run = with_blocks(&items, vec![(0, one_block(&wrong))]);
    let undecrypted = found(&run, Code::TlsUndecrypted);
    let most = 2 * run.connections().len();
    assert!(!undecrypted.is_empty() && undecrypted.len() <= most, "{undecrypted:?}");
}
