//! Rules of `check` that need the contents of messages, each where it fires and where it is silent.

use std::io::Cursor;

use mcpdump::base::{Finding, Severity};
use mcpdump::capture;
use mcpdump::contents::Rules;
use mcpdump::engine::Engine;
use serde_json::{Value, json};

use super::http::*;
use super::story::*;
use crate::support::assert_no_problems;
use crate::support::corpus::{self, Capture};

const A: &str = "10.0.0.1:5000";
const NOW: &str = "2025-11-25";

fn ruled(mut source: impl capture::Source) -> Vec<Finding> {
    let (mut engine, mut entries) = (Engine::new(), Vec::new());
    engine.emit_payloads();
    while engine.read(&mut source, &mut entries).unwrap() {}
    let mut rules = Rules::new();
    let mut findings: Vec<_> = entries.iter().flat_map(|entry| rules.push(entry)).collect();
    findings.extend(rules.finish());
    findings
}

/// A session that is told request by request.
struct Talk {
    story: Story,
    conn: Conn,
    id: u64,
    is_modern: bool,
}

impl Talk {
    /// A session of 2025-11-25 whose server has these capabilities.
    fn new(capabilities: Value) -> Self {
        Self::of(NOW, capabilities)
    }

    fn of(revision: &str, capabilities: Value) -> Self {
        let mut story = Story::new();
        let conn = story.connect(A, SERVER);
        story.c(conn, post("/mcp", &[], &initialize(0, revision)));
        let mut answer: Value = serde_json::from_str(&initialized(0, revision)).unwrap();
        answer["result"]["capabilities"] = capabilities;
        story.s(conn, json_reply("200 OK", &[("Mcp-Session-Id", "x")], &answer.to_string()));
        story.c(conn, post("/mcp", &[("Mcp-Session-Id", "x")], INITIALIZED));
        story.s(conn, accepted());
        Self { story, conn, id: 1, is_modern: false }
    }

    /// Requests of 2026-07-28.
    fn modern() -> Self {
        let mut story = Story::new();
        let conn = story.connect(A, SERVER);
        Self { story, conn, id: 1, is_modern: true }
    }

    fn request(&mut self, method: &str, params: Value) -> String {
        self.id += 1;
        if self.is_modern {
            let fields = [MODERN, ("Mcp-Method", method)];
            let body = modern(self.id, method, params, Some("one"));
            return post("/mcp", &fields, &body);
        }
        let fields = [("Mcp-Session-Id", "x"), ("MCP-Protocol-Version", NOW)];
        post("/mcp", &fields, &with(self.id, method, params))
    }

    /// A request and its result, a second after what was before.
    fn ask(&mut self, method: &str, params: Value, result: Value) -> &mut Self {
        let request = self.request(method, params);
        let answer = json!({"jsonrpc": "2.0", "id": self.id, "result": result});
        self.story.at(1000.0 * self.id as f64).c(self.conn, request);
        self.story.at(1000.0 * self.id as f64 + 10.0).s(self.conn, ok(&answer.to_string()));
        self
    }

    /// A request that is answered with an error.
    fn refuse(&mut self, method: &str, params: Value, code: i64) -> &mut Self {
        let request = self.request(method, params);
        let answer = error(self.id, code, "no");
        self.story.at(1000.0 * self.id as f64).c(self.conn, request);
        self.story.at(1000.0 * self.id as f64 + 10.0).s(self.conn, ok(&answer));
        self
    }

    /// A request whose answer is not captured whole.
    fn lose(&mut self, method: &str, params: Value, result: Value) -> &mut Self {
        let request = self.request(method, params);
        let answer = ok(&json!({"jsonrpc": "2.0", "id": self.id, "result": result}).to_string());
        let (half, rest) = answer.split_at(answer.len() - 10);
        self.story.at(1000.0 * self.id as f64).c(self.conn, request);
        self.story.s(self.conn, half);
        self.story.lose(self.conn, Server, rest);
        self.story.ack(self.conn, Client);
        self
    }

