//! What is compared of a capture.

use std::collections::{BTreeMap, BTreeSet};

use super::calls::Calls;
use crate::base::{Code, Degraded, limits};
use crate::ledger::definitions::{DefinitionKind, Offered, Offers};
use crate::ledger::{Entry, Exchange, Implementation, Record, Session};

/// Values of one trait that are kept.
const MAX_VALUES: usize = 1000;

/// What servers and clients say of themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trait {
    /// Name and version of a server.
    Server,
    /// Name and version of a client.
    Client,
    /// A revision of MCP.
    Revision,
    /// A transport.
    Transport,
    /// A capability of a server.
    ServerCapability,
    /// A capability of a client.
    ClientCapability,
}

impl Trait {
    /// Every trait, in the order of the outputs.
    pub const ALL: [Self; 6] = [
        Self::Server,
        Self::Client,
        Self::Revision,
        Self::Transport,
        Self::ServerCapability,
        Self::ClientCapability,
    ];

    /// The name in the outputs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
            Self::Revision => "revision",
            Self::Transport => "transport",
            Self::ServerCapability => "server capability",
            Self::ClientCapability => "client capability",
        }
    }
}

/// What is compared of a capture.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    pub(super) calls: Calls,
    pub(super) offers: BTreeMap<String, BTreeMap<DefinitionKind, Offered>>,
    pub(super) traits: BTreeMap<Trait, BTreeSet<String>>,
    pub(super) findings: BTreeMap<Code, u64>,
    /// Number of exchanges, and of sessions.
    pub(super) exchanges: u64,
    pub(super) sessions: u64,
    /// Why evidence is missing from the capture; none if it is whole.
    pub(super) missing: Degraded,
}

/// Makes a [`Profile`]: entries in, with the payloads of the capture.
#[derive(Debug, Default)]
pub struct Profiler {
    profile: Profile,
    offers: Offers,
}

impl Profiler {
    /// Creates one of which nothing was read.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes an entry.
    pub fn push(&mut self, entry: &Entry) {
        let profile = &mut self.profile;
        match entry {
            Entry::Record(Record::Exchange(exchange)) => {
                profile.exchange(exchange);
                self.offers.exchange(exchange);
            }
            Entry::Record(Record::Session(session)) => profile.session(session),
            Entry::Record(_) | Entry::LlmCall(_) => {}
            Entry::Finding(finding) => {
                profile.missing.add(finding.code.shows_missing());
                *profile.findings.entry(finding.code).or_default() += finding.count;
            }
            Entry::Fact(fact) => self.offers.fact(fact),
        }
    }

    /// Returns the profile. Called when everything was read.
    #[must_use]
    pub fn finish(self) -> Profile {
        Profile { offers: self.offers.by_name(), ..self.profile }
    }
}

impl Profile {
    fn exchange(&mut self, exchange: &Exchange) {
        self.exchanges += 1;
        // Times that go back hide no message.
        if exchange.degraded != Degraded::TIME_BACK {
            self.missing.add(exchange.degraded);
        }
        if let Some(revision) = &exchange.protocol_version {
            self.add(Trait::Revision, revision);
        }
        self.add(Trait::Transport, exchange.session.transport.name());
        self.calls.push(exchange);
    }

    fn session(&mut self, session: &Session) {
        self.sessions += 1;
        self.missing.add(session.degraded);
        let named = |info: &Implementation| format!("{} {}", info.name, info.version).trim().to_owned();
        if let Some(server) = &session.server_info {
            self.add(Trait::Server, &named(server));
        }
        if let Some(client) = &session.client_info {
            self.add(Trait::Client, &named(client));
        }
        for capability in &session.server_capabilities {
            self.add(Trait::ServerCapability, capability);
        }
        for capability in &session.client_capabilities {
            self.add(Trait::ClientCapability, capability);
        }
    }

    fn add(&mut self, of: Trait, value: &str) {
        let values = self.traits.entry(of).or_default();
        if !values.contains(value) && values.len() < MAX_VALUES && value.len() <= limits::MAX_TEXT {
            values.insert(value.to_owned());
        }
    }

    /// Whether findings of a code may have been withheld, because the capture is not whole.
    pub(super) fn may_withhold(&self, code: Code) -> bool {
        self.missing.any() && code.needs_all_packets()
    }
}
