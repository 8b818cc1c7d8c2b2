//! What is said wrongly of one transport is said wrongly of the other: each kind in both.

use serde_json::json;

use super::http::*;
use super::ready::*;
use super::story::*;

const A: &str = "10.0.0.1:5000";
const B: &str = "10.0.0.1:5001";
const ID: &str = "7f4d5d49-1c7e-4f2a-9d36-0b1e2f3a4c5d";
const HTML: Fields = &[("Content-Type", "text/html")];

/// The body of a GET, of a DELETE or of a refused notification names the id of an open request: the
/// answer comes later.
#[test]
fn bodies_of_other_transactions_answer_nothing() {
    let refused = |status| json_reply(status, &[], &error(1, -32601, "no"));
    for (reply, strays) in
        [(ok(&result(1)), 1), (refused("405 Method Not Allowed"), 0), (refused("400 Bad Request"), 0)]
    {
        for ready in Ready::each() {
            let path = if ready.is_http_sse() { TARGET } else { "/mcp" };
            let named: Fields = if ready.is_http_sse() { &[] } else { NAMED };
            let other = [
                get(path, named),
                delete(path, named),
                ready.posted(&notification("notifications/x", json!({}))),
            ];
            for other in other {
                let mut ready = ready.clone();
                ready.ask(&request(1, "tools/list"));
                let conn = ready.at(11.0).connect();
                ready.story.c(conn, &other);
                let p = ready.story.at(12.0).s(conn, &reply);
                ready.at(50.0).answer(&result(1));
                let rows = ready.rows();
                rows.exchange_is(2, json!({"status": "ok", "total_ms": 40.0}));
                rows.finds("mcp.stray_response", strays);
                for found in rows.found("mcp.stray_response") {
                    has(found, json!({"packet": p, "session": "s1", "exchange": null}));
                }
                rows.is_silent_on(&["mcp.duplicate_response", "mcp.unknown_response", "mcp.unanswered"]);
            }
        }
    }
}

/// HTTP+SSE: the answer to the POST holds no JSON-RPC. The request is accepted if it is a success,
/// and refused by what redirects it; nobody closed anything.
#[test]
fn answers_to_a_post_of_http_sse_that_hold_nothing() {
    for (reply, is_taken) in [
        (reply("204 No Content", &[], ""), true),
        (json_reply("200 OK", &[], ""), true),
        (reply("200 OK", &[("Content-Type", "text/plain")], "ok"), true),
        (reply("302 Found", &[("Location", "/login")], ""), false),
        (reply("200 OK", HTML, "ok"), true),
    ] {
        for is_answered in [false, true] {
            let [_, mut ready] = Ready::each();
            ready.story.c(ready.posts, send(TARGET, &request(1, "tools/list")));
            ready.at(12.0).reply(&reply);
            if is_answered {
                ready.at(20.0).answer(&result(1));
            }
            let rows = ready.rows();
            if is_answered {
                rows.exchange_is(2, json!({"status": "ok", "total_ms": 10.0, "cause": null}));
                rows.says(&[]);
            } else if is_taken {
                rows.exchange_is(2, json!({"status": "unanswered", "cause": "capture_end"}));
                rows.says(&[]);
            } else {
                rows.exchange_is(2, json!({"status": "unanswered", "cause": "no_response"}));
                rows.says(&["mcp.no_response"]);
                has(rows.found("mcp.no_response")[0], json!({"exchange": 2, "session": "s1"}));
            }
        }
    }
}

/// A compressed body that is none.
#[test]
fn a_body_that_cannot_be_decoded() {
    let [mut ready, _] = Ready::each();
    ready.ask(&request(1, "tools/list"));
    let p = ready.at(12.0).reply(json_reply(
        "200 OK",
        &[("Content-Encoding", "gzip")],
        "this is no gzip at all, but plain text",
    ));
    let rows = ready.rows();
    rows.exchange_is(2, json!({"status": "unanswered", "cause": "no_response", "http_status": 200}));
    rows.says(&["http.content_bad", "mcp.no_response"]);
    has(rows.found("mcp.no_response")[0], json!({"exchange": 2, "packet": p}));
}

