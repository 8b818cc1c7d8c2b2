//! Requests with which a client opens a session, or asks how to.

use crate::rpc::{Implementation, Look};

/// The attempts of a client to open a session: `initialize`, `server/discover`.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    sent: u32,
    failed: u32,
    /// Whether the session has anything else.
    has_more: bool,
    /// Name and version of the client, if an attempt had them.
    client: Option<Implementation>,
}

impl Attempts {
    /// Those of a session whose past is not known.
    pub(super) fn unknown() -> Self {
        Self { has_more: true, ..Self::default() }
    }

    /// Counts a request of the client. `opens` says whether it is an attempt.
    pub(super) fn count(&mut self, opens: bool, look: &Look) {
        if !opens || self.has_more {
            self.has_more = true;
            return;
        }
        self.sent += 1;
        if look.client_info.is_some() {
            self.client.clone_from(&look.client_info);
        }
    }

    /// An attempt failed, or the capture lacks whether its answer names a session.
    pub(super) fn fail(&mut self) {
        self.failed += 1;
    }

    /// Whether there is nothing but attempts, and all of them failed.
    pub(super) fn have_failed(&self) -> bool {
        !self.has_more && self.sent > 0 && self.failed >= self.sent
    }

    /// Whether there is anything else than attempts.
    pub(super) fn has_more(&self) -> bool {
        self.has_more
    }

    /// Whether they were those of another program than `client`.
    pub(super) fn have_other_client(&self, client: &Implementation) -> bool {
        self.client.as_ref().is_some_and(|own| own != client)
    }
}
