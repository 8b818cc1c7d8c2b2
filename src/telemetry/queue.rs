//! The queue between the analysis and the thread that sends.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::totals::{Count, Totals};
use crate::export::otlp::{Piece, Signal};

/// Bytes that wait, at most.
const MAX_WAITING: usize = 8 << 20;

/// Messages of one request, and their bytes, at most. Collectors take 20 MiB by default.
const MAX_BATCH: usize = 512;
const MAX_BATCH_BYTES: usize = 2 << 20;

/// What happens when the queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The reader waits: a file loses nothing.
    Waits,
    /// New messages are left out and counted: a live capture does not wait.
    Drops,
}

/// Messages of one signal that go into one request.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) signal: Signal,
    pub(super) pieces: Vec<Piece>,
}

impl Batch {
    /// The number of spans, data points or log records.
    pub(super) fn count(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.count).sum()
    }
}

/// The queue. Both threads have a handle.
#[derive(Clone, Debug)]
pub(super) struct Queue(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    when_full: When,
}

#[derive(Debug, Default)]
struct State {
    waiting: [VecDeque<Piece>; Signal::ALL.len()],
    bytes: usize,
    /// Nothing more will be pushed.
    is_closed: bool,
    /// Nothing more will be taken.
    is_over: bool,
    /// The signal whose turn it was last.
    turn: usize,
    totals: Totals,
}

