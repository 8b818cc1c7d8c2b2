//! Runs of agents: every tool call of the recorded agents is joined to the MCP call that the agent
//! made for it, none falsely, whatever is lost and whatever else was captured.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use mcpdump::agent::{Collector, Evidence, Join, McpCall, Timeline};
use mcpdump::base::{Fact, Files, Side};
use mcpdump::capture::Item;
use mcpdump::ledger::{Entry, Record};
use serde_json::Value;

use crate::support::assert_no_problems;
use crate::support::corpus::{self, Capture};
use crate::support::damage::{self, Part};
use crate::support::rng::Rng;
use crate::support::run::{Remade, Run};

/// The member of `_meta` by which the agents name their calls: nothing that is joined by.
const MARK: &str = "example.org/call";

fn directory() -> PathBuf {
    corpus::directory().join("agent-run")
}

/// The packets of all files of the run.
fn items() -> Vec<Item> {
    merged(corpus::files_of(&directory()).iter().flat_map(|file| corpus::items(corpus::bytes(file)).unwrap()))
}

/// Items in the order of time.
fn merged(items: impl Iterator<Item = Item>) -> Vec<Item> {
    let mut items: Vec<_> = items.collect();
    items.sort_by_key(|item| match item {
        Item::Packet(packet) => packet.origin.time.0,
        _ => i64::MIN,
    });
    Remade::new(items).items
}

fn truth() -> Value {
    serde_json::from_slice(&corpus::bytes(&directory().join("truth.json"))).unwrap()
}

/// A timeline, and the names of the MCP calls by number.
struct Read {
    timeline: Timeline,
    marks: BTreeMap<u64, String>,
}

impl Read {
    fn of(items: &[Item]) -> Self {
        let run = Run::with_payloads(items);
        let (mut collector, mut marks, mut bodies) = (Collector::new(), BTreeMap::new(), Vec::new());
        for entry in &run.entries {
            collector.push(entry, true);
            match entry {
                Entry::Fact(Fact::Payload(payload)) if payload.side == Side::Client => {
                    let value: Value = serde_json::from_slice(&payload.bytes).unwrap_or_default();
                    if let Some(mark) = value["params"]["_meta"][MARK].as_str() {
                        bodies.push((payload.span.end, value["id"].to_string(), mark.to_owned()));
                    }
                }
                Entry::Record(Record::Exchange(exchange)) => {
                    let is_it = |(end, id, _): &&(_, String, String)| {
                        *end == exchange.request.span.end && *id == exchange.id.to_string()
                    };
                    if let Some((.., mark)) = bodies.iter().find(is_it) {
                        marks.insert(exchange.n, mark.clone());
                    }
                }
                _ => {}
            }
        }
        Self { timeline: collector.finish(), marks }
    }

    fn mark(&self, call: &McpCall) -> &str {
        self.marks.get(&call.n).map_or("not known", String::as_str)
    }

    /// The joins: API, name and arguments of the tool call, which one of these it is, its MCP call.
    fn joins(&self) -> BTreeSet<(String, String)> {
        let mut joins = BTreeSet::new();
        for run in &self.timeline.runs {
            for tool in run.calls.iter().flat_map(|call| &call.tools) {
                if let Join::Joined(call, _) = &tool.join {
                    joins.insert((
                        tool.id.as_deref().unwrap_or_default().to_owned(),
                        self.mark(call).to_owned(),
                    ));
                }
            }
        }
        joins
    }
}

#[test]
fn every_tool_call_is_joined_to_the_call_that_the_agent_made() {
    let (truth, read) = (truth(), Read::of(&items()));
    // Of servers that were not captured nothing is joined.
    let is_captured = |server: &Value| server == "desk" || corpus::files_of(&directory()).len() > 1;
    let runs = truth["runs"].as_array().unwrap();
    assert_eq!(read.timeline.runs.len(), runs.len(), "{:#?}", read.timeline);
    let mut problems = Vec::new();
    for expected in runs {
        let agent = expected["agent"].as_str().unwrap();
        let run = read.timeline.runs.iter().find(|run| run.calls[0].dialect == expected["dialect"]).unwrap();
        let calls = expected["llm_calls"].as_array().unwrap();
        assert_eq!(run.calls.len(), calls.len(), "{agent}");
        for (call, expected) in run.calls.iter().zip(calls) {
            let tools = expected["tool_calls"].as_array().unwrap();
            assert_eq!(call.tools.len(), tools.len(), "{agent}");
            for (tool, expected) in call.tools.iter().zip(tools) {
                let made =
                    expected["mcp"]["call"].as_str().filter(|_| is_captured(&expected["mcp"]["server"]));
                let found: Vec<_> = tool.join.calls().iter().map(|call| read.mark(call)).collect();
                let is_right = match (&tool.join, made) {
                    (Join::None, None) => true,
                    (Join::Joined(_, Evidence::Result), Some(made)) => {
                        found == [made] && expected["indistinguishable"] == false
                    }
                    (Join::Ambiguous(_), Some(made)) => {
                        found.contains(&made) && expected["indistinguishable"] == true
                    }
                    _ => false,
                };
                if !is_right || *tool.name != *expected["name"].as_str().unwrap() {
                    problems.push(format!(
                        "{agent} {}: {} {found:?}, not {made:?}",
                        tool.name,
                        tool.join.name()
                    ));
                }
            }
        }
        let times = run.times;
        let sum = times.model_ns + times.tools_ns + times.agent_ns + times.idle_ns;
        assert_eq!(sum, times.end.since(times.start), "{agent}");
        assert!(times.model_ns > 0 && times.agent_ns > 0 && times.idle_ns == 0, "{agent}");
    }
    let asked: BTreeSet<_> = read.timeline.unasked.iter().map(|call| read.mark(call)).collect();
    let unasked = truth["unasked"].as_array().unwrap().iter().filter(|call| is_captured(&call["server"]));
    let unasked: BTreeSet<_> = unasked.map(|call| call["call"].as_str().unwrap()).collect();
    assert_eq!(asked, unasked, "MCP calls that no LLM call asks for");
    assert_no_problems(&problems);
}

