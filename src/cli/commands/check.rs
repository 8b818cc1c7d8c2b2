//! `mcpdump check`: a capture as a gate. `mcpdump explain`: what is known of a finding.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Context as _;

use super::analysis;
use crate::base::{Code, Finding};
use crate::check::{self, Gate, Verdict, explain};
use crate::cli::arguments::CheckOptions;
use crate::cli::exit::Outcome;
use crate::cli::matching::Matching;
use crate::cli::progress_bar::ProgressBar;
use crate::cli::redaction;
use crate::cli::request::{Inputs, Request};
use crate::cli::setup::Setup;
use crate::contents::Rules;
use crate::engine::Engine;
use crate::ledger::{Entry, Views};
use crate::security::{self, KnownServers, Watch};

/// Runs the command.
///
/// # Errors
/// The capture or the baseline cannot be read, an option is invalid, or the output cannot be
/// written.
pub(crate) fn run(request: &Request, options: &CheckOptions) -> anyhow::Result<Outcome> {
    // Before anything is opened: a gate that does not run prints nothing.
    let gate_options = gate_options(request, options)?;
    let known = options.inventory.as_deref().map(known_servers).transpose()?;
    let mut matching = Matching::new(request, Some(Views::Front))?;
    let redactor = options.redaction.redactor(request)?;
    let Setup { mut reader, mut output, .. } = Setup::open(request, options.output.as_deref())?;
    reader.mask_metrics(options.redaction.redactor(request)?);
    let mut engine = Engine::new();
    matching.prepare(&mut engine);
    let mut gate = Gate::new(gate_options);
    let mut verdict = Verdict::default();
    // Schemas and the like are in them.
    engine.emit_payloads();
    // What is kept of them takes the other half.
    engine.halve_memory();
    let mut rules = Rules::new();
    let is_watched = options.security || known.is_some();
    let watch_options = security::Options { guesses: options.guesses, known };
    let mut watch = is_watched.then(|| Watch::new(watch_options));
    let is_wanted = |finding: &Finding| options.security || finding.code == Code::SecurityUnknownServer;
    let result = analysis::run(&mut reader, engine, ProgressBar::start(false), |entries| {
        // Rules see everything: what a filter leaves out may explain what it does not.
        let mut found = Vec::new();
        for entry in entries {
            found.extend(rules.push(entry));
            if let Some(watch) = &mut watch {
                found.extend(watch.push(entry).into_iter().filter(is_wanted));
            }
        }
        let mut pass = |entries: &[Entry]| {
            matching.select(entries, |entry| {
                gate.push(entry);
                Ok(())
            })
        };
        pass(entries)?;
        pass(&found.into_iter().map(Entry::Finding).collect::<Vec<_>>())
    });
    let mut last = rules.finish();
    last.extend(watch.map(|mut watch| watch.finish()).unwrap_or_default().into_iter().filter(is_wanted));
    let last: Vec<_> = last.into_iter().map(Entry::Finding).collect();
    let result = result.and_then(|()| {
        matching.select(&last, |entry| {
            gate.push(entry);
            Ok(())
        })
    });
    let name = match &request.inputs {
        Inputs::Files(_) => request.input_names().join(" "),
        Inputs::Device(_) => reader.device().unwrap_or_default().to_owned(),
    };
    let capture = check::Capture { name: &name, numbering: request.numbering.clone() };
    let result = result
        .and_then(|()| {
            verdict = gate.finish();
            // Rules, objectives and patterns saw what the traffic holds.
            if let Some(redactor) = &redactor {
                verdict.issues.iter_mut().for_each(|issue| redaction::mask_issue(redactor, issue));
            }
            output.write(|output| check::write(options.format, &verdict, &capture, output))
        })
        .and_then(|()| output.finish());
    redaction::report(redactor.as_ref());
    let outcome = reader.finish(result)?;
    Ok(if verdict.has_failed() { Outcome::PartialFailure } else { outcome })
}

fn gate_options(request: &Request, options: &CheckOptions) -> anyhow::Result<check::Options> {
    let mut baseline = Vec::new();
    for path in &options.baseline {
        let text = fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()))?;
        baseline.extend(check::parse_baseline(&text).with_context(|| path.display().to_string())?);
    }
    let ignored = options.ignore.iter().map(|text| text.parse().context("--ignore"));
    let objectives = options.slo.iter().map(|text| {
        let objective: check::Objective = text.parse().context("--slo")?;
        Ok(objective.on_files(request.numbering.clone()))
    });
    Ok(check::Options {
        fail_on: options.fail_on.0,
        baseline,
        ignored: ignored.collect::<anyhow::Result<_>>()?,
        objectives: objectives.collect::<anyhow::Result<_>>()?,
        security: options.security || options.inventory.is_some(),
    })
}

/// Reads the list of `--inventory`.
fn known_servers(path: &Path) -> anyhow::Result<KnownServers> {
    let text = fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    KnownServers::parse(&text).with_context(|| path.display().to_string())
}

/// Prints what is known of a code, or a line for each code without one.
///
/// # Errors
/// There is no such code, or standard output cannot be written.
pub(crate) fn print_explanation(code: Option<&str>) -> anyhow::Result<()> {
    let mut text = Vec::new();
    match code {
        None => explain::write_list(&mut text)?,
        Some(name) => match explain::find(name) {
            Some(info) => explain::write(info, &mut text)?,
            None => {
                let hint = match explain::similar(name).as_slice() {
                    [] => "mcpdump explain lists all codes".to_owned(),
                    similar => format!("did you mean {}?", similar.join(", ")),
                };
                anyhow::bail!("{name}: no such code: {hint}");
            }
        },
    }
    io::stdout().write_all(&text)?;
    Ok(())
}
