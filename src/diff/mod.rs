//! Two captures compared: what is slower or faster, fails more or less often, is offered no longer
//! or in another way, and which findings are new.
//!
//! A [`Profiler`] makes a [`Profile`] of each capture; [`Difference::between`] compares them,
//! [`write()`] prints the result. A difference that chance may have made, or that what the captures
//! lack may explain, is not told as one.

mod call_change;
mod calls;
mod chance;
mod difference;
mod json;
mod markdown;
mod offer_change;
mod profile;
mod text;
mod words;

pub use call_change::{CallChange, PercentileChange};
pub use calls::CallKey;
pub use chance::{Certainty, Failures, Verdict};
pub use difference::{Difference, FindingChange, TraitChange};
pub use offer_change::{Became, OfferChange};
pub use profile::{Profile, Profiler, Trait};

use std::io;

use crate::base::OutputFormat;

/// Writes a difference. `names` are those of the captures.
///
/// # Errors
/// Those of `out`.
pub fn write(
    format: OutputFormat,
    difference: &Difference,
    names: [&str; 2],
    out: &mut dyn io::Write,
) -> io::Result<()> {
    match format {
        OutputFormat::Text => text::write(difference, names, out),
        OutputFormat::Json => json::write(difference, names, out),
        OutputFormat::Markdown => markdown::write(difference, names, out),
    }
}
