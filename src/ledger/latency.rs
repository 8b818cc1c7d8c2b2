//! Latency tables: a row per method and tool, or per group, method and tool.

use std::collections::HashMap;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::series::Series;
use super::survival::{self, Percentile};
use crate::base::{Room, Side, Status, UnknownName, find_by_name};
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
    /// File that the request begins in.
    File,
}

impl By {
    /// Every grouping, in the order of the documentation.
    pub const ALL: [Self; 4] = [Self::Server, Self::Session, Self::Client, Self::File];

    /// The name on the command line and in the reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Session => "session",
            Self::Client => "client",
            Self::File => "file",
        }
    }
}

impl FromStr for By {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        find_by_name("grouping", &Self::ALL, Self::name, name)
    }
}

/// The clients, servers, sessions or files whose calls a row of a latency table counts.
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
    /// One file, by its name; `None` for a device.
    File(Option<Arc<str>>),
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
    /// The clients, servers, sessions or files.
    pub group: Group,
    /// The calls.
    pub subject: CallGroup,
}

/// A row of a latency table. Durations are in nanoseconds; `None` if no exchange of the row has
/// one.
///
/// Exchanges with a result or an error have a latency. One that was cancelled or never answered,
/// even if a late answer came, counts with the time that it waited, as a lower limit: percentiles
/// are those of [`survival::percentile`], by nearest rank if all were answered. They are exact for
/// rows with few values (`series::EXACT`), then within 0.1 % in the first `FINE_ROWS` such rows and
/// within 1 % in the others; `min_ns` and `max_ns` are always exact. The medians of send, wait and
/// receive are those of answered exchanges, within 1 % and 10 %, and do not add up to `p50_ns`.
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
    /// The longest total, or the longest wait without an answer.
    pub max_ns: Option<i64>,
    /// The lowest of the percentiles 500, 900, 950, 990 and 1000 (the maximum), in thousandths,
    /// that is a lower limit; all higher ones are, too. `None` if all are known.
    pub at_least_from: Option<u64>,
    /// Exchanges that count with the time that they waited without an answer.
    pub waits: u64,
    /// Median of send.
    pub send_p50_ns: Option<i64>,
    /// Median of wait; may be negative.
    pub wait_p50_ns: Option<i64>,
    /// Median of receive.
    pub receive_p50_ns: Option<i64>,
    /// Answered exchanges with time of the client: those in which the server asked it something,
    /// and requests of the server.
    pub asked: u64,
    /// Median of the time that is the server's: of wait without the time of the client. `None` for
    /// requests of the server.
    pub server_p50_ns: Option<i64>,
    /// Median of the time of the client, of the exchanges that have one.
    pub client_p50_ns: Option<i64>,
}

/// The percentiles of a row, in thousandths; 1000 is the maximum.
const PERCENTILES: [u64; 5] = [500, 900, 950, 990, 1000];

impl LatencyRow {
    /// The number of exchanges.
    #[must_use]
    pub fn exchanges(&self) -> u64 {
        self.statuses.iter().sum()
    }

    /// Whether a percentile, in thousandths, is a lower limit. The maximum is 1000.
    #[must_use]
    pub fn is_at_least(&self, per_mille: u64) -> bool {
        self.at_least_from.is_some_and(|from| from <= per_mille)
    }

    /// The names of the percentiles that are lower limits: `p95`, `p99`, `max`.
    pub fn lower_limits(&self) -> impl Iterator<Item = &'static str> {
        let named = PERCENTILES.into_iter().zip(["p50", "p90", "p95", "p99", "max"]);
        named.filter(|(per_mille, _)| self.is_at_least(*per_mille)).map(|(_, name)| name)
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
    // `ALL` is in the order of declaration.
    if let Some(count) = statuses.get_mut(status as usize) {
        *count += 1;
    }
}

/// A latency table that is filled by exchange.
#[derive(Clone, Debug)]
pub(super) struct LatencyTable {
    /// Index of the row of each key. Never iterated: its order is random.
    index: HashMap<LatencyKey, usize, RandomState>,
    rows: Vec<RowStatistics>,
    /// Index of the row that was counted last: the next exchange is often one of the same server.
    latest: usize,
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
    /// How long exchanges without an answer waited.
    waited: Series,
    send: Series,
    wait: Series,
    receive: Series,
    /// `None` as long as it is the same as `wait`.
    server: Option<Box<Series>>,
    client: Series,
    fine: bool,
}

impl LatencyTable {
    /// Creates a table of at most `most` rows and one for the rest.
    pub(super) fn new(most: usize) -> Self {
        Self {
            index: HashMap::with_hasher(RandomState::default()),
            rows: Vec::new(),
            latest: 0,
            other: None,
            most,
            fine_left: FINE_ROWS,
        }
    }

