//! Section 4: which session.

use serde_json::{Value, json};

use super::http::*;
use super::story::*;

const A: &str = "10.0.0.1:5000";
const B: &str = "10.0.0.1:5001";

/// The session of one request over HTTP+SSE whose endpoint event says `endpoint`, POSTed to
/// `target`.
fn one_call(endpoint: &str, target: &str) -> Rows {
    let mut story = Story::new();
    let (stream, posts) = legacy(&mut story, [A, B], SERVER, endpoint);
    story.at(10.0).c(posts, send(target, &initialize(0, "2024-11-05")));
    story.s(posts, accepted());
    story.at(12.0).s(stream, event(&initialized(0, "2024-11-05")));
    story.run()
}

#[test]
fn ids_in_every_spelling() {
    for (endpoint, id) in [
        ("/messages?sessionId=abc", "abc"),
        ("/messages/?session_id=0123456789abcdef", "0123456789abcdef"),
        ("/messages?x=1&Session-ID=abc", "abc"),
        ("/messages?SESSIONID=abc", "abc"),
        ("/messages?token=first&other=second", "first"),
        ("/session/abc/", "abc"),
        ("/session/abc", "abc"),
        ("/messages?sessionId=a%2Fb%20c", "a/b c"),
        ("/session/a%2Db", "a-b"),
    ] {
        let rows = one_call(endpoint, endpoint);
        rows.session_is("s1", json!({"session_id": id, "transport": "http+sse", "exchanges": 1}));
        rows.exchange_is(1, json!({"session_id": id, "status": "ok", "total_ms": 2.0}));
        rows.counts("session", 1);
    }
}

/// Its authority is ignored, of the event's URL and of the POST's target alike.
#[test]
fn absolute_endpoints() {
    for (endpoint, target) in [
        ("http://other.example:80/m?sessionId=abc", "/m?sessionId=abc"),
        ("https://example/m?sessionId=abc", "http://10.0.0.2:3000/m?sessionId=abc"),
        ("m?sessionId=abc", "/m?sessionId=abc"),
        ("?sessionId=abc", "/sse?sessionId=abc"),
        ("//other.example/m?sessionId=abc", "/m?sessionId=abc"),
    ] {
        let rows = one_call(endpoint, target);
        rows.counts("session", 1);
        rows.exchange_is(1, json!({"session_id": "abc", "status": "ok", "total_ms": 2.0}));
    }
}

#[test]
fn one_target_on_two_servers() {
    let mut story = Story::new();
    let other = "10.0.0.2:3001";
    let (s1, p1) = legacy(&mut story, [A, B], SERVER, TARGET);
    let (s2, p2) = legacy(&mut story, ["10.0.0.1:5002", "10.0.0.1:5003"], other, TARGET);
    for (posts, method) in [(p1, "tools/list"), (p2, "prompts/list")] {
        story.at(10.0).c(posts, send(TARGET, &request(1, method)));
        story.s(posts, accepted());
    }
    // Answered the other way round.
    story.at(20.0).s(s2, event(&result(1)));
    story.at(30.0).s(s1, event(&result(1)));
    let rows = story.run();
    rows.counts("session", 2);
    rows.exchange_is(1, json!({"session": "s1", "method": "tools/list", "total_ms": 20.0}));
    rows.exchange_is(2, json!({"session": "s2", "method": "prompts/list", "total_ms": 10.0}));
    rows.session_is("s1", json!({"server": SERVER, "client": A}));
    rows.session_is("s2", json!({"server": other, "client": "10.0.0.1:5002"}));
}

#[test]
fn one_connection_carries_posts_of_two_sessions() {
    let mut story = Story::new();
    let (t1, t2) = ("/m?sessionId=one", "/m?sessionId=two");
    let (s1, posts) = legacy(&mut story, [A, B], SERVER, t1);
    let (s2, _) = legacy(&mut story, ["10.0.0.1:5002", "10.0.0.1:5003"], SERVER, t2);
    for target in [t1, t2] {
        story.at(10.0).c(posts, send(target, &request(1, "tools/list")));
        story.s(posts, accepted());
    }
    story.at(20.0).s(s2, event(&result(1)));
    story.at(30.0).s(s1, event(&error(1, -1, "x")));
    let rows = story.run();
    rows.exchange_is(1, json!({"session_id": "one", "status": "error", "total_ms": 20.0, "tcp_stream": 1}));
    rows.exchange_is(2, json!({"session_id": "two", "status": "ok", "total_ms": 10.0, "tcp_stream": 1}));
    rows.session_is("s2", json!({"client": "10.0.0.1:5002"}));
}

