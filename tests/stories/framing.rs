//! Where a body ends and what it is declared as: lengths that do not fit, bodies that never come,
//! transfer codings, media types, byte order marks.

use serde_json::json;

use super::http::*;
use super::story::*;

const A: &str = "10.0.0.1:5000";
const SID: Fields = &[("Mcp-Session-Id", "x")];

fn ready(story: &mut Story) -> Conn {
    let conn = streamable(story, A, "2025-06-18", "x");
    story.at(10.0);
    conn
}

/// The head of a POST that announces a body and waits for leave to send it.
fn announce(body: &str) -> String {
    let whole = post("/mcp", &[("Mcp-Session-Id", "x"), ("Expect", "100-continue")], body);
    whole.strip_suffix(body).unwrap().to_owned()
}

/// The one finding with this code.
#[track_caller]
fn only<'a>(rows: &'a Rows, code: &str) -> &'a serde_json::Value {
    rows.finds(code, 1);
    rows.found(code)[0]
}

/// RFC 9110 section 10.1.1: a client that waits for a 100 and is refused does not send the body.
/// Its next request begins where the body would have begun.
#[test]
fn a_refused_body_is_not_waited_for() {
    for status in ["401 Unauthorized", "413 Content Too Large", "417 Expectation Failed"] {
        let mut story = Story::new();
        let conn = ready(&mut story);
        story.c(conn, announce(&request(1, "tools/list")));
        story.at(20.0).s(conn, reply(status, &[], ""));
        story.at(30.0).c(conn, post("/mcp", SID, &request(2, "tools/list")));
        story.at(35.0).s(conn, ok(&result(2)));
        story.at(40.0).close(conn, Client);
        let rows = story.run();
        rows.counts("exchange", 2);
        rows.exchange_is(2, json!({"id": 2, "status": "ok", "total_ms": 5.0}));
        for code in ["http.bad_head", "http.request_cut", "http.resync", "rpc.not_json"] {
            rows.finds(code, 0);
        }
    }
}

/// The same in chunks: what comes in place of the first chunk is a request.
#[test]
fn a_refused_chunked_body_is_not_waited_for() {
    let mut story = Story::new();
    let conn = ready(&mut story);
    let head = announce("").replace("Content-Length: 0", "Transfer-Encoding: chunked");
    story.c(conn, head);
    story.at(20.0).s(conn, reply("417 Expectation Failed", &[], ""));
    story.at(30.0).c(conn, delete("/mcp", SID));
    story.at(35.0).s(conn, reply("204 No Content", &[], ""));
    let rows = story.run();
    rows.session_is("s1", json!({"ended": "deleted"}));
    rows.finds("http.bad_chunk", 0);
}

/// A client that is let send it sends it, and one that does not wait has sent it.
#[test]
fn a_body_that_comes_after_all_is_read() {
    let mut story = Story::new();
    let conn = ready(&mut story);
    let body = request(1, "tools/list");
    story.c(conn, announce(&body));
    story.at(20.0).s(conn, "HTTP/1.1 100 Continue\r\n\r\n");
    story.at(21.0).c(conn, &body);
    story.at(25.0).s(conn, ok(&result(1)));
    story.at(30.0).c(conn, announce(&request(2, "tools/list")) + &request(2, "tools/list"));
    story.at(35.0).s(conn, "HTTP/1.1 100 Continue\r\n\r\n".to_owned() + &ok(&result(2)));
    let rows = story.run();
    rows.exchange_is(2, json!({"id": 1, "status": "ok", "total_ms": 15.0, "send_ms": 11.0}));
    rows.exchange_is(3, json!({"id": 2, "status": "ok", "total_ms": 5.0}));
    rows.counts("finding", 0);
}

