//! One session at several addresses, and several servers at one address.

use serde_json::json;

use super::http::*;
use super::story::*;

const A: &str = "10.0.0.1:5000";
const B: &str = "10.0.0.1:5001";
const REPLICA: &str = "10.0.0.3:3000";
const ID: &str = "7f4d5d49-1c7e-4f2a-9d36-0b1e2f3a4c5d";

/// An HTTP+SSE target with an id of uuid strength.
fn target() -> String {
    format!("/messages?sessionId={ID}")
}

/// A replica that shares the sessions goes on with one that another began.
#[test]
fn replicas_that_share_a_session() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", ID);
    story.at(10.0).c(conn, post("/mcp", &[("Mcp-Session-Id", ID)], &request(1, "tools/list")));
    story.at(12.0).s(conn, ok(&result(1)));
    let other = story.at(20.0).connect(B, REPLICA);
    story.c(other, post("/mcp", &[("Mcp-Session-Id", ID)], &request(2, "tools/list")));
    story.at(25.0).s(other, ok(&result(2)));
    let rows = story.run();
    rows.counts("session", 1);
    rows.session_is("s1", json!({"exchanges": 3, "server": SERVER, "addresses": [SERVER, REPLICA]}));
    rows.exchange_is(2, json!({"session": "s1", "server": SERVER, "status": "ok"}));
    rows.exchange_is(3, json!({"session": "s1", "server": REPLICA, "status": "ok", "total_ms": 5.0}));
    rows.counts("finding", 0);
}

/// A replica that does not know it refuses it: both are named.
#[test]
fn a_replica_that_does_not_know_the_session() {
    let mut story = Story::new();
    streamable(&mut story, A, "2025-06-18", ID);
    let other = story.at(20.0).connect(B, REPLICA);
    story.c(other, post("/mcp", &[("Mcp-Session-Id", ID)], &request(1, "tools/list")));
    story.at(25.0).s(other, reply("404 Not Found", &[], "session not found"));
    let rows = story.run();
    rows.counts("session", 1);
    rows.exchange_is(2, json!({"session": "s1", "status": "http_error"}));
    let found = rows.found("mcp.session_refused");
    assert_eq!(found.len(), 1, "{}", rows.text);
    has(found[0], json!({"session": "s1", "exchange": 2}));
    let detail = found[0]["detail"].as_str().unwrap();
    assert!(detail.contains(SERVER) && detail.contains(REPLICA), "{detail}");
}

/// An id that counts says nothing at another address.
#[test]
fn weak_ids_at_two_addresses() {
    let mut story = Story::new();
    streamable(&mut story, A, "2025-06-18", "session-1");
    let other = story.at(20.0).connect(B, REPLICA);
    story.c(other, post("/mcp", &[("Mcp-Session-Id", "session-1")], &request(1, "tools/list")));
    story.at(25.0).s(other, ok(&result(1)));
    let rows = story.run();
    rows.counts("session", 2);
    rows.session_is("s1", json!({"addresses": [SERVER]}));
    rows.session_is("s2", json!({"addresses": [REPLICA], "exchanges": 1}));
}

/// A balancer in front of two replicas: the leg in front is one view, both replicas are the other.
#[test]
fn a_balancer_and_its_replicas() {
    let balancer = "10.0.0.9:80";
    let mut story = Story::new();
    let front = story.connect(A, balancer);
    let backs = [SERVER, REPLICA].map(|server| story.connect("10.0.0.9:6000", server));
    for n in 0..4_usize {
        let at = f64::from(u32::try_from(n).unwrap()) * 10.0 + 10.0;
        let (body, answer) = match n {
            0 => (
                post("/mcp", &[], &initialize(0, "2025-06-18")),
                json_reply("200 OK", &[("Mcp-Session-Id", ID)], &initialized(0, "2025-06-18")),
            ),
            n => (post("/mcp", &[("Mcp-Session-Id", ID)], &request(n, "tools/list")), ok(&result(n))),
        };
        let back = backs[n % 2];
        story.at(at).c(front, &body);
        story.at(at + 1.0).c(back, &body);
        story.at(at + 2.0).s(back, &answer);
        story.at(at + 3.0).s(front, &answer);
    }
    let rows = story.run();
    rows.counts("session", 2);
    rows.counts("exchange", 8);
    let sessions = rows.of_type("session");
    has(sessions[0], json!({"addresses": [balancer], "exchanges": 4}));
    has(sessions[1], json!({"addresses": [SERVER, REPLICA], "exchanges": 4}));
    for row in rows.of_type("exchange") {
        let total = if row["server"] == balancer { 3.0 } else { 1.0 };
        has(row, json!({"status": "ok", "total_ms": total}));
    }
}

