//! Rules for calls that are seen on two legs of a proxy.

use super::super::in_step::NestedSessions;
use super::super::method;
use super::super::record::{Cause, Exchange, SessionRef};
use super::super::views::Pair;
use super::exchange::of_exchange;
use super::rule::{FindingContext, Moment, Violation, violation};
use crate::base::{Code, Origin, PacketNo, Side, Status, units};

/// The least spread of a call's messages behind a proxy that shows when they come together in
/// front, in nanoseconds.
const SPREAD: i64 = 50_000_000;

/// How long a proxy keeps a call before each such call is reported, in nanoseconds.
const HELD: i64 = 1_000_000_000;

/// What a proxy adds to each call before it is reported, in nanoseconds, and number of calls that
/// show that it does. TCP's delayed acknowledgements are 40 ms.
const DELAY: i64 = 35_000_000;
const DELAYED_CALLS: u32 = 5;

/// How long a request waits for a leg behind the proxy, in nanoseconds, before it is taken for one
/// that did not cross.
const CROSSING: i64 = 1_000_000_000;

/// A call that is complete on one leg of a proxy, and was not seen on the next one.
pub(in crate::mcp) struct UncrossedCall<'a> {
    pub(in crate::mcp) exchange: &'a Exchange,
    /// The session on the next leg.
    pub(in crate::mcp) other: &'a SessionRef,
    /// Whether no call of the session did so before.
    pub(in crate::mcp) is_first: bool,
}

impl Moment for UncrossedCall<'_> {
    fn subject(&self) -> FindingContext {
        of_exchange(self.exchange, self.exchange.request.span.end)
    }
}

impl UncrossedCall<'_> {
    /// The address of the proxy: the server of the leg in front.
    fn proxy(&self) -> std::net::SocketAddr {
        match self.exchange.origin {
            Side::Client => self.exchange.session.server,
            Side::Server => self.other.server,
        }
    }
}

/// The proxy took a request and did not pass it on.
pub(super) fn request_did_not_cross(call: &UncrossedCall<'_>) -> Option<Violation> {
    let Exchange { status, degraded, method, id, request, .. } = call.exchange;
    let is_open = matches!(status, Status::Unanswered | Status::Cancelled);
    let waited = call.exchange.waited_ns()?;
    if degraded.any() || !is_open || waited < CROSSING || call.exchange.response.is_some() {
        return None;
    }
    violation(
        Code::McpNotForwarded,
        format!(
            "{method} with id {id} reached the proxy at {} in packet {}, waited {} and was not seen on the \
             leg from {} to {} (s{})",
            call.proxy(),
            request.span.end.packet.mention(),
            units::duration(waited),
            call.other.client,
            call.other.server,
            call.other.number,
        ),
    )
}

/// A call that the proxy answered, and that no leg behind it carried.
pub(super) fn call_was_answered_by_proxy(call: &UncrossedCall<'_>) -> Option<Violation> {
    let Exchange { status, degraded, method, id, http_status, response, .. } = call.exchange;
    let has_http_error = *status == Status::HttpError;
    let is_answered = has_http_error || response.is_some();
    if degraded.any() || !is_answered || !(call.is_first || has_http_error) || method::is_initialize(method) {
        return None;
    }
    let answer = match (response, http_status) {
        (None, Some(status)) => format!("with HTTP {status}"),
        (response, _) => {
            let packet =
                response.map_or_else(String::new, |response| response.span.end.packet.mention().to_string());
            format!("in packet {packet}")
        }
    };
    violation(
        Code::McpProxyAnswered,
        format!(
            "{method} with id {id} was answered {answer} by {} and not seen on the leg from {} to {} (s{})",
            call.proxy(),
            call.other.client,
            call.other.server,
            call.other.number,
        ),
    )
}

impl Moment for NestedSessions {
    fn subject(&self) -> FindingContext {
        FindingContext { at: self.at, session: Some(self.outer.number), ..FindingContext::default() }
    }
}

/// Equal clients in step look like the two legs of a gateway that gives requests ids of its own.
pub(super) fn sessions_are_in_step(nested: &NestedSessions) -> Option<Violation> {
    let NestedSessions { outer, inner, calls, .. } = nested;
    let [outer, inner] =
        [outer, inner].map(|leg| format!("s{} ({} to {})", leg.number, leg.client, leg.server));
    violation(
        Code::McpInStep,
        format!(
            "each of {calls} calls of {outer} contains one of {inner} with the same method, name and sizes"
        ),
    )
}

/// A call that is complete on two legs.
pub(in crate::mcp) struct ProxiedCall<'a> {
    /// The leg that was complete last.
    pub(in crate::mcp) exchange: &'a Exchange,
    pub(in crate::mcp) at: Origin,
    pub(in crate::mcp) pair: &'a Pair,
}

impl ProxiedCall<'_> {
    fn front(&self) -> &Exchange {
        &self.pair.front.exchange
    }

    fn back(&self) -> &Exchange {
        &self.pair.back.exchange
    }

    /// `the proxy at ADDRESS`: the server of the leg in front.
    fn proxy(&self) -> String {
        format!("the proxy at {}", self.front().session.server)
    }

    /// `tools/call with id 3`.
    fn call(&self) -> String {
        format!("{} with id {}", self.exchange.method, self.exchange.id)
    }

    fn is_degraded(&self) -> bool {
        self.front().degraded.any() || self.back().degraded.any()
    }
}

impl Moment for ProxiedCall<'_> {
    fn subject(&self) -> FindingContext {
        of_exchange(self.exchange, self.at)
    }
}

