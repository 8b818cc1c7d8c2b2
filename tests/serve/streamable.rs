//! Streamable HTTP: sessions, resumption, the stateless revision, JSON answers, and rmcp's own
//! client.

use mcpdump::serve::{Faults, Options};
use rmcp::ServiceExt;
use rmcp::model::{CallToolRequestParams, ClientConfig};
use rmcp::transport::StreamableHttpClientTransport;
use serde_json::{Value, json};

use super::raw::{Client, End, Running, field, status};

pub(crate) const CALL: &str = r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"get-hackernews-top-stories","arguments":{"type":"topstories","amount":2}}}"#;
const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

pub(crate) fn initialize(revision: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{{"protocolVersion":"{revision}","capabilities":{{}},"clientInfo":{{"name":"test","version":"1"}}}}}}"#
    )
}

/// A request of 2026-07-28.
fn modern(id: u32, method: &str, mut params: Value) -> String {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string()
}

/// The session id, as a field for the requests that follow.
pub(crate) async fn session(server: &Running, revision: &str) -> String {
    let response = server.post("/mcp", &[], &initialize(revision)).await;
    assert_eq!(response.status(), 200, "{}", response.head);
    let field = format!("mcp-session-id: {}", response.field("mcp-session-id").expect("a session id"));
    assert_eq!(server.post("/mcp", &[&field], INITIALIZED).await.status(), 202);
    field
}

#[tokio::test]
async fn each_revision_negotiates_a_session() {
    let server = Running::start(Default::default()).await;
    for revision in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        let hello = server.post("/mcp", &[], &initialize(revision)).await;
        assert_eq!(hello.field("content-type"), Some("text/event-stream"));
        assert_eq!(hello.last_event()["result"]["protocolVersion"], revision);
        let session = session(&server, revision).await;
        let version = format!("mcp-protocol-version: {revision}");
        let called = server.post("/mcp", &[&session, &version], CALL).await;
        assert_eq!(called.last_event()["result"]["content"].as_array().unwrap().len(), 2);
        assert!(called.body.contains("\nid: ") || called.body.starts_with("id: "), "{}", called.body);

        let delete = super::raw::request("DELETE /mcp", server.address, &[&session], "");
        assert!([200, 202, 204].contains(&server.ask(&delete).await.status()));
        assert_eq!(server.post("/mcp", &[&session], LIST).await.status(), 404);
        assert_eq!(server.ask(&delete).await.status(), 404, "it is no longer there");
    }
    let unknown = super::raw::request("DELETE /mcp", server.address, &["mcp-session-id: none"], "");
    assert_eq!(server.ask(&unknown).await.status(), 404);
    server.end().await;
}

#[tokio::test]
async fn json_is_sent_if_the_client_accepts_it_only() {
    let server = Running::start(Options { json: true, ..Default::default() }).await;
    let hello = server.post("/mcp", &[], &initialize("2025-06-18")).await;
    assert_eq!(hello.field("content-type"), Some("application/json"));
    assert_eq!(hello.json()["result"]["protocolVersion"], "2025-06-18");
    let session = session(&server, "2025-06-18").await;
    let called = server.post("/mcp", &[&session], CALL).await;
    assert_eq!(
        (called.field("content-type"), called.json()["id"].clone()),
        (Some("application/json"), json!(2))
    );
    let fields = ["mcp-protocol-version: 2026-07-28", "mcp-method: tools/list"];
    let listed = server.post("/mcp", &fields, &modern(9, "tools/list", json!({}))).await;
    assert_eq!(
        (listed.field("content-type"), listed.json()["id"].clone()),
        (Some("application/json"), json!(9))
    );
    server.end().await;
}

