//! Attacks below HTTP's bodies: fragments, tunnels, connections, holes, times, heads.

use super::wire::{ACK, Conn, EPOCH, MS, SYN, Side, Wire};

use Side::{Client, Server};

/// One SYN from each of `n` addresses.
pub(crate) fn syn_flood(wire: &mut Wire, n: usize) {
    for number in 0..n {
        wire.tcp(Conn::new(number), Client, 1000, SYN, &[]);
    }
}

/// `n` connections, each with 30 KB of a request that does not end.
pub(crate) fn half_heads(wire: &mut Wire, n: usize) {
    let head = format!("POST /mcp HTTP/1.1\r\nX-Long: {}", "a".repeat(30_000));
    for number in 0..n {
        let mut conn = wire.open(number);
        wire.send(&mut conn, Client, &head);
    }
}

/// `n` connections, each with a hole and a segment behind it.
pub(crate) fn out_of_order(wire: &mut Wire, n: usize) {
    for number in 0..n {
        let mut conn = wire.open(number);
        wire.skip(&mut conn, Client, 1000);
        wire.send(&mut conn, Client, [b'x'; 1400]);
    }
}

/// One hole with `n` KiB behind it.
pub(crate) fn hole(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    wire.skip(&mut conn, Client, 1000);
    wire.fill(&mut conn, Client, b"x", n << 10);
}

/// `n` single bytes, each behind a hole of one byte.
pub(crate) fn gaps(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    for _ in 0..n {
        wire.skip(&mut conn, Client, 1);
        wire.send(&mut conn, Client, b"x");
    }
}

/// The same, from the last to the first, all within the window.
pub(crate) fn gaps_backwards(wire: &mut Wire, n: usize) {
    let conn = wire.open(0);
    for at in (1..=n).rev() {
        wire.tcp(conn, Client, 1001 + 2 * u32::try_from(at).unwrap(), ACK, b"x");
    }
}

/// Every byte on its own, in a connection whose beginning was not captured: nothing that can be
/// read.
pub(crate) fn bytewise(wire: &mut Wire, n: usize) {
    let mut conn = Conn::new(0);
    let text = b"data: {\"jsonrpc\":\"2.0\"\r\nHTTP/1.1 2\n\nPOST /mcp HTTP/1.";
    for at in 0..n {
        wire.send(&mut conn, Server, &text[at % text.len()..][..1]);
    }
}

/// A request's head, every byte on its own.
pub(crate) fn bytewise_head(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    wire.send(&mut conn, Client, "POST /mcp HTTP/1.1\r\n");
    for at in 0..n {
        wire.send(&mut conn, Client, &b"X-A: b\r\n"[at % 8..][..1]);
    }
}

/// A body of JSON, every byte on its own.
pub(crate) fn bytewise_body(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    wire.send(&mut conn, Client, format!("POST /mcp HTTP/1.1\r\nContent-Length: {}\r\n\r\n", n + 2));
    wire.send(&mut conn, Client, "\"");
    for _ in 0..n {
        wire.send(&mut conn, Client, "a");
    }
    wire.send(&mut conn, Client, "\"");
}

/// An event, every byte on its own.
pub(crate) fn bytewise_event(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    wire.stream(&mut conn, "");
    wire.send(&mut conn, Server, "data: ");
    for _ in 0..n {
        wire.send(&mut conn, Server, "a");
    }
}

/// `n` KiB of what could be TLS records, from the middle of a connection.
pub(crate) fn garbage(wire: &mut Wire, n: usize) {
    let mut conn = Conn::new(0);
    let mut record = vec![0x17, 3, 3, 0x40, 0];
    let mut state = 1_u32;
    record.extend((0..0x4000).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    }));
    wire.fill(&mut conn, Server, &record, n << 10);
}

/// First fragments of `n` IP packets.
pub(crate) fn fragments(wire: &mut Wire, n: usize) {
    for _ in 0..n {
        wire.ip(([10, 0, 0, 1], [10, 0, 0, 2]), 6, 0x2000, &[0; 8]);
    }
}

