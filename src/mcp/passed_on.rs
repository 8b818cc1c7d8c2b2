//! Calls that a proxy passes on under another session id, or without one. They are joined where a
//! header field of the request proves it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use super::handle::SessionIndex;
use super::record::Exchange;
use crate::base::Side;
use crate::rpc::{Field, Fields};

/// Requests that are compared, latest first. A proxy passes a request on within milliseconds.
const MAX_REQUESTS: usize = 64;

/// What the head of a request says about proxies that it came through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Passage {
    /// Hash of what names the request on each leg: `X-Request-Id`, else `traceparent` (W3C Trace
    /// Context, section 3.2); `None` if neither is there.
    name: Option<u64>,
    /// Whether a proxy passed it on: `Via` (RFC 9110 section 7.6.3), `Forwarded` (RFC 7239) or
    /// `X-Forwarded-For`.
    is_forwarded: bool,
}

impl Passage {
    pub(super) fn of(fields: Fields<'_>) -> Self {
        let name = fields.get(Field::RequestId).or_else(|| fields.get(Field::TraceParent));
        let traces = [Field::Via, Field::Forwarded, Field::ForwardedFor];
        Self {
            name: name.map(crate::base::text::digest),
            is_forwarded: traces.iter().any(|field| fields.get(*field).is_some()),
        }
    }

    /// Whether it can prove that the request was passed on.
    fn is_proof(self) -> bool {
        self.name.is_some() || self.is_forwarded
    }
}

/// The latest requests of clients.
#[derive(Debug, Default)]
pub(super) struct PassedOn {
    recent: VecDeque<Request>,
}

/// A request of a client.
#[derive(Debug)]
struct Request {
    n: u64,
    session: SessionIndex,
    client: SocketAddr,
    server: SocketAddr,
    method: Arc<str>,
    name: Option<Arc<str>>,
    /// Length of the request without its id, in bytes.
    size: u64,
    passage: Passage,
}

impl PassedOn {
    /// Adds a request, and returns the one on the leg in front that it was made of, with its
    /// session; `None` if no header field proves one. `is_open` says which are not answered.
    pub(super) fn add(
        &mut self,
        session: SessionIndex,
        exchange: &Exchange,
        passage: Passage,
        is_open: impl Fn(u64) -> bool,
    ) -> Option<(u64, SessionIndex)> {
        if exchange.origin == Side::Server {
            return None;
        }
        let request = Request {
            n: exchange.n,
            session,
            client: exchange.client,
            server: exchange.session.server,
            method: Arc::clone(&exchange.method),
            name: exchange.name.clone(),
            size: exchange.request.bytes.saturating_sub(exchange.id.json_len() as u64),
            passage,
        };
        let found = if passage.is_proof() { self.front_of(&request, is_open) } else { None };
        if self.recent.len() >= MAX_REQUESTS {
            self.recent.pop_front();
        }
        self.recent.push_back(request);
        found
    }
}

impl PassedOn {
    /// The request on the leg in front that another one was made of, and its session.
    fn front_of(&self, request: &Request, is_open: impl Fn(u64) -> bool) -> Option<(u64, SessionIndex)> {
        let passage = request.passage;
        let is_candidate = |front: &&Request| request.may_be_of(front) && is_open(front.n);
        let mut candidates = self.recent.iter().rev().filter(is_candidate);
        let front = match (candidates.next(), candidates.next()) {
            (Some(front), _) if front.passage.name.is_some() && front.passage.name == passage.name => front,
            // Of several requests alike it is not known which one was passed on.
            (Some(front), None) if passage.is_forwarded => front,
            _ => return None,
        };
        Some((front.n, front.session))
    }
}

impl Request {
    /// Whether a program on the host of the server of `front` may have made this request of that
    /// one.
    fn may_be_of(&self, front: &Self) -> bool {
        let is_renamed = front.passage.name.is_some() && self.passage.name.is_some();
        front.server != self.server
            && front.server.ip() == self.client.ip()
            && front.client != self.client
            && front.session != self.session
            && front.method == self.method
            && front.name == self.name
            && front.size == self.size
            && (!is_renamed || front.passage.name == self.passage.name)
    }
}
