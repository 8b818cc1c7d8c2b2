//! Objectives: `p95(tools/call)<500ms`, `error_rate(tool:search)<=1%`.

use std::fmt;
use std::str::FromStr;

use crate::base::{Files, Status, limits, units};
use crate::ledger::query::{Filter, Subject};
use crate::ledger::{Exchange, percentile};

/// What is measured of the exchanges of an objective.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Metric {
    /// A percentile of their durations, in thousandths. A call without an answer counts with the
    /// time that it waited, as a lower limit.
    Percentile(u64),
    /// The longest duration.
    Max,
    /// The share that ended in an error, was cancelled or never answered.
    ErrorRate,
    /// Their number.
    Count,
}

impl Metric {
    const NAMES: [(&str, Self); 8] = [
        ("p50", Self::Percentile(500)),
        ("p90", Self::Percentile(900)),
        ("p95", Self::Percentile(950)),
        ("p99", Self::Percentile(990)),
        ("p99.9", Self::Percentile(999)),
        ("max", Self::Max),
        ("error_rate", Self::ErrorRate),
        ("count", Self::Count),
    ];
}

/// How a value compares with its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Below,
    AtMost,
    Above,
    AtLeast,
}

impl Comparison {
    /// The longer ones first: they begin like the others.
    const NAMES: [(&str, Self); 4] =
        [("<=", Self::AtMost), (">=", Self::AtLeast), ("<", Self::Below), (">", Self::Above)];

    fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Below => value < limit,
            Self::AtMost => value <= limit,
            Self::Above => value > limit,
            Self::AtLeast => value >= limit,
        }
    }
}

/// An objective, and what was measured for it so far.
#[derive(Clone, Debug)]
pub struct Objective {
    text: Box<str>,
    metric: Metric,
    calls: Filter,
    comparison: Comparison,
    /// In nanoseconds, as a share, or as a number.
    limit: f64,
    answered: Vec<i64>,
    waits: Vec<i64>,
    count: u64,
    errors: u64,
    undetermined: u64,
    /// Durations that were not kept because of a cap.
    left_out: u64,
}

/// Why a text is no objective.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidObjective(String);

impl fmt::Display for InvalidObjective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidObjective {}

/// What became of an objective.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was met.
    Met,
    /// It was missed.
    Missed,
    /// The capture does not tell, for this reason.
    Untold(&'static str),
}

/// An objective with its outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The objective as it was written.
    pub objective: Box<str>,
    /// Its outcome.
    pub outcome: Outcome,
    /// The value that was measured, in words, and of how many calls.
    pub measured: String,
}

impl Objective {
    /// Sets the files of the calls, which its expression may name.
    #[must_use]
    pub fn on_files(self, files: Files) -> Self {
        Self { calls: self.calls.on_files(files), ..self }
    }
}

impl FromStr for Objective {
    type Err = InvalidObjective;

    fn from_str(text: &str) -> Result<Self, InvalidObjective> {
        let invalid = |why: String| InvalidObjective(format!("{text}: {why}"));
        let example = "write it like 'p95(tools/call)<500ms'";
        let (name, rest) = text.split_once('(').ok_or_else(|| invalid(example.to_owned()))?;
        let Some((calls, rest)) = rest.rsplit_once(')') else {
            return Err(invalid(format!("the parenthesis is not closed; {example}")));
        };
        let metric = Metric::NAMES.iter().find(|(known, _)| *known == name.trim()).map(|(_, metric)| *metric);
        let metric = metric.ok_or_else(|| {
            let names: Vec<_> = Metric::NAMES.iter().map(|(name, _)| *name).collect();
            invalid(format!("{} is no metric; there are {}", name.trim(), names.join(", ")))
        })?;
        let rest = rest.trim();
        let found = Comparison::NAMES
            .iter()
            .find_map(|(sign, comparison)| rest.strip_prefix(sign).map(|limit| (*comparison, limit.trim())));
        let (comparison, limit) =
            found.ok_or_else(|| invalid(format!("a comparison follows the parenthesis; {example}")))?;
        let limit = match metric {
            Metric::Percentile(_) | Metric::Max => duration(limit).ok_or("a duration, such as 500ms or 2s"),
            Metric::ErrorRate => share(limit).ok_or("a share, such as 1% or 0.01"),
            Metric::Count => limit.parse().ok().filter(|n: &f64| n.is_finite()).ok_or("a number"),
        }
        .map_err(|wanted| invalid(format!("{limit} is not {wanted}")))?;
        Ok(Self {
            calls: Filter::parse(&expression(calls.trim())).map_err(|error| invalid(error.to_string()))?,
            text: text.into(),
            metric,
            comparison,
            limit,
            answered: Vec::new(),
            waits: Vec::new(),
            count: 0,
            errors: 0,
            undetermined: 0,
            left_out: 0,
        })
    }
}

