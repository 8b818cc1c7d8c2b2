//! Objects of the document about exchanges.

use serde::Serialize;

use super::values::{Ms, Seconds, Statuses, session, text};
use crate::base::Degraded;
use crate::ledger::{
    CallGroup, CauseCount, Exchange, Id, LatencyRow, Unanswered, UnansweredCall, Undetermined,
};
use crate::report::label;
use crate::report::options::Options;

#[derive(Serialize)]
pub(super) struct Latency {
    group: Option<String>,
    origin: Option<&'static str>,
    method: Option<String>,
    name: Option<String>,
    other: bool,
    exchanges: u64,
    errors: u64,
    statuses: Statuses,
    min_ms: Option<Ms>,
    p50_ms: Option<Ms>,
    p90_ms: Option<Ms>,
    p95_ms: Option<Ms>,
    p99_ms: Option<Ms>,
    max_ms: Option<Ms>,
    send_p50_ms: Option<Ms>,
    wait_p50_ms: Option<Ms>,
    receive_p50_ms: Option<Ms>,
    waits: u64,
    at_least: Vec<&'static str>,
    asked: u64,
    server_p50_ms: Option<Ms>,
    user_p50_ms: Option<Ms>,
}

impl Latency {
    pub(super) fn of(row: &LatencyRow) -> Self {
        let (origin, method, name) = match &row.key.subject {
            CallGroup::Call { origin, method, name } => {
                (Some(origin.name()), Some(text(method)), name.as_deref().map(text))
            }
            CallGroup::All | CallGroup::Other => (None, None, None),
        };
        Self {
            group: Some(label::group(&row.key.group)).filter(|group| !group.is_empty()),
            origin,
            method,
            name,
            other: row.key.subject == CallGroup::Other,
            exchanges: row.exchanges(),
            errors: row.errors(),
            statuses: Statuses(row.statuses),
            min_ms: row.min_ns.map(Ms),
            p50_ms: row.p50_ns.map(Ms),
            p90_ms: row.p90_ns.map(Ms),
            p95_ms: row.p95_ns.map(Ms),
            p99_ms: row.p99_ns.map(Ms),
            max_ms: row.max_ns.map(Ms),
            send_p50_ms: row.send_p50_ns.map(Ms),
            wait_p50_ms: row.wait_p50_ns.map(Ms),
            receive_p50_ms: row.receive_p50_ns.map(Ms),
            waits: row.waits,
            at_least: row.lower_limits().collect(),
            asked: row.asked,
            server_p50_ms: row.server_p50_ns.map(Ms),
            user_p50_ms: row.client_p50_ns.map(Ms),
        }
    }
}

#[derive(Serialize)]
pub(super) struct ListedExchange<'a> {
    n: u64,
    session: String,
    origin: &'static str,
    id: &'a Id,
    method: String,
    name: Option<String>,
    status: &'static str,
    cause: Option<&'static str>,
    http_status: Option<u16>,
    total_ms: Option<Ms>,
    send_ms: Ms,
    wait_ms: Option<Ms>,
    receive_ms: Option<Ms>,
    ack_ms: Option<Ms>,
    start: Seconds,
    first_packet: u64,
    last_packet: u64,
    degraded: Vec<&'static str>,
    findings: Vec<&'static str>,
    waited_ms: Option<Ms>,
    waited_packet: Option<u64>,
    view: Option<&'static str>,
    twin: Option<u64>,
    proxy_ms: Option<Ms>,
    server: String,
    server_name: Option<String>,
    user_ms: Option<Ms>,
    server_ms: Option<Ms>,
    why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_file: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_file: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waited_file: Option<&'a str>,
}

