//! One TLS connection: takes what its ends sent, yields what they said.
//!
//! ```text
//!   Feed ─▶ Records ─▶ Event ──secrets known──▶ Direction::open ─▶ handshake, alert, Feed of plaintext
//!                        └───not yet─▶ Waiting ────────┘ when they come, or nothing more is waited for
//! ```
//!
//! A piece of plaintext has the packets of its record: that is when it could be read, and what a
//! reader finds in Wireshark. A record that cannot be opened is a gap.

use bytes::Bytes;

use super::alert;
use super::direction::{Budget, Direction, Secrets, Stage};
use super::early::{Early, Verdict};
use super::handshake::{Certificate, ClientHello, Message, MessageType, ServerHello, encrypted_extensions};
use super::identify::identify;
use super::negotiation::Negotiation;
use super::opener::Plain;
use super::record::{ContentType, Next, Record};
use super::secret::Label;
use super::store::KeyStore;
use super::waiting::{Event, Waiting};
use crate::base::tls::{Decrypted, RecordCounts, TlsFact, TlsVersion};
use crate::base::{Code, Degraded, End, Ending, Feed, Finding, Findings, Origin, Side, Sink, Span};

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
    budget: Budget,
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
    pub fn push(&mut self, from: End, feed: Feed<End>, store: &KeyStore, sink: &mut Sink<'_, Plaintext>) {
        let now = feed.at();
        let mut cx = Context { store, sink };
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
    }

    /// Opens what waits, with the secrets that are known now.
    pub fn retry(&mut self, store: &KeyStore, sink: &mut Sink<'_, Plaintext>) {
        self.drain(&mut Context { store, sink });
    }

    /// Waits no longer for secrets. `why` is a reason other than the end of the connection.
    pub fn conclude(&mut self, why: Option<&str>, store: &KeyStore, sink: &mut Sink<'_, Plaintext>) {
        if !self.waiting.is_empty() {
            self.give_up(why.unwrap_or_default(), &mut Context { store, sink });
        }
    }

    /// Returns the client; `None` if no hello was captured.
    pub fn client(&self) -> Option<End> {
        self.client
    }

    /// Returns whether secrets that come later may change something.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Returns the number of bytes that wait for secrets.
    pub fn waiting(&self) -> usize {
        self.waiting.bytes() + self.early.held()
    }

    /// Returns the number of bytes held for records and messages that are not complete.
    pub fn held(&self) -> usize {
        self.directions.iter().map(|direction| direction.records.held() + direction.messages.held()).sum()
    }

    /// Drops incomplete records and messages, because a cap was reached at packet `at`.
    pub fn shed(&mut self, at: Origin, findings: &mut Findings) {
        if self.held() == 0 {
            return;
        }
        let detail = "an incomplete record or message was dropped: too many bytes are held";
        findings.add(Code::TlsUndecrypted, at, detail);
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

    /// Returns what is known of the connection.
    pub fn fact(&self) -> TlsFact {
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
            client_random: negotiation.random.map(|random| random.to_string().into()),
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

    /// Reads the records that are complete.
    fn read(&mut self, from: End, cx: &mut Context<'_, '_>) {
        while let Some(next) = self.direction(from).records.next() {
            match next {
                Next::Record(record) => {
                    self.count(from, &record);
                    self.event(from, Event::Record(record), cx);
                }
                Next::Candidate(record) => self.candidate(from, record, cx),
                Next::Invalid { bytes, span } => {
                    let detail = format!("{} sent {:02x?}…", self.side(from).name(), &bytes[..]);
                    cx.sink.findings.add(Code::TlsBadRecord, span.end, detail);
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

    /// Reads a record.
    fn record(&mut self, from: End, record: &Record, cx: &mut Context<'_, '_>) -> Outcome {
        let content_type = record.header.content_type;
        let is_data = content_type == ContentType::APPLICATION_DATA;
        let version = self.negotiation.version();
        let has_epoch = self.direction(from).epoch.is_some();
        if !is_data && (version == Some(TlsVersion::V13) || !has_epoch) {
            let plain = Plain { content_type, content: record.body.clone() };
            self.content(from, plain, record.span, cx);
            return Outcome::Done;
        }
        if !self.negotiation.is_supported() {
            self.direction(from).counts.undecrypted += 1;
            return Outcome::Done;
        }
        if version.is_none()
            && self.early.verdict == Verdict::Undecided
            && self.client == Some(from)
            && self.early.keep(record)
        {
            return Outcome::Done;
        }
        if self.negotiation.random.is_none() || version.is_none() {
            self.identify(from, record, cx);
        }
        match self.negotiation.version() {
            Some(TlsVersion::V13) => self.open_v13(from, record, cx),
            Some(_) => self.open_v12(from, record, cx),
            None => self.cannot_open(),
        }
    }

    /// The outcome for a record whose secret is not known.
    fn cannot_open(&self) -> Outcome {
        if self.has_given_up { Outcome::Unreadable } else { Outcome::Wait }
    }

    /// Finds out whose record it is, if hellos are missing.
    fn identify(&mut self, from: End, record: &Record, cx: &mut Context<'_, '_>) {
        if cx.store.is_empty() {
            return;
        }
        let side = self.client.map(|client| from.side(client));
        let Some(found) = identify(record, side, &self.negotiation, cx.store, &mut self.budget) else {
            return;
        };
        self.negotiation.identified(found.random, found.version, found.suite);
        self.client = Some(if found.side == Side::Client { from } else { from.other() });
        for end in End::BOTH {
            let direction = self.direction(end);
            if found.version == TlsVersion::V13 {
                direction.change_keys(found.stage);
            }
            direction.lose(u64::MAX);
            direction.gap.get_or_insert((Degraded::MIDSTREAM, record.span.start));
        }
    }

    fn open_v13(&mut self, from: End, record: &Record, cx: &mut Context<'_, '_>) -> Outcome {
        let (Some(random), Some(suite)) = (self.negotiation.random, self.negotiation.suite()) else {
            return self.cannot_open();
        };
        let is_known = |side: Side| {
            Stage::Application.label(side).is_some_and(|label| cx.store.get(&random, label).is_some())
        };
        if !self.has_given_up && !Side::BOTH.into_iter().all(is_known) {
            return Outcome::Wait;
        }
        let secrets = Secrets { store: cx.store, random, suite, side: self.side(from) };
        let is_early = secrets.side == Side::Client && self.direction(from).stage == Stage::Early;
        if is_early && self.early.verdict == Verdict::Undecided {
            return self.open_undecided(from, &secrets, record, cx);
        }
        let (direction, _) = from.split_mut(&mut self.directions);
        if let Some(plain) = direction.open_v13(&secrets, record, &mut self.budget) {
            self.content(from, plain, record.span, cx);
            return Outcome::Done;
        }
        // A handshake message whose secret is not known, or early data that the server did not
        // read: the first record of application data will tell.
        let is_data = direction.stage == Stage::Application || is_early;
        if !is_data && secrets.of(Stage::Application).is_some() {
            return Outcome::Done;
        }
        Outcome::Unreadable
    }

    /// Opens a record of a client that announced early data, before the server's answer to that is
    /// known: it is early data, unless it opens as what follows.
    fn open_undecided(
        &mut self,
        from: End,
        secrets: &Secrets<'_>,
        record: &Record,
        cx: &mut Context<'_, '_>,
    ) -> Outcome {
        let (direction, _) = from.split_mut(&mut self.directions);
        direction.change_keys(Stage::Handshake);
        let Some(plain) = direction.open_v13(secrets, record, &mut self.budget) else {
            direction.change_keys(Stage::Early);
            return if self.early.keep(record) { Outcome::Done } else { Outcome::Unreadable };
        };
        // Accepted early data is followed by EndOfEarlyData, which is encrypted like it. Where the
        // handshake cannot be read, nothing says that it was refused.
        let is_accepted = direction.stage == Stage::Application;
        let kept = self.early.decide(if is_accepted { Verdict::Accepted } else { Verdict::Rejected });
        let mut early = Direction::default();
        early.change_keys(Stage::Early);
        for kept in kept.iter().filter(|_| is_accepted) {
            if let Some(Plain { content_type: ContentType::APPLICATION_DATA, content }) =
                early.open_v13(secrets, kept, &mut self.budget)
            {
                self.emit(from, content, kept.span, cx);
            }
        }
        self.content(from, plain, record.span, cx);
        Outcome::Done
    }

    /// The server answered whether it reads the early data.
    fn decide_early(&mut self, is_accepted: bool, cx: &mut Context<'_, '_>) {
        let Some(client) = self.client.filter(|_| self.early.verdict == Verdict::Undecided) else { return };
        if !is_accepted {
            drop(self.early.decide(Verdict::Rejected));
            self.direction(client).change_keys(Stage::Handshake);
            return;
        }
        for record in self.early.decide(Verdict::Accepted) {
            if self.record(client, &record, cx) != Outcome::Done {
                self.unreadable(client, &record, cx);
            }
        }
    }

    fn open_v12(&mut self, from: End, record: &Record, cx: &mut Context<'_, '_>) -> Outcome {
        let Some(latest) = self.negotiation.epoch() else { return self.cannot_open() };
        let side = self.side(from);
        let (direction, _) = from.split_mut(&mut self.directions);
        let random = direction.epoch.unwrap_or(latest).randoms.client;
        if cx.store.get(&random, Label::Master).is_none() {
            return self.cannot_open();
        }
        match direction.open_v12((side, latest), cx.store, record, &mut self.budget) {
            Some(plain) => {
                self.content(from, plain, record.span, cx);
                Outcome::Done
            }
            None => Outcome::Unreadable,
        }
    }

    /// Takes the content of a record.
    fn content(&mut self, from: End, plain: Plain, span: Span, cx: &mut Context<'_, '_>) {
        match plain.content_type {
            ContentType::APPLICATION_DATA => self.emit(from, plain.content, span, cx),
            ContentType::HANDSHAKE => {
                self.direction(from).messages.push(&plain.content);
                while let Some(message) = self.direction(from).messages.next() {
                    self.message(from, &message, span, cx);
                }
            }
            ContentType::ALERT => self.alert(from, &plain.content, span, cx),
            // In TLS 1.3 it has no meaning (RFC 8446 appendix D.4).
            ContentType::CHANGE_CIPHER_SPEC if self.negotiation.version() != Some(TlsVersion::V13) => {
                match self.negotiation.epoch() {
                    Some(epoch) => self.direction(from).begin_epoch(epoch),
                    // Finished follows, and then the first record of data.
                    None => self.direction(from).lose(2),
                }
            }
            _ => {}
        }
    }

    fn message(&mut self, from: End, message: &Message, span: Span, cx: &mut Context<'_, '_>) {
        let findings = &mut *cx.sink.findings;
        let version = self.negotiation.version();
        match message.message_type {
            MessageType::CLIENT_HELLO => {
                let Some(hello) = ClientHello::read(&message.body) else { return };
                self.client.get_or_insert(from);
                if version.is_none() {
                    // The second one, after a HelloRetryRequest, never announces early data.
                    let has_early_data = hello.has_early_data;
                    drop(self.early.decide(if has_early_data {
                        Verdict::Undecided
                    } else {
                        Verdict::Rejected
                    }));
                    let stage = if has_early_data { Stage::Early } else { Stage::Handshake };
                    self.direction(from).change_keys(stage);
                }
                self.negotiation.offered(hello, span);
            }
            MessageType::SERVER_HELLO => {
                let Some(hello) = ServerHello::read(&message.body) else { return };
                self.client.get_or_insert(from.other());
                if hello.is_retry() {
                    self.decide_early(false, cx);
                } else {
                    let is_v13 = TlsVersion(hello.version) == TlsVersion::V13;
                    self.negotiation.chosen(hello, span.end, findings);
                    if !is_v13 {
                        self.decide_early(false, cx);
                    }
                }
            }
            MessageType::CERTIFICATE if self.client == Some(from.other()) => {
                let is_v13 = version == Some(TlsVersion::V13);
                if let Some(certificate) = Certificate::read_message(&message.body, is_v13) {
                    self.negotiation.certified(certificate, span.end, findings);
                }
            }
            _ if version == Some(TlsVersion::V13) => self.message_v13(from, message, cx),
            _ => {}
        }
    }

    /// Takes a message that changes the keys of TLS 1.3.
    fn message_v13(&mut self, from: End, message: &Message, cx: &mut Context<'_, '_>) {
        match message.message_type {
            MessageType::ENCRYPTED_EXTENSIONS => {
                let Some((alpn, accepts_early_data)) = encrypted_extensions(&message.body) else { return };
                self.negotiation.alpn = alpn;
                self.decide_early(accepts_early_data, cx);
            }
            MessageType::END_OF_EARLY_DATA => self.direction(from).change_keys(Stage::Handshake),
            MessageType::FINISHED => self.direction(from).change_keys(Stage::Application),
            MessageType::KEY_UPDATE => {
                if let Some(suite) = self.negotiation.suite() {
                    self.direction(from).update_key(suite);
                }
            }
            _ => {}
        }
    }

    fn alert(&mut self, from: End, content: &[u8], span: Span, cx: &mut Context<'_, '_>) {
        let [level, description] = *content else { return };
        if description == alert::CLOSE_NOTIFY {
            self.end(from, Ending::Closed, span.end, cx);
        } else if alert::is_failure(level, description) {
            let host =
                self.negotiation.server_name().map_or_else(String::new, |host| format!(", host \"{host}\""));
            let detail = format!("{} from the {}{host}", alert::name(description), self.side(from).name());
            cx.sink.findings.add(Code::TlsAlert, span.end, detail);
        }
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
        if !self.has_given_up {
            self.has_given_up = true;
            let missing = self.negotiation.missing_secret();
            let reason = if why.is_empty() { String::new() } else { format!("; {why}") };
            let detail = format!("{missing}{reason}");
            add_finding(cx.sink.findings, Code::TlsNoSecret, self.waiting.since(), detail);
        }
        self.drain(cx);
    }
}

fn add_finding(findings: &mut Findings, code: Code, at: Option<Origin>, detail: String) {
    let finding = Finding { code, at, tcp_stream: None, session: None, exchange: None, count: 1, detail };
    findings.push(finding);
}
