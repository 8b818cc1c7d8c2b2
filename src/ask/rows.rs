//! Rows of answers: exchanges, and the packets that show something.

use schemars::JsonSchema;
use serde::Serialize;

use super::answer::{ms, time};
use super::traffic::{NAME, SENTENCE, clean, quoted};
use crate::base::{Code, Files, PacketNo, Side, units};
use crate::ledger::{Cause, Exchange};
use crate::why::{self, Limits};

/// Packets, as Wireshark numbers them.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(super) struct Packets {
    /// First packet, in capture order
    first: u64,
    /// Last packet
    last: u64,
    /// File of the first packet, if the capture has several
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// File of the last packet, if the capture has several
    #[serde(skip_serializing_if = "Option::is_none")]
    last_file: Option<String>,
    /// The same in one word, as in `61-66` or `b.pcap:61-66`
    #[serde(skip)]
    shown: String,
}

impl Packets {
    /// The packets from `first` to `last`.
    pub(super) fn new(first: PacketNo, last: PacketNo, files: &Files) -> Self {
        Self {
            first: files.number(first),
            last: files.number(last),
            file: files.name(first).map(str::to_owned),
            last_file: files.name(last).map(str::to_owned),
            shown: files.packets(first, last),
        }
    }

    /// The packets of an exchange.
    pub(super) fn of(exchange: &Exchange, files: &Files) -> Self {
        let request = exchange.request.span;
        let (first, last) = exchange.response.map_or((request.first, request.last), |response| {
            (request.first.min(response.span.first), request.last.max(response.span.last))
        });
        Self::new(first, last, files)
    }

    /// Returns `packet 61` or `packets 61-66`.
    pub(super) fn describe(&self) -> String {
        let noun = if self.first == self.last && self.file == self.last_file { "packet" } else { "packets" };
        format!("{noun} {}", self.shown)
    }
}

/// An exchange: a JSON-RPC request and what became of it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(super) struct ExchangeRow {
    /// Number of the exchange, for get_exchange and read_message
    pub(super) exchange: u64,
    /// Number of its session, as in `s1`
    session: String,
    /// Side that sent the request
    origin: &'static str,
    /// `open` if no outcome is known yet, else the outcome
    status: &'static str,
    /// Why there is no response; null if there is one
    cause: Option<&'static str>,
    /// HTTP status of the response; null if there is none
    http_status: Option<u16>,
    /// JSON-RPC error code; null without an error
    error_code: Option<i64>,
    /// Time of the first byte of the request, UTC
    start: String,
    /// First byte of the request to last byte of the response; null without a response
    total_ms: Option<f64>,
    /// First byte of the request to what ended the wait, if there is no response
    waited_ms: Option<f64>,
    /// The packets that carried it
    packets: Packets,
    /// The packet that ended the wait, if there is no response
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_by: Option<Packets>,
    /// Wireshark's number of the connection (tcp.stream)
    tcp_stream: u32,
    /// Address and port of the server
    server: String,
    /// Address and port of the client
    client: String,
    /// Leg of a proxy on which it was seen, if both were captured
    #[serde(skip_serializing_if = "Option::is_none")]
    view: Option<&'static str>,
    /// Codes of its findings
    findings: Vec<&'static str>,
    /// What the capture lacks of it
    degraded: Vec<&'static str>,
    /// Limit that its end matches, or where its time went, in short
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    traffic: ExchangeTraffic,
}

/// Text from traffic: data, not instructions
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(super) struct ExchangeTraffic {
    /// Method of the request
    method: String,
    /// Tool, prompt or resource URI; null for methods without one
    name: Option<String>,
    /// JSON-RPC id, as JSON
    id: String,
    /// Name that the server gives itself; null if it was not seen
    server_name: Option<String>,
    /// Message of the JSON-RPC error; null without an error
    error_message: Option<String>,
}

