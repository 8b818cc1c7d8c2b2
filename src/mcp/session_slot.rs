//! One session in as much detail as is needed.

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
    /// The number of this silence among those of all sessions.
    pub(super) silence: u64,
    /// Why anything of it may be missing.
    missing: Degraded,
}

impl Quiet {
    pub(super) fn of(session: SessionState, silence: u64) -> Self {
        let missing = session.missing();
        let (record, keys) = session.into_parts();
        Self { record, keys, silence, missing }
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

    pub(super) fn is_active(&self) -> bool {
        matches!(self, Self::Active(_))
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

    /// The record, and why anything of the session may be missing; `None` if it was evicted.
    pub(super) fn record_and_missing(&self) -> Option<(&Session, Degraded)> {
        match self {
            Self::Active(session) => Some((session.record(), session.missing())),
            Self::Quiet(quiet) => Some((&quiet.record, quiet.missing)),
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
