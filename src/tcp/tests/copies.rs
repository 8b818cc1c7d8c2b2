//! Packets that were captured twice, and packets that were sent twice.

use super::*;

#[test]
fn copies_retransmissions_and_conflicts() {
    let mut world = World::opened();
    let same = segment('c', 101, Some(501), b"ask").with(|it| it.ip_id = Some(77));
    world.push(same.clone());
    world.push(same);
    world.data('c', 101, 501, b"ask");
    world.data('c', 106, 501, b"held");
    world.data('c', 104, 501, b"__HE");
    world.push(segment('c', 110, Some(501), b"").with(|it| it.window = 0));
    let facts = world.finish();
    let direction = facts[0].directions[0];
    assert_eq!((direction.duplicates, direction.retransmissions, direction.zero_windows), (1, 1, 1));
    assert_eq!(world.story(End::A), "ask__held<Open>");
    assert_eq!(world.codes(), [Code::TcpOverlapConflict]);
}

/// A packet without identification as two devices of one capture show it, which merge its segments
/// differently, and a loss in front of both: only what the sender repeats is a retransmission.
#[test]
fn what_another_device_shows_later_is_a_copy() {
    for id in [None, Some(0)] {
        let mut world = World::new();
        let mut push = |sent: Sent, vantage: u32| {
            world.push_as_is(sent.with(|it| (it.ip_id, it.vantage) = (id, vantage)));
        };
        for vantage in [7, 8] {
            push(segment('c', 100, None, b"").with(|it| it.flags.syn = true), vantage);
        }
        for vantage in [8, 7] {
            push(segment('s', 500, Some(101), b"").with(|it| it.flags.syn = true), vantage);
        }
        push(segment('c', 101, Some(501), b"ask"), 7);
        push(segment('c', 104, Some(501), b"more"), 7);
        // More than a few packets later, and merged.
        for _ in 0..6 {
            push(segment('c', 108, Some(501), b""), 7);
        }
        push(segment('c', 101, Some(501), b"askmore"), 8);
        // Sent again, seen twice.
        push(segment('c', 104, Some(501), b"more"), 7);
        push(segment('c', 104, Some(501), b"more"), 8);
        for vantage in [7, 8, 7] {
            push(segment('c', 108, Some(501), b"").with(|it| it.flags.fin = true), vantage);
        }
        let facts = world.finish();
        let [client, server] = facts[0].directions;
        assert_eq!((client.retransmissions, client.duplicates), (2, 4), "{id:?}");
        assert_eq!((server.retransmissions, server.duplicates), (0, 1), "{id:?}");
        assert_eq!(world.story(End::A), "askmore<Closed>");
        assert_eq!(world.codes(), []);
    }
}
