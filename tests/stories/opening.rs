//! How sessions are opened, and what is due before and after.

use serde_json::{Value, json};

use super::http::*;
use super::story::*;

const A: &str = "10.0.0.1:5000";
const B: &str = "10.0.0.1:5001";
const ID: &str = "7f4d5d49-1c7e-4f2a-9d36-0b1e2f3a4c5d";

/// A first `initialize` that fails belongs to the session that its client opens next.
#[test]
fn an_initialize_that_failed_makes_no_session() {
    for status in ["401 Unauthorized", "426 Upgrade Required", "502 Bad Gateway"] {
        let mut story = Story::new();
        let conn = story.connect(A, SERVER);
        story.at(10.0).c(conn, post("/mcp", &[], &initialize(0, "2025-06-18")));
        story.at(12.0).s(conn, json_reply(status, &[], r#"{"error":"invalid_token"}"#));
        let conn = story.at(500.0).connect(B, SERVER);
        story.c(conn, post("/mcp", &[], &initialize(0, "2025-06-18")));
        story
            .at(510.0)
            .s(conn, json_reply("200 OK", &[("Mcp-Session-Id", ID)], &initialized(0, "2025-06-18")));
        let rows = story.run();
        rows.counts("session", 1);
        rows.exchange_is(1, json!({"session": "s1", "status": "http_error"}));
        rows.exchange_is(2, json!({"session": "s1", "status": "ok"}));
        assert!(!rows.text.contains("\"rpc."), "{}", rows.text);
    }
}

/// One that is never opened is a session without id; one that comes later than a minute is another.
#[test]
fn an_initialize_that_failed_and_nothing_after_it() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.at(10.0).c(conn, post("/mcp", &[], &initialize(0, "2025-06-18")));
    story.at(12.0).s(conn, json_reply("401 Unauthorized", &[], "{}"));
    story.run().session_is("s1", json!({"session_id": null, "exchanges": 1}));
    let conn = story.at(100_000.0).connect(B, SERVER);
    story.c(conn, post("/mcp", &[], &initialize(0, "2025-06-18")));
    story.s(conn, json_reply("200 OK", &[("Mcp-Session-Id", ID)], &initialized(0, "2025-06-18")));
    story.run().counts("session", 2);
}

/// A probe of another revision is refused, then the client initializes, over either transport.
#[test]
fn a_probe_makes_no_session() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.at(10.0).c(conn, post("/mcp", &[], &modern(0, "server/discover", json!({}), Some("teller"))));
    story.at(12.0).s(conn, json_reply("400 Bad Request", &[], &error(0, -32600, "no session")));
    story.at(20.0).c(conn, post("/mcp", &[], &initialize(1, "2025-06-18")));
    story.at(22.0).s(conn, json_reply("200 OK", &[("Mcp-Session-Id", ID)], &initialized(1, "2025-06-18")));
    let rows = story.run();
    rows.counts("session", 1);
    rows.session_is("s1", json!({"session_id": ID, "exchanges": 2}));
    rows.finds("mcp.no_initialize", 0);

    let mut story = Story::new();
    let (stream, posts) = legacy(&mut story, [A, B], SERVER, TARGET);
    story.c(posts, send(TARGET, &request(0, "server/discover")));
    story.s(posts, accepted());
    story.s(stream, event(&error(0, -32601, "unknown method")));
    story.c(posts, send(TARGET, &initialize(1, "2025-06-18")));
    story.s(posts, accepted());
    story.s(stream, event(&initialized(1, "2025-06-18")));
    let rows = story.run();
    rows.counts("session", 1);
    rows.finds("mcp.no_initialize", 0);
}

/// Streamable HTTP refuses the POST with which the client probes it; the client falls back.
#[test]
fn a_probe_of_the_other_transport() {
    let mut story = Story::new();
    let conn = story.connect("10.0.0.1:4999", SERVER);
    story.at(1.0).c(conn, post("/sse", &[], &initialize(0, "2025-06-18")));
    story.at(2.0).s(conn, reply("405 Method Not Allowed", &[], ""));
    let (stream, posts) = legacy(story.at(3.0), [A, B], SERVER, TARGET);
    story.at(10.0).c(posts, send(TARGET, &initialize(0, "2025-06-18")));
    story.s(posts, accepted());
    story.at(12.0).s(stream, event(&initialized(0, "2025-06-18")));
    let rows = story.run();
    rows.counts("session", 1);
    rows.session_is("s1", json!({"transport": "http+sse", "exchanges": 2}));
    rows.exchange_is(2, json!({"status": "ok", "total_ms": 2.0}));
}

