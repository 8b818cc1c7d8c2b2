//! A verdict as JUnit XML: a test case for each rule and each objective. A rule that the capture
//! cannot tell is skipped.

use std::io;

use super::capture::Capture;
use super::gate::{Issue, Verdict};
use super::objective::{Judged, Outcome};
use super::words;
use crate::base::{Code, CodeInfo, Files};

/// Findings of one rule whose text is written. The others are counted.
const MAX_FINDINGS: usize = 20;

/// Writes the verdict: a suite of the rules, and one of the objectives if there are any.
pub(super) fn write(verdict: &Verdict, capture: &Capture<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let file = capture.name;
    let rules: Vec<Case> = Code::all()
        .iter()
        .filter(|info| is_listed(verdict, info))
        .map(|info| rule(verdict, info, &capture.numbering))
        .collect();
    let objectives: Vec<Case> = verdict.objectives.iter().map(objective).collect();
    let all = || rules.iter().chain(&objectives);
    // The schema of Jenkins (junit-10.xsd) has no `skipped` here.
    let (tests, failures) = (all().count(), all().filter(|it| it.is_failure()).count());
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(
        out,
        "<testsuites name=\"mcpdump check\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\">"
    )?;
    suite("rules", file, &rules, out)?;
    if !objectives.is_empty() {
        suite("objectives", file, &objectives, out)?;
    }
    writeln!(out, "</testsuites>")
}

/// A test case.
struct Case {
    class: String,
    name: String,
    result: CaseResult,
    /// Findings below the level, or those that are known.
    output: String,
}

enum CaseResult {
    Passed,
    Failed { message: String, text: String },
    Skipped(String),
}

impl Case {
    fn is_failure(&self) -> bool {
        matches!(self.result, CaseResult::Failed { .. })
    }

    fn is_skipped(&self) -> bool {
        matches!(self.result, CaseResult::Skipped(_))
    }
}

/// Rules that can fail the check, and those that were broken.
fn is_listed(verdict: &Verdict, info: &CodeInfo) -> bool {
    let is_asked = verdict.security || !info.code.is_security();
    is_asked && verdict.is_at_level(info.code) || verdict.count(info.code) > 0
}

fn rule(verdict: &Verdict, info: &CodeInfo, files: &Files) -> Case {
    let of = |issue: &&Issue| issue.finding.code == info.code;
    let line = |issue: &Issue| format!("{}: {}\n", words::place(issue, files), words::detail(issue));
    let failing: Vec<_> = verdict.failing().filter(of).collect();
    let more = verdict.more.get(&info.code).copied().filter(|_| verdict.is_at_level(info.code)).unwrap_or(0);
    let result = if !failing.is_empty() || more > 0 {
        let mut text: String = failing.iter().take(MAX_FINDINGS).map(|issue| line(issue)).collect();
        let rest = failing.len().saturating_sub(MAX_FINDINGS) as u64 + more;
        if rest > 0 {
            text.push_str(&format!("{rest} more\n"));
        }
        text.push_str(&format!("{}\n{}\n", info.why, info.remedy));
        CaseResult::Failed { message: info.title.to_owned(), text }
    } else if verdict.is_untold(info.code) {
        CaseResult::Skipped("cannot be told: the capture lacks packets".to_owned())
    } else {
        CaseResult::Passed
    };
    let others = verdict.issues.iter().filter(of).filter(|issue| !verdict.fails(issue));
    let output = others.take(MAX_FINDINGS).map(line).collect();
    let class = info.name.split('.').next().unwrap_or_default().to_owned();
    Case { class, name: info.name.to_owned(), result, output }
}

fn objective(judged: &Judged) -> Case {
    let result = match judged.outcome {
        Outcome::Met => CaseResult::Passed,
        Outcome::Missed => {
            CaseResult::Failed { message: words::objective(judged), text: format!("{}\n", judged.measured) }
        }
        Outcome::Untold(why) => CaseResult::Skipped(format!("cannot be told: {why}")),
    };
    let output = String::new();
    Case { class: "objective".to_owned(), name: judged.objective.to_string(), result, output }
}

fn suite(name: &str, file: &str, cases: &[Case], out: &mut dyn io::Write) -> io::Result<()> {
    let failures = cases.iter().filter(|case| case.is_failure()).count();
    let skipped = cases.iter().filter(|case| case.is_skipped()).count();
    writeln!(
        out,
        "  <testsuite name=\"{} ({})\" tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\">",
        name,
        escape(file),
        cases.len()
    )?;
    for case in cases {
        write!(out, "    <testcase classname=\"{}\" name=\"{}\"", escape(&case.class), escape(&case.name))?;
        match &case.result {
            CaseResult::Passed if case.output.is_empty() => {
                writeln!(out, "/>")?;
                continue;
            }
            CaseResult::Passed => writeln!(out, ">")?,
            CaseResult::Failed { message, text } => {
                let (message, text) = (escape(message), escape(text));
                writeln!(out, ">\n      <failure message=\"{message}\">{text}</failure>")?;
            }
            CaseResult::Skipped(why) => writeln!(out, ">\n      <skipped message=\"{}\"/>", escape(why))?,
        }
        if !case.output.is_empty() {
            writeln!(out, "      <system-out>{}</system-out>", escape(&case.output))?;
        }
        writeln!(out, "    </testcase>")?;
    }
    writeln!(out, "  </testsuite>")
}

/// Escapes text for XML 1.0, which has no way to write most control characters.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                escaped.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
            }
            c => escaped.push(c),
        }
    }
    escaped
}
