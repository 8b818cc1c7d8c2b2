//! What MCP demands of clients and servers, further: each breach is told once, with session and
//! exchange, and not told where it holds or where the evidence may be missing.

use serde_json::{Value, json};

use super::http::*;
use super::ready::*;
use super::story::*;

const A: &str = "10.0.0.1:5000";

/// The one finding with this code is about the session and the exchange.
#[track_caller]
fn about(rows: &Rows, code: &str, exchange: impl Into<Value>) {
    rows.finds(code, 1);
    has(rows.found(code)[0], json!({"session": "s1", "exchange": exchange.into()}));
}

/// A client that does not accept what the server answers with is refused.
#[test]
fn an_accept_field_that_lacks_a_media_type() {
    let both = "application/json, text/event-stream";
    for (accept, status, missing) in [
        ("application/json", "406 Not Acceptable", Some("text/event-stream")),
        ("*/*", "406 Not Acceptable", Some("text/event-stream")),
        ("text/event-stream", "406 Not Acceptable", Some("application/json")),
        (both, "406 Not Acceptable", None),
        ("application/json", "400 Bad Request", None),
    ] {
        let refusal = json_reply(status, &[], &error(Value::Null, -32000, "Not Acceptable"));
        let [mut ready, _] = Ready::each();
        let asked = ready.posted(&request(1, "tools/list")).replace(both, accept);
        ready.story.c(ready.posts, asked);
        ready.reply(&refusal);
        let rows = ready.rows();
        rows.exchange_is(2, json!({"status": "http_error"}));
        rows.finds("mcp.not_acceptable", usize::from(missing.is_some()));
        if let Some(missing) = missing {
            about(&rows, "mcp.not_acceptable", 2);
            let detail = rows.found("mcp.not_acceptable")[0]["detail"].as_str().unwrap();
            assert!(detail.ends_with(missing), "{detail}");
        }
        // The first request, of which no session comes.
        let mut story = Story::new();
        let conn = story.connect(A, SERVER);
        story.c(conn, post("/mcp", &[], &initialize(0, "2025-06-18")).replace(both, accept));
        story.s(conn, &refusal);
        let rows = story.run();
        rows.finds("mcp.not_acceptable", usize::from(missing.is_some()));
    }
    let [mut ready, _] = Ready::each();
    let conn = ready.connect();
    ready.story.c(conn, get("/mcp", NAMED).replace("text/event-stream", "application/json"));
    ready.story.s(conn, reply("406 Not Acceptable", &[], ""));
    about(&ready.rows(), "mcp.not_acceptable", Value::Null);
}

/// The server does not know the session, and the client goes on with it.
#[test]
fn a_session_that_is_used_on() {
    for is_http_sse in [false, true] {
        for (statuses, count) in [
            (&[404, 404, 404, 404][..], 1),
            (&[404, 404], 0),
            (&[404, 200, 404, 404], 0),
            (&[500, 500, 500], 0),
        ] {
            let [streamable, http_sse] = Ready::each();
            let mut ready = if is_http_sse { http_sse } else { streamable };
            for (id, status) in (1..).zip(statuses) {
                ready.at(1000.0 * f64::from(id));
                let asked = ready.posted(&request(id, "tools/list"));
                ready.story.c(ready.posts, asked);
                match (status, is_http_sse) {
                    (200, false) => drop(ready.reply(ok(&result(id)))),
                    (200, true) => {
                        ready.reply(accepted());
                        ready.answer(&result(id));
                    }
                    (status, _) => drop(ready.reply(reply(&format!("{status} No"), &[], "no session"))),
                }
            }
            let rows = ready.rows();
            rows.finds("mcp.session_kept", count);
            if count > 0 {
                about(&rows, "mcp.session_kept", 4);
            }
        }
    }
}

/// Requests that were on their way when the first one was refused, and a session that another
/// replica serves.
#[test]
fn a_session_that_is_not_used_on() {
    let [mut ready, _] = Ready::each();
    let conns: Vec<_> = (0..4).map(|_| ready.connect()).collect();
    for (id, conn) in (1..).zip(&conns) {
        let asked = ready.posted(&request(id, "tools/list"));
        ready.story.c(*conn, asked);
    }
    for conn in &conns {
        ready.story.at(20.0).s(*conn, reply("404 Not Found", &[], "no session"));
    }
    ready.rows().finds("mcp.session_kept", 0);

    let id = "7f4d5d49-1c7e-4f2a-9d36-0b1e2f3a4c5d";
    let mut story = Story::new();
    streamable(&mut story, A, "2025-06-18", id);
    let replica = story.connect("10.0.0.1:6000", "10.0.0.3:3000");
    for n in 1..6 {
        story
            .at(100.0 * f64::from(n))
            .c(replica, post("/mcp", &[("Mcp-Session-Id", id)], &request(n, "tools/list")));
        story.s(replica, reply("404 Not Found", &[], "no session"));
    }
    story.run().finds("mcp.session_kept", 0);
}

