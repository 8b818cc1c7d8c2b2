//! The output of `mcpdump demo` without a terminal: one line per exchange, then a report.

use std::io::Write as _;

use crate::capture;
use crate::cli::locale;
use crate::cli::output::{self, Output};
use crate::cli::request::Request;
use crate::engine::Engine;
use crate::ledger::Ledger;
use crate::report;

/// Rows of the tables of the report.
const REPORT_ROWS: usize = 8;

/// Prints a line per exchange as it completes, then a report. `name` is the source in the report;
/// `after_read` is called after each item.
///
/// # Errors
/// The capture cannot be read, or the output cannot be written.
pub(super) fn list_and_report<S: capture::Source>(
    source: &mut S,
    mut output: Output,
    request: &Request,
    name: String,
    mut after_read: impl FnMut(&mut S),
) -> anyhow::Result<()> {
    let color = output::is_colored(request, None);
    let mut lines = report::list::Lines::new(report::list::Options {
        color,
        ascii: locale::is_ascii(),
        ..Default::default()
    });
    let (mut engine, mut ledger) = (Engine::new(), Ledger::new(None));
    let (mut entries, mut has_more) = (Vec::new(), true);
    while has_more {
        has_more = engine.read(source, &mut entries)?;
        output.write(|output| {
            for entry in &entries {
                lines.write(entry, output)?;
            }
            output.end_batch()
        })?;
        for entry in entries.drain(..) {
            ledger.push(&entry);
        }
        after_read(source);
    }
    let options = report::Options {
        color,
        ascii: locale::is_ascii(),
        files: vec![name],
        rows: REPORT_ROWS,
        ..report::Options::default()
    };
    output.write(|output| {
        writeln!(output)?;
        report::write(report::Format::Text, &ledger.snapshot(), &options, output)
    })?;
    output.finish()
}
