//! Calls in; a row per method and tool, with latencies as the client saw them, out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::meter::{Call, Outcome};

/// Rows, at most: tools and prompts are named by the server. What has no row is counted in one without method.
const MAX_ROWS: usize = 1_000;

/// The highest time that a histogram tells apart, in nanoseconds: an hour. A call that took longer counts as an hour.
const MAX_NS: u64 = 3_600_000_000_000;

/// What a run came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// How long it took.
    pub took: Duration,
    /// Sessions that were opened.
    pub sessions: u64,
    /// Requests of the clients, and what became of them.
    pub rows: Vec<Row>,
    /// Notifications that the clients sent.
    pub notifications: u64,
    /// Notifications that the servers sent.
    pub notified: u64,
    /// Those of them that told of progress.
    pub progress: u64,
    /// Requests of the servers (sampling, elicitation, roots, ping).
    pub asked: u64,
    /// Answers that the clients gave to them.
    pub answered: u64,
    /// Why a client ended before its time; `None`: none did.
    pub ended: Option<String>,
}

impl Summary {
    /// All requests of the clients.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.rows.iter().map(Row::calls).sum()
    }

    /// The requests with an outcome.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> u64 {
        self.rows.iter().map(|row| row.count(outcome)).sum()
    }
}

/// The calls of a method, or of a tool. Times are `None` where none was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The method; `None`: calls for which there was no row.
    pub method: Option<Arc<str>>,
    /// The tool or the prompt.
    pub name: Option<Arc<str>>,
    /// Calls by outcome, in the order of [`Outcome::ALL`].
    pub outcomes: [u64; 6],
    /// The shortest, and 50, 90, 95, 99 and 100 of a hundred are no longer than this; within 0.1 %.
    pub times: Option<Times>,
}

impl Row {
    /// All calls of the row.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.outcomes.iter().sum()
    }

    /// The calls of the row with an outcome.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> u64 {
        let place = Outcome::ALL.iter().position(|other| *other == outcome);
        place.and_then(|place| self.outcomes.get(place)).copied().unwrap_or(0)
    }
}

/// Percentiles of the calls that were answered, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// The shortest.
    pub min_ns: u64,
    /// Half took no longer.
    pub p50_ns: u64,
    /// 90 % took no longer.
    pub p90_ns: u64,
    /// 95 % took no longer.
    pub p95_ns: u64,
    /// 99 % took no longer.
    pub p99_ns: u64,
    /// The longest.
    pub max_ns: u64,
}

/// The method, which only the row of the rest has not, and the tool or prompt.
type Key = (Option<Arc<str>>, Option<Arc<str>>);

/// What is counted while a run goes on.
#[derive(Default)]
pub(super) struct Totals {
    rows: BTreeMap<Key, Counts>,
    pub(super) sessions: u64,
    pub(super) notifications: u64,
    pub(super) notified: u64,
    pub(super) progress: u64,
    pub(super) asked: u64,
    pub(super) answered: u64,
}

#[derive(Default)]
struct Counts {
    outcomes: [u64; 6],
    /// `None` before the first answer. Three digits from a microsecond to an hour.
    times: Option<Histogram<u64>>,
    min_ns: u64,
    max_ns: u64,
}

impl Totals {
    pub(super) fn push(&mut self, call: &Call) {
        let mut key = (Some(Arc::clone(&call.method)), call.name.clone());
        if !self.rows.contains_key(&key) && self.rows.len() >= MAX_ROWS {
            key = (None, None);
        }
        let counts = self.rows.entry(key).or_default();
        let place = Outcome::ALL.iter().position(|outcome| *outcome == call.outcome);
        if let Some(count) = place.and_then(|place| counts.outcomes.get_mut(place)) {
            *count += 1;
        }
        if call.outcome.is_answered() {
            counts.time(call.took);
        }
    }

    /// What a run came to: rows with the highest 95th percentile first, those without times last, then by name.
    pub(super) fn summary(&self, took: Duration, ended: Option<String>) -> Summary {
        let row = |((method, name), counts): (&Key, &Counts)| Row {
            method: method.clone(),
            name: name.clone(),
            outcomes: counts.outcomes,
            times: counts.summary(),
        };
        let mut rows: Vec<_> = self.rows.iter().map(row).collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.times.map(|times| times.p95_ns)));
        Summary {
            took,
            sessions: self.sessions,
            rows,
            notifications: self.notifications,
            notified: self.notified,
            progress: self.progress,
            asked: self.asked,
            answered: self.answered,
            ended,
        }
    }
}

impl Counts {
    fn time(&mut self, took: Duration) {
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        if self.times.is_none() {
            // Bounds and digits are constants that the library takes.
            self.times = Histogram::new_with_bounds(1_000, MAX_NS, 3).ok();
            (self.min_ns, self.max_ns) = (ns, ns);
        }
        self.min_ns = self.min_ns.min(ns);
        self.max_ns = self.max_ns.max(ns);
        if let Some(times) = &mut self.times {
            times.saturating_record(ns);
        }
    }

    fn summary(&self) -> Option<Times> {
        let times = self.times.as_ref()?;
        // A histogram rounds up to the end of its step.
        let at = |quantile: f64| times.value_at_quantile(quantile).clamp(self.min_ns, self.max_ns);
        Some(Times {
            min_ns: self.min_ns,
            p50_ns: at(0.5),
            p90_ns: at(0.9),
            p95_ns: at(0.95),
            p99_ns: at(0.99),
            max_ns: self.max_ns,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(method: &str, name: Option<&str>, outcome: Outcome, ms: u64) -> Call {
        Call {
            client: 0,
            session: 0,
            id: serde_json::json!(1),
            method: method.into(),
            name: name.map(Into::into),
            outcome,
            took: Duration::from_millis(ms),
        }
    }

    #[test]
    fn calls_are_counted_by_method_and_tool() {
        let mut totals = Totals::default();
        for ms in 1..=100 {
            totals.push(&call("tools/call", Some("a"), Outcome::Ok, ms));
        }
        totals.push(&call("tools/call", Some("b"), Outcome::ToolError, 500));
        totals.push(&call("ping", None, Outcome::Cancelled, 9_000));
        let summary = totals.summary(Duration::from_secs(1), None);
        assert_eq!(summary.calls(), 102);
        assert_eq!(summary.count(Outcome::Ok), 100);
        let names: Vec<_> = summary.rows.iter().map(|row| row.name.as_deref()).collect();
        assert_eq!(names, [Some("b"), Some("a"), None], "highest p95 first, without times last");
        let times = summary.rows[1].times.unwrap();
        let near = |ns: u64, ms: u64| ns.abs_diff(ms * 1_000_000) <= ms * 1_000;
        assert!(near(times.p50_ns, 50) && near(times.p90_ns, 90) && near(times.p99_ns, 99), "{times:?}");
        assert_eq!((times.min_ns, times.max_ns), (1_000_000, 100_000_000));
        assert_eq!(summary.rows[2].times, None, "what was cancelled has no latency");
    }

    #[test]
    fn rows_are_bounded_and_no_call_is_lost() {
        let mut totals = Totals::default();
        for n in 0..MAX_ROWS + 50 {
            totals.push(&call("tools/call", Some(&n.to_string()), Outcome::Ok, 1));
        }
        let summary = totals.summary(Duration::ZERO, None);
        assert_eq!(summary.rows.len(), MAX_ROWS + 1);
        assert_eq!(summary.calls(), MAX_ROWS as u64 + 50);
        assert!(summary.rows.iter().any(|row| row.method.is_none() && row.calls() == 50));
    }
}
