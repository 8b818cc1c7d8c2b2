//! Reports and listings for people and programs.
//!
//! Input is a [`Snapshot`] or a stream of ledger entries, output is text. The output depends on the
//! input only: no clock, locale or terminal is read. Every format sanitizes text from traffic
//! ([`crate::base::sanitize`]).

use std::io;

use crate::ledger::Snapshot;

pub mod csv;
mod format;
pub mod json;
mod label;
pub mod list;
mod llm_label;
pub mod markdown;
mod options;
pub mod page;
pub mod style;
mod table;
pub mod text;
mod unsupported;

pub use format::Format;
pub use options::Options;
pub use style::Paint;
pub use unsupported::UnreadConnections;

/// Writes a report in the given format. A page has more than totals: [`page::write`] takes the
/// exchanges, too.
///
/// # Errors
/// Returns the errors of `out`.
pub fn write(
    format: Format,
    snapshot: &Snapshot,
    options: &Options,
    out: &mut impl io::Write,
) -> io::Result<()> {
    match format {
        Format::Text => text::write(snapshot, options, out),
        Format::Json => json::write(snapshot, options, out),
        Format::Csv => csv::write(snapshot, options, out),
        Format::Markdown => markdown::write(snapshot, options, out),
        Format::Html => page::write(snapshot, &page::Rows::default(), options, out),
    }
}

#[cfg(test)]
mod tests;
