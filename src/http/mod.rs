//! Bytes of a connection in; HTTP messages and SSE events out.
//!
//! `h1` (and `h2`) turn bytes into [`Part`]s: heads, content and ends, each with its transaction. [`assemble`] turns
//! parts into what later layers see ([`Update`]): content codings taken off, bodies collected, event streams parsed.
//! Knows nothing of JSON.

use bytes::Bytes;

use crate::base::{Degraded, Origin, ResponseEnd, Side, Span};

pub mod assemble;
pub mod content;
pub mod conversation;
pub mod h1;
pub mod sniff;
pub mod sse;

pub use sse::Event;

/// The number of a transaction on its connection, from 0, in the order in which transactions were seen to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionNo(pub u32);

/// The header fields that later rooms look at. Every other one stands in [`Head::raw`] only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// `Content-Type`.
    ContentType,
    /// `Content-Encoding`.
    ContentEncoding,
    /// `Accept`.
    Accept,
    /// `Host`: shown, never a key.
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
    /// `Last-Event-ID` (WHATWG).
    LastEventId,
}

/// How many [`Field`]s there are.
const FIELDS: usize = 10;

/// A request head or response head: its bytes, and where in them the fields are that matter.
#[derive(Clone, Debug)]
pub struct Head {
    /// The head as it was sent, start line to empty line (HTTP/1). A slice of the packet where it lies in one.
    pub raw: Bytes,
    /// What the start line says.
    pub start: StartLine,
    /// The packets of the head.
    pub span: Span,
    /// Where the value of each [`Field`] stands in `raw`; an empty range where the field is absent or empty.
    pub(crate) fields: [(u32, u32); FIELDS],
}

/// The first line of a head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartLine {
    /// Method and request target, as sent.
    Request {
        /// `POST`, `GET`…
        method: Box<str>,
        /// The target in origin form: of an absolute-form target (RFC 9112 section 3.2.2) the path and query alone.
        target: Box<str>,
    },
    /// Status code of a final response, or 101.
    Response {
        /// 200 to 999, or 101. `None` where the head was not captured.
        status: Option<u16>,
    },
}

impl Head {
    /// The value of a field, without the blanks around it; `None` where it is absent, empty or not UTF-8. Of a field
    /// that stands several times, the first.
    #[must_use]
    pub fn field(&self, field: Field) -> Option<&str> {
        let (from, to) = *self.fields.get(field as usize)?;
        let value = self.raw.get(from as usize..to as usize).filter(|value| !value.is_empty())?;
        std::str::from_utf8(value).ok()
    }

    /// Whether the media type is `text/event-stream`, with or without parameters.
    #[must_use]
    pub fn is_event_stream(&self) -> bool {
        self.field(Field::ContentType)
            .is_some_and(|value| media_type(value).eq_ignore_ascii_case("text/event-stream"))
    }

    /// A head that was not captured, of a response that shows itself to be an event stream.
    #[must_use]
    pub fn unseen_stream(span: Span) -> Self {
        Self {
            raw: Bytes::new(),
            start: StartLine::Response { status: None },
            span,
            fields: [(0, 0); FIELDS],
        }
    }
}

/// The media type of a `Content-Type` value, without its parameters.
fn media_type(value: &str) -> &str {
    value.split(';').next().unwrap_or(value).trim()
}

/// A piece of a transaction, as the wire has it: what `h1` and `h2` make.
#[derive(Clone, Debug)]
pub struct Part {
    /// Whose it is.
    pub transaction: TransactionNo,
    /// The client's part is the request, the server's the response.
    pub side: Side,
    /// What it is.
    pub what: PartKind,
}

/// The kinds of [`Part`].
#[derive(Clone, Debug)]
pub enum PartKind {
    /// The head is complete. The reasons are those of a gap that it was found behind.
    Head(Box<Head>, Degraded),
    /// The next bytes of the content, transfer coding taken off.
    Content(Bytes, Span),
    /// Content is missing here.
    Gap {
        /// How many bytes; 0 where it is not known.
        len: u64,
        /// Why.
        why: Degraded,
        /// Where it was noticed.
        at: Origin,
    },
    /// Nothing more comes of this message.
    End {
        /// How it ended.
        how: ResponseEnd,
        /// The packet in which that was seen.
        at: Origin,
    },
    /// The client closed its direction (FIN) while the response was not complete. The response may yet go on.
    ClientClosed {
        /// The packet with the FIN.
        at: Origin,
    },
}

/// A step in the life of one transaction. `B` is the type of bodies and `E` the type of events: raw bytes here, parsed
/// messages behind `rpc`.
#[derive(Clone, Debug)]
pub struct Update<B = Body, E = Event> {
    /// The transaction on its connection.
    pub transaction: TransactionNo,
    /// The packet that completed the step.
    pub at: Origin,
    /// The step.
    pub kind: UpdateKind<B, E>,
}

/// The kinds of [`Update`], in the order in which a transaction has them. Any may be missing if the capture has gaps.
#[derive(Clone, Debug)]
pub enum UpdateKind<B = Body, E = Event> {
    /// Head of the request.
    Request(Box<Head>),
    /// Complete body of the request, possibly empty.
    RequestBody(B),
    /// Head of the final response.
    Response(Box<Head>),
    /// Complete body, possibly empty, of a response that is no event stream.
    ResponseBody(B),
    /// An event of a response that is an event stream.
    Event(E),
    /// Bytes of this side are missing; they may have carried anything.
    Gap {
        /// The sender of the missing bytes.
        side: Side,
        /// Why they are missing.
        why: Degraded,
    },
    /// The client closed its direction before the response was complete.
    ClientClosed,
    /// The response ended, or will never come.
    Ended {
        /// How it ended.
        how: ResponseEnd,
        /// Length of the captured part of its body after content decoding, in bytes.
        bytes: u64,
        /// The packets of the response, from its head to the last byte of its content; `None` if none was captured.
        span: Option<Span>,
        /// Reasons why it may be incomplete.
        degraded: Degraded,
    },
}

impl<B, E> Update<B, E> {
    /// Converts the bodies and the events, and leaves everything else as it is.
    pub fn map<C, F>(self, body: impl FnOnce(B) -> C, event: impl FnOnce(E) -> F) -> Update<C, F> {
        let kind = match self.kind {
            UpdateKind::Request(head) => UpdateKind::Request(head),
            UpdateKind::RequestBody(content) => UpdateKind::RequestBody(body(content)),
            UpdateKind::Response(head) => UpdateKind::Response(head),
            UpdateKind::ResponseBody(content) => UpdateKind::ResponseBody(body(content)),
            UpdateKind::Event(data) => UpdateKind::Event(event(data)),
            UpdateKind::Gap { side, why } => UpdateKind::Gap { side, why },
            UpdateKind::ClientClosed => UpdateKind::ClientClosed,
            UpdateKind::Ended { how, bytes, span, degraded } => {
                UpdateKind::Ended { how, bytes, span, degraded }
            }
        };
        Update { transaction: self.transaction, at: self.at, kind }
    }
}

/// A whole HTTP message body, content codings taken off.
#[derive(Clone, Debug)]
pub struct Body {
    /// The content. Empty where it could not be kept or read; `degraded` or a finding then says why.
    pub content: Bytes,
    /// The packets of the message: from the first byte of its head to the last byte of its content.
    pub span: Span,
    /// Why it may not be whole.
    pub degraded: Degraded,
    /// Whether `content` is all of it: no gap, no damage, no cap, and its end was seen.
    pub whole: bool,
}
