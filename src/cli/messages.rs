//! Messages on standard error. They may quote file names and traffic: control characters are
//! replaced.

use std::io::{self, Write as _};
use std::sync::LazyLock;

/// Priorities of the journal (sd-daemon(3)): an error, and information.
const ERROR: &str = "<3>";
const INFORMATION: &str = "<6>";

/// Whether standard error is the journal of systemd, which takes a priority at the start of a line.
static IS_JOURNAL: LazyLock<bool> = LazyLock::new(is_journal);

/// Prints an error or a warning, prefixed with the program's name. It may have several lines.
pub(super) fn error(message: &str) {
    let message = message.replace(|c: char| c.is_control() && c != '\n', "\u{fffd}");
    print(ERROR, &format!("mcpdump: {message}"));
}

/// Prints a line of status, such as the packet counts of a live capture.
pub(super) fn status(line: &str) {
    print(INFORMATION, &line.replace(char::is_control, "\u{fffd}"));
}

fn print(priority: &str, text: &str) {
    let text = if *IS_JOURNAL { with_priority(priority, text) } else { text.to_owned() };
    // If standard error is closed, there is nobody to report to.
    drop(writeln!(io::stderr(), "{text}"));
}

/// Puts a priority before each line.
fn with_priority(priority: &str, text: &str) -> String {
    text.split('\n').map(|line| format!("{priority}{line}")).collect::<Vec<_>>().join("\n")
}

/// Whether `JOURNAL_STREAM` names the file of standard error: its device and its number. A child
/// whose standard error goes elsewhere inherits the variable, too.
#[cfg(unix)]
fn is_journal() -> bool {
    use std::fs::File;
    use std::os::fd::AsFd as _;
    use std::os::unix::fs::MetadataExt as _;

    let copy = io::stderr().as_fd().try_clone_to_owned().map(File::from);
    let Ok(file) = copy.and_then(|file| file.metadata()) else { return false };
    let stream = std::env::var("JOURNAL_STREAM").unwrap_or_default();
    stream == format!("{}:{}", file.dev(), file.ino())
}

/// Whether standard error is the journal of systemd, which this system has not.
#[cfg(not(unix))]
fn is_journal() -> bool {
    false
}

/// Returns an error and its causes on one line. A cause that the text before it quotes is not
/// repeated.
pub(super) fn with_causes(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("w: cannot be written: {0}")]
    struct Quoting(#[source] io::Error);

    #[test]
    fn each_line_has_a_priority() {
        assert_eq!(with_priority(ERROR, "a\nb"), "<3>a\n<3>b");
    }

    #[test]
    fn each_cause_is_printed_once() {
        let cause = || io::Error::other("no space");
        let quoted = anyhow::Error::new(Quoting(cause())).context("--output");
        assert_eq!(with_causes(&quoted), "--output: w: cannot be written: no space");
        let plain = anyhow::Error::new(cause()).context("w");
        assert_eq!(with_causes(&plain), "w: no space");
    }
}
