//! Exit statuses: 0 success, 1 partial failure, 2 failure; those of another program if it is run. A
//! closed pipe is no error.

use std::io;
use std::process::ExitCode;

/// Exit status of a command that could not run: invalid argument, unreadable file, invalid filter.
pub(super) const FAILURE: u8 = 2;

/// Exit status of a command that ran, but not everything it was asked for succeeded.
const PARTIAL_FAILURE: u8 = 1;

/// Result of a command that ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Everything succeeded.
    Success,
    /// Something failed on the way and was reported on standard error.
    PartialFailure,
    /// Another program was run, and ended with this status.
    #[cfg(unix)]
    Ended(u8),
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Success => Self::SUCCESS,
            Outcome::PartialFailure => Self::from(PARTIAL_FAILURE),
            #[cfg(unix)]
            Outcome::Ended(status) => Self::from(status),
        }
    }
}

/// Whether an error means that the reader of the output closed the pipe, as in `mcpdump list F |
/// head -1`.
pub(super) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
