//! What was due and did not come, or came otherwise: in both transports.

use serde_json::{Value, json};

use super::http::*;
use super::ready::*;
use super::story::*;

const A: &str = "10.0.0.1:5000";
const B: &str = "10.0.0.1:5001";

/// The one finding with this code is about the session and the exchange.
#[track_caller]
fn about(rows: &Rows, code: &str, exchange: impl Into<Value>) {
    rows.finds(code, 1);
    has(rows.found(code)[0], json!({"session": "s1", "exchange": exchange.into()}));
}

/// A request is shorter than its length until the client gives up.
#[test]
fn a_request_body_never_comes_to_its_end() {
    for mut ready in Ready::each() {
        let body = request(1, "tools/list");
        let long = ready.posted(&body).replace(&format!(": {}\r\n\r\n", body.len()), ": 99\r\n\r\n");
        ready.story.c(ready.posts, long);
        ready.at(160.0).close_posts(Client);
        let rows = ready.rows();
        about(&rows, "http.request_cut", 2);
        rows.is_silent_on(&["rpc.not_json", "mcp.unanswered"]);
    }
}

/// A request goes on past its length: the server sees other bytes than it should.
#[test]
fn a_request_goes_on_past_its_length() {
    for mut ready in Ready::each() {
        let body = request(1, "tools/list");
        let length = format!("Content-Length: {}", body.len());
        let short = ready.posted(&body).replace(&length, &format!("Content-Length: {}", body.len() - 5));
        ready.story.c(ready.posts, short);
        ready.at(15.0).reply(reply("400 Bad Request", &[], ""));
        ready.at(20.0).close_posts(Server);
        let rows = ready.rows();
        rows.finds("http.length_mismatch", 1);
        let detail = rows.found("http.length_mismatch")[0]["detail"].as_str().unwrap();
        assert!(detail.contains("5 bytes past"), "{detail}");
    }
}

/// A framework sets `Transfer-Encoding` a second time, on the stream that answers.
#[test]
fn a_stream_that_is_declared_chunked_twice() {
    for is_http_sse in [false, true] {
        let mut story = Story::new();
        let twice = sse(&[("Transfer-Encoding", "chunked")]);
        if is_http_sse {
            let stream = story.connect(A, SERVER);
            story.c(stream, get("/sse", &[]));
            story.s(stream, twice + &chunk(&format!("event: endpoint\ndata: {TARGET}\n\n")));
            let posts = story.connect(B, SERVER);
            story.at(10.0).c(posts, send(TARGET, &initialize(0, "2024-11-05")));
            story.s(posts, accepted());
            story.at(15.0).s(stream, event(&initialized(0, "2024-11-05")));
        } else {
            let conn = story.connect(A, SERVER);
            story.at(10.0).c(conn, post("/mcp", &[], &initialize(0, "2025-06-18")));
            story.at(15.0).s(conn, twice + &event(&initialized(0, "2025-06-18")) + LAST);
        }
        let rows = story.run();
        rows.exchange_is(1, json!({"status": "ok", "total_ms": 5.0}));
        rows.says(&["http.transfer_encoding"]);
    }
}

/// A POST that says it is text is read as JSON, and named.
#[test]
fn a_request_with_another_media_type() {
    for mut ready in Ready::each() {
        let typed = ready
            .posted(&request(1, "tools/list"))
            .replace("application/json\r\nAccept", "text/plain\r\nAccept");
        ready.story.c(ready.posts, typed);
        if ready.is_http_sse() {
            ready.reply(accepted());
        }
        ready.at(15.0).answer(&result(1));
        let rows = ready.rows();
        rows.exchange_is(2, json!({"status": "ok", "total_ms": 5.0}));
        rows.says(&["http.media_type"]);
        about(&rows, "http.media_type", 2);
    }
}

/// The stream of HTTP+SSE is declared as something else: the client does not read it.
#[test]
fn a_stream_with_another_media_type() {
    for media_type in ["text/plain", "application/json", "text/html; charset=utf-8"] {
        let mut story = Story::new();
        let stream = story.connect(A, SERVER);
        story.c(stream, get("/sse", &[]));
        story.s(stream, sse(&[]).replace("text/event-stream", media_type));
        story.at(10.0).s(stream, chunk(&format!("event: endpoint\ndata: {TARGET}\n\n")));
        story.at(3000.0).close(stream, Client);
        let rows = story.run();
        assert!(!rows.codes().is_empty(), "{media_type}: {}", rows.text);
        rows.is_silent_on(&["mcp.no_endpoint", "rpc.not_json"]);
    }
}

