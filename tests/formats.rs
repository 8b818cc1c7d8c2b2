//! Laws of the export formats that programs of others read.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use mcpdump::base::Fact;
use mcpdump::base::fact::PayloadKind;
use mcpdump::engine::Engine;
use mcpdump::export::redact::{Redactor, Rule};
use mcpdump::export::trace::Trace;
use mcpdump::export::{Export as _, FORMATS, WriterOptions};
use mcpdump::ledger::{Entry, Ledger};
use mcpdump::report;
use serde_json::Value;

use crate::support::corpus::Capture;
use crate::support::json;
use crate::support::program::mcpdump;
use crate::support::run::Run;

/// Nanoseconds of a time in microseconds.
fn ns(value: &Value) -> i64 {
    #[allow(clippy::cast_possible_truncation, reason = "a day and a half")]
    let ns = (value.as_f64().unwrap() * 1e3).round() as i64;
    ns
}

fn trace(run: &Run) -> Value {
    let (mut trace, mut out) = (Trace::new(WriterOptions::default()), Vec::new());
    trace.begin(&mut out).unwrap();
    run.entries.iter().for_each(|entry| trace.entry(entry, &mut out).unwrap());
    trace.finish(&mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    json::check(&text).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// What `trace_processor` asks of a trace: slices of a thread nest, asynchronous slices have two
/// ends, an arrow begins and ends at slices, in this order. It drops what does not.
fn faults_of_a_trace(events: &[Value]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut sorted: Vec<&Value> = events.iter().filter(|event| event["ph"] != "M").collect();
    sorted.sort_by_key(|event| ns(&event["ts"]));
    let mut open: HashMap<u64, Vec<(i64, i64)>> = HashMap::new();
    let (mut arrows, mut halves) = (BTreeMap::new(), BTreeMap::new());
    for event in sorted {
        let at = ns(&event["ts"]);
        let rows = open.entry(event["tid"].as_u64().unwrap()).or_default();
        let id = event["id"].as_str().unwrap_or_default().to_owned();
        match event["ph"].as_str().unwrap() {
            "X" => {
                let end = at + ns(&event["dur"]);
                while rows.last().is_some_and(|(_, last)| *last <= at) {
                    rows.pop();
                }
                if rows.last().is_some_and(|(_, last)| *last < end) {
                    faults.push(format!("overlaps another slice: {event}"));
                }
                rows.push((at, end));
            }
            "s" | "f" => {
                if !rows.last().is_some_and(|(from, to)| (*from..=*to).contains(&at)) {
                    faults.push(format!("an arrow without a slice: {event}"));
                }
                let is_second = arrows.insert(id, event["ph"] == "f").is_some();
                if is_second != (event["ph"] == "f") {
                    faults.push(format!("an arrow that ends before it begins: {event}"));
                }
            }
            "b" | "e" => *halves.entry(id).or_insert(0) += if event["ph"] == "b" { 1 } else { -1 },
            "i" | "C" => {}
            other => faults.push(format!("{other} is not expected")),
        }
    }
    faults.extend(
        arrows.iter().filter(|(_, is_whole)| !**is_whole).map(|(id, _)| format!("half an arrow: {id}")),
    );
    faults.extend(halves.iter().filter(|(_, left)| **left != 0).map(|(id, _)| format!("half a slice: {id}")));
    faults
}

#[test]
fn a_trace_is_one_that_perfetto_reads_whole() {
    for capture in Capture::all() {
        let trace = trace(&capture.run());
        let faults = faults_of_a_trace(trace["traceEvents"].as_array().unwrap());
        assert!(faults.is_empty(), "{}: {} faults, first: {}", capture.0, faults.len(), faults[0]);
    }
}

/// Every exchange is a slice with its number and times, every process and thread has a name, and
/// counters end at nothing open and all bytes.
#[test]
fn a_trace_tells_what_the_other_formats_tell() {
    let mut arrows = 0;
    for capture in Capture::all() {
        let run = capture.run();
        let trace = trace(&run);
        let events = trace["traceEvents"].as_array().unwrap();
        let calls: HashMap<u64, &Value> = events
            .iter()
            .filter(|event| event["cat"] == "call" && event["ph"] == "X")
            .map(|event| (event["args"]["n"].as_u64().unwrap(), event))
            .collect();
        let exchanges = run.exchanges();
        assert_eq!(calls.len(), exchanges.len(), "{}", capture.0);
        for exchange in &exchanges {
            let call = calls[&exchange.n];
            let total = call["args"]["total_ms"].as_f64();
            let known = exchange.total_ns().map(|ns| ns as f64 / 1e6);
            assert_eq!(total.is_some(), known.is_some(), "{}: {call}", capture.0);
            assert!((total.unwrap_or(0.0) - known.unwrap_or(0.0)).abs() < 1e-6, "{}: {call}", capture.0);
            let is_usual = exchange.wait_ended.is_none() && exchange.wait_ns().is_some_and(|ns| ns >= 0);
            if is_usual && exchange.receive_ns().is_some_and(|ns| ns >= 0) {
                assert_eq!(Some(ns(&call["dur"])), exchange.total_ns(), "{}: {call}", capture.0);
            }
        }
        let named: Vec<u64> = events
            .iter()
            .filter(|event| event["ph"] == "M")
            .map(|event| event["tid"].as_u64().unwrap())
            .collect();
        for event in events {
            assert!(named.contains(&event["tid"].as_u64().unwrap()), "{}: {event}", capture.0);
        }
        let mut counters: HashMap<(String, String), i64> = HashMap::new();
        for event in events.iter().filter(|event| event["ph"] == "C") {
            for (name, value) in event["args"].as_object().unwrap() {
                counters.insert((event["pid"].to_string(), name.clone()), value.as_i64().unwrap());
            }
        }
        let sum = |wanted: &str| -> i64 {
            counters.iter().filter(|((_, name), _)| name == wanted).map(|(_, value)| value).sum()
        };
        let sent: u64 = exchanges.iter().map(|exchange| exchange.request.bytes).sum();
        assert_eq!((sum("open"), sum("sent")), (0, sent.try_into().unwrap()), "{}", capture.0);
        arrows += events.iter().filter(|event| event["ph"] == "s").count();
    }
    assert!(arrows > 100, "{arrows} arrows");
}

/// The entries of a capture, with heads, bodies and events.
fn entries(capture: Capture) -> Vec<Entry> {
    let (mut engine, mut entries) = (Engine::new(), Vec::new());
    engine.emit_payloads();
    for item in capture.items() {
        engine.push(item, &mut entries);
    }
    engine.finish(&mut entries);
    entries
}

/// Everything that is written of entries, by format.
fn outputs(entries: &[Entry]) -> Vec<(&'static str, String)> {
    let mut outputs = Vec::new();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    for format in FORMATS.iter().filter(|format| !format.is_directory) {
        let options = WriterOptions { with_secrets: true, ..WriterOptions::default() };
        let (mut writer, mut out) = ((format.writer)(options), Vec::new());
        writer.begin(&mut out).unwrap();
        entries.iter().for_each(|entry| writer.entry(entry, &mut out).unwrap());
        writer.finish(&mut out).unwrap();
        outputs.push((format.name, text(out)));
    }
    let mut ledger = Ledger::new(None);
    entries.iter().for_each(|entry| ledger.push(entry));
    for format in report::Format::ALL {
        let mut out = Vec::new();
        report::write(format, &ledger.snapshot(), &report::Options::default(), &mut out).unwrap();
        outputs.push((format.name(), text(out)));
    }
    #[cfg(feature = "parquet")]
    outputs.push(("parquet", tables::text(entries)));
    outputs
}

fn redacted(entries: &[Entry], rules: &[&str]) -> Vec<Entry> {
    let rules: Vec<Rule> = rules.iter().map(|rule| rule.parse().unwrap()).collect();
    let redactor = Redactor::new(&rules).unwrap().unwrap();
    entries.iter().map(|entry| redactor.redact(entry)).collect()
}

/// The strings of a value; those inside of `params.arguments`, `result.content` and
/// `error.message` apart.
fn strings(value: &Value, is_secret: bool, secret: &mut BTreeSet<String>, open: &mut String) {
    match value {
        Value::String(text) if is_secret => drop(secret.insert(text.clone())),
        Value::String(text) => *open += &format!("{text}\n"),
        Value::Array(list) => list.iter().for_each(|value| strings(value, is_secret, secret, open)),
        Value::Object(map) => {
            for (name, value) in map {
                let is_secret = is_secret || ["arguments", "content", "message"].contains(&&**name);
                *open += &format!("{name}\n");
                strings(value, is_secret, secret, open);
            }
        }
        _ => {}
    }
}

/// What only masked members hold is in no output of any format, and the outputs are valid.
#[test]
fn what_is_masked_by_its_path_is_in_no_output() {
    let mut checked = 0;
    for capture in Capture::small_and_whole().step_by(3) {
        let entries = entries(capture);
        let (mut secret, mut open) = (BTreeSet::new(), String::new());
        for entry in &entries {
            let Entry::Fact(Fact::Payload(payload)) = entry else { continue };
            match serde_json::from_slice(&payload.bytes) {
                Ok(value) if payload.kind != PayloadKind::Head => {
                    strings(&value, false, &mut secret, &mut open)
                }
                _ => open += &String::from_utf8_lossy(&payload.bytes),
            }
        }
        secret.retain(|text| text.len() >= 8 && text.is_ascii() && !open.contains(text.as_str()));
        let paths = ["$..arguments", "$..content", "$..message"];
        for (format, text) in outputs(&redacted(&entries, &paths)) {
            if ["har", "trace", "json"].contains(&format) {
                json::check(&text).unwrap_or_else(|error| panic!("{}, {format}: {error}", capture.0));
            }
            for secret in secret.iter().take(40) {
                checked += 1;
                assert!(!text.contains(secret.as_str()), "{}, {format}: {secret:?}", capture.0);
            }
        }
    }
    assert!(checked > 500, "{checked} checks");
}

/// What a pattern matches is in no output of any format, wherever it comes from.
#[test]
fn what_a_pattern_matches_is_in_no_output() {
    let word = regex::Regex::new("[A-Za-z]{9,}").unwrap();
    let mut checked = 0;
    for capture in Capture::small_and_whole().step_by(8) {
        let entries = entries(capture);
        // Words of the formats are words of MCP, too.
        let ours = outputs(&redacted(&entries, &[r#"pattern:[^\s"]+"#]));
        let is_ours = |word: &str| ours.iter().any(|(_, text)| text.contains(word));
        let mut words = BTreeSet::new();
        for entry in &entries {
            let Entry::Fact(Fact::Payload(payload)) = entry else { continue };
            let text = String::from_utf8_lossy(&payload.bytes);
            words.extend(word.find_iter(&text).map(|it| it.as_str().to_owned()));
        }
        words.retain(|word| !is_ours(word));
        for secret in words.iter().take(3) {
            for (format, text) in outputs(&redacted(&entries, &[&format!("pattern:{secret}")])) {
                checked += 1;
                let found = text.lines().find(|line| line.contains(secret.as_str()));
                assert_eq!(found, None, "{}, {format}: {secret}", capture.0);
            }
        }
    }
    assert!(checked > 100, "{checked} checks");
}

/// The program says how often each rule masked something, and refuses what would not be masked.
#[test]
fn the_program_counts_what_it_masks() {
    let run = |arguments: &[&str]| {
        let output = mcpdump().args(arguments).arg("captures/ts-streamable/capture.pcapng").output().unwrap();
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let rules = ["--redact", "$..clientInfo.name", "--redact", "session-ids", "--redact", "key:absent"];
    let (out, said) = run(&[&["export", "--to", "har"][..], &rules].concat());
    let har: Value = serde_json::from_str(&out).unwrap();
    assert!(har["log"]["_redacted"].as_u64().unwrap() > 10);
    assert!(said.contains("places masked: $..clientInfo.name") && said.contains("key:absent 0"), "{said}");
    let (out, said) = run(&[&["report", "--format", "json"][..], &rules].concat());
    assert!(serde_json::from_str::<Value>(&out).is_ok() && said.contains("places masked"), "{said}");
    let (_, said) = run(&["export", "--redact", "password"]);
    assert!(said.contains("expected default, session-ids, key:NAME"), "{said}");
    let (_, said) = run(&["export", "--redact", "default", "-w", "/dev/null"]);
    assert!(said.contains("-w writes packets as they are"), "{said}");
}

/// The commands print nothing of what is masked, and what they print without rules shows it.
#[test]
fn every_command_masks() {
    let capture = "captures/slow-and-odd/capture.pcapng";
    let run = |command: &[&str], rules: &[&str]| {
        let command = mcpdump().args(command).args(rules).output().unwrap();
        let said = String::from_utf8(command.stderr).unwrap();
        assert_eq!(said.contains(" masked: "), !rules.is_empty(), "{said}");
        String::from_utf8(command.stdout).unwrap()
    };
    let commands: [&[&str]; 9] = [
        &["list", capture],
        &["list", "--messages", capture],
        &["report", capture],
        &["export", capture],
        &["check", "--fail-on", "never", "--format", "json", capture],
        &["why", "--format", "json", capture],
        &["inventory", "--format", "json", capture],
        &["stats", "--format", "json", capture],
        &["diff", "--format", "json", "captures/hackernews-sse.pcapng", capture],
    ];
    for command in commands {
        let open = run(command, &[]);
        let shown = ["corpus-raw-server", "corpus-raw-client", "echo", "never", "before-202"];
        let secrets: Vec<_> = shown.into_iter().filter(|secret| open.contains(secret)).collect();
        assert!(!secrets.is_empty(), "{command:?}: {open}");
        let rules: Vec<String> = secrets.iter().map(|secret| format!("--redact=pattern:{secret}")).collect();
        let masked = run(command, &rules.iter().map(String::as_str).collect::<Vec<_>>());
        for secret in secrets {
            let found = masked.lines().find(|line| line.contains(secret));
            assert_eq!(found, None, "{command:?}: {secret}");
        }
        assert!(masked.contains("***"), "{command:?}");
        // By the member that the name has in a message.
        let by_path = run(command, &["--redact=$.params.name", "--redact=$..serverInfo"]);
        assert!(by_path != open, "{command:?}");
    }
}

/// What a check decides does not depend on what it shows.
#[test]
fn a_check_decides_by_what_the_traffic_holds() {
    let capture = "captures/slow-and-odd/capture.pcapng";
    let decided = |rules: &[&str]| {
        let options =
            ["check", "--format", "json", "--slo", "count(tool:slow)<1", "--ignore", "mcp.* tools/call slow"];
        let output = mcpdump().args(options).arg(capture).args(rules).output().unwrap();
        let verdict: Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), verdict["objectives"].clone(), verdict["ignored"].clone())
    };
    assert_eq!(decided(&[]), decided(&["--redact", "$.params.name", "--redact", "key:method"]));
}

/// The tables of Parquet, read back.
#[cfg(feature = "parquet")]
mod tables {
    use std::fs::{self, File};
    use std::path::Path;

    use mcpdump::export::parquet::Parquet;
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::{Field, Row};

    use super::*;
    use crate::support::run::parse_rows;

    /// Writes the tables, and returns the rows of each as JSON.
    fn rows(entries: &[Entry]) -> BTreeMap<String, Vec<Value>> {
        let directory = tempfile::TempDir::new().unwrap();
        let options =
            WriterOptions { directory: Some(directory.path().to_owned()), ..WriterOptions::default() };
        let (mut writer, mut out) = (Parquet::new(options), Vec::new());
        writer.begin(&mut out).unwrap();
        entries.iter().for_each(|entry| writer.entry(entry, &mut out).unwrap());
        writer.finish(&mut out).unwrap();
        assert!(out.is_empty());
        let mut tables = BTreeMap::new();
        collect(directory.path(), &mut |path| {
            let table = path.strip_prefix(directory.path()).unwrap().iter().next().unwrap();
            let rows: &mut Vec<Value> = tables.entry(table.to_str().unwrap().to_owned()).or_default();
            let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
            rows.extend(reader.get_row_iter(None).unwrap().map(|row| value(&row.unwrap())));
        });
        tables
    }

    fn value(row: &Row) -> Value {
        let member = |(name, field): (&String, &Field)| {
            let value = match field {
                Field::Null => Value::Null,
                Field::Str(text) => text.clone().into(),
                Field::Long(number) => (*number).into(),
                other => other.to_string().into(),
            };
            (name.clone(), value)
        };
        Value::Object(row.get_column_iter().map(member).collect())
    }

    fn collect(directory: &Path, visit: &mut impl FnMut(&Path)) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { collect(&path, visit) } else { visit(&path) }
        }
    }

    /// Everything that the tables hold.
    pub(super) fn text(entries: &[Entry]) -> String {
        rows(entries).values().flatten().map(|row| format!("{row}\n")).collect()
    }

    /// Each row of JSON lines is a row of its table, with the same values.
    #[test]
    fn tables_hold_what_json_lines_hold() {
        for capture in Capture::all() {
            let run = capture.run();
            let tables = rows(&run.entries);
            let lines = parse_rows(&run.jsonl());
            let kinds = ["exchange", "notification", "stream", "finding"];
            for kind in kinds {
                let wanted: Vec<&Value> = lines.iter().filter(|line| line["type"] == kind).collect();
                let mut rows: Vec<&Value> = tables[&format!("{kind}s")].iter().collect();
                assert_eq!(rows.len(), wanted.len(), "{}: {kind}", capture.0);
                if kind != "exchange" {
                    continue;
                }
                rows.sort_by_key(|row| row["n"].as_i64());
                let mut wanted = wanted;
                wanted.sort_by_key(|line| line["n"].as_i64());
                for (row, line) in rows.iter().zip(wanted) {
                    for name in ["method", "name", "status", "cause", "session_id", "transport", "tcp_stream"]
                    {
                        assert_eq!(row[name], line[name], "{}: {name} of {row}", capture.0);
                    }
                    let total = line["total_ms"].as_f64().map(|ms| (ms * 1e6).round());
                    assert_eq!(row["total_ns"].as_f64(), total, "{}: {row}", capture.0);
                    assert_eq!(row["error_message"], line["error"]["message"], "{}: {row}", capture.0);
                }
            }
        }
    }

    /// The program writes a new directory, in its sandbox, and refuses others.
    #[test]
    fn the_program_writes_a_new_directory() {
        let directory = tempfile::TempDir::new().unwrap();
        let tables = directory.path().join("a/tables");
        let run = |path: &Path| {
            let output = mcpdump()
                .args(["export", "--to", "parquet", "captures/ts-sse/capture.pcap", "-o"])
                .arg(path)
                .output()
                .unwrap();
            assert!(output.stdout.is_empty());
            (output.status.code(), String::from_utf8(output.stderr).unwrap())
        };
        let (status, said) = run(&tables);
        assert_eq!(status, Some(0), "{said}");
        let mut paths = Vec::new();
        collect(&tables, &mut |path| paths.push(path.strip_prefix(&tables).unwrap().display().to_string()));
        paths.sort();
        assert_eq!(paths.len(), 4, "{paths:?}");
        assert!(paths[0].starts_with("exchanges/date=2026-11-") && paths[0].contains("/server=127.0.0.1%3A"));
        assert!(paths.iter().all(|path| path.ends_with("part-0001.parquet")), "{paths:?}");
        let (status, said) = run(&tables);
        assert!(status == Some(2) && said.contains("is not empty: name a new directory"), "{said}");
        let (status, said) = run(Path::new("-"));
        assert!(status == Some(2) && said.contains("name a new one with -o"), "{said}");
    }
}
