//! Bounded queue of packet blocks from the reader to the analysis. Sending never blocks.
//!
//! ```text
//!  reader ─▶ │ block │ block │ 37 missing │ block │ time │ ─▶ Live
//!            └──────── at most MAX_LIVE_QUEUE ────────────┘
//!                              └ position of the missing packets
//! ```
//!
//! With `-w` there are two queues, with the [`super::saver`] between them: packets that do not fit
//! into the second one are in the file.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use bytes::Bytes;

use super::counts::Counts;
use crate::base::fact::{Loser, Losses};
use crate::base::{Timestamp, limits};

/// Time and lengths of a packet of a block. Its bytes follow those of the previous packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PacketMeta {
    pub(super) time: Timestamp,
    /// Captured length in bytes.
    pub(super) captured: u32,
    /// Original length in bytes.
    pub(super) original: u32,
}

/// An entry of the queue.
#[derive(Debug)]
pub(super) enum QueueItem {
    /// Packets.
    Block { packets_meta: Vec<PacketMeta>, data: Bytes },
    /// Packets are missing here.
    Missing(Missing),
    /// Every packet from before this time was sent.
    Time(Timestamp),
    /// The capture ended. Has a message unless the end was requested.
    End(Option<String>),
}

/// Numbers of packets that were not queued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Missing {
    /// Lost packets.
    pub(super) lost: Losses,
    /// Packets written to a file but not queued; the numbers of later packets count them.
    pub(super) saved: u64,
}

/// What happens to packets that do not fit into the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overflow {
    /// They are lost.
    Drop,
    /// They are in a file already, and are not analysed.
    SavedOnly,
}

/// Approximate cost of an entry besides its packets, in bytes: its slot and two allocations.
const MESSAGE_OVERHEAD: usize = 256;

/// Creates a queue of at most `capacity` bytes.
pub(super) fn queue(capacity: usize, counts: Counts, overflow: Overflow) -> (Sender, Receiver) {
    let (to, from) = mpsc::channel();
    let held = Arc::new(AtomicUsize::new(0));
    let sender = Sender {
        to,
        held: Arc::clone(&held),
        capacity,
        overflow,
        unreported: Missing::default(),
        counts,
        is_closed: false,
    };
    (sender, Receiver { from, held, taken: 0 })
}

/// Capacity of the queue of a live capture, in bytes.
pub(super) const CAPACITY: usize = limits::MAX_LIVE_QUEUE;

/// Sending end.
pub(super) struct Sender {
    to: mpsc::Sender<(QueueItem, usize)>,
    /// Bytes in the queue.
    held: Arc<AtomicUsize>,
    capacity: usize,
    overflow: Overflow,
    /// Missing packets not reported yet because the queue is full.
    unreported: Missing,
    counts: Counts,
    is_closed: bool,
}

impl Sender {
    /// Sends a block. If the queue is full its packets are counted as missing.
    pub(super) fn push(&mut self, packets_meta: Vec<PacketMeta>, data: Bytes) {
        let packets = packets_meta.len() as u64;
        let cost = data.len() + packets_meta.capacity() * size_of::<PacketMeta>();
        // Reserves space for the losses too: otherwise each lost block would get an entry.
        if !self.has_room(cost + 2 * MESSAGE_OVERHEAD) {
            match self.overflow {
                Overflow::Drop => {
                    self.counts.add_mcpdump(packets);
                    self.unreported.lost.add(Loser::Mcpdump, packets);
                }
                Overflow::SavedOnly => {
                    self.counts.add_kept_only(packets);
                    self.unreported.saved = self.unreported.saved.saturating_add(packets);
                }
            }
            return;
        }
        self.flush_missing();
        self.send(QueueItem::Block { packets_meta, data }, cost + MESSAGE_OVERHEAD);
    }

    /// Returns how many bytes still fit.
    pub(super) fn room(&self) -> usize {
        self.capacity.saturating_sub(self.held.load(Ordering::Acquire))
    }

    /// Reports lost packets at this position of the queue.
    pub(super) fn lose(&mut self, by: Loser, packets: u64) {
        self.unreported.lost.add(by, packets);
        self.flush_missing();
    }

    /// Reports missing packets at this position of the queue.
    pub(super) fn miss(&mut self, missing: Missing) {
        for by in Loser::ALL {
            self.unreported.lost.add(by, missing.lost.by(by));
        }
        self.unreported.saved = self.unreported.saved.saturating_add(missing.saved);
        self.flush_missing();
    }

    /// Reports that every packet from before `time` was sent. Skipped if the queue is full: the
    /// time matters only in silence.
    pub(super) fn time(&mut self, time: Timestamp) {
        if self.flush_missing() {
            self.try_send(QueueItem::Time(time));
        }
    }

    /// Ends the queue. The end and the last missing packets are sent even if the queue is full.
    pub(super) fn end(mut self, why: Option<String>) {
        if self.unreported != Missing::default() {
            self.send(QueueItem::Missing(self.unreported), 0);
        }
        self.send(QueueItem::End(why), 0);
    }

