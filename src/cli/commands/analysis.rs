//! Runs the analysis for the commands that write lines: source to entries, and the packets of what
//! matched to a file.

use anyhow::Context as _;

use crate::base::units;
use crate::cli::matching::Matching;
use crate::cli::messages;
use crate::cli::progress_bar::ProgressBar;
use crate::cli::reader::Reader;
use crate::cli::request::{Inputs, Request};
use crate::cli::setup::SliceTarget;
use crate::cli::slicer::{SliceOutput, Slicer, Unreplaced};
use crate::engine::Engine;
use crate::export::slice::{Extent, SlicePlan};
use crate::ledger::Entry;

/// What follows when everything was read: the packets of what matched are written to the file of
/// `-w`.
///
/// # Errors
/// The capture cannot be read again, or the file cannot be written.
pub(super) fn write_matching_packets(
    request: &Request,
    matching: &mut Matching,
    reader: &Reader,
    slicer: Option<&Slicer>,
    target: Option<SliceTarget>,
) -> anyhow::Result<()> {
    let (Some(slicer), Some(target), Some(mut plan)) = (slicer, target, matching.take_plan()) else {
        return Ok(());
    };
    SliceWriter { request, reader, slicer }.write(&mut plan, Extent::Connections, target).map(|_| ())
}

/// Writes a slice of what a command read.
#[derive(Clone, Copy)]
pub(super) struct SliceWriter<'a> {
    pub(super) request: &'a Request,
    pub(super) reader: &'a Reader,
    pub(super) slicer: &'a Slicer,
}

impl SliceWriter<'_> {
    /// Writes the packets of a plan, and prints what was written. Returns whether something was.
    ///
    /// # Errors
    /// The capture cannot be read again, or the file cannot be written.
    pub(super) fn write(
        self,
        plan: &mut SlicePlan,
        extent: Extent,
        target: SliceTarget,
    ) -> anyhow::Result<bool> {
        let Self { request, reader, slicer } = self;
        let SliceTarget { out, file, name } = target;
        if let Some(why) = reader.spool_failure() {
            messages::error(&format!("not all packets can be read again: {why}"));
        }
        let source = match &request.inputs {
            Inputs::Files(_) => request.input_names().join(", "),
            Inputs::Device(_) => reader.device().unwrap_or_default().to_owned(),
        };
        let filter = request.filter.as_deref().map(|filter| format!(", filter {filter}")).unwrap_or_default();
        let about = format!("slice of {source}{filter}");
        let written = slicer
            .write((plan, &request.numbering), extent, &about, SliceOutput { out, file })
            .with_context(|| format!("{name}: cannot be written"))?;
        let [packets, exchanges] =
            [units::several(written.packets, "packet"), units::several(written.exchanges, "exchange")];
        messages::status(&format!("{packets} of {exchanges} written to {name}"));
        if written.differing > 0 {
            let exchanges = units::several(written.differing as u64, "exchange");
            messages::error(&format!(
                "note: {exchanges} may look different in {name}: what decides them is on other connections"
            ));
        }
        if written.unverified > 0 {
            let exchanges = units::several(written.unverified, "exchange");
            messages::error(&format!(
                "note: {exchanges} were not verified, because there are too many: {name} has all packets of \
                 their connections"
            ));
        }
        if let Some(unreplaced) = &written.anonymized {
            report_unreplaced(unreplaced, &name);
        }
        Ok(written.packets > 0)
    }
}

/// Prints what of a slice could not be anonymized, and what became of it.
fn report_unreplaced(unreplaced: &Unreplaced, name: &str) {
    for (is_cut, what) in [(true, "cut off, as by a snapshot length"), (false, "replaced by zeros")] {
        let parts = unreplaced.cleared.iter().filter(|(why, _)| why.is_cut() == is_cut);
        let parts = parts.map(|(why, size)| format!("{} {}", units::bytes(*size), why.name()));
        let parts = parts.collect::<Vec<_>>().join(", ");
        if !parts.is_empty() {
            messages::error(&format!("note: {what} in {name}: {parts}"));
        }
    }
    let parts = unreplaced.left_out.iter().map(|(why, packets)| format!("{packets} {}", why.name()));
    let parts = parts.collect::<Vec<_>>().join(", ");
    if !parts.is_empty() {
        messages::error(&format!("note: packets left out of {name}: {parts}"));
    }
}

/// Reads the source to its end and passes the entries to `process`, batch by batch.
///
/// # Errors
/// The source cannot be read, or `process` failed.
pub(super) fn run(
    reader: &mut Reader,
    engine: Engine,
    progress_bar: ProgressBar,
    mut process: impl FnMut(&[Entry]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    // Most packets complete nothing.
    run_observed(reader, engine, progress_bar, |_, entries| match entries {
        [] => Ok(()),
        entries => process(entries),
    })
}

/// Does the same for a command that looks at the engine, too: `process` is called after every
/// packet, also without entries, and about every tenth of a second of a silent device.
///
/// # Errors
/// As [`run`].
pub(super) fn run_observed(
    reader: &mut Reader,
    mut engine: Engine,
    mut progress_bar: ProgressBar,
    mut process: impl FnMut(&Engine, &[Entry]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    if reader.device().is_some() {
        // The kernel's buffer is resident, too.
        engine.halve_memory();
    }
    engine.set_threads(reader.threads());
    let progress = reader.progress();
    let mut entries = Vec::new();
    loop {
        let has_more = engine.read_some(reader, &mut entries)?;
        if !entries.is_empty() {
            reader.note(&entries);
        }
        process(&engine, &entries)?;
        entries.clear();
        if let Some(progress) = progress.as_ref().filter(|_| progress_bar.is_shown()) {
            progress_bar.update(progress.read(), progress.total());
        }
        reader.report_problems();
        if !has_more {
            return Ok(());
        }
    }
}