/// A redirect and the POST that repeats it are one exchange, timed from the first.
#[test]
fn redirected_posts() {
    for status in ["307 Temporary Redirect", "308 Permanent Redirect"] {
        let mut story = Story::new();
        let conn = story.connect(A, SERVER);
        let id = [("Mcp-Session-Id", ID)];
        let answers = [json_reply("200 OK", &id, &initialized(0, "2025-06-18")), accepted(), ok(&result(1))];
        let bodies = [initialize(0, "2025-06-18"), INITIALIZED.to_owned(), request(1, "tools/list")];
        for (n, (body, answer)) in bodies.iter().zip(answers).enumerate() {
            let at = f64::from(u32::try_from(n).unwrap()) * 10.0 + 10.0;
            let fields: Fields<'_> = if n == 0 { &[] } else { &id };
            story.at(at).c(conn, post("/mcp", fields, body));
            story.at(at + 1.0).s(conn, reply(status, &[("Location", "/mcp/")], ""));
            story.at(at + 2.0).c(conn, post("/mcp/", fields, body));
            story.at(at + 4.0).s(conn, answer);
        }
        let rows = story.run();
        rows.counts("session", 1);
        rows.counts("exchange", 2);
        rows.counts("notification", 1);
        for row in rows.of_type("exchange") {
            has(
                row,
                json!({"session": "s1", "status": "ok", "http_status": 200, "total_ms": 4.0, "cause": null}),
            );
        }
        rows.finds("mcp.redirected", 1);
        rows.finds("mcp.id_reused", 0);
        rows.finds("mcp.unanswered", 0);
    }
}

/// A redirect that nobody follows: the server closed nothing.
#[test]
fn a_redirect_that_is_not_followed() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.at(10.0).c(conn, post("/mcp", &[], &initialize(0, "2025-06-18")));
    story.at(11.0).s(conn, reply("307 Temporary Redirect", &[("Location", "/mcp/")], ""));
    let rows = story.run();
    rows.exchange_is(1, json!({"status": "unanswered", "cause": "no_response", "http_status": 307}));
    rows.finds("mcp.redirected", 0);
}

/// Clients of a server without ids that come in turn, on one port: each began with `initialize`.
#[test]
fn clients_in_turn_without_ids() {
    let mut story = Story::new();
    for turn in 0..3 {
        let at = f64::from(turn) * 1000.0;
        let conn = story.at(at).connect(A, SERVER);
        story.c(conn, post("/mcp", &[], &initialize(0, "2025-06-18")));
        story.s(conn, ok(&initialized(0, "2025-06-18")));
        story.at(at + 10.0).c(conn, post("/mcp", &[], &request(1, "tools/list")));
        story.s(conn, ok(&result(1)));
        story.at(at + 20.0).close(conn, Client);
    }
    let rows = story.run();
    rows.counts("session", 3);
    for (n, row) in rows.of_type("exchange").into_iter().enumerate() {
        has(row, json!({"session": format!("s{}", n / 2 + 1), "status": "ok"}));
    }
}

/// The server gave an id, and the client does not send it back.
#[test]
fn a_session_id_that_is_not_sent_back() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", ID);
    story.at(10.0).c(conn, post("/mcp", &[], &request(1, "tools/list")));
    story.at(11.0).s(conn, json_reply("400 Bad Request", &[], &error(1, -32600, "no session id")));
    let rows = story.run();
    rows.counts("session", 1);
    rows.finds("mcp.session_id_missing", 1);
    has(rows.found("mcp.session_id_missing")[0], json!({"session": "s1"}));
    // A second client opens a session of its own.
    let mut story = Story::new();
    streamable(&mut story, A, "2025-06-18", ID);
    streamable(&mut story, B, "2025-06-18", "8e5d5d49-1c7e-4f2a-9d36-0b1e2f3a4c5d");
    story.run().finds("mcp.session_id_missing", 0);
}

