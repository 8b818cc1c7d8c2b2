//! The clients of `mcpdump traffic` against our server in every revision, other servers, and
//! hostile servers.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::timed::{Log, Timed};
use mcpdump::base::Status;
use mcpdump::serve::{self, Hackernews, Server, Stories};
use mcpdump::traffic::{self, Call, Error, Options, Summary, Target, Tools, Transport};
use rmcp::handler::server::ServerHandler;
use rmcp::model::*;
use serde_json::Map;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Time limit for a run, for a busy machine; none of them needs more than two seconds.
const LONG: Duration = Duration::from_secs(60);

/// Our server, until it is dropped.
struct Running {
    address: SocketAddr,
    end: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    async fn with<H: ServerHandler + Clone>(faults: serve::Faults, handler: H) -> Self {
        let options = serve::Options { listen: "127.0.0.1:0".parse().unwrap(), faults, ..Default::default() };
        let server = Server::bind_handler(options, handler).await.unwrap();
        let (address, end) = (server.local_addr(), CancellationToken::new());
        let task = tokio::spawn(server.run(end.clone()));
        Self { address, end, task }
    }

    async fn ours() -> (Self, Log) {
        let log = Log::default();
        let inner = Hackernews::new(Stories::snapshot().unwrap()).with_step(Duration::from_millis(10));
        (Self::with(serve::Faults::default(), Timed { inner, log: log.clone() }).await, log)
    }

    fn target(&self, way: (Transport, Option<&str>)) -> Target {
        let path = if way.0 == Transport::Sse { "sse" } else { "mcp" };
        let mut target = Target::new(&format!("http://{}/{path}", self.address)).unwrap();
        (target.transport, target.revision) = (way.0, way.1.map(str::to_owned));
        target
    }

    async fn end(self) {
        self.end.cancel();
        tokio::time::timeout(LONG, self.task).await.expect("the server ends").unwrap();
    }
}

/// Every transport and revision of our server.
const WAYS: [(Transport, Option<&str>); 7] = [
    (Transport::Sse, Some("2024-11-05")),
    (Transport::Sse, None),
    (Transport::Streamable, Some("2025-03-26")),
    (Transport::Streamable, Some("2025-06-18")),
    (Transport::Streamable, Some("2025-11-25")),
    (Transport::Streamable, Some("2026-07-28")),
    (Transport::Auto, None),
];

/// Options for a run without pauses, and the calls that its observer records.
fn fast(target: Target, calls: u64) -> (Options, Arc<Mutex<Vec<Call>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let options = Options {
        targets: vec![target],
        clients: 1,
        rate: 2_000.0,
        calls: Some(calls),
        timeout: Duration::from_secs(20),
        observer: Some(Arc::new(move |call: &Call| log.lock().unwrap().push(call.clone()))),
        ..Options::default()
    };
    (options, seen)
}

async fn run(options: Options) -> Result<Summary, Error> {
    let run = traffic::run(options, CancellationToken::new());
    tokio::time::timeout(LONG, run).await.expect("traffic ends by itself")
}