#[tokio::test]
async fn batches_are_answered_in_revisions_that_have_them() {
    let batch = format!("[{INITIALIZED},{LIST},{CALL}]");
    for json in [true, false] {
        let server = Running::start(Options { json, ..Default::default() }).await;
        let session = session(&server, "2025-03-26").await;
        let answered = server.post("/mcp", &[&session], &batch).await;
        assert_eq!(answered.status(), 200, "{}", answered.body);
        let mut ids: Vec<Value> = match json {
            true => answered.json().as_array().unwrap().iter().map(|answer| answer["id"].clone()).collect(),
            false => answered.events().iter().map(|answer| answer["id"].clone()).collect(),
        };
        ids.sort_by_key(Value::as_u64);
        assert_eq!(ids, [1, 2]);
        assert_eq!(server.post("/mcp", &[&session], &format!("[{INITIALIZED}]")).await.status(), 202);
        for wrong in ["[]", "[7]", &format!("[{}]", initialize("2025-03-26"))] {
            let wrong = server.post("/mcp", &[&session], wrong).await;
            assert_eq!((wrong.status(), wrong.json()["error"]["code"].clone()), (400, json!(-32600)));
        }
        let later = server.post("/mcp", &[&session, "mcp-protocol-version: 2025-06-18"], &batch).await;
        assert_eq!(later.status(), 400);
        assert_eq!(server.post("/mcp", &["mcp-session-id: none"], &batch).await.status(), 404);
        server.end().await;
    }
}

#[tokio::test]
async fn the_newest_revision_needs_no_session() {
    let server = Running::start(Default::default()).await;
    let fields = ["mcp-protocol-version: 2026-07-28", "mcp-method: server/discover"];
    let hello = server.post("/mcp", &fields, &modern(0, "server/discover", json!({}))).await;
    assert_eq!(hello.status(), 200, "{}", hello.body);
    assert_eq!(hello.field("mcp-session-id"), None);
    let versions = hello.last_event()["result"]["supportedVersions"].clone();
    assert!(versions.as_array().is_some_and(|all| all.contains(&json!("2026-07-28"))), "{versions}");
    let fields = [fields[0], "mcp-method: tools/call", "mcp-name: get-hackernews-top-stories"];
    let params =
        json!({"name": "get-hackernews-top-stories", "arguments": {"type": "newstories", "amount": 3}});
    let called = server.post("/mcp", &fields, &modern(1, "tools/call", params)).await;
    assert_eq!(called.last_event()["result"]["content"].as_array().unwrap().len(), 3, "{}", called.body);
    server.end().await;
}

#[tokio::test]
async fn events_lost_with_a_stream_are_sent_after_last_event_id() {
    let faults = Faults { drop_stream_every: std::num::NonZeroU64::new(1), ..Default::default() };
    let server = Running::start(Options { faults, ..Default::default() }).await;
    let session = session(&server, "2025-11-25").await;
    let mut post = server.connect().await;
    post.post("/mcp", &[&session], CALL).await;
    assert_eq!(status(&post.head().await), 200);
    let (rest, end) = post.rest().await;
    assert_eq!(end, End::Fin);
    assert!(!rest.contains("result") && !rest.ends_with("0\r\n\r\n"), "{rest}");
    let last =
        rest.lines().rev().find_map(|line| line.strip_prefix("id: ").or(line.strip_prefix("id:"))).unwrap();

    let mut again = server.connect().await;
    again.get("/mcp", &[&session, &format!("last-event-id: {last}")]).await;
    assert_eq!(status(&again.head().await), 200);
    let answer = again.message().await;
    assert_eq!(answer["result"]["content"].as_array().unwrap().len(), 2);
    assert_eq!(again.chunk().await, None);
    server.end().await;
}

#[tokio::test]
async fn a_stateless_revision_resumes_nothing() {
    let server = Running::start(Default::default()).await;
    let session = session(&server, "2025-11-25").await;
    let called = server.post("/mcp", &[&session], CALL).await;
    let id = called.body.lines().find_map(|line| line.strip_prefix("id:")).unwrap().trim();
    let fields = [format!("last-event-id: {id}"), "mcp-protocol-version: 2026-07-28".to_owned()];
    let mut stream = server.connect().await;
    stream.get("/mcp", &fields.each_ref().map(String::as_str)).await;
    let head = stream.head().await;
    assert_eq!(status(&head), 405, "{head}");
    server.end().await;
}

