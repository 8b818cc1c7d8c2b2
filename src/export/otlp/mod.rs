//! `export --to otlp`: traces, metrics and logs of OpenTelemetry, for a collector or a file.
//!
//! An exchange is a span, with its phases below it and the requests that the server sent inside it;
//! its parent is the span that the request names (`_meta.traceparent`). A finding is a log record.
//! Metrics are those of the conventions for MCP and some of our own ([`super::meter::names`]). No
//! content of a message is written.
//!
//! Without a [`Sink`] the messages are lines of JSON, as the file exporter of OpenTelemetry writes
//! them.

mod attributes;
mod fields;
mod ids;
mod log;
mod metrics;
mod span;

use std::fmt;
use std::io;

use self::attributes::{Texts, write_pairs};
pub use self::fields::Encoding;
use self::fields::{Field, Fields};
use self::ids::KnownSpans;
use self::metrics::Writer;
use self::span::Place;
use super::finding_quota::FindingQuota;
use super::meter::Meter;
use super::meter::names::{SCHEMA_URL, SCOPE};
use super::resource::Resource;
use super::writer::{Export, Wants, WriterOptions};
use crate::base::{Files, Finding, Timestamp};
use crate::ledger::{Entry, Exchange, Record};

/// The name of the format.
pub const NAME: &str = "otlp";

/// Packet time between two messages with metrics, in nanoseconds: the default of OpenTelemetry
/// SDKs.
const METRICS_INTERVAL: i64 = 60_000_000_000;

/// Messages on one line of a file.
const LINE: usize = 512;

/// The kinds of telemetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Metrics.
    Metrics,
    /// Log records.
    Logs,
}

impl Signal {
    /// Every signal.
    pub const ALL: [Self; 3] = [Self::Traces, Self::Metrics, Self::Logs];

    /// Returns the name: `traces`, `metrics` or `logs`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
            Self::Logs => "logs",
        }
    }

    /// The fields of a request: its resources, their scopes, the messages of a scope.
    fn fields(self) -> [&'static str; 3] {
        match self {
            Self::Traces => ["resourceSpans", "scopeSpans", "spans"],
            Self::Metrics => ["resourceMetrics", "scopeMetrics", "metrics"],
            Self::Logs => ["resourceLogs", "scopeLogs", "logRecords"],
        }
    }
}

/// The encoding of each signal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Encodings([Encoding; Signal::ALL.len()]);

impl Encodings {
    /// Asks for the encoding of each signal.
    pub fn of(encoding: impl FnMut(Signal) -> Encoding) -> Self {
        Self(Signal::ALL.map(encoding))
    }

    fn get(self, signal: Signal) -> Encoding {
        let [traces, metrics, logs] = self.0;
        match signal {
            Signal::Traces => traces,
            Signal::Metrics => metrics,
            Signal::Logs => logs,
        }
    }
}

/// A span, a metric or a log record as a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// What it is.
    pub signal: Signal,
    /// Number of spans, data points or log records.
    pub count: u64,
    /// The message.
    pub bytes: Vec<u8>,
}

/// Takes what an [`Otlp`] writes.
pub trait Sink {
    /// Takes a message.
    ///
    /// # Errors
    /// No more can be taken.
    fn push(&mut self, piece: Piece) -> io::Result<()>;
}

/// Returns a request (`ExportTraceServiceRequest` and its siblings) with these messages, all of one
/// signal.
#[must_use]
pub fn request<'a>(
    signal: Signal,
    resource: &Resource,
    encoding: Encoding,
    messages: impl Iterator<Item = &'a [u8]>,
) -> Vec<u8> {
    let [resources, scopes, all] = signal.fields();
    Fields::message_of(encoding, |request| {
        request.each(Field(resources, 1), [messages], |fields, messages| {
            fields.message(Field("resource", 1), |it| write_pairs(it, Field("attributes", 1), &resource.0));
            fields.each(Field(scopes, 2), [messages], |fields, messages| {
                fields.message(Field("scope", 1), |scope| {
                    scope.text(Field("name", 1), SCOPE);
                    scope.text(Field("version", 2), env!("CARGO_PKG_VERSION"));
                });
                fields.written(Field(all, 2), messages);
                fields.text(Field("schemaUrl", 3), SCHEMA_URL);
            });
        });
    })
}

/// Writes OTLP.
#[derive(Default)]
pub struct Otlp {
    files: Files,
    encodings: Encodings,
    resource: Resource,
    sink: Option<Box<dyn Sink>>,
    spans: KnownSpans,
    meter: Meter,
    texts: Texts,
    findings: FindingQuota,
    /// The packet time after which metrics are written next; `None` before the first entry.
    metrics_due: Option<Timestamp>,
    /// Messages for the next line of a file.
    waiting: Vec<Piece>,
}

