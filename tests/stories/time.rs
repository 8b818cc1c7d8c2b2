//! The times of messages (design, section 3), for both senders and every carrier.

use serde_json::json;

use super::http::*;
use super::story::*;

const A: &str = "10.0.0.1:5000";

/// A whole session over HTTP+SSE.
#[test]
fn walkthrough() {
    let target = "/messages?sessionId=8838e9b4-d065-4b8e-9fa9-b96f31ef835c";
    let mut story = Story::new();
    let stream = story.connect(A, SERVER);
    // The design does not say where a stream starts: with its request, as every message that HTTP
    // carries.
    let first = story.at(1.0).c(stream, get("/sse", &[]));
    story.at(2.0).s(stream, sse(&[]));
    let endpoint = format!("event: endpoint\ndata: {target}\n\n");
    story.at(3.0).s(stream, chunk(&endpoint));
    let posts = story.at(4.0).connect("10.0.0.1:5001", SERVER);
    let init = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2024-11-05","capabilities":{"sampling":{},"roots":{"listChanged":true}},"clientInfo":{"name":"mcp-inspector","version":"0.9.0"}}}"#;
    let p1 = story.at(5.0).c(posts, send(target, init));
    story.at(6.0).s(posts, accepted());
    let answer1 = r#"{"result":{"protocolVersion":"2024-11-05","capabilities":{"tools":{}},"serverInfo":{"name":"hackernews-server","version":"1.0.0"}},"jsonrpc":"2.0","id":0}"#;
    let r1 = story.at(8.0).s(stream, event(answer1));
    let p2 = story.at(9.0).c(posts, send(target, INITIALIZED));
    story.at(10.0).s(posts, accepted());
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"progressToken":1}}}"#;
    story.at(11.0).c(posts, send(target, list));
    story.at(13.5).s(posts, accepted());
    story.at(20.0).s(stream, event(r#"{"result":{"tools":[]},"jsonrpc":"2.0","id":1}"#));
    let call = r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"_meta":{"progressToken":2},"name":"get-hackernews-top-stories","arguments":{"type":"topstories","amount":5}}}"#;
    story.at(21.0).c(posts, send(target, call));
    story.at(22.0).s(posts, accepted());
    let answer3 = r#"{"result":{"content":[{"type":"text","text":"{}"}]},"jsonrpc":"2.0","id":2}"#;
    let last = story.at(122.5).s(stream, event(answer3));
    story.at(200.0).close(stream, Client);
    story.close(posts, Client);
    let rows = story.run();

    rows.counts("exchange", 3);
    rows.exchange_is(
        1,
        json!({"tcp_stream": 1, "session": "s1", "session_id": "8838e9b4-d065-4b8e-9fa9-b96f31ef835c",
            "transport": "http+sse", "protocol_version": "2024-11-05", "origin": "client", "id": 0,
            "method": "initialize", "name": null, "status": "ok", "error": null, "http_status": 202,
            "request": {"start": t(5.0), "end": t(5.0), "first_packet": p1, "last_packet": p1, "bytes": init.len()},
            "response": {"start": t(8.0), "end": t(8.0), "first_packet": r1, "last_packet": r1, "bytes": answer1.len()},
            "total_ms": 3.0, "send_ms": 0.0, "wait_ms": 3.0, "receive_ms": 0.0, "ack_ms": 1.0,
            "progress": 0, "cause": null, "continues": null, "degraded": [], "findings": []}),
    );
    rows.exchange_is(2, json!({"id": 1, "method": "tools/list", "total_ms": 9.0, "ack_ms": 2.5}));
    rows.exchange_is(
        3,
        json!({"id": 2, "method": "tools/call", "name": "get-hackernews-top-stories",
        "status": "ok", "total_ms": 101.5, "ack_ms": 1.0, "response": {"bytes": answer3.len()}}),
    );
    rows.counts("notification", 1);
    rows.row_is(
        "notification",
        0,
        json!({"session": "s1", "from": "client", "method": "notifications/initialized", "time": t(9.0),
        "packet": p2, "bytes": 54, "exchange": null}),
    );
    rows.row_is(
        "stream",
        0,
        json!({"session": "s1", "exchange": null, "tcp_stream": 0, "method": "GET", "target": "/sse",
        "http_status": 200, "server": SERVER, "client": A, "start": t(1.0), "first_event": t(3.0),
        "last_event": t(122.5), "events": 4, "first_packet": first, "last_packet": last,
        "ended": "client_closed"}),
    );
    rows.session_is(
        "s1",
        json!({"session_id": "8838e9b4-d065-4b8e-9fa9-b96f31ef835c", "transport": "http+sse",
        "protocol_version": "2024-11-05", "server": SERVER, "client": A,
        "client_info": {"name": "mcp-inspector", "version": "0.9.0"},
        "server_info": {"name": "hackernews-server", "version": "1.0.0"},
        "exchanges": 3, "ended": "stream_closed", "degraded": []}),
    );
    rows.counts("finding", 0);
}

