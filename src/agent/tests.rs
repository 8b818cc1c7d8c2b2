//! Tests of the joins on rows made by hand.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::arguments::Arguments;
use super::assembly::assemble;
use super::results::{Answered, Given};
use super::timeline::{AskedTool, GivenResult, Join, McpCall, ModelCall, NotCompared, Timeline};
use super::{json, text};
use crate::base::{Degraded, Files, Origin, PacketNo, Span, Status, Timestamp};
use crate::ledger::ServerRef;

const MODEL: &str = "10.0.0.9:443";
const AGENT: &str = "10.0.0.1:5000";

/// An origin at a time in milliseconds. The number of its packet is that time, too.
fn origin(ms: i64) -> Origin {
    Origin { packet: PacketNo(ms.unsigned_abs()), time: Timestamp(ms * 1_000_000) }
}

fn span(from: i64, to: i64) -> Span {
    let (start, end) = (origin(from), origin(to));
    Span { start, end, first: start.packet, last: end.packet }
}

/// A call of a model from `from` to `to`, in milliseconds.
fn model(number: u64, from: i64, to: i64) -> ModelCall {
    ModelCall {
        number,
        tcp_stream: 0,
        dialect: "openai-chat",
        model: Some("m".into()),
        server: MODEL.parse().unwrap(),
        host: None,
        client: AGENT.parse().unwrap(),
        request: span(from, from),
        end: Some(origin(to)),
        first_token_ns: None,
        input_tokens: Some(10),
        output_tokens: Some(5),
        status: "ok",
        finish_reason: None,
        tools: Vec::new(),
        degraded: Degraded::NONE,
        results: Vec::new(),
        is_chosen: true,
    }
}

impl ModelCall {
    /// Asks for a tool. Without an id the API has none.
    fn asks(mut self, id: Option<&str>, name: &str, arguments: &str) -> Self {
        self.tools.push(AskedTool {
            id: id.map(Into::into),
            name: name.into(),
            arguments: arguments.into(),
            at: self.end.unwrap(),
            answered_in: None,
            join: Join::None,
            parsed: Arguments::read(arguments).ok_or(NotCompared::Unreadable),
        });
        self
    }

    /// Brings the result of a tool.
    fn brings(mut self, id: Option<&str>, name: Option<&str>, text: &str) -> Self {
        let given = Given { text: text.into(), is_cut: false };
        self.results.push(GivenResult { id: id.map(Into::into), name: name.map(Into::into), given });
        self
    }

    fn by(mut self, client: &str) -> Self {
        self.client = client.parse().unwrap();
        self
    }
}

/// An MCP call of a tool at a server of this name, from `from` to `to`, with its answer.
fn mcp(
    n: u64,
    (from, to): (i64, i64),
    (server, tool): (&str, &str),
    arguments: &str,
    answer: &str,
) -> McpCall {
    McpCall {
        n,
        session: 1,
        transport: "streamable-http",
        server: ServerRef { address: "10.0.0.7:3000".parse().unwrap(), path: Some("/mcp".into()) },
        server_name: Some(server.into()),
        client: AGENT.parse().unwrap(),
        name: tool.into(),
        status: Status::Ok,
        request: span(from, from),
        end: Some(origin(to)),
        total_ns: Some((to - from) * 1_000_000),
        degraded: Degraded::NONE,
        arguments: Arguments::read(arguments),
        answered: Some(Answered::new(answer, false)),
        is_chosen: true,
    }
}

/// The joins of the tool calls, in order: `joined 1`, `ambiguous 1,2`, `none`.
fn joins(timeline: &Timeline) -> Vec<String> {
    let tools = timeline.runs.iter().flat_map(|run| &run.calls).flat_map(|call| &call.tools);
    let numbers = |join: &Join| {
        let numbers: Vec<_> = join.calls().iter().map(|call| call.n.to_string()).collect();
        numbers.join(",")
    };
    tools.map(|tool| format!("{} {}", tool.join.name(), numbers(&tool.join)).trim().to_owned()).collect()
}

