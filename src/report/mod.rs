//! Snapshots and entries in; what people and programs read out. Never analyses, never asks a clock, a locale or a
//! terminal: same input, same output.
//!
//! All text from traffic is made harmless ([`sanitize`]) by every format.

use std::io;
use std::str::FromStr;

use crate::base::{UnknownName, find_by_name};
use crate::ledger::Snapshot;

pub use crate::base::{sanitize, units};

pub mod csv;
pub mod json;
mod label;
pub mod list;
pub mod markdown;
pub mod style;
mod table;
pub mod text;

pub use style::Paint;

/// The formats of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// For people, in columns.
    #[default]
    Text,
    /// One document for programs ([`json`]).
    Json,
    /// The latency tables for spreadsheets ([`csv`]).
    Csv,
    /// For tickets and wikis.
    Markdown,
}

impl Format {
    /// Every format, in the order of the documentation.
    pub const ALL: [Self; 4] = [Self::Text, Self::Json, Self::Csv, Self::Markdown];

    /// The name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Markdown => "markdown",
        }
    }
}

impl FromStr for Format {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        find_by_name("format", &Self::ALL, Self::name, name)
    }
}

/// What a report is told besides the snapshot.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether [`Format::Text`] is coloured.
    pub color: bool,
    /// What was read, as the reader named it: files, `-`, a device.
    pub files: Vec<String>,
    /// Columns of [`Format::Text`]; below 60 counts as 60.
    pub width: usize,
    /// Rows of each table of [`Format::Text`] and [`Format::Markdown`] before "and N more".
    pub rows: usize,
}

impl Default for Options {
    /// No colour, 80 columns, 20 rows.
    fn default() -> Self {
        Self { color: false, files: Vec::new(), width: 80, rows: 20 }
    }
}

/// What to say of so many connections in TLS and in HTTP/2, which are not read yet; `None` where there are none.
#[must_use]
pub fn unread(tls: u64, http2: u64) -> Option<String> {
    let what = match (tls, http2) {
        (0, 0) => return None,
        (tls, 0) => format!("TLS on {}", units::several(tls, "connection")),
        (0, http2) => format!("HTTP/2 on {}", units::several(http2, "connection")),
        (tls, http2) => format!("TLS on {}, HTTP/2 on {http2}", units::several(tls, "connection")),
    };
    Some(format!("{what}, not supported yet; capture where it is plain HTTP/1"))
}

/// Writes a report.
///
/// # Errors
/// Those of `out`.
pub fn write(
    format: Format,
    snapshot: &Snapshot,
    options: &Options,
    out: &mut impl io::Write,
) -> io::Result<()> {
    match format {
        Format::Text => text::write(snapshot, options, out),
        Format::Json => json::write(snapshot, options, out),
        Format::Csv => csv::write(snapshot, out),
        Format::Markdown => markdown::write(snapshot, options, out),
    }
}

#[cfg(test)]
mod tests;
