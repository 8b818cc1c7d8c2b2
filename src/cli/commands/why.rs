//! `mcpdump why`: what became of an exchange, a session, or the worst of a capture.

use super::analysis;
use crate::cli::arguments::screen::Color;
use crate::cli::arguments::why::{StoryFormat, Why};
use crate::cli::exit::Outcome;
use crate::cli::matching::Matching;
use crate::cli::progress_bar::ProgressBar;
use crate::cli::request::{self, Request};
use crate::cli::setup::Setup;
use crate::cli::{configuration, locale, messages, output, redaction};
use crate::engine::Engine;
use crate::why::{self, Collector, Limits, Question};

/// Runs the command.
///
/// # Errors
/// The capture or the configuration cannot be read, the filter is invalid, or the output cannot be
/// written.
pub(crate) fn run(arguments: Why, color: Color) -> anyhow::Result<Outcome> {
    let Why { mut source, options } = arguments;
    let question = request::take_operand(&mut source, question).unwrap_or_default();
    let request = &Request::new(&source, color)?;
    // Its file cannot be read in the sandbox.
    let limits = configuration::read(None, Limits::parse)?;
    let mut matching = Matching::new(request, None)?;
    let redactor = options.redaction.redactor(request)?;
    let path = options.output.as_deref();
    let setup = Setup::open_twice(request, path)?;
    let Setup { mut reader, mut output, slicer, matching_packets, .. } = setup;
    reader.mask_metrics(options.redaction.redactor(request)?);
    if matching_packets.is_some() {
        matching.plan_slice();
    }
    if reader.device().is_some() {
        messages::status("mcpdump: the story is told when the capture ends; Ctrl-C ends it");
    }
    let mut engine = Engine::new();
    matching.prepare(&mut engine);
    // What is kept beside it takes the other half.
    engine.halve_memory();
    let mut collector = Collector::new(question);
    let result = analysis::run(&mut reader, engine, ProgressBar::start(false), |entries| {
        for entry in entries {
            let is_chosen = matching.matches(entry);
            collector.push(&redaction::masked(redactor.as_ref(), entry), is_chosen);
        }
        Ok(())
    });
    let is_empty = collector.is_empty();
    let result = result
        .and_then(|()| {
            let Some(slicer) = &slicer else { return Ok(()) };
            slicer.trace(collector.connections(), &|| true, |entry| {
                collector.trace(&redaction::masked(redactor.as_ref(), entry));
            })?;
            Ok(())
        })
        .and_then(|()| {
            if is_empty {
                return Ok(());
            }
            let story = collector.story(&limits);
            let text = why::Options {
                ascii: locale::is_ascii(),
                color: output::is_colored(request, path),
                numbering: request.numbering.clone(),
            };
            output.write(|output| match options.format {
                StoryFormat::Text => why::text(&story, &text, output),
                StoryFormat::Json => why::json(&story, &request.numbering, output),
            })
        })
        .and_then(|()| output.finish())
        .and_then(|()| {
            analysis::write_matching_packets(
                request,
                &mut matching,
                &reader,
                slicer.as_ref(),
                matching_packets,
            )
        });
    redaction::report(redactor.as_ref());
    let is_read = result.is_ok();
    let outcome = reader.finish(result)?;
    if !is_empty || !is_read {
        return Ok(outcome);
    }
    messages::error(&nothing(question, request.filter.is_some()));
    Ok(Outcome::PartialFailure)
}

/// Parses an operand: `12` is an exchange, `s3` a session.
fn question(word: &str) -> Option<Question> {
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    match word.strip_prefix('s') {
        Some(digits) if is_number(digits) => digits.parse().ok().map(Question::Session),
        None if is_number(word) => word.parse().ok().map(Question::Exchange),
        _ => None,
    }
}

/// Message if nothing was found.
fn nothing(question: Question, is_filtered: bool) -> String {
    match question {
        Question::Exchange(n) => {
            let filter = if is_filtered { " that matches the filter" } else { "" };
            format!(
                "no exchange {n}{filter}: mcpdump list --filter 'packet:N' finds exchanges by their packets"
            )
        }
        Question::Session(number) => format!("no session s{number}: mcpdump report lists the sessions"),
        Question::Worst if is_filtered => "no exchange matches the filter".to_owned(),
        Question::Worst => "no exchange of MCP in the capture".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operands_are_numbers_of_exchanges_and_sessions() {
        assert_eq!(question("12"), Some(Question::Exchange(12)));
        assert_eq!(question("s3"), Some(Question::Session(3)));
        for word in ["", "s", "tcp", "sctp", "-1", "1a", "s1x", "99999999999999999999"] {
            assert_eq!(question(word), None, "{word}");
        }
    }
}
