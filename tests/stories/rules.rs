//! Rules of MCP that are broken on the wire: each is told, with session and exchange, in both
//! transports, and not told where it holds or where the evidence may be missing.

use serde_json::{Value, json};

use super::http::*;
use super::ready::*;
use super::story::*;

const A: &str = "10.0.0.1:5000";
const B: &str = "10.0.0.1:5001";
const SID: Fields = &[("Mcp-Session-Id", "x"), ("MCP-Protocol-Version", "2025-06-18")];

/// The only finding with this code has these fields.
#[track_caller]
fn found(rows: &Rows, code: &str, expected: Value) {
    rows.finds(code, 1);
    has(rows.found(code)[0], expected);
}

#[test]
fn progress_goes_back_or_past_its_total() {
    for (values, at) in [
        (&[(1.0, Some(3.0)), (2.0, Some(3.0)), (2.0, None), (3.0, Some(3.0))][..], None),
        (&[(2.0, None), (1.0, None), (3.0, None)], Some(1)),
        (&[(1.0, Some(0.0)), (5.0, Some(4.0))], Some(1)),
    ] {
        for mut ready in Ready::each() {
            ready.ask(&call_with_token(1));
            ready.begin();
            let packets: Vec<_> =
                values.iter().map(|(value, total)| ready.tell(&progress(1, *value, *total))).collect();
            ready.tell(&result(1));
            ready.end();
            let rows = ready.story.run();
            match at {
                None => rows.finds("mcp.progress_order", 0),
                Some(at) => {
                    let about = json!({"packet": packets[at], "session": "s1", "exchange": 2});
                    found(&rows, "mcp.progress_order", about);
                    rows.exchange_is(2, json!({"findings": ["mcp.progress_order"]}));
                }
            }
        }
    }
}

#[test]
fn progress_after_the_response() {
    for mut ready in Ready::each() {
        ready.ask(&call_with_token(1));
        ready.begin();
        ready.tell(&progress(1, 1.0, None));
        ready.tell(&result(1));
        let late = ready.tell(&progress(1, 2.0, None));
        ready.end();
        let rows = ready.story.run();
        found(&rows, "mcp.late_progress", json!({"packet": late, "session": "s1"}));
        rows.finds("mcp.unknown_token", 0);
    }
}

/// A task goes on after the response that creates it (2025-11-25).
#[test]
fn progress_of_a_task() {
    for mut ready in Ready::each() {
        ready.ask(&call_with_token(1));
        ready.begin();
        let task = json!({"task": {"taskId": "t1", "status": "working"}});
        ready.tell(&json!({"jsonrpc": "2.0", "id": 1, "result": task}).to_string());
        ready.tell(&progress(1, 2.0, None));
        ready.end();
        ready.story.run().finds("mcp.late_progress", 0);
    }
}

/// On another stream it may have been sent before the response.
#[test]
fn progress_on_another_stream_may_be_in_time() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    let other = story.connect(B, SERVER);
    story.c(other, get("/mcp", SID));
    story.s(other, sse(&[]));
    story.at(10.0).c(conn, post("/mcp", SID, &call_with_token(1)));
    story.at(12.0).s(conn, ok(&result(1)));
    story.at(13.0).s(other, event(&progress(1, 1.0, None)));
    story.run().finds("mcp.late_progress", 0);
}

