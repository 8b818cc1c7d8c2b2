//! What transactions carried, in a log: each piece knows the piece before it of the same transaction.

use std::collections::HashMap;
use std::fs::File;
use std::io;

use super::log::Log;
use crate::base::fact::{PayloadFact, PayloadKind};
use crate::base::{Degraded, Origin, PacketNo, Side, Span};

/// A head, a body or an event, as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// Who sent it.
    pub side: Side,
    /// What it is.
    pub kind: PayloadKind,
    /// Its packets.
    pub span: Span,
    /// The head as it was sent; a body without its codings; the data of an event.
    pub bytes: Vec<u8>,
    /// Why it may not be whole.
    pub degraded: Degraded,
}

/// All pieces.
#[derive(Debug)]
pub(super) struct PayloadLog {
    log: Log,
    /// Of each connection, by the number of the transaction.
    last: HashMap<u32, Vec<Last>, foldhash::fast::RandomState>,
    /// The [`START`]th piece of transactions that are long: the heads lie before it, and the way from the last piece
    /// back to them is long too.
    starts: HashMap<(u32, u32), Place, foldhash::fast::RandomState>,
    front: Vec<u8>,
}

/// See [`PayloadLog::starts`]. Heads are the first, second or third piece; interim responses come before them.
const START: u32 = 32;

/// Bytes of pieces that are read at once, where not all are asked for.
const MOST_BYTES: usize = 64 << 20;

/// Where a piece lies in the log: the offset of its front.
pub(super) type Place = u64;

/// The piece before the first.
pub(super) const NOWHERE: Place = Place::MAX;

/// The latest piece of a transaction, and how many it has.
#[derive(Clone, Copy, Debug)]
struct Last {
    place: Place,
    pieces: u32,
}

impl Last {
    const NONE: Self = Self { place: NOWHERE, pieces: 0 };
}

impl PayloadLog {
    pub(super) fn new(memory: usize) -> Self {
        Self {
            log: Log::new(memory),
            last: HashMap::default(),
            starts: HashMap::default(),
            front: Vec::new(),
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
        let Last { place: before, pieces } = self.last(key);
        write_front(&mut self.front, before, carried);
        let place = self.log.append(&[&self.front, &carried.bytes]);
        let of_connection = self.last.entry(key.0).or_default();
        let at = key.1 as usize;
        if at >= of_connection.len() {
            // Doubling would waste as much as there is: connections have a few transactions, and there are many.
            of_connection.reserve_exact((at + 1 - of_connection.len()).max(of_connection.len() / 4));
            of_connection.resize(at + 1, Last::NONE);
        }
        if let Some(last) = of_connection.get_mut(at) {
            *last = Last { place, pieces: pieces.saturating_add(1) };
        }
        if pieces + 1 == START {
            self.starts.insert(key, place);
        }
    }

    /// The latest piece of a transaction.
    pub(super) fn latest(&self, tcp_stream: u32, transaction: u32) -> Place {
        self.last((tcp_stream, transaction)).place
    }

    /// How many pieces a transaction has.
    pub(super) fn count(&self, tcp_stream: u32, transaction: u32) -> u32 {
        self.last((tcp_stream, transaction)).pieces
    }

    fn last(&self, (tcp_stream, transaction): (u32, u32)) -> Last {
        let of_connection = self.last.get(&tcp_stream);
        of_connection.and_then(|all| all.get(transaction as usize)).copied().unwrap_or(Last::NONE)
    }

    /// The heads of a transaction, and up to `most` of its pieces that end at `until` (at the latest, where that is
    /// nowhere), in their order.
    pub(super) fn last_of(
        &mut self,
        on: (u32, u32),
        until: Option<Place>,
        most: usize,
    ) -> io::Result<Vec<Payload>> {
        let place = until.filter(|place| *place != NOWHERE).unwrap_or_else(|| self.latest(on.0, on.1));
        let (mut pieces, before) = self.back(place, most)?;
        let start = self.starts.get(&on).copied().filter(|_| before != NOWHERE);
        if let Some(start) = start {
            let (firsts, _) = self.back(start, START as usize)?;
            let is_head = |piece: &Payload| piece.kind == PayloadKind::Head;
            // The oldest pieces that were read may be heads themselves.
            let heads: Vec<_> =
                firsts.into_iter().filter(is_head).filter(|head| !pieces.contains(head)).collect();
            pieces.splice(0..0, heads);
        }
        Ok(pieces)
    }

    /// Up to `most` pieces that end at `place`, in their order, and where the piece before them lies.
    fn back(&mut self, mut place: Place, most: usize) -> io::Result<(Vec<Payload>, Place)> {
        let (mut pieces, mut bytes) = (Vec::new(), 0);
        while place != NOWHERE && pieces.len() < most && bytes < MOST_BYTES {
            let (before, said, len) = self.read(place)?;
            bytes += len;
            pieces.push(said);
            place = before;
        }
        pieces.reverse();
        Ok((pieces, place))
    }

    /// The pieces of a transaction, in their order.
    pub(super) fn of(&mut self, tcp_stream: u32, transaction: u32) -> io::Result<Vec<Payload>> {
        let (mut pieces, mut place) = (Vec::new(), self.latest(tcp_stream, transaction));
        while place != NOWHERE {
            let (before, said, _) = self.read(place)?;
            pieces.push(said);
            place = before;
        }
        pieces.reverse();
        Ok(pieces)
    }

    /// The piece at a place, where the one before it lies, and its length.
    fn read(&mut self, place: Place) -> io::Result<(Place, Payload, usize)> {
        let wrong = || io::Error::from(io::ErrorKind::InvalidData);
        let len = self.log.read(place, LEN)?;
        let len = take(&mut &*len).map(u32::from_le_bytes).ok_or_else(wrong)? as usize;
        let bytes = self.log.read(place + LEN as u64, len)?;
        let (before, said) = read_piece(&bytes).ok_or_else(wrong)?;
        Ok((before, said, len))
    }
}

/// Bytes of the length of a piece.
const LEN: usize = size_of::<u32>();

/// A piece is this front, the type and the id of an event, and the bytes. Its length is that of all behind it.
///
/// ```text
///   length 4 │ before 8 │ side 1 │ kind 1 │ degraded 1 │ span 48 │ type: length 4 │ id: length 4 │ …
/// ```
///
/// Lengths are one more than they are, and 0 stands for none. All numbers are little-endian.
fn write_front(front: &mut Vec<u8>, before: Place, carried: &PayloadFact) {
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
    // A body is at most 64 MiB long, names are cut at 4 KiB.
    let len = u32::try_from(front.len() - LEN + carried.bytes.len()).unwrap_or_default();
    if let Some(place) = front.first_chunk_mut() {
        *place = len.to_le_bytes();
    }
}

/// `None` where the bytes are not what [`write_front`] wrote: the temporary file was changed by somebody else.
fn read_piece(bytes: &[u8]) -> Option<(Place, Payload)> {
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
    let said = Payload {
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
    Some((before, said))
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    take(rest).map(u64::from_le_bytes)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(*taken)
}