/// The endpoint event names another host, to which the client sends.
#[test]
fn an_endpoint_at_another_address() {
    let mut story = Story::new();
    let stream = story.connect(A, SERVER);
    story.c(stream, get("/sse", &[]));
    story.s(stream, sse(&[]));
    story.s(stream, chunk(&format!("event: endpoint\ndata: http://10.0.0.3:3000{}\n\n", target())));
    let posts = story.connect(B, REPLICA);
    story.at(10.0).c(posts, send(&target(), &initialize(0, "2024-11-05")));
    story.s(posts, accepted());
    story.at(12.0).s(stream, event(&initialized(0, "2024-11-05")));
    let rows = story.run();
    rows.counts("session", 1);
    rows.session_is("s1", json!({"addresses": [SERVER, REPLICA], "path": "/sse"}));
    rows.exchange_is(1, json!({"status": "ok", "total_ms": 2.0, "degraded": []}));
    rows.finds("mcp.endpoint_origin", 1);
    rows.finds("mcp.unknown_response", 0);
}

/// An endpoint without authority, or with that of the stream, is no finding.
#[test]
fn an_endpoint_of_the_same_origin() {
    for authority in ["", "http://example", "http://example:80"] {
        let mut story = Story::new();
        legacy(&mut story, [A, B], SERVER, &format!("{authority}{}", target()));
        story.run().finds("mcp.endpoint_origin", 0);
    }
}

/// A proxy of HTTP+SSE stays two views, each with its own requests and responses.
#[test]
fn legs_of_http_sse_with_a_strong_id() {
    let mut story = Story::new();
    let legs = [(["10.0.0.1:5000", "10.0.0.1:5001"], SERVER), (["10.9.0.1:6000", "10.9.0.1:6001"], REPLICA)]
        .map(|(clients, server)| legacy(&mut story, clients, server, &target()));
    for id in 0..3 {
        let (body, answer) = match id {
            0 => (initialize(0, "2024-11-05"), initialized(0, "2024-11-05")),
            id => (request(id, "tools/list"), result(id)),
        };
        let now = f64::from(id) * 10.0 + 10.0;
        for (at, (_, posts)) in [now, now + 0.25].into_iter().zip(legs) {
            story.at(at).c(posts, send(&target(), &body));
        }
        for (at, (_, posts)) in [now + 0.5, now + 0.75].into_iter().zip([legs[1], legs[0]]) {
            story.at(at).s(posts, accepted());
        }
        for (at, (stream, _)) in [now + 1.0, now + 1.25].into_iter().zip([legs[1], legs[0]]) {
            story.at(at).s(stream, event(&answer));
        }
    }
    let rows = story.run();
    rows.counts("session", 2);
    rows.counts("exchange", 6);
    for row in rows.of_type("exchange") {
        let total = if row["server"] == SERVER { 1.25 } else { 0.75 };
        has(row, json!({"status": "ok", "total_ms": total}));
    }
}

/// Gateways route by path: without ids, two paths are two servers.
#[test]
fn two_servers_on_one_port() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    for (n, path) in [(0, "/servers/a/mcp"), (1, "/servers/b/mcp"), (2, "/servers/a/mcp/")] {
        let at = f64::from(n) * 10.0 + 10.0;
        let body = if n < 2 { initialize(0, "2025-06-18") } else { request(1, "tools/list") };
        let answer = if n < 2 { initialized(0, "2025-06-18") } else { result(1) };
        story.at(at).c(conn, post(path, &[], &body));
        story.at(at + 1.0).s(conn, ok(&answer));
    }
    let rows = story.run();
    rows.counts("session", 2);
    rows.session_is("s1", json!({"path": "/servers/a/mcp", "exchanges": 2}));
    rows.session_is("s2", json!({"path": "/servers/b/mcp", "exchanges": 1}));
}
