//! Whole connections, and random ones against a naive oracle.

mod copies;

use std::net::SocketAddr;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::base::{Code, Degraded, Findings, Sink, limits};
use crate::link::{Addresses, Flags, Segment};

const MS: i64 = 1_000_000;

/// What a [`World`] has seen.
#[derive(Debug)]
enum Output {
    Opened(Opened),
    Feed { from: End, feed: Feed<End> },
    Closed(Summary),
}

/// A directory and a reassembler, and everything that came out of them.
#[derive(Default)]
struct World {
    directory: Directory,
    reassembler: Reassembler,
    out: Vec<Output>,
    findings: Findings,
    packet: u64,
    time: i64,
    id: u16,
}

/// A segment of the test: `c` sends from port 1000 to port 80, `s` the other way.
fn segment(from: char, seq: u32, ack: Option<u32>, payload: &[u8]) -> Sent {
    let segment = Segment {
        origin: Origin::default(),
        vantage: 0,
        ip_id: None,
        hop_limit: 64,
        seq,
        ack,
        flags: Flags::default(),
        window: 1000,
        payload: Bytes::copy_from_slice(payload),
        missing: 0,
    };
    Sent { from, segment }
}

/// A segment and its sender.
#[derive(Clone)]
struct Sent {
    from: char,
    segment: Segment,
}

impl Sent {
    /// Alters the segment.
    fn with(mut self, change: impl FnOnce(&mut Segment)) -> Self {
        change(&mut self.segment);
        self
    }

    fn addresses(&self) -> Addresses {
        let client: SocketAddr = "10.0.0.1:1000".parse().unwrap();
        let server: SocketAddr = "10.0.0.2:80".parse().unwrap();
        match self.from {
            'c' => Addresses { source: client, destination: server },
            _ => Addresses { source: server, destination: client },
        }
    }
}

impl World {
    fn new() -> Self {
        Self::default()
    }

    /// The handshake: the client's data begins at 101, the server's at 501.
    fn opened() -> Self {
        let mut world = Self::new();
        world.flagged("S", segment('c', 100, None, b""));
        world.flagged("S", segment('s', 500, Some(101), b""));
        world.data('c', 101, 501, b"");
        world
    }

    /// Pushes a segment with the next identification, unless it has one.
    fn push(&mut self, sent: Sent) {
        self.id += 1;
        let id = self.id;
        self.push_as_is(sent.with(|it| it.ip_id = it.ip_id.or(Some(id))));
    }

    fn push_as_is(&mut self, sent: Sent) {
        let addresses = sent.addresses();
        let mut segment = sent.segment;
        self.packet += 1;
        self.time += MS;
        segment.origin = Origin::new(self.packet, self.time);
        let mut closed = Vec::new();
        let route =
            self.directory.route(&addresses, &segment, &mut Sink::new(&mut closed, &mut self.findings));
        self.close(closed, Degraded::NONE, segment.origin);
        if let Some(opened) = route.opened {
            self.reassembler.open(&opened);
            self.out.push(Output::Opened(*opened));
        }
        let mut fed = Vec::new();
        let mut sink = Sink::new(&mut fed, &mut self.findings);
        self.reassembler.push(route.id, route.from, &mut segment, &mut sink);
        self.out.extend(fed.into_iter().map(|(from, feed)| Output::Feed { from, feed }));
    }

    fn close(&mut self, closed: Vec<ConnectionId>, unconfirmed: Degraded, at: Origin) {
        for id in closed {
            let mut fed = Vec::new();
            let mut sink = Sink::new(&mut fed, &mut self.findings);
            let summary = self.reassembler.close(id, unconfirmed, at, &mut sink);
            self.out.extend(fed.into_iter().map(|(from, feed)| Output::Feed { from, feed }));
            self.out.push(Output::Closed(summary.expect("it was open")));
        }
    }

