//! One TLS connection: takes what its ends sent, yields what they said.
//!
//! ```text
//!   Feed ─▶ Records ─▶ Event ──secrets known──▶ Direction::open ─▶ handshake, alert, Feed
//!                        └───not yet─▶ Waiting ────────┘ when they come, or come no more
//! ```
//!
//! A piece of plaintext has the packets of its record: that is when it could be read, and what a
//! reader finds in Wireshark. A record that cannot be opened is a gap.

mod content;
mod opening;

use bytes::Bytes;

use super::direction::Direction;
use super::early::{Early, Verdict};
use super::negotiation::Negotiation;
use super::record::{ContentType, Next, Record};
use super::secret::ClientRandom;
use super::store::KeyStore;
use super::trials::{Keys, TrialBudget};
use super::waiting::{Event, Waiting};
use crate::base::protocols::TlsNames;
use crate::base::tls::{Decrypted, RecordCounts, TlsFact, TlsVersion};
use crate::base::{Code, Degraded, End, Ending, Feed, Findings, Origin, Side, Sink, Span};

/// What the layer produces: the plaintext of an end.
pub type Plaintext = (End, Feed<End>);

/// The TLS of one connection.
#[derive(Debug, Default)]
pub struct Connection {
    /// The client; `None` before a hello.
    client: Option<End>,
    directions: [Direction; 2],
    negotiation: Negotiation,
    early: Early,
    budget: TrialBudget,
    waiting: Waiting,
    /// Nothing waits for secrets any more.
    has_given_up: bool,
    /// Whether application data was emitted.
    has_data: bool,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// It was read, or holds nothing that matters.
    Done,
    /// Its secrets may still come.
    Wait,
    /// It cannot be opened.
    Unreadable,
}

/// Secrets that are known, and where results go.
struct Context<'a, 'b> {
    store: &'a KeyStore,
    sink: &'a mut Sink<'b, Plaintext>,
}

impl Connection {
    /// Takes the next piece of what `from` sent.
    pub fn push(&mut self, from: End, feed: Feed<End>, keys: Keys<'_>, sink: &mut Sink<'_, Plaintext>) {
        let now = feed.at();
        keys.trials.earn(feed.data_len());
        self.budget.begin(keys.trials);
        let mut cx = Context { store: keys.store, sink };
        match feed {
            Feed::Data(bytes, span) => {
                self.direction(from).records.push(bytes, span);
                self.read(from, &mut cx);
            }
            Feed::Gap { len, why, at } => {
                let records = self.direction(from).records.gap(len).0;
                self.event(from, Event::Gap { records, why, at }, &mut cx);
            }
            Feed::Eof { how, at } => self.event(from, Event::Eof { how, at }, &mut cx),
        }
        if let Some(why) = self.waiting.is_over(now) {
            self.give_up(&why, &mut cx);
        }
        self.budget.end(keys.trials);
    }

    /// Opens what waits, with the secrets that are known now.
    pub fn retry(&mut self, keys: Keys<'_>, sink: &mut Sink<'_, Plaintext>) {
        self.budget.begin(keys.trials);
        self.drain(&mut Context { store: keys.store, sink });
        self.budget.end(keys.trials);
    }

    /// Waits no longer for secrets. `why` is a reason other than the end of the connection.
    pub fn conclude(&mut self, why: Option<&str>, keys: Keys<'_>, sink: &mut Sink<'_, Plaintext>) {
        if !self.waiting.is_empty() {
            self.budget.begin(keys.trials);
            self.give_up(why.unwrap_or_default(), &mut Context { store: keys.store, sink });
            self.budget.end(keys.trials);
        }
        self.drop_early();
    }

    /// Returns the client; `None` if no hello was captured.
    pub fn client(&self) -> Option<End> {
        self.client
    }

    /// Returns the client random if it was found out by trial; else `None`.
    pub fn identified(&self) -> Option<ClientRandom> {
        self.negotiation.identified_random()
    }