#[tokio::test]
async fn messages_wait_for_the_get_stream() {
    let server = Running::start(Options { everything: true, ..Default::default() }).await;
    let session = session(&server, "2025-11-25").await;
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"test_tool_with_logging","arguments":{}}}"#;
    assert!(server.post("/mcp", &[&session], call).await.last_event()["result"].is_object());
    let mut stream = server.connect().await;
    stream.get("/mcp", &[&session]).await;
    assert_eq!(status(&stream.head().await), 200);
    for said in ["Tool execution started", "Tool processing data", "Tool execution completed"] {
        let message = stream.message().await;
        assert_eq!(
            (&message["method"], &message["params"]["data"]),
            (&json!("notifications/message"), &json!(said))
        );
    }
    // Nothing is said twice: what comes next is new.
    server.post("/mcp", &[&session], call).await;
    assert_eq!(stream.message().await["params"]["data"], "Tool execution started");
    server.end().await;
}

#[tokio::test]
async fn the_get_stream_ends_with_the_server() {
    let server = Running::start(Default::default()).await;
    let session = session(&server, "2025-11-25").await;
    let mut stream = server.connect().await;
    stream.get("/mcp", &[&session]).await;
    let head = stream.head().await;
    assert_eq!((status(&head), field(&head, "content-type")), (200, Some("text/event-stream")));
    server.shutdown.cancel();
    while stream.chunk().await.is_some() {}
    assert_eq!(stream.rest().await.1, End::Fin);
    server.end().await;
}

#[tokio::test]
async fn each_error_has_its_http_status() {
    let server = Running::start(Default::default()).await;
    let session = session(&server, "2025-11-25").await;
    let broken = server.post("/mcp", &[&session], "{").await;
    assert_eq!((broken.status(), broken.json()["error"]["code"].clone()), (400, json!(-32700)));
    let none = server.post("/mcp", &[&session], "7").await;
    assert_eq!((none.status(), none.json()["error"]["code"].clone()), (400, json!(-32600)));
    assert_eq!(server.post("/mcp", &[], LIST).await.status(), 400);
    assert_eq!(server.post("/mcp", &["mcp-session-id: none"], LIST).await.status(), 404);
    let put = server.ask(&super::raw::request("PUT /mcp", server.address, &[], "")).await;
    assert_eq!((put.status(), put.field("allow")), (405, Some("GET, POST, DELETE")));
    let get = super::raw::request("GET /mcp", server.address, &[&session, "accept: text/html"], "");
    assert_eq!(server.ask(&get).await.status(), 406);
    let unknown = server.post("/mcp", &[&session], r#"{"jsonrpc":"2.0","id":5,"method":"no/such"}"#).await;
    assert_eq!(unknown.last_event()["error"]["code"], -32601);
    server.end().await;
}

#[tokio::test]
async fn the_client_of_the_sdk_works() {
    let server = Running::start(Default::default()).await;
    // Whoever uses reqwest without a provider of its own says which one.
    drop(rustls::crypto::ring::default_provider().install_default());
    let transport = StreamableHttpClientTransport::from_uri(format!("http://{}/mcp", server.address));
    let client = ClientConfig::default().serve(transport).await.unwrap();
    let tools = client.list_all_tools().await.unwrap();
    assert!(tools.iter().any(|tool| tool.name == "get-hackernews-top-stories"));
    let mut call = CallToolRequestParams::new("get-hackernews-top-stories");
    call.arguments = json!({"type": "beststories", "amount": 4}).as_object().cloned();
    let result = client.call_tool(call).await.unwrap();
    assert_eq!(result.content.len(), 4);
    client.cancel().await.unwrap();
    server.end().await;
}

/// What one connection answers to a POST.
pub(crate) async fn begun(server: &Running, fields: &[&str], body: &str) -> Client {
    let mut client = server.connect().await;
    client.post("/mcp", fields, body).await;
    client
}