#[test]
fn a_result_that_is_no_object() {
    for text in ["null", "[]", "\"done\"", "true"] {
        for mut ready in Ready::each() {
            ready.ask(&request(1, "logging/setLevel"));
            let p = ready.answer(&format!(r#"{{"jsonrpc":"2.0","id":1,"result":{text}}}"#));
            let rows = ready.story.run();
            rows.exchange_is(2, json!({"status": "ok"}));
            found(&rows, "rpc.bad_result", json!({"packet": p, "session": "s1", "exchange": 2}));
        }
    }
}

/// An error that is a text keeps it.
#[test]
fn an_error_that_is_a_text() {
    for mut ready in Ready::each() {
        ready.ask(&request(1, "tools/list"));
        ready.answer(r#"{"jsonrpc":"2.0","id":1,"error":"out of memory"}"#);
        let rows = ready.story.run();
        rows.exchange_is(2, json!({"status": "error", "error": {"code": null, "message": "out of memory"}}));
        rows.finds("rpc.bad_error", 1);
    }
}

/// One number in another spelling is the same id, and some clients do not find it.
#[test]
fn an_id_in_another_spelling() {
    for mut ready in Ready::each() {
        ready.ask(&request(1, "tools/list"));
        let p = ready.answer(r#"{"jsonrpc":"2.0","id":1.0,"result":{}}"#);
        let rows = ready.story.run();
        rows.exchange_is(2, json!({"id": 1, "status": "ok", "findings": ["mcp.id_spelling"]}));
        found(&rows, "mcp.id_spelling", json!({"packet": p, "session": "s1", "exchange": 2}));
        rows.finds("mcp.id_changed", 0);
    }
}

/// A session whose `initialize` was answered, ready for `next`.
fn opened(is_http_sse: bool, server: Value, client: Value, next: &[&str]) -> Story {
    let mut story = Story::new();
    let info = json!({"name": "n", "version": "1"});
    let params = json!({"protocolVersion": "2025-06-18", "capabilities": client, "clientInfo": info});
    let initialize = with(0, "initialize", params);
    let result = json!({"protocolVersion": "2025-06-18", "capabilities": server, "serverInfo": info});
    let initialized = json!({"jsonrpc": "2.0", "id": 0, "result": result}).to_string();
    if is_http_sse {
        let (stream, posts) = legacy(&mut story, [A, B], SERVER, TARGET);
        story.c(posts, send(TARGET, &initialize));
        story.s(posts, accepted());
        story.s(stream, event(&initialized));
        for message in next {
            story.c(posts, send(TARGET, message));
            story.s(posts, accepted());
        }
        story.at(3000.0).ack(stream, Client);
    } else {
        let conn = story.connect(A, SERVER);
        story.c(conn, post("/mcp", &[], &initialize));
        story.s(conn, json_reply("200 OK", &[("Mcp-Session-Id", "x")], &initialized));
        for message in next {
            story.c(conn, post("/mcp", SID, message));
            story.s(conn, accepted());
        }
        story.at(3000.0).ack(conn, Client);
    }
    story
}

#[test]
fn a_session_is_used_before_it_is_initialized() {
    let tools = json!({"tools": {}});
    for is_http_sse in [false, true] {
        let (list, ping) = (request(1, "tools/list"), request(1, "ping"));
        let rows = opened(is_http_sse, tools.clone(), json!({}), &[&list, &list.replace('1', "2")]).run();
        found(&rows, "mcp.not_initialized", json!({"session": "s1", "exchange": 2}));
        for next in [&[INITIALIZED, &list][..], &[&list, INITIALIZED], &[&ping]] {
            let rows = opened(is_http_sse, tools.clone(), json!({}), next).run();
            rows.finds("mcp.not_initialized", 0);
        }
    }
}

/// The notification may be in what the capture lacks.
#[test]
fn the_notification_may_have_been_lost() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.c(conn, post("/mcp", &[], &initialize(0, "2025-06-18")));
    story.s(conn, json_reply("200 OK", &[("Mcp-Session-Id", "x")], &initialized(0, "2025-06-18")));
    story.lose(conn, Client, post("/mcp", SID, INITIALIZED));
    story.s(conn, accepted());
    story.at(900.0).c(conn, post("/mcp", SID, &request(1, "tools/list")));
    story.s(conn, ok(&result(1)));
    story.at(3000.0).ack(conn, Client);
    story.run().finds("mcp.not_initialized", 0);
}

#[test]
fn a_session_is_initialized_again() {
    for mut ready in Ready::each() {
        ready.ask(&initialize(5, "2025-06-18"));
        ready.answer(&error(5, -32600, "already initialized"));
        let rows = ready.story.run();
        found(&rows, "mcp.initialized_twice", json!({"session": "s1", "exchange": 2}));
        rows.counts("session", 1);
    }
    // Without a session id it opens another one.
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.c(conn, post("/mcp", &[], &initialize(5, "2025-06-18")));
    story.s(conn, json_reply("200 OK", &[("Mcp-Session-Id", "y")], &initialized(5, "2025-06-18")));
    let rows = story.run();
    rows.finds("mcp.initialized_twice", 0);
    rows.counts("session", 2);
}

/// It is told where it explains an error or a missing answer.
#[test]
fn a_capability_that_was_not_announced() {
    for mut ready in Ready::each() {
        ready.ask(&request(1, "prompts/list"));
        ready.answer(&error(1, -32601, "method not found"));
        ready.ask(&request(2, "prompts/list"));
        ready.answer(&result(2));
        ready.ask(&request(3, "ping"));
        ready.answer(&error(3, -32601, "method not found"));
        let rows = ready.story.run();
        found(&rows, "mcp.capability_missing", json!({"session": "s1", "exchange": 2}));
        rows.exchange_is(2, json!({"findings": ["mcp.capability_missing"]}));
    }
    for is_http_sse in [false, true] {
        let run = |server: Value, method: &str| {
            opened(is_http_sse, server, json!({}), &[INITIALIZED, &request(1, method)]).run()
        };
        for (server, method) in [
            (json!({"tools": {}}), "tools/call"),
            (json!({"prompts": {}}), "prompts/get"),
            (json!({"completions": {}}), "completion/complete"),
        ] {
            run(server, method).finds("mcp.capability_missing", 0);
        }
    }
}

#[test]
fn the_server_asks_what_the_client_cannot() {
    for mut ready in Ready::each() {
        ready.ask(&with(1, "tools/call", json!({"name": "t"})));
        ready.begin();
        ready.tell(&request(7, "sampling/createMessage"));
        let (story, posts) = (&mut ready.story, ready.posts);
        let other = story.connect("10.0.0.1:5003", SERVER);
        let refusal = error(7, -32601, "method not found");
        let posted =
            if ready.stream.is_some() { send(TARGET, &refusal) } else { post("/mcp", SID, &refusal) };
        let conn = if ready.stream.is_some() { posts } else { other };
        story.c(conn, posted);
        story.s(conn, accepted());
        ready.tell(&result(1));
        ready.end();
        let rows = ready.story.run();
        found(&rows, "mcp.capability_missing", json!({"session": "s1", "exchange": 3}));
    }
}

/// A capture that begins later knows no capabilities.
#[test]
fn capabilities_that_are_not_known() {
    let mut story = Story::new();
    let conn = story.midstream(A, SERVER);
    story.c(conn, post("/mcp", SID, &request(7, "prompts/list")));
    story.s(conn, ok(&result(7)));
    let rows = story.run();
    for code in ["mcp.capability_missing", "mcp.not_initialized", "mcp.version_header"] {
        rows.finds(code, 0);
    }
}

#[test]
fn revisions_that_mcp_does_not_have() {
    for (version, count) in [("2025-06-18", 0), ("2027-03-01", 0), ("2025-01-01", 1), ("1.0", 1)] {
        let mut story = Story::new();
        let conn = story.connect(A, SERVER);
        story.c(conn, post("/mcp", &[], &initialize(0, "2025-06-18")));
        story.s(conn, ok(&initialized(0, version)));
        story.run().finds("mcp.revision_unknown", count);
        let mut story = Story::new();
        let (stream, posts) = legacy(&mut story, [A, B], SERVER, TARGET);
        story.c(posts, send(TARGET, &initialize(0, "2024-11-05")));
        story.s(posts, accepted());
        story.s(stream, event(&initialized(0, version)));
        story.run().finds("mcp.revision_unknown", count);
    }
}

/// Streamable HTTP names the negotiated revision with each request since 2025-06-18: another one is
/// told, a missing one where the server refuses the request.
#[test]
fn the_negotiated_revision_is_named() {
    for (revision, named, status, count) in [
        ("2025-06-18", Some("2025-06-18"), "400 Bad Request", 0),
        ("2025-06-18", None, "400 Bad Request", 1),
        ("2025-06-18", None, "202 Accepted", 0),
        ("2025-06-18", Some("2025-11-25"), "202 Accepted", 1),
        ("2025-03-26", None, "400 Bad Request", 0),
        ("2025-03-26", Some("2025-06-18"), "202 Accepted", 1),
    ] {
        let mut story = Story::new();
        let conn = story.connect(A, SERVER);
        let mut fields = vec![("Mcp-Session-Id", "x")];
        fields.extend(named.map(|named| ("MCP-Protocol-Version", named)));
        story.c(conn, post("/mcp", &[], &initialize(0, revision)));
        story.s(conn, json_reply("200 OK", &fields[..1], &initialized(0, revision)));
        story.c(conn, post("/mcp", &fields, INITIALIZED));
        let why = if status.starts_with('4') { "Bad Request: MCP-Protocol-Version is required" } else { "" };
        story.s(conn, reply(status, &[("Content-Type", "text/plain")], why));
        let rows = story.run();
        rows.finds("mcp.version_header", count);
        if count > 0 {
            has(rows.found("mcp.version_header")[0], json!({"session": "s1"}));
        }
    }
}

#[test]
fn a_refusal_without_a_challenge() {
    let challenge = &[("WWW-Authenticate", "Bearer resource_metadata=\"http://a/b\"")][..];
    for (fields, count) in [(&[][..], 1), (challenge, 0)] {
        for mut ready in Ready::each() {
            let list = request(1, "tools/list");
            let posted = if ready.stream.is_some() { send(TARGET, &list) } else { post("/mcp", SID, &list) };
            ready.story.c(ready.posts, posted);
            ready.story.s(ready.posts, json_reply("401 Unauthorized", fields, r#"{"error":"no"}"#));
            let rows = ready.story.run();
            rows.finds("mcp.no_challenge", count);
            if count > 0 {
                has(rows.found("mcp.no_challenge")[0], json!({"session": "s1", "exchange": 2}));
            }
        }
    }
    // The first request, of which no session comes.
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.c(conn, post("/mcp", &[], &initialize(0, "2025-06-18")));
    let p = story.s(conn, json_reply("401 Unauthorized", &[], "{}"));
    let rows = story.run();
    found(&rows, "mcp.no_challenge", json!({"packet": p, "exchange": 1}));
    // Other HTTP than MCP is not judged.
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.c(conn, get("/images", &[]));
    story.s(conn, json_reply("401 Unauthorized", &[], "{}"));
    story.run().finds("mcp.no_challenge", 0);
}

/// A page of another origin can read the session id only if the response exposes it.
#[test]
fn a_session_id_that_a_browser_hides() {
    let allowed = ("Access-Control-Allow-Origin", "*");
    let exposed = ("Access-Control-Expose-Headers", "X-A, mcp-session-id");
    let foreign = ("Origin", "http://localhost:5173");
    for (origin, more, count) in [
        (foreign, vec![allowed], 1),
        (foreign, vec![allowed, exposed], 0),
        (foreign, vec![], 0),
        (("Origin", "http://example"), vec![allowed], 0),
        (("X", "y"), vec![allowed], 0),
    ] {
        let mut story = Story::new();
        let conn = story.connect(A, SERVER);
        story.c(conn, post("/mcp", &[origin], &initialize(0, "2025-06-18")));
        let mut fields = vec![("Mcp-Session-Id", "x")];
        fields.extend(more);
        let p = story.s(conn, json_reply("200 OK", &fields, &initialized(0, "2025-06-18")));
        let rows = story.run();
        rows.finds("mcp.session_id_hidden", count);
        if count > 0 {
            let about = json!({"packet": p, "session": "s1", "exchange": 1});
            has(rows.found("mcp.session_id_hidden")[0], about);
        }
    }
}

#[test]
fn a_session_id_that_changes() {
    for (given, count) in [("x", 0), ("y", 1)] {
        let mut story = Story::new();
        let conn = streamable(&mut story, A, "2025-06-18", "x");
        story.c(conn, post("/mcp", SID, &request(1, "tools/list")));
        story.s(conn, json_reply("200 OK", &[("Mcp-Session-Id", given)], &result(1)));
        let rows = story.run();
        rows.finds("mcp.session_id_changed", count);
        rows.exchange_is(2, json!({"status": "ok", "session": "s1"}));
    }
}

/// Requests of 2026-07-28 repeat method, name and revision in headers.
#[test]
fn headers_of_2026_07_28_that_are_missing() {
    let call = modern(1, "tools/call", json!({"name": "t"}), Some("c"));
    let all = [MODERN, ("Mcp-Method", "tools/call"), ("Mcp-Name", "t")];
    for left_out in 0..=all.len() {
        let fields: Vec<_> =
            all.iter().enumerate().filter(|(at, _)| *at != left_out).map(|(_, field)| *field).collect();
        let mut story = Story::new();
        let conn = story.connect(A, SERVER);
        story.c(conn, post("/mcp", &fields, &call));
        story.s(conn, ok(&result(1)));
        let rows = story.run();
        rows.finds("mcp.header_mismatch", usize::from(left_out < all.len()));
        if let Some((name, _)) = all.get(left_out) {
            let detail = rows.found("mcp.header_mismatch")[0]["detail"].as_str().unwrap();
            assert!(detail.starts_with(&format!("{name} is missing")), "{detail}");
        }
    }
}

/// Two POSTs whose streams carry each other's response: paired by id, and told.
#[test]
fn responses_on_the_stream_of_another_post() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    let other = story.connect(B, SERVER);
    for (conn, id) in [(conn, 1), (other, 2)] {
        story.at(10.0).c(conn, post("/mcp", SID, &request(id, "tools/list")));
        story.s(conn, sse(&[]));
    }
    for (conn, id) in [(conn, 2), (other, 1)] {
        story.at(20.0).s(conn, event(&result(id)));
        story.s(conn, LAST);
    }
    let rows = story.run();
    for n in [2, 3] {
        rows.exchange_is(n, json!({"status": "ok", "findings": ["mcp.response_on_other_stream"]}));
    }
    // On the GET stream after Last-Event-ID, and on its own POST, it is at home.
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.c(conn, post("/mcp", SID, &request(1, "tools/list")));
    story.s(conn, sse(&[]));
    story.s(conn, event(&result(1)));
    story.s(conn, LAST);
    story.run().counts("finding", 0);
}

#[test]
fn a_result_under_an_http_error() {
    for mut ready in Ready::each() {
        for (id, body) in [(1, result(1)), (2, error(2, -32602, "no"))] {
            let list = request(id, "tools/list");
            let posted = if ready.stream.is_some() { send(TARGET, &list) } else { post("/mcp", SID, &list) };
            ready.story.c(ready.posts, posted);
            ready.story.s(ready.posts, json_reply("500 Internal Server Error", &[], &body));
        }
        let is_http_sse = ready.stream.is_some();
        let rows = ready.story.run();
        rows.exchange_is(2, json!({"status": "ok", "http_status": 500}));
        rows.finds("mcp.result_refused", usize::from(!is_http_sse));
    }
}

/// It is a request by its form, and nobody is blamed that it has no answer.
#[test]
fn a_notification_with_an_id() {
    for mut ready in Ready::each() {
        let p = ready.ask(&with(9, "notifications/cancelled", json!({"requestId": 3})));
        if ready.stream.is_none() {
            ready.story.s(ready.posts, accepted());
        }
        ready.story.at(3000.0).ack(ready.posts, Client);
        let rows = ready.story.run();
        found(&rows, "rpc.notification_id", json!({"packet": p, "session": "s1"}));
        for code in ["mcp.no_stream", "mcp.unanswered"] {
            rows.finds(code, 0);
        }
    }
}

/// Services of language models end their streams so: it is no JSON, and no batch.
#[test]
fn what_only_begins_like_a_batch() {
    for mut ready in Ready::each() {
        ready.ask(&request(1, "tools/list"));
        ready.begin();
        ready.tell(&result(1));
        let p = ready.tell("[DONE]");
        ready.end();
        let rows = ready.story.run();
        found(&rows, "rpc.not_json", json!({"packet": p}));
        rows.finds("mcp.batch", 0);
    }
}

/// What concerns a session carries it, also where no exchange is concerned.
#[test]
fn findings_about_a_session_carry_it() {
    let folded = &[("Mcp-Session-Id", "x, x")][..];
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(10.0).c(conn, post("/mcp", folded, &request(1, "tools/list")));
    story.s(conn, ok(&result(1)));
    story.c(conn, post("/mcp", SID, &request(2, "tools/call")));
    story.s(conn, sse(&[]));
    story.s(conn, event_id("a-1", &progress(99, 1.0, None)));
    story.s(conn, event_id("a-2", &result(2)));
    story.s(conn, LAST);
    let (cut, resumed) = (story.connect(B, SERVER), story.connect("10.0.0.1:5002", SERVER));
    story.at(20.0).c(cut, get("/mcp", SID));
    story.s(cut, sse(&[]));
    story.s(cut, event_id("b-1", &notification("notifications/message", json!({}))));
    story.close(cut, Server);
    story.at(30.0).c(resumed, get("/mcp", &[SID[0], ("Last-Event-ID", "b-1")]));
    story.s(resumed, sse(&[]));
    story.s(resumed, event_id("a-2", &result(2)));
    story.at(3000.0).ack(resumed, Client);
    let rows = story.run();
    for code in ["mcp.session_folded", "mcp.unknown_token", "mcp.wrong_replay"] {
        found(&rows, code, json!({"session": "s1"}));
    }
}
