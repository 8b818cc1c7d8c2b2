//! Everything that was found in a capture, for the views of the TUI.
//!
//! Exchanges are packed (`exchange_table`), payloads are in a log that spills to a temporary file.
//! What grows with the capture in memory is one packed exchange for each, and a record for each
//! connection, session and stream: each kind has a share of memory (`shares`), and payloads have
//! what rows leave. What comes when a share is full is left out.

mod blocks;
mod exchange_table;
mod http_item;
mod log;
mod messages;
mod packed_exchange;
mod payload_log;
mod rows;
mod shared_values;
mod shares;
mod varint;

use std::collections::{BTreeMap, HashMap};

use super::entry::Entry;
use crate::base::fact::{CaptureFact, ConnectionFact};
use crate::base::{Fact, Finding, PacketNo};
use crate::llm::LlmCall;
use crate::mcp::{Exchange, Notification, Record, Session, Stream};

pub use http_item::HttpItem;
pub use messages::found_in;
pub use payload_log::Payload;
pub use rows::Rows;

use exchange_table::ExchangeTable;
use payload_log::{MOST_BYTES, NO_OFFSET, PayloadLog, PayloadOffsets};
use shares::{Row, Shares};

/// What is open while a capture goes on: these records are emitted as entries only when they end.
#[derive(Clone, Debug, Default)]
pub struct InProgress {
    /// The counts of the capture so far.
    pub capture: CaptureFact,
    /// The open connections.
    pub connections: Vec<ConnectionFact>,
    /// The sessions that were not emitted: most are at the end of the capture.
    pub sessions: Vec<Session>,
    /// The open streams. Their `bytes` are 0: they are counted when the stream ends.
    pub streams: Vec<Stream>,
}

/// The records, findings and payloads of a capture.
#[derive(Debug)]
pub struct Store {
    exchanges: ExchangeTable,
    /// The notifications of exchanges, by [`Exchange::n`].
    notifications: HashMap<u64, Vec<Notification>, foldhash::fast::RandomState>,
    http: Rows<HttpItem>,
    /// The LLM calls whose answer is an event stream, by connection and transaction.
    llm_calls: HashMap<(u32, u32), Box<LlmCall>, foldhash::fast::RandomState>,
    connections: Rows<ConnectionFact>,
    sessions: Rows<Session>,
    findings: Vec<Finding>,
    capture: CaptureFact,
    /// What was in progress at the last update: connections and sessions by number, streams by
    /// connection and transaction.
    open_connections: BTreeMap<u32, ConnectionFact>,
    open_sessions: BTreeMap<u32, Session>,
    open_streams: BTreeMap<(u32, u32), HttpItem>,
    payloads: PayloadLog,
    shares: Shares,
    /// Number of rows that were left out because their share of memory was full.
    left_out: u64,
}

impl Store {
    /// Creates an empty store. Its rows and payloads take up to `memory` bytes, and a fixed amount
    /// beside; payloads for which there is none left are in a temporary file.
    #[must_use]
    pub fn new(memory: usize) -> Self {
        Self {
            exchanges: ExchangeTable::new(shares::packed_in_memory(memory)),
            notifications: HashMap::default(),
            http: Rows::default(),
            llm_calls: HashMap::default(),
            connections: Rows::default(),
            sessions: Rows::default(),
            findings: Vec::new(),
            capture: CaptureFact::default(),
            open_connections: BTreeMap::new(),
            open_sessions: BTreeMap::new(),
            open_streams: BTreeMap::new(),
            payloads: PayloadLog::new(memory),
            shares: Shares::new(memory),
            left_out: 0,
        }
    }

    /// Uses this empty file for payloads beyond the memory limit, for a program that cannot open
    /// one later. Without it a temporary file is created when it is needed.
    pub fn spill_into(&mut self, file: std::fs::File) {
        self.payloads.spill_into(file);
    }

    /// Uses this empty file for packed exchanges beyond their part of the memory, as
    /// [`Store::spill_into`] for payloads. Without it all of them stay in memory.
    pub fn spill_rows_into(&mut self, file: std::fs::File) {
        self.exchanges.spill_into(file);
    }

