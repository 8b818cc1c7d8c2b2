//! What may hide in packets that are missing is said of nobody: each kind with a gap, and in a
//! capture that begins in the middle, in both transports.

use serde_json::json;

use super::http::*;
use super::ready::*;
use super::story::*;

/// Codes that blame a peer for something that did not come.
const BLAME: &[&str] = &[
    "mcp.unanswered",
    "mcp.no_response",
    "mcp.no_stream",
    "mcp.unknown_response",
    "mcp.duplicate_response",
    "mcp.stray_response",
    "mcp.unknown_token",
    "mcp.id_reused",
    "mcp.no_initialize",
    "mcp.not_initialized",
    "mcp.no_endpoint",
    "mcp.wrong_session",
    "mcp.wrong_replay",
    "mcp.session_id_missing",
    "mcp.response_on_get_stream",
    "rpc.not_json",
];

/// The request of a body was not captured: the body answers it, and is no stray.
#[test]
fn the_request_of_a_body_is_missing() {
    for mut ready in Ready::each() {
        ready.ask(&request(1, "tools/list"));
        ready.answer(&result(1));
        let lost = ready.posted(&request(2, "tools/call"));
        let posts = ready.posts;
        ready.story.at(500.0).lose(posts, Client, lost);
        if ready.is_http_sse() {
            ready.reply(accepted());
        }
        ready.at(510.0).answer(&result(2));
        ready.at(1000.0).ask(&request(3, "tools/list"));
        ready.at(1005.0).answer(&result(3));
        let rows = ready.rows();
        let last = rows.of_type("exchange").into_iter().find(|row| row["id"] == 3).unwrap();
        has(last, json!({"status": "ok", "total_ms": 5.0}));
        rows.is_silent_on(BLAME);
    }
}

/// The answer was not captured, whoever ends what afterwards.
#[test]
fn the_answer_is_missing() {
    for ending in 0..5 {
        for mut ready in Ready::each() {
            ready.ask(&request(1, "tools/call"));
            if ending == 1 {
                ready.begin();
            }
            ready.at(12.0).lose_answer(&result(1));
            ready.at(900.0);
            let conn = ready.answers_on();
            match ending {
                0 | 1 => ready.close_answers(Client),
                2 => ready.close_answers(Server),
                3 => drop(ready.story.rst(conn, Client)),
                _ => drop(ready.story.rst(conn, Server)),
            }
            let rows = ready.rows();
            rows.exchange_is(2, json!({"status": "undetermined", "cause": null, "total_ms": null}));
            rows.is_silent_on(BLAME);
            rows.is_silent_on(&["mcp.abandoned", "http.body_cut"]);
        }
    }
}

/// Everything that a capture sees that begins in the middle, and whose beginning it lacks.
#[test]
fn a_capture_that_begins_in_the_middle() {
    for mut ready in Ready::each_midstream() {
        // Requests that were sent before.
        ready.begin();
        ready.tell(&progress(4, 1.0, None));
        ready.at(11.0).tell(&result(4));
        ready.end();
        ready.at(12.0).notify(&cancel(3));
        ready.at(13.0).notify(&result(0));
        // What is whole.
        ready.at(20.0).ask(&request(5, "tools/list"));
        ready.at(25.0).answer(&result(5));
        ready.at(30.0).ask(&call_with_token(6));
        ready.begin();
        ready.at(31.0).tell(&progress(6, 1.0, None));
        ready.at(40.0).tell(&result(6));
        ready.end();
        ready.at(50.0).ask(&request(7, "tools/call"));
        let rows = ready.rows();
        for (id, total) in [(5, 5.0), (6, 10.0)] {
            let row = rows.of_type("exchange").into_iter().find(|row| row["id"] == id).unwrap();
            has(row, json!({"status": "ok", "total_ms": total}));
        }
        let last = rows.of_type("exchange").into_iter().find(|row| row["id"] == 7).unwrap();
        assert!(["unanswered", "undetermined"].contains(&last["status"].as_str().unwrap()), "{last}");
        assert!([json!("capture_end"), json!(null)].contains(&last["cause"]), "{last}");
        rows.is_silent_on(BLAME);
        assert!(rows.of_type("finding").iter().all(|row| row["severity"] != "error"), "{}", rows.text);
        assert!(rows.of_type("finding").iter().all(|row| row["severity"] != "warning"), "{}", rows.text);
    }
}

/// The request with just this id may be the one that was not captured.
#[test]
fn an_id_of_another_type_may_be_that_of_a_missing_request() {
    let [_, mut ready] = Ready::each();
    ready.ask(&request("2", "tools/list"));
    let posts = ready.posts;
    let lost = ready.posted(&request(2, "tools/call"));
    ready.story.at(11.0).lose(posts, Client, lost);
    ready.reply(accepted());
    ready.at(20.0).answer(&result(2));
    ready.at(30.0).answer(&result("2"));
    let rows = ready.rows();
    rows.exchange_is(2, json!({"id": "2", "status": "ok", "total_ms": 20.0}));
    rows.is_silent_on(BLAME);
    rows.is_silent_on(&["mcp.id_changed"]);
}

