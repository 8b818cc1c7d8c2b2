//! `export --to trace`: what happened on a time axis, in the trace event format of Chrome, for
//! Perfetto (<https://ui.perfetto.dev>) and `chrome://tracing`.
//!
//! Clients and servers are processes, an exchange is a slice of the one that asked. Calls of one
//! client overlap, and slices of one thread must nest: a process has as many threads as it has
//! calls at one time. Asynchronous slices would need none, but Perfetto gives each name a row of
//! its own, and binds arrows to slices of threads alone. Only what finds no thread is asynchronous.
//!
//! The events are in the order in which exchanges complete: readers sort them. All kept is the end
//! of each thread, counters whose resolution falls with their number, and arrows that wait for the
//! slice that they begin at.

mod counters;
mod event;
mod tracks;

use std::collections::HashMap;
use std::io;

use self::counters::{Change, Counters};
use self::event::Events;
use self::tracks::{Actor, Kind, Track, Tracks};
use super::finding_quota::FindingQuota;
use super::redact::Tally;
use super::writer::{Export, WriterOptions};
use crate::base::{Files, Finding, PacketNo, Side, Span, Timestamp, json, sanitize};
use crate::ledger::{Entry, Exchange, Notification, Record, Session, SessionRef, Stream, Transaction};

/// Arrows to requests of servers that wait for the call in which the server asks.
const MAX_WAITING_ARROWS: usize = 65_536;

/// Writes a trace.
#[derive(Debug, Default)]
pub struct Trace {
    files: Files,
    redacted: Tally,
    events: Events,
    tracks: Tracks,
    counters: Counters,
    /// The number that was given last, to an arrow or an asynchronous slice.
    last_id: u64,
    /// Where requests of servers begin, by the `n` of the call in which they were sent.
    asked: HashMap<u64, Vec<(Track, Timestamp)>>,
    waiting: usize,
    findings: FindingQuota,
}

/// A slice of a thread.
struct Slice<'a> {
    actor: Actor,
    session: Option<&'a SessionRef>,
    kind: Kind,
    name: &'a str,
    times: (Timestamp, Timestamp),
}

impl Trace {
    /// Creates a writer.
    #[must_use]
    pub fn new(options: WriterOptions) -> Self {
        Self { files: options.files, redacted: options.redacted, ..Self::default() }
    }

    /// Writes a slice with its arguments, asynchronous if there is no thread for it. Returns its
    /// thread.
    fn slice(
        &mut self,
        slice: Slice<'_>,
        out: &mut dyn io::Write,
        arguments: impl FnOnce(&mut Events) -> io::Result<()>,
    ) -> io::Result<Option<Track>> {
        let Slice { actor, session, kind, name, times: (from, to) } = slice;
        let category = kind.category();
        let track = self.tracks.track(actor.clone(), session, kind, (from, to));
        self.name_new(out)?;
        let name = sanitize::clean(name);
        let Some(track) = track else {
            let process = self.tracks.process(actor, session);
            self.name_new(out)?;
            self.last_id += 1;
            for (phase, time) in [('b', from), ('e', to)] {
                self.events.start(phase, category, &name)?;
                self.events.track(process);
                self.events.time(time);
                self.events.id(self.last_id);
                if phase == 'e' {
                    arguments(&mut self.events)?;
                    return self.events.finish(out).map(|()| None);
                }
                self.events.finish(out)?;
            }
            return Ok(None);
        };
        self.events.start('X', category, &name)?;
        self.events.track(track);
        self.events.time(from);
        self.events.lasts(from, to);
        arguments(&mut self.events)?;
        self.events.finish(out)?;
        Ok(Some(track))
    }

    /// Names the processes and threads that are new.
    fn name_new(&mut self, out: &mut dyn io::Write) -> io::Result<()> {
        for new in self.tracks.take_new() {
            self.events.start('M', "__metadata", new.what)?;
            self.events.track(new.track);
            self.events.text("name", Some(&new.name))?;
            self.events.finish(out)?;
        }
        Ok(())
    }

    /// Writes a part of a call. Those without a length are left out.
    fn phase(
        &mut self,
        track: Track,
        name: &str,
        (from, to): (Timestamp, Timestamp),
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        if to <= from {
            return Ok(());
        }
        self.events.start('X', "phase", name)?;
        self.events.track(track);
        self.events.time(from);
        self.events.lasts(from, to);
        self.events.finish(out)
    }

