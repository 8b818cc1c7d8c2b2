//! The timeline of an exchange: its stages and when each took place.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::base::http2::WindowWait;
use crate::base::{Code, Files, Finding, PacketNo, Side, Span, Timestamp, text, units};
use crate::ledger::store::Payload;
use crate::ledger::{Exchange, MessageSpan, Notification};
use crate::tui::model::Model;
use crate::tui::theme::Role;
use crate::tui::views::format::{self, cause_text, status_text};

use super::tab::Tab;

/// Progress notifications that are listed, at most; with more, the latest ones are.
const MAX_PROGRESS: usize = 50;

/// Requests of the server that are listed, at most: the first.
const MAX_ASKED: usize = 50;

/// Rounds of a call that are listed before and after the opened one, at most.
const MAX_ROUNDS: usize = 20;

/// Network findings that are listed, at most.
const MAX_PROBLEMS: usize = 20;

/// A stage. Times are in nanoseconds after the start of the request, and may be negative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TimelineStage {
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) from: i64,
    /// `None` if the stage is not over: it ends at the current capture time.
    pub(super) to: Option<i64>,
    /// Packets that show it: one, or the first and the last.
    pub(super) packets: String,
    pub(super) note: String,
    /// Whether the note quotes traffic, which privacy mode masks.
    pub(super) quotes_traffic: bool,
    /// Tab that shows more about it.
    pub(super) tab: Tab,
}

/// The data that stages are built from.
#[derive(Clone, Copy, Debug)]
pub(super) struct StageSource<'a> {
    pub(super) exchange: &'a Exchange,
    /// Heads of the transactions that carried the request and the response.
    pub(super) heads: &'a [Payload],
    /// Payloads of the transaction that carried the response.
    pub(super) carried: &'a [Payload],
    /// Whether that is the transaction of the request.
    pub(super) is_of_request: bool,
    pub(super) is_open: bool,
    /// Number the packets.
    pub(super) files: &'a Files,
}

impl StageSource<'_> {
    fn stage(
        &self,
        name: &str,
        role: Role,
        (from, to): (Timestamp, Option<Timestamp>),
        tab: Tab,
    ) -> TimelineStage {
        let after = |time: Timestamp| time.since(self.exchange.request.span.start.time);
        let (from, to) = (after(from), to.map(after));
        let (packets, note) = (String::new(), String::new());
        TimelineStage { name: name.to_owned(), role, from, to, packets, note, quotes_traffic: false, tab }
    }

    /// Returns a stage that spans the packets of a message.
    fn carried(&self, name: &str, role: Role, span: Span, tab: Tab) -> TimelineStage {
        let stage = self.stage(name, role, (span.start.time, Some(span.end.time)), tab);
        stage.packets(span.first, span.last, self.files)
    }
}

impl TimelineStage {
    fn packets(self, first: PacketNo, last: PacketNo, files: &Files) -> Self {
        Self { packets: files.packets(first, last), ..self }
    }

    fn note(self, note: impl Into<String>) -> Self {
        Self { note: note.into(), ..self }
    }
}

/// Returns the stages of an exchange in the order of their start.
pub(super) fn stages(source: StageSource<'_>, model: &Model) -> Vec<TimelineStage> {
    let exchange = source.exchange;
    let request = exchange.request;
    let mut stages =
        vec![source.carried("request", Role::Send, request.span, Tab::Request).note(size(request))];
    stages.extend(held_up(source, "request", request.span));
    if let Some(response) = exchange.response {
        let span = response.span;
        let times = (request.span.end.time, Some(span.start.time));
        let wait = source.stage("wait", Role::Wait, times, Tab::Packets);
        stages.push(wait.packets(request.span.last, span.first, source.files).note(wait_note(exchange)));
    }
    stages.extend(windows(source));
    stages.extend(acknowledged(source));
    stages.extend(asked(source, model));
    stages.extend(rounds(source, model));
    stages.extend(progress(source, model));
    stages.extend(network_findings(source, model));
    stages.extend(outcome(source, model));
    stages.extend(twin(source));
    // The sort is stable: stages that start together stay in causal order.
    stages.sort_by_key(|stage| stage.from);
    stages.extend(untimed_problems(source));
    stages
}

fn size(message: MessageSpan) -> String {
    units::bytes(message.bytes)
}

fn wait_note(exchange: &Exchange) -> String {
    if exchange.wait_ns().is_some_and(|waited| waited < 0) {
        return "answered before the request was complete".to_owned();
    }
    parts_of_wait(exchange).unwrap_or_default()
}

