//! A connection: which bytes of its two directions are replaced, and which packets wait for them.

use std::collections::{BTreeMap, VecDeque};

use super::queue::{PacketId, Queue};
use super::stream::{Shared, Stream};
use super::tools::{Cleared, Tools};
use crate::base::limits;

/// A segment with payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) packet: PacketId,
    /// Sequence number of the first byte of the payload.
    pub(super) seq: u32,
    /// Captured payload, and what was not captured of it, in bytes.
    pub(super) len: u64,
    pub(super) missing: u64,
}

/// One direction.
#[derive(Debug)]
struct Direction {
    stream: Stream,
    /// The next byte in order: its offset, and its sequence number.
    next: u64,
    next_seq: u32,
    /// Segments behind a hole: offset, packet; with the length and what was not captured.
    ahead: BTreeMap<(u64, PacketId), (u64, u64)>,
    /// Segments whose bytes were read: offset, end, packet. The last word may not be complete.
    read: VecDeque<(u64, u64, PacketId)>,
    /// Offset at which the direction ends; `None` without a FIN.
    fin: Option<u64>,
}

/// The offset of the first byte of a direction: what was sent before the capture may be sent again.
const FIRST: u64 = 1 << 33;

impl Direction {
    fn new(seq: u32, is_whole: bool) -> Self {
        Self {
            stream: Stream::new(FIRST, is_whole),
            next: FIRST,
            next_seq: seq,
            ahead: BTreeMap::new(),
            read: VecDeque::new(),
            fin: None,
        }
    }

    /// The offset of a sequence number.
    fn offset(&self, seq: u32) -> u64 {
        let distance = seq.wrapping_sub(self.next_seq).cast_signed();
        self.next.saturating_add_signed(i64::from(distance))
    }

    fn advance(&mut self, len: u64) {
        self.next += len;
        self.next_seq = self.next_seq.wrapping_add(len as u32);
    }

    /// A packet that waits; `None` if none does.
    fn waiting(&self) -> Option<PacketId> {
        let read = self.read.front().map(|(.., packet)| *packet);
        read.or_else(|| self.ahead.first_key_value().map(|((_, packet), _)| *packet))
    }

    /// Replaces the packets whose bytes are known for good.
    fn resolve(&mut self, queue: &mut Queue, tools: &mut Tools) {
        let done = self.stream.output().done();
        while let Some((begin, end, packet)) = self.read.pop_front_if(|(_, end, _)| *end <= done) {
            let output = self.stream.output();
            queue.resolve(packet, |payload| {
                tools.cleared(Cleared::Late, output.apply(begin, payload) as u64);
            });
            if let Some(cut) = output.cut_between(begin, end) {
                queue.cut(packet, usize::try_from(cut - begin).unwrap_or(usize::MAX));
            }
        }
        if self.stream.output().is_long() {
            let needed = self.read.iter().map(|(begin, ..)| *begin).min();
            self.stream.trim(needed.unwrap_or(done));
        }
    }

    /// Reads segments as far as they are in order.
    fn read(&mut self, shared: &mut Shared, queue: &mut Queue, tools: &mut Tools) {
        while let Some(first) = self.ahead.first_entry()
            && first.key().0 <= self.next
        {
            let ((begin, packet), (len, missing)) = first.remove_entry();
            let end = begin + len;
            if end > self.next {
                let known = self.next - begin;
                let payload = queue.payload(packet);
                let fresh = payload.get(usize::try_from(known).unwrap_or(usize::MAX)..).unwrap_or_default();
                self.stream.push(fresh, shared, tools);
                self.advance(end - self.next);
            }
            let beyond = (end + missing).saturating_sub(self.next);
            if missing > 0 && beyond > 0 {
                self.stream.skip(beyond, shared, tools);
                self.advance(beyond);
            }
            self.read.push_back((begin, end, packet));
            self.resolve(queue, tools);
        }
        if self.fin.is_some_and(|fin| fin <= self.next) {
            self.stream.flush(shared, tools);
            self.resolve(queue, tools);
        }
    }