    fn flagged(&mut self, flags: &str, sent: Sent) {
        let flags = Flags { syn: flags.contains('S'), fin: flags.contains('F'), rst: flags.contains('R') };
        self.push(sent.with(|segment| segment.flags = flags));
    }

    fn data(&mut self, from: char, seq: u32, ack: u32, payload: &[u8]) {
        self.push(segment(from, seq, Some(ack), payload));
    }

    fn wait(&mut self, ms: i64) {
        for _ in 0..ms.div_euclid(50) {
            self.time += limits::TICK;
            let now = Origin::new(self.packet, self.time);
            let mut fed = Vec::new();
            for shard in 0..limits::SHARDS as u8 {
                while self
                    .reassembler
                    .release(shard, now, &mut Sink::new(&mut fed, &mut self.findings))
                    .is_some()
                {}
            }
            self.out.extend(fed.into_iter().map(|(from, feed)| Output::Feed { from, feed }));
            let mut closed = Vec::new();
            self.directory.tick(now.time, &mut closed);
            self.close(closed, Degraded::NONE, now);
        }
    }

    fn finish(&mut self) -> Vec<Summary> {
        let at = Origin::new(self.packet, self.time);
        let mut closed = Vec::new();
        self.directory.finish(&mut closed);
        self.close(closed, Degraded::CAPTURE_END, at);
        let closed = self.out.iter().filter_map(|output| match output {
            Output::Closed(summary) => Some(summary.clone()),
            _ => None,
        });
        closed.collect()
    }

    /// The story of one direction, in short: bytes, `[gap len reasons]`, `<end>`.
    fn story(&self, of: End) -> String {
        let mut story = String::new();
        for output in &self.out {
            let Output::Feed { from, feed } = output else {
                continue;
            };
            if *from != of {
                continue;
            }
            match feed {
                Feed::Data(bytes, _) => story += std::str::from_utf8(bytes).unwrap(),
                Feed::Gap { len, why, .. } => {
                    story += &format!("[{len} {}]", why.names().collect::<Vec<_>>().join("+"));
                }
                Feed::Eof { how, .. } => story += &format!("<{how:?}>"),
            }
        }
        story
    }

    fn codes(&self) -> Vec<Code> {
        self.findings.list().iter().map(|finding| finding.code).collect()
    }
}

#[test]
fn a_plain_connection() {
    let mut world = World::opened();
    world.data('c', 101, 501, b"ask");
    world.data('s', 501, 104, b"answer");
    world.flagged("F", segment('s', 507, Some(104), b"."));
    world.data('c', 104, 509, b"more");
    world.flagged("F", segment('c', 108, Some(509), b""));
    world.data('s', 509, 109, b"");
    assert_eq!(world.story(End::A), "askmore<Closed>");
    assert_eq!(world.story(End::B), "answer.<Closed>");
    world.wait(20_000);
    assert!(matches!(world.out.last(), Some(Output::Closed(_))), "closed by packet time");
    let facts = world.finish();
    assert_eq!(facts.len(), 1);
    assert_eq!(facts[0].handshake_ns, Some(2 * MS));
    assert_eq!(facts[0].ended, Ending::Closed);
    assert_eq!(facts[0].directions[0].delivered, 7);
    assert!(world.findings.is_empty());
    assert!(matches!(
        world.out[0],
        Output::Opened(Opened { opener: Some(End::A), id: ConnectionId { tcp_stream: 0, .. }, .. })
    ));
}

/// A closed socket answers bytes with a RST that has their acknowledgement number: if no captured
/// segment has it, those bytes are missing.
#[test]
fn a_rst_behind_a_fin_shows_that_bytes_are_missing() {
    let run = |has_bytes: bool, ack: Option<u32>, seq: u32| {
        let mut world = World::opened();
        world.data('c', 101, 501, b"ask");
        world.data('s', 501, 104, b"part");
        world.flagged("F", segment('c', 104, Some(505), b""));
        if has_bytes {
            world.data('s', 505, 105, b"rest");
        }
        world.flagged("R", segment('c', seq, ack, b""));
        world.story(End::B)
    };
    assert_eq!(run(true, None, 105), "partrest<Reset(A)>");
    assert_eq!(run(false, None, 105), "part[0 gap]<Reset(A)>");
    // With an acknowledgement it is the client's own: it answers nothing.
    assert_eq!(run(false, Some(505), 105), "part<Reset(A)>");
    // What it answers was sent before the FIN arrived.
    assert_eq!(run(false, None, 104), "part<Reset(A)>");
}