    /// Whether the receiver is gone.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Reports missing packets. Returns false if the queue is full.
    fn flush_missing(&mut self) -> bool {
        let is_sent =
            self.unreported == Missing::default() || self.try_send(QueueItem::Missing(self.unreported));
        if is_sent {
            self.unreported = Missing::default();
        }
        is_sent
    }

    fn try_send(&mut self, message: QueueItem) -> bool {
        let fits = self.has_room(MESSAGE_OVERHEAD);
        if fits {
            self.send(message, MESSAGE_OVERHEAD);
        }
        fits
    }

    fn has_room(&self, cost: usize) -> bool {
        cost <= self.room()
    }

    fn send(&mut self, message: QueueItem, cost: usize) {
        self.held.fetch_add(cost, Ordering::AcqRel);
        self.is_closed |= self.to.send((message, cost)).is_err();
    }
}

/// Receiving end.
pub(super) struct Receiver {
    from: mpsc::Receiver<(QueueItem, usize)>,
    held: Arc<AtomicUsize>,
    /// Cost of the last entry received, which is in use until the next call.
    taken: usize,
}

impl Receiver {
    /// Waits for the next entry; `None` if the sender is gone without an end.
    pub(super) fn recv(&mut self) -> Option<QueueItem> {
        self.held.fetch_sub(std::mem::take(&mut self.taken), Ordering::AcqRel);
        let (message, cost) = self.from.recv().ok()?;
        self.taken = cost;
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(packets: usize, bytes: usize) -> (Vec<PacketMeta>, Bytes) {
        let head = PacketMeta { time: Timestamp(1), captured: 1, original: 1 };
        (vec![head; packets], Bytes::from(vec![0; bytes]))
    }

    /// Entries of the queue, formatted.
    fn drain(receiver: &mut Receiver) -> Vec<String> {
        std::iter::from_fn(|| receiver.recv())
            .map(|message| match message {
                QueueItem::Block { packets_meta, .. } => format!("block {}", packets_meta.len()),
                QueueItem::Missing(Missing { lost, saved }) => {
                    format!("lost {}+{} saved {saved}", lost.kernel, lost.mcpdump)
                }
                QueueItem::Time(time) => format!("time {}", time.0),
                QueueItem::End(why) => format!("end {why:?}"),
            })
            .collect()
    }

    #[test]
    fn losses_are_reported_at_their_position() {
        let counts = Counts::default();
        let (mut sender, mut receiver) = queue(10_000, counts.clone(), Overflow::Drop);
        let push = |sender: &mut Sender, packets: usize, bytes: usize| {
            let (packets_meta, data) = block(packets, bytes);
            sender.push(packets_meta, data);
        };
        push(&mut sender, 3, 4_000);
        push(&mut sender, 4, 4_000);
        push(&mut sender, 5, 4_000);
        push(&mut sender, 6, 4_000);
        assert_eq!(counts.dropped_by_mcpdump(), 11);
        // The queue has space again: the losses are reported first.
        assert!(matches!(receiver.recv(), Some(QueueItem::Block { .. })));
        assert!(matches!(receiver.recv(), Some(QueueItem::Block { .. })));
        push(&mut sender, 7, 4_000);
        sender.lose(Loser::Kernel, 2);
        sender.time(Timestamp(9));
        sender.end(None);
        let entries = drain(&mut receiver);
        assert_eq!(entries, ["lost 0+11 saved 0", "block 7", "lost 2+0 saved 0", "time 9", "end None"]);
        assert_eq!((counts.lost(), receiver.held.load(Ordering::Relaxed)), (11, 0));
    }

    #[test]
    fn a_full_queue_still_ends_and_reports_losses() {
        let (mut sender, mut receiver) = queue(2_000, Counts::default(), Overflow::Drop);
        let (packets_meta, data) = block(1, 1_000);
        sender.push(packets_meta, data);
        let (packets_meta, data) = block(2, 1_000);
        sender.push(packets_meta, data);
        sender.lose(Loser::Kernel, 5);
        sender.time(Timestamp(1));
        sender.end(Some("gone".into()));
        assert_eq!(drain(&mut receiver), ["block 1", "lost 5+2 saved 0", "time 1", "end Some(\"gone\")"]);
    }

    #[test]
    fn saved_packets_are_not_lost() {
        let counts = Counts::default();
        let (mut sender, mut receiver) = queue(2_000, counts.clone(), Overflow::SavedOnly);
        for packets in [1, 2, 3] {
            let (packets_meta, data) = block(packets, 1_000);
            sender.push(packets_meta, data);
        }
        sender.end(None);
        assert_eq!(drain(&mut receiver), ["block 1", "lost 0+0 saved 5", "end None"]);
        assert_eq!((counts.lost(), counts.saved_only()), (0, 5));
    }

    #[test]
    fn a_sender_knows_that_the_receiver_is_gone() {
        let (mut sender, receiver) = queue(2_000, Counts::default(), Overflow::Drop);
        drop(receiver);
        sender.time(Timestamp(1));
        assert!(sender.is_closed());
    }
}
