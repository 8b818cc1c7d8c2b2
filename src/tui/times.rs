//! The form in which the screen shows times.

use crate::base::Timestamp;
use crate::base::time_style::{TimeFormat, TimeStyle};

/// The form in which times are shown, and the beginning of the capture.
#[derive(Clone, Debug, Default)]
pub(super) struct Times {
    pub(super) format: TimeFormat,
    /// What relative times count from: the first packet.
    pub(super) start: Timestamp,
}

impl Times {
    /// Returns a time as it is shown: at most 12 columns within a day and within 27 hours of the
    /// beginning.
    pub(super) fn text(&self, time: Timestamp) -> String {
        self.format.format(time, self.start)
    }

    /// Returns the style that follows when the user asks for another. Times since the epoch are too
    /// wide for the screen.
    pub(super) fn next_style(&self) -> TimeStyle {
        match self.format.style {
            TimeStyle::Utc => TimeStyle::Local,
            TimeStyle::Local => TimeStyle::Relative,
            TimeStyle::Relative | TimeStyle::Epoch => TimeStyle::Utc,
        }
    }
}
