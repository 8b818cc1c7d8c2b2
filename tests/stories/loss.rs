//! What the capture lacks is nobody's fault: what shows that packets are missing, and what is said
//! then. Each rule has a story beside it in which nothing is missing.

use serde_json::json;

use super::http::*;
use super::story::*;

const A: &str = "10.0.0.1:5000";
const B: &str = "10.0.0.1:5001";
const SID: Fields = &[("Mcp-Session-Id", "x")];

/// A server does not make up the number that is missing among the client's; one far from them it
/// does.
#[test]
fn a_response_with_a_missing_number_answers_a_request_that_was_not_captured() {
    for (answered, unseen, unknown) in [(2, 1, 0), (99, 0, 1)] {
        let mut story = Story::new();
        let (stream, posts) = legacy_ready(&mut story);
        for id in [1, 3] {
            story.at(10.0 * f64::from(id)).c(posts, send(TARGET, &request(id, "tools/list")));
            story.s(posts, accepted());
            story.s(stream, event(&result(id)));
        }
        story.at(40.0).s(stream, event(&result(answered)));
        story.at(5000.0).c(posts, send(TARGET, &request(4, "ping")));
        story.s(posts, accepted());
        story.s(stream, event(&result(4)));
        let rows = story.run();
        rows.finds("mcp.request_unseen", unseen);
        rows.finds("mcp.unknown_response", unknown);
    }
}

/// A wrong id of a request that is open is no sign of another one.
#[test]
fn an_unknown_id_beside_an_open_request_is_told() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    story.at(10.0).c(posts, send(TARGET, &request(1, "tools/list")));
    story.s(posts, accepted());
    story.at(20.0).s(stream, event(&result("other")));
    story.at(5000.0).close(stream, Client);
    let rows = story.run();
    rows.finds("mcp.unknown_response", 1);
    rows.exchange_is(2, json!({"status": "unanswered", "cause": "client_closed"}));
}

/// Streamable HTTP: a client answers what it was asked on a connection that was not captured.
#[test]
fn a_client_that_answers_was_asked() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(10.0).c(conn, post("/mcp", SID, &result(0)));
    story.s(conn, accepted());
    story.at(5000.0).close(conn, Client);
    let rows = story.run();
    rows.finds("mcp.request_unseen", 1);
    rows.finds("mcp.unknown_response", 0);
}

/// Progress with the number of a request that is missing among the others.
#[test]
fn progress_of_a_request_that_was_not_captured() {
    for (token, unknown) in [(json!(2), 0), (json!("other"), 1)] {
        let mut story = Story::new();
        let (stream, posts) = legacy_ready(&mut story);
        let progress = json!({"progressToken": token, "progress": 1});
        for id in [1, 3] {
            story.at(10.0 * f64::from(id)).c(posts, send(TARGET, &request(id, "tools/list")));
            story.s(posts, accepted());
            story.s(stream, event(&result(id)));
        }
        story.at(40.0).s(stream, event(&notification("notifications/progress", progress)));
        story.at(5000.0).c(posts, send(TARGET, &request(4, "ping")));
        story.run().finds("mcp.unknown_token", unknown);
    }
}

/// The server completes the stream of a call without its response. If the capture lacks what the
/// client sent meanwhile, it may have been a cancellation or a DELETE.
#[test]
fn a_server_that_closes_may_have_been_told_to() {
    for is_captured in [false, true] {
        let mut story = Story::new();
        let conn = streamable(&mut story, A, "2025-06-18", "x");
        let other = story.connect(B, SERVER);
        story.at(10.0).c(conn, post("/mcp", SID, &request(1, "tools/call")));
        story.s(conn, sse(&[]));
        let cancel = post("/mcp", SID, &notification("notifications/cancelled", json!({"requestId": 7})));
        if is_captured {
            story.at(20.0).c(other, cancel);
        } else {
            story.at(20.0).lose(other, Client, cancel);
        }
        story.at(21.0).s(other, accepted());
        story.at(22.0).s(conn, LAST);
        story.at(5000.0).close(other, Client);
        let rows = story.run();
        let status = if is_captured { "unanswered" } else { "undetermined" };
        rows.exchange_is(2, json!({"status": status}));
        rows.finds("mcp.unanswered", usize::from(is_captured));
    }
}

/// HTTP+SSE: of the stream only the server's half was captured, so that the client may have closed
/// first.
#[test]
fn a_stream_of_which_only_one_half_was_captured_was_closed_by_nobody_in_particular() {
    for is_captured in [false, true] {
        let mut story = Story::new();
        let stream = if is_captured { story.connect(A, SERVER) } else { story.midstream(A, SERVER) };
        if is_captured {
            story.c(stream, get("/sse", &[]));
        }
        story.s(stream, sse(&[]));
        story.s(stream, chunk(&format!("event: endpoint\ndata: {TARGET}\n\n")));
        let posts = story.connect(B, SERVER);
        story.at(10.0).c(posts, send(TARGET, &request(1, "tools/list")));
        story.s(posts, accepted());
        story.at(500.0).fin(stream, Server);
        story.at(5000.0).close(posts, Client);
        let rows = story.run();
        rows.finds("mcp.unanswered", usize::from(is_captured));
        let status = if is_captured { "unanswered" } else { "undetermined" };
        rows.exchange_is(1, json!({"status": status}));
    }
}

