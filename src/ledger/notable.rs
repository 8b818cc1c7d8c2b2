//! Totals of unanswered exchanges, sessions and findings, and the few of each that a report lists.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::base::{Code, Degraded, Finding, Status, limits};
use crate::mcp::{Cause, Exchange, ServerRef, Session, SessionEnd};

/// The exchanges with the lowest keys.
#[derive(Clone, Debug)]
pub(super) struct Top<K> {
    most: usize,
    /// Ascending by key, at most `most`.
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

/// The exchanges that took longest: first those that waited as long without an answer.
#[derive(Clone, Debug)]
pub(super) struct Slowest {
    waiting: Top<(Reverse<i64>, u64)>,
    answered: Top<(Reverse<i64>, u64)>,
}

impl Slowest {
    pub(super) fn new() -> Self {
        // Half of the list at most, so that the answered ones are seen, too.
        Self { waiting: Top::new(limits::SLOWEST / 2), answered: Top::new(limits::SLOWEST) }
    }

    pub(super) fn record(&mut self, exchange: &Exchange) {
        if let Some(waited) = exchange.unanswered_ns() {
            self.waiting.offer((Reverse(waited), exchange.n), exchange);
        } else if let Some(total) = exchange.latency_ns() {
            self.answered.offer((Reverse(total), exchange.n), exchange);
        }
    }

    /// Returns the exchanges. One that was cancelled sooner than the answered ones took is not
    /// among them.
    pub(super) fn exchanges(&self) -> Vec<Exchange> {
        let answered = self.answered.exchanges();
        let least = answered.last().and_then(Exchange::latency_ns).unwrap_or(0);
        let mut exchanges = self.waiting.exchanges();
        exchanges.retain(|exchange| exchange.unanswered_ns().is_some_and(|waited| waited >= least));
        exchanges.extend(answered);
        exchanges.truncate(limits::SLOWEST);
        exchanges
    }
}

/// Exchanges without an answer, counted by reason.
#[derive(Clone, Debug, Default)]
pub struct Unanswered {
    /// Number of exchanges without an answer: cancelled, refused by HTTP, or never answered.
    pub exchanges: u64,
    /// Numbers by reason, in the order of the statuses and causes.
    pub causes: Vec<CauseCount>,
    /// Some of them: first those that were never answered, then those refused by HTTP, the
    /// cancelled ones, and those that were open when the capture ended, each by ascending `n`.
    pub listed: Vec<Exchange>,
}

/// Exchanges whose answer may be in what the capture lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Undetermined {
    /// Number of exchanges.
    pub exchanges: u64,
    /// Numbers by what the capture lacks, the largest first.
    pub reasons: Vec<(Degraded, u64)>,
}

/// Collects [`Undetermined`].
#[derive(Clone, Debug, Default)]
pub(super) struct UndeterminedTotals {
    /// By [`Degraded::bits`].
    reasons: BTreeMap<u8, u64>,
}

impl UndeterminedTotals {
    pub(super) fn record(&mut self, exchange: &Exchange) {
        if exchange.status == Status::Undetermined {
            *self.reasons.entry(exchange.degraded.bits()).or_default() += 1;
        }
    }

    pub(super) fn finish(&self) -> Undetermined {
        let reasons = self.reasons.iter().map(|(bits, count)| (Degraded::from_bits(*bits), *count));
        let mut reasons: Vec<_> = reasons.collect();
        reasons.sort_by_key(|(_, count)| Reverse(*count));
        Undetermined { exchanges: self.reasons.values().sum(), reasons }
    }
}

/// Calls that are told apart for each reason. The others count in the reason alone.
const MAX_CALLS: usize = 64;

/// Calls that are listed for each reason: the most frequent.
const CALLS_LISTED: usize = 8;

/// Calls of one method and tool at one server that have no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnansweredCall {
    /// The method.
    pub method: Arc<str>,
    /// The tool, the prompt or the resource URI; `None` for methods without one.
    pub name: Option<Arc<str>>,
    /// The server.
    pub server: ServerRef,
    /// The name that the server gives itself; `None` if it was not seen.
    pub server_name: Option<Arc<str>>,
    /// Number of exchanges.
    pub exchanges: u64,
}

/// The number of exchanges that have no answer for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CauseCount {
    /// Their status.
    pub status: Status,
    /// What ended the wait; `None` if it is not known.
    pub cause: Option<Cause>,
    /// The HTTP status, if that is the cause.
    pub http_status: Option<u16>,
    /// Number of exchanges.
    pub exchanges: u64,
    /// The most frequent of the calls, the most frequent first.
    pub calls: Vec<UnansweredCall>,
}

/// Collects [`Unanswered`].
#[derive(Clone, Debug)]
pub(super) struct UnansweredTotals {
    exchanges: u64,
    /// Bounded by the number of causes and HTTP statuses.
    causes: BTreeMap<(u8, Status, Option<Cause>, Option<u16>), CauseTotals>,
    listed: Top<(u8, u64)>,
}