/// The filter expression of the calls of an objective: a method alone is that method, `*` is all.
fn expression(calls: &str) -> String {
    let is_method = calls.contains('/') || matches!(calls, "initialize" | "ping");
    let is_word = calls.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_-*".contains(&b));
    match calls {
        "" | "*" => String::new(),
        _ if is_method && is_word => format!("method:{calls}"),
        _ => calls.to_owned(),
    }
}

/// Parses a duration with a unit: `250us`, `500ms`, `2s`, `1.5m`. In nanoseconds.
fn duration(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 6] =
        [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9)];
    let (number, unit) = UNITS.iter().find_map(|(unit, ns)| {
        let number = text.strip_suffix(unit)?.trim_end();
        number.ends_with(|last: char| last.is_ascii_digit()).then_some((number, ns))
    })?;
    number.parse::<f64>().ok().filter(|number| number.is_finite()).map(|number| number * unit)
}

/// Parses a share: `1%`, `0.01`.
fn share(text: &str) -> Option<f64> {
    let (number, whole) = match text.strip_suffix('%') {
        Some(number) => (number.trim_end(), 100.0),
        None => (text, 1.0),
    };
    number.parse::<f64>().ok().filter(|number| number.is_finite()).map(|number| number / whole)
}

impl Objective {
    /// Counts an exchange if it is one of the objective's calls.
    pub fn push(&mut self, exchange: &Exchange) {
        if !self.calls.matches(Subject::Exchange(exchange)) {
            return;
        }
        self.count += 1;
        match exchange.status {
            Status::Undetermined => self.undetermined += 1,
            Status::Ok => {}
            Status::ToolError
            | Status::Error
            | Status::HttpError
            | Status::Cancelled
            | Status::Unanswered => self.errors += 1,
        }
        let (list, ns) = match (exchange.latency_ns(), exchange.unanswered_ns()) {
            (Some(ns), _) => (&mut self.answered, ns),
            (None, Some(ns)) => (&mut self.waits, ns),
            (None, None) => return,
        };
        if list.len() < limits::MAX_OBJECTIVE_VALUES {
            list.push(ns);
        } else {
            self.left_out += 1;
        }
    }

    /// Decides it.
    #[must_use]
    pub fn judge(&self) -> Judged {
        let (outcome, value) = match self.metric {
            _ if self.count == 0 && self.metric != Metric::Count => {
                (Outcome::Untold("no such call in the capture"), "no call".to_owned())
            }
            Metric::Percentile(per_mille) => self.of_durations(per_mille),
            Metric::Max => self.of_durations(1000),
            Metric::ErrorRate => {
                let rate = |errors: u64| errors as f64 / self.count.max(1) as f64;
                let bounds = [rate(self.errors), rate(self.errors + self.undetermined)];
                let value = format!("{} of {} calls", self.errors, self.count);
                (self.of_bounds(bounds, "calls whose outcome the capture does not tell decide it"), value)
            }
            Metric::Count => {
                let outcome = self.of_bounds([self.count as f64; 2], "");
                (outcome, units::several(self.count, "call"))
            }
        };
        Judged { objective: self.text.clone(), outcome, measured: value }
    }

    fn of_durations(&self, per_mille: u64) -> (Outcome, String) {
        let steps = |values: &[i64]| {
            let mut steps: Vec<(i64, u64)> = values.iter().map(|ns| (*ns, 1)).collect();
            steps.sort_unstable();
            steps
        };
        let Some(found) = percentile(&steps(&self.answered), &steps(&self.waits), per_mille) else {
            return (Outcome::Untold("no call has a duration"), units::several(self.count, "call"));
        };
        let sign = if found.is_at_least { "≥ " } else { "" };
        let of = units::several((self.answered.len() + self.waits.len()) as u64, "call");
        let capped = if self.left_out > 0 { ", the first ones" } else { "" };
        let value = format!("{sign}{} of {of}{capped}", units::duration(found.ns));
        let most = if found.is_at_least { f64::INFINITY } else { found.ns as f64 };
        (self.of_bounds([found.ns as f64, most], "calls without an answer decide it"), value)
    }

