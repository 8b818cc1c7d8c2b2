//! What HTTP transactions carried, in a log.

use std::collections::HashMap;
use std::fs::File;
use std::io;

use super::log::Log;
use crate::base::fact::{PayloadFact, PayloadKind};
use crate::base::{Degraded, Origin, PacketNo, Side, Span};

/// A head, a body or an event of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The side that sent it.
    pub side: Side,
    /// What it is.
    pub kind: PayloadKind,
    /// Its packets.
    pub span: Span,
    /// A head as it was sent, a body with its content codings removed, or the data of an event.
    pub bytes: Vec<u8>,
    /// Why it may be incomplete.
    pub degraded: Degraded,
}

/// The payloads of all transactions. Each is stored with the offset of the one before it in the
/// same transaction, so a transaction is read from its last payload backwards.
#[derive(Debug)]
pub(super) struct PayloadLog {
    log: Log,
    /// By connection, then by transaction.
    last: HashMap<u32, Vec<PackedLast>, foldhash::fast::RandomState>,
    /// The payload number [`START`] of long transactions, by connection and transaction: a shortcut
    /// to the heads, which come before it.
    starts: HashMap<(u32, u32), LogOffset, foldhash::fast::RandomState>,
    front: Vec<u8>,
    /// Number of transactions and of connections in `last`.
    indexed: [usize; 2],
}

/// See [`PayloadLog::starts`]. Large enough that both heads come before it, even after interim
/// responses.
const START: u32 = 32;

/// Memory of a connection in the index beside its transactions, in bytes.
const CONNECTION: usize = 64;

/// Limit for one read of several payloads, in bytes.
pub(super) const MOST_BYTES: usize = 64 << 20;

/// Offset of a payload in the log, in bytes.
pub(super) type LogOffset = u64;

/// The offset of no payload.
pub(super) const NO_OFFSET: LogOffset = LogOffset::MAX;

/// The payloads of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PayloadOffsets {
    /// The payload with the request, or one shortly before it in the same transaction.
    pub(super) request: LogOffset,
    /// The same for the response.
    pub(super) response: LogOffset,
}

impl PayloadOffsets {
    pub(super) const NONE: Self = Self { request: NO_OFFSET, response: NO_OFFSET };
}

/// The latest payload of a transaction, and how many it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct LastPayload {
    offset: LogOffset,
    count: u32,
}

impl LastPayload {
    const NONE: Self = Self { offset: NO_OFFSET, count: 0 };
}

/// A [`LastPayload`] in eight bytes: 40 bits of the offset, 24 of the count, which goes no further.
/// Offsets beyond a tebibyte are lost.
#[derive(Clone, Copy, Debug, Default)]
struct PackedLast(u64);

/// The largest count.
const MAX_COUNT: u32 = (1 << 24) - 1;

impl PackedLast {
    fn of(LastPayload { offset, count }: LastPayload) -> Self {
        let is_lost = offset >> 40 > 0;
        Self(if is_lost { 0 } else { offset << 24 | u64::from(count.min(MAX_COUNT)) })
    }

    fn get(self) -> LastPayload {
        match (self.0 & u64::from(MAX_COUNT)) as u32 {
            0 => LastPayload::NONE,
            count => LastPayload { offset: self.0 >> 24, count },
        }
    }
}

impl PayloadLog {
    pub(super) fn new(memory: usize) -> Self {
        Self {
            log: Log::new(memory),
            last: HashMap::default(),
            starts: HashMap::default(),
            front: Vec::new(),
            indexed: [0; 2],
        }
    }

    /// See [`Log::spill_into`].
    pub(super) fn spill_into(&mut self, file: File) {
        self.log.spill_into(file);
    }

    pub(super) fn failed(&self) -> Option<io::ErrorKind> {
        self.log.failed()
    }

