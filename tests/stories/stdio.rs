//! MCP on lines: what `mcpdump wrap` records of a server's standard input and output, and
//! connections that carry the same.

use serde_json::{Value, json};

use super::http::*;
use super::story::*;

const A: &str = "127.64.0.1:50000";

fn line(text: &str) -> String {
    format!("{text}\n")
}

/// A connection after the handshakes, the one of MCP being exchange 1.
fn ready(story: &mut Story) -> Conn {
    let conn = story.connect(A, SERVER);
    story.c(conn, line(&initialize(0, "2025-06-18")));
    story.s(conn, line(&initialized(0, "2025-06-18")));
    story.c(conn, line(INITIALIZED));
    conn
}

/// Ends a story with packets that show that nothing is missing.
fn later(story: &mut Story) {
    let other = story.at(9000.0).connect("10.0.0.9:5000", SERVER);
    story.c(other, get("/health", &[]));
}

#[test]
fn one_connection_is_one_session() {
    let mut story = Story::new();
    let conn = ready(&mut story);
    let asked = story.at(10.0).c(conn, line(&with(1, "tools/call", json!({"name": "t"}))));
    story.at(11.0).s(conn, line(&notification("notifications/message", json!({}))));
    let answered = story.at(15.0).s(conn, line(&result(1)));
    story.at(20.0).c(conn, line(&with(2, "tools/call", json!({"name": "no"}))));
    story.at(21.0).s(conn, line(&error(2, -32602, "unknown tool")));
    let rows = story.run();
    rows.counts("exchange", 3);
    rows.exchange_is(
        2,
        json!({"transport": "stdio", "session": "s1", "status": "ok", "http_status": null, "name": "t",
        "total_ms": 5.0, "ack_ms": null, "request": {"first_packet": asked},
        "response": {"last_packet": answered}, "degraded": []}),
    );
    rows.exchange_is(3, json!({"status": "error", "error": {"code": -32602, "message": "unknown tool"}}));
    rows.counts("session", 1);
    rows.session_is(
        "s1",
        json!({"transport": "stdio", "session_id": null, "protocol_version": "2025-06-18", "exchanges": 3,
        "ended": "open", "client": A, "server": SERVER, "degraded": [],
        "client_info": {"name": "teller"}, "server_info": {"name": "listener"}}),
    );
    rows.counts("notification", 2);
    rows.counts("stream", 1);
    rows.row_is(
        "stream",
        0,
        json!({"session": "s1", "method": null, "target": null, "http_status": null, "events": 4}),
    );
    rows.counts("finding", 0);
}

/// Wraps of one server are sessions of their own, and equal ids are not mixed up.
#[test]
fn sessions_are_told_apart() {
    let mut story = Story::new();
    let first = ready(&mut story);
    let second = story.connect("127.64.0.1:50001", SERVER);
    story.c(second, line(&initialize(0, "2025-06-18")));
    story.s(second, line(&initialized(0, "2025-06-18")));
    story.c(second, line(INITIALIZED));
    story.at(10.0).c(first, line(&request(1, "tools/list")));
    story.at(11.0).c(second, line(&request(1, "prompts/list")));
    story.at(13.0).s(second, line(&result(1)));
    story.at(20.0).s(first, line(&result(1)));
    let rows = story.run();
    rows.counts("session", 2);
    rows.exchange_is(3, json!({"session": "s1", "total_ms": 10.0, "status": "ok"}));
    rows.exchange_is(4, json!({"session": "s2", "total_ms": 2.0, "status": "ok"}));
    rows.counts("finding", 0);
}