    /// The outcome of a value between these bounds. `untold` says why it is not known if they
    /// differ in it.
    fn of_bounds(&self, [least, most]: [f64; 2], untold: &'static str) -> Outcome {
        match [least, most].map(|value| self.comparison.holds(value, self.limit)) {
            [true, true] => Outcome::Met,
            [false, false] => Outcome::Missed,
            _ => Outcome::Untold(untold),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objectives_are_parsed() {
        for (text, metric, comparison, limit) in [
            ("p95(tools/call)<500ms", Metric::Percentile(950), Comparison::Below, 500e6),
            ("p99.9(tool:search dur>1s) <= 1.5 s", Metric::Percentile(999), Comparison::AtMost, 1.5e9),
            ("max(*)<2m", Metric::Max, Comparison::Below, 120e9),
            ("error_rate()<1%", Metric::ErrorRate, Comparison::Below, 0.01),
            ("error_rate(tool:a or tool:b)<=0.5", Metric::ErrorRate, Comparison::AtMost, 0.5),
            ("count(ping)>=3", Metric::Count, Comparison::AtLeast, 3.0),
            ("p50((tool:a))>250µs", Metric::Percentile(500), Comparison::Above, 250e3),
        ] {
            let objective: Objective = text.parse().unwrap();
            assert_eq!((objective.metric, objective.comparison), (metric, comparison), "{text}");
            assert!((objective.limit - limit).abs() < 1e-3, "{text}: {}", objective.limit);
        }
        for text in [
            "",
            "p95",
            "p95(tools/call",
            "p95(tools/call)",
            "p95(tools/call)=1s",
            "p42(x)<1s",
            "p95(x)<500",
            "p95(x)<1%",
            "error_rate(x)<1s",
            "count(x)<many",
            "p95(tool:)<1s",
            "p95(x)<infs",
        ] {
            assert!(text.parse::<Objective>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_method_alone_is_that_method() {
        for (calls, expected) in [
            ("tools/call", "method:tools/call"),
            ("ping", "method:ping"),
            ("tools/*", "method:tools/*"),
            ("*", ""),
            ("tool:search", "tool:search"),
            ("search", "search"),
            ("tools/call dur>1s", "tools/call dur>1s"),
        ] {
            assert_eq!(expression(calls), expected);
        }
    }

    /// An objective over calls with these durations (in milliseconds), waits and statuses.
    fn judged(text: &str, answered: &[i64], waits: &[i64], [errors, undetermined]: [u64; 2]) -> Outcome {
        let mut objective: Objective = text.parse().unwrap();
        objective.answered = answered.iter().map(|ms| ms * 1_000_000).collect();
        objective.waits = waits.iter().map(|ms| ms * 1_000_000).collect();
        objective.count = (answered.len() + waits.len()) as u64;
        (objective.errors, objective.undetermined) = (errors, undetermined);
        objective.judge().outcome
    }

    #[test]
    fn what_may_be_missing_decides_nothing() {
        let untold = |outcome| matches!(outcome, Outcome::Untold(_));
        assert_eq!(judged("p95(*)<500ms", &[10, 20], &[], [0, 0]), Outcome::Met);
        assert_eq!(judged("p95(*)<15ms", &[10, 20], &[], [0, 0]), Outcome::Missed);
        // A call that waited for 30 ms would have taken longer.
        assert_eq!(judged("max(*)<25ms", &[10], &[30], [0, 0]), Outcome::Missed);
        assert!(untold(judged("max(*)<500ms", &[10], &[30], [0, 0])));
        assert_eq!(judged("p50(*)<15ms", &[10], &[30], [0, 0]), Outcome::Met);
        assert_eq!(judged("error_rate(*)<50%", &[1, 2, 3, 4], &[], [1, 0]), Outcome::Met);
        assert_eq!(judged("error_rate(*)<25%", &[1, 2, 3, 4], &[], [1, 0]), Outcome::Missed);
        assert!(untold(judged("error_rate(*)<50%", &[1, 2, 3, 4], &[], [1, 1])));
        assert!(untold(judged("p95(*)<1s", &[], &[], [0, 0])));
        assert_eq!(judged("count(*)<1", &[], &[], [0, 0]), Outcome::Met);
    }
}
