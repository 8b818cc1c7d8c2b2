//! How far a session is initialized.

use std::net::IpAddr;

use crate::base::{Timestamp, limits};

/// What was seen of the handshake of a session.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lifecycle {
    is_initialize_seen: bool,
    /// Address of the client, and time, of the latest `initialize`.
    initialize: Option<(IpAddr, Timestamp)>,
    is_initialized: bool,
    is_use_reported: bool,
}

impl Lifecycle {
    /// That of a session whose past is not known; `is_used`: it has exchanges.
    pub(super) fn of_past(is_used: bool) -> Self {
        Self { is_initialize_seen: is_used, is_initialized: is_used, ..Self::default() }
    }

    /// Whether a request `initialize` was seen.
    pub(super) fn is_initialize_seen(self) -> bool {
        self.is_initialize_seen
    }

    /// A client sent `initialize`.
    pub(super) fn set_initialize_seen(&mut self, client: IpAddr, at: Timestamp) {
        self.is_initialize_seen = true;
        self.initialize = Some((client, at));
    }

    /// Whether an `initialize` is the one that was seen, captured on the other side of a NAT, too.
    pub(super) fn has_translated(self, client: IpAddr, at: Timestamp) -> bool {
        self.initialize.is_some_and(|(other, seen)| {
            other != client && at.since(seen).saturating_abs() <= limits::DUPLICATE_WAIT
        })
    }

    /// Whether the client sent `notifications/initialized`.
    pub(super) fn is_initialized(self) -> bool {
        self.is_initialized
    }

    pub(super) fn set_initialized(&mut self) {
        self.is_initialized = true;
    }

    /// Whether a finding may say that the session was used before.
    pub(super) fn is_use_reported(self) -> bool {
        self.is_use_reported
    }

    pub(super) fn set_use_reported(&mut self) {
        self.is_use_reported = true;
    }
}
