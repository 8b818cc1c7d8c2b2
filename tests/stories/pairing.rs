//! Section 5: which request a response belongs to, and what else is joined to an exchange.

use serde_json::json;

use super::http::*;
use super::story::*;

const A: &str = "10.0.0.1:5000";
const B: &str = "10.0.0.1:5001";
const SID: Fields = &[("Mcp-Session-Id", "x")];

#[test]
fn ids_1_and_text_1_are_different() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    story.at(10.0).c(posts, send(TARGET, &request(1, "tools/list")));
    story.s(posts, accepted());
    story.at(11.0).c(posts, send(TARGET, &request("1", "prompts/list")));
    story.s(posts, accepted());
    story.at(15.0).s(stream, event(&result("1")));
    story.at(18.0).s(stream, event(&error(1, -1, "x")));
    let rows = story.run();
    rows.exchange_is(2, json!({"id": 1, "status": "error", "total_ms": 8.0}));
    rows.exchange_is(3, json!({"id": "1", "status": "ok", "total_ms": 4.0}));
    rows.finds("mcp.id_reused", 0);
}

/// On the GET stream and on a POST's stream; answered by POST. The ids are those of the client's
/// own requests.
#[test]
fn requests_from_the_server() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    let (get_conn, answers) = (story.connect(B, SERVER), story.connect("10.0.0.1:5002", SERVER));
    story.c(get_conn, get("/mcp", SID));
    story.s(get_conn, sse(&[]));
    let p = story.at(10.0).s(get_conn, event(&request(1, "roots/list")));
    let call = with(1, "tools/call", json!({"name": "ask", "arguments": {}}));
    story.at(20.0).c(conn, post("/mcp", SID, &call));
    story.at(21.0).s(conn, sse(&[]));
    story.at(22.0).s(conn, event(&request(2, "sampling/createMessage")));
    let r = story.at(25.0).c(answers, post("/mcp", SID, &result(1)));
    story.at(26.0).s(answers, accepted());
    story.at(30.0).c(answers, post("/mcp", SID, &error(2, -1, "not allowed")));
    story.at(31.0).s(answers, accepted());
    story.at(40.0).s(conn, event(&result(1)));
    story.s(conn, LAST);
    let rows = story.run();
    rows.exchange_is(
        2,
        json!({"origin": "server", "id": 1, "method": "roots/list", "status": "ok", "http_status": null,
        "ack_ms": null, "total_ms": 15.0, "tcp_stream": 1, "session": "s1",
        "request": {"start": t(10.0), "first_packet": p}, "response": {"start": t(25.0), "first_packet": r}}),
    );
    rows.exchange_is(
        3,
        json!({"origin": "client", "id": 1, "name": "ask", "status": "ok", "http_status": 200, "total_ms": 20.0}),
    );
    rows.exchange_is(
        4,
        json!({"origin": "server", "id": 2, "method": "sampling/createMessage", "status": "error",
        "http_status": null, "ack_ms": null, "total_ms": 8.0, "tcp_stream": 0}),
    );
    rows.counts("finding", 0);
}

/// Captures of several queues are not in causal order.
#[test]
fn a_response_captured_before_its_request() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    story.at(100.0).s(stream, event(&result(1)));
    let p = story.at(340.0).c(posts, send(TARGET, &request(1, "tools/list")));
    story.at(341.0).s(posts, accepted());
    let rows = story.run();
    rows.exchange_is(
        2,
        json!({"status": "ok", "total_ms": -240.0, "wait_ms": -240.0, "ack_ms": 1.0, "request": {"first_packet": p}}),
    );
    rows.finds("mcp.unknown_response", 0);
}

#[test]
fn a_response_without_request() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    let p = story.at(100.0).s(stream, event(&result(9)));
    story.at(500.0).c(posts, send(TARGET, &request(9, "tools/list")));
    story.s(posts, accepted());
    story.at(502.0).s(stream, event(&result(9)));
    let rows = story.run();
    rows.exchange_is(2, json!({"status": "ok", "total_ms": 2.0}));
    rows.finds("mcp.unknown_response", 1);
    assert_eq!(rows.found("mcp.unknown_response")[0]["packet"], p);
    rows.counts("exchange", 2);
}

#[test]
fn a_duplicate_response() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    story.at(10.0).c(posts, send(TARGET, &request(1, "tools/list")));
    story.s(posts, accepted());
    story.at(12.0).s(stream, event(&result(1)));
    story.at(20.0).s(stream, event(&error(1, -1, "again")));
    let rows = story.run();
    rows.exchange_is(2, json!({"status": "ok", "total_ms": 2.0}));
    rows.finds("mcp.duplicate_response", 1);
    has(rows.found("mcp.duplicate_response")[0], json!({"exchange": 2, "session": "s1"}));
    rows.finds("mcp.unknown_response", 0);
}

