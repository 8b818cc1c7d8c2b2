//! The fuzz target of the whole engine: packets of a few connections, built from choices.

use bytes::Bytes;

use super::Engine;
use crate::base::fact::Loser;
use crate::base::fuzz::Choices;
use crate::base::{Fact, Origin, Timestamp, limits};
use crate::capture::{Item, LinkType, Packet};
use crate::ledger::Entry;

/// Connections.
const CONNECTIONS: usize = 4;

/// Flags of TCP.
const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

/// What connections of MCP carry, so that choices need not find it letter by letter.
const TEXTS: &[&[u8]] = &[
    b"POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nContent-Length: 46\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}",
    b"POST /mcp HTTP/1.1\r\nMcp-Session-Id: one\r\nContent-Type: application/json\r\nContent-Length: 84\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"x\"}}     ",
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nMcp-Session-Id: one\r\nContent-Length: 36\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}",
    b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    b"GET /sse HTTP/1.1\r\nAccept: text/event-stream\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"event: endpoint\ndata: /m?session_id=one\n\n",
    b"data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\n",
    b"data: {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"roots/list\"}\n\nid: 1\n",
    b"POST /m?session_id=one HTTP/1.1\r\nContent-Length: 40\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}",
    b"DELETE /mcp HTTP/1.1\r\nMcp-Session-Id: one\r\n\r\n",
    b"CONNECT a:443 HTTP/1.1\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
    b"\0\0\x0a\x01\x04\0\0\0\x01\x83\x86\x04\x04/mcp\x80\x80",
    b"\0\0\x01\x01\x04\0\0\0\x01\x88\0\0\0\0\x01\0\0\0\x01",
    b"\x16\x03\x03\0\x31\x01\0\0\x2d\x03\x03\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\0\0\x02\x13\x01\x01\0\0\0",
    b"\x17\x03\x03\0\x13QQQQQQQQQQQQQQQQQQQ",
    b"\x1f\x8b\x08\0\0\0\0\0\0\x03",
    b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n",
    b"\r\n",
    b"0\r\n\r\n",
];

/// Packets: every number of lanes gives the same entries, and every packet is counted.
pub fn packets(data: &[u8]) {
    let items = items(&mut Choices::new(data));
    let count = items.iter().filter(|item| matches!(item, Item::Packet(_))).count() as u64;
    let one = entries(Engine::new(), &items);
    let lanes = std::array::from_fn::<_, { limits::SHARDS }, _>(|shard| shard % 3);
    assert_eq!(texts(&entries(Engine::with_lanes(3, lanes), &items)), texts(&one));
    let counted = one.iter().find_map(|entry| match entry {
        Entry::Fact(Fact::Capture(fact)) => Some(fact.packets),
        _ => None,
    });
    assert_eq!(counted, Some(count));
}

fn entries(mut engine: Engine, items: &[Item]) -> Vec<Entry> {
    let mut entries = Vec::new();
    engine.emit_payloads();
    for item in items {
        engine.push(item.clone(), &mut entries);
        drop(engine.in_progress());
    }
    engine.finish(&mut entries);
    entries
}

fn texts(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(|entry| format!("{entry:?}")).collect()
}

/// Sequence numbers of the next bytes of the ends of a connection.
type Next = [u32; 2];

fn items(choices: &mut Choices<'_>) -> Vec<Item> {
    let (mut items, mut number, mut now) = (Vec::new(), 0, 1_795_337_355_000_000_000_i64);
    let mut all: [Next; CONNECTIONS] = [[1000, 9000]; CONNECTIONS];
    while !choices.is_empty() {
        let choice = choices.u8();
        let (connection, from_server) = (usize::from(choice >> 3) % CONNECTIONS, choice & 128 != 0);
        let Some(next) = all.get_mut(connection) else { continue };
        let frame = match choice & 7 {
            0 => segment(connection, from_server, next, (SYN, 0), &[]),
            1..=3 => {
                let at = usize::from(choices.u8()) % TEXTS.len();
                segment(connection, from_server, next, (ACK, 0), TEXTS.get(at).copied().unwrap_or_default())
            }
            4 => segment(connection, from_server, next, (ACK, 0), choices.piece()),
            5 => {
                // Out of order, again, or beside a hole.
                let shift = i32::from(choices.u16() as i16);
                segment(connection, from_server, next, (ACK, shift), choices.piece())
            }
            6 => {
                let flags = if choices.u8().is_multiple_of(2) { FIN | ACK } else { RST };
                segment(connection, from_server, next, (flags, 0), &[])
            }
            _ => match choices.u8() % 5 {
                0 => {
                    now = now.saturating_add(i64::from(choices.u32() as i32) * 1000);
                    continue;
                }
                1 => {
                    items.push(Item::Lost { by: Loser::Kernel, packets: choices.u8().into() });
                    continue;
                }
                2 => {
                    let data = Bytes::copy_from_slice(choices.piece());
                    items.push(Item::Secrets { kind: 0x544c_534b, data });
                    continue;
                }
                3 => {
                    items.push(Item::Time(Timestamp(now)));
                    continue;
                }
                _ => choices.piece().to_vec(),
            },
        };
        number += 1;
        now = now.saturating_add(1_000_000);
        let original_len = u32::try_from(frame.len()).unwrap_or(u32::MAX);
        items.push(Item::Packet(Packet {
            origin: Origin::new(number, now),
            link_type: LinkType(1),
            interface: 0,
            data: frame.into(),
            original_len,
        }));
    }
    items
}

/// Returns the frame of a segment that begins `shift` bytes behind the next one, and goes on to
/// what follows it if that is none.
pub(super) fn segment(
    connection: usize,
    from_server: bool,
    next: &mut Next,
    (flags, shift): (u8, i32),
    payload: &[u8],
) -> Vec<u8> {
    const HEADERS: usize = 40;
    let payload = payload.get(..payload.len().min(60_000)).unwrap_or_default();
    let ([client, server], client_port) = (next, 40_000 + u16::try_from(connection).unwrap_or(0));
    let client_end = ([10, 0, 0, 1], client_port);
    let server_end = ([10, 0, 0, 2], 3000);
    let (from, to, seq, ack) = if from_server {
        (server_end, client_end, server, *client)
    } else {
        (client_end, server_end, client, *server)
    };
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0];
    let total = u16::try_from(HEADERS + payload.len()).unwrap_or(u16::MAX);
    frame.extend(total.to_be_bytes());
    frame.extend([0, 1, 0x40, 0, 64, 6, 0, 0]);
    frame.extend(from.0);
    frame.extend(to.0);
    frame.extend(from.1.to_be_bytes());
    frame.extend(to.1.to_be_bytes());
    frame.extend(seq.wrapping_add_signed(shift).to_be_bytes());
    frame.extend(if flags & ACK == 0 { 0 } else { ack }.to_be_bytes());
    frame.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    frame.extend(payload);
    if shift == 0 {
        let of_flags = u32::from(flags & (SYN | FIN) != 0);
        *seq = seq.wrapping_add(of_flags + u32::try_from(payload.len()).unwrap_or(0));
    }
    frame
}
