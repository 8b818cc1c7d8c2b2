//! Sections 4 and 5: what answers a request and what does not, and who ended the wait.

use serde_json::{Value, json};

use super::http::*;
use super::story::*;

const A: &str = "10.0.0.1:5000";
const B: &str = "10.0.0.1:5001";
const C: &str = "10.0.0.1:5002";
const SID: Fields = &[("Mcp-Session-Id", "x")];

/// A call on a session of Streamable HTTP and its reply; the connection stays open.
fn replied(id: impl Into<Value>, reply: impl AsRef<[u8]>) -> Rows {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(10.0).c(conn, post("/mcp", SID, &with(id, "tools/call", json!({"name": "t"}))));
    story.at(12.0).s(conn, reply);
    story.at(30.0).c(conn, post("/mcp", SID, &request(99, "ping")));
    story.s(conn, ok(&result(99)));
    story.run()
}

/// The body of a GET or of a POST without requests names the id of an open request: the answer
/// comes later, in its own POST.
#[test]
fn a_body_of_another_transaction_answers_nothing() {
    for (reply, strays) in [
        (ok(&error(1, -32601, "no")), 1),
        (ok(&result(1)), 1),
        (json_reply("405 Method Not Allowed", &[], &error(1, -32601, "no")), 0),
    ] {
        let mut story = Story::new();
        let conn = streamable(&mut story, A, "2025-06-18", "x");
        let other = story.connect(B, SERVER);
        story.at(10.0).c(conn, post("/mcp", SID, &request(1, "tools/list")));
        story.at(11.0).c(other, get("/mcp", SID));
        let p = story.at(12.0).s(other, &reply);
        story.at(50.0).s(conn, ok(&result(1)));
        let rows = story.run();
        rows.exchange_is(2, json!({"status": "ok", "total_ms": 40.0}));
        rows.finds("mcp.duplicate_response", 0);
        rows.finds("mcp.unknown_response", 0);
        rows.finds("mcp.stray_response", strays);
        for found in rows.found("mcp.stray_response") {
            has(found, json!({"packet": p, "session": "s1", "exchange": null}));
        }
    }
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    let other = story.connect(B, SERVER);
    story.at(10.0).c(conn, post("/mcp", SID, &request(1, "tools/list")));
    story.at(11.0).c(other, post("/mcp", SID, &notification("notifications/x", json!({}))));
    story.at(12.0).s(other, ok(&result(1)));
    story.at(50.0).s(conn, ok(&result(1)));
    let rows = story.run();
    rows.exchange_is(2, json!({"status": "ok", "total_ms": 40.0}));
    rows.finds("mcp.stray_response", 1);
}

/// The same over HTTP+SSE: the answer comes on the stream.
#[test]
fn a_body_of_another_transaction_answers_nothing_over_http_sse() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    let other = story.connect(C, SERVER);
    story.at(10.0).c(posts, send(TARGET, &request(1, "tools/list")));
    story.s(posts, accepted());
    story.at(11.0).c(other, send(TARGET, &notification("notifications/x", json!({}))));
    story.at(12.0).s(other, ok(&result(1)));
    story.at(50.0).s(stream, event(&result(1)));
    let rows = story.run();
    rows.exchange_is(2, json!({"status": "ok", "total_ms": 40.0}));
    rows.finds("mcp.stray_response", 1);
    rows.finds("mcp.duplicate_response", 0);
}

/// A complete HTTP response that holds no usable one: nobody closed anything.
#[test]
fn responses_that_answer_nothing() {
    let html = &[("Content-Type", "text/html")][..];
    for (reply, status, reason) in [
        (reply("204 No Content", &[], ""), 204, "no body"),
        (json_reply("200 OK", &[], ""), 200, "no body"),
        (reply("302 Found", &[("Location", "/login")], ""), 302, "a redirect"),
        (reply("200 OK", html, "<h1>Sign in</h1>"), 200, "text/html"),
        (ok("<h1>Sign in</h1>"), 200, "not_json"),
        (ok(&notification("notifications/x", json!({}))), 200, "no response in the body"),
    ] {
        let rows = replied(1, &reply);
        rows.exchange_is(
            2,
            json!({"status": "unanswered", "cause": "no_response", "http_status": status, "total_ms": null,
            "waited_ms": 2.0, "waited_packet": 9}),
        );
        rows.finds("mcp.unanswered", 0);
        rows.finds("mcp.no_response", 1);
        let found = rows.found("mcp.no_response")[0];
        has(found, json!({"packet": 9, "exchange": 2, "session": "s1"}));
        let detail = found["detail"].as_str().unwrap();
        assert!(detail.contains(reason) && detail.contains(&status.to_string()), "{detail}");
    }
}

