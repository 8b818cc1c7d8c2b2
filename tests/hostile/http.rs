//! Attacks with HTTP's framing, content coding and event streams.

use std::io::Write as _;

use super::wire::{Conn, Side, Wire};

use Side::{Client, Server};

/// `n` KiB of header lines without end.
pub(crate) fn endless_head(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    wire.send(&mut conn, Client, "POST /mcp HTTP/1.1\r\n");
    wire.fill(&mut conn, Client, b"X-Field: value\r\n", n << 10);
}

/// `n` requests, and no response.
pub(crate) fn pipelined(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    for id in 0..n {
        wire.post(&mut conn, "", &format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#));
    }
}

/// `n` responses, and no request.
pub(crate) fn unasked(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    for id in 0..n {
        wire.answer(&mut conn, "", &format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#));
    }
}

/// `n` interim responses.
pub(crate) fn interim(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    wire.post(&mut conn, "", r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#);
    for _ in 0..n {
        wire.send(&mut conn, Server, "HTTP/1.1 100 Continue\r\n\r\n");
    }
}

fn respond(wire: &mut Wire, fields: &str) -> Conn {
    let mut conn = wire.open(0);
    wire.post(&mut conn, "", r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
    wire.send(&mut conn, Server, format!("HTTP/1.1 200 OK\r\n{fields}\r\n"));
    conn
}

/// A chunk size of `n` KiB of zeros.
pub(crate) fn endless_chunk_line(wire: &mut Wire, n: usize) {
    let mut conn = respond(wire, "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n");
    wire.fill(&mut conn, Server, b"0", n << 10);
}

/// Behind a bad chunk, one that may be 15 MiB long, of which `n` bytes come, each in a packet.
pub(crate) fn awaited_chunk(wire: &mut Wire, n: usize) {
    let mut conn = respond(wire, "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n");
    wire.send(&mut conn, Server, "bad chunk\r\nf00000\r\n");
    for at in 0..n {
        wire.send(&mut conn, Server, if at % 100 == 99 { "\n" } else { "x" });
    }
}

/// Behind a bad chunk, `n` that may be up to 16 MiB long.
pub(crate) fn awaited_chunks(wire: &mut Wire, n: usize) {
    let mut conn = respond(wire, "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n");
    wire.send(&mut conn, Server, "bad chunk\r\n");
    for at in 0..n {
        wire.send(&mut conn, Server, format!("{:x}\r\n", 0x10_0000 + (at * 7919) % 0xe0_0000));
    }
}

/// `n` chunks of one byte.
pub(crate) fn tiny_chunks(wire: &mut Wire, n: usize) {
    let mut conn = respond(wire, "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n");
    wire.fill(&mut conn, Server, b"1\r\n \r\n", n * 6);
}

/// A chunk of 2^63 bytes of which `n` KiB come, and one of 2^64.
pub(crate) fn huge_chunk(wire: &mut Wire, n: usize) {
    let fields = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n";
    let mut conn = respond(wire, fields);
    wire.send(&mut conn, Server, "8000000000000000\r\n");
    wire.fill(&mut conn, Server, b" ", n << 10);
    let mut conn = wire.open(1);
    wire.post(&mut conn, "", r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
    wire.send(&mut conn, Server, format!("HTTP/1.1 200 OK\r\n{fields}\r\n10000000000000000\r\n"));
    wire.fill(&mut conn, Server, b" ", n << 10);
}

/// A body of 2^63 bytes of which `n` KiB come; one of 2^64 - 1, one of 2^64.
pub(crate) fn huge_body(wire: &mut Wire, n: usize) {
    let lengths = ["9223372036854775808", "18446744073709551615", "18446744073709551616"];
    for (number, length) in lengths.into_iter().enumerate() {
        let mut conn = wire.open(number);
        let fields = format!("Content-Type: application/json\r\nContent-Length: {length}\r\n");
        wire.post(&mut conn, "", r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
        wire.send(&mut conn, Server, format!("HTTP/1.1 200 OK\r\n{fields}\r\n"));
        wire.fill(&mut conn, Server, b"[", n << 10);
        wire.close(&mut conn);
    }
}

/// `n` MiB of spaces in a JSON body and in an event, in each coding.
pub(crate) fn bombs(wire: &mut Wire, n: usize) {
    for (at, coding) in ["gzip", "deflate", "br", "zstd"].into_iter().enumerate() {
        let bomb = compress(coding, n);
        for (more, kind) in ["application/json", "text/event-stream"].into_iter().enumerate() {
            let mut conn = wire.open(at * 2 + more);
            wire.post(&mut conn, "", r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Encoding: {coding}\r\n");
            wire.send(&mut conn, Server, format!("{head}Content-Length: {}\r\n\r\n", bomb.len()));
            wire.send(&mut conn, Server, &bomb);
        }
    }
}

fn compress(coding: &str, mib: usize) -> Vec<u8> {
    let mut block = vec![b' '; 1 << 20];
    block[..6].copy_from_slice(b"data: ");
    let blocks = |out: &mut dyn std::io::Write| {
        for _ in 0..mib {
            out.write_all(&block).unwrap();
        }
    };
    let best = flate2::Compression::best();
    match coding {
        "gzip" => {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), best);
            blocks(&mut out);
            out.finish().unwrap()
        }
        "deflate" => {
            let mut out = flate2::write::ZlibEncoder::new(Vec::new(), best);
            blocks(&mut out);
            out.finish().unwrap()
        }
        "zstd" => {
            let mut out = zstd::Encoder::new(Vec::new(), 3).unwrap();
            blocks(&mut out);
            out.finish().unwrap()
        }
        _ => {
            let mut out = brotli::CompressorWriter::new(Vec::new(), 4096, 4, 20);
            blocks(&mut out);
            out.flush().unwrap();
            out.into_inner()
        }
    }
}

/// Many bodies that are small when compressed and large when not, all open at once: `n` of them
/// with 1 MiB each.
pub(crate) fn many_bodies(wire: &mut Wire, n: usize) {
    let body = vec![b' '; 1 << 20];
    for number in 0..n {
        let mut conn = wire.open(number);
        wire.post(&mut conn, "", r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2000000\r\n\r\n";
        wire.send(&mut conn, Server, head);
        wire.send(&mut conn, Server, &body);
    }
}

/// `n` connections, each with a decoder that has seen the first bytes of its stream.
pub(crate) fn decoders(wire: &mut Wire, n: usize) {
    for (at, coding) in ["gzip", "br", "zstd"].into_iter().enumerate() {
        let text = compress(coding, 1);
        for number in 0..n / 3 {
            let mut conn = wire.open(at * n + number);
            wire.post(&mut conn, "", r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: {coding}\r\n\r\n"
            );
            wire.send(&mut conn, Server, head);
            wire.send(&mut conn, Server, &text[..text.len() / 2]);
        }
    }
}

/// One event of `n` KiB, in one line and in many.
pub(crate) fn huge_event(wire: &mut Wire, n: usize) {
    for (number, lines) in [false, true].into_iter().enumerate() {
        let mut conn = wire.open(number);
        wire.stream(&mut conn, "");
        wire.send(&mut conn, Server, "data: ");
        let text: &[u8] = if lines { b"[[[[[[[[[\ndata: " } else { b"[" };
        wire.fill(&mut conn, Server, text, n << 10);
    }
}

/// `n` lines `data:` without more: an event of line ends.
pub(crate) fn empty_lines(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    wire.stream(&mut conn, "");
    wire.fill(&mut conn, Server, b"data\n", n * 5);
}

/// `n` comments, then `n` events without data, then `n` with an id only.
pub(crate) fn comments(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    wire.stream(&mut conn, "");
    for text in [&b":\n\n"[..], b"event: x\n\n", b"id: 1\n\n", b"data: x\n\n"] {
        wire.fill(&mut conn, Server, text, n * text.len());
    }
}

/// `n` lines each of which could begin a request, and no end of a head.
pub(crate) fn request_lines(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    wire.fill(&mut conn, Client, b"GET / HTTP/1.1\r\n", n * 16);
}

/// The same in packets of one line each.
pub(crate) fn request_line_packets(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    for _ in 0..n {
        wire.send(&mut conn, Client, "GET / HTTP/1.1\r\n");
    }
}

/// `n` gaps in the responses to a thousand requests that wait.
pub(crate) fn gaps_before_responses(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    for id in 0..1000 {
        wire.post(&mut conn, "", &format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#));
    }
    wire.step = 100_000_000;
    for _ in 0..n {
        wire.skip(&mut conn, Server, 10);
        wire.send(&mut conn, Server, "xxxxx");
        wire.tcp(conn, Client, 2_000_000, super::wire::ACK, &[]);
    }
}