    /// Messages of the server, on the stream of a request that is answered with `last`, if at all.
    fn stream(
        &mut self,
        method: &str,
        params: Value,
        messages: &[(&str, Value)],
        last: Option<Value>,
    ) -> &mut Self {
        let request = self.request(method, params);
        self.story.at(1000.0 * self.id as f64).c(self.conn, request);
        self.story.s(self.conn, sse(&[]));
        for (method, params) in messages {
            self.story.s(self.conn, event(&notification(method, params.clone())));
        }
        if let Some(result) = last {
            let answer = json!({"jsonrpc": "2.0", "id": self.id, "result": result});
            self.story.s(self.conn, event(&answer.to_string()));
        }
        self.story.s(self.conn, LAST);
        self
    }

    fn found(&self) -> Vec<(&'static str, String)> {
        let source = capture::from_reader("story", Box::new(Cursor::new(self.story.pcap())));
        ruled(source).into_iter().map(|finding| (finding.code.name(), finding.detail)).collect()
    }

    /// These are the findings.
    #[track_caller]
    fn says(&self, expected: &[&str]) {
        let found = self.found();
        let codes: Vec<_> = found.iter().map(|(code, _)| *code).collect();
        assert_eq!(codes, expected, "{found:?}");
    }

    #[track_caller]
    fn is_silent_on(&self, codes: &[&str]) {
        let found = self.found();
        assert!(found.iter().all(|(code, _)| !codes.contains(code)), "{found:?}");
    }
}

fn tool(schema: Value, output: Option<Value>) -> Value {
    let mut tool = json!({"name": "search", "inputSchema": schema});
    if let Some(output) = output {
        tool["outputSchema"] = output;
    }
    json!({"tools": [tool]})
}

fn one_string() -> Value {
    json!({"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]})
}

fn call(arguments: Value) -> Value {
    json!({"name": "search", "arguments": arguments})
}

fn text(text: &str) -> Value {
    json!({"content": [{"type": "text", "text": text}]})
}

#[test]
fn arguments_that_do_not_fit_their_schema() {
    let mut talk = Talk::new(json!({"tools": {}}));
    talk.ask("tools/list", json!({}), tool(one_string(), None));
    talk.ask("tools/call", call(json!({"q": "fits"})), text("a"));
    talk.ask("tools/call", call(json!({"q": 5})), text("b"));
    talk.ask("tools/call", json!({"name": "search"}), text("c"));
    let found = talk.found();
    let expected = [
        "arguments of search: /q: a number is of another type (/properties/q/type)",
        "arguments of search: \"q\" is missing (/required)",
    ];
    assert_eq!(found, expected.map(|detail| ("contents.bad_arguments", detail.to_owned())));
}

/// What the server refuses is not told twice, and what is not known to be in force is not told.
#[test]
fn arguments_whose_schema_is_not_known_or_that_are_refused() {
    let wrong = || call(json!({"q": 5}));
    let mut refused = Talk::new(json!({"tools": {}}));
    refused.ask("tools/list", json!({}), tool(one_string(), None));
    refused.refuse("tools/call", wrong(), -32602);
    let mut failed = text("q is no string");
    failed["isError"] = true.into();
    refused.ask("tools/call", wrong(), failed);
    refused.says(&[]);

    let mut changed = Talk::new(json!({"tools": {"listChanged": true}}));
    changed.ask("tools/list", json!({}), tool(one_string(), None));
    changed.ask("tools/call", wrong(), text("a"));
    changed.ask("tools/list", json!({}), tool(json!({"type": "object"}), None));
    changed.ask("tools/call", wrong(), text("b"));
    changed.says(&[]);

    let mut announced = Talk::new(json!({"tools": {"listChanged": true}}));
    announced.ask("tools/list", json!({}), tool(one_string(), None));
    let news = [("notifications/tools/list_changed", json!({}))];
    announced.stream("tools/call", call(json!({"q": "a"})), &news, Some(text("a")));
    announced.ask("tools/call", wrong(), text("b"));
    announced.says(&[]);

    let mut lost = Talk::new(json!({"tools": {}}));
    lost.lose("tools/list", json!({}), tool(one_string(), None));
    lost.says(&[]);
}

#[test]
fn results_that_do_not_fit_their_schema() {
    let output = json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]});
    let of = |result: Value| {
        let mut talk = Talk::new(json!({"tools": {}}));
        talk.ask("tools/list", json!({}), tool(one_string(), Some(output.clone())));
        talk.ask("tools/call", call(json!({"q": "a"})), result);
        talk
    };
    let structured = |content: Value| json!({"content": [], "structuredContent": content});
    of(structured(json!({"n": 1}))).says(&[]);
    of(structured(json!({"n": "1"}))).says(&["contents.bad_result"]);
    of(text("no structure")).says(&["contents.bad_result"]);
    let mut failed = text("failed");
    failed["isError"] = true.into();
    of(failed).says(&[]);
    of(json!({"task": {"taskId": "a", "status": "working"}})).is_silent_on(&["contents.bad_result"]);

    let mut lost = Talk::new(json!({"tools": {}}));
    lost.ask("tools/list", json!({}), tool(one_string(), Some(output)));
    lost.lose("tools/call", call(json!({"q": "a"})), structured(json!({"n": "1"})));
    lost.says(&[]);
}

