//! `mcpdump inventory`: the servers and clients of captures. `mcpdump stats`: in how many sessions
//! what failed.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

use super::analysis;
use crate::base::Timestamp;
use crate::cli::arguments::inventory::{CensusOptions, Inventory, Stats};
use crate::cli::arguments::screen::Color;
use crate::cli::clock;
use crate::cli::exit::Outcome;
use crate::cli::matching::Matching;
use crate::cli::messages;
use crate::cli::progress_bar::ProgressBar;
use crate::cli::redaction;
use crate::cli::request::Request;
use crate::cli::setup::Setup;
use crate::engine::Engine;
use crate::inventory::{self, Census};
use crate::ledger::Views;

/// Runs `mcpdump inventory`.
///
/// # Errors
/// A capture cannot be read, the filter is invalid, or an output cannot be written.
pub(crate) fn run(arguments: &Inventory, color: Color) -> anyhow::Result<Outcome> {
    let Inventory { source, options, advertised } = arguments;
    let directory = advertised.as_deref();
    if let Some(directory) = directory {
        // The sandbox allows files in it, and no directory.
        fs::create_dir_all(directory)
            .with_context(|| format!("{}: cannot be created", directory.display()))?;
    }
    take(&Request::new(source, color)?, options, directory, |inventory, output| {
        inventory::write(options.format, inventory, output)
    })
}

/// Runs `mcpdump stats`.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_stats(arguments: &Stats, color: Color) -> anyhow::Result<Outcome> {
    let Stats { source, options } = arguments;
    take(&Request::new(source, color)?, options, None, |inventory, output| {
        inventory::write_stats(options.format, inventory, output)
    })
}

/// Reads the captures and writes what `write` makes of them.
fn take(
    request: &Request,
    options: &CensusOptions,
    directory: Option<&Path>,
    write: impl FnOnce(&inventory::Inventory, &mut dyn std::io::Write) -> std::io::Result<()>,
) -> anyhow::Result<Outcome> {
    let mut matching = Matching::new(request, Some(Views::Front))?;
    let redactor = options.redaction.redactor(request)?;
    let setup = Setup::open_with_directory(request, options.output.as_deref(), directory)?;
    let Setup { mut reader, mut output, .. } = setup;
    reader.mask_metrics(options.redaction.redactor(request)?);
    if reader.device().is_some() {
        messages::status("mcpdump: the result is printed when the capture ends; Ctrl-C ends it");
    }
    let mut engine = Engine::new();
    matching.prepare(&mut engine);
    // Definitions and header fields are in them.
    engine.emit_payloads();
    // What is kept beside it takes the other half.
    engine.halve_memory();
    let mut census = Census::new(options.since.map(before_now));
    let result = analysis::run(&mut reader, engine, ProgressBar::start(false), |entries| {
        matching.select(entries, |entry| {
            census.push(&redaction::masked(redactor.as_ref(), entry));
            Ok(())
        })
    });
    let result = result
        .and_then(|()| {
            let inventory = census.finish();
            output.write(|output| write(&inventory, output))?;
            directory.map_or(Ok(()), |directory| write_advertised(&inventory, directory))
        })
        .and_then(|()| output.finish());
    redaction::report(redactor.as_ref());
    reader.finish(result)
}

/// Writes what servers offer to files of a directory.
fn write_advertised(inventory: &inventory::Inventory, directory: &Path) -> anyhow::Result<()> {
    let mut is_empty = true;
    for file in inventory::advertised(inventory) {
        let path = directory.join(&file.file);
        fs::write(&path, &file.json).with_context(|| format!("{}: cannot be written", path.display()))?;
        is_empty = false;
    }
    if is_empty {
        messages::error("note: no listing of tools, prompts or resources in the capture");
    }
    Ok(())
}

fn before_now(duration: std::time::Duration) -> Timestamp {
    let ns = i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
    Timestamp(clock::now().0.saturating_sub(ns))
}
