//! Options of `mcpdump wrap`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueHint};

/// `mcpdump wrap`.
#[derive(Debug, Args)]
pub(crate) struct Wrap {
    /// Write packets to this file, or to a new file in this directory [default: a new file in
    /// ~/.local/state/mcpdump]
    ///
    /// A file that exists is kept: capture.pcapng becomes capture-2.pcapng. The name of a new file
    /// is that of the server, the time and the process id.
    #[arg(short = 'w', value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub(crate) write: Option<PathBuf>,
    /// The server and its arguments
    ///
    /// It gets the environment, the working directory and the signals of mcpdump, which ends with
    /// its exit status.
    #[arg(last = true, required = true, num_args = 1.., value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}
