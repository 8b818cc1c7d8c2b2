//! `mcpdump diff`: two captures compared.

use super::analysis;
use crate::cli::arguments::diff::{Diff, FailOn};
use crate::cli::arguments::screen::Color;
use crate::cli::exit::Outcome;
use crate::cli::matching::Matching;
use crate::cli::progress_bar::ProgressBar;
use crate::cli::reader::Reader;
use crate::cli::redaction;
use crate::cli::request::Request;
use crate::cli::setup::Setup;
use crate::diff::{self, Difference, Profile, Profiler};
use crate::engine::Engine;
use crate::export::redact::Redactor;
use crate::ledger::Views;

/// Runs the command.
///
/// # Errors
/// A capture cannot be read, a filter is invalid, or the output cannot be written.
pub(crate) fn run(arguments: &Diff, color: Color) -> anyhow::Result<Outcome> {
    let options = &arguments.options;
    let [before, after] = arguments.sources()?;
    let (before, after) = (Request::new(&before, color)?, Request::new(&after, color)?);
    let mut matching =
        [Matching::new(&before, Some(Views::Front))?, Matching::new(&after, Some(Views::Front))?];
    let redactor = options.redaction.redactor(&before)?;
    let (setup, mut second) = Setup::open_pair(&before, &after, options.output.as_deref())?;
    let Setup { mut reader, mut output, .. } = setup;
    let [first_matching, second_matching] = &mut matching;
    let mut regressions = 0;
    let result = profile(&mut reader, first_matching, redactor.as_ref())
        .and_then(|first| Ok((first, profile(&mut second, second_matching, redactor.as_ref())?)))
        .and_then(|(first, other)| {
            let difference = Difference::between(&first, &other);
            regressions = difference.regressions();
            let names = [name(&before), name(&after)];
            let [one, other] = &names;
            output.write(|output| diff::write(options.format, &difference, [one, other], output))
        })
        .and_then(|()| output.finish());
    redaction::report(redactor.as_ref());
    let outcome = reader.finish(result)?;
    let has_failed = options.fail_on == FailOn::Regression && regressions > 0;
    Ok(if has_failed { Outcome::PartialFailure } else { outcome })
}

/// Reads a capture to its end.
fn profile(
    reader: &mut Reader,
    matching: &mut Matching,
    redactor: Option<&Redactor>,
) -> anyhow::Result<Profile> {
    let mut engine = Engine::new();
    matching.prepare(&mut engine);
    // The texts of definitions are in them.
    engine.emit_payloads();
    // What is kept beside it takes the other half.
    engine.halve_memory();
    let mut profiler = Profiler::new();
    analysis::run(reader, engine, ProgressBar::start(false), |entries| {
        matching.select(entries, |entry| {
            profiler.push(&redaction::masked(redactor, entry));
            Ok(())
        })
    })?;
    Ok(profiler.finish())
}

/// The name of a capture: its file and its filter.
fn name(request: &Request) -> String {
    let filter = request.filter.as_deref().map(str::trim).filter(|filter| !filter.is_empty());
    let filter = filter.map(|filter| format!(" --filter '{filter}'")).unwrap_or_default();
    format!("{}{filter}", request.input_names().join(" "))
}
