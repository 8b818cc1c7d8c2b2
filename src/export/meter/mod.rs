//! What all formats of metrics count: OTLP, OpenMetrics. Memory does not grow with the capture.

mod histogram;
pub mod names;
mod outcome;
mod series;

use std::collections::BTreeMap;
use std::net::SocketAddr;

pub use self::histogram::{Explicit, Exponential, seconds};
use self::names::attribute;
pub use self::outcome::{
    error_type, lost_by, method_target, network_transport, protocol_name, unknown_outcome,
};
pub use self::series::{Labels, MAX_SERIES, OTHER, Series};
use crate::base::{Code, Degraded, Fact, Finding, Status, Timestamp};
use crate::ledger::{CaptureFact, Entry, Exchange, Notification, Record, Session, SessionEnd};

/// What is known of the requests of one series.
#[derive(Debug, Default)]
pub struct Operation {
    /// First byte of the request to last byte of the response.
    pub client: Explicit,
    /// Last byte of the request to last byte of the response.
    pub server: Explicit,
    /// The durations of `client`.
    pub exponential: Exponential,
    /// Number of requests of each [`Status::ALL`].
    pub by_status: [u64; Status::ALL.len()],
    /// Segments that were sent again meanwhile.
    pub retransmissions: u64,
}

/// What is known of the sessions of one series.
#[derive(Debug, Default)]
pub struct Sessions {
    /// First to last packet.
    pub duration: Explicit,
    /// Number of sessions by how they ended.
    pub by_end: BTreeMap<&'static str, u64>,
}

/// Counts what entries tell.
#[derive(Debug, Default)]
pub struct Meter {
    /// Requests.
    pub operations: Series<Operation>,
    /// Sessions.
    pub sessions: Series<Sessions>,
    /// Number of notifications.
    pub notifications: Series<u64>,
    /// Number of findings of each code.
    pub findings: BTreeMap<Code, u64>,
    /// Size of the capture: zeros until its end.
    pub capture: CaptureFact,
    /// Captured bytes of closed connections that were not passed on.
    pub given_up: u64,
    /// Bytes of closed connections that no captured packet carries.
    pub missing: u64,
    /// Number of texts that were cut.
    pub cut: u64,
    /// The first and the latest packet of an entry; `None` without any.
    pub times: Option<(Timestamp, Timestamp)>,
}

impl Meter {
    /// Counts an entry.
    pub fn record(&mut self, entry: &Entry) {
        if let Some((first, last)) = times(entry) {
            let (begin, end) = self.times.unwrap_or((first, last));
            self.times = Some((begin.min(first), end.max(last)));
        }
        match entry {
            Entry::Record(Record::Exchange(exchange)) => self.exchange(exchange),
            Entry::Record(Record::Notification(notification)) => self.notification(notification),
            Entry::Record(Record::Session(session)) => self.session(session),
            Entry::Finding(finding) => self.finding(finding),
            Entry::Fact(Fact::Capture(capture)) => self.capture = **capture,
            Entry::Fact(Fact::Connection(connection)) => {
                for direction in &connection.directions {
                    self.given_up = self.given_up.saturating_add(direction.given_up);
                    self.missing = self.missing.saturating_add(direction.gaps);
                }
            }
            Entry::Record(_) | Entry::LlmCall(_) | Entry::Fact(_) => {}
        }
    }

    /// Takes all series as unchanged.
    pub fn forget_changes(&mut self) {
        self.operations.forget_changes();
        self.sessions.forget_changes();
        self.notifications.forget_changes();
    }

    fn exchange(&mut self, exchange: &Exchange) {
        let labels = self.labels_of(exchange);
        let operation = self.operations.at(labels);
        if let Some(count) = Status::ALL
            .iter()
            .position(|it| *it == exchange.status)
            .and_then(|it| operation.by_status.get_mut(it))
        {
            *count += 1;
        }
        operation.retransmissions += u64::from(exchange.retransmissions);
        if let Some(ns) = duration_ns(exchange) {
            operation.client.record(ns);
            operation.exponential.record(ns);
            operation.server.record(ns.saturating_sub(exchange.send_ns()));
        }
    }

