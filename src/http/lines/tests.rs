//! Connections written line by line, and the parts that come of them.

use bytes::Bytes;
use proptest::prelude::*;

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
        Self::new(Connection::new(TransactionNo(0)))
    }

    fn at(&mut self) -> Origin {
        self.packet += 1;
        Origin::new(self.packet, self.packet as i64 * 1_000_000)
    }

    fn feed(&mut self, side: Side, feed: Feed) -> &mut Self {
        let sink = &mut Sink::new(&mut self.out, &mut self.findings);
        self.layer.push((side, feed), sink);
        while self.layer.is_pending() {
            self.layer.resume(sink);
        }
        self.layer.settle();
        self
    }

    /// Sends bytes in a packet of their own.
    fn send(&mut self, side: Side, bytes: impl AsRef<[u8]>) -> &mut Self {
        let span = Span::of(self.at());
        self.feed(side, Feed::Data(Bytes::copy_from_slice(bytes.as_ref()), span))
    }

    fn line(&mut self, side: Side, text: &str) -> &mut Self {
        self.send(side, format!("{text}\n"))
    }

    fn lose(&mut self, side: Side) -> &mut Self {
        let at = self.at();
        self.feed(side, Feed::Gap { len: 10, why: Degraded::GAP, at })
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
    world.line(Side::Client, CALL).send(Side::Server, format!("{RESULT}\r\n\n \r\n{CALL}\n"));
    let server = |text: &str| (Side::Server, text.to_owned(), 2, 2);
    assert_eq!(world.messages(), [(Side::Client, CALL.to_owned(), 1, 1), server(RESULT), server(CALL)]);
    let PartKind::Head(head, _) = &world.out[0].kind else { panic!("{:?}", world.out[0]) };
    assert!(head.channel() == Some(Channel::Lines) && !head.is_unseen() && head.unknown().is_none());
    assert_eq!((world.codes(), world.end()), (vec![], None));
}

#[test]
fn half_lines_are_joined_and_know_their_packets() {
    let (head, tail) = CALL.split_at(20);
    let mut world = World::plain();
    world.send(Side::Client, head).line(Side::Server, RESULT).send(Side::Client, tail);
    assert_eq!(world.texts(), [RESULT]);
    world.send(Side::Client, format!("\n{RESULT}"));
    assert_eq!(world.messages()[1], (Side::Client, CALL.to_owned(), 1, 4));
}

#[test]
fn text_between_messages_is_told() {
    let mut world = World::plain();
    world.line(Side::Client, CALL).line(Side::Server, "listening on stdio…").line(Side::Server, RESULT);
    world.send(Side::Server, b"\xff\xfe\n").line(Side::Client, "hello");
    assert_eq!(world.texts(), [CALL, RESULT]);
    assert_eq!(world.codes(), ["stdio.not_message"; 3]);
    let long = "x".repeat(5000);
    world.line(Side::Server, &long);
    let PartKind::Fault { fault, .. } = &world.out.last().unwrap().kind else { panic!() };
    assert_eq!(fault.detail, format!("the server sent a line of 5000 bytes: {}…", "x".repeat(80)));
}

/// What stands between a gap and a newline is read if it is a whole line.
#[test]
fn reading_resumes_at_the_next_line() {
    for (rest, texts) in [
        ("\"the rest\"}]}}", vec![CALL, RESULT]),
        (RESULT, vec![CALL, RESULT, RESULT]),
        ("", vec![CALL, RESULT]),
        ("{}}", vec![CALL, RESULT]),
        ("}", vec![CALL, RESULT]),
    ] {
        let mut world = World::plain();
        world.line(Side::Client, CALL).send(Side::Server, "{\"jsonrpc\":");
        world.lose(Side::Server).line(Side::Server, rest).line(Side::Server, RESULT);
        assert_eq!(world.texts(), texts, "{rest}");
        assert_eq!(world.codes(), ["http.resync"], "{rest}");
        assert!(world.out.iter().any(|part| matches!(part.kind, PartKind::Gap { .. })));
    }
}

#[test]
fn a_connection_ends_when_neither_side_sends() {
    let mut world = World::plain();
    world.line(Side::Client, CALL).close(Side::Client, Ending::Closed).line(Side::Server, RESULT);
    assert_eq!((world.texts().len(), world.end()), (2, None));
    world.close(Side::Server, Ending::Closed);
    assert_eq!(world.end(), Some(ResponseEnd::ClosedBy(Side::Client)));
    assert!(world.layer.is_over() && world.layer.held() == 0);
    for (rest, how, codes) in [
        ("{\"jsonrpc\":", Ending::Closed, vec!["http.body_cut"]),
        ("{\"jsonrpc\":", Ending::Open, vec![]),
        ("Killed", Ending::Reset(Side::Server), vec!["stdio.not_message"]),
        (" ", Ending::Closed, vec![]),
    ] {
        let mut world = World::plain();
        world.line(Side::Client, CALL).send(Side::Server, rest).close(Side::Server, how);
        assert_eq!(world.codes(), codes, "{rest}");
        let mut lossy = World::plain();
        lossy.line(Side::Client, CALL).lose(Side::Server).send(Side::Server, rest).close(Side::Server, how);
        assert_eq!(lossy.codes(), Vec::<&str>::new(), "{rest} behind a gap");
    }
}

