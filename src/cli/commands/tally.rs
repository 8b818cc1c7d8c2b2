//! What a report counts: totals, the exchanges of a page, and what is found about security.

use std::convert::Infallible;

use crate::cli::matching::Matching;
use crate::cli::redaction;
use crate::engine::Engine;
use crate::export::redact::Redactor;
use crate::ledger::{Entry, Ledger, Snapshot};
use crate::report::page::Rows;
use crate::security::{self, Watch};

/// Counts the entries of a report.
pub(super) struct Tally {
    ledger: Ledger,
    /// `None` if the report is no page.
    rows: Option<Rows>,
    /// Finds what concerns security; `None` without `--security`.
    watch: Option<Watch>,
    redactor: Option<Redactor>,
}

impl Tally {
    /// Counts in `ledger`, and keeps exchanges in `rows`. What is counted is masked before.
    pub(super) fn new(ledger: Ledger, rows: Option<Rows>, redactor: Option<Redactor>) -> Self {
        Self { ledger, rows, watch: None, redactor }
    }

    /// Also finds what concerns security, in what the engine emits from now on.
    pub(super) fn watch(&mut self, engine: &mut Engine) {
        self.watch = Some(Watch::new(security::Options::default()));
        // Header fields and messages are in them.
        engine.emit_payloads();
    }

    /// Counts what matches of the next entries.
    pub(super) fn push(&mut self, entries: &[Entry], matching: &mut Matching) {
        let watch = self.watch.iter_mut();
        let found: Vec<_> =
            watch.flat_map(|watch| entries.iter().flat_map(|entry| watch.push(entry))).collect();
        self.select(entries, matching);
        self.select(&found.into_iter().map(Entry::Finding).collect::<Vec<_>>(), matching);
    }

    /// Counts what is found at the end of the capture.
    pub(super) fn finish(&mut self, matching: &mut Matching) {
        let last = self.watch.as_mut().map(Watch::finish).unwrap_or_default();
        self.select(&last.into_iter().map(Entry::Finding).collect::<Vec<_>>(), matching);
    }

    fn select(&mut self, entries: &[Entry], matching: &mut Matching) {
        let Self { ledger, rows, redactor, .. } = self;
        let Ok(()) = matching.select::<Infallible>(entries, |entry| {
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
        entries.iter().for_each(|entry| ledger.push(&redaction::masked(self.redactor.as_ref(), entry)));
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
