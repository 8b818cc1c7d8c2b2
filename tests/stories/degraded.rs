//! Law 5: what is missing, and what is said where the evidence may simply be missing.

use serde_json::json;

use super::http::*;
use super::story::*;

const A: &str = "10.0.0.1:5000";
const B: &str = "10.0.0.1:5001";
const SID: Fields = &[("Mcp-Session-Id", "x")];

/// A part of the request is lost: what can be read of it is told, with the reason.
#[test]
fn a_gap_in_the_request() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    let whole =
        post("/mcp", SID, &with(1, "tools/call", json!({"name": "t", "arguments": {"a": "b".repeat(90)}})));
    let at = whole.len() - 60;
    story.at(10.0).c(conn, &whole[..at]);
    story.lose(conn, Client, &whole[at..at + 20]);
    story.at(10.5).c(conn, &whole[at + 20..]);
    story.at(12.0).s(conn, ok(&result(1)));
    story.at(1000.0).c(conn, post("/mcp", SID, &request(2, "tools/list")));
    story.at(1002.0).s(conn, ok(&result(2)));
    story.at(1003.0).ack(conn, Client);
    let rows = story.run();
    rows.finds("tcp.gap", 1);
    rows.finds("mcp.unknown_response", 0);
    rows.finds("mcp.unanswered", 0);
    // The next message is whole.
    let last = rows.of_type("exchange").into_iter().find(|row| row["id"] == 2).unwrap();
    has(last, json!({"status": "ok", "total_ms": 2.0, "degraded": []}));
}

/// The response may have been in the gap: the request is not reported as unanswered.
#[test]
fn a_gap_in_the_response_stream() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    story.at(10.0).c(posts, send(TARGET, &request(1, "tools/list")));
    story.at(11.0).s(posts, accepted());
    story.lose(stream, Server, event(&result(1)));
    story.at(13.0).ack(stream, Client);
    story.at(500.0).c(posts, send(TARGET, &request(2, "tools/list")));
    story.at(501.0).s(posts, accepted());
    story.at(510.0).s(stream, event(&result(2)));
    story.at(600.0).c(posts, send(TARGET, &request(3, "tools/list")));
    story.at(601.0).s(posts, accepted());
    story.at(610.0).s(stream, event(&result(3)));
    story.at(900.0).close(stream, Client);
    story.close(posts, Client);
    let rows = story.run();
    rows.exchange_is(
        2,
        json!({"status": "undetermined", "cause": null, "degraded": ["gap"], "total_ms": null}),
    );
    // The first event after a gap may have begun in it; the one after that is whole.
    rows.exchange_is(3, json!({"status": "ok", "total_ms": 10.0}));
    rows.exchange_is(4, json!({"status": "ok", "total_ms": 10.0, "degraded": []}));
    rows.exchange_is(1, json!({"degraded": []}));
    rows.finds("mcp.unanswered", 0);
    rows.finds("tcp.gap", 1);
}

/// A cut packet of the stream.
#[test]
fn a_cut_packet() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    story.at(10.0).c(posts, send(TARGET, &request(1, "tools/list")));
    story.at(11.0).s(posts, accepted());
    story.at(12.0).s(stream, event(&result(1)));
    story.cut_last(25);
    story.at(13.0).ack(stream, Client);
    story.at(900.0).close(stream, Client);
    let rows = story.run();
    rows.exchange_is(2, json!({"degraded": ["cut_packet"]}));
    rows.finds("mcp.unanswered", 0);
    // One finding at least says that bytes are missing.
    let told = rows.found("capture.cut_packets").len() + rows.found("tcp.gap").len();
    assert!(told > 0, "{}", rows.text);
}