/// The right joins, and those of two calls that nothing tells apart to either: without one of them
/// the other is the only one.
fn allowed() -> BTreeSet<(String, String)> {
    let (mut allowed, mut alike) = (Read::of(&items()).joins(), Vec::new());
    let runs = truth()["runs"].as_array().unwrap().clone();
    let calls = runs.iter().flat_map(|run| run["llm_calls"].as_array().unwrap());
    for tool in calls.flat_map(|call| call["tool_calls"].as_array().unwrap()) {
        if tool["indistinguishable"] == true {
            alike.push((tool["id"].as_str().unwrap(), tool["mcp"]["call"].as_str().unwrap()));
        }
    }
    for (id, _) in &alike {
        allowed.extend(alike.iter().map(|(_, mark)| ((*id).to_owned(), (*mark).to_owned())));
    }
    allowed
}

/// Joins of the damaged capture that are wrong.
fn wrong(way: &str, items: &[Item], known: &BTreeSet<(String, String)>, problems: &mut Vec<String>) -> usize {
    let joins = Read::of(items).joins();
    problems.extend(joins.difference(known).map(|join| format!("{way}: {join:?}")));
    joins.len()
}

#[test]
fn what_is_lost_makes_no_join_wrong() {
    let (items, known) = (items(), allowed());
    let whole = Read::of(&items).joins().len();
    let (mut problems, mut fewer) = (Vec::new(), 0);
    for seed in 0..6 {
        let rng = &mut Rng::new(seed);
        let first = 1 + rng.below(items.len()) as u64;
        let count = 2 + rng.below(items.len() / 4) as u64;
        for (way, damaged) in [
            ("data", damage::lose_data(&items, 12, rng)),
            ("packets", damage::lose_any(&items, 12, rng)),
            ("some in a row", damage::lose_run(&items, first, count)),
            ("the beginning", damage::lose_start(&items, first)),
            ("the end", damage::Damaged::first(&items, first as usize)),
        ] {
            let way = format!("without {way}, seed {seed}");
            let joined = wrong(&way, &damaged.remade.items, &known, &mut problems);
            fewer += usize::from(joined < whole);
        }
    }
    assert!(fewer > 10, "something was lost");
    for (at, connection) in damage::connections(&items).into_iter().enumerate() {
        let part = [Part::Everything, Part::OneHalf, Part::OtherHalf][at % 3];
        let damaged = damage::lose_part(&items, connection, part);
        wrong(&format!("without {part:?} of {connection:?}"), &damaged.remade.items, &known, &mut problems);
    }
    assert_no_problems(&problems);
}

#[test]
fn other_traffic_changes_no_join() {
    let items = items();
    let known = Read::of(&items).joins();
    let start = |items: &[Item]| {
        let mut times = items.iter().filter_map(|item| match item {
            Item::Packet(packet) => Some(packet.origin.time.0),
            _ => None,
        });
        times.next().unwrap()
    };
    let mut problems = Vec::new();
    for (seed, other) in (0..).zip([
        "ts-streamable/capture.pcapng",
        "py-streamable-json/capture.pcap",
        "llm-gemini/capture.pcapng",
    ]) {
        let mut others = Capture(other).items();
        let shift = start(&items) - start(&others) + Rng::new(seed).below(1_000_000_000) as i64;
        for item in &mut others {
            if let Item::Packet(packet) = item {
                packet.origin.time.0 += shift;
            }
        }
        let joins = Read::of(&merged(items.iter().cloned().chain(others))).joins();
        let changed = joins.symmetric_difference(&known);
        problems.extend(changed.map(|join| format!("with {other}: {join:?}")));
    }
    assert_no_problems(&problems);
}

/// Text and JSON have the same runs.
#[test]
fn text_and_json_have_every_call() {
    let read = Read::of(&items());
    let (mut text, mut json) = (Vec::new(), Vec::new());
    mcpdump::agent::text(&read.timeline, &Files::default(), false, &mut text).unwrap();
    mcpdump::agent::json(&read.timeline, &Files::default(), &mut json).unwrap();
    let (text, json) = (String::from_utf8(text).unwrap(), serde_json::from_slice::<Value>(&json).unwrap());
    assert_eq!(json["type"], "timeline");
    for run in json["runs"].as_array().unwrap() {
        assert!(text.contains(&format!("\nrun {}  ", run["run"])), "{text}");
        for call in run["llm_calls"].as_array().unwrap() {
            assert!(text.contains(&format!("LLM call {}  ", call["llm_call"])), "{text}");
            for tool in call["tool_calls"].as_array().unwrap() {
                assert!(text.contains(&format!("asks for {} ", tool["name"].as_str().unwrap())), "{text}");
                for mcp in tool["mcp_calls"].as_array().unwrap() {
                    let shown =
                        format!("exchange {} of {} ", mcp["exchange"], mcp["session"].as_str().unwrap());
                    assert!(text.contains(&shown), "{text}");
                }
            }
        }
    }
}
