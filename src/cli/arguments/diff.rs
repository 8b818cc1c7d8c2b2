//! Options of `mcpdump diff`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::named::named;
use super::redaction::Redaction;
use super::source::SourceArguments;
use super::tcpdump::TcpdumpArguments;
use crate::base::OutputFormat;

/// `mcpdump diff`.
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The capture before (- is standard input)
    #[arg(value_name = "BEFORE", value_hint = ValueHint::FilePath)]
    pub(crate) before: OsString,
    /// The capture after; without it, two --filter choose what is compared of one capture
    #[arg(value_name = "AFTER", value_hint = ValueHint::FilePath)]
    pub(crate) after: Option<OsString>,
    /// A BPF filter in tcpdump's syntax, for both
    #[arg(last = true, value_name = "BPF")]
    pub(crate) bpf: Vec<OsString>,
    /// Compare only what matches, as in 'method:tools/call'; given twice, the first is for before
    /// and the second for after
    #[arg(long, value_name = "EXPR")]
    pub(crate) filter: Vec<String>,
    /// Decrypt TLS with the secrets in this key log (default: $SSLKEYLOGFILE); repeatable
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) tls_keylog: Vec<PathBuf>,
    /// Keep the rights to open files, connect and run programs while packets are analysed
    #[arg(long)]
    pub(crate) no_sandbox: bool,
    #[command(flatten)]
    pub(crate) options: DiffOptions,
}

/// Options of `diff` alone.
#[derive(Debug, Args)]
pub(crate) struct DiffOptions {
    /// Exit with status 1 on a regression: surely slower, surely failing more often, no longer
    /// offered, an incompatible definition, a new finding of warning or above
    #[arg(long, value_name = "WHAT", default_value = "never")]
    #[arg(value_parser = named(&FailOn::ALL, FailOn::name))]
    pub(crate) fail_on: FailOn,
    /// Format of the difference
    #[arg(long, default_value = "text", value_parser = named(&OutputFormat::ALL, OutputFormat::name))]
    pub(crate) format: OutputFormat,
    #[command(flatten)]
    pub(crate) redaction: Redaction,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}

/// What fails a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailOn {
    /// A regression.
    Regression,
    /// Nothing.
    Never,
}

impl FailOn {
    const ALL: [Self; 2] = [Self::Regression, Self::Never];

    fn name(self) -> &'static str {
        match self {
            Self::Regression => "regression",
            Self::Never => "never",
        }
    }
}

impl Diff {
    /// Returns the sources of both captures.
    ///
    /// # Errors
    /// One capture is compared with itself, or there are more than two filters.
    pub(crate) fn sources(&self) -> anyhow::Result<[SourceArguments; 2]> {
        let filters = match (self.filter.as_slice(), &self.after) {
            ([one, other], _) => [Some(one), Some(other)],
            ([one], Some(_)) => [Some(one), Some(one)],
            ([], Some(_)) => [None, None],
            ([_, _, _, ..], _) => anyhow::bail!("--filter is given once for both captures, or once for each"),
            (_, None) => {
                anyhow::bail!("one capture is no difference: name another one, or give --filter twice")
            }
        };
        let after = self.after.as_ref().unwrap_or(&self.before);
        if self.before == "-" && after == "-" {
            anyhow::bail!("standard input can be read only once");
        }
        let source = |file: &OsString, filter: Option<&String>| SourceArguments {
            bpf: self.bpf.clone(),
            filter: filter.cloned(),
            tls_keylog: self.tls_keylog.clone(),
            no_sandbox: self.no_sandbox,
            // A file, whatever it is named.
            tcpdump: TcpdumpArguments::reading(file.clone()),
            ..SourceArguments::default()
        };
        let [before_filter, after_filter] = filters;
        Ok([source(&self.before, before_filter), source(after, after_filter)])
    }
}