    pub(super) fn push(&mut self, carried: &PayloadFact) {
        let key = (carried.peers.tcp_stream, carried.transaction);
        let LastPayload { offset: before, count } = self.last(key);
        write_front(&mut self.front, before, carried);
        let offset = self.log.append(&[&self.front, &carried.bytes]);
        let of_connection = self.last.entry(key.0).or_default();
        let at = key.1 as usize;
        if at >= of_connection.len() {
            let [transactions, connections] = &mut self.indexed;
            *transactions += at + 1 - of_connection.len();
            *connections += usize::from(of_connection.is_empty());
            // Grow by a quarter instead of doubling: there are many connections with few
            // transactions.
            if at >= of_connection.capacity() {
                of_connection.reserve_exact((at + 1 - of_connection.len()).max(of_connection.len() / 4));
            }
            of_connection.resize(at + 1, PackedLast::default());
        }
        if let Some(last) = of_connection.get_mut(at) {
            *last = PackedLast::of(LastPayload { offset, count: count.saturating_add(1) });
        }
        if count + 1 == START {
            self.starts.insert(key, offset);
        }
    }

    /// See [`Log::set_memory`].
    pub(super) fn set_memory(&mut self, memory: usize) {
        self.log.set_memory(memory);
    }

    /// Returns the memory of the index, in bytes.
    pub(super) fn index_memory(&self) -> usize {
        let [transactions, connections] = self.indexed;
        transactions * size_of::<PackedLast>() + connections * CONNECTION + self.starts.len() * 24
    }

    /// The latest payload of a transaction.
    pub(super) fn latest(&self, tcp_stream: u32, transaction: u32) -> LogOffset {
        self.last((tcp_stream, transaction)).offset
    }

    /// The number of payloads of a transaction.
    pub(super) fn count(&self, tcp_stream: u32, transaction: u32) -> u32 {
        self.last((tcp_stream, transaction)).count
    }

    /// The number of transactions of a connection, those without payloads included.
    pub(super) fn transactions(&self, tcp_stream: u32) -> u32 {
        self.last.get(&tcp_stream).map_or(0, |all| u32::try_from(all.len()).unwrap_or(u32::MAX))
    }

    fn last(&self, (tcp_stream, transaction): (u32, u32)) -> LastPayload {
        let of_connection = self.last.get(&tcp_stream);
        of_connection
            .and_then(|all| all.get(transaction as usize))
            .map_or(LastPayload::NONE, |last| last.get())
    }

    /// Reads the heads of a transaction, what its client sent, and up to `most` payloads that end
    /// at `until`, or at the latest if `until` is `None` or [`NO_OFFSET`]. They are in their order,
    /// and no more of them are read once they have `bytes`.
    pub(super) fn last_of(
        &mut self,
        on: (u32, u32),
        until: Option<LogOffset>,
        (most, bytes): (usize, usize),
    ) -> io::Result<Vec<Payload>> {
        let end = until.filter(|offset| *offset != NO_OFFSET).unwrap_or_else(|| self.latest(on.0, on.1));
        let (mut payloads, before) = self.back(end, (most, bytes))?;
        if before != NO_OFFSET
            && let Some(start) = self.starts.get(&on).copied()
        {
            let (firsts, _) = self.back(start, (START as usize, MOST_BYTES))?;
            let is_head =
                |payload: &Payload| payload.kind == PayloadKind::Head || payload.side == Side::Client;
            // The oldest payloads read may be heads themselves.
            let heads: Vec<_> =
                firsts.into_iter().filter(is_head).filter(|head| !payloads.contains(head)).collect();
            payloads.splice(0..0, heads);
        }
        Ok(payloads)
    }

    /// Reads up to `most` payloads that end at `offset`, in their order. Also returns the offset of
    /// the payload before them.
    fn back(
        &mut self,
        mut offset: LogOffset,
        (most, most_bytes): (usize, usize),
    ) -> io::Result<(Vec<Payload>, LogOffset)> {
        let (mut payloads, mut bytes) = (Vec::new(), 0);
        while offset != NO_OFFSET && payloads.len() < most && bytes < most_bytes {
            let (before, payload, len) = self.read(offset)?;
            bytes += len;
            payloads.push(payload);
            offset = before;
        }
        payloads.reverse();
        Ok((payloads, offset))
    }

    /// Reads all payloads of a transaction, in their order.
    pub(super) fn of(&mut self, tcp_stream: u32, transaction: u32) -> io::Result<Vec<Payload>> {
        let (mut payloads, mut offset) = (Vec::new(), self.latest(tcp_stream, transaction));
        while offset != NO_OFFSET {
            let (before, payload, _) = self.read(offset)?;
            payloads.push(payload);
            offset = before;
        }
        payloads.reverse();
        Ok(payloads)
    }

