//! The formats of a report.

use std::str::FromStr;

use crate::base::{UnknownName, find_by_name};

/// Format of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// Aligned columns for a terminal.
    #[default]
    Text,
    /// One JSON document for programs.
    Json,
    /// Latency tables for spreadsheets.
    Csv,
    /// Tables for tickets and wikis.
    Markdown,
    /// One file for a browser or a mail.
    Html,
}

impl Format {
    /// Every format, in the order of the documentation.
    pub const ALL: [Self; 5] = [Self::Text, Self::Json, Self::Csv, Self::Markdown, Self::Html];

    /// Returns the name that the command line uses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Markdown => "markdown",
            Self::Html => "html",
        }
    }
}

impl FromStr for Format {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        find_by_name("format", &Self::ALL, Self::name, name)
    }
}
