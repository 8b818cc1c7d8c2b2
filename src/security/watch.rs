//! Takes entries and finds what the rules are about.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::SocketAddr;

use foldhash::fast::RandomState;

use super::hidden;
use super::requests::RequestHead;
use crate::base::credential::token_at;
use crate::base::fact::{PayloadFact, PayloadKind};
use crate::base::{Code, Fact, Finding, Origin, Side};
use crate::ledger::{Entry, Exchange, Record};

/// Heads with credentials whose exchange is awaited.
const MAX_HEADS: usize = 65_536;

/// Tokens that are told apart.
const MAX_TOKENS: usize = 65_536;

/// Servers of which something was told: it is told once of each.
const MAX_TOLD: usize = 16_384;

/// Bytes of a message that are searched for credentials.
const MAX_SEARCHED: usize = 1 << 20;

/// Watches for what the security rules are about.
#[derive(Debug, Default)]
pub struct Watch {
    /// Heads with credentials, by connection and transaction. Never iterated: its order is random.
    heads: HashMap<(u32, u32), RequestHead, RandomState>,
    order: VecDeque<(u32, u32)>,
    /// Where each token was sent first: the host and the server.
    tokens: HashMap<u64, (Box<str>, SocketAddr), RandomState>,
    /// What was told of which server.
    told: HashSet<(Code, SocketAddr), RandomState>,
}

impl Watch {
    /// Creates one that saw nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes an entry and returns what it shows.
    pub fn push(&mut self, entry: &Entry) -> Vec<Finding> {
        match entry {
            Entry::Fact(Fact::Payload(payload)) => self.payload(payload),
            Entry::Record(Record::Exchange(exchange)) => self.exchange(exchange),
            _ => Vec::new(),
        }
    }

    fn payload(&mut self, payload: &PayloadFact) -> Vec<Finding> {
        let key = (payload.peers.tcp_stream, payload.transaction);
        if payload.kind == PayloadKind::Head {
            if payload.side == Side::Client {
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
        if let Some(kind) = credential_in(bytes) {
            let sender = payload.side.name();
            tell(
                Code::SecuritySecretInMessage,
                format!("a message of the {sender} has what looks like: {kind}"),
            );
        }
        findings
    }

    fn head(&mut self, key: (u32, u32), head: RequestHead) {
        if head.is_plain() || self.heads.insert(key, head).is_some() {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > MAX_HEADS
            && let Some(oldest) = self.order.pop_front()
        {
            self.heads.remove(&oldest);
        }
    }

    fn exchange(&mut self, exchange: &Exchange) -> Vec<Finding> {
        let key = (exchange.tcp_stream, exchange.transaction);
        // What a proxy passes on is its client's.
        if exchange.origin != Side::Client || exchange.session.behind.is_some() {
            return Vec::new();
        }
        let Some(head) = self.heads.get(&key).cloned() else { return Vec::new() };
        let server = exchange.session.server;
        let at = exchange.request.span.start;
        let mut findings = Vec::new();
        let mut tell = |watch: &mut Self, code, detail: String| {
            if watch.is_new(code, server) {
                let mut finding = finding(code, at, key.0, detail);
                finding.session = Some(exchange.session.number);
                finding.exchange = Some(exchange.n);
                findings.push(finding);
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
            } else if self.tokens.len() < MAX_TOKENS {
                self.tokens.entry(token).or_insert((head.host, server));
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

/// The kind of the first credential of a known form in a text; `None` if it has none.
fn credential_in(bytes: &[u8]) -> Option<&'static str> {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        if is_word(c) && !is_word(before) {
            let rest = text.get(at..).unwrap_or_default();
            if let Some((form, _)) = token_at(rest) {
                return Some(form.kind);
            }
        }
        before = c;
    }
    let is_key = memchr::memmem::find(bytes, b"PRIVATE KEY-----").is_some();
    is_key.then_some("private key")
}