/// Bytes of the response are missing: it may have held the answer.
#[test]
fn a_response_with_a_gap_is_no_missing_response() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(10.0).c(conn, post("/mcp", SID, &request(1, "tools/list")));
    let whole = ok(&result(1));
    let (head, body) = whole.split_at(whole.len() - 10);
    story.at(12.0).s(conn, head);
    story.lose(conn, Server, body);
    story.at(13.0).ack(conn, Client);
    story.at(900.0).c(conn, post("/mcp", SID, &request(2, "ping")));
    story.at(901.0).s(conn, ok(&result(2)));
    let rows = story.run();
    rows.finds("mcp.no_response", 0);
    rows.finds("mcp.unanswered", 0);
}

/// One request, one response, another id: in a body and on the stream of the POST.
#[test]
fn another_id_in_its_own_post() {
    for (asked, told) in [
        (json!("2"), json!(2)),
        (json!(2), json!("2")),
        (json!(4_294_967_298_i64), json!(2)),
        (json!(2), json!(7)),
    ] {
        for rows in [
            replied(asked.clone(), ok(&result(told.clone()))),
            replied(asked.clone(), format!("{}{}{LAST}", sse(&[]), event(&result(told.clone())))),
        ] {
            rows.exchange_is(
                2,
                json!({"id": asked, "status": "ok", "http_status": 200, "total_ms": 2.0, "cause": null,
                "findings": ["mcp.id_changed"]}),
            );
            rows.counts("finding", 1);
            let found = rows.found("mcp.id_changed")[0];
            has(found, json!({"packet": 9, "exchange": 2, "session": "s1"}));
            let detail = found["detail"].as_str().unwrap();
            assert!(detail.contains(&asked.to_string()) && detail.contains(&told.to_string()), "{detail}");
        }
    }
}

/// An error with the id null belongs to the only request of its POST, its code and text with it.
#[test]
fn an_error_with_the_id_null() {
    let body = error(json!(null), -32602, "bad argument");
    for rows in [replied(7, ok(&body)), replied(7, format!("{}{}{LAST}", sse(&[]), event(&body)))] {
        rows.exchange_is(
            2,
            json!({"status": "error", "error": {"code": -32602, "message": "bad argument"}, "cause": null}),
        );
        rows.finds("mcp.id_changed", 1);
        rows.finds("mcp.unanswered", 0);
    }
}

/// Two responses on the stream of a POST, one of them its own: the other answers nothing.
#[test]
fn an_unknown_response_beside_the_own_one() {
    let reply = format!("{}{}{}{LAST}", sse(&[]), event(&result(55)), event(&result(1)));
    let rows = replied(1, reply);
    rows.exchange_is(2, json!({"status": "ok", "findings": []}));
    rows.finds("mcp.id_changed", 0);
    rows.finds("mcp.unknown_response", 1);
}

/// Over HTTP+SSE the only open request whose id differs by its type alone is meant.
#[test]
fn another_type_of_id_over_http_sse() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    for id in ["1", "2"] {
        story.at(10.0).c(posts, send(TARGET, &request(id, "tools/list")));
        story.s(posts, accepted());
    }
    story.at(15.0).s(stream, event(&result(2)));
    story.at(16.0).s(stream, event(&result(77)));
    story.at(2000.0).close(stream, Client);
    let rows = story.run();
    rows.exchange_is(2, json!({"id": "1", "status": "unanswered", "cause": "client_closed"}));
    rows.exchange_is(3, json!({"id": "2", "status": "ok", "total_ms": 5.0}));
    rows.finds("mcp.id_changed", 1);
    rows.finds("mcp.unknown_response", 1);
}

