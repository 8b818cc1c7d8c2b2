//! HTTPS on loopback: curl and the program's own clients call a server that logs its secrets, and
//! the key log is read as it grows.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use super::dump::{Dump, allowed, can_capture, export, mcpdump, plain};

/// `mcpdump serve --tls`, ended when this is dropped.
struct Server {
    child: Child,
    /// Its address and port.
    address: String,
    /// What it prints; it would end if nobody could read it.
    _stdout: BufReader<ChildStdout>,
}

impl Server {
    fn start(key_log: &Path) -> Self {
        let mut command = mcpdump();
        command.args(["serve", "--listen", "0", "--tls", "--tls-keylog"]).arg(key_log);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        stdout.read_line(&mut first).unwrap();
        let address =
            first.trim_end().strip_prefix("Streamable HTTP  https://").and_then(|it| it.strip_suffix("/mcp"));
        let address = address.unwrap_or_else(|| panic!("{first}")).to_owned();
        Self { child, address, _stdout: stdout }
    }

    fn port(&self) -> &str {
        self.address.rsplit(':').next().unwrap()
    }

    fn url(&self) -> String {
        format!("https://{}/mcp", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// curl, which speaks this version of HTTP.
struct Curl<'a> {
    version: &'a str,
    url: String,
}

impl Curl<'_> {
    /// POSTs messages, one after the other on one connection; returns heads and bodies.
    #[track_caller]
    fn posts(&self, session: Option<&str>, messages: &[Value]) -> String {
        let mut command = Command::new("curl");
        for (at, message) in messages.iter().enumerate() {
            if at > 0 {
                command.arg("--next");
            }
            command.args(["-sk", self.version, "-D", "-", "--max-time", "60"]);
            command.args(["-H", "content-type: application/json"]);
            command.args(["-H", "accept: application/json, text/event-stream"]);
            if let Some(session) = session {
                command.args(["-H", &format!("mcp-session-id: {session}")]);
            }
            command.args(["-d", &message.to_string(), &self.url]);
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

fn request(id: u64, method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

/// The exchanges of an export, without what follows from the place of their session in it.
fn exchanges(text: &str) -> Vec<Value> {
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut exchanges: Vec<Value> = lines.filter(|line| line["type"] == "exchange").collect();
    exchanges.sort_by_key(|exchange| exchange["n"].as_u64());
    exchanges
}

#[test]
fn calls_of_curl_over_tls_are_paired_live_and_when_saved() {
    let has_curl = plain("curl").arg("--version").output();
    let has_http2 = has_curl.map(|output| String::from_utf8_lossy(&output.stdout).contains("HTTP2"));
    let able = if has_http2.unwrap_or(false) { Ok(()) } else { Err("no curl with HTTP/2".to_owned()) };
    if !allowed(able) || !can_capture() {
        return;
    }
    for (version, http_version, alpn) in [("--http1.1", "1.1", "http/1.1"), ("--http2", "2", "h2")] {
        let directory = tempfile::tempdir().unwrap();
        let [keys, file] = ["keys.log", "lo.pcapng"].map(|name| directory.path().join(name));
        let server = Server::start(&keys);
        let [key_log, path] = [&keys, &file].map(|path| path.to_str().unwrap());
        let filter = format!("tcp port {}", server.port());
        let dump = Dump::start(["export", "-i", "lo", "--tls-keylog", key_log, "-w", path, &filter]);
        let curl = Curl { version, url: server.url() };
        let client = json!({"name": "curl", "version": "7"});
        let params = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client});
        let opened = curl.posts(None, &[request(0, "initialize", &params)]);
        let session = opened.lines().find_map(|line| line.strip_prefix("mcp-session-id: "));
        let session = session.unwrap_or_else(|| panic!("{opened}")).trim();
        let calls = [
            json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
            request(1, "tools/list", &json!({})),
            request(
                2,
                "tools/call",
                &json!({"name": "get-hackernews-top-stories", "arguments": {"type": "topstories"}}),
            ),
            request(3, "tools/call", &json!({"name": "no-such-tool", "arguments": {}})),
        ];
        curl.posts(Some(session), &calls);
        let ended = dump.interrupt();
        let live = ended.with(0);
        let seen = exchanges(&live);
        let ids: Vec<_> = seen.iter().map(|exchange| exchange["id"].as_u64()).collect();
        assert_eq!(ids, [Some(0), Some(1), Some(2), Some(3)], "{version}: {live}");
        for exchange in &seen {
            let status = if exchange["id"] == 3 { "error" } else { "ok" };
            let want = json!([status, session, http_version, "1.3", alpn, []]);
            let names = ["status", "session_id", "http_version", "tls", "alpn", "degraded"];
            assert_eq!(Value::from_iter(names.map(|name| exchange[name].clone())), want, "{exchange}");
        }
        assert_eq!(exchanges(&export(&file)), seen, "the file holds its secrets");
    }
}

#[test]
fn calls_of_the_own_clients_over_tls_are_paired() {
    if !can_capture() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let keys = directory.path().join("keys.log");
    let server = Server::start(&keys);
    let filter = format!("tcp port {}", server.port());
    let dump = Dump::start(["export", "-i", "lo", "--tls-keylog", keys.to_str().unwrap(), &filter]);
    let mut traffic = mcpdump();
    traffic.args(["traffic", "--insecure", "--clients", "2", "--rate", "40", "--for", "2s"]);
    let output = traffic.arg(server.url()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let live = dump.interrupt().with(0);
    let seen = exchanges(&live);
    assert!(seen.len() > 20, "{live}");
    for exchange in &seen {
        assert_eq!((&exchange["http_version"], &exchange["tls"]), (&json!("2"), &json!("1.3")), "{exchange}");
        assert_ne!(exchange["status"], "undetermined", "{exchange}");
    }
    assert!(!live.contains("tls.no_secret"), "{live}");
}
