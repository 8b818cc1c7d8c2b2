//! Fuzz targets of TCP. Each panics if its bytes break a law.

use std::net::SocketAddr;

use bytes::Bytes;

use super::reassembly::{Next, Piece, Store, Stored};
use super::{ConnectionId, Delivery, Directory, Reassembler};
use crate::base::fuzz::Choices;
use crate::base::{Degraded, End, Feed, Findings, Origin, Sink, limits};
use crate::link::{Addresses, Flags, Segment};

/// A step of [`check_store`].
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// A piece at this place, of this length. Pieces of the same variant agree.
    Piece { at: usize, len: usize, variant: u8 },
    /// A range of which the bytes were cut off.
    Cut { at: usize, len: usize },
    /// Whatever is next in order is taken.
    Take,
}

/// The bytes of a piece of this variant.
fn bytes_at(at: usize, len: usize, variant: u8) -> Vec<u8> {
    (at..at + len).map(|place| (place % 251) as u8 ^ variant).collect()
}

/// What is known of a place: its byte and the packet, or that it was cut off.
type Cell = Option<Result<(u8, u64), ()>>;

/// A store and the oracle: an array that keeps the first byte written to each place.
struct Checked {
    store: Store,
    cells: Vec<Cell>,
    /// The first place that was not taken.
    cursor: usize,
}

impl Checked {
    fn insert(&mut self, (at, len, variant): (usize, usize, u8), packet: u64) {
        let bytes = bytes_at(at, len, variant);
        let skipped = self.cursor.saturating_sub(at).min(len);
        let (at, bytes) = (at + skipped, bytes.get(skipped..).unwrap_or_default());
        let (mut fresh, mut conflict) = (0, false);
        for (cell, byte) in self.cells.iter_mut().skip(at).zip(bytes) {
            match cell {
                Some(Ok((held, _))) => conflict |= held != byte,
                Some(Err(())) | None => {
                    *cell = Some(Ok((*byte, packet)));
                    fresh += 1;
                }
            }
        }
        let piece = Piece { bytes: Bytes::copy_from_slice(bytes), origin: Origin::new(packet, 0) };
        assert_eq!(
            self.store.insert(at as u64, &piece, packet.is_multiple_of(2)),
            Stored { fresh, conflict }
        );
    }

    fn cut(&mut self, at: usize, len: usize, packet: u64) {
        let (from, end) = (at.max(self.cursor), at + len);
        self.store.insert_cut(from as u64, end as u64, Origin::new(packet, 0));
        for cell in self.cells.iter_mut().take(end).skip(from) {
            *cell = cell.or(Some(Err(())));
        }
    }

    /// Takes a place of the oracle.
    fn next_cell(&mut self) -> Cell {
        let cell = self.cells.get_mut(self.cursor).and_then(Option::take);
        self.cursor += 1;
        cell
    }

    /// Takes what lies at the cursor, up to a hole.
    fn take(&mut self) {
        while let Some(next) = self.store.take(self.cursor as u64) {
            match next {
                Next::Data(piece) => {
                    for byte in &piece.bytes {
                        assert_eq!(self.next_cell(), Some(Ok((*byte, piece.origin.packet.0))));
                    }
                }
                Next::Cut(len, _) => {
                    assert!(len > 0);
                    (0..len).for_each(|_| assert_eq!(self.next_cell(), Some(Err(()))));
                }
            }
        }
        assert!(self.cells.get(self.cursor).is_none_or(Option::is_none), "{} is held", self.cursor);
    }

    fn held(&self) -> u64 {
        self.cells.iter().filter(|cell| matches!(cell, Some(Ok(_)))).count() as u64
    }
}

/// Checks a store of out-of-order bytes against an array. Places are below `len`; from `end` on the
/// store is cut off at last.
///
/// # Panics
/// If they differ.
pub(super) fn check_store(steps: &[Step], len: usize, end: usize) {
    let mut checked = Checked { store: Store::default(), cells: vec![None; len], cursor: 0 };
    for (packet, step) in steps.iter().enumerate() {
        match *step {
            Step::Piece { at, len, variant } => checked.insert((at, len, variant), packet as u64),
            Step::Cut { at, len } => checked.cut(at, len, packet as u64),
            Step::Take => checked.take(),
        }
        assert_eq!(checked.store.bytes(), checked.held());
    }
    let end = end.max(checked.cursor);
    let before = checked.held();
    checked.cells.iter_mut().skip(end).for_each(|cell| *cell = None);
    assert_eq!(checked.store.truncate(end as u64), before - checked.held());
    checked.take();
    while let Some((at, _)) = checked.store.first() {
        assert!(at > checked.cursor as u64);
        while (checked.cursor as u64) < at {
            assert_eq!(checked.next_cell(), None);
        }
        checked.take();
    }
    assert!(checked.store.is_empty() && checked.store.bytes() == 0);
    assert!(checked.cells.iter().all(Option::is_none), "not everything was taken");
}

