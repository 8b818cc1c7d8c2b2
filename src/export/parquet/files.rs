//! The files of an export: one or more for each partition, few open at a time.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::TypePtr;

use super::column::{Cell, Column, Rows, schema};

/// Rows of a row group, at most.
const MAX_ROWS: usize = 131_072;

/// Memory of the rows of one partition, and of all, in bytes. The largest partition is written
/// first.
const MAX_GROUP: usize = 4 << 20;
const MAX_MEMORY: usize = 16 << 20;

/// Files that are open at a time. Another one closes the one that was written to longest ago: its
/// partition goes on in a new file.
const MAX_OPEN: usize = 32;

/// Partitions with files of their own. Rows of more have no date and the server `other`.
const MAX_PARTITIONS: usize = 1_024;

/// What Hive calls the partition of rows without a value.
const NONE: &str = "__HIVE_DEFAULT_PARTITION__";

/// A table.
#[derive(Debug)]
pub(super) struct Table {
    /// The name of its directory.
    pub(super) name: &'static str,
    pub(super) columns: &'static [Column],
    /// Whether it is partitioned by server, too.
    pub(super) has_servers: bool,
}

type Writer = SerializedFileWriter<Box<dyn Write + Send>>;

struct Partition {
    table: &'static Table,
    /// Its path below the directory of the export.
    path: String,
    rows: Rows,
    /// Number of files so far.
    parts: u32,
    open: Option<Writer>,
    /// When it was written to last: the number of that row group.
    used: u64,
}

/// All partitions.
pub(super) struct Files {
    /// `None` writes nowhere.
    directory: Option<PathBuf>,
    partitions: Vec<Partition>,
    by_path: HashMap<String, usize>,
    memory: usize,
    groups: u64,
}

impl Files {
    pub(super) fn new(directory: Option<PathBuf>) -> Self {
        Self { directory, partitions: Vec::new(), by_path: HashMap::new(), memory: 0, groups: 0 }
    }

    /// Adds a row to a partition: of this date (`2026-11-22`) and server.
    pub(super) fn push(
        &mut self,
        table: &'static Table,
        (date, server): (Option<&str>, Option<&str>),
        row: Vec<Cell>,
    ) -> io::Result<()> {
        let at = self.partition(table, date, server);
        let Some(partition) = self.partitions.get_mut(at) else { return Ok(()) };
        let before = partition.rows.len();
        partition.rows.push(row);
        let after = partition.rows.len();
        self.memory += after - before;
        if after >= MAX_GROUP || partition.rows.count() >= MAX_ROWS {
            self.flush(at)?;
        }
        while self.memory > MAX_MEMORY {
            let sizes = self.partitions.iter().enumerate().map(|(at, partition)| (partition.rows.len(), at));
            let Some((_, largest)) = sizes.max() else { break };
            self.flush(largest)?;
        }
        Ok(())
    }

