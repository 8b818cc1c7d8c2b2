//! HTTP/1 and JSON-RPC as text, and how sessions begin.

use serde_json::{Value, json};

use super::story::{Conn, SERVER, Story};

pub(crate) type Fields<'a> = &'a [(&'a str, &'a str)];

fn fields(fields: Fields) -> String {
    fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect()
}

pub(crate) fn post(target: &str, more: Fields, body: &str) -> String {
    format!(
        "POST {target} HTTP/1.1\r\nHost: example\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\n{}Content-Length: {}\r\n\r\n{body}",
        fields(more),
        body.len()
    )
}

/// A POST as clients of HTTP+SSE send it: no JSON is accepted in answer (Accept tells the
/// transports apart where the beginning of a session was not captured).
pub(crate) fn send(target: &str, body: &str) -> String {
    post(target, &[], body)
        .replace("Accept: application/json, text/event-stream", "Accept: text/event-stream")
}

pub(crate) fn get(target: &str, more: Fields) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: example\r\nAccept: text/event-stream\r\n{}\r\n", fields(more))
}

pub(crate) fn delete(target: &str, more: Fields) -> String {
    format!("DELETE {target} HTTP/1.1\r\nHost: example\r\n{}\r\n", fields(more))
}

/// A response with any body: `status` is `404 Not Found`.
pub(crate) fn reply(status: &str, more: Fields, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{}Content-Length: {}\r\n\r\n{body}", fields(more), body.len())
}

/// A response with a JSON body.
pub(crate) fn json_reply(status: &str, more: Fields, body: &str) -> String {
    let mut all = vec![("Content-Type", "application/json")];
    all.extend(more);
    reply(status, &all, body)
}

pub(crate) fn ok(body: &str) -> String {
    json_reply("200 OK", &[], body)
}

pub(crate) fn accepted() -> String {
    reply("202 Accepted", &[], "Accepted")
}

/// The head of a stream in chunks.
pub(crate) fn sse(more: Fields) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{}Transfer-Encoding: chunked\r\n\r\n",
        fields(more)
    )
}

pub(crate) fn chunk(content: &str) -> String {
    format!("{:x}\r\n{content}\r\n", content.len())
}

/// The last chunk.
pub(crate) const LAST: &str = "0\r\n\r\n";

/// An event in a chunk of its own.
pub(crate) fn event(data: &str) -> String {
    chunk(&format!("event: message\ndata: {data}\n\n"))
}

/// An event with an id.
pub(crate) fn event_id(id: &str, data: &str) -> String {
    chunk(&format!("id: {id}\ndata: {data}\n\n"))
}

pub(crate) fn request(id: impl Into<Value>, method: &str) -> String {
    json!({"jsonrpc": "2.0", "id": id.into(), "method": method}).to_string()
}

pub(crate) fn with(id: impl Into<Value>, method: &str, params: Value) -> String {
    json!({"jsonrpc": "2.0", "id": id.into(), "method": method, "params": params}).to_string()
}

pub(crate) fn notification(method: &str, params: Value) -> String {
    json!({"jsonrpc": "2.0", "method": method, "params": params}).to_string()
}

pub(crate) fn result(id: impl Into<Value>) -> String {
    json!({"jsonrpc": "2.0", "id": id.into(), "result": {}}).to_string()
}

pub(crate) fn error(id: impl Into<Value>, code: i64, message: &str) -> String {
    json!({"jsonrpc": "2.0", "id": id.into(), "error": {"code": code, "message": message}}).to_string()
}

pub(crate) fn initialize(id: impl Into<Value>, revision: &str) -> String {
    let info = json!({"name": "teller", "version": "1"});
    with(id, "initialize", json!({"protocolVersion": revision, "capabilities": {}, "clientInfo": info}))
}

pub(crate) fn initialized(id: impl Into<Value>, revision: &str) -> String {
    let info = json!({"name": "listener", "version": "2"});
    let result = json!({"protocolVersion": revision, "capabilities": {}, "serverInfo": info});
    json!({"jsonrpc": "2.0", "id": id.into(), "result": result}).to_string()
}

pub(crate) const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

/// An HTTP+SSE session whose stream is open: the stream, and a connection for POSTs.
pub(crate) fn legacy(story: &mut Story, clients: [&str; 2], server: &str, endpoint: &str) -> (Conn, Conn) {
    let stream = story.connect(clients[0], server);
    story.c(stream, get("/sse", &[]));
    story.s(stream, sse(&[]));
    story.s(stream, chunk(&format!("event: endpoint\ndata: {endpoint}\n\n")));
    let posts = story.connect(clients[1], server);
    (stream, posts)
}

/// The same with the handshake, which is exchange 1.
pub(crate) fn legacy_ready(story: &mut Story) -> (Conn, Conn) {
    let (stream, posts) = legacy(story, ["10.0.0.1:5000", "10.0.0.1:5001"], SERVER, TARGET);
    story.c(posts, send(TARGET, &initialize(0, "2024-11-05")));
    story.s(posts, accepted());
    story.s(stream, event(&initialized(0, "2024-11-05")));
    story.c(posts, send(TARGET, INITIALIZED));
    story.s(posts, accepted());
    (stream, posts)
}

pub(crate) const TARGET: &str = "/messages?sessionId=abc";

/// A Streamable HTTP session after its handshake, which is exchange 1.
pub(crate) fn streamable(story: &mut Story, client: &str, revision: &str, sid: &str) -> Conn {
    let conn = story.connect(client, SERVER);
    story.c(conn, post("/mcp", &[], &initialize(0, revision)));
    story.s(conn, json_reply("200 OK", &[("Mcp-Session-Id", sid)], &initialized(0, revision)));
    story.c(conn, post("/mcp", &[("Mcp-Session-Id", sid)], INITIALIZED));
    story.s(conn, accepted());
    conn
}

/// A request of 2026-07-28, with the client's name in its `_meta`.
pub(crate) fn modern(id: impl Into<Value>, method: &str, params: Value, client: Option<&str>) -> String {
    let mut params = params;
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
    if let Some(name) = client {
        params["_meta"]["io.modelcontextprotocol/clientInfo"] = json!({"name": name, "version": "1"});
    }
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    with(id, method, params)
}

/// The header of 2026-07-28.
pub(crate) const MODERN: (&str, &str) = ("MCP-Protocol-Version", "2026-07-28");