#[test]
fn the_server_asks_and_progress_comes() {
    let mut story = Story::new();
    let conn = ready(&mut story);
    let call = with(1, "tools/call", json!({"name": "t", "_meta": {"progressToken": 7}}));
    let progress = notification("notifications/progress", json!({"progressToken": 7, "progress": 1}));
    story.at(10.0).c(conn, line(&call));
    // Several messages in one packet, one of them in the next one, too.
    let asks = line(&request(1, "elicitation/create"));
    story.at(12.0).s(conn, line(&progress) + &asks[..20]);
    story.s(conn, &asks[20..]);
    story.at(50.0).c(conn, line(&result(1)));
    story.at(52.0).s(conn, line(&result(1)));
    story.at(60.0).c(conn, line(&with(2, "tools/call", json!({"name": "long"}))));
    story.at(70.0).c(conn, line(&notification("notifications/cancelled", json!({"requestId": 2}))));
    let rows = story.run();
    rows.exchange_is(2, json!({"status": "ok", "progress": 1, "total_ms": 42.0}));
    rows.exchange_is(
        3,
        json!({"method": "elicitation/create", "origin": "server", "status": "ok", "total_ms": 38.0}),
    );
    rows.exchange_is(4, json!({"status": "cancelled", "waited_ms": 10.0}));
    rows.counts("finding", 0);
}

/// A batch of 2025-03-26 is answered element by element.
#[test]
fn batches_of_both_sides() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.c(conn, line(&initialize(0, "2025-03-26")));
    story.s(conn, line(&initialized(0, "2025-03-26")));
    story.c(conn, line(INITIALIZED));
    story.at(10.0).c(conn, line(&format!("[{},{}]", request(1, "tools/list"), request(2, "ping"))));
    story.at(12.0).s(conn, line(&format!("[{},{}]", result(2), result(1))));
    let rows = story.run();
    rows.exchange_is(2, json!({"id": 1, "status": "ok", "total_ms": 2.0}));
    rows.exchange_is(3, json!({"id": 2, "method": "ping", "status": "ok", "total_ms": 2.0}));
    rows.counts("finding", 0);
}

/// Who ended the wait, and in which packet. The client closes standard input first, then the server
/// ends; a server that is killed resets.
#[test]
fn what_is_open_when_the_connection_ends() {
    type End = fn(&mut Story, Conn) -> u64;
    let ends: [(End, &str, &str); 4] = [
        (|story, conn| story.fin(conn, Server), "server_closed", "mcp.unanswered"),
        (|story, conn| story.fin(conn, Client), "client_closed", "mcp.abandoned"),
        (|story, conn| story.rst(conn, Server), "server_reset", "mcp.unanswered"),
        (|story, conn| story.rst(conn, Client), "client_reset", "mcp.abandoned"),
    ];
    for (end, cause, code) in ends {
        let mut story = Story::new();
        let conn = ready(&mut story);
        story.at(10.0).c(conn, line(&request(1, "tools/call")));
        story.at(40.0);
        let ended = end(&mut story, conn);
        let first = if cause.starts_with("client") { Server } else { Client };
        if cause.ends_with("closed") {
            story.at(60.0).fin(conn, first);
        }
        later(&mut story);
        let rows = story.run();
        rows.exchange_is(
            2,
            json!({"status": "unanswered", "cause": cause, "waited_ms": 30.0, "waited_packet": ended}),
        );
        rows.finds(code, 1);
        rows.session_is("s1", json!({"ended": "stream_closed"}));
    }
}

/// A server answers what it read before its standard input was closed.
#[test]
fn answers_behind_the_end_of_the_client() {
    let mut story = Story::new();
    let conn = ready(&mut story);
    story.at(10.0).c(conn, line(&request(1, "tools/list")));
    story.fin(conn, Client);
    story.at(30.0).s(conn, line(&result(1)));
    story.fin(conn, Server);
    later(&mut story);
    let rows = story.run();
    rows.exchange_is(2, json!({"status": "ok", "total_ms": 20.0}));
    rows.counts("finding", 0);
}

