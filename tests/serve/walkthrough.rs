//! The traffic that the project started from, step by step over HTTP+SSE.

use serde_json::{Value, json};

use super::raw::{Client, Response, Running, field};

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2024-11-05","capabilities":{"sampling":{},"roots":{"listChanged":true}},"clientInfo":{"name":"mcp-inspector","version":"0.9.0"}}}"#;
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"progressToken":1}}}"#;
const CALL: &str = r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"_meta":{"progressToken":2},"name":"get-hackernews-top-stories","arguments":{"type":"topstories","amount":5}}}"#;

/// A session that was just opened: its stream after the first event, and where to POST.
pub(crate) async fn open(server: &Running) -> (Client, String) {
    let mut stream = server.connect().await;
    stream.get("/sse", &[]).await;
    let head = stream.head().await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    let endpoint = stream.event().await;
    let target = endpoint
        .strip_prefix("event: endpoint\ndata: ")
        .and_then(|rest| rest.strip_suffix("\n\n"))
        .unwrap_or_else(|| panic!("{endpoint:?}"));
    (stream, target.to_owned())
}

/// A session after its handshake.
pub(crate) async fn shaken(server: &Running) -> (Client, String) {
    let (mut stream, target) = open(server).await;
    assert_eq!(server.post(&target, &[], INITIALIZE).await.status(), 202);
    stream.event().await;
    assert_eq!(server.post(&target, &[], INITIALIZED).await.status(), 202);
    (stream, target)
}

fn data(event: &str) -> Value {
    let data = event.strip_prefix("event: message\ndata: ").and_then(|rest| rest.strip_suffix("\n\n"));
    let data = data.unwrap_or_else(|| panic!("{event:?}"));
    assert!(!data.contains(['\n', '\r']), "{data}");
    serde_json::from_str(data).unwrap()
}

fn accepted(response: &Response) {
    assert!(response.head.starts_with("HTTP/1.1 202 Accepted\r\n"), "{}", response.head);
    assert_eq!(response.body, "Accepted");
}

#[tokio::test]
async fn every_step_matches_the_recording() {
    let server = Running::start(Default::default()).await;
    let mut stream = server.connect().await;
    stream.get("/sse", &[]).await;
    let head = stream.head().await;
    let fields: Vec<_> =
        head.lines().filter(|line| !line.starts_with("date: ") && !line.is_empty()).collect();
    assert_eq!(
        fields,
        [
            "HTTP/1.1 200 OK",
            "content-type: text/event-stream",
            "cache-control: no-cache, no-transform",
            "connection: keep-alive",
            "transfer-encoding: chunked",
        ]
    );
    let endpoint = stream.event().await;
    let id = endpoint
        .strip_prefix("event: endpoint\ndata: /messages?sessionId=")
        .and_then(|rest| rest.strip_suffix("\n\n"))
        .unwrap_or_else(|| panic!("{endpoint:?}"));
    assert_eq!(uuid::Uuid::parse_str(id).unwrap().get_version_num(), 4);
    let target = format!("/messages?sessionId={id}");
    // As the client of the walkthrough: one connection for its POSTs, `accept` as it was.
    let mut posts = server.connect().await;

    assert_eq!(INITIALIZE.len(), 204);
    posts.post(&target, &["user-agent: node"], INITIALIZE).await;
    accepted(&posts.response().await);
    let hello = data(&stream.event().await);
    assert_eq!((&hello["jsonrpc"], &hello["id"]), (&json!("2.0"), &json!(0)));
    assert_eq!(hello["result"]["protocolVersion"], "2024-11-05");
    assert_eq!(hello["result"]["serverInfo"], json!({"name": "hackernews-server", "version": "1.0.0"}));
    assert!(hello["result"]["capabilities"]["tools"].is_object());

    assert_eq!(INITIALIZED.len(), 54);
    posts.post(&target, &[], INITIALIZED).await;
    accepted(&posts.response().await);

    posts.post(&target, &[], LIST).await;
    accepted(&posts.response().await);
    let tools = data(&stream.event().await);
    assert_eq!(tools["id"], 1);
    let tools = tools["result"]["tools"].as_array().unwrap();
    let tool = tools.iter().find(|tool| tool["name"] == "get-hackernews-top-stories").unwrap();
    assert_eq!(tool["description"], "Get the stories from Hacker News");

    posts.post(&target, &[], CALL).await;
    accepted(&posts.response().await);
    let stories = data(&stream.event().await);
    assert_eq!(stories["id"], 2);
    let content = stories["result"]["content"].as_array().unwrap();
    assert_eq!(content.len(), 5);
    for story in content {
        assert_eq!(story["type"], "text");
        let item: Value = serde_json::from_str(story["text"].as_str().unwrap()).unwrap();
        assert_eq!(item["type"], "story");
        assert!(item["id"].is_u64() && item["title"].is_string());
    }
    server.end().await;
}

