//! Section 7: every `text/event-stream` has a row, MCP or not.

use serde_json::json;

use super::http::*;
use super::story::*;

const A: &str = "10.0.0.1:5000";

/// A stream that is not MCP, begun and then ended in some way.
fn stream(ending: impl FnOnce(&mut Story, Conn)) -> Rows {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.at(1.0).c(conn, post("/v1/chat", &[], r#"{"model":"m","stream":true}"#));
    story.at(2.0).s(conn, sse(&[]));
    story.at(3.0).s(conn, chunk("event: delta\ndata: {\"v\":\"a\"}\n\n"));
    story.at(4.0).s(conn, chunk("data: {\"v\":\"b\"}\n\n"));
    story.at(10.0);
    ending(&mut story, conn);
    story.run()
}

#[test]
fn how_a_stream_ended() {
    for (ended, rows) in [
        (
            "complete",
            stream(|story, conn| {
                story.s(conn, LAST);
            }),
        ),
        (
            "complete",
            stream(|story, conn| {
                story.s(conn, LAST);
                story.at(11.0).close(conn, Client);
            }),
        ),
        ("client_closed", stream(|story, conn| story.close(conn, Client))),
        ("server_closed", stream(|story, conn| story.close(conn, Server))),
        (
            "client_reset",
            stream(|story, conn| {
                story.rst(conn, Client);
            }),
        ),
        (
            "server_reset",
            stream(|story, conn| {
                story.rst(conn, Server);
            }),
        ),
        (
            "open",
            stream(|story, conn| {
                story.ack(conn, Client);
            }),
        ),
    ] {
        rows.counts("stream", 1);
        rows.row_is(
            "stream",
            0,
            json!({"session": null, "session_id": null, "exchange": null, "tcp_stream": 0, "method": "POST",
            "target": "/v1/chat", "http_status": 200, "server": SERVER, "client": A,
            "first_event": t(3.0), "last_event": t(4.0), "events": 2, "bytes": 47, "ended": ended}),
        );
        rows.counts("session", 0);
        rows.counts("exchange", 0);
    }
}

/// If the response has no other delimiter, the close ends it and the stream is complete.
#[test]
fn a_stream_delimited_by_the_close() {
    for (side, ended) in [(Server, "complete"), (Client, "client_closed")] {
        let mut story = Story::new();
        let conn = story.connect(A, SERVER);
        story.c(conn, get("/events", &[]));
        story.s(
            conn,
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nConnection: close\r\n\r\n",
        );
        story.at(5.0).s(conn, "data: x\n\n");
        story.at(6.0).close(conn, side);
        let rows = story.run();
        rows.row_is(
            "stream",
            0,
            json!({"ended": ended, "events": 1, "bytes": 9, "first_event": t(5.0), "method": "GET", "target": "/events"}),
        );
    }
}

/// An event with an empty data line counts, one without a data line does not; nor does an
/// unfinished one.
#[test]
fn what_is_an_event() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.c(conn, get("/events", &[]));
    story.s(conn, sse(&[]));
    let body = "id: 1\nretry: 5\ndata:\n\n: comment\n\nevent: ping\n\ndata\n\ndata: a\r\ndata: b\r\n\r\nid: 7\n\ndata: c";
    story.at(5.0).s(conn, chunk(body));
    story.at(6.0).s(conn, LAST);
    let rows = story.run();
    rows.row_is(
        "stream",
        0,
        json!({"events": 3, "bytes": body.len(), "first_event": t(5.0), "last_event": t(5.0), "ended": "complete"}),
    );
}

#[test]
fn a_stream_without_events() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.c(conn, get("/events", &[]));
    story.s(conn, sse(&[]));
    story.s(conn, LAST);
    let rows = story.run();
    rows.row_is(
        "stream",
        0,
        json!({"events": 0, "bytes": 0, "first_event": null, "last_event": null, "ended": "complete", "session": null}),
    );
}

/// Errors and other types have none.
#[test]
fn other_media_types_are_no_stream() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.c(conn, get("/events", &[]));
    story.s(conn, reply("405 Method Not Allowed", &[("Content-Type", "text/plain")], "no"));
    story.c(conn, get("/events", &[]));
    story.s(conn, ok("{}"));
    story.run().counts("stream", 0);
}

/// The stream of a POST says which exchange opened it; it is told when it ends, the exchange when
/// it is answered.
#[test]
fn the_stream_of_an_exchange() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(10.0).c(conn, post("/mcp?a=b", &[("Mcp-Session-Id", "x")], &request(1, "tools/list")));
    story.at(11.0).s(conn, sse(&[]));
    story.at(12.0).s(conn, event(&notification("notifications/message", json!({}))));
    let last = story.at(13.0).s(conn, event(&result(1)));
    story.at(14.0).s(conn, LAST);
    let rows = story.run();
    let kinds: Vec<_> = rows.rows.iter().map(|row| row["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["exchange", "notification", "notification", "exchange", "stream", "session"]);
    rows.row_is(
        "stream",
        0,
        json!({"session": "s1", "session_id": "x", "exchange": 2, "method": "POST", "target": "/mcp?a=b",
        "http_status": 200, "events": 2, "last_packet": last, "ended": "complete"}),
    );
    rows.row_is(
        "notification",
        1,
        json!({"from": "server", "method": "notifications/message", "time": t(12.0), "exchange": 2}),
    );
}

/// A server may close the connection of a stream with event ids, which the client resumes (since
/// 2025-11-25 it is how clients poll). A stream without ids is cut.
#[test]
fn a_stream_that_can_be_resumed_is_not_cut() {
    for (id, cut) in [("s-1", 0), ("", 1)] {
        let mut story = Story::new();
        let conn = streamable(&mut story, "10.0.0.1:5000", "2025-11-25", "x");
        let fields = [("Mcp-Session-Id", "x")];
        story.at(10.0).c(conn, post("/mcp", &fields, &request(1, "tools/call")));
        let progress = notification("notifications/message", json!({"level": "info", "data": "a"}));
        story.s(conn, sse(&[]));
        story.s(conn, if id.is_empty() { event(&progress) } else { event_id(id, &progress) });
        story.at(50.0).close(conn, Server);
        let other = story.connect("10.0.0.1:5001", SERVER);
        story.at(60.0).c(other, get("/mcp", &[fields[0], ("Last-Event-ID", "s-1")]));
        story.s(other, sse(&[]));
        story.s(other, event_id("s-2", &result(1)));
        story.at(5000.0).connect("10.0.0.9:1", SERVER);
        let rows = story.run();
        rows.finds("http.body_cut", cut);
    }
}

/// An SDK replays the event without data with which it began the stream as an empty object.
#[test]
fn an_empty_object_on_a_stream_is_no_message() {
    for (data, faults) in [("{}", 0), (r#"{"id":1,"result":{}}"#, 1)] {
        let mut story = Story::new();
        let conn = streamable(&mut story, A, "2025-11-25", "x");
        let fields = [("Mcp-Session-Id", "x"), ("Last-Event-ID", "s-1")];
        story.at(10.0).c(conn, get("/mcp", &fields));
        story.s(conn, sse(&[]));
        story.s(conn, event_id("s-2", data));
        story.at(5000.0).close(conn, Client);
        let rows = story.run();
        rows.finds("rpc.no_version", faults);
        rows.finds("rpc.no_result", 0);
    }
}
