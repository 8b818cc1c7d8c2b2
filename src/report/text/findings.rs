//! Findings, grouped by code.

use super::page::Page;
use crate::base::sanitize;
use crate::ledger::FindingRow;
use crate::report::label;
use crate::report::style::Role;
use crate::report::table::{Align, Cell, Table};

/// Findings of each code whose details are shown.
const MAX_DETAILS: usize = 2;

/// Maximum width of a detail in columns. It may quote traffic, so it is limited to a few lines.
const MAX_DETAIL_WIDTH: usize = 200;

pub(super) fn section(page: &mut Page, findings: &[FindingRow]) {
    let (security, other): (Vec<_>, Vec<_>) = findings.iter().partition(|row| row.code.is_security());
    table(page, "Findings", &other);
    table(page, "Security", &security);
}

fn table(page: &mut Page, title: &str, findings: &[&FindingRow]) {
    if findings.is_empty() {
        return;
    }
    page.heading(title, "most severe first");
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
        for finding in row.first.iter().take(MAX_DETAILS) {
            let at = label::finding_place(finding, &page.numbering);
            let detail = sanitize::clean(&finding.detail);
            page.line(Role::Faint, 6, &format!("{at}{}", sanitize::fit(&detail, MAX_DETAIL_WIDTH)));
        }
    }
}