#[test]
fn a_hole_that_is_filled_ends_what_is_behind_it_at_the_filling_packet() {
    let mut world = World::opened();
    world.data('c', 101, 501, b"one");
    world.data('c', 107, 501, b"three");
    world.data('c', 104, 501, b"two");
    assert_eq!(world.story(End::A), "onetwothree");
    let Some(Output::Feed { feed: Feed::Data(_, span), .. }) = world.out.last() else { panic!() };
    assert_eq!((span.start.packet.0, span.end.packet.0, span.first.0, span.last.0), (5, 6, 5, 5));
    assert_eq!(world.finish()[0].directions[0].holes, 1);
}

/// Later than packets out of order are: the first copy was lost before the point of capture.
#[test]
fn a_hole_that_is_filled_late_is_a_retransmission() {
    let mut world = World::opened();
    world.data('c', 111, 501, b"second");
    world.time += 200 * MS;
    world.data('c', 101, 501, b"first bytes"[..10].as_ref());
    world.data('c', 127, 501, b"fourth");
    world.data('c', 117, 501, b"third, 10b");
    let sent = world.finish()[0].directions[0];
    assert_eq!((sent.holes, sent.retransmissions, sent.lost_before, sent.gaps), (2, 1, 1, 0));
}

#[test]
fn a_hole_waits_for_the_acknowledgement_and_then_a_little() {
    let mut world = World::opened();
    world.data('c', 104, 501, b"late");
    world.wait(5000);
    assert_eq!(world.story(End::A), "[3 gap]late", "one-sided: the server is silent");

    let mut world = World::opened();
    world.data('c', 104, 501, b"late");
    world.data('s', 501, 101, b"");
    world.wait(5000);
    assert_eq!(world.story(End::A), "", "the server says that it has not got them");
    world.data('s', 501, 108, b"");
    world.wait(200);
    assert_eq!(world.story(End::A), "");
    world.wait(100);
    assert_eq!(world.story(End::A), "[3 gap]late");
    assert_eq!(world.codes(), [Code::TcpGap]);
    assert_eq!(world.findings.list()[0].tcp_stream, Some(0));
}

#[test]
fn an_acknowledgement_before_its_data_is_no_gap() {
    let mut world = World::opened();
    world.data('s', 501, 105, b"");
    world.wait(100);
    world.data('c', 101, 501, b"data");
    world.wait(1000);
    assert_eq!(world.story(End::A), "data");
    world.data('s', 501, 110, b"");
    world.wait(1000);
    world.data('c', 110, 501, b"more");
    assert_eq!(world.story(End::A), "data[5 gap]more", "lost, with nothing behind it for a while");
}

#[test]
fn a_fin_waits_for_what_is_before_it() {
    let mut world = World::opened();
    world.flagged("F", segment('c', 105, Some(501), b""));
    assert_eq!(world.story(End::A), "");
    world.data('c', 101, 501, b"data");
    assert_eq!(world.story(End::A), "data<Closed>");
    world.flagged("F", segment('c', 105, Some(501), b""));
    world.data('c', 101, 501, b"data");
    (0..2).for_each(|_| world.data('c', 106, 501, b"never"));
    let facts = world.finish();
    assert_eq!(world.story(End::A), "data<Closed>");
    assert_eq!(world.codes(), [Code::TcpAfterEnd]);
    assert_eq!((facts[0].directions[0].retransmissions, facts[0].directions[0].given_up), (2, 14));
    assert_eq!(facts[0].ended, Ending::Open);
}

