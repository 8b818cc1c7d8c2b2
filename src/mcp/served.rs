//! Which addresses serve a session, and whether its server knows it.

use std::net::SocketAddr;

use crate::base::PacketNo;

/// Addresses that are kept: those of replicas.
const MAX_SERVERS: usize = 16;

/// The addresses that answered requests of a session with 2xx.
#[derive(Debug, Default)]
pub(super) struct Served {
    by: Vec<SocketAddr>,
    last: Option<PacketNo>,
    /// The last packet with a 404 since.
    refused: Option<PacketNo>,
    /// Number of requests that began after the last one was answered 404, and were so, too.
    refused_again: u32,
}

impl Served {
    /// `server` answered a request with 2xx, in packet `at`.
    pub(super) fn add(&mut self, server: SocketAddr, at: PacketNo) {
        self.last = self.last.max(Some(at));
        (self.refused, self.refused_again) = (None, 0);
        if self.by.len() < MAX_SERVERS && !self.by.contains(&server) {
            self.by.push(server);
        }
    }

    /// A request of the session that began in packet `begin` was answered 404 in packet `at`.
    pub(super) fn refuse(&mut self, begin: PacketNo, at: PacketNo) {
        self.refused_again += u32::from(self.refused.is_some_and(|refused| begin > refused));
        self.refused = Some(at);
    }

    /// Number of requests that began after the session was refused, one after the other, and were
    /// refused, too.
    pub(super) fn refused_again(&self) -> u32 {
        self.refused_again
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