/// Pieces that come out of order: the store of a direction keeps the first copy of each byte, as an
/// array does.
pub fn reassembly(data: &[u8]) {
    let mut choices = Choices::new(data);
    let (mut steps, end) = (Vec::new(), usize::from(choices.u16() % 1024));
    while !choices.is_empty() {
        let choice = choices.u8();
        let (at, len) = (usize::from(choices.u16() % 896), 1 + usize::from(choices.u8() % 127));
        steps.push(match choice & 7 {
            0 => Step::Take,
            1 | 2 => Step::Cut { at, len },
            _ => Step::Piece { at, len, variant: choice >> 3 & 3 },
        });
    }
    check_store(&steps, 1024, end);
}

/// What an end of the connection of [`segments`] sent, as far as it was captured.
struct Sent {
    /// Sequence number of the first byte.
    isn: u32,
    /// The first copy of each byte, and its packet.
    first: Vec<Option<(u8, u64)>>,
    /// Number of bytes that were delivered or given up as a gap.
    at: usize,
    /// How many of them were delivered.
    delivered: u64,
    /// It sent a FIN.
    is_closed: bool,
    /// The end of the direction was delivered.
    is_over: bool,
}

impl Sent {
    fn new(isn: u32) -> Self {
        Self { isn, first: Vec::new(), at: 0, delivered: 0, is_closed: false, is_over: false }
    }

    /// Returns the number of bytes up to the first hole.
    fn contiguous(&self) -> usize {
        self.first.iter().take_while(|byte| byte.is_some()).count()
    }

    fn seq(&self, at: usize) -> u32 {
        self.isn.wrapping_add(u32::try_from(at).unwrap_or(0))
    }

    fn deliver(&mut self, feed: &Feed<End>) {
        assert!(!self.is_over, "{feed:?} behind the end");
        match feed {
            Feed::Data(bytes, span) => {
                assert!(!bytes.is_empty() && span.first == span.last);
                for byte in bytes {
                    assert_eq!(self.first.get(self.at), Some(&Some((*byte, span.first.0))), "at {}", self.at);
                    self.at += 1;
                    self.delivered += 1;
                }
            }
            Feed::Gap { len, .. } => {
                let len = usize::try_from(*len).unwrap_or(usize::MAX);
                let missing = self.first.iter().skip(self.at).take(len);
                assert!(len > 0 && missing.into_iter().all(Option::is_none), "captured, and in a gap");
                self.at += len;
            }
            Feed::Eof { .. } => self.is_over = true,
        }
    }
}

/// The connection of [`segments`].
struct Trial {
    directory: Directory,
    reassembler: Reassembler,
    findings: Findings,
    packet: u64,
    time: i64,
    /// What A and B sent.
    sent: [Sent; 2],
    closed: Vec<ConnectionId>,
}

impl Trial {
    fn push(&mut self, from: End, seq: u32, ack: Option<u32>, (flags, payload): (Flags, Vec<u8>)) {
        let ends: [SocketAddr; 2] = [([10, 0, 0, 1], 40_000).into(), ([10, 0, 0, 2], 80).into()];
        let [source, destination] = from.client_first(ends);
        self.packet += 1;
        self.time += 1_000_000;
        let mut segment = Segment {
            origin: Origin::new(self.packet, self.time),
            vantage: 0,
            ip_id: Some((self.packet & 0xffff) as u16),
            hop_limit: 64,
            seq,
            ack,
            flags,
            window: 1000,
            payload: payload.into(),
            missing: 0,
        };
        let addresses = Addresses { source, destination };
        let route =
            self.directory.route(&addresses, &segment, &mut Sink::new(&mut self.closed, &mut self.findings));
        if let Some(opened) = route.opened {
            self.reassembler.open(&opened);
        }
        let mut out = Vec::new();
        let mut sink = Sink::new(&mut out, &mut self.findings);
        self.reassembler.push(route.id, route.from, &mut segment, &mut sink);
        self.deliver(&out);
    }

    fn deliver(&mut self, deliveries: &[Delivery]) {
        for (from, feed) in deliveries {
            let (sent, _) = from.split_mut(&mut self.sent);
            sent.deliver(feed);
        }
    }

