//! The spans of an exchange: the request with its outcome, and its phases below it.

use super::attributes::{Attributes, Texts};
use super::fields::{Encoding, Field, Fields};
use super::ids::SpanIds;
use crate::base::{Files, Timestamp, TraceContext};
use crate::export::meter::names::attribute;
use crate::export::meter::{error_type, method_target, network_transport, protocol_name};
use crate::ledger::{Exchange, Id};

/// Kinds of spans (opentelemetry-proto, `SpanKind`).
mod kind {
    pub(super) const INTERNAL: u32 = 1;
    pub(super) const SERVER: u32 = 2;
}

/// `STATUS_CODE_ERROR`.
const ERROR: u32 = 2;

/// Flags of a span: whether it is known that its parent is of another process, and that it is.
const PARENT_IS_REMOTE: u32 = 0x300;

/// Methods whose target is a resource.
const RESOURCE_METHODS: [&str; 3] = ["resources/read", "resources/subscribe", "resources/unsubscribe"];

/// How an exchange is placed among other spans.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) ids: SpanIds,
    /// The call in which it was sent; `None` if there is none, or if its ids are not known.
    pub(super) parent: Option<SpanIds>,
    /// The exchange that it continues.
    pub(super) continues: Option<SpanIds>,
}

/// Returns the spans of an exchange, each as a message.
pub(super) fn write(
    exchange: &Exchange,
    place: Place,
    encoding: Encoding,
    (files, texts): (&Files, &mut Texts),
) -> Vec<Vec<u8>> {
    let start = exchange.request.span.start.time;
    let end = exchange.waited_until().map_or(exchange.request.span.end.time, |end| end.time).max(start);
    let mut name = texts.name(&exchange.method);
    if let Some((_, target)) = method_target(exchange) {
        name = format!("{name} {}", texts.name(target));
    }
    let error = error_type(exchange);
    let attributes = attributes(exchange, files, texts);
    let message = exchange.error.as_ref().map(|error| texts.text(&error.message));
    let call = Fields::message_of(encoding, |span| {
        begin(span, place.ids.trace, place.ids.span);
        let context = exchange.trace.as_deref();
        if let Some(TraceContext { span_id, flags, state, .. }) = context {
            span.text(Field("traceState", 3), state.as_deref().unwrap_or_default());
            span.id(Field("parentSpanId", 4), span_id);
            span.fixed32(Field("flags", 16), PARENT_IS_REMOTE | u32::from(*flags));
        } else if let Some(parent) = place.parent {
            span.id(Field("parentSpanId", 4), &parent.span);
        }
        named(span, &name, kind::SERVER, (start, end));
        attributes.write(span, Field("attributes", 9));
        if let Some(continued) = place.continues {
            span.each(Field("links", 13), [continued], |link, SpanIds { trace, span }| {
                begin(link, trace, span)
            });
        }
        if error.is_some() {
            span.message(Field("status", 15), |status| {
                status.text(Field("message", 2), message.as_deref().unwrap_or_default());
                status.number(Field("code", 3), ERROR);
            });
        }
    });
    let mut spans = vec![call];
    spans.extend(phases(exchange).into_iter().filter(|(_, from, to)| from < to).map(|(phase, from, to)| {
        Fields::message_of(encoding, |span| {
            begin(span, place.ids.trace, place.ids.child(phase));
            span.id(Field("parentSpanId", 4), &place.ids.span);
            named(span, phase, kind::INTERNAL, (from, to));
        })
    }));
    spans
}

fn begin(span: &mut Fields, trace: [u8; 16], id: [u8; 8]) {
    span.id(Field("traceId", 1), &trace);
    span.id(Field("spanId", 2), &id);
}

fn named(span: &mut Fields, name: &str, kind: u32, (from, to): (Timestamp, Timestamp)) {
    span.text(Field("name", 5), name);
    span.number(Field("kind", 6), kind);
    span.fixed64(Field("startTimeUnixNano", 7), nanoseconds(from));
    span.fixed64(Field("endTimeUnixNano", 8), nanoseconds(to));
}

/// The phases of an exchange in the order of time; none if its times are not in order, or without
/// a response.
fn phases(exchange: &Exchange) -> Vec<(&'static str, Timestamp, Timestamp)> {
    let (request, response) = match exchange.response {
        Some(response) => (exchange.request.span, response.span),
        None => return Vec::new(),
    };
    let times = [request.start, request.end, response.start, response.end].map(|origin| origin.time);
    let [asked, sent, answered, end] = times;
    if !times.is_sorted() {
        return Vec::new();
    }
    vec![("send", asked, sent), ("wait", sent, answered), ("receive", answered, end)]
}

