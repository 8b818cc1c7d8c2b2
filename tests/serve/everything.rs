//! `--everything` over real sockets: what only a transport can show.

use mcpdump::serve::Options;

use super::raw::Running;
use super::streamable::session;

const RECONNECT: &str =
    r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"test_reconnection","arguments":{}}}"#;

/// The id of the last event of a stream.
fn last_id(stream: &str) -> &str {
    let line = stream.lines().rev().find(|line| line.starts_with("id:")).expect("an event with an id");
    line.trim_start_matches("id:").trim()
}

#[tokio::test]
async fn a_stream_that_ends_before_its_response_is_resumed() {
    let server = Running::start(Options { everything: true, ..Default::default() }).await;
    let session = session(&server, "2025-11-25").await;
    let version = "mcp-protocol-version: 2025-11-25";
    let called = server.post("/mcp", &[&session, version], RECONNECT).await;
    assert_eq!(called.status(), 200);
    assert!(!called.body.contains("result"), "the response came on the first stream: {}", called.body);
    let last = format!("last-event-id: {}", last_id(&called.body));
    let mut client = server.connect().await;
    client.get("/mcp", &[&session, version, "accept: text/event-stream", &last]).await;
    client.head().await;
    let response = client.message().await;
    assert_eq!(response["id"], 7);
    assert_eq!(response["result"]["content"][0]["text"], "Reconnection test completed");
    drop(client);
    server.end().await;
}

#[tokio::test]
async fn a_stream_that_cannot_be_resumed_ends_with_its_response() {
    let server = Running::start(Options { everything: true, json: true, ..Default::default() }).await;
    let session = session(&server, "2025-11-25").await;
    let called = server.post("/mcp", &[&session, "mcp-protocol-version: 2025-11-25"], RECONNECT).await;
    assert_eq!(called.json()["result"]["content"][0]["text"], "Reconnection test completed");
    server.end().await;
}
