//! Attacks on one connection: each stays within its caps, is reported, and leaves the rest
//! readable.

use super::*;

/// Pseudo-random numbers, the same in every run (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

#[test]
fn a_hundred_thousand_streams_stay_within_the_cap() {
    let mut world = World::new();
    for n in 0..100_000u32 {
        let request = world.request(2 * n + 1);
        world.send(Side::Client, &request);
        world.out.clear();
    }
    assert_eq!(world.layers.lower.streams.len(), limits::MAX_STREAMS);
    assert!(world.layers.lower.held() < 4 << 20, "{}", world.layers.lower.held());
    world.finds(Code::Http2Limit, 1);
    world.layers.shed(Origin::new(1, 1), &mut world.findings);
    assert_eq!(world.layers.lower.streams.len(), Streams::COMMON);
    world.exchange(200_001);
    assert!(world.lines().iter().any(|line| line.ends_with(&format!("answers {RESULT} {{}}"))));
}

#[test]
fn a_flood_of_resets_keeps_nothing() {
    let mut world = World::new();
    for n in 0..50_000u32 {
        let request = world.request(2 * n + 1);
        world.send(Side::Client, &[request, frame(Kind::RST_STREAM, 0, 2 * n + 1, &[0, 0, 0, 8])].concat());
        world.out.clear();
    }
    assert_eq!(world.layers.lower.streams.len(), 0);
    assert!(world.layers.held() <= 1 << 16, "{}", world.layers.held());
    world.finds_nothing();
}

#[test]
fn a_flood_of_continuations_is_cut() {
    for part in [&[0x40; 0][..], &[0x82; 16_000]] {
        let mut world = World::new();
        world.exchange(1);
        let block = world.block(Side::Client, &[(":method", "POST"), (":path", "/mcp")]);
        world.send(Side::Client, &frame(Kind::HEADERS, 0, 3, &block));
        for _ in 0..2_000 {
            world.send(Side::Client, &frame(Kind::CONTINUATION, 0, 3, part));
            assert!(world.layers.held() <= 2 * limits::MAX_HEAD, "{}", world.layers.held());
        }
        world.send(Side::Client, &frame(Kind::CONTINUATION, END_HEADERS, 3, &[]));
        world.finds(Code::HttpHeadTooLong, 1);
        world.exchange(5);
        assert!(
            world.lines().iter().any(|line| line == &format!("2: answers {RESULT} {{}}")),
            "{:#?}",
            world.lines()
        );
        world.finds(Code::Http2BadHeaders, 0);
    }
}

/// 16 KiB of indices, each of which stands for a field of 4 KiB.
#[test]
fn a_bomb_of_header_fields_is_cut() {
    let mut world = World::new();
    let value = "y".repeat(4_000);
    let mut block = world.block(Side::Client, &[(":method", "POST"), (":path", "/mcp"), ("x", &value)]);
    block.resize(16_000, 0x80 | 62);
    world.send(Side::Client, &frame(Kind::HEADERS, END_HEADERS, 1, &block));
    world.finds(Code::HttpHeadTooLong, 1);
    let UpdateKind::Request(head) = &world.out[0].kind else { panic!("{:?}", world.lines()) };
    assert!(head.text().len() <= limits::MAX_HEAD + 2_000, "{}", head.text().len());
    assert!(world.layers.held() <= 1 << 17, "{}", world.layers.held());
}

/// Tables of 4 GiB, as both sides may announce.
#[test]
fn a_huge_table_stays_within_the_cap() {
    let mut world = World::new();
    let mut block = Vec::new();
    world.encoders[0].resize(u32::MAX as usize / 2, &mut block);
    world.send(Side::Client, &frame(Kind::HEADERS, 0, 1, &block));
    world.send(Side::Client, &frame(Kind::CONTINUATION, END_HEADERS, 1, &[]));
    for n in 0..2_000 {
        let value = format!("{n}{}", "z".repeat(100));
        let mut block = Vec::new();
        // Written by hand: the oracle's own table would take long.
        block.extend([0x40, 1, b'x', value.len() as u8]);
        block.extend(value.as_bytes());
        world.send(Side::Client, &frame(Kind::HEADERS, END_HEADERS | END_STREAM, 2 * n + 3, &block));
        assert!(world.layers.lower.held() <= 4 * limits::MAX_HEADER_TABLE + limits::MAX_STREAMS * 1024);
    }
}

