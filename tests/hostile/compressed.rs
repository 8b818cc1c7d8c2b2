//! Attacks that are small on the wire: compressed content, and texts that are kept.

use std::io::Write as _;

use super::wire::{Conn, Side, Wire};

use Side::Server;

const INITIALIZED: &str = r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{"name":"s","version":"1"}}}"#;

/// A request, and the head of its compressed response.
fn ask(wire: &mut Wire, number: usize, kind: &str, coding: &str) -> Conn {
    let mut conn = wire.open(number);
    wire.post(&mut conn, "", r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Encoding: {coding}\r\n\r\n");
    wire.send(&mut conn, Server, head);
    conn
}

pub(super) fn gzip(text: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    out.write_all(text).unwrap();
    out.finish().unwrap()
}

/// `n` open connections, each with a flush of brotli of a few bytes that decodes to 7 MiB, in event
/// streams and in pages.
pub(crate) fn brotli_flushes(wire: &mut Wire, n: usize) {
    let mut text = vec![b' '; 7 << 20];
    text[..6].copy_from_slice(b"data: ");
    let mut out = brotli::CompressorWriter::new(Vec::new(), 1 << 20, 5, 24);
    out.write_all(&text).unwrap();
    out.flush().unwrap();
    let flush = out.into_inner();
    for number in 0..n {
        let kind = if number % 2 == 0 { "text/event-stream" } else { "text/html" };
        let mut conn = ask(wire, number, kind, "br");
        wire.send(&mut conn, Server, &flush);
    }
}

/// The same, around a response that comes in two halves: it is whole all the same.
pub(crate) fn response_beside_flushes(wire: &mut Wire, n: usize) {
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"text":"{}"}}}}"#, "x".repeat(100_000));
    let (first, rest) = body.split_at(body.len() / 2);
    let mut conns = [n, n + 1, n + 2, n + 3].map(|number| wire.open(number));
    for conn in &mut conns {
        wire.post(conn, "", r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
        wire.send(conn, Server, format!("{head}Content-Length: {}\r\n\r\n{first}", body.len()));
    }
    brotli_flushes(wire, n);
    for conn in &mut conns {
        wire.send(conn, Server, rest);
    }
}

/// A stream whose packets of 60 kB decode to `n` events.
pub(crate) fn packet_of_events(wire: &mut Wire, n: usize) {
    let event = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{}}\n\n";
    let mut conn = ask(wire, 0, "text/event-stream", "gzip");
    let bytes = gzip(event.repeat(n).as_bytes());
    for part in bytes.chunks(60_000) {
        wire.send_whole(&mut conn, Server, part);
    }
}

/// `n` sessions, each with 64 names of capabilities of 4 kB on both sides, compressed.
pub(crate) fn packed_capabilities(wire: &mut Wire, n: usize) {
    let long = "x".repeat(4000);
    let names: Vec<_> = (0..64).map(|name| format!(r#""{name:04}{long}":{{}}"#)).collect();
    let result = format!(
        r#"{{"jsonrpc":"2.0","id":0,"result":{{"protocolVersion":"2025-06-18","capabilities":{{{}}},"serverInfo":{{"name":"s","version":"1"}}}}}}"#,
        names.join(",")
    );
    let answer = gzip(result.as_bytes());
    let request = format!(
        r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{{"protocolVersion":"2025-06-18","capabilities":{{{}}},"clientInfo":{{"name":"c","version":"1"}}}}}}"#,
        names.join(",")
    );
    let body = gzip(request.as_bytes());
    for number in 0..n {
        let mut conn = wire.open(number);
        let head = format!(
            "POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        wire.send(&mut conn, Side::Client, head);
        wire.send(&mut conn, Side::Client, &body);
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nMcp-Session-Id: session-{number}\r\nContent-Length: {}\r\n\r\n",
            answer.len()
        );
        wire.send(&mut conn, Server, head);
        wire.send(&mut conn, Server, &answer);
        wire.close(&mut conn);
    }
}

/// `n` sessions, each with an id, a name and a version of 4 kB.
pub(crate) fn long_sessions(wire: &mut Wire, n: usize) {
    let long = "x".repeat(4000);
    for number in 0..n {
        let mut conn = wire.open(number);
        let info = format!(r#""clientInfo":{{"name":"{long}{number}","version":"{long}"}}"#);
        let params = format!(r#""params":{{"protocolVersion":"2025-06-18","capabilities":{{}},{info}}}"#);
        wire.post(&mut conn, "", &format!(r#"{{"jsonrpc":"2.0","id":0,"method":"initialize",{params}}}"#));
        wire.answer(&mut conn, &format!("Mcp-Session-Id: {number}{long}\r\n"), INITIALIZED);
        wire.close(&mut conn);
    }
}

/// `n` event streams, each with 600 kB of an event that does not end.
pub(crate) fn unfinished_events(wire: &mut Wire, n: usize) {
    for number in 0..n {
        let mut conn = wire.open(number);
        wire.stream(&mut conn, "");
        wire.send(&mut conn, Server, "data: ");
        wire.fill(&mut conn, Server, b"[", 600_000);
    }
}

/// Requests with ids of `n` digits, as a number and as a fraction.
pub(crate) fn long_numbers(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    let digits = "7".repeat(n);
    for id in [digits.clone(), format!("0.{digits}"), format!("-{digits}e9")] {
        wire.post(&mut conn, "", &format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#));
        wire.answer(&mut conn, "", &format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#));
    }
}

/// `n` connections, each with a decoder whose window is as large as its coding allows, and a few
/// bytes in it.
pub(crate) fn windows(wire: &mut Wire, n: usize) {
    // RFC 8878 section 3.1.1: no content size, a window of 8 MiB, then a raw block of 6 bytes.
    let zstd = [&[0x28, 0xb5, 0x2f, 0xfd, 0, 13 << 3, 6 << 3, 0, 0][..], b"data: "].concat();
    let mut out = brotli::CompressorWriter::new(Vec::new(), 1 << 16, 5, 24);
    out.write_all(&[b"data: ", &[b'x'; 4000][..]].concat()).unwrap();
    out.flush().unwrap();
    let br = out.into_inner();
    for number in 0..n {
        let (coding, bytes) = if number % 2 == 0 { ("zstd", &zstd) } else { ("br", &br) };
        let mut conn = ask(wire, number, "text/event-stream", coding);
        wire.send(&mut conn, Server, bytes);
    }
}

/// `n` MiB in windows that are filled, connection after connection, each beside others that are
/// not: memory that an allocator keeps for the next decoder.
pub(crate) fn reused_windows(wire: &mut Wire, n: usize) {
    let mut text = vec![b' '; 1 << 20];
    text[..6].copy_from_slice(b"data: ");
    let full = zstd::encode_all(&text.repeat(9)[..], 19).unwrap();
    let started = [&[0x28, 0xb5, 0x2f, 0xfd, 0, 13 << 3, 6 << 3, 0, 0][..], b"data: "].concat();
    for number in 0..n / 8 {
        let mut conn = ask(wire, 2 * number, "text/html", "zstd");
        wire.send(&mut conn, Server, &full[..full.len() - 10]);
        let mut conn = ask(wire, 2 * number + 1, "text/event-stream", "zstd");
        wire.send(&mut conn, Server, &started);
    }
}
