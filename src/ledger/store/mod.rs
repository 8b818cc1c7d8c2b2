//! Everything that was told in; any of it out again: what the views of the TUI look at.
//!
//! Exchanges are rows of some 60 bytes, what was said lies in a log that spills to a temporary file. So what grows
//! with the capture is a row for each exchange, connection, session and stream; long texts in rows have room together.

mod log;
mod pack;
mod payload_log;
mod row;

use std::collections::{BTreeMap, HashMap};

use super::{ConnectionFact, Entry, Exchange, Finding, Notification, Record, Session, Stream};
use crate::base::Fact;
use crate::base::fact::CaptureFact;

pub use payload_log::Payload;

use payload_log::{NOWHERE, PayloadLog};
use row::Rows;

/// Notifications that are kept: 200 bytes each, 40 MB. A server that tells of its progress a thousand times a second
/// needs minutes for so many; how many came for an exchange is in its row.
const MAX_NOTIFICATIONS: usize = 200_000;

/// Findings that are kept, each with a text: 20 MB. What is beyond is counted in the totals.
const MAX_FINDINGS: usize = 100_000;

/// What goes on in a capture that is not over: it is told once it is.
#[derive(Clone, Debug, Default)]
pub struct InProgress {
    /// The counts so far.
    pub capture: CaptureFact,
    /// The connections that are open.
    pub connections: Vec<ConnectionFact>,
    /// The sessions, ended or not: they are told at the end.
    pub sessions: Vec<Session>,
    /// The streams that go on. Their bytes are 0: they are not counted yet.
    pub streams: Vec<Stream>,
}

/// What is kept of a capture, for looking at it.
#[derive(Debug)]
pub struct Store {
    exchanges: Rows,
    /// The notifications that belong to an exchange, by its `n`.
    notified: HashMap<u64, Vec<Notification>, foldhash::fast::RandomState>,
    /// How many these are.
    notifications: usize,
    streams: Vec<Stream>,
    connections: Vec<ConnectionFact>,
    sessions: Vec<Session>,
    findings: Vec<Finding>,
    capture: CaptureFact,
    /// What was open when that was said last, by what it is known by.
    open_connections: BTreeMap<u32, ConnectionFact>,
    open_sessions: BTreeMap<u32, Session>,
    open_streams: BTreeMap<(u32, u32), Stream>,
    said: PayloadLog,
}

impl Store {
    /// An empty store that keeps up to `memory` bytes of what was said in memory, and the rest in a temporary file.
    #[must_use]
    pub fn new(memory: usize) -> Self {
        Self {
            exchanges: Rows::default(),
            notified: HashMap::default(),
            notifications: 0,
            streams: Vec::new(),
            connections: Vec::new(),
            sessions: Vec::new(),
            findings: Vec::new(),
            capture: CaptureFact::default(),
            open_connections: BTreeMap::new(),
            open_sessions: BTreeMap::new(),
            open_streams: BTreeMap::new(),
            said: PayloadLog::new(memory),
        }
    }

    /// From now on what does not fit into memory goes to this file, which is empty: for a program that can open none
    /// later. (Otherwise a temporary file is made when it is needed.)
    pub fn spill_into(&mut self, file: std::fs::File) {
        self.said.spill_into(file);
    }

    /// Takes what was told next.
    pub fn push(&mut self, entry: Entry) {
        match entry {
            Entry::Record(Record::Request(exchange)) => self.exchange_told(exchange, true),
            Entry::Record(Record::Exchange(exchange)) => self.exchange_told(exchange, false),
            Entry::Record(Record::Notification(notification)) => self.notification(*notification),
            Entry::Record(Record::Stream(stream)) => {
                self.open_streams.remove(&(stream.tcp_stream, stream.transaction));
                self.streams.push(*stream);
            }
            Entry::Record(Record::Session(session)) => {
                self.open_sessions.remove(&session.session.number);
                self.sessions.push(*session);
            }
            // What servers offer stands in the totals.
            Entry::Record(Record::Offer(_)) => {}
            Entry::Finding(finding) => {
                if self.findings.len() < MAX_FINDINGS {
                    self.findings.push(finding);
                }
            }
            Entry::Fact(Fact::Connection(connection)) => {
                self.open_connections.remove(&connection.tcp_stream);
                self.connections.push(*connection);
            }
            Entry::Fact(Fact::Capture(capture)) => self.capture = capture,
            Entry::Fact(Fact::Payload(carried)) => self.said.push(&carried),
        }
    }

    /// What goes on now, in the place of what was said of it before.
    pub fn set_in_progress(&mut self, in_progress: InProgress) {
        let InProgress { capture, connections, sessions, streams } = in_progress;
        self.capture = capture;
        self.open_connections = connections.into_iter().map(|fact| (fact.tcp_stream, fact)).collect();
        self.open_sessions = sessions.into_iter().map(|session| (session.session.number, session)).collect();
        self.open_streams =
            streams.into_iter().map(|stream| ((stream.tcp_stream, stream.transaction), stream)).collect();
    }