/// A program that prints on standard output: before the first message, between messages, as text,
/// as JSON, and without a newline at the end.
#[test]
fn lines_that_are_no_messages() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    let banner = story.s(conn, "listener 1.0 on stdio\n");
    story.c(conn, line(&initialize(0, "2025-06-18")));
    story.s(conn, line(&initialized(0, "2025-06-18")));
    story.c(conn, line(INITIALIZED));
    story.at(10.0).c(conn, line(&request(1, "tools/list")));
    story.at(11.0).s(conn, "{\"level\":\"info\",\"text\":\"listing\"}\n\n");
    story.at(12.0).s(conn, line(&result(1)));
    story.at(20.0).s(conn, "Killed");
    story.rst(conn, Server);
    later(&mut story);
    let rows = story.run();
    rows.exchange_is(2, json!({"status": "ok", "total_ms": 2.0, "findings": []}));
    rows.finds("stdio.not_message", 3);
    let [first, second, third] = rows.found("stdio.not_message")[..] else { panic!() };
    has(first, json!({"packet": banner, "severity": "warning"}));
    has(second, json!({"session": "s1"}));
    has(third, json!({"session": "s1"}));
    for (row, text) in [(first, "listener 1.0 on stdio"), (second, "no message"), (third, "Killed")] {
        assert!(row["detail"].as_str().unwrap().contains(text), "{row}");
    }
    rows.counts("finding", 3);
}

/// Behind a gap the rest of a line looks like no message: nothing is said about it.
#[test]
fn the_rest_of_a_line_is_no_text() {
    let mut story = Story::new();
    let conn = ready(&mut story);
    story.at(10.0).c(conn, line(&request(1, "tools/list")));
    story.lose(conn, Server, &result(1)[..12]);
    story.s(conn, line(&result(1)[12..]));
    story.at(20.0).ack(conn, Client);
    story.at(900.0).c(conn, line(&request(2, "tools/list")));
    story.at(910.0).s(conn, line(&result(2)));
    story.at(3000.0).close(conn, Server);
    let rows = story.run();
    rows.finds("stdio.not_message", 0);
    rows.exchange_is(2, json!({"status": "undetermined", "degraded": ["gap"]}));
    rows.exchange_is(3, json!({"status": "ok", "total_ms": 10.0}));
}

/// Lost bytes may hold the answer, or the request: nobody is blamed.
#[test]
fn what_a_gap_may_hide_is_not_missing() {
    let mut story = Story::new();
    let conn = ready(&mut story);
    story.at(10.0).c(conn, line(&request(1, "tools/list")));
    story.lose(conn, Server, line(&result(1)));
    story.at(20.0).ack(conn, Client);
    story.at(900.0).c(conn, line(&request(2, "tools/list")));
    story.at(910.0).s(conn, line(&result(2)));
    story.lose(conn, Client, line(&request(3, "tools/list")));
    story.at(920.0).ack(conn, Server);
    story.at(930.0).s(conn, line(&result(3)));
    story.at(3000.0).close(conn, Server);
    let rows = story.run();
    rows.exchange_is(2, json!({"status": "undetermined", "degraded": ["gap"]}));
    rows.exchange_is(3, json!({"status": "ok", "total_ms": 10.0}));
    for code in ["mcp.unanswered", "mcp.unknown_response", "mcp.abandoned", "rpc.not_json"] {
        rows.finds(code, 0);
    }
    rows.finds("mcp.request_unseen", 1);
}

/// Each side has to show a message. Nothing of what was captured is left out.
#[test]
fn a_capture_that_starts_in_the_middle() {
    for is_client_first in [true, false] {
        let mut story = Story::new();
        let conn = story.midstream(A, SERVER);
        if is_client_first {
            story.at(10.0).c(conn, line(&request(4, "tools/list")));
        } else {
            story.at(10.0).s(conn, "\"the rest of a line\"}]}}\n");
        }
        story.at(15.0).s(conn, line(&result(4)));
        story.at(20.0).c(conn, line(&with(5, "tools/call", json!({"name": "t"}))));
        story.at(23.0).s(conn, line(&result(5)));
        let rows = story.run();
        let n = if is_client_first { 2 } else { 1 };
        rows.exchange_is(n, json!({"id": 5, "status": "ok", "total_ms": 3.0, "transport": "stdio"}));
        if is_client_first {
            rows.exchange_is(1, json!({"id": 4, "status": "ok", "total_ms": 5.0}));
        }
        rows.counts("session", 1);
        rows.session_is("s1", json!({"client": A, "server": SERVER, "degraded": ["midstream"]}));
        for code in ["mcp.unanswered", "mcp.unknown_response", "mcp.no_initialize", "stdio.not_message"] {
            rows.finds(code, 0);
        }
    }
}