/// The exchanges that have no answer for one reason.
#[derive(Clone, Debug, Default)]
struct CauseTotals {
    exchanges: u64,
    /// At most [`MAX_CALLS`], with the server's latest name.
    calls: BTreeMap<CallKey, (Option<Arc<str>>, u64)>,
}

/// Method, tool and server.
type CallKey = (Arc<str>, Option<Arc<str>>, ServerRef);

impl CauseTotals {
    fn record(&mut self, exchange: &Exchange) {
        self.exchanges += 1;
        let key = (Arc::clone(&exchange.method), exchange.name.clone(), exchange.session.identity());
        if self.calls.len() < MAX_CALLS || self.calls.contains_key(&key) {
            let (server_name, exchanges) = self.calls.entry(key).or_default();
            if exchange.session.server_name.is_some() {
                server_name.clone_from(&exchange.session.server_name);
            }
            *exchanges += 1;
        }
    }

    /// The most frequent calls; of equally frequent ones those that come first by name.
    fn calls(&self) -> Vec<UnansweredCall> {
        let call = |((method, name, server), (server_name, exchanges)): (&CallKey, &(_, u64))| {
            let (method, name) = (Arc::clone(method), name.clone());
            let server_name = Option::clone(server_name);
            UnansweredCall { method, name, server: server.clone(), server_name, exchanges: *exchanges }
        };
        let mut calls: Vec<_> = self.calls.iter().map(call).collect();
        calls.sort_by_key(|call| Reverse(call.exchanges));
        calls.truncate(CALLS_LISTED);
        calls
    }
}

impl UnansweredTotals {
    pub(super) fn new() -> Self {
        Self { exchanges: 0, causes: BTreeMap::new(), listed: Top::new(limits::UNANSWERED_LISTED) }
    }

    pub(super) fn record(&mut self, exchange: &Exchange) {
        if exchange.is_ended_subscription() {
            return;
        }
        let rank = match exchange.status {
            Status::Ok | Status::ToolError | Status::Error | Status::Undetermined => return,
            // Nobody is to blame for these.
            Status::Unanswered if exchange.cause == Some(Cause::CaptureEnd) => 3,
            Status::Unanswered => 0,
            Status::HttpError => 1,
            Status::Cancelled => 2,
        };
        self.exchanges += 1;
        let http_status = exchange.http_status.filter(|_| exchange.cause == Some(Cause::HttpError));
        let key = (rank, exchange.status, exchange.cause, http_status);
        self.causes.entry(key).or_default().record(exchange);
        self.listed.offer((rank, exchange.n), exchange);
    }

    pub(super) fn finish(&self) -> Unanswered {
        let causes = self.causes.iter().map(|(key, totals)| CauseCount {
            status: key.1,
            cause: key.2,
            http_status: key.3,
            exchanges: totals.exchanges,
            calls: totals.calls(),
        });
        Unanswered { exchanges: self.exchanges, causes: causes.collect(), listed: self.listed.exchanges() }
    }
}

/// A session with the totals of its exchanges.
#[derive(Clone, Debug)]
pub struct SessionRow {
    /// The session.
    pub session: Session,
    /// Its exchanges that were recorded: with a filter those that match.
    pub exchanges: u64,
    /// Exchanges that ended in an error, of the tool, of JSON-RPC or of HTTP.
    pub errors: u64,
    /// Exchanges that were cancelled or never answered.
    pub unanswered: u64,
    /// The longest total of an answered exchange, or the longest wait without an answer, in
    /// nanoseconds; `None` if there is neither.
    pub max_ns: Option<i64>,
}

/// Collects sessions, and totals of their exchanges.
#[derive(Clone, Debug)]
pub(super) struct SessionTotals {
    /// Sessions, each once.
    count: u64,
    /// Legs behind proxies.
    other_views: u64,
    is_only_counted: bool,
    rows: Vec<Session>,
    /// Length of the texts of `rows`, in bytes.
    text_len: usize,
    /// How many of the first rows may be of sessions that ended.
    replaceable: usize,
    /// By session number. Never iterated: its order is random.
    exchanges: HashMap<u32, ExchangeTotals, RandomState>,
}

#[derive(Clone, Copy, Debug, Default)]
struct ExchangeTotals {
    exchanges: u64,
    errors: u64,
    unanswered: u64,
    max_ns: Option<i64>,
}

/// How much longer than those of the session in its place the texts of a session may be, in bytes.
const LONGER: usize = 64;

/// Puts a session that did not end in the place of one that did: they come last, since sessions
/// that are over may be emitted before the end of the capture, and are asked for more.
/// `replaceable` is the number of first rows that were not tried so far. Texts get hardly longer.
pub(crate) fn replace_ended(rows: &mut [Session], replaceable: &mut usize, session: &Session) {
    *replaceable = rows.len().min(*replaceable);
    while let Some(at) = replaceable.checked_sub(1) {
        *replaceable = at;
        if let Some(row) = rows.get_mut(at)
            && row.ended != SessionEnd::Open
            && row.text_len() + LONGER >= session.text_len()
        {
            *row = session.clone();
            return;
        }
    }
}

