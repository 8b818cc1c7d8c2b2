//! Connections written frame by frame, and the parts that come of them.

use bytes::Bytes;
use flate2::{Compress, Compression};

use super::frame::tests::frame;
use super::inflate::tests::deflate;
use super::*;
use crate::http::Channel;

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}"#;
const RESULT: &str = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;

/// A connection under construction, and what was made of it.
struct World {
    layer: Connection,
    out: Vec<Part>,
    findings: Findings,
    packet: u64,
}

impl World {
    fn new(layer: Connection) -> Self {
        Self { layer, out: Vec::new(), findings: Findings::new(), packet: 0 }
    }

    fn plain() -> Self {
        Self::new(Connection::upgraded(TransactionNo(0), Some(false), Degraded::NONE))
    }

    fn at(&mut self) -> Origin {
        self.packet += 1;
        Origin::new(self.packet, self.packet as i64 * 1_000_000)
    }

    fn feed(&mut self, side: Side, feed: Feed) -> &mut Self {
        self.layer.push((side, feed), &mut Sink::new(&mut self.out, &mut self.findings));
        self.layer.settle();
        self
    }

    /// Sends bytes in a packet of their own.
    fn send(&mut self, side: Side, bytes: &[u8]) -> &mut Self {
        let span = Span::of(self.at());
        self.feed(side, Feed::Data(Bytes::copy_from_slice(bytes), span))
    }

    fn lose(&mut self, side: Side, len: usize) -> &mut Self {
        let at = self.at();
        self.feed(side, Feed::Gap { len: len as u64, why: Degraded::GAP, at })
    }

    fn close(&mut self, side: Side, how: Ending) -> &mut Self {
        let at = self.at();
        self.feed(side, Feed::Eof { how, at })
    }

    /// The messages, with sender, first and last packet.
    fn messages(&self) -> Vec<(Side, String, u64, u64)> {
        let message = |part: &Part| match &part.kind {
            PartKind::Message(bytes, span) => Some((
                part.side,
                String::from_utf8_lossy(bytes).into_owned(),
                span.start.packet.0,
                span.end.packet.0,
            )),
            _ => None,
        };
        self.out.iter().filter_map(message).collect()
    }

    fn texts(&self) -> Vec<String> {
        self.messages().into_iter().map(|(_, text, ..)| text).collect()
    }

    fn codes(&self) -> Vec<&'static str> {
        let fault = |part: &Part| match &part.kind {
            PartKind::Fault { fault, .. } => Some(fault.code.name()),
            _ => None,
        };
        self.out.iter().filter_map(fault).collect()
    }

    fn gaps(&self) -> usize {
        self.out.iter().filter(|part| matches!(part.kind, PartKind::Gap { .. })).count()
    }

    fn end(&self) -> Option<ResponseEnd> {
        self.out.iter().find_map(|part| match part.kind {
            PartKind::End { how, .. } => Some(how),
            _ => None,
        })
    }
}

#[test]
fn messages_of_both_sides() {
    let mut world = World::plain();
    world.send(Side::Client, &frame(Side::Client, 0x81, CALL.as_bytes()));
    world.send(Side::Server, &frame(Side::Server, 0x82, RESULT.as_bytes()));
    assert_eq!(
        world.messages(),
        [(Side::Client, CALL.to_owned(), 1, 1), (Side::Server, RESULT.to_owned(), 2, 2)]
    );
    assert_eq!((world.codes(), world.end()), (vec![], None));
}

/// Control frames may stand between the fragments of a message (RFC 6455 section 5.4).
#[test]
fn fragments_are_joined_around_control_frames() {
    for side in Side::BOTH {
        let (head, tail) = CALL.as_bytes().split_at(10);
        let mut world = World::plain();
        world.send(side, &frame(side, 0x01, head));
        world.send(side, &frame(side, 0x89, b"beat"));
        world.send(side, &frame(side, 0x00, b""));
        world.send(side, &frame(side, 0x80, tail));
        assert_eq!(world.messages(), [(side, CALL.to_owned(), 1, 4)]);
        assert!(world.codes().is_empty());
    }
}

#[test]
fn many_frames_in_one_packet() {
    let beats = frame(Side::Server, 0x8a, b"").repeat(100_000);
    let bytes = [beats, frame(Side::Server, 0x81, RESULT.as_bytes())].concat();
    let mut world = World::plain();
    world.send(Side::Server, &bytes);
    assert_eq!(world.texts(), [RESULT]);
}

