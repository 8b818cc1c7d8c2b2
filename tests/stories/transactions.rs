//! HTTP that carries no JSON-RPC: bodies that break no rule of it, and transactions without a
//! message.

use serde_json::{Value, json};

use super::http::*;
use super::story::*;

const A: &str = "10.0.0.1:5000";
const SID: Fields = &[("Mcp-Session-Id", "x")];

/// A session in each transport, ready for requests: the connection of the POSTs, and that of the
/// stream, if the transport has one.
fn ready(story: &mut Story, is_http_sse: bool) -> (Conn, Option<Conn>) {
    if is_http_sse {
        let (stream, posts) = legacy_ready(story);
        (posts, Some(stream))
    } else {
        (streamable(story, A, "2025-06-18", "x"), None)
    }
}

fn posted(is_http_sse: bool, body: &str) -> String {
    if is_http_sse { send(TARGET, body) } else { post("/mcp", SID, body) }
}

/// The codes of findings that begin like this.
fn codes<'a>(rows: &'a Rows, layer: &str) -> Vec<&'a str> {
    let all = rows.of_type("finding").into_iter().filter_map(|row| row["code"].as_str());
    all.filter(|code| code.starts_with(layer)).collect()
}

/// A body is judged as JSON-RPC if it has `jsonrpc`, or is the 2xx answer to a request.
#[test]
fn the_body_of_an_http_error_breaks_no_rule_of_json_rpc() {
    for is_http_sse in [false, true] {
        for (status, body, text) in [
            ("401 Unauthorized", r#"{"error":"invalid_token"}"#, json!("invalid_token")),
            ("404 Not Found", r#"{"detail":"Not Found"}"#, json!("Not Found")),
            ("422 Unprocessable Entity", r#"{"detail":[{"msg":"Field required"}]}"#, json!("Field required")),
            ("502 Bad Gateway", "<html><body>Bad Gateway</body></html>", json!("Bad Gateway")),
            ("500 Internal Server Error", r#"{"id":1,"error":{"code":-1,"message":"boom"}}"#, json!("boom")),
            ("403 Forbidden", "null", Value::Null),
            ("403 Forbidden", "[]", Value::Null),
        ] {
            let mut story = Story::new();
            let (conn, _) = ready(&mut story, is_http_sse);
            story.at(10.0).c(conn, posted(is_http_sse, &request(1, "tools/list")));
            story.at(12.0).s(conn, json_reply(status, &[], body));
            story.at(20.0).close(conn, Client);
            let rows = story.run();
            rows.exchange_is(2, json!({"status": "http_error", "total_ms": null}));
            assert_eq!(rows.exchange(2)["error"]["message"], text, "{}", rows.text);
            assert_eq!(codes(&rows, "rpc."), [""; 0], "{status} {body}");
        }
    }
}

#[test]
fn what_accepts_a_message_breaks_no_rule_of_json_rpc() {
    for is_http_sse in [false, true] {
        for body in [r#"{"message":"Accepted"}"#, "null", "{}", "Accepted", r#"{"status":"ok"}"#] {
            let mut story = Story::new();
            let (conn, stream) = ready(&mut story, is_http_sse);
            story.at(10.0).c(conn, posted(is_http_sse, INITIALIZED));
            story.at(12.0).s(conn, json_reply("202 Accepted", &[], body));
            if let Some(stream) = stream {
                story.at(20.0).c(conn, posted(is_http_sse, &request(1, "ping")));
                story.at(21.0).s(conn, json_reply("202 Accepted", &[], body));
                story.at(22.0).s(stream, event(&result(1)));
            }
            let rows = story.run();
            assert_eq!(codes(&rows, "rpc."), [""; 0], "{body}");
            assert_eq!(codes(&rows, "mcp."), [""; 0], "{body}");
        }
    }
}

/// The 2xx answer to a request has to be JSON-RPC.
#[test]
fn the_answer_to_a_request_is_judged() {
    let mut story = Story::new();
    let (conn, _) = ready(&mut story, false);
    story.at(10.0).c(conn, posted(false, &request(1, "tools/list")));
    story.at(12.0).s(conn, ok(r#"{"id":1,"result":{}}"#));
    let rows = story.run();
    rows.exchange_is(2, json!({"status": "ok"}));
    assert_eq!(codes(&rows, "rpc."), ["rpc.no_version"]);
}
