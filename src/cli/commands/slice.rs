//! `mcpdump slice`: the packets of the exchanges that match, in a file of their own.

use super::analysis::{self, SliceWriter};
use crate::anonymize::Key;
use crate::cli::arguments::SliceOptions;
use crate::cli::exit::Outcome;
use crate::cli::matching::Matching;
use crate::cli::messages;
use crate::cli::progress_bar::ProgressBar;
use crate::cli::request::Request;
use crate::cli::setup::{Setup, SliceTarget};
use crate::engine::Engine;

/// Runs the command.
///
/// # Errors
/// The capture cannot be read, the filter is invalid, or the file cannot be written.
pub(crate) fn run(request: &Request, options: &SliceOptions) -> anyhow::Result<Outcome> {
    if request.keep.is_some() {
        anyhow::bail!("-w keeps what is captured: name the file of the slice with -o FILE");
    }
    let key = options.anonymize.then(Key::random).transpose()?;
    let mut matching = Matching::new(request, None)?;
    matching.plan_slice();
    let setup = Setup::open_for_slice(request, &options.output)?;
    let Setup { mut reader, output, slicer, unwanted, .. } = setup;
    let mut engine = Engine::new();
    matching.prepare(&mut engine);
    engine.halve_memory();
    let progress_bar = ProgressBar::start(!output.is_file());
    let read =
        analysis::run(&mut reader, engine, progress_bar, |entries| matching.select(entries, |_| Ok(())));
    let name = options.output.display().to_string();
    let file = output.file()?;
    let target = SliceTarget { name: name.clone(), file: output.file()?, out: Box::new(output) };
    let mut is_empty = false;
    let written = read.and_then(|()| {
        let (Some(slicer), Some(mut plan)) = (&slicer, matching.take_plan()) else { return Ok(()) };
        if plan.is_empty() {
            is_empty = true;
            return Ok(());
        }
        let slicer = slicer.clone().anonymizing(key);
        let writer = SliceWriter { request, reader: &reader, slicer: &slicer };
        let has_packets = writer.write(&mut plan, options.of, target)?;
        is_empty = !has_packets;
        Ok(())
    });
    if is_empty {
        let removed = unwanted.zip(file).map(|(unwanted, file)| unwanted.remove(file));
        messages::error(&match removed {
            Some(Ok(())) => format!("nothing matches: {name} is not written"),
            Some(Err(error)) => format!("nothing matches: {name} is empty, and cannot be removed: {error}"),
            None => "nothing matches: no packets are written".to_owned(),
        });
    }
    let outcome = reader.finish(written)?;
    Ok(if is_empty { Outcome::PartialFailure } else { outcome })
}
