//! What comes twice, or after something that should have been the last.

use serde_json::json;

use super::http::*;
use super::story::*;

const SID: Fields = &[("Mcp-Session-Id", "x")];
const A: &str = "10.0.0.1:5000";
const B: &str = "10.0.0.1:5001";

/// A server answers a request twice: the responses after it keep their requests.
#[test]
fn a_response_that_is_sent_twice() {
    for is_in_one_packet in [false, true] {
        let mut story = Story::new();
        let conn = streamable(&mut story, A, "2025-06-18", "x");
        story.at(100.0).c(conn, post("/mcp", SID, &request(1, "tools/list")));
        let answer = ok(&result(1));
        if is_in_one_packet {
            story.at(110.0).s(conn, answer.repeat(2));
        } else {
            story.at(110.0).s(conn, &answer);
            story.s(conn, &answer);
        }
        // At once after the one packet, or a while after the two.
        let next = if is_in_one_packet { 110.0 } else { 400.0 };
        for (at, id) in [(next, 2), (1000.0, 3)] {
            story.at(at).c(conn, post("/mcp", SID, &request(id, "tools/call")));
            story.at(at + 10.0).s(conn, ok(&result(id)));
        }
        story.at(1100.0).close(conn, Client);
        let rows = story.run();
        for n in 2..=4 {
            rows.exchange_is(n, json!({"status": "ok", "total_ms": 10.0, "http_status": 200}));
        }
        rows.finds("http.unmatched_response", 1);
        let told = rows.found("http.unmatched_response")[0]["detail"].as_str().unwrap();
        assert!(told.starts_with("it answers no request"), "{told}");
        rows.is_silent_on(&["mcp.unknown_response", "mcp.id_changed", "mcp.unanswered"]);
    }
}

/// The directions were captured on two interfaces, and the clock of one is behind: each response
/// comes before its request, and nobody sent anything twice.
#[test]
fn responses_whose_clock_is_behind() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    for (at, id) in [(100.0, 1), (200.0, 2), (300.0, 3)] {
        story.at(at - 5.0).s(conn, ok(&result(id)));
        story.at(at).c(conn, post("/mcp", SID, &request(id, "tools/call")));
    }
    let rows = story.run();
    for n in 2..=4 {
        rows.exchange_is(n, json!({"status": "ok", "http_status": 200}));
    }
    rows.is_silent_on(&["http.unmatched_response", "mcp.id_changed", "mcp.unanswered"]);
}

/// A server answers twice where a request may be missing in between.
#[test]
fn a_response_whose_request_may_be_missing() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(100.0).c(conn, post("/mcp", SID, &request(1, "tools/list")));
    story.at(110.0).s(conn, ok(&result(1)));
    story.at(120.0).lose(conn, Client, post("/mcp", SID, &request(1, "tools/list")));
    story.at(130.0).s(conn, ok(&result(1)));
    story.at(2000.0).c(conn, post("/mcp", SID, &request(2, "tools/list")));
    story.at(2010.0).s(conn, ok(&result(2)));
    story.at(2020.0).close(conn, Client);
    let rows = story.run();
    for found in rows.found("http.unmatched_response") {
        assert_eq!(found["detail"], "its request is not in the capture");
    }
    rows.finds("mcp.duplicate_response", 0);
}

/// Progress on another stream long after the response, and where it may have been delayed.
#[test]
fn progress_long_after_the_response_on_another_stream() {
    for is_sent_again in [false, true] {
        let mut story = Story::new();
        let conn = streamable(&mut story, A, "2025-06-18", "x");
        let other = story.connect(B, SERVER);
        story.c(other, get("/mcp", SID));
        story.s(other, sse(&[]));
        let call = json!({"name": "slow", "_meta": {"progressToken": 1}});
        story.at(10.0).c(conn, post("/mcp", SID, &with(1, "tools/call", call)));
        let progress = json!({"progressToken": 1, "progress": 1});
        let progress = event(&notification("notifications/progress", progress));
        story.at(12.0).s(conn, ok(&result(1)));
        if is_sent_again {
            let seq = story.lose(other, Server, &progress);
            story.s(other, ":\n\n");
            story.at(5000.0).retransmit(other, Server, seq, &progress);
        } else {
            story.at(5000.0).s(other, &progress);
        }
        let rows = story.run();
        rows.finds("mcp.late_progress", usize::from(!is_sent_again));
        rows.is_silent_on(&["mcp.unknown_token"]);
    }
}

