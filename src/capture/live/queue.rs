//! Blocks of packets from the reader to the analysis: bounded, and never in the reader's way.
//!
//! ```text
//!  reader ─▶ │ block │ block │ lost 37 │ block │ time │ ─▶ Live
//!            └────── at most MAX_LIVE_QUEUE ───────────┘
//!                              └ where packets are missing: between what came before and what came after them
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use bytes::Bytes;

use super::Counts;
use crate::base::fact::{Loser, Losses};
use crate::base::{Timestamp, limits};

/// A packet of a block. Its bytes follow those of the packet before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) time: Timestamp,
    /// Bytes that were captured.
    pub(super) captured: u32,
    /// Bytes that it had on the wire.
    pub(super) original: u32,
}

/// What goes through the queue.
#[derive(Debug)]
pub(super) enum Message {
    /// Packets.
    Block { heads: Vec<Head>, data: Bytes },
    /// Packets are missing here.
    Lost(Losses),
    /// All packets of before this time were handed on.
    Time(Timestamp),
    /// The capture is over; why, where it was not asked to end.
    End(Option<String>),
}

/// What a message costs beside its packets, in bytes, about: its place in the channel and two allocations.
const OVERHEAD: usize = 256;

/// A queue of at most `capacity` bytes.
pub(super) fn queue(capacity: usize, counts: Counts) -> (Sender, Receiver) {
    let (to, from) = mpsc::channel();
    let held = Arc::new(AtomicUsize::new(0));
    let sender =
        Sender { to, held: Arc::clone(&held), capacity, untold: Losses::default(), counts, is_closed: false };
    (sender, Receiver { from, held, taken: 0 })
}

/// The capacity of the queue of a live capture, in bytes.
pub(super) const CAPACITY: usize = limits::MAX_LIVE_QUEUE;

/// The reader's end.
pub(super) struct Sender {
    to: mpsc::Sender<(Message, usize)>,
    /// Bytes in the queue.
    held: Arc<AtomicUsize>,
    capacity: usize,
    /// Lost, and not told yet because the queue is full.
    untold: Losses,
    counts: Counts,
    is_closed: bool,
}

impl Sender {
    /// Hands on a block; where the queue is full its packets are lost.
    pub(super) fn push(&mut self, heads: Vec<Head>, data: Bytes) {
        let packets = heads.len() as u64;
        let cost = data.len() + heads.capacity() * size_of::<Head>();
        // Room for the losses too: else each lost block would be told in a message of its own.
        if !self.has_room(cost + 2 * OVERHEAD) {
            self.counts.add_mcpdump(packets);
            self.untold.add(Loser::Mcpdump, packets);
            return;
        }
        self.tell();
        self.send(Message::Block { heads, data }, cost + OVERHEAD);
    }

    /// Says that packets were lost, behind everything that was handed on so far.
    pub(super) fn lose(&mut self, by: Loser, packets: u64) {
        self.untold.add(by, packets);
        self.tell();
    }

    /// Says that all packets of before `time` were handed on. Says nothing where the queue is full: there is no silence.
    pub(super) fn time(&mut self, time: Timestamp) {
        if self.tell() {
            self.offer(Message::Time(time));
        }
    }

    /// Ends the queue. This and the last losses are said even where it is full.
    pub(super) fn end(mut self, why: Option<String>) {
        if self.untold != Losses::default() {
            self.send(Message::Lost(self.untold), 0);
        }
        self.send(Message::End(why), 0);
    }

    /// Nobody takes what is handed on.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Tells the losses. False where the queue is too full for it.
    fn tell(&mut self) -> bool {
        let told = self.untold == Losses::default() || self.offer(Message::Lost(self.untold));
        if told {
            self.untold = Losses::default();
        }
        told
    }

    fn offer(&mut self, message: Message) -> bool {
        let fits = self.has_room(OVERHEAD);
        if fits {
            self.send(message, OVERHEAD);
        }
        fits
    }

    fn has_room(&self, cost: usize) -> bool {
        self.held.load(Ordering::Acquire) + cost <= self.capacity
    }

    fn send(&mut self, message: Message, cost: usize) {
        self.held.fetch_add(cost, Ordering::AcqRel);
        self.is_closed |= self.to.send((message, cost)).is_err();
    }
}

/// The end of the analysis.
pub(super) struct Receiver {
    from: mpsc::Receiver<(Message, usize)>,
    held: Arc<AtomicUsize>,
    /// What the message costs that was taken last: it is in use until the next is asked for.
    taken: usize,
}

impl Receiver {
    /// The next message; waits for it. `None` where the reader is gone without a word.
    pub(super) fn take(&mut self) -> Option<Message> {
        self.held.fetch_sub(std::mem::take(&mut self.taken), Ordering::AcqRel);
        let (message, cost) = self.from.recv().ok()?;
        self.taken = cost;
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(packets: usize, bytes: usize) -> (Vec<Head>, Bytes) {
        let head = Head { time: Timestamp(1), captured: 1, original: 1 };
        (vec![head; packets], Bytes::from(vec![0; bytes]))
    }

    /// What is in the queue, in a word each.
    fn drain(receiver: &mut Receiver) -> Vec<String> {
        std::iter::from_fn(|| receiver.take())
            .map(|message| match message {
                Message::Block { heads, .. } => format!("block {}", heads.len()),
                Message::Lost(lost) => format!("lost {}+{}", lost.kernel, lost.mcpdump),
                Message::Time(time) => format!("time {}", time.0),
                Message::End(why) => format!("end {why:?}"),
            })
            .collect()
    }

    #[test]
    fn what_does_not_fit_is_lost_in_its_place() {
        let counts = Counts::default();
        let (mut sender, mut receiver) = queue(10_000, counts.clone());
        let push = |sender: &mut Sender, packets: usize, bytes: usize| {
            let (heads, data) = block(packets, bytes);
            sender.push(heads, data);
        };
        push(&mut sender, 3, 4_000);
        push(&mut sender, 4, 4_000);
        push(&mut sender, 5, 4_000);
        push(&mut sender, 6, 4_000);
        assert_eq!(counts.dropped_by_mcpdump(), 11);
        // Room again, and it is told before anything else goes in.
        assert!(matches!(receiver.take(), Some(Message::Block { .. })));
        assert!(matches!(receiver.take(), Some(Message::Block { .. })));
        push(&mut sender, 7, 4_000);
        sender.lose(Loser::Kernel, 2);
        sender.time(Timestamp(9));
        sender.end(None);
        let told = drain(&mut receiver);
        assert_eq!(told, ["lost 0+11", "block 7", "lost 2+0", "time 9", "end None"]);
        assert_eq!((counts.lost(), receiver.held.load(Ordering::Relaxed)), (11, 0));
    }

    #[test]
    fn a_full_queue_still_ends_and_tells_its_losses() {
        let (mut sender, mut receiver) = queue(2_000, Counts::default());
        let (heads, data) = block(1, 1_000);
        sender.push(heads, data);
        let (heads, data) = block(2, 1_000);
        sender.push(heads, data);
        sender.lose(Loser::Kernel, 5);
        sender.time(Timestamp(1));
        sender.end(Some("gone".into()));
        assert_eq!(drain(&mut receiver), ["block 1", "lost 5+2", "time 1", "end Some(\"gone\")"]);
    }

    #[test]
    fn a_sender_knows_that_nobody_listens() {
        let (mut sender, receiver) = queue(2_000, Counts::default());
        drop(receiver);
        sender.time(Timestamp(1));
        assert!(sender.is_closed());
    }
}
