//! Options of `mcpdump timeline`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::named::named;
use super::redaction::Redaction;
use super::source::SourceArguments;
use super::why::StoryFormat;

/// `mcpdump timeline`.
#[derive(Debug, Args)]
pub(crate) struct Timeline {
    #[command(flatten)]
    pub(crate) source: SourceArguments,
    #[command(flatten)]
    pub(crate) options: TimelineOptions,
}

/// Options of `timeline` alone.
#[derive(Debug, Default, Args)]
pub(crate) struct TimelineOptions {
    /// Format of the timeline
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    #[arg(value_parser = named(&StoryFormat::ALL, StoryFormat::name))]
    pub(crate) format: StoryFormat,
    #[command(flatten)]
    pub(crate) redaction: Redaction,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}
