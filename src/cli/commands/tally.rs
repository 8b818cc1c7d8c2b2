//! What a report counts: totals, the exchanges of a page, and what is found about security.

use std::convert::Infallible;

use crate::cli::arguments::counted::Counted;
use crate::cli::matching::Matching;
use crate::cli::reader::Reader;
use crate::cli::redaction;
use crate::cli::request::{Inputs, Request};
use crate::engine::Engine;
use crate::export::redact::Redactor;
use crate::ledger::{Entry, Ledger, Snapshot, Views};
use crate::report;
use crate::report::page::Rows;
use crate::security::{self, Watch};
use crate::why::Limits;

/// Returns the options of a report that follow from what is read.
pub(super) fn report_options(request: &Request, reader: &Reader, limits: Limits) -> report::Options {
    report::Options {
        files: match &request.inputs {
            Inputs::Files(_) => request.input_names(),
            Inputs::Device(_) => reader.device().map(str::to_owned).into_iter().collect(),
        },
        filter: request.filter.clone().filter(|filter| !filter.trim().is_empty()),
        numbering: request.numbering.clone(),
        limits,
        ..report::Options::default()
    }
}

/// Counts the entries of a report.
pub(super) struct Tally {
    ledger: Ledger,
    /// `None` if the report is no page.
    rows: Option<Rows>,
    /// Finds what concerns security; `None` without `--security`.
    watch: Option<Watch>,
    redactor: Option<Redactor>,
    /// Masks what comes again when it is complete, and must not be counted twice.
    draft_redactor: Option<Redactor>,
}

impl Tally {
    /// Counts what the options ask for, and has the engine emit what that needs. `rows` makes the
    /// list of exchanges of a page; `None` if the report is none. What is counted is masked before.
    ///
    /// # Errors
    /// As [`Redaction::redactor`](crate::cli::arguments::redaction::Redaction::redactor).
    pub(super) fn new(
        request: &Request,
        options: &Counted,
        rows: Option<fn(Views) -> Rows>,
        (matching, engine): (&Matching, &mut Engine),
    ) -> anyhow::Result<Self> {
        let redactor = options.redaction.redactor(request)?;
        let draft_redactor = options.redaction.redactor(request)?;
        let views = options.views.unwrap_or(matching.filter().views());
        let ledger = Ledger::new(options.by).with_views(views).with_files(request.numbering.clone());
        let watch = options.security.then(|| Watch::new(security::Options::default()));
        if watch.is_some() {
            // Header fields and messages are in them.
            engine.emit_payloads();
        }
        Ok(Self { ledger, rows: rows.map(|rows| rows(views)), watch, redactor, draft_redactor })
    }

    /// Counts what matches of the next entries.
    pub(super) fn push(&mut self, entries: &[Entry], matching: &mut Matching) {
        let Some(watch) = &mut self.watch else { return self.select(entries, matching) };
        let found = entries.iter().flat_map(|entry| watch.push(entry));
        let found: Vec<_> = found.map(Entry::Finding).collect();
        self.select(entries, matching);
        self.select(&found, matching);
    }

    /// Counts what is found at the end of the capture.
    pub(super) fn finish(&mut self, matching: &mut Matching) {
        let last = self.watch.as_mut().map(Watch::finish).unwrap_or_default();
        self.select(&last.into_iter().map(Entry::Finding).collect::<Vec<_>>(), matching);
    }

    fn select(&mut self, entries: &[Entry], matching: &mut Matching) {
        let Self { ledger, rows, redactor, draft_redactor, .. } = self;
        let Ok(()) = matching.select::<Infallible>(entries, |entry| {
            let is_draft = matches!(entry, Entry::Record(record) if record.comes_again());
            let redactor = if is_draft { &*draft_redactor } else { &*redactor };
            let entry = redaction::masked(redactor.as_ref(), entry);
            ledger.push(&entry);
            rows.iter_mut().for_each(|rows| rows.push(&entry));
            Ok(())
        });
    }

    /// Returns the totals.
    pub(super) fn snapshot(&mut self) -> Snapshot {
        self.ledger.snapshot()
    }

    /// Returns the totals as if these entries had come, too.
    #[cfg(feature = "web")]
    pub(super) fn snapshot_with(&self, entries: &[Entry]) -> Snapshot {
        let mut ledger = self.ledger.clone();
        entries.iter().for_each(|entry| ledger.push(&redaction::masked(self.draft_redactor.as_ref(), entry)));
        ledger.snapshot()
    }

    /// Returns the exchanges of the page; `None` if the report is none.
    pub(super) fn rows(&self) -> Option<&Rows> {
        self.rows.as_ref()
    }

    /// Returns what masked the entries.
    pub(super) fn redactor(&self) -> Option<&Redactor> {
        self.redactor.as_ref()
    }
}
