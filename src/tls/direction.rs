//! One direction of a TLS connection: its records, its keys, and its place in the sequence of
//! records.
//!
//! ```text
//!   1.3   Early ──EndOfEarlyData──▶ Handshake ──Finished──▶ Application ─KeyUpdate─▶ Application …
//!         (0-RTT, client only)               each with its own secret, from record 0
//!   1.2   clear ──ChangeCipherSpec──▶ keys of the handshake before it, from record 0
//! ```
//!
//! After a loss neither stage nor sequence number is sure: the following ones are tried, under
//! [`limits::MAX_SEQUENCES`], until the record authenticates.

use super::handshake::Messages;
use super::opener::{Opener, Plain, Randoms};
use super::record::{Record, Records};
use super::schedule;
use super::secret::{ClientRandom, Label, Secret};
use super::store::KeyStore;
use super::suite::Suite;
use super::trials::TrialBudget;
use crate::base::tls::RecordCounts;
use crate::base::{Degraded, Origin, Side, limits};

/// Which secret of TLS 1.3 a direction uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// The client's early data.
    Early,
    #[default]
    Handshake,
    Application,
}

impl Stage {
    const ALL: [Self; 3] = [Self::Early, Self::Handshake, Self::Application];

    /// Returns the label of the secret that `side` uses; `None` for a server's early data.
    pub(super) fn label(self, side: Side) -> Option<Label> {
        Some(match (self, side) {
            (Self::Early, Side::Client) => Label::ClientEarly,
            (Self::Early, Side::Server) => return None,
            (Self::Handshake, Side::Client) => Label::ClientHandshake,
            (Self::Handshake, Side::Server) => Label::ServerHandshake,
            (Self::Application, Side::Client) => Label::ClientApplication,
            (Self::Application, Side::Server) => Label::ServerApplication,
        })
    }
}

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Direction {
    pub(super) records: Records,
    pub(super) messages: Messages,
    pub(super) stage: Stage,
    /// The keys of TLS 1.2 since the last ChangeCipherSpec; `None` before the first one.
    pub(super) epoch: Option<Epoch>,
    opener: Option<Opener>,
    /// The traffic secret of `opener`, for the next KeyUpdate.
    secret: Option<Secret>,
    /// Sequence number of the next record.
    sequence: u64,
    /// Records that were lost since the last one that was opened, at most.
    lost: u64,
    /// A gap that the layer above does not know yet.
    pub(super) gap: Option<(Degraded, Origin)>,
    /// Whether a record was opened.
    pub(super) has_opened: bool,
    /// Whether a ChangeCipherSpec was seen.
    pub(super) has_switched: bool,
    /// Whether a KeyUpdate or a renegotiation changed the keys: record 0 is no longer the first.
    has_changed: bool,
    /// Whether it is reported that records cannot be opened.
    pub(super) is_reported: bool,
    /// Whether the end was emitted.
    pub(super) is_closed: bool,
    /// Whether it ended with `close_notify`.
    pub(super) has_closed: bool,
    pub(super) counts: RecordCounts,
}

/// What the keys of TLS 1.2 depend on, besides the master secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Epoch {
    pub(super) suite: Suite,
    pub(super) encrypt_then_mac: bool,
    pub(super) randoms: Randoms,
}

/// The secrets of one direction of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Secrets<'a> {
    pub(super) store: &'a KeyStore,
    pub(super) random: ClientRandom,
    pub(super) suite: Suite,
    pub(super) side: Side,
}

impl Secrets<'_> {
    pub(super) fn of(&self, stage: Stage) -> Option<Secret> {
        self.store.get(&self.random, stage.label(self.side)?)
    }
}

impl Direction {
    /// Opens a record of TLS 1.3; `None` if no known secret opens it.
    pub(super) fn open_v13(
        &mut self,
        secrets: &Secrets<'_>,
        record: &Record,
        budget: &mut TrialBudget,
    ) -> Option<Plain> {
        if self.opener.is_none()
            && let Some(secret) = secrets.of(self.stage)
        {
            self.opener = Opener::v13(secrets.suite, &secret);
            self.secret = Some(secret);
        }
        if let Some(opener) = &self.opener
            && let Some((plain, sequence)) = search(opener, record, (self.sequence, self.lost), budget)
        {
            self.opened(sequence);
            return Some(plain);
        }
        if self.lost > 0
            && self.stage == Stage::Application
            && let Some(next) =
                self.secret.as_ref().and_then(|secret| schedule::next_secret(secrets.suite.hash(), secret))
            && let Some(plain) = self.open_with(next, secrets, record, budget)
        {
            return Some(plain);
        }
        let current = self.stage;
        for stage in Stage::ALL.into_iter().filter(|stage| *stage > current) {
            if let Some(secret) = secrets.of(stage)
                && let Some(plain) = self.open_with(secret, secrets, record, budget)
            {
                self.stage = stage;
                return Some(plain);
            }
        }
        None
    }

