//! A verdict in SARIF 2.1.0 (OASIS), as code scanning takes it.

use std::io;

use serde_json::{Value, json};

use super::capture::Capture;
use super::gate::{Issue, Verdict};
use super::words;
use crate::base::{Code, CodeInfo, Severity, text};

/// Results of one run that code scanning takes.
const MAX_RESULTS: usize = 5000;

/// Writes the verdict: one run, whose rules are the codes that were found.
pub(super) fn write(verdict: &Verdict, capture: &Capture<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let mut codes: Vec<Code> = verdict.issues.iter().map(|issue| issue.finding.code).collect();
    codes.sort_unstable();
    codes.dedup();
    let rules: Vec<Value> = codes.iter().map(|code| rule(code.info())).collect();
    let results: Vec<Value> = verdict
        .issues
        .iter()
        .take(MAX_RESULTS)
        .filter_map(|issue| result(verdict, issue, capture, &codes))
        .collect();
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "mcpdump",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "invocations": [{"executionSuccessful": true, "exitCode": i32::from(verdict.has_failed())}],
            "results": results,
        }],
    });
    serde_json::to_writer(&mut *out, &document)?;
    writeln!(out)
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Notice | Severity::Info => "note",
    }
}

fn rule(info: &CodeInfo) -> Value {
    let mut rule = json!({
        "id": info.name,
        "shortDescription": {"text": info.title},
        "fullDescription": {"text": info.why},
        "help": {"text": info.remedy},
        "defaultConfiguration": {"level": level(info.severity)},
        "properties": {"confidence": info.code.confidence().name()},
    });
    if let (Some(source), Some(rule)) = (info.code.source(), rule.as_object_mut()) {
        rule.insert("helpUri".to_owned(), source.url.into());
    }
    rule
}

fn result(verdict: &Verdict, issue: &Issue, capture: &Capture<'_>, codes: &[Code]) -> Option<Value> {
    let finding = &issue.finding;
    let place = words::place(issue, &capture.numbering);
    let call = words::call(issue).unwrap_or_default();
    let mut result = json!({
        "ruleId": finding.code.name(),
        "ruleIndex": codes.binary_search(&finding.code).ok()?,
        "level": level(finding.code.severity()),
        "message": {"text": format!("{} ({place})", words::detail(issue))},
        "locations": [{
            "physicalLocation": {
                "artifactLocation": {"uri": uri(capture.path_of(finding))},
                // Code scanning shows nothing without a line; a capture has none.
                "region": {"startLine": 1},
            },
            "logicalLocations": [{"fullyQualifiedName": place}],
        }],
        // The same finding has the same fingerprint in another capture.
        "partialFingerprints": {
            "mcpdump/v1": format!("{:016x}", text::digest(&format!("{} {call}", finding.code))),
        },
        "occurrenceCount": finding.count,
        "properties": {"packet": finding.at.map(|at| capture.numbering.number(at.packet)), "fails": verdict.fails(issue)},
    });
    if issue.is_known
        && let Some(result) = result.as_object_mut()
    {
        let suppression = json!([{"kind": "external", "justification": "in the baseline"}]);
        result.insert("suppressions".to_owned(), suppression);
    }
    Some(result)
}

/// The name of a file as a URI: absolute (RFC 8089) if the name is, else a reference (RFC 3986
/// section 3.3).
fn uri(file: &str) -> String {
    let mut uri = String::with_capacity(file.len());
    if file.starts_with('/') {
        uri.push_str("file://");
    }
    for byte in file.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(byte.into())
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}
