//! A verdict as Markdown, for the summary of a job or a ticket.

use std::io;

use super::capture::Capture;
use super::gate::Verdict;
use super::words;
use crate::base::markdown::{cell, code};

/// Rows of the table of findings. The others are counted.
const MAX_ROWS: usize = 50;

/// Writes the verdict.
pub(super) fn write(verdict: &Verdict, capture: &Capture<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let file = capture.name;
    writeln!(out, "### mcpdump check {}\n\n{}\n", code(file), words::summary(verdict))?;
    if let Some(missing) = words::missing(verdict) {
        writeln!(out, "{}\n", cell(&missing))?;
    }
    if !verdict.objectives.is_empty() {
        writeln!(out, "| objective | |\n|---|---|")?;
        for judged in &verdict.objectives {
            let (outcome, rest) = words::objective(judged).split_once(": ").map_or_else(
                || (String::new(), words::objective(judged)),
                |(outcome, rest)| (outcome.to_owned(), rest.to_owned()),
            );
            writeln!(out, "| {} | {} |", code(&rest), cell(&outcome))?;
        }
        writeln!(out)?;
    }
    if verdict.issues.is_empty() {
        return Ok(());
    }
    writeln!(out, "| | finding | where | what |\n|---|---|---|---|")?;
    for issue in verdict.issues.iter().take(MAX_ROWS) {
        let finding = &issue.finding;
        let mark = match (verdict.fails(issue), issue.is_known) {
            (true, _) => "**fails**",
            (false, true) => "known",
            (false, false) => "",
        };
        writeln!(
            out,
            "| {mark} | {} {} | {} | {} |",
            finding.code.severity().name(),
            code(finding.code.name()),
            cell(&words::place(issue, &capture.numbering)),
            cell(&words::detail(issue))
        )?;
    }
    let more = verdict.issues.len().saturating_sub(MAX_ROWS) as u64 + verdict.more.values().sum::<u64>();
    if more > 0 {
        writeln!(out, "\nand {more} more")?;
    }
    Ok(())
}
