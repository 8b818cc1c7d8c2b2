//! Kinds that other servers, clients and proxies showed, each in both transports.

use serde_json::json;

use super::http::*;
use super::ready::*;
use super::story::*;

const BEHIND: &str = "10.9.0.2:3000";
const ID: &str = "5f0c1d2e-7a41-4c8b-9d36-0b1e2f3a4c5d";

/// Gateways route by path: two servers on one port, without ids.
#[test]
fn two_servers_of_http_sse_on_one_port() {
    let mut story = Story::new();
    for (n, name) in [(0_u32, "a"), (1, "b")] {
        let endpoint = format!("/servers/{name}/messages");
        let stream = story.connect(&format!("10.0.0.1:{}", 5000 + n), SERVER);
        story.c(stream, get(&format!("/servers/{name}/sse"), &[]));
        story.s(stream, sse(&[]) + &chunk(&format!("event: endpoint\ndata: {endpoint}\n\n")));
        let posts = story.connect(&format!("10.0.0.1:{}", 6000 + n), SERVER);
        for (id, asked, told) in [
            (0, initialize(0, "2024-11-05"), initialized(0, "2024-11-05")),
            (1, request(1, "tools/list"), result(1)),
        ] {
            let at = 10.0 * f64::from(id) + f64::from(n) + 10.0;
            story.at(at).c(posts, send(&endpoint, &asked));
            story.s(posts, accepted());
            story.at(at + 0.5).s(stream, event(&told));
        }
    }
    let rows = story.run();
    rows.counts("session", 2);
    rows.session_is("s1", json!({"path": "/servers/a/sse", "exchanges": 2}));
    rows.session_is("s2", json!({"path": "/servers/b/sse", "exchanges": 2}));
    for row in rows.of_type("exchange") {
        has(row, json!({"status": "ok", "total_ms": 0.5}));
    }
}

/// An acknowledgement and an answer that ignores the cancellation are told apart, with the time
/// that went by.
#[test]
fn a_cancelled_call_is_answered_all_the_same() {
    for (answer, code) in
        [(error(1, 0, "Request cancelled"), "mcp.cancel_acknowledged"), (result(1), "mcp.late_response")]
    {
        for mut ready in Ready::each() {
            ready.ask(&request(1, "tools/call"));
            ready.begin();
            let p = ready.at(20.0).notify(&cancel(1));
            ready.at(250.0).tell(&answer);
            ready.end();
            let rows = ready.rows();
            rows.exchange_is(
                2,
                json!({"status": "cancelled", "cause": "cancelled", "waited_ms": 10.0, "waited_packet": p,
                "findings": [code]}),
            );
            let detail = rows.found(code)[0]["detail"].as_str().unwrap();
            assert!(detail.contains("230 ms"), "{detail}");
            rows.says(&[]);
        }
    }
}

/// A client that goes away without a cancellation is no error of the server.
#[test]
fn a_client_that_gives_up() {
    for is_reset in [false, true] {
        for mut ready in Ready::each() {
            ready.ask(&request(1, "tools/call"));
            ready.begin();
            ready.at(60_010.0);
            if is_reset {
                let conn = ready.answers_on();
                ready.story.rst(conn, Client);
            } else {
                ready.close_answers(Client);
            }
            let rows = ready.story.run();
            let cause = if is_reset { "client_reset" } else { "client_closed" };
            rows.exchange_is(2, json!({"status": "unanswered", "cause": cause, "waited_ms": 60_000.0}));
            rows.says(&["mcp.abandoned"]);
            has(rows.found("mcp.abandoned")[0], json!({"exchange": 2, "severity": "notice"}));
        }
    }
}

/// A quirk is told once, with its count and its first packets.
#[test]
fn a_quirk_of_a_server_is_told_once() {
    for mut ready in Ready::each() {
        for id in 1..=30 {
            ready.at(f64::from(id) * 10.0).ask(&request(id, "tools/list"));
            ready.begin();
            ready.tell(&result(id));
            ready.tell(&result(id));
            ready.end();
        }
        let rows = ready.rows();
        rows.says(&["mcp.duplicate_response"]);
        let detail = rows.found("mcp.duplicate_response")[0]["detail"].as_str().unwrap();
        assert!(detail.starts_with("30 times, first in packets "), "{detail}");
    }
}

/// A session for each call, over HTTP+SSE.
#[test]
fn a_session_for_each_call_of_http_sse() {
    let mut story = Story::new();
    for n in 0..12_u32 {
        let target = format!("/messages?sessionId={n:08x}-1c7e-4f2a-9d36-0b1e2f3a4c5d");
        let clients = [format!("10.0.0.1:{}", 5000 + n), format!("10.0.0.1:{}", 6000 + n)];
        let (stream, posts) = legacy(&mut story, [&clients[0], &clients[1]], SERVER, &target);
        for (asked, told) in [
            (initialize(0, "2024-11-05"), initialized(0, "2024-11-05")),
            (with(1, "tools/call", json!({"name": "x"})), result(1)),
        ] {
            story.c(posts, send(&target, &asked));
            story.s(posts, accepted());
            story.s(stream, event(&told));
        }
        story.close(stream, Client);
        story.close(posts, Client);
    }
    story.run().finds("mcp.session_per_call", 1);
}

