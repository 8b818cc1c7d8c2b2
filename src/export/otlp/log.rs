//! Findings as log records.

use super::attributes::{Attributes, Texts, Value, write_value};
use super::fields::{Encoding, Field, Fields};
use super::ids::SpanIds;
use super::span::nanoseconds;
use crate::base::{Files, Finding, Severity, Timestamp};
use crate::export::meter::names::attribute;

/// The name of the event.
const EVENT: &str = "mcpdump.finding";

/// Returns a finding as a message. `ids` is the span of its exchange; `seen` the time of a finding
/// that has none.
pub(super) fn write(
    finding: &Finding,
    ids: Option<SpanIds>,
    seen: Timestamp,
    encoding: Encoding,
    (files, texts): (&Files, &mut Texts),
) -> Vec<u8> {
    let severity = finding.code.severity();
    let mut all = Attributes::default();
    all.word(attribute::CODE, Some(finding.code.name()));
    all.word(attribute::SEVERITY, Some(severity.name()));
    all.number(attribute::EXCHANGE, finding.exchange);
    all.number(attribute::SESSION_NUMBER, finding.session.map(u64::from));
    all.number("mcpdump.finding.count", Some(finding.count));
    let stream = finding.tcp_stream.and_then(|stream| match finding.at {
        Some(at) => files.stream(stream, at.packet),
        None => Some(stream),
    });
    all.number("mcpdump.tcp.stream", stream.map(u64::from));
    all.number("mcpdump.packet.first", finding.at.map(|at| files.number(at.packet)));
    let detail = texts.text(&finding.detail);
    let time = finding.at.map_or(seen, |at| at.time);
    Fields::message_of(encoding, |log| {
        log.fixed64(Field("timeUnixNano", 1), nanoseconds(time));
        log.number(Field("severityNumber", 2), severity_number(severity));
        log.text(Field("severityText", 3), severity.name());
        log.message(Field("body", 5), |body| write_value(body, &Value::Text(detail)));
        all.write(log, Field("attributes", 6));
        if let Some(SpanIds { trace, span }) = ids {
            log.id(Field("traceId", 9), &trace);
            log.id(Field("spanId", 10), &span);
        }
        log.fixed64(Field("observedTimeUnixNano", 11), nanoseconds(time));
        log.text(Field("eventName", 12), EVENT);
    })
}

/// The number of a severity (OpenTelemetry logs data model): INFO, INFO2, WARN, ERROR.
fn severity_number(severity: Severity) -> u32 {
    match severity {
        Severity::Info => 9,
        Severity::Notice => 10,
        Severity::Warning => 13,
        Severity::Error => 17,
    }
}