/// The id comes with the response: the request belongs to it too. The header's name is in any case.
#[test]
fn streamable_session() {
    for name in ["Mcp-Session-Id", "mcp-session-id", "MCP-SESSION-ID", "MCP-Session-Id"] {
        let mut story = Story::new();
        let conn = story.connect(A, SERVER);
        story.c(conn, post("/mcp", &[], &initialize(0, "2025-11-25")));
        story.s(conn, json_reply("200 OK", &[(name, "Xy")], &initialized(0, "2025-06-18")));
        let other = story.connect(B, SERVER);
        story.c(other, post("/mcp", &[(name, "Xy")], &request(1, "tools/list")));
        story.s(other, ok(&result(1)));
        let rows = story.run();
        rows.counts("session", 1);
        rows.session_is(
            "s1",
            json!({"session_id": "Xy", "transport": "streamable-http", "protocol_version": "2025-06-18",
            "client": A, "server": SERVER, "exchanges": 2, "ended": "open"}),
        );
        rows.exchange_is(1, json!({"session_id": "Xy", "protocol_version": "2025-06-18"}));
        rows.exchange_is(2, json!({"session_id": "Xy", "protocol_version": "2025-06-18", "tcp_stream": 1}));
    }
}

/// Two clients of one address initialize at once with the same id on one server: two sessions.
#[test]
fn two_initialize_at_once() {
    let mut story = Story::new();
    let conns = [A, B].map(|client| story.connect(client, SERVER));
    for conn in conns {
        story.at(10.0).c(conn, post("/mcp", &[], &initialize(0, "2025-06-18")));
    }
    for (conn, sid) in [(conns[1], "two"), (conns[0], "one")] {
        story
            .at(20.0)
            .s(conn, json_reply("200 OK", &[("Mcp-Session-Id", sid)], &initialized(0, "2025-06-18")));
    }
    let rows = story.run();
    rows.counts("session", 2);
    rows.exchange_is(1, json!({"session_id": "one", "status": "ok"}));
    rows.exchange_is(2, json!({"session_id": "two", "status": "ok"}));
    // In the order of their first packet, whatever they are called.
    rows.row_is("session", 0, json!({"session_id": "one", "client": A}));
    rows.row_is("session", 1, json!({"session_id": "two", "client": B}));
}

/// Without an id: by client address without its port, and server. Ids collide, each is answered on
/// its own POST.
#[test]
fn stateless_servers() {
    let mut story = Story::new();
    let conns = [A, B, "10.0.0.9:5000"].map(|client| story.connect(client, SERVER));
    for conn in conns {
        story.at(10.0).c(conn, post("/mcp", &[], &initialize(0, "2025-06-18")));
        story.at(11.0).s(conn, ok(&initialized(0, "2025-06-18")));
    }
    for conn in conns {
        story.at(20.0).c(conn, post("/mcp", &[], &request(1, "tools/list")));
    }
    story.at(31.0).s(conns[1], ok(&error(1, -5, "b")));
    story.at(32.0).s(conns[2], ok(&result(1)));
    story.at(33.0).s(conns[0], ok(&result(1)));
    let rows = story.run();
    rows.counts("session", 2);
    rows.session_is("s1", json!({"session_id": null, "client": A, "exchanges": 4}));
    rows.session_is("s2", json!({"session_id": null, "client": "10.0.0.9:5000", "exchanges": 2}));
    rows.exchange_is(4, json!({"session": "s1", "status": "ok", "total_ms": 13.0}));
    rows.exchange_is(5, json!({"session": "s1", "status": "error", "total_ms": 11.0}));
    rows.exchange_is(6, json!({"session": "s2", "status": "ok", "total_ms": 12.0}));
    // Normal, says the design.
    rows.finds("mcp.id_reused", 0);
    rows.finds("mcp.unknown_response", 0);
}