#[test]
fn close_codes_are_told_unless_they_are_usual() {
    for (payload, codes) in [
        (&b""[..], vec![]),
        (b"\x03\xe8bye", vec![]),
        (b"\x03\xe9", vec![]),
        (b"\x03\xf3too bad", vec!["ws.closed"]),
        (b"\x0f\xa0", vec!["ws.closed"]),
    ] {
        let mut world = World::plain();
        world.send(Side::Server, &frame(Side::Server, 0x88, payload));
        assert_eq!((world.codes(), world.end()), (codes, None));
        world.send(Side::Server, &frame(Side::Server, 0x81, RESULT.as_bytes()));
        world.send(Side::Client, &frame(Side::Client, 0x81, CALL.as_bytes()));
        assert_eq!(world.texts(), [CALL], "what the other side sent before may come later");
        world.close(Side::Client, Ending::Closed);
        assert_eq!(world.end(), Some(ResponseEnd::ClosedBy(Side::Server)));
        assert!(world.layer.is_over());
    }
}

#[test]
fn a_connection_ends_without_a_close_frame() {
    for (how, end) in [
        (Ending::Closed, ResponseEnd::ClosedBy(Side::Client)),
        (Ending::Reset(Side::Server), ResponseEnd::ResetBy(Side::Server)),
        (Ending::Open, ResponseEnd::Open),
    ] {
        for is_inside in [false, true] {
            let mut world = World::plain();
            let bytes = frame(Side::Server, 0x81, RESULT.as_bytes());
            world.send(Side::Server, if is_inside { &bytes[..9] } else { &bytes });
            world.close(Side::Client, how).close(Side::Server, how);
            assert_eq!(world.end(), Some(end));
            let is_told = is_inside && how != Ending::Open;
            assert_eq!(world.codes(), if is_told { vec!["http.body_cut"] } else { vec![] });
        }
    }
}

#[test]
fn what_is_no_frame_is_told_and_left_out() {
    for bytes in [
        &b"\x83\x00"[..],
        b"\x80\x00",
        b"\xc1\x00",
        b"\x81\x85\x00\x00\x00\x00Hello",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ] {
        let mut world = World::plain();
        world.send(Side::Server, &[bytes, &frame(Side::Server, 0x81, RESULT.as_bytes())].concat());
        assert_eq!(world.codes(), ["ws.bad_frame", "http.resync"], "{bytes:x?}");
        assert_eq!(world.texts(), [RESULT], "{bytes:x?}");
    }
    // A message inside another one.
    let mut world = World::plain();
    world.send(Side::Server, &frame(Side::Server, 0x01, b"{"));
    world.send(Side::Server, &frame(Side::Server, 0x81, RESULT.as_bytes()));
    assert_eq!(world.codes(), ["ws.bad_frame"]);
}

#[test]
fn compressed_messages_are_read() {
    let mut coder = Compress::new(Compression::default(), false);
    let texts = [RESULT, RESULT, CALL];
    let coded: Vec<_> = texts.iter().map(|text| deflate(&mut coder, text.as_bytes())).collect();
    let mut world = World::new(Connection::upgraded(TransactionNo(0), Some(true), Degraded::NONE));
    for payload in &coded {
        let (head, tail) = payload.split_at(payload.len() / 2);
        world.send(Side::Client, &frame(Side::Client, 0x41, head));
        world.send(Side::Client, &frame(Side::Client, 0x80, tail));
    }
    // Messages need not be compressed.
    world.send(Side::Server, &frame(Side::Server, 0x81, RESULT.as_bytes()));
    assert_eq!(world.texts(), [RESULT, RESULT, CALL, RESULT]);
    assert!(world.codes().is_empty());
}

/// A gap inside one frame loses that message alone, since its length is known.
#[test]
fn a_gap_inside_a_frame() {
    for side in Side::BOTH {
        let bytes = frame(side, 0x81, CALL.as_bytes());
        let head = bytes.len() - CALL.len();
        for (kept, lost) in [(head + 3, 5), (head, CALL.len()), (head + 7, CALL.len() - 7)] {
            let mut world = World::plain();
            world.send(side, &bytes[..kept]).lose(side, lost);
            world.send(side, &[&bytes[kept + lost..], &frame(side, 0x81, RESULT.as_bytes())].concat());
            assert_eq!((world.texts(), world.gaps()), (vec![RESULT.to_owned()], 1));
            assert!(world.codes().is_empty());
        }
    }
}

/// After a gap over the end of a frame the next message that is proven is read.
#[test]
fn a_gap_over_frames() {
    for side in Side::BOTH {
        let bytes = frame(side, 0x81, CALL.as_bytes()).repeat(3);
        for (from, to) in [(0, 10), (5, 100), (1, bytes.len() - 1)] {
            let mut world = World::plain();
            world.send(side, &bytes[..from]).lose(side, to - from);
            world.send(side, &[&bytes[to..], &frame(side, 0x81, RESULT.as_bytes())].concat());
            assert_eq!(world.texts().last().unwrap(), RESULT, "{from}..{to}");
            assert!(world.gaps() >= 1);
            assert_eq!(world.codes(), ["http.resync"]);
        }
    }
}

