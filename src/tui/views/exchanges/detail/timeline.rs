//! The timeline of an exchange: its stages and when each took place.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::base::{Code, Finding, Side, Span, Timestamp, units};
use crate::ledger::store::Payload;
use crate::ledger::{Exchange, MessageSpan, Notification};
use crate::tui::model::Model;
use crate::tui::theme::Role;

use super::Tab;
use super::parts::between;

/// Progress notifications that are listed, at most; with more, the latest ones are.
const PROGRESS: usize = 50;

/// Network findings that are listed, at most.
const TROUBLES: usize = 20;

/// A stage. Times are in nanoseconds after the start of the request, and may be negative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stage {
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) from: i64,
    /// `None` if the stage is not over: it ends at the current capture time.
    pub(super) to: Option<i64>,
    /// Packets that show it: one, or the first and the last.
    pub(super) packets: String,
    pub(super) note: String,
    /// Whether the note quotes traffic, which privacy mode masks.
    pub(super) is_said: bool,
    /// Tab that shows more about it.
    pub(super) tab: Tab,
}

/// The data that stages are built from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told<'a> {
    pub(super) exchange: &'a Exchange,
    /// Heads of the transactions that carried the request and the response.
    pub(super) heads: &'a [Payload],
    /// Payloads of the transaction that carried the response.
    pub(super) carried: &'a [Payload],
    /// Whether that is the transaction of the request.
    pub(super) own: bool,
    pub(super) is_open: bool,
}

impl Told<'_> {
    fn stage(
        &self,
        (name, role): (&str, Role),
        (from, to): (Timestamp, Option<Timestamp>),
        tab: Tab,
    ) -> Stage {
        let after = |time: Timestamp| time.since(self.exchange.request.span.start.time);
        let (from, to) = (after(from), to.map(after));
        let (packets, note) = (String::new(), String::new());
        Stage { name: name.to_owned(), role, from, to, packets, note, is_said: false, tab }
    }

    /// Returns a stage that spans the packets of a message.
    fn carried(&self, (name, role): (&str, Role), span: Span, tab: Tab) -> Stage {
        let stage = self.stage((name, role), (span.start.time, Some(span.end.time)), tab);
        stage.packets(span.first.0, span.last.0)
    }
}

impl Stage {
    fn packets(self, first: u64, last: u64) -> Self {
        Self { packets: between(first, last), ..self }
    }

    fn note(self, note: impl Into<String>) -> Self {
        Self { note: note.into(), ..self }
    }
}

/// Returns the stages of an exchange in the order of their start.
pub(super) fn stages(told: Told<'_>, model: &Model) -> Vec<Stage> {
    let exchange = told.exchange;
    let request = exchange.request;
    let mut stages =
        vec![told.carried(("request", Role::Send), request.span, Tab::Request).note(size(request))];
    stages.extend(held_up(told, "request", request.span));
    if let Some(response) = exchange.response {
        let span = response.span;
        let times = (request.span.end.time, Some(span.start.time));
        let wait = told.stage(("wait", Role::Wait), times, Tab::Packets);
        stages.push(wait.packets(request.span.last.0, span.first.0).note(long_wait(exchange)));
    }
    stages.extend(acked(told));
    stages.extend(progress(told, model));
    stages.extend(troubles(told, model));
    stages.extend(ended(told, model));
    // The sort is stable: stages that start together stay in causal order.
    stages.sort_by_key(|stage| stage.from);
    stages.extend(network(told));
    stages
}

fn size(carried: MessageSpan) -> String {
    units::bytes(carried.bytes)
}

fn long_wait(exchange: &Exchange) -> &'static str {
    let waited =
        exchange.response.map(|response| response.span.start.time.since(exchange.request.span.end.time));
    if waited.is_some_and(|waited| waited < 0) { "answered before it was whole" } else { "" }
}

