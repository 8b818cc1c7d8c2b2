//! Attacks with what a server or client may do many times: delete, cancel, ask, resume, refuse.

use super::compressed::gzip;
use super::messages::{session, waiting};
use super::wire::{Conn, MS, Side, Wire};

use Side::{Client, Server};

const UUID: &str = "8d3b6a2e-6f0d-4a5e-9c41-2b7f1e0d9a31";

fn call(id: usize) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/list"}}"#)
}

fn delete(wire: &mut Wire, conn: &mut Conn, field: &str, status: &str) {
    wire.send(conn, Client, format!("DELETE /mcp HTTP/1.1\r\nHost: x\r\n{field}\r\n"));
    wire.send(conn, Server, format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"));
}

/// An HTTP+SSE stream that names the endpoint of a session.
fn endpoint(wire: &mut Wire, conn: &mut Conn, session: &str) {
    wire.stream(conn, "");
    wire.send(conn, Server, format!("event: endpoint\ndata: /m?session_id={session}\n\n"));
}

fn post_to(wire: &mut Wire, conn: &mut Conn, session: &str, body: &str) {
    let head =
        format!("POST /m?session_id={session} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n");
    wire.send(conn, Client, format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()));
    wire.accept(conn);
}

/// `n` sessions that are deleted, and as many DELETEs of sessions that nobody opened.
pub(crate) fn deletes(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    for number in 0..n {
        let field = session(wire, &mut conn, &format!("session-{number}"));
        wire.post(&mut conn, &field, &call(1));
        delete(wire, &mut conn, &field, "200 OK");
        delete(wire, &mut conn, &format!("Mcp-Session-Id: other-{number}\r\n"), "404 Not Found");
    }
}