/// POSTs with one target are one session also where the endpoint event was not captured; the stream
/// is adopted.
#[test]
fn headless_stream_of_one_session() {
    let mut story = Story::new();
    let stream = story.midstream(A, SERVER);
    let posts = story.midstream(B, SERVER);
    story.s(stream, event(&notification("notifications/message", json!({}))));
    story.at(10.0).c(posts, send(TARGET, &request(7, "tools/list")));
    story.s(posts, accepted());
    story.at(12.0).s(stream, event(&result(7)));
    let rows = story.run();
    rows.counts("session", 1);
    rows.exchange_is(
        1,
        json!({"session_id": "abc", "transport": "http+sse", "protocol_version": null, "status": "ok",
        "total_ms": 2.0, "ack_ms": 0.0}),
    );
    rows.finds("mcp.unknown_stream", 0);
    rows.finds("mcp.unknown_response", 0);
}

/// Two sessions could own the stream: it stays unattributed.
#[test]
fn headless_stream_of_two_sessions() {
    let mut story = Story::new();
    let stream = story.midstream(A, SERVER);
    let posts = story.midstream(B, SERVER);
    for target in ["/m?sessionId=one", "/m?sessionId=two"] {
        story.at(10.0).c(posts, send(target, &request(7, "tools/list")));
        story.s(posts, accepted());
    }
    story.at(12.0).s(stream, event(&result(7)));
    let rows = story.run();
    for n in [1, 2] {
        rows.exchange_is(n, json!({"status": "undetermined", "cause": null}));
        assert!(rows.exchange(n)["degraded"].as_array().unwrap().contains(&json!("capture_end")));
    }
    rows.finds("mcp.unanswered", 0);
    rows.finds("mcp.unknown_response", 0);
    rows.row_is("stream", 0, json!({"degraded": ["midstream"]}));
    rows.finds("mcp.unknown_stream", 1);
}

/// By elimination: the other session has its stream.
#[test]
fn headless_stream_by_elimination() {
    let mut story = Story::new();
    let stream = story.midstream(A, SERVER);
    let (known, posts) = legacy(&mut story, ["10.0.0.1:5002", B], SERVER, "/m?sessionId=one");
    for target in ["/m?sessionId=one", "/m?sessionId=two"] {
        story.at(10.0).c(posts, send(target, &request(7, "tools/list")));
        story.s(posts, accepted());
    }
    story.at(12.0).s(stream, event(&result(7)));
    story.at(15.0).s(known, event(&result(7)));
    let rows = story.run();
    rows.exchange_is(1, json!({"session_id": "one", "status": "ok", "total_ms": 5.0}));
    rows.exchange_is(2, json!({"session_id": "two", "status": "ok", "total_ms": 2.0}));
}

/// A session of another client address does not adopt it.
#[test]
fn headless_stream_of_another_client() {
    let mut story = Story::new();
    let stream = story.midstream("10.0.0.9:5000", SERVER);
    let posts = story.midstream(B, SERVER);
    story.at(10.0).c(posts, send(TARGET, &request(7, "tools/list")));
    story.s(posts, accepted());
    story.at(12.0).s(stream, event(&result(7)));
    let rows = story.run();
    rows.exchange_is(1, json!({"status": "undetermined"}));
}