fn attributes(exchange: &Exchange, files: &Files, texts: &mut Texts) -> Attributes {
    let mut all = Attributes::default();
    let session = &exchange.session;
    all.text(attribute::METHOD, Some(texts.text(&exchange.method)));
    if let Some((key, target)) = method_target(exchange) {
        all.text(key, Some(texts.text(target)));
        all.word(attribute::OPERATION, (key == attribute::TOOL).then_some(attribute::EXECUTE_TOOL));
    }
    let is_resource = RESOURCE_METHODS.contains(&&*exchange.method);
    all.text(
        attribute::RESOURCE,
        exchange.name.as_deref().filter(|_| is_resource).map(|uri| texts.text(uri)),
    );
    all.text(attribute::ERROR_TYPE, error_type(exchange).map(Into::into));
    let code = exchange.error.as_ref().and_then(|error| error.code);
    all.text(attribute::RPC_STATUS, code.map(|code| code.to_string()));
    all.text(
        attribute::REQUEST_ID,
        match &exchange.id {
            Id::Null => None,
            Id::Int(int) => Some(int.to_string()),
            Id::Number(text) | Id::Cut(text) | Id::Text(text) => Some(texts.text(text)),
        },
    );
    all.text(attribute::SESSION, session.id.as_deref().map(|id| texts.text(id)));
    all.text(attribute::VERSION, exchange.protocol_version.as_deref().map(|version| texts.text(version)));
    all.word(attribute::PROTOCOL, Some(protocol_name(session.transport)));
    all.word(attribute::PROTOCOL_VERSION, exchange.protocols.http.map(|http| http.name()));
    all.word(attribute::NETWORK_TRANSPORT, Some(network_transport(session.transport)));
    for (address, port, of) in [
        (attribute::SERVER, attribute::SERVER_PORT, session.server),
        (attribute::CLIENT, attribute::CLIENT_PORT, exchange.client),
    ] {
        all.text(address, Some(of.ip().to_canonical().to_string()));
        all.number(port, Some(of.port().into()));
    }
    all.number(attribute::HTTP_STATUS, exchange.http_status.map(u64::from));
    all.number(attribute::EXCHANGE, Some(exchange.n));
    all.number(attribute::SESSION_NUMBER, Some(session.number.into()));
    all.word(attribute::TRANSPORT, Some(session.transport.name()));
    all.word(attribute::STATUS, Some(exchange.status.name()));
    all.word(attribute::ORIGIN, Some(exchange.origin.name()));
    all.word(attribute::CAUSE, exchange.cause.map(|cause| cause.name()));
    all.number("mcpdump.request.size", Some(exchange.request.bytes));
    all.number("mcpdump.response.size", exchange.response.map(|response| response.bytes));
    all.seconds("mcpdump.server.duration", exchange.server_ns());
    all.seconds("mcpdump.user.duration", (exchange.asked.requests > 0).then_some(exchange.asked.client_ns));
    all.number("mcpdump.retransmissions", Some(exchange.retransmissions.into()));
    all.number("mcpdump.progress", Some(exchange.progress.into()));
    let stream = files.stream(exchange.tcp_stream, exchange.request.span.first);
    all.number("mcpdump.tcp.stream", stream.map(u64::from));
    all.number("mcpdump.packet.first", Some(files.number(exchange.request.span.first)));
    let last = exchange.response.map_or(exchange.request.span.last, |response| response.span.last);
    all.number("mcpdump.packet.last", Some(files.number(last)));
    let file = files.are_several().then(|| files.name(exchange.request.span.first)).flatten();
    all.text("mcpdump.file", file.map(|file| texts.text(file)));
    all.word("mcpdump.view", exchange.view());
    all.text("mcpdump.server.name", session.server_name.as_deref().map(|name| texts.text(name)));
    all.text("mcpdump.client.name", session.client_name.as_deref().map(|name| texts.text(name)));
    all.words("mcpdump.degraded", exchange.degraded.names());
    all.words("mcpdump.findings", exchange.findings.iter().map(|code| code.name()));
    all
}

/// A time in nanoseconds since the epoch; 0 for one before it.
pub(super) fn nanoseconds(time: Timestamp) -> u64 {
    u64::try_from(time.0).unwrap_or(0)
}
