//! Opens the records of a connection: which secret and which keys, early data, and what is missing.

use super::{Connection, Context, Outcome};
use crate::base::tls::TlsVersion;
use crate::base::{Degraded, End, Side};
use crate::tls::direction::{Direction, Secrets, Stage};
use crate::tls::early::Verdict;
use crate::tls::identify::identify;
use crate::tls::opener::Plain;
use crate::tls::record::{ContentType, Record};
use crate::tls::secret::Label;
use crate::tls::store::KeyStore;

impl Connection {
    /// Reads a record.
    pub(super) fn record(&mut self, from: End, record: &Record, cx: &mut Context<'_, '_>) -> Outcome {
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
            None => {
                if !self.has_given_up && self.lacks_hello(cx.store) {
                    self.stop_waiting("", record.span.end, cx);
                }
                self.cannot_open()
            }
        }
    }

    /// Whether a hello is missing for want of which the records cannot be opened, whatever comes.
    fn lacks_hello(&self, store: &KeyStore) -> bool {
        match self.negotiation.random {
            // The keys of TLS 1.2 depend on the ServerHello.
            Some(random) => store.has(&random, Label::Master),
            // None of the known secrets fits; later ones are tried on later records.
            None => !store.is_empty(),
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
        let is_known =
            |side: Side| Stage::Application.label(side).is_some_and(|label| cx.store.has(&random, label));
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
    pub(super) fn decide_early(&mut self, is_accepted: bool, cx: &mut Context<'_, '_>) {
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

    /// Drops the early data while it is undecided; false if there is none.
    pub(super) fn drop_early(&mut self) -> bool {
        if self.early.held() == 0 {
            return false;
        }
        let dropped = self.early.decide(Verdict::Rejected).len() as u64;
        if let Some(client) = self.client {
            let direction = self.direction(client);
            direction.counts.undecrypted += dropped;
            direction.change_keys(Stage::Handshake);
        }
        true
    }

    fn open_v12(&mut self, from: End, record: &Record, cx: &mut Context<'_, '_>) -> Outcome {
        let Some(latest) = self.negotiation.epoch() else { return self.cannot_open() };
        let side = self.side(from);
        let (direction, _) = from.split_mut(&mut self.directions);
        let random = direction.epoch.unwrap_or(latest).randoms.client;
        if !cx.store.has(&random, Label::Master) {
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
}