#[test]
fn how_a_session_ended() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "gone");
    let other = streamable(&mut story, B, "2025-06-18", "kept");
    story.c(conn, delete("/mcp", &[("Mcp-Session-Id", "gone")]));
    story.s(conn, reply("200 OK", &[], ""));
    // No fault, and no end: the server does not let clients delete.
    story.c(other, delete("/mcp", &[("Mcp-Session-Id", "kept")]));
    story.s(other, reply("405 Method Not Allowed", &[], ""));
    story.c(other, get("/mcp", &[("Mcp-Session-Id", "kept")]));
    story.s(other, reply("405 Method Not Allowed", &[], ""));
    let (stream, _) = legacy(&mut story, ["10.0.0.1:5003", "10.0.0.1:5004"], SERVER, TARGET);
    story.close(stream, Server);
    story.close(other, Client);
    let rows = story.run();
    rows.session_is("s1", json!({"session_id": "gone", "ended": "deleted"}));
    rows.session_is("s2", json!({"session_id": "kept", "ended": "open"}));
    rows.session_is("s3", json!({"session_id": "abc", "ended": "stream_closed", "exchanges": 0}));
    // The server ends a stream without its last chunk: that is told, and nothing else.
    rows.counts("finding", 2);
    rows.finds("mcp.delete_refused", 1);
    rows.finds("http.body_cut", 1);
    let order: Vec<&Value> = rows.of_type("session").iter().map(|row| &row["session"]).collect();
    assert_eq!(order, ["s1", "s2", "s3"]);
}

/// Null before it is known; that of the result afterwards; a newer revision over the old transport.
#[test]
fn protocol_versions() {
    let mut story = Story::new();
    let (stream, posts) = legacy(&mut story, [A, B], SERVER, TARGET);
    story.at(1.0).c(posts, send(TARGET, &request(0, "ping")));
    story.s(posts, accepted());
    story.at(2.0).s(stream, event(&result(0)));
    story.at(3.0).c(posts, send(TARGET, &initialize(1, "2025-11-25")));
    story.s(posts, accepted());
    story.at(4.0).s(stream, event(&initialized(1, "2025-06-18")));
    story.at(5.0).c(posts, send(TARGET, &request(2, "tools/list")));
    story.s(posts, accepted());
    story.at(6.0).s(stream, event(&result(2)));
    let rows = story.run();
    rows.exchange_is(1, json!({"method": "ping", "protocol_version": null}));
    rows.exchange_is(2, json!({"method": "initialize", "protocol_version": "2025-06-18"}));
    rows.exchange_is(3, json!({"protocol_version": "2025-06-18", "transport": "http+sse"}));
    rows.session_is("s1", json!({"protocol_version": "2025-06-18"}));
}

/// The negotiation was not captured: the header says what was negotiated.
#[test]
fn revision_of_the_header_alone() {
    let mut story = Story::new();
    let conn = story.midstream(A, SERVER);
    let fields = [("Mcp-Session-Id", "x"), ("mcp-protocol-version", "2025-06-18")];
    story.c(conn, post("/mcp", &fields, &request(5, "tools/list")));
    story.s(conn, ok(&result(5)));
    let rows = story.run();
    rows.exchange_is(1, json!({"protocol_version": "2025-06-18", "session_id": "x", "status": "ok"}));
    rows.session_is("s1", json!({"protocol_version": "2025-06-18"}));
}

/// Both legs of a proxy: two sessions, and a finding.
#[test]
fn seen_twice() {
    let mut story = Story::new();
    let legs = [("10.0.0.1:5000", SERVER), ("10.9.0.1:6000", "10.9.0.2:3000")]
        .map(|(client, server)| story.connect(client, server));
    let posts = [
        post("/mcp", &[], &initialize(0, "2025-06-18")),
        post("/mcp", &[("Mcp-Session-Id", "x")], &request(1, "tools/list")),
        post("/mcp", &[("Mcp-Session-Id", "x")], &request(2, "tools/list")),
        post("/mcp", &[("Mcp-Session-Id", "x")], &request(3, "tools/list")),
    ];
    let mut now = 10.0;
    for (i, body) in posts.iter().enumerate() {
        let answer = if i == 0 {
            json_reply("200 OK", &[("Mcp-Session-Id", "x")], &initialized(0, "2025-06-18"))
        } else {
            ok(&result(i))
        };
        story.at(now).c(legs[0], body);
        story.at(now + 0.25).c(legs[1], body);
        story.at(now + 1.0).s(legs[1], &answer);
        story.at(now + 1.25).s(legs[0], &answer);
        now += 10.0;
    }
    let rows = story.run();
    rows.counts("session", 2);
    rows.counts("exchange", 8);
    rows.finds("mcp.seen_twice", 1);
    rows.exchange_is(1, json!({"server": SERVER, "total_ms": 1.25}));
    rows.exchange_is(2, json!({"server": "10.9.0.2:3000", "total_ms": 0.75}));
}