/// An id that comes back as a float or cut to 32 bits, and an error with the id null.
#[test]
fn the_only_request_is_answered_with_another_id() {
    for (asked, answered) in [
        (json!("3"), json!(3)),
        (json!(3), json!("3")),
        (json!(4_294_967_299_i64), json!(3)),
        (json!(9_007_199_254_740_993_i64), json!(9_007_199_254_740_992_i64)),
    ] {
        for mut ready in Ready::each() {
            ready.ask(&request(asked.clone(), "tools/list"));
            ready.at(25.0).answer(&result(answered.clone()));
            let rows = ready.rows();
            rows.exchange_is(2, json!({"id": asked, "status": "ok", "total_ms": 15.0}));
            rows.says(&["mcp.id_changed"]);
            has(rows.found("mcp.id_changed")[0], json!({"exchange": 2, "session": "s1"}));
        }
    }
}

/// One session over 127.0.0.1 and `::1`, and on a second replica.
#[test]
fn one_session_at_several_addresses() {
    for (other_client, other) in [("[::1]:6000", "[::1]:3000"), ("10.0.0.1:6000", "10.0.0.3:3000")] {
        let mut story = Story::new();
        let conn = streamable(&mut story, A, "2025-06-18", ID);
        let second = story.at(10.0).connect(other_client, other);
        story.c(second, post("/mcp", &[("Mcp-Session-Id", ID)], &request(1, "tools/list")));
        story.at(15.0).s(second, ok(&result(1)));
        story.at(20.0).c(conn, post("/mcp", &[("Mcp-Session-Id", ID)], &request(2, "tools/list")));
        story.at(25.0).s(conn, ok(&result(2)));
        let rows = story.run();
        rows.counts("session", 1);
        rows.session_is("s1", json!({"addresses": [SERVER, other], "exchanges": 3}));
        rows.exchange_is(2, json!({"server": other, "status": "ok", "total_ms": 5.0, "degraded": []}));
        rows.says(&[]);

        let mut story = Story::new();
        let target = format!("/messages?sessionId={ID}");
        let (stream, _) = legacy(&mut story, [A, B], SERVER, &target);
        let posts = story.at(10.0).connect(other_client, other);
        for (id, at) in [(0, 10.0), (1, 20.0)] {
            let asked = if id == 0 { initialize(0, "2024-11-05") } else { request(id, "tools/list") };
            let told = if id == 0 { initialized(0, "2024-11-05") } else { result(id) };
            story.at(at).c(posts, send(&target, &asked));
            story.s(posts, accepted());
            story.at(at + 5.0).s(stream, event(&told));
        }
        let rows = story.run();
        rows.counts("session", 1);
        rows.exchange_is(2, json!({"status": "ok", "total_ms": 5.0, "degraded": []}));
        rows.is_silent_on(&["mcp.unknown_response", "mcp.request_unseen", "mcp.unanswered"]);
    }
}

