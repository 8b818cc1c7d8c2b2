//! A capture as a gate: findings at a level, and objectives that are missed, fail it.
//!
//! [`Gate`] takes entries and gives a [`Verdict`]; `write` prints it in a [`Format`]. `explain`
//! prints what is known of a code. Nothing here looks into traffic: the findings are those of the
//! layers.

mod baseline;
mod capture;
pub mod explain;
mod format;
mod gate;
mod github;
mod json;
mod junit;
mod known;
mod markdown;
mod objective;
mod sarif;
mod text;
mod words;

pub use capture::Capture;
pub use format::Format;
pub use gate::{Gate, Issue, Options, Verdict};
pub use known::{InvalidPattern, Pattern, parse_baseline};
pub use objective::{InvalidObjective, Judged, Objective, Outcome};

use std::io;

/// Writes a verdict about a capture.
///
/// # Errors
/// Those of `out`.
pub fn write(
    format: Format,
    verdict: &Verdict,
    capture: &Capture<'_>,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let file = capture.name;
    match format {
        Format::Text => text::write(verdict, capture, out),
        Format::Json => json::write(verdict, capture, out),
        Format::Junit => junit::write(verdict, capture, out),
        Format::Sarif => sarif::write(verdict, capture, out),
        Format::Github => github::write(verdict, capture, out),
        Format::Markdown => markdown::write(verdict, capture, out),
        Format::Baseline => baseline::write(verdict, file, out),
    }
}

#[cfg(test)]
mod tests;