/// Tells the server's time from that of the user or client; `None` if the server asked nothing.
fn parts_of_wait(exchange: &Exchange) -> Option<String> {
    let server = exchange.server_ns().filter(|_| exchange.asked.requests > 0)?;
    let user = exchange.asked.client_ns;
    Some(format!("server {}, user {}", units::duration(server), units::duration(user)))
}

/// Returns a stage for each request of the server inside the call: the time in which it waited for
/// the client.
fn asked(source: StageSource<'_>, model: &Model) -> Vec<TimelineStage> {
    let all = model.related().asked_in(source.exchange.n);
    let stage = |n: &u64| {
        let (asked, is_open) = model.exchange(*n)?;
        let question = asked.request.span;
        let (until, last) = match (asked.response, asked.wait_ended) {
            (Some(answer), _) => (Some(answer.span.start.time), answer.span.last),
            (None, Some(end)) => (Some(end.time), end.packet),
            (None, None) if is_open => (None, question.last),
            (None, None) => (source.exchange.waited_until().map(|end| end.time), question.last),
        };
        let name = asked.method.split_once('/').map_or(&*asked.method, |(front, _)| front);
        let stage = source.stage(name, Role::User, (question.end.time, until), Tab::Events);
        let outcome = if is_open { "pending".to_owned() } else { status_text(&asked) };
        let note = format!("user or client: #{n}, {outcome}");
        Some(stage.packets(question.first, last, source.files).note(note))
    };
    all.iter().take(MAX_ASKED).filter_map(stage).collect()
}

/// Returns the other rounds of a call whose results ask for input, and the time of the user between
/// them.
fn rounds(source: StageSource<'_>, model: &Model) -> Vec<TimelineStage> {
    let (mut stages, opened) = (Vec::new(), source.exchange);
    let mut later = opened.clone();
    for _ in 0..MAX_ROUNDS {
        let before = later.continues.filter(|_| later.input_ns.is_some());
        let Some((before, _)) = before.and_then(|n| model.exchange(n)) else { break };
        stages.extend(round(source, &before));
        stages.extend(between(source, &before, &later));
        later = before;
    }
    let mut before = opened.clone();
    for _ in 0..MAX_ROUNDS {
        let next = model.related().continued_by(before.n);
        let Some((next, _)) = next.and_then(|n| model.exchange(n)) else { break };
        stages.extend(between(source, &before, &next));
        stages.extend(round(source, &next));
        before = next;
    }
    stages
}

/// Returns the stage of another round.
fn round(source: StageSource<'_>, round: &Exchange) -> Option<TimelineStage> {
    let (request, until) = (round.request.span, round.waited_until()?);
    let stage = source.stage("round", Role::Wait, (request.start.time, Some(until.time)), Tab::Request);
    let note = format!("#{}, {}", round.n, status_text(round));
    Some(stage.packets(request.first, until.packet, source.files).note(note))
}

/// Returns the time of the user between two rounds.
fn between(source: StageSource<'_>, before: &Exchange, next: &Exchange) -> Option<TimelineStage> {
    let (asked, answered) = (before.response?.span, next.request.span);
    let times = (asked.end.time, Some(answered.start.time));
    let stage = source.stage("input", Role::User, times, Tab::Request);
    let note = format!("user or client: #{} asks, #{} answers", before.n, next.n);
    Some(stage.packets(asked.last, answered.first, source.files).note(note))
}

/// Returns the stage in which a message waited for a lost packet: its last packet had arrived, but
/// an earlier one was retransmitted later.
fn held_up(source: StageSource<'_>, what: &str, span: Span) -> Option<TimelineStage> {
    if span.end.packet <= span.last {
        return None;
    }
    let stage = source.carried("held up", Role::Warn, span, Tab::Packets).packets(
        span.last,
        span.end.packet,
        source.files,
    );
    Some(
        stage.note(format!(
            "{what} waited for a lost segment: packet {}",
            source.files.packet(span.end.packet)
        )),
    )
}

