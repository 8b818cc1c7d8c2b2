//! Exchanges, sessions and findings in; the few of each that a report lists, and the counts of all, out.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::RandomState;

use super::latency::measured;
use super::{Cause, Exchange, Session, Status};
use crate::base::{Code, Finding, limits};

/// The first few by some order, however many come.
#[derive(Debug)]
pub(super) struct Top<K> {
    most: usize,
    /// Ascending by key.
    kept: Vec<(K, Exchange)>,
}

impl<K: Ord + Copy> Top<K> {
    pub(super) fn new(most: usize) -> Self {
        Self { most, kept: Vec::new() }
    }

    /// Keeps the exchange if its key is among the lowest.
    pub(super) fn offer(&mut self, key: K, exchange: &Exchange) {
        if self.kept.len() >= self.most && self.kept.last().is_none_or(|(last, _)| *last <= key) {
            return;
        }
        let at = self.kept.partition_point(|(kept, _)| *kept <= key);
        self.kept.insert(at, (key, exchange.clone()));
        self.kept.truncate(self.most);
    }

    pub(super) fn exchanges(&self) -> Vec<Exchange> {
        self.kept.iter().map(|(_, exchange)| exchange.clone()).collect()
    }
}

/// Why exchanges have no answer, and how many for each reason.
#[derive(Clone, Debug, Default)]
pub struct Unanswered {
    /// Exchanges without an answer: cancelled, refused by HTTP, or never answered.
    pub exchanges: u64,
    /// How many for each reason, in the order of the statuses and causes.
    pub causes: Vec<CauseCount>,
    /// Some of them: those that were never answered first, then those refused by HTTP, then the cancelled ones; among
    /// each the lowest `n`.
    pub listed: Vec<Exchange>,
}

/// How many exchanges have no answer for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CauseCount {
    /// What became of them.
    pub status: Status,
    /// Why.
    pub cause: Option<Cause>,
    /// The status of HTTP, where that is the cause.
    pub http_status: Option<u16>,
    /// How many there are.
    pub exchanges: u64,
}

/// Collects [`Unanswered`].
#[derive(Debug)]
pub(super) struct Missing {
    exchanges: u64,
    /// As many entries as there are causes and HTTP statuses: some hundreds at most.
    causes: BTreeMap<(u8, Status, Option<Cause>, Option<u16>), u64>,
    listed: Top<(u8, u64)>,
}

impl Missing {
    pub(super) fn new() -> Self {
        Self { exchanges: 0, causes: BTreeMap::new(), listed: Top::new(limits::UNANSWERED_LISTED) }
    }

    pub(super) fn record(&mut self, exchange: &Exchange) {
        let rank = match exchange.status {
            Status::Ok | Status::ToolError | Status::Error => return,
            Status::Unanswered => 0,
            Status::HttpError => 1,
            Status::Cancelled => 2,
        };
        self.exchanges += 1;
        let http_status = exchange.http_status.filter(|_| exchange.cause == Some(Cause::HttpError));
        let key = (rank, exchange.status, exchange.cause, http_status);
        *self.causes.entry(key).or_default() += 1;
        self.listed.offer((rank, exchange.n), exchange);
    }

    pub(super) fn finish(&self) -> Unanswered {
        let causes = self.causes.iter().map(|(key, exchanges)| CauseCount {
            status: key.1,
            cause: key.2,
            http_status: key.3,
            exchanges: *exchanges,
        });
        Unanswered { exchanges: self.exchanges, causes: causes.collect(), listed: self.listed.exchanges() }
    }
}

/// A session and how it fared.
#[derive(Clone, Debug)]
pub struct SessionRow {
    /// The session.
    pub session: Session,
    /// Exchanges that ended in an error, of the tool, of JSON-RPC or of HTTP.
    pub errors: u64,
    /// Exchanges that were cancelled or never answered.
    pub unanswered: u64,
    /// The longest total of an answered exchange, in nanoseconds; `None` where none was answered.
    pub max_ns: Option<i64>,
}

/// Collects sessions and how their exchanges fared.
#[derive(Debug)]
pub(super) struct Sessions {
    count: u64,
    rows: Vec<Session>,
    /// By session number. Only looked up, never walked.
    fared: HashMap<u32, Fared, RandomState>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Fared {
    errors: u64,
    unanswered: u64,
    max_ns: Option<i64>,
}

impl Sessions {
    pub(super) fn new() -> Self {
        Self { count: 0, rows: Vec::new(), fared: HashMap::with_hasher(RandomState::default()) }
    }

    pub(super) fn record(&mut self, session: &Session) {
        self.count += 1;
        if self.rows.len() < limits::MAX_TABLE_ROWS {
            self.rows.push(session.clone());
        }
    }

    pub(super) fn exchange(&mut self, exchange: &Exchange) {
        let number = exchange.session.number;
        if self.fared.len() >= limits::MAX_SESSIONS && !self.fared.contains_key(&number) {
            return;
        }
        let fared = self.fared.entry(number).or_default();
        match exchange.status {
            Status::Ok => {}
            Status::ToolError | Status::Error | Status::HttpError => fared.errors += 1,
            Status::Cancelled | Status::Unanswered => fared.unanswered += 1,
        }
        fared.max_ns = fared.max_ns.max(measured(exchange));
    }

    /// How many sessions were told.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The sessions that were kept, by their first packet.
    pub(super) fn rows(&self) -> Vec<SessionRow> {
        let mut rows: Vec<_> = self.rows.iter().map(|session| self.row(session)).collect();
        rows.sort_by_key(|row| (row.session.first.packet, row.session.session.number));
        rows
    }

    fn row(&self, session: &Session) -> SessionRow {
        let fared = self.fared.get(&session.session.number).copied().unwrap_or_default();
        SessionRow {
            session: session.clone(),
            errors: fared.errors,
            unanswered: fared.unanswered,
            max_ns: fared.max_ns,
        }
    }
}

/// The findings of one code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindingRow {
    /// The code.
    pub code: Code,
    /// How many there were.
    pub count: u64,
    /// The first of them, in the order in which they were told.
    pub first: Vec<Finding>,
}

/// Collects findings by code: all are counted, [`limits::MAX_FINDINGS_PER_CODE`] of each kept.
#[derive(Debug, Default)]
pub(super) struct Noticed {
    by_code: BTreeMap<Code, FindingRow>,
}

impl Noticed {
    pub(super) fn record(&mut self, finding: &Finding) {
        let row = self.by_code.entry(finding.code).or_insert_with(|| FindingRow {
            code: finding.code,
            count: 0,
            first: Vec::new(),
        });
        row.count += 1;
        if row.first.len() < limits::MAX_FINDINGS_PER_CODE {
            row.first.push(finding.clone());
        }
    }

    /// The worst first, then the most frequent, then in the order of the codes.
    pub(super) fn rows(&self) -> Vec<FindingRow> {
        let mut rows: Vec<_> = self.by_code.values().cloned().collect();
        rows.sort_by(|a, b| {
            let severity = b.code.severity().cmp(&a.code.severity());
            severity.then(b.count.cmp(&a.count)).then(a.code.cmp(&b.code))
        });
        rows
    }
}
