//! How much is decrypted in vain: a record that may be any of many is tried with many keys and
//! sequence numbers, and whoever sends such records must not keep the processor busy.
//!
//! ```text
//!   Trials of a shard ──an eighth of what is left──▶ TrialBudget of a connection ─▶ one trial
//!        ▲ bytes of traffic                             at most MAX_TRIAL_BYTES in all
//! ```

use std::cell::Cell;

use super::record::Record;
use super::store::KeyStore;
use crate::base::limits;

/// The secrets that were read so far, and the work that may be spent to find the one that fits.
#[derive(Clone, Copy, Debug)]
pub struct Keys<'a> {
    /// The secrets.
    pub store: &'a KeyStore,
    /// The work, shared by the connections of a shard.
    pub trials: &'a Trials,
}

/// Bytes that the connections of a shard may decrypt in vain: see
/// [`limits::MAX_TRIAL_BYTES_PER_SHARD`].
#[derive(Debug)]
pub struct Trials(Cell<u64>);

impl Default for Trials {
    fn default() -> Self {
        Self(Cell::new(limits::MAX_TRIAL_BYTES_PER_SHARD))
    }
}

/// Share of what is left that one connection may spend at a time: others need some, too.
const SHARE: u64 = 8;

/// Cost of one trial on a short record, in bytes: about what it takes beside the decryption.
const MIN_TRIAL: u64 = 128;

impl Trials {
    /// Records of `len` bytes came.
    pub(super) fn earn(&self, len: usize) {
        let earned = limits::TRIAL_BYTES_PER_BYTE.saturating_mul(len as u64);
        self.0.set(self.0.get().saturating_add(earned).min(limits::MAX_TRIAL_BYTES_PER_SHARD));
    }
}

/// Bytes that a connection may still decrypt in vain: see [`limits::MAX_TRIAL_BYTES`].
#[derive(Debug)]
pub(super) struct TrialBudget {
    /// In all.
    left: u64,
    /// Until [`Self::end`].
    allowed: u64,
    /// Since [`Self::begin`].
    spent: u64,
}

impl Default for TrialBudget {
    fn default() -> Self {
        Self { left: limits::MAX_TRIAL_BYTES, allowed: 0, spent: 0 }
    }
}

impl TrialBudget {
    /// Takes what `trials` allow until [`Self::end`].
    pub(super) fn begin(&mut self, trials: &Trials) {
        self.allowed = self.left.min(trials.0.get() / SHARE);
        self.spent = 0;
    }

    /// Takes what was spent from the connection and from `trials`.
    pub(super) fn end(&mut self, trials: &Trials) {
        self.left = self.left.saturating_sub(self.spent);
        trials.0.set(trials.0.get().saturating_sub(self.spent));
        (self.allowed, self.spent) = (0, 0);
    }

    /// Spends a record; false if nothing is left.
    pub(super) fn spend(&mut self, record: &Record) -> bool {
        let cost = MIN_TRIAL.max(record.header.record_len() as u64);
        let left = self.allowed.checked_sub(cost);
        self.spent += if left.is_some() { cost } else { self.allowed };
        self.allowed = left.unwrap_or(0);
        left.is_some()
    }

    /// Returns whether nothing is left.
    pub(super) fn is_spent(&self) -> bool {
        self.allowed == 0
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::record::Next;
    use super::super::record::Records;
    use super::*;
    use crate::base::{Origin, Span};

    fn record() -> Record {
        let mut records = Records::default();
        let bytes = [&[23, 3, 3, 4, 0][..], &[0; 1024]].concat();
        records.push(Bytes::from(bytes), Span::of(Origin::new(1, 1)));
        match records.next() {
            Some(Next::Record(record)) => record,
            other => panic!("{other:?}"),
        }
    }

    /// Spends as much as one call may.
    fn spend(budget: &mut TrialBudget, trials: &Trials) -> u64 {
        let (record, before) = (record(), trials.0.get());
        budget.begin(trials);
        while budget.spend(&record) {}
        budget.end(trials);
        before - trials.0.get()
    }

    #[test]
    fn all_connections_together_spend_what_the_shard_allows() {
        let (trials, mut spent, mut last) = (Trials::default(), 0, 0);
        for _ in 0..100_000 {
            last = spend(&mut TrialBudget::default(), &trials);
            assert!(last <= limits::MAX_TRIAL_BYTES);
            spent += last;
        }
        assert!(spent <= limits::MAX_TRIAL_BYTES_PER_SHARD && last == 0, "{spent} {last}");
        // Traffic pays for more.
        trials.earn(1 << 20);
        assert!(spend(&mut TrialBudget::default(), &trials) > 1 << 20);
    }

    #[test]
    fn a_connection_spends_its_own_once() {
        let (trials, mut budget, mut spent) = (Trials::default(), TrialBudget::default(), 0);
        for _ in 0..100 {
            trials.earn(1 << 30);
            spent += spend(&mut budget, &trials);
        }
        assert_eq!(spent, limits::MAX_TRIAL_BYTES);
        assert_eq!(spend(&mut TrialBudget::default(), &trials), limits::MAX_TRIAL_BYTES);
    }
}