/// Returns the time that a message waited for a lost packet: its last packet had arrived, but an
/// earlier one was retransmitted later.
fn held_up(told: Told<'_>, what: &str, span: Span) -> Option<Stage> {
    if span.end.packet <= span.last {
        return None;
    }
    let stage =
        told.carried(("held up", Role::Warn), span, Tab::Packets).packets(span.last.0, span.end.packet.0);
    Some(stage.note(format!("{what} behind a hole, filled by packet {}", span.end.packet)))
}

fn acked(told: Told<'_>) -> Option<Stage> {
    let exchange = told.exchange;
    let (ack, sent) = (exchange.ack?, exchange.request.span.end.time);
    let times = (sent.min(ack), Some(ack.max(sent)));
    let stage = told.stage(("ack", Role::Faint), times, Tab::Http);
    let stage = stage.note(exchange.http_status.map_or(String::new(), |status| format!("HTTP {status}")));
    let of_server = told.heads.iter().filter(|head| head.side == Side::Server);
    Some(match of_server.into_iter().find(|head| head.span.start.time == ack) {
        Some(head) => stage.packets(head.span.start.packet.0, head.span.start.packet.0),
        None => stage,
    })
}

/// Returns the response and its stream's later events, or the stage that stands for a missing
/// response.
fn ended(told: Told<'_>, model: &Model) -> Vec<Stage> {
    let exchange = told.exchange;
    let sent = exchange.request.span.end.time;
    let Some(response) = exchange.response else {
        if told.is_open {
            return vec![told.stage(("pending", Role::Pending), (sent, None), Tab::Events)];
        }
        let until = given_up(exchange, model).map_or(sent, |time| time.max(sent));
        let nothing = told.stage(("no response", Role::Bad), (sent, Some(until)), Tab::Findings);
        let why = exchange.cause.map_or("not known why", |cause| cause.name()).replace('_', " ");
        return vec![nothing.note(why)];
    };
    let span = response.span;
    let mut stages =
        vec![told.carried(("response", Role::Receive), span, Tab::Response).note(size(response))];
    stages.extend(held_up(told, "response", span));
    let after =
        |said: &&Payload| told.own && said.side == Side::Server && said.span.start.time > span.end.time;
    let events = told.carried.iter().filter(after);
    if let Some(last) = events.clone().next_back() {
        let times = (span.end.time, Some(last.span.end.time));
        let tail = told.stage(("stream tail", Role::Tail), times, Tab::Events);
        let count = units::several(events.count() as u64, "event");
        stages.push(tail.packets(span.last.0, last.span.last.0).note(format!("{count} after the response")));
    }
    stages
}

/// Returns when the exchange was cancelled or reported as unanswered; `None` if neither is known.
fn given_up(exchange: &Exchange, model: &Model) -> Option<Timestamp> {
    let mut told = model.store().notifications_of(exchange.n);
    let cancelled = told.find(|told| &*told.method == "notifications/cancelled");
    let noticed = || {
        let of_it =
            |finding: &&Finding| finding.exchange == Some(exchange.n) && finding.code == Code::McpUnanswered;
        model.store().findings().iter().find(of_it)?.at.map(|at| at.time)
    };
    cancelled.map(|told| told.message.span.end.time).or_else(noticed)
}

/// Returns the TCP findings on the connections of the exchange while it was open.
fn troubles(told: Told<'_>, model: &Model) -> Vec<Stage> {
    let exchange = told.exchange;
    let streams = [Some(exchange.tcp_stream), exchange.answered_on.map(|(stream, _)| stream)];
    let from = exchange.request.span.start.time;
    let until = exchange.response.map_or(model.now(), |response| response.span.end.time);
    let of_tcp = |code: Code| code.name().starts_with("tcp.") || code.name().starts_with("http.resync");
    let all = model.store().findings().iter();
    let of_it = all.filter(|finding| finding.tcp_stream.is_some() && streams.contains(&finding.tcp_stream));
    let meanwhile = of_it.filter_map(|finding| {
        let at = finding.at.filter(|at| (from..=until).contains(&at.time) && of_tcp(finding.code))?;
        let name = finding.code.name().rsplit('.').next().unwrap_or_default().replace('_', " ");
        let stage = told.stage((&name, Role::Bad), (at.time, Some(at.time)), Tab::Packets);
        Some(stage.packets(at.packet.0, at.packet.0).note(finding.detail.clone()))
    });
    meanwhile.take(TROUBLES).collect()
}

