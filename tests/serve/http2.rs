//! HTTP/2 by prior knowledge: the same answers, many at a time, and a client that resets what it
//! asks for is shut out.

use bytes::Bytes;
use h2::client::{self, SendRequest};
use h2::{Reason, RecvStream};
use http::{Method, Request, Response};
use mcpdump::serve::Options;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::raw::{PATIENCE, Running};

/// A client, and its connection.
async fn connect(server: &Running) -> (SendRequest<Bytes>, JoinHandle<Result<(), h2::Error>>) {
    let tcp = TcpStream::connect(server.address).await.unwrap();
    let (send, connection) = client::handshake(tcp).await.unwrap();
    (send.ready().await.unwrap(), tokio::spawn(connection))
}

fn request(server: &Running, method: Method, path: &str) -> http::request::Builder {
    let uri = format!("http://localhost:{}{path}", server.address.port());
    Request::builder().method(method).uri(uri).header("accept", "application/json, text/event-stream")
}

async fn post(
    server: &Running,
    send: &mut SendRequest<Bytes>,
    session: &str,
    body: &str,
) -> Response<RecvStream> {
    let mut request = request(server, Method::POST, "/mcp").header("content-type", "application/json");
    if !session.is_empty() {
        request = request.header("mcp-session-id", session);
    }
    let (response, mut stream) = send.send_request(request.body(()).unwrap(), false).unwrap();
    stream.send_data(Bytes::copy_from_slice(body.as_bytes()), true).unwrap();
    tokio::time::timeout(PATIENCE, response).await.expect("a response").unwrap()
}

async fn text(response: Response<RecvStream>) -> String {
    let (mut body, mut text) = (response.into_body(), Vec::new());
    while let Some(piece) = tokio::time::timeout(PATIENCE, body.data()).await.expect("the body") {
        let piece = piece.unwrap();
        body.flow_control().release_capacity(piece.len()).unwrap();
        text.extend_from_slice(&piece);
    }
    String::from_utf8(text).unwrap()
}

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#;

#[tokio::test]
async fn calls_on_many_streams_are_answered() {
    let server = Running::start(Options::default()).await;
    let (mut send, _connection) = connect(&server).await;
    let opened = post(&server, &mut send, "", INITIALIZE).await;
    assert_eq!(opened.status(), 200);
    let session = opened.headers()["mcp-session-id"].to_str().unwrap().to_owned();
    assert!(text(opened).await.contains("2025-06-18"));
    let initialized = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    assert_eq!(post(&server, &mut send, &session, initialized).await.status(), 202);
    assert!(send.current_max_send_streams() <= 32, "{}", send.current_max_send_streams());
    // A stream stays open meanwhile.
    let get = request(&server, Method::GET, "/mcp").header("mcp-session-id", &session).body(()).unwrap();
    let (events, _) = send.send_request(get, true).unwrap();
    assert_eq!(tokio::time::timeout(PATIENCE, events).await.unwrap().unwrap().status(), 200);
    let calls = (1..=20).map(|id| {
        let (server, mut send, session) = (&server, send.clone(), session.clone());
        async move {
            let call = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/list"}}"#);
            text(post(server, &mut send, &session, &call).await).await
        }
    });
    for (answer, id) in futures::future::join_all(calls).await.into_iter().zip(1..) {
        assert!(answer.contains(&format!("\"id\":{id},")), "{answer}");
    }
    drop(send);
    server.end().await;
}

/// Requests after which the server has to have had enough.
const MOST_RESETS: usize = 2_000;

/// A client that resets each request as soon as it is sent makes the server work for nothing.
#[tokio::test]
async fn a_flood_of_resets_ends_the_connection() {
    let server = Running::start(Options::default()).await;
    let (mut send, connection) = connect(&server).await;
    for _ in 0..MOST_RESETS {
        let Ok(ready) = send.clone().ready().await else { break };
        send = ready;
        let get = request(&server, Method::GET, "/sse").body(()).unwrap();
        let Ok((_, mut stream)) = send.send_request(get, false) else { break };
        // The connection sends the request before it is reset.
        tokio::task::yield_now().await;
        stream.send_reset(Reason::CANCEL);
        tokio::task::yield_now().await;
    }
    let ended = tokio::time::timeout(PATIENCE, connection).await.expect("the connection ends").unwrap();
    let reason = ended.err().and_then(|error| error.reason());
    assert!(reason.is_none_or(|reason| reason == Reason::ENHANCE_YOUR_CALM), "{reason:?}");
    // Others are answered.
    let (mut send, _connection) = connect(&server).await;
    assert_eq!(post(&server, &mut send, "", INITIALIZE).await.status(), 200);
    drop(send);
    server.end().await;
}

/// A host that is not allowed is refused, whichever version names it.
#[tokio::test]
async fn the_authority_is_checked() {
    let server = Running::start(Options::default()).await;
    let (mut send, _connection) = connect(&server).await;
    let get = Request::get("http://evil.example/sse").body(()).unwrap();
    let (response, _) = send.send_request(get, true).unwrap();
    let response = tokio::time::timeout(PATIENCE, response).await.unwrap().unwrap();
    assert_eq!(response.status(), 403);
    drop(send);
    server.end().await;
}