    /// Returns the name of the connection in a key log; `None` if it is not known.
    pub fn client_random(&self) -> Option<ClientRandom> {
        self.negotiation.random
    }

    /// Returns whether secrets that come later may change something.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Returns whether [`Self::conclude`] may change something.
    pub fn is_undecided(&self) -> bool {
        self.is_waiting() || self.early.held() > 0
    }

    /// Returns whether application data may be in what cannot be decrypted, and the layer above
    /// does not know: there is no gap in what it read.
    pub fn is_unread(&self) -> bool {
        let has_lost = self.directions.iter().any(|direction| direction.counts.undecrypted > 0);
        self.has_given_up || has_lost && !self.has_data
    }

    /// Returns the number of bytes that wait for secrets.
    pub fn waiting(&self) -> usize {
        self.waiting.bytes() + self.early.held()
    }

    /// Returns the number of bytes held for records and messages that are not complete.
    pub fn held(&self) -> usize {
        self.directions.iter().map(|direction| direction.records.held() + direction.messages.held()).sum()
    }

    /// Drops incomplete records and messages, and early data of which it is not known whether the
    /// server reads it, because a cap was reached at packet `at`.
    pub fn shed(&mut self, at: Origin, findings: &mut Findings) {
        if !self.drop_early() && self.held() == 0 {
            return;
        }
        let detail = "an incomplete record or message was dropped: too many bytes are held";
        findings.add(Code::TlsHeldLimit, at, detail);
        for direction in &mut self.directions {
            direction.records.clear();
            direction.messages.clear();
            direction.lose(u64::MAX);
            let (why, _) = direction.gap.get_or_insert((Degraded::NOT_READ, at));
            why.add(Degraded::NOT_READ);
        }
    }

    /// Copies held slices that would keep a whole block of the capture in memory.
    pub fn settle(&mut self) {
        self.directions.iter_mut().for_each(|direction| direction.records.settle());
    }

    /// Returns what the connection agreed on, as far as it is known.
    pub fn names(&self) -> TlsNames {
        let negotiation = &self.negotiation;
        TlsNames {
            version: negotiation.version(),
            suite: negotiation.suite().map(|suite| suite.to_string().into()),
            sni: negotiation.server_name().map(Into::into),
            alpn: negotiation.alpn.clone(),
        }
    }

    /// Returns what is known of the connection, with the secrets that are known.
    pub fn fact(&self, store: &KeyStore) -> TlsFact {
        let counts = self
            .directions
            .each_ref()
            .map(|direction| RecordCounts { skipped: direction.records.skipped(), ..direction.counts });
        let records = self.client.unwrap_or(End::A).client_first(counts);
        let undecrypted = records.iter().any(|side| side.undecrypted > 0) || self.is_waiting();
        let has_opened = self.directions.iter().any(|direction| direction.has_opened);
        let negotiation = &self.negotiation;
        TlsFact {
            version: negotiation.version(),
            suite: negotiation.suite().map(|suite| suite.to_string().into()),
            sni: negotiation.server_name().map(Into::into),
            alpn: negotiation.alpn.clone(),
            alpn_offered: negotiation.alpn_offered().to_vec(),
            certificate: negotiation.certificate(),
            is_resumed: negotiation.is_resumed(),
            handshake_ns: negotiation.handshake_ns(),
            client_random: negotiation.random.map(|random| random.0),
            is_identified: negotiation.identified_random().is_some(),
            has_secrets: negotiation.random.is_some_and(|random| store.knows(&random)),
            closed: self
                .client
                .unwrap_or(End::A)
                .client_first(self.directions.each_ref().map(|it| it.has_closed)),
            decrypted: match (has_opened, undecrypted) {
                (false, _) => Decrypted::Nothing,
                (true, true) => Decrypted::Partly,
                (true, false) => Decrypted::Everything,
            },
            records,
        }
    }

