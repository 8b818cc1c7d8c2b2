//! The connections of a shard that wait for secrets, found by the name that key logs have for them:
//! a capture may have as many secrets blocks as connections.

use std::collections::{BTreeSet, HashMap};

use foldhash::fast::RandomState;

use crate::base::limits;
use crate::tls::{ClientRandom, Line};

/// Slots of connections that wait.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    by_random: HashMap<ClientRandom, BTreeSet<u32>, RandomState>,
    /// Those whose ClientHello was not captured: any secret may be theirs.
    unnamed: BTreeSet<u32>,
    /// Bytes that wait.
    bytes: usize,
}

/// How a connection is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// Its bytes that wait.
    pub(super) bytes: usize,
    /// Its name, if secrets may still be of use: `Some(None)` if it has none.
    pub(super) waits_for: Option<Option<ClientRandom>>,
}

impl Waiting {
    /// Counts the connection in `slot` as `now`, and no longer as `before`.
    pub(super) fn count(&mut self, slot: u32, before: Counted, now: Counted) {
        self.bytes = self.bytes - before.bytes + now.bytes;
        if before.waits_for == now.waits_for {
            return;
        }
        match before.waits_for {
            Some(Some(random)) => {
                if let Some(slots) = self.by_random.get_mut(&random) {
                    slots.remove(&slot);
                    if slots.is_empty() {
                        self.by_random.remove(&random);
                    }
                }
            }
            Some(None) => drop(self.unnamed.remove(&slot)),
            None => {}
        }
        match now.waits_for {
            Some(Some(random)) => drop(self.by_random.entry(random).or_default().insert(slot)),
            Some(None) => drop(self.unnamed.insert(slot)),
            None => {}
        }
    }

    /// Returns the next slot, from `from` on, of a connection that these secrets may open.
    pub(super) fn next(&self, from: u32, secrets: &BTreeSet<ClientRandom>) -> Option<u32> {
        let named = secrets.iter().filter_map(|random| self.by_random.get(random));
        named.chain([&self.unnamed]).filter_map(|slots| slots.range(from..).next().copied()).min()
    }

    /// Returns whether more waits than may.
    pub(super) fn is_full(&self) -> bool {
        self.bytes > limits::MAX_UNDECRYPTED_PER_SHARD
    }
}

/// Returns the connections that lines of a key log are about.
pub(super) fn connections(lines: &[Line]) -> BTreeSet<ClientRandom> {
    lines.iter().map(|line| line.random).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(random: Option<u8>) -> Counted {
        Counted { bytes: 5, waits_for: Some(random.map(|random| ClientRandom([random; 32]))) }
    }

    /// The slots that secrets of these connections may open.
    fn found(waiting: &Waiting, secrets: &[u8]) -> Vec<u32> {
        let secrets = secrets.iter().map(|random| ClientRandom([*random; 32])).collect();
        let mut slots = Vec::new();
        while let Some(slot) = waiting.next(slots.last().map_or(0, |slot| slot + 1), &secrets) {
            slots.push(slot);
        }
        slots
    }

    #[test]
    fn secrets_find_their_connections() {
        let mut waiting = Waiting::default();
        // Two legs of a mirrored connection have one name.
        for (slot, random) in [(3, Some(1)), (1, Some(2)), (7, Some(1)), (5, None)] {
            waiting.count(slot, Counted::default(), counted(random));
        }
        assert_eq!(found(&waiting, &[1]), [3, 5, 7]);
        assert_eq!(found(&waiting, &[1, 2, 9]), [1, 3, 5, 7]);
        assert_eq!(found(&waiting, &[9]), [5]);
        waiting.count(5, counted(None), counted(Some(9)));
        waiting.count(3, counted(Some(1)), Counted::default());
        assert_eq!((found(&waiting, &[9]), found(&waiting, &[1])), (vec![5], vec![7]));
        assert_eq!(waiting.bytes, 15);
        for (slot, random) in [(1, 2), (7, 1), (5, 9)] {
            waiting.count(slot, counted(Some(random)), Counted::default());
        }
        assert!(waiting.by_random.is_empty() && waiting.unnamed.is_empty() && waiting.bytes == 0);
    }
}