/// A session whose GETs and POSTs are all refused with 404, `n` of each.
pub(crate) fn refusals(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    let field = session(wire, &mut conn, "one");
    for _ in 0..n {
        wire.send(
            &mut conn,
            Client,
            format!("GET /mcp HTTP/1.1\r\nAccept: text/event-stream\r\n{field}\r\n"),
        );
        wire.send(&mut conn, Server, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    }
    for id in 1..=n {
        wire.post(&mut conn, &field, &call(id));
        wire.send(&mut conn, Server, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    }
}

/// `n` requests that wait, `n` cancellations of requests that nobody sent, then of those that wait.
pub(crate) fn cancels(wire: &mut Wire, n: usize) {
    let (mut conn, field) = waiting(wire);
    let cancelled = r#""method":"notifications/cancelled","params":{"reason":"r","requestId":"#;
    for id in 1..=n {
        wire.post(&mut conn, &field, &call(id));
        wire.accept(&mut conn);
        wire.post(&mut conn, &field, &format!(r#"{{"jsonrpc":"2.0",{cancelled}"u{id}"}}}}"#));
        wire.accept(&mut conn);
    }
    for id in 1..=n {
        wire.post(&mut conn, &field, &format!(r#"{{"jsonrpc":"2.0",{cancelled}{id}}}}}"#));
        wire.accept(&mut conn);
    }
}

/// `n` requests that are accepted, then `n` streams of the session, one after the other.
pub(crate) fn later_streams(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    let field = session(wire, &mut conn, "one");
    for id in 1..=n {
        wire.post(&mut conn, &field, &call(id));
        wire.accept(&mut conn);
    }
    for number in 1..=n {
        let mut stream = wire.open(number);
        wire.stream(&mut stream, &field);
        wire.close(&mut stream);
    }
}

/// `n` requests of the server that nobody answers, then `n` streams beside theirs.
pub(crate) fn questions(wire: &mut Wire, n: usize) {
    let (mut stream, field) = (wire.open(1), "Mcp-Session-Id: one\r\n");
    let mut conn = wire.open(0);
    session(wire, &mut conn, "one");
    wire.stream(&mut stream, field);
    for id in 1..=n {
        let ask = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"roots/list"}}"#);
        wire.send(&mut stream, Server, format!("data: {ask}\n\n"));
    }
    for number in 1..=n {
        let mut other = wire.open(1 + number);
        wire.stream(&mut other, field);
        wire.close(&mut other);
    }
}

/// HTTP+SSE: `n` requests of both sides, then `n` streams of the same session, one after the other.
pub(crate) fn reopened(wire: &mut Wire, n: usize) {
    let (mut stream, mut conn) = (wire.open(0), wire.open(1));
    endpoint(wire, &mut stream, "one");
    for id in 1..=n {
        post_to(wire, &mut conn, "one", &call(id));
        let ask = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"roots/list"}}"#);
        wire.send(&mut stream, Server, format!("data: {ask}\n\n"));
    }
    wire.close(&mut stream);
    for number in 1..=n {
        let mut stream = wire.open(1 + number);
        endpoint(wire, &mut stream, "one");
        wire.close(&mut stream);
    }
}

/// HTTP+SSE: `n` sessions of one client, for each of which a stream was opened and closed before.
pub(crate) fn trials(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    for number in 1..=n {
        let (mut trial, mut stream) = (wire.open(2 * number), wire.open(2 * number + 1));
        endpoint(wire, &mut trial, &format!("t{number}"));
        endpoint(wire, &mut stream, &format!("s{number}"));
        post_to(wire, &mut conn, &format!("s{number}"), &call(number));
        wire.close(&mut trial);
    }
}

/// One session at `n` addresses, with a request open at each.
pub(crate) fn replicas(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    let field = session(wire, &mut conn, UUID);
    for number in 1..=n {
        let mut conn = wire.connect(Conn::new(number).at(2 + number));
        wire.post(&mut conn, &field, &call(number));
    }
}

/// Pages of `n` tools with names of 200 bytes.
pub(crate) fn offers(wire: &mut Wire, n: usize) {
    const PAGE: usize = 250;
    let mut conn = wire.open(0);
    let field = session(wire, &mut conn, "one");
    let long = "x".repeat(190);
    for page in 0..n / PAGE {
        wire.post(&mut conn, &field, &call(page));
        let tools: Vec<_> = (0..PAGE)
            .map(|tool| format!(r#"{{"name":"{}{long}","inputSchema":{{}}}}"#, page * PAGE + tool))
            .collect();
        let result = format!(r#"{{"tools":[{}]}}"#, tools.join(","));
        wire.answer(&mut conn, &field, &format!(r#"{{"jsonrpc":"2.0","id":{page},"result":{result}}}"#));
    }
}

/// `n` methods and `n` tools, each with a name of 4,000 bytes and an answer.
pub(crate) fn long_names(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    let field = session(wire, &mut conn, "one");
    let long = "x".repeat(3990);
    for id in 1..=n {
        let asked = if id % 2 == 0 {
            format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{id}{long}"}}"#)
        } else {
            format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{id}{long}"}}}}"#)
        };
        wire.post(&mut conn, &field, &asked);
        wire.answer(&mut conn, &field, &format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#));
    }
}

/// 70 calls of each of `n` tools; they take from a nanosecond to centuries.
pub(crate) fn spread(wire: &mut Wire, n: usize) {
    const BATCH: usize = 1000;
    let mut conn = wire.open(0);
    let field = session(wire, &mut conn, "one");
    for round in 0..70 {
        for first in (0..n).step_by(BATCH) {
            let ids = first..(first + BATCH).min(n);
            let calls: Vec<_> = ids
                .clone()
                .map(|id| {
                    let params = format!(r#""params":{{"name":"tool-{id}"}}"#);
                    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call",{params}}}"#)
                })
                .collect();
            wire.post(&mut conn, &field, &format!("[{}]", calls.join(",")));
            let before = wire.now;
            wire.now = wire.now.wrapping_add(1 << (round % 62));
            let answers: Vec<_> =
                ids.map(|id| format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#)).collect();
            wire.answer(&mut conn, &field, &format!("[{}]", answers.join(",")));
            wire.now = before + 1000;
        }
    }
}

/// `n` connections, each with 1,000 requests for long targets that wait.
pub(crate) fn pipelines(wire: &mut Wire, n: usize) {
    let request = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(3000));
    for number in 0..n {
        let mut conn = wire.open(number);
        for _ in 0..1000 {
            wire.send(&mut conn, Client, &request);
        }
    }
}

/// A session around that: a call that begins before it and is answered after it, then 99 others.
pub(crate) fn calls_after_pipelines(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(n);
    let field = session(wire, &mut conn, "one");
    let answer = |id: usize| format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#);
    wire.post(&mut conn, &field, &call(1));
    pipelines(wire, n);
    wire.answer(&mut conn, &field, &answer(1));
    for id in 2..=100 {
        wire.post(&mut conn, &field, &call(id));
        wire.answer(&mut conn, &field, &answer(id));
    }
}

/// `n` connections, each with a request of 20 messages that wait for the head of the response.
pub(crate) fn undecided(wire: &mut Wire, n: usize) {
    let long = "x".repeat(3000);
    for number in 0..n {
        let mut conn = wire.open(number);
        let body: Vec<_> = (0..20)
            .map(|id| format!(r#"{{"jsonrpc":"2.0","id":"{id}{long}","method":"initialize"}}"#))
            .collect();
        wire.post(&mut conn, "", &format!("[{}]", body.join(",")));
    }
}

/// `n` requests with 250 header fields of 900 bytes.
pub(crate) fn long_heads(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    let fields: String = (0..250).map(|field| format!("X-Field-{field}: {}\r\n", "v".repeat(900))).collect();
    for id in 0..n {
        wire.post(&mut conn, &fields, &call(id));
        wire.answer(&mut conn, "", &format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#));
    }
}

/// An event stream of `n` events, in gzip, in chunks of one byte.
pub(crate) fn gzip_in_chunks(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    let field = session(wire, &mut conn, "one");
    wire.send(&mut conn, Client, format!("GET /mcp HTTP/1.1\r\nHost: x\r\n{field}\r\n"));
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n";
    wire.send(&mut conn, Server, format!("{head}Transfer-Encoding: chunked\r\n\r\n"));
    let events: String = (0..n)
        .map(|id| format!("data: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/{id}\"}}\n\n"))
        .collect();
    let chunks: Vec<u8> =
        gzip(events.as_bytes()).iter().flat_map(|byte| [b'1', b'\r', b'\n', *byte, b'\r', b'\n']).collect();
    wire.send(&mut conn, Server, chunks);
}

/// `n` events, each with an id of 4,000 bytes and a time to wait.
pub(crate) fn event_ids(wire: &mut Wire, n: usize) {
    let (mut conn, field) = waiting(wire);
    wire.post(&mut conn, &field, &call(1));
    wire.send(&mut conn, Server, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
    let long = "x".repeat(4000);
    for id in 0..n {
        let event = format!(
            "id: {id}{long}\nretry: {id}\nevent: message\ndata: {{\"jsonrpc\":\"2.0\",\"method\":\"n\"}}\n\n"
        );
        wire.send(&mut conn, Server, event);
    }
}

/// A resumed stream that repeats `n` events.
pub(crate) fn replays(wire: &mut Wire, n: usize) {
    let (mut conn, field) = waiting(wire);
    for part in 0..2 {
        let last = if part == 0 { String::new() } else { "Last-Event-ID: 0\r\n".to_owned() };
        wire.stream(&mut conn, &format!("{field}{last}"));
        for id in 0..n / 2 {
            wire.send(
                &mut conn,
                Server,
                format!("id: {id}\ndata: {{\"jsonrpc\":\"2.0\",\"method\":\"n\"}}\n\n"),
            );
        }
        wire.close(&mut conn);
        conn = wire.open(5 + part);
    }
}

/// One stream that names `n` endpoints.
pub(crate) fn many_endpoints(wire: &mut Wire, n: usize) {
    let mut stream = wire.open(0);
    wire.stream(&mut stream, "");
    for number in 0..n {
        wire.send(&mut stream, Server, format!("event: endpoint\ndata: /m?session_id={number}\n\n"));
    }
}

/// `n` sessions with a request that waits, then `n` packets that are more than two seconds apart.
pub(crate) fn slow_sessions(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    for number in 0..n {
        let field = session(wire, &mut conn, &format!("session-{number}"));
        wire.post(&mut conn, &field, &call(1));
        wire.accept(&mut conn);
    }
    wire.step = 2100 * MS;
    for _ in 0..n {
        wire.tcp(conn, Client, 1001, super::wire::ACK, &[]);
    }
}

/// An exchange at each of `n` servers.
pub(crate) fn servers(wire: &mut Wire, n: usize) {
    for number in 0..n {
        let mut conn = wire.connect(Conn::new(number).at(2 + number));
        wire.post(&mut conn, "", &call(1));
        wire.answer(&mut conn, "", r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
        wire.close(&mut conn);
    }
}

/// `n` connections, each in the middle of something small: a method, a chunk size, a head of gzip,
/// an event, a batch.
pub(crate) fn unfinished(wire: &mut Wire, n: usize) {
    let chunked = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n";
    for number in 0..n {
        let mut conn = wire.open(number);
        match number % 5 {
            0 => wire.send(&mut conn, Client, "PO"),
            1 => {
                wire.stream(&mut conn, "");
                wire.send(&mut conn, Server, "data: {\"jsonrpc\":");
            }
            2 => {
                wire.post(&mut conn, "", &call(1));
                wire.send(&mut conn, Server, format!("{chunked}\r\n1"));
            }
            3 => {
                wire.post(&mut conn, "", &call(1));
                wire.send(&mut conn, Server, format!("{chunked}Content-Encoding: gzip\r\n\r\n1\r\n\x1f\r\n"));
            }
            _ => wire.send(&mut conn, Client, "POST /mcp HTTP/1.1\r\nContent-Length: 100\r\n\r\n[{"),
        }
    }
}

/// One packet of gzip that decodes to `n` requests of the server with ids of 3,000 bytes.
pub(crate) fn packed_questions(wire: &mut Wire, n: usize) {
    let (mut conn, field) = waiting(wire);
    wire.post(&mut conn, &field, &call(1));
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n\r\n";
    wire.send(&mut conn, Server, head);
    let long = "x".repeat(3000);
    let events: String = (0..n)
        .map(|id| {
            format!("data: {{\"jsonrpc\":\"2.0\",\"id\":\"{id}{long}\",\"method\":\"{long}{id}\"}}\n\n")
        })
        .collect();
    for part in gzip(events.as_bytes()).chunks(60_000) {
        wire.send_whole(&mut conn, Server, part);
    }
}

/// `n` notifications, each with a method of 4,000 bytes.
pub(crate) fn long_methods(wire: &mut Wire, n: usize) {
    let (mut conn, field) = waiting(wire);
    let long = "x".repeat(4000);
    for id in 0..n {
        wire.post(&mut conn, &field, &format!(r#"{{"jsonrpc":"2.0","method":"{id}{long}"}}"#));
        wire.accept(&mut conn);
    }
}

/// `n` event streams that end after silences that are all different.
pub(crate) fn idle_ends(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    let field = session(wire, &mut conn, "one");
    for number in 1..=n {
        let mut stream = wire.open(number);
        wire.stream(&mut stream, &field);
        wire.now += (number as u64 * 37 % 10_007) * MS;
        wire.close(&mut stream);
    }
}