    /// Writes an arrow between two slices that were written before.
    fn arrow(
        &mut self,
        name: &str,
        from: (Track, Timestamp),
        to: (Track, Timestamp),
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        self.last_id += 1;
        for (phase, (track, time)) in [('s', from), ('f', to)] {
            self.events.start(phase, "arrow", name)?;
            self.events.track(track);
            self.events.time(time);
            self.events.id(self.last_id);
            if phase == 'f' {
                // It ends at the slice around this time, not at the next one.
                self.events.word("bp", "e");
            }
            self.events.finish(out)?;
        }
        Ok(())
    }

    fn exchange(&mut self, exchange: &Exchange, out: &mut dyn io::Write) -> io::Result<()> {
        let session = Some(&exchange.session);
        let client = Actor::client(exchange.session.client, session);
        let server = Actor::server(exchange.session.server, session);
        let (asking, asked) = match exchange.origin {
            Side::Client => (client, server),
            Side::Server => (server, client),
        };
        let times = Times::of(exchange);
        let name = match &exchange.name {
            Some(name) => format!("{} {name}", exchange.method),
            None => exchange.method.to_string(),
        };
        let slice =
            Slice { actor: asking.clone(), session, kind: Kind::Calls, name: &name, times: times.whole };
        let files = self.files.clone();
        let track = self.slice(slice, out, |event| call_arguments(exchange, &files, event))?;
        let pid = self.tracks.process(asking, session).pid;
        self.count(exchange, &times, pid);
        let Some(track) = track else { return Ok(()) };
        for (name, part) in times.phases.into_iter().flatten() {
            self.phase(track, name, part, out)?;
        }
        self.arrows(exchange, &times, track, out)?;
        if let (Some(response), true) = (exchange.response, is_answered_elsewhere(exchange)) {
            let from = response.span.start.time;
            let answer = (from, response.span.end.time.max(from));
            let slice = Slice { actor: asked, session, kind: Kind::Answers, name: &name, times: answer };
            let stream = exchange.answered_on.map(|(stream, _)| stream);
            let to = self.slice(slice, out, |event| {
                event.number("exchange", Some(exchange.n));
                packets(event, &files, response.span);
                event.number("tcp_stream", stream_number(&files, stream, response.span.first));
                event.number("bytes", Some(response.bytes));
                Ok(())
            })?;
            if let Some(to) = to {
                let sent = exchange.request.span.end.time.min(answer.0);
                self.arrow("answer", (track, sent), (to, answer.0), out)?;
            }
        }
        Ok(())
    }

    /// Counts an exchange of a process.
    fn count(&mut self, exchange: &Exchange, times: &Times, pid: u32) {
        let sent = Change { sent: exchange.request.bytes, ..Change::default() };
        self.counters.record(times.whole.0, pid, Change { open: 1, ..Change::default() });
        self.counters.record(exchange.request.span.end.time, pid, sent);
        let received = exchange.response.map_or(0, |response| response.bytes);
        let end = Change { open: -1, ..Change::default() };
        if let Some(response) = exchange.response {
            let change = Change { received, ..Change::default() };
            self.counters.record(response.span.end.time, pid, change);
        }
        self.counters.record(times.whole.1, pid, end);
    }

    /// Writes the arrows from a call to the requests that the server sent inside it, and keeps the
    /// end of one if this is such a request: the call completes after it.
    fn arrows(
        &mut self,
        exchange: &Exchange,
        times: &Times,
        track: Track,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        let children = self.asked.remove(&exchange.n).unwrap_or_default();
        self.waiting -= children.len();
        for (child, at) in children {
            if (times.whole.0..=times.whole.1).contains(&at) {
                self.arrow("asks", (track, at), (child, at), out)?;
            }
        }
        if let Some(parent) = exchange.parent.filter(|_| self.waiting < MAX_WAITING_ARROWS) {
            self.waiting += 1;
            self.asked.entry(parent).or_default().push((track, times.whole.0));
        }
        Ok(())
    }

