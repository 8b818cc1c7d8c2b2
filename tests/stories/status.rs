//! Section 5: what became of a request, and why.

use serde_json::{Value, json};

use super::http::*;
use super::story::*;

const A: &str = "10.0.0.1:5000";
const B: &str = "10.0.0.1:5001";
const SID: Fields = &[("Mcp-Session-Id", "x")];

/// One request on a session of 2025-06-18, and its reply.
fn answered(reply: &str) -> Rows {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(10.0).c(conn, post("/mcp", SID, &with(1, "tools/call", json!({"name": "t"}))));
    story.at(12.0).s(conn, reply);
    story.at(20.0).close(conn, Client);
    story.run()
}

#[test]
fn the_status_follows_from_the_body() {
    let tool_error = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[],"isError":true}}"#;
    let fine = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[],"isError":false}}"#;
    let refused = json!({"code": -32602, "message": "unknown tool"});
    for (reply, status, error, http, cause, total) in [
        (ok(fine), "ok", Value::Null, 200, Value::Null, json!(2.0)),
        (ok(tool_error), "tool_error", Value::Null, 200, Value::Null, json!(2.0)),
        (ok(&error(1, -32602, "unknown tool")), "error", refused.clone(), 200, Value::Null, json!(2.0)),
        (
            json_reply("400 Bad Request", &[], &error(1, -32602, "unknown tool")),
            "error",
            refused.clone(),
            400,
            Value::Null,
            json!(2.0),
        ),
        (
            json_reply("404 Not Found", &[], &error(1, -32602, "unknown tool")),
            "error",
            refused.clone(),
            404,
            Value::Null,
            json!(2.0),
        ),
        (
            json_reply("400 Bad Request", &[], &error(json!(null), -32602, "unknown tool")),
            "http_error",
            refused.clone(),
            400,
            json!("http_error"),
            json!(null),
        ),
        (
            json_reply("400 Bad Request", &[], &error("server-error", -32602, "unknown tool")),
            "http_error",
            refused.clone(),
            400,
            json!("http_error"),
            json!(null),
        ),
        (
            json_reply(
                "400 Bad Request",
                &[],
                r#"{"jsonrpc":"2.0","error":{"code":-32602,"message":"unknown tool"}}"#,
            ),
            "http_error",
            refused.clone(),
            400,
            json!("http_error"),
            json!(null),
        ),
        (
            reply("404 Not Found", &[("Content-Type", "text/html")], "<h1>no</h1>"),
            "http_error",
            json!({"code": null, "message": "no"}),
            404,
            json!("http_error"),
            json!(null),
        ),
        (
            reply("503 Service Unavailable", &[], ""),
            "http_error",
            Value::Null,
            503,
            json!("http_error"),
            json!(null),
        ),
    ] {
        let rows = answered(&reply);
        rows.exchange_is(
            2,
            json!({"status": status, "error": error, "http_status": http, "cause": cause, "total_ms": total,
            "ack_ms": 2.0, "degraded": []}),
        );
        rows.finds("mcp.unknown_response", 0);
        rows.finds("mcp.unanswered", 0);
    }
}

/// An error over HTTP+SSE: the POST itself is refused.
#[test]
fn a_post_refused_over_http_sse() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    story.at(10.0).c(posts, send(TARGET, &request(1, "tools/list")));
    story.at(11.0).s(posts, reply("404 Not Found", &[("Content-Type", "text/plain")], "Session not found"));
    story.at(20.0).close(stream, Client);
    let rows = story.run();
    rows.exchange_is(
        2,
        json!({"status": "http_error", "cause": "http_error", "http_status": 404,
        "error": {"code": null, "message": "Session not found"}, "total_ms": null, "ack_ms": 1.0}),
    );
}

/// What may answer a POST of HTTP+SSE: 200 with the response in it too.
#[test]
fn http_sse_answered_on_the_post() {
    let mut story = Story::new();
    let (_, posts) = legacy_ready(&mut story);
    story.at(10.0).c(posts, send(TARGET, &request(1, "tools/list")));
    story.at(11.0).s(posts, ok(&result(1)));
    let rows = story.run();
    rows.exchange_is(
        2,
        json!({"status": "ok", "http_status": 200, "total_ms": 1.0, "transport": "http+sse"}),
    );
}

#[test]
fn accepted_and_no_stream_to_answer_on() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(10.0).c(conn, post("/mcp", SID, &request(1, "tools/list")));
    story.at(11.0).s(conn, accepted());
    story.at(5000.0).close(conn, Client);
    let rows = story.run();
    rows.exchange_is(
        2,
        json!({"status": "unanswered", "cause": "no_stream", "http_status": 202, "total_ms": null, "ack_ms": 1.0,
        "degraded": []}),
    );
    rows.finds("mcp.no_stream", 1);
}

