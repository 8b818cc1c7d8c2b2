//! How a time is shown to people.

use std::str::FromStr;

use jiff::tz::TimeZone;

use super::{Timestamp, UnknownName, find_by_name, units};

/// A choice of how times are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeStyle {
    /// Time of day, UTC.
    #[default]
    Utc,
    /// Time of day, local.
    Local,
    /// Time since the beginning.
    Relative,
    /// Seconds since the epoch.
    Epoch,
}

impl TimeStyle {
    /// Every choice.
    pub const ALL: [Self; 4] = [Self::Utc, Self::Local, Self::Relative, Self::Epoch];

    /// The name on the command line and in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Utc => "utc",
            Self::Local => "local",
            Self::Relative => "relative",
            Self::Epoch => "epoch",
        }
    }
}

impl FromStr for TimeStyle {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        find_by_name("time style", &Self::ALL, Self::name, name)
    }
}

/// Formats times in one style.
#[derive(Clone, Debug)]
pub struct TimeFormat {
    /// The style.
    pub style: TimeStyle,
    /// The time zone of local times.
    pub zone: TimeZone,
}

impl Default for TimeFormat {
    /// Times of day, UTC.
    fn default() -> Self {
        Self { style: TimeStyle::default(), zone: TimeZone::UTC }
    }
}

impl TimeFormat {
    /// Formats a time, with milliseconds unless it is an epoch time. `start` is the beginning that
    /// relative times count from.
    #[must_use]
    pub fn format(&self, time: Timestamp, start: Timestamp) -> String {
        match self.style {
            TimeStyle::Utc => units::time_of_day(time),
            TimeStyle::Local => units::time_of_day(Timestamp(time.0.saturating_add(self.offset_ns(time)))),
            TimeStyle::Relative => relative(time.since(start)),
            TimeStyle::Epoch => time.to_string(),
        }
    }

    /// What is added to a time to get the local one, in nanoseconds; 0 for times that no calendar
    /// has.
    fn offset_ns(&self, time: Timestamp) -> i64 {
        let instant = jiff::Timestamp::from_nanosecond(time.0.into());
        let seconds = instant.map_or(0, |instant| self.zone.to_offset(instant).seconds());
        i64::from(seconds) * 1_000_000_000
    }
}

/// Formats nanoseconds as seconds with milliseconds, truncated: `+12.345`, `-0.047`.
fn relative(ns: i64) -> String {
    let ms = ns.unsigned_abs() / 1_000_000;
    let sign = if ns < 0 { '-' } else { '+' };
    format!("{sign}{}.{:03}", ms / 1_000, ms % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_style_shows_the_same_time() {
        let (start, time) = (Timestamp(1_795_337_355_300_000_000), Timestamp(1_795_337_355_351_900_000));
        let shown = |style| {
            let zone = TimeZone::fixed(jiff::tz::offset(2));
            TimeFormat { style, zone }.format(time, start)
        };
        let texts = TimeStyle::ALL.map(shown);
        assert_eq!(texts, ["08:49:15.351", "10:49:15.351", "+0.051", "1795337355.351900000"]);
        assert_eq!(relative(-47_000_000), "-0.047");
        assert_eq!(relative(3_600_000_000_000), "+3600.000");
        let format = TimeFormat { style: TimeStyle::Local, zone: TimeZone::UTC };
        assert_eq!(format.format(Timestamp(i64::MIN), start), units::time_of_day(Timestamp(i64::MIN)));
    }
}