    fn stream(&mut self, stream: &Stream, out: &mut dyn io::Write) -> io::Result<()> {
        let session = stream.session.as_ref();
        let method = stream.method.as_deref().unwrap_or("GET");
        let name = format!("{method} {}", stream.target.as_deref().unwrap_or_default());
        let end = stream.end.map_or(stream.span.end.time, |end| end.time.max(stream.span.end.time));
        let start = stream.span.start.time.min(end);
        let slice = Slice {
            actor: Actor::server(stream.server, session),
            session,
            kind: Kind::Streams,
            name: name.trim_end(),
            times: (start, end),
        };
        let files = self.files.clone();
        let track = self.slice(slice, out, |event| {
            session_arguments(event, session)?;
            event.number("exchange", stream.exchange);
            event.text("client", Some(&stream.client.to_string()))?;
            event.number("http_status", stream.http_status.map(u64::from));
            event.number("events", Some(stream.events));
            event.number("bytes", Some(stream.bytes));
            event.text("ended", Some(stream.ended.name()))?;
            event.number("tcp_stream", stream_number(&files, Some(stream.tcp_stream), stream.span.first));
            packets(event, &files, stream.span);
            event.words("degraded", stream.degraded.names())
        })?;
        if let (Some(track), Some(first), Some(last)) = (track, stream.first_event, stream.last_event) {
            let part = (first.max(start), last.min(end));
            self.phase(track, "first to last event", part, out)?;
        }
        Ok(())
    }

    fn transaction(&mut self, transaction: &Transaction, out: &mut dyn io::Write) -> io::Result<()> {
        let session = transaction.session.as_ref();
        let name = format!("{} {}", transaction.method, transaction.target);
        let request = transaction.request;
        let end = transaction.response.map_or(request.end.time, |it| it.end.time.max(request.end.time));
        let slice = Slice {
            actor: Actor::client(transaction.client, session),
            session,
            kind: Kind::Transactions,
            name: &name,
            times: (request.start.time.min(end), end),
        };
        let files = self.files.clone();
        self.slice(slice, out, |event| {
            session_arguments(event, session)?;
            event.text("server", Some(&transaction.server.to_string()))?;
            event.number("http_status", transaction.http_status.map(u64::from));
            event.text("why", Some(&*transaction.why).filter(|why| !why.is_empty()))?;
            event.text("ended", Some(transaction.ended.name()))?;
            let stream = stream_number(&files, Some(transaction.tcp_stream), request.first);
            event.number("tcp_stream", stream);
            event.number("bytes", Some(transaction.bytes));
            packets(event, &files, transaction.response.map_or(request, |it| request.join(it)));
            event.words("degraded", transaction.degraded.names())?;
            event.words("findings", transaction.findings.iter().map(|code| code.name()))
        })?;
        Ok(())
    }

    fn session(&mut self, session: &Session, out: &mut dyn io::Write) -> io::Result<()> {
        let reference = &session.session;
        let (first, last) = (session.first.time, session.last.time);
        let slice = Slice {
            actor: Actor::client(reference.client, Some(reference)),
            session: Some(reference),
            kind: Kind::Sessions,
            name: &format!("s{}", reference.number),
            times: (first.min(last), first.max(last)),
        };
        let files = self.files.clone();
        self.slice(slice, out, |event| {
            event.text("session_id", reference.id.as_deref())?;
            event.text("server", Some(&reference.identity().to_string()))?;
            event.text("transport", Some(reference.transport.name()))?;
            event.text("protocol_version", session.protocol_version.as_deref())?;
            for (key, info) in [("client", &session.client_info), ("server_name", &session.server_info)] {
                let text = info.as_ref().map(|info| format!("{} {}", info.name, info.version));
                event.text(key, text.as_deref())?;
            }
            event.number("exchanges", Some(session.exchanges));
            event.text("ended", Some(session.ended.name()))?;
            event.number("first_packet", Some(files.number(session.first.packet)));
            event.number("last_packet", Some(files.number(session.last.packet)));
            event.words("degraded", session.degraded.names())
        })?;
        Ok(())
    }

    fn notification(&mut self, notification: &Notification, out: &mut dyn io::Write) -> io::Result<()> {
        let session = Some(&notification.session);
        let actor = match notification.from {
            Side::Client => Actor::client(notification.session.client, session),
            Side::Server => Actor::server(notification.session.server, session),
        };
        let span = notification.message.span;
        let files = self.files.clone();
        let times = (span.start.time, span.start.time);
        let name = &*notification.method;
        let slice = Slice { actor, session, kind: Kind::Notifications, name, times };
        self.instant(slice, out, |event| {
            session_arguments(event, session)?;
            event.number("exchange", notification.exchange);
            event.number("bytes", Some(notification.message.bytes));
            packets(event, &files, span);
            Ok(())
        })
    }

