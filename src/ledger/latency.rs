//! Latency tables: a row per method and tool, or per group, method and tool.

use std::collections::HashMap;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::series::Series;
use crate::base::{Side, Status, UnknownName, find_by_name};
use crate::mcp::{Exchange, ServerRef};

/// Rows whose totals have three significant digits once they are histograms. Such a histogram takes
/// about ten times the memory of one with two digits, which the other rows get.
const FINE_ROWS: usize = 128;

/// What the second latency table is grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum By {
    /// Server address and port.
    Server,
    /// Session.
    Session,
    /// Client address, without port.
    Client,
}

impl By {
    /// Every grouping, in the order of the documentation.
    pub const ALL: [Self; 3] = [Self::Server, Self::Session, Self::Client];

    /// The name on the command line and in the reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Session => "session",
            Self::Client => "client",
        }
    }
}

impl FromStr for By {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        find_by_name("grouping", &Self::ALL, Self::name, name)
    }
}

/// The clients, servers or sessions whose calls a row of a latency table counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// All.
    Whole,
    /// One server.
    Server(ServerRef),
    /// One session, by its number.
    Session(u32),
    /// One client address.
    Client(IpAddr),
}

/// The calls that a row of a latency table counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallGroup {
    /// One method and, if the method has names, one tool, prompt or resource.
    Call {
        /// The side that sends the request.
        origin: Side,
        /// The method.
        method: Arc<str>,
        /// The tool, the prompt or the resource URI.
        name: Option<Arc<str>>,
    },
    /// All of the group.
    All,
    /// Everything beyond the rows that the table may have.
    Other,
}

/// What a row of a latency table counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LatencyKey {
    /// The clients, servers or sessions.
    pub group: Group,
    /// The calls.
    pub subject: CallGroup,
}

/// A row of a latency table. Durations are in nanoseconds; `None` if no exchange of the row was
/// answered.
///
/// Only exchanges with a result or an error have a latency: a cancelled one counts in `statuses`
/// alone, even if a late answer came. Percentiles are by nearest rank. They are exact for rows with
/// few values (`series::EXACT`), then within 0.1 % in the first `FINE_ROWS` such rows and within
/// 1 % in the others; `min_ns` and `max_ns` are always exact. The medians of send, wait and receive
/// are within 1 % and 10 %, and do not add up to `p50_ns`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatencyRow {
    /// What it counts.
    pub key: LatencyKey,
    /// Exchanges by status, in the order of [`Status::ALL`].
    pub statuses: [u64; Status::ALL.len()],
    /// The shortest total.
    pub min_ns: Option<i64>,
    /// Half of the totals are no longer than this.
    pub p50_ns: Option<i64>,
    /// 90 % of the totals are no longer than this.
    pub p90_ns: Option<i64>,
    /// 95 % of the totals are no longer than this.
    pub p95_ns: Option<i64>,
    /// 99 % of the totals are no longer than this.
    pub p99_ns: Option<i64>,
    /// The longest total.
    pub max_ns: Option<i64>,
    /// Median of send.
    pub send_p50_ns: Option<i64>,
    /// Median of wait; may be negative.
    pub wait_p50_ns: Option<i64>,
    /// Median of receive.
    pub receive_p50_ns: Option<i64>,
}

impl LatencyRow {
    /// The number of exchanges.
    #[must_use]
    pub fn exchanges(&self) -> u64 {
        self.statuses.iter().sum()
    }

    /// The number of exchanges with this status.
    #[must_use]
    pub fn count(&self, status: Status) -> u64 {
        count(&self.statuses, status)
    }

    /// The number of exchanges that ended in an error: of the tool, of JSON-RPC, of HTTP.
    #[must_use]
    pub fn errors(&self) -> u64 {
        errors(&self.statuses)
    }

    /// The number of exchanges that were cancelled or never answered.
    #[must_use]
    pub fn unanswered(&self) -> u64 {
        self.count(Status::Cancelled) + self.count(Status::Unanswered)
    }
}

/// Returns the count of `status` from counts in the order of [`Status::ALL`].
pub(super) fn count(statuses: &[u64; Status::ALL.len()], status: Status) -> u64 {
    Status::ALL.iter().zip(statuses).find(|(of, _)| **of == status).map_or(0, |(_, count)| *count)
}

