//! The time of day, for the names of files that are made while a capture runs; and a clock to play recordings by.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::base::Timestamp;
use crate::capture::pace::Clock;

/// Now, as packet times are counted.
#[expect(
    clippy::disallowed_methods,
    reason = "the first file of a live capture is named after the time it began"
)]
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// Time as it passes.
pub(super) struct Running(Instant);

impl Running {
    /// A clock that stands at nothing now.
    #[expect(clippy::disallowed_methods, reason = "a recording is played at its own speed")]
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }
}

impl Clock for Running {
    fn now(&mut self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&mut self, time: Duration) {
        if !time.is_zero() {
            std::thread::sleep(time);
        }
    }
}