#[test]
fn lengths_that_lie_are_reported_and_reading_resumes() {
    for bad in [
        vec![0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1],
        frame(Kind::PING, 0, 0, &[0; 7]),
        frame(Kind::DATA, 0x8, 1, &[200, 1, 2]),
        frame(Kind::HEADERS, 0x8 | END_HEADERS, 9, &[200, 1, 2]),
        frame(Kind::CONTINUATION, END_HEADERS, 1, &[0x82]),
        frame(Kind::SETTINGS, 0, 0, &[0; 5]),
    ] {
        let mut world = World::new();
        world.exchange(1);
        world.send(Side::Server, &bad);
        world.finds(Code::Http2BadFrame, 1);
        for id in [3, 5] {
            world.exchange(id);
        }
        let answers =
            world.lines().into_iter().filter(|line| line.contains(&format!("answers {RESULT}"))).count();
        assert_eq!(answers, 3, "{:#?}", world.lines());
        world.finds(Code::Http2BadFrame, 1);
    }
}

/// A block that cannot be decompressed is reported once; what repeats lost fields later is not.
#[test]
fn a_broken_block_loses_the_table_and_nothing_else() {
    let mut world = World::new();
    world.exchange(1);
    world.send(Side::Client, &frame(Kind::HEADERS, END_HEADERS, 3, &[0x80 | 100]));
    world.finds(Code::Http2BadHeaders, 1);
    world.exchange(5);
    world.finds(Code::Http2BadHeaders, 1);
    assert!(world.lines().iter().any(|line| line.contains(&format!("answers {RESULT}"))));
}

/// Random frames, and random damage of good ones: no panic, and nothing is held beyond the caps.
#[test]
fn anything_is_read_within_the_caps() {
    for seed in 0..400 {
        let mut random = Random(seed);
        let mut world = if seed % 3 == 0 { World::midstream() } else { World::new() };
        for packet in 0..40 {
            let side = if random.below(2) == 0 { Side::Client } else { Side::Server };
            let id = random.below(6) as u32;
            let mut bytes = match random.below(6) {
                0 => world.request(id),
                1 => world.response(id, "text/event-stream"),
                2 => frame(Kind::DATA, random.below(16) as u8, id, b"data: {}\n\n"),
                3 => {
                    let payload: Vec<u8> = (0..random.below(40)).map(|_| random.next() as u8).collect();
                    frame(Kind(random.below(20) as u8), random.next() as u8, id, &payload)
                }
                4 => (0..random.below(60)).map(|_| random.next() as u8).collect(),
                _ => frame(
                    Kind::HEADERS,
                    END_HEADERS,
                    id,
                    &[0x80 | random.next() as u8, 0x3f, random.next() as u8],
                ),
            };
            if random.below(3) == 0 && !bytes.is_empty() {
                let at = random.below(bytes.len());
                bytes[at] = random.next() as u8;
            }
            match random.below(12) {
                0 => world.lose(side, &bytes),
                1 => world.feed(side, Feed::Gap { len: 0, why: Degraded::GAP, at: Origin::new(packet, 1) }),
                2 => world.layers.shed(Origin::new(packet, 1), &mut world.findings),
                _ => world.send(side, &bytes),
            }
            assert!(world.layers.held() <= 4 << 20, "seed {seed}");
        }
        world.close(Side::Server);
        world.close(Side::Client);
        assert!(world.layers.is_over(), "seed {seed}");
    }
}
