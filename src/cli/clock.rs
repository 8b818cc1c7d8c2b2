//! The time of day, for the names of rotated files.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::base::Timestamp;

/// Returns the current time in nanoseconds since the epoch, as packet times are counted.
#[expect(clippy::disallowed_methods, reason = "the first file of a live capture is named after its start")]
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
