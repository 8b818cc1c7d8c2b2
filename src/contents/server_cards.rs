//! Server Cards against what the servers say of themselves (Server Cards extension, "Consistency
//! with Runtime Behavior").

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

use foldhash::fast::RandomState;
use serde_json::Value;

use super::call::{Call, server_key};
use super::reported::Reported;
use super::self_description::{Card, SelfDescription};
use crate::base::fact::{PayloadFact, PayloadKind};
use crate::base::{Code, Finding, Side, text};
use crate::ledger::ServerRef;

/// Cards, servers and requests for cards that are kept, each.
const MAX_CARDS: usize = 1000;

/// Longest card that is read, in bytes.
const MAX_CARD: usize = 64 << 10;

/// The end of the path of a card, after that of its MCP endpoint.
const SUFFIX: &str = "/server-card";

/// The cards of servers, and what the servers say. Servers are keys of [`server_key`].
#[derive(Debug, Default)]
pub(super) struct ServerCards {
    /// The endpoint of whose card a transaction asks for.
    asked: HashMap<(u32, u32), Box<str>, RandomState>,
    order: VecDeque<(u32, u32)>,
    cards: HashMap<u64, Card, RandomState>,
    descriptions: HashMap<u64, SelfDescription, RandomState>,
    /// By server and difference.
    reported: Reported<(u64, u64), MAX_CARDS>,
}

impl ServerCards {
    /// Takes a payload: requests for cards, and cards.
    pub(super) fn payload(&mut self, payload: &PayloadFact) -> Vec<Finding> {
        let key = (payload.peers.tcp_stream, payload.transaction);
        match (payload.side, &payload.kind) {
            (Side::Client, PayloadKind::Head) => {
                if let Some(path) = card_of(&payload.bytes) {
                    self.ask(key, path);
                }
                Vec::new()
            }
            (Side::Server, PayloadKind::Body) if !self.asked.is_empty() => {
                let path = self.asked.remove(&key);
                path.and_then(|path| self.card(payload, &path)).unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }

    fn ask(&mut self, key: (u32, u32), path: &str) {
        if self.asked.insert(key, text::kept(path).into()).is_none() {
            self.order.push_back(key);
        }
        // The oldest request is dropped. If it was answered, it left `asked` before.
        while self.order.len() > MAX_CARDS
            && let Some(oldest) = self.order.pop_front()
        {
            self.asked.remove(&oldest);
        }
    }

    fn card(&mut self, payload: &PayloadFact, path: &str) -> Option<Vec<Finding>> {
        if payload.bytes.len() > MAX_CARD || payload.degraded.any() {
            return None;
        }
        let card: Value = serde_json::from_slice(&payload.bytes).ok()?;
        let server = key_of(payload.peers.server, path);
        let card = Card::of(&card, path)?;
        let differences = self.descriptions.get(&server).map(|description| card.differences(description));
        if self.cards.len() < MAX_CARDS || self.cards.contains_key(&server) {
            self.cards.insert(server, card);
        }
        let findings =
            self.take_new(server, differences.unwrap_or_default()).into_iter().map(|detail| Finding {
                code: Code::ContentsCardDiffers,
                at: Some(payload.span.end),
                tcp_stream: Some(payload.peers.tcp_stream),
                session: None,
                exchange: None,
                count: 1,
                detail,
            });
        Some(findings.collect())
    }

    /// Takes a call: what a server says of itself.
    pub(super) fn push(&mut self, call: &Call<'_>) -> Vec<Finding> {
        let session = &call.exchange.session;
        let said = SelfDescription::of(call.exchange, call.result()).zip(session.path.as_deref());
        let Some((said, path)) = said else { return Vec::new() };
        let server = key_of(session.server, path);
        let differences = self.cards.get(&server).map(|card| card.differences(&said));
        if self.descriptions.len() < MAX_CARDS || self.descriptions.contains_key(&server) {
            self.descriptions.insert(server, said);
        }
        let details = self.take_new(server, differences.unwrap_or_default()).into_iter();
        details.map(|detail| call.of_response(Code::ContentsCardDiffers, detail)).collect()
    }

    /// Returns the differences that were not reported of a server yet.
    fn take_new(&mut self, server: u64, differences: Vec<String>) -> Vec<String> {
        let is_new = |detail: &String| self.reported.insert((server, text::hash(detail)));
        differences.into_iter().filter(is_new).collect()
    }
}

fn key_of(address: SocketAddr, path: &str) -> u64 {
    server_key(&ServerRef { address, path: Some(path.into()) })
}

/// The path of the endpoint whose card a request asks for; `None` if it asks for something else.
fn card_of(head: &[u8]) -> Option<&str> {
    let target = head.strip_prefix(b"GET ")?;
    let target = target.get(..memchr::memchr(b' ', target)?)?;
    std::str::from_utf8(target).ok()?.split('?').next()?.strip_suffix(SUFFIX)
}
