//! A verdict as one JSON document (docs/check.md).

use std::io;

use serde_json::{Value, json};

use super::capture::Capture;
use super::gate::{Issue, Verdict};
use super::objective::{Judged, Outcome};
use crate::base::Files;
use crate::base::json::write_compact;

/// Writes the verdict.
pub(super) fn write(verdict: &Verdict, capture: &Capture<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let file = capture.name;
    let document = json!({
        "type": "check",
        "v": 1,
        "file": file,
        "passed": !verdict.has_failed(),
        "fail_on": verdict.fail_on.map(|level| level.name()),
        "exchanges": verdict.exchanges[0],
        "undetermined": verdict.exchanges[1],
        "missing": verdict.missing.names().collect::<Vec<_>>(),
        "ignored": verdict.ignored,
        "findings": verdict.issues.iter().map(|it| issue(verdict, it, &capture.numbering)).collect::<Vec<_>>(),
        "more": verdict.more.iter().map(|(code, n)| (code.name().to_owned(), (*n).into())).collect::<serde_json::Map<_, _>>(),
        "objectives": verdict.objectives.iter().map(objective).collect::<Vec<_>>(),
    });
    write_compact(&mut &mut *out, &document)?;
    writeln!(out)
}

fn issue(verdict: &Verdict, issue: &Issue, files: &Files) -> Value {
    let finding = &issue.finding;
    let source = finding.code.source();
    let packet = finding.at.map(|at| at.packet);
    let mut value = json!({
        "code": finding.code.name(),
        "severity": finding.code.severity().name(),
        "confidence": finding.code.confidence().name(),
        "fails": verdict.fails(issue),
        "known": issue.is_known,
        "packet": packet.map(|packet| files.number(packet)),
        "tcp_stream": finding.tcp_stream.and_then(|on| files.stream(on, packet.unwrap_or_default())),
        "session": finding.session.map(|number| format!("s{number}")),
        "exchange": finding.exchange,
        "method": issue.method.as_deref(),
        "name": issue.name.as_deref(),
        "server": issue.server,
        "count": finding.count,
        "detail": finding.detail,
        "title": finding.code.info().title,
        "source": source.map(|source| source.heading),
        "url": source.map(|source| source.url),
    });
    if let (true, Some(value)) = (files.are_several(), value.as_object_mut()) {
        value.insert("file".to_owned(), packet.and_then(|packet| files.name(packet)).into());
    }
    value
}

fn objective(judged: &Judged) -> Value {
    let (outcome, why) = match judged.outcome {
        Outcome::Met => ("met", None),
        Outcome::Missed => ("missed", None),
        Outcome::Untold(why) => ("untold", Some(why)),
    };
    json!({"objective": judged.objective, "outcome": outcome, "why": why, "measured": judged.measured})
}
