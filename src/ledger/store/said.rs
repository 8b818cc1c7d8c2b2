//! What transactions carried, in a log: each piece knows the piece before it of the same transaction.

use std::collections::HashMap;
use std::fs::File;
use std::io;

use super::log::Log;
use crate::base::fact::{CarriedFact, CarriedKind};
use crate::base::{Degraded, Origin, PacketNo, Side, Span};

/// A head, a body or an event, as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Who sent it.
    pub side: Side,
    /// What it is.
    pub kind: CarriedKind,
    /// Its packets.
    pub span: Span,
    /// The head as it was sent; a body without its codings; the data of an event.
    pub bytes: Vec<u8>,
    /// Why it may not be whole.
    pub degraded: Degraded,
}

/// All pieces.
#[derive(Debug)]
pub(super) struct Sayings {
    log: Log,
    /// The last piece of each transaction, and how many there are.
    last: HashMap<(u32, u32), (Place, u32), foldhash::fast::RandomState>,
    /// The [`START`]th piece of transactions that are long: the heads lie before it, and the way from the last piece
    /// back to them is long too.
    starts: HashMap<(u32, u32), Place, foldhash::fast::RandomState>,
    front: Vec<u8>,
}

/// See [`Sayings::starts`]. Heads are the first, second or third piece; interim responses come before them.
const START: u32 = 32;

/// Bytes of pieces that are read at once, where not all are asked for.
const MOST_BYTES: usize = 64 << 20;

/// Where a piece lies in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    offset: u64,
    /// 0 where there is none: a piece is never empty.
    len: u32,
}

/// The piece before the first.
pub(super) const NOWHERE: Place = Place { offset: 0, len: 0 };

impl Sayings {
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

    pub(super) fn push(&mut self, carried: &CarriedFact) {
        let key = (carried.peers.tcp_stream, carried.transaction);
        let (before, pieces) = self.last.get(&key).copied().unwrap_or((NOWHERE, 0));
        self.front.clear();
        write_front(&mut self.front, before, carried);
        // A body is at most 64 MiB long, names are cut at 4 KiB.
        let Ok(len) = u32::try_from(self.front.len() + carried.bytes.len()) else { return };
        let offset = self.log.append(&[&self.front, &carried.bytes]);
        self.last.insert(key, (Place { offset, len }, pieces.saturating_add(1)));
        if pieces + 1 == START {
            self.starts.insert(key, Place { offset, len });
        }
    }

    /// The latest piece of a transaction.
    pub(super) fn latest(&self, tcp_stream: u32, transaction: u32) -> Place {
        self.last.get(&(tcp_stream, transaction)).map_or(NOWHERE, |(place, _)| *place)
    }

    /// How many pieces a transaction has.
    pub(super) fn count(&self, tcp_stream: u32, transaction: u32) -> u32 {
        self.last.get(&(tcp_stream, transaction)).map_or(0, |(_, pieces)| *pieces)
    }

    /// The heads of a transaction, and up to `most` of its pieces that end at `until` (at the latest, where that is
    /// nowhere), in their order.
    pub(super) fn last_of(
        &mut self,
        on: (u32, u32),
        until: Option<Place>,
        most: usize,
    ) -> io::Result<Vec<Said>> {
        let place = until.filter(|place| *place != NOWHERE).unwrap_or_else(|| self.latest(on.0, on.1));
        let (mut pieces, before) = self.back(place, most)?;
        let start = self.starts.get(&on).copied().filter(|_| before != NOWHERE);
        if let Some(start) = start {
            let (firsts, _) = self.back(start, START as usize)?;
            let is_head = |piece: &Said| piece.kind == CarriedKind::Head;
            // The oldest pieces that were read may be heads themselves.
            let heads: Vec<_> =
                firsts.into_iter().filter(is_head).filter(|head| !pieces.contains(head)).collect();
            pieces.splice(0..0, heads);
        }
        Ok(pieces)
    }

    /// Up to `most` pieces that end at `place`, in their order, and where the piece before them lies.
    fn back(&mut self, mut place: Place, most: usize) -> io::Result<(Vec<Said>, Place)> {
        let (mut pieces, mut bytes) = (Vec::new(), 0);
        while place != NOWHERE && pieces.len() < most && bytes < MOST_BYTES {
            let read = self.log.read(place.offset, place.len as usize)?;
            let (before, said) = read_piece(&read).ok_or(io::ErrorKind::InvalidData)?;
            bytes += read.len();
            pieces.push(said);
            place = before;
        }
        pieces.reverse();
        Ok((pieces, place))
    }

    /// The pieces of a transaction, in their order.
    pub(super) fn of(&mut self, tcp_stream: u32, transaction: u32) -> io::Result<Vec<Said>> {
        let (mut pieces, mut place) = (Vec::new(), self.latest(tcp_stream, transaction));
        while place != NOWHERE {
            let bytes = self.log.read(place.offset, place.len as usize)?;
            let (before, said) = read_piece(&bytes).ok_or(io::ErrorKind::InvalidData)?;
            pieces.push(said);
            place = before;
        }
        pieces.reverse();
        Ok(pieces)
    }
}

/// A piece is this front, the type and the id of an event, and the bytes.
///
/// ```text
///   before: offset 8, length 4 │ side 1 │ kind 1 │ degraded 1 │ span 48 │ type: length 4 │ id: length 4 │ …
/// ```
///
/// Lengths are one more than they are, and 0 stands for none. All numbers are little-endian.
fn write_front(front: &mut Vec<u8>, before: Place, carried: &CarriedFact) {
    let (kind, name, id) = match &carried.kind {
        CarriedKind::Head => (0, None, None),
        CarriedKind::Body => (1, None, None),
        CarriedKind::Event { name, id } => (2, name.as_deref(), id.as_deref()),
    };
    front.extend_from_slice(&before.offset.to_le_bytes());
    front.extend_from_slice(&before.len.to_le_bytes());
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
}

/// `None` where the bytes are not what [`write_front`] wrote: the temporary file was changed by somebody else.
fn read_piece(bytes: &[u8]) -> Option<(Place, Said)> {
    let rest = &mut &*bytes;
    let before = Place { offset: number(rest)?, len: u32::from_le_bytes(take(rest)?) };
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
    let said = Said {
        side: if side == 0 { Side::Client } else { Side::Server },
        kind: match kind {
            0 => CarriedKind::Head,
            1 => CarriedKind::Body,
            _ => CarriedKind::Event { name: name.map(Into::into), id: id.map(Into::into) },
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
