//! `export --to jsonl`, version 1: one JSON object a line.
//!
//! Exchanges, notifications, streams, transactions, LLM calls, findings, sessions and TLS
//! connections have a line each, in the order of the entries; offers and other facts have none. The
//! names and the order of the fields are a contract (docs/jsonl.md). Text is written as it was on
//! the wire, with the escapes of JSON: unlike the reports for people, an export masks nothing.

use std::io;

use super::Export;
use super::finding_quota::FindingQuota;
use crate::base::{Fact, Files, Finding};
use crate::ledger::{Entry, Exchange, Notification, Record, Session, Stream, Transaction};

mod connection;
mod line;
mod llm_call;

use line::{FIRST, LAST, Line};

/// Writes the line of one entry, if it has one. [`JsonLines`] does the same for many, faster.
///
/// # Errors
/// Those of `out`.
pub fn write(entry: &Entry, out: &mut impl io::Write) -> io::Result<()> {
    JsonLines::default().entry(entry, out)
}

/// Writes JSON lines. Each line is assembled in a buffer and written in one call.
#[derive(Debug, Default)]
pub struct JsonLines {
    line: Line,
    findings: FindingQuota,
}

impl JsonLines {
    /// Creates a writer that numbers packets by these files.
    #[must_use]
    pub fn new(files: Files) -> Self {
        Self { line: Line::new(files), findings: FindingQuota::default() }
    }
}

impl Export for JsonLines {
    fn entry(&mut self, entry: &Entry, out: &mut dyn io::Write) -> io::Result<()> {
        let line = &mut self.line;
        match entry {
            Entry::Record(Record::Exchange(exchange)) => write_exchange(line, exchange)?,
            Entry::Record(Record::Notification(notification)) => {
                write_notification(line, notification)?;
            }
            Entry::Record(Record::Stream(stream)) => write_stream(line, stream)?,
            Entry::Record(Record::Transaction(transaction)) => write_transaction(line, transaction)?,
            Entry::Record(Record::Session(session)) => write_session(line, session)?,
            Entry::LlmCall(call) => llm_call::write(line, call)?,
            Entry::Fact(Fact::Connection(fact)) => match &fact.tls {
                Some(tls) => connection::write(line, fact, tls)?,
                None if fact.is_refused => connection::write_refused(line, fact),
                None => return Ok(()),
            },
            Entry::Finding(finding) => {
                if !self.findings.record(finding) {
                    return Ok(());
                }
                write_finding(line, finding)?;
            }
            Entry::Record(Record::Request(_) | Record::Interrupted(_) | Record::Offer(_))
            | Entry::Fact(_) => return Ok(()),
        }
        out.write_all(line.finish())
    }

    fn finish(&mut self, out: &mut dyn io::Write) -> io::Result<()> {
        for sum in self.findings.take_sums() {
            write_finding(&mut self.line, &sum)?;
            out.write_all(self.line.finish())?;
        }
        Ok(())
    }
}

fn write_exchange(line: &mut Line, exchange: &Exchange) -> io::Result<()> {
    line.start("exchange");
    line.number("n", Some(exchange.n));
    line.stream(Some(exchange.tcp_stream), Some(exchange.request.span.first));
    line.session_fields(Some(&exchange.session))?;
    line.word("transport", Some(exchange.session.transport.name()));
    line.text("protocol_version", exchange.protocol_version.as_deref())?;
    line.word("origin", Some(exchange.origin.name()));
    line.id(&exchange.id)?;
    line.text("method", Some(&exchange.method))?;
    line.text("name", exchange.name.as_deref())?;
    line.word("status", Some(exchange.status.name()));
    line.error(exchange.error.as_ref())?;
    line.number("http_status", exchange.http_status.map(u64::from));
    line.carried("request", Some(&exchange.request));
    line.carried("response", exchange.response.as_ref());
    line.duration("total_ms", exchange.total_ns());
    line.duration("send_ms", Some(exchange.send_ns()));
    line.duration("wait_ms", exchange.wait_ns());
    line.duration("receive_ms", exchange.receive_ns());
    line.duration("ack_ms", exchange.ack_ns());
    line.number("progress", Some(exchange.progress.into()));
    line.word("cause", exchange.cause.map(|cause| cause.name()));
    line.number("continues", exchange.continues);
    line.degraded(exchange.degraded);
    line.words("findings", exchange.findings.iter().map(|code| code.name()));
    line.address("client", exchange.client);
    line.address("server", exchange.session.server);
    line.text("path", exchange.session.path.as_deref())?;
    line.duration("waited_ms", exchange.waited_ns());
    line.packet(["waited_packet", "waited_file"], exchange.waited_until().map(|end| end.packet));
    line.word("view", exchange.view());
    line.number("twin", exchange.twins.in_front.or(exchange.twins.behind));
    line.duration("proxy_ms", exchange.twins.proxy_ns);
    line.text("server_name", exchange.session.server_name.as_deref())?;
    line.text("client_name", exchange.session.client_name.as_deref())?;
    line.number("parent", exchange.parent);
    line.number("asked", Some(exchange.asked.requests.into()));
    line.duration("server_ms", exchange.server_ns());
    line.duration("user_ms", (exchange.asked.requests > 0).then_some(exchange.asked.client_ns));
    line.duration("network_ms", Some(exchange.network_ns()));
    line.duration("input_ms", exchange.input_ns);
    line.some_address("via", exchange.session.via);
    line.protocols(&exchange.protocols)?;
    line.http2_facts(&exchange.http2_facts())
}

