//! Exchanges in; a table of their latencies out, a row per method and tool.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::series::Series;
use super::{Exchange, Status};
use crate::base::{Side, UnknownName, find_by_name};

/// Rows whose totals are counted with three significant digits, once they have too many values to keep them one by
/// one. A histogram of three digits takes some 50 KB: 128 of them 7 MB. Rows beyond get two digits, 5 KB.
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

/// Whose calls a row of a latency table counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// Everybody's.
    Whole,
    /// Those of one server.
    Server(SocketAddr),
    /// Those of one session, by its number.
    Session(u32),
    /// Those of one client address.
    Client(IpAddr),
}

/// Which calls a row of a latency table counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// Those of one method and, where the method has them, of one tool, prompt or resource.
    Call {
        /// Who asks.
        origin: Side,
        /// The method.
        method: Arc<str>,
        /// The tool, the prompt or the resource URI.
        name: Option<Arc<str>>,
    },
    /// All of the group.
    All,
    /// Those of the rows for which the table has no room.
    Other,
}

/// What a row of a latency table counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LatencyKey {
    /// Whose calls.
    pub group: Group,
    /// Which calls.
    pub subject: Subject,
}

/// A row of a latency table. Durations are in nanoseconds, `None` where no exchange of the row was answered.
///
/// Only exchanges with a result or an error have a latency: one that was cancelled counts in `statuses` alone, even
/// where a late answer came. Percentiles are by nearest rank: exact for up to 64 values, then within 0.1 % (1 % in
/// rows beyond the first 128 that grow that long); `min_ns` and `max_ns` are always exact. The medians of the three
/// parts are within 1 % (10 %). They are medians each for itself and do not add up to `p50_ns`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatencyRow {
    /// What it counts.
    pub key: LatencyKey,
    /// Exchanges by status, in the order of [`Status::ALL`].
    pub statuses: [u64; 6],
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
    /// The median of send.
    pub send_p50_ns: Option<i64>,
    /// The median of wait; may be negative.
    pub wait_p50_ns: Option<i64>,
    /// The median of receive.
    pub receive_p50_ns: Option<i64>,
}

impl LatencyRow {
    /// How many exchanges it counts.
    #[must_use]
    pub fn exchanges(&self) -> u64 {
        self.statuses.iter().sum()
    }

    /// How many of them have this status.
    #[must_use]
    pub fn count(&self, status: Status) -> u64 {
        count(&self.statuses, status)
    }

    /// How many ended in an error: of the tool, of JSON-RPC, of HTTP.
    #[must_use]
    pub fn errors(&self) -> u64 {
        errors(&self.statuses)
    }

    /// How many were cancelled or never answered.
    #[must_use]
    pub fn unanswered(&self) -> u64 {
        self.count(Status::Cancelled) + self.count(Status::Unanswered)
    }
}

/// The count of `status` among counts in the order of [`Status::ALL`].
pub(super) fn count(statuses: &[u64; 6], status: Status) -> u64 {
    Status::ALL.iter().zip(statuses).find(|(of, _)| **of == status).map_or(0, |(_, count)| *count)
}

/// The errors among counts in the order of [`Status::ALL`].
pub(super) fn errors(statuses: &[u64; 6]) -> u64 {
    [Status::ToolError, Status::Error, Status::HttpError].iter().map(|status| count(statuses, *status)).sum()
}

/// Adds one to the count of `status`.
pub(super) fn bump(statuses: &mut [u64; 6], status: Status) {
    for (of, count) in Status::ALL.iter().zip(statuses) {
        if *of == status {
            *count += 1;
        }
    }
}

/// The total of an exchange that counts for latency: one that was answered.
pub(super) fn measured(exchange: &Exchange) -> Option<i64> {
    exchange.total_ns().filter(|_| exchange.status.is_answered())
}

/// A latency table that is being filled.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// Where each key's row is. Only looked up, never walked: its order is random.
    index: HashMap<LatencyKey, usize, RandomState>,
    rows: Vec<Row>,
    /// What found no room, made with the first such exchange.
    other: Option<Box<Row>>,
    most: usize,
    fine_left: usize,
}

#[derive(Clone, Debug)]
struct Row {
    key: LatencyKey,
    statuses: [u64; 6],
    total: Series,
    send: Series,
    wait: Series,
    receive: Series,
    fine: bool,
}

impl Table {
    /// A table of at most `most` rows and one for the rest.
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
                self.rows.push(Row::new(key.clone()));
                self.index.insert(key, self.rows.len() - 1);
                Some(self.rows.len() - 1)
            }
            None => None,
        };
        let row = match at.and_then(|at| self.rows.get_mut(at)) {
            Some(row) => row,
            None => self.other.get_or_insert_with(|| {
                Box::new(Row::new(LatencyKey { group: Group::Whole, subject: Subject::Other }))
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
        let mut rows: Vec<_> = self.rows.iter().map(Row::finish).collect();
        rows.sort_by(|a, b| b.p95_ns.cmp(&a.p95_ns).then_with(|| a.key.cmp(&b.key)));
        rows.extend(self.other.iter().map(|row| row.finish()));
        rows
    }

    /// How many rows there are, that of the rest not counted.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }
}

impl Row {
    fn new(key: LatencyKey) -> Self {
        Self {
            key,
            statuses: [0; 6],
            total: Series::default(),
            send: Series::default(),
            wait: Series::default(),
            receive: Series::default(),
            fine: false,
        }
    }

    fn record(&mut self, exchange: &Exchange) {
        bump(&mut self.statuses, exchange.status);
        let Some(total) = measured(exchange) else { return };
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