/// One IP packet at a time in as many tiny fragments as it has room for, every second one missing.
pub(crate) fn tiny_fragments(wire: &mut Wire, n: usize) {
    let mut udp = Vec::new();
    for at in 0..n {
        let offset = u16::try_from(at * 2 % 8180).unwrap();
        // The identification is that of the wire, so the fragments are written whole here.
        udp.clear();
        udp.extend([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 28]);
        udp.extend(u16::try_from(at / 4090 % 65_536).unwrap().to_be_bytes());
        udp.extend((0x2000 | offset).to_be_bytes());
        udp.extend([64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8]);
        wire.frame(&udp, 0);
    }
}

/// `n` packets of VXLAN in VXLAN, 100 deep.
pub(crate) fn tunnels(wire: &mut Wire, n: usize) {
    let mut inner: Vec<u8> = Vec::new();
    for _ in 0..100 {
        let len = u16::try_from(inner.len()).unwrap();
        let mut outer = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0];
        outer.extend((len + 36).to_be_bytes());
        outer.extend([0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0x30, 0x39, 0x12, 0xb5]);
        outer.extend((len + 16).to_be_bytes());
        outer.extend([0, 0, 8, 0, 0, 0, 0, 0, 1, 0]);
        outer.extend(&inner);
        inner = outer;
    }
    for _ in 0..n {
        wire.frame(&inner, 0);
    }
}

