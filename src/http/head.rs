//! Heads of HTTP messages, whatever version of HTTP carried them.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use crate::base::prefix::ONES;
use crate::base::protocols::HttpVersion;
use crate::base::{Degraded, Span, text};

/// The header fields that later layers look at. All others are in [`Head::text`] only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// `Content-Type`.
    ContentType,
    /// `Content-Encoding`.
    ContentEncoding,
    /// `Accept`.
    Accept,
    /// `Host`: shown, never used as a key.
    Host,
    /// `User-Agent` or `Server`.
    Agent,
    /// `Mcp-Session-Id` (MCP 2025-03-26 to 2025-11-25).
    SessionId,
    /// `MCP-Protocol-Version` (MCP 2025-06-18 and later).
    ProtocolVersion,
    /// `Mcp-Method` (MCP 2026-07-28).
    McpMethod,
    /// `Mcp-Name` (MCP 2026-07-28).
    McpName,
    /// `Last-Event-ID` (WHATWG HTML section 9.2).
    LastEventId,
    /// `Access-Control-Request-Method` (WHATWG Fetch, CORS protocol).
    RequestedMethod,
    /// `Access-Control-Request-Headers`.
    RequestedHeaders,
    /// `Access-Control-Allow-Origin`.
    AllowedOrigin,
    /// `Access-Control-Allow-Headers`.
    AllowedHeaders,
    /// `Access-Control-Expose-Headers`.
    ExposedHeaders,
    /// `Origin` (WHATWG Fetch).
    Origin,
    /// `WWW-Authenticate` (RFC 9110 section 11.6.1).
    Challenge,
    /// `X-Request-Id`.
    RequestId,
    /// `traceparent` (W3C Trace Context).
    TraceParent,
    /// `Via` (RFC 9110 section 7.6.3).
    Via,
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// `X-Forwarded-For`.
    ForwardedFor,
}

/// The status with which a server changes to another protocol (RFC 9110 section 15.2.2).
const SWITCHING: u16 = 101;

/// The media type of event streams.
const EVENTS: &str = "text/event-stream";

/// Number of variants of [`Field`].
const FIELDS: usize = 22;

impl Field {
    /// Returns the field with this name, in any case; `None` for a field that no later layer looks
    /// at.
    #[must_use]
    #[inline]
    pub fn from_name(name: &[u8]) -> Option<Self> {
        // Length and first letter rule out most fields of a head.
        let first = name.first()?.to_ascii_lowercase();
        match (name.len(), first) {
            (3, b'v') => is_name(name, b"via").then_some(Self::Via),
            (4, b'h') => is_name(name, b"host").then_some(Self::Host),
            (6, b's') => is_name(name, b"server").then_some(Self::Agent),
            (6, b'o') => is_name(name, b"origin").then_some(Self::Origin),
            (6, b'a') => is_name(name, b"accept").then_some(Self::Accept),
            (8, b'm') => is_name(name, b"mcp-name").then_some(Self::McpName),
            (9, b'f') => is_name(name, b"forwarded").then_some(Self::Forwarded),
            (10, b'm') => is_name(name, b"mcp-method").then_some(Self::McpMethod),
            (10, b'u') => is_name(name, b"user-agent").then_some(Self::Agent),
            (11, b't') => is_name(name, b"traceparent").then_some(Self::TraceParent),
            (12, b'c') => is_name(name, b"content-type").then_some(Self::ContentType),
            (12, b'x') => is_name(name, b"x-request-id").then_some(Self::RequestId),
            (13, b'l') => is_name(name, b"last-event-id").then_some(Self::LastEventId),
            (14, b'm') => is_name(name, b"mcp-session-id").then_some(Self::SessionId),
            (15, b'x') => is_name(name, b"x-forwarded-for").then_some(Self::ForwardedFor),
            (16, b'c') => is_name(name, b"content-encoding").then_some(Self::ContentEncoding),
            (16, b'w') => is_name(name, b"www-authenticate").then_some(Self::Challenge),
            (20, b'm') => is_name(name, b"mcp-protocol-version").then_some(Self::ProtocolVersion),
            (27..=30, b'a') => Self::from_long_name(name),
            _ => None,
        }
    }

    /// Returns the field with this name if it is one of CORS.
    fn from_long_name(name: &[u8]) -> Option<Self> {
        let fields: [(&[u8], Self); 5] = [
            (b"access-control-allow-origin", Self::AllowedOrigin),
            (b"access-control-allow-headers", Self::AllowedHeaders),
            (b"access-control-expose-headers", Self::ExposedHeaders),
            (b"access-control-request-method", Self::RequestedMethod),
            (b"access-control-request-headers", Self::RequestedHeaders),
        ];
        fields.into_iter().find(|(lower, _)| name.eq_ignore_ascii_case(lower)).map(|(_, field)| field)
    }
}

