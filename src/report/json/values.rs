//! Values of the document: durations, times, status counts and text.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::base::{Timestamp, sanitize, units};
use crate::ledger::{Group, Status};
use crate::report::label;

/// Exchange counts in the order of [`Status::ALL`], written as an object.
pub(super) struct Statuses(pub(super) [u64; Status::ALL.len()]);

impl Serialize for Statuses {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(Status::ALL.iter().map(|status| status.name()).zip(self.0))
    }
}

/// Nanoseconds, written as exact milliseconds.
pub(super) struct Ms(pub(super) i64);

impl Serialize for Ms {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        digits(units::ms(self.0), serializer)
    }
}

/// Time, written as epoch seconds with nine decimals.
pub(super) struct Seconds(pub(super) Timestamp);

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        digits(self.0.to_string(), serializer)
    }
}

/// Writes a number digit by digit: an `f64` cannot hold today's epoch time in nanoseconds.
fn digits<S: Serializer>(digits: String, serializer: S) -> Result<S::Ok, S::Error> {
    RawValue::from_string(digits).map_err(serde::ser::Error::custom)?.serialize(serializer)
}

/// Removes credentials from text of the traffic. Other characters are escaped by JSON.
pub(super) fn text(text: &str) -> String {
    sanitize::redact(text).into_owned()
}

/// Returns the name of a session: `s1`.
pub(super) fn session(number: u32) -> String {
    label::group(&Group::Session(number))
}