    fn finding(&mut self, finding: &Finding, out: &mut dyn io::Write) -> io::Result<()> {
        let (Some(at), true) = (finding.at, self.findings.record(finding)) else { return Ok(()) };
        let files = self.files.clone();
        let (actor, name, times) = (Actor::Capture, finding.code.name(), (at.time, at.time));
        let slice = Slice { actor, session: None, kind: Kind::Findings, name, times };
        self.instant(slice, out, |event| {
            event.text("severity", Some(finding.code.severity().name()))?;
            event.text("session", finding.session.map(|number| format!("s{number}")).as_deref())?;
            event.number("exchange", finding.exchange);
            event.text("detail", Some(&finding.detail))?;
            event.number("packet", Some(files.number(at.packet)));
            event.text("file", files.name(at.packet).filter(|_| files.are_several()))?;
            event.number("tcp_stream", stream_number(&files, finding.tcp_stream, at.packet));
            event.number("count", Some(finding.count).filter(|count| *count > 1));
            Ok(())
        })
    }

    /// Writes something without a length. All of one kind and process are on one thread.
    fn instant(
        &mut self,
        slice: Slice<'_>,
        out: &mut dyn io::Write,
        arguments: impl FnOnce(&mut Events) -> io::Result<()>,
    ) -> io::Result<()> {
        let Slice { actor, session, kind, name, times: (at, _) } = slice;
        let none = (Timestamp(i64::MAX), Timestamp(i64::MIN));
        let track = match self.tracks.track(actor.clone(), session, kind, none) {
            Some(track) => track,
            None => self.tracks.process(actor, session),
        };
        self.name_new(out)?;
        self.events.start('i', kind.category(), &sanitize::clean(name))?;
        self.events.track(track);
        self.events.time(at);
        self.events.word("s", "t");
        arguments(&mut self.events)?;
        self.events.finish(out)
    }

    fn write_counters(&mut self, out: &mut dyn io::Write) -> io::Result<()> {
        for (at, pid, total) in self.counters.totals() {
            let track = Track { pid, tid: pid };
            self.events.start('C', "counter", "open requests")?;
            self.events.track(track);
            self.events.time(at);
            self.events.integer("open", Some(total.open));
            self.events.finish(out)?;
            self.events.start('C', "counter", "bytes of messages")?;
            self.events.track(track);
            self.events.time(at);
            self.events.number("sent", Some(total.sent));
            self.events.number("received", Some(total.received));
            self.events.finish(out)?;
        }
        Ok(())
    }
}

impl Export for Trace {
    fn begin(&mut self, out: &mut dyn io::Write) -> io::Result<()> {
        out.write_all(b"{\"displayTimeUnit\":\"ms\",\"traceEvents\":[")
    }

    fn entry(&mut self, entry: &Entry, out: &mut dyn io::Write) -> io::Result<()> {
        match entry {
            Entry::Record(Record::Exchange(exchange)) => self.exchange(exchange, out),
            Entry::Record(Record::Notification(notification)) => self.notification(notification, out),
            Entry::Record(Record::Stream(stream)) => self.stream(stream, out),
            Entry::Record(Record::Transaction(transaction)) => self.transaction(transaction, out),
            Entry::Record(Record::Session(session)) => self.session(session, out),
            Entry::Finding(finding) => self.finding(finding, out),
            Entry::Record(Record::Request(_) | Record::Interrupted(_) | Record::Offer(_))
            | Entry::LlmCall(_)
            | Entry::Fact(_) => Ok(()),
        }
    }

    fn finish(&mut self, out: &mut dyn io::Write) -> io::Result<()> {
        self.write_counters(out)?;
        out.write_all(b"\n],\"otherData\":{\"creator\":")?;
        json::write_string(&mut &mut *out, concat!("mcpdump ", env!("CARGO_PKG_VERSION")))?;
        if let Some(base) = self.events.base() {
            write!(out, ",\"ts_0\":\"{base}\"")?;
        }
        let step = self.counters.step();
        if step > 1 {
            write!(out, ",\"counter_step_ms\":{}", step / 1_000_000)?;
        }
        let left_out = self.findings.not_listed();
        if left_out > 0 {
            write!(out, ",\"findings_left_out\":{left_out}")?;
        }
        if self.redacted.total() > 0 {
            write!(out, ",\"redacted\":{}", self.redacted.total())?;
        }
        out.write_all(b"}}\n")
    }
}

