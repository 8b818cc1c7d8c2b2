//! A bounded queue from the pumps to the recorder. Putting something into it never waits.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::base::{Side, Timestamp, limits};

/// Cost of an event beside its bytes: its place and an allocation.
const EVENT_COST: usize = 128;

/// Something that passed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// This side sent bytes.
    Data(Side, Vec<u8>),
    /// This side sent bytes that found no room in the queue.
    Skipped(Side, u64),
    /// The other side took what this side sent, up to this number of bytes in all.
    Taken(Side, u64),
    /// This side sends nothing more.
    Closed(Side),
    /// This side broke off.
    Reset(Side),
    /// The client closed the pipe that it reads. It may still send.
    NoReader,
    /// Text of standard error.
    Error(Vec<u8>),
    /// A remark of the wrap itself.
    Remark(String),
}

impl Event {
    fn cost(&self) -> usize {
        EVENT_COST
            + match self {
                Self::Data(_, bytes) | Self::Error(bytes) => bytes.len(),
                Self::Remark(text) => text.len(),
                Self::Skipped(..) | Self::Taken(..) | Self::Closed(_) | Self::Reset(_) | Self::NoReader => 0,
            }
    }
}

/// What is in the queue.
#[derive(Debug, Default)]
struct Contents {
    events: VecDeque<(Timestamp, Event)>,
    /// Their cost, in bytes, and that of the events that the recorder is writing.
    held: usize,
    /// Cost of the events that the recorder is writing, in bytes.
    in_progress: usize,
    /// Bytes of client and server that found no room, since the last event of theirs.
    skipped: [u64; 2],
    /// Bytes that client and server sent in all, and that the other one took.
    totals: [u64; 2],
    /// Whether a total of client and server found no room: the next event carries it.
    is_total_due: [bool; 2],
    /// Nothing more comes.
    is_closed: bool,
    /// The recorder takes nothing more.
    is_abandoned: bool,
}

impl Contents {
    fn has_room(&self, event: &Event) -> bool {
        self.held + event.cost() <= limits::MAX_LIVE_QUEUE
    }