/// Tokens and cancelled ids whose JSON type changed are attributed, and named once.
#[test]
fn another_type_of_token_and_of_cancelled_id() {
    for is_http_sse in [false, true] {
        let mut story = Story::new();
        let call = with(3, "tools/call", json!({"name": "slow", "_meta": {"progressToken": 7}}));
        let progress = notification("notifications/progress", json!({"progressToken": "7", "progress": 1}));
        let cancel = notification("notifications/cancelled", json!({"requestId": "3"}));
        if is_http_sse {
            let (stream, posts) = legacy_ready(&mut story);
            story.at(10.0).c(posts, send(TARGET, &call));
            story.s(posts, accepted());
            story.s(stream, event(&progress));
            story.s(stream, event(&progress));
            story.at(12.0).c(posts, send(TARGET, &cancel));
            story.s(posts, accepted());
            story.at(20.0).s(stream, event(&result(3)));
        } else {
            let conn = streamable(&mut story, A, "2025-06-18", "x");
            story.at(10.0).c(conn, post("/mcp", SID, &call));
            story.s(conn, sse(&[]));
            story.s(conn, event(&progress));
            story.s(conn, event(&progress));
            story.at(20.0).s(conn, event(&result(3)));
            story.s(conn, LAST);
        }
        let rows = story.run();
        rows.exchange_is(2, json!({"status": "ok", "progress": 2, "total_ms": 10.0}));
        rows.finds("mcp.type_changed", 1);
        rows.finds("mcp.unknown_token", 0);
        rows.finds("mcp.unknown_cancel", 0);
        has(rows.found("mcp.type_changed")[0], json!({"exchange": 2, "session": "s1"}));
    }
}

#[test]
fn a_cancelled_id_of_another_type() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    story.at(10.0).c(posts, send(TARGET, &request(4, "tools/list")));
    story.s(posts, accepted());
    let cancel = notification("notifications/cancelled", json!({"requestId": "4"}));
    let p = story.at(12.0).c(posts, send(TARGET, &cancel));
    story.s(posts, accepted());
    story.at(20.0).s(stream, event(&result(4)));
    let unknown = notification("notifications/cancelled", json!({"requestId": 44}));
    story.at(30.0).c(posts, send(TARGET, &unknown));
    story.s(posts, accepted());
    let rows = story.run();
    rows.exchange_is(2, json!({"status": "ok"}));
    rows.finds("mcp.type_changed", 1);
    has(rows.found("mcp.type_changed")[0], json!({"exchange": 2, "packet": p}));
    rows.finds("mcp.unknown_cancel", 1);
    has(rows.found("mcp.unknown_cancel")[0], json!({"session": "s1"}));
}

/// A second response that comes before the 202 of the first is a duplicate.
#[test]
fn a_duplicate_before_its_202() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    story.at(10.0).c(posts, send(TARGET, &request(1, "tools/list")));
    story.at(12.0).s(stream, event(&result(1)));
    story.at(13.0).s(stream, event(&result(1)));
    story.at(14.0).s(posts, accepted());
    story.at(2000.0).ack(stream, Client);
    let rows = story.run();
    rows.exchange_is(2, json!({"status": "ok", "total_ms": 2.0, "ack_ms": 4.0}));
    rows.finds("mcp.duplicate_response", 1);
    has(rows.found("mcp.duplicate_response")[0], json!({"exchange": 2}));
    rows.finds("mcp.unknown_response", 0);
}

/// Many alike of one server are one finding.
#[test]
fn many_duplicates_are_one_finding() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    for id in 1..=20 {
        story.at(f64::from(id) * 10.0).c(posts, send(TARGET, &request(id, "tools/list")));
        story.s(posts, accepted());
        story.s(stream, event(&result(id)));
        story.s(stream, event(&result(id)));
    }
    let rows = story.run();
    rows.finds("mcp.duplicate_response", 1);
    let detail = rows.found("mcp.duplicate_response")[0]["detail"].as_str().unwrap();
    assert!(detail.starts_with("20 times, first in packets "), "{detail}");
}

/// The streams of calls end after the client deleted the session: that is why.
#[test]
fn the_client_deletes_the_session() {
    for (delete_status, cause, code) in [
        ("200 OK", "deleted", "mcp.abandoned"),
        ("405 Method Not Allowed", "server_closed", "mcp.unanswered"),
    ] {
        let mut story = Story::new();
        let conn = streamable(&mut story, A, "2025-06-18", "x");
        let other = story.connect(B, SERVER);
        story.at(10.0).c(conn, post("/mcp", SID, &request(1, "tools/call")));
        story.at(11.0).s(conn, sse(&[]));
        story.at(50.0).c(other, delete("/mcp", SID));
        story.at(51.0).s(other, reply(delete_status, &[], ""));
        let p = story.at(52.0).s(conn, LAST);
        let rows = story.run();
        rows.exchange_is(
            2,
            json!({"status": "unanswered", "cause": cause, "waited_ms": 42.0, "waited_packet": p}),
        );
        rows.finds(code, 1);
    }
}

