//! Progress bar on standard error. It reads the system's clock: it shows the program's speed,
//! nothing of the capture.

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar as Bar, ProgressDrawTarget, ProgressStyle};

/// The bar appears after this time: shorter commands need none.
const DELAY: Duration = Duration::from_secs(1);

/// Layout of the bar, in the syntax of `indicatif`.
const TEMPLATE: &str = "{bar:30} {bytes:>10} of {total_bytes}, {bytes_per_sec}, {eta} left";

/// Shows how much of the input was read, if standard error is a terminal.
pub(super) struct ProgressBar {
    /// When the command started; `None` if nothing is shown.
    started: Option<Instant>,
    bar: Option<Bar>,
}

impl ProgressBar {
    /// Starts the clock. `quiet` suppresses the bar: the output goes to the same terminal.
    pub(super) fn start(quiet: bool) -> Self {
        let shown = !quiet && io::stderr().is_terminal();
        Self { started: shown.then(now), bar: None }
    }

    /// Returns whether the bar is shown, or may be later.
    pub(super) fn is_shown(&self) -> bool {
        self.started.is_some()
    }

    /// Shows that `read` of `total` bytes were read. Without a total (standard input, a followed
    /// file whose end was reached) the bar is removed.
    pub(super) fn update(&mut self, read: u64, total: Option<u64>) {
        let Some(started) = self.started else { return };
        let Some(total) = total else {
            return self.clear();
        };
        if self.bar.is_none() && now().duration_since(started) >= DELAY {
            self.bar = Some(bar(read, total, started));
        }
        if let Some(bar) = &self.bar {
            bar.set_position(read);
        }
    }

    /// Removes the bar from the terminal.
    pub(super) fn clear(&mut self) {
        self.started = None;
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for ProgressBar {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Creates a bar at position `read`, so that bytes read before it appeared do not count into its
/// speed.
fn bar(read: u64, total: u64, started: Instant) -> Bar {
    let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
    Bar::with_draw_target(Some(total), ProgressDrawTarget::stderr())
        .with_style(style)
        .with_position(read)
        .with_elapsed(now().duration_since(started))
}

#[expect(clippy::disallowed_methods, reason = "the bar shows the time that the program takes")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_valid() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }
}