    fn add(&mut self, now: Timestamp, event: Event) {
        self.held += event.cost();
        self.events.push_back((now, event));
    }
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Queue {
    contents: Mutex<Contents>,
    /// Something was put in, or the queue was closed.
    changed: Condvar,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Contents> {
        // No thread panics while it holds the lock; the contents are whole in any case.
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `side` sent bytes. If there is no room they are counted only.
    pub(super) fn data(&self, side: Side, bytes: &[u8]) {
        let mut contents = self.lock();
        if contents.held + bytes.len() > limits::MAX_LIVE_QUEUE || contents.is_abandoned {
            *of(&mut contents.skipped, side) += bytes.len() as u64;
            return;
        }
        self.put(contents, Event::Data(side, bytes.to_vec()));
    }

    /// The other side took `len` more bytes of `side`.
    pub(super) fn taken(&self, side: Side, len: usize) {
        let mut contents = self.lock();
        let total = of(&mut contents.totals, side);
        *total += len as u64;
        let event = Event::Taken(side, *total);
        if contents.has_room(&event) {
            self.put(contents, event);
        } else {
            *of(&mut contents.is_total_due, side) = true;
        }
    }

    /// Something else happened. Text is dropped if there is no room.
    pub(super) fn push(&self, event: Event) {
        let contents = self.lock();
        let is_text = matches!(event, Event::Error(_) | Event::Remark(_));
        if is_text && !contents.has_room(&event) {
            return;
        }
        self.put(contents, event);
    }

    /// Puts an event in, and what was skipped before it.
    fn put(&self, mut contents: MutexGuard<'_, Contents>, event: Event) {
        if contents.is_abandoned {
            return;
        }
        // Within the lock: the queue is in the order of time.
        let now = now();
        for side in Side::BOTH {
            let len = std::mem::take(of(&mut contents.skipped, side));
            if len > 0 {
                contents.add(now, Event::Skipped(side, len));
            }
            if std::mem::take(of(&mut contents.is_total_due, side)) {
                let total = *of(&mut contents.totals, side);
                contents.add(now, Event::Taken(side, total));
            }
        }
        let event = match (contents.events.back_mut(), event) {
            // While the recorder waits for a disk, events that carry nothing need not pile up.
            (Some((_, Event::Taken(last, total))), Event::Taken(side, more)) if *last == side => {
                *total = more;
                return;
            }
            (_, event) => event,
        };
        contents.add(now, event);
        drop(contents);
        self.changed.notify_one();
    }

    /// Nothing more comes.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_one();
    }

    /// The recorder takes nothing more: what comes is dropped.
    pub(super) fn abandon(&self) {
        let mut contents = self.lock();
        contents.is_abandoned = true;
        contents.events = VecDeque::new();
    }

    /// Waits for events and takes all of them; `None` when the queue is closed and empty.
    pub(super) fn take(&self) -> Option<VecDeque<(Timestamp, Event)>> {
        let mut contents = self.lock();
        // The recorder is done with what it took last.
        contents.held -= std::mem::take(&mut contents.in_progress);
        loop {
            if !contents.events.is_empty() {
                contents.in_progress = contents.held;
                return Some(std::mem::take(&mut contents.events));
            }
            if contents.is_closed {
                return None;
            }
            contents = self.changed.wait(contents).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn of<T>([client, server]: &mut [T; 2], side: Side) -> &mut T {
    match side {
        Side::Client => client,
        Side::Server => server,
    }
}

/// The time of day, as packet times are counted.
#[expect(clippy::disallowed_methods, reason = "the time at which bytes pass is the time of their packet")]
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(queue: &Queue) -> Vec<Event> {
        queue.close();
        queue.take().unwrap_or_default().into_iter().map(|(_, event)| event).collect()
    }

    #[test]
    fn a_full_queue_counts_what_it_drops() {
        let queue = Queue::default();
        let piece = vec![7; 1 << 20];
        for _ in 0..40 {
            queue.data(Side::Server, &piece);
        }
        queue.push(Event::Error(vec![1; 1 << 20]));
        queue.taken(Side::Server, 40 << 20);
        queue.taken(Side::Server, 1);
        let events = events(&queue);
        let kept = events.iter().filter(|event| matches!(event, Event::Data(..))).count();
        assert!(kept > 10 && kept < 17, "{kept}");
        let skipped = (40 - kept as u64) << 20;
        let rest = [Event::Skipped(Side::Server, skipped), Event::Taken(Side::Server, (40 << 20) + 1)];
        assert_eq!(events[kept..], rest);
    }

    /// Acknowledgements and remarks are bounded, too, and the last total arrives.
    #[test]
    fn events_without_bytes_are_bounded() {
        let queue = Queue::default();
        for _ in 0..500_000 {
            queue.taken(Side::Server, 1);
            queue.taken(Side::Client, 1);
        }
        for number in 0..1000 {
            queue.data(Side::Client, b"x");
            queue.push(Event::Remark(format!("remark {number}")));
        }
        queue.push(Event::Closed(Side::Server));
        let events = events(&queue);
        assert!(events.len() <= limits::MAX_LIVE_QUEUE / EVENT_COST + 4, "{}", events.len());
        let last = [
            Event::Skipped(Side::Client, 1000),
            Event::Taken(Side::Client, 500_000),
            Event::Taken(Side::Server, 500_000),
            Event::Closed(Side::Server),
        ];
        assert_eq!(events[events.len() - 4..], last);
    }

    /// What the recorder took is still in memory until it takes the next events.
    #[test]
    fn events_that_are_written_count() {
        let queue = Queue::default();
        let piece = vec![7; limits::MAX_LIVE_QUEUE - 2 * EVENT_COST];
        queue.data(Side::Server, &piece);
        assert_eq!(queue.take().unwrap().len(), 1);
        queue.data(Side::Server, &piece);
        queue.taken(Side::Server, 1);
        assert_eq!(queue.take().unwrap().len(), 2, "what was skipped, and the total");
        queue.data(Side::Server, &piece);
        assert!(matches!(events(&queue)[..], [Event::Data(..)]));
    }

    #[test]
    fn what_is_abandoned_takes_no_memory() {
        let queue = Queue::default();
        queue.data(Side::Client, b"x");
        queue.abandon();
        queue.data(Side::Client, b"y");
        queue.push(Event::Closed(Side::Client));
        assert_eq!(events(&queue), []);
    }
}
