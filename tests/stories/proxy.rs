//! Both legs of a proxy: two views of one session. The leg of the client is in front: its request
//! begins earlier and its response ends later.

use serde_json::json;

use super::http::*;
use super::story::*;

/// The server of the leg behind the proxy.
const BEHIND: &str = "10.9.0.2:3000";
const ID: [(&str, &str); 1] = [("Mcp-Session-Id", "5f0c1d2e-7a41-4c8b-9d36-0b1e2f3a4c5d")];

/// A session over both legs of a proxy whose handshake is done: exchanges 1 in front, 2 behind.
fn legs(story: &mut Story) -> [Conn; 2] {
    let [front, back] = [("10.0.0.1:5000", SERVER), ("10.9.0.1:6000", BEHIND)]
        .map(|(client, server)| story.connect(client, server));
    let opening = post("/mcp", &[], &initialize(0, "2025-06-18"));
    let answer = json_reply("200 OK", &ID, &initialized(0, "2025-06-18"));
    story.at(1.0).c(front, &opening);
    story.at(1.25).c(back, &opening);
    story.at(2.0).s(back, &answer);
    story.at(2.25).s(front, &answer);
    [front, back]
}

/// A call on both legs, from `at` on: the proxy takes half of `added` on each way.
fn call(story: &mut Story, [front, back]: [Conn; 2], id: i64, at: f64, added: f64) {
    let body = post("/mcp", &ID, &request(id, "tools/list"));
    story.at(at).c(front, &body);
    story.at(at + added / 2.0).c(back, &body);
    story.at(at + added / 2.0 + 1.0).s(back, ok(&result(id)));
    story.at(at + added + 1.0).s(front, ok(&result(id)));
}

#[test]
fn each_call_has_its_twin_and_the_share_of_the_proxy() {
    let mut story = Story::new();
    let legs = legs(&mut story);
    call(&mut story, legs, 1, 10.0, 0.5);
    let rows = story.run();
    // The session of the leg in front is not known yet when the one behind has its answer.
    rows.exchange_is(1, json!({"view": "front", "twin": 2, "proxy_ms": 0.5}));
    rows.exchange_is(2, json!({"view": "back", "twin": 1, "proxy_ms": null}));
    rows.exchange_is(3, json!({"view": "front", "twin": 4, "total_ms": 1.5, "proxy_ms": 0.5}));
    rows.exchange_is(4, json!({"view": "back", "twin": 3, "total_ms": 1.0, "proxy_ms": null}));
    rows.session_is("s1", json!({"server": BEHIND, "behind": "s2"}));
    rows.session_is("s2", json!({"server": SERVER, "behind": null}));
    rows.finds("mcp.seen_twice", 1);
    let detail = rows.found("mcp.seen_twice")[0]["detail"].to_string();
    assert!(detail.contains("s2 (10.0.0.1:5000 to 10.0.0.2:3000) is in front of s1"), "{detail}");
    for code in ["mcp.buffered", "mcp.proxy_delay", "mcp.not_forwarded", "mcp.proxy_answered"] {
        rows.finds(code, 0);
    }
}

/// Over HTTP+SSE the responses come on the stream of each leg.
#[test]
fn twins_over_http_sse() {
    let mut story = Story::new();
    let legs = [(["10.0.0.1:5000", "10.0.0.1:5001"], SERVER), (["10.9.0.1:6000", "10.9.0.1:6001"], BEHIND)]
        .map(|(clients, server)| legacy(&mut story, clients, server, TARGET));
    story.at(10.0).c(legs[0].1, send(TARGET, &request(1, "tools/list")));
    story.at(10.25).c(legs[1].1, send(TARGET, &request(1, "tools/list")));
    for (_, posts) in [legs[1], legs[0]] {
        story.at(10.5).s(posts, accepted());
    }
    story.at(12.0).s(legs[1].0, event(&result(1)));
    story.at(12.25).s(legs[0].0, event(&result(1)));
    let rows = story.run();
    rows.exchange_is(1, json!({"view": "front", "twin": 2, "proxy_ms": 0.5}));
    rows.exchange_is(2, json!({"view": "back", "twin": 1}));
    rows.finds("mcp.seen_twice", 1);
}

