//! Totals of connections, event streams and offers.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::series::Series;
use crate::base::fact::{ConnectionFact, Speaks, Wrapper};
use crate::base::{Room, limits};
use crate::mcp::{Exchange, Offer, ServerRef, Stream};

/// Streams without a session that a report lists: enough to see why no MCP was found.
const FOREIGN_LISTED: usize = 20;

/// Totals of the connections that carry one protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionCount {
    /// The protocol.
    pub speaks: Speaks,
    /// What stands before or around it; `None` if it begins with the connection.
    pub wrapper: Option<Wrapper>,
    /// Whether they carried MCP.
    pub mcp: bool,
    /// Number of connections.
    pub connections: u64,
    /// TCP payload in the capture, retransmissions included, in bytes.
    pub bytes: u64,
    /// Bytes missing from the capture.
    pub gap_bytes: u64,
    /// Segments that were sent again.
    pub retransmissions: u64,
    /// Of these, segments whose first copy was lost before the point of capture.
    pub lost_before: u64,
    /// Packets captured again: on another device, or by a mirror port.
    pub copies: u64,
}

/// Connections by protocol.
#[derive(Clone, Debug, Default)]
pub(super) struct ConnectionTotals {
    counts: Vec<ConnectionCount>,
    handshakes: Series,
}

impl ConnectionTotals {
    pub(super) fn record(&mut self, connection: &ConnectionFact) {
        let kind = (connection.speaks, connection.wrapper, connection.mcp);
        let same = |count: &ConnectionCount| (count.speaks, count.wrapper, count.mcp) == kind;
        if !self.counts.iter().any(same) {
            self.counts.push(ConnectionCount {
                speaks: connection.speaks,
                wrapper: connection.wrapper,
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
                count.lost_before += direction.lost_before;
                count.copies += direction.duplicates;
            }
        }
        if let Some(ns) = connection.handshake_ns.filter(|_| connection.mcp) {
            self.handshakes.record(ns, 2, &mut Room::new(usize::MAX));
        }
    }

    /// The totals, MCP first, then in the order of [`Speaks`].
    pub(super) fn counts(&self) -> Vec<ConnectionCount> {
        let mut counts = self.counts.clone();
        counts.sort_by_key(|count| (!count.mcp, count.speaks as u8, count.wrapper));
        counts
    }

    /// Median TCP handshake of connections that carry MCP, in nanoseconds.
    pub(super) fn handshake_p50_ns(&self) -> Option<i64> {
        self.handshakes.quantile(500)
    }
}

/// Totals of event streams.
#[derive(Clone, Debug, Default)]
pub struct Streams {
    /// Number of streams, MCP or not.
    pub streams: u64,
    /// Number of streams that belong to a session.
    pub mcp: u64,
    /// Number of events.
    pub events: u64,
    /// Length of the bodies after content decoding, in bytes.
    pub bytes: u64,
    /// Number of streams by how they ended, as named in the exports.
    pub ended: BTreeMap<&'static str, u64>,
    /// The longest silence before the end, by how the streams ended, in nanoseconds. Streams whose
    /// end was not captured are not in it.
    pub silent_max_ns: BTreeMap<&'static str, i64>,
    /// The same of the streams that belong to a session.
    pub mcp_ended: BTreeMap<&'static str, StreamEnds>,
    /// The first streams that belong to no session, in the order in which they ended.
    pub foreign: Vec<Stream>,
}

impl Streams {
    pub(super) fn record(&mut self, stream: &Stream) {
        self.streams += 1;
        self.events += stream.events;
        self.bytes += stream.bytes;
        *self.ended.entry(stream.ended.name()).or_default() += 1;
        if let Some(ns) = stream.silent_ns() {
            let longest = self.silent_max_ns.entry(stream.ended.name()).or_default();
            *longest = ns.max(*longest);
        }
        if stream.session.is_some() {
            self.mcp += 1;
            let ends = self.mcp_ended.entry(stream.ended.name()).or_default();
            ends.streams += 1;
            ends.silent_max_ns = ends.silent_max_ns.max(stream.silent_ns());
        } else if self.foreign.len() < FOREIGN_LISTED {
            self.foreign.push(stream.clone());
        }
    }

    /// The number of streams that belong to no session.
    #[must_use]
    pub fn foreign_count(&self) -> u64 {
        self.streams - self.mcp
    }
}

/// Streams that ended in the same way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamEnds {
    /// Their number.
    pub streams: u64,
    /// The longest silence before the end, in nanoseconds; `None` if no end was captured.
    pub silent_max_ns: Option<i64>,
}