/// 202 to a request where a GET stream is open: that is where the answer comes.
#[test]
fn accepted_and_answered_on_the_get_stream() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    let stream = story.connect(B, SERVER);
    story.c(stream, get("/mcp", SID));
    story.s(stream, sse(&[]));
    story.at(10.0).c(conn, post("/mcp", SID, &request(1, "tools/list")));
    story.at(11.0).s(conn, accepted());
    story.at(15.0).s(stream, event(&result(1)));
    let rows = story.run();
    rows.exchange_is(2, json!({"status": "ok", "cause": null, "http_status": 202, "total_ms": 5.0}));
    rows.finds("mcp.no_stream", 0);
}

fn closing(how: impl FnOnce(&mut Story, Conn)) -> Rows {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(10.0).c(conn, post("/mcp", SID, &request(1, "tools/list")));
    story.at(11.0).s(conn, sse(&[]));
    story.at(12.0);
    how(&mut story, conn);
    story.run()
}

/// A client that goes away is no error of the server.
fn unanswered_code(cause: &str) -> &'static str {
    if cause.starts_with("client") { "mcp.abandoned" } else { "mcp.unanswered" }
}

/// The POST's stream ends without an answer: whoever ended it first is the cause. No cancellation
/// before 2026-07-28.
#[test]
fn causes_on_a_post_stream() {
    for (cause, rows) in [
        ("client_closed", closing(|story, conn| story.close(conn, Client))),
        ("server_closed", closing(|story, conn| story.close(conn, Server))),
        (
            "client_reset",
            closing(|story, conn| {
                story.rst(conn, Client);
            }),
        ),
        (
            "server_reset",
            closing(|story, conn| {
                story.rst(conn, Server);
            }),
        ),
        (
            "server_closed",
            closing(|story, conn| {
                story.s(conn, LAST);
                story.at(50.0).close(conn, Client);
            }),
        ),
    ] {
        rows.exchange_is(
            2,
            json!({"status": "unanswered", "cause": cause, "http_status": 200, "total_ms": null, "degraded": []}),
        );
        let found = unanswered_code(cause);
        rows.finds(found, 1);
        has(rows.found(found)[0], json!({"exchange": 2, "session": "s1"}));
    }
}

/// Nothing at all came on the connection of the POST.
#[test]
fn causes_without_a_status_line() {
    for (cause, how) in [
        ("client_closed", (Client, false)),
        ("server_closed", (Server, false)),
        ("client_reset", (Client, true)),
        ("server_reset", (Server, true)),
    ] {
        let mut story = Story::new();
        let conn = streamable(&mut story, A, "2025-06-18", "x");
        story.at(10.0).c(conn, post("/mcp", SID, &request(1, "tools/list")));
        story.at(12.0);
        match how {
            (side, false) => story.close(conn, side),
            (side, true) => {
                story.rst(conn, side);
            }
        }
        let rows = story.run();
        rows.exchange_is(
            2,
            json!({"status": "unanswered", "cause": cause, "http_status": null, "ack_ms": null, "degraded": []}),
        );
    }
}

/// Over HTTP+SSE the answer would come on the GET stream: its end is the cause, not that of the
/// POST's connection.
#[test]
fn causes_over_http_sse() {
    for (cause, how) in [
        ("client_closed", (Client, false)),
        ("server_closed", (Server, false)),
        ("client_reset", (Client, true)),
        ("server_reset", (Server, true)),
    ] {
        let mut story = Story::new();
        let (stream, posts) = legacy_ready(&mut story);
        story.at(10.0).c(posts, send(TARGET, &request(1, "tools/list")));
        story.at(11.0).s(posts, accepted());
        story.at(11.5).close(posts, Client);
        story.at(12.0);
        match how {
            (side, false) => story.close(stream, side),
            (side, true) => {
                story.rst(stream, side);
            }
        }
        let rows = story.run();
        rows.exchange_is(
            2,
            json!({"status": "unanswered", "cause": cause, "http_status": 202, "ack_ms": 1.0, "degraded": []}),
        );
        rows.finds(unanswered_code(cause), 1);
        rows.session_is("s1", json!({"ended": "stream_closed"}));
    }
}

/// The capture ends while its connection is open: the evidence may be missing.
#[test]
fn the_capture_ends() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    story.at(10.0).c(posts, send(TARGET, &request(1, "tools/list")));
    story.at(11.0).s(posts, accepted());
    story.at(12.0).ack(stream, Client);
    let rows = story.run();
    rows.exchange_is(
        2,
        json!({"status": "unanswered", "cause": "capture_end", "degraded": ["capture_end"], "total_ms": null,
        "send_ms": 0.0, "ack_ms": 1.0}),
    );
    rows.finds("mcp.unanswered", 0);
    rows.exchange_is(1, json!({"degraded": []}));
}

/// A session header that an intermediary folded, refused.
#[test]
fn a_folded_session_header() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(10.0).c(conn, post("/mcp", &[("Mcp-Session-Id", "x, x")], &request(1, "tools/list")));
    story
        .at(11.0)
        .s(conn, json_reply("404 Not Found", &[], &error(json!(null), -32001, "Session not found")));
    let rows = story.run();
    rows.exchange_is(
        2,
        json!({"status": "http_error", "http_status": 404, "session_id": "x", "session": "s1",
        "error": {"code": -32001, "message": "Session not found"}}),
    );
    rows.counts("session", 1);
    rows.finds("mcp.session_folded", 1);
}

