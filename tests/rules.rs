//! The rules of `check` on damaged captures: what is lost makes none of them find anything.

use std::collections::BTreeMap;

use crate::support::assert_no_problems;
use crate::support::corpus::Capture;
use crate::support::damage;
use crate::support::rng::Rng;
use crate::support::run::Run;
use mcpdump::capture::Item;
use mcpdump::contents::Rules;
use mcpdump::security::{Options, Watch};

/// How often each rule on contents, and each on security, finds something.
fn found(items: &[Item]) -> BTreeMap<&'static str, u64> {
    let run = Run::with_payloads(items);
    let mut rules = Rules::new();
    let mut watch = Watch::new(Options { guesses: true, ..Options::default() });
    let mut findings = Vec::new();
    for entry in &run.entries {
        findings.extend(rules.push(entry));
        findings.extend(watch.push(entry));
    }
    findings.extend(rules.finish());
    findings.extend(watch.finish());
    let mut counts = BTreeMap::new();
    for finding in findings {
        *counts.entry(finding.code.name()).or_default() += finding.count;
    }
    counts
}

#[test]
fn no_rule_finds_more_where_packets_are_missing() {
    let mut problems = Vec::new();
    for capture in Capture::small_and_whole() {
        let items = capture.items();
        let known = found(&items);
        let mut ways = Vec::new();
        for seed in 0..2 {
            let rng = &mut Rng::new(seed);
            ways.push((format!("without some data, seed {seed}"), damage::lose_data(&items, 20, rng)));
            let first = 1 + rng.below(items.len()) as u64;
            let count = 2 + rng.below(items.len() / 4 + 1) as u64;
            ways.push((
                format!("without {count} packets from {first}"),
                damage::lose_run(&items, first, count),
            ));
        }
        ways.push(("without the first half".to_owned(), damage::lose_start(&items, items.len() as u64 / 2)));
        ways.push(("cut at 200".to_owned(), damage::snap(&items, 200)));
        for (way, damaged) in ways {
            let more = found(&damaged.remade.items).into_iter();
            let more = more.filter(|(code, count)| known.get(code).is_none_or(|known| count > known));
            problems.extend(more.map(|(code, count)| format!("{}, {way}: {count} {code}", capture.0)));
        }
    }
    assert_no_problems(&problems);
}
