//! `mcpdump report`: totals, latency tables and findings of a whole capture.

use super::analysis;
use crate::cli::arguments::ReportOptions;
use crate::cli::exit::Outcome;
use crate::cli::output;
use crate::cli::progress_bar::ProgressBar;
use crate::cli::request::{Inputs, Request};
use crate::cli::setup::Setup;
use crate::engine::Engine;
use crate::ledger::Ledger;
use crate::report;

/// Runs the command.
///
/// # Errors
/// The capture cannot be read, the filter is invalid, or the output cannot be written.
pub(crate) fn run(request: &Request, options: &ReportOptions) -> anyhow::Result<Outcome> {
    let filter = analysis::filter(request)?;
    let path = options.output.as_deref();
    let Setup { mut reader, mut output, .. } = Setup::open(request, path)?;
    let report_options = report::Options {
        color: output::is_colored(request, path),
        files: match &request.inputs {
            Inputs::Files(_) => request.input_names(),
            Inputs::Device(_) => reader.device().map(str::to_owned).into_iter().collect(),
        },
        ..report::Options::default()
    };
    let mut ledger = Ledger::new(options.by).with_views(options.views.unwrap_or(filter.views()));
    let result = analysis::run(&mut reader, Engine::new(), ProgressBar::start(false), |entries| {
        for entry in entries.iter().filter(|entry| analysis::is_shown(&filter, entry)) {
            ledger.push(entry);
        }
        Ok(())
    });
    let result = result
        .and_then(|()| {
            output.write(|output| report::write(options.format, &ledger.snapshot(), &report_options, output))
        })
        .and_then(|()| output.finish());
    reader.finish(result)
}