/// A response whose request was before the capture: nothing is wrong with it.
#[test]
fn a_response_whose_request_was_before_the_capture() {
    let mut story = Story::new();
    let conn = story.midstream(A, SERVER);
    story.s(conn, ok(&result(5)));
    story.at(10.0).c(conn, post("/mcp", SID, &request(6, "tools/list")));
    story.at(12.0).s(conn, ok(&result(6)));
    story.at(900.0).close(conn, Client);
    let rows = story.run();
    rows.counts("exchange", 1);
    rows.exchange_is(1, json!({"id": 6, "status": "ok", "total_ms": 2.0, "session_id": "x"}));
    rows.finds("mcp.unknown_response", 0);
    rows.finds("mcp.no_initialize", 0);
}

/// On a stream that was open before: told as unseen, and no fault.
#[test]
fn a_request_that_was_not_captured() {
    let mut story = Story::new();
    let stream = story.midstream(A, SERVER);
    let posts = story.midstream(B, SERVER);
    story.at(1.0).c(posts, send(TARGET, &request(6, "tools/list")));
    story.at(2.0).s(posts, accepted());
    story.at(3.0).s(stream, event(&result(6)));
    story.at(10.0).s(stream, event(&result(5)));
    story.at(900.0).close(stream, Client);
    let rows = story.run();
    rows.finds("mcp.request_unseen", 1);
    rows.finds("mcp.unknown_response", 0);
    rows.exchange_is(1, json!({"status": "ok", "total_ms": 2.0, "degraded": ["midstream"]}));
}

/// `capture_end` only where its connection is open.
#[test]
fn open_and_closed_at_the_end() {
    let mut story = Story::new();
    let closed = streamable(&mut story, A, "2025-06-18", "x");
    let open = story.connect(B, SERVER);
    story.at(10.0).c(closed, post("/mcp", SID, &request(1, "tools/list")));
    story.at(11.0).c(open, post("/mcp", SID, &request(2, "tools/list")));
    story.at(12.0).close(closed, Server);
    story.at(13.0).ack(open, Server);
    let rows = story.run();
    rows.exchange_is(2, json!({"status": "unanswered", "cause": "server_closed", "degraded": []}));
    rows.exchange_is(3, json!({"status": "unanswered", "cause": "capture_end", "degraded": ["capture_end"]}));
    rows.finds("mcp.unanswered", 1);
    has(rows.found("mcp.unanswered")[0], json!({"exchange": 2}));
}

/// The file ends inside a packet: told, and what is open is degraded.
#[test]
fn the_file_ends_inside_a_packet() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(10.0).c(conn, post("/mcp", SID, &request(1, "tools/list")));
    story.at(12.0).s(conn, ok(&result(1)));
    let mut file = story.pcap();
    file.truncate(file.len() - 10);
    let rows = Rows::of(file);
    rows.exchange_is(2, json!({"status": "unanswered", "cause": "capture_end", "degraded": ["capture_end"]}));
    rows.finds("capture.truncated_file", 1);
    rows.finds("mcp.unanswered", 0);
}

/// Two packets that changed places are no loss.
#[test]
fn packets_out_of_order() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    let whole = post("/mcp", SID, &request(1, "tools/list"));
    let (a, b) = whole.split_at(50);
    story.at(10.0).c(conn, a);
    story.at(11.0).c(conn, b);
    story.swap_last_two();
    story.at(20.0).s(conn, ok(&result(1)));
    let rows = story.run();
    rows.exchange_is(
        2,
        json!({"status": "ok", "request": {"start": t(11.0), "end": t(11.0), "first_packet": 8, "last_packet": 9},
        "total_ms": 9.0, "degraded": []}),
    );
    rows.finds("tcp.gap", 0);
}

/// A whole response is lost: its request is not reported as unanswered, the next one is answered in
/// its turn.
#[test]
fn a_response_is_lost() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(10.0).c(conn, post("/mcp", SID, &request(1, "tools/list")));
    story.lose(conn, Server, ok(&result(1)));
    story.at(20.0).c(conn, post("/mcp", SID, &request(2, "prompts/list")));
    story.at(25.0).s(conn, ok(&error(2, -1, "x")));
    story.at(26.0).ack(conn, Client);
    story.at(900.0).close(conn, Client);
    let rows = story.run();
    rows.exchange_is(
        2,
        json!({"status": "undetermined", "cause": null, "degraded": ["gap"], "total_ms": null, "http_status": null}),
    );
    rows.exchange_is(3, json!({"status": "error", "total_ms": 5.0, "http_status": 200}));
    rows.finds("mcp.unanswered", 0);
    rows.finds("mcp.unknown_response", 0);
}

