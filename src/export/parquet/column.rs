//! Rows in memory, column by column, and how they become a row group.

use std::io::Write;

use bytes::Bytes;
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedFileWriter;

/// The type of a column. Every one may be null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A signed number of 64 bits: counts, packet numbers, durations in nanoseconds.
    Int,
    /// A time in nanoseconds since the epoch, in UTC.
    Time,
    /// Text in UTF-8.
    Text,
}

/// A column: its name and type.
pub(super) type Column = (&'static str, Kind);

/// A value of a row.
#[derive(Clone, Debug)]
pub(super) enum Cell {
    /// Of [`Kind::Int`] or [`Kind::Time`].
    Int(Option<i64>),
    Text(Option<Bytes>),
}

impl Cell {
    pub(super) fn number(number: Option<u64>) -> Self {
        Self::Int(number.map(|number| i64::try_from(number).unwrap_or(i64::MAX)))
    }

    pub(super) fn text(text: Option<&str>) -> Self {
        Self::Text(text.map(|text| Bytes::copy_from_slice(text.as_bytes())))
    }

    /// Words, separated by blanks.
    pub(super) fn words(words: impl Iterator<Item = &'static str>) -> Self {
        Self::text(Some(&words.collect::<Vec<_>>().join(" ")))
    }
}

/// Returns the schema of a table in Parquet's language.
pub(super) fn schema(table: &str, columns: &[Column]) -> String {
    let column = |(name, kind): &Column| match kind {
        Kind::Int => format!("optional int64 {name};"),
        Kind::Time => format!("optional int64 {name} (TIMESTAMP(NANOS,true));"),
        Kind::Text => format!("optional binary {name} (STRING);"),
    };
    format!("message {table} {{ {} }}", columns.iter().map(column).collect::<Vec<_>>().join(" "))
}

/// Values of a column, and whether each row has one.
#[derive(Debug)]
struct Values<T> {
    values: Vec<T>,
    /// 1 for a value, 0 for null (definition levels).
    levels: Vec<i16>,
}

impl<T> Values<T> {
    fn new() -> Self {
        Self { values: Vec::new(), levels: Vec::new() }
    }

    fn push(&mut self, value: Option<T>) {
        self.levels.push(i16::from(value.is_some()));
        self.values.extend(value);
    }
}

#[derive(Debug)]
enum Buffer {
    Ints(Values<i64>),
    Texts(Values<ByteArray>),
}

/// Rows that are not written yet.
#[derive(Debug)]
pub(super) struct Rows {
    columns: Vec<Buffer>,
    count: usize,
    len: usize,
}

impl Rows {
    pub(super) fn new(columns: &[Column]) -> Self {
        let buffer = |(_, kind): &Column| match kind {
            Kind::Int | Kind::Time => Buffer::Ints(Values::new()),
            Kind::Text => Buffer::Texts(Values::new()),
        };
        Self { columns: columns.iter().map(buffer).collect(), count: 0, len: 0 }
    }

    /// Number of rows.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// About what they take in memory, in bytes.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds a row. A cell of another type than its column is null.
    pub(super) fn push(&mut self, row: Vec<Cell>) {
        self.count += 1;
        for (column, cell) in self.columns.iter_mut().zip(row) {
            self.len += size_of::<i16>();
            match (column, cell) {
                (Buffer::Ints(values), Cell::Int(value)) => {
                    self.len += size_of::<i64>();
                    values.push(value);
                }
                (Buffer::Texts(values), Cell::Text(value)) => {
                    self.len += value.as_ref().map_or(0, |text| 2 * size_of::<ByteArray>() + text.len());
                    values.push(value.map(ByteArray::from));
                }
                (Buffer::Ints(values), _) => values.push(None),
                (Buffer::Texts(values), _) => values.push(None),
            }
        }
    }

    /// Writes the rows as a row group.
    ///
    /// # Errors
    /// Those of the file.
    pub(super) fn write<W: Write + Send>(
        &self,
        file: &mut SerializedFileWriter<W>,
    ) -> Result<(), ParquetError> {
        let mut group = file.next_row_group()?;
        for buffer in &self.columns {
            let Some(mut column) = group.next_column()? else { break };
            match buffer {
                Buffer::Ints(it) => {
                    column.typed::<Int64Type>().write_batch(&it.values, Some(&it.levels), None)?
                }
                Buffer::Texts(it) => {
                    column.typed::<ByteArrayType>().write_batch(&it.values, Some(&it.levels), None)?
                }
            };
            column.close()?;
        }
        group.close().map(drop)
    }
}
