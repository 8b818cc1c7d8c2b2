//! What looks like a fault and is none: nothing of it is told above info, in either transport.

use serde_json::{Value, json};

use super::http::*;
use super::ready::*;
use super::story::*;

const A: &str = "10.0.0.1:5000";
const B: &str = "10.0.0.1:5001";

/// A server without event streams or without deletion says 405.
#[test]
fn a_server_without_streams_and_deletion() {
    let [mut ready, _] = Ready::each();
    for asked in [get("/mcp", NAMED), delete("/mcp", NAMED)] {
        let conn = ready.connect();
        ready.story.c(conn, asked);
        ready.story.s(conn, reply("405 Method Not Allowed", &[("Allow", "POST")], ""));
    }
    ready.ask(&request(1, "tools/list"));
    ready.answer(&result(1));
    let rows = ready.rows();
    rows.is_silent_on(&["mcp.get_misanswered", "mcp.stream_refused", "mcp.delete_unanswered"]);
    assert!(rows.found("mcp.delete_refused").iter().all(|row| row["severity"] == "notice"));
}

/// A client without credentials is refused, asks where to get them, and comes back with them.
#[test]
fn the_discovery_of_authorization() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    let challenge = ("WWW-Authenticate", "Bearer resource_metadata=\"http://h/.well-known/x\"");
    let token = ("Authorization", "Bearer t");
    story.c(conn, post("/mcp", &[], &initialize(0, "2025-06-18")));
    story.s(conn, json_reply("401 Unauthorized", &[challenge], r#"{"error":"invalid_token"}"#));
    for path in ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-authorization-server"] {
        story.c(conn, format!("GET {path} HTTP/1.1\r\nHost: h\r\nMCP-Protocol-Version: 2025-06-18\r\n\r\n"));
        story.s(conn, json_reply("404 Not Found", &[], r#"{"detail":"Not Found"}"#));
    }
    story.c(conn, "POST /register HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}");
    story.s(conn, json_reply("201 Created", &[], r#"{"client_id":"a"}"#));
    story.c(conn, post("/mcp", &[token], &initialize(0, "2025-06-18")));
    story.s(conn, json_reply("200 OK", &[("Mcp-Session-Id", "x")], &initialized(0, "2025-06-18")));
    story.c(conn, post("/mcp", &[token, NAMED[0], NAMED[1]], INITIALIZED));
    story.s(conn, accepted());
    let rows = story.run();
    rows.counts("session", 1);
    rows.says(&[]);
}

/// The server has forgotten the session, and the client opens a new one.
#[test]
fn a_session_that_has_expired() {
    let [mut ready, _] = Ready::each();
    ready.ask(&request(1, "tools/list"));
    ready.reply(json_reply("404 Not Found", &[], &error(Value::Null, -32001, "Session not found")));
    let posts = ready.posts;
    ready.story.c(posts, post("/mcp", &[], &initialize(0, "2025-06-18")));
    ready.reply(json_reply("200 OK", &[("Mcp-Session-Id", "y")], &initialized(0, "2025-06-18")));
    ready.story.c(posts, post("/mcp", &[("Mcp-Session-Id", "y"), NAMED[1]], INITIALIZED));
    ready.reply(accepted());
    let rows = ready.rows();
    rows.says(&["mcp.session_refused"]);
    rows.counts("session", 2);
}

/// Events without data, comments, data over several lines, no space after the colon, CRLF, a type
/// of their own, and fields that nobody knows.
#[test]
fn all_that_an_event_stream_may_hold() {
    for mut ready in Ready::each() {
        ready.ask(&request(1, "tools/list"));
        ready.begin();
        let conn = ready.answers_on();
        for text in [
            ": ping\n\n",
            "id: 1\nretry: 3000\ndata: \n\n",
            "id: 2\ndata:\n\n",
            "event: ping\ndata: 2026-07-28\n\n",
            "comment\nunknown: field\n\n",
            "data:{\"jsonrpc\":\"2.0\",\ndata:\"id\":1,\ndata: \"result\":{}}\n\n",
            "event: message\r\ndata:{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}\r\n\r\n",
        ] {
            ready.story.s(conn, chunk(text));
        }
        ready.end();
        let rows = ready.rows();
        rows.exchange_is(2, json!({"status": "ok", "total_ms": 0.0}));
        rows.says(&[]);
    }
}

/// Names of header fields in any case.
#[test]
fn header_fields_in_another_case() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.c(conn, post("/mcp", &[], &initialize(0, "2025-06-18")));
    story.s(conn, json_reply("200 OK", &[("MCP-SESSION-ID", "x")], &initialized(0, "2025-06-18")));
    let named = [("mcp-session-id", "x"), ("mcp-protocol-version", "2025-06-18")];
    story.c(conn, post("/mcp", &named, INITIALIZED));
    story.s(conn, accepted());
    story.c(conn, post("/mcp", &named, &request(1, "tools/list")).replace("Content-Type", "content-type"));
    story.s(conn, reply("200 OK", &[("CONTENT-TYPE", "Application/JSON; charset=UTF-8")], &result(1)));
    let rows = story.run();
    rows.counts("session", 1);
    rows.says(&[]);
}

/// A stream that is for what belongs to no request is open without one, and its client goes.
#[test]
fn a_stream_that_carries_nothing() {
    let [mut ready, _] = Ready::each();
    let conn = ready.connect();
    ready.story.c(conn, get("/mcp", NAMED));
    ready.story.s(conn, sse(&[]));
    ready.story.at(9000.0).close(conn, Client);
    ready.rows().says(&[]);
}

/// A response that was on its way when the client cancelled, and one that never comes.
#[test]
fn cancellations_that_cross_the_response() {
    for is_answered in [false, true] {
        for mut ready in Ready::each() {
            ready.ask(&request(1, "tools/call"));
            ready.begin();
            ready.at(20.0).notify(&cancel(1));
            if is_answered {
                ready.at(21.0).tell(&result(1));
            }
            ready.end();
            let rows = ready.rows();
            rows.exchange_is(2, json!({"status": "cancelled", "cause": "cancelled"}));
            rows.says(&[]);
        }
    }
}

/// An error of the transport that names no request.
#[test]
fn an_http_error_with_a_json_rpc_error_without_id() {
    for body in [
        error(Value::Null, -32000, "Bad Request: no session"),
        r#"{"jsonrpc":"2.0","error":{"code":-32000,"message":"Bad Request: no session"}}"#.to_owned(),
    ] {
        for mut ready in Ready::each() {
            let asked = ready.posted(&request(1, "tools/list"));
            ready.story.c(ready.posts, asked);
            ready.reply(json_reply("400 Bad Request", &[], &body));
            let rows = ready.rows();
            rows.exchange_is(
                2,
                json!({"status": "http_error", "error": {"code": -32000, "message": "Bad Request: no session"}}),
            );
            rows.says(&[]);
        }
    }
}

/// TCP sends a segment twice: request, answer and event are each there once.
#[test]
fn segments_that_are_sent_twice() {
    for mut ready in Ready::each() {
        let (posts, answers) = (ready.posts, ready.answers_on());
        let asked = ready.posted(&request(1, "tools/list"));
        let seq = ready.story.lose(posts, Client, &asked);
        ready.story.retransmit(posts, Client, seq, &asked);
        ready.at(11.0).story.retransmit(posts, Client, seq, &asked);
        if ready.is_http_sse() {
            ready.reply(accepted());
        }
        let told = if ready.is_http_sse() { event(&result(1)) } else { ok(&result(1)) };
        let seq = ready.story.lose(answers, Server, &told);
        ready.at(20.0).story.retransmit(answers, Server, seq, &told);
        ready.at(21.0).story.retransmit(answers, Server, seq, &told);
        let rows = ready.rows();
        rows.counts("exchange", 2);
        rows.exchange_is(2, json!({"status": "ok", "total_ms": 10.0}));
        rows.says(&[]);
    }
}

/// The connection is lost, and the client sends the request again on another one.
#[test]
fn a_post_that_is_sent_again() {
    for mut ready in Ready::each() {
        let asked = ready.posted(&request(1, "tools/list"));
        let posts = ready.posts;
        ready.story.c(posts, &asked);
        ready.story.rst(posts, Server);
        let again = ready.at(12.0).connect();
        ready.story.c(again, &asked);
        if let Some(stream) = ready.stream {
            ready.story.s(again, accepted());
            ready.story.at(20.0).s(stream, event(&result(1)));
        } else {
            ready.story.at(20.0).s(again, ok(&result(1)));
        }
        let rows = ready.rows();
        rows.counts("exchange", 2);
        rows.exchange_is(2, json!({"status": "ok", "total_ms": 10.0}));
        rows.says(&[]);
    }
}

/// The revision is that of the session; before 2025-06-18 no header names it.
#[test]
fn the_revision_of_each_session() {
    for revision in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let mut story = Story::new();
        let conn = story.connect(A, SERVER);
        story.c(conn, post("/mcp", &[], &initialize(0, "2025-11-25")));
        story.s(conn, json_reply("200 OK", &NAMED[..1], &initialized(0, revision)));
        let all = [NAMED[0], ("MCP-Protocol-Version", revision)];
        let named = if revision < "2025-06-18" { &all[..1] } else { &all[..] };
        story.c(conn, post("/mcp", named, INITIALIZED));
        story.s(conn, accepted());
        if revision == "2025-03-26" {
            let batch = format!("[{},{}]", request(1, "tools/list"), request(2, "tools/list"));
            story.c(conn, post("/mcp", named, &batch));
            story.s(conn, ok(&format!("[{},{}]", result(2), result(1))));
        }
        let rows = story.run();
        rows.exchange_is(1, json!({"protocol_version": revision}));
        rows.says(&[]);
    }
}

/// What a stream repeats after Last-Event-ID is no duplicate.
#[test]
fn events_that_are_repeated_on_request() {
    let [mut ready, _] = Ready::each();
    ready.ask(&call_with_token(1));
    ready.begin();
    let posts = ready.posts;
    for (id, message) in [("e1", progress(1, 1.0, None)), ("e2", progress(1, 2.0, None))] {
        ready.story.s(posts, event_id(id, &message));
    }
    ready.close_posts(Server);
    let again = ready.at(100.0).connect();
    ready.story.c(again, get("/mcp", &[NAMED[0], NAMED[1], ("Last-Event-ID", "e1")]));
    ready.story.s(again, sse(&[]));
    for (id, message) in [("e2", progress(1, 2.0, None)), ("e3", progress(1, 3.0, None)), ("e4", result(1))] {
        ready.story.s(again, event_id(id, &message));
    }
    ready.story.s(again, LAST);
    let rows = ready.rows();
    rows.exchange_is(2, json!({"status": "ok", "progress": 3, "total_ms": 90.0}));
    rows.is_silent_on(&["mcp.duplicate_response", "mcp.response_on_get_stream", "mcp.wrong_replay"]);
    rows.is_silent_on(&["mcp.unanswered", "mcp.late_progress", "mcp.progress_order"]);
}

/// 2026-07-28: the server may end a subscription with a result, with a cancellation, or with
/// neither.
#[test]
fn a_subscription_that_the_server_ends() {
    for how in 0..2 {
        let mut story = Story::new();
        let conn = story.connect(A, SERVER);
        let listen = modern("l", "subscriptions/listen", json!({}), Some("c"));
        story.c(conn, post("/mcp", &[MODERN, ("Mcp-Method", "subscriptions/listen")], &listen));
        story.s(conn, sse(&[]));
        let meta = json!({"_meta": {"io.modelcontextprotocol/subscriptionId": "l"}});
        story.s(conn, event(&notification("notifications/subscriptions/acknowledged", meta)));
        story.at(100.0).s(conn, event(&if how == 0 { result("l") } else { cancel("l") }));
        story.s(conn, LAST);
        story.run().says(&[]);
    }
}

/// 2026-07-28: the client asks without a session; a later `initialize` of the same client is that
/// of an older server.
#[test]
fn both_eras_at_one_server() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    let fields = [MODERN, ("Mcp-Method", "tools/list")];
    story.c(conn, post("/mcp", &fields, &modern(1, "tools/list", json!({}), Some("c"))));
    story.s(conn, ok(&result(1)));
    let other = story.connect(B, SERVER);
    story.c(other, post("/mcp", &[], &initialize(0, "2025-06-18")));
    story.s(other, json_reply("200 OK", &NAMED[..1], &initialized(0, "2025-06-18")));
    story.c(other, post("/mcp", NAMED, INITIALIZED));
    story.s(other, accepted());
    let rows = story.run();
    rows.counts("session", 2);
    rows.says(&[]);
}