#[test]
fn resets() {
    let mut world = World::opened();
    world.data('c', 101, 501, b"ask");
    world.flagged("R", segment('s', 900_000_000, None, b""));
    assert_eq!(world.story(End::A), "ask", "a guessed one");
    world.data('c', 106, 501, b"held");
    world.flagged("R", segment('s', 501, Some(104), b"reason"));
    assert_eq!(world.story(End::A), "ask[2 gap]held<Reset(B)>");
    assert_eq!(world.story(End::B), "<Reset(B)>");
    world.data('c', 110, 501, b"");
    world.flagged("R", segment('s', 501, None, b""));
    let facts = world.finish();
    assert_eq!((facts.len(), facts[0].ended), (1, Ending::Reset(End::B)));
    assert_eq!(facts[0].directions[1].given_up, 6);
}

#[test]
fn a_refused_connection() {
    let mut world = World::new();
    world.flagged("S", segment('c', 100, None, b""));
    world.flagged("R", segment('s', 0, Some(101), b""));
    assert_eq!(world.story(End::A) + &world.story(End::B), "<Reset(B)><Reset(B)>");
}

#[test]
fn starts_in_the_middle() {
    let mut world = World::new();
    world.data('s', 5000, 100, b"tail");
    world.data('c', 100, 5004, b"ask");
    world.data('s', 4000, 100, b"old");
    world.data('s', 5004, 103, b"answer");
    world.finish();
    assert_eq!(world.story(End::A), "[0 midstream]tailanswer<Open>");
    assert_eq!(world.story(End::B), "[0 midstream]ask<Open>");
    assert_eq!(world.codes(), [Code::TcpBeforeStart]);
    assert!(matches!(world.out[0], Output::Opened(Opened { opener: None, .. })));
}

#[test]
fn a_keep_alive_may_be_the_first_that_is_seen() {
    let mut world = World::new();
    world.data('c', 99, 500, b"");
    world.data('s', 500, 100, b"");
    world.data('c', 100, 500, b"ask");
    world.data('s', 499, 103, b"");
    world.data('s', 500, 103, b"answer");
    world.data('c', 102, 506, b"\0");
    world.data('c', 102, 506, b"");
    let facts = world.finish();
    assert_eq!(world.story(End::A), "[0 midstream]ask<Open>");
    assert_eq!(world.story(End::B), "[0 midstream]answer<Open>");
    assert_eq!(facts[0].directions.map(|direction| direction.retransmissions), [0, 0]);
    assert!(world.findings.is_empty());
}

#[test]
fn half_a_handshake_tells_where_both_directions_start() {
    let mut world = World::new();
    world.flagged("S", segment('s', 500, Some(101), b""));
    world.data('c', 104, 501, b"second");
    world.data('c', 101, 501, b"one");
    assert!(matches!(world.out[0], Output::Opened(Opened { opener: Some(End::B), .. })));
    assert_eq!(world.story(End::B), "onesecond");
    let facts = world.finish();
    assert_eq!((facts[0].ends[1].port(), facts[0].directions[1].delivered), (1000, 9));

    let mut world = World::new();
    world.flagged("S", segment('c', 100, None, b""));
    world.data('c', 101, 501, b"ask");
    world.data('s', 501, 104, b"answer");
    assert_eq!(world.story(End::A) + &world.story(End::B), "askanswer");
}