/// Returns the transport problems of the exchange that have no time.
fn network(told: Told<'_>) -> Option<Stage> {
    let exchange = told.exchange;
    let mut said = Vec::new();
    if exchange.retransmissions > 0 {
        said.push(format!("{} sent again", units::several(exchange.retransmissions.into(), "segment")));
    }
    said.extend(exchange.degraded.names().map(|name| name.replace('_', " ")));
    if said.is_empty() {
        return None;
    }
    let request = exchange.request.span;
    let last = exchange.response.map_or(request, |response| response.span);
    let over = (request.start.time, Some(last.end.time));
    let stage = told.stage(("network", Role::Warn), over, Tab::Packets);
    Some(stage.packets(request.first.0, last.last.0).note(said.join(", ")))
}

fn progress(told: Told<'_>, model: &Model) -> Vec<Stage> {
    let n = told.exchange.n;
    let all = model.store().notifications_of(n).count();
    let skipped = all.saturating_sub(PROGRESS);
    let latest = model.store().notifications_of(n).skip(skipped).enumerate();
    // Several notifications of one length may share a packet: search after the previous match.
    let mut rest = told.carried;
    let stages = latest.map(|(index, notification)| {
        let name = notification.method.strip_prefix("notifications/").unwrap_or(&notification.method);
        let note = said_of(&mut rest, notification);
        let note = match (index, skipped) {
            (0, 1..) => format!("{note} ({skipped} before)"),
            _ => note,
        };
        let stage = told.carried((name, Role::Tail), notification.message.span, Tab::Events);
        Stage { note, is_said: true, ..stage }
    });
    stages.collect()
}

/// The part of a notification that is summarized in a line.
#[derive(Deserialize)]
struct Probe<'a> {
    #[serde(borrow)]
    params: Params<'a>,
}

/// Members of progress, logging and cancellation notifications. Numbers are kept as written.
#[derive(Deserialize)]
struct Params<'a> {
    #[serde(borrow)]
    progress: Option<&'a RawValue>,
    #[serde(borrow)]
    total: Option<&'a RawValue>,
    message: Option<String>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    reason: Option<String>,
}

/// Bytes of a notification's text that are shown.
const PREVIEW: usize = 200;

fn said_of(rest: &mut &[Payload], notification: &Notification) -> String {
    let MessageSpan { span, bytes } = notification.message;
    let place = rest.iter().position(|said| said.span == span && said.bytes.len() as u64 == bytes);
    let said = place.and_then(|place| {
        let (said, behind) = rest.get(place..)?.split_first()?;
        *rest = behind;
        serde_json::from_slice::<Probe<'_>>(&said.bytes).ok().map(|probe| words(&probe.params))
    });
    said.unwrap_or_else(|| format!("from the {}", notification.from.name()))
}

fn words(params: &Params<'_>) -> String {
    let number = |value: Option<&RawValue>| value.map(|value| cut(value.get()));
    let amount = match (number(params.progress), number(params.total)) {
        (Some(progress), Some(total)) => format!("{progress} of {total}"),
        (progress, _) => progress.unwrap_or_default(),
    };
    let text = params.message.as_deref().or(params.reason.as_deref()).map(cut).or(number(params.data));
    let text = text.unwrap_or_default();
    let gap = if amount.is_empty() || text.is_empty() { "" } else { " " };
    format!("{amount}{gap}{text}")
}

fn cut(text: &str) -> String {
    text.get(..text.floor_char_boundary(PREVIEW)).unwrap_or(text).to_owned()
}
