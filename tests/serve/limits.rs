//! What clients can make the server hold: connections, sessions, memory. Nobody locks others out.

use mcpdump::serve::Options;

use super::raw::{Client, End, Running, request, status};
use super::streamable::{CALL, initialize, session};
use super::walkthrough::{open, shaken};

const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

/// An `initialize` with this name and these experimental capabilities.
fn initialize_with(name: &str, experimental: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{{"protocolVersion":"2025-11-25","capabilities":{{"experimental":{experimental}}},"clientInfo":{{"name":"{name}","version":"1"}}}}}}"#
    )
}

#[tokio::test]
async fn the_connection_that_was_idle_for_the_longest_time_makes_room() {
    let server = Running::start(Options { connections: 4, ..Default::default() }).await;
    let mut used = server.connect().await;
    let mut idle = Vec::new();
    for _ in 0..3 {
        idle.push(server.connect().await);
    }
    // It was used after the others were opened. The answer shows that they were accepted.
    used.send(&request("GET /", server.address, &[], "")).await;
    assert_eq!(used.response().await.status(), 404);
    for _ in 0..3 {
        let listed = server.ask(&request("GET /", server.address, &[], "")).await;
        assert_eq!(listed.status(), 404);
    }
    used.send(&request("GET /", server.address, &[], "")).await;
    assert_eq!(used.response().await.status(), 404, "it is still open");
    let first = idle.remove(0);
    assert_eq!(first.rest().await, (String::new(), End::Fin));
    server.end().await;
}

#[tokio::test]
async fn a_request_whose_body_does_not_come_holds_no_place() {
    let server = Running::start(Options { connections: 4, ..Default::default() }).await;
    let mut slow = Vec::new();
    for _ in 0..8 {
        let mut client = server.connect().await;
        let fields = ["content-type: application/json", "content-length: 1000"];
        client.send(&request("POST /mcp", server.address, &fields, "")).await;
        slow.push(client);
    }
    session(&server, "2025-11-25").await;
    server.end().await;
}

#[tokio::test]
async fn streams_do_not_lock_others_out() {
    let server = Running::start(Options { connections: 8, ..Default::default() }).await;
    let session_id = session(&server, "2025-11-25").await;
    let mut streams = Vec::new();
    for _ in 0..40 {
        let mut stream = server.connect().await;
        stream.get("/mcp", &[&session_id]).await;
        assert_eq!(status(&stream.head().await), 200);
        streams.push(stream);
        streams.push(open(&server).await.0);
    }
    let called = server.post("/mcp", &[&session_id], CALL).await;
    assert_eq!(called.last_event()["result"]["content"].as_array().unwrap().len(), 2);
    // The first ones made room.
    streams.remove(0).rest().await;
    streams.remove(0).rest().await;
    server.end().await;
}

/// On Linux every address of 127.0.0.0/8 is this machine.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_address_with_many_connections_does_not_displace_others() {
    let server = Running::start(Options { connections: 6, ..Default::default() }).await;
    let mut other = Client::connect_from("127.0.0.2", server.address).await;
    other.get("/sse", &[]).await;
    assert_eq!(status(&other.head().await), 200);
    let endpoint = other.event().await;
    let target = endpoint.trim().strip_prefix("event: endpoint\ndata: ").unwrap().to_owned();
    let mut many = Vec::new();
    for _ in 0..30 {
        many.push(open(&server).await);
    }
    // Its stream is older than all others and still open.
    let mut posts = Client::connect_from("127.0.0.2", server.address).await;
    posts.post(&target, &[], &initialize("2024-11-05")).await;
    assert_eq!(posts.response().await.status(), 202);
    assert_eq!(other.message().await["result"]["protocolVersion"], "2024-11-05");
    server.end().await;
}

#[tokio::test]
async fn the_session_that_was_unused_for_the_longest_time_makes_room() {
    let server = Running::start(Options { sessions: 4, ..Default::default() }).await;
    let used = session(&server, "2025-11-25").await;
    let mut unused = Vec::new();
    for _ in 0..12 {
        let opened = server.post("/mcp", &[], &initialize("2025-11-25")).await;
        assert_eq!(opened.status(), 200);
        unused.push(format!("mcp-session-id: {}", opened.field("mcp-session-id").unwrap()));
    }
    assert_eq!(server.post("/mcp", &[&used], LIST).await.status(), 200);
    let mut statuses = Vec::new();
    for id in &unused {
        statuses.push(server.post("/mcp", &[id], LIST).await.status());
    }
    assert_eq!(statuses, [vec![404; 9], vec![200; 3]].concat());
    server.end().await;
}

