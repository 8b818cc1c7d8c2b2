//! Aggregates of what the analysis emits: totals, latency histograms, and the few records that a
//! report lists. Memory does not grow with the length of the capture, except in [`store`].

use std::collections::VecDeque;
use std::sync::Arc;

use crate::base::{Fact, Files, Room, Side, limits};

mod connection_packets;
mod entry;
mod histogram;
mod latency;
mod llm_totals;
pub(crate) mod llm_words;
mod notable;
mod series;
mod snapshot;
mod survival;
mod tls_totals;
mod tone;
mod traffic;
mod views;

pub mod definitions;
pub mod query;
pub mod store;

pub use crate::base::fact::{CaptureFact, ConnectionFact, DirectionFact, Speaks};
pub use crate::llm::{Bounded, CallError, CallStatus, Carried, Dialect, LlmCall, Pace, ToolCall, ToolResult};
pub(crate) use crate::mcp::is_stateless;
pub use crate::mcp::{
    Asked, Cause, Exchange, Id, Implementation, MessageSpan, Notification, Offer, Record, RpcError,
    ServerRef, Session, SessionEnd, SessionRef, Status, Stream, Transaction, Transport, Twins,
};
pub use connection_packets::{CarriedTransaction, ConnectionPackets, SentBytes, SentPiece};
pub use entry::Entry;
pub use latency::{By, CallGroup, Group, LatencyKey, LatencyRow};
pub use llm_totals::{LlmKey, LlmRow};
pub(crate) use notable::replace_ended;
pub use notable::{CauseCount, FindingRow, SessionRow, Unanswered, UnansweredCall, Undetermined};
pub use snapshot::{ExchangeCount, Snapshot};
pub use survival::{Percentile, curve, percentile};
pub use tls_totals::{TlsKind, TlsRow};
pub use tone::Tone;
pub use traffic::{ConnectionCount, OfferRow, Offered, StreamEnds, Streams};
pub use views::Views;

use latency::LatencyTable;
use llm_totals::LlmTotals;
use notable::{FindingTotals, SessionTotals, Slowest, UnansweredTotals, UndeterminedTotals};
use tls_totals::TlsTotals;
use traffic::{ConnectionTotals, OfferTotals};

/// Exchanges that wait until it is known whether the other leg of a proxy has them, too.
const MAX_PENDING: usize = 256;

/// Rows of the table per server if no grouping was asked for. It is there to show that one of a few
/// servers is slow.
const MAX_SERVERS: usize = 1000;

/// The totals of all entries so far.
///
/// Every list has a cap. Most of the memory is in the histograms of the latency tables: a row keeps
/// single values until it has more than `series::EXACT` of them, then a histogram, with three
/// digits in the first `latency::FINE_ROWS` such rows and two in the others. Beyond
/// [`limits::MAX_LATENCY_MEMORY`] rows keep samples, and new ones are summed up in one.
#[derive(Clone, Debug)]
pub struct Ledger {
    capture: CaptureFact,
    connections: ConnectionTotals,
    tls: TlsTotals,
    exchanges: ExchangeCount,
    notifications: u64,
    views: Views,
    /// Exchanges that may turn out to be seen in front, too, oldest first.
    pending: VecDeque<Exchange>,
    /// Exchanges that are not counted: the same call is counted in front.
    other_views: u64,
    by: Option<By>,
    files: Files,
    latency: LatencyTable,
    grouped: LatencyTable,
    /// Memory that is left for the latency tables.
    room: Room,
    sessions: SessionTotals,
    slowest: Slowest,
    unanswered: UnansweredTotals,
    undetermined: UndeterminedTotals,
    streams: Streams,
    llm: LlmTotals,
    offers: OfferTotals,
    findings: FindingTotals,
}

impl Ledger {
    /// Creates an empty ledger whose second latency table is grouped by `by`.
    #[must_use]
    pub fn new(by: Option<By>) -> Self {
        let grouped_rows = if by.is_none() { MAX_SERVERS } else { limits::MAX_TABLE_ROWS };
        Self {
            capture: CaptureFact::default(),
            connections: ConnectionTotals::default(),
            tls: TlsTotals::default(),
            exchanges: ExchangeCount::default(),
            notifications: 0,
            views: Views::Front,
            pending: VecDeque::new(),
            other_views: 0,
            by,
            files: Files::default(),
            latency: LatencyTable::new(limits::MAX_TABLE_ROWS),
            grouped: LatencyTable::new(grouped_rows),
            room: Room::new(limits::MAX_LATENCY_MEMORY),
            sessions: SessionTotals::new(),
            slowest: Slowest::new(),
            unanswered: UnansweredTotals::new(),
            undetermined: UndeterminedTotals::default(),
            streams: Streams::default(),
            llm: LlmTotals::default(),
            offers: OfferTotals::default(),
            findings: FindingTotals::default(),
        }
    }

    /// Sets which views of a call count, where both legs of a proxy were captured.
    #[must_use]
    pub fn with_views(mut self, views: Views) -> Self {
        self.views = views;
        self
    }