impl<'a> ListedExchange<'a> {
    pub(super) fn of(exchange: &'a Exchange, options: &'a Options) -> Self {
        let files = &options.numbering;
        let waited = exchange.waited_until().map(|end| end.packet);
        let (first, last) = label::first_and_last(exchange);
        Self {
            n: exchange.n,
            session: session(exchange.session.number),
            origin: exchange.origin.name(),
            id: &exchange.id,
            method: text(&exchange.method),
            name: exchange.name.as_deref().map(text),
            status: exchange.status.name(),
            cause: exchange.cause.map(|cause| cause.name()),
            http_status: exchange.http_status,
            total_ms: exchange.total_ns().map(Ms),
            send_ms: Ms(exchange.send_ns()),
            wait_ms: exchange.wait_ns().map(Ms),
            receive_ms: exchange.receive_ns().map(Ms),
            ack_ms: exchange.ack_ns().map(Ms),
            start: Seconds(exchange.request.span.start.time),
            first_packet: files.number(first),
            last_packet: files.number(last),
            degraded: exchange.degraded.names().collect(),
            findings: exchange.findings.iter().map(|code| code.name()).collect(),
            waited_ms: exchange.waited_ns().map(Ms),
            waited_packet: waited.map(|packet| files.number(packet)),
            view: exchange.view(),
            twin: exchange.twins.in_front.or(exchange.twins.behind),
            proxy_ms: exchange.twins.proxy_ns.map(Ms),
            server: label::server(&exchange.session.identity()),
            server_name: exchange.session.server_name.as_deref().map(text),
            user_ms: (exchange.asked.requests > 0).then_some(Ms(exchange.asked.client_ns)),
            server_ms: exchange.server_ns().map(Ms),
            why: label::why(exchange, &options.limits),
            first_file: files.name(first),
            last_file: files.name(last),
            waited_file: waited.and_then(|packet| files.name(packet)),
        }
    }
}

#[derive(Serialize)]
pub(super) struct UnansweredExchanges<'a> {
    exchanges: u64,
    causes: Vec<UnansweredCause>,
    listed: Vec<ListedExchange<'a>>,
}

impl<'a> UnansweredExchanges<'a> {
    pub(super) fn of(unanswered: &'a Unanswered, options: &'a Options) -> Self {
        Self {
            exchanges: unanswered.exchanges,
            causes: unanswered.causes.iter().map(UnansweredCause::of).collect(),
            listed: unanswered.listed.iter().map(|exchange| ListedExchange::of(exchange, options)).collect(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct UndeterminedExchanges {
    exchanges: u64,
    reasons: Vec<UndeterminedReason>,
}

#[derive(Serialize)]
struct UndeterminedReason {
    degraded: Vec<&'static str>,
    exchanges: u64,
}

impl UndeterminedExchanges {
    pub(super) fn of(undetermined: &Undetermined) -> Self {
        let reason = |(degraded, exchanges): &(Degraded, u64)| UndeterminedReason {
            degraded: degraded.names().collect(),
            exchanges: *exchanges,
        };
        Self { exchanges: undetermined.exchanges, reasons: undetermined.reasons.iter().map(reason).collect() }
    }
}

#[derive(Serialize)]
struct UnansweredCause {
    status: &'static str,
    cause: Option<&'static str>,
    http_status: Option<u16>,
    exchanges: u64,
    calls: Vec<UnansweredCallCount>,
}

#[derive(Serialize)]
struct UnansweredCallCount {
    method: String,
    name: Option<String>,
    server: String,
    server_name: Option<String>,
    exchanges: u64,
}

impl UnansweredCallCount {
    fn of(call: &UnansweredCall) -> Self {
        Self {
            method: text(&call.method),
            name: call.name.as_deref().map(text),
            server: label::server(&call.server),
            server_name: call.server_name.as_deref().map(text),
            exchanges: call.exchanges,
        }
    }
}

impl UnansweredCause {
    fn of(count: &CauseCount) -> Self {
        Self {
            status: count.status.name(),
            cause: count.cause.map(|cause| cause.name()),
            http_status: count.http_status,
            exchanges: count.exchanges,
            calls: count.calls.iter().map(UnansweredCallCount::of).collect(),
        }
    }
}
