//! 2026-07-28: no sessions on the wire, no handshake, the close of the stream cancels.

use serde_json::json;

use super::http::*;
use super::story::*;

const A: &str = "10.0.0.1:5000";
const B: &str = "10.0.0.1:5001";
const C: &str = "10.0.0.1:5002";

fn call(id: u64, client: &str) -> String {
    let fields = [MODERN, ("Mcp-Method", "tools/list")];
    post("/mcp", &fields, &modern(id, "tools/list", json!({}), Some(client)))
}

/// By client address and clientInfo; a request without it joins its address's latest.
#[test]
fn sessions_by_client_info() {
    let mut story = Story::new();
    let conns = [A, B, C, "10.0.0.9:5000"].map(|client| story.connect(client, SERVER));
    story.at(10.0).c(conns[0], call(1, "one"));
    story.at(11.0).s(conns[0], ok(&result(1)));
    story.at(20.0).c(conns[1], call(1, "two"));
    story.at(21.0).s(conns[1], ok(&result(1)));
    let bare = post("/mcp", &[MODERN], &modern(2, "prompts/list", json!({}), None));
    story.at(30.0).c(conns[2], bare);
    story.at(31.0).s(conns[2], ok(&result(2)));
    story.at(40.0).c(conns[2], call(3, "one"));
    story.at(41.0).s(conns[2], ok(&result(3)));
    story.at(50.0).c(conns[3], call(1, "one"));
    story.at(51.0).s(conns[3], ok(&result(1)));
    let rows = story.run();
    rows.counts("session", 3);
    for (n, session) in [(1, "s1"), (2, "s2"), (3, "s2"), (4, "s1"), (5, "s3")] {
        rows.exchange_is(
            n,
            json!({"session": session, "session_id": null, "protocol_version": "2026-07-28", "status": "ok",
            "transport": "streamable-http"}),
        );
    }
    rows.session_is(
        "s1",
        json!({"client": A, "session_id": null, "client_info": {"name": "one"}, "exchanges": 2, "ended": "open",
        "protocol_version": "2026-07-28"}),
    );
    rows.session_is("s2", json!({"client": B, "client_info": {"name": "two"}, "exchanges": 2}));
    rows.session_is("s3", json!({"client": "10.0.0.9:5000", "exchanges": 1}));
    rows.finds("mcp.no_initialize", 0);
}

/// The header alone says the revision.
#[test]
fn revision_of_the_header() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.c(conn, post("/mcp", &[MODERN], &request(1, "tools/list")));
    story.s(conn, ok(&result(1)));
    let rows = story.run();
    rows.exchange_is(1, json!({"protocol_version": "2026-07-28", "status": "ok"}));
    rows.finds("mcp.no_initialize", 0);
}

/// FIN or RST of the client on the response stream cancels; before 2026-07-28 it does not.
#[test]
fn closing_the_stream_cancels() {
    for is_reset in [false, true] {
        let mut story = Story::new();
        let conn = story.connect(A, SERVER);
        story.at(10.0).c(conn, call(1, "one"));
        story.at(11.0).s(conn, sse(&[]));
        story.at(12.0);
        if is_reset {
            story.rst(conn, Client);
        } else {
            story.close(conn, Client);
        }
        let rows = story.run();
        rows.exchange_is(
            1,
            json!({"status": "cancelled", "cause": "client_closed", "total_ms": null, "http_status": 200, "degraded": []}),
        );
        rows.finds("mcp.unanswered", 0);
    }
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.at(10.0).c(conn, call(1, "one"));
    story.at(11.0).s(conn, sse(&[]));
    story.at(12.0).close(conn, Server);
    story.run().exchange_is(1, json!({"status": "unanswered", "cause": "server_closed"}));
}

/// After the response it changes nothing.
#[test]
fn closing_after_the_response() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.at(10.0).c(conn, call(1, "one"));
    story.at(11.0).s(conn, sse(&[]));
    story.at(12.0).s(conn, event(&result(1)));
    story.at(13.0).close(conn, Client);
    story.run().exchange_is(1, json!({"status": "ok", "cause": null, "total_ms": 2.0}));
}

