//! Attacks over messages on lines: half lines, tiny ones, text that is none, what looks like the
//! middle of a connection.

use super::wire::{Conn, Side, Wire};

use Side::{Client, Server};

const OPENING: &str = "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{}}\n";

/// A connection that was recognised.
fn open(wire: &mut Wire, number: usize) -> Conn {
    let mut conn = wire.open(number);
    wire.send(&mut conn, Client, OPENING);
    conn
}

/// `n` connections, each with 30 kB of a line that does not end.
pub(crate) fn half_lines(wire: &mut Wire, n: usize) {
    let half = format!("{{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":\"{}", "x".repeat(30_000));
    for number in 0..n {
        let mut conn = open(wire, number);
        wire.send(&mut conn, Server, &half);
    }
}

/// A line of `n` MB in packets of a kilobyte each, and an answer behind it.
pub(crate) fn long_line(wire: &mut Wire, n: usize) {
    let mut conn = open(wire, 0);
    wire.send(&mut conn, Server, "{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":\"");
    let piece = "x".repeat(1_000);
    for _ in 0..n * 1_000 {
        wire.send(&mut conn, Server, &piece);
    }
    wire.send(&mut conn, Server, "\"}\n{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{}}\n");
}

/// `n` lines of either side that are no messages.
pub(crate) fn text(wire: &mut Wire, n: usize) {
    let mut conn = open(wire, 0);
    for side in [Client, Server] {
        let block = "x\n".repeat(1_000);
        for _ in 0..n.div_ceil(1_000) {
            wire.send(&mut conn, side, &block);
        }
    }
}

/// A line of `n` bytes, each in a packet of its own, before anything was recognised.
pub(crate) fn bytewise(wire: &mut Wire, n: usize) {
    for number in 0..n.div_ceil(2_000) {
        let mut conn = wire.open(number);
        for byte in "{\"params\":[\"\\\\".bytes().chain([b'['; 1_987]) {
            wire.send(&mut conn, Client, [byte]);
        }
    }
}

/// `n` connections without a beginning, each with lines that are messages but for their end.
pub(crate) fn searches(wire: &mut Wire, n: usize) {
    let line = format!("{{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{}\n", "[".repeat(400));
    for number in 0..n {
        let mut conn = Conn::new(number);
        for side in [Client, Server] {
            wire.send(&mut conn, side, line.repeat(30));
        }
    }
}

/// One session with `n` requests of the client that nobody answers.
pub(crate) fn unanswered(wire: &mut Wire, n: usize) {
    let mut conn = open(wire, 0);
    for id in 0..n {
        let line = format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"tools/call\",\"params\":{{\"name\":\"t\"}}}}\n"
        );
        wire.send(&mut conn, Client, line);
    }
}
