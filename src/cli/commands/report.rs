//! `mcpdump report`: totals, latency tables and findings of a whole capture.

use super::analysis;
use super::tally::{self, Tally};
use crate::cli::arguments::ReportOptions;
use crate::cli::exit::Outcome;
use crate::cli::matching::Matching;
use crate::cli::progress_bar::ProgressBar;
use crate::cli::request::Request;
use crate::cli::setup::Setup;
use crate::cli::{configuration, locale, messages, output, redaction};
use crate::engine::Engine;
use crate::ledger::Views;
use crate::report::{self, Format, page};
use crate::why::Limits;

/// Runs the command.
///
/// # Errors
/// The capture cannot be read, the filter is invalid, or the output cannot be written.
pub(crate) fn run(request: &Request, options: &ReportOptions) -> anyhow::Result<Outcome> {
    // The ledger decides which views of a call count.
    let mut matching = Matching::new(request, None)?;
    let metrics_redactor = options.counted.redaction.redactor(request)?;
    // Its file cannot be read in the sandbox.
    let limits = configuration::read(None, Limits::parse)?;
    let path = options.output.as_deref();
    let Setup { mut reader, mut output, slicer, matching_packets, .. } = Setup::open(request, path)?;
    reader.mask_metrics(metrics_redactor);
    if matching_packets.is_some() {
        matching.plan_slice();
    }
    if reader.device().is_some() {
        // Nothing else is printed before.
        messages::status("mcpdump: the report is printed when the capture ends; Ctrl-C ends it");
    }
    let report_options = report::Options {
        ascii: locale::is_ascii(),
        color: output::is_colored(request, path),
        ..tally::report_options(request, &reader, limits)
    };
    let mut engine = Engine::new();
    matching.prepare(&mut engine);
    let rows: Option<fn(Views) -> page::Rows> = (options.format == Format::Html).then_some(page::Rows::new);
    let mut tally = Tally::new(request, &options.counted, rows, (&matching, &mut engine))?;
    let result = analysis::run(&mut reader, engine, ProgressBar::start(false), |entries| {
        tally.push(entries, &mut matching);
        Ok(())
    });
    tally.finish(&mut matching);
    let result = result
        .and_then(|()| {
            let snapshot = tally.snapshot();
            output.write(|output| match tally.rows() {
                Some(rows) => page::write(&snapshot, rows, &report_options, output),
                None => report::write(options.format, &snapshot, &report_options, output),
            })
        })
        .and_then(|()| output.finish())
        .and_then(|()| {
            analysis::write_matching_packets(
                request,
                &mut matching,
                &reader,
                slicer.as_ref(),
                matching_packets,
            )
        });
    redaction::report(tally.redactor());
    reader.finish(result)
}