/// Requests of the server go the other way: the leg behind contains the one in front.
#[test]
fn requests_of_the_server_are_twins_too() {
    let mut story = Story::new();
    let [front, back] = legs(&mut story);
    for conn in [front, back] {
        story.at(10.0).c(conn, get("/mcp", &ID));
        story.s(conn, sse(&[]));
    }
    let posts = [("10.0.0.1:5001", SERVER), ("10.9.0.1:6001", BEHIND)]
        .map(|(client, server)| story.connect(client, server));
    story.at(20.0).s(back, event(&request(7, "roots/list")));
    story.at(21.0).s(front, event(&request(7, "roots/list")));
    story.at(30.0).c(posts[0], post("/mcp", &ID, &result(7)));
    story.at(31.0).c(posts[1], post("/mcp", &ID, &result(7)));
    for conn in posts {
        story.at(32.0).s(conn, accepted());
    }
    let rows = story.run();
    rows.exchange_is(
        3,
        json!({"session": "s1", "view": "back", "twin": 4, "total_ms": 11.0, "proxy_ms": 2.0}),
    );
    rows.exchange_is(4, json!({"session": "s2", "view": "front", "twin": 3, "total_ms": 9.0}));
}

#[test]
fn events_apart_behind_and_together_in_front_are_buffered() {
    for (together, expected) in [(true, 1), (false, 0)] {
        let mut story = Story::new();
        let [front, back] = legs(&mut story);
        let params = json!({"name": "t", "_meta": {"progressToken": 5}});
        let body = post("/mcp", &ID, &with(1, "tools/call", params));
        let progress = |n: i64| {
            event(&notification("notifications/progress", json!({"progressToken": 5, "progress": n})))
        };
        story.at(10.0).c(front, &body);
        story.at(10.5).c(back, &body);
        story.at(11.0).s(back, sse(&[]));
        story.at(11.5).s(front, sse(&[]));
        for n in 1..4_i32 {
            let at = 20.0 + 50.0 * f64::from(n);
            story.at(at).s(back, progress(n.into()));
            if !together {
                story.at(at + 1.0).s(front, progress(n.into()));
            }
        }
        story.at(220.0).s(back, event(&result(1)) + LAST);
        let kept = if together { progress(1) + &progress(2) + &progress(3) } else { String::new() };
        let last = story.at(221.0).s(front, kept + &event(&result(1)) + LAST);
        let rows = story.run();
        rows.finds("mcp.buffered", expected);
        rows.finds("mcp.bunched", 0);
        if together {
            has(rows.found("mcp.buffered")[0], json!({"exchange": 3, "packet": last, "severity": "notice"}));
            let detail = rows.found("mcp.buffered")[0]["detail"].to_string();
            assert!(detail.contains("the proxy at 10.0.0.2:3000"), "{detail}");
        }
    }
}

/// One leg alone: what packets show is that everything came at once, long after the request.
#[test]
fn progress_that_comes_with_the_response() {
    for (wait, expected) in [(2000.0, 1), (100.0, 0)] {
        let mut story = Story::new();
        let conn = streamable(&mut story, "10.0.0.1:5000", "2025-06-18", "x");
        let fields = [("Mcp-Session-Id", "x")];
        let params = json!({"name": "t", "_meta": {"progressToken": 5}});
        story.at(10.0).c(conn, post("/mcp", &fields, &with(1, "tools/call", params)));
        story.at(11.0).s(conn, sse(&[]));
        let progress = |n: i64| {
            event(&notification("notifications/progress", json!({"progressToken": 5, "progress": n})))
        };
        story.at(10.0 + wait).s(conn, progress(1) + &progress(2) + &progress(3) + &event(&result(1)) + LAST);
        story.run().finds("mcp.bunched", expected);
    }
}

#[test]
fn a_response_that_the_proxy_keeps_is_told_with_both_packets() {
    let mut story = Story::new();
    let legs = legs(&mut story);
    let body = post("/mcp", &ID, &request(1, "tools/list"));
    story.at(10.0).c(legs[0], &body);
    story.at(10.5).c(legs[1], &body);
    let behind = story.at(12.0).s(legs[1], ok(&result(1)));
    let in_front = story.at(5012.0).s(legs[0], ok(&result(1)));
    let rows = story.run();
    rows.finds("mcp.proxy_delay", 1);
    let detail = rows.found("mcp.proxy_delay")[0]["detail"].to_string();
    assert!(detail.contains(&format!("packet {in_front} after {behind}")), "{detail}");
    rows.exchange_is(3, json!({"findings": ["mcp.proxy_delay"]}));
}

