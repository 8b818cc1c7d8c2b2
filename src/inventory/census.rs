//! Collects servers and clients from entries.

use std::collections::{BTreeMap, HashMap, VecDeque};

use foldhash::fast::RandomState;

use super::behaviour::Behaviour;
use super::client::Client;
use super::server::Server;
use super::tool_use::{CallName, ToolUse, ToolUses};
use crate::base::fact::{PayloadFact, PayloadKind};
use crate::base::{Code, Degraded, Fact, Finding, Room, Side, Timestamp, limits};
use crate::ledger::definitions::{DefinitionKind, Offers, ServerOffers};
use crate::ledger::query::authentication;
use crate::ledger::{Entry, Exchange, Record, ServerRef, Session};

/// Clients and servers that are told apart.
const MAX_ROWS: usize = 2000;

/// Heads of requests whose exchange is awaited.
const MAX_HEADS: usize = 65_536;

/// Length of a scheme of authentication, or of a revision, that is remembered, in bytes.
const MAX_REMEMBERED: usize = 64;

/// The name of a client that does not say who it is.
const UNNAMED: &str = "(no name captured)";

/// The servers and clients of captures.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// The servers, by address and path.
    pub servers: BTreeMap<ServerRef, Server>,
    /// The clients, by name and version.
    pub clients: BTreeMap<String, Client>,
    /// How often methods and tools were called: those that failed in the most sessions first.
    pub uses: Vec<(CallName, ToolUse)>,
    /// What servers offered.
    pub offers: BTreeMap<ServerRef, ServerOffers>,
    /// Number of sessions.
    pub sessions: u64,
    /// Number of sessions of servers and clients beyond those that are told apart.
    pub left_out: u64,
    /// Why evidence is missing from the captures; none if they are whole.
    pub missing: Degraded,
}

/// An inventory in progress: entries in, with the payloads of the captures.
#[derive(Debug)]
pub struct Census {
    since: Option<Timestamp>,
    inventory: Inventory,
    /// Memory that is left for the rows of the inventory.
    room: Room,
    uses: ToolUses,
    offers: Offers,
    /// By session number. Never iterated: its order is random.
    behaviours: HashMap<u32, Behaviour, RandomState>,
    /// Memory that is left for `behaviours`.
    behaviour_room: Room,
    /// How requests authenticate, by connection and transaction.
    heads: HashMap<(u32, u32), String, RandomState>,
    head_order: VecDeque<(u32, u32)>,
    /// The revisions that `initialize` asked for, likewise.
    asked: HashMap<(u32, u32), String, RandomState>,
    asked_order: VecDeque<(u32, u32)>,
    /// The revision that a session asked for.
    asked_by: HashMap<u32, String, RandomState>,
}

impl Census {
    /// Creates one of which nothing was read. What was earlier than `since` is left out.
    #[must_use]
    pub fn new(since: Option<Timestamp>) -> Self {
        Self {
            since,
            inventory: Inventory::default(),
            room: Room::new(limits::MAX_INVENTORY),
            uses: ToolUses::default(),
            offers: Offers::default(),
            behaviours: HashMap::default(),
            behaviour_room: Room::new(limits::MAX_BEHAVIOURS),
            heads: HashMap::default(),
            head_order: VecDeque::new(),
            asked: HashMap::default(),
            asked_order: VecDeque::new(),
            asked_by: HashMap::default(),
        }
    }

    /// Takes an entry.
    pub fn push(&mut self, entry: &Entry) {
        match entry {
            Entry::Record(Record::Exchange(exchange)) => self.exchange(exchange),
            Entry::Record(Record::Session(session)) => self.session(session),
            Entry::Record(_) | Entry::LlmCall(_) => {}
            Entry::Finding(finding) => self.finding(finding),
            Entry::Fact(fact) => {
                self.offers.fact(fact);
                if let Fact::Payload(payload) = fact {
                    self.payload(payload);
                }
            }
        }
    }

    /// Returns the inventory. Called when everything was read.
    #[must_use]
    pub fn finish(self) -> Inventory {
        let mut inventory = self.inventory;
        inventory.offers = self.offers.by_server();
        // An exchange behind a proxy, or before its session was known, is of another row.
        inventory.servers.retain(|_, server| server.sessions > 0);
        inventory.clients.retain(|_, client| client.sessions > 0);
        let (mut left, mut text) = (limits::MAX_TABLE_ROWS, Room::new(limits::MAX_TABLE_TEXT));
        for (reference, offers) in &inventory.offers {
            let (Some(server), Some(tools)) =
                (inventory.servers.get_mut(reference), offers.kinds.get(&DefinitionKind::Tool))
            else {
                continue;
            };
            server.offered =
                tools.names().take(left).take_while(|name| text.take(name.len())).cloned().collect();
            left -= server.offered.len();
        }
        Inventory { uses: self.uses.finish(), ..inventory }
    }

