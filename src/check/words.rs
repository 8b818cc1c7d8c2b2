//! Parts of a verdict in words. Text from traffic is sanitized.

use super::gate::{Issue, Verdict};
use super::objective::{Judged, Outcome};
use crate::base::{Files, Severity, sanitize, units};

/// What the finding is about: `packet 812, s1, n=14, tools/call search`.
pub(super) fn place(issue: &Issue, files: &Files) -> String {
    let finding = &issue.finding;
    let words = [
        finding.at.map(|at| format!("packet {}", files.packet(at.packet))),
        finding.session.map(|session| format!("s{session}")),
        finding.exchange.map(|n| format!("n={n}")),
        issue.server.as_deref().map(sanitize::clean),
        call(issue),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The call that the finding is about: `tools/call search`; `None` if it is about none.
pub(super) fn call(issue: &Issue) -> Option<String> {
    let method = sanitize::clean(issue.method.as_deref()?).to_string();
    Some(match &issue.name {
        Some(name) => format!("{method} {}", sanitize::clean(name)),
        None => method,
    })
}

/// The detail of a finding, or its title if it has none.
pub(super) fn detail(issue: &Issue) -> String {
    let finding = &issue.finding;
    let text = if finding.detail.is_empty() { finding.code.info().title } else { &finding.detail };
    let repeated = if finding.count > 1 { format!(" ({} times)", finding.count) } else { String::new() };
    format!("{}{repeated}", sanitize::clean(text))
}

/// The outcome of an objective: `missed: p95(tools/call)<500ms: 812 ms of 34 calls`.
pub(super) fn objective(judged: &Judged) -> String {
    let Judged { objective, outcome, measured } = judged;
    let objective = sanitize::clean(objective);
    match outcome {
        Outcome::Met => format!("met: {objective}: {measured}"),
        Outcome::Missed => format!("missed: {objective}: {measured}"),
        Outcome::Untold(why) => format!("cannot be told: {objective}: {measured}; {why}"),
    }
}

/// The result in a line: `failed: 1 error, 2 warnings; 1 objective missed`.
pub(super) fn summary(verdict: &Verdict) -> String {
    let mut words = Vec::new();
    for severity in [Severity::Error, Severity::Warning, Severity::Notice, Severity::Info] {
        let issues = verdict.issues.iter().filter(|issue| issue.finding.code.severity() == severity);
        let more: u64 =
            verdict.more.iter().filter(|(code, _)| code.severity() == severity).map(|(_, more)| *more).sum();
        let count =
            issues.filter(|issue| !issue.is_known).map(|issue| issue.finding.count).sum::<u64>() + more;
        if count > 0 {
            words.push(units::several(count, severity.name()));
        }
    }
    let known = verdict.issues.iter().filter(|issue| issue.is_known).count() as u64;
    if known > 0 {
        words.push(format!("{known} in the baseline"));
    }
    if verdict.ignored > 0 {
        words.push(format!("{} ignored", verdict.ignored));
    }
    let missed = verdict.missed().count() as u64;
    if missed > 0 {
        words.push(format!("{} missed", units::several(missed, "objective")));
    }
    let result = if verdict.has_failed() { "failed" } else { "passed" };
    if words.is_empty() {
        format!("{result}: no findings")
    } else {
        format!("{result}: {}", words.join(", "))
    }
}

/// What the capture lacks, and what that means for the verdict; `None` if it is whole.
pub(super) fn missing(verdict: &Verdict) -> Option<String> {
    let [_, undetermined] = verdict.exchanges;
    if verdict.missing.is_none() && undetermined == 0 {
        return None;
    }
    let reasons = verdict.missing.names().collect::<Vec<_>>().join(", ");
    let calls = match undetermined {
        0 => String::new(),
        n => format!("; the outcome of {} is not known", units::several(n, "call")),
    };
    Some(format!("the capture is not whole ({reasons}): what may be missing fails nothing{calls}"))
}