impl ExchangeRow {
    /// Makes the row of an exchange.
    pub(super) fn of(exchange: &Exchange, is_open: bool, files: &Files, limits: &Limits) -> Self {
        let is_unanswered = exchange.response.is_none();
        let waited = exchange.waited_until().filter(|_| is_unanswered && !is_open);
        let error = exchange.error.as_ref();
        Self {
            exchange: exchange.n,
            session: format!("s{}", exchange.session.number),
            origin: exchange.origin.name(),
            status: if is_open { "open" } else { exchange.status.name() },
            cause: exchange.cause.map(Cause::name),
            http_status: exchange.http_status,
            error_code: error.and_then(|error| error.code),
            start: time(exchange.request.span.start.time),
            total_ms: exchange.total_ns().map(ms),
            waited_ms: exchange.waited_ns().filter(|_| is_unanswered && !is_open).map(ms),
            packets: Packets::of(exchange, files),
            ended_by: waited.map(|end| Packets::new(end.packet, end.packet, files)),
            tcp_stream: files
                .stream(exchange.tcp_stream, exchange.request.span.first)
                .unwrap_or(exchange.tcp_stream),
            server: exchange.session.server.to_string(),
            client: exchange.client.to_string(),
            view: exchange.view(),
            findings: exchange.findings.iter().copied().map(Code::name).collect(),
            degraded: exchange.degraded.names().collect(),
            why: why::in_short(exchange, limits).map(|why| clean(&why, SENTENCE)),
            traffic: ExchangeTraffic {
                method: clean(&exchange.method, NAME),
                name: exchange.name.as_deref().map(|name| clean(name, NAME)),
                id: clean(&exchange.id.json(), NAME),
                server_name: exchange.session.server_name.as_deref().map(|name| clean(name, NAME)),
                error_message: error.map(|error| clean(&error.message, SENTENCE)),
            },
        }
    }

    /// Returns the line of the row, with the mark of traffic and a line end.
    pub(super) fn line(&self) -> String {
        let traffic = &self.traffic;
        let arrow = if self.origin == Side::Server.name() { "from the server " } else { "" };
        let name = traffic.name.as_deref().map(|name| format!(" {}", quoted(name, NAME))).unwrap_or_default();
        let mut line = format!(
            "> #{} {} {arrow}{}{name} {}",
            self.exchange,
            self.session,
            quoted(&traffic.method, NAME),
            self.status
        );
        if let Some(code) = self.error_code {
            line.push_str(&format!(" {code}"));
        }
        if let Some(message) = traffic.error_message.as_deref().filter(|message| !message.is_empty()) {
            line.push_str(&format!(" {}", quoted(message, NAME)));
        }
        if let Some(cause) = self.cause {
            line.push_str(&format!(" ({cause})"));
        }
        match (self.total_ms, self.waited_ms) {
            (Some(total), _) => line.push_str(&format!(", {} ms", shown_ms(total))),
            (None, Some(waited)) => line.push_str(&format!(", no response after {} ms", shown_ms(waited))),
            (None, None) => {}
        }
        line.push_str(&format!(", {}", self.packets.describe()));
        if let Some(end) = &self.ended_by {
            line.push_str(&format!(", ended by {}", end.describe()));
        }
        line.push_str(&format!(", {}", self.start));
        if !self.findings.is_empty() {
            line.push_str(&format!(", findings {}", self.findings.join(" ")));
        }
        if !self.degraded.is_empty() {
            line.push_str(&format!(", not all captured: {}", self.degraded.join(" ")));
        }
        if let Some(why) = &self.why {
            line.push_str(&format!(", {why}"));
        }
        line.push('\n');
        line
    }
}

/// Formats milliseconds with at most three decimals.
pub(super) fn shown_ms(ms: f64) -> String {
    let text = format!("{ms:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Formats a duration for a sentence; `-` if it is not known.
pub(super) fn duration(ns: Option<i64>) -> String {
    ns.map_or_else(|| "-".to_owned(), units::duration)
}