/// A line of any length takes no more memory than a body, and the next one is read.
#[test]
fn long_lines_are_bounded() {
    let mut world = World::plain();
    world.line(Side::Client, CALL).send(Side::Server, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"");
    let piece = vec![b'x'; 1 << 20];
    let mut most = 0;
    for _ in 0..50 {
        world.send(Side::Server, &piece);
        most = most.max(world.layer.held());
    }
    world.line(Side::Server, "\"}").line(Side::Server, RESULT);
    assert!(most < limits::MAX_BODY + (8 << 20), "{most}");
    assert_eq!(world.texts(), [CALL, RESULT]);
    assert_eq!(world.codes(), ["http.body_too_long"]);
    assert!(world.layer.held() < 1000);
}

#[test]
fn what_is_shed_is_lost_and_the_next_line_is_read() {
    let mut world = World::plain();
    world.line(Side::Client, CALL).send(Side::Server, "{\"a\":");
    world.layer.shed(Origin::new(9, 9), &mut world.findings);
    assert_eq!(world.findings.len(), 1);
    world.line(Side::Server, "1}").line(Side::Server, RESULT);
    assert_eq!(world.texts(), [CALL, RESULT]);
    let is_lost = |part: &Part| matches!(part.kind, PartKind::Gap { why: Degraded::NOT_READ, .. });
    assert!(world.out.iter().any(is_lost));
}

#[test]
fn many_lines_in_one_packet() {
    let mut world = World::plain();
    world.send(Side::Server, format!("{RESULT}\n{}", "1\n".repeat(100_000)));
    assert_eq!((world.texts().len(), world.codes().len()), (1, 100_000));
}

/// A piece of a direction for the laws.
fn piece() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just(CALL),
        Just("\n"),
        Just("\r\n"),
        Just("{\"a\":1}\n"),
        Just("text\n"),
        Just("["),
        Just("")
    ]
}

proptest! {
    /// Cut anywhere: the same bytes of a packet in other pieces give the same parts.
    #[test]
    fn the_pieces_make_no_difference(
        packets in proptest::collection::vec((any::<bool>(), piece(), piece(), 0usize..90, any::<bool>()), 0..20),
    ) {
        let (mut whole, mut cut) = (World::plain(), World::plain());
        for (is_client, first, second, at, is_lost) in packets {
            let side = if is_client { Side::Client } else { Side::Server };
            let bytes = [first, second].concat().into_bytes();
            if is_lost {
                whole.lose(side);
                cut.lose(side);
            }
            if bytes.is_empty() {
                continue;
            }
            let span = Span::of(whole.at());
            cut.packet = whole.packet;
            let (front, rest) = bytes.split_at(at.min(bytes.len()));
            whole.feed(side, Feed::Data(Bytes::copy_from_slice(&bytes), span));
            for part in [front, rest].into_iter().filter(|part| !part.is_empty()) {
                cut.feed(side, Feed::Data(Bytes::copy_from_slice(part), span));
            }
        }
        for world in [&mut whole, &mut cut] {
            world.close(Side::Server, Ending::Closed).close(Side::Client, Ending::Closed);
        }
        prop_assert_eq!(format!("{:?}", whole.out), format!("{:?}", cut.out));
        prop_assert_eq!(format!("{:?}", whole.findings.list()), format!("{:?}", cut.findings.list()));
    }

    /// Without gaps, the messages are the lines that begin like one.
    #[test]
    fn messages_are_lines(text in "[{\\[a\"\n\r ]{0,60}", cut in 0usize..60) {
        let mut world = World::plain();
        let (front, rest) = text.as_bytes().split_at(cut.min(text.len()));
        for part in [front, rest].into_iter().filter(|part| !part.is_empty()) {
            world.send(Side::Client, part);
        }
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let lines = whole.split('\n').filter(|line| line.trim_start().starts_with(['{', '[']));
        let want: Vec<_> = lines.map(|line| line.strip_suffix('\r').unwrap_or(line).to_owned()).collect();
        prop_assert_eq!(world.texts(), want);
    }
}
