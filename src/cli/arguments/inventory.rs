//! Options of `mcpdump inventory` and `mcpdump stats`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

use super::named::named;
use super::quantity;
use super::redaction::Redaction;
use super::source::SourceArguments;
use crate::base::OutputFormat;

/// `mcpdump inventory`.
#[derive(Debug, Args)]
pub(crate) struct Inventory {
    #[command(flatten)]
    pub(crate) source: SourceArguments,
    #[command(flatten)]
    pub(crate) options: CensusOptions,
    /// Also write what servers offered to this directory: tools.json, prompts.json, resources.json,
    /// resourceTemplates.json; of several servers, each with its name before
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) advertised: Option<PathBuf>,
}

/// `mcpdump stats`.
#[derive(Debug, Args)]
pub(crate) struct Stats {
    #[command(flatten)]
    pub(crate) source: SourceArguments,
    #[command(flatten)]
    pub(crate) options: CensusOptions,
}

/// Options of both.
#[derive(Debug, Args)]
pub(crate) struct CensusOptions {
    /// Leave out what is older than this before now, as in 7d or 12h
    #[arg(long, value_name = "DURATION", value_parser = quantity::duration)]
    pub(crate) since: Option<Duration>,
    /// Format of the output
    #[arg(long, default_value = "text", value_parser = named(&OutputFormat::ALL, OutputFormat::name))]
    pub(crate) format: OutputFormat,
    #[command(flatten)]
    pub(crate) redaction: Redaction,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}