impl SessionTotals {
    pub(super) fn new() -> Self {
        Self {
            count: 0,
            other_views: 0,
            is_only_counted: false,
            rows: Vec::new(),
            text_len: 0,
            replaceable: usize::MAX,
            exchanges: HashMap::with_hasher(RandomState::default()),
        }
    }

    pub(super) fn record(&mut self, session: &Session) {
        self.count += u64::from(session.session.behind.is_none());
        self.other_views += u64::from(session.session.behind.is_some());
        let text_len = self.text_len + session.text_len();
        if self.is_only_counted {
            return;
        }
        if self.rows.len() < limits::MAX_TABLE_ROWS && text_len <= limits::MAX_TABLE_TEXT {
            self.text_len = text_len;
            self.rows.push(session.clone());
        } else if session.ended == SessionEnd::Open {
            replace_ended(&mut self.rows, &mut self.replaceable, session);
        }
    }

    pub(super) fn record_exchange(&mut self, exchange: &Exchange) {
        let number = exchange.session.number;
        let has_room = self.exchanges.len() < limits::MAX_SESSIONS || self.exchanges.contains_key(&number);
        if self.is_only_counted || !has_room {
            return;
        }
        let totals = self.exchanges.entry(number).or_default();
        totals.exchanges += 1;
        match exchange.status {
            Status::Ok | Status::Undetermined => {}
            Status::ToolError | Status::Error | Status::HttpError => totals.errors += 1,
            Status::Cancelled | Status::Unanswered => totals.unanswered += 1,
        }
        totals.max_ns = totals.max_ns.max(exchange.unanswered_ns().or_else(|| exchange.latency_ns()));
    }

    /// Keeps no rows from now on.
    pub(super) fn only_count(&mut self) {
        self.is_only_counted = true;
    }

    /// The number of sessions.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The number of legs behind proxies.
    pub(super) fn other_views(&self) -> u64 {
        self.other_views
    }

    /// Returns the sessions that were kept, in the order of their first packets.
    pub(super) fn rows(&self) -> Vec<SessionRow> {
        let mut rows: Vec<_> = self.rows.iter().map(|session| self.row(session)).collect();
        rows.sort_by_key(|row| (row.session.first.packet, row.session.session.number));
        rows
    }

    fn row(&self, session: &Session) -> SessionRow {
        let totals = self.exchanges.get(&session.session.number).copied();
        // Beyond the cap nothing is known of a session's own exchanges but their number.
        let is_left_out = totals.is_none() && self.exchanges.len() >= limits::MAX_SESSIONS;
        let totals = totals.unwrap_or_default();
        SessionRow {
            session: session.clone(),
            exchanges: if is_left_out { session.exchanges } else { totals.exchanges },
            errors: totals.errors,
            unanswered: totals.unanswered,
            max_ns: totals.max_ns,
        }
    }
}

/// The findings of one code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindingRow {
    /// The code.
    pub code: Code,
    /// Number of observations: a finding may stand for several.
    pub count: u64,
    /// The first of them, in the order in which they were emitted.
    pub first: Vec<Finding>,
}

/// Collects findings by code. All are counted, the first [`limits::MAX_FINDINGS_PER_CODE`] of each
/// code are kept.
#[derive(Clone, Debug, Default)]
pub(super) struct FindingTotals {
    by_code: BTreeMap<Code, FindingRow>,
}

impl FindingTotals {
    pub(super) fn record(&mut self, finding: &Finding) {
        let row = self.by_code.entry(finding.code).or_insert_with(|| FindingRow {
            code: finding.code,
            count: 0,
            first: Vec::new(),
        });
        row.count += finding.count;
        if row.first.len() < limits::MAX_FINDINGS_PER_CODE {
            row.first.push(finding.clone());
        }
    }

    /// Returns a row per code: the highest severity first, then the most frequent.
    pub(super) fn rows(&self) -> Vec<FindingRow> {
        let mut rows: Vec<_> = self.by_code.values().cloned().collect();
        rows.sort_by(|a, b| {
            let severity = b.code.severity().cmp(&a.code.severity());
            severity.then(b.count.cmp(&a.count)).then(a.code.cmp(&b.code))
        });
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::sample;

    /// Sessions that go on are recorded last, and are those that are asked for.
    #[test]
    fn sessions_that_did_not_end_are_kept_at_the_cap() {
        let mut totals = SessionTotals::new();
        let most = u32::try_from(limits::MAX_TABLE_ROWS).unwrap();
        for number in 1..=most + 5 {
            totals.record(&sample::session(number));
        }
        let open = |number| Session { ended: SessionEnd::Open, ..sample::session(number) };
        for number in most + 6..=most + 8 {
            totals.record(&open(number));
        }
        let rows = totals.rows();
        assert_eq!((rows.len(), totals.count()), (limits::MAX_TABLE_ROWS, u64::from(most) + 8));
        let is_open = |row: &&SessionRow| row.session.ended == SessionEnd::Open;
        let kept: Vec<u32> = rows.iter().filter(is_open).map(|row| row.session.session.number).collect();
        assert_eq!(kept, [most + 6, most + 7, most + 8]);
    }
}