/// Another session asked with the same token before the capture began.
#[test]
fn progress_may_belong_to_a_request_before_the_capture() {
    for is_http_sse in [false, true] {
        let mut story = Story::new();
        let token = progress(5, 1.0, None);
        if is_http_sse {
            let (stream, posts) = legacy_ready(&mut story);
            let other = story.midstream("10.0.0.7:5000", SERVER);
            story.at(10.0).c(posts, send(TARGET, &call_with_token(5)));
            story.s(posts, accepted());
            story.at(20.0).s(stream, event(&token));
            story.at(21.0).s(other, event(&token));
            story.at(30.0).s(stream, event(&result(5)));
            story.at(31.0).s(other, event(&result(5)));
            story.at(20_000.0).ack(other, Client);
        } else {
            let conn = streamable(&mut story, "10.0.0.1:5000", "2025-06-18", "x");
            let other = story.midstream("10.0.0.7:5000", SERVER);
            story.at(10.0).c(conn, post("/mcp", NAMED, &call_with_token(5)));
            story.s(conn, sse(&[]));
            story.at(20.0).s(conn, event(&token));
            story.at(21.0).s(other, event(&token));
            story.at(30.0).s(conn, event(&result(5)));
            story.at(31.0).s(other, event(&result(5)));
            story.at(20_000.0).ack(other, Client);
        }
        let rows = story.run();
        rows.exchange_is(2, json!({"status": "ok", "progress": 1, "total_ms": 20.0}));
        rows.is_silent_on(BLAME);
    }
}

/// The stream that is resumed was not captured: nobody knows whose events are repeated.
#[test]
fn the_stream_that_is_resumed_is_missing() {
    let [mut ready, _] = Ready::each();
    let log = |text: &str| notification("notifications/message", json!({"level": "info", "data": text}));
    let conn = ready.connect();
    ready.story.c(conn, get("/mcp", &[NAMED[0], ("Last-Event-ID", "b1")]));
    ready.story.s(conn, sse(&[]) + &event_id("b2", &log("b 2")));
    ready.rows().is_silent_on(BLAME);
    // The head of the GET is missing: it may have had a Last-Event-ID.
    let [mut ready, _] = Ready::each();
    let stream = ready.story.midstream("10.0.0.1:5200", SERVER);
    ready.ask(&request(1, "tools/list"));
    ready.begin();
    ready.at(15.0).story.s(stream, sse(&[]) + &event(&result(1)));
    ready.end();
    let rows = ready.rows();
    rows.exchange_is(2, json!({"id": 1}));
    rows.is_silent_on(BLAME);
}

/// The endpoint event is in the gap, or before the capture.
#[test]
fn the_endpoint_event_is_missing() {
    for is_midstream in [false, true] {
        let mut story = Story::new();
        let stream = if is_midstream {
            let stream = story.midstream("10.0.0.1:5000", SERVER);
            story.s(stream, event(&notification("notifications/message", json!({}))));
            stream
        } else {
            let stream = story.connect("10.0.0.1:5000", SERVER);
            story.c(stream, get("/sse", &[]));
            story.s(stream, sse(&[]));
            story.lose(stream, Server, chunk(&format!("event: endpoint\ndata: {TARGET}\n\n")));
            story.ack(stream, Client);
            stream
        };
        story.at(500.0).s(stream, chunk(": ping\n\n"));
        story.at(3000.0).rst(stream, Client);
        story.run().is_silent_on(BLAME);
    }
}

/// The handshake, or a part of it, was lost.
#[test]
fn the_handshake_is_missing() {
    for lost in 0..3 {
        for is_http_sse in [false, true] {
            let mut story = Story::new();
            let (stream, posts) = if is_http_sse {
                legacy(&mut story, ["10.0.0.1:5000", "10.0.0.1:5001"], SERVER, TARGET)
            } else {
                let conn = story.connect("10.0.0.1:5000", SERVER);
                (conn, conn)
            };
            let opening = initialize(0, "2025-06-18");
            let answer = initialized(0, "2025-06-18");
            let given = json_reply("200 OK", &[NAMED[0]], &answer);
            let messages = [
                (
                    Client,
                    posts,
                    if is_http_sse { send(TARGET, &opening) } else { post("/mcp", &[], &opening) },
                ),
                (Server, stream, if is_http_sse { event(&answer) } else { given }),
                (
                    Client,
                    posts,
                    if is_http_sse { send(TARGET, INITIALIZED) } else { post("/mcp", NAMED, INITIALIZED) },
                ),
            ];
            for (n, (from, conn, bytes)) in messages.into_iter().enumerate() {
                match (n == lost, from) {
                    (true, from) => drop(story.lose(conn, from, bytes)),
                    (false, Client) => drop(story.c(conn, bytes)),
                    (false, Server) => drop(story.s(conn, bytes)),
                }
                if from == Client && (is_http_sse || n == 2) {
                    story.s(posts, accepted());
                }
            }
            story.at(900.0);
            for id in 1..4 {
                let list = request(id, "tools/list");
                if is_http_sse {
                    story.c(posts, send(TARGET, &list));
                    story.s(posts, accepted());
                    story.s(stream, event(&result(id)));
                } else {
                    story.c(posts, post("/mcp", NAMED, &list));
                    story.s(posts, ok(&result(id)));
                }
            }
            story.at(20_000.0).ack(posts, Client);
            let rows = story.run();
            rows.is_silent_on(BLAME);
            rows.is_silent_on(&["mcp.version_header", "mcp.session_id_changed", "mcp.initialized_twice"]);
        }
    }
}

