//! `mcpdump timeline`: the runs of agents: what a model asked for, and what MCP did.

use super::analysis;
use crate::agent::{self, Collector};
use crate::cli::arguments::screen::Color;
use crate::cli::arguments::timeline::Timeline;
use crate::cli::arguments::why::StoryFormat;
use crate::cli::exit::Outcome;
use crate::cli::matching::Matching;
use crate::cli::progress_bar::ProgressBar;
use crate::cli::request::Request;
use crate::cli::setup::Setup;
use crate::cli::{locale, messages, redaction};
use crate::engine::Engine;

/// Runs the command.
///
/// # Errors
/// A capture cannot be read, the filter is invalid, or the output cannot be written.
pub(crate) fn run(arguments: &Timeline, color: Color) -> anyhow::Result<Outcome> {
    let Timeline { source, options } = arguments;
    let request = &Request::new(source, color)?;
    let mut matching = Matching::new(request, None)?;
    let redactor = options.redaction.redactor(request)?;
    let setup = Setup::open(request, options.output.as_deref())?;
    let Setup { mut reader, mut output, slicer, matching_packets, .. } = setup;
    reader.mask_metrics(options.redaction.redactor(request)?);
    if matching_packets.is_some() {
        matching.plan_slice();
    }
    if reader.device().is_some() {
        messages::status("mcpdump: the timeline is printed when the capture ends; Ctrl-C ends it");
    }
    let mut engine = Engine::new();
    matching.prepare(&mut engine);
    // The arguments and results of calls are in them.
    engine.emit_payloads();
    // What is kept beside it takes the other half.
    engine.halve_memory();
    let mut collector = Collector::new();
    let result = analysis::run(&mut reader, engine, ProgressBar::start(false), |entries| {
        for entry in entries {
            let is_chosen = matching.matches(entry);
            collector.push(&redaction::masked(redactor.as_ref(), entry), is_chosen);
        }
        Ok(())
    });
    let result = result
        .and_then(|()| {
            let timeline = collector.finish();
            output.write(|output| match options.format {
                StoryFormat::Text => agent::text(&timeline, &request.numbering, locale::is_ascii(), output),
                StoryFormat::Json => agent::json(&timeline, &request.numbering, output),
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
    redaction::report(redactor.as_ref());
    reader.finish(result)
}
