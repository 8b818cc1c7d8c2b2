//! Section 5, further: ids, names, tokens and bytes of messages, and answers that are odd.

use serde_json::json;

use super::http::*;
use super::story::*;

const A: &str = "10.0.0.1:5000";
const B: &str = "10.0.0.1:5001";
const SID: Fields = &[("Mcp-Session-Id", "x")];

/// The stream of HTTP+SSE carries requests of the server too; the client answers by POST, the
/// server may cancel its own.
#[test]
fn requests_from_the_server_over_http_sse() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    story.at(10.0).s(stream, event(&request(0, "roots/list")));
    story.at(11.0).s(stream, event(&request(1, "sampling/createMessage")));
    story.at(12.0).c(posts, send(TARGET, &result(0)));
    story.s(posts, accepted());
    let cancel = notification("notifications/cancelled", json!({"requestId": 1}));
    story.at(13.0).s(stream, event(&cancel));
    story.at(20.0).close(stream, Client);
    story.close(posts, Client);
    let rows = story.run();
    rows.exchange_is(
        2,
        json!({"origin": "server", "status": "ok", "total_ms": 2.0, "ack_ms": null, "tcp_stream": 0}),
    );
    rows.exchange_is(
        3,
        json!({"origin": "server", "status": "cancelled", "cause": "cancelled", "total_ms": null, "http_status": null}),
    );
}

/// Over HTTP+SSE the repetition is joined: the stream is there to answer on.
#[test]
fn a_post_repeated_over_http_sse() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    let body = send(TARGET, &request(1, "tools/list"));
    story.at(10.0).c(posts, &body);
    story.at(11.0).rst(posts, Server);
    let again = story.at(12.0).connect("10.0.0.1:5009", SERVER);
    story.at(13.0).c(again, &body);
    story.at(14.0).s(again, accepted());
    story.at(20.0).s(stream, event(&result(1)));
    let rows = story.run();
    rows.counts("exchange", 2);
    rows.exchange_is(
        2,
        json!({"status": "ok", "request": {"start": t(10.0)}, "total_ms": 10.0, "http_status": 202}),
    );
    rows.finds("mcp.post_repeated", 1);
}

/// Ids keep their JSON type, whatever it is.
#[test]
fn ids_keep_their_type() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    let ids = [
        json!(-7),
        json!(9_007_199_254_740_993_i64),
        json!(u64::MAX),
        json!(1.5),
        json!(""),
        json!("a\"b\u{e9}"),
    ];
    for id in &ids {
        story.at(10.0).c(posts, send(TARGET, &request(id.clone(), "tools/list")));
        story.s(posts, accepted());
        story.at(11.0).s(stream, event(&result(id.clone())));
    }
    let rows = story.run();
    for (n, id) in (2..).zip(&ids) {
        assert_eq!(rows.exchange(n)["id"], *id);
        rows.exchange_is(n, json!({"status": "ok"}));
    }
}

#[test]
fn names() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    let all = [
        ("tools/call", json!({"name": "t", "arguments": {"name": "other"}}), json!("t")),
        ("prompts/get", json!({"name": "p"}), json!("p")),
        ("resources/read", json!({"uri": "file:///x"}), json!("file:///x")),
        ("resources/subscribe", json!({"uri": "file:///y"}), json!("file:///y")),
        ("tools/list", json!({"name": "no", "cursor": "c"}), json!(null)),
    ];
    for (id, (method, params, _)) in all.iter().enumerate() {
        story.at(10.0).c(posts, send(TARGET, &with(id + 1, method, params.clone())));
        story.s(posts, accepted());
        story.at(11.0).s(stream, event(&result(id + 1)));
    }
    let rows = story.run();
    for (n, (method, _, name)) in (2..).zip(&all) {
        rows.exchange_is(n, json!({"method": method, "name": name}));
    }
}

/// The data lines joined count, not the event as it stands.
#[test]
fn bytes_of_an_event_in_lines() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    story.at(10.0).c(posts, send(TARGET, &request(1, "tools/list")));
    story.s(posts, accepted());
    let lines =
        "event: message\r\ndata: {\"jsonrpc\":\"2.0\",\r\ndata: \"id\":1,\r\ndata:\"result\":{}}\r\n\r\n";
    story.at(11.0).s(stream, chunk(lines));
    let rows = story.run();
    let joined = "{\"jsonrpc\":\"2.0\",\n\"id\":1,\n\"result\":{}}";
    rows.exchange_is(2, json!({"status": "ok", "response": {"bytes": joined.len()}}));
}

/// A client that closes its direction right after the request is answered all the same.
#[test]
fn a_half_closed_connection() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(10.0).c(conn, post("/mcp", SID, &request(1, "tools/list")));
    story.at(11.0).fin(conn, Client);
    story.at(12.0).s(conn, ok(&result(1)));
    story.at(13.0).fin(conn, Server);
    let rows = story.run();
    rows.exchange_is(2, json!({"status": "ok", "cause": null, "total_ms": 2.0}));
}