/// The answer to a HEAD has the length of a body, and no body.
#[test]
fn the_answer_to_a_head_that_was_not_captured() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.c(conn, post("/mcp", &[], &initialize(0, "2025-06-18")));
    story.s(conn, json_reply("200 OK", &[], &initialized(0, "2025-06-18")));
    story.at(10.0).lose(conn, Client, "HEAD / HTTP/1.1\r\nHost: example\r\n\r\n");
    story.at(11.0).s(conn, "HTTP/1.1 200 OK\r\nContent-Length: 52\r\n\r\n");
    story.at(20.0).c(conn, post("/mcp", &[], &request(1, "tools/list")));
    story.at(25.0).s(conn, ok(&result(1)));
    story.at(5000.0).close(conn, Client);
    let rows = story.run();
    rows.exchange_is(2, json!({"status": "ok", "total_ms": 5.0}));
    rows.finds("http.length_mismatch", 0);
}

/// A RST acknowledges what the server sent before it: the response is in a gap.
#[test]
fn a_reset_acknowledges_what_was_not_captured() {
    for is_lost in [false, true] {
        let mut story = Story::new();
        let conn = streamable(&mut story, A, "2025-06-18", "x");
        story.at(10.0).c(conn, post("/mcp", SID, &request(1, "tools/list")));
        if is_lost {
            story.at(15.0).lose(conn, Server, ok(&result(1)));
        }
        story.at(20.0).rst(conn, Client);
        story.at(20_000.0).connect(B, SERVER);
        let rows = story.run();
        let status = if is_lost { "undetermined" } else { "unanswered" };
        rows.exchange_is(2, json!({"status": status}));
        rows.finds("mcp.abandoned", usize::from(!is_lost));
    }
}

/// Two requests have one id. The response to the first one is in a gap: the next response with the
/// id is that of the second.
#[test]
fn a_response_is_not_that_of_a_request_whose_response_is_in_a_gap() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    story.at(10.0).c(posts, send(TARGET, &request(7, "tools/list")));
    story.s(posts, accepted());
    story.at(12.0).lose(stream, Server, event(&result(7)));
    story.at(13.0).ack(stream, Client);
    story.at(2000.0).c(posts, send(TARGET, &request(7, "tools/list")));
    story.s(posts, accepted());
    story.at(2003.0).s(stream, event(&result(7)));
    story.at(5000.0).c(posts, send(TARGET, &request(8, "ping")));
    let rows = story.run();
    rows.exchange_is(2, json!({"status": "undetermined"}));
    rows.exchange_is(3, json!({"status": "ok", "total_ms": 3.0}));
    rows.finds("mcp.id_reused", 0);
}

/// A body after a gap in both directions may be that of another request.
#[test]
fn a_body_after_a_gap_is_not_judged() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.c(conn, post("/mcp", &[], &initialize(0, "2025-06-18")));
    story.lose(conn, Server, json_reply("200 OK", &[("Mcp-Session-Id", "x")], &initialized(0, "2025-06-18")));
    story.at(5.0).lose(conn, Client, post("/mcp", SID, INITIALIZED));
    story.at(6.0).s(conn, json_reply("200 OK", &[], "null"));
    story.at(10.0).c(conn, post("/mcp", SID, &request(1, "tools/list")));
    story.at(12.0).s(conn, ok(&result(1)));
    story.at(5000.0).close(conn, Client);
    let rows = story.run();
    for code in ["rpc.no_version", "rpc.no_result", "rpc.not_object"] {
        rows.finds(code, 0);
    }
    rows.exchange_is(2, json!({"status": "ok", "total_ms": 2.0}));
}

/// The gap in the requests is known later than the response to one behind it, which then counts for
/// a request before the gap. The requests that follow have their own responses again.
#[test]
fn responses_are_in_step_again_behind_a_gap_in_both_directions() {
    let call = |id: u64| post("/mcp", SID, &request(id, "tools/list"));
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(10.0).c(conn, call(1));
    story.lose(conn, Server, ok(&result(1)));
    story.lose(conn, Client, call(2));
    story.lose(conn, Server, ok(&result(2)));
    story.at(30.0).c(conn, call(3));
    story.at(40.0).ack(conn, Client);
    story.at(41.0).s(conn, ok(&result(3)));
    for id in 4_u32..8 {
        story.at(f64::from(id) * 100.0).ack(conn, Server);
        story.c(conn, call(u64::from(id)));
        story.at(f64::from(id) * 100.0 + 5.0).s(conn, ok(&result(u64::from(id))));
    }
    story.at(2000.0).close(conn, Client);
    let rows = story.run();
    rows.finds("mcp.stray_response", 0);
    for exchange in rows.of_type("exchange") {
        let id = exchange["id"].as_u64().unwrap();
        if id >= 5 {
            has(exchange, json!({"status": "ok", "total_ms": 5.0}));
        } else if id > 0 {
            assert_ne!(exchange["status"], "unanswered", "{exchange}");
        }
    }
}

/// A message of the client was not captured while a call waited: it may have cancelled the call.
#[test]
fn a_cancellation_is_missing() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    let other = story.connect(B, SERVER);
    story.at(10.0).c(conn, post("/mcp", SID, &request(1, "tools/list")));
    story.s(conn, sse(&[]));
    let cancel = notification("notifications/cancelled", json!({"requestId": 1}));
    let whole = {
        let mut story = story.clone();
        story.at(400.0).c(other, post("/mcp", SID, &cancel));
        story.s(other, accepted());
        story
    };
    story.at(400.0).lose(other, Client, post("/mcp", SID, &cancel));
    story.at(401.0).s(other, accepted());
    for (mut story, status) in [(whole, "cancelled"), (story, "undetermined")] {
        story.at(900.0).c(other, delete("/mcp", SID));
        story.s(other, reply("204 No Content", &[], ""));
        story.at(950.0).close(conn, Client);
        story.at(960.0).close(other, Client);
        let rows = story.run();
        rows.exchange_is(2, json!({"status": status}));
        rows.finds("mcp.abandoned", 0);
    }
}
