//! Runs the analysis for the commands that write lines: source to entries, and the filter of
//! `--filter`.

use anyhow::{Context as _, anyhow};

use crate::base::Findings;
use crate::capture::{self, Item, Packet, Source};
use crate::cli::progress_bar::ProgressBar;
use crate::cli::reader::Reader;
use crate::cli::request::Request;
use crate::engine::Engine;
use crate::ledger::query::{Filter, Subject};
use crate::ledger::{Entry, Record, Views};

/// Parses the expression of `--filter`; the filter is empty if there is none.
///
/// # Errors
/// The expression is invalid. The message shows it and points at the character.
pub(super) fn filter(request: &Request) -> anyhow::Result<Filter> {
    let text = request.filter.as_deref().unwrap_or_default();
    Filter::parse(text).map_err(|error| anyhow!("{}", error.render(text))).context("--filter")
}

/// Whether an entry passes the filter. Exchanges, notifications, streams and HTTP transactions are
/// filtered; sessions, capture quality and findings always pass.
pub(super) fn is_shown(filter: &Filter, entry: &Entry) -> bool {
    let subject = match entry {
        // Whether the exchange passes is unknown until it completes: with a filter only the
        // complete one is shown.
        Entry::Record(Record::Request(_) | Record::Interrupted(_)) => return filter.is_empty(),
        Entry::Record(Record::Exchange(exchange)) => Subject::Exchange(exchange),
        Entry::Record(Record::Notification(notification)) => Subject::Notification(notification),
        Entry::Record(Record::Stream(stream)) => Subject::Stream(stream),
        Entry::Record(Record::Transaction(transaction)) => Subject::Transaction(transaction),
        Entry::Record(Record::Session(_) | Record::Offer(_)) | Entry::Finding(_) | Entry::Fact(_) => {
            return true;
        }
    };
    filter.matches(subject)
}

/// Whether an entry is one of the views that are shown. Findings and facts always are.
pub(super) fn is_included(views: Views, entry: &Entry) -> bool {
    match entry {
        Entry::Record(record) => views.include(record),
        Entry::Finding(_) | Entry::Fact(_) => true,
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
    run_with_packets(reader, engine, progress_bar, false, |_, entries| process(entries))
}

/// Does the same, and also passes the packets of each batch if `wants_packets`; else none.
///
/// # Errors
/// The source cannot be read, or `process` failed.
pub(super) fn run_with_packets(
    reader: &mut Reader,
    mut engine: Engine,
    mut progress_bar: ProgressBar,
    wants_packets: bool,
    mut process: impl FnMut(&[Packet], &[Entry]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let progress = reader.progress();
    let (mut packets, mut entries) = (Vec::new(), Vec::new());
    loop {
        let has_more = if wants_packets {
            engine.read(&mut Tee { source: reader, packets: &mut packets }, &mut entries)?
        } else {
            engine.read(reader, &mut entries)?
        };
        process(&packets, &entries)?;
        packets.clear();
        entries.clear();
        if let Some(progress) = &progress {
            progress_bar.update(progress.read(), progress.total());
        }
        reader.report_problems();
        if !has_more {
            return Ok(());
        }
    }
}

/// A source that keeps the packets read from it. They share their bytes with the block of the file.
struct Tee<'a> {
    source: &'a mut Reader,
    packets: &'a mut Vec<Packet>,
}

impl Source for Tee<'_> {
    fn next(&mut self, findings: &mut Findings) -> Result<Option<Item>, capture::Error> {
        let item = self.source.next(findings)?;
        if let Some(Item::Packet(packet)) = &item {
            self.packets.push(packet.clone());
        }
        Ok(item)
    }
}