/// The 202 is lost: the answer is whole all the same, when it was accepted is not known.
#[test]
fn a_lost_202() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    story.at(10.0).c(posts, send(TARGET, &request(1, "tools/list")));
    story.lose(posts, Server, accepted());
    story.at(12.0).s(stream, event(&result(1)));
    story.at(20.0).c(posts, send(TARGET, &request(2, "tools/list")));
    story.at(21.0).s(posts, accepted());
    story.at(22.0).s(stream, event(&result(2)));
    story.at(900.0).close(stream, Client);
    story.close(posts, Client);
    let rows = story.run();
    rows.exchange_is(2, json!({"status": "ok", "total_ms": 2.0, "ack_ms": null, "http_status": null}));
    rows.exchange_is(3, json!({"status": "ok", "total_ms": 2.0, "ack_ms": 1.0, "http_status": 202}));
}

/// A gap elsewhere is none of its business.
#[test]
fn a_gap_on_another_connection() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    let other = streamable(&mut story, B, "2025-06-18", "y");
    story.at(10.0).c(conn, post("/mcp", SID, &request(1, "tools/list")));
    story.at(11.0).c(other, post("/mcp", &[("Mcp-Session-Id", "y")], &request(1, "tools/list")));
    story.lose(other, Server, ok(&result(1)));
    story.at(12.0).ack(other, Client);
    story.at(900.0).close(conn, Server);
    story.close(other, Client);
    let rows = story.run();
    rows.exchange_is(
        3,
        json!({"session_id": "x", "status": "unanswered", "cause": "server_closed", "degraded": []}),
    );
    rows.exchange_is(4, json!({"session_id": "y", "status": "undetermined", "degraded": ["gap"]}));
    rows.finds("mcp.unanswered", 1);
    rows.session_is("s1", json!({"degraded": []}));
    rows.session_is("s2", json!({"degraded": ["gap"]}));
}

/// A gap after the answer touches nothing that was answered.
#[test]
fn a_gap_after_the_answer() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    story.at(10.0).c(posts, send(TARGET, &request(1, "tools/list")));
    story.at(11.0).s(posts, accepted());
    story.at(12.0).s(stream, event(&result(1)));
    story.lose(stream, Server, chunk(": ping\n\n"));
    story.at(13.0).ack(stream, Client);
    story.at(900.0).close(stream, Client);
    let rows = story.run();
    rows.exchange_is(2, json!({"status": "ok", "degraded": [], "total_ms": 2.0}));
}

/// The clock of the capturing machine is set back by five seconds during a call: told once, and the
/// duration of that call is marked.
#[test]
fn a_clock_that_is_set_back() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(9_000.0).c(conn, post("/mcp", SID, &request(1, "tools/list")));
    story.at(9_030.0).s(conn, ok(&result(1)));
    story.at(9_040.0).c(conn, post("/mcp", SID, &request(2, "tools/list")));
    let back = story.at(4_070.0).s(conn, ok(&result(2)));
    story.at(4_080.0).c(conn, post("/mcp", SID, &request(3, "tools/list")));
    story.at(4_110.0).s(conn, ok(&result(3)));
    let rows = story.run();
    rows.exchange_is(2, json!({"status": "ok", "total_ms": 30.0, "degraded": []}));
    rows.exchange_is(3, json!({"status": "ok", "degraded": ["time_back"]}));
    rows.exchange_is(4, json!({"status": "ok", "total_ms": 30.0, "degraded": []}));
    rows.finds("capture.time_back", 1);
    has(rows.found("capture.time_back")[0], json!({"packet": back}));
}

