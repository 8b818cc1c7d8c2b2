//! What this layer emits.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::base::{Code, Degraded, PacketNo, ResponseEnd, Side, Span, Status, Timestamp};
use crate::rpc::{Id, Implementation, RpcError};

/// What the room hands on, each when it is complete.
#[derive(Clone, Debug)]
pub enum Record {
    /// A request whose answer is not complete yet: its exchange as far as it is known. Told only where it was asked
    /// for: see [`super::Tracker::emit_requests`].
    Request(Box<Exchange>),
    /// A request and what became of it.
    Exchange(Box<Exchange>),
    /// A notification.
    Notification(Box<Notification>),
    /// A `text/event-stream`, MCP or not.
    Stream(Box<Stream>),
    /// A session; told at the end of the capture, or when it was given up.
    Session(Box<Session>),
    /// What a server offers, each time that a list of it was seen.
    Offer(Box<Offer>),
}

/// What carries MCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// HTTP+SSE, the transport of 2024-11-05.
    HttpSse,
    /// Streamable HTTP, the transport since 2025-03-26.
    StreamableHttp,
}

impl Transport {
    /// The word of the exports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::HttpSse => "http+sse",
            Self::StreamableHttp => "streamable-http",
        }
    }
}

/// What a record tells of its session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRef {
    /// The session's number in this capture, from 1: `s1`.
    pub number: u32,
    /// The id on the wire; `None` where the wire has none.
    pub id: Option<Arc<str>>,
    /// What carries it.
    pub transport: Transport,
    /// The server's address and port.
    pub server: SocketAddr,
    /// The client end of the session's first connection.
    pub client: SocketAddr,
}

/// Why a request has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// The client closed the connection or stream that should have carried it.
    ClientClosed,
    /// The server closed it.
    ServerClosed,
    /// The client reset it.
    ClientReset,
    /// The server reset it.
    ServerReset,
    /// It was accepted (202) and there is no stream to answer on.
    NoStream,
    /// `notifications/cancelled`.
    Cancelled,
    /// The HTTP status that stands in `http_status`.
    HttpError,
    /// The capture ended first.
    CaptureEnd,
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::ClientClosed,
        Self::ServerClosed,
        Self::ClientReset,
        Self::ServerReset,
        Self::NoStream,
        Self::Cancelled,
        Self::HttpError,
        Self::CaptureEnd,
    ];

    /// The word of the exports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ClientClosed => "client_closed",
            Self::ServerClosed => "server_closed",
            Self::ClientReset => "client_reset",
            Self::ServerReset => "server_reset",
            Self::NoStream => "no_stream",
            Self::Cancelled => "cancelled",
            Self::HttpError => "http_error",
            Self::CaptureEnd => "capture_end",
        }
    }
}

/// The packets and the size of one message of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageSpan {
    /// The packets that carried it, and so its times.
    pub span: Span,
    /// Length of its JSON text, in bytes.
    pub bytes: u64,
}

/// A JSON-RPC request and what became of it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Its number: requests are counted from 1 in packet order.
    pub n: u64,
    /// Wireshark's number of the connection that carried the request.
    pub tcp_stream: u32,
    /// The number of the transaction that carried the request, on that connection.
    pub transaction: u32,
    /// The connection and the transaction that carried the response; `None` where none was seen.
    pub answered_on: Option<(u32, u32)>,
    /// Its session.
    pub session: SessionRef,
    /// The client's address and port on the connection that carried the request.
    pub client: SocketAddr,
    /// The revision of MCP that holds for it; `None` before it is known.
    pub protocol_version: Option<Arc<str>>,
    /// Who asked.
    pub origin: Side,
    /// The request's id.
    pub id: Id,
    /// The method.
    pub method: Arc<str>,
    /// The tool, the prompt or the resource URI; `None` for methods that have none.
    pub name: Option<Arc<str>>,
    /// What became of it.
    pub status: Status,
    /// The JSON-RPC error, also that of the body of an `http_error`.
    pub error: Option<RpcError>,
    /// The status of the POST's final response; `None` for requests from the server, or where none was seen.
    pub http_status: Option<u16>,
    /// The request.
    pub request: MessageSpan,
    /// The response; `None` where none was seen.
    pub response: Option<MessageSpan>,
    /// First byte of the final status line that answers the POST; `None` for requests from the server.
    pub ack: Option<Timestamp>,
    /// How many progress notifications came for it.
    pub progress: u32,
    /// Why it has no answer; `None` where it has one.
    pub cause: Option<Cause>,
    /// The `n` of the exchange that it continues (`input_required`, tasks).
    pub continues: Option<u64>,
    /// Segments that were sent again in the directions and packets that carried its request or its response.
    pub retransmissions: u32,
    /// Why this may not be the whole of it.
    pub degraded: Degraded,
    /// What was noticed about it.
    pub findings: Vec<Code>,
}

