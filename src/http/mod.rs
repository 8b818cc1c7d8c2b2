//! Bytes of a connection in; HTTP messages and SSE events out.
//!
//! `h1` (and `h2`) turn bytes into [`Part`]s: heads, content and ends, each with its transaction. [`assemble`] turns
//! parts into what later rooms see ([`Output`]): content codings taken off, bodies collected, event streams parsed.
//! Knows nothing of JSON.

use bytes::Bytes;

use crate::base::{Degraded, Finish, Origin, Side, Span};

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
        how: Finish,
        /// The packet in which that was seen.
        at: Origin,
    },
    /// The client closed its direction (FIN) while the response was not complete. The response may yet go on.
    ClientGone {
        /// The packet with the FIN.
        at: Origin,
    },
}

/// What the room hands on: a happening of one transaction.
#[derive(Clone, Debug)]
pub struct Output {
    /// Whose it is.
    pub transaction: TransactionNo,
    /// The packet that completed it.
    pub at: Origin,
    /// What it is.
    pub what: What,
}

/// The kinds of [`Output`], in the order in which a transaction has them. Any may be missing where the capture has gaps.
#[derive(Clone, Debug)]
pub enum What {
    /// The request's head.
    Request(Box<Head>),
    /// The request's whole body, empty or not.
    RequestBody(Body),
    /// The head of the final response.
    Response(Box<Head>),
    /// The whole body of a response that is no event stream, empty or not.
    ResponseBody(Body),
    /// An event of a response that is an event stream.
    Event(Event),
    /// Bytes of this side are missing, which could have held anything.
    Gap {
        /// The side that sent them.
        side: Side,
        /// Why they are missing.
        why: Degraded,
    },
    /// The client closed its direction while the response was not complete.
    ClientGone,
    /// The response is over, or will never come.
    Ended {
        /// How it ended.
        how: Finish,
        /// Bytes of its body after content decoding, as far as they came.
        bytes: u64,
        /// The packets of the response, from its head to the last byte of its content; `None` where nothing came.
        span: Option<Span>,
        /// Why it may not be whole.
        degraded: Degraded,
    },
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
