//! How long a call waited and who ended the wait; whose time it was; definitions that change.

use serde_json::{Value, json};

use super::http::*;
use super::story::*;

const A: &str = "10.0.0.1:5000";
const B: &str = "10.0.0.1:5001";
const C: &str = "10.0.0.1:5002";
const SID: Fields = &[("Mcp-Session-Id", "x")];

/// A wait ends with the client's FIN, however long the server takes to close its side.
#[test]
fn a_wait_ends_with_the_fin_of_the_client() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(1000.0).c(conn, post("/mcp", SID, &request(1, "tools/call")));
    story.at(1001.0).s(conn, sse(&[]));
    let fin = story.at(6000.0).fin(conn, Client);
    story.at(9000.0).fin(conn, Server);
    // Something later in the capture.
    let other = story.at(20_000.0).connect(B, SERVER);
    story.c(other, post("/mcp", SID, &request(2, "ping")));
    story.s(other, ok(&result(2)));
    story.run().exchange_is(
        2,
        json!({"status": "unanswered", "cause": "client_closed", "waited_ms": 5000.0, "waited_packet": fin,
            "server_ms": 5000.0, "user_ms": null, "server_name": "listener"}),
    );
}

/// The same over HTTP+SSE: the stream that should have carried the answer is another connection.
#[test]
fn a_wait_ends_with_the_fin_on_the_event_stream() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    story.at(1000.0).c(posts, send(TARGET, &request(1, "tools/call")));
    story.s(posts, accepted());
    let fin = story.at(4000.0).fin(stream, Client);
    story.at(5000.0).fin(stream, Server);
    let rows = story.run();
    rows.exchange_is(
        2,
        json!({"status": "unanswered", "cause": "client_closed", "waited_ms": 3000.0, "waited_packet": fin}),
    );
}

/// Since 2026-07-28 the client cancels by closing.
#[test]
fn closing_is_when_the_call_was_cancelled() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.at(10.0).c(conn, post("/mcp", &[MODERN], &modern(1, "tools/list", json!({}), Some("one"))));
    story.at(11.0).s(conn, sse(&[]));
    let fin = story.at(510.0).rst(conn, Client);
    story.run().exchange_is(
        1,
        json!({"status": "cancelled", "cause": "client_closed", "waited_ms": 500.0, "waited_packet": fin,
            "client_name": "one"}),
    );
}

/// What the server asks inside a call is the time of the client or its user; questions that overlap
/// count once.
#[test]
fn the_users_time_is_not_the_servers() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    let answers = story.connect(B, SERVER);
    story.at(1000.0).c(conn, post("/mcp", SID, &request(1, "tools/call")));
    story.at(1001.0).s(conn, sse(&[]));
    story.at(1100.0).s(conn, event(&request(5, "elicitation/create")));
    story.at(1200.0).s(conn, event(&request(6, "roots/list")));
    story.at(1300.0).c(answers, post("/mcp", SID, &result(6)));
    story.s(answers, accepted());
    story.at(5100.0).c(answers, post("/mcp", SID, &result(5)));
    story.s(answers, accepted());
    story.at(5600.0).s(conn, event(&request(7, "sampling/createMessage")));
    story.at(6600.0).c(answers, post("/mcp", SID, &result(7)));
    story.s(answers, accepted());
    story.at(7000.0).s(conn, event(&result(1)));
    story.s(conn, LAST);
    let rows = story.run();
    rows.exchange_is(
        2,
        json!({"total_ms": 6000.0, "asked": 3, "user_ms": 5000.0, "server_ms": 1000.0, "network_ms": 0.0, "parent": null}),
    );
    for n in 3..=5 {
        rows.exchange_is(n, json!({"origin": "server", "parent": 2, "asked": 0, "user_ms": null}));
    }
}

/// A question that nobody answers lasts as long as the call, and no longer.
#[test]
fn a_question_without_an_answer_ends_with_its_call() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(1000.0).c(conn, post("/mcp", SID, &request(1, "tools/call")));
    story.at(1001.0).s(conn, sse(&[]));
    story.at(1500.0).s(conn, event(&request(5, "elicitation/create")));
    story.at(4000.0).close(conn, Client);
    story.run().exchange_is(
        2,
        json!({"status": "unanswered", "waited_ms": 3000.0, "asked": 1, "user_ms": 2500.0, "server_ms": 500.0}),
    );
}

/// Rounds of a call whose results ask for input: between them it is the user's time.
#[test]
fn the_time_between_rounds() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    let first = modern(1, "tools/call", json!({"name": "ask", "arguments": {}}), Some("one"));
    story.at(10.0).c(conn, post("/mcp", &[MODERN], &first));
    let asks = json!({"jsonrpc": "2.0", "id": 1, "result": {"resultType": "input_required", "requestState": "S",
        "inputRequests": {"k": {"method": "elicitation/create", "params": {}}}}});
    story.at(11.0).s(conn, ok(&asks.to_string()));
    let params = json!({"name": "ask", "arguments": {}, "requestState": "S", "inputResponses": {"k": {}}});
    story.at(3011.0).c(conn, post("/mcp", &[MODERN], &modern(2, "tools/call", params, Some("one"))));
    story.at(3012.0).s(conn, ok(&result(2)));
    let rows = story.run();
    rows.exchange_is(1, json!({"input_ms": null}));
    rows.exchange_is(2, json!({"continues": 1, "input_ms": 3000.0, "total_ms": 1.0}));
}

fn tools(id: u64, tools: &Value, next: Option<&str>) -> String {
    let mut result = json!({"tools": tools});
    if let Some(next) = next {
        result["nextCursor"] = json!(next);
    }
    ok(&json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string())
}

/// A definition that changes under its name, one that is new and one that is gone are one finding.
#[test]
fn definitions_that_change() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    let list = |story: &mut Story, id: u64, listed: Value| {
        story.c(conn, post("/mcp", SID, &request(id, "tools/list")));
        story.s(conn, tools(id, &listed, None))
    };
    let before = list(&mut story, 1, json!([{"name": "a", "description": "x"}, {"name": "b"}]));
    let now = list(&mut story, 2, json!([{"name": "c"}, {"name": "a", "description": "y"}]));
    // What was seen before is no news.
    list(&mut story, 3, json!([{"name": "a", "description": "x"}, {"name": "c"}]));
    let rows = story.run();
    rows.finds("mcp.definitions_changed", 1);
    let detail = format!("tools: changed: a (before in packet {before}); new: c; gone: b");
    has(
        rows.found("mcp.definitions_changed")[0],
        json!({"packet": now, "exchange": 3, "session": "s1", "severity": "notice", "detail": detail}),
    );
}

/// Order and blanks are no change, nor is what another page or another session does not have.
#[test]
fn definitions_that_stay() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    let other = streamable(&mut story, C, "2025-06-18", "y");
    for (id, cursor, listed, next) in [
        (1, json!({}), json!([{"name": "a", "description": "x"}, {"name": "b"}]), None),
        (2, json!({}), json!([{"name": "b"}, {"description": "x", "name": "a"}]), None),
        (3, json!({}), json!([{"name": "a", "description": "x"}]), Some("2")),
        (4, json!({"cursor": "2"}), json!([{"name": "b"}]), None),
    ] {
        story.c(conn, post("/mcp", SID, &with(id, "tools/list", cursor)));
        story.s(conn, tools(id, &listed, next));
    }
    story.c(other, post("/mcp", &[("Mcp-Session-Id", "y")], &request(1, "tools/list")));
    story.s(other, tools(1, &json!([{"name": "only-for-them"}]), None));
    story.run().finds("mcp.definitions_changed", 0);
}