    /// Takes half the memory for latency tables and only counts sessions: for a program that keeps
    /// lists of its own.
    #[must_use]
    pub fn beside_lists(mut self) -> Self {
        self.room = Room::new(limits::MAX_LATENCY_MEMORY / 2);
        self.sessions.only_count();
        self
    }

    /// Sets the files of the capture, for [`By::File`].
    #[must_use]
    pub fn with_files(mut self, files: Files) -> Self {
        self.files = files;
        self
    }

    /// Adds an entry to the totals.
    pub fn push(&mut self, entry: &Entry) {
        match entry {
            // Counted when the exchange is over.
            Entry::Record(Record::Request(_) | Record::Interrupted(_)) => {}
            Entry::Record(Record::Exchange(exchange)) => self.exchange(exchange),
            Entry::Record(Record::Session(session)) => self.sessions.record(session),
            Entry::Record(record) if !self.views.include(record) => {}
            Entry::Record(Record::Notification(_)) => self.notifications += 1,
            Entry::Record(Record::Stream(stream)) => self.streams.record(stream),
            Entry::Record(Record::Transaction(_)) => {}
            Entry::Record(Record::Offer(offer)) => self.offers.record(offer),
            Entry::LlmCall(call) => self.llm.record(call, &mut self.room),
            Entry::Finding(finding) => self.findings.record(finding),
            // Payloads are kept by the store alone, packets by nobody.
            Entry::Fact(Fact::Identified(_) | Fact::Payload(_) | Fact::Segment(_) | Fact::Delivery(_)) => {}
            Entry::Fact(Fact::Connection(connection)) => {
                self.connections.record(connection);
                self.tls.record(connection, &mut self.room);
            }
            Entry::Fact(Fact::Capture(capture)) => self.capture = **capture,
        }
    }

    /// Returns the totals so far. Sorts tables and computes percentiles, which takes milliseconds
    /// for thousands of rows.
    #[must_use]
    pub fn snapshot(&mut self) -> Snapshot {
        while let Some(exchange) = self.pending.pop_front() {
            self.count(&exchange);
        }
        let one_server = self.by.is_none() && self.grouped.len() < 2;
        Snapshot {
            capture: self.capture,
            connections: self.connections.counts(),
            handshake_p50_ns: self.connections.handshake_p50_ns(),
            tls: self.tls.rows(),
            exchanges: self.exchanges,
            views: self.views,
            other_views: self.other_views,
            notifications: self.notifications,
            latency: self.latency.rows(),
            by: self.by,
            grouped: if one_server { Vec::new() } else { self.grouped.rows() },
            sessions_count: self.sessions.count(),
            session_views: self.sessions.other_views(),
            sessions: self.sessions.rows(),
            slowest: self.slowest.exchanges(),
            unanswered: self.unanswered.finish(),
            undetermined: self.undetermined.finish(),
            streams: self.streams.clone(),
            llm: self.llm.rows(),
            offers: self.offers.rows(),
            findings: self.findings.rows(),
        }
    }

    fn exchange(&mut self, exchange: &Exchange) {
        self.sessions.record_exchange(exchange);
        if self.views == Views::All {
            return self.count(exchange);
        }
        if exchange.is_other_view() {
            self.other_views += 1;
            return;
        }
        if let Some(behind) = exchange.twins.behind
            && let Some(at) = self.pending.iter().position(|pending| pending.n == behind)
        {
            self.pending.remove(at);
            self.other_views += 1;
        }
        // The session of an `initialize` is known to the leg in front after the one behind.
        if &*exchange.method == "initialize" && exchange.twins.behind.is_none() {
            self.pending.push_back(exchange.clone());
            if self.pending.len() > MAX_PENDING
                && let Some(oldest) = self.pending.pop_front()
            {
                self.count(&oldest);
            }
            return;
        }
        self.count(exchange);
    }

    fn count(&mut self, exchange: &Exchange) {
        latency::increment(&mut self.exchanges.statuses, exchange.status);
        self.exchanges.degraded += u64::from(exchange.degraded.any());
        self.exchanges.from_server += u64::from(exchange.origin == Side::Server);
        let subject = CallGroup::Call {
            origin: exchange.origin,
            method: Arc::clone(&exchange.method),
            name: exchange.name.clone(),
        };
        let group = match self.by {
            None | Some(By::Server) => Group::Server(exchange.session.identity()),
            Some(By::Session) => Group::Session(exchange.session.number),
            Some(By::Client) => Group::Client(exchange.session.client.ip()),
            Some(By::File) => Group::File(self.files.file(exchange.request.span.first).cloned()),
        };
        let grouped =
            LatencyKey { group, subject: if self.by.is_none() { CallGroup::All } else { subject.clone() } };
        self.grouped.record(grouped, exchange, &mut self.room);
        self.latency.record(LatencyKey { group: Group::Whole, subject }, exchange, &mut self.room);
        self.slowest.record(exchange);
        self.unanswered.record(exchange);
        self.undetermined.record(exchange);
        self.offers.record_use(exchange);
    }
}

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
