//! Server Cards against what the servers say of themselves (Server Cards extension).

use std::collections::HashMap;
use std::net::SocketAddr;

use foldhash::fast::RandomState;
use serde_json::Value;

use super::call::Call;
use crate::base::fact::{PayloadFact, PayloadKind};
use crate::base::{Code, Finding, Origin, Side, text};

/// Cards, servers and requests for cards that are kept, each.
const MAX_CARDS: usize = 1000;

/// Longest card that is read, in bytes.
const MAX_CARD: usize = 64 << 10;

/// The end of the path of a card, after that of its MCP endpoint.
const SUFFIX: &str = "/server-card";

/// The address of a server, and the path of its MCP endpoint.
type Server = (SocketAddr, Box<str>);

/// The cards of servers.
#[derive(Debug, Default)]
pub(super) struct ServerCards {
    /// The endpoint of whose card a transaction asks for.
    asked: HashMap<(u32, u32), Box<str>, RandomState>,
    cards: HashMap<Server, (Box<str>, Origin), RandomState>,
    /// The versions that servers told with `initialize` and `server/discover`.
    versions: HashMap<Server, Box<str>, RandomState>,
}

impl ServerCards {
    /// Takes a payload: requests for cards, and cards.
    pub(super) fn payload(&mut self, payload: &PayloadFact) -> Option<Finding> {
        let key = (payload.peers.tcp_stream, payload.transaction);
        match (payload.side, &payload.kind) {
            (Side::Client, PayloadKind::Head) => {
                let path = card_of(&payload.bytes)?;
                if self.asked.len() < MAX_CARDS {
                    self.asked.insert(key, path.into());
                }
                None
            }
            (Side::Server, PayloadKind::Body) if !self.asked.is_empty() => {
                let path = self.asked.remove(&key)?;
                if payload.bytes.len() > MAX_CARD || payload.degraded.any() {
                    return None;
                }
                let card: Value = serde_json::from_slice(&payload.bytes).ok()?;
                let version = text::kept_name(card.get("version")?.as_str()?).into_owned();
                let server = (payload.peers.server, path);
                let differs = self.versions.get(&server).filter(|told| ***told != *version);
                let detail = differs.map(|told| detail(&version, told));
                if self.cards.len() < MAX_CARDS {
                    self.cards.insert(server, (version.into(), payload.span.end));
                }
                let (tcp_stream, at) = (Some(key.0), Some(payload.span.end));
                let code = Code::ContentsCardDiffers;
                detail.map(|detail| Finding {
                    code,
                    at,
                    tcp_stream,
                    session: None,
                    exchange: None,
                    count: 1,
                    detail,
                })
            }
            _ => None,
        }
    }

    /// Takes a call: what a server says of itself.
    pub(super) fn push(&mut self, call: &Call<'_>) -> Option<Finding> {
        if !matches!(&*call.exchange.method, "initialize" | "server/discover") {
            return None;
        }
        let result = call.result()?;
        let info = result.get("serverInfo").or_else(|| {
            result.get("_meta").and_then(|meta| meta.get("io.modelcontextprotocol/serverInfo"))
        })?;
        let version = text::kept_name(info.get("version")?.as_str()?).into_owned();
        let session = &call.exchange.session;
        let server = (session.server, session.path.as_deref()?.into());
        let card = self.cards.get(&server).filter(|(card, _)| **card != *version);
        let finding =
            card.map(|(card, _)| call.of_response(Code::ContentsCardDiffers, detail(card, &version)));
        let is_new =
            self.versions.insert(server.clone(), version.clone().into()).is_none_or(|old| *old != *version);
        if self.versions.len() > MAX_CARDS {
            self.versions.remove(&server);
        }
        finding.filter(|_| is_new)
    }
}

fn detail(card: &str, told: &str) -> String {
    format!("the server card has version {card}, the server tells {told}")
}

/// The path of the endpoint whose card a request asks for; `None` if it asks for something else.
fn card_of(head: &[u8]) -> Option<&str> {
    let target = head.strip_prefix(b"GET ")?;
    let target = target.get(..memchr::memchr(b' ', target)?)?;
    std::str::from_utf8(target).ok()?.split('?').next()?.strip_suffix(SUFFIX)
}