#[test]
fn a_port_used_again_is_another_connection() {
    let mut world = World::opened();
    world.data('c', 101, 501, b"ask");
    world.flagged("S", segment('c', 100, None, b""));
    world.flagged("S", segment('c', 9000, None, b"early"));
    world.flagged("S", segment('s', 700, Some(9001), b""));
    world.data('c', 9006, 701, b"!");
    let facts = world.finish();
    assert_eq!(facts.iter().map(|fact| fact.tcp_stream).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(world.story(End::A), "ask<Open>early!<Open>");
    assert_eq!(facts[0].directions[0].retransmissions, 1);

    let mut world = World::opened();
    world.flagged("R", segment('s', 501, None, b""));
    world.flagged("S", segment('c', 100, None, b""));
    assert_eq!(world.finish().len(), 2, "the same sequence number, but after a RST");
}

#[test]
fn cut_packets_are_gaps_in_order() {
    let mut world = World::opened();
    let cut = |seq, payload, missing| segment('c', seq, Some(501), payload).with(|it| it.missing = missing);
    world.push(cut(101, b"abc", 7));
    assert_eq!(world.story(End::A), "abc[7 cut_packet]");
    world.push(cut(118, b"xyz", 7));
    world.data('c', 123, 501, b"held");
    world.data('c', 111, 501, b"between");
    assert_eq!(world.story(End::A), "abc[7 cut_packet]betweenxyz[2 cut_packet]held[1 cut_packet]");
    let facts = world.finish();
    assert_eq!((facts[0].directions[0].gaps, facts[0].directions[0].delivered), (10, 17));
    assert!(world.findings.is_empty());
}

#[test]
fn a_forged_segment_far_away_changes_nothing() {
    let mut world = World::opened();
    world.data('c', 101, 501, b"one");
    world.data('c', 0x4000_0000, 501, b"forged");
    world.data('c', 104, 501, b"two");
    world.wait(5000);
    assert_eq!(world.story(End::A), "onetwo");
    assert_eq!(world.codes(), [Code::TcpOutOfWindow]);
    world.data('c', 0x5000_0000, 501, b"after ");
    world.data('c', 0x5000_0006, 501, b"a large loss");
    world.wait(5000);
    world.finish();
    assert!(
        world.story(End::A).ends_with(" gap]a large loss<Open>"),
        "two that follow each other are believed"
    );
}

#[test]
fn caps_are_kept() {
    let mut world = World::opened();
    let block = vec![b'x'; 60_000];
    for i in 0..400 {
        world.data('c', 102 + i * 60_000, 501, &block);
        world.data('s', 501, 101, b"");
    }
    assert_eq!(world.codes()[..2], [Code::TcpHeldLimit, Code::TcpGap]);
    assert_eq!(world.finish()[0].directions[0].delivered, 400 * 60_000);
}

/// What a random segment of the property tests does.
#[derive(Clone, Debug)]
struct Part {
    at: usize,
    len: usize,
    lost: bool,
}

fn parts() -> impl Strategy<Value = (Vec<u8>, Vec<Part>)> {
    let data = prop::collection::vec(any::<u8>(), 1..300);
    (data, prop::collection::vec(1usize..30, 40), 0usize..30).prop_flat_map(|(data, lens, extra)| {
        let mut list = Vec::new();
        let mut at = 0;
        for len in lens.iter().cycle() {
            if at >= data.len() {
                break;
            }
            let len = (*len).min(data.len() - at);
            list.push((at, len));
            at += len;
        }
        let total = data.len();
        let again = prop::collection::vec((0..total, 1usize..40), extra).prop_map(move |more| {
            more.into_iter().map(|(at, len)| (at, len.min(total - at))).collect::<Vec<_>>()
        });
        (Just(data), Just(list), again).prop_flat_map(|(data, mut list, again)| {
            list.extend(again);
            let lost = prop::collection::vec(any::<bool>(), list.len());
            (Just(data), Just(list).prop_shuffle(), lost).prop_map(|(data, list, lost)| {
                let part = |((at, len), lost)| Part { at, len, lost };
                (data, list.into_iter().zip(lost).map(part).collect())
            })
        })
    })
}

/// A byte that was delivered, its packet, and the `end` of its span; `None` in a gap.
type Arrived = Option<(u8, u64, u64)>;

/// Plays the parts near the wrap of sequence numbers; returns what arrived, and the oracle: the
/// first packet of each byte.
fn play(data: &[u8], list: &[Part], lossy: bool) -> (Vec<Arrived>, Vec<Option<u64>>) {
    let isn = u32::MAX - 150;
    let mut world = World::new();
    world.flagged("S", segment('c', isn, None, b""));
    world.flagged("S", segment('s', 500, Some(isn.wrapping_add(1)), b""));
    let mut oracle = vec![None; data.len()];
    for part in list.iter().filter(|part| !(lossy && part.lost)) {
        // A single byte just before the end of what was seen is taken for a keep-alive: so these
        // carry two.
        let at = if part.len == 1 { part.at.saturating_sub(1) } else { part.at };
        let end = part.at + part.len;
        if end - at < 2 && data.len() > 1 {
            continue;
        }
        world.data('c', isn.wrapping_add(1 + at as u32), 501, &data[at..end]);
        let packet = world.packet;
        oracle[at..end].iter_mut().for_each(|cell| *cell = cell.or(Some(packet)));
    }
    let facts = world.finish();
    let fact = facts[0].directions[0];
    assert_eq!(fact.bytes, fact.delivered + fact.given_up);
    let mut got = Vec::new();
    let mut gaps = 0;
    for output in &world.out {
        match output {
            Output::Feed { from: End::A, feed: Feed::Data(bytes, span) } => {
                assert!(!bytes.is_empty() && span.first == span.last && span.start.packet == span.first);
                got.extend(bytes.iter().map(|byte| Some((*byte, span.first.0, span.end.packet.0))));
            }
            Output::Feed { from: End::A, feed: Feed::Gap { len, why, .. } } => {
                assert!(*len > 0 && why.contains(Degraded::GAP));
                gaps += len;
                got.extend(std::iter::repeat_n(None, *len as usize));
            }
            _ => {}
        }
    }
    assert_eq!(gaps, fact.gaps);
    (got, oracle)
}

proptest! {
    #[test]
    fn every_byte_arrives_once_with_its_first_packet((data, list) in parts(), lossy: bool) {
        let (got, oracle) = play(&data, &list, lossy);
        let mut reached = 0;
        for (i, packet) in oracle.iter().enumerate() {
            let Some(packet) = packet else {
                prop_assert_eq!(got.get(i).copied().flatten(), None);
                continue;
            };
            reached = reached.max(*packet);
            prop_assert_eq!(got[i], Some((data[i], *packet, reached)), "byte {}", i);
        }
        prop_assert!(got.len() <= data.len());
    }

    /// Anything at all: no panic (the books are asserted where a connection closes), one end per
    /// direction.
    #[test]
    fn garbage_is_survived(list in prop::collection::vec(
        (any::<bool>(), prop_oneof![0u32..40, any::<u32>()], prop::option::of(prop_oneof![0u32..40, any::<u32>()]),
         0u8..32, 0usize..12, (0u32..3, 0i64..400)), 0..80,
    )) {
        let mut world = World::new();
        for (client, seq, ack, flags, len, (missing, wait)) in list {
            let sent = segment(if client { 'c' } else { 's' }, seq, ack, &[b'x'; 12][..len]);
            world.push(sent.with(|segment| {
                segment.missing = missing.saturating_sub(1);
                segment.flags = Flags { syn: flags == 1, fin: flags == 2, rst: flags == 3 };
                segment.ip_id = Some(u16::from(flags % 2));
            }));
            world.wait(wait);
        }
        let closed = world.finish().len();
        let opened = world.out.iter().filter(|output| matches!(output, Output::Opened(_))).count();
        let ends = world.out.iter().filter(|output| matches!(output, Output::Feed { feed: Feed::Eof { .. }, .. }));
        prop_assert_eq!((opened, 2 * opened), (closed, ends.count()));
        prop_assert_eq!(world.reassembler.held_by_all(), 0);
        for of in End::BOTH {
            let story = world.story(of);
            prop_assert!(story.is_empty() || story.ends_with('>'), "nothing after the end: {}", story);
        }
    }
}
