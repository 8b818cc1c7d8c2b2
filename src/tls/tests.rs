//! A connection under hostile input: it never panics, and holds what the limits allow.

use bytes::Bytes;
use proptest::prelude::*;

use super::{Connection, KeyLog, KeyStore, Keys, Plaintext, Trials};
use crate::base::{Code, Degraded, End, Ending, Feed, Findings, Origin, Sink, Span, limits};

/// A connection, what it yields, and the packet at hand.
#[derive(Default)]
struct World {
    connection: Connection,
    store: KeyStore,
    trials: Trials,
    out: Vec<Plaintext>,
    findings: Findings,
    packet: u64,
}

impl World {
    fn push(&mut self, from: End, feed: impl FnOnce(Origin) -> Feed<End>) {
        self.packet += 1;
        let feed = feed(Origin::new(self.packet, self.packet as i64));
        let keys = Keys { store: &self.store, trials: &self.trials };
        self.connection.push(from, feed, keys, &mut Sink::new(&mut self.out, &mut self.findings));
        self.connection.settle();
    }

    fn data(&mut self, from: End, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            self.push(from, |at| Feed::Data(Bytes::from(bytes), Span::of(at)));
        }
    }

    fn count(&self, code: Code) -> usize {
        self.findings.list().iter().filter(|finding| finding.code == code).count()
    }
}

fn record(content_type: u8, body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&[content_type, 3, 3], &len[..], body].concat()
}

/// A ClientHello without extensions, or with the early data extension.
fn client_hello(early: bool) -> Vec<u8> {
    let extensions: &[u8] = if early { &[0, 4, 0, 42, 0, 0] } else { &[0, 0] };
    let body = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 1, 1, 0], extensions].concat();
    record(22, &[&[1, 0, 0, body.len() as u8], &body[..]].concat())
}

/// A ServerHello of TLS 1.3.
fn server_hello() -> Vec<u8> {
    let body = [&[3, 3][..], &[8; 32], &[0, 0x13, 1, 0, 0, 6, 0, 43, 0, 2, 3, 4]].concat();
    record(22, &[&[2, 0, 0, body.len() as u8], &body[..]].concat())
}

#[test]
fn records_without_secrets_are_held_up_to_the_limit() {
    for early in [false, true] {
        let mut world = World::default();
        world.data(End::A, client_hello(early));
        if !early {
            world.data(End::B, server_hello());
        }
        for _ in 0..1000 {
            world.data(End::A, record(23, &[0x51; 16_000]));
            let held = world.connection.waiting() + world.connection.held();
            assert!(held <= 2 * limits::MAX_UNDECRYPTED + 32_000, "{held}");
        }
        assert_eq!(world.count(Code::TlsNoSecret), 1, "one finding, however much follows");
        assert!(world.out.is_empty(), "nothing is known of what it carries");
    }
}

/// Many connections may announce early data and never get an answer.
#[test]
fn early_data_that_stays_undecided_is_counted() {
    for why in [None, Some("too many connections wait"), Some("shed")] {
        let mut world = World::default();
        world.data(End::A, client_hello(true));
        world.data(End::A, record(23, &[0x51; 16_000]));
        assert!(world.connection.waiting() >= 16_000);
        assert!(world.connection.is_undecided() && !world.connection.is_waiting());
        if why == Some("shed") {
            world.connection.shed(Origin::new(9, 9), &mut world.findings);
            assert_eq!(world.findings.list()[0].code, Code::TlsHeldLimit);
        } else {
            let sink = &mut Sink::new(&mut world.out, &mut world.findings);
            world.connection.conclude(why, Keys { store: &world.store, trials: &world.trials }, sink);
        }
        assert_eq!(world.connection.waiting() + world.connection.held(), 0);
        assert_eq!(world.connection.fact(&world.store).records[0].undecrypted, 1);
    }
}

#[test]
fn lengths_that_lie_hold_a_record_or_a_message() {
    let mut world = World::default();
    for _ in 0..10_000 {
        // The longest record, and the longest message, never complete.
        world.data(End::A, vec![22, 3, 3, 0x40, 0, 11, 1, 0xff, 0xff]);
        world.data(End::B, record(22, &[&[11, 2, 0, 0][..], &[0; 60]].concat()));
        assert!(world.connection.held() <= 2 * limits::MAX_HANDSHAKE_MESSAGE, "{}", world.connection.held());
    }
}

