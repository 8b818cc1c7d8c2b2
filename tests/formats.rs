//! Laws of the export formats that programs of others read.

use std::collections::{BTreeMap, HashMap};

use mcpdump::export::trace::Trace;
use mcpdump::export::{Export as _, WriterOptions};
use serde_json::Value;

use crate::support::corpus::Capture;
use crate::support::json;
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