#[tokio::test]
async fn a_session_over_sse_makes_room_too() {
    let server = Running::start(Options { sessions: 2, ..Default::default() }).await;
    let (mut used, target) = shaken(&server).await;
    let (mut unused, _) = open(&server).await;
    let _newcomer = open(&server).await;
    assert_eq!(unused.chunk().await, None, "its stream ends");
    assert_eq!(server.post(&target, &[], LIST).await.status(), 202);
    assert!(used.message().await["result"]["tools"].is_array());
    server.end().await;
}

#[tokio::test]
async fn what_is_kept_of_a_client_is_limited() {
    let server = Running::start(Default::default()).await;
    let large = format!(r#"{{"a":{{"b":"{}"}}}}"#, "x".repeat(900_000));
    let many = format!(r#"{{"a":{{"b":[{}{{}}]}}}}"#, "{},".repeat(5_000));
    let cases = [
        (initialize_with("test", &large), 413),
        (initialize_with(&"x".repeat(100_000), "{}"), 413),
        (initialize_with(&"x".repeat(2_000), "{}"), 400),
        (initialize_with("test", &many), 400),
    ];
    let (_stream, target) = open(&server).await;
    for path in ["/mcp", &target] {
        for (body, status) in &cases {
            let refused = server.post(path, &[], body).await;
            assert_eq!(refused.status(), *status, "{path}: {}", refused.body);
            assert_eq!(refused.json()["error"]["code"], -32602, "{path}: {}", refused.body);
            assert_eq!(refused.json()["id"], 0);
        }
    }
    let nested = format!("[{}{{}}]", r#"{"a":{}},"#.repeat(100_000));
    assert_eq!(server.post("/mcp", &[], &nested).await.status(), 413);
    session(&server, "2025-11-25").await;
    server.end().await;
}

/// The program as a process of its own, for its memory and its terminal.
#[cfg(target_os = "linux")]
mod process {
    use std::io::{BufRead, BufReader, Read};
    use std::net::SocketAddr;
    use std::process::{Child, ChildStdout, Stdio};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use super::super::raw::{Client, PATIENCE, Response, request};
    use super::super::streamable::initialize;
    use super::{CALL, LIST, initialize_with};

    /// Most memory in bytes, whatever clients do.
    const MEMORY: u64 = 256 << 20;

    struct Serve {
        child: Child,
        address: SocketAddr,
        said: Arc<Mutex<String>>,
        _stdout: BufReader<ChildStdout>,
    }

    impl Serve {
        fn start(arguments: &[&str]) -> Self {
            let mut command = crate::support::program::mcpdump();
            command.args(["serve", "--listen", "0"]).args(arguments);
            let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let mut stdout = BufReader::new(child.stdout.take().unwrap());
            let mut line = String::new();
            stdout.read_line(&mut line).unwrap();
            let address = line.trim_end().strip_prefix("Streamable HTTP  http://");
            let address = address.and_then(|rest| rest.strip_suffix("/mcp")).expect("an address");
            let address = address.parse().unwrap();
            let said = Arc::new(Mutex::new(String::new()));
            let (to, mut stderr) = (Arc::clone(&said), child.stderr.take().unwrap());
            std::thread::spawn(move || {
                let mut piece = [0; 4096];
                while let Ok(read @ 1..) = stderr.read(&mut piece) {
                    to.lock().unwrap().push_str(&String::from_utf8_lossy(&piece[..read]));
                }
            });
            Self { child, address, said, _stdout: stdout }
        }

        async fn post(&self, path: &str, fields: &[&str], body: &str) -> Response {
            let mut client = Client::connect(self.address).await;
            client.post(path, fields, body).await;
            client.response().await
        }

        /// Waits until standard error has these words.
        async fn says(&self, words: &str) {
            let has_said = async {
                while !self.said.lock().unwrap().contains(words) {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            if tokio::time::timeout(PATIENCE, has_said).await.is_err() {
                panic!("{words:?} is missing: {}", self.said.lock().unwrap());
            }
        }

        /// Most memory that it used so far, in bytes.
        fn peak(&self) -> u64 {
            let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
            let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
            1024 * peak.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap()
        }
    }

    impl Drop for Serve {
        fn drop(&mut self) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }

    #[tokio::test]
    async fn sessions_take_bounded_memory() {
        let serve = Serve::start(&["--everything"]);
        let large = format!(r#"{{"a":{{"b":"{}"}}}}"#, "x".repeat(900_000));
        for _ in 0..20 {
            assert_eq!(serve.post("/mcp", &[], &initialize_with("a", &large)).await.status(), 413);
        }
        // As large as is accepted: text, then values.
        let text = format!(r#"{{"a":{{"b":"{}"}}}}"#, "x".repeat(60_000));
        let values = format!(r#"{{"a":{{"b":[{}{{}}]}}}}"#, r#"{"c":{}},"#.repeat(110));
        let mut client = Client::connect(serve.address).await;
        for experimental in [text, values] {
            let body = initialize_with(&"n".repeat(1000), &experimental);
            for _ in 0..1100 {
                client.post("/mcp", &[], &body).await;
                assert_eq!(client.response().await.status(), 200);
            }
        }
        assert!(serve.peak() < MEMORY, "{}", serve.peak());
    }

    #[tokio::test]
    async fn large_messages_and_unread_answers_take_bounded_memory() {
        let serve = Serve::start(&["--everything", "--hang-rate", "0.5"]);
        let opened = serve.post("/mcp", &[], &initialize("2025-11-25")).await;
        let session = format!("mcp-session-id: {}", opened.field("mcp-session-id").unwrap());
        // Calls with large arguments, half of which are never answered, and large answers that
        // nobody reads.
        let arguments = format!(r#"[{}{{}}]"#, r#"{"a":[{}]},"#.repeat(6_000));
        let large = CALL.replace("\"amount\":2", &format!(r#""amount":500,"x":{arguments}"#));
        let mut clients = Vec::new();
        for n in 0..600 {
            let mut client = Client::connect(serve.address).await;
            let body = large.replace("\"id\":2", &format!("\"id\":{n}"));
            client.post("/mcp", &[&session], &body).await;
            clients.push(client);
        }
        // Others are still served.
        let listed = serve.post("/mcp", &[], &initialize("2025-11-25")).await;
        assert_eq!(listed.status(), 200);
        assert!(serve.peak() < MEMORY, "{}", serve.peak());
    }

    #[tokio::test]
    async fn requests_are_logged_without_queries_and_control_characters() {
        let serve = Serve::start(&["-v"]);
        let opened = serve.post("/mcp", &[], &initialize("2025-11-25")).await;
        let session = format!("mcp-session-id: {}", opened.field("mcp-session-id").unwrap());
        serve.post("/mcp", &[&session], LIST).await;
        serve.says(" POST /mcp initialize 200 ").await;
        serve.says(" POST /mcp tools/list 200 ").await;
        let odd = r#"{"jsonrpc":"2.0","id":5,"method":"no\u001b[2Jsuch"}"#;
        serve.post("/mcp", &[&session], odd).await;
        serve.says(" POST /mcp no\u{fffd}[2Jsuch ").await;
        let mut client = Client::connect(serve.address).await;
        client
            .send(&request("GET /sse?token=secret", serve.address, &["accept: text/event-stream"], ""))
            .await;
        client.head().await;
        serve.says(" GET /sse 200 ").await;
        assert!(!serve.said.lock().unwrap().contains("secret"));
    }

    #[tokio::test]
    async fn a_refused_host_is_reported_with_the_remedy() {
        let serve = Serve::start(&[]);
        let mut client = Client::connect(serve.address).await;
        client.send(&request("GET /mcp", serve.address, &["host: mcp.example:9"], "")).await;
        assert_eq!(client.response().await.status(), 403);
        serve.says("a request for Host mcp.example:9 was refused: if it is yours, add --allow-host").await;
    }

    #[tokio::test]
    async fn live_stories_without_a_network_are_reported() {
        // Nobody listens on this port once the listener is dropped.
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let serve = Serve::start(&["--stories", "live", "--stories-url", &format!("http://{free}/v0")]);
        serve.says("the Hacker News API failed: GET topstories.json: ").await;
    }

    #[tokio::test]
    async fn a_listener_on_all_addresses_prints_how_to_allow_hosts() {
        let mut command = crate::support::program::mcpdump();
        command.args(["serve", "--listen", "0.0.0.0:0"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let shown: Vec<String> = lines.by_ref().take(5).collect();
        drop(child.kill());
        drop(child.wait());
        assert!(shown.iter().any(|line| line.contains("--allow-host NAME")), "{shown:?}");
    }
}