/// Two calls without a session, each of whose processes counts its requests from 0.
#[test]
fn questions_of_two_calls_with_one_id() {
    let mut story = Story::new();
    let conns = [A, B].map(|client| story.connect(client, SERVER));
    story.c(conns[0], post("/mcp", &[], &initialize(0, "2025-06-18")));
    story.s(conns[0], json_reply("200 OK", &[], &initialized(0, "2025-06-18")));
    for (at, conn) in conns.into_iter().enumerate() {
        let call = with(at as u64 + 1, "tools/call", json!({"name": "ask"}));
        story.at(100.0 + at as f64).c(conn, post("/mcp", &[], &call));
        story.s(conn, sse(&[]));
        story.s(conn, event(&request(0, "elicitation/create")));
    }
    for (at, conn) in conns.into_iter().enumerate() {
        story.at(200.0).s(conn, event(&result(at as u64 + 1)));
        story.s(conn, LAST);
    }
    let rows = story.run();
    rows.counts("exchange", 5);
    rows.finds("mcp.broadcast", 0);
}

/// A proxy answers the POST with an error, and the server answers the request.
#[test]
fn an_answer_after_an_error() {
    for (status, outcome, expected) in [("504 Gateway Timeout", "http_error", 1), ("202 Accepted", "ok", 0)] {
        let mut story = Story::new();
        let (stream, posts) = legacy_ready(&mut story);
        story.at(100.0).c(posts, send(TARGET, &request(1, "tools/call")));
        story.at(160.0).s(posts, reply(status, &[("Content-Type", "text/plain")], "late"));
        story.at(200.0).s(stream, event(&result(1)));
        let rows = story.run();
        rows.finds("mcp.answered_after_failure", expected);
        rows.is_silent_on(&["mcp.duplicate_response"]);
        rows.exchange_is(2, json!({"status": outcome}));
    }
    // The answer is first.
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    story.at(100.0).c(posts, send(TARGET, &request(1, "tools/call")));
    story.at(150.0).s(stream, event(&result(1)));
    story.at(160.0).s(posts, reply("504 Gateway Timeout", &[], "late"));
    let rows = story.run();
    rows.finds("mcp.answered_after_failure", 1);
    rows.exchange_is(2, json!({"status": "ok", "http_status": 504}));
    // The status is not captured.
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    story.at(100.0).c(posts, send(TARGET, &request(1, "tools/call")));
    story.at(160.0).lose(posts, Server, reply("504 Gateway Timeout", &[], "late"));
    story.ack(posts, Client);
    story.at(200.0).s(stream, event(&result(1)));
    story.at(2000.0).close(posts, Client);
    story.run().is_silent_on(&["mcp.answered_after_failure"]);
}

/// Nobody listens: the connection has a line of its own.
#[test]
fn connections_that_are_refused() {
    let mut story = Story::new();
    story.refuse(B, SERVER);
    streamable(story.at(1000.0), A, "2025-06-18", "x");
    let rows = story.run();
    rows.counts("connection", 1);
    rows.row_is("connection", 0, json!({"refused": true, "client": B, "server": SERVER, "tcp_stream": 0}));
    // A connection that was open before is reset.
    let mut story = Story::new();
    let conn = story.midstream(B, SERVER);
    story.ack(conn, Client);
    story.rst(conn, Server);
    story.run().counts("connection", 0);
}
