//! Where the time of an exchange went: its stages, one below the other.

use crate::base::fact::CarriedKind;
use crate::base::{Side, Timestamp};
use crate::ledger::Exchange;
use crate::ledger::store::Said;
use crate::tui::theme::Role;
use crate::tui::world::World;

/// Progress notifications that have a line of their own; of more the last lines are the latest.
const PROGRESS: usize = 50;

/// A stage. Times are nanoseconds after the start of the request, and may be negative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stage {
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) from: i64,
    /// `None` where it is not over: it runs with the capture's clock.
    pub(super) to: Option<i64>,
    /// The packets that say so: one, or the first and the last.
    pub(super) packets: String,
    pub(super) note: String,
}

impl Stage {
    /// A stage of `exchange`, from one time to another; to none where it is not over.
    fn of(
        exchange: &Exchange,
        (name, role): (&str, Role),
        (from, to): (Timestamp, Option<Timestamp>),
        packets: String,
    ) -> Self {
        let after = |time: Timestamp| time.since(exchange.request.span.start.time);
        let (from, to) = (after(from), to.map(after));
        Self { name: name.to_owned(), role, from, to, packets, note: String::new() }
    }
}

/// The stages of an exchange; `own` where the response came on the transaction of the request.
pub(super) fn stages(exchange: &Exchange, carried: &[Said], own: bool, world: &World) -> Vec<Stage> {
    let request = exchange.request.span;
    let sent = (request.start.time, Some(request.end.time));
    let packets = between(request.first.0, request.last.0);
    let mut stages = vec![Stage::of(exchange, ("request", Role::Send), sent, packets)];
    if let Some(response) = exchange.response {
        let span = response.span;
        let waited = (request.end.time, Some(span.start.time));
        stages.push(Stage::of(exchange, ("wait", Role::Wait), waited, between(request.last.0, span.first.0)));
    }
    stages.extend(acked(exchange, carried));
    stages.extend(progress(exchange, world));
    stages.extend(ended(exchange, carried, own, world));
    network(&mut stages, exchange);
    stages
}

fn acked(exchange: &Exchange, carried: &[Said]) -> Option<Stage> {
    let ack = exchange.ack?;
    let sent = exchange.request.span.end.time;
    let packets = head_packet(carried, ack).map_or(String::new(), |packet| packet.to_string());
    let times = (sent.min(ack), Some(ack.max(sent)));
    let mut stage = Stage::of(exchange, ("ack", Role::Faint), times, packets);
    stage.note = exchange.http_status.map_or(String::new(), |status| format!("HTTP {status}"));
    Some(stage)
}

/// The response and what its own stream carried after it, or what there is in its place.
fn ended(exchange: &Exchange, carried: &[Said], own: bool, world: &World) -> Vec<Stage> {
    let sent = exchange.request.span.end.time;
    let Some(response) = exchange.response else {
        if world.store.find(exchange.n).is_some_and(|index| world.store.is_open(index)) {
            return vec![Stage::of(exchange, ("pending", Role::Pending), (sent, None), String::new())];
        }
        let mut nothing = Stage::of(exchange, ("no response", Role::Bad), (sent, Some(sent)), String::new());
        nothing.note = exchange.cause.map_or("not known why", |cause| cause.name()).replace('_', " ");
        return vec![nothing];
    };
    let span = response.span;
    let times = (span.start.time, Some(span.end.time));
    let packets = between(span.first.0, span.last.0);
    let mut stages = vec![Stage::of(exchange, ("response", Role::Receive), times, packets)];
    let mut of_server = carried.iter().filter(|said| own && said.side == Side::Server);
    if let Some(last) = of_server.rfind(|said| said.span.start.time > span.end.time) {
        let times = (span.end.time, Some(last.span.end.time));
        let packets = between(span.last.0, last.span.last.0);
        let mut tail = Stage::of(exchange, ("stream tail", Role::Tail), times, packets);
        tail.note = "the stream went on after the response".to_owned();
        stages.push(tail);
    }
    stages
}

/// What the network took, where it did.
fn network(stages: &mut [Stage], exchange: &Exchange) {
    let mut said = Vec::new();
    if exchange.retransmissions > 0 {
        said.push(format!("{} segments sent again meanwhile", exchange.retransmissions));
    }
    said.extend(exchange.degraded.names().map(|name| name.replace('_', " ")));
    if let Some(first) = stages.first_mut() {
        first.note = said.join(", ");
    }
}

fn progress<'a>(exchange: &'a Exchange, world: &'a World) -> impl Iterator<Item = Stage> + 'a {
    let all = world.store.notifications_of(exchange.n).count();
    world.store.notifications_of(exchange.n).skip(all.saturating_sub(PROGRESS)).map(move |told| {
        let span = told.carried.span;
        let name = told.method.strip_prefix("notifications/").unwrap_or(&told.method);
        let times = (span.start.time, Some(span.end.time));
        let mut stage = Stage::of(exchange, (name, Role::Tail), times, between(span.first.0, span.last.0));
        stage.note = format!("from the {}", told.from.name());
        stage
    })
}

/// The packet with the head of a response that began at a time.
fn head_packet(carried: &[Said], at: Timestamp) -> Option<u64> {
    let heads = carried.iter().filter(|said| said.side == Side::Server && said.kind == CarriedKind::Head);
    heads.into_iter().find(|head| head.span.start.time == at).map(|head| head.span.start.packet.0)
}

/// `61`, or `61-66`.
pub(super) fn between(first: u64, last: u64) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}