/// Schemas that are none, that lead elsewhere, and that take too long to check.
#[test]
fn schemas_that_cannot_be_used() {
    let of = |schema: Value, arguments: Value| {
        let mut talk = Talk::new(json!({"tools": {}}));
        talk.ask("tools/list", json!({}), tool(schema, None));
        talk.ask("tools/call", call(arguments), text("a"));
        talk
    };
    of(json!({"type": "object", "properties": {"q": {"type": "strin"}}}), json!({}))
        .says(&["contents.bad_schema"]);
    of(json!({"type": "object", "properties": {"q": {"$ref": "http://127.0.0.1:1/x"}}}), json!({"q": 1}))
        .says(&[]);
    let twice = json!({"type": "object", "anyOf": [
        {"properties": {"a": {"$ref": "#"}}}, {"properties": {"a": {"$ref": "#"}}}]});
    let mut deep = json!({});
    for _ in 0..60 {
        deep = json!({"a": deep});
    }
    of(twice, deep).says(&["contents.schema_limit"]);
}

#[test]
fn cursors_that_nobody_gave() {
    let page = |next: Option<&str>| {
        let mut page = json!({"tools": []});
        if let Some(next) = next {
            page["nextCursor"] = next.into();
        }
        page
    };
    let mut talk = Talk::new(json!({"tools": {}}));
    talk.ask("tools/list", json!({}), page(Some("a")));
    talk.ask("tools/list", json!({"cursor": "a"}), page(None));
    talk.says(&[]);
    talk.refuse("tools/list", json!({"cursor": "b"}), -32602);
    talk.says(&["contents.unknown_cursor"]);

    let mut lost = Talk::new(json!({"tools": {}}));
    lost.lose("tools/list", json!({}), page(Some("a")));
    let other = lost.story.at(5000.0).connect("10.0.0.1:5001", SERVER);
    lost.conn = other;
    lost.ask("tools/list", json!({"cursor": "a"}), page(None));
    lost.is_silent_on(&["contents.unknown_cursor"]);
}

#[test]
fn pages_that_go_round() {
    let page = |next: &str| json!({"tools": [], "nextCursor": next});
    let mut same = Talk::new(json!({"tools": {}}));
    same.ask("tools/list", json!({}), page("a"));
    same.ask("tools/list", json!({"cursor": "a"}), page("a"));
    same.ask("tools/list", json!({"cursor": "a"}), page("a"));
    same.says(&["contents.page_loop"]);
    let mut round = Talk::new(json!({"tools": {}}));
    round.ask("tools/list", json!({}), page("a"));
    round.ask("tools/list", json!({"cursor": "a"}), page("b"));
    round.says(&[]);
    round.ask("tools/list", json!({"cursor": "b"}), page("a"));
    round.says(&["contents.page_loop"]);
    let mut twice = Talk::new(json!({"tools": {}}));
    for _ in 0..2 {
        twice.ask("tools/list", json!({}), page("a"));
        twice.ask("tools/list", json!({"cursor": "a"}), json!({"tools": []}));
    }
    twice.says(&[]);
}

fn task(status: &str, ttl: Value) -> Value {
    json!({"taskId": "t1", "status": status, "createdAt": "2026-01-01T00:00:00Z", "ttl": ttl})
}

fn with_tasks() -> Talk {
    let mut talk = Talk::new(json!({"tools": {}, "tasks": {"requests": {"tools": {"call": {}}}}}));
    let params = json!({"name": "search", "arguments": {}, "task": {}});
    talk.ask("tools/call", params, json!({"task": task("working", json!(60_000))}));
    talk
}

