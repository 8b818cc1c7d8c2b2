//! Counts calls per method and tool, with latencies as the client measured them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::call::Call;
use crate::base::Status;

/// Most rows: the server chooses the names of tools and prompts. Further calls go to one row
/// without a method.
const MAX_ROWS: usize = 1_000;

/// Longest time in a histogram, in nanoseconds: one hour. Longer calls count as one hour.
const MAX_NS: u64 = 3_600_000_000_000;

/// Result of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Duration of the run.
    pub took: Duration,
    /// Number of opened sessions.
    pub sessions: u64,
    /// Number of scripted calls, as [`super::Options::calls`] counts them.
    pub scripted: u64,
    /// Requests from the clients by method and name.
    pub rows: Vec<CallRow>,
    /// Notifications from the clients.
    pub notifications: u64,
    /// Notifications from the servers, progress included.
    pub server_notifications: u64,
    /// Progress notifications from the servers.
    pub progress: u64,
    /// Requests from the servers (sampling, elicitation, roots, ping).
    pub server_requests: u64,
    /// Responses from the clients to requests from the servers.
    pub responses: u64,
    /// Why a client ended early; `None` if none did.
    pub ended: Option<String>,
}

impl Summary {
    /// Number of requests from the clients.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.rows.iter().map(CallRow::calls).sum()
    }

    /// Number of requests with this status.
    #[must_use]
    pub fn count(&self, status: Status) -> u64 {
        self.rows.iter().map(|row| row.count(status)).sum()
    }
}

/// Calls of one method or tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRow {
    /// Method; `None` for calls beyond the row limit.
    pub method: Option<Arc<str>>,
    /// Tool or prompt; `None` for methods without one.
    pub name: Option<Arc<str>>,
    /// Number of calls per status, in the order of [`Status::ALL`].
    pub statuses: [u64; Status::ALL.len()],
    /// Percentiles of the answered calls, exact to 0.1 %; `None` if no call was answered.
    pub times: Option<Times>,
}

impl CallRow {
    /// Number of calls.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.statuses.iter().sum()
    }

    /// Number of calls with this status.
    #[must_use]
    pub fn count(&self, status: Status) -> u64 {
        let place = Status::ALL.iter().position(|other| *other == status);
        place.and_then(|place| self.statuses.get(place)).copied().unwrap_or(0)
    }
}

/// Percentiles in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// Minimum.
    pub min_ns: u64,
    /// Median.
    pub p50_ns: u64,
    /// 90th percentile.
    pub p90_ns: u64,
    /// 95th percentile.
    pub p95_ns: u64,
    /// 99th percentile.
    pub p99_ns: u64,
    /// Maximum.
    pub max_ns: u64,
}

/// Method and name; both `None` for the calls beyond the row limit.
type RowKey = (Option<Arc<str>>, Option<Arc<str>>);

/// Counters of a run in progress.
#[derive(Default)]
pub(super) struct Totals {
    rows: BTreeMap<RowKey, Counts>,
    pub(super) sessions: u64,
    pub(super) scripted: u64,
    pub(super) notifications: u64,
    pub(super) server_notifications: u64,
    pub(super) progress: u64,
    pub(super) server_requests: u64,
    pub(super) responses: u64,
}

#[derive(Default)]
struct Counts {
    statuses: [u64; Status::ALL.len()],
    /// `None` before the first response. Three significant digits from 1 µs to [`MAX_NS`].
    times: Option<Histogram<u64>>,
    min_ns: u64,
    max_ns: u64,
}

impl Totals {
    /// Adds a call.
    pub(super) fn record(&mut self, call: &Call) {
        let mut key = (Some(Arc::clone(&call.method)), call.name.clone());
        if !self.rows.contains_key(&key) && self.rows.len() >= MAX_ROWS {
            key = (None, None);
        }
        let counts = self.rows.entry(key).or_default();
        let place = Status::ALL.iter().position(|status| *status == call.status);
        if let Some(count) = place.and_then(|place| counts.statuses.get_mut(place)) {
            *count += 1;
        }
        if call.status.is_answered() {
            counts.record(call.took);
        }
    }

    /// Returns the result. Rows are sorted by 95th percentile, highest first, rows without times
    /// last, then by name.
    pub(super) fn summary(&self, took: Duration, ended: Option<String>) -> Summary {
        let row = |((method, name), counts): (&RowKey, &Counts)| CallRow {
            method: method.clone(),
            name: name.clone(),
            statuses: counts.statuses,
            times: counts.summary(),
        };
        let mut rows: Vec<_> = self.rows.iter().map(row).collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.times.map(|times| times.p95_ns)));
        Summary {
            took,
            sessions: self.sessions,
            scripted: self.scripted,
            rows,
            notifications: self.notifications,
            server_notifications: self.server_notifications,
            progress: self.progress,
            server_requests: self.server_requests,
            responses: self.responses,
            ended,
        }
    }
}

impl Counts {
    fn record(&mut self, took: Duration) {
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        if self.times.is_none() {
            // These constant bounds are valid, so this is always `Some`.
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
        // The histogram rounds up to the end of a bucket.
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

    fn call(method: &str, name: Option<&str>, status: Status, ms: u64) -> Call {
        Call {
            client: 0,
            session: 0,
            id: serde_json::json!(1),
            method: method.into(),
            name: name.map(Into::into),
            status,
            took: Duration::from_millis(ms),
        }
    }

    #[test]
    fn calls_are_counted_by_method_and_tool() {
        let mut totals = Totals::default();
        for ms in 1..=100 {
            totals.record(&call("tools/call", Some("a"), Status::Ok, ms));
        }
        totals.record(&call("tools/call", Some("b"), Status::ToolError, 500));
        totals.record(&call("ping", None, Status::Cancelled, 9_000));
        let summary = totals.summary(Duration::from_secs(1), None);
        assert_eq!(summary.calls(), 102);
        assert_eq!(summary.count(Status::Ok), 100);
        let names: Vec<_> = summary.rows.iter().map(|row| row.name.as_deref()).collect();
        assert_eq!(names, [Some("b"), Some("a"), None], "highest p95 first, rows without times last");
        let times = summary.rows[1].times.unwrap();
        let near = |ns: u64, ms: u64| ns.abs_diff(ms * 1_000_000) <= ms * 1_000;
        assert!(near(times.p50_ns, 50) && near(times.p90_ns, 90) && near(times.p99_ns, 99), "{times:?}");
        assert_eq!((times.min_ns, times.max_ns), (1_000_000, 100_000_000));
        assert_eq!(summary.rows[2].times, None, "cancelled calls have no latency");
    }

    #[test]
    fn rows_are_bounded_and_every_call_is_counted() {
        let mut totals = Totals::default();
        for n in 0..MAX_ROWS + 50 {
            totals.record(&call("tools/call", Some(&n.to_string()), Status::Ok, 1));
        }
        let summary = totals.summary(Duration::ZERO, None);
        assert_eq!(summary.rows.len(), MAX_ROWS + 1);
        assert_eq!(summary.calls(), MAX_ROWS as u64 + 50);
        assert!(summary.rows.iter().any(|row| row.method.is_none() && row.calls() == 50));
    }
}
