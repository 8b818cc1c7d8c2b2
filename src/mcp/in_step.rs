//! Sessions without a common id whose calls are nested: the legs of a gateway that gives requests
//! ids of its own, or two clients that do the same.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use super::record::{Exchange, SessionRef};
use crate::base::{Origin, Side, Span, limits};

/// Calls that are compared. The legs of a gateway complete a call within milliseconds.
const MAX_CALLS: usize = 64;

/// Pairs of sessions that are counted.
const MAX_PAIRS: usize = limits::MAX_ALIKE;

/// Number of nested calls in a row that is no coincidence.
const MANY: u32 = 5;

/// Finds them.
#[derive(Debug, Default)]
pub(super) struct InStep {
    /// The first server. As long as there is no other one, no call is kept.
    server: Option<SocketAddr>,
    has_other_server: bool,
    /// The latest calls that no other call contains, oldest first.
    calls: VecDeque<Call>,
    /// By the sessions of the outer and the inner calls.
    pairs: BTreeMap<(u32, u32), Nested>,
}

/// An answered call.
#[derive(Clone, Debug)]
struct Call {
    session: SessionRef,
    method: Arc<str>,
    name: Option<Arc<str>>,
    /// Lengths of request and response without their ids, in bytes.
    sizes: (u64, u64),
    span: Span,
}

/// How often the calls of two sessions were nested.
#[derive(Debug, Default)]
struct Nested {
    count: u32,
    /// A call of the outer session contained none.
    has_failed: bool,
}

/// Two sessions whose calls are nested.
#[derive(Clone, Debug)]
pub(super) struct NestedSessions {
    pub(super) outer: SessionRef,
    pub(super) inner: SessionRef,
    /// Number of calls.
    pub(super) calls: u32,
    /// The end of the last one.
    pub(super) at: Origin,
}

impl InStep {
    /// Adds an exchange that is complete. Returns two sessions when enough of their calls were
    /// nested, and none was not.
    pub(super) fn add(&mut self, exchange: &Exchange) -> Option<NestedSessions> {
        let server = exchange.session.server;
        self.has_other_server |= *self.server.get_or_insert(server) != server;
        let is_known = exchange.twins.in_front.or(exchange.twins.behind).is_some();
        if !self.has_other_server || is_known || exchange.origin == Side::Server || exchange.degraded.any() {
            return None;
        }
        let call = Call::of(exchange)?;
        let found = self.calls.iter().rposition(|inner| call.contains(inner));
        let inner = found.and_then(|at| self.calls.remove(at));
        let outer = call.session.number;
        self.calls.push_back(call.clone());
        if self.calls.len() > MAX_CALLS {
            self.calls.pop_front();
        }
        let Some(inner) = inner else {
            // What no other call contains is no leg in front.
            self.pairs.range_mut((outer, 0)..=(outer, u32::MAX)).for_each(|(_, pair)| pair.has_failed = true);
            return None;
        };
        let key = (outer, inner.session.number);
        if self.pairs.len() >= MAX_PAIRS && !self.pairs.contains_key(&key) {
            return None;
        }
        let pair = self.pairs.entry(key).or_default();
        pair.count = pair.count.saturating_add(1);
        let (calls, at) = (pair.count, call.span.end);
        let is_found = calls == MANY && !pair.has_failed;
        is_found.then_some(NestedSessions { outer: call.session, inner: inner.session, calls, at })
    }
}

impl Call {
    /// `None` if the exchange has no response.
    fn of(exchange: &Exchange) -> Option<Self> {
        let response = exchange.response.filter(|_| exchange.status.is_answered())?;
        let id = exchange.id.json_len() as u64;
        let size = |bytes: u64| bytes.saturating_sub(id);
        Some(Self {
            session: exchange.session.clone(),
            method: Arc::clone(&exchange.method),
            name: exchange.name.clone(),
            sizes: (size(exchange.request.bytes), size(response.bytes)),
            span: exchange.request.span.join(response.span),
        })
    }

    /// Whether `inner` is the same call, made by a program on the host of this call's server while
    /// this call lasted.
    fn contains(&self, inner: &Self) -> bool {
        inner.session.server != self.session.server
            && inner.session.client.ip() == self.session.server.ip()
            && inner.method == self.method
            && inner.name == self.name
            && inner.sizes == self.sizes
            && self.span.start.time <= inner.span.start.time
            && inner.span.end.time <= self.span.end.time
    }
}