/// Returns the number of errors from counts in the order of [`Status::ALL`].
pub(super) fn errors(statuses: &[u64; Status::ALL.len()]) -> u64 {
    [Status::ToolError, Status::Error, Status::HttpError].iter().map(|status| count(statuses, *status)).sum()
}

/// Adds one to the count of `status`.
pub(super) fn increment(statuses: &mut [u64; Status::ALL.len()], status: Status) {
    for (of, count) in Status::ALL.iter().zip(statuses) {
        if *of == status {
            *count += 1;
        }
    }
}

/// A latency table that is filled by exchange.
#[derive(Clone, Debug)]
pub(super) struct LatencyTable {
    /// Index of the row of each key. Never iterated: its order is random.
    index: HashMap<LatencyKey, usize, RandomState>,
    rows: Vec<RowStatistics>,
    /// The row for everything beyond `most` rows, if anything is.
    other: Option<Box<RowStatistics>>,
    most: usize,
    fine_left: usize,
}

#[derive(Clone, Debug)]
struct RowStatistics {
    key: LatencyKey,
    statuses: [u64; Status::ALL.len()],
    total: Series,
    send: Series,
    wait: Series,
    receive: Series,
    fine: bool,
}

impl LatencyTable {
    /// Creates a table of at most `most` rows and one for the rest.
    pub(super) fn new(most: usize) -> Self {
        Self {
            index: HashMap::with_hasher(RandomState::default()),
            rows: Vec::new(),
            other: None,
            most,
            fine_left: FINE_ROWS,
        }
    }

    /// Counts an exchange under `key`.
    pub(super) fn record(&mut self, key: LatencyKey, exchange: &Exchange) {
        let at = match self.index.get(&key) {
            Some(at) => Some(*at),
            None if self.rows.len() < self.most => {
                self.rows.push(RowStatistics::new(key.clone()));
                self.index.insert(key, self.rows.len() - 1);
                Some(self.rows.len() - 1)
            }
            None => None,
        };
        let row = match at.and_then(|at| self.rows.get_mut(at)) {
            Some(row) => row,
            None => self.other.get_or_insert_with(|| {
                Box::new(RowStatistics::new(LatencyKey { group: Group::Whole, subject: CallGroup::Other }))
            }),
        };
        if row.total.is_about_to_spill() && self.fine_left > 0 {
            self.fine_left -= 1;
            row.fine = true;
        }
        row.record(exchange);
    }

    /// The rows, the highest p95 first, then by key; the row of the rest is last.
    pub(super) fn rows(&self) -> Vec<LatencyRow> {
        let mut rows: Vec<_> = self.rows.iter().map(RowStatistics::finish).collect();
        rows.sort_by(|a, b| b.p95_ns.cmp(&a.p95_ns).then_with(|| a.key.cmp(&b.key)));
        rows.extend(self.other.iter().map(|row| row.finish()));
        rows
    }

    /// The number of rows, not counting the one for the rest.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }
}

impl RowStatistics {
    fn new(key: LatencyKey) -> Self {
        Self {
            key,
            statuses: [0; Status::ALL.len()],
            total: Series::default(),
            send: Series::default(),
            wait: Series::default(),
            receive: Series::default(),
            fine: false,
        }
    }

    fn record(&mut self, exchange: &Exchange) {
        increment(&mut self.statuses, exchange.status);
        let Some(total) = exchange.latency_ns() else { return };
        let (digits, part_digits) = if self.fine { (3, 2) } else { (2, 1) };
        self.total.record(total, digits);
        self.send.record(exchange.send_ns(), part_digits);
        if let Some(wait) = exchange.wait_ns() {
            self.wait.record(wait, part_digits);
        }
        if let Some(receive) = exchange.receive_ns() {
            self.receive.record(receive, part_digits);
        }
    }

    fn finish(&self) -> LatencyRow {
        LatencyRow {
            key: self.key.clone(),
            statuses: self.statuses,
            min_ns: self.total.min(),
            p50_ns: self.total.quantile(500),
            p90_ns: self.total.quantile(900),
            p95_ns: self.total.quantile(950),
            p99_ns: self.total.quantile(990),
            max_ns: self.total.max(),
            send_p50_ns: self.send.quantile(500),
            wait_p50_ns: self.wait.quantile(500),
            receive_p50_ns: self.receive.quantile(500),
        }
    }
}