/// A request whose body is shorter than its length, until the client closes: what came is told,
/// with the exchange if its JSON is whole.
#[test]
fn a_request_body_that_never_ends() {
    let body = request(1, "tools/list");
    let long = post("/mcp", SID, &body).replace(&format!(": {}\r\n\r\n", body.len()), ": 99\r\n\r\n");
    let mut story = Story::new();
    let conn = ready(&mut story);
    let sent = story.c(conn, &long);
    story.at(160.0);
    let fin = story.fin(conn, Client);
    story.at(161.0).s(conn, reply("400 Bad Request", &[], "incomplete"));
    story.fin(conn, Server);
    let rows = story.run();
    rows.exchange_is(2, json!({"id": 1, "status": "http_error", "http_status": 400}));
    let finding = only(&rows, "http.request_cut");
    has(finding, json!({"exchange": 2, "session": "s1", "packet": fin}));
    let detail = finding["detail"].as_str().unwrap();
    assert!(detail.starts_with(&format!("{} of 99 bytes", body.len())), "{detail}");
    assert!(fin > sent);
}

/// The server answers, and the client goes on with its next request: the rest of the body is not
/// looked for in it.
#[test]
fn a_request_follows_an_incomplete_one() {
    let body = request(1, "tools/list");
    let long = post("/mcp", SID, &body).replace(&format!(": {}\r\n\r\n", body.len()), ": 99\r\n\r\n");
    let mut story = Story::new();
    let conn = ready(&mut story);
    story.c(conn, long);
    story.at(50.0).s(conn, reply("408 Request Timeout", &[], ""));
    story.at(60.0).c(conn, post("/mcp", SID, &request(2, "tools/list")));
    story.at(65.0).s(conn, ok(&result(2)));
    let rows = story.run();
    rows.exchange_is(2, json!({"id": 1, "status": "http_error", "http_status": 408}));
    rows.exchange_is(3, json!({"id": 2, "status": "ok", "total_ms": 5.0}));
    has(only(&rows, "http.request_cut"), json!({"exchange": 2}));
    rows.finds("rpc.not_json", 0);
}

/// The rest of the body may be in the gap, or after the end of the capture.
#[test]
fn nothing_is_said_of_a_body_that_may_be_complete() {
    let body = request(1, "tools/list");
    let whole = post("/mcp", SID, &body);
    let (front, rest) = whole.split_at(whole.len() - 10);
    let mut story = Story::new();
    let conn = ready(&mut story);
    story.c(conn, front);
    story.clone().run().finds("http.request_cut", 0);
    story.lose(conn, Client, rest);
    story.at(20.0).s(conn, ok(&result(1)));
    story.at(30.0).close(conn, Client);
    story.run().finds("http.request_cut", 0);
}

/// A response that is longer than its length: the rest is no message of its own, and is counted.
#[test]
fn a_body_goes_on_past_its_length() {
    let body = ok(&result(1));
    let short = body.replace("Content-Length: 36", "Content-Length: 24");
    assert_ne!(body, short);
    let mut story = Story::new();
    let conn = ready(&mut story);
    story.c(conn, post("/mcp", SID, &request(1, "tools/list")));
    let sent = story.at(15.0).s(conn, short);
    story.at(30.0).c(conn, post("/mcp", SID, &request(2, "tools/list")));
    story.at(35.0).s(conn, ok(&result(2)));
    story.at(40.0).close(conn, Client);
    let rows = story.run();
    let finding = only(&rows, "http.length_mismatch");
    has(finding, json!({"packet": sent, "exchange": 2, "session": "s1"}));
    assert_eq!(finding["detail"], "the body goes on 12 bytes past its length of 24");
    rows.finds("http.bad_head", 0);
    rows.finds("http.resync", 0);
    rows.exchange_is(3, json!({"id": 2, "status": "ok", "total_ms": 5.0}));
}