impl Exchange {
    /// First byte of the request to last byte of the response, in nanoseconds. May be negative (design: «Time»).
    #[must_use]
    pub fn total_ns(&self) -> Option<i64> {
        self.response.map(|response| response.span.end.time.since(self.request.span.start.time))
    }

    /// First to last byte of the request, in nanoseconds.
    #[must_use]
    pub fn send_ns(&self) -> i64 {
        self.request.span.end.time.since(self.request.span.start.time)
    }

    /// Last byte of the request to first byte of the response, in nanoseconds. Negative where the answer began before
    /// the request was complete.
    #[must_use]
    pub fn wait_ns(&self) -> Option<i64> {
        self.response.map(|response| response.span.start.time.since(self.request.span.end.time))
    }

    /// First to last byte of the response, in nanoseconds.
    #[must_use]
    pub fn receive_ns(&self) -> Option<i64> {
        self.response.map(|response| response.span.end.time.since(response.span.start.time))
    }

    /// Last byte of the request to the status line that answers its POST, in nanoseconds.
    #[must_use]
    pub fn ack_ns(&self) -> Option<i64> {
        self.ack.map(|ack| ack.since(self.request.span.end.time))
    }

    /// The highest packet number that the exchange rests on.
    #[must_use]
    pub fn last_packet(&self) -> PacketNo {
        let request = self.request.span.end.packet;
        self.response.map_or(request, |response| request.max(response.span.end.packet))
    }
}

/// A JSON-RPC notification.
#[derive(Clone, Debug)]
pub struct Notification {
    /// Its session.
    pub session: SessionRef,
    /// Wireshark's number of the connection that carried it.
    pub tcp_stream: u32,
    /// Who sent it.
    pub from: Side,
    /// The method.
    pub method: Arc<str>,
    /// Its packets and its size. Its time is the start.
    pub message: MessageSpan,
    /// The `n` of the exchange that it belongs to (progress, cancellation, a message on a POST's own stream); `None`
    /// where it belongs to none.
    pub exchange: Option<u64>,
    /// Why this may not be the whole of it.
    pub degraded: Degraded,
}

/// A `text/event-stream` response.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Its session; `None` where it is no MCP, or its session is not known.
    pub session: Option<SessionRef>,
    /// The `n` of the exchange whose POST opened it; `None` where no request did.
    pub exchange: Option<u64>,
    /// Wireshark's number of its connection.
    pub tcp_stream: u32,
    /// The number of its transaction on that connection.
    pub transaction: u32,
    /// The HTTP method of its request; `None` where the request was not captured.
    pub method: Option<Box<str>>,
    /// The target of its request; `None` where the request was not captured.
    pub target: Option<Box<str>>,
    /// The status of its response; `None` where the head was not captured.
    pub http_status: Option<u16>,
    /// The server's address and port.
    pub server: SocketAddr,
    /// The client's address and port.
    pub client: SocketAddr,
    /// Its packets: from the first byte of the request's head (the first byte seen of it, where that was not captured).
    pub span: Span,
    /// When its first event began; `None` where there was none.
    pub first_event: Option<Timestamp>,
    /// When its last event was complete; `None` where there was none.
    pub last_event: Option<Timestamp>,
    /// Events dispatched.
    pub events: u64,
    /// Bytes of its body after content decoding.
    pub bytes: u64,
    /// How it ended.
    pub ended: ResponseEnd,
    /// Why this may not be the whole of it.
    pub degraded: Degraded,
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionEnd {
    /// The client deleted it (HTTP DELETE, answered 2xx).
    Deleted,
    /// The stream of an HTTP+SSE session ended.
    StreamClosed,
    /// It did not, before the capture did.
    Open,
}

impl SessionEnd {
    /// The word of the exports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::StreamClosed => "stream_closed",
            Self::Open => "open",
        }
    }
}

/// What one client and one server said to each other.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its number, id, transport and ends.
    pub session: SessionRef,
    /// The negotiated revision; under 2026-07-28 the latest request's. `None` where it was not seen.
    pub protocol_version: Option<Arc<str>>,
    /// Name and version of the client; `None` where not seen.
    pub client_info: Option<Implementation>,
    /// Name and version of the server; `None` where not seen.
    pub server_info: Option<Implementation>,
    /// Interner of the client's capabilities, as announced.
    pub client_capabilities: Vec<Box<str>>,
    /// Interner of the server's capabilities, as announced.
    pub server_capabilities: Vec<Box<str>>,
    /// How many exchanges it has.
    pub exchanges: u64,
    /// Its first packet.
    pub first: crate::base::Origin,
    /// Its last packet.
    pub last: crate::base::Origin,
    /// How it ended.
    pub ended: SessionEnd,
    /// Why this may not be the whole of it.
    pub degraded: Degraded,
}

/// What a server offers: one page of `tools/list` and its like.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The server's address and port.
    pub server: SocketAddr,
    /// `tools`, `prompts`, `resources` or `resourceTemplates`.
    pub kind: &'static str,
    /// Name (or URI) and length of each definition's JSON text, in bytes, in order.
    pub definitions: Vec<(Box<str>, u64)>,
}