/// Cancelled, whether the answer comes late or never; nothing where the answer was before.
#[test]
fn cancelled_by_notification() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    for (time, id) in [(10.0, 1), (11.0, 2), (12.0, 3)] {
        story.at(time).c(posts, send(TARGET, &request(id, "tools/list")));
        story.s(posts, accepted());
    }
    story.at(15.0).s(stream, event(&result(3)));
    for id in [1, 2, 3] {
        let cancel = notification("notifications/cancelled", json!({"requestId": id, "reason": "r"}));
        story.at(20.0).c(posts, send(TARGET, &cancel));
        story.s(posts, accepted());
    }
    story.at(30.0).s(stream, event(&error(2, 0, "Request cancelled")));
    story.at(40.0).close(stream, Client);
    let rows = story.run();
    rows.exchange_is(
        2,
        json!({"status": "cancelled", "cause": "cancelled", "total_ms": null, "response": null, "wait_ms": null}),
    );
    rows.exchange_is(3, json!({"status": "cancelled", "cause": "cancelled", "total_ms": 19.0}));
    rows.exchange_is(4, json!({"status": "ok", "cause": null, "total_ms": 3.0}));
    rows.finds("mcp.unanswered", 0);
    rows.finds("mcp.late_response", 0);
    rows.finds("mcp.cancel_acknowledged", 1);
    rows.exchange_is(2, json!({"waited_ms": 10.0}));
    rows.exchange_is(3, json!({"waited_ms": 9.0}));
    let of: Vec<_> = rows.of_type("notification").iter().map(|row| row["exchange"].clone()).collect();
    assert_eq!(of[..3], [json!(null), json!(2), json!(3)], "the cancellations are joined to their exchanges");
}

/// Before the end of the response: begun is not answered.
#[test]
fn cancelled_while_the_response_is_under_way() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    story.at(10.0).c(posts, send(TARGET, &request(1, "tools/list")));
    story.s(posts, accepted());
    let whole = event(&result(1));
    let (a, b) = whole.split_at(30);
    story.at(12.0).s(stream, a);
    let cancel = notification("notifications/cancelled", json!({"requestId": 1}));
    story.at(13.0).c(posts, send(TARGET, &cancel));
    story.at(15.0).s(stream, b);
    let rows = story.run();
    rows.exchange_is(2, json!({"status": "cancelled", "cause": "cancelled", "total_ms": 5.0}));
}

#[test]
fn progress_by_token() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    for (id, token) in [(1, json!(7)), (2, json!("7")), (3, json!("x"))] {
        let params = json!({"name": "slow", "_meta": {"progressToken": token}});
        story.at(10.0).c(posts, send(TARGET, &with(id, "tools/call", params)));
        story.s(posts, accepted());
    }
    for token in [json!(7), json!("7"), json!(7), json!("x"), json!(99)] {
        let params = json!({"progressToken": token, "progress": 1});
        story.at(20.0).s(stream, event(&notification("notifications/progress", params)));
    }
    for id in [3, 1, 2] {
        story.at(30.0).s(stream, event(&result(id)));
    }
    let rows = story.run();
    rows.exchange_is(2, json!({"progress": 2}));
    rows.exchange_is(3, json!({"progress": 1}));
    rows.exchange_is(4, json!({"progress": 1}));
    rows.finds("mcp.unknown_token", 1);
    let of: Vec<_> = rows.of_type("notification").iter().map(|row| row["exchange"].clone()).collect();
    assert_eq!(of[1..], [json!(2), json!(3), json!(2), json!(4), json!(null)]);
}

#[test]
fn two_requests_with_one_token() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    for id in [1, 2] {
        let params = json!({"name": "slow", "_meta": {"progressToken": 0}});
        story.at(10.0).c(posts, send(TARGET, &with(id, "tools/call", params)));
        story.s(posts, accepted());
    }
    story.s(stream, event(&result(1)));
    story.s(stream, event(&result(2)));
    // The first is answered: no collision.
    let params = json!({"name": "slow", "_meta": {"progressToken": 0}});
    story.at(10.0).c(posts, send(TARGET, &with(3, "tools/call", params)));
    story.s(posts, accepted());
    story.s(stream, event(&result(3)));
    let rows = story.run();
    rows.finds("mcp.token_collision", 1);
    has(rows.found("mcp.token_collision")[0], json!({"exchange": 3}));
}

