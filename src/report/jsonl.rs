//! Entries in; the lines of `export --to jsonl`, version 1, out (design: section 7).
//!
//! A line per exchange, notification, stream, finding and session, as they are told; offers and facts have none. The
//! order of the fields is fixed. Text stands as it was on the wire, with the escapes of JSON: unlike the reports for
//! people, an export hides nothing.
//!
//! Fields beyond the design's: `client`, `server` of exchanges; `degraded` of notifications and streams; `first_packet`,
//! `last_packet`, `start`, `end`, `client_capabilities`, `server_capabilities` of sessions; `time`, `tcp_stream` of
//! findings.

use std::fmt::Display;
use std::io;

use super::units;
use crate::base::{Degraded, Finding, Timestamp};
use crate::ledger::{
    Carried, Entry, Exchange, Id, Implementation, Notification, Record, RpcError, Session, SessionRef, Stream,
};

/// Writes the line of one entry, if it has one. [`Writer`] does the same for many, faster.
///
/// # Errors
/// Those of `out`.
pub fn write(entry: &Entry, out: &mut impl io::Write) -> io::Result<()> {
    Writer::new().write(entry, out)
}

/// Writes lines. Keeps the buffer in which a line is put together: each is handed to the output in one piece.
#[derive(Debug, Default)]
pub struct Writer {
    row: Row,
}

impl Writer {
    /// A writer with an empty buffer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes the line of one entry, if it has one.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&mut self, entry: &Entry, out: &mut impl io::Write) -> io::Result<()> {
        self.row.bytes.clear();
        match entry {
            Entry::Record(Record::Exchange(exchange)) => self.row.exchange(exchange)?,
            Entry::Record(Record::Notification(notification)) => self.row.notification(notification)?,
            Entry::Record(Record::Stream(stream)) => self.row.stream(stream)?,
            Entry::Record(Record::Session(session)) => self.row.session(session)?,
            Entry::Finding(finding) => self.row.finding(finding)?,
            Entry::Record(Record::Request(_) | Record::Offer(_)) | Entry::Fact(_) => return Ok(()),
        }
        self.row.bytes.extend_from_slice(b"}\n");
        out.write_all(&self.row.bytes)
    }
}

/// A line that is being put together. Each of its methods appends `,"key":value`.
#[derive(Debug, Default)]
struct Row {
    bytes: Vec<u8>,
}

impl Row {
    fn exchange(&mut self, exchange: &Exchange) -> io::Result<()> {
        self.start("exchange");
        self.number("n", Some(exchange.n));
        self.number("tcp_stream", Some(exchange.tcp_stream.into()));
        self.session_fields(Some(&exchange.session))?;
        self.word("transport", Some(exchange.session.transport.name()));
        self.text("protocol_version", exchange.protocol_version.as_deref())?;
        self.word("origin", Some(exchange.origin.name()));
        self.id(&exchange.id)?;
        self.text("method", Some(&exchange.method))?;
        self.text("name", exchange.name.as_deref())?;
        self.word("status", Some(exchange.status.name()));
        self.error(exchange.error.as_ref())?;
        self.number("http_status", exchange.http_status.map(u64::from));
        self.carried("request", Some(&exchange.request));
        self.carried("response", exchange.response.as_ref());
        self.duration("total_ms", exchange.total_ns());
        self.duration("send_ms", Some(exchange.send_ns()));
        self.duration("wait_ms", exchange.wait_ns());
        self.duration("receive_ms", exchange.receive_ns());
        self.duration("ack_ms", exchange.ack_ns());
        self.number("progress", Some(exchange.progress.into()));
        self.word("cause", exchange.cause.map(|cause| cause.name()));
        self.number("continues", exchange.continues);
        self.degraded(exchange.degraded);
        self.words("findings", exchange.findings.iter().map(|code| code.name()));
        self.shown("client", exchange.client);
        self.shown("server", exchange.session.server);
        Ok(())
    }

    fn notification(&mut self, notification: &Notification) -> io::Result<()> {
        self.start("notification");
        self.session_fields(Some(&notification.session))?;
        self.word("from", Some(notification.from.name()));
        self.text("method", Some(&notification.method))?;
        self.time("time", Some(notification.carried.span.start.time));
        self.number("packet", Some(notification.carried.span.first.0));
        self.number("bytes", Some(notification.carried.bytes));
        self.number("exchange", notification.exchange);
        self.degraded(notification.degraded);
        Ok(())
    }

