//! A verdict as lines for a terminal.

use std::io;

use super::capture::Capture;
use super::gate::Verdict;
use super::objective::Outcome;
use super::words;

/// Writes the verdict: what fails first, the result last.
pub(super) fn write(verdict: &Verdict, capture: &Capture<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let file = capture.name;
    let (security, other): (Vec<_>, Vec<_>) =
        verdict.issues.iter().partition(|issue| issue.finding.code.is_security());
    let heading = (!security.is_empty()).then_some("Security");
    for (heading, issue) in other
        .iter()
        .map(|issue| (None, issue))
        .chain(security.iter().enumerate().map(|(at, issue)| (heading.filter(|_| at == 0), issue)))
    {
        if let Some(heading) = heading {
            writeln!(out, "{heading}")?;
        }
        let mark = match (verdict.fails(issue), issue.is_known) {
            (true, _) => "✗",
            (false, true) => "=",
            (false, false) => "·",
        };
        let finding = &issue.finding;
        let severity = finding.code.severity().name();
        let place = words::place(issue, &capture.numbering);
        let detail = words::detail(issue);
        writeln!(out, "{mark} {severity:<7} {}  {place}\n    {detail}", finding.code)?;
    }
    for (code, more) in &verdict.more {
        let mark = if verdict.is_at_level(*code) { "✗" } else { "·" };
        writeln!(out, "{mark} {:<7} {code}  {more} more", code.severity().name())?;
    }
    for judged in &verdict.objectives {
        let mark = match judged.outcome {
            Outcome::Missed => "✗",
            Outcome::Met => "✓",
            Outcome::Untold(_) => "?",
        };
        writeln!(out, "{mark} objective {}", words::objective(judged))?;
    }
    if let Some(missing) = words::missing(verdict) {
        writeln!(out, "? {missing}")?;
    }
    writeln!(out, "{file}: {}", words::summary(verdict))
}
