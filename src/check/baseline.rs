//! The findings of a capture as a baseline for later checks.

use std::collections::BTreeSet;
use std::io;

use super::gate::Verdict;
use super::words;

/// Writes a pattern for each code and call. Only what would fail the check is written.
pub(super) fn write(verdict: &Verdict, file: &str, out: &mut dyn io::Write) -> io::Result<()> {
    let file = file.replace(['\n', '\r'], " ");
    writeln!(out, "# Known findings of {file}: a code, and the call that it is about")?;
    let at_level = verdict.issues.iter().filter(|issue| verdict.is_at_level(issue.finding.code));
    let lines: BTreeSet<String> = at_level
        .map(|issue| match words::call(issue) {
            // A comment begins with a hash.
            Some(call) => format!("{} {}", issue.finding.code, call.replace('#', "*")),
            None => issue.finding.code.to_string(),
        })
        .collect();
    let more = verdict.more.keys().filter(|code| verdict.is_at_level(**code));
    for line in lines.into_iter().chain(more.map(ToString::to_string)).collect::<BTreeSet<_>>() {
        writeln!(out, "{line}")?;
    }
    Ok(())
}
