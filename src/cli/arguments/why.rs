//! Options of `mcpdump why`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::named::named;
use super::redaction::Redaction;
use super::source::SourceArguments;

/// `mcpdump why`.
///
/// The first word that names no file is the number of an exchange (`12`, as list and report show
/// it) or of a session (`s3`).
#[derive(Debug, Args)]
pub(crate) struct Why {
    #[command(flatten)]
    pub(crate) source: SourceArguments,
    #[command(flatten)]
    pub(crate) options: StoryOptions,
}

/// Options of `why` and `timeline`.
#[derive(Debug, Default, Args)]
pub(crate) struct StoryOptions {
    /// Format of the output
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    #[arg(value_parser = named(&StoryFormat::ALL, StoryFormat::name))]
    pub(crate) format: StoryFormat,
    #[command(flatten)]
    pub(crate) redaction: Redaction,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}

/// The formats of `why` and `timeline`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum StoryFormat {
    /// Lines for people.
    #[default]
    Text,
    /// A document with everything.
    Json,
}

impl StoryFormat {
    pub(crate) const ALL: [Self; 2] = [Self::Text, Self::Json];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}