/// Both legs of a proxy, in one transport.
struct Legs {
    story: Story,
    /// The connections of the POSTs and of what answers, in front and behind.
    front: (Conn, Conn),
    back: (Conn, Conn),
    is_http_sse: bool,
}

impl Legs {
    fn each() -> [Self; 2] {
        [false, true].map(|is_http_sse| {
            let mut story = Story::new();
            let ends =
                [(["10.0.0.1:5000", "10.0.0.1:5001"], SERVER), (["10.9.0.1:6000", "10.9.0.1:6001"], BEHIND)];
            let [front, back] = ends.map(|(clients, server)| {
                if is_http_sse {
                    let (stream, posts) = legacy(&mut story, clients, server, &Self::target());
                    (posts, stream)
                } else {
                    let conn = story.connect(clients[0], server);
                    (conn, conn)
                }
            });
            let mut legs = Self { story, front, back, is_http_sse };
            legs.story.at(1.0);
            legs.ask(legs.front, &initialize(0, "2025-06-18"));
            legs.story.at(1.25);
            legs.ask(legs.back, &initialize(0, "2025-06-18"));
            legs.story.at(2.0);
            legs.answer(legs.back, &initialized(0, "2025-06-18"));
            legs.story.at(2.25);
            legs.answer(legs.front, &initialized(0, "2025-06-18"));
            for (at, leg) in [(3.0, legs.front), (3.25, legs.back)] {
                legs.story.at(at);
                legs.ask(leg, INITIALIZED);
                if !is_http_sse {
                    legs.story.s(leg.0, accepted());
                }
            }
            legs
        })
    }

    fn target() -> String {
        format!("/messages?sessionId={ID}")
    }

    fn ask(&mut self, (posts, _): (Conn, Conn), message: &str) -> u64 {
        if self.is_http_sse {
            let packet = self.story.c(posts, send(&Self::target(), message));
            self.story.s(posts, accepted());
            packet
        } else {
            let named: Fields =
                if message.contains("\"initialize\"") { &[] } else { &[("Mcp-Session-Id", ID)] };
            self.story.c(posts, post("/mcp", named, message))
        }
    }

    fn begin(&mut self) {
        if !self.is_http_sse {
            for (_, answers) in [self.back, self.front] {
                self.story.s(answers, sse(&[]));
            }
        }
    }

    /// A call that is answered, and at 100 ms one that crosses and is not.
    fn leave_open(&mut self) {
        let (front, back) = (self.front, self.back);
        self.call(1, 10.0);
        self.story.at(100.0);
        self.ask(front, &request(2, "tools/call"));
        self.story.at(100.25);
        self.ask(back, &request(2, "tools/call"));
        self.begin();
    }

    fn tell(&mut self, (_, answers): (Conn, Conn), message: &str) -> u64 {
        self.story.s(answers, event(message))
    }

    fn answer(&mut self, (_, answers): (Conn, Conn), message: &str) -> u64 {
        if self.is_http_sse {
            return self.story.s(answers, event(message));
        }
        let named: Fields = if message.contains("serverInfo") { &[("Mcp-Session-Id", ID)] } else { &[] };
        self.story.s(answers, json_reply("200 OK", named, message))
    }

    /// A call on both legs.
    fn call(&mut self, id: i64, at: f64) {
        let (front, back) = (self.front, self.back);
        self.story.at(at);
        self.ask(front, &request(id, "tools/list"));
        self.story.at(at + 0.25);
        self.ask(back, &request(id, "tools/list"));
        self.story.at(at + 1.0);
        self.answer(back, &result(id));
        self.story.at(at + 1.25);
        self.answer(front, &result(id));
    }

    fn rows(&mut self) -> Rows {
        let conn = self.story.at(120_000.0).connect("10.0.0.9:1", SERVER);
        self.story.ack(conn, Client);
        self.story.run()
    }
}

/// The leg in front is named, and each call has the proxy's share.
#[test]
fn a_proxy_in_each_transport() {
    for mut legs in Legs::each() {
        for id in 1..4 {
            legs.call(id, 10.0 * f64::from(i32::try_from(id).unwrap()));
        }
        let rows = legs.rows();
        rows.says(&["mcp.seen_twice"]);
        for n in [3, 5, 7] {
            rows.exchange_is(n, json!({"view": "front", "twin": n + 1, "proxy_ms": 0.5, "status": "ok"}));
            rows.exchange_is(n + 1, json!({"view": "back", "twin": n, "proxy_ms": null}));
        }
    }
}

