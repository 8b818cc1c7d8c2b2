//! MCP over Streamable HTTP on loopback: a server and its client, which both measure times.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A server that answers every request, and the times that it and its client measured.
pub(crate) struct Traffic {
    listener: TcpListener,
    /// The server's time for each id, from the last byte of the request to the first of the
    /// response.
    served: Arc<Mutex<HashMap<u64, Duration>>>,
}

/// An exchange as the client measured it.
pub(crate) struct Made {
    pub(crate) id: u64,
    pub(crate) took: Duration,
}

impl Traffic {
    pub(crate) fn new() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").unwrap(), served: Arc::default() }
    }

    pub(crate) fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }

    /// The capture filter for its port.
    pub(crate) fn filter(&self) -> String {
        format!("tcp port {}", self.port())
    }

    /// The time that the server took for an exchange.
    pub(crate) fn served(&self, id: u64) -> Duration {
        self.served.lock().unwrap()[&id]
    }

    /// Makes exchanges on one connection, `initialize` first, with `bytes` bytes in each response.
    pub(crate) fn make(&self, exchanges: u64, bytes: usize) -> Vec<Made> {
        let client = TcpStream::connect(self.listener.local_addr().unwrap()).unwrap();
        client.set_nodelay(true).unwrap();
        let (server, _) = self.listener.accept().unwrap();
        server.set_nodelay(true).unwrap();
        let served = Arc::clone(&self.served);
        let serving = std::thread::spawn(move || serve(&server, bytes, &served));
        let mut answers = BufReader::new(client.try_clone().unwrap());
        let mut made = Vec::new();
        for id in 1..=exchanges {
            let began = Instant::now();
            (&client).write_all(request(id).as_bytes()).unwrap();
            assert!(read(&mut answers).unwrap().contains("\"result\""));
            made.push(Made { id, took: began.elapsed() });
        }
        drop((client, answers));
        serving.join().unwrap();
        made
    }
}

fn request(id: u64) -> String {
    let call = if id == 1 {
        r#""initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"test","version":"1"}}"#
    } else {
        r#""tools/call","params":{"name":"echo","arguments":{}}"#
    };
    let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":{call}}}"#);
    format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn serve(stream: &TcpStream, bytes: usize, served: &Mutex<HashMap<u64, Duration>>) {
    let mut writer = stream;
    let mut requests = BufReader::new(stream.try_clone().unwrap());
    while let Some(body) = read(&mut requests) {
        let began = Instant::now();
        let request: serde_json::Value = serde_json::from_str(&body).unwrap();
        let id = request["id"].as_u64().unwrap();
        let text = "x".repeat(bytes);
        let result = if id == 1 {
            r#"{"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{"name":"test","version":"1"}}"#
                .to_owned()
        } else {
            format!(r#"{{"content":[{{"type":"text","text":"{text}"}}]}}"#)
        };
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#);
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nMcp-Session-Id: s\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        served.lock().unwrap().insert(id, began.elapsed());
        writer.write_all(answer.as_bytes()).unwrap();
    }
}

/// Reads the body of the next message, or `None` at the end of the connection.
fn read(from: &mut BufReader<TcpStream>) -> Option<String> {
    let mut len = 0;
    loop {
        let mut line = String::new();
        if from.read_line(&mut line).unwrap() == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.strip_prefix("Content-Length: ") {
            len = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; len];
    from.read_exact(&mut body).unwrap();
    Some(String::from_utf8(body).unwrap())
}
