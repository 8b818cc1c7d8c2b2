//! Attacks with HTTP/2: streams, frames, header blocks, and what its streams carry. In TLS, where a
//! connection of clients speaks it.

use std::io::Write as _;

use super::compressed::gzip;
use super::sealed::Sealed;
use super::wire::{Conn, Side, Wire};

use Side::{Client, Server};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Types of frames (RFC 9113 section 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

/// Flags of frames.
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;

/// The most frames that one send carries, in bytes.
const BATCH: usize = 16_000;

fn frame(kind: u8, flags: u8, stream: usize, payload: &[u8]) -> Vec<u8> {
    claimed(kind, flags, stream, payload.len(), payload)
}

/// A frame that claims a length.
fn claimed(kind: u8, flags: u8, stream: usize, len: usize, payload: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = u32::try_from(len).unwrap().to_be_bytes();
    let stream = u32::try_from(stream).unwrap().to_be_bytes();
    [&[a, b, c, kind, flags], &stream[..], payload].concat()
}

/// A number of HPACK with a prefix of seven bits (RFC 7541 section 5.1).
fn number(mut value: usize) -> Vec<u8> {
    if value < 127 {
        return vec![u8::try_from(value).unwrap()];
    }
    let mut bytes = vec![127];
    value -= 127;
    while value >= 128 {
        bytes.push((value % 128) as u8 | 128);
        value /= 128;
    }
    bytes.push(value as u8);
    bytes
}

/// A field with a new name that is not added to the table, or is.
fn field(name: &str, value: &[u8], is_added: bool) -> Vec<u8> {
    let first = if is_added { 0x40 } else { 0 };
    [&[first], &number(name.len())[..], name.as_bytes(), &number(value.len()), value].concat()
}

/// The block of a POST of JSON to `/mcp`: fields of the static table, and literals.
fn post() -> Vec<u8> {
    [&[0x83, 0x86, 4, 4][..], b"/mcp", &field("content-type", b"application/json", false)].concat()
}

/// The block of a response of this media type.
fn answer(media_type: &str, coding: &str) -> Vec<u8> {
    let mut block = vec![0x88];
    block.extend(field("content-type", media_type.as_bytes(), false));
    if !coding.is_empty() {
        block.extend(field("content-encoding", coding.as_bytes(), false));
    }
    block
}

/// A connection of HTTP/2.
enum Pipe {
    Plain(Conn),
    Sealed(Box<Sealed>),
}

impl Pipe {
    /// In clear.
    fn plain(wire: &mut Wire, number: usize) -> Self {
        Self::Plain(wire.open(number)).begin(wire)
    }

    /// In TLS, its secrets before it.
    fn sealed(wire: &mut Wire, number: usize) -> Self {
        Self::Sealed(Box::new(Sealed::open_with_secrets(wire, number))).begin(wire)
    }

    fn begin(mut self, wire: &mut Wire) -> Self {
        let settings = frame(SETTINGS, 0, 0, &[]);
        self.send(wire, Client, [PREFACE, &settings].concat());
        self.send(wire, Server, &settings);
        self
    }

    fn send(&mut self, wire: &mut Wire, side: Side, bytes: impl AsRef<[u8]>) {
        match self {
            Self::Plain(conn) => wire.send(conn, side, bytes),
            Self::Sealed(sealed) => sealed.send(wire, side, bytes),
        }
    }

    /// Sends `n` frames, many in one piece.
    fn frames(&mut self, wire: &mut Wire, side: Side, n: usize, make: impl Fn(usize) -> Vec<u8>) {
        let mut batch = Vec::new();
        for at in 0..n {
            batch.extend(make(at));
            if batch.len() >= BATCH {
                self.send(wire, side, &batch);
                batch.clear();
            }
        }
        self.send(wire, side, &batch);
    }

    /// A request with its body, which is complete.
    fn ask(&mut self, wire: &mut Wire, stream: usize, body: &str) {
        let head = frame(HEADERS, END_HEADERS, stream, &post());
        self.send(wire, Client, [head, frame(DATA, END_STREAM, stream, body.as_bytes())].concat());
    }
}

fn call(id: usize) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/list"}}"#)
}

