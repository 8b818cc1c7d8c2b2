//! One session in as much detail as is needed, and access to several at once.

use super::handle::SessionIndex;
use super::record::Session;
use super::session::SessionState;
use super::session_key::SessionKey;
use crate::base::{Account, Degraded};

/// One session, in as much detail as is needed.
#[derive(Debug)]
pub(super) enum Slot {
    Active(Box<SessionState>),
    Quiet(Box<Quiet>),
    Evicted,
}

/// What is kept of a session that was silent for a while.
#[derive(Debug)]
pub(super) struct Quiet {
    pub(super) record: Session,
    pub(super) keys: Vec<SessionKey>,
    /// Why anything of it may be missing.
    missing: Degraded,
}

impl Quiet {
    pub(super) fn of(session: SessionState) -> Self {
        let missing = session.missing();
        let (record, keys) = session.into_parts();
        Self { record, keys, missing }
    }
}

impl Slot {
    /// About what is allocated for it, in bytes, its entries in tables included.
    pub(super) fn allocated(&self) -> usize {
        /// An entry in each of the tables, by key and by client.
        const ENTRIES: usize = 256;
        let state = match self {
            Self::Active(session) => session.allocated(),
            Self::Quiet(quiet) => {
                let keys: usize = quiet.keys.iter().map(SessionKey::allocated).sum();
                size_of_val(&**quiet) + quiet.record.text_len() + keys
            }
            Self::Evicted => return size_of::<Self>() + size_of::<Account>(),
        };
        size_of::<Self>() + ENTRIES + state
    }

    pub(super) fn active(&self) -> Option<&SessionState> {
        match self {
            Self::Active(session) => Some(session),
            Self::Quiet(_) | Self::Evicted => None,
        }
    }

    pub(super) fn active_mut(&mut self) -> Option<&mut SessionState> {
        match self {
            Self::Active(session) => Some(session),
            Self::Quiet(_) | Self::Evicted => None,
        }
    }

    pub(super) fn record(&self) -> Option<&Session> {
        match self {
            Self::Active(session) => Some(session.record()),
            Self::Quiet(quiet) => Some(&quiet.record),
            Self::Evicted => None,
        }
    }

    pub(super) fn into_parts(self) -> Option<(Session, Vec<SessionKey>)> {
        match self {
            Self::Active(session) => Some(session.into_parts()),
            Self::Quiet(quiet) => Some((quiet.record, quiet.keys)),
            Self::Evicted => None,
        }
    }
}

/// Every session but one, which is borrowed on its own: see
/// [`Sessions::split`](super::session_table::Sessions::split).
#[derive(Debug)]
pub(super) struct OtherSessions<'a> {
    before: &'a mut [Slot],
    after: &'a mut [Slot],
}

impl<'a> OtherSessions<'a> {
    /// The sessions before and after the one that is split off.
    pub(super) fn new(before: &'a mut [Slot], after: &'a mut [Slot]) -> Self {
        Self { before, after }
    }

    /// The session; `None` if it is quiet, evicted, or the one that was split off.
    pub(super) fn get_mut(&mut self, index: SessionIndex) -> Option<&mut SessionState> {
        let slot = match index.position().checked_sub(self.before.len()) {
            None => self.before.get_mut(index.position()),
            Some(0) => None,
            Some(behind) => self.after.get_mut(behind - 1),
        };
        slot?.active_mut()
    }

    /// The record of a session, and why anything of it may be missing, also if it is quiet.
    pub(super) fn record(&self, index: SessionIndex) -> Option<(&Session, Degraded)> {
        let slot = match index.position().checked_sub(self.before.len()) {
            None => self.before.get(index.position()),
            Some(0) => None,
            Some(behind) => self.after.get(behind - 1),
        };
        match slot? {
            Slot::Active(session) => Some((session.record(), session.missing())),
            Slot::Quiet(quiet) => Some((&quiet.record, quiet.missing)),
            Slot::Evicted => None,
        }
    }
}
