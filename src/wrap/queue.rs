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
                Self::Skipped(..) | Self::Taken(..) | Self::Closed(_) | Self::Reset(_) => 0,
            }
    }
}

/// What is in the queue.
#[derive(Debug, Default)]
struct Contents {
    events: VecDeque<(Timestamp, Event)>,
    /// Their cost, in bytes.
    held: usize,
    /// Bytes of client and server that found no room, since the last event of theirs.
    skipped: [u64; 2],
    /// Bytes that client and server sent in all, and that the other one took.
    totals: [u64; 2],
    /// Nothing more comes.
    is_closed: bool,
    /// The recorder takes nothing more.
    is_abandoned: bool,
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
            *count(&mut contents.skipped, side) += bytes.len() as u64;
            return;
        }
        self.put(contents, Event::Data(side, bytes.to_vec()));
    }

    /// The other side took `len` more bytes of `side`.
    pub(super) fn taken(&self, side: Side, len: usize) {
        let mut contents = self.lock();
        let total = count(&mut contents.totals, side);
        *total += len as u64;
        let total = *total;
        self.put(contents, Event::Taken(side, total));
    }

    /// Something else happened.
    pub(super) fn push(&self, event: Event) {
        let contents = self.lock();
        let is_text = matches!(event, Event::Error(_));
        if is_text && contents.held + event.cost() > limits::MAX_LIVE_QUEUE {
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
            let len = std::mem::take(count(&mut contents.skipped, side));
            if len > 0 {
                contents.held += EVENT_COST;
                contents.events.push_back((now, Event::Skipped(side, len)));
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
        contents.held += event.cost();
        contents.events.push_back((now, event));
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
        loop {
            if !contents.events.is_empty() {
                contents.held = 0;
                return Some(std::mem::take(&mut contents.events));
            }
            if contents.is_closed {
                return None;
            }
            contents = self.changed.wait(contents).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn count([client, server]: &mut [u64; 2], side: Side) -> &mut u64 {
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
