//! The report for people: 80 columns, aligned, the slow calls at the top.
//!
//! Colours only where the options ask for them; the same text without them. No section without content.

use std::io;

use super::label;
use super::style::{Paint, Role};
use super::table::{Align, Cell, Table};
use super::{Options, sanitize, units};
use crate::ledger::{FindingRow, LatencyRow, Snapshot};

mod calls;
mod capture;
mod parties;

/// Details of a finding's code that are shown.
const DETAILS: usize = 2;

/// Columns of a detail: some lines, whatever the traffic says.
const DETAIL: usize = 200;

/// What the times of the latency table are.
const WIRE: &str = "first byte of the request to last of the response; highest p95 first";

/// A blank at which no line is broken; printed as a blank.
const HARD_BLANK: &str = "\u{a0}";

/// Writes the report.
///
/// # Errors
/// Those of `out`.
pub fn write(snapshot: &Snapshot, options: &Options, out: &mut impl io::Write) -> io::Result<()> {
    let mut page = Page::new(options);
    capture::section(&mut page, snapshot, options);
    calls::latency(&mut page, &snapshot.latency, WIRE);
    calls::parts(&mut page, snapshot);
    calls::grouped(&mut page, snapshot);
    calls::slowest(&mut page, snapshot);
    calls::unanswered(&mut page, snapshot);
    parties::sessions(&mut page, snapshot);
    parties::offers(&mut page, snapshot);
    parties::foreign(&mut page, snapshot);
    findings(&mut page, &snapshot.findings);
    out.write_all(page.text.as_bytes())
}

/// Writes the latency table alone, of calls that somebody else timed: `remark` says what the times are.
///
/// # Errors
/// Those of `out`.
pub fn latency(
    rows: &[LatencyRow],
    remark: &str,
    options: &Options,
    out: &mut impl io::Write,
) -> io::Result<()> {
    let mut page = Page::new(options);
    calls::latency(&mut page, rows, remark);
    out.write_all(page.text.as_bytes())
}

/// The text so far and how it is laid out.
struct Page {
    paint: Paint,
    width: usize,
    rows: usize,
    text: String,
}

impl Page {
    fn new(options: &Options) -> Self {
        Self {
            paint: Paint { color: options.color },
            width: options.width.max(60),
            rows: options.rows,
            text: String::new(),
        }
    }

    fn heading(&mut self, title: &str, remark: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.paint.push(&mut self.text, Role::Heading, title);
        if !remark.is_empty() {
            self.text.push_str("  ");
            let left = self.width.saturating_sub(sanitize::width(title) + 2);
            self.paint.push(&mut self.text, Role::Faint, &sanitize::fit(remark, left));
        }
        self.text.push('\n');
    }

    fn table(&mut self, table: &Table) {
        table.draw(self.paint, self.width, &mut self.text);
    }

    /// An indented line, broken between words where it is too long.
    fn line(&mut self, role: Role, indent: usize, text: &str) {
        let width = self.width.saturating_sub(indent);
        let mut line = String::new();
        for word in text.split(' ') {
            let longer = sanitize::width(&line) + 1 + sanitize::width(word);
            if !line.is_empty() && longer > width {
                self.push_line(role, indent, &line);
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.push_line(role, indent, &line);
    }

    fn push_line(&mut self, role: Role, indent: usize, line: &str) {
        self.text.extend(std::iter::repeat_n(' ', indent));
        let line = line.replace(HARD_BLANK, " ");
        let line = sanitize::fit(&line, self.width.saturating_sub(indent));
        self.paint.push(&mut self.text, role, &line);
        self.text.push('\n');
    }

    /// How many rows of a table are not shown.
    fn more(&mut self, count: u64) {
        if count > 0 {
            self.line(Role::Faint, 2, &format!("and {count} more"));
        }
    }
}

/// How many of `all` are left when `shown` are shown.
fn rest(all: u64, shown: usize) -> u64 {
    all.saturating_sub(shown as u64)
}

fn findings(page: &mut Page, findings: &[FindingRow]) {
    if findings.is_empty() {
        return;
    }
    page.heading("Findings", "the worst first");
    for row in findings {
        let info = row.code.info();
        let mut table = Table::new(&[(Align::Left, "")]);
        table.span(vec![
            Cell::in_role(Role::of(info.severity), info.severity.name()),
            Cell::in_role(Role::Strong, info.name),
            Cell::new(format!("× {}", row.count)),
        ]);
        page.table(&table);
        page.line(Role::Plain, 4, info.title);
        page.line(Role::Faint, 4, info.remedy);
        for finding in row.first.iter().take(DETAILS) {
            let at = finding.at.map_or_else(String::new, |at| format!("packet {}: ", at.packet));
            let detail = sanitize::clean(&finding.detail);
            page.line(Role::Faint, 6, &format!("{at}{}", sanitize::fit(&detail, DETAIL)));
        }
    }
}

/// A duration's cell.
fn cell(ns: Option<i64>) -> Cell {
    let role = if ns.is_none() { Role::Faint } else { Role::Plain };
    Cell::in_role(role, label::cell(ns))
}

/// The time of day of a packet.
fn time(exchange: &crate::ledger::Exchange) -> Cell {
    Cell::in_role(Role::Faint, units::time_of_day(exchange.request.span.start.time))
}