    fn labels_of(&mut self, exchange: &Exchange) -> Labels {
        let mut labels = Labels::default();
        let mut is_cut = labels.add_text(attribute::METHOD, Some(&exchange.method));
        if let Some((key, target)) = method_target(exchange) {
            is_cut |= labels.add_text(key, Some(target));
            labels.add(attribute::OPERATION, (key == attribute::TOOL).then_some(attribute::EXECUTE_TOOL));
        }
        labels.add(attribute::ERROR_TYPE, error_type(exchange).as_deref());
        let code = exchange.error.as_ref().and_then(|error| error.code).map(|code| code.to_string());
        labels.add(attribute::RPC_STATUS, code.as_deref());
        is_cut |= labels.add_text(attribute::VERSION, exchange.protocol_version.as_deref());
        labels.add(attribute::PROTOCOL, Some(protocol_name(exchange.session.transport)));
        labels.add(attribute::PROTOCOL_VERSION, exchange.protocols.http.map(|http| http.name()));
        labels.add(attribute::NETWORK_TRANSPORT, Some(network_transport(exchange.session.transport)));
        add_server(&mut labels, exchange.session.server);
        labels.add(attribute::TRANSPORT, Some(exchange.session.transport.name()));
        self.cut += u64::from(is_cut);
        labels
    }

    fn notification(&mut self, notification: &Notification) {
        let mut labels = Labels::default();
        self.cut += u64::from(labels.add_text(attribute::METHOD, Some(&notification.method)));
        labels.add(attribute::ORIGIN, Some(notification.from.name()));
        add_server(&mut labels, notification.session.server);
        *self.notifications.at(labels) += 1;
    }

    fn session(&mut self, session: &Session) {
        let mut labels = Labels::default();
        let transport = session.session.transport;
        self.cut += u64::from(labels.add_text(attribute::VERSION, session.protocol_version.as_deref()));
        labels.add(attribute::PROTOCOL, Some(protocol_name(transport)));
        labels.add(attribute::NETWORK_TRANSPORT, Some(network_transport(transport)));
        add_server(&mut labels, session.session.server);
        labels.add(attribute::TRANSPORT, Some(transport.name()));
        let sessions = self.sessions.at(labels);
        *sessions.by_end.entry(session.ended.name()).or_default() += 1;
        // How long one lasted is known only if its beginning and its end were captured.
        if session.ended != SessionEnd::Open && !session.degraded.any() {
            sessions.duration.record(session.last.time.since(session.first.time));
        }
    }

    fn finding(&mut self, finding: &Finding) {
        let count = self.findings.entry(finding.code).or_default();
        *count = count.saturating_add(finding.count);
    }
}

/// How long an operation took, in nanoseconds; `None` if that is not known: without an answer if
/// nothing ended the wait but the end of the capture, a cancellation, or a loss, and of a
/// subscription.
fn duration_ns(exchange: &Exchange) -> Option<i64> {
    let is_open_end = exchange.is_subscription() || exchange.status == Status::Cancelled;
    if unknown_outcome(exchange) || is_open_end || exchange.degraded.contains(Degraded::TIME_BACK) {
        return None;
    }
    exchange.elapsed_ns().or_else(|| exchange.waited_ns()).map(|ns| ns.max(0))
}

fn add_server(labels: &mut Labels, server: SocketAddr) {
    labels.add(attribute::SERVER, Some(&server.ip().to_canonical().to_string()));
    labels.add(attribute::SERVER_PORT, Some(&server.port().to_string()));
}

/// The first and the last packet time of an entry; `None` if it is about the whole capture.
fn times(entry: &Entry) -> Option<(Timestamp, Timestamp)> {
    match entry {
        Entry::Record(Record::Exchange(it)) => {
            let begin = it.request.span.start.time;
            Some((begin, it.waited_until().map_or(it.request.span.end.time, |end| end.time)))
        }
        Entry::Record(Record::Notification(it)) => {
            Some((it.message.span.start.time, it.message.span.end.time))
        }
        Entry::Record(Record::Session(it)) => Some((it.first.time, it.last.time)),
        Entry::Finding(it) => it.at.map(|at| (at.time, at.time)),
        Entry::Fact(Fact::Capture(it)) => Some((it.first?.time, it.last?.time)),
        Entry::Record(_) | Entry::LlmCall(_) | Entry::Fact(_) => None,
    }
}

#[cfg(test)]
mod tests;