    fn direction(&mut self, end: End) -> &mut Direction {
        end.split_mut(&mut self.directions).0
    }

    /// Returns the role of an end.
    fn side(&self, end: End) -> Side {
        end.side(self.client.unwrap_or(End::A))
    }

    /// Returns the role of an end in words, for findings: without a hello it is not known.
    fn role(&self, end: End) -> &'static str {
        self.client.map_or("one end", |client| end.side(client).name())
    }

    /// Reads the records that are complete.
    fn read(&mut self, from: End, cx: &mut Context<'_, '_>) {
        while let Some(next) = self.direction(from).records.next() {
            match next {
                Next::Record(record) => {
                    self.count(from, &record);
                    self.event(from, Event::Record(record), cx);
                }
                Next::Candidate(record) => self.candidate(from, record, cx),
                Next::Invalid { bytes, span, is_sure } => {
                    if is_sure {
                        let detail = if bytes.starts_with(b"HTTP/") {
                            format!("{} sent plain HTTP: it speaks no TLS at this port", self.role(from))
                        } else {
                            format!("{} sent {:02x?}…", self.role(from), &bytes[..])
                        };
                        cx.sink.findings.add(Code::TlsBadRecord, span.end, detail);
                    }
                    let gap = Event::Gap { records: u64::MAX, why: Degraded::NOT_READ, at: span.end };
                    self.event(from, gap, cx);
                }
            }
        }
    }

    /// Takes what may be a record: it is one if it opens. What cannot be opened yet is taken for
    /// one.
    fn candidate(&mut self, from: End, record: Record, cx: &mut Context<'_, '_>) {
        let can_try = self.waiting.is_empty() && !self.budget.is_spent();
        let outcome = if can_try { self.record(from, &record, cx) } else { Outcome::Wait };
        if outcome == Outcome::Unreadable && !self.has_given_up {
            self.direction(from).records.reject();
            return;
        }
        self.direction(from).records.accept(&record);
        self.count(from, &record);
        match outcome {
            Outcome::Done => {}
            Outcome::Wait => self.event(from, Event::Record(record), cx),
            Outcome::Unreadable => self.unreadable(from, &record, cx),
        }
    }

    /// Counts a record, and times the handshake, which both ends end with their first encrypted
    /// record (of TLS 1.3: the client).
    fn count(&mut self, from: End, record: &Record) {
        let content_type = record.header.content_type;
        let version = self.negotiation.version();
        let direction = self.direction(from);
        if content_type == ContentType::CHANGE_CIPHER_SPEC {
            direction.has_switched = true;
            return;
        }
        let has_switched = direction.has_switched && version != Some(TlsVersion::V13);
        if !has_switched && content_type != ContentType::APPLICATION_DATA {
            return;
        }
        direction.counts.records += 1;
        direction.counts.bytes += record.header.record_len() as u64;
        let is_end = match version {
            Some(TlsVersion::V13) => self.client == Some(from) && self.early.verdict == Verdict::Rejected,
            Some(_) => self.directions.iter().all(|direction| direction.counts.records > 0),
            None => false,
        };
        if is_end {
            self.negotiation.ended(record.span.end.time);
        }
    }

    /// Takes an event in its turn.
    fn event(&mut self, from: End, event: Event, cx: &mut Context<'_, '_>) {
        if !self.waiting.is_empty() {
            self.waiting.push(from, event);
        } else if let Some(event) = self.handle(from, event, cx) {
            self.waiting.push(from, event);
        }
    }

    fn drain(&mut self, cx: &mut Context<'_, '_>) {
        while let Some((from, event)) = self.waiting.pop() {
            if let Some(event) = self.handle(from, event, cx) {
                self.waiting.push_front(from, event);
                return;
            }
        }
    }

    /// Handles an event; returns it if it has to wait.
    fn handle(&mut self, from: End, event: Event, cx: &mut Context<'_, '_>) -> Option<Event> {
        match event {
            Event::Record(record) => match self.record(from, &record, cx) {
                Outcome::Done => {}
                Outcome::Wait => return Some(Event::Record(record)),
                Outcome::Unreadable => self.unreadable(from, &record, cx),
            },
            Event::Gap { records, why, at } => {
                self.direction(from).messages.clear();
                self.lose(from, records, (why, at), cx);
            }
            Event::Eof { how, at } => self.end(from, how, at, cx),
        }
        None
    }

    /// A record cannot be opened, although nothing is waited for.
    fn unreadable(&mut self, from: End, record: &Record, cx: &mut Context<'_, '_>) {
        let at = record.span.end;
        let is_known = self.negotiation.random.is_some_and(|random| cx.store.knows(&random));
        let side = self.side(from).name();
        let direction = self.direction(from);
        direction.counts.undecrypted += 1;
        if is_known && !direction.is_reported {
            direction.is_reported = true;
            let why = if direction.is_in_sequence() {
                "it does not authenticate"
            } else {
                "no sequence number fits after records that are missing"
            };
            let detail = format!("a record of the {side}: {why}");
            cx.sink.findings.add(Code::TlsUndecrypted, at, detail);
        }
        self.lose(from, 1, (Degraded::NOT_READ, at), cx);
    }

    /// Records of a direction are lost.
    fn lose(&mut self, from: End, records: u64, (why, at): (Degraded, Origin), cx: &mut Context<'_, '_>) {
        let direction = self.direction(from);
        direction.lose(records);
        direction.gap.get_or_insert((why, at)).0.add(why);
        if self.has_data {
            self.flush_gap(from, cx);
        }
    }

    /// Passes on that something is missing.
    fn flush_gap(&mut self, from: End, cx: &mut Context<'_, '_>) {
        if let Some((why, at)) = self.direction(from).gap.take() {
            cx.sink.out.push((from, Feed::Gap { len: 0, why, at }));
        }
    }

    /// Passes application data on.
    fn emit(&mut self, from: End, content: Bytes, span: Span, cx: &mut Context<'_, '_>) {
        if content.is_empty() || self.direction(from).is_closed {
            return;
        }
        self.flush_gap(from, cx);
        if !self.has_data {
            self.has_data = true;
            self.flush_gap(from.other(), cx);
        }
        cx.sink.out.push((from, Feed::Data(content, span)));
    }

    /// A direction ended: with close_notify, or as TCP says.
    fn end(&mut self, from: End, how: Ending<End>, at: Origin, cx: &mut Context<'_, '_>) {
        if self.direction(from).is_closed {
            return;
        }
        self.flush_gap(from, cx);
        self.direction(from).is_closed = true;
        cx.sink.out.push((from, Feed::Eof { how, at }));
    }

    /// Nothing is waited for any more: what can be opened is, the rest is a gap.
    fn give_up(&mut self, why: &str, cx: &mut Context<'_, '_>) {
        let since = self.waiting.since().unwrap_or_default();
        self.stop_waiting(why, since, cx);
        self.drain(cx);
    }

    /// Later records do not wait for secrets. `at` is the first record that cannot be opened.
    fn stop_waiting(&mut self, why: &str, at: Origin, cx: &mut Context<'_, '_>) {
        if self.has_given_up {
            return;
        }
        self.has_given_up = true;
        let missing = self.negotiation.missing_secret(cx.store);
        let is_cut_short =
            self.negotiation.random.is_none() && !cx.store.is_empty() && self.budget.is_spent();
        let why = if why.is_empty() && is_cut_short { "not all of them were tried" } else { why };
        let reason = if why.is_empty() { String::new() } else { format!("; {why}") };
        cx.sink.findings.add(Code::TlsNoSecret, at, format!("{missing}{reason}"));
    }
}