/// A port that is used again is another connection, as Wireshark counts.
#[test]
fn a_port_used_again() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(10.0).close(conn, Client);
    let other = story.at(100.0).connect(B, SERVER);
    let again = story.at(200.0).connect(A, SERVER);
    for (conn, id) in [(other, 1), (again, 2)] {
        story.at(300.0).c(conn, post("/mcp", &[("Mcp-Session-Id", "x")], &request(id, "tools/list")));
        story.at(302.0).s(conn, ok(&result(id)));
    }
    let rows = story.run();
    rows.exchange_is(1, json!({"tcp_stream": 0}));
    rows.exchange_is(2, json!({"tcp_stream": 1, "status": "ok"}));
    rows.exchange_is(3, json!({"tcp_stream": 2, "status": "ok"}));
    rows.session_is("s1", json!({"client": A, "exchanges": 3}));
}

/// Both legs of a proxy without session ids in the headers.
#[test]
fn seen_twice_over_http_sse() {
    let mut story = Story::new();
    let legs =
        [(["10.0.0.1:5000", "10.0.0.1:5001"], SERVER), (["10.9.0.1:6000", "10.9.0.1:6001"], "10.9.0.2:3000")]
            .map(|(clients, server)| legacy(&mut story, clients, server, TARGET));
    for id in 0..3 {
        let (body, answer) = if id == 0 {
            (initialize(0, "2024-11-05"), initialized(0, "2024-11-05"))
        } else {
            (request(id, "tools/list"), result(id))
        };
        let now = f64::from(id) * 10.0 + 10.0;
        for (at, (_, posts)) in [now, now + 0.25].into_iter().zip(legs) {
            story.at(at).c(posts, send(TARGET, &body));
            story.at(at).s(posts, accepted());
        }
        for (at, (stream, _)) in [now + 1.0, now + 1.25].into_iter().zip([legs[1], legs[0]]) {
            story.at(at).s(stream, event(&answer));
        }
    }
    let rows = story.run();
    rows.counts("session", 2);
    rows.counts("exchange", 6);
    rows.finds("mcp.seen_twice", 1);
}

/// A stateless server: no id relates the two legs.
#[test]
fn the_legs_of_a_stateless_proxy_are_two_sessions() {
    let mut story = Story::new();
    let legs = [("10.0.0.1:5000", SERVER), ("10.9.0.1:6000", "10.9.0.2:3000")]
        .map(|(client, server)| story.connect(client, server));
    for leg in legs {
        story.at(10.0).c(leg, post("/mcp", &[], &initialize(0, "2025-06-18")));
        story.at(11.0).s(leg, ok(&initialized(0, "2025-06-18")));
    }
    let rows = story.run();
    rows.counts("session", 2);
}

/// One client, two HTTP+SSE sessions one after the other on one server; POSTs over one connection.
#[test]
fn one_session_after_the_other() {
    let mut story = Story::new();
    let (first, posts) = legacy(&mut story, [A, B], SERVER, "/m?sessionId=one");
    story.at(10.0).c(posts, send("/m?sessionId=one", &request(1, "tools/list")));
    story.s(posts, accepted());
    story.at(11.0).close(first, Client);
    let (second, _) = legacy(&mut story, ["10.0.0.1:5002", "10.0.0.1:5003"], SERVER, "/m?sessionId=two");
    story.at(20.0).c(posts, send("/m?sessionId=two", &request(1, "tools/list")));
    story.s(posts, accepted());
    story.at(21.0).s(second, event(&result(1)));
    let rows = story.run();
    rows.exchange_is(
        1,
        json!({"session_id": "one", "status": "unanswered", "cause": "client_closed", "degraded": []}),
    );
    rows.exchange_is(2, json!({"session_id": "two", "status": "ok", "total_ms": 1.0}));
    rows.session_is("s1", json!({"ended": "stream_closed"}));
    rows.session_is("s2", json!({"ended": "open"}));
}