impl fmt::Debug for Otlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Otlp").field("encodings", &self.encodings).finish_non_exhaustive()
    }
}

impl Otlp {
    /// Creates a writer of lines of JSON.
    #[must_use]
    pub fn new(options: WriterOptions) -> Self {
        let encodings = Encodings::of(|_| Encoding::Json);
        Self { files: options.files, encodings, resource: options.resource, ..Self::default() }
    }

    /// Passes messages to `sink` instead of writing them.
    #[must_use]
    pub fn with_sink(self, encodings: Encodings, sink: Box<dyn Sink>) -> Self {
        Self { encodings, sink: Some(sink), ..self }
    }

    fn exchange(&mut self, exchange: &Exchange) -> io::Result<()> {
        let place = Place {
            ids: self.spans.of(exchange),
            parent: exchange.parent.and_then(|n| self.spans.get(n)),
            continues: exchange.continues.and_then(|n| self.spans.get(n)),
        };
        let encoding = self.encodings.get(Signal::Traces);
        for bytes in span::write(exchange, place, encoding, (&self.files, &mut self.texts)) {
            self.push(Piece { signal: Signal::Traces, count: 1, bytes })?;
        }
        Ok(())
    }

    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        if self.findings.record(finding) { self.log(finding) } else { Ok(()) }
    }

    fn log(&mut self, finding: &Finding) -> io::Result<()> {
        let ids = finding.exchange.and_then(|n| self.spans.get(n));
        let seen = self.meter.times.map_or(Timestamp(0), |(_, last)| last);
        let encoding = self.encodings.get(Signal::Logs);
        let bytes = log::write(finding, ids, seen, encoding, (&self.files, &mut self.texts));
        self.push(Piece { signal: Signal::Logs, count: 1, bytes })
    }

    fn metrics(&mut self, at: Timestamp) -> io::Result<()> {
        let Some((since, _)) = self.meter.times else { return Ok(()) };
        let encoding = self.encodings.get(Signal::Metrics);
        let mut writer = Writer { encoding, times: (since, at.max(since)), written: Vec::new() };
        writer.changes(&self.meter, self.texts.cut);
        self.meter.forget_changes();
        for (bytes, points) in writer.written {
            self.push(Piece { signal: Signal::Metrics, count: points as u64, bytes })?;
        }
        Ok(())
    }

    fn push(&mut self, piece: Piece) -> io::Result<()> {
        match &mut self.sink {
            Some(sink) => sink.push(piece),
            None => {
                self.waiting.push(piece);
                Ok(())
            }
        }
    }

    /// Writes the messages that wait, a line for each signal.
    fn write_lines(&mut self, out: &mut dyn io::Write) -> io::Result<()> {
        for signal in Signal::ALL {
            let mut messages = self.waiting.iter().filter(|piece| piece.signal == signal).peekable();
            if messages.peek().is_some() {
                let bytes = messages.map(|piece| piece.bytes.as_slice());
                out.write_all(&request(signal, &self.resource, self.encodings.get(signal), bytes))?;
                out.write_all(b"\n")?;
            }
        }
        self.waiting.clear();
        Ok(())
    }
}

impl Export for Otlp {
    fn wants(&self) -> Wants {
        Wants { payloads: false, requests: true }
    }

    fn entry(&mut self, entry: &Entry, out: &mut dyn io::Write) -> io::Result<()> {
        // What is sent inside an open call, and findings about it, name its span.
        if let Entry::Record(Record::Request(exchange)) = entry {
            self.spans.of(exchange);
            return Ok(());
        }
        self.meter.record(entry);
        match entry {
            Entry::Record(Record::Exchange(exchange)) => self.exchange(exchange)?,
            Entry::Finding(finding) => self.finding(finding)?,
            _ => {}
        }
        if let Some((first, last)) = self.meter.times {
            let due = *self.metrics_due.get_or_insert(first.plus(METRICS_INTERVAL));
            if last >= due {
                self.metrics(last)?;
                self.metrics_due = Some(last.plus(METRICS_INTERVAL));
            }
        }
        if self.waiting.len() >= LINE { self.write_lines(out) } else { Ok(()) }
    }

    fn end_batch(&mut self, out: &mut dyn io::Write) -> io::Result<()> {
        self.write_lines(out)
    }

    fn finish(&mut self, out: &mut dyn io::Write) -> io::Result<()> {
        for sum in self.findings.take_sums() {
            self.log(&sum)?;
        }
        if let Some((_, last)) = self.meter.times {
            self.metrics(last)?;
        }
        self.write_lines(out)
    }

    fn texts_cut(&self) -> u64 {
        self.texts.cut + self.meter.cut
    }
}

#[cfg(test)]
mod tests;