/// Returns whether a name is `lower` in any case. `lower` consists of small letters and `-`.
// Inlined, so that the words of `lower` are constants.
#[inline(always)]
pub(super) fn is_name<const N: usize>(name: &[u8], lower: &[u8; N]) -> bool {
    let Ok(name) = <&[u8; N]>::try_from(name) else { return false };
    // Words that overlap: two of four bytes, or several of eight.
    match N {
        4..8 => is_word::<4>(name, lower, 0) && is_word::<4>(name, lower, N - 4),
        8.. => {
            let is_middle = (8..N - 8).step_by(8).all(|at| is_word::<8>(name, lower, at));
            is_word::<8>(name, lower, 0) && is_middle && is_word::<8>(name, lower, N - 8)
        }
        _ => name.eq_ignore_ascii_case(lower),
    }
}

/// Returns whether the `W` bytes at an offset are the same but for their case.
#[inline(always)]
fn is_word<const W: usize>(name: &[u8], lower: &[u8], at: usize) -> bool {
    let word = |bytes: &[u8]| {
        let mut word = [0; 8];
        let bytes = bytes.get(at..)?.first_chunk::<W>()?;
        word.first_chunk_mut::<W>()?.copy_from_slice(bytes);
        Some(u64::from_le_bytes(word))
    };
    let (Some(name), Some(lower)) = (word(name), word(lower)) else { return false };
    // Of these characters only letters have bit 6; the case is bit 5.
    let case = (lower & (0x40 * ONES)) >> 1;
    (name ^ lower) & !case == 0
}

/// Where in the text of a head the values of its fields are: start and end of each; an empty range
/// if the field is absent or empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct FieldValues([(u32, u32); FIELDS]);

impl FieldValues {
    /// Adds a field whose value has `len` bytes from offset `from` on. Of a field that occurs
    /// several times the first one counts.
    pub fn add(&mut self, field: Field, from: usize, len: usize) {
        let Some(range) = self.0.get_mut(field as usize).filter(|range| **range == (0, 0)) else { return };
        if let (Ok(start), Ok(end)) = (u32::try_from(from), u32::try_from(from.saturating_add(len))) {
            *range = (start, end);
        }
    }

    /// Returns the value of a field in the text of its head; `None` if it is absent or empty.
    #[inline]
    fn bytes<'a>(&self, field: Field, text: &'a [u8]) -> Option<&'a [u8]> {
        let (from, to) = *self.0.get(field as usize)?;
        text.get(from as usize..to as usize).filter(|value| !value.is_empty())
    }

    /// Returns whether the media type is that of event streams.
    #[inline]
    fn declares_events(&self, text: &[u8]) -> bool {
        let Some(value) = self.bytes(Field::ContentType, text) else { return false };
        let front = value.get(..EVENTS.len());
        // Nearly all others are ruled out without being checked for UTF-8.
        if value.first().is_some_and(u8::is_ascii_graphic)
            && !front.is_some_and(|front| front.eq_ignore_ascii_case(EVENTS.as_bytes()))
        {
            return false;
        }
        std::str::from_utf8(value).is_ok_and(|value| media_type(value).eq_ignore_ascii_case(EVENTS))
    }
}

/// The head of a request or of a response.
///
/// The values of fields are ranges of `text`. HTTP/1 sends heads as text, so `text` is a slice of
/// the packet. A version with compressed heads (HTTP/2) decodes them into a text of its own.
#[derive(Clone, Debug)]
pub struct Head {
    /// Method and target, or status.
    pub start: StartLine,
    /// The packets that carried the head.
    pub span: Span,
    text: Bytes,
    /// The HTTP/2 stream; `None` in HTTP/1.
    stream: Option<u32>,
    /// Why fields are not known; none if all are.
    unknown: Degraded,
    /// The media type is that of event streams, or is not known and the content shows that it is
    /// one.
    is_event_stream: bool,
    /// What carries the messages that follow; `None` for HTTP.
    channel: Option<Channel>,
    /// The values of its fields, in `text`.
    values: FieldValues,
}

/// A connection on which both sides send messages, without a transaction for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// WebSocket (RFC 6455).
    WebSocket,
    /// A message on each line: the stdio transport of MCP.
    Lines,
}