#[test]
fn a_constant_delay_is_told_once() {
    let mut story = Story::new();
    let legs = legs(&mut story);
    for id in 1..10 {
        call(&mut story, legs, id, 100.0 * f64::from(i32::try_from(id).unwrap()), 41.0);
    }
    // The handshake was faster than the calls: it is no part of a constant delay.
    let rows = story.run();
    rows.finds("mcp.proxy_delay", 0);
    let mut story = Story::new();
    let legs = [("10.0.0.1:5000", SERVER), ("10.9.0.1:6000", BEHIND)]
        .map(|(client, server)| story.midstream(client, server));
    for id in 1..10 {
        call(&mut story, legs, id, 100.0 * f64::from(i32::try_from(id).unwrap()), 41.0);
    }
    story.run().finds("mcp.proxy_delay", 1);
}

/// The proxy closes toward the client and toward the server: neither of them did.
#[test]
fn a_proxy_that_closes_both_legs_is_named() {
    let mut story = Story::new();
    let legs = legs(&mut story);
    call(&mut story, legs, 1, 10.0, 0.5);
    let body = post("/mcp", &ID, &with(2, "tools/call", json!({"name": "slow"})));
    story.at(100.0).c(legs[0], &body);
    story.at(100.5).c(legs[1], &body);
    for leg in legs {
        story.at(101.0).s(leg, sse(&[]));
    }
    story.at(60_000.0).close(legs[0], Server);
    story.at(60_000.5).close(legs[1], Client);
    story.at(90_000.0).connect("10.0.0.9:1", SERVER);
    let rows = story.run();
    rows.finds("mcp.proxy_closed", 1);
    let detail = rows.found("mcp.proxy_closed")[0]["detail"].to_string();
    assert!(detail.contains("n=5") && detail.contains("n=6"), "{detail}");
}

/// The client goes away, and the proxy follows: it ended nothing.
#[test]
fn a_client_that_closes_is_not_the_proxy() {
    let mut story = Story::new();
    let legs = legs(&mut story);
    let body = post("/mcp", &ID, &with(2, "tools/call", json!({"name": "slow"})));
    story.at(100.0).c(legs[0], &body);
    story.at(100.5).c(legs[1], &body);
    for leg in legs {
        story.at(101.0).s(leg, sse(&[]));
    }
    story.at(200.0).close(legs[0], Client);
    story.at(200.5).close(legs[1], Client);
    story.run().finds("mcp.proxy_closed", 0);
}

/// A request of the server that the proxy keeps from the client.
#[test]
fn a_request_that_does_not_cross_is_told() {
    let mut story = Story::new();
    let [front, back] = legs(&mut story);
    let body = post("/mcp", &ID, &with(1, "tools/call", json!({"name": "ask"})));
    story.at(10.0).c(front, &body);
    story.at(10.5).c(back, &body);
    story.at(11.0).s(back, sse(&[]));
    let asked = story.at(12.0).s(back, event(&request(7, "sampling/createMessage")));
    story.at(20_000.0).close(front, Client);
    story.at(20_001.0).close(back, Client);
    let rows = story.run();
    rows.finds("mcp.not_forwarded", 1);
    let found = rows.found("mcp.not_forwarded");
    has(found[0], json!({"exchange": 5, "packet": asked}));
    assert!(found[0]["detail"].to_string().contains("the proxy at 10.0.0.2:3000"));
}

/// A call that the proxy answers itself.
#[test]
fn an_answer_of_the_proxy_is_told() {
    let mut story = Story::new();
    let legs = legs(&mut story);
    call(&mut story, legs, 1, 10.0, 0.5);
    story.at(20.0).c(legs[0], post("/mcp", &ID, &request(2, "tools/list")));
    story.at(21.0).s(legs[0], reply("503 Service Unavailable", &[], "no backend"));
    let rows = story.run();
    rows.finds("mcp.proxy_answered", 1);
    rows.finds("mcp.not_forwarded", 0);
    rows.exchange_is(5, json!({"view": null, "status": "http_error"}));
}

