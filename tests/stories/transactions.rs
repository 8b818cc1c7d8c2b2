//! HTTP that carries no JSON-RPC: bodies that break no rule of it, and transactions without a
//! message.

use serde_json::{Value, json};

use super::http::*;
use super::story::*;

const A: &str = "10.0.0.1:5000";
const SID: Fields = &[("Mcp-Session-Id", "x")];

/// A session in each transport, ready for requests: the connection of the POSTs, and that of the
/// stream, if the transport has one.
fn ready(story: &mut Story, is_http_sse: bool) -> (Conn, Option<Conn>) {
    if is_http_sse {
        let (stream, posts) = legacy_ready(story);
        (posts, Some(stream))
    } else {
        (streamable(story, A, "2025-06-18", "x"), None)
    }
}

fn posted(is_http_sse: bool, body: &str) -> String {
    if is_http_sse { send(TARGET, body) } else { post("/mcp", SID, body) }
}

/// The codes of findings that begin like this.
fn codes<'a>(rows: &'a Rows, layer: &str) -> Vec<&'a str> {
    let all = rows.of_type("finding").into_iter().filter_map(|row| row["code"].as_str());
    all.filter(|code| code.starts_with(layer)).collect()
}

/// A body is judged as JSON-RPC if it has `jsonrpc`, or is the 2xx answer to a request.
#[test]
fn the_body_of_an_http_error_breaks_no_rule_of_json_rpc() {
    for is_http_sse in [false, true] {
        for (status, body, text) in [
            ("401 Unauthorized", r#"{"error":"invalid_token"}"#, json!("invalid_token")),
            ("404 Not Found", r#"{"detail":"Not Found"}"#, json!("Not Found")),
            ("422 Unprocessable Entity", r#"{"detail":[{"msg":"Field required"}]}"#, json!("Field required")),
            ("502 Bad Gateway", "<html><body>Bad Gateway</body></html>", json!("Bad Gateway")),
            ("500 Internal Server Error", r#"{"id":1,"error":{"code":-1,"message":"boom"}}"#, json!("boom")),
            ("403 Forbidden", "null", Value::Null),
            ("403 Forbidden", "[]", Value::Null),
        ] {
            let mut story = Story::new();
            let (conn, _) = ready(&mut story, is_http_sse);
            story.at(10.0).c(conn, posted(is_http_sse, &request(1, "tools/list")));
            story.at(12.0).s(conn, json_reply(status, &[], body));
            story.at(20.0).close(conn, Client);
            let rows = story.run();
            rows.exchange_is(2, json!({"status": "http_error", "total_ms": null}));
            assert_eq!(rows.exchange(2)["error"]["message"], text, "{}", rows.text);
            assert_eq!(codes(&rows, "rpc."), [""; 0], "{status} {body}");
        }
    }
}

#[test]
fn what_accepts_a_message_breaks_no_rule_of_json_rpc() {
    for is_http_sse in [false, true] {
        for body in [r#"{"message":"Accepted"}"#, "null", "{}", "Accepted", r#"{"status":"ok"}"#] {
            let mut story = Story::new();
            let (conn, stream) = ready(&mut story, is_http_sse);
            story.at(10.0).c(conn, posted(is_http_sse, INITIALIZED));
            story.at(12.0).s(conn, json_reply("202 Accepted", &[], body));
            if let Some(stream) = stream {
                story.at(20.0).c(conn, posted(is_http_sse, &request(1, "ping")));
                story.at(21.0).s(conn, json_reply("202 Accepted", &[], body));
                story.at(22.0).s(stream, event(&result(1)));
            }
            let rows = story.run();
            assert_eq!(codes(&rows, "rpc."), [""; 0], "{body}");
            assert_eq!(codes(&rows, "mcp."), [""; 0], "{body}");
        }
    }
}

/// The 2xx answer to a request has to be JSON-RPC.
#[test]
fn the_answer_to_a_request_is_judged() {
    let mut story = Story::new();
    let (conn, _) = ready(&mut story, false);
    story.at(10.0).c(conn, posted(false, &request(1, "tools/list")));
    story.at(12.0).s(conn, ok(r#"{"id":1,"result":{}}"#));
    let rows = story.run();
    rows.exchange_is(2, json!({"status": "ok"}));
    assert_eq!(codes(&rows, "rpc."), ["rpc.no_version"]);
}

/// What a GET on the session's endpoint gets, and what the next request gets.
fn got(status: &str, more: Fields, body: &str, next: &str) -> Rows {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(10.0).c(conn, get("/mcp", SID));
    story.at(12.0).s(conn, reply(status, more, body));
    story.at(20.0).c(conn, post("/mcp", SID, &request(1, "tools/list")));
    story.at(22.0).s(conn, next);
    story.run()
}

const HTML: Fields = &[("Content-Type", "text/html")];
const JSON: Fields = &[("Content-Type", "application/json")];

/// A GET is answered with an event stream or with 405.
#[test]
fn a_get_that_is_neither_a_stream_nor_405() {
    let served = ok(&result(1));
    for (status, more, body, why, findings) in [
        ("405 Method Not Allowed", HTML, "", Value::Null, &[][..]),
        ("401 Unauthorized", JSON, r#"{"error":"invalid_token"}"#, json!("invalid_token"), &[]),
        ("307 Temporary Redirect", HTML, "", Value::Null, &[]),
        ("200 OK", HTML, "<p>Welcome</p>", json!("Welcome"), &["mcp.get_misanswered"]),
        ("204 No Content", &[], "", Value::Null, &["mcp.get_misanswered"]),
        ("500 Internal Server Error", HTML, "oops", json!("oops"), &["mcp.get_misanswered"]),
        ("400 Bad Request", JSON, r#"{"detail":"no"}"#, json!("no"), &["mcp.get_misanswered"]),
        (
            "409 Conflict",
            JSON,
            r#"{"message":"one stream only"}"#,
            json!("one stream only"),
            &["mcp.stream_refused"],
        ),
    ] {
        let rows = got(status, more, body, &served);
        assert_eq!(codes(&rows, "mcp."), findings, "{status}");
        rows.counts("transaction", 1);
        rows.row_is(
            "transaction",
            0,
            json!({"session": "s1", "session_id": "x", "tcp_stream": 0, "method": "GET", "target": "/mcp",
            "http_status": status[..3].parse::<u16>().unwrap(), "why": why, "start": t(10.0), "end": t(12.0),
            "total_ms": 2.0, "first_packet": 8, "response_packet": 9, "last_packet": 9, "server": SERVER,
            "client": A, "findings": findings, "degraded": []}),
        );
        rows.exchange_is(2, json!({"status": "ok"}));
    }
}

/// A 404 for a GET: the server does not know the session, or it has no route for GET.
#[test]
fn a_get_answered_404() {
    let gone = json_reply("404 Not Found", &[], &error(json!(null), -32001, "Session not found"));
    let rows = got("404 Not Found", HTML, "Cannot GET /mcp", &ok(&result(1)));
    assert_eq!(codes(&rows, "mcp."), ["mcp.get_misanswered"]);
    has(rows.found("mcp.get_misanswered")[0], json!({"session": "s1", "packet": 9, "severity": "notice"}));
    let rows = got("404 Not Found", HTML, "Cannot GET /mcp", &gone);
    assert_eq!(codes(&rows, "mcp."), ["mcp.session_refused", "mcp.session_refused"]);
    // Nothing follows: JSON-RPC is what the server says, a page what a router says.
    for (body, code) in [
        (error(json!(null), -32001, "Session not found"), "mcp.session_refused"),
        ("Cannot GET /mcp".to_owned(), "mcp.get_misanswered"),
    ] {
        let mut story = Story::new();
        let conn = streamable(&mut story, A, "2025-06-18", "x");
        story.at(10.0).c(conn, get("/mcp", SID));
        story.at(12.0).s(conn, json_reply("404 Not Found", &[], &body));
        assert_eq!(codes(&story.run(), "mcp."), [code]);
    }
}

/// HTTP+SSE: the client does not come further than the stream.
#[test]
fn the_stream_of_http_sse_is_refused() {
    for path in ["/sse", "/mcp/sse"] {
        let mut story = Story::new();
        let conn = story.connect(A, SERVER);
        story.at(1.0).c(conn, get(path, &[]));
        story
            .at(2.0)
            .s(conn, reply("404 Not Found", &[("Content-Type", "text/plain")], "404 page not found"));
        let rows = story.run();
        assert_eq!(codes(&rows, "mcp."), ["mcp.get_misanswered"]);
        rows.row_is(
            "transaction",
            0,
            json!({"session": null, "target": path, "http_status": 404, "media_type": "text/plain",
            "why": "404 page not found"}),
        );
    }
}

/// Pages, and event streams that are no MCP, break no rule of it.
#[test]
fn other_http_is_not_listed() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    for target in ["/", "/index.html", "/api/items", "/health"] {
        story.c(conn, format!("GET {target} HTTP/1.1\r\nHost: h\r\nAccept: text/html\r\n\r\n"));
        story.s(conn, reply("404 Not Found", HTML, "no"));
        story.c(conn, format!("POST {target} HTTP/1.1\r\nHost: h\r\nContent-Length: 7\r\n\r\n{{\"a\":1}}"));
        story.s(conn, ok(r#"{"b":2}"#));
        story.c(conn, format!("OPTIONS {target} HTTP/1.1\r\nAccess-Control-Request-Method: POST\r\n\r\n"));
        story.s(conn, reply("403 Forbidden", &[], ""));
    }
    let rows = story.run();
    rows.counts("transaction", 0);
    assert_eq!(codes(&rows, ""), [""; 0]);
    // An event stream that is asked for is listed, and that is all.
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.c(conn, get("/notifications", &[]));
    story.s(conn, reply("404 Not Found", HTML, "no"));
    let rows = story.run();
    rows.counts("transaction", 1);
    assert_eq!(codes(&rows, ""), [""; 0]);
}

/// What serves authorization is listed where MCP is spoken.
#[test]
fn authorization_is_listed() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.c(conn, "GET /.well-known/oauth-protected-resource HTTP/1.1\r\nHost: h\r\n\r\n");
    story.s(conn, reply("404 Not Found", HTML, "no"));
    story.c(conn, "POST /register HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}");
    story.s(conn, reply("404 Not Found", HTML, "no"));
    let rows = story.run();
    rows.counts("transaction", 2);
    rows.row_is("transaction", 1, json!({"method": "POST", "why": "no message in the request; no"}));
    assert_eq!(codes(&rows, ""), [""; 0]);
}

#[test]
fn a_second_stream_of_a_session_is_refused() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    let first = story.connect("10.0.0.1:5001", SERVER);
    story.at(10.0).c(first, get("/mcp", SID));
    story.s(first, sse(&[]));
    let second = story.connect("10.0.0.1:5002", SERVER);
    story.at(20.0).c(second, get("/mcp", SID));
    story.at(21.0).s(second, json_reply("400 Bad Request", &[], r#"{"message":"stream exists"}"#));
    story.at(30.0).s(conn, "");
    let rows = story.run();
    assert_eq!(codes(&rows, "mcp."), ["mcp.stream_refused"]);
    let detail = rows.found("mcp.stream_refused")[0]["detail"].as_str().unwrap();
    assert!(detail.contains("400") && detail.contains("another stream"), "{detail}");
}

#[test]
fn a_delete_that_is_refused_or_not_answered() {
    let deleted = |ending: &dyn Fn(&mut Story, Conn)| {
        let mut story = Story::new();
        let conn = streamable(&mut story, A, "2025-06-18", "x");
        story.at(10.0).c(conn, delete("/mcp", SID));
        story.at(12.0);
        ending(&mut story, conn);
        story.run()
    };
    for (status, ended, findings) in [
        ("200 OK", "deleted", &[][..]),
        ("204 No Content", "deleted", &[]),
        ("405 Method Not Allowed", "open", &["mcp.delete_refused"]),
        ("500 Internal Server Error", "open", &["mcp.delete_refused"]),
    ] {
        let rows = deleted(&|story, conn| {
            story.s(conn, reply(status, &[], ""));
        });
        assert_eq!(codes(&rows, "mcp."), findings, "{status}");
        rows.session_is("s1", json!({"ended": ended}));
        rows.row_is("transaction", 0, json!({"method": "DELETE", "findings": findings}));
    }
    let rows = deleted(&|story, conn| story.close(conn, Server));
    assert_eq!(codes(&rows, "mcp."), ["mcp.delete_unanswered"]);
    rows.row_is(
        "transaction",
        0,
        json!({"http_status": null, "total_ms": null, "why": "no response: the server closed"}),
    );
    // The answer may come after the capture, or be what it lacks.
    let rows = deleted(&|_, _| {});
    assert_eq!(codes(&rows, "mcp."), [""; 0]);
    let rows = deleted(&|story, conn| {
        story.lose(conn, Server, reply("200 OK", &[], ""));
        story.close(conn, Server);
    });
    assert_eq!(codes(&rows, "mcp.delete"), [""; 0]);
}

/// The head of a preflight.
fn preflight(target: &str, headers: &str) -> String {
    format!(
        "OPTIONS {target} HTTP/1.1\r\nHost: h\r\nOrigin: http://page\r\n\
         Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: {headers}\r\n\r\n"
    )
}

/// A browser does not send what the preflight asked for.
#[test]
fn a_preflight_is_refused() {
    let asked = "content-type,mcp-protocol-version";
    let allow_origin = ("Access-Control-Allow-Origin", "http://page");
    for (status, more, refused) in [
        (
            "204 No Content",
            &[allow_origin, ("Access-Control-Allow-Headers", "Content-Type, MCP-Protocol-Version")][..],
            false,
        ),
        (
            "204 No Content",
            &[("Access-Control-Allow-Origin", "*"), ("Access-Control-Allow-Headers", "*")],
            false,
        ),
        ("204 No Content", &[allow_origin, ("Access-Control-Allow-Headers", "content-type")], true),
        ("200 OK", &[], true),
        ("405 Method Not Allowed", &[], true),
        ("401 Unauthorized", &[allow_origin], true),
    ] {
        let mut story = Story::new();
        let conn = story.connect(A, SERVER);
        story.at(1.0).c(conn, preflight("/mcp", asked));
        story.at(2.0).s(conn, reply(status, more, ""));
        let rows = story.run();
        rows.finds("mcp.preflight_refused", usize::from(refused));
        rows.row_is("transaction", 0, json!({"method": "OPTIONS", "session": null}));
        rows.counts("session", 0);
    }
    // The preflight of another program is none of MCP.
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.c(conn, preflight("/api", "content-type"));
    story.s(conn, reply("405 Method Not Allowed", &[], ""));
    let rows = story.run();
    rows.counts("transaction", 0);
    rows.finds("mcp.preflight_refused", 0);
}

/// Streamable HTTP answers a notification with 202 and no body; HTTP+SSE leaves the status open.
#[test]
fn a_notification_is_not_answered_202() {
    for is_http_sse in [false, true] {
        for (status, body, findings) in [
            ("202 Accepted", "", &[][..]),
            ("202 Accepted", "null", &[]),
            ("200 OK", "null", &["mcp.not_202"]),
            ("200 OK", "{}", &["mcp.not_202"]),
            ("204 No Content", "", &["mcp.not_202"]),
            ("401 Unauthorized", r#"{"error":"invalid_token"}"#, &["mcp.message_refused"]),
        ] {
            let mut story = Story::new();
            let (conn, _) = ready(&mut story, is_http_sse);
            story
                .at(10.0)
                .c(conn, posted(is_http_sse, &notification("notifications/roots/list_changed", json!({}))));
            story.at(12.0).s(conn, json_reply(status, &[], body));
            let rows = story.run();
            let findings = if is_http_sse && findings == ["mcp.not_202"] { &[] } else { findings };
            assert_eq!(codes(&rows, ""), findings, "{status} {body}");
            rows.counts("transaction", 0);
        }
    }
}

/// A stream's end, how long it was open, and how long it was silent before.
#[test]
fn the_silence_before_the_end_of_a_stream() {
    let mut story = Story::new();
    streamable(&mut story, A, "2025-06-18", "x");
    for n in 0..3 {
        let begin = 1000.0 + 400.0 * f64::from(n);
        let conn = story.at(begin).connect(&format!("10.0.0.1:{}", 5001 + n), SERVER);
        story.c(conn, get("/mcp", SID));
        story.at(begin + 5.0).s(conn, sse(&[]));
        story.at(begin + 50.0).s(conn, chunk(": keep-alive\n\n"));
        story.at(begin + 350.0).rst(conn, Client);
    }
    let rows = story.run();
    rows.row_is(
        "stream",
        0,
        json!({"ended": "client_reset", "end": t(1350.0), "end_packet": 14, "open_ms": 350.0, "silent_ms": 300.0,
        "last_packet": 13}),
    );
    assert_eq!(codes(&rows, "mcp."), ["mcp.idle_limit"]);
    has(rows.found("mcp.idle_limit")[0], json!({"session": "s1", "packet": 28}));
    let detail = rows.found("mcp.idle_limit")[0]["detail"].as_str().unwrap();
    assert!(detail.starts_with("3 streams reset by the client after 300 ms of silence"), "{detail}");
}

/// HTTP+SSE: each stream is a session of its own.
#[test]
fn streams_of_several_sessions_end_at_one_limit() {
    let mut story = Story::new();
    for (n, start) in [(1, 0.0), (2, 70_000.0)] {
        story.at(start);
        let clients = [format!("10.0.0.1:600{n}"), format!("10.0.0.1:700{n}")];
        let target = format!("/messages?sessionId=session-{n}");
        let (stream, _) = legacy(&mut story, [&clients[0], &clients[1]], SERVER, &target);
        story.at(start + 60_000.0).close(stream, Server);
    }
    let rows = story.run();
    rows.finds("mcp.idle_limit", 1);
    has(rows.found("mcp.idle_limit")[0], json!({"session": null}));
    let mut story = Story::new();
    let (stream, _) = legacy_ready(&mut story);
    story.at(100.0).s(stream, "");
    let rows = story.run();
    rows.row_is("stream", 0, json!({"end": null, "end_packet": null, "open_ms": null, "silent_ms": null}));
}