/// What the start line says, or the pseudo-header fields of HTTP/2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartLine {
    /// A request.
    Request {
        /// The method as sent: `POST`, `GET`…
        method: Cow<'static, str>,
        /// The target in origin form: path and query. Of an absolute form (RFC 9112 section 3.2.2)
        /// only these.
        target: Arc<str>,
    },
    /// A final response, or one with status 101.
    Response {
        /// The status code.
        status: u16,
    },
    /// A response whose status is not known. If the head has no text, it was not captured, and the
    /// body shows that it is an event stream.
    UnseenResponse,
}

impl Head {
    /// Creates a head from its text and its fields in their order. Each value is a slice of `text`;
    /// of a field that occurs several times the first one that is not empty counts.
    #[must_use]
    pub fn new<'a>(
        start: StartLine,
        span: Span,
        text: Bytes,
        fields: impl Iterator<Item = (&'a str, &'a [u8])>,
    ) -> Self {
        let mut values = FieldValues::default();
        let base = text.as_ptr() as usize;
        for (name, value) in fields {
            let Some(field) = Field::from_name(name.as_bytes()) else { continue };
            let value = value.trim_ascii();
            // `value` is a slice of `text`: the difference of the addresses is its offset.
            values.add(field, (value.as_ptr() as usize).wrapping_sub(base), value.len());
        }
        Self::with_values(start, span, text, values)
    }

    /// Creates a head from its text and the places of its fields in it.
    #[must_use]
    #[inline]
    pub fn with_values(start: StartLine, span: Span, text: Bytes, values: FieldValues) -> Self {
        // Asked by several layers.
        let is_event_stream = values.declares_events(&text);
        Self {
            start,
            span,
            text,
            stream: None,
            unknown: Degraded::NONE,
            is_event_stream,
            channel: None,
            values,
        }
    }

    /// Creates the head of a response that was not captured. `span` is where its body was first
    /// seen.
    #[must_use]
    pub fn unseen(span: Span) -> Self {
        Self::new(StartLine::UnseenResponse, span, Bytes::new(), std::iter::empty())
    }

    /// Creates the head of the response that changed to WebSocket and was not captured. `span` is
    /// where the first message was seen.
    #[must_use]
    pub fn unseen_websocket(span: Span) -> Self {
        let head =
            Self::new(StartLine::Response { status: SWITCHING }, span, Bytes::new(), std::iter::empty());
        Self { channel: Some(Channel::WebSocket), ..head }
    }

    /// Creates what stands for the head of a connection that carries a message on each line, which
    /// has none. `span` is where the first message was seen.
    #[must_use]
    pub fn of_lines(span: Span) -> Self {
        Self { channel: Some(Channel::Lines), ..Self::unseen(span) }
    }

    /// WebSocket messages follow the head of this response.
    pub fn begin_websocket(&mut self) {
        self.channel = Some(Channel::WebSocket);
    }

    /// Returns what carries the messages of both sides that follow and are read; `None` for HTTP.
    #[must_use]
    pub fn channel(&self) -> Option<Channel> {
        self.channel
    }

    /// Says why fields of the head are not known: HTTP/2 repeats fields by reference, and what they
    /// refer to may not be in the capture.
    #[must_use]
    pub fn with_unknown(mut self, why: Degraded) -> Self {
        self.unknown = why;
        self
    }

    /// Returns why fields of the head are not known; none if all are, or if the head was not
    /// captured.
    #[must_use]
    pub fn unknown(&self) -> Degraded {
        self.unknown
    }

    /// The head is that of an HTTP/2 stream.
    pub fn set_stream(&mut self, stream: u32) {
        self.stream = Some(stream);
    }

    /// Returns the HTTP/2 stream; `None` in HTTP/1.
    #[must_use]
    pub fn stream(&self) -> Option<u32> {
        self.stream
    }

    /// Returns the version of HTTP; `None` if the head was not captured.
    #[must_use]
    pub fn version(&self) -> Option<HttpVersion> {
        if self.stream.is_some() {
            return Some(HttpVersion::V2);
        }
        if self.text.is_empty() {
            return None;
        }
        // Nearly always it is asked of a request.
        if let StartLine::Request { method, target } = &self.start
            && let Some(behind) = self.text.get(method.len() + target.len() + 2..)
            && behind.starts_with(b"HTTP/1.1\r\n")
        {
            return Some(HttpVersion::V11);
        }
        let end = memchr::memchr(b'\n', &self.text).unwrap_or(self.text.len());
        let line = self.text.get(..end).unwrap_or_default().trim_ascii_end();
        let is = |version: &[u8]| line.starts_with(version) || line.ends_with(version);
        Some(if is(b"HTTP/1.0") { HttpVersion::V10 } else { HttpVersion::V11 })
    }

    /// The content begins as an event stream does, and the media type is not known.
    pub fn take_for_stream(&mut self) {
        self.is_event_stream = true;
    }

    /// Returns whether the head was not captured.
    #[must_use]
    pub fn is_unseen(&self) -> bool {
        self.start == StartLine::UnseenResponse
            && self.text.is_empty()
            && self.channel != Some(Channel::Lines)
    }

    /// Returns the head as text; empty if it was not captured.
    #[must_use]
    pub fn text(&self) -> &Bytes {
        &self.text
    }

    /// Returns the value of a field without surrounding whitespace; `None` if it is absent, empty
    /// or not UTF-8.
    #[must_use]
    pub fn field(&self, field: Field) -> Option<&str> {
        std::str::from_utf8(self.values.bytes(field, &self.text)?).ok()
    }

    /// Whether it has a field with a value.
    #[must_use]
    pub fn has(&self, field: Field) -> bool {
        self.values.0.get(field as usize).is_some_and(|(from, to)| from < to)
    }

    /// Returns the values of its fields, for a reader that asks for many of them.
    #[must_use]
    pub fn fields(&self) -> Fields<'_> {
        Fields { head: self, text: text::utf8(&self.text).ok() }
    }

    /// Returns whether the media type is `text/event-stream`, with or without parameters, or is not
    /// known and the content begins as an event stream does.
    #[must_use]
    pub fn is_event_stream(&self) -> bool {
        self.is_event_stream
    }
}

