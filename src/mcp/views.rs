//! Views of one session: on the legs of a proxy the same messages are seen at shifted times.
//!
//! The leg nearer to the client is in front: its requests begin earlier and its responses end
//! later. Requests of the server go the other way.

use std::collections::{HashMap, VecDeque};

use super::exchange::OpenExchange;
use super::exchange_table::Exchanges;
use super::handle::{SessionIndex, TransactionKey};
use super::in_step::{InStep, NestedSessions};
use super::method;
use super::openings::Openings;
use super::passage::Passage;
use super::passed_on::PassedOn;
use super::record::Exchange;
use super::session::SessionState;
use super::session_list::OtherSessions;
use super::view::View;
use crate::base::{Origin, Side, Timestamp, limits};
use crate::rpc::TransactionNo;

type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// Open requests with one id that are compared on each leg, latest first.
const MAX_COPIES: usize = 16;

/// Pairs of legs whose delays are kept.
const MAX_PAIRS: usize = limits::MAX_HELD_RESPONSES;

/// One call on two neighbouring legs.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) front: View,
    pub(super) back: View,
    /// Calls and delays of the two legs, this one included.
    pub(super) proxy: Proxy,
    /// Whether this is the first call of the two legs that shows which is in front.
    pub(super) is_first: bool,
}

impl Pair {
    /// Whether the request came later and the response earlier on the leg that is nearer to the
    /// responder.
    pub(super) fn is_contained(&self) -> bool {
        let (near, far) = self.near_and_far();
        let starts = far.request.span.start.time >= near.request.span.start.time;
        let ends = match (near.response, far.response) {
            (Some(near), Some(far)) => near.span.end.time >= far.span.end.time,
            _ => true,
        };
        starts && ends
    }

    /// The call on the leg of its sender, and on the leg of its responder.
    fn near_and_far(&self) -> (&Exchange, &Exchange) {
        let (front, back) = (&self.front.exchange, &self.back.exchange);
        if front.origin == Side::Client { (front, back) } else { (back, front) }
    }

    /// The share of the call that is the proxy's own, in nanoseconds.
    pub(super) fn proxy_ns(&self) -> Option<i64> {
        let (near, far) = self.near_and_far();
        self.is_contained().then_some(near.total_ns()?.saturating_sub(far.total_ns()?))
    }

    /// Whether the proxy's own share is half of the call, and long enough to be noticed.
    pub(super) fn is_noticed(&self) -> bool {
        let (near, _) = self.near_and_far();
        match (self.proxy_ns(), near.total_ns()) {
            (Some(own), Some(total)) => own >= NOTICED && own >= total / 2,
            _ => false,
        }
    }

    /// How long the proxy kept the response, in nanoseconds.
    pub(super) fn held_ns(&self) -> Option<i64> {
        let (near, far) = self.near_and_far();
        let held = near.response?.span.end.time.since(far.response?.span.end.time);
        self.is_contained().then_some(held)
    }

    /// The response as it came from its sender, and as it reached the other end.
    pub(super) fn responses(&self) -> Option<(Origin, Origin)> {
        let (near, far) = self.near_and_far();
        Some((far.response?.span.end, near.response?.span.end))
    }
}

/// What is known of the delays of a proxy.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Proxy {
    /// Calls that were answered on both legs.
    pub(super) calls: u32,
    /// The least and the most that it added to a call, in nanoseconds.
    pub(super) least_ns: i64,
    pub(super) most_ns: i64,
    /// Calls of which a notable part is the proxy's own.
    pub(super) noticed: u32,
}

/// What a proxy adds to a call before it is noticed, in nanoseconds, if it is half of the call.
const NOTICED: i64 = 100_000_000;

/// Pairs calls of the legs of proxies.
#[derive(Debug, Default)]
pub(super) struct Views {
    /// Completed calls whose twin is not complete, by number.
    complete: Map<u64, Box<View>>,
    /// Their numbers, oldest first.
    order: VecDeque<u64>,
    openings: Openings,
    passed_on: PassedOn,
    in_step: InStep,
    /// Sessions that were found to be in step.
    nested: Vec<NestedSessions>,
    /// By the sessions in front and behind.
    proxies: Map<(SessionIndex, SessionIndex), Proxy>,
}