fn written(timeline: &Timeline) -> String {
    let mut out = Vec::new();
    text(timeline, &Files::default(), false, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn document(timeline: &Timeline) -> serde_json::Value {
    let mut out = Vec::new();
    json(timeline, &Files::default(), &mut out).unwrap();
    serde_json::from_slice(&out).unwrap()
}

const OSLO: &str = r#"{"city":"Oslo"}"#;
const DESK: (&str, &str) = ("desk", "lookup");
const LIBRARY: (&str, &str) = ("library", "lookup");

#[test]
fn a_tool_call_becomes_the_call_between_it_and_its_result() {
    let calls = vec![
        model(1, 0, 100).asks(Some("a"), "desk_lookup", OSLO),
        model(2, 200, 300).brings(Some("a"), None, "Oslo: 17 degrees"),
    ];
    let answer = "Oslo: 17 degrees";
    let timeline = assemble(
        calls,
        vec![
            mcp(1, (50, 60), DESK, OSLO, answer),
            mcp(2, (120, 150), DESK, r#"{ "city" : "\u004fslo" }"#, answer),
            mcp(3, (130, 140), DESK, r#"{"city":"Bergen"}"#, answer),
            mcp(4, (210, 220), DESK, OSLO, answer),
        ],
    );
    assert_eq!(joins(&timeline), ["joined 2"]);
    assert_eq!(timeline.unasked.iter().map(|call| call.n).collect::<Vec<_>>(), [1, 3, 4]);
    let [run] = &*timeline.runs else { panic!("one run") };
    let times = run.times;
    let ms = [times.model_ns, times.tools_ns, times.agent_ns, times.idle_ns].map(|ns| ns / 1_000_000);
    assert_eq!(ms, [200, 30, 70, 0]);
    assert_eq!(run.calls[0].tools[0].answered_in, Some(2));
}

#[test]
fn the_prefix_says_which_of_two_servers_is_meant() {
    let calls = |name: &str| {
        vec![
            model(1, 0, 100).asks(Some("a"), name, OSLO),
            model(2, 200, 300).brings(Some("a"), None, "summed up"),
        ]
    };
    let both = || vec![mcp(1, (110, 150), DESK, OSLO, "short"), mcp(2, (111, 150), LIBRARY, OSLO, "short")];
    assert_eq!(joins(&assemble(calls("mcp__library__lookup"), both())), ["unconfirmed 2"]);
    assert_eq!(joins(&assemble(calls("other_lookup"), both())), ["ambiguous 1,2"]);
    assert_eq!(joins(&assemble(calls("lookup"), both())), ["ambiguous 1,2"]);
    let unnamed = || both().into_iter().map(|call| McpCall { server_name: None, ..call }).collect();
    assert_eq!(joins(&assemble(calls("desk_lookup"), unnamed())), ["ambiguous 1,2"]);
}

#[test]
fn a_prefix_that_names_another_server_needs_the_result() {
    let calls = |name: &str, text: &str| {
        vec![model(1, 0, 100).asks(Some("a"), name, OSLO), model(2, 200, 300).brings(Some("a"), None, text)]
    };
    let unknown = || vec![McpCall { answered: None, ..mcp(1, (110, 150), DESK, OSLO, "") }];
    assert_eq!(joins(&assemble(calls("library_lookup", "x"), unknown())), ["unconfirmed 1"]);
    assert_eq!(joins(&assemble(calls("desk_lookup", "x"), unknown())), ["joined 1"]);
    let known = vec![mcp(1, (110, 150), DESK, OSLO, "Oslo: 17 degrees")];
    assert_eq!(joins(&assemble(calls("library_lookup", "Oslo: 17 degrees"), known)), ["joined 1"]);
}

#[test]
fn the_result_tells_equal_calls_apart() {
    let asks = || model(1, 0, 100).asks(Some("a"), "lookup", OSLO).asks(Some("b"), "lookup", OSLO);
    let answers = |first: &str, second: &str| {
        vec![mcp(1, (110, 150), DESK, OSLO, first), mcp(2, (111, 140), DESK, OSLO, second)]
    };
    let calls = vec![
        asks(),
        model(2, 200, 300).brings(Some("a"), None, "reading 2: warm").brings(
            Some("b"),
            None,
            "reading 1: cold",
        ),
    ];
    let told = answers("reading 1: cold", "reading 2: warm");
    assert_eq!(joins(&assemble(calls.clone(), told)), ["joined 2", "joined 1"]);
    let same = vec![
        asks(),
        model(2, 200, 300).brings(Some("a"), None, "it is cold").brings(Some("b"), None, "it is cold"),
    ];
    let alike = answers("it is cold", "it is cold");
    assert_eq!(joins(&assemble(same, alike)), ["ambiguous 1,2", "ambiguous 1,2"]);
    // Without the call of the second.
    let lost = answers("reading 1: cold", "reading 2: warm").split_off(1);
    assert_eq!(joins(&assemble(calls, lost)), ["joined 2", "none"]);
}

#[test]
fn two_agents_that_ask_the_same_are_told_apart_by_results_alone() {
    let agents = |first: &str, second: &str| {
        vec![
            model(1, 0, 100).asks(Some("a"), "lookup", OSLO),
            model(2, 5, 105).asks(Some("b"), "lookup", OSLO),
            model(3, 200, 300).brings(Some("a"), None, first),
            model(4, 210, 300).brings(Some("b"), None, second),
        ]
    };
    let calls =
        || vec![mcp(1, (110, 150), DESK, OSLO, "reading 1"), mcp(2, (111, 150), DESK, OSLO, "reading 2")];
    assert_eq!(joins(&assemble(agents("reading 2", "reading 1"), calls())), ["joined 2", "joined 1"]);
    let timeline = assemble(agents("one", "another"), calls());
    assert_eq!(timeline.runs.len(), 2);
    assert_eq!(joins(&timeline), ["ambiguous 1,2", "ambiguous 1,2"]);
    // On another machine.
    let elsewhere: Vec<_> = agents("one", "another")
        .into_iter()
        .map(|call| {
            let is_second = call.number % 2 == 0;
            if is_second { call.by("10.0.0.2:5000") } else { call }
        })
        .collect();
    let mut of_both = calls();
    of_both[1].client = "10.0.0.2:6000".parse().unwrap();
    assert_eq!(joins(&assemble(elsewhere, of_both)), ["unconfirmed 1", "unconfirmed 2"]);
}

#[test]
fn an_api_without_ids_is_linked_by_the_order_of_results() {
    let calls = vec![
        model(1, 0, 100).asks(None, "search", "{}").asks(None, "read", "{}"),
        model(2, 200, 300)
            .brings(None, Some("search"), "nothing")
            .brings(None, Some("read"), "It begins.")
            .asks(None, "search", "{}"),
        model(3, 400, 500)
            .brings(None, Some("search"), "nothing")
            .brings(None, Some("read"), "It begins.")
            .brings(None, Some("search"), "nothing at all"),
    ];
    let servers = vec![
        mcp(1, (110, 120), ("library", "search"), "{}", "nothing"),
        mcp(2, (110, 130), ("library", "read"), "{}", "It begins."),
        mcp(3, (310, 330), ("library", "search"), "{}", "nothing at all"),
    ];
    let timeline = assemble(calls.clone(), servers.clone());
    assert_eq!(timeline.runs.len(), 1);
    assert_eq!(joins(&timeline), ["joined 1", "joined 2", "joined 3"]);
    // Two conversations that begin alike.
    let mut twice = calls.clone();
    twice.push(model(4, 10, 90).asks(None, "search", "{}").asks(None, "read", "{}"));
    let timeline = assemble(twice, servers);
    assert_eq!(timeline.runs.len(), 3, "which of two is continued is not known");
}

#[test]
fn an_id_that_is_used_again_links_nothing() {
    let calls = vec![
        model(1, 0, 100).asks(Some("functions.lookup:0"), "lookup", OSLO),
        model(2, 110, 190).asks(Some("functions.lookup:0"), "lookup", OSLO),
        model(3, 200, 300).brings(Some("functions.lookup:0"), None, "Oslo: 17 degrees"),
    ];
    let timeline = assemble(calls, vec![mcp(1, (120, 150), DESK, OSLO, "Oslo: 17 degrees")]);
    assert_eq!(timeline.runs.len(), 3);
    assert_eq!(joins(&timeline), ["unconfirmed 1", "none"]);
}

#[test]
fn the_leg_behind_a_proxy_is_left_out() {
    let to = |server: &str, call: ModelCall| ModelCall { server: server.parse().unwrap(), ..call };
    let behind = |call: ModelCall| to("10.0.0.8:443", call.by("10.0.0.9:7000"));
    let calls = vec![
        model(1, 0, 100).asks(Some("a"), "lookup", OSLO),
        behind(model(2, 10, 90).asks(Some("a"), "lookup", OSLO)),
        model(3, 200, 300).brings(Some("a"), None, "Oslo: 17 degrees"),
        behind(model(4, 210, 290).brings(Some("a"), None, "Oslo: 17 degrees")),
    ];
    let timeline = assemble(calls, vec![mcp(1, (120, 150), DESK, OSLO, "Oslo: 17 degrees")]);
    assert_eq!((timeline.behind_proxies, timeline.runs.len()), (2, 1));
    assert_eq!(joins(&timeline), ["joined 1"]);
    // A client that asks two servers for the same answer.
    let twice = |client: &str| {
        let first = model(1, 0, 100).brings(Some("a"), None, "x").by(client);
        let second = model(2, 10, 90).brings(Some("a"), None, "x").by(client);
        assemble(vec![to("10.0.0.9:443", first), to("10.0.0.8:443", second)], Vec::new())
    };
    assert_eq!((twice(AGENT).behind_proxies, twice(AGENT).runs.len()), (0, 2));
    // On one machine every address may be the same.
    let first = to("127.0.0.1:4000", model(1, 0, 100).brings(Some("a"), None, "x").by("127.0.0.1:5000"));
    let second = to("127.0.0.1:8000", model(2, 10, 90).brings(Some("a"), None, "x").by("127.0.0.1:5001"));
    assert_eq!(assemble(vec![first, second], Vec::new()).behind_proxies, 1);
}

#[test]
fn a_pause_of_the_user_is_idle() {
    let calls = vec![
        model(1, 0, 100).asks(Some("a"), "lookup", OSLO),
        model(2, 200, 300).brings(Some("a"), None, "x"),
        model(3, 5000, 5100).brings(Some("a"), None, "x").asks(Some("b"), "lookup", OSLO),
        model(4, 5200, 5300).brings(Some("a"), None, "x").brings(Some("b"), None, "x"),
    ];
    let timeline = assemble(calls, Vec::new());
    let times = timeline.runs[0].times;
    let ms = [times.model_ns, times.tools_ns, times.agent_ns, times.idle_ns].map(|ns| ns / 1_000_000);
    assert_eq!(ms, [400, 0, 200, 4700]);
    let text = written(&timeline);
    assert!(text.contains("     0.300 s   idle 4.70 s\n"), "{text}");
    assert_eq!(text.matches("  agent 100 ms\n").count(), 2, "{text}");
}

#[test]
fn the_wait_before_a_retry_is_the_time_of_the_agent() {
    let calls = |second: ModelCall| {
        vec![
            model(1, 0, 100).asks(Some("a"), "lookup", OSLO),
            second.brings(Some("a"), None, "x"),
            model(3, 5000, 5100).brings(Some("a"), None, "x"),
        ]
    };
    let failed = |status| ModelCall { status, ..model(2, 200, 300) };
    let cut = ModelCall { degraded: Degraded::GAP, ..model(2, 200, 300) };
    for second in [failed("error"), failed("cut"), failed("cancelled"), cut] {
        let timeline = assemble(calls(second), Vec::new());
        let times = timeline.runs[0].times;
        assert_eq!((times.agent_ns / 1_000_000, times.idle_ns), (4800, 0));
        let text = written(&timeline);
        assert!(text.contains("     0.300 s   agent 4.70 s\n") && !text.contains("idle"), "{text}");
    }
}

#[test]
fn arguments_that_are_not_known_are_not_compared() {
    let calls = |why: Option<NotCompared>| {
        let mut asks = model(1, 0, 100).asks(Some("a"), "desk_lookup", OSLO);
        if let Some(why) = why {
            asks.tools[0].parsed = Err(why);
        }
        vec![asks, model(2, 200, 300).brings(Some("a"), None, "Oslo: 17 degrees")]
    };
    let servers = || {
        vec![
            mcp(1, (120, 150), DESK, OSLO, "Oslo: 17 degrees"),
            mcp(2, (120, 150), ("desk", "search"), OSLO, "Oslo: 17 degrees"),
            mcp(3, (210, 250), DESK, OSLO, "Oslo: 17 degrees"),
        ]
    };
    let unasked = |timeline: &Timeline| timeline.unasked.iter().map(|call| call.n).collect::<Vec<_>>();
    let timeline = assemble(calls(Some(NotCompared::TooLong)), servers());
    assert_eq!((joins(&timeline), unasked(&timeline)), (vec!["not_compared 1".to_owned()], vec![2, 3]));
    let text = written(&timeline);
    assert!(text.contains("its arguments are too long to compare; it may be\n"), "{text}");
    assert!(text.contains("1 tool call: 1 not compared\n"), "{text}");
    let document = document(&timeline);
    let tool = &document["runs"][0]["llm_calls"][0]["tool_calls"][0];
    assert_eq!(
        (tool["join"].as_str(), tool["reason"].as_str()),
        (Some("not_compared"), Some("arguments_too_long"))
    );
    assert_eq!(tool["mcp_calls"][0]["exchange"], 1);
    // Those of the MCP call.
    let mut unread = servers();
    unread[0].arguments = None;
    let timeline = assemble(calls(None), unread);
    assert_eq!((joins(&timeline), unasked(&timeline)), (vec!["not_compared 1".to_owned()], vec![2, 3]));
    // Of another tool, or after the result.
    let timeline = assemble(calls(Some(NotCompared::Incomplete)), servers().split_off(1));
    assert_eq!((joins(&timeline), unasked(&timeline)), (vec!["none".to_owned()], vec![2, 3]));
    // A call that is joined to another tool call is not meant.
    let mut both = calls(None);
    both[0] = both[0].clone().asks(Some("b"), "desk_lookup", OSLO);
    both[0].tools[1].parsed = Err(NotCompared::Unreadable);
    assert_eq!(joins(&assemble(both, servers())), ["joined 1", "not_compared 3"]);
}

/// Hostile: the server chooses the counts.
#[test]
fn sums_of_tokens_saturate() {
    let count =
        |call: ModelCall| ModelCall { input_tokens: Some(u64::MAX), output_tokens: Some(u64::MAX), ..call };
    let calls = vec![
        count(model(1, 0, 100).asks(Some("a"), "lookup", OSLO)),
        count(model(2, 200, 300).brings(Some("a"), None, "x")),
    ];
    let timeline = assemble(calls, Vec::new());
    let text = written(&timeline);
    assert!(text.contains(&format!(", {0} tokens in, {0} out\n", u64::MAX)), "{text}");
    let document = document(&timeline);
    let run = &document["runs"][0];
    assert_eq!(
        (run["input_tokens"].as_u64(), run["output_tokens"].as_u64()),
        (Some(u64::MAX), Some(u64::MAX))
    );
}

/// A world of agents, with the MCP call that each tool call became.
fn world(steps: &[(u8, u8, u8, bool)]) -> (Vec<ModelCall>, Vec<McpCall>, BTreeMap<String, u64>) {
    let (mut calls, mut servers, mut truth) = (Vec::new(), Vec::new(), BTreeMap::new());
    let (mut number, mut n) = (0, 0);
    for (at, &(agent, tool, city, is_asked)) in (0_i64..).zip(steps) {
        // Steps of an agent follow each other, those of several overlap.
        let from = at * 40;
        let arguments = format!(r#"{{"city":{city}}}"#);
        let tool = if tool == 0 { "lookup" } else { "search" };
        n += 1;
        let answer = format!("reading {n:05} of {city}");
        servers.push(mcp(n, (from + 60 + i64::from(agent), from + 80), ("desk", tool), &arguments, &answer));
        if is_asked {
            let id = format!("call_{at}");
            number += 2;
            calls.push(model(number - 1, from, from + 50).asks(
                Some(&id),
                &format!("desk_{tool}"),
                &arguments,
            ));
            calls.push(model(number, from + 90, from + 120).brings(Some(&id), None, &answer));
            truth.insert(id, n);
        }
    }
    (calls, servers, truth)
}

/// The joins of a timeline by the ids of tool calls.
fn joined(timeline: &Timeline) -> BTreeMap<String, u64> {
    let tools = timeline.runs.iter().flat_map(|run| &run.calls).flat_map(|call| &call.tools);
    tools
        .filter_map(|tool| match &tool.join {
            Join::Joined(call, _) => Some((tool.id.as_deref()?.to_owned(), call.n)),
            _ => None,
        })
        .collect()
}

fn steps() -> impl Strategy<Value = Vec<(u8, u8, u8, bool)>> {
    prop::collection::vec((0_u8..3, 0_u8..2, 0_u8..3, any::<bool>()), 1..24)
}

proptest! {
    /// Every tool call is joined to its call, whatever else goes on, in whichever order it is read.
    #[test]
    fn every_call_is_joined((steps, seed) in (steps(), any::<u64>())) {
        let (mut calls, mut servers, truth) = world(&steps);
        prop_assert_eq!(&joined(&assemble(calls.clone(), servers.clone())), &truth);
        let key = |n: u64| n.wrapping_mul(seed | 1).rotate_left(23);
        calls.sort_by_key(|call| key(call.number));
        servers.sort_by_key(|call| key(call.n));
        prop_assert_eq!(&joined(&assemble(calls, servers)), &truth);
    }

    /// What is missing makes joins fewer, and none wrong.
    #[test]
    fn what_is_missing_makes_no_join_wrong(
        (steps, lost) in (steps(), prop::collection::vec(any::<bool>(), 72))
    ) {
        let (calls, servers, truth) = world(&steps);
        let is_lost = |index: usize| lost.get(index).copied().unwrap_or_default();
        let kept = calls.into_iter().enumerate().filter(|(index, _)| !is_lost(*index));
        let left = servers.into_iter().enumerate().filter(|(index, _)| !is_lost(index + 48));
        let timeline = assemble(kept.map(|(_, call)| call).collect(), left.map(|(_, call)| call).collect());
        for (id, n) in joined(&timeline) {
            prop_assert_eq!(truth.get(&id), Some(&n), "{}", id);
        }
    }

    /// The parts of the time of a run sum up to all of it.
    #[test]
    fn times_sum_up(steps in steps()) {
        let (calls, servers, _) = world(&steps);
        for run in assemble(calls, servers).runs {
            let times = run.times;
            let sum = times.model_ns + times.tools_ns + times.agent_ns + times.idle_ns;
            prop_assert_eq!(sum, times.end.since(times.start));
            prop_assert!([times.model_ns, times.tools_ns, times.agent_ns, times.idle_ns].iter().all(|ns| *ns >= 0));
        }
    }
}

/// Hostile: thousands of equal calls, and ids that are all the same.
#[test]
fn equal_calls_in_thousands_take_no_time() {
    let calls = (0_u32..4000).map(|at| {
        let time = i64::from(at);
        model(u64::from(at), time, time + 1).asks(Some("x"), "lookup", OSLO).brings(Some("x"), None, "y")
    });
    let servers = (0_u32..4000).map(|at| mcp(u64::from(at), (i64::from(at), 9000), DESK, OSLO, "z"));
    let timeline = assemble(calls.collect(), servers.collect());
    assert!(joined(&timeline).is_empty());
    let listed = timeline.runs.iter().flat_map(|run| &run.calls).flat_map(|call| &call.tools);
    assert!(listed.map(|tool| tool.join.calls().len()).max() <= Some(Join::MAX_CANDIDATES));
}

/// Hostile: each tool call has many candidates.
#[test]
fn lists_of_candidates_are_limited() {
    let mut asks = Vec::new();
    for number in 1..=20 {
        let mut call = model(number, 0, 100);
        for _ in 0..128 {
            call = call.asks(None, "lookup", OSLO);
        }
        asks.push(call);
    }
    let servers = (1..=17).map(|n| mcp(n, (200, 210), DESK, OSLO, "z")).collect();
    let timeline = assemble(asks, servers);
    let tools = timeline.runs.iter().flat_map(|run| &run.calls).flat_map(|call| &call.tools);
    assert!(tools.clone().all(|tool| tool.join.name() == "ambiguous"));
    let listed: usize = tools.map(|tool| tool.join.calls().len()).sum();
    assert_eq!(listed, Timeline::MAX_LISTED);
    assert_eq!(timeline.candidates_left_out, (20 * 128 * Join::MAX_CANDIDATES - listed) as u64);
    // The seventeenth may have been asked for, too.
    assert_eq!((timeline.unasked.len(), timeline.perhaps_asked), (0, 1));
    let (text, document) = (written(&timeline), document(&timeline));
    assert!(text.contains("  ambiguous: too many for a list\n"), "{text}");
    assert_eq!(text.matches(" MCP lookup ").count(), listed);
    assert_eq!(document.to_string().matches("\"exchange\"").count(), listed);
    assert_eq!(document["candidates_left_out"], timeline.candidates_left_out);
}

/// Hostile: many MCP calls of another machine, which are no candidates.
#[test]
fn comparisons_are_limited() {
    let mut calls = Vec::new();
    for number in 0..20 {
        let (mut asks, mut brings) = (model(number, 0, 100), model(number + 20, 900, 1000));
        for at in 0..128 {
            let id = format!("{number}-{at}");
            asks = asks.asks(Some(&id), "lookup", OSLO);
            brings = brings.brings(Some(&id), None, "z");
        }
        calls.extend([asks, brings]);
    }
    let elsewhere = |n| McpCall {
        client: "10.0.0.2:6000".parse().unwrap(),
        ..mcp(n, (200, 210), DESK, OSLO, &"written ".repeat(40))
    };
    let timeline = assemble(calls, (1..=256).map(elsewhere).collect());
    assert!(timeline.missing.contains(Degraded::NOT_READ));
    let mut kinds = joins(&timeline);
    kinds.sort();
    kinds.dedup();
    assert_eq!(kinds, ["none", "not_compared"]);
    assert_eq!((timeline.unasked.len(), timeline.perhaps_asked), (0, 256));
    assert!(written(&timeline).contains("256 MCP calls left out: "));
}

/// Text and JSON are written call by call, not made in memory first.
#[test]
fn what_is_written_is_not_held() {
    let calls = (1_u32..=2000).map(|at| {
        let (time, before) = (i64::from(at) * 10, (at - 1).to_string());
        let call = model(u64::from(at), time, time + 5).asks(Some(&at.to_string()), "lookup", OSLO);
        call.brings(Some(&before), None, "x")
    });
    let timeline = assemble(calls.collect(), Vec::new());
    assert_eq!(timeline.runs.len(), 1);
    let files = Files::default();
    let of_text = allocation_counter::measure(|| {
        text(&timeline, &files, false, &mut std::io::sink()).unwrap();
    });
    let of_json = allocation_counter::measure(|| {
        json(&timeline, &files, &mut std::io::sink()).unwrap();
    });
    assert!(of_text.bytes_max < 1 << 20 && of_json.bytes_max < 1 << 20, "{of_text:?} {of_json:?}");
}