fn write_notification(line: &mut Line, notification: &Notification) -> io::Result<()> {
    line.start("notification");
    line.session_fields(Some(&notification.session))?;
    line.word("from", Some(notification.from.name()));
    line.text("method", Some(&notification.method))?;
    line.time("time", Some(notification.message.span.start.time));
    line.packet(["packet", "file"], Some(notification.message.span.first));
    line.number("bytes", Some(notification.message.bytes));
    line.number("exchange", notification.exchange);
    line.degraded(notification.degraded);
    line.stream(Some(notification.tcp_stream), Some(notification.message.span.first));
    line.protocols(&notification.protocols)?;
    Ok(())
}

fn write_stream(line: &mut Line, stream: &Stream) -> io::Result<()> {
    line.start("stream");
    line.session_fields(stream.session.as_ref())?;
    line.number("exchange", stream.exchange);
    line.stream(Some(stream.tcp_stream), Some(stream.span.first));
    line.text("method", stream.method.as_deref())?;
    line.text("target", stream.target.as_deref())?;
    line.number("http_status", stream.http_status.map(u64::from));
    line.address("server", stream.server);
    line.address("client", stream.client);
    line.time("start", Some(stream.span.start.time));
    line.time("first_event", stream.first_event);
    line.time("last_event", stream.last_event);
    line.number("events", Some(stream.events));
    line.number("bytes", Some(stream.bytes));
    line.packet(FIRST, Some(stream.span.first));
    line.packet(LAST, Some(stream.span.last));
    line.word("ended", Some(stream.ended.name()));
    line.degraded(stream.degraded);
    line.time("end", stream.end.map(|end| end.time));
    line.packet(["end_packet", "end_file"], stream.end.map(|end| end.packet));
    line.duration("open_ms", stream.open_ns());
    line.duration("silent_ms", stream.silent_ns());
    line.protocols(&stream.protocols)?;
    Ok(())
}

fn write_transaction(line: &mut Line, transaction: &Transaction) -> io::Result<()> {
    line.start("transaction");
    line.session_fields(transaction.session.as_ref())?;
    line.stream(Some(transaction.tcp_stream), Some(transaction.request.first));
    line.text("method", Some(&transaction.method))?;
    line.text("target", Some(&transaction.target))?;
    line.number("http_status", transaction.http_status.map(u64::from));
    line.text("media_type", transaction.media_type.as_deref())?;
    line.text("why", Some(&*transaction.why).filter(|why| !why.is_empty()))?;
    line.address("server", transaction.server);
    line.address("client", transaction.client);
    line.time("start", Some(transaction.request.start.time));
    line.time("end", transaction.response.map(|response| response.end.time));
    line.duration("total_ms", transaction.total_ns());
    line.number("bytes", Some(transaction.bytes));
    line.packet(FIRST, Some(transaction.request.first));
    let response = transaction.response.map(|response| response.first);
    line.packet(["response_packet", "response_file"], response);
    let last = transaction.response.map_or(transaction.request.last, |response| response.last);
    line.packet(LAST, Some(last));
    line.word("ended", Some(transaction.ended.name()));
    line.degraded(transaction.degraded);
    line.words("findings", transaction.findings.iter().map(|code| code.name()));
    line.protocols(&transaction.protocols)?;
    Ok(())
}

fn write_session(line: &mut Line, session: &Session) -> io::Result<()> {
    line.start("session");
    line.session_fields(Some(&session.session))?;
    line.word("transport", Some(session.session.transport.name()));
    line.text("protocol_version", session.protocol_version.as_deref())?;
    line.address("server", session.session.server);
    line.address("client", session.session.client);
    line.implementation("client_info", session.client_info.as_ref())?;
    line.implementation("server_info", session.server_info.as_ref())?;
    line.number("exchanges", Some(session.exchanges));
    line.word("ended", Some(session.ended.name()));
    line.degraded(session.degraded);
    line.packet(FIRST, Some(session.first.packet));
    line.packet(LAST, Some(session.last.packet));
    line.time("start", Some(session.first.time));
    line.time("end", Some(session.last.time));
    line.texts("client_capabilities", &session.client_capabilities)?;
    line.texts("server_capabilities", &session.server_capabilities)?;
    line.text("path", session.session.path.as_deref())?;
    line.addresses("addresses", &session.addresses);
    line.other_session("behind", session.session.behind);
    line.some_address("via", session.session.via);
    Ok(())
}

fn write_finding(line: &mut Line, finding: &Finding) -> io::Result<()> {
    line.start("finding");
    line.word("code", Some(finding.code.name()));
    line.word("severity", Some(finding.code.severity().name()));
    line.session_number(finding.session);
    line.number("exchange", finding.exchange);
    line.packet(["packet", "file"], finding.at.map(|at| at.packet));
    line.text("detail", Some(&finding.detail))?;
    line.time("time", finding.at.map(|at| at.time));
    line.stream(finding.tcp_stream, finding.at.map(|at| at.packet));
    line.number("count", Some(finding.count));
    Ok(())
}

#[cfg(test)]
mod tests;