impl Views {
    /// Looks for the same call on another leg, when a request opens `exchange` in `session`.
    /// `passage` is what its head says about proxies.
    pub(super) fn open(
        &mut self,
        exchange: &mut OpenExchange,
        session: &mut SessionState,
        others: &mut OtherSessions<'_>,
        (exchanges, passage): (&mut Exchanges, Passage),
    ) {
        let in_front = self.passed_on.add(session.index(), exchange.record(), passage, exchanges);
        if method::is_initialize(&exchange.record().method) {
            return self.open_initialize(exchange, session, others);
        }
        if session.legs().others().is_empty() {
            return join(exchange, session, others, exchanges, in_front);
        }
        let legs = session.legs().others().to_vec();
        let mut latest: Option<(Origin, u64, SessionIndex)> = None;
        for leg in legs {
            let Some(other) = others.get_mut(leg) else { continue };
            let record = exchange.record();
            let open = other.outstanding(record.origin, &record.id).into_iter().flatten();
            for n in open.rev().take(MAX_COPIES) {
                let Some(twin) = exchanges.get(*n).filter(|twin| is_copy(record, twin.record())) else {
                    continue;
                };
                let start = twin.record().request.span.start;
                if latest.is_none_or(|(latest, ..)| latest.packet < start.packet) {
                    latest = Some((start, *n, leg));
                }
            }
        }
        let Some((_, n, leg)) = latest else {
            return join(exchange, session, others, exchanges, in_front);
        };
        let (Some(other), Some(twin)) = (others.get_mut(leg), exchanges.get_mut(n)) else { return };
        match relate(exchange.record(), session, twin.record(), other) {
            Some(Place::Front) => {
                exchange.twins_mut().behind = Some(n);
                twin.twins_mut().in_front = Some(exchange.record().n);
            }
            Some(Place::Back) => {
                exchange.twins_mut().in_front = Some(n);
                twin.twins_mut().behind = Some(exchange.record().n);
            }
            None => {}
        }
    }

    /// Takes a completed exchange; returns the pairs that it completes.
    pub(super) fn complete(&mut self, exchange: &mut OpenExchange) -> Vec<Pair> {
        let record = exchange.record();
        if method::is_initialize(&record.method) && record.session.id.is_some() {
            self.openings.add(Box::new(View::of(exchange)));
        }
        self.nested.extend(self.in_step.add(record));
        let twins = record.twins;
        if twins.in_front.or(twins.behind).is_none() {
            return Vec::new();
        }
        let own = View::of(exchange);
        let mut pairs = Vec::new();
        let mut is_awaited = false;
        for (twin, is_behind) in [(twins.behind, true), (twins.in_front, false)] {
            let Some(n) = twin else { continue };
            match self.complete.remove(&n) {
                Some(twin) if is_behind => pairs.push(self.pair(own.clone(), *twin)),
                Some(twin) => pairs.push(self.pair(*twin, own.clone())),
                None => is_awaited = true,
            }
        }
        for pair in &pairs {
            if let Some(ns) = pair.proxy_ns() {
                exchange.twins_mut().proxy_ns = Some(ns);
            }
        }
        if is_awaited {
            self.keep(Box::new(own));
        }
        pairs
    }

    fn pair(&mut self, front: View, back: View) -> Pair {
        let index = |view: &View| SessionIndex::of_number(view.exchange.session.number);
        let key = (index(&front), index(&back));
        let mut pair =
            Pair { front, back, proxy: Proxy::default(), is_first: !self.proxies.contains_key(&key) };
        if pair.is_first && self.proxies.len() >= MAX_PAIRS {
            pair.is_first = false;
            return pair;
        }
        let (proxy_ns, is_noticed) = (pair.proxy_ns(), pair.is_noticed());
        let proxy = self.proxies.entry(key).or_default();
        if let Some(ns) = proxy_ns {
            proxy.least_ns = if proxy.calls == 0 { ns } else { proxy.least_ns.min(ns) };
            proxy.most_ns = proxy.most_ns.max(ns);
            proxy.calls += 1;
            proxy.noticed += u32::from(is_noticed);
        }
        pair.proxy = *proxy;
        pair
    }

    /// Keeps a completed call until its twin is complete.
    fn keep(&mut self, view: Box<View>) {
        while self.order.len() >= limits::MAX_HELD_RESPONSES {
            if let Some(oldest) = self.order.pop_front() {
                self.complete.remove(&oldest);
            }
        }
        self.order.push_back(view.exchange.n);
        self.complete.insert(view.exchange.n, view);
    }

    /// Takes the sessions that were found to be in step.
    pub(super) fn take_nested(&mut self) -> Vec<NestedSessions> {
        std::mem::take(&mut self.nested)
    }

