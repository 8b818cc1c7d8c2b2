use std::collections::BTreeMap;

use serde_json::Value;

use super::*;
use crate::base::{Code, Side, Status, TraceContext};
use crate::ledger::{RpcError, sample};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// The lines of a file, by signal.
fn lines(entries: &[Entry]) -> BTreeMap<Signal, Vec<Value>> {
    let (mut otlp, mut out) = (Otlp::new(WriterOptions::default()), Vec::new());
    entries.iter().for_each(|entry| otlp.entry(entry, &mut out).unwrap());
    otlp.finish(&mut out).unwrap();
    let mut lines: BTreeMap<Signal, Vec<Value>> = BTreeMap::new();
    for line in out.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let line: Value = serde_json::from_slice(line).unwrap();
        for signal in Signal::ALL {
            let [resources, scopes, all] = signal.fields();
            if let Some(messages) = line[resources][0][scopes][0][all].as_array() {
                lines.entry(signal).or_default().extend(messages.iter().cloned());
            }
        }
    }
    lines
}

fn spans(entries: &[Entry]) -> Vec<Value> {
    lines(entries).remove(&Signal::Traces).unwrap_or_default()
}

fn entry(exchange: Exchange) -> Entry {
    Entry::Record(Record::Exchange(Box::new(exchange)))
}

fn call(n: u64) -> Exchange {
    sample::exchange(n, "tools/call", Some("search"), 10_000_000)
}

fn attribute<'a>(of: &'a Value, key: &str) -> Option<&'a Value> {
    let all = of["attributes"].as_array()?;
    Some(&all.iter().find(|pair| pair["key"] == key)?["value"])
}

#[test]
fn an_exchange_is_a_span_with_its_phases_below_it() {
    let spans = spans(&[entry(call(1))]);
    let names: Vec<_> = spans.iter().map(|span| span["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["tools/call search", "wait", "receive"]);
    assert!(spans[1..].iter().all(|phase| phase["parentSpanId"] == spans[0]["spanId"]));
    assert!(spans.iter().all(|span| span["traceId"] == spans[0]["traceId"]));
    assert_eq!(attribute(&spans[0], "gen_ai.tool.name").unwrap()["stringValue"], "search");
    assert_eq!(attribute(&spans[0], "server.port").unwrap()["intValue"], "3000");
    assert!(spans[0].get("parentSpanId").is_none() && spans[0].get("status").is_none());
}

/// The parent is the span of the sender, whose trace goes on.
#[test]
fn a_traceparent_is_the_parent() {
    let mut traced = call(1);
    let context = TraceContext::parse(PARENT).unwrap().with_state(Some("a=1"));
    traced.trace = Some(Box::new(context));
    let spans = spans(&[entry(traced)]);
    assert_eq!(spans[0]["traceId"], "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(spans[0]["parentSpanId"], "b7ad6b7169203331");
    assert_eq!((&spans[0]["traceState"], &spans[0]["flags"]), (&"a=1".into(), &0x301.into()));
}

/// The request comes first, so its ids are known before the call completes.
#[test]
fn what_a_server_asks_is_below_the_call() {
    let mut outer = call(1);
    outer.trace = TraceContext::parse(PARENT).map(Box::new);
    let mut inner = sample::exchange(2, "sampling/createMessage", None, 5_000_000);
    (inner.origin, inner.parent) = (Side::Server, Some(1));
    let mut finding = sample::finding(Code::TcpGap, "a gap");
    finding.exchange = Some(1);
    let entries = [
        Entry::Record(Record::Request(Box::new(outer.clone()))),
        Entry::Finding(finding),
        entry(inner),
        entry(outer),
    ];
    let lines = lines(&entries);
    let spans = &lines[&Signal::Traces];
    let outer = spans.iter().find(|span| span["name"] == "tools/call search").unwrap();
    assert_eq!(spans[0]["parentSpanId"], outer["spanId"]);
    assert_eq!(spans[0]["traceId"], outer["traceId"]);
    assert_eq!(lines[&Signal::Logs][0]["spanId"], outer["spanId"]);
    // One whose call was not seen is a root.
    let mut alone = sample::exchange(2, "ping", None, 5_000_000);
    alone.parent = Some(1);
    assert!(self::spans(&[entry(alone)])[0].get("parentSpanId").is_none());
}

#[test]
fn ids_are_the_same_each_time_and_differ_between_exchanges() {
    let both = [entry(call(1)), entry(call(2))];
    assert_eq!(spans(&both), spans(&both));
    let all = spans(&both);
    let mut ids: Vec<_> = all.iter().map(|span| span["spanId"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all.len());
}

#[test]
fn only_what_is_known_to_have_failed_is_an_error() {
    let mut failed = call(1);
    failed.status = Status::Error;
    failed.error = Some(RpcError { code: Some(-32000), message: "token=hunter2 failed".into() });
    let span = &spans(&[entry(failed)])[0];
    assert_eq!(
        (&span["status"]["code"], attribute(span, "error.type")),
        (&2.into(), attribute(span, "rpc.response.status_code"))
    );
    let message = span["status"]["message"].as_str().unwrap();
    assert!(message.contains("failed") && !message.contains("hunter2"), "{message}");
    let mut lost = call(1);
    (lost.status, lost.response) = (Status::Undetermined, None);
    let spans = spans(&[entry(lost)]);
    assert!(spans[0].get("status").is_none() && attribute(&spans[0], "error.type").is_none());
    assert_eq!(spans.len(), 1, "no phases without a response");
}

/// Hostile text ends nowhere but in its attribute, and is short.
#[test]
fn texts_are_cut_and_masked() {
    let mut hostile = call(1);
    hostile.name = Some(format!("\u{202e}\"}}],{}", "x".repeat(5_000)).into());
    let spans = spans(&[entry(hostile)]);
    let tool = attribute(&spans[0], "gen_ai.tool.name").unwrap()["stringValue"].as_str().unwrap();
    assert!(tool.len() <= 1_024 && tool.starts_with("<U+202E>\"}],"), "{tool}");
    assert!(spans[0]["name"].as_str().unwrap().len() < 150);
}

/// Metrics are written when a minute of packet time went by, and at the end: what changed.
#[test]
fn metrics_are_totals_of_what_changed() {
    let mut later = sample::exchange(100, "ping", None, 10_000_000);
    later.session.number = 2;
    let lines = lines(&[entry(call(1)), entry(later)]);
    let points = |name: &str| -> Vec<&Value> {
        let of_name = lines[&Signal::Metrics].iter().filter(|metric| metric["name"] == name);
        of_name.flat_map(|metric| metric["histogram"]["dataPoints"].as_array().unwrap()).collect()
    };
    let points = points("mcp.client.operation.duration");
    // Both at the minute, none at the end.
    assert_eq!(points.iter().map(|point| &point["count"]).collect::<Vec<_>>(), ["1", "1"]);
    assert_eq!(points[0]["explicitBounds"].as_array().unwrap().len(), 14);
    assert_eq!(points[0]["bucketCounts"][0], "1");
}
