//! Listing: one line per exchange, for reading along and for pipes.
//!
//! ```text
//! 08:49:15.351 s1      12.1ms ok         → tools/call get-time  #3  10.0.0.5:52814 → 10.0.0.9:3000
//! 08:49:15.402 s1      ≥60.0s unanswered → tools/call slow  #4  10.0.0.5:52814 → 10.0.0.9:3000
//! ```
//!
//! `≥` stands before the time that an exchange waited without an answer. The addresses are followed
//! by the server's name for itself and the packets. A line ends with the cause of a missing
//! response and the packet that ended the wait, `client_closed at 98`, and marks, `[gap]`. Columns
//! of fixed width come first and are aligned. The others are never cut, so that `grep` finds their
//! full text.

use std::io;

use super::style::{Paint, Role};
use super::{label, llm_label};
use crate::base::protocols::Protocols;
use crate::base::time_style::TimeFormat;
use crate::base::{Code, Degraded, Files, Finding, PacketNo, Side, Timestamp, sanitize, units};
use crate::ledger::llm_words;
use crate::ledger::{Cause, Entry, Exchange, LlmCall, Notification, Record, SessionRef, Stream, Transaction};

/// Shown if there is no duration.
const NO_DURATION: &str = "-";

/// Minimum width of a call in columns. Aligns the ids and addresses of short calls.
const MIN_CALL_WIDTH: usize = 32;

/// Options of a listing.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whether the status is coloured.
    pub color: bool,
    /// Whether lines are restricted to ASCII.
    pub ascii: bool,
    /// How times are written. Relative ones count from the first line.
    pub time: TimeFormat,
    /// Numbers the packets of several files.
    pub numbering: Files,
    /// Whether every message gets a line: requests, responses and notifications, and each stream
    /// one.
    pub messages: bool,
}

/// Writer of a listing.
#[derive(Debug)]
pub struct Lines {
    options: Options,
    paint: Paint,
    text: String,
    /// The time of the first line; `None` before it.
    start: Option<Timestamp>,
    /// Whether the engine emits requests before their exchanges complete. Set by the first request,
    /// which comes before any of its exchanges.
    has_requests: bool,
}

