//! Rules of `check` that need the contents of messages, each where it fires and where it is silent.

use mcpdump::base::Severity;
use serde_json::{Value, json};

use super::http::*;
use super::story::*;
use super::talk::*;
use super::tasks::with_tasks;
use crate::support::assert_no_problems;
use crate::support::corpus::{self, Capture};

const A: &str = "10.0.0.1:5000";
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
        json!({"resultType": "task", "taskId": "t", "status": "working", "ttlMs": null,
            "createdAt": "2026-01-01T00:00:00Z", "lastUpdatedAt": "2026-01-01T00:00:00Z"}),
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

/// What a rule compares with, or what it looks at, is captured in half.
#[test]
fn half_a_message_is_not_judged() {
    let list = || tool(one_string(), None);
    // The definition is missing, then the call.
    let mut unlisted = Talk::new(json!({"tools": {}}));
    unlisted.lose("tools/list", json!({}), list());
    unlisted.conn = unlisted.story.at(2500.0).connect("10.0.0.1:5001", SERVER);
    unlisted.ask("tools/call", call(json!({"q": 5})), text("b"));
    unlisted.is_silent_on(&["contents.bad_arguments", "contents.bad_schema", "contents.schema_limit"]);
    let mut uncalled = Talk::new(json!({"tools": {}}));
    uncalled.ask("tools/list", json!({}), list());
    let request = uncalled.request("tools/call", call(json!({"q": 5})));
    let (half, rest) = request.split_at(request.len() - 10);
    uncalled.story.at(3000.0).c(uncalled.conn, half);
    uncalled.story.lose(uncalled.conn, Client, rest);
    uncalled.story.ack(uncalled.conn, Server);
    uncalled.story.at(5000.0).s(uncalled.conn, ok(&result(uncalled.id)));
    uncalled.is_silent_on(&["contents.bad_arguments"]);
    // What the server announces is missing.
    let mut unknown = Talk::modern();
    let announced = json!({"supportedVersions": ["2026-07-28"], "capabilities": {}});
    unknown.lose("server/discover", json!({}), announced);
    unknown.conn = unknown.story.at(2500.0).connect("10.0.0.1:5001", SERVER);
    unknown.ask("skills/list", json!({}), json!({"skills": [], "resultType": "complete"}));
    unknown.is_silent_on(&["contents.not_negotiated", "contents.skill_digest"]);
    // Half a result has no members that it lacks.
    let mut cut = Talk::modern();
    cut.lose("tools/list", json!({}), json!({"tools": []}));
    cut.is_silent_on(&["contents.result_type", "contents.cache_hint"]);
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
