//! What a body or a stream holds and clients do not read: the reason is told with the exchange.

use serde_json::json;

use super::http::*;
use super::story::*;

const A: &str = "10.0.0.1:5000";
const SID: Fields = &[("Mcp-Session-Id", "x")];

/// A call on a session of Streamable HTTP, its reply, and the reset of the client.
fn replied(reply: &str) -> Rows {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(10.0).c(conn, post("/mcp", SID, &request(1, "tools/list")));
    story.at(12.0).s(conn, reply);
    story.at(90.0).rst(conn, Client);
    story.run()
}

fn stream_with(content: &str) -> String {
    sse(&[]) + &chunk(content)
}

/// The detail of the one finding with this code, which is joined to exchange 2.
#[track_caller]
fn detail<'a>(rows: &'a Rows, code: &str) -> &'a str {
    rows.finds(code, 1);
    has(rows.found(code)[0], json!({"exchange": 2, "session": "s1"}));
    rows.found(code)[0]["detail"].as_str().unwrap()
}

/// Clients dispatch it to nobody.
#[test]
fn an_answer_in_an_event_of_another_type() {
    let rows = replied(&stream_with(&format!("event: result\ndata: {}\n\n", result(1))));
    rows.exchange_is(2, json!({"status": "unanswered", "cause": "client_reset"}));
    assert_eq!(detail(&rows, "sse.event_type"), "a JSON-RPC message in an event of the type \"result\"");
    let usual = replied(&stream_with(&format!("data: {}\n\n", result(1))));
    usual.exchange_is(2, json!({"status": "ok"}));
    usual.finds("sse.event_type", 0);
    // Events of another type that hold no message are let pass.
    let ping = stream_with(&format!("event: ping\ndata: {{}}\n\nevent: message\ndata: {}\n\n", result(1)));
    replied(&ping).finds("sse.event_type", 0);
}

/// A line whose field name is not quite the one that is meant is no data.
#[test]
fn a_misspelled_field_name() {
    for name in ["Data", " data", "data ", "\u{feff}data", "\u{feff}event"] {
        let rows = replied(&stream_with(&format!("{name}: {}\n\n", result(1))));
        // At the start of the stream a byte order mark is none of the name.
        if name.starts_with('\u{feff}') {
            rows.finds("sse.field_name", 0);
        } else {
            rows.exchange_is(2, json!({"status": "unanswered", "cause": "client_reset"}));
            let told = detail(&rows, "sse.field_name");
            assert_eq!(told, format!("a line with the field name {name:?} is no data field: it is ignored"));
        }
        let event =
            format!("data: {}\n\n{name}: {}\n\n", notification("notifications/x", json!({})), result(1));
        replied(&stream_with(&event)).finds("sse.field_name", 1);
    }
    for name in ["date", "comment", "", "x-data", "data-1"] {
        let rows = replied(&stream_with(&format!("{name}: 1\ndata: {}\n\n", result(1))));
        rows.exchange_is(2, json!({"status": "ok"}));
        rows.finds("sse.field_name", 0);
    }
}

/// A server that writes `\n` as two characters never ends a line.
#[test]
fn a_line_that_never_ends() {
    let rows = replied(&stream_with(&format!("event: message\\ndata: {}\\n\\n", result(1))));
    rows.exchange_is(2, json!({"status": "unanswered", "cause": "client_reset"}));
    assert!(detail(&rows, "sse.event_cut").starts_with("the stream ended inside a line of an event"));
}

/// `utf-8` is no coding: clients take the body as it is. What is no text is not read.
#[test]
fn an_unknown_coding_over_plain_text() {
    let coding = [("Content-Encoding", "utf-8")];
    let rows = replied(&json_reply("200 OK", &coding, &result(1)));
    rows.exchange_is(2, json!({"status": "ok", "total_ms": 2.0}));
    assert_eq!(detail(&rows, "http.content_unknown"), "content coding \"utf-8\" is not known");
    let rows = replied(&json_reply("200 OK", &[("Content-Encoding", "snappy")], "\u{1}\u{2}\u{3}"));
    rows.exchange_is(2, json!({"status": "unanswered", "cause": "no_response"}));
    let told = detail(&rows, "mcp.no_response");
    assert!(told.ends_with("http.content_unknown: content coding \"snappy\" is not known"), "{told}");
    rows.is_silent_on(&["rpc.not_json"]);
}

/// There is a body; it is not what it is declared as.
#[test]
fn a_coding_that_the_body_does_not_have() {
    let rows = replied(&json_reply("200 OK", &[("Content-Encoding", "gzip")], &result(1)));
    rows.exchange_is(2, json!({"status": "unanswered", "cause": "no_response"}));
    let told = detail(&rows, "mcp.no_response");
    assert!(told.contains("http.content_bad: gzip") && !told.contains("no body"), "{told}");
}

/// The page of a web application in place of the endpoint: no transport is known, and nothing is
/// missing.
#[test]
fn a_web_page_in_answer_to_initialize() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.at(10.0).c(conn, post("/mcp", &[], &initialize(0, "2025-06-18")));
    let p = story.at(12.0).s(conn, reply("200 OK", &[("Content-Type", "text/html")], "<title>App</title>"));
    story.at(20.0).close(conn, Client);
    let rows = story.run();
    rows.exchange_is(
        1,
        json!({"status": "unanswered", "cause": "no_response", "http_status": 200, "degraded": [],
            "waited_packet": p}),
    );
    rows.session_is("s1", json!({"session_id": null, "transport": "streamable-http", "degraded": []}));
    rows.finds("mcp.no_response", 1);
}