/// The first attempt is refused, the second has credentials: one session, in which nothing is a
/// duplicate.
#[test]
fn credentials_come_with_the_second_attempt() {
    let challenge = ("WWW-Authenticate", "Bearer resource_metadata=\"http://h/.well-known/x\"");
    let refused = json_reply("401 Unauthorized", &[challenge], r#"{"error":"invalid_token"}"#);
    // The stream itself.
    let mut story = Story::new();
    let conn = story.connect("10.0.0.1:4000", SERVER);
    story.c(conn, get("/sse", &[]));
    story.s(conn, &refused);
    let (stream, posts) = legacy(story.at(10.0), [A, B], SERVER, TARGET);
    // A POST of the session.
    story.at(20.0).c(posts, send(TARGET, &initialize(0, "2024-11-05")));
    story.s(posts, &refused);
    story.at(30.0).c(posts, send(TARGET, &initialize(0, "2024-11-05")));
    story.s(posts, accepted());
    story.at(35.0).s(stream, event(&initialized(0, "2024-11-05")));
    story.c(posts, send(TARGET, INITIALIZED));
    story.s(posts, accepted());
    let rows = story.run();
    rows.counts("session", 1);
    rows.exchange_is(1, json!({"session": "s1", "status": "http_error", "http_status": 401}));
    rows.exchange_is(2, json!({"session": "s1", "status": "ok", "total_ms": 5.0}));
    rows.says(&[]);
}

/// HTTP+SSE: stream and POSTs are redirected; each request is one exchange, timed from the first
/// POST.
#[test]
fn redirects_of_http_sse() {
    for status in ["307 Temporary Redirect", "308 Permanent Redirect"] {
        let mut story = Story::new();
        let conn = story.connect("10.0.0.1:4000", SERVER);
        story.c(conn, get("/sse", &[]));
        story.s(conn, reply(status, &[("Location", "/sse/")], ""));
        story.c(conn, get("/sse/", &[]));
        story.s(conn, sse(&[]));
        story.s(conn, chunk(&format!("event: endpoint\ndata: {TARGET}\n\n")));
        let posts = story.connect(B, SERVER);
        let moved = TARGET.replace("/messages?", "/messages/?");
        let bodies = [
            (initialize(0, "2024-11-05"), Some(initialized(0, "2024-11-05"))),
            (INITIALIZED.to_owned(), None),
            (request(1, "tools/list"), Some(result(1))),
        ];
        for (at, (body, answer)) in [10.0, 20.0, 30.0].into_iter().zip(&bodies) {
            story.at(at).c(posts, send(TARGET, body));
            story.at(at + 1.0).s(posts, reply(status, &[("Location", &moved)], ""));
            story.at(at + 2.0).c(posts, send(&moved, body));
            story.at(at + 3.0).s(posts, accepted());
            if let Some(answer) = answer {
                story.at(at + 4.0).s(conn, event(answer));
            }
        }
        let rows = story.run();
        rows.counts("session", 1);
        rows.counts("exchange", 2);
        rows.counts("notification", 1);
        for row in rows.of_type("exchange") {
            has(row, json!({"session": "s1", "status": "ok", "total_ms": 4.0, "cause": null}));
        }
        // The redirect of the stream.
        rows.counts("transaction", 1);
        rows.says(&["mcp.redirected"]);
    }
}

/// Tokens and cancelled ids that come back as another JSON type, each in its transport.
#[test]
fn types_that_change_are_named_once() {
    for (asked, told) in [(json!(7), json!("7")), (json!("7"), json!(7))] {
        for mut ready in Ready::each() {
            ready.ask(&call_with_token(asked.clone()));
            ready.begin();
            ready.tell(&progress(told.clone(), 1.0, None));
            ready.tell(&progress(told.clone(), 2.0, None));
            ready.at(20.0).notify(&cancel(told.clone()));
            ready.at(30.0).tell(&result(asked.clone()));
            ready.end();
            let rows = ready.rows();
            rows.exchange_is(2, json!({"status": "ok", "progress": 2, "total_ms": 20.0}));
            rows.says(&["mcp.type_changed"]);
            has(rows.found("mcp.type_changed")[0], json!({"exchange": 2, "session": "s1"}));
            rows.is_silent_on(&["mcp.unknown_token", "mcp.unknown_cancel"]);
        }
    }
}

/// A body that is announced, refused and never sent, in both transports.
#[test]
fn a_refused_body_is_not_waited_for_in_either_transport() {
    for status in ["401 Unauthorized", "413 Content Too Large", "417 Expectation Failed"] {
        for mut ready in Ready::each() {
            let body = request(1, "tools/list");
            let head = ready.posted(&body).replace("Host: example", "Host: example\r\nExpect: 100-continue");
            ready.story.c(ready.posts, head.strip_suffix(&body).unwrap());
            let challenge = &[("WWW-Authenticate", "Bearer")];
            ready.at(20.0).reply(reply(status, challenge, ""));
            ready.at(30.0).ask(&request(2, "tools/list"));
            ready.at(35.0).answer(&result(2));
            let rows = ready.rows();
            rows.counts("exchange", 2);
            rows.exchange_is(2, json!({"id": 2, "status": "ok", "total_ms": 5.0}));
            rows.is_silent_on(&["http.bad_head", "http.request_cut", "http.resync", "rpc.not_json"]);
        }
    }
}

/// A second response, on the stream of the POST, and on the GET stream beside it: it is a
/// duplicate, whichever comes before the acceptance.
#[test]
fn duplicates_are_no_unknown_responses() {
    for mut ready in Ready::each() {
        ready.ask(&request(1, "tools/list"));
        ready.begin();
        ready.at(20.0).tell(&result(1));
        ready.at(21.0).tell(&result(1));
        ready.end();
        let rows = ready.rows();
        rows.exchange_is(2, json!({"status": "ok", "total_ms": 10.0}));
        rows.says(&["mcp.duplicate_response"]);
        has(rows.found("mcp.duplicate_response")[0], json!({"exchange": 2, "session": "s1"}));
    }
    let [mut ready, _] = Ready::each();
    let other = ready.connect();
    ready.story.c(other, get("/mcp", NAMED));
    ready.story.s(other, sse(&[]));
    ready.ask(&request(1, "tools/list"));
    ready.at(20.0).answer(&result(1));
    ready.story.at(21.0).s(other, event(&result(1)));
    let rows = ready.rows();
    rows.exchange_is(2, json!({"status": "ok", "total_ms": 10.0}));
    rows.says(&["mcp.duplicate_response"]);
}

/// A finding about the head of a refused POST carries its exchange.
#[test]
fn a_header_mismatch_of_a_refused_post_carries_its_exchange() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    let fields = [MODERN, ("Mcp-Method", "tools/list"), ("Mcp-Name", "t")];
    story.c(conn, post("/mcp", &fields, &modern(1, "tools/call", json!({"name": "t"}), Some("c"))));
    story.s(conn, json_reply("400 Bad Request", &[], &error(1, -32020, "HeaderMismatch")));
    let rows = story.run();
    rows.exchange_is(1, json!({"status": "error", "findings": ["mcp.header_mismatch"]}));
    has(rows.found("mcp.header_mismatch")[0], json!({"exchange": 1, "session": "s1"}));
}

