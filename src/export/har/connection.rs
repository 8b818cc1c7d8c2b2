//! What entries say of their connection, and what opening it took.

use std::net::SocketAddr;

use crate::base::fact::ConnectionFact;
use crate::base::{Origin, Timestamp};

/// What entries say of their connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct HarConnection {
    pub(super) server: SocketAddr,
    /// Its first packet.
    first: Origin,
    pub(super) is_tls: bool,
    /// Duration of the handshakes of TCP and of TLS, in nanoseconds; `None` if not captured.
    handshake_ns: Option<i64>,
    tls_ns: Option<i64>,
}

impl HarConnection {
    pub(super) fn of(fact: &ConnectionFact) -> Self {
        Self {
            server: fact.server,
            first: fact.first,
            is_tls: fact.tls.is_some(),
            handshake_ns: fact.handshake_ns,
            tls_ns: fact.tls.as_ref().and_then(|tls| tls.handshake_ns),
        }
    }

    /// Returns what opening it took before a request; `None` if that was not captured.
    pub(super) fn set_up(&self, asked: Timestamp) -> Option<SetUp> {
        let tcp = self.handshake_ns?;
        let before = asked.since(self.first.time);
        let tls = self.tls_ns.map(|tls| tls.clamp(0, before.saturating_sub(tcp).max(0)));
        let idle = before.saturating_sub(tcp).saturating_sub(tls.unwrap_or(0));
        (before >= tcp).then_some(SetUp { began: self.first.time, tcp, tls, idle })
    }
}

/// The opening of a connection; times in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct SetUp {
    pub(super) began: Timestamp,
    pub(super) tcp: i64,
    /// `None` without TLS.
    pub(super) tls: Option<i64>,
    /// From its end to the request.
    pub(super) idle: i64,
}