/// The first call of two legs tells which one is in front.
pub(super) fn session_is_seen_twice(call: &ProxiedCall<'_>) -> Option<Violation> {
    if !call.pair.is_first {
        return None;
    }
    let (front, back) = (call.front(), call.back());
    let [front_leg, back_leg] = [front, back]
        .map(|leg| format!("s{} ({} to {})", leg.session.number, leg.session.client, leg.session.server));
    if !call.pair.is_contained() {
        let order = "the times do not tell which leg is in front";
        return violation(Code::McpSeenTwice, format!("{front_leg} and {back_leg} are one session: {order}"));
    }
    let order = match (front.response, back.response) {
        (Some(_), Some(_)) => format!(
            "the call at packet {} contains the one at packet {}, the proxy took {} of it",
            front.request.span.start.packet.min(back.request.span.start.packet).mention(),
            front.request.span.start.packet.max(back.request.span.start.packet).mention(),
            units::duration(call.pair.proxy_ns().unwrap_or_default()),
        ),
        _ => format!(
            "the request at packet {} comes before the one at packet {}",
            front.request.span.start.packet.mention(),
            back.request.span.start.packet.mention()
        ),
    };
    violation(Code::McpSeenTwice, format!("{front_leg} is in front of {back_leg}: {order}"))
}

/// Messages of the server that came apart behind and together in front.
pub(super) fn events_are_buffered(call: &ProxiedCall<'_>) -> Option<Violation> {
    let (front, back) = (&call.pair.front, &call.pair.back);
    let (in_front, behind) = (front.spread_ns()?, back.spread_ns()?);
    if call.is_degraded()
        || behind < SPREAD
        || in_front > behind / 10
        || call.front().origin != call.back().origin
    {
        return None;
    }
    let messages = call.back().progress;
    let packets = |at: Option<Origin>, exchange: &Exchange| {
        let first = at.unwrap_or_default().packet;
        let last = exchange.response.map_or(first, |response| response.span.end.packet);
        let [from, to] = [first, last].map(PacketNo::mention);
        if first == last { format!("packet {from}") } else { format!("packets {from} to {to}") }
    };
    let what = if messages > 0 {
        format!(
            "{} and the response of {}",
            units::several(messages.into(), "progress notification"),
            call.call()
        )
    } else {
        format!("the messages of {}", call.call())
    };
    violation(
        Code::McpBuffered,
        format!(
            "{what} came over {} behind {} ({}) and within {} in front ({})",
            units::duration(behind),
            call.proxy(),
            packets(back.first_message, call.back()),
            units::duration(in_front),
            packets(front.first_message, call.front()),
        ),
    )
}

/// The proxy kept the response for long.
pub(super) fn response_is_held(call: &ProxiedCall<'_>) -> Option<Violation> {
    let (own, held) = (call.pair.proxy_ns()?, call.pair.held_ns()?);
    let (from, to) = call.pair.responses()?;
    let is_noticed = call.pair.proxy.noticed == 1 && call.pair.is_noticed();
    if call.is_degraded() || !(own >= HELD || is_noticed) {
        return None;
    }
    let what = if held >= own / 2 {
        format!(
            "the response came {} later (packet {} after {})",
            units::duration(held),
            to.packet.mention(),
            from.packet.mention()
        )
    } else {
        let starts = [call.front(), call.back()].map(|leg| leg.request.span.start.packet);
        let [first, second] = [starts[0].min(starts[1]), starts[0].max(starts[1])].map(PacketNo::mention);
        format!("the request came {} later (packet {second} after {first})", units::duration(own - held))
    };
    violation(
        Code::McpProxyDelay,
        format!("{} kept {} for {}: {what}", call.proxy(), call.call(), units::duration(own)),
    )
}

/// The proxy adds about the same to every call.
pub(super) fn every_call_is_delayed(call: &ProxiedCall<'_>) -> Option<Violation> {
    let proxy = call.pair.proxy;
    let is_constant = proxy.most_ns.saturating_sub(proxy.least_ns) <= proxy.least_ns / 2;
    if proxy.calls != DELAYED_CALLS
        || proxy.least_ns < DELAY
        || !is_constant
        || call.pair.proxy_ns().is_none()
    {
        return None;
    }
    violation(
        Code::McpProxyDelay,
        format!(
            "{} adds {} to {} to each call: the first {DELAYED_CALLS} calls of s{} and s{}",
            call.proxy(),
            units::duration(proxy.least_ns),
            units::duration(proxy.most_ns),
            call.front().session.number,
            call.back().session.number,
        ),
    )
}

/// The server closed in front and the client behind: both are the proxy.
pub(super) fn proxy_closed_both_legs(call: &ProxiedCall<'_>) -> Option<Violation> {
    let (front, back) = (call.front(), call.back());
    let is_by_server = matches!(front.cause, Some(Cause::ServerClosed | Cause::ServerReset));
    let is_by_client = matches!(back.cause, Some(Cause::ClientClosed | Cause::ClientReset));
    if call.is_degraded() || !is_by_server || !is_by_client {
        return None;
    }
    violation(
        Code::McpProxyClosed,
        format!(
            "{} ended {} on both legs: it is the server that closed in front (n={}) and the client that \
             closed behind (n={})",
            call.proxy(),
            call.call(),
            front.n,
            back.n,
        ),
    )
}

/// The proxy answered with an HTTP error of its own.
pub(super) fn proxy_answered_itself(call: &ProxiedCall<'_>) -> Option<Violation> {
    let (front, back) = (call.front(), call.back());
    let status = front.http_status.filter(|_| front.status == Status::HttpError)?;
    if call.is_degraded() || back.http_status == Some(status) {
        return None;
    }
    violation(
        Code::McpProxyAnswered,
        format!(
            "{} answered {} with HTTP {status} itself; behind it is {} (n={})",
            call.proxy(),
            call.call(),
            back.status.name(),
            back.n,
        ),
    )
}
