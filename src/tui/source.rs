//! The source of the packets: a saved capture, a growing file, a device.

use crate::base::Files;

/// A device that is captured on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// The file that the packets are written to; `None` if they are not written.
    pub written_to: Option<String>,
}

/// Where the packets come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// The names of the files, separated by `, `, or the name of the device.
    pub name: String,
    /// Whether packets arrive as they are sent: from a device, standard input or a growing file.
    pub is_live: bool,
    /// Whether it is a file that is followed as it grows.
    pub is_followed: bool,
    /// The device that is captured on; `None` for saved captures.
    pub device: Option<Device>,
    /// Numbers the packets of several files.
    pub files: Files,
}

impl Source {
    /// Returns the source for saved captures.
    pub fn saved(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

/// Returns the name of a file without its directories. For several files (`a, b, c`) it is the name
/// of the first and the number of the others.
pub(super) fn short_name(source: &str) -> String {
    let mut names = source.split(", ");
    let first = names.next().unwrap_or_default();
    let first = first.rsplit('/').next().unwrap_or(first);
    match names.count() {
        0 => first.to_owned(),
        more => format!("{first} and {more} more"),
    }
}