fn by_method(calls: &[Call]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for call in calls {
        *counts.entry(call.method.to_string()).or_default() += 1;
    }
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn client_and_server_count_the_same_calls() {
    for way in WAYS {
        // Before the script a client opens its session and lists what the server has.
        let (server, _) = Running::ours().await;
        let (options, _) = fast(server.target(way), 0);
        let opening = run(options).await.unwrap().calls() as usize;
        server.end().await;
        assert!(opening >= 5, "{way:?}: it lists what there is");

        let (server, log) = Running::ours().await;
        let (mut options, seen) = fast(server.target(way), 60);
        options.clients = 3;
        options.lively = Some(false);
        let summary = run(options).await.unwrap();
        server.end().await;
        let seen = seen.lock().unwrap();
        assert_eq!(summary.calls(), seen.len() as u64, "{way:?}");
        assert_eq!(summary.sessions, 3, "{way:?}");
        assert_eq!(summary.ended, None, "{way:?}");
        assert_eq!(by_method(&seen), log.by_method(), "{way:?}: the server saw as many");
        // An `input_required` result is answered by a retry.
        let retries = log.all().iter().filter(|asked| asked.params.get("requestState").is_some()).count();
        assert_eq!(seen.len(), 60 + 3 * opening + retries, "{way:?}: {:?}", by_method(&seen));
        assert!(seen.iter().all(|call| call.status.is_answered()), "{way:?}: {seen:?}");
        assert!(
            summary.server_requests > 0 || way.1.is_none_or(|revision| revision >= "2026"),
            "{way:?}: the server asks too"
        );
        assert_eq!(summary.server_requests, summary.responses, "{way:?}");
        assert!(summary.rows.iter().all(|row| row.times.is_some_and(|times| times.min_ns > 0)), "{way:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mixed_traffic_has_errors_cancellations_and_resumed_sessions() {
    for way in [WAYS[0], WAYS[4], WAYS[5]] {
        let (server, log) = Running::ours().await;
        let (mut options, seen) = fast(server.target(way), 300);
        options.clients = 2;
        options.timeout = Duration::from_millis(800);
        let summary = run(options).await.unwrap();
        server.end().await;
        let seen = seen.lock().unwrap();
        assert_eq!(summary.calls(), seen.len() as u64, "{way:?}");
        for status in [Status::Ok, Status::ToolError, Status::Error, Status::Cancelled] {
            assert!(summary.count(status) > 0, "{way:?}: {status:?}");
        }
        assert!(summary.sessions > 2 && summary.progress > 0, "{way:?}: {summary:?}");
        let tools: BTreeSet<_> = seen.iter().filter_map(|call| call.name.as_deref()).collect();
        for tool in
            ["get-hackernews-top-stories", "digest", "ask-reader", "search-hackernews", "no-such-tool"]
        {
            assert!(tools.contains(tool), "{way:?}: {tool}");
        }
        let handled: u64 = log.by_method().values().sum();
        assert!(handled <= summary.calls(), "{way:?}: nothing reached the server that was not counted");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_seed_sends_the_same_requests() {
    let asked = async |seed| {
        let (server, log) = Running::ours().await;
        let (mut options, _) = fast(server.target(WAYS[4]), 40);
        options.seed = seed;
        options.lively = Some(false);
        run(options).await.unwrap();
        server.end().await;
        let line = |asked: crate::support::timed::Handled| format!("{} {}", asked.method, asked.params);
        let mut lines: Vec<_> = log.all().into_iter().map(line).collect();
        lines.sort(); // calls overtake each other
        lines
    };
    let first = asked(5).await;
    assert_eq!(first, asked(5).await);
    assert_ne!(first, asked(6).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_sse_is_detected_from_the_url() {
    let (server, log) = Running::ours().await;
    let mut target = server.target((Transport::Sse, None));
    target.transport = Transport::Auto;
    let (options, _) = fast(target, 5);
    let summary = run(options).await.unwrap();
    server.end().await;
    assert_eq!(summary.sessions, 1);
    assert_eq!(log.by_method().get("initialize"), Some(&1));
    // The attempt with the other transport is no failure of the server.
    assert_eq!((summary.count(Status::HttpError), summary.count(Status::Error)), (0, 0));
    assert_eq!(summary.count(Status::Unanswered), 0);
}

/// What is probably wrong with the URL is part of the error.
#[tokio::test]
async fn a_likely_mistake_in_the_url_is_named() {
    let not_found =
        |_: &str| Some("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned());
    // The alert of a TLS server that reads plain HTTP (RFC 8446 section 6).
    let alert = |_: &str| Some("\u{15}\u{3}\u{3}\u{0}\u{2}\u{2}F".to_owned());
    for (answer, path, hint) in [
        (not_found as fn(&str) -> Option<String>, "", "; name the path, as in http://127.0.0.1:"),
        (alert, "mcp", "; the server may speak HTTPS: https://127.0.0.1:"),
    ] {
        let (address, task) = raw(answer).await;
        let (options, _) = fast(Target::new(&format!("http://{address}/{path}")).unwrap(), 5);
        let error = run(options).await.unwrap_err().to_string();
        assert!(error.contains(hint), "{error}");
        task.abort();
    }
}

#[tokio::test]
async fn a_missing_server_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    for transport in [Transport::Auto, Transport::Sse, Transport::Streamable] {
        let mut target = Target::new(&format!("http://{address}/mcp")).unwrap();
        target.transport = transport;
        let (options, seen) = fast(target, 5);
        let error = run(options).await.unwrap_err();
        assert!(matches!(error, Error::Unreachable { .. }), "{transport:?}: {error}");
        assert!(error.to_string().contains("refused"), "{error}");
        assert!(seen.lock().unwrap().iter().all(|call| !call.status.is_answered()));
    }
}

#[tokio::test]
async fn the_name_of_a_server_is_shown_on_one_short_line() {
    let page = |_: &str| {
        let body = format!("not here:\nmcpdump: all is well\n{}", "x".repeat(5_000));
        Some(format!(
            "HTTP/1.1 404 Not Found\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        ))
    };
    let (address, task) = raw(page).await;
    for revision in [None, Some("2025-11-25")] {
        let mut target = Target::new(&format!("http://{address}/mcp")).unwrap();
        (target.transport, target.revision) = (Transport::Streamable, revision.map(str::to_owned));
        let (options, _) = fast(target, 5);
        let error = run(options).await.unwrap_err().to_string();
        assert!(error.contains("404 Not Found: not here: mcpdump"), "{error}");
        assert!(error.len() < 600 && !error.contains(['\n', '\r']) && !error.contains("rmcp::"), "{error}");
    }
    task.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_times_out() {
    // From the start: it accepts the connection and sends nothing.
    let (address, _) = raw(|_| None).await;
    for transport in [Transport::Auto, Transport::Sse, Transport::Streamable] {
        let mut target = Target::new(&format!("http://{address}/mcp")).unwrap();
        target.transport = transport;
        let (mut options, _) = fast(target, 5);
        options.timeout = Duration::from_millis(200);
        let error = run(options).await.unwrap_err();
        assert!(
            matches!(&error, Error::Session { why, .. } if why.contains("within")),
            "{transport:?}: {error}"
        );
    }
    // Later on: every call.
    let hangs = serve::Faults { hang_rate: 1.0, ..Default::default() };
    let server = Running::with(hangs, Hackernews::new(Stories::snapshot().unwrap())).await;
    for way in [WAYS[0], WAYS[4], WAYS[5]] {
        let (mut options, seen) = fast(server.target(way), 5);
        options.timeout = Duration::from_millis(200);
        let summary = run(options).await.unwrap();
        assert!(summary.count(Status::Ok) >= 1, "{way:?}: the session is opened");
        let given_up = summary.calls() - summary.count(Status::Ok);
        assert!(given_up > 0, "{way:?}: {summary:?}");
        let lost = summary.count(Status::Cancelled) + summary.count(Status::Unanswered);
        assert_eq!(lost, given_up, "{way:?}: {:?}", seen.lock().unwrap());
    }
    server.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transport_errors_are_counted_and_do_not_end_the_run() {
    let faults = serve::Faults { seed: 3, fail_rate: 0.5, ..Default::default() };
    let server = Running::with(faults, Hackernews::new(Stories::snapshot().unwrap())).await;
    for way in [WAYS[0], WAYS[4], WAYS[5]] {
        let (mut options, seen) = fast(server.target(way), 100);
        options.lively = Some(false);
        options.timeout = Duration::from_secs(2);
        options.tools = Tools::All;
        let summary = run(options).await.unwrap();
        assert_eq!(summary.calls(), seen.lock().unwrap().len() as u64, "{way:?}");
        assert!(summary.calls() >= 100, "{way:?}: {summary:?}");
        assert!(summary.count(Status::Error) > 0, "{way:?}: {summary:?}");
        assert!(summary.count(Status::HttpError) + summary.count(Status::Error) > 20, "{way:?}: {summary:?}");
    }
    server.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traffic_ends_when_cancelled() {
    let (server, _) = Running::ours().await;
    let (mut options, _) = fast(server.target(WAYS[4]), 0);
    (options.calls, options.duration) = (None, Some(Duration::from_millis(300)));
    let summary = run(options.clone()).await.unwrap();
    assert!(summary.took >= Duration::from_millis(300) && summary.calls() > 0);
    let stop = CancellationToken::new();
    let seen = stop.clone();
    options.duration = None;
    // The first answer stops it.
    options.observer = Some(Arc::new(move |_| seen.cancel()));
    let summary = tokio::time::timeout(LONG, traffic::run(options, stop)).await.unwrap().unwrap();
    assert!(summary.calls() >= 1);
    server.end().await;
}

/// Another server, with a tool declared read-only and one that is not.
#[derive(Clone, Default)]
struct Foreign {
    called: Arc<Mutex<Vec<String>>>,
}

impl ServerHandler for Foreign {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _asked: Option<PaginatedRequestParams>,
        _context: rmcp::service::RequestContext<rmcp::RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let mut look = Tool::new("look", "reads", Arc::new(Map::new()));
        look.annotations = Some(ToolAnnotations::new().read_only(true));
        let erase = Tool::new("erase", "does not say", Arc::new(Map::new()));
        Ok(ListToolsResult::with_all_items(vec![look, erase]))
    }

    async fn call_tool(
        &self,
        asked: CallToolRequestParams,
        _context: rmcp::service::RequestContext<rmcp::RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.called.lock().unwrap().push(asked.name.to_string());
        Ok(CallToolResult::success(vec![ContentBlock::text("seen")]).into())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_read_only_tools_of_other_servers_are_called() {
    for (tools, called) in [
        (Tools::Safe, &["look"][..]),
        (Tools::ReadOnly(BTreeSet::new()), &["look"]),
        (Tools::ReadOnly(BTreeSet::from(["erase".to_owned()])), &["erase", "look"]),
        (Tools::All, &["erase", "look"]),
    ] {
        let foreign = Foreign::default();
        let server = Running::with(serve::Faults::default(), foreign.clone()).await;
        let (mut options, _) = fast(server.target(WAYS[4]), 50);
        options.tools = tools.clone();
        let summary = run(options).await.unwrap();
        server.end().await;
        let seen: BTreeSet<_> = foreign.called.lock().unwrap().iter().cloned().collect();
        assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), called, "{tools:?}");
        assert_eq!(summary.count(Status::Ok), summary.calls(), "no mistakes are made on purpose");
        assert_eq!(summary.sessions, 1, "nor does it leave and come back");
    }
}

/// Sends a text on every connection after its request head and keeps the connection open; sends
/// nothing for `None`.
async fn raw(answer: fn(&str) -> Option<String>) -> (SocketAddr, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                match socket.read_buf(&mut head).await {
                    Ok(0) | Err(_) => break,
                    Ok(_) => {}
                }
            }
            if let Some(answer) = answer(&String::from_utf8_lossy(&head)) {
                // The client may have closed it by then.
                drop(socket.write_all(answer.as_bytes()).await);
            }
            open.push(socket);
        }
    });
    (address, task)
}

fn stream(events: &str) -> Option<String> {
    Some(format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n{events}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_on_another_host_is_not_used() {
    type Answer = fn(&str) -> Option<String>;
    let cases: [(&str, Answer, &str); 8] = [
        (
            "another host",
            |_| stream("event: endpoint\ndata: http://192.0.2.1/m\n\n"),
            "not the stream's origin",
        ),
        (
            "another port",
            |_| stream("event: endpoint\ndata: http://127.0.0.1:1/m\n\n"),
            "not the stream's origin",
        ),
        ("never", |_| stream(": soon\n\n"), "none came within"),
        ("no name", |_| stream("data: /messages\n\n"), "the first event is \"message\""),
        ("huge", |_| stream(&format!("event: endpoint\ndata: /{}\n\n", "x".repeat(10_000))), "longer than"),
        (
            "endless",
            |_| stream(&format!("event: endpoint\ndata: /{}", "x".repeat(17 << 20))),
            "an event of more than",
        ),
        (
            "no stream",
            |_| Some("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n<p>".to_owned()),
            "text/html",
        ),
        ("not found", |_| Some("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned()), "404"),
    ];
    for (name, answer, why) in cases {
        let (address, task) = raw(answer).await;
        let mut target = Target::new(&format!("http://{address}/sse")).unwrap();
        target.transport = Transport::Sse;
        let (mut options, _) = fast(target, 5);
        // Long enough for 17 MiB on a busy machine; what never comes is waited for as long.
        options.timeout = Duration::from_secs(if name == "never" { 1 } else { 20 });
        let error = run(options).await.unwrap_err();
        assert!(matches!(&error, Error::Session { why: said, .. } if said.contains(why)), "{name}: {error}");
        task.abort();
    }
}