/// Without `jsonrpc`, in a session that is known to be MCP: read, and told.
#[test]
fn a_message_without_version() {
    let mut story = Story::new();
    let conn = streamable(&mut story, A, "2025-06-18", "x");
    story.at(10.0).c(conn, post("/mcp", SID, r#"{"id":1,"method":"tools/list"}"#));
    story.at(12.0).s(conn, ok(r#"{"id":1,"result":{}}"#));
    let rows = story.run();
    rows.exchange_is(2, json!({"status": "ok", "total_ms": 2.0}));
    rows.finds("rpc.no_version", 2);
}

/// A second answer on one POST is a duplicate there: it is no answer to another client's request
/// with that id.
#[test]
fn a_duplicate_response_is_not_given_to_another_client() {
    let mut story = Story::new();
    let conns = [A, B].map(|client| story.connect(client, SERVER));
    for conn in conns {
        story.at(10.0).c(conn, post("/mcp", &[], &request(1, "tools/list")));
        story.at(11.0).s(conn, sse(&[]));
    }
    story.at(20.0).s(conns[0], event(&result(1)));
    story.at(21.0).s(conns[0], event(&error(1, -1, "again")));
    story.at(30.0).s(conns[1], event(&result(1)));
    let rows = story.run();
    rows.exchange_is(1, json!({"status": "ok", "total_ms": 10.0, "tcp_stream": 0}));
    rows.exchange_is(2, json!({"status": "ok", "total_ms": 20.0, "tcp_stream": 1}));
    rows.finds("mcp.duplicate_response", 1);
}

/// The answer has the id as text, and the cancellation has: only one open request can be meant.
#[test]
fn the_wrong_type_of_id() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    story.at(10.0).c(posts, send(TARGET, &request(1, "tools/list")));
    story.s(posts, accepted());
    story
        .at(12.0)
        .c(posts, send(TARGET, &notification("notifications/cancelled", json!({"requestId": "1"}))));
    story.s(posts, accepted());
    story.at(15.0).s(stream, event(&result("1")));
    story.at(900.0).close(stream, Server);
    let rows = story.run();
    rows.exchange_is(2, json!({"status": "ok", "total_ms": 5.0, "degraded": []}));
    rows.finds("mcp.id_changed", 1);
    rows.finds("mcp.type_changed", 1);
    rows.finds("mcp.unknown_response", 0);
    rows.finds("mcp.unknown_cancel", 0);
}

/// Each side has tokens of its own.
#[test]
fn one_token_on_both_sides() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    let meta = json!({"_meta": {"progressToken": 1}});
    story.at(10.0).c(posts, send(TARGET, &with(1, "tools/call", meta.clone())));
    story.s(posts, accepted());
    story.at(11.0).s(stream, event(&with(1, "sampling/createMessage", meta)));
    let progress = notification("notifications/progress", json!({"progressToken": 1, "progress": 1}));
    story.at(12.0).s(stream, event(&progress));
    for at in [13.0, 14.0] {
        story.at(at).c(posts, send(TARGET, &progress));
        story.s(posts, accepted());
    }
    story.at(20.0).c(posts, send(TARGET, &result(1)));
    story.s(posts, accepted());
    story.at(30.0).s(stream, event(&result(1)));
    let rows = story.run();
    rows.exchange_is(2, json!({"origin": "client", "progress": 1, "total_ms": 20.0}));
    rows.exchange_is(3, json!({"origin": "server", "progress": 2, "total_ms": 9.0}));
    rows.finds("mcp.token_collision", 0);
}

/// The server invents a token, where nothing is missing.
#[test]
fn an_invented_token() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    story.at(10.0).c(posts, send(TARGET, &request(1, "tools/call")));
    story.s(posts, accepted());
    story.at(11.0).s(
        stream,
        event(&notification("notifications/progress", json!({"progressToken": 0, "progress": 1}))),
    );
    story.at(900.0).s(stream, event(&result(1)));
    let rows = story.run();
    rows.exchange_is(2, json!({"progress": 0, "status": "ok"}));
    rows.finds("mcp.unknown_token", 1);
}

/// An id used again while its request is outstanding; and again after its answer, which is allowed
/// by the wire.
#[test]
fn an_id_used_again() {
    let mut story = Story::new();
    let (stream, posts) = legacy_ready(&mut story);
    for at in [10.0, 11.0] {
        story.at(at).c(posts, send(TARGET, &request(1, "tools/list")));
        story.s(posts, accepted());
    }
    story.at(20.0).s(stream, event(&result(1)));
    story.at(21.0).s(stream, event(&error(1, -1, "x")));
    let rows = story.run();
    rows.counts("exchange", 3);
    // The oldest first, as nothing tells them apart.
    rows.exchange_is(2, json!({"status": "ok", "total_ms": 10.0}));
    rows.exchange_is(3, json!({"status": "error", "total_ms": 10.0}));
    rows.finds("mcp.id_reused", 1);
}