/// The stream breaks, the client resumes by GET: what is replayed is not counted again, the
/// response comes there.
#[test]
fn resumed_by_get() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-11-25", "x");
    let call = with(1, "tools/call", json!({"name": "slow", "_meta": {"progressToken": "p"}}));
    let progress =
        |n: u32| notification("notifications/progress", json!({"progressToken": "p", "progress": n}));
    story.at(10.0).c(conn, post("/mcp", SID, &call));
    story.at(11.0).s(conn, sse(&[]));
    story.at(12.0).s(conn, chunk("id: e0\nretry: 100\ndata: \n\n"));
    story.at(13.0).s(conn, event_id("e1", &progress(1)));
    story.at(14.0).s(conn, event_id("e2", &progress(2)));
    // The server closes early: allowed.
    story.at(15.0).s(conn, LAST);
    story.close(conn, Server);
    let again = story.at(100.0).connect(B, SERVER);
    story.c(again, get("/mcp", &[("Mcp-Session-Id", "x"), ("Last-Event-ID", "e1")]));
    story.at(101.0).s(again, sse(&[]));
    story.at(102.0).s(again, event_id("e2", &progress(2)));
    story.at(103.0).s(again, event_id("e3", &progress(3)));
    let r = story.at(110.0).s(again, event_id("e4", &result(1)));
    story.s(again, LAST);
    let rows = story.run();
    rows.counts("exchange", 2);
    rows.exchange_is(
        2,
        json!({"status": "ok", "progress": 3, "total_ms": 100.0, "http_status": 200, "cause": null,
        "ack_ms": 1.0, "response": {"start": t(110.0), "first_packet": r}}),
    );
    rows.counts("notification", 4);
    rows.finds("mcp.unknown_response", 0);
    rows.finds("mcp.duplicate_response", 0);
    rows.row_is("stream", 0, json!({"exchange": 2, "method": "POST", "events": 3, "ended": "complete"}));
    rows.row_is("stream", 1, json!({"exchange": null, "method": "GET", "events": 3, "ended": "complete"}));
}

/// A response that is replayed is no duplicate: it is the same event.
#[test]
fn a_replayed_response() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-11-25", "x");
    story.at(10.0).c(conn, post("/mcp", SID, &request(1, "tools/list")));
    story.at(11.0).s(conn, sse(&[]));
    story.at(12.0).s(conn, chunk("id: e0\ndata: \n\n"));
    story.at(13.0).s(conn, event_id("e1", &result(1)));
    story.at(15.0).s(conn, LAST);
    story.c(conn, get("/mcp", &[("Mcp-Session-Id", "x"), ("Last-Event-ID", "e0")]));
    story.at(101.0).s(conn, sse(&[]));
    story.at(102.0).s(conn, event_id("e1", &result(1)));
    story.at(103.0).s(conn, LAST);
    let rows = story.run();
    rows.exchange_is(2, json!({"status": "ok", "total_ms": 3.0}));
    rows.finds("mcp.duplicate_response", 0);
    rows.finds("mcp.unknown_response", 0);
}

/// The repetition is joined to the exchange: one request, asked again.
#[test]
fn a_post_repeated_after_rst() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    let body = post("/mcp", SID, &with(1, "tools/call", json!({"name": "t"})));
    story.at(10.0).c(conn, &body);
    story.at(11.0).rst(conn, Server);
    let again = story.at(12.0).connect(B, SERVER);
    story.at(13.0).c(again, &body);
    story.at(20.0).s(again, ok(&result(1)));
    let rows = story.run();
    rows.counts("exchange", 2);
    rows.exchange_is(
        2,
        json!({"status": "ok", "cause": null, "request": {"start": t(10.0)}, "total_ms": 10.0}),
    );
    rows.finds("mcp.post_repeated", 1);
    rows.finds("mcp.id_reused", 0);
    rows.finds("mcp.unanswered", 0);
}

#[test]
fn a_task() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-11-25", "x");
    let mut ask = |time: f64, body: &str, answer: serde_json::Value, id: u64| {
        story.at(time).c(conn, post("/mcp", SID, body));
        let answer = json!({"jsonrpc": "2.0", "id": id, "result": answer}).to_string();
        story.at(time + 1.0).s(conn, ok(&answer));
    };
    let task = |status: &str| json!({"taskId": "T1", "status": status, "ttl": 1000, "createdAt": "x"});
    ask(
        10.0,
        &with(1, "tools/call", json!({"name": "slow", "task": {"ttl": 1000}})),
        json!({"task": task("working")}),
        1,
    );
    ask(20.0, &with(2, "tasks/get", json!({"taskId": "T1"})), task("working"), 2);
    ask(30.0, &with(3, "tasks/result", json!({"taskId": "T1"})), json!({"content": []}), 3);
    ask(40.0, &with(4, "tasks/get", json!({"taskId": "other"})), task("working"), 4);
    let rows = story.run();
    rows.exchange_is(2, json!({"method": "tools/call", "name": "slow", "status": "ok", "continues": null}));
    rows.exchange_is(3, json!({"method": "tasks/get", "continues": 2}));
    rows.exchange_is(4, json!({"method": "tasks/result", "continues": 2}));
    rows.exchange_is(5, json!({"method": "tasks/get", "continues": null}));
}