/// Ids are strings or integers, and there is one.
#[test]
fn ids_that_are_neither_text_nor_integer() {
    for (id, code) in [(json!(1.5), "rpc.id_fractional"), (json!(null), "rpc.id_null")] {
        for mut ready in Ready::each() {
            ready.ask(&request(id.clone(), "tools/list"));
            ready.answer(&result(id.clone()));
            about(&ready.rows(), code, 2);
        }
    }
}

/// The first request of a session that was captured from its beginning is not `initialize`.
#[test]
fn the_first_request_is_another_one() {
    let mut story = Story::new();
    let (stream, posts) = legacy(&mut story, [A, B], SERVER, TARGET);
    story.at(10.0).c(posts, send(TARGET, &request(1, "tools/list")));
    story.s(posts, accepted());
    story.at(11.0).s(stream, event(&error(1, -32600, "not initialized")));
    story.at(3000.0).ack(stream, Client);
    let rows = story.run();
    about(&rows, "mcp.no_initialize", 1);
    rows.says(&["mcp.no_initialize"]);
}

/// A preflight of the POSTs of HTTP+SSE.
#[test]
fn a_preflight_of_http_sse_is_refused() {
    let [_, mut ready] = Ready::each();
    let conn = ready.connect();
    let asked = format!(
        "OPTIONS {TARGET} HTTP/1.1\r\nHost: h\r\nOrigin: http://page\r\n\
         Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type\r\n\r\n"
    );
    ready.story.c(conn, asked);
    ready.story.s(conn, reply("405 Method Not Allowed", &[], ""));
    let rows = ready.rows();
    rows.says(&["mcp.preflight_refused"]);
    rows.row_is("transaction", 0, json!({"method": "OPTIONS", "http_status": 405}));
}

/// Progress that the server keeps until the response.
#[test]
fn progress_that_comes_with_the_response() {
    for mut ready in Ready::each() {
        ready.ask(&call_with_token(1));
        ready.begin();
        ready.at(3000.0);
        for n in 1..5 {
            ready.tell(&progress(1, f64::from(n), None));
        }
        ready.at(3001.0).tell(&result(1));
        ready.end();
        let rows = ready.rows();
        rows.says(&["mcp.bunched"]);
        about(&rows, "mcp.bunched", 2);
    }
}

/// The server asks within a call, and the client answers when the call is over.
#[test]
fn a_sub_request_is_answered_after_its_parent() {
    for mut ready in Ready::each() {
        ready.ask(&request(1, "tools/call"));
        ready.begin();
        ready.at(12.0).tell(&request(5, "elicitation/create"));
        ready.at(20.0).tell(&result(1));
        ready.end();
        ready.at(30.0).notify(&result(5));
        let rows = ready.rows();
        rows.exchange_is(3, json!({"origin": "server", "status": "ok", "total_ms": 18.0}));
        rows.says(&["mcp.answered_after_parent"]);
        about(&rows, "mcp.answered_after_parent", 3);
    }
}

/// The endpoint that a proxy does not change, and one that the proxy serves: only the first is
/// told.
#[test]
fn an_endpoint_without_the_prefix_of_its_stream() {
    for (endpoint, status, count) in
        [(TARGET, "404 Not Found", 1), (TARGET, "202 Accepted", 0), ("/tools/messages", "404 Not Found", 1)]
    {
        let mut story = Story::new();
        let stream = story.connect(A, SERVER);
        story.c(stream, get("/tools/sse", &[]));
        story.s(stream, sse(&[]));
        story.s(stream, chunk(&format!("event: endpoint\ndata: {endpoint}\n\n")));
        let posts = story.connect(B, SERVER);
        story.at(10.0).c(posts, send(endpoint, &initialize(0, "2024-11-05")));
        story.at(11.0).s(posts, reply(status, &[], ""));
        let rows = story.run();
        rows.finds("mcp.endpoint_not_found", count);
        rows.is_silent_on(&["mcp.session_refused"]);
    }
}