/// After a gap compressed messages are read as far as they do not refer to lost ones.
#[test]
fn a_gap_among_compressed_messages() {
    let texts = [CALL, RESULT, CALL];
    for is_fresh in [false, true] {
        let mut coder = Compress::new(Compression::default(), false);
        let mut world = World::new(Connection::upgraded(TransactionNo(0), Some(true), Degraded::NONE));
        for (n, text) in texts.iter().enumerate() {
            if is_fresh {
                coder.reset();
            }
            let bytes = frame(Side::Server, 0xc1, &deflate(&mut coder, text.as_bytes()));
            if n == 0 {
                world.send(Side::Server, &bytes[..4]).lose(Side::Server, bytes.len() - 4);
            } else {
                world.send(Side::Server, &bytes);
            }
        }
        if is_fresh {
            assert_eq!((world.texts(), world.codes()), (vec![RESULT.to_owned(), CALL.to_owned()], vec![]));
        } else {
            assert_eq!((world.texts(), world.codes()), (vec![], vec!["ws.not_inflated"]));
            assert_eq!(world.gaps(), 3, "the lost message, and two that refer to it");
        }
    }
}

#[test]
fn a_connection_from_its_middle_begins_with_a_head() {
    let mut world = World::new(Connection::midstream(TransactionNo(0)));
    for side in Side::BOTH {
        let at = world.at();
        world.feed(side, Feed::Gap { len: 0, why: Degraded::MIDSTREAM, at });
    }
    let rest = frame(Side::Server, 0x81, RESULT.as_bytes());
    world.send(Side::Server, &[&rest[20..], &rest].concat());
    world.send(Side::Client, &frame(Side::Client, 0x81, CALL.as_bytes()));
    let PartKind::Head(head, why) = &world.out[0].kind else { panic!("{:?}", world.out) };
    assert!(head.channel() == Some(Channel::WebSocket) && *why == Degraded::MIDSTREAM);
    assert_eq!(world.texts(), [RESULT, CALL]);
    assert!(world.codes().is_empty() && world.findings.is_empty());
}

proptest::proptest! {
    /// The same bytes in other pieces make the same messages, ends and faults; a gap and damage
    /// included.
    #[test]
    fn cut_anywhere_same_answer(
        lens in proptest::collection::vec(0usize..400, 1..6),
        first in proptest::sample::select(vec![0x81u8, 0x82, 0xc1, 0x01]),
        damage in 0usize..900,
        cuts in proptest::collection::vec(0usize..900, 0..6),
        is_client in proptest::bool::ANY,
    ) {
        let side = if is_client { Side::Client } else { Side::Server };
        let mut coder = Compress::new(Compression::default(), false);
        let mut bytes = Vec::new();
        for len in &lens {
            let text = format!("{{\"jsonrpc\":\"2.0\",\"x\":\"{}\"}}", "x".repeat(*len));
            let coded = if first == 0xc1 { deflate(&mut coder, text.as_bytes()) } else { text.into_bytes() };
            bytes.extend(frame(side, first, &coded));
            if first == 0x01 {
                bytes.extend(frame(side, 0x80, b""));
            }
        }
        if let Some(byte) = bytes.get_mut(damage) {
            *byte ^= 0x55;
        }
        let run = |cuts: &[usize]| {
            let mut cuts: Vec<_> = cuts.iter().map(|cut| (*cut).min(bytes.len())).chain([0, bytes.len()]).collect();
            cuts.sort_unstable();
            let mut world = World::new(Connection::upgraded(TransactionNo(0), Some(true), Degraded::NONE));
            let span = Span::of(Origin::new(1, 1));
            for pair in cuts.windows(2).filter(|pair| pair[0] < pair[1]) {
                world.feed(side, Feed::Data(Bytes::copy_from_slice(&bytes[pair[0]..pair[1]]), span));
            }
            world.close(side, Ending::Closed);
            let kinds: Vec<_> = world.out.iter().map(|part| format!("{:?}", part.kind)).collect();
            (kinds, world.findings.len())
        };
        proptest::prop_assert_eq!(run(&cuts), run(&[]));
    }

    #[test]
    fn no_bytes_make_it_panic(
        bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300),
        gap in 0u64..100,
    ) {
        for side in Side::BOTH {
            let mut world = World::new(Connection::midstream(TransactionNo(0)));
            world.lose(side, 0).send(side, &bytes).lose(side, gap as usize).send(side, &bytes);
            world.close(side, Ending::Closed);
        }
    }
}