/// A message lost on the way: nothing is said of what may be in the gap.
#[test]
fn what_may_be_in_a_gap_did_cross() {
    let mut story = Story::new();
    let [front, back] = legs(&mut story);
    call(&mut story, [front, back], 1, 10.0, 0.5);
    let body = post("/mcp", &ID, &request(2, "tools/list"));
    story.at(20.0).c(front, &body);
    story.lose(back, Client, &body);
    story.at(21.0).s(back, ok(&result(2)));
    story.at(22.0).s(front, ok(&result(2)));
    let rows = story.run();
    rows.finds("mcp.not_forwarded", 0);
    rows.finds("mcp.proxy_answered", 0);
}

/// Two servers that happen to get the same requests at the same time are no proxy.
#[test]
fn two_servers_with_sessions_of_their_own_are_no_proxy() {
    let mut story = Story::new();
    let legs = [("10.0.0.1:5000", SERVER), ("10.0.0.1:6000", BEHIND)]
        .map(|(client, server)| story.connect(client, server));
    for (i, leg) in legs.into_iter().enumerate() {
        story.at(1.0).c(leg, post("/mcp", &[], &initialize(0, "2025-06-18")));
        let id = format!("5f0c1d2e-7a41-4c8b-9d36-0b1e2f3a4c5{i}");
        let fields = [("Mcp-Session-Id", &*id)];
        story.at(2.0).s(leg, json_reply("200 OK", &fields, &initialized(0, "2025-06-18")));
        story.at(3.0).c(leg, post("/mcp", &fields, &request(1, "tools/list")));
    }
    story.at(4.0).s(legs[1], ok(&result(1)));
    story.at(5.0).s(legs[0], ok(&result(1)));
    let rows = story.run();
    rows.finds("mcp.seen_twice", 0);
    for n in 1..5 {
        rows.exchange_is(n, json!({"view": null, "twin": null}));
    }
}

/// Progress of one session on the stream of another one, whichever gets it first.
#[test]
fn progress_of_another_session_is_told() {
    for other_is_first in [false, true] {
        let mut story = Story::new();
        let [a, b] = [("10.0.0.1:5000", "a"), ("10.0.0.1:6000", "b")]
            .map(|(client, id)| (streamable(&mut story, client, "2025-06-18", id), id));
        let streams = [("10.0.0.1:5001", a.1), ("10.0.0.1:6001", b.1)].map(|(client, id)| {
            let stream = story.connect(client, SERVER);
            story.c(stream, get("/mcp", &[("Mcp-Session-Id", id)]));
            story.s(stream, sse(&[]));
            stream
        });
        let params = json!({"name": "t", "_meta": {"progressToken": 5}});
        story.at(10.0).c(a.0, post("/mcp", &[("Mcp-Session-Id", "a")], &with(1, "tools/call", params)));
        let progress =
            event(&notification("notifications/progress", json!({"progressToken": 5, "progress": 1})));
        let mut order = [0, 1];
        if other_is_first {
            order.reverse();
        }
        for at in order {
            story.at(20.0 + f64::from(u8::try_from(at).unwrap())).s(streams[at], &progress);
        }
        story.at(30.0).s(a.0, ok(&result(1)));
        story.at(5000.0).connect("10.0.0.9:1", SERVER);
        let rows = story.run();
        rows.finds("mcp.wrong_session", 1);
        rows.finds("mcp.unknown_token", 0);
        has(rows.found("mcp.wrong_session")[0], json!({"session": "s2", "exchange": 3}));
        rows.exchange_is(3, json!({"progress": 1}));
    }
}