    /// Lets 50 ms of packet time pass.
    fn tick(&mut self) {
        self.time += limits::TICK;
        let (now, mut out) = (Origin::new(self.packet, self.time), Vec::new());
        for shard in (0..limits::SHARDS).filter_map(|shard| u8::try_from(shard).ok()) {
            let mut sink = Sink::new(&mut out, &mut self.findings);
            while self.reassembler.release(shard, now, &mut sink).is_some() {}
        }
        self.deliver(&out);
        self.directory.tick(now.time, &mut self.closed);
    }

    /// An end sends bytes (none, or two and more: a single one may be a keep-alive), perhaps again.
    /// It acknowledges what was captured of the other end up to the first hole, or with `is_ahead`
    /// everything that the other end sent.
    fn send(&mut self, from: End, (at, bytes): (usize, &[u8]), is_ahead: bool, is_last: bool) {
        let packet = self.packet + 1;
        let (sent, other) = from.split_mut(&mut self.sent);
        if sent.first.len() < at + bytes.len() {
            sent.first.resize(at + bytes.len(), None);
        }
        for (cell, byte) in sent.first.iter_mut().skip(at).zip(bytes) {
            *cell = cell.or(Some((*byte, packet)));
        }
        sent.is_closed |= is_last;
        let received = if is_ahead { other.first.len() } else { other.contiguous() };
        let (seq, ack) = (sent.seq(at), other.seq(received));
        let flags = Flags { fin: is_last, ..Flags::default() };
        self.push(from, seq, Some(ack), (flags, bytes.to_vec()));
    }
}

/// Segments of a connection, lost, repeated, reordered, and with other bytes: the first captured
/// copy of each byte is delivered in order with its packet, and a gap holds nothing that was
/// captured before it was given up.
pub fn segments(data: &[u8]) {
    let mut choices = Choices::new(data);
    let sent = [choices.u8(), choices.u8()].map(|isn| Sent::new(u32::from(isn) << 24 | 0xff_ff80));
    let mut trial = Trial {
        directory: Directory::default(),
        reassembler: Reassembler::default(),
        findings: Findings::new(),
        packet: 0,
        time: 0,
        sent,
        closed: Vec::new(),
    };
    let [a, b] = [trial.sent[0].isn, trial.sent[1].isn];
    let syn = Flags { syn: true, ..Flags::default() };
    trial.push(End::A, a.wrapping_sub(1), None, (syn, Vec::new()));
    trial.push(End::B, b.wrapping_sub(1), Some(a), (syn, Vec::new()));
    while !choices.is_empty() && trial.closed.is_empty() {
        let choice = choices.u8();
        let from = if choice & 1 == 0 { End::A } else { End::B };
        let (kind, is_ahead, variant) = (choice >> 1 & 7, choice & 16 != 0, choice >> 5 & 3);
        let (sent, _) = from.split_mut(&mut trial.sent);
        let (end, is_closed) = (sent.first.len(), sent.is_closed);
        match kind {
            0 => (0..=choices.u8() % 16).for_each(|_| trial.tick()),
            1 => trial.send(from, (end, &[]), is_ahead, false),
            2 if !is_closed => trial.send(from, (end, &[]), is_ahead, true),
            kind => {
                let len = 2 + usize::from(choices.u8() % 62);
                // In order, behind a hole, or back.
                let at = match kind {
                    3 | 4 => end,
                    5 => end + usize::from(choices.u8()),
                    _ => end.saturating_sub(choices.u16().into()),
                };
                if (is_closed && at + len > end) || at + len > 1 << 14 {
                    continue;
                }
                trial.send(from, (at, &bytes_at(at, len, variant)), is_ahead, false);
            }
        }
    }
    trial.finish();
}

impl Trial {
    /// Ends the capture: everything that was captured was delivered, and the books balance.
    fn finish(mut self) {
        self.directory.finish(&mut self.closed);
        let at = Origin::new(self.packet, self.time);
        for id in std::mem::take(&mut self.closed) {
            let mut out = Vec::new();
            let mut sink = Sink::new(&mut out, &mut self.findings);
            let summary = self.reassembler.close(id, Degraded::CAPTURE_END, at, &mut sink);
            self.deliver(&out);
            for (sent, fact) in self.sent.iter().zip(summary.iter().flat_map(|it| &it.directions)) {
                assert!(sent.is_over, "a direction without end");
                assert!(sent.at >= sent.first.len(), "{} of {} bytes", sent.at, sent.first.len());
                assert_eq!(fact.delivered, sent.delivered);
                assert_eq!(fact.bytes, fact.delivered + fact.given_up);
            }
        }
    }
}