/// The same where the capture began before: its connection is whole, no request is missing.
#[test]
fn a_response_to_no_request() {
    let timeout = reply("408 Request Timeout", &[("Connection", "close")], "");
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(9_000.0).s(conn, &timeout);
    story.close(conn, Server);
    let rows = story.run();
    rows.finds("http.unmatched_response", 1);
    let told = rows.found("http.unmatched_response")[0]["detail"].as_str().unwrap();
    assert!(told.starts_with("it answers no request"), "{told}");
    let mut story = Story::new();
    let conn = story.midstream(A, SERVER);
    story.at(10.0).s(conn, ok(&result(1)));
    story.at(20.0).c(conn, post("/mcp", SID, &request(2, "tools/list")));
    story.at(30.0).s(conn, ok(&result(2)));
    story.close(conn, Client);
    for found in story.run().found("http.unmatched_response") {
        assert_eq!(found["detail"], "its request is not in the capture");
    }
}

/// A client that gives its notification an id says that it is ready, too.
#[test]
fn an_initialized_notification_with_an_id() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.c(conn, post("/mcp", &[], &initialize(0, "2025-06-18")));
    story.s(conn, json_reply("200 OK", SID, &initialized(0, "2025-06-18")));
    story.at(10.0).c(conn, post("/mcp", SID, &request(json!(null), "notifications/initialized")));
    story.at(11.0).s(conn, accepted());
    story.at(20.0).c(conn, post("/mcp", SID, &request(1, "tools/list")));
    story.at(21.0).s(conn, ok(&result(1)));
    let rows = story.run();
    rows.finds("rpc.id_null", 1);
    rows.finds("mcp.not_initialized", 0);
}

/// Clients take 202 for "there is no response", and do not look at the body.
#[test]
fn a_response_under_202() {
    for (body, what) in [(result(1), "a result"), (error(1, -1, "no"), "an error")] {
        let rows = replied(&json_reply("202 Accepted", &[], &body));
        rows.exchange_is(2, json!({"http_status": 202, "total_ms": 2.0}));
        assert_eq!(
            detail(&rows, "mcp.result_refused"),
            format!("tools/list with id 1: {what} under HTTP 202")
        );
    }
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    story.at(10.0).c(posts, send(TARGET, &request(1, "tools/list")));
    story.s(posts, accepted());
    story.at(12.0).s(stream, event(&result(1)));
    story.run().finds("mcp.result_refused", 0);
}

/// The whole JSON is there, and nothing says that no more follows: clients wait for it.
#[test]
fn a_body_without_a_length_on_an_open_connection() {
    let body = result(1);
    let rows = replied(&format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{body}"));
    rows.exchange_is(2, json!({"status": "unanswered", "cause": "client_reset"}));
    assert_eq!(
        detail(&rows, "http.body_cut"),
        "a body without a length had not ended when the client reset the connection"
    );
    // An event stream has no end that a client waits for.
    let stream = format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: {body}\n\n");
    let rows = replied(&stream);
    rows.exchange_is(2, json!({"status": "ok"}));
    rows.finds("http.body_cut", 0);
}

/// A body that is declared as chunked and is not.
#[test]
fn chunks_that_are_none() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let rows = replied(&format!("{head}{}", result(1)));
    rows.exchange_is(2, json!({"status": "unanswered", "cause": "client_reset"}));
    assert_eq!(detail(&rows, "http.bad_chunk"), "from the server: no chunk size");
    for found in rows.found("http.body_cut") {
        assert!(!found["detail"].as_str().unwrap().starts_with("0 bytes"), "{found}");
    }
}

/// `https` to a port of plain HTTP.
#[test]
fn a_server_without_tls() {
    let mut hello = b"\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x03".to_vec();
    hello.extend([0x11; 32]);
    hello.extend(b"\x00\x00\x02\x13\x01\x01\x00\x00\x00");
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.c(conn, hello);
    story.at(2.0).s(conn, reply("400 Bad Request", &[("Connection", "close")], ""));
    story.close(conn, Server);
    let rows = story.run();
    rows.finds("tls.bad_record", 1);
    let told = rows.found("tls.bad_record")[0]["detail"].as_str().unwrap();
    assert!(told.ends_with("sent plain HTTP: it speaks no TLS at this port"), "{told}");
}

/// `http` to a port of TLS, which answers with an alert.
#[test]
fn a_server_with_tls() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.c(conn, post("/mcp", &[], &initialize(0, "2025-06-18")));
    story.at(2.0).s(conn, b"\x15\x03\x01\x00\x02\x02\x46");
    story.close(conn, Server);
    let rows = story.run();
    rows.exchange_is(1, json!({"status": "unanswered", "cause": "server_closed"}));
    rows.finds("http.bad_head", 1);
    let told = rows.found("http.bad_head")[0]["detail"].as_str().unwrap();
    assert!(told.ends_with("no HTTP begins here, but what looks like TLS"), "{told}");
}
