//! Entries on their way from the analysis to the TUI, bounded in bytes.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::base::Fact;
use crate::ledger::Entry;

/// Bytes that may be on their way at one time. A batch with more goes alone.
const MOST: usize = 4 << 20;

/// Memory of an entry beside a payload, in bytes.
const ENTRY: usize = 512;

/// What is on its way: the sender's end of it.
#[derive(Clone, Debug, Default)]
pub struct InFlight(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    bytes: Mutex<usize>,
    has_less: Condvar,
}

/// Entries that are on their way until they are dropped.
#[derive(Debug)]
pub struct Batch {
    entries: Vec<Entry>,
    claim: Option<Claim>,
}

/// The bytes of a batch.
#[derive(Debug)]
pub(super) struct Claim {
    shared: Arc<Shared>,
    bytes: usize,
}

impl InFlight {
    /// Sends entries on their way, when there is room for them. Waits for the batches before them
    /// to be dropped.
    #[must_use]
    pub fn batch(&self, entries: Vec<Entry>) -> Batch {
        let bytes = entries.iter().map(|entry| payload_len(entry) + ENTRY).sum::<usize>();
        let shared = Arc::clone(&self.0);
        let is_full = |on_their_way: &mut usize| *on_their_way > 0 && *on_their_way + bytes > MOST;
        let held = shared.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut held = shared.has_less.wait_while(held, is_full).unwrap_or_else(PoisonError::into_inner);
        *held += bytes;
        drop(held);
        Batch { entries, claim: Some(Claim { shared, bytes }) }
    }
}

/// A batch whose bytes are not counted.
impl From<Vec<Entry>> for Batch {
    fn from(entries: Vec<Entry>) -> Self {
        Self { entries, claim: None }
    }
}

impl Batch {
    /// Returns the entries, and the claim that ends when they have arrived.
    pub(super) fn open(self) -> (Vec<Entry>, Option<Claim>) {
        (self.entries, self.claim)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        *self.shared.bytes.lock().unwrap_or_else(PoisonError::into_inner) -= self.bytes;
        self.shared.has_less.notify_one();
    }
}

/// Returns the length of a payload; 0 for another entry.
#[must_use]
pub fn payload_len(entry: &Entry) -> usize {
    if let Entry::Fact(Fact::Payload(payload)) = entry { payload.bytes.len() } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(bytes: usize) -> Vec<Entry> {
        vec![Entry::Fact(Fact::Capture(Box::default())); bytes / ENTRY]
    }

    #[test]
    fn a_batch_waits_until_there_is_room_for_it() {
        let in_flight = InFlight::default();
        let first = in_flight.batch(entries(2 * MOST));
        let (sender, (sent, received)) = (in_flight.clone(), std::sync::mpsc::sync_channel(1));
        let waiting = std::thread::spawn(move || sent.send(sender.batch(entries(MOST / 2))));
        assert!(received.try_recv().is_err());
        drop(first);
        let second = received.recv().unwrap();
        waiting.join().unwrap().unwrap();
        let third = in_flight.batch(entries(MOST / 2));
        assert_eq!(*in_flight.0.bytes.lock().unwrap(), MOST);
        drop((second, third));
        assert_eq!(*in_flight.0.bytes.lock().unwrap(), 0);
    }
}
