//! Takes entries and finds what the rules are about.

use std::collections::hash_map::{Entry as Slot, HashMap};
use std::collections::{HashSet, VecDeque};
use std::net::SocketAddr;

use foldhash::fast::RandomState;

use super::access::Access;
use super::data_flow::DataFlow;
use super::known_servers::KnownServers;
use super::mentions::Mentions;
use super::requests::RequestHead;
use super::secrets::Secrets;
use super::session_ids::SessionIds;
use super::shadowing::Shadowing;
use super::{hidden, instructions};
use crate::base::fact::{PayloadFact, PayloadKind};
use crate::base::{Code, Fact, Finding, Origin, Side};
use crate::ledger::{Entry, Exchange, Record, Session};

/// Heads of requests that are kept for their exchanges.
const MAX_HEADS: usize = 16_384;

/// Memory of them and of the hosts of tokens, in bytes, each.
const MAX_TEXT: usize = 6 << 20;

/// Tokens that are told apart.
const MAX_TOKENS: usize = 65_536;

/// Servers of which something was told: it is told once of each.
const MAX_TOLD: usize = 16_384;

/// Bytes of a message that are searched for credentials.
const MAX_SEARCHED: usize = 1 << 20;

/// What to watch for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether rules that guess are asked for: words that read like instructions, and tools that
    /// descriptions of other servers name.
    pub guesses: bool,
    /// The servers that are expected; `None` if all are.
    pub known: Option<KnownServers>,
}

/// Watches for what the security rules are about.
#[derive(Debug, Default)]
pub struct Watch {
    options: Options,
    /// Heads of POSTs, by connection and transaction. Never iterated: its order is random.
    heads: HashMap<(u32, u32), RequestHead, RandomState>,
    order: VecDeque<(u32, u32)>,
    /// Memory of `heads`, in bytes.
    heads_len: usize,
    /// Where each token was sent first: the host and the server.
    tokens: HashMap<u64, (Box<str>, SocketAddr), RandomState>,
    /// Memory of `tokens`, in bytes.
    tokens_len: usize,
    /// What was told of which server.
    told: HashSet<(Code, SocketAddr), RandomState>,
    secrets: Secrets,
    access: Access,
    data_flow: DataFlow,
    session_ids: SessionIds,
    shadowing: Shadowing,
    mentions: Mentions,
    /// The latest packet of an exchange.
    at: Option<Origin>,
}