/// The answer comes after the client's FIN: cancelled, with the late answer's time.
#[test]
fn a_late_answer_after_fin() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.at(10.0).c(conn, call(1, "one"));
    story.at(11.0).s(conn, sse(&[]));
    story.at(12.0).fin(conn, Client);
    story.at(15.0).s(conn, event(&result(1)));
    story.s(conn, LAST);
    story.at(16.0).fin(conn, Server);
    story.run().exchange_is(1, json!({"status": "cancelled", "cause": "client_closed", "total_ms": 5.0}));
}

/// The result asks for input; the retry has a new id and the same state.
#[test]
fn input_required() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    let first = modern(1, "tools/call", json!({"name": "ask", "arguments": {}}), Some("one"));
    story.at(10.0).c(conn, post("/mcp", &[MODERN], &first));
    let asks = json!({"jsonrpc": "2.0", "id": 1, "result": {"resultType": "input_required", "requestState": "S",
        "inputRequests": {"k": {"method": "elicitation/create", "params": {}}}}});
    story.at(11.0).s(conn, ok(&asks.to_string()));
    let params = json!({"name": "ask", "arguments": {}, "requestState": "S", "inputResponses": {"k": {"action": "accept"}}});
    story.at(20.0).c(conn, post("/mcp", &[MODERN], &modern(2, "tools/call", params, Some("one"))));
    story.at(22.0).s(conn, ok(&result(2)));
    // The same tool again is another matter.
    let other = modern(3, "tools/call", json!({"name": "ask", "arguments": {}}), Some("one"));
    story.at(30.0).c(conn, post("/mcp", &[MODERN], &other));
    story.at(32.0).s(conn, ok(&result(3)));
    let rows = story.run();
    rows.exchange_is(1, json!({"id": 1, "name": "ask", "status": "ok", "continues": null, "total_ms": 1.0}));
    rows.exchange_is(2, json!({"id": 2, "name": "ask", "status": "ok", "continues": 1, "total_ms": 2.0}));
    rows.exchange_is(3, json!({"continues": null}));
}

/// What comes on the stream that `subscriptions/listen` opened is that exchange's; closing it
/// cancels.
#[test]
fn a_subscription() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    let other = story.connect(B, SERVER);
    let listen = modern(
        "listen:0",
        "subscriptions/listen",
        json!({"notifications": {"toolsListChanged": true}}),
        Some("one"),
    );
    story.at(10.0).c(conn, post("/mcp", &[MODERN, ("Mcp-Method", "subscriptions/listen")], &listen));
    story.at(11.0).s(conn, sse(&[]));
    let meta = json!({"_meta": {"io.modelcontextprotocol/subscriptionId": "listen:0"}});
    story.at(12.0).s(conn, event(&notification("notifications/subscriptions/acknowledged", meta.clone())));
    story.at(20.0).c(other, call(1, "one"));
    story.at(21.0).s(other, ok(&result(1)));
    story.at(30.0).s(conn, event(&notification("notifications/tools/list_changed", meta)));
    story.at(40.0).close(conn, Client);
    let rows = story.run();
    rows.exchange_is(
        1,
        json!({"id": "listen:0", "method": "subscriptions/listen", "status": "cancelled", "cause": "client_closed"}),
    );
    rows.exchange_is(2, json!({"status": "ok"}));
    rows.counts("notification", 2);
    for at in [0, 1] {
        rows.row_is("notification", at, json!({"from": "server", "exchange": 1, "session": "s1"}));
    }
    rows.row_is("stream", 0, json!({"exchange": 1, "events": 2, "ended": "client_closed"}));
    rows.counts("finding", 0);
}

/// A stream that is still open at the end of the capture is no fault.
#[test]
fn a_subscription_open_at_the_end() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    let listen = modern("listen:0", "subscriptions/listen", json!({}), Some("one"));
    story.at(10.0).c(conn, post("/mcp", &[MODERN, ("Mcp-Method", "subscriptions/listen")], &listen));
    story.at(11.0).s(conn, sse(&[]));
    let rows = story.run();
    rows.exchange_is(1, json!({"status": "unanswered", "cause": "capture_end", "degraded": ["capture_end"]}));
    rows.row_is("stream", 0, json!({"ended": "open"}));
    rows.counts("finding", 0);
}

