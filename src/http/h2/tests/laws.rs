//! Laws: pieces do not matter, and loss makes nothing up.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// A conversation: what each side sends on each of some streams, in packets of one or more frames.
#[derive(Clone, Debug)]
struct Script {
    packets: Vec<(Side, Vec<Item>)>,
}

#[derive(Clone, Copy, Debug)]
enum Item {
    Request(u32),
    Response(u32, bool),
    Data(u32, usize, bool),
    Padded(u32, usize),
    Trailers(u32),
    Reset(u32),
    Ping,
    Window(u32),
    Unknown,
}

fn script() -> impl Strategy<Value = Script> {
    let id = || (0u32..5).prop_map(|n| 2 * n + 1);
    let item = prop_oneof![
        4 => id().prop_map(Item::Request),
        4 => (id(), any::<bool>()).prop_map(|(id, events)| Item::Response(id, events)),
        6 => (id(), 0usize..60, any::<bool>()).prop_map(|(id, len, end)| Item::Data(id, len, end)),
        1 => (id(), 0usize..20).prop_map(|(id, len)| Item::Padded(id, len)),
        1 => id().prop_map(Item::Trailers),
        1 => id().prop_map(Item::Reset),
        1 => Just(Item::Ping),
        1 => id().prop_map(Item::Window),
        1 => Just(Item::Unknown),
    ];
    let side = prop_oneof![Just(Side::Client), Just(Side::Server)];
    proptest::collection::vec((side, proptest::collection::vec(item, 1..5)), 1..14)
        .prop_map(|packets| Script { packets })
}

impl Script {
    /// The bytes of each packet.
    fn write(&self) -> Vec<(Side, Vec<u8>)> {
        let mut world = World::midstream();
        let settings = frame(Kind::SETTINGS, 0, 0, &[]);
        let mut packets = vec![(Side::Client, [PREFACE, &settings].concat()), (Side::Server, settings)];
        for (side, items) in &self.packets {
            let frames = items.iter().map(|item| match *item {
                Item::Request(id) => world.request(id),
                Item::Response(id, true) => world.response(id, "text/event-stream"),
                Item::Response(id, false) => world.response(id, "application/json"),
                Item::Data(id, len, end) => {
                    let text: Vec<u8> = b"data: {}\n\n".iter().copied().cycle().take(len).collect();
                    frame(Kind::DATA, u8::from(end), id, &text)
                }
                Item::Padded(id, len) => {
                    frame(Kind::DATA, 0x8, id, &[&[5][..], &vec![b'x'; len], &[0; 5]].concat())
                }
                Item::Trailers(id) => world.headers(*side, id, END_STREAM, &[("a", "b")]),
                Item::Reset(id) => frame(Kind::RST_STREAM, 0, id, &[0, 0, 0, 8]),
                Item::Ping => frame(Kind::PING, 0, 0, &[7; 8]),
                Item::Window(id) => frame(Kind::WINDOW_UPDATE, 0, id, &[0, 0, 1, 0]),
                Item::Unknown => frame(Kind(0xbb), 3, 2, b"anything"),
            });
            packets.push((*side, frames.collect::<Vec<_>>().concat()));
        }
        packets
    }
}

/// What the layers make of packets, each in pieces of `every` bytes. `lost`: a packet that is not
/// captured.
fn read(packets: &[(Side, Vec<u8>)], every: usize, lost: Option<usize>) -> String {
    let mut world = World::midstream();
    for (number, (side, bytes)) in packets.iter().enumerate() {
        let origin = Origin::new(number as u64 + 1, number as i64);
        if lost == Some(number) {
            world.feed(*side, Feed::Gap { len: bytes.len() as u64, why: Degraded::GAP, at: origin });
            continue;
        }
        for piece in bytes.chunks(every) {
            world.feed(*side, Feed::Data(Bytes::copy_from_slice(piece), Span::of(origin)));
        }
    }
    world.close(Side::Client);
    world.close(Side::Server);
    assert!(world.layers.is_over());
    let mut lines: Vec<String> = world.out.iter().map(|update| format!("{update:?}")).collect();
    if lost.is_some() {
        // An event and the finding about the gap before it may change places within a packet.
        lines.sort();
    }
    format!("{}\n{:?}", lines.join("\n"), world.findings)
}

proptest! {
    #[test]
    fn pieces_do_not_matter(script in script(), every in 1usize..40, lost in proptest::option::of(0usize..14)) {
        let packets = script.write();
        prop_assert_eq!(read(&packets, usize::MAX, lost), read(&packets, every, lost));
    }

    /// A lost packet makes nothing up: every event and body that is read is one that was sent.
    #[test]
    fn loss_makes_nothing_up(lost in 2usize..40, order in proptest::collection::vec(0u32..6, 30)) {
        let mut world = World::midstream();
        let mut packets = vec![(Side::Client, [PREFACE, &frame(Kind::SETTINGS, 0, 0, &[])].concat())];
        packets.push((Side::Server, frame(Kind::SETTINGS, 0, 0, &[])));
        let mut counts = BTreeMap::new();
        for stream in order {
            // The client counts upwards.
            let new = 2 * counts.len() as u32 + 1;
            let (id, n) = counts.entry(stream).or_insert((new, 0));
            let id = *id;
            if *n == 0 {
                packets.push((Side::Client, world.request(id)));
                packets.push((Side::Server, world.response(id, "text/event-stream")));
            }
            *n += 1;
            packets.push((Side::Server, frame(Kind::DATA, 0, id, format!("data: {id}-{n}\n\n").as_bytes())));
        }
        let all = read(&packets, usize::MAX, None);
        let some = read(&packets, usize::MAX, Some(lost));
        let events = |text: &str| -> Vec<String> {
            let data = text.split("data: b\"").skip(1).filter_map(|rest| rest.split('"').next());
            data.map(str::to_owned).collect()
        };
        for event in events(&some) {
            prop_assert!(events(&all).contains(&event), "{event}");
        }
        for code in ["Http2BadFrame", "Http2BadHeaders", "HttpLengthMismatch"] {
            prop_assert!(!some.contains(code), "{some}");
        }
    }
}