/// An error after a cancellation acknowledges it, a result ignores it; both say how long after.
#[test]
fn answers_to_a_cancelled_request() {
    for (answer, code) in
        [(error(1, 0, "Request cancelled"), "mcp.cancel_acknowledged"), (result(1), "mcp.late_response")]
    {
        let mut story = Story::new();
        let conn = streamable(&mut story, A, "2025-06-18", "x");
        let other = story.connect(B, SERVER);
        story.at(10.0).c(conn, post("/mcp", SID, &request(1, "tools/call")));
        story.at(11.0).s(conn, sse(&[]));
        let cancel = notification("notifications/cancelled", json!({"requestId": 1}));
        let p = story.at(20.0).c(other, post("/mcp", SID, &cancel));
        story.s(other, accepted());
        story.at(250.0).s(conn, event(&answer));
        story.s(conn, LAST);
        let rows = story.run();
        rows.exchange_is(
            2,
            json!({"status": "cancelled", "total_ms": 240.0, "waited_ms": 10.0, "waited_packet": p,
            "findings": [code]}),
        );
        rows.counts("finding", 1);
        let detail = rows.found(code)[0]["detail"].as_str().unwrap();
        assert!(detail.contains("230 ms"), "{detail}");
    }
}

/// Ids must be unique in a session, also after their requests were answered.
#[test]
fn an_id_is_used_again() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    for method in ["tools/list", "tools/call", "tools/call"] {
        story.at(10.0).c(conn, post("/mcp", SID, &request(1, method)));
        story.s(conn, ok(&result(1)));
    }
    let rows = story.run();
    rows.finds("mcp.id_not_unique", 1);
    has(rows.found("mcp.id_not_unique")[0], json!({"exchange": 3, "session": "s1"}));
    rows.finds("mcp.id_reused", 0);

    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    for _ in 0..2 {
        story.at(10.0).c(posts, send(TARGET, &request(1, "tools/list")));
        story.s(posts, accepted());
        story.s(stream, event(&result(1)));
    }
    story.run().finds("mcp.id_not_unique", 1);
}

/// Without a session id the ids of several clients meet, and a refused request may be sent again.
#[test]
fn an_id_that_may_be_used_again() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    for _ in 0..2 {
        story.at(10.0).c(conn, post("/mcp", &[], &request(1, "tools/list")));
        story.s(conn, ok(&result(1)));
    }
    story.run().finds("mcp.id_not_unique", 0);

    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(10.0).c(conn, post("/mcp", SID, &request(1, "tools/list")));
    story.s(conn, reply("401 Unauthorized", &[], ""));
    story.at(12.0).c(conn, post("/mcp", SID, &request(1, "tools/list")));
    story.s(conn, ok(&result(1)));
    story.run().finds("mcp.id_not_unique", 0);
}

/// The server asks within a call, which is over when the client answers.
#[test]
fn an_answer_after_the_call_that_asked() {
    for is_late in [true, false] {
        let mut story = Story::new();
        let conn = streamable(&mut story, A, "2025-06-18", "x");
        let answers = story.connect(B, SERVER);
        story.at(10.0).c(conn, post("/mcp", SID, &request(1, "tools/call")));
        story.at(11.0).s(conn, sse(&[]));
        story.at(12.0).s(conn, event(&request(5, "elicitation/create")));
        if is_late {
            story.at(20.0).s(conn, event(&result(1)));
            story.s(conn, LAST);
        }
        let p = story.at(30.0).c(answers, post("/mcp", SID, &result(5)));
        story.s(answers, accepted());
        if !is_late {
            story.at(40.0).s(conn, event(&result(1)));
            story.s(conn, LAST);
        }
        let rows = story.run();
        rows.exchange_is(3, json!({"origin": "server", "status": "ok", "total_ms": 18.0}));
        rows.finds("mcp.answered_after_parent", usize::from(is_late));
        for found in rows.found("mcp.answered_after_parent") {
            has(found, json!({"packet": p, "exchange": 3, "session": "s1"}));
        }
    }
}