    /// Opens a record with another secret, from its first record on; if it opens, the direction
    /// uses that secret from now on.
    fn open_with(
        &mut self,
        secret: Secret,
        secrets: &Secrets<'_>,
        record: &Record,
        budget: &mut TrialBudget,
    ) -> Option<Plain> {
        let opener = Opener::v13(secrets.suite, &secret)?;
        let (plain, sequence) = search(&opener, record, (0, self.lost), budget)?;
        self.messages.clear();
        self.has_changed |= self.stage == Stage::Application;
        self.opener = Some(opener);
        self.secret = Some(secret);
        self.opened(sequence);
        Some(plain)
    }

    /// Opens a record of TLS 1.2 with the keys of its epoch. `latest` are those of the last
    /// handshake: the ChangeCipherSpec that begins them may be lost.
    pub(super) fn open_v12(
        &mut self,
        (side, latest): (Side, Epoch),
        store: &KeyStore,
        record: &Record,
        budget: &mut TrialBudget,
    ) -> Option<Plain> {
        let current = *self.epoch.get_or_insert(latest);
        let opener_of = |epoch: Epoch| {
            let master = store.get(&epoch.randoms.client, Label::Master)?;
            Opener::v12((epoch.suite, epoch.encrypt_then_mac), &master, &epoch.randoms, side)
        };
        if self.opener.is_none() {
            self.opener = opener_of(current);
        }
        if let Some(opener) = &self.opener
            && let Some((plain, sequence)) = search(opener, record, (self.sequence, self.lost), budget)
        {
            self.opened(sequence);
            return Some(plain);
        }
        if self.lost == 0 || current == latest {
            return None;
        }
        let opener = opener_of(latest)?;
        let (plain, sequence) = search(&opener, record, (0, self.lost), budget)?;
        (self.epoch, self.opener, self.has_changed) = (Some(latest), Some(opener), true);
        self.opened(sequence);
        Some(plain)
    }

    /// The next record is the first one with other keys.
    pub(super) fn change_keys(&mut self, stage: Stage) {
        self.stage = stage;
        self.restart();
    }

    /// A ChangeCipherSpec of TLS 1.2: the keys of `epoch` begin.
    pub(super) fn begin_epoch(&mut self, epoch: Epoch) {
        self.has_changed |= self.epoch.is_some();
        self.epoch = Some(epoch);
        self.restart();
    }

    fn restart(&mut self) {
        (self.opener, self.secret, self.sequence) = (None, None, 0);
        self.messages.clear();
    }

    /// A KeyUpdate: the next secret follows from the current one (RFC 8446 section 7.2).
    pub(super) fn update_key(&mut self, suite: Suite) {
        let next = self.secret.as_ref().and_then(|secret| schedule::next_secret(suite.hash(), secret));
        if let Some(next) = next {
            self.has_changed = true;
            (self.opener, self.sequence) = (Opener::v13(suite, &next), 0);
            self.secret = Some(next);
        }
    }

    /// Records were lost, `records` at most.
    pub(super) fn lose(&mut self, records: u64) {
        self.lost = self.lost.saturating_add(records);
    }

    /// Returns whether the place in the sequence of records is sure.
    pub(super) fn is_in_sequence(&self) -> bool {
        self.lost == 0
    }

    fn opened(&mut self, sequence: u64) {
        // Before these there was no application data: what was lost is of no importance. (In TLS
        // 1.2 record 0 is Finished.)
        let is_first = if self.epoch.is_some() { sequence <= 1 } else { sequence == 0 };
        if is_first && !self.has_changed {
            self.gap = None;
        }
        self.sequence = sequence.saturating_add(1);
        self.lost = 0;
        self.has_opened = true;
        self.is_reported = false;
    }
}

/// Opens a record with `first` as its sequence number, or one of the `lost` that follow. Returns
/// the number that fits.
fn search(
    opener: &Opener,
    record: &Record,
    (first, lost): (u64, u64),
    budget: &mut TrialBudget,
) -> Option<(Plain, u64)> {
    if let Some(plain) = opener.open(record, first) {
        return Some((plain, first));
    }
    let last = first.saturating_add(lost.min(limits::MAX_SEQUENCES));
    for sequence in first.saturating_add(1)..=last {
        if !budget.spend(record) {
            return None;
        }
        if let Some(plain) = opener.open(record, sequence) {
            return Some((plain, sequence));
        }
    }
    None
}