/// The number of the stream with this index.
fn stream(at: usize) -> usize {
    2 * at + 1
}

/// `n` streams that are opened and never ended.
pub(crate) fn streams(wire: &mut Wire, n: usize) {
    let mut pipe = Pipe::sealed(wire, 0);
    let block = post();
    pipe.frames(wire, Client, n, |at| frame(HEADERS, END_HEADERS, stream(at), &block));
}

/// `n` connections, each with 50 streams that hold the beginning of a body.
pub(crate) fn many_streams(wire: &mut Wire, n: usize) {
    let block = post();
    let body = format!("{{\"a\":\"{}", "x".repeat(1_000));
    for number in 0..n {
        let mut pipe = Pipe::sealed(wire, number);
        for at in 0..50 {
            let id = stream(at);
            let head = frame(HEADERS, END_HEADERS, id, &block);
            pipe.send(wire, Client, [head, frame(DATA, 0, id, body.as_bytes())].concat());
        }
    }
}

/// `n` calls that are reset as soon as they are sent, by either side.
pub(crate) fn resets(wire: &mut Wire, n: usize) {
    let mut pipe = Pipe::sealed(wire, 0);
    for at in 0..n {
        let id = stream(at);
        pipe.ask(wire, id, &call(at));
        let side = if at % 2 == 0 { Client } else { Server };
        pipe.send(wire, side, frame(RST_STREAM, 0, id, &[0, 0, 0, 8]));
    }
}

/// 4,000 open streams, then `n` SETTINGS that change the window of them all.
pub(crate) fn settings(wire: &mut Wire, n: usize) {
    let mut pipe = Pipe::plain(wire, 0);
    let block = post();
    pipe.frames(wire, Client, 4_000, |at| frame(HEADERS, END_HEADERS, stream(at), &block));
    pipe.frames(wire, Server, n, |at| {
        let [a, b] = u16::try_from(at % 2).unwrap().to_be_bytes();
        frame(SETTINGS, 0, 0, &[0, 4, 0, 0, a, b + 9])
    });
}

/// `n` frames of control: PING, GOAWAY, WINDOW_UPDATE, SETTINGS with many entries, and unknown
/// ones.
pub(crate) fn control(wire: &mut Wire, n: usize) {
    let mut pipe = Pipe::sealed(wire, 0);
    pipe.ask(wire, 1, &call(1));
    let all = [
        frame(PING, 0, 0, b"12345678"),
        frame(GOAWAY, 0, 0, &[0, 0, 0, 9, 0, 0, 0, 0]),
        frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]),
        frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]),
        frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 1].repeat(20)),
        frame(0xbe, 0xff, 1, b"x"),
    ];
    for side in [Client, Server] {
        pipe.frames(wire, side, n, |at| all[at % all.len()].clone());
    }
}

/// `n` DATA frames without content, or with nothing but padding.
pub(crate) fn empty_data(wire: &mut Wire, n: usize) {
    let mut pipe = Pipe::sealed(wire, 0);
    pipe.send(wire, Client, frame(HEADERS, END_HEADERS, 1, &post()));
    let padded = [&[255][..], &[0; 255]].concat();
    pipe.frames(wire, Client, n, |at| match at % 2 {
        0 => frame(DATA, 0, 1, &[]),
        _ => frame(DATA, PADDED, 1, &padded),
    });
}