#[test]
fn tasks_that_nobody_gave() {
    let id = || json!({"taskId": "t1"});
    let mut talk = Talk::new(json!({"tools": {}, "tasks": {}}));
    talk.refuse("tasks/get", id(), -32602);
    talk.says(&["contents.unknown_task"]);
    let mut earlier = Talk::new(json!({"tools": {}, "tasks": {}}));
    earlier.ask("tasks/get", id(), task("working", json!(null)));
    earlier.refuse("tasks/get", id(), -32602);
    earlier.says(&[]);
    let mut lost = Talk::new(json!({"tools": {}, "tasks": {}}));
    lost.lose("tools/call", call(json!({})), json!({"task": task("working", json!(60_000))}));
    lost.conn = lost.story.at(5000.0).connect("10.0.0.1:5001", SERVER);
    lost.refuse("tasks/get", id(), -32602);
    lost.is_silent_on(&["contents.unknown_task"]);
}

#[test]
fn tasks_that_are_lost() {
    let id = || json!({"taskId": "t1"});
    let mut lost = with_tasks();
    lost.refuse("tasks/get", id(), -32602);
    lost.says(&["contents.task_lost"]);
    let mut expired = with_tasks();
    expired.id = 100;
    expired.refuse("tasks/get", id(), -32602);
    expired.says(&[]);
    let mut cancelled = with_tasks();
    cancelled.ask("tasks/cancel", id(), task("cancelled", json!(60_000)));
    cancelled.refuse("tasks/get", id(), -32602);
    cancelled.says(&[]);
}

#[test]
fn tasks_whose_status_goes_back() {
    let id = || json!({"taskId": "t1"});
    let mut back = with_tasks();
    back.ask("tasks/get", id(), task("completed", json!(60_000)));
    back.ask("tasks/get", id(), task("completed", json!(60_000)));
    back.says(&[]);
    back.ask("tasks/get", id(), task("working", json!(60_000)));
    back.says(&["contents.task_status"]);
    // What was asked before the end may be answered after it.
    let mut crossed = with_tasks();
    let late = crossed.request("tasks/get", id());
    crossed.story.at(2500.0).c(crossed.conn, late);
    let answer = json!({"jsonrpc": "2.0", "id": crossed.id, "result": task("working", json!(60_000))});
    let first = crossed.conn;
    crossed.conn = crossed.story.connect("10.0.0.1:5001", SERVER);
    crossed.ask("tasks/get", id(), task("completed", json!(60_000)));
    crossed.story.at(9000.0).s(first, ok(&answer.to_string()));
    crossed.says(&[]);
}

#[test]
fn what_was_not_announced() {
    let params = || json!({"name": "search", "arguments": {}, "task": {}});
    let mut talk = Talk::new(json!({"tools": {}}));
    talk.ask("tools/call", params(), text("a"));
    talk.ask("tools/call", params(), text("a"));
    talk.says(&["contents.not_negotiated"]);
    with_tasks().says(&[]);
    let mut unknown = Talk::new(json!({"tools": {}}));
    unknown.lose("tools/call", params(), text("a"));
    unknown.says(&["contents.not_negotiated"]);

    let news = [("notifications/tools/list_changed", json!({}))];
    for (capabilities, expected) in [
        (json!({"tools": {}}), &["contents.not_negotiated"][..]),
        (json!({"tools": {"listChanged": true}}), &[]),
    ] {
        let mut talk = Talk::new(capabilities);
        talk.stream("tools/call", call(json!({})), &news, Some(text("a")));
        talk.says(expected);
    }
}

#[test]
fn extensions_that_were_not_announced() {
    let hints = |mut result: Value| {
        result["resultType"] = "complete".into();
        result["ttlMs"] = 0.into();
        result["cacheScope"] = "private".into();
        result
    };
    let discovered = |extensions: Value| {
        hints(json!({"supportedVersions": ["2026-07-28"], "capabilities": {"extensions": extensions}}))
    };
    for (extensions, expected) in
        [(json!({}), &["contents.not_negotiated"][..]), (json!({"io.modelcontextprotocol/skills": {}}), &[])]
    {
        let mut talk = Talk::modern();
        talk.ask("server/discover", json!({}), discovered(extensions));
        talk.ask("skills/list", json!({}), hints(json!({"skills": []})));
        talk.says(expected);
    }
    let mut undiscovered = Talk::modern();
    undiscovered.ask("skills/list", json!({}), hints(json!({"skills": []})));
    undiscovered.says(&[]);
    let mut task = Talk::modern();
    task.ask(
        "tools/call",
        call(json!({})),
        json!({"resultType": "task", "taskId": "t", "status": "working"}),
    );
    task.says(&["contents.not_negotiated"]);
}

