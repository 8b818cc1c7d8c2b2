//! A difference as lines for a terminal.

use std::io;

use super::difference::Difference;
use super::words;

/// Writes the difference: what is compared first, the result last.
pub(super) fn write(difference: &Difference, names: [&str; 2], out: &mut dyn io::Write) -> io::Result<()> {
    for (at, (when, name)) in ["before", "after "].into_iter().zip(names).enumerate() {
        writeln!(out, "{when}  {name}: {}", words::capture(difference, at))?;
    }
    for section in words::sections(difference) {
        writeln!(out, "\n{}", section.title)?;
        for line in &section.lines {
            writeln!(out, "{} {}: {}", line.mark.sign(), line.subject, line.text)?;
        }
        if section.more > 0 {
            writeln!(out, "  and {} more", section.more)?;
        }
    }
    writeln!(out, "\n{}", words::summary(difference))
}
