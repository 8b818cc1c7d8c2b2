//! The progress bar on standard error, for files that take longer than a second.
//!
//! One of the few places that read a clock: what it shows is about the program and never about the capture.

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How long a command works before the bar appears: what is over by then needs none.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the bar shows.
const TEMPLATE: &str = "{bar:30} {bytes:>10} of {total_bytes}, {bytes_per_sec}, {eta} left";

/// Shows how much of the input was read. Silent where standard error is no terminal.
pub(super) struct Meter {
    /// When the work began; `None` where nothing is to be shown.
    began: Option<Instant>,
    bar: Option<ProgressBar>,
}

impl Meter {
    /// Begins; `quiet` where the output would be disturbed by a bar.
    pub(super) fn start(quiet: bool) -> Self {
        let shown = !quiet && io::stderr().is_terminal();
        Self { began: shown.then(now), bar: None }
    }

    /// So many bytes of the input were read. Without a total (standard input; a file that is followed, once its end was met)
    /// there is nothing to show.
    pub(super) fn update(&mut self, read: u64, total: Option<u64>) {
        let (Some(began), Some(total)) = (self.began, total) else {
            return self.clear();
        };
        if self.bar.is_none() && now().duration_since(began) >= PATIENCE {
            self.bar = Some(bar(read, total, began));
        }
        if let Some(bar) = &self.bar {
            bar.set_position(read);
        }
    }

    /// Takes the bar off the terminal: before a result or a message is printed.
    pub(super) fn clear(&mut self) {
        self.began = None;
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.clear();
    }
}

/// A bar that begins at `read`: what was read before it appeared says nothing of the speed from now on.
fn bar(read: u64, total: u64, began: Instant) -> ProgressBar {
    let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr())
        .with_style(style)
        .with_position(read)
        .with_elapsed(now().duration_since(began))
}

#[expect(clippy::disallowed_methods, reason = "the bar tells the time that the program takes")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_can_be_read() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }
}