#[test]
fn updates_that_nobody_subscribed_to() {
    let capabilities = || json!({"tools": {}, "resources": {"subscribe": true}});
    let news = |uri: &str| [("notifications/resources/updated", json!({"uri": uri}))];
    let mut talk = Talk::new(capabilities());
    talk.ask("resources/subscribe", json!({"uri": "file:///a"}), json!({}));
    talk.stream("tools/call", call(json!({})), &news("file:///a/inside"), Some(text("a")));
    talk.says(&[]);
    talk.stream("tools/call", call(json!({})), &news("file:///b"), Some(text("a")));
    talk.says(&["contents.not_subscribed"]);
    let mut lost = Talk::new(capabilities());
    lost.stream("tools/call", call(json!({})), &news("file:///b"), Some(text("a")));
    lost.lose("tools/call", call(json!({})), text("a"));
    lost.is_silent_on(&["contents.not_subscribed"]);
}

#[test]
fn subscriptions_that_are_not_acknowledged() {
    let meta = json!({"_meta": {"io.modelcontextprotocol/subscriptionId": 2}});
    let acknowledged = ("notifications/subscriptions/acknowledged", meta.clone());
    let changed = ("notifications/tools/list_changed", meta);
    let unnamed = ("notifications/tools/list_changed", json!({}));
    for (messages, expected) in [
        (vec![acknowledged.clone(), changed.clone()], &[][..]),
        (vec![changed.clone()], &["contents.bad_subscription"]),
        (vec![acknowledged, unnamed], &["contents.bad_subscription"]),
    ] {
        let mut talk = Talk::modern();
        talk.stream(
            "subscriptions/listen",
            json!({"notifications": {"toolsListChanged": true}}),
            &messages,
            Some(json!({"resultType": "complete"})),
        );
        talk.says(expected);
    }
    // The beginning of the stream is missing.
    let mut lost = Talk::modern();
    let request = lost.request("subscriptions/listen", json!({}));
    lost.story.c(lost.conn, request);
    lost.story.s(lost.conn, sse(&[]));
    lost.story.lose(
        lost.conn,
        Server,
        event(&notification("notifications/subscriptions/acknowledged", json!({}))),
    );
    lost.story.ack(lost.conn, Client);
    lost.story.at(2000.0).s(lost.conn, event(&notification(changed.0, changed.1)));
    lost.story.s(lost.conn, event(&result(lost.id)));
    lost.story.s(lost.conn, LAST);
    lost.is_silent_on(&["contents.bad_subscription"]);
}

#[test]
fn results_of_2026_07_28_have_a_type_and_hints() {
    let of = |result: Value| {
        let mut talk = Talk::modern();
        talk.ask("tools/list", json!({}), result.clone());
        talk.ask("tools/list", json!({}), result);
        talk
    };
    let whole = json!({"tools": [], "resultType": "complete", "ttlMs": 0, "cacheScope": "public"});
    of(whole.clone()).says(&[]);
    for (member, value, expected) in [
        ("ttlMs", json!(-1), "contents.cache_hint"),
        ("cacheScope", json!("all"), "contents.cache_hint"),
        ("resultType", json!(null), "contents.result_type"),
    ] {
        let mut result = whole.clone();
        result[member] = value;
        of(result).is_silent_on(&["contents.bad_result"]);
        let mut result = whole.clone();
        result.as_object_mut().unwrap().remove(member);
        of(result).says(&[expected]);
    }
    let mut earlier = Talk::new(json!({"tools": {}}));
    earlier.ask("tools/list", json!({}), json!({"tools": []}));
    earlier.says(&[]);
    let mut lost = Talk::modern();
    lost.lose("tools/list", json!({}), json!({"tools": []}));
    lost.says(&[]);
}

