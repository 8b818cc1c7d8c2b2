//! Fuzz targets of HTTP. Each panics if its bytes break a law.

use super::{Assembler, Connection, TransactionNo, UpdateKind};
use crate::base::fuzz::{Choices, assert_same, cut, feeds};
use crate::base::{Code, End, Feed, Findings, Layer as _, Origin, Sink, Span, Stack, limits};

pub use super::content::fuzz::content;
pub use super::h2::fuzz::header_blocks;
pub use super::sse::fuzz::event_stream;

/// A connection of HTTP/1: its messages are the same however its bytes are cut, unless they are
/// damaged in a way that [`DAMAGE`] names. Plain ones are those that httparse and the lengths of
/// bodies say.
pub fn http1(data: &[u8]) {
    let mut choices = Choices::new(data);
    let len = usize::from(choices.u8());
    let feeds = feeds(&mut choices);
    check(&feeds, len, Connection::http1);
    super::h1::fuzz::check(&feeds);
}

/// The same of HTTP/2.
pub fn http2(data: &[u8]) {
    check_bytes(data, Connection::http2);
}

/// The same of messages on lines.
pub fn lines(data: &[u8]) {
    check_bytes(data, Connection::lines);
}

/// How connections change to WebSocket.
const UPGRADES: [&str; 2] = ["", "Sec-WebSocket-Extensions: permessage-deflate\r\n"];

/// The same of WebSocket: behind the request and the response that change to it, with and without
/// compression, or from the middle of a connection.
pub fn web_socket(data: &[u8]) {
    let mut choices = Choices::new(data);
    let (how, len) = (choices.u8(), usize::from(choices.u8()));
    let mut feeds = feeds(&mut choices);
    let Some(fields) = UPGRADES.get(usize::from(how % 3)) else {
        return check(&feeds, len, Connection::websocket_midstream);
    };
    let fields = format!("Upgrade: websocket\r\nConnection: Upgrade\r\n{fields}\r\n");
    let heads = [(End::A, "GET /mcp HTTP/1.1"), (End::B, "HTTP/1.1 101 Switching Protocols")];
    let heads = heads.map(|(from, line)| {
        let head = format!("{line}\r\nSec-WebSocket-Key: eA==\r\n{fields}");
        (from, Feed::Data(head.into(), Span::of(Origin::new(0, 0))))
    });
    feeds.splice(..0, heads);
    check(&feeds, len, Connection::http1);
}

/// How much was decoded before the damage of a compressed body depends on the pieces: a decoder
/// needs bytes that follow.
const DAMAGE: [Code; 2] = [Code::HttpContentBad, Code::HttpContentLimit];

fn check_bytes(data: &[u8], http: fn(TransactionNo) -> Connection) {
    let mut choices = Choices::new(data);
    let len = usize::from(choices.u8());
    check(&feeds(&mut choices), len, http);
}

fn check(feeds: &[(End, Feed<End>)], len: usize, http: fn(TransactionNo) -> Connection) {
    let (whole, is_damaged) = read(http(TransactionNo(0)), feeds);
    let (pieces, is_damaged_too) = read(http(TransactionNo(0)), &cut(feeds, 1 + len));
    if !is_damaged && !is_damaged_too {
        assert_same(&whole, &pieces);
    }
}

/// Returns the updates and the findings as text, and whether [`DAMAGE`] is among them.
fn read(http: Connection, feeds: &[(End, Feed<End>)]) -> (String, bool) {
    let mut layers = Stack::new(http, Assembler::new());
    let (mut out, mut findings, mut text) = (Vec::new(), Findings::new(), String::new());
    let mut is_damaged = false;
    for (from, feed) in feeds {
        let input = (from.side(End::A), feed.clone().by_side(End::A));
        layers.push(input, &mut Sink::new(&mut out, &mut findings));
        while layers.is_pending() {
            layers.resume(&mut Sink::new(&mut out, &mut findings));
        }
        layers.settle();
        assert!(layers.held() <= 2 * limits::MAX_BODY, "{} bytes are held", layers.held());
        for update in out.drain(..) {
            is_damaged |= matches!(&update.kind, UpdateKind::Fault(fault) if DAMAGE.contains(&fault.code));
            text.push_str(&format!("{update:?}\n"));
        }
    }
    assert!(layers.is_over(), "both ends ended");
    is_damaged |= findings.list().iter().any(|finding| DAMAGE.contains(&finding.code));
    text.push_str(&format!("{:?}", findings.list()));
    (text, is_damaged)
}
