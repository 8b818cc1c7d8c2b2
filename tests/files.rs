//! Law: a capture in several files gives what the whole gives, and packets and connections have the
//! numbers that they have in their file.

use std::fs;
use std::path::Path;

use mcpdump::base::{Files, PacketNo};
use mcpdump::export::{Export as _, jsonl::JsonLines};
use mcpdump::ledger::query::{Filter, Subject};
use mcpdump::ledger::{Entry, Record};
use proptest::prelude::*;
use serde_json::Value;

use crate::support::corpus::Capture;
use crate::support::program::mcpdump;
use crate::support::run::{Run, parse_rows};
use crate::support::split::Split;

fn rows(entries: &[Entry], files: Files) -> Vec<Value> {
    let (mut writer, mut text) = (JsonLines::new(files), Vec::new());
    entries.iter().for_each(|entry| writer.entry(entry, &mut text).unwrap());
    parse_rows(std::str::from_utf8(&text).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_capture_in_several_files_is_the_whole(
        which in any::<prop::sample::Index>(),
        count in 2..4_usize,
        // One file after the other, and files of the same time.
        changes in prop_oneof![
            prop::collection::vec((1..400_usize, Just(1)), 1..2),
            prop::collection::vec((1..60_usize, 0..4_usize), 1..40),
        ],
    ) {
        let captures: Vec<Capture> = Capture::small_and_whole().collect();
        let capture = *which.get(&captures);
        let items = capture.items();
        let split = Split::of(&items, count, &changes);
        let (entries, files) = split.run();
        let want = rows(&Run::over(&items).entries, Files::default());
        let mut have = rows(&entries, files);
        have.iter_mut().for_each(|row| split.whole(row));
        prop_assert_eq!(want.len(), have.len(), "{}", capture.0);
        for (want, have) in want.iter().zip(&have) {
            prop_assert_eq!(want, have, "{}", capture.0);
        }
    }
}

/// `packet` and `file` find what the numbers of the files name.
#[test]
fn filters_name_packets_by_their_files() {
    let items = Capture("hackernews-sse.pcapng").items();
    let split = Split::of(&items, 2, &[(20, 1)]);
    let (entries, files) = split.run();
    let matching = |text: &str| -> Vec<u64> {
        let filter = Filter::parse(text).unwrap().on_files(files.clone());
        let matches = |entry: &Entry| match entry {
            Entry::Record(Record::Exchange(it)) => filter.matches(Subject::Exchange(it)).then_some(it.n),
            _ => None,
        };
        entries.iter().filter_map(matches).collect()
    };
    let exchanges = || {
        entries.iter().filter_map(|entry| match entry {
            Entry::Record(Record::Exchange(exchange)) => Some(exchange),
            _ => None,
        })
    };
    let mut seen = [0, 0];
    for exchange in exchanges() {
        let name = files.packet(exchange.request.span.first);
        let (file, number) = (name.file.unwrap(), name.number);
        seen[usize::from(file == "1.pcap")] += 1;
        assert!(matching(&format!("packet:{file}:{number}")).contains(&exchange.n));
        assert!(matching(&format!("packet:{number}")).contains(&exchange.n), "in any file");
        assert!(matching(&format!("packet:{}:{number}", file.to_uppercase())).contains(&exchange.n));
        assert!(matching(&format!("file:{file}")).contains(&exchange.n));
        assert!(matching(&format!("packet>={file}:{number}")).contains(&exchange.n));
        assert!(!matching(&format!("packet<{file}:{number}")).contains(&exchange.n));
        assert!(!matching(&format!("packet:2.pcap:{number}")).contains(&exchange.n));
    }
    assert!(seen.iter().all(|count| *count > 0), "requests are in both files: {seen:?}");
    let all: Vec<u64> = exchanges().map(|exchange| exchange.n).collect();
    assert_eq!(matching("file:*"), all);
    assert_eq!(matching("file~'^[01].pcap$'"), all);
    assert!(matching("file:2.pcap").is_empty());
    assert_eq!(matching("not file:2*"), all);
}

/// Without several files, numbers are those of the capture.
#[test]
fn one_file_has_the_numbers_of_the_capture() {
    let items = Capture("hackernews-sse.pcapng").items();
    let split = Split::of(&items, 1, &[]);
    let (entries, files) = split.run();
    assert_eq!(rows(&entries, files.clone()), rows(&Run::over(&items).entries, Files::default()));
    assert_eq!(files.file(PacketNo(1)).map(|name| &**name), Some("0.pcap"));
    let filter = Filter::parse("file:0.pcap").unwrap().on_files(files);
    let count = |entry: &&Entry| match entry {
        Entry::Record(Record::Exchange(exchange)) => filter.matches(Subject::Exchange(exchange)),
        _ => false,
    };
    assert_eq!(entries.iter().filter(count).count(), 3);
}

/// What the program prints in a directory.
fn printed(directory: &Path, arguments: &[&str]) -> String {
    let output = mcpdump().current_dir(directory).args(arguments).output().expect("the program starts");
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

/// A capture in two files of a new directory.
fn two_files(capture: &'static str, first: usize) -> tempfile::TempDir {
    let split = Split::of(&Capture(capture).items(), 2, &[(first, 1)]);
    let directory = tempfile::TempDir::new().unwrap();
    for (name, file) in ["monday.pcapng", "tuesday.pcapng"].into_iter().zip(&split.files) {
        fs::write(directory.path().join(name), file).unwrap();
    }
    directory
}

#[track_caller]
fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_snapshot_path("files");
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// Everything that is printed names the file of each packet.
#[test]
fn everything_that_is_printed_names_the_file() {
    let directory = two_files("slow-and-odd/capture.pcapng", 90);
    let run = |arguments: &[&str]| {
        printed(directory.path(), &[arguments, &["monday.pcapng", "tuesday.pcapng"]].concat())
    };
    snapshot("report", &run(&["report", "--by", "file"]));
    snapshot("report-markdown", &run(&["report", "--format", "markdown"]));
    snapshot("list", &run(&["list", "--messages"]));
    snapshot("csv", &run(&["export", "--to", "csv", "--filter", "file:tuesday.pcapng not status:ok"]));
    snapshot("why", &run(&["why"]));
    snapshot("check", &run(&["check"]));
    let report: Value = serde_json::from_str(&run(&["report", "--format", "json"])).unwrap();
    assert_eq!(report["slowest"][0]["first_file"].as_str().map(|name| name.ends_with(".pcapng")), Some(true));
    for (format, file) in [("json", "\"file\":\"tuesday.pcapng\""), ("sarif", "tuesday.pcapng")] {
        assert!(run(&["check", "--format", format]).contains(file), "{format}");
    }
    let story = run(&["why", "--format", "json"]);
    assert!(story.contains("\"file\": \"tuesday.pcapng\""), "{story}");
}

/// A slice over several files holds the exchanges, and names the originals of its packets.
#[test]
fn a_slice_of_several_files_is_one_file() {
    let directory = two_files("ts-sse/capture.pcap", 150);
    let (filter, files) =
        ("tool:slow-progress or method:resources/read", ["monday.pcapng", "tuesday.pcapng"]);
    let export = |files: &[&str]| {
        let arguments = ["export", "--only", "exchanges", "--filter", filter];
        let rows = parse_rows(&printed(directory.path(), &[&arguments, files].concat()));
        rows.iter()
            .map(|row| format!("{} {} {}", row["id"], row["total_ms"], row["status"]))
            .collect::<Vec<_>>()
    };
    let slice = [&["slice", "--filter", filter, "-o", "slice.pcapng"][..], &files].concat();
    let said = printed(directory.path(), &slice);
    assert!(said.contains("written to slice.pcapng"), "{said}");
    assert_eq!(export(&["slice.pcapng"]), export(&files));
    let bytes = fs::read(directory.path().join("slice.pcapng")).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("(monday.pcapng:") && text.contains("slice of monday.pcapng, tuesday.pcapng"));
}