/// `n` CONTINUATION frames that do not end their block: without a byte, then with some.
pub(crate) fn continuations(wire: &mut Wire, n: usize) {
    for (number, part) in [&[][..], &[0x82; 20]].into_iter().enumerate() {
        let mut pipe = Pipe::sealed(wire, number);
        pipe.send(wire, Client, frame(HEADERS, 0, 1, &post()));
        pipe.frames(wire, Client, n, |_| frame(CONTINUATION, 0, 1, part));
    }
}

/// `n` blocks, each of as many bytes as stand for fields of 4 kB.
pub(crate) fn fields(wire: &mut Wire, n: usize) {
    let mut pipe = Pipe::sealed(wire, 0);
    let first = [post(), field("x", &[b'y'; 4_000], true)].concat();
    pipe.send(wire, Client, frame(HEADERS, END_HEADERS | END_STREAM, 1, &first));
    let bomb = [post(), vec![0x80 | 62; 15_000]].concat();
    pipe.frames(wire, Client, n, |at| frame(HEADERS, END_HEADERS | END_STREAM, stream(at + 1), &bomb));
}

/// `n` blocks that change the size of the table, fill it, and refer to what is not in it.
pub(crate) fn tables(wire: &mut Wire, n: usize) {
    let mut pipe = Pipe::sealed(wire, 0);
    pipe.frames(wire, Client, n, |at| {
        // From 0 to 2^28.
        let mut block = vec![0x20, 0x3f, 0xff, 0xff, 0xff, 0x7f];
        block.extend(post());
        block.extend(field(&format!("x{at}"), &[b'v'; 300], true));
        if at % 16 == 15 {
            block.extend([0xff, 0xff, 0x7f]);
        }
        frame(HEADERS, END_HEADERS | END_STREAM, stream(at), &block)
    });
}

/// `n` connections whose tables on both sides are full, with 64 kB each.
pub(crate) fn full_tables(wire: &mut Wire, n: usize) {
    let mut block = vec![0x3f, 0xe1, 0xff, 3];
    block.extend(post());
    for at in 0..100 {
        block.extend(field(&format!("x{at}"), &[b'v'; 600], true));
    }
    for number in 0..n {
        let mut pipe = Pipe::plain(wire, number);
        for side in [Client, Server] {
            pipe.frames(wire, side, 1, |_| {
                let (first, rest) = block.split_at(16_000);
                let mut frames = frame(HEADERS, END_STREAM, 1, first);
                let parts: Vec<_> = rest.chunks(16_000).collect();
                for (at, part) in parts.iter().enumerate() {
                    let flags = if at + 1 == parts.len() { END_HEADERS } else { 0 };
                    frames.extend(frame(CONTINUATION, flags, 1, part));
                }
                frames
            });
        }
    }
}

/// `n` promises of a server, and as many trailers.
pub(crate) fn promises(wire: &mut Wire, n: usize) {
    let mut pipe = Pipe::sealed(wire, 0);
    pipe.ask(wire, 1, &call(1));
    let promise = |at: usize| {
        let id = u32::try_from(2 * at + 2).unwrap().to_be_bytes();
        [&id[..], &post()].concat()
    };
    pipe.frames(wire, Server, n, |at| frame(PUSH_PROMISE, END_HEADERS, 1, &promise(at)));
    pipe.send(wire, Server, frame(HEADERS, END_HEADERS, 1, &answer("application/json", "")));
    let trailers = field("x", b"y", false);
    pipe.frames(wire, Server, n, |_| frame(HEADERS, END_HEADERS, 1, &trailers));
}

/// `n` connections, each with a frame that claims 256 kB of fields of which most come.
pub(crate) fn lengths(wire: &mut Wire, n: usize) {
    let half = claimed(HEADERS, END_HEADERS, 1, 256 << 10, &[0x82; 200_000]);
    for number in 0..n {
        let mut pipe = Pipe::plain(wire, number);
        pipe.send(wire, Client, frame(SETTINGS, 0, 0, &[0, 5, 0, 0xff, 0xff, 0xff]));
        pipe.send(wire, Server, frame(SETTINGS, 0, 0, &[0, 5, 0, 0xff, 0xff, 0xff]));
        pipe.send(wire, Client, &half);
    }
}