/// Answers to what holds no request: the acceptance of a notification, a preflight, a GET, a
/// DELETE.
#[test]
fn the_answer_to_no_request_is_missing() {
    for mut ready in Ready::each() {
        let path = if ready.is_http_sse() { TARGET } else { "/mcp" };
        let named: Fields = if ready.is_http_sse() { &[] } else { NAMED };
        let preflight = format!(
            "OPTIONS {path} HTTP/1.1\r\nHost: h\r\nOrigin: http://page\r\n\
             Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: mcp-session-id\r\n\r\n"
        );
        let asked = [
            ready.posted(&notification("notifications/x", json!({}))),
            preflight,
            get(path, named),
            delete(path, named),
        ];
        for asked in asked {
            let conn = ready.connect();
            ready.story.c(conn, asked);
            ready.story.lose(conn, Server, reply("404 Not Found", &[], "no"));
            ready.story.ack(conn, Client);
            ready.at(900.0).story.close(conn, Client);
        }
        let rows = ready.rows();
        rows.is_silent_on(BLAME);
        let told = ["mcp.preflight_refused", "mcp.message_refused", "mcp.get_misanswered"];
        rows.is_silent_on(&told);
        rows.is_silent_on(&["mcp.delete_unanswered", "mcp.delete_refused"]);
    }
}

/// The answer to the DELETE is missing: the stream of the call may have ended because of it.
#[test]
fn the_answer_to_a_deletion_is_missing() {
    let [mut ready, _] = Ready::each();
    ready.ask(&request(1, "tools/call"));
    ready.begin();
    let other = ready.connect();
    ready.story.at(50.0).c(other, delete("/mcp", NAMED));
    ready.story.at(51.0).lose(other, Server, reply("200 OK", &[], ""));
    ready.story.ack(other, Client);
    ready.at(52.0).end();
    let rows = ready.rows();
    let row = rows.exchange(2);
    assert_ne!(row["cause"], "server_closed", "{}", rows.text);
    rows.is_silent_on(BLAME);
}

/// Progress that came in time may be what is missing, and so may a keep-alive be.
#[test]
fn what_broke_the_silence_is_missing() {
    for mut ready in Ready::each() {
        ready.ask(&call_with_token(1));
        ready.begin();
        let conn = ready.answers_on();
        ready.story.at(1000.0).lose(conn, Server, event(&progress(1, 0.5, None)));
        ready.story.ack(conn, Client);
        ready.at(3000.0);
        for n in 1..5 {
            ready.tell(&progress(1, f64::from(n), None));
        }
        ready.at(3001.0).tell(&result(1));
        ready.end();
        ready.rows().is_silent_on(&["mcp.bunched"]);
    }
    let mut story = Story::new();
    streamable(&mut story, "10.0.0.1:5000", "2025-06-18", "x");
    for n in 0..4_u32 {
        let begin = 1000.0 + 4000.0 * f64::from(n);
        let conn = story.at(begin).connect(&format!("10.0.0.1:{}", 5001 + n), SERVER);
        story.c(conn, get("/mcp", NAMED));
        story.s(conn, sse(&[]));
        story.at(begin + 1500.0).lose(conn, Server, chunk(": keep-alive\n\n"));
        story.at(begin + 1501.0).ack(conn, Client);
        story.at(begin + 3000.0).rst(conn, Client);
    }
    story.run().is_silent_on(&["mcp.idle_limit"]);
}

/// A request with the id of a second response was not captured.
#[test]
fn a_second_response_may_be_that_of_a_missing_request() {
    for mut ready in Ready::each() {
        ready.ask(&request(1, "tools/list"));
        ready.answer(&result(1));
        let posts = ready.posts;
        let lost = ready.posted(&request(1, "tools/call"));
        ready.story.at(500.0).lose(posts, Client, lost);
        if ready.is_http_sse() {
            ready.reply(accepted());
        }
        ready.at(510.0).answer(&result(1));
        let rows = ready.rows();
        rows.exchange_is(2, json!({"status": "ok", "total_ms": 0.0}));
        rows.is_silent_on(BLAME);
    }
}
