//! A raw HTTP/1.1 client that shows the bytes on the wire and how the connection ended.

use std::net::SocketAddr;
use std::time::Duration;

use mcpdump::serve::{Options, Server};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Time limit for each step; long, because the machine may be busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A server that runs until it is dropped or ended.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    /// The Hacker News server on a free port.
    pub(crate) async fn start(options: Options) -> Self {
        let options = Options { listen: "127.0.0.1:0".parse().unwrap(), ..options };
        let server = Server::bind(options).await.unwrap();
        let address = server.local_addr();
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(server.run(shutdown.clone()));
        Self { address, shutdown, task }
    }

    /// Ends the server, and waits until it has.
    pub(crate) async fn end(self) {
        self.shutdown.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.expect("the server ends").unwrap();
    }

    pub(crate) async fn connect(&self) -> Client {
        Client::connect(self.address).await
    }

    /// One request on a connection of its own.
    pub(crate) async fn ask(&self, request: &str) -> Response {
        let mut client = self.connect().await;
        client.send(request).await;
        client.response().await
    }

    /// A POST of JSON on a connection of its own.
    pub(crate) async fn post(&self, target: &str, fields: &[&str], body: &str) -> Response {
        let mut client = self.connect().await;
        client.post(target, fields, body).await;
        client.response().await
    }
}

/// One connection.
pub(crate) struct Client {
    stream: TcpStream,
    address: SocketAddr,
    /// Bytes received and not yet consumed.
    seen: Vec<u8>,
}

/// How a connection ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    Fin,
    Reset,
}

/// A response with a whole body.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn status(&self) -> u16 {
        status(&self.head)
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        field(&self.head, name)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The JSON of the body's events that carry some.
    pub(crate) fn events(&self) -> Vec<Value> {
        let data = self.body.lines().filter_map(|line| line.strip_prefix("data:"));
        data.filter(|data| !data.trim().is_empty()).map(|data| serde_json::from_str(data).unwrap()).collect()
    }

    /// The JSON of the body's last event.
    pub(crate) fn last_event(&self) -> Value {
        self.events().pop().unwrap_or_else(|| panic!("no event: {}", self.body))
    }
}

pub(crate) fn status(head: &str) -> u16 {
    head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{head}"))
}

pub(crate) fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .skip(1)
        .filter_map(|line| line.split_once(": "))
        .find(|(field, _)| field.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

/// The text of a request; Host is the server's, and fields are whole lines.
pub(crate) fn request(line: &str, address: SocketAddr, fields: &[&str], body: &str) -> String {
    let mut text = format!("{line} HTTP/1.1\r\n");
    if !fields.iter().any(|field| field.starts_with("host:")) {
        text.push_str(&format!("host: {address}\r\n"));
    }
    for field in fields {
        text.push_str(field);
        text.push_str("\r\n");
    }
    if !body.is_empty() {
        text.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    text + body
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        Self { stream, address, seen: Vec::new() }
    }

    /// Connects from this address of the machine.
    #[cfg(target_os = "linux")]
    pub(crate) async fn connect_from(source: &str, address: SocketAddr) -> Self {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(source.parse().unwrap(), 0)).unwrap();
        Self { stream: socket.connect(address).await.unwrap(), address, seen: Vec::new() }
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    pub(crate) async fn get(&mut self, target: &str, fields: &[&str]) {
        let mut all = vec!["accept: text/event-stream"];
        all.extend(fields);
        self.send(&request(&format!("GET {target}"), self.address, &all, "")).await;
    }

    /// With the fields that both transports ask for.
    pub(crate) async fn post(&mut self, target: &str, fields: &[&str], body: &str) {
        let mut all = vec!["accept: application/json, text/event-stream", "content-type: application/json"];
        all.extend(fields);
        self.send(&request(&format!("POST {target}"), self.address, &all, body)).await;
    }

    /// Reads up to and including `end`.
    pub(crate) async fn until(&mut self, end: &str) -> String {
        let found = tokio::time::timeout(PATIENCE, async {
            loop {
                if let Some(at) = memchr::memmem::find(&self.seen, end.as_bytes()) {
                    let rest = self.seen.split_off(at + end.len());
                    return std::mem::replace(&mut self.seen, rest);
                }
                let read = self.stream.read_buf(&mut self.seen).await.unwrap();
                assert!(read > 0, "closed before {end:?}: {}", String::from_utf8_lossy(&self.seen));
            }
        });
        let found = found.await.unwrap_or_else(|_| panic!("no {end:?} came"));
        String::from_utf8(found).unwrap()
    }

    pub(crate) async fn head(&mut self) -> String {
        self.until("\r\n\r\n").await
    }

    async fn exactly(&mut self, len: usize) -> String {
        while self.seen.len() < len {
            let read = tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut self.seen)).await;
            assert!(read.expect("a body").unwrap() > 0, "closed in a body");
        }
        let rest = self.seen.split_off(len);
        String::from_utf8(std::mem::replace(&mut self.seen, rest)).unwrap()
    }

    /// The next chunk of a body; `None` is the last one.
    pub(crate) async fn chunk(&mut self) -> Option<String> {
        let size = self.until("\r\n").await;
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        let data = self.exactly(size).await;
        assert_eq!(self.exactly(2).await, "\r\n");
        (size > 0).then_some(data)
    }

    /// The next chunk that is no comment.
    pub(crate) async fn event(&mut self) -> String {
        loop {
            let chunk = self.chunk().await.expect("an event before the end of the stream");
            if !chunk.starts_with(':') {
                return chunk;
            }
        }
    }

    /// The JSON of the next event that carries some.
    pub(crate) async fn message(&mut self) -> Value {
        loop {
            let event = self.event().await;
            let data = event.lines().find_map(|line| line.strip_prefix("data:")).unwrap_or_default();
            if !data.trim().is_empty() {
                return serde_json::from_str(data).unwrap();
            }
        }
    }

    /// A response whose body ends.
    pub(crate) async fn response(&mut self) -> Response {
        let head = self.head().await;
        let mut body = String::new();
        if field(&head, "transfer-encoding") == Some("chunked") {
            while let Some(chunk) = self.chunk().await {
                body.push_str(&chunk);
            }
        } else if let Some(length) = field(&head, "content-length") {
            body = self.exactly(length.parse().unwrap()).await;
        }
        Response { head, body }
    }

    /// Reads until the connection ends, and returns how it ended.
    pub(crate) async fn rest(mut self) -> (String, End) {
        let end = loop {
            match tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut self.seen)).await.expect("an end")
            {
                Ok(0) => break End::Fin,
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break End::Reset,
                Err(error) => panic!("{error}"),
            }
        };
        (String::from_utf8(self.seen).unwrap(), end)
    }
}