    /// Keeps an answered `initialize` while the transaction `awaited` carries the same request,
    /// which may be the leg in front.
    pub(super) fn hold_opening(
        &mut self,
        exchange: Box<OpenExchange>,
        awaited: TransactionKey,
        at: Timestamp,
    ) {
        self.openings.hold(exchange, awaited, at);
    }

    /// Takes an exchange that was held and waits no longer: at the time `now`, or any without a
    /// time.
    #[inline]
    pub(super) fn pop_released(&mut self, now: Option<Timestamp>) -> Option<Box<OpenExchange>> {
        self.openings.pop_released(now)
    }

    /// Returns whether no exchange is held.
    #[inline]
    pub(super) fn holds_nothing(&self) -> bool {
        self.openings.is_empty()
    }

    /// Looks for the `initialize` that was answered on the leg behind.
    fn open_initialize(
        &mut self,
        exchange: &mut OpenExchange,
        session: &mut SessionState,
        others: &mut OtherSessions<'_>,
    ) {
        let record = exchange.record();
        let start = record.request.span.start.packet;
        let is_it = |twin: &Exchange| is_copy(record, twin) && start < twin.request.span.start.packet;
        let transaction = (record.tcp_stream, TransactionNo(record.transaction));
        let held = self.openings.take_held(transaction, is_it);
        let emitted = if held.is_none() { self.openings.take(is_it) } else { None };
        let twin = held.as_ref().map(|held| held.record()).or(emitted.as_ref().map(|view| &view.exchange));
        let Some(twin) = twin else { return };
        let (n, index) = (twin.n, SessionIndex::of_number(twin.session.number));
        let place = others.get_mut(index).and_then(|other| relate(record, session, twin, other));
        let is_front = place == Some(Place::Front);
        if is_front {
            exchange.twins_mut().behind = Some(n);
        }
        if let Some(mut held) = held {
            held.twins_mut().in_front = is_front.then_some(exchange.record().n);
            self.openings.release(held);
        } else if let Some(view) = emitted.filter(|_| is_front) {
            self.keep(view);
        }
    }
}

/// Joins an exchange to the one on the leg `in_front` that a header field proves.
fn join(
    exchange: &mut OpenExchange,
    session: &mut SessionState,
    others: &mut OtherSessions<'_>,
    exchanges: &mut Exchanges,
    in_front: Option<(u64, SessionIndex)>,
) {
    let Some((n, leg)) = in_front else { return };
    let (Some(other), Some(twin)) = (others.get_mut(leg), exchanges.get_mut(n)) else { return };
    if twin.record().twins.behind.is_some() {
        return;
    }
    if relate(exchange.record(), session, twin.record(), other) == Some(Place::Back) {
        session.legs_mut().join(other.index());
        other.legs_mut().join(session.index());
        exchange.twins_mut().in_front = Some(n);
        twin.twins_mut().behind = Some(exchange.record().n);
    }
}

/// Which leg an exchange is on, seen from its twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Front,
    Back,
}

/// Whether two exchanges of sessions with one id are the same call on two legs.
fn is_copy(exchange: &Exchange, other: &Exchange) -> bool {
    let is_redirect = |exchange: &Exchange| exchange.http_status.is_some_and(|status| status / 100 == 3);
    // First what differs most often: sessions of one server are no legs.
    exchange.session.server != other.session.server
        && exchange.id == other.id
        && exchange.origin == other.origin
        && exchange.method == other.method
        && exchange.name == other.name
        && exchange.request.bytes == other.request.bytes
        && exchange.session.id == other.session.id
        && !is_redirect(exchange)
        && !is_redirect(other)
}

/// Relates the legs of an exchange and its twin, and returns which one the exchange is on. `None`
/// if earlier calls show another order.
fn relate(
    exchange: &Exchange,
    session: &mut SessionState,
    twin: &Exchange,
    other: &mut SessionState,
) -> Option<Place> {
    let is_earlier = exchange.request.span.start.packet < twin.request.span.start.packet;
    let is_front = is_earlier == (exchange.origin == Side::Client);
    let (front, back) = if is_front { (session, other) } else { (other, session) };
    if front.legs().in_front() == Some(back.index()) {
        return None;
    }
    front.legs_mut().set_has_leg_behind();
    if back.legs_mut().set_in_front(front.index()) {
        back.set_behind(front.number());
    }
    Some(if is_front { Place::Front } else { Place::Back })
}
