//! The client's DELETE of a session.

use crate::base::{Origin, PacketNo};

/// How far the client has deleted the session.
#[derive(Debug, Default)]
pub(super) struct Deletion {
    /// The packet with which the client asked for it; `None` if it did not, or if the server
    /// refused.
    requested: Option<Origin>,
    /// The packet that answered it with 2xx.
    answered: Option<PacketNo>,
}

impl Deletion {
    /// The client sent a DELETE.
    pub(super) fn request(&mut self, at: Origin) {
        self.requested.get_or_insert(at);
    }

    /// The server answered with 2xx.
    pub(super) fn grant(&mut self, at: PacketNo) {
        self.answered = Some(at);
    }

    /// The server refused.
    pub(super) fn refuse(&mut self) {
        self.requested = None;
    }

    /// Whether the client deleted the session after this packet.
    pub(super) fn is_after(&self, packet: PacketNo) -> bool {
        self.requested.is_some_and(|at| at.packet > packet)
    }

    /// The packet that answered the DELETE with 2xx.
    pub(super) fn answered(&self) -> Option<PacketNo> {
        self.answered
    }
}
