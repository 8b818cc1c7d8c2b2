//! Entries in; a line for each as it completes, out: for reading along and for pipes.
//!
//! ```text
//! 08:49:15.351 s1      12.1ms ok         → tools/call get-top-stories  #3  127.0.0.1:52814 → 127.0.0.1:3000
//! 08:49:15.402 s1           - unanswered → tools/call slow  #4  127.0.0.1:52814 → 127.0.0.1:3000  server_closed  [gap]
//! ```
//!
//! What is as wide in every line stands first and aligned; what is not is never cut: a pipe can look for it.

use std::io;

use super::label;
use super::style::{Paint, Role};
use crate::base::{Code, Degraded, Finding, Side, Timestamp, sanitize, units};
use crate::ledger::{Cause, Entry, Exchange, Notification, Record, SessionRef, Stream};

/// Columns that a call takes at least, so that ids and addresses of short ones are below each other.
const CALL: usize = 32;

/// What a listing is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether it is coloured by status.
    pub color: bool,
    /// Times as epoch seconds with nine decimals, not as time of day in UTC.
    pub epoch: bool,
    /// A line for each message: requests and responses apart, notifications; and one for each stream.
    pub messages: bool,
}

/// Writes lines.
#[derive(Debug)]
pub struct Lines {
    options: Options,
    paint: Paint,
    text: String,
    /// Whether requests are told as they come. All are, or none.
    tells_requests: bool,
}

