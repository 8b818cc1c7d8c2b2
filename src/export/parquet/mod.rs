//! `export --to parquet`: tables for DuckDB, Spark and other programs that read archives.
//!
//! Exchanges, notifications, streams and findings are a table each, in a directory of its own,
//! partitioned as Hive does: `exchanges/date=2026-11-22/server=10.0.0.2%3A3000/part-0001.parquet`.
//! The date is that of the start, in UTC. Rows are kept until a row group is full, or memory is.

mod column;
mod files;
mod tables;

use std::fmt;
use std::io;

use self::column::Cell;
use self::files::Files;
use super::writer::{Export, WriterOptions};
use crate::base::{self, Timestamp, units};
use crate::ledger::{Entry, Record};

/// Writes tables.
pub struct Parquet {
    numbering: base::Files,
    files: Files,
}

impl fmt::Debug for Parquet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parquet").finish_non_exhaustive()
    }
}

impl Parquet {
    /// Creates a writer; without a directory it writes nothing.
    #[must_use]
    pub fn new(options: WriterOptions) -> Self {
        Self { numbering: options.files, files: Files::new(options.directory) }
    }
}

impl Export for Parquet {
    fn entry(&mut self, entry: &Entry, _out: &mut dyn io::Write) -> io::Result<()> {
        let numbering = &self.numbering;
        let (table, time, server, row): (_, Option<Timestamp>, _, Vec<Cell>) = match entry {
            Entry::Record(Record::Exchange(it)) => (
                &tables::EXCHANGES,
                Some(it.request.span.start.time),
                Some(it.session.server),
                tables::exchange(it, numbering),
            ),
            Entry::Record(Record::Notification(it)) => (
                &tables::NOTIFICATIONS,
                Some(it.message.span.start.time),
                Some(it.session.server),
                tables::notification(it, numbering),
            ),
            Entry::Record(Record::Stream(it)) => {
                (&tables::STREAMS, Some(it.span.start.time), Some(it.server), tables::stream(it, numbering))
            }
            Entry::Finding(it) => {
                (&tables::FINDINGS, it.at.map(|at| at.time), None, tables::finding(it, numbering))
            }
            _ => return Ok(()),
        };
        let (date, server) = (time.map(units::date), server.map(|server| server.to_string()));
        self.files.push(table, (date.as_deref(), server.as_deref()), row)
    }

    fn finish(&mut self, _out: &mut dyn io::Write) -> io::Result<()> {
        self.files.finish(&tables::ALL)
    }
}