/// `n` frames whose length or padding cannot be right.
pub(crate) fn lies(wire: &mut Wire, n: usize) {
    let mut pipe = Pipe::sealed(wire, 0);
    let all = [
        frame(PING, 0, 0, &[0; 7]),
        frame(DATA, PADDED, 1, &[200, 1, 2]),
        frame(HEADERS, PADDED | END_HEADERS, 9, &[200, 1, 2]),
        frame(CONTINUATION, END_HEADERS, 1, &[0x82]),
        frame(SETTINGS, 0, 0, &[0; 5]),
        claimed(DATA, 0, 1, 0xff_ffff, &[]),
    ];
    pipe.frames(wire, Server, n, |at| all[at % all.len()].clone());
}

/// `n` KiB of bytes among which frames are searched: a connection from its middle.
pub(crate) fn lost(wire: &mut Wire, n: usize) {
    let mut conn = Conn::new(0);
    let head = frame(HEADERS, END_HEADERS, 1, &answer("text/event-stream", ""));
    wire.send(&mut conn, Server, [&head[..], &frame(DATA, 0, 1, b"data: x\n\n")].concat());
    wire.skip(&mut conn, Server, 1_000);
    wire.fill(&mut conn, Server, &claimed(DATA, 0, 1, 4_000, &[0; 4]), n << 10);
}

/// `n` streams of one connection, each a flush of brotli that decodes to 7 MiB of an event.
pub(crate) fn brotli_flushes(wire: &mut Wire, n: usize) {
    let mut text = vec![b' '; 7 << 20];
    text[..6].copy_from_slice(b"data: ");
    let mut out = brotli::CompressorWriter::new(Vec::new(), 1 << 20, 5, 24);
    out.write_all(&text).unwrap();
    out.flush().unwrap();
    let flush = out.into_inner();
    let mut pipe = Pipe::sealed(wire, 0);
    for at in 0..n {
        let id = stream(at);
        pipe.ask(wire, id, &call(at));
        pipe.send(wire, Server, frame(HEADERS, END_HEADERS, id, &answer("text/event-stream", "br")));
        pipe.send(wire, Server, frame(DATA, 0, id, &flush));
    }
}

/// `n` responses of gzip in TLS, each of 12 MiB.
pub(crate) fn bombs(wire: &mut Wire, n: usize) {
    let body = gzip(&vec![b' '; 12 << 20]);
    let mut pipe = Pipe::sealed(wire, 0);
    for at in 0..n {
        let id = stream(at);
        pipe.ask(wire, id, &call(at));
        pipe.send(wire, Server, frame(HEADERS, END_HEADERS, id, &answer("application/json", "gzip")));
        pipe.send(wire, Server, frame(DATA, END_STREAM, id, &body));
    }
}

/// A session whose `n` calls are accepted and never answered, each on a stream of its own.
pub(crate) fn unanswered(wire: &mut Wire, n: usize) {
    let mut pipe = Pipe::sealed(wire, 0);
    for at in 0..n {
        let id = stream(at);
        pipe.ask(wire, id, &call(at));
        pipe.send(wire, Server, frame(HEADERS, END_HEADERS | END_STREAM, id, &[8, 3, b'2', b'0', b'2']));
    }
}

/// `n` requests of gRPC on each of many connections, which are not read.
pub(crate) fn grpc(wire: &mut Wire, n: usize) {
    let head =
        [&[0x83, 0x86, 4, 4][..], b"/a/b", &field("content-type", b"application/grpc", false)].concat();
    let mut pipe = Pipe::sealed(wire, 0);
    pipe.ask(wire, 1, &call(1));
    pipe.frames(wire, Client, n, |at| frame(HEADERS, END_HEADERS, stream(at + 1), &head));
}
