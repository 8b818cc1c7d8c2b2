//! Connections, streams and offers in; counts of them out.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::series::Series;
use super::{ConnectionFact, Exchange, Offer, Speaks, Stream};
use crate::base::limits;

/// Streams without a session that a report lists. They are what somebody looks at once to see why there is no MCP.
const FOREIGN_LISTED: usize = 20;

/// The connections that carry one thing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionCount {
    /// What they carry.
    pub speaks: Speaks,
    /// Whether they carried MCP.
    pub mcp: bool,
    /// How many there are.
    pub connections: u64,
    /// TCP payload captured, retransmissions included, in bytes.
    pub bytes: u64,
    /// Bytes that are in no packet of the capture.
    pub gap_bytes: u64,
    /// Segments that carry nothing new.
    pub retransmissions: u64,
}

/// Every connection, by what it carries.
#[derive(Debug, Default)]
pub(super) struct Connections {
    counts: Vec<ConnectionCount>,
    handshakes: Series,
}

impl Connections {
    pub(super) fn record(&mut self, connection: &ConnectionFact) {
        let same = |count: &ConnectionCount| count.speaks == connection.speaks && count.mcp == connection.mcp;
        if !self.counts.iter().any(same) {
            self.counts.push(ConnectionCount {
                speaks: connection.speaks,
                mcp: connection.mcp,
                ..ConnectionCount::default()
            });
        }
        if let Some(count) = self.counts.iter_mut().find(|count| same(count)) {
            count.connections += 1;
            for direction in connection.directions {
                count.bytes += direction.bytes;
                count.gap_bytes += direction.gaps;
                count.retransmissions += direction.retransmissions;
            }
        }
        if let Some(ns) = connection.handshake_ns.filter(|_| connection.mcp) {
            self.handshakes.record(ns, 2);
        }
    }

    /// The counts, MCP first, then in the order of [`Speaks`].
    pub(super) fn counts(&self) -> Vec<ConnectionCount> {
        let mut counts = self.counts.clone();
        counts.sort_by_key(|count| (!count.mcp, count.speaks as u8));
        counts
    }

    /// The median TCP handshake of connections that carry MCP, in nanoseconds: what the network alone costs.
    pub(super) fn handshake_p50_ns(&self) -> Option<i64> {
        self.handshakes.quantile(500)
    }
}

/// The event streams.
#[derive(Clone, Debug, Default)]
pub struct Streams {
    /// How many there were, MCP or not.
    pub streams: u64,
    /// How many of them belong to a session.
    pub mcp: u64,
    /// Events on all of them.
    pub events: u64,
    /// Bytes of their bodies after content decoding.
    pub bytes: u64,
    /// How they ended and how many did so, by the word of the exports.
    pub ended: BTreeMap<&'static str, u64>,
    /// The first 20 that belong to no session, as they completed.
    pub foreign: Vec<Stream>,
}

impl Streams {
    pub(super) fn record(&mut self, stream: &Stream) {
        self.streams += 1;
        self.events += stream.events;
        self.bytes += stream.bytes;
        *self.ended.entry(stream.ended.name()).or_default() += 1;
        if stream.session.is_some() {
            self.mcp += 1;
        } else if self.foreign.len() < FOREIGN_LISTED {
            self.foreign.push(stream.clone());
        }
    }

    /// How many belong to no session.
    #[must_use]
    pub fn foreign_count(&self) -> u64 {
        self.streams - self.mcp
    }
}

/// What one server offers of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferRow {
    /// The server's address and port.
    pub server: SocketAddr,
    /// `tools`, `prompts`, `resources` or `resourceTemplates`.
    pub kind: &'static str,
    /// What it offers, by name.
    pub definitions: Vec<Offered>,
}

impl OfferRow {
    /// Length of all definitions together, in bytes: what a model reads of them before it does anything.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.definitions.iter().map(|definition| definition.bytes).sum()
    }
}

/// One definition of a server's offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    /// Its name, of resources the URI.
    pub name: Box<str>,
    /// Length of its JSON text, as last listed, in bytes.
    pub bytes: u64,
    /// How many exchanges named it.
    pub uses: u64,
}

/// What servers offer and what is used of it. Caps: [`limits::MAX_TABLE_ROWS`] definitions, as many used names.
#[derive(Debug, Default)]
pub(super) struct Offers {
    lists: BTreeMap<(SocketAddr, &'static str), BTreeMap<Box<str>, u64>>,
    definitions: usize,
    /// Only looked up, never walked.
    uses: HashMap<(SocketAddr, &'static str, Arc<str>), u64, RandomState>,
}

impl Offers {
    pub(super) fn record(&mut self, offer: &Offer) {
        let key = (offer.server, offer.kind);
        if self.lists.len() >= limits::MAX_TABLE_ROWS && !self.lists.contains_key(&key) {
            return;
        }
        let list = self.lists.entry(key).or_default();
        for (name, bytes) in &offer.definitions {
            if let Some(known) = list.get_mut(name) {
                *known = *bytes;
            } else if self.definitions < limits::MAX_TABLE_ROWS {
                list.insert(name.clone(), *bytes);
                self.definitions += 1;
            }
        }
    }

    pub(super) fn used(&mut self, exchange: &Exchange) {
        let kind = match exchange.method.as_ref() {
            "tools/call" => "tools",
            "prompts/get" => "prompts",
            "resources/read" => "resources",
            _ => return,
        };
        let Some(name) = &exchange.name else { return };
        let key = (exchange.session.server, kind, Arc::clone(name));
        if let Some(uses) = self.uses.get_mut(&key) {
            *uses += 1;
        } else if self.uses.len() < limits::MAX_TABLE_ROWS {
            self.uses.insert(key, 1);
        }
    }

    /// A row per server and kind, in that order.
    pub(super) fn rows(&self) -> Vec<OfferRow> {
        let row =
            |(&(server, kind), list): (&(SocketAddr, &'static str), &BTreeMap<Box<str>, u64>)| OfferRow {
                server,
                kind,
                definitions: list
                    .iter()
                    .map(|(name, bytes)| Offered {
                        name: name.clone(),
                        bytes: *bytes,
                        uses: self.uses.get(&(server, kind, Arc::from(name.as_ref()))).copied().unwrap_or(0),
                    })
                    .collect(),
            };
        self.lists.iter().map(row).collect()
    }
}