/// Returns the stages in which content waited for an HTTP/2 window (RFC 9113 section 5.2).
fn windows(source: StageSource<'_>) -> Vec<TimelineStage> {
    let facts = source.exchange.http2_facts();
    let by = source.exchange.origin;
    let waits = [(facts.request_wait, "request", by.other()), (facts.response_wait, "response", by)];
    let stage = |(wait, what, by): (Option<WindowWait>, &str, Side)| {
        let WindowWait { ns, from, to } = wait?;
        let stage = source.stage("window", Role::Warn, (from.time, Some(to.time)), Tab::Packets);
        let name = by.name();
        let note = format!("{what} waited {} for an HTTP/2 window of the {name}", units::duration(ns));
        Some(stage.packets(from.packet, to.packet, source.files).note(note))
    };
    waits.into_iter().filter_map(stage).collect()
}

fn acknowledged(source: StageSource<'_>) -> Option<TimelineStage> {
    let exchange = source.exchange;
    let (ack, sent) = (exchange.ack?, exchange.request.span.end.time);
    let times = (sent.min(ack), Some(ack.max(sent)));
    let stage = source.stage("ack", Role::Faint, times, Tab::Http);
    let stage = stage.note(exchange.http_status.map_or(String::new(), |status| format!("HTTP {status}")));
    let of_server = source.heads.iter().filter(|head| head.side == Side::Server);
    Some(match of_server.into_iter().find(|head| head.span.start.time == ack) {
        Some(head) => stage.packets(head.span.start.packet, head.span.start.packet, source.files),
        None => stage,
    })
}

/// Returns the response and its stream's later events, or the stage that stands for a missing
/// response.
fn outcome(source: StageSource<'_>, model: &Model) -> Vec<TimelineStage> {
    let exchange = source.exchange;
    let sent = exchange.request.span.end.time;
    let Some(response) = exchange.response else {
        let ended = exchange.wait_ended;
        if source.is_open && ended.is_none() {
            return vec![source.stage("pending", Role::Pending, (sent, None), Tab::Events)];
        }
        let until = ended.map(|end| end.time).or_else(|| abandoned_at(exchange, model));
        let until = until.map_or(sent, |time| time.max(sent));
        let role = if exchange.is_ended_subscription() { Role::Faint } else { Role::Bad };
        let nothing = source.stage("no response", role, (sent, Some(until)), Tab::Findings);
        let nothing = match ended {
            Some(end) => nothing.packets(exchange.request.span.last, end.packet, source.files),
            None => nothing,
        };
        let why = exchange.cause.map_or_else(|| "cause unknown".to_owned(), cause_text);
        let at = format::ended_at(exchange, source.files);
        let frame = exchange.http2_facts().closed_by;
        let frame = frame.map_or_else(String::new, |frame| format!(": {frame}"));
        let parts = parts_of_wait(exchange).map_or_else(String::new, |parts| format!("; {parts}"));
        return vec![nothing.note(format!("{why}{at}{frame}{parts}"))];
    };
    let span = response.span;
    let mut stages =
        vec![source.carried("response", Role::Receive, span, Tab::Response).note(size(response))];
    stages.extend(held_up(source, "response", span));
    let after = |payload: &&Payload| {
        source.is_of_request && payload.side == Side::Server && payload.span.start.time > span.end.time
    };
    let events = source.carried.iter().filter(after);
    if let Some(last) = events.clone().next_back() {
        let times = (span.end.time, Some(last.span.end.time));
        let tail = source.stage("stream tail", Role::Tail, times, Tab::Events);
        let count = units::several(events.count() as u64, "event");
        stages.push(
            tail.packets(span.last, last.span.last, source.files).note(format!("{count} after the response")),
        );
    }
    stages
}

/// Returns the stage of the same call on the other leg of a proxy, if that was captured.
fn twin(source: StageSource<'_>) -> Option<TimelineStage> {
    let exchange = source.exchange;
    let twins = exchange.twins;
    let mut notes = Vec::new();
    notes.extend(twins.in_front.map(|n| format!("#{n} in front of the proxy")));
    notes.extend(twins.behind.map(|n| format!("#{n} behind the proxy")));
    notes.extend(twins.proxy_ns.map(|ns| format!("proxy {}", units::duration(ns))));
    if notes.is_empty() {
        return None;
    }
    let start = exchange.request.span.start.time;
    let until = exchange.waited_until().map_or(exchange.request.span.end.time, |end| end.time);
    let stage = source.stage("other leg", Role::Faint, (start, Some(until)), Tab::Http);
    Some(stage.note(notes.join(", ")))
}

