//! Every format of one verdict, and what is generated of the codes.

use std::collections::BTreeMap;

use serde_json::Value;

use super::*;
use crate::base::{Code, Degraded, Finding, Origin, Severity};

fn issue(code: Code, packet: u64, detail: &str) -> Issue {
    let finding = Finding {
        code,
        at: Some(Origin::new(packet, 1)),
        tcp_stream: Some(3),
        session: Some(1),
        exchange: Some(14),
        count: 1,
        detail: detail.to_owned(),
    };
    Issue {
        finding,
        method: Some("tools/call".into()),
        name: Some("se|arch\n<x>".into()),
        server: Some("weather 1.0".to_owned()),
        is_known: false,
    }
}

/// A verdict with everything that it can have, texts of traffic included.
fn verdict() -> Verdict {
    let known = Issue { is_known: true, ..issue(Code::McpBatch, 9, "2 messages") };
    let judged = |text: &str, outcome| Judged {
        objective: text.into(),
        outcome,
        measured: "812 ms of 34 calls".to_owned(),
    };
    Verdict {
        fail_on: Some(Severity::Warning),
        issues: vec![
            issue(Code::McpUnanswered, 812, "a \"b\" & <c>\u{1b}[31m\r\n::error::%0A | `x`"),
            known,
            issue(Code::McpSeenTwice, 7, "two legs"),
        ],
        more: BTreeMap::from([(Code::RpcNotJson, 5)]),
        ignored: 2,
        objectives: vec![
            judged("p95(tools/call)<500ms", Outcome::Missed),
            judged("max(*)<30s", Outcome::Met),
            judged("error_rate(*)<1%", Outcome::Untold("no such call in the capture")),
        ],
        exchanges: [34, 1],
        missing: Degraded::GAP,
        security: false,
    }
}

fn written(format: Format) -> String {
    let mut out = Vec::new();
    let capture = Capture { name: "a b/capture,1.pcap", ..Capture::default() };
    write(format, &verdict(), &capture, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// No format lets text of traffic become part of its own syntax, or of a terminal's.
#[test]
fn no_format_passes_control_characters_on() {
    for format in Format::ALL {
        let text = written(format);
        let is_bad = |c: char| c.is_control() && c != '\n';
        assert!(!text.contains(is_bad), "{}: {text:?}", format.name());
        assert!(text.ends_with('\n'), "{}", format.name());
    }
}

#[test]
fn text_has_the_result_last() {
    insta::assert_snapshot!(written(Format::Text));
}

#[test]
fn markdown_is_a_table() {
    insta::assert_snapshot!(written(Format::Markdown));
}

#[test]
fn github_commands_are_lines() {
    let text = written(Format::Github);
    let commands: Vec<&str> = text.lines().filter(|line| line.starts_with("::")).collect();
    assert!(commands[0].starts_with("::error file=a b/capture%2C1.pcap,title=mcp.unanswered::"), "{text}");
    assert!(commands[0].contains("%250A"), "a percent sign of traffic is no escape: {text}");
    let levels: Vec<_> = commands.iter().map(|line| line.split([' ', ':']).nth(2).unwrap()).collect();
    assert_eq!(levels, ["error", "notice", "error", "notice", "notice"], "{text}");
}

#[test]
fn json_names_what_fails() {
    let document: Value = serde_json::from_str(&written(Format::Json)).unwrap();
    assert_eq!(document["passed"], false);
    let fails: Vec<_> = document["findings"].as_array().unwrap().iter().map(|it| &it["fails"]).collect();
    assert_eq!(fails, [true, false, false]);
    assert_eq!(document["more"]["rpc.not_json"], 5);
    assert_eq!(document["objectives"][2]["outcome"], "untold");
}

/// What SARIF 2.1.0 requires of a log, a run, a rule and a result.
#[test]
fn sarif_has_what_the_standard_requires() {
    let document: Value = serde_json::from_str(&written(Format::Sarif)).unwrap();
    assert_eq!(document["version"], "2.1.0");
    let run = &document["runs"][0];
    let driver = &run["tool"]["driver"];
    assert!(driver["name"].is_string());
    let rules = driver["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 3);
    for result in results {
        let at = result["ruleIndex"].as_u64().unwrap() as usize;
        assert_eq!(rules[at]["id"], result["ruleId"]);
        assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap()));
        assert!(result["message"]["text"].is_string());
        let uri = &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
        assert_eq!(uri, "a%20b/capture%2C1.pcap");
        assert!(result["locations"][0]["physicalLocation"]["region"]["startLine"].is_u64());
    }
    assert!(results[1]["suppressions"].is_array() && results[0]["suppressions"].is_null());
}

/// JUnit: counts that agree, rules that cannot be told are skipped, text is escaped.
#[test]
fn junit_counts_agree() {
    let text = written(Format::Junit);
    let count = |part: &str| text.matches(part).count();
    let attribute = |name: &str| {
        let from = text.split_once(&format!(" {name}=\"")).unwrap().1;
        from.split('"').next().unwrap().parse::<usize>().unwrap()
    };
    assert_eq!(attribute("tests"), count("<testcase "));
    assert_eq!(attribute("failures"), count("<failure "));
    let suites = text.split("<testsuite ").skip(1);
    let skipped = suites.map(|suite| suite.split_once(" skipped=\"").unwrap().1);
    let skipped = skipped.map(|rest| rest.split('"').next().unwrap().parse::<usize>().unwrap());
    assert_eq!(skipped.sum::<usize>(), count("<skipped "));
    assert_eq!(count("<failure "), 3, "two rules and an objective");
    assert_eq!(count("<testcase "), count("</testcase>") + count("/>") - count("<skipped "));
    let case = text.split("name=\"mcp.duplicate_response\"").nth(1).unwrap();
    assert!(case.starts_with(">\n      <skipped "), "it may be in the gap");
    assert!(!text.contains("<x>") && !text.contains("<c>") && text.contains("&lt;c&gt;"), "{text}");
}

/// The baseline that a verdict writes lets it pass.
#[test]
fn a_baseline_covers_what_it_was_made_of() {
    let patterns = parse_baseline(&written(Format::Baseline)).unwrap();
    for issue in verdict().issues.iter().filter(|issue| verdict().is_at_level(issue.finding.code)) {
        let name = crate::base::sanitize::clean(issue.name.as_deref().unwrap());
        let code = issue.finding.code.name();
        assert!(patterns.iter().any(|it| it.covers(code, issue.method.as_deref(), Some(&name))), "{code}");
    }
    assert!(patterns.iter().any(|pattern| pattern.covers("rpc.not_json", None, None)));
}

#[test]
fn every_code_is_explained() {
    for info in Code::all() {
        let mut text = Vec::new();
        explain::write(explain::find(info.name).unwrap(), &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.starts_with(&format!("{}: {}", info.name, info.title)));
        let is_short = |line: &str| line.starts_with("https:") || line.chars().count() <= 100;
        assert!(text.lines().all(is_short), "{text}");
    }
    assert!(explain::find("mcp.nothing").is_none());
    assert!(explain::similar("unanswered").contains(&"mcp.unanswered"));
    assert!(explain::similar("mcp.unanswred").is_empty());
}

#[test]
fn documents_have_the_findings() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/findings.md");
    let mut page = Vec::new();
    explain::write_page(&mut page).unwrap();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, page).unwrap();
    } else {
        let there = std::fs::read(path).unwrap();
        assert!(there == page, "run `BLESS=1 cargo test documents`");
    }
}