/// The times of an exchange as slices: a part lies within the whole.
struct Times {
    whole: (Timestamp, Timestamp),
    /// What docs/times.md defines. Empty if the times are not in this order, as if the answer began
    /// before the request was complete.
    phases: [Option<(&'static str, (Timestamp, Timestamp))>; 3],
}

impl Times {
    fn of(exchange: &Exchange) -> Self {
        let request = exchange.request.span;
        let (start, sent) = (request.start.time, request.end.time);
        let answer = exchange.response.map(|response| (response.span.start.time, response.span.end.time));
        let wait_ended = exchange.wait_ended.map(|end| end.time);
        let first = answer.map_or(start, |answer| answer.0.min(start));
        let last = [Some(sent), answer.map(|answer| answer.1), wait_ended].into_iter().flatten().max();
        let last = last.unwrap_or(sent).max(first);
        let waited = answer.map(|answer| answer.0).or(wait_ended).unwrap_or(sent);
        let is_ordered = start <= sent && sent <= waited && answer.is_none_or(|answer| answer.0 <= answer.1);
        let phases = [
            Some(("send", (start, sent))),
            Some(("wait", (sent, waited))),
            answer.map(|answer| ("receive", answer)),
        ];
        Self { whole: (first, last), phases: if is_ordered { phases } else { [None; 3] } }
    }
}

/// Whether the response came elsewhere than in the response to the request.
fn is_answered_elsewhere(exchange: &Exchange) -> bool {
    exchange.answered_on.is_some_and(|on| on != (exchange.tcp_stream, exchange.transaction))
}

fn call_arguments(exchange: &Exchange, files: &Files, event: &mut Events) -> io::Result<()> {
    event.number("n", Some(exchange.n));
    session_arguments(event, Some(&exchange.session))?;
    event.text("id", Some(&exchange.id.json()))?;
    event.text("method", Some(&exchange.method))?;
    event.text("tool", exchange.name.as_deref())?;
    event.text("status", Some(exchange.status.name()))?;
    event.text("cause", exchange.cause.map(|cause| cause.name()))?;
    event.number("http_status", exchange.http_status.map(u64::from));
    event.integer("error_code", exchange.error.as_ref().and_then(|error| error.code));
    event.text("error", exchange.error.as_ref().map(|error| &*error.message))?;
    event.ms("total_ms", exchange.total_ns());
    event.ms("send_ms", Some(exchange.send_ns()));
    event.ms("wait_ms", exchange.wait_ns());
    event.ms("receive_ms", exchange.receive_ns());
    event.ms("ack_ms", exchange.ack_ns());
    event.ms("waited_ms", exchange.waited_ns());
    event.ms("server_ms", exchange.server_ns());
    event.ms("user_ms", (exchange.asked.requests > 0).then_some(exchange.asked.client_ns));
    event.ms("network_ms", Some(exchange.network_ns()));
    event.number("request_bytes", Some(exchange.request.bytes));
    event.number("response_bytes", exchange.response.map(|response| response.bytes));
    event.number("continues", exchange.continues);
    event.number("parent", exchange.parent);
    let request = exchange.request.span;
    event.number("tcp_stream", stream_number(files, Some(exchange.tcp_stream), request.first));
    packets(event, files, exchange.response.map_or(request, |response| request.join(response.span)));
    event.words("degraded", exchange.degraded.names())?;
    event.words("findings", exchange.findings.iter().map(|code| code.name()))
}

fn session_arguments(event: &mut Events, session: Option<&SessionRef>) -> io::Result<()> {
    event.text("session", session.map(|session| format!("s{}", session.number)).as_deref())?;
    event.text("session_id", session.and_then(|session| session.id.as_deref()))
}

/// The first and the last packet; with several files the numbers in theirs, and their names.
fn packets(event: &mut Events, files: &Files, span: Span) {
    event.number("first_packet", Some(files.number(span.first)));
    event.number("last_packet", Some(files.number(span.last)));
    if files.are_several() {
        for (key, packet) in [("first_file", span.first), ("last_file", span.last)] {
            // A buffer takes everything.
            drop(event.text(key, files.name(packet)));
        }
    }
}

/// The number of a connection, in the file of one of its packets.
fn stream_number(files: &Files, stream: Option<u32>, packet: PacketNo) -> Option<u64> {
    files.stream(stream?, packet).map(u64::from)
}

#[cfg(test)]
mod tests;