/// An older server refuses the probe: no fault, and `initialize` follows.
#[test]
fn a_server_discover_probe() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    let probe = modern("server-discover-probe-1", "server/discover", json!({}), Some("one"));
    story.at(10.0).c(conn, post("/mcp", &[MODERN], &probe));
    let refused = r#"{"jsonrpc":"2.0","error":{"code":-32000,"message":"Bad Request: Server not initialized"},"id":null}"#;
    story.at(11.0).s(conn, json_reply("400 Bad Request", &[], refused));
    story.at(20.0).c(conn, post("/mcp", &[], &initialize(0, "2025-11-25")));
    story.at(22.0).s(conn, json_reply("200 OK", &[("Mcp-Session-Id", "x")], &initialized(0, "2025-11-25")));
    let rows = story.run();
    rows.exchange_is(
        1,
        json!({"id": "server-discover-probe-1", "method": "server/discover", "status": "http_error",
        "cause": "http_error", "http_status": 400, "protocol_version": "2026-07-28",
        "error": {"code": -32000, "message": "Bad Request: Server not initialized"}}),
    );
    rows.exchange_is(2, json!({"status": "ok", "session_id": "x", "protocol_version": "2025-11-25"}));
    rows.counts("finding", 0);
}

/// Headers that repeat the body: told where they contradict it, in whatever way they are written
/// where they do not.
#[test]
fn headers_that_repeat_the_body() {
    for (method, name, version, findings) in [
        ("tools/call", "tool", "2026-07-28", 0),
        ("tools/call", "=?base64?dG9vbA==?=", "2026-07-28", 0),
        ("tools/call", "=?base64?b3RoZXI=?=", "2026-07-28", 1),
        ("tools/list", "tool", "2026-07-28", 1),
        ("tools/call", "other", "2026-07-28", 1),
        ("tools/call", "tool", "2025-11-25", 1),
    ] {
        let mut story = Story::new();
        let conn = story.connect(A, SERVER);
        let fields = [("MCP-Protocol-Version", version), ("Mcp-Method", method), ("Mcp-Name", name)];
        let body = modern(1, "tools/call", json!({"name": "tool"}), Some("one"));
        story.c(conn, post("/mcp", &fields, &body));
        story.s(conn, ok(&result(1)));
        let rows = story.run();
        rows.finds("mcp.header_mismatch", findings);
        // From `_meta`, else the header.
        rows.exchange_is(1, json!({"protocol_version": "2026-07-28", "name": "tool"}));
    }
}

/// 404 with a JSON-RPC error of the id: an error, not an HTTP error.
#[test]
fn method_not_found() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.at(10.0).c(conn, call(1, "one"));
    story.at(11.0).s(conn, json_reply("404 Not Found", &[], &error(1, -32601, "Method not found")));
    story.run().exchange_is(
        1,
        json!({"status": "error", "http_status": 404, "cause": null, "error": {"code": -32601}}),
    );
}

/// The client goes before the server said anything at all: cancelled too.
#[test]
fn closing_before_the_status_line() {
    for is_reset in [false, true] {
        let mut story = Story::new();
        let conn = story.connect(A, SERVER);
        story.at(10.0).c(conn, call(1, "one"));
        story.at(12.0);
        if is_reset {
            story.rst(conn, Client);
        } else {
            story.close(conn, Client);
        }
        story
            .run()
            .exchange_is(1, json!({"status": "cancelled", "cause": "client_closed", "http_status": null}));
    }
}

/// A number and a text as ids of two requests of one session, one answered on the other's
/// connection: never.
#[test]
fn stateless_answers_stay_on_their_post() {
    let mut story = Story::new();
    let conns = [A, B].map(|client| story.connect(client, SERVER));
    for conn in conns {
        story.at(10.0).c(conn, call(1, "one"));
        story.at(11.0).s(conn, sse(&[]));
    }
    story.at(20.0).s(conns[1], event(&error(1, -1, "b")));
    story.at(30.0).s(conns[0], event(&result(1)));
    let rows = story.run();
    rows.counts("session", 1);
    rows.exchange_is(1, json!({"status": "ok", "total_ms": 20.0, "tcp_stream": 0}));
    rows.exchange_is(2, json!({"status": "error", "total_ms": 10.0, "tcp_stream": 1}));
    rows.finds("mcp.id_reused", 0);
}