/// The same on the stream of HTTP+SSE, by less than the disorder of a capture may be: the
/// acknowledgement of the POST shows it.
#[test]
fn a_clock_that_is_set_back_by_little() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    story.at(100.0).c(posts, send(TARGET, &request(1, "tools/list")));
    story.at(60.0).s(posts, accepted());
    story.at(62.0).s(stream, event(&result(1)));
    story.at(70.0).c(posts, send(TARGET, &request(2, "tools/list")));
    story.at(71.0).s(posts, accepted());
    story.at(80.0).s(stream, event(&result(2)));
    let rows = story.run();
    rows.exchange_is(2, json!({"status": "ok", "degraded": ["time_back"]}));
    rows.exchange_is(3, json!({"status": "ok", "total_ms": 10.0, "degraded": []}));
    rows.finds("capture.time_back", 1);
}

/// Packets of several queues and interfaces, microseconds to a quarter of a second out of order:
/// no clock was set.
#[test]
fn packets_of_several_queues() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    let other = story.connect(B, SERVER);
    story.at(500.0).c(conn, post("/mcp", SID, &request(1, "tools/list")));
    story.at(499.999).s(conn, ok(&result(1)));
    story.at(600.0).c(conn, post("/mcp", SID, &request(2, "tools/list")));
    story.at(350.0).c(other, post("/mcp", SID, &request(3, "tools/list")));
    story.at(360.0).s(other, ok(&result(3)));
    story.at(640.0).s(conn, ok(&result(2)));
    let rows = story.run();
    rows.finds("capture.time_back", 0);
    rows.exchange_is(3, json!({"status": "ok", "total_ms": 40.0, "degraded": []}));
    rows.exchange_is(4, json!({"status": "ok", "total_ms": 10.0, "degraded": []}));
}

/// A client of 2026-07-28 closes the response stream; the response may be in the gap before that,
/// so that it cancelled nothing.
#[test]
fn a_client_that_closes_after_a_gap() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.at(10.0).c(conn, post("/mcp", &[], &modern(1, "tools/list", json!({}), Some("a"))));
    story.at(11.0).s(conn, sse(&[]));
    story.lose(conn, Server, event(&result(1)));
    story.at(13.0).ack(conn, Client);
    story.at(900.0).close(conn, Client);
    let rows = story.run();
    rows.exchange_is(1, json!({"status": "undetermined", "cause": null, "degraded": ["gap"]}));
    rows.finds("mcp.unanswered", 0);
    rows.finds("http.body_cut", 0);
}

/// Only what the server sent was captured: nothing that it answers is unknown, and it ended nothing
/// too early.
#[test]
fn one_direction_only() {
    let mut story = Story::new();
    let stream = story.connect(A, SERVER);
    let posts = story.connect(B, SERVER);
    story.lose(stream, Client, get("/sse", &[]));
    story.s(stream, sse(&[]));
    story.s(stream, chunk(&format!("event: endpoint\ndata: {TARGET}\n\n")));
    for n in 1..4 {
        story.at(f64::from(n) * 10.0).lose(posts, Client, send(TARGET, &request(n, "tools/list")));
        story.s(posts, accepted());
        story.s(stream, event(&result(n)));
    }
    story.at(2000.0).s(stream, event(&notification("notifications/message", json!({}))));
    story.fin(stream, Server);
    let rows = story.run();
    rows.finds("mcp.unknown_response", 0);
    rows.finds("http.body_cut", 0);
}

/// The client's FIN was lost: the server's FIN acknowledges it, so the client closed first.
#[test]
fn a_fin_that_was_not_captured() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    story.at(10.0).c(posts, send(TARGET, &request(1, "tools/list")));
    story.at(11.0).s(posts, accepted());
    // One sequence number, as a FIN has.
    story.lose(stream, Client, "F");
    story.at(900.0).fin(stream, Server);
    story.at(901.0).ack(stream, Client);
    let rows = story.run();
    rows.exchange_is(2, json!({"status": "unanswered", "cause": "client_closed", "degraded": []}));
    rows.finds("http.body_cut", 0);
}
