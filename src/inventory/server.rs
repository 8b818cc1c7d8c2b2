//! A server, by address and path.

use super::behaviour::Behaviour;
use super::values::Values;
use crate::base::{Room, Timestamp};
use crate::ledger::Session;

/// A server, by address and path: what all of its sessions show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// Names and versions that it gives itself.
    pub names: Values,
    /// Number of its sessions.
    pub sessions: u64,
    /// Its clients, by name and version.
    pub clients: Values,
    /// The revisions of its sessions.
    pub revisions: Values,
    /// The capabilities that it claims.
    pub capabilities: Values,
    /// Its transports.
    pub transports: Values,
    /// The versions of TLS, `none` for exchanges without it.
    pub tls: Values,
    /// The hosts that clients asked for (SNI).
    pub hosts: Values,
    /// How requests to it authenticate: schemes, `api-key`, `none`.
    pub authentication: Values,
    /// Number of requests.
    pub requests: u64,
    /// Requests that failed.
    pub failures: u64,
    /// Names of its tools that were listed, sorted; at most 10,000 of all servers.
    pub offered: Vec<String>,
    /// Tools that were called, with how often.
    pub used: Values,
    /// Time of its first packet; `None` before a session was added.
    pub first: Option<Timestamp>,
    /// Time of its last packet.
    pub last: Option<Timestamp>,
}

impl Server {
    /// Adds a session with a client. Values that are new are kept if `room` has place for them.
    pub(super) fn add(&mut self, session: &Session, client: &str, behaviour: &Behaviour, room: &mut Room) {
        self.sessions += 1;
        if let Some(info) = &session.server_info {
            self.names.add(format!("{} {}", info.name, info.version).trim(), room);
        }
        self.clients.add(client, room);
        if let Some(revision) = &session.protocol_version {
            self.revisions.add(revision, room);
        }
        for capability in &session.server_capabilities {
            self.capabilities.add(capability, room);
        }
        self.transports.add(session.session.transport.name(), room);
        self.authentication.merge(&behaviour.authentication, room);
        self.requests += behaviour.requests;
        self.failures += behaviour.failures;
        let [first, last] = [session.first.time, session.last.time];
        self.first = Some(self.first.map_or(first, |known| known.min(first)));
        self.last = self.last.max(Some(last));
    }
}
