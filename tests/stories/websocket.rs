//! MCP over WebSocket (RFC 6455): the messages of one connection are one session.

use serde_json::{Value, json};

use super::http::*;
use super::story::*;

const A: &str = "10.0.0.1:5000";

/// A whole message in a frame of its own.
fn frame(side: Side, text: &str) -> Vec<u8> {
    let bit = if side == Client { 0x80 } else { 0 };
    let mut frame = vec![0x81];
    match u8::try_from(text.len()).ok().filter(|len| *len < 126) {
        Some(len) => frame.push(bit | len),
        None => {
            frame.push(bit | 126);
            frame.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
        }
    }
    if side == Server {
        frame.extend(text.bytes());
    } else {
        let mask = [1, 2, 3, 4];
        frame.extend(mask);
        frame.extend(text.bytes().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
    }
    frame
}

const UPGRADE: &str = "GET /mcp HTTP/1.1\r\nHost: example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Protocol: mcp\r\n\r\n";

const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: mcp\r\n\r\n";

/// A WebSocket after the handshakes, the one of MCP being exchange 1.
fn ready(story: &mut Story) -> Conn {
    let conn = story.connect(A, SERVER);
    story.c(conn, UPGRADE);
    story.s(conn, SWITCHING);
    story.c(conn, frame(Client, &initialize(0, "2025-06-18")));
    story.s(conn, frame(Server, &initialized(0, "2025-06-18")));
    story.c(conn, frame(Client, INITIALIZED));
    conn
}

fn no_fault(rows: &Rows) {
    rows.counts("finding", 0);
}

#[test]
fn one_connection_is_one_session() {
    let mut story = Story::new();
    let conn = ready(&mut story);
    let asked = story.at(10.0).c(conn, frame(Client, &with(1, "tools/call", json!({"name": "t"}))));
    story.at(11.0).s(conn, frame(Server, &notification("notifications/message", json!({}))));
    let answered = story.at(15.0).s(conn, frame(Server, &result(1)));
    story.at(20.0).c(conn, frame(Client, &with(2, "tools/call", json!({"name": "no"}))));
    story.at(21.0).s(conn, frame(Server, &error(2, -32602, "unknown tool")));
    let rows = story.run();
    rows.counts("exchange", 3);
    rows.exchange_is(
        2,
        json!({"transport": "websocket", "session": "s1", "status": "ok", "http_status": null, "name": "t",
        "total_ms": 5.0, "ack_ms": null, "request": {"first_packet": asked}, "response": {"last_packet": answered}}),
    );
    rows.exchange_is(3, json!({"status": "error", "error": {"code": -32602, "message": "unknown tool"}}));
    rows.counts("session", 1);
    rows.session_is(
        "s1",
        json!({"transport": "websocket", "session_id": null, "protocol_version": "2025-06-18", "exchanges": 3,
        "ended": "open", "client_info": {"name": "teller"}, "server_info": {"name": "listener"}}),
    );
    rows.counts("notification", 2);
    rows.counts("stream", 1);
    rows.row_is("stream", 0, json!({"session": "s1", "http_status": 101, "events": 4, "ended": "open"}));
    no_fault(&rows);
}

/// Two connections of one client are two sessions, and equal ids are not mixed up; a session of
/// Streamable HTTP at the same path is a third.
#[test]
fn sessions_are_told_apart() {
    let mut story = Story::new();
    let first = ready(&mut story);
    let second = story.connect("10.0.0.1:5001", SERVER);
    story.c(second, UPGRADE);
    story.s(second, SWITCHING);
    story.c(second, frame(Client, &initialize(0, "2025-06-18")));
    story.s(second, frame(Server, &initialized(0, "2025-06-18")));
    let plain = story.connect("10.0.0.1:5002", SERVER);
    story.c(plain, post("/mcp", &[], &initialize(0, "2025-06-18")));
    story.s(plain, ok(&initialized(0, "2025-06-18")));
    story.at(10.0).c(first, frame(Client, &request(1, "tools/list")));
    story.at(11.0).c(second, frame(Client, &request(1, "prompts/list")));
    story.at(12.0).c(plain, post("/mcp", &[], &request(1, "resources/list")));
    story.at(13.0).s(second, frame(Server, &result(1)));
    story.at(15.0).s(plain, ok(&result(1)));
    story.at(20.0).s(first, frame(Server, &result(1)));
    let rows = story.run();
    rows.counts("session", 3);
    for (n, session, total, transport) in
        [(4, "s1", 10.0, "websocket"), (5, "s2", 2.0, "websocket"), (6, "s3", 3.0, "streamable-http")]
    {
        rows.exchange_is(
            n,
            json!({"session": session, "total_ms": total, "status": "ok", "transport": transport}),
        );
    }
    no_fault(&rows);
}

#[test]
fn the_server_asks_and_progress_comes() {
    let mut story = Story::new();
    let conn = ready(&mut story);
    let call = with(1, "tools/call", json!({"name": "t", "_meta": {"progressToken": 7}}));
    story.at(10.0).c(conn, frame(Client, &call));
    story.s(
        conn,
        frame(Server, &notification("notifications/progress", json!({"progressToken": 7, "progress": 1}))),
    );
    story.at(12.0).s(conn, frame(Server, &request(1, "elicitation/create")));
    story.at(50.0).c(conn, frame(Client, &result(1)));
    story.at(52.0).s(conn, frame(Server, &result(1)));
    story.at(60.0).c(conn, frame(Client, &with(2, "tools/call", json!({"name": "long"}))));
    story.at(70.0).c(conn, frame(Client, &notification("notifications/cancelled", json!({"requestId": 2}))));
    let rows = story.run();
    rows.exchange_is(2, json!({"status": "ok", "progress": 1, "total_ms": 42.0}));
    rows.exchange_is(
        3,
        json!({"method": "elicitation/create", "origin": "server", "status": "ok", "total_ms": 38.0}),
    );
    rows.exchange_is(4, json!({"status": "cancelled", "waited_ms": 10.0}));
    no_fault(&rows);
}

/// Who ended the wait, and in which packet: a Close frame, else what ended the connection.
#[test]
fn what_is_open_when_the_connection_ends() {
    type End = fn(&mut Story, Conn) -> u64;
    let ends: [(End, &str, &str); 5] = [
        (|story, conn| story.s(conn, b"\x88\x00"), "server_closed", "mcp.unanswered"),
        (|story, conn| story.c(conn, b"\x88\x80\x00\x00\x00\x00"), "client_closed", "mcp.abandoned"),
        (|story, conn| story.fin(conn, Server), "server_closed", "mcp.unanswered"),
        (|story, conn| story.rst(conn, Server), "server_reset", "mcp.unanswered"),
        (|story, conn| story.rst(conn, Client), "client_reset", "mcp.abandoned"),
    ];
    for (end, cause, code) in ends {
        let mut story = Story::new();
        let conn = ready(&mut story);
        story.at(10.0).c(conn, frame(Client, &request(1, "tools/call")));
        story.at(40.0);
        let ended = end(&mut story, conn);
        // Packets behind it show that nothing is missing.
        story.at(3000.0).ack(conn, Client);
        let other = story.at(9000.0).connect("10.0.0.9:5000", SERVER);
        story.c(other, get("/health", &[]));
        let rows = story.run();
        rows.exchange_is(
            2,
            json!({"status": "unanswered", "cause": cause, "waited_ms": 30.0, "waited_packet": ended}),
        );
        rows.finds(code, 1);
        rows.session_is("s1", json!({"ended": "stream_closed"}));
    }
}

#[test]
fn an_error_code_of_a_close_frame_is_told() {
    let mut story = Story::new();
    let conn = ready(&mut story);
    story.at(10.0).c(conn, frame(Client, &request(1, "tools/call")));
    let p = story.at(12.0).s(conn, b"\x88\x06\x03\xf3oops");
    story.at(3000.0).close(conn, Server);
    let rows = story.run();
    rows.finds("ws.closed", 1);
    has(rows.found("ws.closed")[0], json!({"packet": p, "session": "s1"}));
    let detail = rows.found("ws.closed")[0]["detail"].as_str().unwrap();
    assert!(
        detail.contains("1011") && detail.contains("internal error") && detail.contains("oops"),
        "{detail}"
    );
    rows.exchange_is(2, json!({"cause": "server_closed"}));
}

/// Lost bytes may hold the answer, or the request: nobody is blamed.
#[test]
fn what_a_gap_may_hide_is_not_missing() {
    let mut story = Story::new();
    let conn = ready(&mut story);
    story.at(10.0).c(conn, frame(Client, &request(1, "tools/list")));
    story.lose(conn, Server, frame(Server, &result(1)));
    story.at(20.0).ack(conn, Client);
    story.at(900.0).c(conn, frame(Client, &request(2, "tools/list")));
    story.at(910.0).s(conn, frame(Server, &result(2)));
    story.lose(conn, Client, frame(Client, &request(3, "tools/list")));
    story.at(920.0).ack(conn, Server);
    story.at(930.0).s(conn, frame(Server, &result(3)));
    story.at(3000.0).close(conn, Server);
    let rows = story.run();
    rows.exchange_is(2, json!({"status": "undetermined", "degraded": ["gap"]}));
    rows.exchange_is(3, json!({"status": "ok", "total_ms": 10.0}));
    for code in ["mcp.unanswered", "mcp.unknown_response", "mcp.abandoned", "ws.bad_frame"] {
        rows.finds(code, 0);
    }
    rows.finds("mcp.request_unseen", 1);
}

#[test]
fn a_capture_that_starts_in_the_middle() {
    for is_client_first in [true, false] {
        let mut story = Story::new();
        let conn = story.midstream(A, SERVER);
        if is_client_first {
            story.at(10.0).c(conn, frame(Client, &request(4, "tools/list")));
        }
        story.at(15.0).s(conn, frame(Server, &result(4)));
        story.at(20.0).c(conn, frame(Client, &with(5, "tools/call", json!({"name": "t"}))));
        story.at(23.0).s(conn, frame(Server, &result(5)));
        let rows = story.run();
        let n = if is_client_first { 2 } else { 1 };
        rows.exchange_is(n, json!({"id": 5, "status": "ok", "total_ms": 3.0, "transport": "websocket"}));
        rows.counts("session", 1);
        rows.session_is("s1", json!({"client": A, "server": SERVER, "degraded": ["midstream"]}));
        for code in ["mcp.unanswered", "mcp.unknown_response", "mcp.no_initialize"] {
            rows.finds(code, 0);
        }
    }
}

/// A WebSocket without JSON-RPC is no MCP, and breaks no rule of it.
#[test]
fn other_websockets_are_left_alone() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.c(conn, UPGRADE.replace("/mcp", "/chat"));
    story.s(conn, SWITCHING);
    for n in 0..20 {
        story.at(f64::from(n)).c(conn, frame(Client, r#"{"type":"hello","id":1}"#));
        story.s(conn, frame(Server, "hello"));
    }
    story.close(conn, Server);
    let rows = story.run();
    assert_eq!(rows.rows, Vec::<Value>::new(), "{}", rows.text);
}

/// What breaks a rule of JSON-RPC is told of both sides, with its exchange.
#[test]
fn faults_of_messages() {
    let mut story = Story::new();
    let conn = ready(&mut story);
    story.at(10.0).c(conn, frame(Client, &request("1", "tools/list")));
    story.at(11.0).s(conn, frame(Server, &result(1)));
    story.at(20.0).c(conn, frame(Client, &request(2, "tools/list")));
    story.at(21.0).s(conn, frame(Server, r#"{"id":2,"result":{}}"#));
    let bad = story.at(30.0).s(conn, frame(Server, "{broken"));
    story.at(3000.0).ack(conn, Client);
    let rows = story.run();
    rows.exchange_is(2, json!({"id": "1", "status": "ok"}));
    rows.finds("mcp.id_changed", 1);
    rows.exchange_is(3, json!({"status": "ok", "findings": ["rpc.no_version"]}));
    rows.finds("rpc.not_json", 1);
    has(rows.found("rpc.not_json")[0], json!({"packet": bad, "session": "s1"}));
}

/// The first request has to be `initialize`, as on any transport.
#[test]
fn initialize_comes_first() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.c(conn, UPGRADE);
    story.s(conn, SWITCHING);
    story.at(5.0).c(conn, frame(Client, &request(1, "tools/list")));
    story.at(6.0).s(conn, frame(Server, &result(1)));
    story.run().finds("mcp.no_initialize", 1);
}
