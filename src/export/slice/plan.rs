//! Collects what a slice is made of while the capture is read.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use foldhash::fast::RandomState;

use super::Extent;
use super::comparison::{Comparison, Fingerprints};
use super::packet_spans::{Comment, PacketSpans};
use super::selection::{Selection, Window};
use crate::base::{Fact, Few, Files, NumberSet, Side, Timestamp, limits};
use crate::ledger::{Entry, Exchange, Notification, Record, Speaks, Stream};

/// Collects the exchanges of a slice, and what they need around them.
#[derive(Debug)]
pub struct SlicePlan {
    /// The most exchanges that are kept one by one.
    max_exchanges: usize,
    fingerprints: Fingerprints,
    /// The chosen exchanges, by `n`.
    exchanges: BTreeMap<u64, Planned>,
    /// Chosen exchanges beyond `max_exchanges`, the connections that are chosen for them, and their
    /// sessions, whose connections are chosen, too.
    unverified: u64,
    whole_connections: NumberSet,
    whole_sessions: NumberSet,
    /// How much is chosen around an exchange, where it is more than asked for.
    widened: BTreeMap<u64, Extent>,
    /// The exchanges that opened each session.
    opening: BTreeMap<u32, Few<PacketSpans>>,
    /// The event streams of sessions, by connection and transaction.
    streams: BTreeMap<(u32, u32), StreamPart>,
    /// The same streams: session, connection, transaction.
    session_streams: BTreeSet<(u32, u32, u32)>,
    /// Connection, first and last packet of the notifications of exchanges, by `n`.
    notifications: HashMap<u64, Few<(u32, u64, u64)>, RandomState>,
    /// What the server asked inside a call that may be chosen, by the `n` of the call.
    asked: HashMap<u64, Few<PacketSpans>, RandomState>,
    /// The exchanges that are over and not kept one by one, by `n`: of these nothing more is kept.
    unneeded: NumberSet,
    /// Notifications and requests of the server that are kept.
    rows_of_exchanges: usize,
    /// Connection, first and last packet of what deleted a session.
    deletions: BTreeMap<u32, Few<(u32, u64, u64)>>,
    /// The connections that carried exchanges of a session.
    of_session: BTreeSet<(u32, u32)>,
    /// Connections of streams and transactions that were chosen themselves.
    connections: NumberSet,
    /// Connections that other programs cannot read after a gap: encrypted or multiplexed.
    indivisible: NumberSet,
    /// The client random of TLS connections whose ClientHello was not captured.
    identified: BTreeMap<u32, [u8; 32]>,
}

/// A chosen exchange.
#[derive(Debug)]
struct Planned {
    spans: PacketSpans,
    /// Of its outcome.
    fingerprint: u64,
    comments: Box<[Comment]>,
}

/// What is needed around exchanges: once for all exchanges of a session.
#[derive(Debug, Default)]
struct Around {
    /// The sessions whose opening is needed, and how much of it.
    openings: BTreeSet<(u32, Extent)>,
    /// The sessions whose DELETEs are needed, and how much around them.
    deletions: BTreeSet<(u32, Extent)>,
    /// The sessions on whose streams an answer could have come, and whether the client asked: the
    /// last packet at which it could. `u64::MAX`: any packet.
    streams: BTreeMap<(u32, bool), u64>,
}

/// Where an event stream begins.
#[derive(Clone, Copy, Debug)]
struct StreamPart {
    /// Whether a POST opened it.
    of_post: bool,
    first: u64,
    /// Start of its first event; `None` without events.
    first_event: Option<Timestamp>,
}

/// Exchanges of the opening that are kept for each session.
const MAX_OPENING: usize = 8;

/// Requests of the server inside one call whose packets go with the call.
const MAX_ASKED: usize = 64;

/// DELETEs that are kept for each session.
const MAX_DELETIONS: usize = 8;

impl SlicePlan {
    /// Creates a plan without packets, of up to [`limits::MAX_SLICE_EXCHANGES`] that are kept one
    /// by one.
    #[must_use]
    pub fn new() -> Self {
        Self::keeping(limits::MAX_SLICE_EXCHANGES)
    }

