//! The table of the export formats.

use std::str::FromStr;

use super::csv::Csv;
use super::har::Har;
use super::jsonl::JsonLines;
use super::otlp::{self, Otlp};
#[cfg(feature = "parquet")]
use super::parquet::Parquet;
use super::trace::Trace;
use super::writer::{Export, WriterOptions};
use crate::base::{UnknownName, find_by_name};

/// An export format.
#[derive(Debug)]
pub struct Format {
    /// The value of `--to`.
    pub name: &'static str,
    /// The usual extension of its files, without the dot.
    pub extension: &'static str,
    /// Whether it writes files into a directory ([`WriterOptions::directory`]), and nothing else.
    pub is_directory: bool,
    /// What it is, for the help of `--to`.
    pub summary: &'static str,
    /// Makes a writer.
    pub writer: fn(WriterOptions) -> Box<dyn Export>,
}

/// Every format, in the order of the documentation.
pub const FORMATS: &[Format] = &[
    Format {
        name: "jsonl",
        extension: "jsonl",
        is_directory: false,
        summary: "one JSON object a line",
        writer: |options| Box::new(JsonLines::new(options.files)),
    },
    Format {
        name: "csv",
        extension: "csv",
        is_directory: false,
        summary: "a row an exchange, for spreadsheets",
        writer: |options| Box::new(Csv::new(options.files)),
    },
    Format {
        name: "har",
        extension: "har",
        is_directory: false,
        summary: "HTTP Archive 1.2: an entry a transaction, for browsers and proxies",
        writer: |options| Box::new(Har::new(options)),
    },
    Format {
        name: "trace",
        extension: "trace.json",
        is_directory: false,
        summary: "a time axis for Perfetto and chrome://tracing",
        writer: |options| Box::new(Trace::new(options)),
    },
    Format {
        name: otlp::NAME,
        extension: "otlp.jsonl",
        is_directory: false,
        summary: "OpenTelemetry: traces, metrics and logs, for a collector (--endpoint) or a file",
        writer: |options| Box::new(Otlp::new(options)),
    },
    #[cfg(feature = "parquet")]
    Format {
        name: "parquet",
        extension: "parquet",
        is_directory: true,
        summary: "tables in a directory, for DuckDB and Spark",
        writer: |options| Box::new(Parquet::new(options)),
    },
];

impl FromStr for &'static Format {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let all: Vec<&'static Format> = FORMATS.iter().collect();
        find_by_name("export format", &all, |format| format.name, name)
    }
}
