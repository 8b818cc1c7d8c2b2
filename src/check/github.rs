//! A verdict as workflow commands of GitHub Actions, which shows them as annotations.

use std::io;

use super::capture::Capture;
use super::gate::Verdict;
use super::objective::Outcome;
use super::words;
use crate::base::Severity;

/// Writes a command for each finding that is not in the baseline and for each objective that was
/// missed, and the result.
pub(super) fn write(verdict: &Verdict, capture: &Capture<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let file = capture.name;
    let file_name = property(file);
    for issue in verdict.issues.iter().filter(|issue| !issue.is_known) {
        let command = match (verdict.fails(issue), issue.finding.code.severity()) {
            (true, _) => "error",
            (false, Severity::Info | Severity::Notice) => "notice",
            (false, Severity::Warning | Severity::Error) => "warning",
        };
        let title = property(issue.finding.code.name());
        let file_name = property(capture.path_of(&issue.finding));
        let text = format!("{} ({})", words::detail(issue), words::place(issue, &capture.numbering));
        writeln!(out, "::{command} file={file_name},title={title}::{}", data(&text))?;
    }
    for judged in &verdict.objectives {
        let command = match judged.outcome {
            Outcome::Met => continue,
            Outcome::Missed => "error",
            Outcome::Untold(_) => "notice",
        };
        writeln!(out, "::{command} file={file_name},title=objective::{}", data(&words::objective(judged)))?;
    }
    if let Some(missing) = words::missing(verdict) {
        writeln!(out, "::notice file={file_name}::{}", data(&missing))?;
    }
    writeln!(out, "{}: {}", data(file), words::summary(verdict))
}

/// Escapes the text of a command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes a property of a command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