/// The values of a head's fields. Whether they are UTF-8 is checked once, for all of them together.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    head: &'a Head,
    /// The text of the head; `None` if not all of it is UTF-8.
    text: Option<&'a str>,
}

impl<'a> Fields<'a> {
    /// Returns what [`Head::field`] returns.
    #[must_use]
    #[inline]
    pub fn get(&self, field: Field) -> Option<&'a str> {
        let (from, to) = *self.head.values.0.get(field as usize)?;
        if from == to {
            return None;
        }
        match self.text {
            Some(text) => text.get(from as usize..to as usize),
            None => self.head.field(field),
        }
    }
}

/// Returns the media type of a `Content-Type` value, without its parameters.
fn media_type(value: &str) -> &str {
    value.split(';').next().unwrap_or(value).trim()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Origin;

    #[test]
    fn names_are_recognised_in_any_case() {
        for (name, field) in [
            ("Host", Some(Field::Host)),
            ("mcp-NAME", Some(Field::McpName)),
            ("MCP-Session-Id", Some(Field::SessionId)),
            ("CONTENT-ENCODING", Some(Field::ContentEncoding)),
            ("Mcp-Protocol-Version", Some(Field::ProtocolVersion)),
            ("Access-Control-Allow-Origin", Some(Field::AllowedOrigin)),
            ("Access-Control-Allow-Headers", Some(Field::AllowedHeaders)),
            ("Access-Control-Expose-Headers", Some(Field::ExposedHeaders)),
            ("Access-Control-Request-Method", Some(Field::RequestedMethod)),
            ("access-control-request-HEADERS", Some(Field::RequestedHeaders)),
            ("access-control-request-headerz", None),
            ("mcp\rsession-id", None),
            ("mcp-session\rid", None),
            ("content-tYpf", None),
            ("Hosu", None),
            ("", None),
        ] {
            assert_eq!(Field::from_name(name.as_bytes()), field, "{name:?}");
        }
    }

    /// A version of HTTP that compresses heads writes the decoded fields into a text of its own.
    #[test]
    fn a_head_can_be_made_of_decoded_fields() {
        let text =
            Bytes::from_static(b":status: 200\ncontent-type: text/event-stream; a=b\nhost: h\nhost: i\n");
        let lines = std::str::from_utf8(&text).unwrap().lines();
        let fields = lines.filter_map(|line| line.rsplit_once(": ")).map(|(name, v)| (name, v.as_bytes()));
        let span = Span::of(Origin::new(1, 1));
        let head = Head::new(StartLine::Response { status: 200 }, span, text.clone(), fields);
        assert_eq!(head.field(Field::Host), Some("h"));
        assert_eq!(head.field(Field::Accept), None);
        assert!(head.is_event_stream() && !head.is_unseen());
        assert!(Head::unseen(span).is_unseen());
    }
}
