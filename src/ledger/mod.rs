//! Records, facts and findings in; what readers look at out.
//!
//! Keeps totals, histograms, the few rows that a report lists, and nothing that grows with the length of the capture.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::base::{Fact, Finding, Side, limits};

mod latency;
mod notable;
mod series;
mod snapshot;
mod tone;
mod traffic;

pub mod query;
pub mod store;

pub use crate::base::fact::{CaptureFact, ConnectionFact, DirectionFact, Speaks};
pub use crate::mcp::{
    Cause, Exchange, Id, Implementation, MessageSpan, Notification, Offer, Record, RpcError, Session,
    SessionEnd, SessionRef, Status, Stream, Transport,
};
pub use latency::{By, Group, LatencyKey, LatencyRow, Subject};
pub use notable::{CauseCount, FindingRow, SessionRow, Unanswered};
pub use snapshot::{ExchangeCount, Snapshot};
pub use tone::Tone;
pub use traffic::{ConnectionCount, OfferRow, Offered, Streams};

use latency::Table;
use notable::{Missing, Noticed, Sessions, Top};
use traffic::{Connections, Offers};

/// Rows of the table per server that nobody asked for: it is there to show that one of a few servers is slow.
const SERVERS: usize = 1000;

/// One thing that the analysis has to tell, in the order in which it is complete.
#[derive(Clone, Debug)]
pub enum Entry {
    /// What happened in MCP.
    Record(Record),
    /// Something odd, wrong or slow.
    Finding(Finding),
    /// What is not MCP and yet shown.
    Fact(Fact),
}

/// The totals of everything that was told so far.
///
/// Memory: every list has a cap. A row of a latency table costs up to 2 KB until it has more than 64 answered
/// exchanges; then 50 to 80 KB (the first 128 such rows) or about 8 KB. A capture with a hundred methods and tools on
/// a few servers stays below 10 MB.
#[derive(Debug)]
pub struct Ledger {
    capture: CaptureFact,
    connections: Connections,
    exchanges: ExchangeCount,
    notifications: u64,
    by: Option<By>,
    latency: Table,
    grouped: Table,
    sessions: Sessions,
    slowest: Top<(Reverse<i64>, u64)>,
    missing: Missing,
    streams: Streams,
    offers: Offers,
    noticed: Noticed,
}

impl Ledger {
    /// An empty ledger whose second latency table is cut by `by`.
    #[must_use]
    pub fn new(by: Option<By>) -> Self {
        let grouped_rows = if by.is_none() { SERVERS } else { limits::MAX_TABLE_ROWS };
        Self {
            capture: CaptureFact::default(),
            connections: Connections::default(),
            exchanges: ExchangeCount::default(),
            notifications: 0,
            by,
            latency: Table::new(limits::MAX_TABLE_ROWS),
            grouped: Table::new(grouped_rows),
            sessions: Sessions::new(),
            slowest: Top::new(limits::SLOWEST),
            missing: Missing::new(),
            streams: Streams::default(),
            offers: Offers::default(),
            noticed: Noticed::default(),
        }
    }

    /// Takes what was told next.
    pub fn push(&mut self, entry: &Entry) {
        match entry {
            // It is counted when it is known what became of it.
            Entry::Record(Record::Request(_)) => {}
            Entry::Record(Record::Exchange(exchange)) => self.exchange(exchange),
            Entry::Record(Record::Notification(_)) => self.notifications += 1,
            Entry::Record(Record::Stream(stream)) => self.streams.record(stream),
            Entry::Record(Record::Session(session)) => self.sessions.record(session),
            Entry::Record(Record::Offer(offer)) => self.offers.record(offer),
            Entry::Finding(finding) => self.noticed.record(finding),
            // What was said is kept by the store alone.
            Entry::Fact(Fact::Payload(_)) => {}
            Entry::Fact(Fact::Connection(connection)) => self.connections.record(connection),
            Entry::Fact(Fact::Capture(capture)) => self.capture = *capture,
        }
    }

    /// What is known so far. Sorts and counts out percentiles: some milliseconds for thousands of rows.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let one_server = self.by.is_none() && self.grouped.len() < 2;
        Snapshot {
            capture: self.capture,
            connections: self.connections.counts(),
            handshake_p50_ns: self.connections.handshake_p50_ns(),
            exchanges: self.exchanges,
            notifications: self.notifications,
            latency: self.latency.rows(),
            by: self.by,
            grouped: if one_server { Vec::new() } else { self.grouped.rows() },
            sessions_count: self.sessions.count(),
            sessions: self.sessions.rows(),
            slowest: self.slowest.exchanges(),
            unanswered: self.missing.finish(),
            streams: self.streams.clone(),
            offers: self.offers.rows(),
            findings: self.noticed.rows(),
        }
    }

    fn exchange(&mut self, exchange: &Exchange) {
        latency::bump(&mut self.exchanges.statuses, exchange.status);
        self.exchanges.degraded += u64::from(exchange.degraded.any());
        self.exchanges.from_server += u64::from(exchange.origin == Side::Server);
        let subject = Subject::Call {
            origin: exchange.origin,
            method: Arc::clone(&exchange.method),
            name: exchange.name.clone(),
        };
        let group = match self.by {
            None | Some(By::Server) => Group::Server(exchange.session.server),
            Some(By::Session) => Group::Session(exchange.session.number),
            Some(By::Client) => Group::Client(exchange.session.client.ip()),
        };
        let grouped =
            LatencyKey { group, subject: if self.by.is_none() { Subject::All } else { subject.clone() } };
        self.grouped.record(grouped, exchange);
        let whole = LatencyKey { group: Group::Whole, subject };
        self.latency.record(whole, exchange);
        if let Some(total) = latency::measured(exchange) {
            self.slowest.offer((Reverse(total), exchange.n), exchange);
        }
        self.missing.record(exchange);
        self.sessions.exchange(exchange);
        self.offers.used(exchange);
    }
}

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
