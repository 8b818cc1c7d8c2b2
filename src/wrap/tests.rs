//! What the analysis makes of a connection that was not recorded as a whole.

use super::addresses::Addresses;
use super::conversation::{Conversation, MAX_SEGMENT};
use crate::base::{Origin, Side, Status, Timestamp};
use crate::capture::{Item, Packet};
use crate::engine::Engine;
use crate::ledger::Entry;
use crate::mcp::Record;

/// A connection and its file.
struct World {
    conversation: Conversation,
    file: Vec<Packet>,
    /// Packets that are not in the file yet.
    pending: Vec<Packet>,
    /// Bytes of client and server that passed.
    totals: [u64; 2],
    now: i64,
}

impl World {
    fn new() -> Self {
        let mut conversation = Conversation::new(Addresses::new(7, "server", Timestamp(1)));
        let pending = conversation.open(Timestamp(1));
        let mut world = Self { conversation, file: Vec::new(), pending, totals: [0, 0], now: 1 };
        world.write();
        let initialize = r#""method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}"#;
        world.message(Side::Client, 0, initialize);
        let result = r#""result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"s","version":"1"}}"#;
        world.message(Side::Server, 0, result);
        world
    }

    fn tick(&mut self) -> Timestamp {
        self.now += 1_000_000;
        Timestamp(self.now)
    }

    fn passed(&mut self, side: Side, len: u64) {
        let total = &mut self.totals[usize::from(side == Side::Server)];
        *total += len;
        let (total, time) = (*total, self.tick());
        self.pending.extend(self.conversation.taken(side, total, time));
    }

    fn data(&mut self, side: Side, bytes: &[u8]) {
        let time = self.tick();
        self.pending.extend(self.conversation.data(side, bytes, time));
        self.passed(side, bytes.len() as u64);
    }

    fn message(&mut self, side: Side, id: u64, members: &str) {
        self.data(side, format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},{members}}}\n").as_bytes());
    }

    fn call(&mut self, id: u64) {
        self.message(Side::Client, id, r#""method":"tools/call","params":{"name":"t"}"#);
        self.message(Side::Server, id, r#""result":{"content":[]}"#);
    }

    fn skip(&mut self, side: Side, len: u64) {
        self.conversation.skip(side, len);
        self.passed(side, len);
    }

    fn write(&mut self) {
        self.file.append(&mut self.pending);
        self.conversation.written();
    }

    fn discard(&mut self) {
        self.pending.clear();
        self.conversation.discarded();
    }

    /// Ends the connection. Returns the calls with their id and status.
    fn calls(mut self) -> Vec<(String, Status)> {
        for side in Side::BOTH {
            let time = self.tick();
            self.pending.extend(self.conversation.close(side, time));
        }
        self.write();
        let (mut engine, mut entries) = (Engine::new(), Vec::new());
        for (packet, number) in self.file.into_iter().zip(1..) {
            let origin = Origin::new(number, packet.origin.time.0);
            engine.push(Item::Packet(Packet { origin, ..packet }), &mut entries);
        }
        engine.finish(&mut entries);
        let call = |entry: &Entry| match entry {
            Entry::Record(Record::Exchange(call)) if &*call.method == "tools/call" => {
                Some((call.id.to_string(), call.status))
            }
            _ => None,
        };
        entries.iter().filter_map(call).collect()
    }
}

fn ok(ids: &[u64]) -> Vec<(String, Status)> {
    ids.iter().map(|id| (id.to_string(), Status::Ok)).collect()
}

/// However much the queue had no room for: what passes later is read.
#[test]
fn holes_of_any_length_are_holes() {
    for len in [1, 100_000, 100 << 20, 3 << 30, 1 << 40] {
        let mut world = World::new();
        world.call(1);
        world.skip(Side::Server, len);
        world.call(2);
        world.write();
        for _ in 0..3 {
            world.skip(Side::Server, len);
        }
        world.skip(Side::Client, len);
        world.write();
        world.call(3);
        assert_eq!(world.calls(), ok(&[1, 2, 3]), "{len}");
    }
}

/// A call in a hole has no outcome, and nobody is blamed.
#[test]
fn a_response_in_a_hole_is_undetermined() {
    let mut world = World::new();
    world.message(Side::Client, 1, r#""method":"tools/call","params":{"name":"t"}"#);
    world.skip(Side::Server, 3 << 30);
    world.call(2);
    assert_eq!(world.calls(), [("2".to_owned(), Status::Ok), ("1".to_owned(), Status::Undetermined)]);
}

/// Packets that a full disk refused, between them what found no room in the queue: 2 GB.
#[test]
fn what_is_discarded_is_a_hole() {
    let mut world = World::new();
    world.call(1);
    world.write();
    let piece = vec![b' '; MAX_SEGMENT];
    for _ in 0..100 {
        world.skip(Side::Server, 20 << 20);
        world.data(Side::Server, &piece);
        world.discard();
    }
    world.call(2);
    world.write();
    world.call(3);
    world.discard();
    world.call(4);
    assert_eq!(world.calls(), ok(&[1, 2, 4]));
}

/// An acknowledgement never exceeds what was sent, nor goes back.
#[test]
fn acknowledgements_stay_within_what_was_sent() {
    let mut conversation = Conversation::new(Addresses::new(7, "server", Timestamp(1)));
    drop(conversation.open(Timestamp(1)));
    let time = Timestamp(2);
    assert!(conversation.data(Side::Client, b"0123456789", time).is_some());
    conversation.written();
    let acknowledged = |packet: Option<Packet>| {
        let bytes = packet.unwrap().data;
        u32::from_be_bytes(bytes[28..32].try_into().unwrap())
    };
    let first = acknowledged(conversation.taken(Side::Client, 4, time));
    conversation.skip(Side::Client, 1 << 40);
    let all = acknowledged(conversation.taken(Side::Client, (1 << 40) + 10, time));
    let hole = all.wrapping_sub(first);
    assert!((6..=64 << 20).contains(&hole), "{hole}");
    assert!(conversation.taken(Side::Client, 4, time).is_none(), "it does not go back");
}