/// A 404 and a new `initialize`: no error but a notice.
#[test]
fn a_session_refused() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.at(10.0).c(conn, post("/mcp", &[("Mcp-Session-Id", "old")], &request(9, "tools/list")));
    story
        .at(11.0)
        .s(conn, json_reply("404 Not Found", &[], &error(json!(null), -32001, "Session not found")));
    story.c(conn, post("/mcp", &[], &initialize(0, "2025-06-18")));
    story.s(conn, json_reply("200 OK", &[("Mcp-Session-Id", "new")], &initialized(0, "2025-06-18")));
    let rows = story.run();
    rows.exchange_is(1, json!({"status": "http_error", "session_id": "old"}));
    rows.exchange_is(2, json!({"status": "ok", "session_id": "new"}));
    rows.finds("mcp.session_refused", 1);
    rows.counts("session", 2);
}

/// 401, then the same again with a token: no duplicate, two exchanges.
#[test]
fn unauthorized_at_first() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.at(10.0).c(conn, post("/mcp", &[], &initialize(0, "2025-06-18")));
    story.at(11.0).s(conn, reply("401 Unauthorized", &[("WWW-Authenticate", "Bearer")], ""));
    story.at(20.0).c(conn, post("/mcp", &[("Authorization", "Bearer s")], &initialize(0, "2025-06-18")));
    story.at(22.0).s(conn, json_reply("200 OK", &[("Mcp-Session-Id", "x")], &initialized(0, "2025-06-18")));
    let rows = story.run();
    rows.exchange_is(
        1,
        json!({"status": "http_error", "http_status": 401, "cause": "http_error", "session_id": null}),
    );
    rows.exchange_is(2, json!({"status": "ok", "total_ms": 2.0, "session_id": "x"}));
    rows.finds("mcp.id_reused", 0);
}

/// A batch that is refused: each of its requests is.
#[test]
fn a_batch_refused() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-03-26", "x");
    let batch = format!("[{},{}]", request(1, "tools/list"), request(2, "tools/list"));
    story.at(10.0).c(conn, post("/mcp", SID, &batch));
    story.at(11.0).s(conn, reply("413 Payload Too Large", &[], ""));
    let rows = story.run();
    for n in [2, 3] {
        rows.exchange_is(
            n,
            json!({"status": "http_error", "http_status": 413, "cause": "http_error", "ack_ms": 1.0}),
        );
    }
}

/// The stream is over, the POST's connection is kept alive: nothing is missing.
#[test]
fn the_stream_ends_and_the_posts_stay() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    story.at(10.0).c(posts, send(TARGET, &request(1, "tools/list")));
    story.at(11.0).s(posts, accepted());
    story.at(12.0).s(stream, event(&request(0, "roots/list")));
    story.at(13.0).close(stream, Client);
    let rows = story.run();
    rows.exchange_is(2, json!({"status": "unanswered", "cause": "client_closed", "degraded": []}));
    rows.exchange_is(
        3,
        json!({"origin": "server", "status": "unanswered", "cause": "client_closed", "degraded": []}),
    );
}

/// Its events had ids, so it could have been resumed, and never was.
#[test]
fn a_resumable_stream_that_is_never_resumed() {
    for is_reset in [false, true] {
        let mut story = Story::new();
        let conn = streamable(&mut story, A, "2025-11-25", "x");
        story.at(10.0).c(conn, post("/mcp", SID, &request(1, "tools/list")));
        story.at(11.0).s(conn, sse(&[]));
        story.at(12.0).s(conn, chunk("id: e0\ndata: \n\n"));
        if is_reset {
            story.at(13.0).rst(conn, Server);
        } else {
            story.at(13.0).close(conn, Server);
        }
        let rows = story.run();
        let cause = if is_reset { "server_reset" } else { "server_closed" };
        rows.exchange_is(2, json!({"status": "unanswered", "cause": cause, "degraded": []}));
        rows.finds("mcp.unanswered", 1);
    }
}

/// A server request on a POST's stream without response; all connections are closed at the end.
#[test]
fn a_server_request_without_response() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(10.0).c(conn, post("/mcp", SID, &request(1, "tools/list")));
    story.at(11.0).s(conn, sse(&[]));
    story.at(12.0).s(conn, event(&request(1, "elicitation/create")));
    story.at(13.0).s(conn, event(&result(1)));
    story.at(14.0).s(conn, LAST);
    story.at(900.0).close(conn, Client);
    let rows = story.run();
    rows.exchange_is(2, json!({"status": "ok", "total_ms": 3.0}));
    rows.exchange_is(
        3,
        json!({"origin": "server", "status": "unanswered", "degraded": [], "total_ms": null}),
    );
    assert_ne!(rows.exchange(3)["cause"], "capture_end", "its connection was closed");
}
