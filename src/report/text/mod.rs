//! Text report for people: aligned columns, slow calls first.
//!
//! Sections without content are left out. Colours are escape sequences around the same text.

use std::io;

use super::options::Options;
use crate::base::sanitize;
use crate::ledger::{LatencyRow, Snapshot};

mod capture;
mod exchanges;
mod findings;
mod llm;
mod page;
mod sessions;

use page::Page;

/// Describes the times of the latency table.
const WIRE: &str = "request to response; ≥ is a lower limit: calls without an answer";

/// Writes the report.
///
/// # Errors
/// Returns the errors of `out`.
pub fn write(snapshot: &Snapshot, options: &Options, out: &mut impl io::Write) -> io::Result<()> {
    let mut page = Page::new(options);
    capture::section(&mut page, snapshot, options);
    exchanges::latency(&mut page, &snapshot.latency, WIRE);
    exchanges::phases(&mut page, snapshot);
    exchanges::grouped(&mut page, snapshot);
    exchanges::slowest(&mut page, snapshot);
    exchanges::unanswered(&mut page, snapshot);
    llm::section(&mut page, snapshot);
    sessions::sessions(&mut page, snapshot);
    exchanges::undetermined(&mut page, snapshot);
    sessions::offers(&mut page, snapshot);
    sessions::foreign(&mut page, snapshot);
    findings::section(&mut page, &snapshot.findings);
    finish(&page, options, out)
}

/// Writes the latency table alone. `remark` describes how the times were measured.
///
/// # Errors
/// Returns the errors of `out`.
pub fn latency(
    rows: &[LatencyRow],
    remark: &str,
    options: &Options,
    out: &mut impl io::Write,
) -> io::Result<()> {
    let mut page = Page::new(options);
    exchanges::latency(&mut page, rows, remark);
    finish(&page, options, out)
}

fn finish(page: &Page, options: &Options, out: &mut impl io::Write) -> io::Result<()> {
    if options.ascii {
        return out.write_all(sanitize::to_ascii(&page.text).as_bytes());
    }
    out.write_all(page.text.as_bytes())
}