/// Two streams of one session whose events have the same ids.
#[test]
fn event_ids_that_two_streams_give() {
    let log = notification("notifications/message", json!({"level": "info", "data": "x"}));
    for (ids, resumed, count) in [(["1", "1"], false, 1), (["a1", "b1"], false, 0), (["1", "1"], true, 0)] {
        let [mut ready, _] = Ready::each();
        for (id, n) in ids.into_iter().zip(0..) {
            let stream = ready.connect();
            let resume: Fields = &[NAMED[0], NAMED[1], ("Last-Event-ID", "1")];
            ready.story.c(stream, get("/mcp", if resumed && n == 1 { resume } else { NAMED }));
            ready.story.s(stream, sse(&[]) + &event_id(id, &log) + &event_id(&format!("{id}-x"), &log));
        }
        let rows = ready.rows();
        rows.finds("mcp.event_id_not_unique", count);
        if count > 0 {
            about(&rows, "mcp.event_id_not_unique", Value::Null);
        }
    }
    // The head of the second stream is not in the capture: it may resume the first one.
    let [mut ready, _] = Ready::each();
    let stream = ready.connect();
    ready.story.c(stream, get("/mcp", NAMED));
    ready.story.s(stream, sse(&[]) + &event_id("1", &log));
    let other = ready.story.midstream("10.0.0.1:5200", SERVER);
    ready.story.s(other, sse(&[]) + &event_id("1", &log));
    ready.rows().finds("mcp.event_id_not_unique", 0);
}

/// Streams of POSTs that count their events from one each: told once, at the second.
#[test]
fn event_ids_that_each_post_counts_anew() {
    let [mut ready, _] = Ready::each();
    for id in 1..6 {
        ready.ask(&request(id, "tools/list"));
        ready.reply(sse(&[]) + &event_id("1", &result(id)) + LAST);
    }
    let rows = ready.rows();
    about(&rows, "mcp.event_id_not_unique", 3);
    rows.says(&["mcp.event_id_not_unique"]);
}

/// The server writes what it has to say on all streams of the session.
#[test]
fn a_message_on_two_streams() {
    let [mut ready, _] = Ready::each();
    let other = ready.connect();
    ready.story.c(other, get("/mcp", NAMED));
    ready.story.s(other, sse(&[]));
    ready.ask(&call_with_token(1));
    ready.begin();
    let question = request(9, "elicitation/create");
    ready.at(20.0).tell(&question);
    let again = ready.story.at(20.5).s(other, event(&question));
    ready.at(30.0).notify(&result(9));
    for n in 1..4 {
        let told = progress(1, f64::from(n), None);
        ready.at(30.0 + f64::from(n)).tell(&told);
        ready.story.s(other, event(&told));
    }
    ready.at(40.0).tell(&result(1));
    ready.end();
    let rows = ready.rows();
    rows.counts("exchange", 3);
    rows.exchange_is(2, json!({"status": "ok", "progress": 3}));
    rows.exchange_is(3, json!({"origin": "server", "status": "ok", "total_ms": 10.0}));
    assert_eq!(rows.codes().iter().filter(|code| **code == "mcp.broadcast").count(), 4, "{}", rows.text);
    has(rows.found("mcp.broadcast")[0], json!({"exchange": 3, "session": "s1", "packet": again}));
    rows.is_silent_on(&["mcp.id_reused", "mcp.progress_order", "mcp.wrong_session"]);
}

/// The same question again much later is another one, and what a stream repeats is the same.
#[test]
fn a_message_that_comes_again() {
    let [mut ready, _] = Ready::each();
    let streams = [ready.connect(), ready.connect()];
    for (at, stream) in [20.0, 5000.0].into_iter().zip(streams) {
        ready.story.at(at).c(stream, get("/mcp", NAMED));
        ready.story.s(stream, sse(&[]) + &event(&request(0, "ping")));
        ready.at(at + 5.0).notify(&result(0));
    }
    let rows = ready.rows();
    rows.counts("exchange", 3);
    rows.finds("mcp.broadcast", 0);

    let [mut ready, _] = Ready::each();
    let (first, second) = (ready.connect(), ready.connect());
    ready.story.c(first, get("/mcp", NAMED));
    ready.story.s(first, sse(&[]) + &event_id("e1", &request(0, "ping")));
    ready.story.at(100.0).close(first, Server);
    ready.story.at(200.0).c(second, get("/mcp", &[NAMED[0], NAMED[1], ("Last-Event-ID", "e0")]));
    ready.story.s(second, sse(&[]) + &event_id("e1", &request(0, "ping")));
    ready.at(210.0).notify(&result(0));
    let rows = ready.rows();
    rows.counts("exchange", 2);
    rows.finds("mcp.broadcast", 0);
}