/// The same over HTTP+SSE, where the only open call is the one that asks.
#[test]
fn an_answer_after_the_call_that_asked_over_http_sse() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    story.at(10.0).c(posts, send(TARGET, &request(1, "tools/call")));
    story.s(posts, accepted());
    story.at(12.0).s(stream, event(&request(5, "sampling/createMessage")));
    story.at(20.0).s(stream, event(&result(1)));
    story.at(30.0).c(posts, send(TARGET, &result(5)));
    story.s(posts, accepted());
    let rows = story.run();
    rows.finds("mcp.answered_after_parent", 1);
    has(rows.found("mcp.answered_after_parent")[0], json!({"exchange": 3}));
}

/// A response on the GET stream is due on the POST's, unless the stream resumes it.
#[test]
fn a_response_on_the_get_stream() {
    for is_resumption in [false, true] {
        let mut story = Story::new();
        let conn = streamable(&mut story, A, "2025-06-18", "x");
        let stream = story.connect(B, SERVER);
        let resumed: Fields = &[("Mcp-Session-Id", "x"), ("Last-Event-ID", "e1")];
        story.c(stream, get("/mcp", if is_resumption { resumed } else { SID }));
        story.s(stream, sse(&[]));
        story.at(10.0).c(conn, post("/mcp", SID, &request(1, "tools/list")));
        story.at(11.0).s(conn, sse(&[]));
        story.at(15.0).s(stream, event(&result(1)));
        story.at(16.0).s(conn, LAST);
        let rows = story.run();
        rows.exchange_is(2, json!({"status": "ok", "total_ms": 5.0}));
        rows.finds("mcp.response_on_get_stream", usize::from(!is_resumption));
    }
}

/// Faults of a message carry its session and its exchange.
#[test]
fn faults_carry_session_and_exchange() {
    let rows = replied(1, ok(r#"{"id":1,"result":{}}"#));
    rows.exchange_is(2, json!({"status": "ok"}));
    has(rows.found("rpc.no_version")[0], json!({"session": "s1", "exchange": 2, "packet": 9}));
    let rows = replied(1, ok("{"));
    has(rows.found("rpc.not_json")[0], json!({"session": "s1", "exchange": 2, "packet": 9}));
}

/// HTTP+SSE: the answer comes on the stream with an id that the server's program cut to 32 bits,
/// rounded to a float, or made a string of; exactly one request that is open fits.
#[test]
fn a_changed_id_on_the_stream_answers_the_only_request_that_fits() {
    for (asked, answered) in [
        (json!(4_294_967_303_i64), json!(7)),
        (json!(2_147_483_649_i64), json!(-2_147_483_647)),
        (json!(9_007_199_254_740_993_i64), json!(9_007_199_254_740_992_i64)),
        (json!(16_777_217), json!(16_777_216.0)),
        (json!("12"), json!(12)),
    ] {
        let mut story = Story::new();
        let (stream, posts) = legacy_ready(&mut story);
        for id in [json!(5), asked.clone()] {
            story.at(10.0).c(posts, send(TARGET, &request(id, "tools/list")));
            story.s(posts, accepted());
        }
        story.at(20.0).s(stream, event(&result(answered.clone())));
        story.at(5000.0).s(stream, event(&result(5)));
        let rows = story.run();
        rows.exchange_is(3, json!({"id": asked, "status": "ok", "total_ms": 10.0}));
        rows.finds("mcp.id_changed", 1);
        has(rows.found("mcp.id_changed")[0], json!({"exchange": 3, "session": "s1"}));
        rows.finds("mcp.unknown_response", 0);
        rows.finds("mcp.request_unseen", 0);
    }
}

/// If two requests fit, nothing is said about either.
#[test]
fn a_changed_id_that_fits_two_requests_answers_neither() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    for id in [4_294_967_303_i64, 8_589_934_599] {
        story.at(10.0).c(posts, send(TARGET, &request(id, "tools/list")));
        story.s(posts, accepted());
    }
    story.at(20.0).s(stream, event(&result(7)));
    story.at(5000.0).close(stream, Client);
    let rows = story.run();
    rows.finds("mcp.id_changed", 0);
    rows.finds("mcp.unknown_response", 1);
}
