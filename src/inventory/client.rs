//! A client, by name and version.

use super::behaviour::Behaviour;
use super::values::Values;
use crate::base::{Room, Timestamp};
use crate::ledger::Session;

/// A client, by name and version: what all of its sessions show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// Number of its sessions.
    pub sessions: u64,
    /// Its addresses.
    pub addresses: Values,
    /// The revisions that it asked for in `initialize`, or named in its requests since 2026-07-28.
    pub asked: Values,
    /// The revisions that its requests had.
    pub revisions: Values,
    /// The capabilities that it claims.
    pub capabilities: Values,
    /// Its transports.
    pub transports: Values,
    /// The versions of HTTP that it speaks.
    pub http: Values,
    /// How its requests authenticate: schemes, `api-key`, `none`.
    pub authentication: Values,
    /// How it gave up, and after how long: `cancelled after 60 s`.
    pub gave_up: Values,
    /// Requests that it sent again.
    pub retries: u64,
    /// Number of its requests.
    pub requests: u64,
    /// Requests that failed.
    pub failures: u64,
    /// Connections that carried its requests, summed up over its sessions.
    pub connections: u64,
    /// The most requests of one session that were open at once.
    pub parallel: u64,
    /// Time of its first packet; `None` before a session was added.
    pub first: Option<Timestamp>,
    /// Time of its last packet.
    pub last: Option<Timestamp>,
}

impl Client {
    /// Adds a session. Values that are new are kept if `room` has place for them.
    pub(super) fn add(&mut self, session: &Session, behaviour: &Behaviour, room: &mut Room) {
        self.sessions += 1;
        self.addresses.add(&session.session.client.ip().to_string(), room);
        self.revisions.merge(&behaviour.revisions, room);
        for capability in &session.client_capabilities {
            self.capabilities.add(capability, room);
        }
        self.transports.add(session.session.transport.name(), room);
        self.http.merge(&behaviour.http, room);
        self.authentication.merge(&behaviour.authentication, room);
        self.gave_up.merge(&behaviour.gave_up, room);
        self.retries += behaviour.retries;
        self.requests += behaviour.requests;
        self.failures += behaviour.failures;
        self.connections += behaviour.connections();
        self.parallel = self.parallel.max(behaviour.parallel());
        let [first, last] = [session.first.time, session.last.time];
        self.first = Some(self.first.map_or(first, |known| known.min(first)));
        self.last = self.last.max(Some(last));
    }
}