/// The result of one session on the stream of another one.
#[test]
fn a_response_in_another_session_is_told() {
    let mut story = Story::new();
    let legs = [("10.0.0.1", "/m?sessionId=a"), ("10.0.0.3", "/m?sessionId=b")].map(|(host, target)| {
        let clients = [format!("{host}:5000"), format!("{host}:5001")];
        legacy(&mut story, [&clients[0], &clients[1]], SERVER, target)
    });
    story.at(10.0).c(legs[0].1, send("/m?sessionId=a", &request(1, "tools/list")));
    story.s(legs[0].1, accepted());
    for (at, (stream, _)) in [20.0, 21.0].into_iter().zip(legs) {
        story.at(at).s(stream, event(&result(1)));
    }
    story.at(5000.0).connect("10.0.0.9:1", SERVER);
    let rows = story.run();
    rows.finds("mcp.wrong_session", 1);
    rows.finds("mcp.unknown_response", 0);
    has(rows.found("mcp.wrong_session")[0], json!({"session": "s2", "exchange": 1}));
}

/// After `Last-Event-ID`, events of the stream that was cut may be repeated, and no others.
#[test]
fn replay_of_another_stream_is_told() {
    for (last, expected) in [("a1", 0), ("b1", 1)] {
        let mut story = Story::new();
        let conn = streamable(&mut story, "10.0.0.1:5000", "2025-06-18", "x");
        let fields = [("Mcp-Session-Id", "x")];
        let log = |text: &str| notification("notifications/message", json!({"level": "info", "data": text}));
        for (client, name) in [("10.0.0.1:5001", "a"), ("10.0.0.1:5002", "b")] {
            let stream = story.connect(client, SERVER);
            story.c(stream, get("/mcp", &fields));
            story.s(stream, sse(&[]));
            for i in 1..3 {
                story.s(stream, event_id(&format!("{name}{i}"), &log(&format!("{name} {i}"))));
            }
            story.close(stream, Client);
        }
        story.c(conn, get("/mcp", &[("Mcp-Session-Id", "x"), ("Last-Event-ID", last)]));
        story.s(conn, sse(&[]));
        let repeated = story.s(conn, event_id("a2", &log("a 2")));
        let rows = story.run();
        rows.finds("mcp.wrong_replay", expected);
        if expected == 1 {
            has(rows.found("mcp.wrong_replay")[0], json!({"packet": repeated}));
        }
    }
}

/// A gateway that gives requests ids of its own, and two clients in step, look the same: that is
/// said once, and no view is claimed. Calls that are not nested are not mentioned.
#[test]
fn calls_in_step_are_not_claimed_to_be_one() {
    for (client_behind, is_nested, expected) in
        [("10.0.0.2:6000", true, 1), ("10.0.0.2:6000", false, 0), ("10.0.0.7:6000", true, 0)]
    {
        let mut story = Story::new();
        let front = story.connect("10.0.0.1:5000", SERVER);
        let back = story.connect(client_behind, BEHIND);
        for n in 0..8_i32 {
            let at = 100.0 * f64::from(n);
            story.at(at).c(front, post("/mcp", &[], &request(n, "tools/list")));
            story.at(at + 1.0).c(back, post("/mcp", &[], &request(100 + n, "tools/list")));
            if is_nested {
                story.at(at + 5.0).s(back, ok(&result(100 + n)));
                story.at(at + 6.0).s(front, ok(&result(n)));
            } else {
                story.at(at + 5.0).s(front, ok(&result(n)));
                story.at(at + 6.0).s(back, ok(&result(100 + n)));
            }
        }
        let rows = story.run();
        rows.finds("mcp.in_step", expected);
        rows.finds("mcp.seen_twice", 0);
        for row in rows.of_type("exchange") {
            has(row, json!({"view": null, "twin": null}));
        }
    }
}

/// The same over HTTP+SSE, where each leg has a session id of its own.
#[test]
fn calls_in_step_over_http_sse() {
    let mut story = Story::new();
    let legs = [
        (["10.0.0.1:5000", "10.0.0.1:5001"], SERVER, TARGET),
        (["10.0.0.2:6000", "10.0.0.2:6001"], BEHIND, "/messages?sessionId=def"),
    ]
    .map(|(clients, server, target)| (legacy(&mut story, clients, server, target), target));
    for n in 0..6_i32 {
        let at = 100.0 * f64::from(n);
        for (leg, ((_, posts), target)) in legs.iter().enumerate() {
            let leg = i32::try_from(leg).unwrap();
            story.at(at + f64::from(leg)).c(*posts, send(target, &request(n + 100 * leg, "tools/list")));
            story.s(*posts, accepted());
        }
        for (leg, ((stream, _), _)) in legs.iter().enumerate().rev() {
            let leg = i32::try_from(leg).unwrap();
            story.at(at + 9.0 - f64::from(leg)).s(*stream, event(&result(n + 100 * leg)));
        }
    }
    let rows = story.run();
    rows.finds("mcp.in_step", 1);
    has(rows.found("mcp.in_step")[0], json!({"session": "s1", "severity": "notice"}));
}