    /// Creates a plan without packets, of up to `max_exchanges` that are kept one by one. Of those
    /// beyond, all packets of the connections of their sessions are chosen.
    #[must_use]
    pub fn keeping(max_exchanges: usize) -> Self {
        Self {
            max_exchanges,
            fingerprints: Fingerprints::default(),
            exchanges: BTreeMap::new(),
            unverified: 0,
            whole_connections: NumberSet::default(),
            whole_sessions: NumberSet::default(),
            widened: BTreeMap::new(),
            opening: BTreeMap::new(),
            streams: BTreeMap::new(),
            session_streams: BTreeSet::new(),
            notifications: HashMap::default(),
            asked: HashMap::default(),
            unneeded: NumberSet::default(),
            rows_of_exchanges: 0,
            deletions: BTreeMap::new(),
            of_session: BTreeSet::new(),
            connections: NumberSet::default(),
            indivisible: NumberSet::default(),
            identified: BTreeMap::new(),
        }
    }

    /// Takes an entry of the capture; `is_chosen` if its packets are wanted. Every entry has to be
    /// pushed: what is not wanted may be needed around what is.
    pub fn push(&mut self, entry: &Entry, is_chosen: bool) {
        match entry {
            Entry::Record(Record::Exchange(exchange)) => self.exchange(exchange, is_chosen),
            Entry::Record(Record::Notification(notification)) => self.notification(notification),
            Entry::Record(Record::Stream(stream)) => {
                self.stream(stream);
                if is_chosen {
                    self.connections.insert(stream.tcp_stream.into());
                }
            }
            Entry::Record(Record::Transaction(transaction)) => {
                if is_chosen {
                    self.connections.insert(transaction.tcp_stream.into());
                }
                let Some(session) = &transaction.session else { return };
                self.of_session(session.number, transaction.tcp_stream);
                if &*transaction.method == "DELETE" {
                    let last = transaction.response.map_or(transaction.request.last, |span| span.last);
                    let deletion = (transaction.tcp_stream, transaction.request.first.0, last.0);
                    let deletions = self.deletions.entry(session.number).or_default();
                    if deletions.len() < MAX_DELETIONS {
                        deletions.push(deletion);
                    }
                    bound(&mut self.deletions);
                }
            }
            Entry::Fact(Fact::Connection(connection))
                if connection.tls.is_some()
                    || !matches!(connection.speaks, Speaks::Http1 | Speaks::Nothing) =>
            {
                self.indivisible.insert(connection.tcp_stream.into());
                let tls = connection.tls.as_ref().filter(|tls| tls.is_identified);
                if let Some(random) = tls.and_then(|tls| tls.client_random) {
                    self.identified.insert(connection.tcp_stream, random);
                    bound(&mut self.identified);
                }
            }
            _ => {}
        }
    }