    /// Stops waiting for the bytes missing before a packet, or for the rest of its last word.
    fn give_up(&mut self, packet: PacketId, shared: &mut Shared, queue: &mut Queue, tools: &mut Tools) {
        if self.read.iter().any(|(.., other)| *other == packet) {
            self.stream.flush(shared, tools);
            self.resolve(queue, tools);
            return;
        }
        if let Some(((begin, _), _)) = self.ahead.first_key_value() {
            let missing = begin.saturating_sub(self.next);
            self.stream.skip(missing, shared, tools);
            self.advance(missing);
            self.read(shared, queue, tools);
        }
    }
}

/// A connection.
#[derive(Debug, Default)]
pub(super) struct Flow {
    directions: [Option<Direction>; 2],
    shared: Shared,
    /// Number of the packet that came last.
    pub(super) last: u64,
    /// What the replaced bytes of its directions take, in bytes.
    allocated: usize,
}

impl Flow {
    /// Takes a SYN; `seq` is its sequence number. Returns false if it begins another connection.
    pub(super) fn syn(&mut self, direction: usize, seq: u32) -> bool {
        let begin = seq.wrapping_add(1);
        let Some(place) = self.directions.get_mut(direction) else { return true };
        match place {
            // A SYN that is sent again.
            Some(known) => known.offset(begin) == FIRST,
            None => {
                *place = Some(Direction::new(begin, true));
                true
            }
        }
    }

    /// Takes the end of a direction at a sequence number.
    pub(super) fn fin(&mut self, direction: usize, seq: u32, queue: &mut Queue, tools: &mut Tools) {
        if let Some(Some(direction)) = self.directions.get_mut(direction) {
            direction.fin = Some(direction.offset(seq));
            direction.read(&mut self.shared, queue, tools);
        }
    }

    /// Waits for nothing more: the connection was reset.
    pub(super) fn reset(&mut self, queue: &mut Queue, tools: &mut Tools) {
        for direction in self.directions.iter_mut().flatten() {
            direction.stream.flush(&mut self.shared, tools);
            direction.resolve(queue, tools);
        }
    }

    /// Takes a segment with payload.
    pub(super) fn segment(
        &mut self,
        direction: usize,
        segment: Segment,
        queue: &mut Queue,
        tools: &mut Tools,
    ) {
        let Some(place) = self.directions.get_mut(direction) else { return };
        let direction = place.get_or_insert_with(|| Direction::new(segment.seq, false));
        let mut offset = direction.offset(segment.seq);
        let max_ahead = u64::from(limits::MAX_AHEAD);
        if !(direction.next.saturating_sub(max_ahead)..=direction.next + max_ahead).contains(&offset) {
            // Another connection on the same ports, without a captured SYN.
            direction.stream.skip(max_ahead, &mut self.shared, tools);
            direction.advance(max_ahead);
            direction.next_seq = segment.seq;
            offset = direction.next;
        }
        direction.ahead.insert((offset, segment.packet), (segment.len, segment.missing));
        direction.read(&mut self.shared, queue, tools);
    }

    /// Waits no longer for what a packet of a direction waits for.
    pub(super) fn give_up(
        &mut self,
        direction: usize,
        packet: PacketId,
        queue: &mut Queue,
        tools: &mut Tools,
    ) {
        if let Some(Some(direction)) = self.directions.get_mut(direction) {
            direction.give_up(packet, &mut self.shared, queue, tools);
        }
    }

    /// Waits no longer for anything.
    pub(super) fn give_up_all(&mut self, queue: &mut Queue, tools: &mut Tools) {
        for direction in self.directions.iter_mut().flatten() {
            while let Some(packet) = direction.waiting() {
                direction.give_up(packet, &mut self.shared, queue, tools);
            }
        }
    }

    /// Whether packets wait.
    pub(super) fn is_waiting(&self) -> bool {
        self.directions.iter().flatten().any(|direction| direction.waiting().is_some())
    }

    /// Forgets the bytes for packets that are sent again.
    pub(super) fn forget(&mut self) {
        for direction in self.directions.iter_mut().flatten().filter(|direction| direction.read.is_empty()) {
            direction.stream.forget();
        }
    }

    /// Returns the growth of the allocated memory since the last call, in bytes.
    pub(super) fn growth(&mut self) -> isize {
        let allocated: usize =
            self.directions.iter().flatten().map(|direction| direction.stream.output().allocated()).sum();
        let growth = allocated.cast_signed() - self.allocated.cast_signed();
        self.allocated = allocated;
        growth
    }
}