    fn stream(&mut self, stream: &Stream) -> io::Result<()> {
        self.start("stream");
        self.session_fields(stream.session.as_ref())?;
        self.number("exchange", stream.exchange);
        self.number("tcp_stream", Some(stream.tcp_stream.into()));
        self.text("method", stream.method.as_deref())?;
        self.text("target", stream.target.as_deref())?;
        self.number("http_status", stream.http_status.map(u64::from));
        self.shown("server", stream.server);
        self.shown("client", stream.client);
        self.time("start", Some(stream.span.start.time));
        self.time("first_event", stream.first_event);
        self.time("last_event", stream.last_event);
        self.number("events", Some(stream.events));
        self.number("bytes", Some(stream.bytes));
        self.number("first_packet", Some(stream.span.first.0));
        self.number("last_packet", Some(stream.span.last.0));
        self.word("ended", Some(stream.ended.name()));
        self.degraded(stream.degraded);
        Ok(())
    }

    fn session(&mut self, session: &Session) -> io::Result<()> {
        self.start("session");
        self.session_fields(Some(&session.session))?;
        self.word("transport", Some(session.session.transport.name()));
        self.text("protocol_version", session.protocol_version.as_deref())?;
        self.shown("server", session.session.server);
        self.shown("client", session.session.client);
        self.implementation("client_info", session.client_info.as_ref())?;
        self.implementation("server_info", session.server_info.as_ref())?;
        self.number("exchanges", Some(session.exchanges));
        self.word("ended", Some(session.ended.name()));
        self.degraded(session.degraded);
        self.number("first_packet", Some(session.first.packet.0));
        self.number("last_packet", Some(session.last.packet.0));
        self.time("start", Some(session.first.time));
        self.time("end", Some(session.last.time));
        self.texts("client_capabilities", &session.client_capabilities)?;
        self.texts("server_capabilities", &session.server_capabilities)
    }

    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        self.start("finding");
        self.word("code", Some(finding.code.name()));
        self.word("severity", Some(finding.code.severity().name()));
        self.session_number(finding.session);
        self.number("exchange", finding.exchange);
        self.number("packet", finding.at.map(|at| at.packet.0));
        self.text("detail", Some(&finding.detail))?;
        self.time("time", finding.at.map(|at| at.time));
        self.number("tcp_stream", finding.tcp_stream.map(u64::from));
        Ok(())
    }

    fn start(&mut self, kind: &str) {
        self.raw("{\"type\":\"");
        self.raw(kind);
        self.raw("\",\"v\":1");
    }

    fn session_fields(&mut self, session: Option<&SessionRef>) -> io::Result<()> {
        self.session_number(session.map(|session| session.number));
        self.text("session_id", session.and_then(|session| session.id.as_deref()))
    }

    fn session_number(&mut self, number: Option<u32>) {
        self.key("session");
        match number {
            Some(number) => {
                self.raw("\"s");
                units::push_digits(&mut self.bytes, number.into(), 1);
                self.raw("\"");
            }
            None => self.raw("null"),
        }
    }

    fn carried(&mut self, key: &str, carried: Option<&Carried>) {
        self.key(key);
        let Some(carried) = carried else {
            return self.raw("null");
        };
        self.raw("{\"start\":");
        units::push_seconds(&mut self.bytes, carried.span.start.time);
        self.time("end", Some(carried.span.end.time));
        self.number("first_packet", Some(carried.span.first.0));
        self.number("last_packet", Some(carried.span.last.0));
        self.number("bytes", Some(carried.bytes));
        self.raw("}");
    }

    fn error(&mut self, error: Option<&RpcError>) -> io::Result<()> {
        self.key("error");
        let Some(error) = error else {
            self.raw("null");
            return Ok(());
        };
        self.raw("{\"code\":");
        match error.code {
            Some(code) => self.integer(code),
            None => self.raw("null"),
        }
        self.text("message", Some(&error.message))?;
        self.raw("}");
        Ok(())
    }

    fn implementation(&mut self, key: &str, info: Option<&Implementation>) -> io::Result<()> {
        self.key(key);
        let Some(info) = info else {
            self.raw("null");
            return Ok(());
        };
        self.raw("{\"name\":");
        self.quoted(&info.name)?;
        self.text("version", Some(&info.version))?;
        self.raw("}");
        Ok(())
    }

    fn id(&mut self, id: &Id) -> io::Result<()> {
        self.key("id");
        match id {
            Id::Null => self.raw("null"),
            Id::Int(int) => self.integer(*int),
            // As it was spelled on the wire, where it was read as JSON.
            Id::Number(spelled) => self.raw(spelled),
            Id::Text(text) => self.quoted(text)?,
        }
        Ok(())
    }

    fn degraded(&mut self, degraded: Degraded) {
        self.words("degraded", degraded.names());
    }

    fn words(&mut self, key: &str, words: impl Iterator<Item = &'static str>) {
        self.key(key);
        self.raw("[");
        for (i, word) in words.enumerate() {
            self.raw(if i == 0 { "\"" } else { ",\"" });
            self.raw(word);
            self.raw("\"");
        }
        self.raw("]");
    }

    fn texts(&mut self, key: &str, texts: &[Box<str>]) -> io::Result<()> {
        self.key(key);
        self.raw("[");
        for (i, text) in texts.iter().enumerate() {
            self.raw(if i == 0 { "" } else { "," });
            self.quoted(text)?;
        }
        self.raw("]");
        Ok(())
    }

    fn number(&mut self, key: &str, value: Option<u64>) {
        self.key(key);
        match value {
            Some(value) => units::push_digits(&mut self.bytes, value, 1),
            None => self.raw("null"),
        }
    }

    fn time(&mut self, key: &str, time: Option<Timestamp>) {
        self.key(key);
        match time {
            Some(time) => units::push_seconds(&mut self.bytes, time),
            None => self.raw("null"),
        }
    }

    fn duration(&mut self, key: &str, ns: Option<i64>) {
        self.key(key);
        match ns {
            Some(ns) => units::push_ms(&mut self.bytes, ns),
            None => self.raw("null"),
        }
    }

    /// A word of ours, which needs no escapes.
    fn word(&mut self, key: &str, word: Option<&str>) {
        self.key(key);
        match word {
            Some(word) => {
                self.raw("\"");
                self.raw(word);
                self.raw("\"");
            }
            None => self.raw("null"),
        }
    }

    /// An address, which needs no escapes.
    fn shown(&mut self, key: &str, value: impl Display) {
        self.word(key, Some(&value.to_string()));
    }

    fn text(&mut self, key: &str, text: Option<&str>) -> io::Result<()> {
        self.key(key);
        match text {
            Some(text) => self.quoted(text),
            None => {
                self.raw("null");
                Ok(())
            }
        }
    }

    fn quoted(&mut self, text: &str) -> io::Result<()> {
        serde_json::to_writer(&mut self.bytes, text).map_err(io::Error::from)
    }

    fn integer(&mut self, value: i64) {
        if value < 0 {
            self.raw("-");
        }
        units::push_digits(&mut self.bytes, value.unsigned_abs(), 1);
    }

    fn key(&mut self, key: &str) {
        self.raw(",\"");
        self.raw(key);
        self.raw("\":");
    }

    fn raw(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Code, Origin, Span};
    use crate::ledger::sample::{self, T0};
    use crate::ledger::{Cause, Status};
    use proptest::prelude::*;
    use serde_json::Value;

    fn line(entry: &Entry) -> String {
        let mut out = Vec::new();
        write(entry, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn exchange_line(exchange: Exchange) -> String {
        line(&Entry::Record(Record::Exchange(Box::new(exchange))))
    }

    #[test]
    fn an_exchange_is_to_the_letter() {
        let mut exchange = sample::exchange(4, "tools/call", Some("get-hackernews-top-stories"), 12_100_000);
        exchange.request.span = Span::of(Origin::new(61, T0));
        exchange.ack = Some(Timestamp(T0 + 1_900_000));
        exchange.response = Some(Carried { span: Span::of(Origin::new(66, T0 + 12_100_000)), bytes: 1772 });
        let want = concat!(
            r#"{"type":"exchange","v":1,"n":4,"tcp_stream":3,"session":"s1","session_id":"7f4d5d49-1","transport":"http+sse","#,
            r#""protocol_version":"2024-11-05","origin":"client","id":3,"method":"tools/call","#,
            r#""name":"get-hackernews-top-stories","status":"ok","error":null,"http_status":202,"#,
            r#""request":{"start":1795337355.351000000,"end":1795337355.351000000,"first_packet":61,"last_packet":61,"bytes":143},"#,
            r#""response":{"start":1795337355.363100000,"end":1795337355.363100000,"first_packet":66,"last_packet":66,"bytes":1772},"#,
            r#""total_ms":12.1,"send_ms":0.0,"wait_ms":12.1,"receive_ms":0.0,"ack_ms":1.9,"progress":0,"cause":null,"#,
            r#""continues":null,"degraded":[],"findings":[],"client":"127.0.0.1:52820","server":"127.0.0.1:3000"}"#,
            "\n"
        );
        assert_eq!(exchange_line(exchange), want);
    }

    #[test]
    fn an_exchange_without_response_has_nulls() {
        let mut exchange =
            sample::unanswered(sample::exchange(7, "ping", None, 1), Status::Cancelled, Cause::Cancelled);
        exchange.id = Id::Number("1.0".into());
        exchange.ack = None;
        exchange.degraded = Degraded::GAP.and(Degraded::MIDSTREAM);
        exchange.findings = vec![Code::McpIdReused, Code::TcpGap];
        exchange.error = Some(RpcError { code: Some(-32602), message: "a \"b\"\n\u{1b}".into() });
        let line = exchange_line(exchange);
        for part in [
            r#""id":1.0,"#,
            r#""error":{"code":-32602,"message":"a \"b\"\n\u001b"}"#,
            r#""response":null,"total_ms":null,"send_ms":0.0,"wait_ms":null,"receive_ms":null,"ack_ms":null"#,
            r#""cause":"cancelled","continues":null,"degraded":["midstream","gap"],"findings":["mcp.id_reused","tcp.gap"]"#,
        ] {
            assert!(line.contains(part), "{part} in {line}");
        }
    }

    #[test]
    fn the_other_rows_are_to_the_letter() {
        let session = line(&Entry::Record(Record::Session(Box::new(sample::session(1)))));
        let stream = line(&Entry::Record(Record::Stream(Box::new(sample::stream(None)))));
        let notification = line(&Entry::Record(Record::Notification(Box::new(sample::notification()))));
        let finding = line(&Entry::Finding(sample::finding(Code::TcpGap, "…")));
        for (line, want) in [
            (
                &session,
                concat!(
                    r#"{"type":"session","v":1,"session":"s1","session_id":"7f4d5d49-1","transport":"http+sse","protocol_version":"2024-11-05","#,
                    r#""server":"127.0.0.1:3000","client":"127.0.0.1:52814","client_info":{"name":"inspector","version":"0.16.1"},"#,
                    r#""server_info":{"name":"hackernews","version":"1.0.0"},"exchanges":32,"ended":"stream_closed","degraded":[],"#,
                ),
            ),
            (
                &stream,
                concat!(
                    r#"{"type":"stream","v":1,"session":null,"session_id":null,"exchange":null,"tcp_stream":0,"method":"GET","#,
                    r#""target":"/sse?api_key=hunter2","http_status":200,"server":"127.0.0.1:3000","client":"127.0.0.1:52814","#,
                    r#""start":1795337355.290000000,"first_event":1795337355.300000000,"last_event":1795337356.100000000,"#,
                    r#""events":41,"bytes":9120,"first_packet":12,"last_packet":215,"ended":"client_closed","#,
                ),
            ),
            (
                &notification,
                concat!(
                    r#"{"type":"notification","v":1,"session":"s1","session_id":"7f4d5d49-1","from":"client","#,
                    r#""method":"notifications/initialized","time":1795337355.324600000,"packet":40,"bytes":54,"exchange":null,"#,
                ),
            ),
            (
                &finding,
                r#"{"type":"finding","v":1,"code":"tcp.gap","severity":"warning","session":null,"exchange":null,"packet":812,"detail":"…","#,
            ),
        ] {
            assert!(line.starts_with(want), "{line}\n{want}");
        }
    }

    #[test]
    fn every_line_parses_and_facts_have_none() {
        let mut lines = 0;
        for entry in sample::entries() {
            let line = line(&entry);
            if matches!(entry, Entry::Fact(_) | Entry::Record(Record::Offer(_))) {
                assert_eq!(line, "");
                continue;
            }
            let row: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(row["v"], 1);
            assert!(line.ends_with("}\n") && line.matches('\n').count() == 1);
            lines += 1;
        }
        assert_eq!(lines, 95);
    }

    proptest! {
        /// total = send + wait + receive, read as the decimals that stand there.
        #[test]
        fn the_parts_sum_up(times in prop::array::uniform4(-4_000_000_000_000i64..4_000_000_000_000)) {
            let mut exchange = sample::exchange(1, "ping", None, 1);
            let at = |ns| Origin::new(1, T0 + ns);
            exchange.request.span = Span { start: at(times[0]), end: at(times[1]), ..exchange.request.span };
            exchange.response = exchange.response.map(|mut response| {
                response.span = Span { start: at(times[2]), end: at(times[3]), ..response.span };
                response
            });
            let line = exchange_line(exchange);
            let row: Value = serde_json::from_str(&line).unwrap();
            prop_assert!(row["total_ms"].is_number());
            let ns = |key: &str| -> i128 {
                let from = line.split_once(&format!("\"{key}\":")).unwrap().1;
                let text = from.split(',').next().unwrap();
                let (whole, fraction) = text.split_once('.').unwrap();
                format!("{whole}{fraction:0<6}").parse().unwrap()
            };
            prop_assert_eq!(ns("total_ms"), ns("send_ms") + ns("wait_ms") + ns("receive_ms"));
        }

        #[test]
        fn any_text_comes_back(text in ".*") {
            let mut exchange = sample::exchange(1, &text, Some(&text), 1);
            exchange.id = Id::Text(text.as_str().into());
            let row: Value = serde_json::from_str(&exchange_line(exchange)).unwrap();
            prop_assert_eq!(row["id"].as_str(), Some(text.as_str()));
            prop_assert_eq!(row["method"].as_str(), Some(text.as_str()));
            prop_assert_eq!(row["name"].as_str(), Some(text.as_str()));
        }
    }
}