/// JSON-RPC that is not MCP, text protocols, and JSON on lines that is no JSON-RPC.
#[test]
fn other_protocols_are_left_alone() {
    for (from_client, from_server) in [
        (
            r#"{"id":1,"jsonrpc":"2.0","method":"mining.subscribe","params":[]}"#,
            r#"{"id":1,"jsonrpc":"2.0","result":[]}"#,
        ),
        ("EHLO example", "220 mail ESMTP"),
        (r#"{"method":"ping"}"#, r#"{"pong":true}"#),
        // The Language Server Protocol, and the Agent Client Protocol.
        (
            "Content-Length: 69\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{\"rootUri\":1}}",
            "Content-Length: 36\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{}}",
        ),
        (
            r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":1}}"#,
            r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":1}}"#,
        ),
    ] {
        for is_server_first in [false, true] {
            let mut story = Story::new();
            let conn = story.connect(A, SERVER);
            for n in 0..6 {
                if is_server_first == (n % 2 == 0) {
                    story.at(f64::from(n)).s(conn, line(from_server));
                } else {
                    story.at(f64::from(n)).c(conn, line(from_client));
                }
            }
            story.close(conn, Server);
            let rows = story.run();
            assert_eq!(rows.rows, Vec::<Value>::new(), "{}", rows.text);
        }
    }
}

/// Messages in bodies of HTTP that end with a newline are HTTP, also in the middle of a connection.
#[test]
fn bodies_with_a_newline_are_no_lines() {
    let mut story = Story::new();
    let conn = story.midstream("10.0.0.1:5000", SERVER);
    for n in 1..5 {
        let request = post("/mcp", &[], &line(&request(n, "tools/list")));
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        if n > 1 {
            story.c(conn, format!("{head}\r\n\r\n"));
        }
        story.at(f64::from(n)).c(conn, body);
        story.s(conn, ok(&line(&result(n))));
    }
    let rows = story.run();
    assert!(
        rows.of_type("exchange").iter().all(|row| row["transport"] == "streamable-http"),
        "{}",
        rows.text
    );
}

#[test]
fn faults_of_messages() {
    let mut story = Story::new();
    let conn = ready(&mut story);
    story.at(10.0).c(conn, line(&request("1", "tools/list")));
    story.at(11.0).s(conn, line(&result(1)));
    story.at(20.0).c(conn, line(&request(2, "tools/list")));
    story.at(21.0).s(conn, line(r#"{"id":2,"result":{}}"#));
    let bad = story.at(30.0).s(conn, line("{broken"));
    story.at(40.0).s(conn, "{\"jsonrpc\":\"2.0\",");
    story.at(3000.0).close(conn, Server);
    later(&mut story);
    let rows = story.run();
    rows.exchange_is(2, json!({"id": "1", "status": "ok"}));
    rows.finds("mcp.id_changed", 1);
    rows.exchange_is(3, json!({"status": "ok", "findings": ["rpc.no_version"]}));
    rows.finds("rpc.not_json", 1);
    has(rows.found("rpc.not_json")[0], json!({"packet": bad, "session": "s1"}));
    rows.finds("http.body_cut", 1);
}

/// The first request has to be `initialize`, as on any transport.
#[test]
fn initialize_comes_first() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.at(5.0).c(conn, line(&request(1, "tools/list")));
    story.at(6.0).s(conn, line(&result(1)));
    story.run().finds("mcp.no_initialize", 1);
}
