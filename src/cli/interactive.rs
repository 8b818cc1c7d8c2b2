//! Interface of a packet source that the TUI reads.

use std::time::Duration;

use crate::capture::{Error, Progress, Source};
use crate::ledger::Entry;

/// A source that can be waited for with a timeout.
pub(super) trait InteractiveSource: Source + Send + 'static {
    /// Waits for the next item, at most for `timeout`. Returns whether [`Source::next`] has one, or
    /// will soon.
    fn wait(&mut self, timeout: Duration) -> bool;

    /// Bytes read and in total; `None` if the source has no length.
    fn progress(&self) -> Option<Progress>;

    /// Problems to show to the user, each call returns all of them.
    fn warnings(&self) -> Vec<String>;

    /// Takes what the analysis of its items emitted.
    fn note(&mut self, _: &[Entry]) {}

    /// Stops the source: the TUI was closed.
    ///
    /// # Errors
    /// Those of the source.
    fn close(&mut self) -> Result<(), Error>;
}
