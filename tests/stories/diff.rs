//! `mcpdump diff`: what differs between two captures, and what cannot be told.

use std::io::Cursor;

use mcpdump::base::OutputFormat;
use mcpdump::capture;
use mcpdump::diff::{Became, Certainty, Difference, Profile, Profiler, Verdict, write};
use mcpdump::engine::Engine;
use serde_json::{Value, json};

use super::http::*;
use super::story::*;

const A: &str = "10.0.0.1:5000";
const SID: Fields = &[("Mcp-Session-Id", "x")];

fn profile(story: &Story) -> Profile {
    let mut capture = capture::from_reader("story", Box::new(Cursor::new(story.pcap())));
    let (mut engine, mut entries) = (Engine::new(), Vec::new());
    engine.emit_payloads();
    while engine.read(&mut capture, &mut entries).unwrap() {}
    let mut profiler = Profiler::new();
    entries.iter().for_each(|entry| profiler.push(entry));
    profiler.finish()
}

fn between(before: &Story, after: &Story) -> Difference {
    Difference::between(&profile(before), &profile(after))
}

fn printed(difference: &Difference, format: OutputFormat) -> String {
    let mut text = Vec::new();
    write(format, difference, ["before.pcap", "after.pcap"], &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

fn text(difference: &Difference) -> String {
    printed(difference, OutputFormat::Text)
}

fn call(id: i64, tool: &str) -> String {
    with(id, "tools/call", json!({"name": tool}))
}

/// A session with `calls` of a tool that take so long, in milliseconds, with some spread; every
/// `failing`-th fails.
fn calls(calls: i64, ms: f64, failing: i64) -> Story {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    for id in 1..=calls {
        let at = 1000.0 * id as f64;
        story.at(at).c(conn, post("/mcp", SID, &call(id, "search")));
        let spread = (id * 7 % 10) as f64 / 10.0;
        let answer = match id {
            id if failing > 0 && id % failing == 0 => {
                json!({"jsonrpc": "2.0", "id": id, "result": {"content": [], "isError": true}}).to_string()
            }
            id => result(id),
        };
        story.at(at + ms * (1.0 + spread)).s(conn, ok(&answer));
    }
    story
}

/// A session that lists these tools.
fn lists(tools: &[Value]) -> Story {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(1000.0).c(conn, post("/mcp", SID, &request(1, "tools/list")));
    let list = json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": tools}}).to_string();
    story.at(1010.0).s(conn, ok(&list));
    story
}

fn tool(name: &str, schema: &Value) -> Value {
    json!({"name": name, "description": "a tool", "inputSchema": schema})
}

fn search() -> Value {
    tool("search", &json!({"type": "object", "required": ["q"], "properties": {"q": {"type": "string"}}}))
}

#[test]
fn a_capture_does_not_differ_from_itself() {
    for story in [calls(40, 10.0, 5), lists(&[search()]), Story::new()] {
        let difference = between(&story, &story);
        assert!(difference.is_empty(), "{}", text(&difference));
        assert_eq!(difference.regressions(), 0);
        assert!(text(&difference).contains("\nno difference that can be told"));
    }
}

#[test]
fn a_slower_tool_is_a_regression() {
    let difference = between(&calls(40, 10.0, 0), &calls(50, 40.0, 0));
    let change = &difference.calls[0];
    assert_eq!(change.key.name.as_deref(), Some("search"));
    for percentile in &change.percentiles {
        assert_eq!(percentile.verdict, Verdict::Higher(Certainty::Sure));
    }
    assert_eq!(difference.regressions(), 1, "one tool is slower");
    let text = text(&difference);
    assert!(text.contains("✗ tools/call search: p50 "), "{text}");
    assert!(text.contains("ms, sure (40 and 50 calls)\n"), "{text}");
    let faster = between(&calls(50, 40.0, 0), &calls(40, 10.0, 0));
    assert_eq!(faster.regressions(), 0);
    let change = faster.calls.iter().find(|change| change.key.name.is_some()).unwrap();
    assert_eq!(change.percentiles[0].verdict, Verdict::Lower(Certainty::Sure));
}

/// Calls that wait for a minute and are cancelled are slower than those that are answered.
#[test]
fn calls_that_hang_are_slower_by_at_least_their_wait() {
    let hang = |cancelled: i64| {
        let mut story = calls(40, 10.0, 0);
        let cancels = story.at(60_000.0).connect("10.0.0.1:5002", SERVER);
        for id in 100..100 + cancelled {
            let at = 1000.0 * id as f64;
            let conn = story.at(at).connect(&format!("10.0.0.1:{}", 6000 + id), SERVER);
            story.at(at + 1.0).c(conn, post("/mcp", SID, &call(id, "search")));
        }
        for id in 100..100 + cancelled {
            let at = 1000.0 * id as f64;
            let cancel = notification("notifications/cancelled", json!({"requestId": id}));
            story.at(at + 61_000.0).c(cancels, post("/mcp", SID, &cancel));
            story.at(at + 61_001.0).s(cancels, accepted());
        }
        story
    };
    let difference = between(&hang(0), &hang(15));
    let change = &difference.calls[0];
    assert_eq!(change.percentiles[1].verdict, Verdict::Higher(Certainty::Sure), "{}", text(&difference));
    assert!(change.percentiles[1].values[1].unwrap().is_at_least);
    assert!(text(&difference).contains("→ ≥ 1 m 01 s: +1 m 01 s, sure"), "{}", text(&difference));
}

#[test]
fn few_calls_tell_nothing() {
    let difference = between(&calls(5, 10.0, 0), &calls(6, 90.0, 0));
    assert_eq!(difference.regressions(), 0);
    assert!(difference.is_empty());
    let text = text(&difference);
    let line = "? 1 method or tool has too few calls to compare: tools/call search\n";
    assert!(text.contains(line), "{text}");
}

/// Few calls prove nothing, but a hundred times is worth a look.
#[test]
fn a_large_difference_of_few_calls_is_shown() {
    let text = text(&between(&calls(5, 1000.0, 0), &calls(6, 10.0, 0)));
    assert!(text.contains("? tools/call search: p50 "), "{text}");
    assert!(text.contains(": cannot be told: too few calls (5 and 6 calls)\n"), "{text}");
    assert!(!text.contains("too few calls to compare"), "{text}");
}

#[test]
fn failures_are_compared_by_their_share() {
    let difference = between(&calls(60, 10.0, 0), &calls(60, 10.0, 3));
    assert_eq!(difference.calls[0].failing, Verdict::Higher(Certainty::Sure));
    assert_eq!(difference.regressions(), 1, "{}", text(&difference));
    let line = "✗ tools/call search: 0 of 60 (0.0 %) → 20 of 60 (33.3 %): more often, sure\n";
    assert!(text(&difference).contains(line), "{}", text(&difference));
    let few = between(&calls(3, 10.0, 0), &calls(3, 10.0, 2));
    let search = few.calls.iter().find(|change| change.key.name.is_some()).unwrap();
    assert!(matches!(search.failing, Verdict::Untold(_)), "{}", text(&few));
}

#[test]
fn definitions_are_compared_by_what_they_mean() {
    let closed = json!({"type": "object", "required": ["q", "key"], "properties": {
        "q": {"type": "string"}, "key": {"type": "string"}}});
    let before = lists(&[search(), tool("delete", &json!({"type": "object"}))]);
    let after = lists(&[tool("search", &closed), tool("list", &json!({"type": "object"}))]);
    let difference = between(&before, &after);
    let text = text(&difference);
    for line in [
        "✗ tool delete of 10.0.0.2:80/mcp: removed",
        "· tool list of 10.0.0.2:80/mcp: added",
        "✗ tool search of 10.0.0.2:80/mcp: argument key added, required",
    ] {
        let (head, tail) = line.split_once(" of 10.0.0.2:80/mcp").unwrap();
        assert!(text.lines().any(|it| it.starts_with(head) && it.ends_with(tail)), "{line}\n{text}");
    }
    assert_eq!(difference.regressions(), 2, "{text}");
    assert_eq!(between(&after, &before).regressions(), 2, "a tool is removed, an argument no longer taken");
}

/// What is not in a page may be on the page that was not captured.
#[test]
fn a_list_that_is_not_whole_removes_nothing() {
    let page = |next: &Value| {
        let mut story = Story::new();
        let conn = streamable(&mut story, A, "2025-06-18", "x");
        story.at(1000.0).c(conn, post("/mcp", SID, &request(1, "tools/list")));
        let mut list = json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": [search()]}});
        if !next.is_null() {
            list["result"]["nextCursor"] = next.clone();
        }
        story.at(1010.0).s(conn, ok(&list.to_string()));
        story
    };
    let before = lists(&[search(), tool("delete", &json!({}))]);
    let cut = between(&before, &page(&json!("more")));
    assert!(cut.offers.is_empty(), "{}", text(&cut));
    assert_eq!(cut.uncompared.len(), 1);
    assert!(text(&cut).contains("a capture does not hold the whole list"));
    let whole = between(&before, &page(&Value::Null));
    assert_eq!(whole.offers.len(), 1);
    assert_eq!(whole.offers[0].became, Became::Removed);
}

/// Answers that were not captured may have been fast, and no failures.
#[test]
fn a_capture_that_lost_packets_blames_nobody() {
    let lossy = |ms: f64, lost: i64| {
        let mut story = Story::new();
        let conn = streamable(&mut story, A, "2025-06-18", "x");
        for id in 1..=40 {
            let at = 1000.0 * id as f64;
            story.at(at).c(conn, post("/mcp", SID, &call(id, "search")));
            story.at(at + ms);
            if id % 4 == 0 && id <= 4 * lost {
                story.lose(conn, Server, ok(&result(id)));
                story.ack(conn, Client);
            } else {
                story.s(conn, ok(&result(id)));
            }
        }
        story.at(90_000.0).c(conn, post("/mcp", SID, &request(99, "ping")));
        story.s(conn, ok(&result(99)));
        story
    };
    let difference = between(&lossy(10.0, 10), &lossy(50.0, 0));
    let change = difference.calls.iter().find(|change| change.key.name.is_some()).unwrap();
    assert!(change.failures[0].unknown > 0, "{}", text(&difference));
    assert!(matches!(change.percentiles[1].verdict, Verdict::Untold(_)), "{}", text(&difference));
    assert_eq!(difference.regressions(), usize::from(change.regressions() > 0));
    assert!(text(&difference).contains("not whole (gap"), "{}", text(&difference));
    // All that is known after is slow, and the lost ones alone cannot hide it.
    let slower = between(&lossy(10.0, 0), &lossy(50.0, 5));
    let change = slower.calls.iter().find(|change| change.key.name.is_some()).unwrap();
    assert_eq!(change.percentiles[0].verdict, Verdict::Higher(Certainty::Sure), "{}", text(&slower));
    assert!(!matches!(change.failing, Verdict::Higher(_)), "a lost answer is no failure");
}

#[test]
fn findings_that_are_new_fail_and_those_that_are_gone_are_told() {
    let wrong = {
        let mut story = calls(3, 10.0, 0);
        let conn = story.at(9000.0).connect("10.0.0.1:5009", SERVER);
        story.c(conn, post("/mcp", SID, &request(50, "ping")));
        story.at(9010.0).s(conn, ok(&result("50")));
        story
    };
    let right = calls(3, 10.0, 0);
    let new = between(&right, &wrong);
    let found = new.findings.iter().find(|change| change.code.name() == "mcp.id_changed").unwrap();
    assert!(found.is_regression());
    assert!(text(&new).contains("✗ warning mcp.id_changed: new, 1 time: "), "{}", text(&new));
    let gone = between(&wrong, &right);
    assert_eq!(gone.regressions(), 0);
    assert!(text(&gone).contains("· warning mcp.id_changed: gone, 1 time"), "{}", text(&gone));
}

#[test]
fn every_format_tells_the_same() {
    let difference = between(&calls(40, 10.0, 0), &calls(50, 40.0, 2));
    let document: Value = serde_json::from_str(&printed(&difference, OutputFormat::Json)).unwrap();
    assert_eq!((&document["type"], &document["v"]), (&json!("diff"), &json!(1)));
    assert_eq!(document["regressions"], difference.regressions());
    let search = &document["calls"][0];
    assert_eq!(search["name"], "search");
    assert_eq!((&search["p95"]["verdict"], &search["p95"]["certainty"]), (&json!("higher"), &json!("sure")));
    assert_eq!(search["failures"]["after"]["failed"], 25);
    let markdown = printed(&difference, OutputFormat::Markdown);
    assert!(markdown.contains("| **regression** | `tools/call search` | p50 "), "{markdown}");
    let rows = markdown.lines().filter(|line| line.starts_with('|'));
    assert!(rows.clone().all(|row| row.ends_with('|')) && rows.count() > 5, "{markdown}");
}

/// Names come from traffic: they begin no markup, and write nothing to the terminal.
#[test]
fn names_from_traffic_are_harmless() {
    let evil = tool("\u{1b}[31m`|<b>", &json!({}));
    let difference = between(&lists(&[]), &lists(&[evil]));
    for format in OutputFormat::ALL {
        let text = printed(&difference, format);
        assert!(!text.contains('\u{1b}'), "{format:?}: {text}");
    }
    let markdown = printed(&difference, OutputFormat::Markdown);
    assert!(markdown.contains(" added |"), "{markdown}");
    assert!(!markdown.contains("m`|<b>"), "{markdown}");
}

/// Any number of tools, methods and definitions: rows, texts and time are bounded.
#[test]
fn many_tools_are_bounded() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    for id in 1..=3000_i64 {
        let at = 1000.0 + 10.0 * id as f64;
        story.at(at).c(conn, post("/mcp", SID, &call(id, &format!("tool{id}"))));
        story.at(at + 1.0).s(conn, ok(&result(id)));
    }
    let difference = between(&story, &Story::new());
    assert_eq!(difference.calls.len(), 2000);
    assert_eq!(difference.left_out, 1001);
    assert!(text(&difference).contains("  and 1960 more\n"), "{}", text(&difference));
}