#[test]
fn methods_and_cancellations_that_are_no_more() {
    let mut talk = Talk::modern();
    talk.ask("ping", json!({}), json!({"resultType": "complete"}));
    talk.says(&["contents.removed_method"]);
    let body = notification("notifications/cancelled", json!({"requestId": 2}));
    let post = post("/mcp", &[MODERN], &body);
    talk.story.at(5000.0).c(talk.conn, post);
    talk.story.s(talk.conn, accepted());
    talk.says(&["contents.removed_method", "contents.bad_cancel"]);
    let mut earlier = Talk::new(json!({}));
    earlier.ask("ping", json!({}), json!({}));
    earlier.says(&[]);
}

#[test]
fn skills_have_the_digests_of_their_entries() {
    // printf hello | sha256sum
    let digest = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    let entry = json!({"uri": "skill://a/SKILL.md", "frontmatter": {"name": "a", "description": "b"},
        "resources": [{"uri": "skill://a/SKILL.md", "digest": digest, "size": 5}]});
    let hints = json!({"resultType": "complete", "ttlMs": 0, "cacheScope": "private"});
    let result = |name: &str, value: Value| {
        let mut result = hints.clone();
        result[name] = value;
        result
    };
    let of = |content: Value| {
        let mut talk = Talk::modern();
        talk.ask("skills/list", json!({}), result("skills", json!([entry])));
        let uri = json!({"uri": "skill://a/SKILL.md"});
        talk.ask("resources/read", uri, result("contents", json!([content])));
        talk
    };
    of(json!({"uri": "skill://a/SKILL.md", "text": "hello"})).says(&[]);
    of(json!({"uri": "skill://a/SKILL.md", "blob": "aGVsbG8="})).says(&[]);
    of(json!({"uri": "skill://b/SKILL.md", "text": "other"})).says(&[]);
    of(json!({"uri": "skill://a/SKILL.md", "text": "hullo"})).says(&["contents.skill_digest"]);
    let mut lost = Talk::modern();
    lost.ask("skills/list", json!({}), result("skills", json!([entry])));
    let content = json!([{"uri": "skill://a/SKILL.md", "text": "hullo"}]);
    lost.lose("resources/read", json!({"uri": "skill://a/SKILL.md"}), result("contents", content));
    lost.says(&[]);
}

#[test]
fn server_cards_agree_with_their_servers() {
    for (version, expected) in [("2", &[][..]), ("3", &["contents.card_differs"])] {
        let mut story = Story::new();
        let conn = story.connect(A, SERVER);
        story.c(conn, "GET /mcp/server-card HTTP/1.1\r\nHost: example\r\n\r\n");
        let card = json!({"name": "example/listener", "version": version}).to_string();
        story.s(conn, reply("200 OK", &[("Content-Type", "application/mcp-server-card+json")], &card));
        story.at(100.0).c(conn, post("/mcp", &[], &initialize(0, NOW)));
        story.s(conn, json_reply("200 OK", &[("Mcp-Session-Id", "x")], &initialized(0, NOW)));
        Talk { story, conn, id: 1, is_modern: false }.says(expected);
    }
}

/// The header of a task's request repeats its id.
#[test]
fn the_name_header_of_a_task() {
    for (name, expected) in [("t1", 0), ("t2", 1)] {
        let mut story = Story::new();
        let conn = story.connect(A, SERVER);
        let fields = [MODERN, ("Mcp-Method", "tasks/get"), ("Mcp-Name", name)];
        story.c(conn, post("/mcp", &fields, &modern(1, "tasks/get", json!({"taskId": "t1"}), Some("one"))));
        story.at(10.0).s(conn, ok(&result(1)));
        story.run().finds("mcp.header_mismatch", expected);
    }
}

/// A rule that warns of healthy traffic is not believed.
#[test]
fn healthy_captures_show_nothing() {
    let mut problems = Vec::new();
    for capture in Capture::small_and_whole() {
        let findings = ruled(corpus::source(capture.bytes())).into_iter();
        for finding in findings.filter(|finding| finding.code.severity() >= Severity::Warning) {
            problems.push(format!("{}: {} ({})", capture.name(), finding.code, finding.detail));
        }
    }
    assert_no_problems(&problems);
}
