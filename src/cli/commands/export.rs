//! `mcpdump export`: everything that was seen, for other programs.

use std::path::Path;

use anyhow::{Context as _, bail};

use super::analysis;
use crate::base::{Fact, units};
use crate::cli::arguments::{ExportOptions, Only};
#[cfg(feature = "otlp")]
use crate::cli::collector::Collector;
use crate::cli::exit::Outcome;
use crate::cli::matching::Matching;
use crate::cli::progress_bar::ProgressBar;
use crate::cli::request::Request;
use crate::cli::setup::Setup;
use crate::cli::{messages, redaction};
use crate::engine::Engine;
#[cfg(not(feature = "otlp"))]
use crate::export::Export;
use crate::export::redact::Redactor;
use crate::export::{Resource, WriterOptions, otlp};
use crate::ledger::{Entry, Record};
use crate::telemetry::{self, Environment};

/// Runs the command.
///
/// # Errors
/// The capture cannot be read, the filter is invalid, or the output cannot be written.
pub(crate) fn run(request: &Request, options: &ExportOptions) -> anyhow::Result<Outcome> {
    let mut matching = Matching::new(request, options.views)?;
    let redactor = options.redaction.redactor(request)?;
    let directory = directory(options)?;
    let collector = collector(options, request)?;
    let writer_options = WriterOptions {
        directory: directory.map(Path::to_owned),
        redacted: redactor.as_ref().map(Redactor::tally).unwrap_or_default(),
        files: request.numbering.clone(),
        with_secrets: options.with_secrets,
        is_filtered: options.only.is_some()
            || request.filter.as_ref().is_some_and(|filter| !filter.trim().is_empty()),
        resource: resource(options)?,
    };
    let mut writer = match &collector {
        Some(collector) => collector.writer(writer_options),
        None => (options.to.writer)(writer_options),
    };
    let wants = writer.wants();
    if options.with_secrets && !wants.payloads {
        bail!("--with-secrets is for --to har: {} has neither header fields nor bodies", options.to.name);
    }
    if wants.payloads {
        // Before the sandbox is entered.
        let file = tempfile::tempfile().context("a temporary file for the bodies cannot be created")?;
        writer.spill_into(file);
    }
    let setup = match directory {
        Some(directory) => Setup::open_with_new_directory(request, directory)?,
        None => Setup::open_with(request, options.output.as_deref(), || {
            collector.as_ref().map_or(Ok(()), Collector::start)
        })?,
    };
    let Setup { mut reader, mut output, slicer, matching_packets, .. } = setup;
    reader.mask_metrics(options.redaction.redactor(request)?);
    if matching_packets.is_some() {
        matching.plan_slice();
    }
    let mut engine = Engine::new();
    matching.prepare(&mut engine);
    if wants.payloads {
        engine.emit_payloads();
        // What is kept of them takes the other half.
        engine.halve_memory();
        engine.halve_sessions();
    }
    if wants.requests {
        engine.emit_requests();
    }
    let is_live = request.is_live();
    let progress_bar = ProgressBar::start(!output.is_file());
    let result = output.write(|output| writer.begin(output)).and_then(|()| {
        analysis::run(&mut reader, engine, progress_bar, |entries| {
            output.write(|output| {
                if wants.requests {
                    let mut requests = entries.iter().filter(|entry| is_request(entry));
                    requests.try_for_each(|entry| {
                        let redactor = redactor.as_ref().filter(|_| names_a_span(entry));
                        writer.entry(&redaction::masked(redactor, entry), output)
                    })?;
                }
                matching.select(entries, |entry| match entry {
                    entry if is_request(entry) => Ok(()),
                    entry if is_wanted(entry, options.only) => {
                        writer.entry(&redaction::masked(redactor.as_ref(), entry), output)
                    }
                    _ => Ok(()),
                })?;
                if is_live {
                    writer.end_batch(output)?;
                }
                output.end_batch()
            })
        })
    });
    let result = result
        .and_then(|()| output.write(|output| writer.finish(output)))
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
    if result.is_ok() && matching.is_unmatched() {
        messages::status("nothing matches the filter");
    }
    if writer.texts_cut() > 0 {
        messages::status(&format!(
            "{} cut to the longest length",
            units::several(writer.texts_cut(), "text")
        ));
    }
    // Also after a failure: what was read until then is sent.
    let has_arrived = collector.is_none_or(Collector::finish);
    match reader.finish(result)? {
        Outcome::Success if !has_arrived => Ok(Outcome::PartialFailure),
        outcome => Ok(outcome),
    }
}

/// Whether an entry is a request that waits for its response.
fn is_request(entry: &Entry) -> bool {
    matches!(entry, Entry::Record(record) if record.comes_again())
}

/// Whether a request names the span that sent it: all that a writer takes of a request, so that
/// nothing else of it is masked, which would be counted twice.
fn names_a_span(entry: &Entry) -> bool {
    matches!(entry, Entry::Record(Record::Request(exchange)) if exchange.trace.is_some())
}

/// The collector that the export goes to; `None` if it goes to a file.
///
/// # Errors
/// Options contradict each other, or this program cannot send.
fn collector(options: &ExportOptions, request: &Request) -> anyhow::Result<Option<Collector>> {
    if options.to.name != otlp::NAME && (options.endpoint.is_some() || options.retry_for.is_some()) {
        bail!("--endpoint and --retry-for are for --to otlp");
    }
    Collector::new(options, request)
}

/// What telemetry says of its sender.
///
/// # Errors
/// A variable of the environment is wrong.
fn resource(options: &ExportOptions) -> anyhow::Result<Resource> {
    match options.to.name {
        otlp::NAME => Ok(telemetry::resource(&Environment(&|name| std::env::var(name).ok()))?),
        _ => Ok(Resource::default()),
    }
}

/// A program without the feature `otlp` sends nothing.
#[cfg(not(feature = "otlp"))]
enum Collector {}

#[cfg(not(feature = "otlp"))]
impl Collector {
    fn new(options: &ExportOptions, _: &Request) -> anyhow::Result<Option<Self>> {
        match options.endpoint {
            Some(_) => bail!("--endpoint: not in this program: cargo build --release --features otlp"),
            None => Ok(None),
        }
    }

    fn writer(&self, _: WriterOptions) -> Box<dyn Export> {
        match *self {}
    }

    fn start(&self) -> anyhow::Result<()> {
        match *self {}
    }

    fn finish(self) -> bool {
        match self {}
    }
}

/// The directory that the format writes; `None` if it writes a file.
///
/// # Errors
/// None is named.
fn directory(options: &ExportOptions) -> anyhow::Result<Option<&Path>> {
    match options.output.as_deref() {
        _ if !options.to.is_directory => Ok(None),
        Some(path) if path.as_os_str() != "-" => Ok(Some(path)),
        _ => bail!("--to {} writes a directory: name a new one with -o", options.to.name),
    }
}

/// Whether an entry is of the kind that was asked for. Payloads are no rows of their own.
fn is_wanted(entry: &Entry, only: Option<Only>) -> bool {
    match (only, entry) {
        (None, _) | (_, Entry::Fact(Fact::Payload(_))) => true,
        (Some(Only::Exchanges), entry) => matches!(entry, Entry::Record(Record::Exchange(_))),
    }
}
