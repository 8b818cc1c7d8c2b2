//! What a session knows of its other views: the legs of a proxy.

use super::handle::SessionIndex;

/// Legs of one session that are compared. Chains of proxies have two or three.
const MAX_LEGS: usize = 16;

/// The other views of a session.
#[derive(Debug, Default)]
pub(super) struct Legs {
    others: Vec<SessionIndex>,
    in_front: Option<SessionIndex>,
    has_leg_behind: bool,
    is_uncrossed_reported: bool,
    is_joined: bool,
}

impl Legs {
    /// Adds a session with the same id and another server.
    pub(super) fn add(&mut self, other: SessionIndex) {
        if self.others.len() < MAX_LEGS && !self.others.contains(&other) {
            self.others.push(other);
        }
    }

    /// Adds a session that a header field proves to be another leg: of calls that the proxy answers
    /// itself, or changes, nothing follows.
    pub(super) fn join(&mut self, other: SessionIndex) {
        self.is_joined = true;
        self.add(other);
    }

    /// Whether another leg was found by header fields.
    pub(super) fn is_joined(&self) -> bool {
        self.is_joined
    }

    /// Sessions with the same id and other servers.
    pub(super) fn others(&self) -> &[SessionIndex] {
        &self.others
    }

    /// The leg in front, nearer to the client; `None` if none is known.
    pub(super) fn in_front(&self) -> Option<SessionIndex> {
        self.in_front
    }

    /// Sets the leg in front; returns whether none was known.
    pub(super) fn set_in_front(&mut self, leg: SessionIndex) -> bool {
        let is_first = self.in_front.is_none();
        self.in_front.get_or_insert(leg);
        is_first
    }

    /// Whether a finding tells of a call that did not reach the next leg.
    pub(super) fn is_uncrossed_reported(&self) -> bool {
        self.is_uncrossed_reported
    }

    pub(super) fn set_uncrossed_reported(&mut self) {
        self.is_uncrossed_reported = true;
    }

    /// Whether another leg is behind it.
    pub(super) fn has_leg_behind(&self) -> bool {
        self.has_leg_behind
    }

    pub(super) fn set_has_leg_behind(&mut self) {
        self.has_leg_behind = true;
    }
}