/// A batch that is answered by a stream, element by element and in any order, and one with a
/// notification in it.
#[test]
fn a_batch_answered_by_a_stream() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-03-26", "x");
    let cancel = notification("notifications/roots/list_changed", json!({}));
    let batch = format!("[{},{cancel},{}]", request(1, "tools/list"), request(2, "prompts/list"));
    story.at(10.0).c(conn, post("/mcp", SID, &batch));
    story.at(11.0).s(conn, sse(&[]));
    story.at(12.0).s(conn, event(&result(2)));
    story.at(14.0).s(conn, event(&format!("[{}]", result(1))));
    story.at(15.0).s(conn, LAST);
    let rows = story.run();
    rows.exchange_is(2, json!({"id": 1, "status": "ok", "total_ms": 4.0, "http_status": 200, "ack_ms": 1.0}));
    rows.exchange_is(3, json!({"id": 2, "status": "ok", "total_ms": 2.0, "http_status": 200}));
    rows.row_is(
        "notification",
        1,
        json!({"method": "notifications/roots/list_changed", "time": t(10.0), "bytes": cancel.len()}),
    );
}

#[test]
fn an_empty_batch() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-03-26", "x");
    story.at(10.0).c(conn, post("/mcp", SID, "[]"));
    story.at(11.0).s(conn, json_reply("400 Bad Request", &[], &error(json!(null), -32600, "empty")));
    let rows = story.run();
    rows.counts("exchange", 1);
    rows.finds("rpc.empty_batch", 1);
}

/// Batches are of 2025-03-26 alone.
#[test]
fn a_batch_in_another_revision() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(10.0).c(conn, post("/mcp", SID, &format!("[{}]", request(1, "tools/list"))));
    story.at(11.0).s(conn, ok(&format!("[{}]", result(1))));
    let rows = story.run();
    rows.exchange_is(2, json!({"status": "ok"}));
    // The server answers in kind: told of both.
    rows.finds("mcp.batch", 2);
}

#[test]
fn id_null() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    story.at(10.0).c(posts, send(TARGET, &request(json!(null), "tools/list")));
    story.at(11.0).s(posts, accepted());
    story.at(20.0).close(stream, Client);
    story.close(posts, Client);
    let rows = story.run();
    rows.exchange_is(
        2,
        json!({"id": null, "method": "tools/list", "status": "unanswered", "total_ms": null, "response": null}),
    );
    rows.finds("rpc.id_null", 1);
}

#[test]
fn a_request_in_a_json_response() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(10.0).c(conn, post("/mcp", SID, &request(1, "tools/list")));
    story.at(11.0).s(conn, ok(&request(1, "roots/list")));
    story.at(12.0).close(conn, Client);
    let rows = story.run();
    rows.counts("exchange", 2);
    rows.exchange_is(2, json!({"origin": "client", "status": "unanswered"}));
    rows.finds("mcp.request_in_response", 1);
}

/// Every response has the id 0: a bug of real servers that one look should show.
#[test]
fn every_response_has_id_0() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    for id in 1..5 {
        story.at(f64::from(id) * 1000.0).c(conn, post("/mcp", SID, &request(id, "tools/list")));
        story.s(conn, ok(&result(0)));
    }
    let rows = story.run();
    rows.finds("mcp.id_always_zero", 1);
    rows.exchange_is(2, json!({"status": "ok", "findings": ["mcp.id_changed"]}));
    rows.finds("mcp.id_changed", 4);
    rows.finds("mcp.unanswered", 0);
    rows.finds("mcp.unknown_response", 0);
}

/// A server that numbers the requests of each stream anew asks in the next call with the same id
/// and text. The first request is answered: the second is none of its copies.
#[test]
fn the_same_question_in_the_next_call() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    let answers = story.connect(B, SERVER);
    for (id, start) in [(1, 10.0), (2, 40.0)] {
        story.at(start).c(conn, post("/mcp", SID, &with(id, "tools/call", json!({"name": "ask"}))));
        story.s(conn, sse(&[]));
        story.at(start + 2.0).s(conn, event(&request(0, "roots/list")));
        story.at(start + 5.0).c(answers, post("/mcp", SID, &result(0)));
        story.s(answers, accepted());
        story.at(start + 9.0).s(conn, event(&result(id)));
        story.s(conn, LAST);
    }
    let rows = story.run();
    let asked: Vec<_> =
        rows.of_type("exchange").into_iter().filter(|row| row["origin"] == "server").collect();
    assert_eq!(asked.len(), 2);
    for row in asked {
        has(row, json!({"status": "ok", "total_ms": 3.0}));
    }
    rows.finds("mcp.broadcast", 0);
    rows.finds("mcp.duplicate_response", 0);
}