    fn payload(&mut self, payload: &PayloadFact) {
        if payload.side != Side::Client {
            return;
        }
        let key = (payload.peers.tcp_stream, payload.transaction);
        if payload.kind == PayloadKind::Head {
            let scheme = authentication(&payload.bytes).next().unwrap_or_else(|| "none".to_owned());
            remember(&mut self.heads, &mut self.head_order, key, scheme);
        } else if let Some(revision) = asked_revision(&payload.bytes) {
            remember(&mut self.asked, &mut self.asked_order, key, revision);
        }
    }

    fn exchange(&mut self, exchange: &Exchange) {
        if self.since.is_some_and(|since| exchange.request.span.start.time < since) {
            return;
        }
        let inventory = &mut self.inventory;
        // Times that go back hide no message.
        if exchange.degraded != Degraded::TIME_BACK {
            inventory.missing.add(exchange.degraded);
        }
        self.uses.push(exchange);
        self.offers.exchange(exchange);
        let number = exchange.session.number;
        let key = (exchange.tcp_stream, exchange.transaction);
        if exchange.origin == Side::Client {
            let server = exchange.session.identity();
            if let Some(server) = row(&mut inventory.servers, server, ServerRef::text_len, &mut self.room) {
                let tls = exchange.protocols.tls.as_deref();
                let version = tls.map_or("none", |tls| tls.version_name().unwrap_or("unknown"));
                server.tls.add(version, &mut self.room);
                if let Some(host) = tls.and_then(|tls| tls.sni.as_deref()) {
                    server.hosts.add(host, &mut self.room);
                }
                if let ("tools/call", Some(name)) = (&*exchange.method, &exchange.name) {
                    server.used.add(name, &mut self.room);
                }
            }
        }
        if !self.behaviours.contains_key(&number) && !self.behaviour_room.take(Behaviour::BASE) {
            return;
        }
        if &*exchange.method == "initialize"
            && let Some(revision) = self.asked.remove(&key)
        {
            self.asked_by.insert(number, revision);
        }
        let behaviour = self.behaviours.entry(number).or_default();
        behaviour.exchange(exchange, &mut self.behaviour_room);
        if let (Side::Client, Some(scheme)) = (exchange.origin, self.heads.get(&key)) {
            behaviour.authentication.add(scheme, &mut self.behaviour_room);
        }
    }

    fn finding(&mut self, finding: &Finding) {
        self.inventory.missing.add(finding.code.shows_missing());
        if finding.code == Code::McpPostRepeated
            && let Some(behaviour) = finding.session.and_then(|number| self.behaviours.get_mut(&number))
        {
            behaviour.retries += finding.count;
        }
    }

    fn session(&mut self, session: &Session) {
        let number = session.session.number;
        let asked = self.asked_by.remove(&number);
        let behaviour = self.behaviours.remove(&number);
        self.behaviour_room.give_back(behaviour.as_ref().map_or(0, Behaviour::allocated));
        let behaviour = behaviour.unwrap_or_default();
        if self.since.is_some_and(|since| session.last.time < since) {
            return;
        }
        let inventory = &mut self.inventory;
        inventory.sessions += 1;
        let client = session.client_info.as_ref().map_or_else(
            || UNNAMED.to_owned(),
            |info| format!("{} {}", info.name, info.version).trim().to_owned(),
        );
        let reference = session.session.identity();
        let room = &mut self.room;
        let name = client.clone();
        let Some(client) = row(&mut inventory.clients, client, String::len, room) else {
            inventory.left_out += 1;
            return;
        };
        let Some(server) = row(&mut inventory.servers, reference, ServerRef::text_len, room) else {
            inventory.left_out += 1;
            return;
        };
        server.add(session, &name, &behaviour, room);
        client.add(session, &behaviour, room);
        match asked {
            Some(revision) => client.asked.add(&revision, room),
            // Since 2026-07-28 each request names what it wants.
            None => client.asked.merge(&behaviour.revisions, room),
        }
    }
}

/// The row with this key, which is created if there is room for it; `len` is the length of the key.
fn row<'a, K: Ord, V: Default>(
    rows: &'a mut BTreeMap<K, V>,
    key: K,
    len: fn(&K) -> usize,
    room: &mut Room,
) -> Option<&'a mut V> {
    let is_new = !rows.contains_key(&key);
    if is_new && (rows.len() >= MAX_ROWS || !room.take(size_of::<(K, V)>() + len(&key))) {
        return None;
    }
    Some(rows.entry(key).or_default())
}

/// Remembers a value for a transaction; beyond the cap the oldest is forgotten.
fn remember(
    values: &mut HashMap<(u32, u32), String, RandomState>,
    order: &mut VecDeque<(u32, u32)>,
    key: (u32, u32),
    value: String,
) {
    if value.len() <= MAX_REMEMBERED && values.insert(key, value).is_none() {
        order.push_back(key);
        if order.len() > MAX_HEADS
            && let Some(oldest) = order.pop_front()
        {
            values.remove(&oldest);
        }
    }
}

/// The revision that an `initialize` request asks for; `None` if it is none.
fn asked_revision(body: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Request {
        method: String,
        params: Params,
    }
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Params {
        protocol_version: String,
    }
    memchr::memmem::find(body, b"\"initialize\"")?;
    let request: Request = serde_json::from_slice(body).ok()?;
    (request.method == "initialize").then_some(request.params.protocol_version)
}