/// HTTP+SSE without ids on the wire: clients in turn, from one port.
#[test]
fn clients_of_http_sse_in_turn_without_ids() {
    let mut story = Story::new();
    for turn in 0..6_u32 {
        let at = f64::from(turn) * 1000.0;
        story.at(at);
        let (stream, posts) = legacy(&mut story, [A, B], SERVER, "/messages");
        story.c(posts, send("/messages", &initialize(0, "2024-11-05")));
        story.s(posts, accepted());
        story.at(at + 5.0).s(stream, event(&initialized(0, "2024-11-05")));
        story.c(posts, send("/messages", INITIALIZED));
        story.s(posts, accepted());
        story.at(at + 10.0).c(posts, send("/messages", &request(1, "tools/list")));
        story.s(posts, accepted());
        story.at(at + 15.0).s(stream, event(&result(1)));
        story.at(at + 20.0).close(posts, Client);
        story.close(stream, Client);
    }
    let rows = story.run();
    rows.counts("session", 6);
    for (n, row) in rows.of_type("exchange").into_iter().enumerate() {
        has(row, json!({"session": format!("s{}", n / 2 + 1), "status": "ok", "total_ms": 5.0}));
    }
    rows.says(&[]);
}

/// A redirect to another host: `initialize` and the POST that repeats it are one exchange of one
/// session, and nothing is seen twice.
#[test]
fn redirects_to_another_host() {
    const OTHER: &str = "10.0.0.9:8080";
    let mut story = Story::new();
    let conns = [story.connect(A, SERVER), story.connect(B, OTHER)];
    let named: Fields = &[("Mcp-Session-Id", ID)];
    let bodies = [
        (initialize(0, "2025-06-18"), json_reply("200 OK", named, &initialized(0, "2025-06-18"))),
        (INITIALIZED.to_owned(), accepted()),
        (request(1, "tools/list"), ok(&result(1))),
    ];
    for ((at, fields), (body, answer)) in
        [(10.0, &[][..]), (20.0, named), (30.0, named)].into_iter().zip(&bodies)
    {
        story.at(at).c(conns[0], post("/mcp", fields, body));
        let location = ("Location", "http://10.0.0.9:8080/mcp");
        story.at(at + 1.0).s(conns[0], reply("307 Temporary Redirect", &[location], ""));
        story.at(at + 2.0).c(conns[1], post("/mcp", fields, body));
        story.at(at + 4.0).s(conns[1], answer);
    }
    story.at(20_000.0).ack(conns[0], Client);
    let rows = story.run();
    rows.counts("session", 1);
    rows.counts("exchange", 2);
    for row in rows.of_type("exchange") {
        has(row, json!({"session": "s1", "status": "ok", "http_status": 200, "total_ms": 4.0}));
    }
    rows.says(&["mcp.redirected"]);
}

/// A 404 that is about the request says nothing about its session.
#[test]
fn a_404_for_what_does_not_exist() {
    for (code, refused) in [(-32601, 0), (-32602, 0), (-32001, 1)] {
        for mut ready in Ready::each() {
            let asked = ready.posted(&with(1, "tools/call", json!({"name": "nope"})));
            ready.story.c(ready.posts, asked);
            ready.reply(json_reply("404 Not Found", &[], &error(1, code, "not found")));
            ready.at(30.0).ask(&request(2, "tools/list"));
            ready.answer(&result(2));
            let rows = ready.rows();
            rows.exchange_is(2, json!({"status": "error", "http_status": 404}));
            rows.finds("mcp.session_refused", refused);
        }
    }
}