#[test]
fn ack_after_the_response() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    story.at(10.0).c(posts, send(TARGET, &request(1, "tools/list")));
    story.at(12.0).s(stream, event(&result(1)));
    story.at(15.0).s(posts, accepted());
    let rows = story.run();
    rows.exchange_is(
        2,
        json!({"status": "ok", "http_status": 202, "total_ms": 2.0, "wait_ms": 2.0, "ack_ms": 5.0}),
    );
}

/// The stream goes on after the response, the connection too: neither counts.
#[test]
fn ack_before_the_response_and_a_pause_after() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    story.at(10.0).c(posts, send(TARGET, &request(1, "tools/list")));
    story.at(10.25).s(posts, accepted());
    story.at(12.0).s(stream, event(&result(1)));
    story.at(900.0).s(stream, chunk(": ping\n\n"));
    let rows = story.run();
    rows.exchange_is(2, json!({"status": "ok", "total_ms": 2.0, "receive_ms": 0.0, "ack_ms": 0.25}));
}

#[test]
fn a_response_before_the_request_is_complete() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    let whole = post("/mcp", &[("Mcp-Session-Id", "x")], &request(1, "tools/list"));
    let (head, rest) = whole.split_at(whole.len() - 20);
    let p1 = story.at(10.0).c(conn, head);
    let r = story.at(12.0).s(conn, json_reply("400 Bad Request", &[], &error(1, -32600, "no")));
    let p2 = story.at(15.0).c(conn, rest);
    let rows = story.run();
    rows.exchange_is(
        2,
        json!({"status": "error", "error": {"code": -32600, "message": "no"}, "http_status": 400,
        "request": {"start": t(10.0), "end": t(15.0), "first_packet": p1, "last_packet": p2},
        "response": {"start": t(12.0), "end": t(12.0), "first_packet": r, "last_packet": r},
        "total_ms": 2.0, "send_ms": 5.0, "wait_ms": -3.0, "receive_ms": 0.0, "ack_ms": -3.0}),
    );
}

#[test]
fn status_line_over_two_packets_after_a_100() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    let whole = post("/mcp", &[("Mcp-Session-Id", "x")], &request(1, "tools/list"));
    let (head, body) = whole.split_at(whole.find("\r\n\r\n").unwrap() + 4);
    let p1 = story.at(10.0).c(conn, head);
    story.at(11.0).s(conn, "HTTP/1.1 100 Continue\r\n\r\n");
    let p2 = story.at(12.0).c(conn, body);
    let answer = ok(&result(1));
    let (start, rest) = answer.split_at(7);
    let r1 = story.at(20.0).s(conn, start);
    let r2 = story.at(23.0).s(conn, rest);
    let rows = story.run();
    rows.exchange_is(
        2,
        json!({"status": "ok", "http_status": 200, "request": {"start": t(10.0), "end": t(12.0), "first_packet": p1, "last_packet": p2},
        "response": {"start": t(20.0), "end": t(23.0), "first_packet": r1, "last_packet": r2, "bytes": result(1).len()},
        "total_ms": 13.0, "send_ms": 2.0, "wait_ms": 8.0, "receive_ms": 3.0, "ack_ms": 8.0}),
    );
}

