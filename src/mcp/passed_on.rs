//! Calls that a proxy passes on under another session id, or without one. They are joined where a
//! header field of the request proves it.

use std::collections::VecDeque;

use super::exchange_table::Exchanges;
use super::handle::SessionIndex;
use super::passage::Passage;
use super::record::Exchange;
use crate::base::Side;

/// Requests that are compared, latest first. A proxy passes a request on within milliseconds.
const MAX_REQUESTS: usize = 64;

/// The latest requests of clients.
#[derive(Debug, Default)]
pub(super) struct PassedOn {
    recent: VecDeque<Request>,
}

/// A request of a client. Its exchange says the rest.
#[derive(Clone, Copy, Debug)]
struct Request {
    n: u64,
    session: SessionIndex,
    passage: Passage,
}

impl PassedOn {
    /// Adds a request, and returns the one on the leg in front that it was made of, with its
    /// session; `None` if no header field proves one, or if that one is answered.
    pub(super) fn add(
        &mut self,
        session: SessionIndex,
        exchange: &Exchange,
        passage: Passage,
        exchanges: &Exchanges,
    ) -> Option<(u64, SessionIndex)> {
        if exchange.origin == Side::Server {
            return None;
        }
        let request = Request { n: exchange.n, session, passage };
        let found = if passage.is_proof() { self.front_of(request, exchange, exchanges) } else { None };
        if self.recent.len() >= MAX_REQUESTS {
            self.recent.pop_front();
        }
        self.recent.push_back(request);
        found
    }

    /// The request on the leg in front that another one was made of, and its session.
    fn front_of(
        &self,
        request: Request,
        exchange: &Exchange,
        exchanges: &Exchanges,
    ) -> Option<(u64, SessionIndex)> {
        let passage = request.passage;
        let is_candidate = |front: &&Request| {
            let open = exchanges.get(front.n).filter(|open| !open.is_answered());
            open.is_some_and(|open| request.may_be_of(front) && is_made_of(exchange, open.record()))
        };
        let mut candidates = self.recent.iter().rev().filter(is_candidate);
        let front = match (candidates.next(), candidates.next()) {
            (Some(front), _) if front.passage.name().is_some() && front.passage.name() == passage.name() => {
                front
            }
            // Of several requests alike it is not known which one was passed on.
            (Some(front), None) if passage.is_forwarded() => front,
            _ => return None,
        };
        Some((front.n, front.session))
    }
}

impl Request {
    /// Whether their sessions and the names of the requests allow that this one was made of
    /// `front`.
    fn may_be_of(self, front: &Self) -> bool {
        let is_renamed = front.passage.name().is_some() && self.passage.name().is_some();
        front.session != self.session && (!is_renamed || front.passage.name() == self.passage.name())
    }
}

/// Whether a program on the host of the server of `front` may have made the request of that one.
fn is_made_of(exchange: &Exchange, front: &Exchange) -> bool {
    let server = exchange.session.server;
    front.session.server != server
        && front.session.server.ip() == exchange.client.ip()
        && front.client != exchange.client
        && front.method == exchange.method
        && front.name == exchange.name
        && size(front) == size(exchange)
}

/// Length of a request without its id, in bytes.
fn size(exchange: &Exchange) -> u64 {
    exchange.request.bytes.saturating_sub(exchange.id.json_len() as u64)
}
