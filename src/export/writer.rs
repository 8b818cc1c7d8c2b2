//! What an export format implements.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use super::redact::Tally;
use super::resource::Resource;
use crate::base::Files;
use crate::ledger::Entry;

/// What a writer is made with.
#[derive(Clone, Debug, Default)]
pub struct WriterOptions {
    /// The files that number the packets.
    pub files: Files,
    /// Whether credentials are written as they are.
    pub with_secrets: bool,
    /// Whether entries have passed a filter.
    pub is_filtered: bool,
    /// Where a format that writes a directory writes it; `None` writes nothing.
    pub directory: Option<PathBuf>,
    /// What is masked in the entries, counted while they come.
    pub redacted: Tally,
    /// What telemetry says of its sender.
    pub resource: Resource,
}

/// What a writer needs beyond entries. It costs time and memory, so it is off by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// HTTP heads, bodies and events, as entries with [`crate::base::Fact::Payload`].
    pub payloads: bool,
    /// Requests when they are complete ([`crate::ledger::Record::Request`]). They come before
    /// `--filter` decides about their exchange.
    pub requests: bool,
}

/// Writes an export in one pass over the capture.
///
/// Calls come in this order: [`begin`](Self::begin), [`entry`](Self::entry) for each entry,
/// [`finish`](Self::finish). Entries come in the order of their completing packets and have passed
/// `--filter`; payloads are not filtered, since what they belong to is known later.
///
/// # How a format uses it
///
/// - **JSON lines, CSV, traces**: [`entry`](Self::entry) alone, nothing is kept.
/// - **HAR**: wants `payloads`. A payload names its transaction by `tcp_stream` and `transaction`,
///   an exchange names its own by the same numbers (and by `answered_on` the one that carried the
///   response). The writer keeps payloads in a [`crate::ledger::store::Store`], which spills to a
///   temporary file, and [`finish`](Self::finish) writes the document.
///
/// A slice of packets is no export: which packets belong to an exchange is known only when it
/// completes, so the capture is read again ([`super::slice`]).
pub trait Export {
    /// What the writer needs beyond entries.
    fn wants(&self) -> Wants {
        Wants::default()
    }

    /// Keeps payloads beyond a few MiB in this empty file, for a program that cannot open one
    /// later.
    fn spill_into(&mut self, _file: File) {}

    /// Writes what precedes the first entry.
    ///
    /// # Errors
    /// Those of `out`.
    fn begin(&mut self, _out: &mut dyn io::Write) -> io::Result<()> {
        Ok(())
    }

    /// Takes an entry, and writes what can be written of it.
    ///
    /// # Errors
    /// Those of `out`.
    fn entry(&mut self, entry: &Entry, out: &mut dyn io::Write) -> io::Result<()>;

    /// Writes what waits: called after each batch of entries of a live source.
    ///
    /// # Errors
    /// Those of `out`.
    fn end_batch(&mut self, _out: &mut dyn io::Write) -> io::Result<()> {
        Ok(())
    }

    /// Number of texts from traffic that were cut to their longest length so far.
    fn texts_cut(&self) -> u64 {
        0
    }

    /// Writes what follows the last entry. Not called if reading or writing failed before.
    ///
    /// # Errors
    /// Those of `out`.
    fn finish(&mut self, _out: &mut dyn io::Write) -> io::Result<()> {
        Ok(())
    }
}
