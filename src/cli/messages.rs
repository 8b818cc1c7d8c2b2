//! Messages on standard error. They may quote file names and traffic: control characters are
//! replaced.

use std::io::{self, Write as _};

/// Prints an error or a warning, prefixed with the program's name. It may have several lines.
pub(super) fn error(message: &str) {
    let message = message.replace(|c: char| c.is_control() && c != '\n', "\u{fffd}");
    // If standard error is closed, there is nobody to report to.
    drop(writeln!(io::stderr(), "mcpdump: {message}"));
}

/// Prints a line of status, such as the packet counts of a live capture.
pub(super) fn status(line: &str) {
    let line = line.replace(char::is_control, "\u{fffd}");
    drop(writeln!(io::stderr(), "{line}"));
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
    fn each_cause_is_printed_once() {
        let cause = || io::Error::other("no space");
        let quoted = anyhow::Error::new(Quoting(cause())).context("--output");
        assert_eq!(with_causes(&quoted), "--output: w: cannot be written: no space");
        let plain = anyhow::Error::new(cause()).context("w");
        assert_eq!(with_causes(&plain), "w: no space");
    }
}