impl Queue {
    pub(super) fn new(when_full: When) -> Self {
        Self(Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), when_full }))
    }

    /// Appends a message. If the queue is full, waits or leaves it out.
    ///
    /// # Errors
    /// Nothing more is taken, and nothing may be left out.
    pub(super) fn push(&self, piece: Piece) -> io::Result<()> {
        let Shared { changed, when_full, .. } = &*self.0;
        let mut state = self.state();
        while state.is_full(&piece) && !state.is_over && *when_full == When::Waits {
            state = changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.is_over && *when_full == When::Waits {
            state.totals.failed.add(piece.signal, piece.count);
            return Err(io::Error::other("the collector does not take it"));
        }
        if state.is_over || state.is_full(&piece) {
            state.totals.dropped.add(piece.signal, piece.count);
            return Ok(());
        }
        state.bytes += piece.bytes.len();
        if let Some(waiting) = state.waiting.get_mut(piece.signal as usize) {
            waiting.push_back(piece);
        }
        changed.notify_all();
        Ok(())
    }

    /// Waits for messages, then for more of them up to `patience`, and takes those of one signal.
    /// `None` when the queue is closed and empty.
    pub(super) fn take(&self, patience: Duration) -> Option<Batch> {
        let changed = &self.0.changed;
        let state = self.state();
        let state = changed
            .wait_while(state, |state| state.bytes == 0 && !state.is_closed)
            .unwrap_or_else(PoisonError::into_inner);
        let (mut state, _) = changed
            .wait_timeout_while(state, patience, |state| !state.is_closed && !state.has_batch())
            .unwrap_or_else(PoisonError::into_inner);
        let batch = state.take();
        changed.notify_all();
        batch
    }

    /// Waits until `patience` is over, or the queue is closed.
    pub(super) fn wait_closed(&self, patience: Duration) {
        let waited = self.0.changed.wait_timeout_while(self.state(), patience, |state| !state.is_closed);
        drop(waited);
    }

    /// Nothing more will be pushed.
    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.0.changed.notify_all();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state().is_closed
    }

    /// Nothing more will be taken: what waits is given up, and so is what is pushed from now on.
    pub(super) fn end(&self) {
        let mut state = self.state();
        state.is_over = true;
        while let Some(batch) = state.take() {
            let count = batch.count();
            state.totals.failed.add(batch.signal, count);
        }
        self.0.changed.notify_all();
    }

    pub(super) fn when_full(&self) -> When {
        self.0.when_full
    }

    /// Counts what became of messages.
    pub(super) fn count(&self, signal: Signal, count: u64, pick: impl FnOnce(&mut Totals) -> &mut Count) {
        pick(&mut self.state().totals).add(signal, count);
    }

    pub(super) fn totals(&self) -> Totals {
        self.state().totals
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A message that is larger than the queue may wait alone.
    fn is_full(&self, piece: &Piece) -> bool {
        self.bytes > 0 && self.bytes + piece.bytes.len() > MAX_WAITING
    }

    fn has_batch(&self) -> bool {
        self.bytes >= MAX_BATCH_BYTES || self.waiting.iter().any(|waiting| waiting.len() >= MAX_BATCH)
    }

    /// Takes messages of the next signal that has some.
    fn take(&mut self) -> Option<Batch> {
        let signals = Signal::ALL.len();
        let found = (1..=signals)
            .map(|step| (self.turn + step) % signals)
            .find(|at| self.waiting.get(*at).is_some_and(|waiting| !waiting.is_empty()))?;
        self.turn = found;
        let (waiting, signal) = (self.waiting.get_mut(found)?, *Signal::ALL.get(found)?);
        let (mut pieces, mut bytes) = (Vec::new(), 0);
        while let Some(piece) = waiting.pop_front_if(|piece| {
            pieces.is_empty() || (pieces.len() < MAX_BATCH && bytes + piece.bytes.len() <= MAX_BATCH_BYTES)
        }) {
            bytes += piece.bytes.len();
            pieces.push(piece);
        }
        self.bytes -= bytes;
        Some(Batch { signal, pieces })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(signal: Signal, len: usize) -> Piece {
        Piece { signal, count: 1, bytes: vec![0; len] }
    }

    #[test]
    fn a_full_queue_drops_and_counts() {
        let queue = Queue::new(When::Drops);
        for _ in 0..10 {
            queue.push(piece(Signal::Traces, MAX_WAITING / 8)).unwrap();
        }
        assert_eq!(queue.totals().dropped.of(Signal::Traces), 2);
        queue.close();
        let mut taken = 0;
        while let Some(batch) = queue.take(Duration::ZERO) {
            taken += batch.count();
        }
        assert_eq!(taken, 8);
    }

    #[test]
    fn a_full_queue_may_wait() {
        let queue = Queue::new(When::Waits);
        let pushing = queue.clone();
        let thread = std::thread::spawn(move || {
            (0..40).try_for_each(|_| pushing.push(piece(Signal::Logs, MAX_WAITING / 8))).unwrap();
            pushing.close();
        });
        let mut taken = 0;
        while let Some(batch) = queue.take(Duration::ZERO) {
            taken += batch.count();
        }
        thread.join().unwrap();
        assert_eq!((taken, queue.totals().lost()), (40, 0));
    }

    /// One signal does not hold another.
    #[test]
    fn signals_take_turns() {
        let queue = Queue::new(When::Drops);
        for _ in 0..2 * MAX_BATCH {
            queue.push(piece(Signal::Traces, 1)).unwrap();
        }
        queue.push(piece(Signal::Logs, 1)).unwrap();
        queue.close();
        let mut batches = Vec::new();
        while let Some(batch) = queue.take(Duration::ZERO) {
            batches.push((batch.signal, batch.count()));
        }
        assert_eq!(batches.len(), 3);
        assert_ne!(batches[2].0, Signal::Logs, "{batches:?}");
    }

    #[test]
    fn what_is_pushed_to_a_queue_that_is_over_is_an_error_or_counted() {
        for when in [When::Waits, When::Drops] {
            let queue = Queue::new(when);
            queue.push(piece(Signal::Logs, 1)).unwrap();
            queue.end();
            assert_eq!(queue.push(piece(Signal::Logs, 1)).is_err(), when == When::Waits);
            assert_eq!(queue.totals().lost(), 2);
        }
    }
}