/// A client that begins with another request is refused; one that initialized before the capture
/// names its revision.
#[test]
fn initialize_comes_first() {
    let run = |fields: Fields<'_>, status: &str| {
        let mut story = Story::new();
        let conn = story.connect(A, SERVER);
        story.at(10.0).c(conn, post("/mcp", fields, &request(1, "tools/list")));
        story.at(11.0).s(conn, json_reply(status, &[], &error(1, -32600, "not initialized")));
        story.run()
    };
    run(&[], "400 Bad Request").finds("mcp.no_initialize", 1);
    run(&[("MCP-Protocol-Version", "2025-06-18")], "400 Bad Request").finds("mcp.no_initialize", 0);
    run(&[], "401 Unauthorized").finds("mcp.no_initialize", 0);
}

#[test]
fn a_session_used_after_its_deletion() {
    let mut story = Story::new();
    let id = [("Mcp-Session-Id", ID)];
    let conn = streamable(&mut story, A, "2025-06-18", ID);
    story.at(10.0).c(conn, delete("/mcp", &id));
    story.at(11.0).s(conn, reply("200 OK", &[], ""));
    story.at(20.0).c(conn, post("/mcp", &id, &request(1, "tools/list")));
    story.at(21.0).s(conn, reply("404 Not Found", &[], ""));
    let rows = story.run();
    rows.finds("mcp.used_after_deletion", 1);
    rows.finds("mcp.session_refused", 0);
    has(rows.found("mcp.used_after_deletion")[0], json!({"session": "s1", "exchange": 2}));
}

/// 404 to a GET says little if the session is served afterwards.
#[test]
fn a_get_refused_with_404() {
    let id = [("Mcp-Session-Id", ID)];
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", ID);
    story.at(10.0).c(conn, get("/mcp", &id));
    story
        .at(11.0)
        .s(conn, json_reply("404 Not Found", &[], &error(Value::Null, -32001, "Session not found")));
    story.run().finds("mcp.session_refused", 1);
    story.at(20.0).c(conn, post("/mcp", &id, &request(1, "tools/list")));
    story.at(21.0).s(conn, ok(&result(1)));
    story.run().finds("mcp.session_refused", 0);
}

#[test]
fn an_event_stream_without_endpoint_event() {
    for (path, found) in [("/mcp", 1), ("/sse", 1), ("/news", 0)] {
        let mut story = Story::new();
        let stream = story.connect(A, SERVER);
        story.c(stream, get(path, &[]));
        story.s(stream, sse(&[]));
        story.at(10.0).s(stream, chunk(": ping\n\n"));
        story.at(20.0).rst(stream, Client);
        story.run().finds("mcp.no_endpoint", found);
    }
    // A server without ids has a stream for what it has to say.
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.c(conn, post("/mcp", &[], &initialize(0, "2025-06-18")));
    story.s(conn, ok(&initialized(0, "2025-06-18")));
    let stream = story.connect(B, SERVER);
    story.c(stream, get("/mcp", &[]));
    story.s(stream, sse(&[]));
    story.at(20.0).rst(stream, Client);
    story.run().finds("mcp.no_endpoint", 0);
}

