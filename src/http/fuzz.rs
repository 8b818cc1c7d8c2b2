//! Fuzz targets of HTTP. Each panics if its bytes break a law.

use super::{Assembler, Connection, TransactionNo, UpdateKind};
use crate::base::fuzz::{Choices, assert_same, cut, feeds};
use crate::base::{Code, End, Feed, Findings, Layer as _, Sink, Stack, limits};

pub use super::h2::fuzz::header_blocks;

/// A connection of HTTP/1: its messages are the same however its bytes are cut, unless they are
/// damaged in a way that [`DAMAGE`] names.
pub fn http1(data: &[u8]) {
    check(data, Connection::http1);
}

/// The same of HTTP/2.
pub fn http2(data: &[u8]) {
    check(data, Connection::http2);
}

/// The same of messages on lines.
pub fn lines(data: &[u8]) {
    check(data, Connection::lines);
}

/// How much was decoded before the damage of a compressed body depends on the pieces: a decoder
/// needs bytes that follow.
const DAMAGE: [Code; 2] = [Code::HttpContentBad, Code::HttpContentLimit];

fn check(data: &[u8], http: fn(TransactionNo) -> Connection) {
    let mut choices = Choices::new(data);
    let len = usize::from(choices.u8());
    let feeds = feeds(&mut choices);
    let (whole, is_damaged) = read(http(TransactionNo(0)), &feeds);
    let (pieces, is_damaged_too) = read(http(TransactionNo(0)), &cut(&feeds, 1 + len));
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