    /// Whether nothing is chosen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.exchanges() == 0 && self.connections.is_empty()
    }

    /// Returns the number of chosen exchanges.
    #[must_use]
    pub fn exchanges(&self) -> u64 {
        self.exchanges.len() as u64 + self.unverified
    }

    /// Returns the number of chosen exchanges that no [`Comparison`] expects, because there are too
    /// many: all packets of their connections are chosen.
    #[must_use]
    pub fn unverified(&self) -> u64 {
        self.unverified
    }

    /// Returns a comparison that expects the chosen exchanges.
    #[must_use]
    pub fn comparison(&self) -> Comparison {
        let expected = self.exchanges.values().map(|planned| (planned.fingerprint, planned.spans.n));
        Comparison::new(self.fingerprints.clone(), expected)
    }

    /// Chooses more around exchange `n` than it has around it now, which is `at_least` the extent
    /// that was asked for. Returns false if there is no more.
    pub fn widen(&mut self, n: u64, at_least: Extent) -> bool {
        let now = self.extent(n, at_least);
        let Some(wider) = now.wider() else { return false };
        self.widened.insert(n, wider);
        true
    }

    /// Returns what is to be chosen of the connections.
    #[must_use]
    pub fn selection(&self, extent: Extent, files: &Files) -> Selection {
        let (mut selection, mut around) = (Selection::default(), Around::default());
        for Planned { spans, comments, .. } in self.exchanges.values() {
            let extent = self.extent(spans.n, extent);
            self.add(spans, extent, &mut around, &mut selection);
            for asked in rows(self.asked.get(&spans.n)) {
                self.add(asked, extent, &mut around, &mut selection);
            }
            around.openings.insert((spans.session, extent));
            comments.iter().for_each(|comment| selection.comment(comment, files));
        }
        self.add_around(around, &mut selection);
        selection.all_whole(&self.whole_connections);
        // What is no exchange is chosen only if there is none: `dur>1s` is about calls, though
        // streams last longer.
        if self.exchanges() == 0 {
            selection.all_whole(&self.connections);
        }
        selection.prepare(&self.indivisible, &self.identified);
        selection
    }

    fn extent(&self, n: u64, at_least: Extent) -> Extent {
        self.widened.get(&n).copied().unwrap_or_default().max(at_least)
    }

    fn exchange(&mut self, exchange: &Exchange, is_chosen: bool) {
        let session = exchange.session.number;
        self.of_session(session, exchange.tcp_stream);
        if let Some((tcp_stream, _)) = exchange.answered_on {
            self.of_session(session, tcp_stream);
        }
        let spans = PacketSpans::of(exchange);
        if &*exchange.method == "initialize" {
            let opening = self.opening.entry(session).or_default();
            if opening.len() < MAX_OPENING {
                opening.push(spans);
            }
            bound(&mut self.opening);
        }
        if let Some(call) = exchange.parent {
            self.asked(call, spans);
        }
        if is_chosen && self.exchanges.len() < self.max_exchanges {
            let fingerprint = self.fingerprints.of(exchange);
            let comments = Comment::all_of(exchange);
            self.exchanges.insert(exchange.n, Planned { spans, fingerprint, comments });
            return;
        }
        if is_chosen {
            self.unverified += 1;
            if !self.whole_sessions.contains(session.into()) {
                self.whole_sessions.insert(session.into());
                let of_session = self.of_session.range((session, 0)..=(session, u32::MAX));
                of_session.for_each(|(_, tcp_stream)| self.whole_connections.insert((*tcp_stream).into()));
            }
            for spans in rows(self.opening.get(&session)).iter().chain([&spans]) {
                self.whole_connections.insert(spans.asked.0.into());
                self.whole_connections.insert(spans.answered.0.into());
            }
        }
        self.unneeded.insert(exchange.n);
        let notifications = self.notifications.remove(&exchange.n).map_or(0, |all| all.len());
        let asked = self.asked.remove(&exchange.n).map_or(0, |all| all.len());
        self.rows_of_exchanges = self.rows_of_exchanges.saturating_sub(notifications + asked);
    }

    fn of_session(&mut self, session: u32, tcp_stream: u32) {
        if self.whole_sessions.contains(session.into()) {
            self.whole_connections.insert(tcp_stream.into());
            return;
        }
        self.of_session.insert((session, tcp_stream));
        if self.of_session.len() > limits::MAX_SLICE_ROWS {
            self.of_session.pop_first();
        }
    }

    /// Keeps what the server asked inside a call: the time of the client is a part of the call's.
    fn asked(&mut self, call: u64, spans: PacketSpans) {
        if self.rows_of_exchanges >= limits::MAX_SLICE_ROWS || self.unneeded.contains(call) {
            return;
        }
        let of_call = self.asked.entry(call).or_default();
        if of_call.len() < MAX_ASKED {
            of_call.push(spans);
            self.rows_of_exchanges += 1;
        }
    }

    fn notification(&mut self, notification: &Notification) {
        self.of_session(notification.session.number, notification.tcp_stream);
        let Some(n) = notification.exchange else { return };
        if self.rows_of_exchanges >= limits::MAX_SLICE_ROWS || self.unneeded.contains(n) {
            return;
        }
        let span = notification.message.span;
        let of_exchange = self.notifications.entry(n).or_default();
        if of_exchange.len() < limits::MAX_TABLE_ROWS {
            of_exchange.push((notification.tcp_stream, span.first.0, span.last.0));
            self.rows_of_exchanges += 1;
        }
    }

    fn stream(&mut self, stream: &Stream) {
        let Some(session) = &stream.session else { return };
        self.of_session(session.number, stream.tcp_stream);
        self.session_streams.insert((session.number, stream.tcp_stream, stream.transaction));
        let part = StreamPart {
            of_post: stream.exchange.is_some(),
            first: stream.span.first.0,
            first_event: stream.first_event,
        };
        self.streams.insert((stream.tcp_stream, stream.transaction), part);
        bound(&mut self.streams);
        if self.session_streams.len() > limits::MAX_SLICE_ROWS {
            self.session_streams.pop_first();
        }
    }

    /// Adds what several exchanges of a session need.
    fn add_around(&self, mut around: Around, selection: &mut Selection) {
        for (session, extent) in std::mem::take(&mut around.openings) {
            for opening in rows(self.opening.get(&session)) {
                self.add(opening, extent.min(Extent::Connections), &mut around, selection);
            }
            if extent == Extent::Session {
                let of_session = self.of_session.range((session, 0)..=(session, u32::MAX));
                of_session.for_each(|(_, tcp_stream)| selection.whole(*tcp_stream));
            }
        }
        for ((session, of_client), last) in around.streams {
            let streams = self.session_streams.range((session, 0, 0)..=(session, u32::MAX, u32::MAX));
            for (_, tcp_stream, transaction) in streams {
                match self.streams.get(&(*tcp_stream, *transaction)) {
                    None => {}
                    Some(part) if of_client && part.of_post => {}
                    Some(_) if last == u64::MAX => selection.whole(*tcp_stream),
                    Some(part) => selection.window(*tcp_stream, Window::new(part.first, last)),
                }
            }
        }
        for (session, extent) in around.deletions {
            let deletions = rows(self.deletions.get(&session));
            for (tcp_stream, from, to) in deletions {
                let window = Window { until_next: true, ..Window::new(*from, *to) };
                selection.add(*tcp_stream, window, extent);
            }
        }
    }

    /// Adds the packets of an exchange.
    fn add(&self, spans: &PacketSpans, extent: Extent, around: &mut Around, selection: &mut Selection) {
        let PacketSpans { asked, answered, request: (asked_from, asked_to), waited, .. } = *spans;
        match spans.response {
            _ if extent > Extent::Exchanges => {
                selection.whole(asked.0);
                selection.whole(answered.0);
            }
            Some((_, to)) if asked == answered => {
                self.part(asked, asked_from, asked_to.max(to), selection);
            }
            Some((from, to)) => {
                self.part(asked, asked_from, asked_to, selection);
                self.part(answered, from, to, selection);
            }
            None => self.part(asked, asked_from, asked_to, selection),
        }
        // The answer may come on any stream of the session: that it did not has to be seen.
        if spans.response.is_none() || extent > Extent::Exchanges {
            let is_whole = extent > Extent::Exchanges || waited == 0;
            let last = around.streams.entry((spans.session, spans.origin == Side::Client)).or_default();
            *last = (*last).max(if is_whole { u64::MAX } else { waited });
        }
        if spans.response.is_none() {
            around.deletions.insert((spans.session, extent));
        }
        for (tcp_stream, from, to) in rows(self.notifications.get(&spans.n)) {
            let window = Window { with_previous: true, ..Window::new(*from, *to) };
            selection.add(*tcp_stream, window, extent);
        }
    }

    /// Adds a part of a transaction, which may be an event stream.
    fn part(&self, on: (u32, u32), from: u64, to: u64, selection: &mut Selection) {
        let Some(stream) = self.streams.get(&on).filter(|stream| !stream.of_post) else {
            return selection.window(on.0, Window { until_next: true, ..Window::new(from, to) });
        };
        selection
            .window(on.0, Window { until: stream.first_event, ..Window::new(stream.first, stream.first) });
        selection.window(on.0, Window { with_previous: true, ..Window::new(from, to) });
    }
}

impl Default for SlicePlan {
    fn default() -> Self {
        Self::new()
    }
}

/// The rows of an exchange or a session.
fn rows<T>(rows: Option<&Few<T>>) -> &[T] {
    rows.map_or(&[], |rows| rows)
}

/// Removes the row with the lowest number, of a session or of a connection, if a table has too
/// many.
fn bound<K: Ord, V>(table: &mut BTreeMap<K, V>) {
    if table.len() > limits::MAX_SLICE_ROWS {
        table.pop_first();
    }
}
