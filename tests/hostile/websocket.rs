//! Attacks over WebSocket: messages that expand, fragments, frames that are sent before they are
//! allowed, and bytes of which each may begin a frame.

use flate2::{Compress, Compression, FlushCompress};

use super::wire::{Conn, Side, Wire};

use Side::{Client, Server};

const UPGRADE: &str = "GET /mcp HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Protocol: mcp\r\n\r\n";

const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Protocol: mcp\r\n\r\n";

/// First bytes of frames (RFC 6455 section 5.2): a message, a compressed one, a first fragment, a
/// further one, a ping.
const TEXT: u8 = 0x81;
const COMPRESSED: u8 = 0xc1;
const FIRST: u8 = 0x01;
const MORE: u8 = 0x00;
const PING: u8 = 0x89;

/// The header of a frame whose payload has this length; the mask of a client changes nothing.
fn header(side: Side, first: u8, len: usize) -> Vec<u8> {
    let bit = if matches!(side, Client) { 0x80 } else { 0 };
    let mut header = vec![first];
    match len {
        0..126 => header.push(bit | len as u8),
        126..0x1_0000 => {
            header.push(bit | 126);
            header.extend((len as u16).to_be_bytes());
        }
        _ => {
            header.push(bit | 127);
            header.extend((len as u64).to_be_bytes());
        }
    }
    if bit != 0 {
        header.extend([0; 4]);
    }
    header
}

fn frame(side: Side, first: u8, payload: &[u8]) -> Vec<u8> {
    [&header(side, first, payload.len())[..], payload].concat()
}

/// A compressed message that refers to no other (RFC 7692 section 7.2.1).
fn compressed(side: Side, text: &[u8]) -> Vec<u8> {
    let mut coder = Compress::new(Compression::best(), false);
    let mut payload = Vec::with_capacity(text.len() / 500 + 1_000);
    coder.compress_vec(text, &mut payload, FlushCompress::Sync).unwrap();
    payload.truncate(payload.len() - 4);
    frame(side, COMPRESSED, &payload)
}

/// A compressed message of this many MiB.
fn expanding(side: Side, mib: usize) -> Vec<u8> {
    let mut text = vec![b' '; mib << 20];
    text[0] = b'{';
    compressed(side, &text)
}

fn open(wire: &mut Wire, number: usize) -> Conn {
    let mut conn = wire.open(number);
    wire.send(&mut conn, Client, UPGRADE);
    wire.send(&mut conn, Server, SWITCHING);
    conn
}

/// `n` connections, each with a message that expands beyond the limit.
pub(crate) fn bombs(wire: &mut Wire, n: usize) {
    let bomb = expanding(Server, 12);
    for number in 0..n {
        let mut conn = open(wire, number);
        wire.send(&mut conn, Server, &bomb);
    }
}

/// One connection with `n` messages that expand to 7 MiB, eight in a packet.
pub(crate) fn packed(wire: &mut Wire, n: usize) {
    let message = expanding(Server, 7);
    let mut conn = open(wire, 0);
    for _ in 0..n.div_ceil(8) {
        wire.send_whole(&mut conn, Server, &message.repeat(8));
    }
}

/// A client that sends `n` messages of 7 MiB, compressed, before the server allows WebSocket.
pub(crate) fn ahead(wire: &mut Wire, n: usize) {
    let message = expanding(Client, 7);
    let mut conn = wire.open(0);
    wire.send(&mut conn, Client, UPGRADE);
    for _ in 0..n {
        wire.send(&mut conn, Client, &message);
    }
    wire.send(&mut conn, Server, SWITCHING);
}

/// The same with `n` bytes, each in a packet of its own.
pub(crate) fn ahead_bytewise(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    wire.send(&mut conn, Client, UPGRADE);
    wire.send(&mut conn, Client, header(Client, TEXT, n));
    for _ in 0..n {
        wire.send(&mut conn, Client, "x");
    }
    wire.send(&mut conn, Server, SWITCHING);
}

/// A message of `n` fragments with a byte in each, and pings between them.
pub(crate) fn fragments(wire: &mut Wire, n: usize) {
    let mut conn = open(wire, 0);
    wire.send(&mut conn, Server, frame(Server, FIRST, b"{"));
    let block = [frame(Server, MORE, b" "), frame(Server, PING, b"")].concat().repeat(1_000);
    for _ in 0..n.div_ceil(1_000) {
        wire.send(&mut conn, Server, &block);
    }
}

/// `n` messages without content from either side.
pub(crate) fn empty(wire: &mut Wire, n: usize) {
    let mut conn = open(wire, 0);
    for side in [Client, Server] {
        let block = frame(side, TEXT, b"").repeat(1_000);
        for _ in 0..n.div_ceil(1_000) {
            wire.send(&mut conn, side, &block);
        }
    }
}

/// `n` connections, each with 30 kB of a message that does not end.
pub(crate) fn half_messages(wire: &mut Wire, n: usize) {
    let half = [header(Server, TEXT, 20 << 20), vec![b'['; 30_000]].concat();
    for number in 0..n {
        let mut conn = open(wire, number);
        wire.send(&mut conn, Server, &half);
    }
}

/// `n` connections, each with a decoder in both directions.
pub(crate) fn windows(wire: &mut Wire, n: usize) {
    let messages = [Client, Server].map(|side| compressed(side, b"{\"jsonrpc\":\"2.0\"}"));
    for number in 0..n {
        let mut conn = open(wire, number);
        wire.send(&mut conn, Client, &messages[0]);
        wire.send(&mut conn, Server, &messages[1]);
    }
}

/// Frames in frames: ten bytes of each are its header, and a block of deflate that holds a bracket
/// and the next header. The last of `n` messages decodes to a MiB, and so does each before it.
fn nested(n: usize) -> Vec<u8> {
    let end = expanding(Server, 1);
    let payload = &end[header(Server, COMPRESSED, end.len() - 4).len()..];
    let mut bytes = Vec::new();
    for _ in 0..n {
        bytes.extend([COMPRESSED, 126, 0x20, 0, 0, 5, 0, 0xfa, 0xff, b'{']);
    }
    bytes.extend([COMPRESSED, 126, 0x20, 0]);
    bytes.extend(payload);
    bytes.resize(10 * n + (16 << 10), 0);
    bytes
}

/// `n` connections, each with a loss and 20 kB behind it in which any byte may begin a message that
/// is long.
pub(crate) fn searches(wire: &mut Wire, n: usize) {
    let bytes = nested(700);
    for number in 0..n {
        let mut conn = open(wire, number);
        wire.send(&mut conn, Server, frame(Server, TEXT, b"{}"));
        wire.skip(&mut conn, Server, 50_000);
        wire.send(&mut conn, Server, &bytes);
        wire.tcp(conn, Client, 0, super::wire::ACK, &[]);
    }
}

/// `n` such bytes from the middle of a connection, each in a packet of its own.
pub(crate) fn searches_bytewise(wire: &mut Wire, n: usize) {
    let bytes = nested(700);
    let mut conn = Conn::new(0);
    for byte in bytes.iter().cycle().take(n) {
        wire.send(&mut conn, Server, [*byte]);
    }
}

/// One session with `n` requests of the client that nobody answers.
pub(crate) fn unanswered(wire: &mut Wire, n: usize) {
    let mut conn = open(wire, 0);
    for id in 0..n {
        let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"t"}}}}"#);
        wire.send(&mut conn, Client, frame(Client, TEXT, text.as_bytes()));
    }
}