    /// Reads the payload at an offset. Returns the offset of the one before it, the payload, and
    /// its stored length in bytes.
    fn read(&mut self, offset: LogOffset) -> io::Result<(LogOffset, Payload, usize)> {
        let invalid = || io::Error::from(io::ErrorKind::InvalidData);
        let len = self.log.read(offset, LEN)?;
        let len = take(&mut &*len).map(u32::from_le_bytes).ok_or_else(invalid)? as usize;
        let bytes = self.log.read(offset + LEN as u64, len)?;
        let (before, payload) = parse(&bytes).ok_or_else(invalid)?;
        Ok((before, payload, len))
    }
}

/// Size of the length field, in bytes.
const LEN: usize = size_of::<u32>();

/// Writes what precedes the bytes of a payload, the type and the id of an event included. The
/// length counts everything after itself.
///
/// ```text
///   length 4 │ previous 8 │ side 1 │ kind 1 │ degraded 1 │ span 48 │
///   length of the type 4 │ length of the id 4 │ type │ id
/// ```
///
/// The lengths of the type and the id are stored plus one; 0 means absent. Numbers are
/// little-endian.
fn write_front(front: &mut Vec<u8>, before: LogOffset, carried: &PayloadFact) {
    front.clear();
    front.extend_from_slice(&[0; LEN]);
    let (kind, name, id) = match &carried.kind {
        PayloadKind::Head => (0, None, None),
        PayloadKind::Body => (1, None, None),
        PayloadKind::Event { name, id } => (2, name.as_deref(), id.as_deref()),
    };
    front.extend_from_slice(&before.to_le_bytes());
    front.extend_from_slice(&[u8::from(carried.side == Side::Server), kind, carried.degraded.bits()]);
    let Span { start, end, first, last } = carried.span;
    for number in [start.packet.0, end.packet.0, first.0, last.0] {
        front.extend_from_slice(&number.to_le_bytes());
    }
    for time in [start.time.0, end.time.0] {
        front.extend_from_slice(&time.to_le_bytes());
    }
    for text in [name, id] {
        let len = text.map_or(0, |text| u32::try_from(text.len() + 1).unwrap_or_default());
        front.extend_from_slice(&len.to_le_bytes());
    }
    for text in [name, id].into_iter().flatten() {
        front.extend_from_slice(text.as_bytes());
    }
    // Always fits: bodies and events are limited to MAX_BODY and MAX_EVENT, names to MAX_TEXT.
    let len = u32::try_from(front.len() - LEN + carried.bytes.len()).unwrap_or_default();
    if let Some(field) = front.first_chunk_mut() {
        *field = len.to_le_bytes();
    }
}

/// Parses what [`write_front`] wrote, and the bytes. `None` if it is malformed: another process
/// changed the temporary file.
fn parse(bytes: &[u8]) -> Option<(LogOffset, Payload)> {
    let rest = &mut &*bytes;
    let before = number(rest)?;
    let [side, kind, degraded] = take(rest)?;
    let [start, end, first, last] = [number(rest)?, number(rest)?, number(rest)?, number(rest)?];
    let times = [i64::from_le_bytes(take(rest)?), i64::from_le_bytes(take(rest)?)];
    let lens = [u32::from_le_bytes(take(rest)?), u32::from_le_bytes(take(rest)?)];
    let mut text = |len: u32| {
        let Some(len) = len.checked_sub(1) else { return Some(None) };
        let (text, behind) = rest.split_at_checked(len as usize)?;
        *rest = behind;
        Some(Some(std::str::from_utf8(text).ok()?.to_owned()))
    };
    let [name, id] = [text(lens[0])?, text(lens[1])?];
    let payload = Payload {
        side: if side == 0 { Side::Client } else { Side::Server },
        kind: match kind {
            0 => PayloadKind::Head,
            1 => PayloadKind::Body,
            _ => PayloadKind::Event { name: name.map(Into::into), id: id.map(Into::into) },
        },
        span: Span {
            start: Origin::new(start, times[0]),
            end: Origin::new(end, times[1]),
            first: PacketNo(first),
            last: PacketNo(last),
        },
        bytes: rest.to_vec(),
        degraded: Degraded::from_bits(degraded),
    };
    Some((before, payload))
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    take(rest).map(u64::from_le_bytes)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(*taken)
}