    /// Adds an entry.
    pub fn push(&mut self, entry: Entry) {
        match entry {
            Entry::Record(Record::Request(exchange) | Record::Interrupted(exchange)) => {
                self.set_exchange(exchange, true);
            }
            Entry::Record(Record::Exchange(exchange)) => self.set_exchange(exchange, false),
            Entry::Record(Record::Notification(notification)) => self.push_notification(*notification),
            Entry::Record(Record::Stream(stream)) => {
                self.open_streams.remove(&(stream.tcp_stream, stream.transaction));
                let item = HttpItem::Stream(*stream);
                if self.takes(&item) {
                    self.http.push(item);
                }
            }
            Entry::Record(Record::Session(session)) => {
                self.open_sessions.remove(&session.session.number);
                if self.takes(&*session) {
                    self.sessions.push(*session);
                }
            }
            Entry::Record(Record::Transaction(transaction)) => {
                let item = HttpItem::Transaction(*transaction);
                if self.takes(&item) {
                    self.http.push(item);
                }
            }
            Entry::LlmCall(call) if call.is_event_stream => {
                if self.takes(&*call) {
                    self.llm_calls.insert((call.tcp_stream, call.transaction), call);
                }
            }
            Entry::LlmCall(call) => {
                let item = HttpItem::LlmCall(call);
                if self.takes(&item) {
                    self.http.push(item);
                }
            }
            // Offers are part of the totals.
            Entry::Record(Record::Offer(_)) => {}
            Entry::Finding(finding) => {
                if self.takes(&finding) {
                    self.findings.push(finding);
                }
            }
            Entry::Fact(Fact::Connection(connection)) => {
                self.open_connections.remove(&connection.tcp_stream);
                if self.takes(&*connection) {
                    self.connections.push(*connection);
                }
            }
            Entry::Fact(Fact::Capture(capture)) => self.capture = *capture,
            Entry::Fact(Fact::Payload(payload)) => self.payloads.push(&payload),
            // A view of one connection reads its packets from the capture.
            Entry::Fact(Fact::Identified(_) | Fact::Segment(_) | Fact::Delivery(_)) => {}
        }
    }

    /// Replaces what was in progress at the last update.
    pub fn set_in_progress(&mut self, in_progress: InProgress) {
        let InProgress { capture, connections, sessions, streams } = in_progress;
        self.capture = capture;
        // Before the new ones take memory, too.
        self.open_connections.clear();
        self.open_sessions.clear();
        self.open_streams.clear();
        self.open_connections = connections.into_iter().map(|fact| (fact.tcp_stream, fact)).collect();
        self.open_sessions = sessions.into_iter().map(|session| (session.session.number, session)).collect();
        self.open_streams =
            streams.into_iter().map(HttpItem::Stream).map(|stream| (stream.id(), stream)).collect();
    }