/// Exchanges at times that jump through four centuries, run backwards, and stand still.
pub(crate) fn times(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    let mut late = wire.open(1);
    let far = [0, i64::MAX as u64, EPOCH, u64::MAX, 1 << 63, EPOCH];
    for at in 0..n {
        match at % 3 {
            0 => wire.now = far[at / 3 % far.len()],
            1 => wire.step = MS.wrapping_neg(),
            _ => wire.step = 0,
        }
        let body = format!(r#"{{"jsonrpc":"2.0","id":{at},"method":"ping"}}"#);
        wire.post(&mut conn, "", &body);
        wire.answer(&mut conn, "", &format!(r#"{{"jsonrpc":"2.0","id":{at},"result":{{}}}}"#));
        wire.skip(&mut late, Client, 1);
        wire.send(&mut late, Client, b"x");
    }
}

/// Up to 20,000 open connections, then `n` packets of another one, each a tick later.
pub(crate) fn slow_time(wire: &mut Wire, n: usize) {
    for number in 1..(10 * n).min(20_000) {
        let mut conn = wire.open(number);
        wire.post(&mut conn, "", r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
        wire.skip(&mut conn, Client, 100);
        wire.send(&mut conn, Client, b"x");
    }
    let conn = wire.open(0);
    wire.step = 50 * MS;
    for _ in 0..n {
        wire.tcp(conn, Client, 1001, ACK, &[]);
    }
}

/// `n` connections that each hold a few bytes, and much other traffic between them: what is held
/// must not keep that.
fn held_between(wire: &mut Wire, n: usize, hold: impl Fn(&mut Wire, &mut Conn)) {
    let mut other = Conn::new(0);
    for number in 1..=n {
        let mut conn = wire.open(number);
        hold(wire, &mut conn);
        wire.fill(&mut other, Server, &[0x17, 3, 3, 0x40, 0], 200 << 10);
    }
}

/// Two bytes of what may be a method.
pub(crate) fn held_sniffing(wire: &mut Wire, n: usize) {
    held_between(wire, n, |wire, conn| wire.send(conn, Client, "PO"));
}

/// A byte behind a hole.
pub(crate) fn held_out_of_order(wire: &mut Wire, n: usize) {
    held_between(wire, n, |wire, conn| {
        wire.skip(conn, Client, 1);
        wire.send(conn, Client, "x");
    });
}

/// The beginning of a head.
pub(crate) fn held_heads(wire: &mut Wire, n: usize) {
    held_between(wire, n, |wire, conn| wire.send(conn, Client, "POST / HTTP/1.1\r\nX: "));
}

/// The beginning of a body, and of an event.
pub(crate) fn held_bodies(wire: &mut Wire, n: usize) {
    held_between(wire, n, |wire, conn| {
        wire.send(conn, Client, "POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n{\"a\":");
        wire.send(conn, Server, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: a");
    });
}

/// `n` interfaces without a packet.
pub(crate) fn interfaces(wire: &mut Wire, n: usize) {
    for number in 0..n {
        let name = format!("{number:08}");
        let mut block = vec![1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 8, 0];
        block.extend(name.as_bytes());
        block.extend([0; 4]);
        wire.block(1, &block);
    }
}

/// `n` sections, each with an interface, names and comments of 60 kB.
pub(crate) fn sections(wire: &mut Wire, n: usize) {
    let text = |code: u8| {
        let mut option = vec![code, 0, 0x60, 0xea];
        option.extend([b'x'; 60_000]);
        option
    };
    for _ in 0..n {
        let mut section = 0x1a2b_3c4d_u32.to_le_bytes().to_vec();
        section.extend([1, 0, 0, 0]);
        section.extend([0xff; 8]);
        for code in [1, 2, 3, 4] {
            section.extend(text(code));
        }
        section.extend([0; 4]);
        wire.block(0x0a0d_0d0a, &section);
        let mut interface = vec![1, 0, 0, 0, 0, 0, 0, 0];
        interface.extend(text(2));
        interface.extend(text(3));
        interface.extend([0; 4]);
        wire.block(1, &interface);
    }
}

/// `n` IP packets of 60 kB in fragments, each without its last.
pub(crate) fn large_fragments(wire: &mut Wire, n: usize) {
    let part = vec![b'x'; 30_000];
    let mut frame = Vec::new();
    for id in 0..n {
        for offset in [0, 30_000 / 8] {
            frame.clear();
            frame.extend([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0]);
            frame.extend(u16::try_from(20 + part.len()).unwrap().to_be_bytes());
            frame.extend(((id % 65_536) as u16).to_be_bytes());
            frame.extend((0x2000_u16 | offset).to_be_bytes());
            frame.extend([64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
            frame.extend(&part);
            wire.frame(&frame, 0);
        }
    }
}

/// `n` blocks that hold no packet, with an interface statistics block that claims losses after
/// each, and packets with comments, each cut from a length of 2^32 - 1.
pub(crate) fn blocks(wire: &mut Wire, n: usize) {
    let comment = |text: &[u8]| {
        let mut option = 1_u16.to_le_bytes().to_vec();
        option.extend(u16::try_from(text.len()).unwrap().to_le_bytes());
        option.extend(text);
        option.resize(option.len().next_multiple_of(4), 0);
        option
    };
    let long = comment(&[b'x'; 60_000]);
    for number in 0..n {
        // Name resolution, custom blocks, journal entries, a kind that nobody has.
        let kind = [4, 0xbad, 0x4000_0bad, 9, 0x7777_7777][number % 5];
        wire.block(kind, &[1, 0, 8, 0, 10, 0, 0, 1, b'h', 0, 0, 0, 0, 0, 0, 0]);
        let mut statistics = vec![0; 12];
        for (code, value) in [(4_u16, u64::MAX), (5, u64::MAX - number as u64), (2, u64::MAX), (3, 0)] {
            statistics.extend(code.to_le_bytes());
            statistics.extend([8, 0]);
            statistics.extend(value.to_le_bytes());
        }
        statistics.extend(comment(b"a comment"));
        statistics.extend([0; 4]);
        wire.block(5, &statistics);
        if number % 100 == 0 {
            let mut packet = vec![0; 4];
            packet.extend(((wire.now >> 32) as u32).to_le_bytes());
            packet.extend((wire.now as u32).to_le_bytes());
            packet.extend(60_u32.to_le_bytes());
            packet.extend(u32::MAX.to_le_bytes());
            packet.extend([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0]);
            packet.extend([0xff; 44]);
            packet.extend(&long);
            packet.extend([0; 4]);
            wire.block(6, &packet);
            wire.now += 1000;
        }
    }
}