/// Returns when the exchange was cancelled or reported as unanswered; `None` if neither is known.
fn abandoned_at(exchange: &Exchange, model: &Model) -> Option<Timestamp> {
    let cancelled = model
        .store()
        .notifications_of(exchange.n)
        .find(|notification| &*notification.method == "notifications/cancelled");
    let noticed = || {
        let of_it =
            |finding: &&Finding| finding.exchange == Some(exchange.n) && finding.code == Code::McpUnanswered;
        model.store().findings().iter().find(of_it)?.at.map(|at| at.time)
    };
    cancelled.map(|notification| notification.message.span.end.time).or_else(noticed)
}

/// Returns the TCP findings on the connections of the exchange while it was open.
fn network_findings(source: StageSource<'_>, model: &Model) -> Vec<TimelineStage> {
    let exchange = source.exchange;
    let streams = [Some(exchange.tcp_stream), exchange.answered_on.map(|(stream, _)| stream)];
    let from = exchange.request.span.start.time;
    let until = exchange.response.map_or(model.now(), |response| response.span.end.time);
    let of_tcp = |code: Code| code.name().starts_with("tcp.") || code.name().starts_with("http.resync");
    let all = model.store().findings().iter();
    let of_it = all.filter(|finding| finding.tcp_stream.is_some() && streams.contains(&finding.tcp_stream));
    let meanwhile = of_it.filter_map(|finding| {
        let at = finding.at.filter(|at| (from..=until).contains(&at.time) && of_tcp(finding.code))?;
        let name = finding.code.name().rsplit('.').next().unwrap_or_default().replace('_', " ");
        let stage = source.stage(&name, Role::Bad, (at.time, Some(at.time)), Tab::Packets);
        Some(stage.packets(at.packet, at.packet, source.files).note(finding.detail.clone()))
    });
    meanwhile.take(MAX_PROBLEMS).collect()
}

/// Returns the transport problems of the exchange that have no time.
fn untimed_problems(source: StageSource<'_>) -> Option<TimelineStage> {
    let exchange = source.exchange;
    let mut problems = Vec::new();
    if exchange.retransmissions > 0 {
        problems
            .push(format!("{} retransmitted", units::several(exchange.retransmissions.into(), "segment")));
    }
    problems.extend(exchange.degraded.names().map(|name| name.replace('_', " ")));
    if problems.is_empty() {
        return None;
    }
    let request = exchange.request.span;
    let last = exchange.response.map_or(request, |response| response.span);
    let over = (request.start.time, Some(last.end.time));
    let stage = source.stage("network", Role::Warn, over, Tab::Packets);
    Some(stage.packets(request.first, last.last, source.files).note(problems.join(", ")))
}

fn progress(source: StageSource<'_>, model: &Model) -> Vec<TimelineStage> {
    let n = source.exchange.n;
    let all = model.store().notifications_of(n).count();
    let skipped = all.saturating_sub(MAX_PROGRESS);
    let latest = model.store().notifications_of(n).skip(skipped).enumerate();
    // Several notifications of one length may share a packet: search after the previous match.
    let mut rest = source.carried;
    let stages = latest.map(|(index, notification)| {
        let name = notification.method.strip_prefix("notifications/").unwrap_or(&notification.method);
        let note = notification_note(&mut rest, notification);
        let note = match (index, skipped) {
            (0, 1..) => format!("{note} ({skipped} earlier)"),
            _ => note,
        };
        let stage = source.carried(name, Role::Tail, notification.message.span, Tab::Events);
        TimelineStage { note, quotes_traffic: true, ..stage }
    });
    stages.collect()
}

/// The part of a notification that is summarized in a line.
#[derive(Deserialize)]
struct NotificationProbe<'a> {
    #[serde(borrow)]
    params: NotificationParams<'a>,
}

/// Members of progress, logging and cancellation notifications. Numbers are kept as written.
#[derive(Deserialize)]
struct NotificationParams<'a> {
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
const MAX_NOTE: usize = 200;

fn notification_note(rest: &mut &[Payload], notification: &Notification) -> String {
    let MessageSpan { span, bytes } = notification.message;
    let place = rest.iter().position(|payload| payload.span == span && payload.bytes.len() as u64 == bytes);
    let payload = place.and_then(|place| {
        let (payload, behind) = rest.get(place..)?.split_first()?;
        *rest = behind;
        serde_json::from_slice::<NotificationProbe<'_>>(&payload.bytes)
            .ok()
            .map(|probe| summarize(&probe.params))
    });
    payload.unwrap_or_else(|| format!("from the {}", notification.from.name()))
}

fn summarize(params: &NotificationParams<'_>) -> String {
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
    text::beginning(text, MAX_NOTE).to_owned()
}
