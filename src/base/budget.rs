//! Accounts of memory: what is held, counted by what is allocated for it.

/// A share of the memory that many holders draw from.
///
/// Every holder has an [`Account`] and reports what it holds, in bytes. When the share is full, its
/// owner has the largest holders drop what they hold until [`Budget::excess`] is 0.
///
/// ```text
///   0 ─────────── held ─────────────── 3/4 ───────── share
///                                       ▲              │ is_full: the largest holders are searched
///                                       └── excess ────┘
/// ```
///
/// The quarter that is freed has to be filled before the holders are searched again, so the search
/// costs little beside what filled it. If there is not as much to drop, the next search waits for
/// the same quarter.
#[derive(Debug)]
pub(crate) struct Budget {
    share: usize,
    tally: Tally,
    /// `held` at which the share counts as full: `share`, or more after a search that freed less
    /// than it should.
    limit: usize,
}

/// What several holders hold together.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    held: usize,
}

/// What one holder accounts for, in bytes.
#[derive(Debug, Default)]
pub(crate) struct Account(usize);

impl Account {
    /// Returns what the holder held when it was charged last.
    pub(crate) fn held(&self) -> usize {
        self.0
    }
}

impl Tally {
    /// Records that a holder holds `held` bytes.
    #[inline]
    pub(crate) fn charge(&mut self, account: &mut Account, held: usize) {
        if account.0 != held {
            self.held = self.held - account.0 + held;
            account.0 = held;
        }
    }

    /// Records that a holder is gone.
    pub(crate) fn close(&mut self, account: &mut Account) {
        self.charge(account, 0);
    }

    /// Returns what all holders hold, in bytes.
    pub(crate) fn held(&self) -> usize {
        self.held
    }
}

impl Budget {
    /// Creates a share of `share` bytes.
    pub(crate) const fn new(share: usize) -> Self {
        Self { share, tally: Tally { held: 0 }, limit: share }
    }

    /// Changes the share, in bytes. If the last search freed less than it should, the next one
    /// still waits for a quarter of it.
    pub(crate) fn set_share(&mut self, share: usize) {
        let is_waiting = self.limit > self.share;
        self.share = share;
        let limit = if is_waiting { self.limit.min(self.tally.held + share / 4) } else { share };
        self.limit = share.max(limit);
    }

    /// Records that a holder holds `held` bytes.
    pub(crate) fn charge(&mut self, account: &mut Account, held: usize) {
        self.tally.charge(account, held);
    }

    /// Records that a holder is gone.
    pub(crate) fn close(&mut self, account: &mut Account) {
        self.tally.close(account);
    }

    /// Returns whether the holders have to drop something.
    pub(crate) fn is_full(&self) -> bool {
        self.tally.held > self.limit
    }

    /// Returns how many bytes have to be dropped until a quarter of the share is free.
    pub(crate) fn excess(&self) -> usize {
        self.tally.held.saturating_sub(self.share / 4 * 3)
    }

    /// Ends a search in which the largest holders dropped what they could.
    pub(crate) fn relieved(&mut self) {
        self.limit = self.share.max(self.tally.held + self.share / 4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_full_when_its_holders_hold_more_than_it() {
        let (mut budget, mut one, mut other) = (Budget::new(100), Account::default(), Account::default());
        budget.charge(&mut one, 60);
        budget.charge(&mut other, 40);
        assert!(!budget.is_full());
        budget.charge(&mut one, 61);
        assert!(budget.is_full());
        assert_eq!((budget.tally.held(), budget.excess()), (101, 26));
        budget.close(&mut one);
        budget.relieved();
        assert_eq!((budget.tally.held(), budget.excess(), budget.is_full()), (40, 0, false));
    }

    /// Else each packet would search all holders in vain.
    #[test]
    fn what_cannot_be_dropped_is_searched_for_seldom() {
        let (mut budget, mut account, mut searches) = (Budget::new(100), Account::default(), 0);
        for held in 0..1000 {
            // Secrets of TLS, which take from the share, are added all the time.
            budget.set_share(100 - held / 100);
            budget.charge(&mut account, held);
            if budget.is_full() {
                searches += 1;
                budget.relieved();
            }
        }
        assert!((1..=45).contains(&searches), "{searches}");
        budget.charge(&mut account, 50);
        budget.relieved();
        budget.charge(&mut account, 101);
        assert!(budget.is_full(), "the share is its own again");
        budget.set_share(200);
        assert!(!budget.is_full(), "a larger share has room");
        budget.set_share(60);
        assert!(budget.is_full(), "a smaller one is full at once");
        budget.relieved();
        budget.set_share(59);
        assert!(!budget.is_full(), "what cannot be dropped was searched for");
        budget.charge(&mut account, 117);
        assert!(budget.is_full());
    }
}