impl Watch {
    /// Creates one that saw nothing.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { options, ..Self::default() }
    }

    /// Takes an entry and returns what it shows.
    pub fn push(&mut self, entry: &Entry) -> Vec<Finding> {
        match entry {
            Entry::Fact(Fact::Payload(payload)) => self.payload(payload),
            Entry::Record(Record::Exchange(exchange)) => self.exchange(exchange),
            Entry::Record(Record::Session(session)) => self.session(session),
            Entry::Record(Record::Offer(offer)) => match self.at {
                Some(at) => self.shadowing.offer(offer, at),
                None => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    /// Returns what is known only when everything was read.
    pub fn finish(&mut self) -> Vec<Finding> {
        let mut findings = self.access.finish();
        findings.extend(self.session_ids.finish());
        findings
    }

    fn session(&mut self, session: &Session) -> Vec<Finding> {
        self.session_ids.push(session);
        let reference = &session.session;
        let is_known = self.options.known.as_ref().is_none_or(|known| known.may_have(session));
        if is_known
            || reference.behind.is_some()
            || !self.is_new(Code::SecurityUnknownServer, reference.server)
        {
            return Vec::new();
        }
        let name = reference.server_name.as_deref().map(|name| format!(", \"{name}\",")).unwrap_or_default();
        vec![Finding {
            code: Code::SecurityUnknownServer,
            at: Some(session.first),
            tcp_stream: None,
            session: Some(reference.number),
            exchange: None,
            count: 1,
            detail: format!("{}{name} is not in the list of servers", reference.identity()),
        }]
    }

    fn payload(&mut self, payload: &PayloadFact) -> Vec<Finding> {
        let key = (payload.peers.tcp_stream, payload.transaction);
        if payload.kind == PayloadKind::Head {
            if payload.side == Side::Server {
                if let Some(head) = self.heads.get_mut(&key) {
                    head.answered(&payload.bytes);
                }
            } else if payload.bytes.starts_with(b"POST ") {
                self.head(key, RequestHead::read(&payload.bytes));
            }
            return Vec::new();
        }
        let bytes = payload.bytes.get(..MAX_SEARCHED).unwrap_or(&payload.bytes);
        // Other traffic is nobody's business.
        if memchr::memmem::find(bytes, b"\"jsonrpc\"").is_none() {
            return Vec::new();
        }
        let server = payload.peers.server;
        let mut findings = Vec::new();
        let secret = self.secrets.find(bytes);
        let guesses = self.options.guesses && payload.side == Side::Server;
        self.data_flow.push(key, payload.side, server, bytes);
        if guesses {
            self.mentions.payload(payload);
        }
        let mut tell = |code, detail: String| {
            if self.is_new(code, server) {
                findings.push(finding(code, payload.span.end, key.0, detail));
            }
        };
        if payload.side == Side::Server
            && let Some(what) = hidden::in_json(&payload.bytes)
        {
            tell(Code::SecurityHiddenText, format!("a message of the server has {what}"));
        }
        if let Some(kind) = secret {
            let sender = payload.side.name();
            tell(
                Code::SecuritySecretInMessage,
                format!("a message of the {sender} has what looks like: {kind}"),
            );
        }
        if let Some(words) = guesses.then(|| instructions::find(bytes)).flatten() {
            tell(Code::SecurityInstructions, format!("a message of the server says \"{words}\""));
        }
        findings
    }

    fn head(&mut self, key: (u32, u32), head: RequestHead) {
        self.heads_len += head.allocated();
        match self.heads.insert(key, head) {
            Some(before) => self.heads_len -= before.allocated(),
            None => self.order.push_back(key),
        }
        while (self.order.len() > MAX_HEADS || self.heads_len > MAX_TEXT)
            && let Some(oldest) = self.order.pop_front()
        {
            self.heads_len -= self.heads.remove(&oldest).map_or(0, |head| head.allocated());
        }
    }

    fn exchange(&mut self, exchange: &Exchange) -> Vec<Finding> {
        let key = (exchange.tcp_stream, exchange.transaction);
        self.at = Some(exchange.response.map_or(exchange.request.span.end, |response| response.span.end));
        // What a proxy passes on is its client's.
        if exchange.origin != Side::Client || exchange.session.behind.is_some() {
            return Vec::new();
        }
        self.shadowing.exchange(exchange);
        let mut findings = self.mentioned(exchange);
        let Some(head) = self.heads.get(&key).cloned() else { return findings };
        let server = exchange.session.server;
        let at = exchange.request.span.start;
        findings.extend(self.access.push(exchange, &head));
        if let Some(from) = self.data_flow.take(key)
            && self.shadowing.are_different(from, server)
            && self.data_flow.is_new(from, server)
        {
            let detail = format!("{} sends a text to {server} that {from} had sent", exchange.method);
            findings.push(exchange.finding(Code::SecurityDataFlow, at, detail));
        }
        let mut tell = |watch: &mut Self, code, detail: String| {
            if watch.is_new(code, server) {
                findings.push(exchange.finding(code, at, detail));
            }
        };
        if let Some(name) = &head.in_url {
            tell(self, Code::SecurityTokenInUrl, format!("the query parameter {name} holds a credential"));
        }
        let is_local = server.ip().is_loopback() || exchange.client.ip().is_loopback();
        if let (Some(scheme), None, false) = (&head.scheme, &exchange.protocols.tls, is_local) {
            tell(self, Code::SecurityPlaintextToken, format!("{scheme} to {server} without TLS"));
        }
        if let Some(token) = head.token {
            let is_other = self.tokens.get(&token).is_some_and(|(host, first)| {
                *host != head.host && *first != server && !host.is_empty() && !head.host.is_empty()
            });
            if is_other {
                let first = self.tokens.get(&token).map(|(host, _)| host.to_string()).unwrap_or_default();
                let detail = format!("one Bearer token goes to {first} and to {}", head.host);
                tell(self, Code::SecurityTokenShared, detail);
            } else if self.tokens.len() < MAX_TOKENS
                && self.tokens_len < MAX_TEXT
                && let Slot::Vacant(entry) = self.tokens.entry(token)
            {
                self.tokens_len += head.host.len() + size_of::<(u64, Box<str>, SocketAddr)>();
                entry.insert((head.host, server));
            }
        }
        findings
    }

    /// Descriptions that name a tool of another server: those of a list, or others' of a listed
    /// tool.
    fn mentioned(&mut self, exchange: &Exchange) -> Vec<Finding> {
        let on = exchange.answered_on.filter(|_| &*exchange.method == "tools/list");
        let Some((on, response)) = on.zip(exchange.response) else { return Vec::new() };
        let mut findings = Vec::new();
        for mention in self.mentions.listed(&exchange.session.identity(), on) {
            let ((by, tool), (of, named)) = (mention.by, mention.of);
            let is_told = self.told.contains(&(Code::SecurityNamesOtherTool, by.address));
            let share = !is_told && self.shadowing.share_a_client(&by, &of);
            if share && self.is_new(Code::SecurityNamesOtherTool, by.address) {
                let detail = format!("{by} describes {tool} and names {named} there, a tool of {of}");
                findings.push(exchange.finding(Code::SecurityNamesOtherTool, response.span.end, detail));
            }
        }
        findings
    }

    /// Whether something was not told of a server yet.
    fn is_new(&mut self, code: Code, server: SocketAddr) -> bool {
        self.told.len() < MAX_TOLD && self.told.insert((code, server))
    }
}

fn finding(code: Code, at: Origin, tcp_stream: u32, detail: String) -> Finding {
    let (tcp_stream, at) = (Some(tcp_stream), Some(at));
    Finding { code, at, tcp_stream, session: None, exchange: None, count: 1, detail }
}
