//! Exports: everything that was found, for other programs.
//!
//! To add a format, write a file with an `impl Export` and add a row to [`FORMATS`]. The values of
//! `export --to` come from that table.

mod format;
pub mod jsonl;
#[cfg(test)]
mod tests;
mod writer;

pub use format::{FORMATS, Format};
pub use writer::{Export, RawPacket, Wants};
