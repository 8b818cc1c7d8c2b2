//! What the program prints of one capture.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;

use crate::support::program::mcpdump;
use crate::support::run::parse_rows;

/// The row types of version 1. Rows of other types count as findings.
const ROWS: [&str; 5] = ["exchange", "notification", "stream", "session", "finding"];

/// The severities in ascending order.
const SEVERITIES: [&str; 4] = ["info", "notice", "warning", "error"];

/// The rank of a severity in [`SEVERITIES`].
pub(super) fn rank(severity: &str) -> usize {
    SEVERITIES
        .iter()
        .position(|known| *known == severity)
        .unwrap_or_else(|| panic!("no severity {severity:?}"))
}

/// The output of the program for one capture; the reports are made when they are first needed.
pub(super) struct Output {
    capture: PathBuf,
    pub(super) jsonl: String,
    pub(super) exchanges: Vec<Value>,
    pub(super) notifications: Vec<Value>,
    pub(super) streams: Vec<Value>,
    pub(super) sessions: Vec<Value>,
    pub(super) findings: Vec<Finding>,
    titles: OnceLock<BTreeMap<String, String>>,
    report: OnceLock<String>,
}

impl Output {
    /// Runs `export --to jsonl` over a capture.
    pub(super) fn of(capture: &Path) -> Self {
        let jsonl = run(capture, &["export", "--to", "jsonl"]);
        let rows = parse_rows(&jsonl);
        let of_type =
            |name: &str| rows.iter().filter(|row| row["type"] == name).cloned().collect::<Vec<Value>>();
        let is_finding = |row: &&Value| row["type"] == "finding" || !is_known(row);
        Self {
            capture: capture.to_owned(),
            exchanges: of_type("exchange"),
            notifications: of_type("notification"),
            streams: of_type("stream"),
            sessions: of_type("session"),
            findings: rows.iter().filter(is_finding).map(Finding::of).collect(),
            jsonl,
            titles: OnceLock::new(),
            report: OnceLock::new(),
        }
    }

    /// The text report.
    pub(super) fn report(&self) -> &str {
        let arguments = ["report", "--format", "text", "--color", "never"];
        self.report.get_or_init(|| run(&self.capture, &arguments))
    }

    /// Title and remedy of a finding code in the report.
    fn title(&self, code: &str) -> &str {
        let titles = self.titles.get_or_init(|| {
            let report = run(&self.capture, &["report", "--format", "json"]);
            let report: Value = serde_json::from_str(&report).expect("the report is JSON");
            let rows = report["findings"].as_array().cloned().unwrap_or_default();
            let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
            rows.iter()
                .map(|row| (text(row, "code"), format!("{} {}", text(row, "meaning"), text(row, "remedy"))))
                .collect()
        });
        titles.get(code).map_or("", String::as_str)
    }
}

/// Standard output of the program.
fn run(capture: &Path, arguments: &[&str]) -> String {
    let directory = capture.parent().expect("a capture is in a directory");
    let name = capture.file_name().expect("a capture has a name");
    let output =
        mcpdump().args(arguments).arg(name).current_dir(directory).output().expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {arguments:?}: {said}", capture.display());
    String::from_utf8(output.stdout).expect("output is UTF-8")
}

fn is_known(row: &Value) -> bool {
    row["type"].as_str().is_some_and(|name| ROWS.contains(&name))
}

/// A finding, or a row of a type that version 1 does not have.
pub(super) struct Finding {
    pub(super) row: Value,
    pub(super) code: String,
    pub(super) severity: String,
    pub(super) detail: String,
    pub(super) packets: BTreeSet<u64>,
    /// Whether the row is a finding.
    pub(super) is_finding: bool,
}

impl Finding {
    fn of(row: &Value) -> Self {
        let text = |name: &str| row[name].as_str().map(str::to_owned);
        let is_finding = row["type"] == "finding";
        let mut packets = Vec::new();
        numbers(row, "packet", "", &mut packets);
        Self {
            code: text("code").or_else(|| text("type")).unwrap_or_default(),
            severity: text("severity").unwrap_or_else(|| "info".to_owned()),
            detail: if is_finding { text("detail").unwrap_or_default() } else { row.to_string() },
            packets: packets.iter().filter_map(Value::as_u64).collect(),
            row: row.clone(),
            is_finding,
        }
    }

    /// The text in which words are looked for.
    pub(super) fn text(&self, output: &Output) -> String {
        format!("{} {} {}", self.code, self.detail, output.title(&self.code))
    }

    /// The finding in a few words.
    pub(super) fn shown(&self) -> String {
        let detail: String = self.detail.chars().take(60).collect();
        format!("{} at {:?} ({detail})", self.code, self.packets)
    }
}

/// Adds all numbers below keys that contain `part`.
pub(super) fn numbers(value: &Value, part: &str, key: &str, found: &mut Vec<Value>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                numbers(value, part, key, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| numbers(value, part, key, found)),
        Value::Number(_) if key.contains(part) => found.push(value.clone()),
        _ => {}
    }
}