    /// Counts an exchange under `key`.
    pub(super) fn record(&mut self, key: LatencyKey, exchange: &Exchange, room: &mut Room) {
        let latest = self.rows.get(self.latest).is_some_and(|row| row.key == key).then_some(self.latest);
        let at = match latest.or_else(|| self.index.get(&key).copied()) {
            Some(at) => Some(at),
            None if self.rows.len() < self.most && room.take(row_size(&key)) => {
                self.rows.push(RowStatistics::new(key.clone()));
                self.index.insert(key, self.rows.len() - 1);
                Some(self.rows.len() - 1)
            }
            None => None,
        };
        self.latest = at.unwrap_or(self.latest);
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
        row.record(exchange, room);
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

/// Memory of a row without its values, in bytes. The key is in the index, too; its texts are
/// shared.
fn row_size(key: &LatencyKey) -> usize {
    let texts = match &key.subject {
        CallGroup::Call { method, name, .. } => method.len() + name.as_ref().map_or(0, |name| name.len()),
        CallGroup::All | CallGroup::Other => 0,
    };
    size_of::<RowStatistics>() + 2 * size_of::<LatencyKey>() + texts
}

impl RowStatistics {
    fn new(key: LatencyKey) -> Self {
        Self {
            key,
            statuses: [0; Status::ALL.len()],
            total: Series::default(),
            waited: Series::default(),
            send: Series::default(),
            wait: Series::default(),
            receive: Series::default(),
            server: None,
            client: Series::default(),
            fine: false,
        }
    }

    fn record(&mut self, exchange: &Exchange, room: &mut Room) {
        increment(&mut self.statuses, exchange.status);
        let (digits, part_digits) = if self.fine { (3, 2) } else { (2, 1) };
        if let Some(waited) = exchange.unanswered_ns() {
            self.waited.record(waited, digits, room);
        }
        let Some(total) = exchange.latency_ns() else { return };
        self.total.record(total, digits, room);
        self.send.record(exchange.send_ns(), part_digits, room);
        let (wait, server) = (exchange.wait_ns(), exchange.server_ns());
        if wait != server && self.server.is_none() {
            self.server = Some(Box::new(self.wait.copy(room)));
        }
        if let Some(wait) = wait {
            self.wait.record(wait, part_digits, room);
        }
        if let Some(receive) = exchange.receive_ns() {
            self.receive.record(receive, part_digits, room);
        }
        if let (Some(series), Some(server)) = (&mut self.server, server) {
            series.record(server, part_digits, room);
        }
        match exchange.origin {
            Side::Client if exchange.asked.requests == 0 => {}
            Side::Client => self.client.record(exchange.asked.client_ns, part_digits, room),
            Side::Server => self.client.record(exchange.wait_ns().unwrap_or(0), part_digits, room),
        }
    }

    fn finish(&self) -> LatencyRow {
        let [p50, p90, p95, p99, max] = self.percentiles();
        LatencyRow {
            key: self.key.clone(),
            statuses: self.statuses,
            min_ns: self.total.min(),
            p50_ns: p50.map(|p50| p50.ns),
            p90_ns: p90.map(|p90| p90.ns),
            p95_ns: p95.map(|p95| p95.ns),
            p99_ns: p99.map(|p99| p99.ns),
            max_ns: max.map(|max| max.ns),
            at_least_from: PERCENTILES
                .into_iter()
                .zip([p50, p90, p95, p99, max])
                .find(|(_, found)| found.is_some_and(|found| found.is_at_least))
                .map(|(per_mille, _)| per_mille),
            waits: self.waited.count(),
            send_p50_ns: self.send.quantile(500),
            wait_p50_ns: self.wait.quantile(500),
            receive_p50_ns: self.receive.quantile(500),
            asked: self.client.count(),
            server_p50_ns: self.server.as_deref().unwrap_or(&self.wait).quantile(500),
            client_p50_ns: self.client.quantile(500),
        }
    }

    /// The [`PERCENTILES`].
    fn percentiles(&self) -> [Option<Percentile>; 5] {
        let waited = self.waited.max();
        let [p50, p90, p95, p99, _] = if waited.is_none() {
            let known = |ns| Percentile { ns, is_at_least: false };
            PERCENTILES.map(|per_mille| self.total.quantile(per_mille).map(known))
        } else {
            let (answered, waits) = (self.total.steps(), self.waited.steps());
            PERCENTILES.map(|per_mille| survival::percentile(&answered, &waits, per_mille))
        };
        // The steps of a histogram are not exact.
        let total = self.total.max();
        let max = total.max(waited).map(|ns| Percentile { ns, is_at_least: waited >= total });
        [p50, p90, p95, p99, max]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_counted_in_their_order() {
        for (at, status) in Status::ALL.into_iter().enumerate() {
            let mut statuses = [0; Status::ALL.len()];
            increment(&mut statuses, status);
            let place = statuses.iter().position(|count| *count == 1);
            assert_eq!((place, count(&statuses, status)), (Some(at), 1), "{status:?}");
        }
    }
}
