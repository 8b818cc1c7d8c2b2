//! Parts of a difference in words. Text from traffic is sanitized.

use super::call_change::{CallChange, PERCENTILES, PercentileChange};
use super::calls::CallKey;
use super::chance::{Certainty, FEW, Failures, Verdict};
use super::difference::{Difference, FindingChange, TraitChange};
use super::offer_change::{Became, OfferChange};
use crate::base::{Side, sanitize, units};
use crate::ledger::Percentile;

/// How a line is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// A regression.
    Regression,
    /// A difference that is none.
    Difference,
    /// It cannot be told.
    Untold,
}

impl Mark {
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Regression => "✗",
            Self::Difference => "·",
            Self::Untold => "?",
        }
    }

    pub(super) fn of(is_regression: bool) -> Self {
        if is_regression { Self::Regression } else { Self::Difference }
    }
}

/// A line of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) mark: Mark,
    /// What it is about.
    pub(super) subject: String,
    /// What is told of it.
    pub(super) text: String,
}

/// A section: its title, its lines, and how many more there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) lines: Vec<Line>,
    pub(super) more: usize,
}

/// Lines of a section. The others are counted.
const MAX_LINES: usize = 40;

/// Returns the sections that have something to tell.
pub(super) fn sections(difference: &Difference) -> Vec<Section> {
    let both = || difference.calls.iter().filter(|change| change.is_of_both());
    let mut times: Vec<Line> = both().flat_map(latencies).collect();
    times.extend(few(difference));
    let failures = both().filter_map(failing);
    let alone = difference.calls.iter().filter(|change| !change.is_of_both()).map(one_sided);
    let offers = difference.offers.iter().flat_map(offer).chain(difference.uncompared.iter().map(uncompared));
    let traits = difference.traits.iter().map(of_trait);
    let findings = difference.findings.iter().map(finding);
    [
        section("Latency", times),
        section("Failures", failures.collect()),
        section("Calls of one capture alone", alone.collect()),
        section("Definitions", offers.collect()),
        section("Servers and clients", traits.collect()),
        section("Findings", findings.collect()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn section(title: &'static str, mut lines: Vec<Line>) -> Option<Section> {
    // What fails is told first; the order within is kept.
    lines.sort_by_key(|line| match line.mark {
        Mark::Regression => 0,
        Mark::Difference => 1,
        Mark::Untold => 2,
    });
    let more = lines.len().saturating_sub(MAX_LINES);
    lines.truncate(MAX_LINES);
    (!lines.is_empty()).then_some(Section { title, lines, more })
}

/// `tools/call search`, `sampling/createMessage (of the server)`.
pub(super) fn call(key: &CallKey) -> String {
    let name = key.name.as_ref().map(|name| format!(" {}", sanitize::clean(name))).unwrap_or_default();
    let origin = if key.origin == Side::Server { " (of the server)" } else { "" };
    format!("{}{name}{origin}", sanitize::clean(&key.method))
}

/// Names of calls that are listed in a sentence.
const NAMED: usize = 8;

/// Difference of durations that is shown of few calls, too: a factor.
const FEW_SHOWN: i64 = 10;

/// What has too few calls to compare, in one sentence; `None` if nothing has.
fn few(difference: &Difference) -> Option<Line> {
    let names: Vec<String> = difference
        .calls
        .iter()
        .filter(|change| change.is_of_both() && !is_shown_of_few(change))
        .filter(|change| {
            let is_few = |verdict: Verdict| verdict == Verdict::Untold(FEW);
            is_few(change.failing) || change.percentiles.iter().all(|it| is_few(it.verdict))
        })
        .map(|change| call(&change.key))
        .collect();
    let more = names.len().saturating_sub(NAMED);
    let shown = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let subject = match names.len() {
        0 => return None,
        1 => "1 method or tool has".to_owned(),
        n => format!("{n} methods and tools have"),
    };
    let text = format!("{subject} too few calls to compare");
    Some(Line { mark: Mark::Untold, subject: text, text: format!("{shown}{more}") })
}

/// Whether few calls are shown with their durations: these differ many times over.
fn is_shown_of_few(change: &CallChange) -> bool {
    let is_far = |percentile: &PercentileChange| match percentile.values {
        [Some(before), Some(after)] => {
            let (least, most) = (before.ns.min(after.ns), before.ns.max(after.ns));
            most >= least.max(1).saturating_mul(FEW_SHOWN)
        }
        _ => false,
    };
    change.percentiles.iter().any(|it| it.verdict == Verdict::Untold(FEW) && is_far(it))
}

/// What is told of the durations of calls: a line for each percentile.
fn latencies(change: &CallChange) -> Vec<Line> {
    if let [PercentileChange { verdict: Verdict::Untold(why), .. }, other] = &change.percentiles
        && other.verdict == Verdict::Untold(why)
    {
        if *why == FEW && !is_shown_of_few(change) {
            return Vec::new();
        }
        let values = change.percentiles.iter().zip(PERCENTILES).map(|(percentile, (_, name))| {
            let [before, after] = percentile.values.map(value);
            format!("{name} {before} → {after}")
        });
        let values = values.collect::<Vec<_>>().join(", ");
        let text = format!("{values}: cannot be told: {why}{}", calls(change.failures));
        return vec![Line { mark: Mark::Untold, subject: call(&change.key), text }];
    }
    let told = change.percentiles.iter().zip(PERCENTILES).filter_map(|(percentile, (_, name))| {
        let mark = match percentile.verdict {
            Verdict::Alike => return None,
            Verdict::Untold(FEW) if !is_shown_of_few(change) => return None,
            Verdict::Untold(_) => Mark::Untold,
            verdict => Mark::of(matches!(verdict, Verdict::Higher(Certainty::Sure))),
        };
        let of = calls(change.failures);
        let text = format!("{name} {}{of}", percentile_change(percentile));
        Some(Line { mark, subject: call(&change.key), text })
    });
    told.collect()
}

/// `12.0 ms → 50.1 ms: +38.1 ms, sure`.
pub(super) fn percentile_change(change: &PercentileChange) -> String {
    let [before, after] = change.values.map(value);
    let by = change.change_ns().map(signed).unwrap_or_default();
    match change.verdict {
        Verdict::Alike => format!("{before} → {after}"),
        Verdict::Untold(why) => format!("{before} → {after}: cannot be told: {why}"),
        Verdict::Higher(certainty) | Verdict::Lower(certainty) => {
            format!("{before} → {after}: {by}, {}", certainty.name())
        }
    }
}

/// `≥ 60.0 s` for a lower limit.
fn value(percentile: Option<Percentile>) -> String {
    match percentile {
        None => "-".to_owned(),
        Some(Percentile { ns, is_at_least: true }) => format!("≥ {}", units::duration(ns)),
        Some(Percentile { ns, .. }) => units::duration(ns),
    }
}

fn signed(ns: i64) -> String {
    let sign = if ns > 0 { "+" } else { "" };
    format!("{sign}{}", units::duration(ns))
}

/// ` (200 and 180 calls)`.
fn calls([before, after]: [Failures; 2]) -> String {
    format!(" ({} and {} calls)", before.calls, after.calls)
}

fn failing(change: &CallChange) -> Option<Line> {
    let (mark, end) = match change.failing {
        Verdict::Alike | Verdict::Untold(FEW) => return None,
        Verdict::Untold(why) => (Mark::Untold, format!("cannot be told: {why}")),
        Verdict::Higher(certainty) => {
            (Mark::of(certainty == Certainty::Sure), format!("more often, {}", certainty.name()))
        }
        Verdict::Lower(certainty) => (Mark::Difference, format!("less often, {}", certainty.name())),
    };
    let [before, after] = change.failures.map(rate);
    Some(Line { mark, subject: call(&change.key), text: format!("{before} → {after}: {end}") })
}

/// `15 of 180 (8.3 %)`.
pub(super) fn rate(failures: Failures) -> String {
    let Failures { failed, calls, unknown } = failures;
    let unknown = if unknown > 0 { format!(", {unknown} unknown") } else { String::new() };
    format!("{failed} of {calls} ({}{unknown})", units::share(failed, calls))
}

fn one_sided(change: &CallChange) -> Line {
    let [before, after] = change.failures;
    let text = match before.calls {
        0 => format!("only after: {}", units::several(after.calls, "call")),
        calls => format!("only before: {}", units::several(calls, "call")),
    };
    Line { mark: Mark::Difference, subject: call(&change.key), text }
}

/// What is told of a definition: a line for each difference.
fn offer(change: &OfferChange) -> Vec<Line> {
    let subject = definition(change);
    match &change.became {
        Became::Added => vec![Line { mark: Mark::Difference, subject, text: "added".to_owned() }],
        Became::Removed => {
            vec![Line { mark: Mark::of(change.is_regression()), subject, text: "removed".to_owned() }]
        }
        Became::Changed(members) => members
            .iter()
            .map(|member| Line {
                mark: Mark::of(member.is_breaking && change.is_regression()),
                subject: subject.clone(),
                text: sanitize::clean(&member.text),
            })
            .collect(),
    }
}

/// `tool search of hackernews`.
pub(super) fn definition(change: &OfferChange) -> String {
    let OfferChange { server, kind, name, .. } = change;
    format!("{} {} of {}", kind.noun(), sanitize::clean(name), sanitize::clean(server))
}

fn uncompared((server, kind): &(String, &'static str)) -> Line {
    let text = "added and removed ones cannot be told: a capture does not hold the whole list".to_owned();
    Line { mark: Mark::Untold, subject: format!("{kind} of {}", sanitize::clean(server)), text }
}

fn of_trait(change: &TraitChange) -> Line {
    let text = if change.is_new { "new" } else { "gone" }.to_owned();
    let subject = format!("{} {}", change.of.name(), sanitize::clean(&change.value));
    Line { mark: Mark::of(change.is_regression()), subject, text }
}

fn finding(change: &FindingChange) -> Line {
    let FindingChange { code, counts: [before, after], is_untold } = change;
    let (what, other, count) = match before {
        0 => ("new", "before", after),
        before => ("gone", "after", before),
    };
    let times = units::several(*count, "time");
    let (mark, text) = if *is_untold {
        let text = format!("{what}, {times}; cannot be told: the capture {other} is not whole");
        (Mark::Untold, text)
    } else {
        (Mark::of(change.is_regression()), format!("{what}, {times}: {}", code.info().title))
    };
    Line { mark, subject: format!("{} {code}", code.severity().name()), text }
}

/// What a capture has: `1234 exchanges in 3 sessions`, and what it lacks.
pub(super) fn capture(difference: &Difference, at: usize) -> String {
    let of = |counts: [u64; 2]| counts.get(at).copied().unwrap_or_default();
    let missing = difference.missing.get(at).map(Vec::as_slice).unwrap_or_default();
    let lacks = if missing.is_empty() {
        String::new()
    } else {
        format!("; not whole ({}): what may be missing is no difference", missing.join(", "))
    };
    let exchanges = units::several(of(difference.exchanges), "exchange");
    format!("{exchanges} in {}{lacks}", units::several(of(difference.sessions), "session"))
}

/// The result in a line.
pub(super) fn summary(difference: &Difference) -> String {
    let alike = difference
        .calls
        .iter()
        .filter(|change| change.is_of_both() && !change.is_told() && !change.is_untold())
        .count() as u64;
    let left_out = match difference.left_out {
        0 => String::new(),
        n => format!("; {} of further methods and tools not compared", units::several(n, "call")),
    };
    let alike = match alike {
        0 => String::new(),
        1 => "; 1 method or tool alike".to_owned(),
        n => format!("; {n} methods or tools alike"),
    };
    let told = match difference.regressions() as u64 {
        0 if difference.is_empty() => "no difference that can be told".to_owned(),
        0 => "no regression".to_owned(),
        n => units::several(n, "regression"),
    };
    format!("{told}{alike}{left_out}")
}
