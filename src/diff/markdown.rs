//! A difference as Markdown, for the summary of a job or a ticket.

use std::io;

use super::difference::Difference;
use super::words::{self, Mark};
use crate::base::markdown::{cell, code};

/// Writes the difference.
pub(super) fn write(difference: &Difference, names: [&str; 2], out: &mut dyn io::Write) -> io::Result<()> {
    writeln!(out, "### mcpdump diff\n\n{}\n", words::summary(difference))?;
    writeln!(out, "| | capture | |\n|---|---|---|")?;
    for (at, (when, name)) in ["before", "after"].into_iter().zip(names).enumerate() {
        writeln!(out, "| {when} | {} | {} |", code(name), cell(&words::capture(difference, at)))?;
    }
    for section in words::sections(difference) {
        writeln!(out, "\n| | {} | |\n|---|---|---|", section.title)?;
        for line in &section.lines {
            let mark = match line.mark {
                Mark::Regression => "**regression**",
                Mark::Difference => "",
                Mark::Untold => "?",
            };
            writeln!(out, "| {mark} | {} | {} |", code(&line.subject), cell(&line.text))?;
        }
        if section.more > 0 {
            writeln!(out, "\nand {} more", section.more)?;
        }
    }
    Ok(())
}