#[test]
fn a_quarter_of_a_million_lines_take_less_than_a_quarter_of_the_memory() {
    let mut text = Vec::new();
    let labels = [
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        "EXPORTER_SECRET",
        "CLIENT_TRAFFIC_SECRET_0",
        "SERVER_TRAFFIC_SECRET_0",
    ];
    // As of several programs that write at the same time.
    for group in 0..25_000_u32 {
        for (line, label) in labels.iter().flat_map(|label| [(0, label), (1, label)]) {
            text.extend(format!("{label} {:064x} {group:096x}\r\n", 2 * group + line).into_bytes());
        }
    }
    let log = KeyLog::read(&text);
    assert_eq!((log.lines.len(), log.malformed), (200_000, 0));
    let mut store = KeyStore::default();
    assert!(!store.add(&log.lines), "all of them are kept");
    assert!(store.memory() <= limits::MAX_SECRETS / 4, "{}", store.memory());
    assert!(log.lines.iter().all(|line| store.get(&line.random, line.label) == Some(line.secret.clone())));
}

/// An input of the property test.
#[derive(Clone, Debug)]
enum Input {
    Record(u8, Vec<u8>),
    Bytes(Vec<u8>),
    ClientHello(bool),
    ServerHello,
    Gap(u64),
    Secrets(u8),
    Eof,
}

fn input() -> impl Strategy<Value = (bool, Input)> {
    let input = prop_oneof![
        (20u8..24, prop::collection::vec(0u8.., 1..80)).prop_map(|(kind, body)| Input::Record(kind, body)),
        prop::collection::vec(prop_oneof![Just(3u8), 20u8..24, 0u8..], 0..40).prop_map(Input::Bytes),
        any::<bool>().prop_map(Input::ClientHello),
        Just(Input::ServerHello),
        (0u64..200).prop_map(Input::Gap),
        (0u8..4).prop_map(Input::Secrets),
        Just(Input::Eof),
    ];
    (any::<bool>(), input)
}

proptest! {
    /// Any records, bytes, gaps and secrets in any order: no panic, nothing is decrypted that was
    /// not encrypted, and each direction ends once.
    #[test]
    fn any_input_is_survived(inputs in prop::collection::vec(input(), 0..60)) {
        let mut world = World::default();
        let mut lines = String::new();
        for (is_client, input) in inputs {
            let from = if is_client { End::A } else { End::B };
            match input {
                Input::Record(kind, body) => world.data(from, record(kind, &body)),
                Input::Bytes(bytes) => world.data(from, bytes),
                Input::ClientHello(early) => world.data(from, client_hello(early)),
                Input::ServerHello => world.data(from, server_hello()),
                Input::Gap(len) => world.push(from, |at| Feed::Gap { len, why: Degraded::GAP, at }),
                Input::Secrets(which) => {
                    let labels = ["CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0", "CLIENT_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_EARLY_TRAFFIC_SECRET"];
                    lines.push_str(&format!("{} {} {}\n", labels[usize::from(which)], "07".repeat(32), "09".repeat(32)));
                    world.store.add(&KeyLog::read(lines.as_bytes()).lines);
                    let keys = Keys { store: &world.store, trials: &world.trials };
                    world.connection.retry(keys, &mut Sink::new(&mut world.out, &mut world.findings));
                }
                Input::Eof => world.push(from, |at| Feed::Eof { how: Ending::Closed, at }),
            }
        }
        let keys = Keys { store: &world.store, trials: &world.trials };
        world.connection.conclude(None, keys, &mut Sink::new(&mut world.out, &mut world.findings));
        prop_assert!(!world.connection.is_waiting());
        for end in End::BOTH {
            let ends = |(from, feed): &&Plaintext| *from == end && matches!(feed, Feed::Eof { .. });
            prop_assert!(world.out.iter().filter(ends).count() <= 1);
        }
        drop(world.connection.fact(&world.store));
    }
}