/// `initialize` and its result have a revision, capabilities and a name.
#[test]
fn a_handshake_that_lacks_a_member() {
    let info = json!({"name": "n", "version": "1"});
    let asked = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": info});
    let told = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": info});
    let without = |message: &Value, member: &str| {
        let mut message = message.clone();
        message.as_object_mut().unwrap().remove(member);
        message
    };
    for (asked, told, missing) in [
        (asked.clone(), told.clone(), None),
        (without(&asked, "clientInfo"), told.clone(), Some("clientInfo")),
        (without(&asked, "capabilities"), told.clone(), Some("capabilities")),
        (asked.clone(), without(&told, "serverInfo"), Some("serverInfo")),
        (asked.clone(), json!({}), Some("protocolVersion, capabilities, serverInfo")),
    ] {
        for is_http_sse in [false, true] {
            let mut story = Story::new();
            let initialize = with(0, "initialize", asked.clone());
            let answer = json!({"jsonrpc": "2.0", "id": 0, "result": told}).to_string();
            if is_http_sse {
                let (stream, posts) = legacy(&mut story, [A, "10.0.0.1:5001"], SERVER, TARGET);
                story.c(posts, send(TARGET, &initialize));
                story.s(posts, accepted());
                story.s(stream, event(&answer));
            } else {
                let conn = story.connect(A, SERVER);
                story.c(conn, post("/mcp", &[], &initialize));
                story.s(conn, json_reply("200 OK", &NAMED[..1], &answer));
            }
            let rows = story.run();
            rows.finds("mcp.initialize_incomplete", usize::from(missing.is_some()));
            if let Some(missing) = missing {
                about(&rows, "mcp.initialize_incomplete", 1);
                let detail = rows.found("mcp.initialize_incomplete")[0]["detail"].as_str().unwrap();
                assert!(detail.contains(missing), "{detail}");
            }
        }
    }
}

/// Bytes of the handshake are missing: it may have had them.
#[test]
fn a_handshake_with_a_gap() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    let whole = post("/mcp", &[], &initialize(0, "2025-06-18"));
    let (front, rest) = whole.split_at(whole.len() - 40);
    story.c(conn, front);
    story.lose(conn, Client, rest);
    story.s(conn, json_reply("200 OK", &NAMED[..1], &initialized(0, "2025-06-18")));
    story.at(900.0).c(conn, post("/mcp", NAMED, INITIALIZED));
    story.s(conn, accepted());
    story.at(20_000.0).ack(conn, Client);
    story.run().finds("mcp.initialize_incomplete", 0);
}

/// Clients reject a list of tools in which one has no schema.
#[test]
fn a_tool_without_a_schema() {
    let fine = json!({"name": "fine", "inputSchema": {"type": "object"}});
    for (tool, count) in [
        (json!({"name": "t", "inputSchema": {"type": "object", "properties": {}}}), 0),
        (json!({"name": "t", "inputSchema": {"properties": {}, "type": "object", "$schema": "x"}}), 0),
        (json!({"name": "t"}), 1),
        (json!({"name": "t", "inputSchema": null}), 1),
        (json!({"name": "t", "inputSchema": {}}), 1),
        (json!({"name": "t", "inputSchema": {"type": "string"}}), 1),
    ] {
        for mut ready in Ready::each() {
            ready.ask(&request(1, "tools/list"));
            let tools = json!({"tools": [fine, tool]});
            ready.answer(&json!({"jsonrpc": "2.0", "id": 1, "result": tools}).to_string());
            let rows = ready.rows();
            rows.finds("mcp.tool_schema", count);
            if count > 0 {
                about(&rows, "mcp.tool_schema", 2);
                let detail = rows.found("mcp.tool_schema")[0]["detail"].as_str().unwrap();
                assert!(detail.contains("tool t "), "{detail}");
            }
        }
    }
    // Prompts and resources have none.
    for mut ready in Ready::each() {
        for (id, kind) in [(1, "prompts"), (2, "resources")] {
            ready.ask(&request(id, &format!("{kind}/list")));
            let listed = json!({kind: [{"name": "t", "uri": "u:x"}]});
            ready.answer(&json!({"jsonrpc": "2.0", "id": id, "result": listed}).to_string());
        }
        ready.rows().finds("mcp.tool_schema", 0);
    }
}