impl Lines {
    /// A listing without lines yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { options, paint: Paint { color: options.color }, text: String::new(), tells_requests: false }
    }

    /// Writes the lines of an entry, if it has any: one for an exchange, as it completes; with
    /// [`Options::messages`] one for its request and one for its response, each as it completes where the engine tells
    /// requests as they come.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&mut self, entry: &Entry, out: &mut impl io::Write) -> io::Result<()> {
        self.text.clear();
        match entry {
            Entry::Record(Record::Request(exchange)) if self.options.messages => {
                self.tells_requests = true;
                self.request(exchange);
                self.text.push('\n');
            }
            Entry::Record(Record::Exchange(exchange)) if self.options.messages => self.two(exchange),
            Entry::Record(Record::Exchange(exchange)) => self.one(exchange),
            Entry::Record(Record::Notification(notification)) if self.options.messages => {
                self.notification(notification);
            }
            Entry::Record(Record::Stream(stream)) if self.options.messages => self.stream(stream),
            Entry::Finding(finding) if finding.code == Code::CaptureLostPackets => self.lost(finding),
            Entry::Record(_) | Entry::Finding(_) | Entry::Fact(_) => return Ok(()),
        }
        out.write_all(self.text.as_bytes())
    }

    fn one(&mut self, exchange: &Exchange) {
        let time = exchange.request.span.start.time;
        self.front(time, Some(&exchange.session), exchange.total_ns());
        self.outcome(exchange);
        self.call(exchange, exchange.origin);
        self.why(exchange);
        self.marks(exchange.degraded, &exchange.findings);
        self.text.push('\n');
    }

    /// The lines of an exchange, as far as they were not written yet.
    fn two(&mut self, exchange: &Exchange) {
        let Some(response) = &exchange.response else {
            if self.tells_requests {
                return self.one(exchange);
            }
            // Its only line says what became of it too.
            self.request(exchange);
            let name = exchange.status.name();
            self.text.push_str("  ");
            self.paint.push(&mut self.text, Role::of(exchange.status), name);
            self.why(exchange);
            self.marks(exchange.degraded, &exchange.findings);
            self.text.push('\n');
            return;
        };
        if !self.tells_requests {
            self.request(exchange);
            self.text.push('\n');
        }
        self.front(response.span.start.time, Some(&exchange.session), exchange.total_ns());
        self.outcome(exchange);
        self.call(exchange, exchange.origin.other());
        self.text.push_str(&format!("  {}", units::bytes(response.bytes)));
        self.why(exchange);
        self.marks(exchange.degraded, &exchange.findings);
        self.text.push('\n');
    }

    /// The front of a request's line: nothing that is known only later.
    fn request(&mut self, exchange: &Exchange) {
        self.front(exchange.request.span.start.time, Some(&exchange.session), None);
        self.word(Role::Plain, "request");
        self.call(exchange, exchange.origin);
        self.text.push_str(&format!("  {}", units::bytes(exchange.request.bytes)));
    }

    fn notification(&mut self, notification: &Notification) {
        let message = &notification.message;
        self.front(message.span.start.time, Some(&notification.session), None);
        self.word(Role::Faint, "notify");
        let of = notification.exchange.map_or_else(String::new, |n| format!("of n={n}"));
        self.subject(notification.from, &sanitize::clean(&notification.method), &of);
        self.ends(
            notification.from,
            &notification.session.client.to_string(),
            &notification.session.server.to_string(),
        );
        self.text.push_str(&format!("  {}", units::bytes(message.bytes)));
        self.marks(notification.degraded, &[]);
        self.text.push('\n');
    }

    fn stream(&mut self, stream: &Stream) {
        let lasted = stream.span.end.time.since(stream.span.start.time);
        self.front(stream.span.start.time, stream.session.as_ref(), Some(lasted));
        self.word(Role::Faint, "stream");
        let request = match (&stream.method, &stream.target) {
            (Some(method), Some(target)) => {
                format!("{} {}", sanitize::clean(method), sanitize::clean(target))
            }
            _ => "(request not captured)".to_owned(),
        };
        let status = stream.http_status.map_or_else(String::new, |status| status.to_string());
        self.subject(Side::Server, &request, &status);
        self.ends(Side::Server, &stream.client.to_string(), &stream.server.to_string());
        let events = units::several(stream.events, "event");
        self.text.push_str(&format!("  {events}, {}, {}", units::bytes(stream.bytes), stream.ended.name()));
        self.marks(stream.degraded, &[]);
        self.text.push('\n');
    }

    /// Packets that are missing: whoever reads along has to know at once.
    fn lost(&mut self, finding: &Finding) {
        self.front(finding.at.unwrap_or_default().time, None, None);
        self.word(Role::Warn, "lost");
        self.text.push_str(&sanitize::clean(&finding.detail));
        self.text.push('\n');
    }

    /// Time, session and duration.
    fn front(&mut self, time: Timestamp, session: Option<&SessionRef>, ns: Option<i64>) {
        let time = if self.options.epoch { time.to_string() } else { units::time_of_day(time) };
        self.paint.push(&mut self.text, Role::Faint, &time);
        let session = session.map_or_else(|| "-".to_owned(), label::session);
        self.text.push_str(&format!(" {session:<5} "));
        self.paint.push(&mut self.text, Role::Strong, &format!("{:>8}", label::cell(ns)));
        self.text.push(' ');
    }

    fn outcome(&mut self, exchange: &Exchange) {
        self.word(Role::of(exchange.status), exchange.status.name());
    }

    fn word(&mut self, role: Role, word: &str) {
        self.paint.push(&mut self.text, role, &format!("{word:<10}"));
        self.text.push(' ');
    }

    fn call(&mut self, exchange: &Exchange, from: Side) {
        let call = label::call(Side::Client, &exchange.method, exchange.name.as_deref());
        let id = format!("#{}", sanitize::clean(&exchange.id.json()));
        self.subject(from, &call, &id);
        self.ends(from, &exchange.client.to_string(), &exchange.session.server.to_string());
    }

    /// The direction, what it is about, and an id.
    fn subject(&mut self, from: Side, about: &str, id: &str) {
        let blanks = CALL.saturating_sub(sanitize::width(about) + sanitize::width(id) + 1);
        self.text.push_str(arrow(from));
        self.text.push(' ');
        self.paint.push(&mut self.text, Role::Strong, about);
        self.text.push(' ');
        self.paint.push(&mut self.text, Role::Faint, id);
        self.text.extend(std::iter::repeat_n(' ', blanks));
    }

    fn ends(&mut self, from: Side, client: &str, server: &str) {
        let ends = format!("  {client} {} {server}", arrow(from));
        self.paint.push(&mut self.text, Role::Faint, &ends);
    }

    fn why(&mut self, exchange: &Exchange) {
        if let Some(error) = &exchange.error {
            let code = error.code.map_or_else(String::new, |code| format!("{code} "));
            let message = format!("  {code}{}", sanitize::clean(&error.message));
            self.paint.push(&mut self.text, Role::Bad, message.trim_end());
        }
        if let Some(cause) = exchange.cause {
            let words = match (cause, exchange.http_status) {
                (Cause::HttpError, Some(status)) => format!("  HTTP {status}"),
                _ => format!("  {}", cause.name()),
            };
            self.paint.push(&mut self.text, Role::Warn, &words);
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

/// The way of a message, with the client on the left.
fn arrow(from: Side) -> &'static str {
    match from {
        Side::Client => "→",
        Side::Server => "←",
    }
}
