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