    /// How many exchanges there are, open ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.exchanges.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The exchange at `index`, in the order in which they were first told; `None` beyond the last.
    #[must_use]
    pub fn exchange(&self, index: usize) -> Option<Exchange> {
        self.exchanges.get(index)
    }

    /// Whether what became of the exchange at `index` is not known yet.
    #[must_use]
    pub fn is_open(&self, index: usize) -> bool {
        self.exchanges.is_open(index)
    }

    /// Where exchange `n` stands; `None` where there is none.
    #[must_use]
    pub fn find(&self, n: u64) -> Option<usize> {
        self.exchanges.find(n)
    }

    /// The notifications that belong to exchange `n`, in their order: of a capture with very many of them the first.
    pub fn notifications_of(&self, n: u64) -> impl Iterator<Item = &Notification> {
        self.notified.get(&n).into_iter().flatten()
    }

    /// The streams that are over.
    #[must_use]
    pub fn streams(&self) -> &[Stream] {
        &self.streams
    }

    /// The streams that went on when that was said last.
    pub fn open_streams(&self) -> impl ExactSizeIterator<Item = &Stream> {
        self.open_streams.values()
    }

    /// The connections that were open when that was said last.
    pub fn open_connections(&self) -> impl ExactSizeIterator<Item = &ConnectionFact> {
        self.open_connections.values()
    }

    /// The sessions that were not told yet, as they were when that was said last.
    pub fn open_sessions(&self) -> impl ExactSizeIterator<Item = &Session> {
        self.open_sessions.values()
    }

    /// The connections that are over.
    #[must_use]
    pub fn connections(&self) -> &[ConnectionFact] {
        &self.connections
    }

    /// The sessions, once they were told.
    #[must_use]
    pub fn sessions(&self) -> &[Session] {
        &self.sessions
    }

    /// The findings: of a capture with very many of them the first.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The counts of the capture, as they were told last.
    #[must_use]
    pub fn capture(&self) -> &CaptureFact {
        &self.capture
    }

    /// What a transaction carried, in the order in which it came.
    ///
    /// # Errors
    /// It could not be kept (no space for the temporary file), or cannot be read back.
    pub fn payloads(&mut self, tcp_stream: u32, transaction: u32) -> std::io::Result<Vec<Payload>> {
        self.said.of(tcp_stream, transaction)
    }

    /// How many pieces a transaction carried: heads, bodies, events.
    #[must_use]
    pub fn payload_count(&self, tcp_stream: u32, transaction: u32) -> u32 {
        self.said.count(tcp_stream, transaction)
    }

    /// What the transaction that carried the request of the exchange at `index` carried: its heads, and up to `most`
    /// pieces up to the request, in their order.
    ///
    /// # Errors
    /// As [`Store::payloads`].
    pub fn request_payloads(&mut self, index: usize, most: usize) -> std::io::Result<Vec<Payload>> {
        let Some(exchange) = self.exchange(index) else { return Ok(Vec::new()) };
        let [asked, _] = self.exchanges.said(index);
        let on = (exchange.tcp_stream, exchange.transaction);
        self.said.last_of(on, Some(asked), most)
    }

    /// The same of the transaction that carried its response, up to the response. Empty where there is none.
    ///
    /// # Errors
    /// As [`Store::payloads`].
    pub fn response_payloads(&mut self, index: usize, most: usize) -> std::io::Result<Vec<Payload>> {
        let on = self.exchange(index).and_then(|exchange| exchange.answered_on);
        let Some(on) = on else { return Ok(Vec::new()) };
        let [_, answered] = self.exchanges.said(index);
        self.said.last_of(on, Some(answered), most)
    }

    /// The heads of a transaction, and up to `most` of its latest pieces, in their order.
    ///
    /// # Errors
    /// As [`Store::payloads`].
    pub fn latest_payloads(
        &mut self,
        tcp_stream: u32,
        transaction: u32,
        most: usize,
    ) -> std::io::Result<Vec<Payload>> {
        self.said.last_of((tcp_stream, transaction), None, most)
    }

    /// Why some of what was said could not be kept; `None` where all was. (Its oldest part is then gone.)
    #[must_use]
    pub fn failed(&self) -> Option<std::io::ErrorKind> {
        self.said.failed()
    }

    fn exchange_told(&mut self, exchange: Box<Exchange>, is_open: bool) {
        let asked = self.said.latest(exchange.tcp_stream, exchange.transaction);
        let answered =
            exchange.answered_on.map_or(NOWHERE, |(stream, number)| self.said.latest(stream, number));
        self.exchanges.put(exchange, is_open, [asked, answered]);
    }

    fn notification(&mut self, notification: Notification) {
        // The others are counted in the totals.
        if let Some(n) = notification.exchange.filter(|_| self.notifications < MAX_NOTIFICATIONS) {
            self.notified.entry(n).or_default().push(notification);
            self.notifications += 1;
        }
    }
}