#[tokio::test]
async fn newer_revisions_are_negotiated_over_http_sse() {
    let server = Running::start(Default::default()).await;
    for revision in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        let (mut stream, target) = open(&server).await;
        accepted(&server.post(&target, &[], &INITIALIZE.replace("2024-11-05", revision)).await);
        assert_eq!(data(&stream.event().await)["result"]["protocolVersion"], revision);
    }
    server.end().await;
}

#[tokio::test]
async fn each_error_has_its_http_status() {
    let server = Running::start(Default::default()).await;
    let (_stream, target) = shaken(&server).await;
    let unknown = "/messages?sessionId=8838e9b4-d065-4b8e-9fa9-b96f31ef835c";
    assert_eq!(server.post(unknown, &[], LIST).await.status(), 404);
    assert_eq!(server.post("/messages?sessionId=none", &[], LIST).await.status(), 404);
    assert_eq!(server.post("/messages", &[], LIST).await.status(), 400);

    let broken = server.post(&target, &[], "{\"jsonrpc\":").await;
    assert_eq!((broken.status(), broken.json()["error"]["code"].clone()), (400, json!(-32700)));
    let none = server.post(&target, &[], "{\"id\":7}").await;
    assert_eq!((none.status(), none.json()["error"]["code"].clone()), (400, json!(-32600)));
    assert_eq!(none.json()["id"], 7);

    let text =
        super::raw::request(&format!("POST {target}"), server.address, &["content-type: text/plain"], "{}");
    assert_eq!(server.ask(&text).await.status(), 415);
    let get = server.ask(&super::raw::request("GET /messages", server.address, &[], "")).await;
    assert_eq!((get.status(), get.field("allow")), (405, Some("POST")));
    let json = server.ask(&super::raw::request("GET /sse", server.address, &["accept: image/png"], "")).await;
    assert_eq!(json.status(), 406);
    assert_eq!(server.ask(&super::raw::request("GET /other", server.address, &[], "")).await.status(), 404);
    server.end().await;
}

#[tokio::test]
async fn a_session_ends_with_its_stream() {
    let server = Running::start(Default::default()).await;
    let (stream, target) = shaken(&server).await;
    drop(stream);
    let gone = async {
        while server.post(&target, &[], INITIALIZED).await.status() != 404 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(super::raw::PATIENCE, gone).await.expect("the session ends");
    server.end().await;
}

#[tokio::test]
async fn shutdown_ends_streams_properly() {
    let server = Running::start(Default::default()).await;
    let (mut stream, _) = shaken(&server).await;
    server.shutdown.cancel();
    assert_eq!(stream.chunk().await, None);
    assert_eq!(stream.rest().await, (String::new(), super::raw::End::Fin));
    server.end().await;
}

#[tokio::test]
async fn a_head_request_opens_no_session() {
    let server = Running::start(Default::default()).await;
    let mut client = server.connect().await;
    client.send(&super::raw::request("HEAD /sse", server.address, &[], "")).await;
    let head = client.head().await;
    assert_eq!(field(&head, "content-type"), Some("text/event-stream"));
    server.end().await;
}

#[tokio::test]
async fn a_batch_is_answered_message_by_message() {
    let server = Running::start(Default::default()).await;
    let (mut stream, target) = shaken(&server).await;
    accepted(&server.post(&target, &[], &format!("[{LIST},{CALL}]")).await);
    let mut ids = [data(&stream.event().await)["id"].clone(), data(&stream.event().await)["id"].clone()];
    ids.sort_by_key(Value::as_u64);
    assert_eq!(ids, [1, 2]);
    server.end().await;
}