/// The definitions of one kind that a server offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferRow {
    /// The server.
    pub server: ServerRef,
    /// `tools`, `prompts`, `resources` or `resourceTemplates`.
    pub kind: &'static str,
    /// The definitions, by name.
    pub definitions: Vec<Offered>,
}

impl OfferRow {
    /// Length of all definitions, in bytes: what a model reads before it calls anything.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.definitions.iter().map(|definition| definition.bytes).sum()
    }
}

/// A definition that a server offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    /// The name; the URI of a resource.
    pub name: Box<str>,
    /// Length of its JSON text in the latest list, in bytes.
    pub bytes: u64,
    /// Number of exchanges that named it.
    pub uses: u64,
}

/// What servers offer and how often it is used. At most [`limits::MAX_TABLE_ROWS`] definitions, and
/// as many used names, are kept.
#[derive(Clone, Debug, Default)]
pub(super) struct OfferTotals {
    lists: BTreeMap<(ServerRef, &'static str), BTreeMap<Box<str>, u64>>,
    definitions: usize,
    /// Length of the names of definitions and of used names, with the paths of their servers, in
    /// bytes: each at most [`limits::MAX_TABLE_TEXT`].
    definitions_len: usize,
    uses_len: usize,
    /// The place in `counts` of what was used. Never iterated: its order is random.
    uses: HashMap<Used, usize, RandomState>,
    counts: Vec<u64>,
    /// What was used last, and its place: the next use is often the same.
    latest: Option<(Used, usize)>,
}

/// A tool, prompt or resource of a server, its kind in the middle.
type Used = (ServerRef, &'static str, Arc<str>);

impl OfferTotals {
    pub(super) fn record(&mut self, offer: &Offer) {
        let key = (offer.server.clone(), offer.kind);
        if !self.lists.contains_key(&key) {
            let len = self.definitions_len + offer.server.text_len();
            if self.lists.len() >= limits::MAX_TABLE_ROWS || len > limits::MAX_TABLE_TEXT {
                return;
            }
            self.definitions_len = len;
        }
        let list = self.lists.entry(key).or_default();
        for (name, bytes) in &offer.definitions {
            if let Some(known) = list.get_mut(name) {
                *known = *bytes;
            } else if self.definitions < limits::MAX_TABLE_ROWS
                && self.definitions_len + name.len() <= limits::MAX_TABLE_TEXT
            {
                self.definitions_len += name.len();
                list.insert(name.clone(), *bytes);
                self.definitions += 1;
            }
        }
    }

    pub(super) fn record_use(&mut self, exchange: &Exchange) {
        let kind = match exchange.method.as_ref() {
            "tools/call" => "tools",
            "prompts/get" => "prompts",
            "resources/read" => "resources",
            _ => return,
        };
        let Some(name) = &exchange.name else { return };
        let session = &exchange.session;
        let place = match &self.latest {
            Some(((server, of, used), place))
                if *of == kind
                    && used == name
                    && server.address == session.server
                    && server.path == session.path =>
            {
                *place
            }
            _ => {
                let key = (session.identity(), kind, Arc::clone(name));
                let known = self.uses.get(&key).copied();
                let Some(place) = known.or_else(|| self.add_use(key.clone())) else { return };
                self.latest = Some((key, place));
                place
            }
        };
        if let Some(count) = self.counts.get_mut(place) {
            *count += 1;
        }
    }

    /// Adds what was not used before; returns its place, or `None` if there is no room.
    fn add_use(&mut self, key: Used) -> Option<usize> {
        let len = self.uses_len + key.2.len() + key.0.text_len();
        if self.uses.len() >= limits::MAX_TABLE_ROWS || len > limits::MAX_TABLE_TEXT {
            return None;
        }
        self.uses_len = len;
        self.counts.push(0);
        self.uses.insert(key, self.counts.len() - 1);
        Some(self.counts.len() - 1)
    }

    /// Returns a row per server and kind, in that order.
    pub(super) fn rows(&self) -> Vec<OfferRow> {
        let row = |((server, kind), list): (&(ServerRef, &'static str), &BTreeMap<Box<str>, u64>)| OfferRow {
            server: server.clone(),
            kind,
            definitions: list
                .iter()
                .map(|(name, bytes)| Offered {
                    name: name.clone(),
                    bytes: *bytes,
                    uses: self
                        .uses
                        .get(&(server.clone(), *kind, Arc::from(name.as_ref())))
                        .and_then(|place| self.counts.get(*place))
                        .copied()
                        .unwrap_or(0),
                })
                .collect(),
        };
        self.lists.iter().map(row).collect()
    }
}