/// A proxy serves the stream under a prefix that the endpoint event lacks.
#[test]
fn an_endpoint_that_is_not_found() {
    let mut story = Story::new();
    let stream = story.connect(A, SERVER);
    story.c(stream, get("/tools/sse", &[]));
    story.s(stream, sse(&[]));
    story.s(stream, chunk(&format!("event: endpoint\ndata: {TARGET}\n\n")));
    let posts = story.connect(B, SERVER);
    story.at(10.0).c(posts, send(TARGET, &initialize(0, "2024-11-05")));
    story.at(11.0).s(posts, reply("404 Not Found", &[], "<html>"));
    let rows = story.run();
    rows.finds("mcp.endpoint_not_found", 1);
    has(rows.found("mcp.endpoint_not_found")[0], json!({"session": "s1"}));
    let detail = rows.found("mcp.endpoint_not_found")[0]["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("/tools/"), "{detail}");
    rows.finds("mcp.session_refused", 0);
}

/// A session for each call is one line.
#[test]
fn a_session_for_each_call() {
    let run = |calls_each: u32| {
        let mut story = Story::new();
        for n in 0..12_u32 {
            let id = format!("{n:08x}-1c7e-4f2a-9d36-0b1e2f3a4c5d");
            let conn = streamable(&mut story, &format!("10.0.0.1:{}", 5000 + n), "2025-06-18", &id);
            for call in 0..calls_each {
                let body = with(call + 1, "tools/call", json!({"name": "x"}));
                story.c(conn, post("/mcp", &[("Mcp-Session-Id", &id)], &body));
                story.s(conn, ok(&result(call + 1)));
            }
        }
        story.run()
    };
    run(1).finds("mcp.session_per_call", 1);
    run(2).finds("mcp.session_per_call", 0);
    run(0).finds("mcp.session_per_call", 0);
}

/// A client opens a stream to see whether it can, and another one that it uses.
#[test]
fn a_stream_that_is_opened_to_try() {
    let mut story = Story::new();
    let (probe, _) = legacy(&mut story, [A, B], SERVER, "/messages?sessionId=one");
    let (stream, posts) =
        legacy(story.at(10.0), ["10.0.0.1:5002", "10.0.0.1:5003"], SERVER, "/messages?sessionId=two");
    story.c(posts, send("/messages?sessionId=two", &initialize(0, "2024-11-05")));
    story.s(posts, accepted());
    story.s(stream, event(&initialized(0, "2024-11-05")));
    story.at(20.0).rst(probe, Client);
    story.rst(stream, Client);
    let rows = story.run();
    rows.counts("session", 1);
    rows.counts("stream", 2);
    for row in rows.of_type("stream") {
        has(row, json!({"session_id": "two", "ended": "client_reset"}));
    }
    // Two clients that use theirs have two.
    let mut story = Story::new();
    for (n, id) in ["one", "two"].into_iter().enumerate() {
        let target = format!("/messages?sessionId={id}");
        let clients = [format!("10.0.0.1:{}", 5000 + n), format!("10.0.0.1:{}", 6000 + n)];
        let (stream, posts) = legacy(&mut story, [&clients[0], &clients[1]], SERVER, &target);
        story.c(posts, send(&target, &initialize(0, "2024-11-05")));
        story.s(posts, accepted());
        story.s(stream, event(&initialized(0, "2024-11-05")));
        story.rst(stream, Client);
    }
    story.run().counts("session", 2);
}

/// A client opens a stream to see whether the server speaks HTTP+SSE, closes it, and opens the one
/// that it uses: one session. What another program uses at another path is its own.
#[test]
fn a_stream_that_was_opened_to_try_is_no_session() {
    for (is_closed_first, path, sessions) in [(true, "/sse", 1), (false, "/sse", 1), (true, "/other/sse", 2)]
    {
        let mut story = Story::new();
        let trial = story.connect("10.0.0.1:4000", SERVER);
        story.c(trial, get("/sse", &[]));
        story.s(trial, sse(&[]) + &chunk("event: endpoint\ndata: /messages?sessionId=trial\n\n"));
        if is_closed_first {
            story.at(5.0).close(trial, Client);
        }
        let stream = story.at(1000.0).connect("10.0.0.1:5000", SERVER);
        story.c(stream, get(path, &[]));
        story.s(stream, sse(&[]) + &chunk(&format!("event: endpoint\ndata: {TARGET}\n\n")));
        if !is_closed_first {
            story.at(1005.0).close(trial, Client);
        }
        let posts = story.connect("10.0.0.1:5001", SERVER);
        story.at(1010.0).c(posts, send(TARGET, &initialize(0, "2024-11-05")));
        story.s(posts, accepted());
        story.s(stream, event(&initialized(0, "2024-11-05")));
        let rows = story.run();
        rows.counts("session", sessions);
        rows.counts("stream", 2);
        let used = if sessions == 1 { rows.of_type("session")[0] } else { rows.session("s2") };
        has(used, json!({"session_id": "abc", "exchanges": 1, "ended": "open", "transport": "http+sse"}));
        rows.finds("mcp.no_initialize", 0);
    }
}