/// Progress comes one by one from the server, and at once from the proxy.
#[test]
fn a_proxy_that_buffers() {
    for mut legs in Legs::each() {
        let (front, back) = (legs.front, legs.back);
        legs.story.at(10.0);
        legs.ask(front, &call_with_token(1));
        legs.story.at(10.25);
        legs.ask(back, &call_with_token(1));
        legs.begin();
        for n in 1..5 {
            legs.story.at(100.0 * f64::from(n));
            legs.tell(back, &progress(1, f64::from(n), None));
        }
        legs.story.at(500.0);
        legs.tell(back, &result(1));
        for n in 1..5 {
            legs.story.at(501.0 + 0.01 * f64::from(n));
            legs.tell(front, &progress(1, f64::from(n), None));
        }
        legs.tell(front, &result(1));
        let rows = legs.rows();
        rows.says(&["mcp.seen_twice", "mcp.buffered"]);
        has(rows.found("mcp.buffered")[0], json!({"exchange": 3}));
    }
}

/// The proxy closes both of its connections during a call.
#[test]
fn a_proxy_that_gives_up() {
    for mut legs in Legs::each() {
        let (front, back) = (legs.front, legs.back);
        legs.leave_open();
        legs.story.at(60_000.0).close(front.1, Server);
        legs.story.at(60_000.5).close(back.1, Client);
        let rows = legs.rows();
        rows.finds("mcp.proxy_closed", 1);
        let proxy = rows.found("mcp.proxy_closed")[0];
        has(proxy, json!({"exchange": 5}));
        rows.is_silent_on(&["mcp.not_forwarded"]);
    }
}

/// A request that stays in the proxy, and one that the proxy answers.
#[test]
fn a_proxy_that_does_not_pass_on() {
    for mut legs in Legs::each() {
        let (front, back) = (legs.front, legs.back);
        legs.leave_open();
        legs.story.at(110.0);
        let asked = legs.tell(back, &request(7, "sampling/createMessage"));
        legs.story.at(20_000.0).close(front.1, Client);
        legs.story.at(20_001.0).close(back.1, Client);
        let rows = legs.rows();
        rows.finds("mcp.not_forwarded", 1);
        has(rows.found("mcp.not_forwarded")[0], json!({"packet": asked}));
    }
    for mut legs in Legs::each() {
        legs.call(1, 10.0);
        let (posts, _) = legs.front;
        let body = request(2, "tools/list");
        let asked = if legs.is_http_sse {
            send(&Legs::target(), &body)
        } else {
            post("/mcp", &[("Mcp-Session-Id", ID)], &body)
        };
        legs.story.at(20.0).c(posts, asked);
        legs.story.at(21.0).s(posts, reply("503 Service Unavailable", &[], "no backend"));
        let rows = legs.rows();
        rows.finds("mcp.proxy_answered", 1);
        rows.is_silent_on(&["mcp.not_forwarded"]);
    }
}

/// 101 and CONNECT are named, and a DELETE is the cause of what ends after it.
#[test]
fn the_client_deletes_its_session() {
    let [mut ready, _] = Ready::each();
    ready.ask(&request(1, "tools/call"));
    ready.begin();
    let other = ready.connect();
    ready.story.at(50.0).c(other, delete("/mcp", NAMED));
    ready.story.at(51.0).s(other, reply("200 OK", &[], ""));
    ready.at(52.0).end();
    let rows = ready.rows();
    rows.exchange_is(2, json!({"status": "unanswered", "cause": "deleted"}));
    rows.says(&["mcp.abandoned"]);
}

/// Two clients of one address probe, and are refused.
#[test]
fn probes_make_no_sessions() {
    let mut story = Story::new();
    for n in 0..2_u32 {
        let conn = story.connect(&format!("10.0.0.1:{}", 5000 + n), SERVER);
        let probe = modern("probe", "server/discover", json!({}), Some("c"));
        story.c(conn, post("/mcp", &[MODERN, ("Mcp-Method", "server/discover")], &probe));
        story.s(conn, json_reply("400 Bad Request", &[], r#"{"detail":"no session"}"#));
        story.c(conn, post("/mcp", &[], &initialize(0, "2025-06-18")));
        let id = format!("{n}f0c1d2e-7a41-4c8b-9d36-0b1e2f3a4c5d");
        let named = [("Mcp-Session-Id", &*id)];
        story.s(conn, json_reply("200 OK", &named, &initialized(0, "2025-06-18")));
        story.c(conn, post("/mcp", &named, INITIALIZED));
        story.s(conn, accepted());
    }
    let rows = story.run();
    rows.counts("session", 2);
    rows.says(&[]);
}
