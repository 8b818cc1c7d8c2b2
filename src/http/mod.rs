//! Turns the bytes of a connection into HTTP messages and SSE events.
//!
//! [`Connection`] reads a connection in the version of HTTP that it speaks, in WebSocket, or as
//! messages on lines: `h1`, `h2`, `ws` or `lines` turns bytes into [`Part`]s: heads, content,
//! messages and ends, each with its transaction. [`Assembler`] turns parts into [`Update`]s: it
//! decodes content codings, collects bodies and parses event streams. Nothing here builds JSON.

use bytes::Bytes;

use crate::base::http2::{ClosingFrame, WindowWait};
use crate::base::{Degraded, Origin, ResponseEnd, Side, Span};

mod arrivals;
mod assemble;
mod connection;
pub mod content;
mod ends;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod grow;
pub mod h1;
mod h2;
mod head;
mod lines;
mod part;
mod proxy_header;
pub mod sse;
mod ws;

pub use arrivals::Arrivals;
pub use assemble::Assembler;
pub use connection::{Connection, Tunnel};
pub use h1::first_bytes::FirstBytes;
pub use head::{Channel, Field, FieldValues, Fields, Head, StartLine};
pub use lines::{FirstLines, FrontScan, LineSearch};
pub use part::{Fault, Part, PartKind, TransactionNo};
pub use proxy_header::ProxyHeader;
pub use sse::{Event, Item, begins_with_field};
pub use ws::WebSocketSearch;

/// A step in the life of one transaction. `B` is the type of bodies and `E` the type of events: raw
/// bytes here, parsed messages behind `rpc`.
#[derive(Clone, Debug)]
pub struct Update<B = Body, E = Event> {
    /// The transaction on its connection.
    pub transaction: TransactionNo,
    /// The packet that completed the step.
    pub at: Origin,
    /// The step.
    pub kind: UpdateKind<B, E>,
}

/// The kinds of [`Update`], in the order in which a transaction has them. Any may be missing if the
/// capture has gaps.
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
    /// An event of a response that is an event stream, or a message of the server on a channel.
    Event(E),
    /// A message of the client on a channel.
    Sent(B),
    /// Bytes of this side are missing; they may have carried anything.
    Gap {
        /// The sender of the missing bytes.
        side: Side,
        /// Why they are missing.
        why: Degraded,
    },
    /// The client closed its direction before the response was complete.
    ClientClosed,
    /// What this side sends next waited so long for a window (RFC 9113 section 5.2).
    Waited {
        /// The sender.
        side: Side,
        /// How long.
        wait: WindowWait,
    },
    /// This frame ends the stream of HTTP/2 before the response is complete.
    Closing(ClosingFrame),
    /// Something is wrong with the transaction. Also follows its end.
    Fault(Fault),
    /// The response ended, or will never come.
    Ended {
        /// How it ended.
        how: ResponseEnd,
        /// Length of the captured part of its body after content decoding, in bytes.
        bytes: u64,
        /// The packets of the response, from its head to the last byte of its content; `None` if
        /// none was captured.
        span: Option<Span>,
        /// Reasons why it may be incomplete.
        degraded: Degraded,
    },
}

impl<B, E> Update<B, E> {
    /// Takes the step out of it, and converts its body or its event where that lies: an update is
    /// large, and half of the time would go into moving it.
    #[inline(always)]
    pub fn convert<C, F>(
        &mut self,
        body: impl FnOnce(&mut B) -> C,
        event: impl FnOnce(&mut E) -> F,
    ) -> Update<C, F> {
        let kind = match &mut self.kind {
            UpdateKind::Request(_) | UpdateKind::Response(_) => self.kind.take_head(),
            UpdateKind::RequestBody(content) => UpdateKind::RequestBody(body(content)),
            UpdateKind::ResponseBody(content) => UpdateKind::ResponseBody(body(content)),
            UpdateKind::Event(data) => UpdateKind::Event(event(data)),
            UpdateKind::Sent(message) => UpdateKind::Sent(body(message)),
            UpdateKind::Gap { side, why } => UpdateKind::Gap { side: *side, why: *why },
            UpdateKind::ClientClosed => UpdateKind::ClientClosed,
            UpdateKind::Waited { side, wait } => UpdateKind::Waited { side: *side, wait: *wait },
            UpdateKind::Closing(frame) => UpdateKind::Closing(*frame),
            UpdateKind::Fault(Fault { code, detail }) => {
                UpdateKind::Fault(Fault { code: *code, detail: std::mem::take(detail) })
            }
            UpdateKind::Ended { how, bytes, span, degraded } => {
                UpdateKind::Ended { how: *how, bytes: *bytes, span: *span, degraded: *degraded }
            }
        };
        Update { transaction: self.transaction, at: self.at, kind }
    }
}

impl<B, E> UpdateKind<B, E> {
    /// Takes a head out of it.
    #[inline(always)]
    fn take_head<C, F>(&mut self) -> UpdateKind<C, F> {
        match std::mem::replace(self, Self::ClientClosed) {
            Self::Request(head) => UpdateKind::Request(head),
            Self::Response(head) => UpdateKind::Response(head),
            _ => UpdateKind::ClientClosed,
        }
    }
}

/// The body of an HTTP message after content decoding.
#[derive(Clone, Debug)]
pub struct Body {
    /// The content; empty if it could not be kept or decoded (`degraded` or a finding says why). Of
    /// large content that is no text perhaps only the beginning, in which the first byte is that is
    /// not UTF-8.
    pub content: Bytes,
    /// Length of all content, in bytes.
    pub len: u64,
    /// The packets of the message: from the first byte of its head to the last byte of its content.
    pub span: Span,
    /// When its pieces arrived, of a response.
    pub arrivals: Arrivals,
    /// Reasons why it may be incomplete.
    pub degraded: Degraded,
    /// Whether `content` is complete: no gap, no damage, no cap, and its end was seen.
    pub is_complete: bool,
}
