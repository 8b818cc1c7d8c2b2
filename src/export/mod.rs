//! Exports: everything that was found, for other programs.
//!
//! To add a format, write a file with an `impl Export` and add a row to [`FORMATS`]. The values of
//! `export --to` come from that table.

pub mod csv;
mod finding_quota;
mod format;
pub mod har;
pub mod jsonl;
pub mod meter;
pub mod openmetrics;
pub mod otlp;
#[cfg(feature = "parquet")]
pub mod parquet;
pub mod redact;
mod resource;
pub mod slice;
#[cfg(test)]
mod tests;
pub mod trace;
mod writer;

pub use format::{FORMATS, Format};
pub use resource::Resource;
pub use writer::{Export, Wants, WriterOptions};
