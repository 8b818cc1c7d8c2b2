//! What is refused: other hosts and origins, what is too large, too many, or never comes.

use std::time::Duration;

use mcpdump::serve::{Error, Options, Server};
use tokio_util::sync::CancellationToken;

use super::raw::{PATIENCE, Running, request};
use super::streamable::session;
use super::walkthrough::shaken;

const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

#[tokio::test]
async fn other_hosts_and_origins_are_refused_everywhere() {
    let options = Options { allowed_hosts: vec!["mcp.example".to_owned()], ..Default::default() };
    let server = Running::start(options).await;
    for line in ["GET /sse", "POST /messages?sessionId=1", "GET /mcp", "POST /mcp", "DELETE /mcp", "GET /"] {
        let host = server.ask(&request(line, server.address, &["host: evil.example"], "")).await;
        assert_eq!(host.status(), 403, "{line}");
        let origin = server.ask(&request(line, server.address, &["origin: http://evil.example"], "")).await;
        assert_eq!(origin.status(), 403, "{line}");
    }
    let port = server.address.port();
    let other = port ^ 1;
    for (field, status) in [
        ("host: mcp.example".to_owned(), 404),
        (format!("host: LOCALHOST:{port}"), 404),
        (format!("origin: http://localhost:{port}"), 404),
        (format!("host: localhost:{other}"), 403),
        ("host: localhost".to_owned(), 403),
        ("host: localhost:1x".to_owned(), 403),
        (format!("origin: http://localhost:{other}"), 403),
        ("origin: http://localhost:6274".to_owned(), 403),
    ] {
        let answer = server.ask(&request("GET /", server.address, &[&field], "")).await;
        assert_eq!(answer.status(), status, "{field}: 404 is let in, and not there");
    }
    server.end().await;
}

#[tokio::test]
async fn the_size_of_a_body_is_limited() {
    let server = Running::start(Default::default()).await;
    let session = session(&server, "2025-11-25").await;
    let (_stream, target) = shaken(&server).await;
    let said = "content-length: 1048577";
    for (line, field) in [("POST /mcp", session.as_str()), (&format!("POST {target}"), "accept: */*")] {
        // Nothing of the body is sent: its length is enough.
        let said = request(line, server.address, &[field, "content-type: application/json", said], "");
        assert_eq!(server.ask(&said).await.status(), 413, "{line}");
        // A body that does not say its length is read no further.
        let fields = [field, "content-type: application/json", "transfer-encoding: chunked"];
        let mut client = server.connect().await;
        client.send(&request(line, server.address, &fields, "")).await;
        client.send(&format!("100001\r\n{}\r\n", " ".repeat(0x10_0001))).await;
        assert_eq!(super::raw::status(&client.head().await), 413, "{line}");
    }
    server.end().await;
}

#[tokio::test]
async fn idle_sessions_expire() {
    // Long enough to open a session and its stream on a busy machine.
    let options = Options { session_idle: Duration::from_secs(2), ..Default::default() };
    let server = Running::start(options).await;
    let (mut stream, _) = shaken(&server).await;
    assert_eq!(stream.chunk().await, None, "the stream ends");
    let session = session(&server, "2025-11-25").await;
    // Looking at it would use it: the stream that GET opens says when it has ended.
    let mut stream = server.connect().await;
    stream.get("/mcp", &[&session]).await;
    stream.head().await;
    while stream.chunk().await.is_some() {}
    assert_eq!(server.post("/mcp", &[&session], LIST).await.status(), 404);
    server.end().await;
}

#[tokio::test]
async fn shutdown_waits_for_a_response_in_progress() {
    let delay = "300ms".parse().unwrap();
    let faults = mcpdump::serve::Faults { delay: Some(delay), ..Default::default() };
    let server = Running::start(Options { faults, ..Default::default() }).await;
    let session = session(&server, "2025-11-25").await;
    let mut post = super::streamable::begun(&server, &[&session], LIST).await;
    post.head().await;
    let (mut stream, target) = shaken(&server).await;
    assert_eq!(server.post(&target, &[], LIST).await.status(), 202);
    server.shutdown.cancel();
    assert!(post.message().await["result"]["tools"].is_array());
    assert!(stream.message().await["result"]["tools"].is_array());
    assert_eq!(stream.chunk().await, None);
    server.end().await;
}

#[tokio::test]
async fn a_port_in_use_is_an_error_with_a_remedy() {
    let server = Running::start(Default::default()).await;
    let again = Server::bind(Options { listen: server.address, ..Default::default() }).await;
    let Err(error @ Error::InUse(_)) = again.map(|_| ()) else {
        panic!("the port is in use");
    };
    assert!(error.to_string().contains("--listen"), "{error}");
    server.end().await;
}

#[tokio::test]
async fn a_server_cancelled_before_it_runs_ends() {
    let listen = "127.0.0.1:0".parse().unwrap();
    let server = Server::bind(Options { listen, ..Default::default() }).await.unwrap();
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    tokio::time::timeout(PATIENCE, server.run(shutdown)).await.expect("it ends");
}

#[tokio::test]
async fn a_client_that_does_not_read_loses_its_session() {
    let server = Running::start(Default::default()).await;
    let (_unread, target) = shaken(&server).await;
    let call = super::streamable::CALL.replace("\"amount\":2", "\"amount\":60");
    let mut posts = server.connect().await;
    let given_up = async {
        loop {
            posts.post(&target, &[], &call).await;
            match posts.response().await.status() {
                202 | 503 => {}
                other => return other,
            }
        }
    };
    assert_eq!(tokio::time::timeout(PATIENCE, given_up).await.expect("the session ends"), 404);
    server.end().await;
}

/// The program itself: where it listens on standard output, and the end by SIGTERM.
#[tokio::test]
async fn the_command_prints_its_address_and_ends_on_sigterm() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};
    let mut serve = crate::support::program::mcpdump()
        .args(["serve", "--listen", "0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(serve.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    let address = first.strip_prefix("Streamable HTTP  http://").and_then(|rest| rest.strip_suffix("/mcp"));
    let address = address.unwrap_or_else(|| panic!("{first}")).to_owned();
    assert_eq!(lines.next().unwrap().unwrap(), format!("HTTP+SSE         http://{address}/sse"));

    let taken = crate::support::program::mcpdump().args(["serve", "--listen", &address]).output().unwrap();
    assert_eq!(taken.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&taken.stderr).contains("is in use"), "{taken:?}");

    let pid = serve.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let ended = tokio::task::spawn_blocking(move || serve.wait().unwrap());
    assert!(tokio::time::timeout(PATIENCE, ended).await.expect("it ends").unwrap().success());
}