    /// The number of exchanges, open ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.exchanges.len()
    }

    /// Whether there are no exchanges.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The exchange at `index`, in the order in which they were first pushed; `None` beyond the
    /// last.
    #[must_use]
    pub fn exchange(&self, index: usize) -> Option<Exchange> {
        self.exchanges.get(index)
    }

    /// Whether the exchange at `index` is not over yet.
    #[must_use]
    pub fn is_open(&self, index: usize) -> bool {
        self.exchanges.is_open(index)
    }

    /// The index of exchange `n`; `None` if there is no such exchange.
    #[must_use]
    pub fn find(&self, n: u64) -> Option<usize> {
        self.exchanges.find(n)
    }

    /// The notifications of exchange `n`, in their order: those for which there is room. Its count
    /// of progress notifications counts all of them.
    pub fn notifications_of(&self, n: u64) -> impl Iterator<Item = &Notification> {
        self.notifications.get(&n).into_iter().flatten()
    }

    /// The streams that ended, LLM calls without a stream, and HTTP without messages.
    #[must_use]
    pub fn http(&self) -> &Rows<HttpItem> {
        &self.http
    }

    /// The LLM call that is over and whose answer is this stream, or that this row is; `None` if it
    /// is none.
    #[must_use]
    pub fn llm_call<'a>(&'a self, item: &'a HttpItem) -> Option<&'a LlmCall> {
        match item {
            HttpItem::Stream(_) => self.llm_calls.get(&item.id()).map(|call| &**call),
            HttpItem::LlmCall(call) => Some(call),
            HttpItem::Transaction(_) => None,
        }
    }

    /// The streams that were open at the last update.
    pub fn open_streams(&self) -> impl ExactSizeIterator<Item = &HttpItem> {
        self.open_streams.values()
    }

    /// The transaction that carried something in a packet of a connection, with a head, body or
    /// event in it; `None` if there is none among the stored payloads.
    ///
    /// # Errors
    /// As [`Store::payloads`].
    pub fn transaction_at(&mut self, tcp_stream: u32, packet: PacketNo) -> std::io::Result<Option<u32>> {
        let holds = |payload: &Payload| payload.span.first <= packet && packet <= payload.span.last;
        for transaction in 0..self.payloads.transactions(tcp_stream) {
            if self.payloads.of(tcp_stream, transaction)?.iter().any(holds) {
                return Ok(Some(transaction));
            }
        }
        Ok(None)
    }

    /// The connections that were open at the last update.
    pub fn open_connections(&self) -> impl ExactSizeIterator<Item = &ConnectionFact> {
        self.open_connections.values()
    }

    /// The sessions that were not emitted yet at the last update.
    pub fn open_sessions(&self) -> impl ExactSizeIterator<Item = &Session> {
        self.open_sessions.values()
    }

    /// The connections that ended.
    #[must_use]
    pub fn connections(&self) -> &Rows<ConnectionFact> {
        &self.connections
    }

    /// The sessions that were emitted: all of them, after the end of the capture.
    #[must_use]
    pub fn sessions(&self) -> &Rows<Session> {
        &self.sessions
    }

    /// The findings.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The latest counts of the capture.
    #[must_use]
    pub fn capture(&self) -> &CaptureFact {
        &self.capture
    }

    /// All payloads of a transaction, in their order.
    ///
    /// # Errors
    /// They were lost (no space for the temporary file), or cannot be read back.
    pub fn payloads(&mut self, tcp_stream: u32, transaction: u32) -> std::io::Result<Vec<Payload>> {
        self.payloads.of(tcp_stream, transaction)
    }

    /// The number of payloads of a transaction.
    #[must_use]
    pub fn payload_count(&self, tcp_stream: u32, transaction: u32) -> u32 {
        self.payloads.count(tcp_stream, transaction)
    }

    /// The heads of the transaction that carried the request of the exchange at `index`, and its
    /// last `most` payloads up to the request, in their order. Empty if there is no such exchange.
    ///
    /// # Errors
    /// As [`Store::payloads`].
    pub fn request_payloads(&mut self, index: usize, most: usize) -> std::io::Result<Vec<Payload>> {
        let Some(exchange) = self.exchange(index) else { return Ok(Vec::new()) };
        let offsets = self.exchanges.payload_offsets(index);
        let on = (exchange.tcp_stream, exchange.transaction);
        self.payloads.last_of(on, Some(offsets.request), (most, MOST_BYTES))
    }

    /// The same for the response. Empty if there is no response.
    ///
    /// # Errors
    /// As [`Store::payloads`].
    pub fn response_payloads(&mut self, index: usize, most: usize) -> std::io::Result<Vec<Payload>> {
        let on = self.exchange(index).and_then(|exchange| exchange.answered_on);
        let Some(on) = on else { return Ok(Vec::new()) };
        let offsets = self.exchanges.payload_offsets(index);
        self.payloads.last_of(on, Some(offsets.response), (most, MOST_BYTES))
    }

    /// The heads of a transaction and its last `most` payloads, in their order.
    ///
    /// # Errors
    /// As [`Store::payloads`].
    pub fn latest_payloads(
        &mut self,
        tcp_stream: u32,
        transaction: u32,
        most: usize,
    ) -> std::io::Result<Vec<Payload>> {
        self.payloads.last_of((tcp_stream, transaction), None, (most, MOST_BYTES))
    }

    /// The heads of a transaction, what its client sent, and its last payloads until they have
    /// `bytes`, in their order.
    ///
    /// # Errors
    /// As [`Store::payloads`].
    pub fn payloads_within(
        &mut self,
        tcp_stream: u32,
        transaction: u32,
        bytes: usize,
    ) -> std::io::Result<Vec<Payload>> {
        self.payloads.last_of((tcp_stream, transaction), None, (usize::MAX, bytes))
    }

    /// Whether an exchange that is not known yet would be kept.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.shares.have_room(self.memory_of_exchanges())
    }

    /// Returns the bytes that are left for what is not pushed yet.
    #[must_use]
    pub fn room(&self) -> usize {
        self.shares.left(self.memory_of_exchanges())
    }

    /// Counts a row that is not pushed because there is [no room](Self::has_room) for it.
    pub fn leave_out(&mut self) {
        self.left_out += 1;
    }

    /// The number of rows that were left out because their share of memory was full.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Why the oldest payloads were lost; `None` if none were.
    #[must_use]
    pub fn spill_error(&self) -> Option<std::io::ErrorKind> {
        self.payloads.failed()
    }

    fn set_exchange(&mut self, exchange: Box<Exchange>, is_open: bool) {
        let latest = |(tcp_stream, transaction)| self.payloads.latest(tcp_stream, transaction);
        let payloads = PayloadOffsets {
            request: latest((exchange.tcp_stream, exchange.transaction)),
            response: exchange.answered_on.map_or(NO_OFFSET, latest),
        };
        self.exchanges.set(exchange, is_open, payloads);
        self.limit_payloads();
    }

    /// Takes the memory of a row that is to be pushed; false if there is no room for it.
    fn takes<T: Row>(&mut self, row: &T) -> bool {
        let has_room = self.shares.take(row, self.memory_of_exchanges());
        self.left_out += u64::from(!has_room);
        self.limit_payloads();
        has_room
    }

    fn memory_of_exchanges(&self) -> usize {
        self.exchanges.memory() + self.payloads.index_memory()
    }

    /// Moves payloads to the temporary file for which rows leave no room.
    fn limit_payloads(&mut self) {
        self.payloads.set_memory(self.room());
    }

    fn push_notification(&mut self, notification: Notification) {
        // Notifications of no exchange are counted in the totals alone.
        if let Some(n) = notification.exchange
            && self.takes(&notification)
        {
            self.notifications.entry(n).or_default().push(notification);
        }
    }
}