/// A gateway with sessions and ids of its own behind it. `front` and `back` are header fields of
/// each request in front and behind.
fn gateway(is_http_sse: bool, front: Fields, back: Fields) -> Rows {
    const BACK_TARGET: &str = "/messages?sessionId=def";
    let mut story = Story::new();
    let mut ends = Vec::new();
    for (clients, server, target, fields) in [
        (["10.0.0.1:5000", "10.0.0.1:5001"], SERVER, TARGET, front),
        (["10.0.0.2:6000", "10.0.0.2:6001"], BEHIND, BACK_TARGET, back),
    ] {
        let (stream, posts) = if is_http_sse {
            let (stream, posts) = legacy(&mut story, clients, server, target);
            (Some(stream), posts)
        } else {
            (None, story.connect(clients[1], server))
        };
        ends.push((stream, posts, if is_http_sse { target } else { "/mcp" }, fields));
    }
    for n in 0..3_i32 {
        let at = 100.0 * f64::from(n);
        for (leg, (stream, posts, target, fields)) in (0_i32..).zip(&ends) {
            let body = request(n + 100 * leg, "tools/list");
            story.at(at + f64::from(leg)).c(*posts, post(target, fields, &body));
            if stream.is_some() {
                story.s(*posts, accepted());
            }
        }
        for (leg, (stream, posts, ..)) in [0_i32, 1].into_iter().zip(&ends).rev() {
            let answer = result(n + 100 * leg);
            story.at(at + 9.0 - f64::from(leg));
            match stream {
                Some(stream) => story.s(*stream, event(&answer)),
                None => story.s(*posts, ok(&answer)),
            };
        }
    }
    story.run()
}

/// Legs without a common session id are joined where a header field names the request on both, or
/// says that it came through a proxy.
#[test]
fn header_fields_join_the_legs_of_a_gateway() {
    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for is_http_sse in [false, true] {
        for (front, back) in [
            (&[("X-Request-Id", "r1")][..], &[("X-Request-Id", "r1")][..]),
            (&[("traceparent", TRACE)], &[("Traceparent", TRACE)]),
            (&[], &[("Via", "1.1 gateway")]),
            (&[], &[("X-Forwarded-For", "10.0.0.1"), ("X-Request-Id", "r1")]),
            (&[("Via", "1.1 a")], &[("Forwarded", "for=10.0.0.1")]),
        ] {
            let rows = gateway(is_http_sse, front, back);
            for n in [1, 3, 5] {
                rows.exchange_is(n, json!({"view": "front", "twin": n + 1, "proxy_ms": 2.0, "status": "ok"}));
                rows.exchange_is(n + 1, json!({"view": "back", "twin": n, "status": "ok"}));
            }
            rows.finds("mcp.seen_twice", 1);
            rows.session_is("s2", json!({"behind": "s1"}));
            for code in ["mcp.in_step", "mcp.not_forwarded", "mcp.proxy_answered"] {
                rows.finds(code, 0);
            }
        }
    }
}

/// Other names of the requests, or none and no sign of a proxy, join nothing.
#[test]
fn header_fields_that_prove_nothing() {
    for is_http_sse in [false, true] {
        for (front, back) in [
            (&[][..], &[][..]),
            (&[("X-Request-Id", "r1")], &[("X-Request-Id", "r2"), ("Via", "1.1 gateway")]),
            (&[("X-Request-Id", "r1")], &[]),
            (&[("Via", "1.1 gateway")], &[]),
        ] {
            let rows = gateway(is_http_sse, front, back);
            rows.finds("mcp.seen_twice", 0);
            for row in rows.of_type("exchange") {
                has(row, json!({"view": null, "twin": null}));
            }
        }
    }
}