    /// Writes what is left, and ends all files. A table without rows gets a file without rows, so
    /// that it can be read.
    pub(super) fn finish(&mut self, tables: &[&'static Table]) -> io::Result<()> {
        for at in 0..self.partitions.len() {
            self.flush(at)?;
            self.close(at)?;
        }
        for table in tables {
            if !self.partitions.iter().any(|partition| partition.table.name == table.name) {
                let at = self.partition(table, None, None);
                self.open(at)?;
                self.close(at)?;
            }
        }
        Ok(())
    }

    fn partition(&mut self, table: &'static Table, date: Option<&str>, server: Option<&str>) -> usize {
        let path = |date: Option<&str>, server: &str| {
            let date = format!("{}/date={}", table.name, date.unwrap_or(NONE));
            if table.has_servers { format!("{date}/server={server}") } else { date }
        };
        let mut own = path(date, &server.map_or_else(|| NONE.to_owned(), escape));
        if self.partitions.len() >= MAX_PARTITIONS && !self.by_path.contains_key(&own) {
            own = path(None, "other");
        }
        let count = self.partitions.len();
        let at = *self.by_path.entry(own.clone()).or_insert(count);
        if at == count {
            let rows = Rows::new(table.columns);
            self.partitions.push(Partition { table, path: own, rows, parts: 0, open: None, used: 0 });
        }
        at
    }

    /// Writes the rows of a partition as a row group.
    fn flush(&mut self, at: usize) -> io::Result<()> {
        if self.partitions.get(at).is_none_or(|partition| partition.rows.count() == 0) {
            return Ok(());
        }
        self.open(at)?;
        self.groups += 1;
        let Some(partition) = self.partitions.get_mut(at) else { return Ok(()) };
        partition.used = self.groups;
        self.memory = self.memory.saturating_sub(partition.rows.len());
        let rows = std::mem::replace(&mut partition.rows, Rows::new(partition.table.columns));
        partition.open.as_mut().map_or(Ok(()), |file| rows.write(file)).map_err(io_error)
    }

    /// Opens a file of a partition, unless one is open.
    fn open(&mut self, at: usize) -> io::Result<()> {
        if self.partitions.get(at).is_none_or(|partition| partition.open.is_some()) {
            return Ok(());
        }
        let open = self.partitions.iter().enumerate().filter(|(_, partition)| partition.open.is_some());
        if open.clone().count() >= MAX_OPEN
            && let Some((oldest, _)) = open.min_by_key(|(_, partition)| partition.used)
        {
            self.close(oldest)?;
        }
        let Some(partition) = self.partitions.get_mut(at) else { return Ok(()) };
        partition.parts += 1;
        let file: Box<dyn Write + Send> =
            match &self.directory {
                None => Box::new(io::sink()),
                Some(directory) => {
                    let folder = directory.join(&partition.path);
                    let path = folder.join(format!("part-{:04}.parquet", partition.parts));
                    // Written alone: the sandbox denies reading.
                    let create = |()| File::options().write(true).create_new(true).open(&path);
                    let file = fs::create_dir_all(&folder).and_then(create);
                    Box::new(file.map_err(|error| {
                        io::Error::new(error.kind(), format!("{}: {error}", path.display()))
                    })?)
                }
            };
        partition.open = Some(writer(partition.table, file).map_err(io_error)?);
        Ok(())
    }

    /// Ends the file of a partition, if one is open.
    fn close(&mut self, at: usize) -> io::Result<()> {
        match self.partitions.get_mut(at).and_then(|partition| partition.open.take()) {
            Some(file) => file.close().map(drop).map_err(io_error),
            None => Ok(()),
        }
    }
}

fn writer(table: &Table, file: Box<dyn Write + Send>) -> Result<Writer, ParquetError> {
    let schema: TypePtr = Arc::new(parse_message_type(&schema(table.name, table.columns))?);
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_created_by(concat!("mcpdump ", env!("CARGO_PKG_VERSION")).to_owned())
        .build();
    SerializedFileWriter::new(file, schema, Arc::new(properties))
}

/// Returns a value as Hive writes it in the name of a directory: other characters in percent
/// encoding.
fn escape(value: &str) -> String {
    let escaped = |byte: u8| match byte {
        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    value.bytes().map(escaped).collect()
}

/// The error of the file below, if there is one.
fn io_error(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(error) => io::Error::other(error),
        },
        error => io::Error::other(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::parquet::column::Kind;

    const COLUMNS: &[Column] = &[("n", Kind::Int), ("text", Kind::Text)];
    static TABLE: Table = Table { name: "rows", columns: COLUMNS, has_servers: true };

    fn row(n: i64, len: usize) -> Vec<Cell> {
        vec![Cell::Int(Some(n)), Cell::text(Some(&"a".repeat(len)))]
    }

    /// Partitions beyond the limit share one, open files and memory stay bounded.
    #[test]
    fn hostile_partitions_are_bounded() {
        let directory = tempfile::TempDir::new().unwrap();
        let mut files = Files::new(Some(directory.path().to_owned()));
        let count = MAX_PARTITIONS + 500;
        for n in 0..3 * count {
            let server = format!("10.0.{}.{}:80", n % count / 250, n % count % 250);
            files.push(&TABLE, (Some("2026-11-22"), Some(&server)), row(n as i64, 9_000)).unwrap();
            assert!(files.memory <= MAX_MEMORY + MAX_GROUP);
        }
        assert!(files.partitions.iter().filter(|partition| partition.open.is_some()).count() <= MAX_OPEN);
        assert_eq!(files.partitions.len(), MAX_PARTITIONS + 1);
        files.finish(&[&TABLE]).unwrap();
        let others = directory.path().join(format!("rows/date={NONE}/server=other/part-0001.parquet"));
        assert!(others.is_file());
    }

    #[test]
    fn values_are_safe_as_names() {
        assert_eq!(escape("[::1]:3000"), "%5B%3A%3A1%5D%3A3000");
        assert_eq!(escape("../a b\0é"), "..%2Fa%20b%00%C3%A9");
    }
}
