//! Records that wait for their secrets: those of both directions in one queue, so that the order
//! between client and server is kept.

use std::collections::VecDeque;

use bytes::Bytes;

use super::record::Record;
use crate::base::{Degraded, End, Ending, Origin, limits, units};

/// What one direction of a connection yields, before decryption.
#[derive(Debug)]
pub(super) enum Event {
    /// A record.
    Record(Record),
    /// Records are missing, `records` at most.
    Gap { records: u64, why: Degraded, at: Origin },
    /// The direction ended.
    Eof { how: Ending<End>, at: Origin },
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    events: VecDeque<(End, Event)>,
    bytes: usize,
    /// The packet that completed the first record that had to wait.
    since: Option<Origin>,
}

impl Waiting {
    /// Adds an event.
    pub(super) fn push(&mut self, from: End, event: Event) {
        let event = match event {
            Event::Record(record) => {
                self.bytes += record.header.record_len();
                self.since.get_or_insert(record.span.end);
                // It must not keep a block of the capture in memory.
                let body = Bytes::copy_from_slice(&record.body);
                Event::Record(Record { body, ..record })
            }
            event => event,
        };
        self.events.push_back((from, event));
    }

    /// Returns the oldest event to its place.
    pub(super) fn push_front(&mut self, from: End, event: Event) {
        if let Event::Record(record) = &event {
            self.bytes += record.header.record_len();
        }
        self.events.push_front((from, event));
    }

    /// Takes the oldest event.
    pub(super) fn pop(&mut self) -> Option<(End, Event)> {
        let next = self.events.pop_front();
        if let Some((_, Event::Record(record))) = &next {
            self.bytes -= record.header.record_len();
        }
        if self.events.is_empty() {
            self.events = VecDeque::new();
        }
        next
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Returns the number of bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the packet since which records wait.
    pub(super) fn since(&self) -> Option<Origin> {
        self.since
    }

    /// Returns why waiting is over at packet `now`; `None` if it goes on.
    pub(super) fn is_over(&self, now: Origin) -> Option<String> {
        let since = self.since.filter(|_| !self.is_empty())?;
        if self.bytes > limits::MAX_UNDECRYPTED {
            let bytes = units::bytes(limits::MAX_UNDECRYPTED as u64);
            return Some(format!("{bytes} of records waited for it"));
        }
        let waited = now.time.since(since.time);
        (waited > limits::SECRETS_WAIT)
            .then(|| format!("records waited {} for it", units::duration(limits::SECRETS_WAIT)))
    }
}
