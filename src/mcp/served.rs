//! Which addresses serve a session.

use std::net::SocketAddr;

use crate::base::PacketNo;

/// Addresses that are kept: those of replicas.
const MAX_SERVERS: usize = 16;

/// The addresses that answered requests of a session with 2xx.
#[derive(Debug, Default)]
pub(super) struct Served {
    by: Vec<SocketAddr>,
    last: Option<PacketNo>,
}

impl Served {
    /// `server` answered a request with 2xx, in packet `at`.
    pub(super) fn add(&mut self, server: SocketAddr, at: PacketNo) {
        self.last = self.last.max(Some(at));
        if self.by.len() < MAX_SERVERS && !self.by.contains(&server) {
            self.by.push(server);
        }
    }

    /// The addresses.
    pub(super) fn by(&self) -> &[SocketAddr] {
        &self.by
    }

    /// Whether a request was answered with 2xx after packet `at`.
    pub(super) fn is_since(&self, at: PacketNo) -> bool {
        self.last > Some(at)
    }
}