/// Not the last chunk but the last byte of the content; not the chunk's end but the line end that
/// dispatches.
#[test]
fn a_message_ends_with_its_content() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    let sid = [("Mcp-Session-Id", "x")];
    story.at(10.0).c(conn, post("/mcp", &sid, &request(1, "tools/list")));
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    story.at(12.0).s(conn, head);
    let r = story.at(13.0).s(conn, chunk(&result(1)));
    story.at(50.0).s(conn, LAST);
    story.at(60.0).c(conn, post("/mcp", &sid, &request(2, "tools/list")));
    story.at(61.0).s(conn, sse(&[]));
    let data = format!("event: message\ndata: {}\n", result(2));
    let first = story.at(62.0).s(conn, format!("{:x}\r\n{data}", data.len() + 1));
    let last = story.at(64.0).s(conn, "\n");
    story.at(66.0).s(conn, "\r\n");
    story.at(99.0).s(conn, LAST);
    let rows = story.run();
    rows.exchange_is(
        2,
        json!({"response": {"start": t(12.0), "end": t(13.0), "last_packet": r}, "total_ms": 3.0, "receive_ms": 1.0}),
    );
    rows.exchange_is(
        3,
        json!({"response": {"start": t(62.0), "end": t(64.0), "first_packet": first, "last_packet": last},
        "total_ms": 4.0, "wait_ms": 2.0, "receive_ms": 2.0, "ack_ms": 1.0}),
    );
    rows.row_is("stream", 0, json!({"ended": "complete", "exchange": 3, "events": 1}));
}

/// The hole is filled later: the end is that packet's time, the span goes to the last packet in
/// capture order.
#[test]
fn a_retransmission_fills_a_hole() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(10.0).c(conn, post("/mcp", &[("Mcp-Session-Id", "x")], &request(1, "tools/list")));
    let answer = ok(&result(1));
    let (a, rest) = answer.split_at(30);
    let (b, c) = rest.split_at(30);
    let r1 = story.at(12.0).s(conn, a);
    let seq = story.lose(conn, Server, b);
    story.at(13.0).s(conn, c);
    let r3 = story.at(112.0).retransmit(conn, Server, seq, b);
    let rows = story.run();
    rows.exchange_is(
        2,
        json!({"status": "ok", "response": {"start": t(12.0), "end": t(112.0), "first_packet": r1, "last_packet": r3},
        "total_ms": 102.0, "wait_ms": 2.0, "receive_ms": 100.0, "degraded": []}),
    );
}

/// A hole in the middle of the request line's packet order: the start is the packet with the first
/// byte, though captured later than others of the message; the end the time at which all of it was
/// there.
#[test]
fn the_first_byte_is_captured_last() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    let whole = post("/mcp", &[("Mcp-Session-Id", "x")], &request(1, "tools/list"));
    let (a, b) = whole.split_at(40);
    let seq = story.lose(conn, Client, a);
    let p1 = story.at(10.0).c(conn, b);
    let p2 = story.at(14.0).retransmit(conn, Client, seq, a);
    story.at(20.0).s(conn, ok(&result(1)));
    let rows = story.run();
    rows.exchange_is(
        2,
        json!({"request": {"start": t(14.0), "end": t(14.0), "first_packet": p1, "last_packet": p2},
        "total_ms": 6.0, "send_ms": 0.0, "wait_ms": 6.0, "degraded": []}),
    );
}

/// A retransmission of what was there already changes nothing.
#[test]
fn a_needless_retransmission() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    let whole = post("/mcp", &[("Mcp-Session-Id", "x")], &request(1, "tools/list"));
    let seq = story.lose(conn, Client, &whole);
    let p = story.at(10.0).retransmit(conn, Client, seq, &whole);
    story.at(14.0).retransmit(conn, Client, seq, &whole);
    story.at(20.0).s(conn, ok(&result(1)));
    let rows = story.run();
    rows.counts("exchange", 2);
    rows.exchange_is(
        2,
        json!({"request": {"start": t(10.0), "end": t(10.0), "first_packet": p, "last_packet": p},
        "total_ms": 10.0, "wait_ms": 10.0, "degraded": []}),
    );
}

/// A comment or a byte order mark before it is no part of the event.
#[test]
fn an_event_starts_at_its_first_field_line() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    let sid = [("Mcp-Session-Id", "x")];
    story.at(10.0).c(conn, post("/mcp", &sid, &request(1, "tools/list")));
    story.at(11.0).s(conn, sse(&[]));
    story.at(12.0).s(conn, chunk("\u{feff}"));
    let r = story.at(13.0).s(conn, event(&result(1)));
    story.s(conn, LAST);
    story.at(20.0).c(conn, post("/mcp", &sid, &request(2, "tools/list")));
    story.at(21.0).s(conn, sse(&[]));
    story.at(22.0).s(conn, chunk(": hello\n"));
    let r2 = story.at(24.0).s(conn, event(&result(2)));
    story.s(conn, LAST);
    let rows = story.run();
    let of =
        |ms, packet| json!({"start": t(ms), "end": t(ms), "first_packet": packet, "last_packet": packet});
    rows.exchange_is(2, json!({"response": of(13.0, r), "wait_ms": 3.0, "receive_ms": 0.0}));
    rows.exchange_is(3, json!({"response": of(24.0, r2), "wait_ms": 4.0, "receive_ms": 0.0}));
    rows.row_is("stream", 0, json!({"first_event": t(13.0), "last_event": t(13.0), "events": 1}));
}

