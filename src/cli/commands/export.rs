//! `mcpdump export`: everything that was seen, for other programs.

use std::path::Path;

use anyhow::{Context as _, bail};

use super::analysis;
use crate::base::Fact;
use crate::cli::arguments::{ExportOptions, Only};
use crate::cli::exit::Outcome;
use crate::cli::matching::Matching;
use crate::cli::progress_bar::ProgressBar;
use crate::cli::redaction;
use crate::cli::request::Request;
use crate::cli::setup::Setup;
use crate::engine::Engine;
use crate::export::WriterOptions;
use crate::export::redact::Redactor;
use crate::ledger::{Entry, Record};

/// Runs the command.
///
/// # Errors
/// The capture cannot be read, the filter is invalid, or the output cannot be written.
pub(crate) fn run(request: &Request, options: &ExportOptions) -> anyhow::Result<Outcome> {
    let mut matching = Matching::new(request, options.views)?;
    let redactor = options.redaction.redactor(request)?;
    let directory = directory(options)?;
    let mut writer = (options.to.writer)(WriterOptions {
        directory: directory.map(Path::to_owned),
        redacted: redactor.as_ref().map(Redactor::tally).unwrap_or_default(),
        files: request.numbering.clone(),
        with_secrets: options.with_secrets,
        is_filtered: options.only.is_some()
            || request.filter.as_ref().is_some_and(|filter| !filter.trim().is_empty()),
    });
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
        None => Setup::open(request, options.output.as_deref())?,
    };
    let Setup { mut reader, mut output, slicer, matching_packets, .. } = setup;
    if matching_packets.is_some() {
        matching.plan_slice();
    }
    let mut engine = Engine::new();
    matching.prepare(&mut engine);
    if wants.payloads {
        engine.emit_payloads();
        // What is kept of them takes the other half.
        engine.halve_memory();
    }
    let progress_bar = ProgressBar::start(!output.is_file());
    let result = output.write(|output| writer.begin(output)).and_then(|()| {
        analysis::run(&mut reader, engine, progress_bar, |entries| {
            output.write(|output| {
                matching.select(entries, |entry| match entry {
                    entry if is_wanted(entry, options.only) => {
                        writer.entry(&redaction::masked(redactor.as_ref(), entry), output)
                    }
                    _ => Ok(()),
                })?;
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
    reader.finish(result)
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
