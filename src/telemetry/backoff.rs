//! How long to wait before a request is sent again.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// Times between attempts: each twice as long as the one before, and each up to half shorter, so
/// that many senders do not return at the same moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    next: Duration,
    longest: Duration,
}

impl Backoff {
    pub(super) fn new(first: Duration, longest: Duration) -> Self {
        Self { next: first, longest }
    }

    /// Returns the time to wait: at least as long as the collector asks for.
    pub(super) fn next(&mut self, asked: Option<Duration>) -> Duration {
        let now = self.next.min(self.longest);
        self.next = now.saturating_mul(2);
        // A new state has random keys.
        let share = RandomState::new().hash_one(0) as u32;
        let wait = now.mul_f64(0.5 + 0.5 * f64::from(share) / f64::from(u32::MAX));
        wait.max(asked.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_double_up_to_a_limit() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(10));
        for most in [1, 2, 4, 8, 10, 10].map(Duration::from_secs) {
            let wait = backoff.next(None);
            assert!(wait <= most && wait >= most / 2, "{wait:?} {most:?}");
        }
        assert_eq!(backoff.next(Some(Duration::from_secs(60))), Duration::from_secs(60));
    }
}
