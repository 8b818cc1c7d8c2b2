use std::sync::Arc;

use serde_json::Value;

use super::*;
use crate::ledger::MessageSpan;
use crate::ledger::sample;

fn trace(entries: &[Entry]) -> Value {
    let (mut trace, mut out) = (Trace::default(), Vec::new());
    trace.begin(&mut out).unwrap();
    entries.iter().for_each(|entry| trace.entry(entry, &mut out).unwrap());
    trace.finish(&mut out).unwrap();
    serde_json::from_slice(&out).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&out)))
}

fn events<'a>(trace: &'a Value, phase: &str, category: &str) -> Vec<&'a Value> {
    let all = trace["traceEvents"].as_array().unwrap();
    all.iter().filter(|event| event["ph"] == phase && event["cat"] == category).collect()
}

fn exchange(n: u64, method: &str, total: i64) -> Exchange {
    sample::exchange(n, method, None, total)
}

fn entry(exchange: Exchange) -> Entry {
    Entry::Record(Record::Exchange(Box::new(exchange)))
}

#[test]
fn a_call_has_phases_that_add_up() {
    let trace = trace(&[entry(exchange(1, "tools/call", 10_000_000))]);
    let call = events(&trace, "X", "call")[0];
    assert_eq!(call["name"], "tools/call");
    assert_eq!(call["dur"].as_f64(), Some(10_000.0));
    // The sample is of 2026-11-22, 49 minutes and 15 seconds after eight.
    assert_eq!(trace["otherData"]["ts_0"], "1795219200.000000000");
    assert_eq!(call["ts"].as_f64(), Some(118_156_351_000.0));
    let phases: Vec<_> =
        events(&trace, "X", "phase").iter().map(|it| (it["name"].as_str(), it["dur"].as_f64())).collect();
    assert_eq!(phases, [(Some("wait"), Some(9_000.0)), (Some("receive"), Some(1_000.0))]);
}

/// The times of an answer that was captured before its request are told and not drawn.
#[test]
fn what_is_not_in_order_has_no_phases() {
    let mut odd = exchange(1, "ping", 10_000_000);
    odd.response = Some(MessageSpan { span: sample::span(3, 3, 0, 0), bytes: 40 });
    let trace = trace(&[entry(odd)]);
    assert!(events(&trace, "X", "phase").is_empty());
    assert_eq!(events(&trace, "X", "call")[0]["dur"].as_f64(), Some(1_000_000.0));
    assert_eq!(events(&trace, "X", "call")[0]["args"]["total_ms"].as_f64(), Some(-1_000.0));
}

#[test]
fn calls_that_overlap_have_threads_of_their_own() {
    let calls = [(1, 1_500_000_000), (2, 500_000_000), (3, 500_000_000), (4, 500_000_000)];
    let mut calls = calls.map(|(n, total)| exchange(n, "ping", total));
    calls.sort_by_key(|call| call.response.unwrap().span.end);
    let trace = trace(&calls.map(entry));
    let mut threads: Vec<_> = events(&trace, "X", "call").iter().map(|call| call["tid"].as_u64()).collect();
    threads.sort_unstable();
    threads.dedup();
    assert_eq!(threads.len(), 2);
    let names: Vec<_> = events(&trace, "M", "__metadata").iter().map(|it| &it["args"]["name"]).collect();
    assert_eq!(names[..3], ["client 127.0.0.1 inspector", "calls", "calls 2"]);
}

/// Without a thread, a slice is asynchronous.
#[test]
fn threads_are_limited() {
    let calls: Vec<Entry> = (1..400)
        .map(|n| {
            let mut call = exchange(1, "ping", 10_000_000);
            call.n = n;
            entry(call)
        })
        .collect();
    let trace = trace(&calls);
    let (begins, ends) = (events(&trace, "b", "call"), events(&trace, "e", "call"));
    assert_eq!(events(&trace, "X", "call").len() + begins.len(), 399);
    assert!(!begins.is_empty());
    let id = |event: &&Value| event["id"].as_str().unwrap().to_owned();
    assert_eq!(begins.iter().map(id).collect::<Vec<_>>(), ends.iter().map(id).collect::<Vec<_>>());
}

#[test]
fn arrows_show_what_a_server_asked_and_where_an_answer_came() {
    let mut call = exchange(1, "tools/call", 2_000_000_000);
    call.asked.requests = 1;
    let mut sampling = exchange(2, "sampling/createMessage", 500_000_000);
    sampling.origin = Side::Server;
    sampling.parent = Some(1);
    sampling.answered_on = Some((9, 4));
    let trace = trace(&[entry(sampling), entry(call)]);
    let (from, to) = (events(&trace, "s", "arrow"), events(&trace, "f", "arrow"));
    assert_eq!(from.iter().map(|it| &it["name"]).collect::<Vec<_>>(), ["answer", "asks"]);
    let place = |event: &Value| (event["pid"].clone(), event["tid"].clone());
    let calls = events(&trace, "X", "call");
    assert_eq!(place(from[0]), place(calls[0]), "from the server's request");
    assert_eq!(place(to[0]), place(events(&trace, "X", "answer")[0]), "to the client's answer");
    assert_eq!(place(from[1]), place(calls[1]), "from the call");
    assert_eq!(place(to[1]), place(calls[0]), "to the server's request");
    assert_eq!((&from[0]["id"], &from[1]["id"]), (&to[0]["id"], &to[1]["id"]));
}

#[test]
fn counters_end_where_they_began() {
    let trace = trace(&sample::entries());
    let counters = events(&trace, "C", "counter");
    let mut last: HashMap<String, i64> = HashMap::new();
    for counter in counters.iter().filter(|it| it["name"] == "open requests") {
        let open = counter["args"]["open"].as_i64().unwrap();
        assert!(open >= 0);
        last.insert(counter["pid"].to_string(), open);
    }
    assert!(!last.is_empty() && last.values().all(|open| *open == 0), "{last:?}");
}

#[test]
fn credentials_are_masked_and_nothing_is_invisible() {
    let mut named = sample::exchange(1, "tools/call", Some("evil\u{202e}\u{1b}[31m"), 1);
    named.session.client_name = Some(Arc::from("\u{200b}joe</script>"));
    let text = trace(&[entry(named), sample_stream()]).to_string();
    assert!(!text.contains("hunter2") && text.contains("api_key"), "{text}");
    assert!(!text.contains(['\u{202e}', '\u{200b}']), "{text}");
}

fn sample_stream() -> Entry {
    Entry::Record(Record::Stream(Box::new(sample::stream(None))))
}