/// The same at the end of the connection, and on the request's side.
#[test]
fn a_request_goes_on_past_its_length() {
    let body = request(1, "tools/list");
    let short = post("/mcp", SID, &body)
        .replace(&format!("Content-Length: {}", body.len()), &format!("Content-Length: {}", body.len() - 5));
    let mut story = Story::new();
    let conn = ready(&mut story);
    let sent = story.c(conn, short);
    story.at(15.0).s(conn, reply("400 Bad Request", &[], ""));
    story.at(20.0).close(conn, Server);
    let rows = story.run();
    let finding = only(&rows, "http.length_mismatch");
    has(finding, json!({"packet": sent}));
    assert!(finding["detail"].as_str().unwrap().contains("5 bytes past"), "{finding}");
}

/// Empty lines between messages are allowed (RFC 9112 section 2.2).
#[test]
fn empty_lines_behind_a_body_are_no_fault() {
    let mut story = Story::new();
    let conn = ready(&mut story);
    story.c(conn, post("/mcp", SID, &request(1, "tools/list")) + "\r\n");
    story.at(15.0).s(conn, ok(&result(1)));
    story.at(20.0).c(conn, post("/mcp", SID, &request(2, "tools/list")));
    story.at(25.0).s(conn, ok(&result(2)));
    let rows = story.run();
    rows.counts("finding", 0);
    rows.exchange_is(3, json!({"id": 2, "status": "ok"}));
}

/// A response that is shorter than its length: the client gives up, and what came is told.
#[test]
fn a_response_body_that_never_ends() {
    let body = result(1);
    let long = ok(&body).replace(&format!(": {}\r\n\r\n", body.len()), ": 99\r\n\r\n");
    for (first, who) in [(Client, "client"), (Server, "server")] {
        let mut story = Story::new();
        let conn = ready(&mut story);
        story.c(conn, post("/mcp", SID, &request(1, "tools/list")));
        story.at(15.0).s(conn, &long);
        story.at(900.0).close(conn, first);
        let rows = story.run();
        let finding = only(&rows, "http.body_cut");
        has(finding, json!({"exchange": 2}));
        let told =
            format!("{} of 99 bytes of the body came before the {who} closed the connection", body.len());
        assert_eq!(finding["detail"], told);
    }
}

/// RFC 9112 section 6.1: a body is chunked once, whatever a second field says.
#[test]
fn transfer_encoding_twice() {
    let mut story = Story::new();
    let conn = ready(&mut story);
    story.c(conn, post("/mcp", SID, &request(1, "tools/list")));
    let head = sse(&[("Transfer-Encoding", "chunked")]);
    let sent = story.at(15.0).s(conn, head + &event(&result(1)) + LAST);
    let rows = story.run();
    rows.exchange_is(2, json!({"status": "ok", "total_ms": 5.0}));
    has(only(&rows, "http.transfer_encoding"), json!({"packet": sent, "exchange": 2}));
    rows.finds("http.bad_chunk", 0);
}

/// JSON under another media type is read as JSON, and named.
#[test]
fn json_that_is_declared_as_something_else() {
    for (declared, word) in [("text/html; charset=utf-8", "text/html"), ("text/plain", "text/plain")] {
        let mut story = Story::new();
        let conn = ready(&mut story);
        story.c(conn, post("/mcp", SID, &request(1, "tools/list")));
        let sent = story.at(15.0).s(conn, reply("200 OK", &[("Content-Type", declared)], &result(1)));
        let rows = story.run();
        rows.exchange_is(2, json!({"status": "ok", "total_ms": 5.0}));
        let finding = only(&rows, "http.media_type");
        has(finding, json!({"packet": sent, "exchange": 2}));
        assert!(finding["detail"].as_str().unwrap().contains(word), "{finding}");
    }
    let mut story = Story::new();
    let conn = ready(&mut story);
    let typed = post("/mcp", SID, &request(1, "tools/list"))
        .replace("application/json\r\nAccept", "text/plain\r\nAccept");
    story.c(conn, typed);
    story.at(15.0).s(conn, ok(&result(1)));
    let rows = story.run();
    rows.exchange_is(2, json!({"status": "ok"}));
    has(only(&rows, "http.media_type"), json!({"exchange": 2}));
}