/// The elements have the times of the body, and bytes of their own.
#[test]
fn elements_of_a_batch() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-03-26", "x");
    let (a, b) = (request(1, "tools/list"), request("zwei", "prompts/list"));
    let (ra, rb) = (result(1), result("zwei"));
    let whole = post("/mcp", &[("Mcp-Session-Id", "x")], &format!("[{a}, {b}]"));
    let (head, body) = whole.split_at(whole.len() - 10);
    story.at(10.0).c(conn, head);
    story.at(11.0).c(conn, body);
    // Answered in the other order.
    story.at(20.0).s(conn, ok(&format!("[{rb},{ra}]")));
    let rows = story.run();
    rows.counts("exchange", 3);
    for (n, request, response) in [(2, &a, &ra), (3, &b, &rb)] {
        rows.exchange_is(
            n,
            json!({"status": "ok", "request": {"start": t(10.0), "end": t(11.0), "bytes": request.len()},
            "response": {"start": t(20.0), "end": t(20.0), "bytes": response.len()}, "total_ms": 10.0,
            "send_ms": 1.0, "wait_ms": 9.0}),
        );
    }
    rows.exchange_is(3, json!({"id": "zwei", "method": "prompts/list"}));
    rows.finds("mcp.batch", 0);
}

/// Two requests in one packet, two responses in one.
#[test]
fn pipelined() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    let sid = [("Mcp-Session-Id", "x")];
    let both =
        post("/mcp", &sid, &request(1, "tools/list")) + &post("/mcp", &sid, &request(2, "prompts/list"));
    let p = story.at(10.0).c(conn, both);
    let r = story.at(15.0).s(conn, ok(&result(1)) + &ok(&error(2, -1, "x")));
    let rows = story.run();
    for (n, status) in [(2, "ok"), (3, "error")] {
        rows.exchange_is(
            n,
            json!({"status": status, "total_ms": 5.0, "request": {"first_packet": p, "last_packet": p},
            "response": {"first_packet": r, "last_packet": r}}),
        );
    }
}

/// The 202 comes before the request is complete: the ack is negative, the answer comes on the
/// stream.
#[test]
fn a_202_before_the_request_is_complete() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    let whole = send(TARGET, &request(1, "tools/list"));
    let (a, b) = whole.split_at(whole.len() - 5);
    story.at(10.0).c(posts, a);
    story.at(11.0).s(posts, accepted());
    story.at(14.0).c(posts, b);
    story.at(20.0).s(stream, event(&result(1)));
    let rows = story.run();
    rows.exchange_is(
        2,
        json!({"status": "ok", "http_status": 202, "total_ms": 10.0, "send_ms": 4.0, "wait_ms": 6.0, "ack_ms": -3.0}),
    );
}

/// The head of an event stream comes before the request is complete, the answer after.
#[test]
fn a_stream_begun_before_the_request_is_complete() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    let whole = post("/mcp", &[("Mcp-Session-Id", "x")], &request(1, "tools/list"));
    let (a, b) = whole.split_at(whole.len() - 5);
    story.at(10.0).c(conn, a);
    story.at(11.0).s(conn, sse(&[]));
    story.at(14.0).c(conn, b);
    story.at(20.0).s(conn, event(&result(1)));
    story.at(21.0).s(conn, LAST);
    let rows = story.run();
    rows.exchange_is(
        2,
        json!({"status": "ok", "total_ms": 10.0, "send_ms": 4.0, "wait_ms": 6.0, "ack_ms": -3.0}),
    );
}

/// The response is captured before the request, on one connection: two queues of one card.
#[test]
fn a_response_captured_before_its_request() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    let whole = post("/mcp", &[("Mcp-Session-Id", "x")], &request(1, "tools/list"));
    let p = story.at(10.0).c(conn, whole);
    let r = story.at(10.125).s(conn, ok(&result(1)));
    story.swap_last_two();
    let rows = story.run();
    rows.exchange_is(
        2,
        json!({"status": "ok", "request": {"first_packet": r}, "response": {"first_packet": p}, "total_ms": -0.125}),
    );
}