impl Lines {
    /// Returns a writer that has written nothing.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let paint = Paint { color: options.color };
        Self { options, paint, text: String::new(), start: None, has_requests: false }
    }

    /// Writes the lines of an entry, if it has any.
    ///
    /// A completed exchange is one line. With [`Options::messages`], its request and its response
    /// are a line each; the request is written when it completes if the engine emits requests.
    ///
    /// # Errors
    /// Returns the errors of `out`.
    pub fn write(&mut self, entry: &Entry, out: &mut impl io::Write) -> io::Result<()> {
        self.text.clear();
        match entry {
            Entry::Record(Record::Request(exchange)) if self.options.messages => {
                self.has_requests = true;
                self.request(exchange);
                self.text.push('\n');
            }
            Entry::Record(Record::Exchange(exchange)) if self.options.messages => self.messages_of(exchange),
            Entry::Record(Record::Exchange(exchange)) => self.exchange(exchange),
            Entry::Record(Record::Notification(notification)) if self.options.messages => {
                self.notification(notification);
            }
            Entry::Record(Record::Stream(stream)) if self.options.messages => self.stream(stream),
            Entry::Record(Record::Transaction(transaction)) if self.options.messages => {
                self.transaction(transaction);
            }
            Entry::LlmCall(call) => self.llm_call(call),
            Entry::Finding(finding) if finding.code == Code::CaptureLostPackets => self.lost(finding),
            Entry::Record(_) | Entry::Finding(_) | Entry::Fact(_) => return Ok(()),
        }
        if self.options.ascii {
            return out.write_all(sanitize::to_ascii(&self.text).as_bytes());
        }
        out.write_all(self.text.as_bytes())
    }

    fn exchange(&mut self, exchange: &Exchange) {
        let time = exchange.request.span.start.time;
        self.prefix(time, Some(&exchange.session), &label::elapsed(exchange));
        self.status(exchange);
        self.call(exchange, exchange.origin);
        let (first, last) = label::first_and_last(exchange);
        self.packets(first, last);
        self.error_or_cause(exchange);
        self.user(exchange);
        self.view(exchange);
        self.protocols(&exchange.protocols);
        self.marks(exchange.degraded, &exchange.findings);
        self.text.push('\n');
    }

    /// Writes which view of a call this is, where both legs of a proxy were captured.
    fn view(&mut self, exchange: &Exchange) {
        if let Some(n) = exchange.twins.in_front {
            self.paint.push(&mut self.text, Role::Faint, &format!("  (behind n={n})"));
        }
        if let Some(ns) = exchange.twins.proxy_ns {
            self.paint.push(&mut self.text, Role::Faint, &format!("  (proxy {})", units::duration(ns)));
        }
    }

    /// Writes the lines of an exchange that are not written yet.
    fn messages_of(&mut self, exchange: &Exchange) {
        let Some(response) = &exchange.response else {
            if self.has_requests {
                return self.exchange(exchange);
            }
            // The only line of the exchange, so it also shows the status.
            self.request(exchange);
            let name = format!("  {} {}", exchange.status.name(), label::elapsed(exchange));
            self.paint.push(&mut self.text, Role::of(exchange), &name);
            self.error_or_cause(exchange);
            self.protocols(&exchange.protocols);
            self.marks(exchange.degraded, &exchange.findings);
            self.text.push('\n');
            return;
        };
        if !self.has_requests {
            self.request(exchange);
            self.text.push('\n');
        }
        self.prefix(response.span.start.time, Some(&exchange.session), &label::elapsed(exchange));
        self.status(exchange);
        self.call(exchange, exchange.origin.other());
        self.packets(response.span.first, response.span.last);
        self.text.push_str(&format!("  {}", units::bytes(response.bytes)));
        self.error_or_cause(exchange);
        self.user(exchange);
        self.protocols(&exchange.protocols);
        self.marks(exchange.degraded, &exchange.findings);
        self.text.push('\n');
    }

    /// Writes the part of a request's line that is known before the response.
    fn request(&mut self, exchange: &Exchange) {
        self.prefix(exchange.request.span.start.time, Some(&exchange.session), NO_DURATION);
        self.word(Role::Plain, "request");
        self.call(exchange, exchange.origin);
        self.packets(exchange.request.span.first, exchange.request.span.last);
        self.text.push_str(&format!("  {}", units::bytes(exchange.request.bytes)));
    }

    fn notification(&mut self, notification: &Notification) {
        let message = &notification.message;
        self.prefix(message.span.start.time, Some(&notification.session), NO_DURATION);
        self.word(Role::Faint, "notify");
        let of = notification.exchange.map_or_else(String::new, |n| format!("of n={n}"));
        self.subject(notification.from, &sanitize::clean(&notification.method), &of);
        self.addresses(
            notification.from,
            &notification.session.client.to_string(),
            &notification.session.server.to_string(),
        );
        self.server_name(Some(&notification.session));
        self.packets(message.span.first, message.span.last);
        self.text.push_str(&format!("  {}", units::bytes(message.bytes)));
        self.protocols(&notification.protocols);
        self.marks(notification.degraded, &[]);
        self.text.push('\n');
    }

    fn stream(&mut self, stream: &Stream) {
        let seen = stream.span.end.time.since(stream.span.start.time);
        let lasted = stream.open_ns().unwrap_or(seen);
        self.prefix(stream.span.start.time, stream.session.as_ref(), &units::cell(lasted));
        self.word(Role::Faint, "stream");
        let request = match (&stream.method, &stream.target) {
            (Some(method), Some(target)) => {
                format!("{} {}", sanitize::clean(method), sanitize::clean(target))
            }
            _ if stream.is_stdio() => "standard output".to_owned(),
            _ => "(request not captured)".to_owned(),
        };
        let status = stream.http_status.map_or_else(String::new, |status| status.to_string());
        self.subject(Side::Server, &request, &status);
        self.addresses(Side::Server, &stream.client.to_string(), &stream.server.to_string());
        self.server_name(stream.session.as_ref());
        self.packets(stream.span.first, stream.end.map_or(stream.span.last, |end| end.packet));
        let events = units::several(stream.events, "event");
        self.text.push_str(&format!("  {events}, {}, {}", units::bytes(stream.bytes), stream.ended.name()));
        if let Some(silent) = stream.silent_ns().filter(|ns| *ns > 0) {
            self.text.push_str(&format!(" after {} of silence", units::duration(silent)));
        }
        self.protocols(&stream.protocols);
        self.marks(stream.degraded, &[]);
        self.text.push('\n');
    }

    fn transaction(&mut self, transaction: &Transaction) {
        let Transaction { request, session, http_status, why, .. } = transaction;
        self.prefix(request.start.time, session.as_ref(), &label::cell(transaction.total_ns()));
        self.word(Role::Faint, "http");
        let about =
            format!("{} {}", sanitize::clean(&transaction.method), sanitize::clean(&transaction.target));
        let status = http_status.map_or_else(|| "-".to_owned(), |status| status.to_string());
        self.subject(Side::Client, &about, &status);
        self.addresses(Side::Client, &transaction.client.to_string(), &transaction.server.to_string());
        self.server_name(session.as_ref());
        self.packets(request.first, transaction.response.map_or(request.last, |response| response.last));
        let media_type = transaction.media_type.as_deref().map(sanitize::clean);
        let words = [media_type, Some(sanitize::clean(why))];
        let words = words.into_iter().flatten().filter(|words| !words.is_empty());
        let role = if http_status.is_none_or(|status| status >= 400) { Role::Warn } else { Role::Faint };
        for words in words {
            self.paint.push(&mut self.text, role, &format!("  {words}"));
        }
        self.protocols(&transaction.protocols);
        self.marks(transaction.degraded, &transaction.findings);
        self.text.push('\n');
    }

    /// Writes a call of a language model: what is known of its answer follows the packets.
    fn llm_call(&mut self, call: &LlmCall) {
        let Some(carried) = call.request.or(call.response) else { return };
        self.prefix(carried.span.start.time, None, &label::cell(call.total_ns()));
        self.word(llm_label::role(call.status), call.status.name());
        let model = call.model.as_deref().map_or_else(|| "?".to_owned(), sanitize::clean);
        self.subject(
            Side::Client,
            &format!("{} {model}", call.dialect.name()),
            &format!("l={}", call.number),
        );
        self.addresses(Side::Client, &call.client.to_string(), &call.server.to_string());
        let last = call.end.map_or(carried.span.last, |end| end.packet);
        self.packets(carried.span.first, last);
        let words = llm_words::words(call);
        if !words.is_empty() {
            self.text.push_str(&format!("  {}", words.join(", ")));
        }
        if let Some(error) = llm_words::error(call) {
            self.paint.push(&mut self.text, Role::Bad, &format!("  {error}"));
        }
        self.protocols(&call.protocols);
        self.marks(call.degraded, &[]);
        self.text.push('\n');
    }

    /// Writes a loss of packets. It affects how the following lines are read.
    fn lost(&mut self, finding: &Finding) {
        self.prefix(finding.at.unwrap_or_default().time, None, NO_DURATION);
        self.word(Role::Warn, "lost");
        self.text.push_str(&sanitize::clean(&finding.detail));
        self.text.push('\n');
    }

    /// Writes time, session and duration.
    fn prefix(&mut self, time: Timestamp, session: Option<&SessionRef>, took: &str) {
        let start = *self.start.get_or_insert(time);
        let time = format!("{:>12}", self.options.time.format(time, start));
        self.paint.push(&mut self.text, Role::Faint, &time);
        let session = session.map_or_else(|| "-".to_owned(), label::session);
        self.text.push_str(&format!(" {session:<5} "));
        self.paint.push(&mut self.text, Role::Strong, &format!("{took:>8}"));
        self.text.push(' ');
    }

    fn status(&mut self, exchange: &Exchange) {
        self.word(Role::of(exchange), exchange.status.name());
    }

    fn word(&mut self, role: Role, word: &str) {
        self.paint.push(&mut self.text, role, &format!("{word:<10}"));
        self.text.push(' ');
    }

    fn call(&mut self, exchange: &Exchange, from: Side) {
        let call = label::call(Side::Client, &exchange.method, exchange.name.as_deref());
        let id = format!("#{}", sanitize::clean(&exchange.id.json()));
        self.subject(from, &call, &id);
        self.addresses(from, &exchange.client.to_string(), &exchange.session.server.to_string());
        self.server_name(Some(&exchange.session));
    }

    /// Writes the name that the server gives itself, if it was seen.
    fn server_name(&mut self, session: Option<&SessionRef>) {
        if let Some(name) = session.and_then(|session| session.server_name.as_deref()) {
            self.paint.push(&mut self.text, Role::Faint, &format!(" {}", sanitize::clean(name)));
        }
    }

    fn packets(&mut self, first: PacketNo, last: PacketNo) {
        self.text.push_str(&format!("  {}", self.options.numbering.packets(first, last)));
    }

    /// Writes the protocols below MCP, if they are others than HTTP/1 without TLS.
    fn protocols(&mut self, protocols: &Protocols) {
        if let Some(text) = label::protocols(protocols) {
            self.paint.push(&mut self.text, Role::Faint, &format!("  ({text})"));
        }
    }

    /// Writes how much of the time was that of the client or its user.
    fn user(&mut self, exchange: &Exchange) {
        if exchange.asked.requests > 0 {
            let time = units::duration(exchange.asked.client_ns);
            self.paint.push(&mut self.text, Role::Faint, &format!("  (user {time})"));
        }
    }

    /// Writes the direction, a method or request line, and an id.
    fn subject(&mut self, from: Side, about: &str, id: &str) {
        let blanks = MIN_CALL_WIDTH.saturating_sub(sanitize::width(about) + sanitize::width(id) + 1);
        self.text.push_str(arrow(from));
        self.text.push(' ');
        self.paint.push(&mut self.text, Role::Strong, about);
        self.text.push(' ');
        self.paint.push(&mut self.text, Role::Faint, id);
        self.text.extend(std::iter::repeat_n(' ', blanks));
    }

    fn addresses(&mut self, from: Side, client: &str, server: &str) {
        let addresses = format!("  {client} {} {server}", arrow(from));
        self.paint.push(&mut self.text, Role::Faint, &addresses);
    }

    fn error_or_cause(&mut self, exchange: &Exchange) {
        if let Some(error) = &exchange.error {
            let code = error.code.map_or_else(String::new, |code| format!("{code} "));
            let message = format!("  {code}{}", sanitize::clean(&error.message));
            self.paint.push(&mut self.text, Role::Bad, message.trim_end());
        }
        if let Some(cause) = exchange.cause {
            let at = exchange
                .wait_ended
                .map_or_else(String::new, |end| format!(" at {}", self.options.numbering.packet(end.packet)));
            let words = match (cause, exchange.http_status) {
                (Cause::HttpError, Some(status)) => format!("  HTTP {status}"),
                _ => format!("  {}{at}", cause.name()),
            };
            let frame = exchange.http2_facts().closed_by;
            let frame = frame.map_or_else(String::new, |frame| format!(" ({frame})"));
            self.paint.push(&mut self.text, Role::Warn, &format!("{words}{frame}"));
        }
    }

    fn marks(&mut self, degraded: Degraded, findings: &[Code]) {
        if degraded.any() {
            let names: Vec<_> = degraded.names().collect();
            self.paint.push(&mut self.text, Role::Warn, &format!("  [{}]", names.join(" ")));
        }
        for code in findings {
            self.paint.push(&mut self.text, Role::of(code.severity()), &format!("  !{}", code.name()));
        }
    }
}

/// Returns the direction of a message, with the client on the left.
fn arrow(from: Side) -> &'static str {
    match from {
        Side::Client => "→",
        Side::Server => "←",
    }
}