/// Parameters, other JSON types and bodies that are no answer are no fault.
#[test]
fn media_types_that_fit() {
    let mut story = Story::new();
    let conn = ready(&mut story);
    for (id, declared) in [(1, "application/json; charset=utf-8"), (2, "application/vnd.x+json")] {
        story.c(conn, post("/mcp", SID, &request(id, "tools/list")));
        story.s(conn, reply("200 OK", &[("Content-Type", declared)], &result(id)));
    }
    story.c(conn, post("/mcp", SID, &notification("notifications/x", json!({}))));
    story.s(conn, reply("202 Accepted", &[("Content-Type", "text/plain")], "Accepted"));
    story.run().counts("finding", 0);
}

/// Events under JSON, and JSON under `text/event-stream`: clients read neither.
#[test]
fn events_and_json_are_mistaken_for_each_other() {
    let mut story = Story::new();
    let conn = ready(&mut story);
    story.c(conn, post("/mcp", SID, &request(1, "tools/list")));
    let events = format!("event: message\ndata: {}\n\n", result(1));
    let first = story.at(15.0).s(conn, json_reply("200 OK", &[], &events));
    story.at(20.0).c(conn, post("/mcp", SID, &request(2, "tools/list")));
    let second =
        story.at(25.0).s(conn, reply("200 OK", &[("Content-Type", "text/event-stream")], &result(2)));
    let rows = story.run();
    rows.finds("rpc.not_json", 0);
    let found = rows.found("http.media_type");
    assert_eq!(found.len(), 2, "{}", rows.text);
    has(found[0], json!({"packet": first}));
    has(found[1], json!({"packet": second, "exchange": 3}));
    rows.exchange_is(2, json!({"status": "unanswered", "cause": "no_response"}));
    rows.exchange_is(3, json!({"status": "unanswered", "cause": "no_response"}));
}

/// RFC 8259 section 8.1: a reader may ignore a byte order mark. It is ignored and named, in a body
/// and in an event.
#[test]
fn byte_order_marks_are_named() {
    let mut story = Story::new();
    let conn = ready(&mut story);
    story.c(conn, post("/mcp", SID, &request(1, "tools/list")));
    let body = story.at(15.0).s(conn, ok(&format!("\u{feff}{}", result(1))));
    let rows = story.run();
    rows.exchange_is(2, json!({"status": "ok", "total_ms": 5.0}));
    has(only(&rows, "rpc.bom"), json!({"packet": body}));

    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    story.at(10.0).c(posts, send(TARGET, &request(1, "tools/list")));
    story.at(11.0).s(posts, accepted());
    let event = story.at(15.0).s(stream, event(&format!("\u{feff}{}", result(1))));
    let rows = story.run();
    rows.exchange_is(2, json!({"status": "ok", "total_ms": 5.0}));
    has(only(&rows, "rpc.bom"), json!({"packet": event}));
}

/// An event without its blank line is not dispatched: the finding is that of the exchange.
#[test]
fn an_event_that_was_never_ended() {
    let open = format!("event: message\ndata: {}\n", result(1));
    let mut story = Story::new();
    let conn = ready(&mut story);
    story.c(conn, post("/mcp", SID, &request(1, "tools/list")));
    story.at(15.0).s(conn, sse(&[]) + &chunk(&open));
    let mut closed = story.clone();
    let reset = story.at(160.0).rst(conn, Client);
    let rows = story.run();
    rows.exchange_is(2, json!({"status": "unanswered", "cause": "client_reset"}));
    has(only(&rows, "sse.event_cut"), json!({"exchange": 2, "session": "s1", "packet": reset}));

    let last = closed.at(160.0).s(conn, LAST);
    let rows = closed.run();
    rows.exchange_is(2, json!({"status": "unanswered"}));
    has(only(&rows, "sse.event_cut"), json!({"exchange": 2, "packet": last}));
}
