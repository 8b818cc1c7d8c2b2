//! Records: what this layer emits.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

pub use super::transport::Transport;

use super::revision;
use crate::base::http2::Http2Facts;
use crate::base::protocols::Protocols;
use crate::base::{
    Code, Degraded, Origin, PacketNo, ResponseEnd, Side, Span, Status, Timestamp, TraceContext,
};
use crate::rpc::{Id, Implementation, Look, RpcError};

/// What this layer emits, each when it is complete.
#[derive(Clone, Debug)]
pub enum Record {
    /// A request without a response yet: its exchange as far as it is known. Emitted only after
    /// `Engine::emit_requests`.
    Request(Box<Exchange>),
    /// A request that its sender cancelled, or whose connection or stream ended, while its outcome
    /// is open: its `cause` and `wait_ended` say what is known. Without a cause the client sent it
    /// again. Emitted only after `Engine::emit_requests`.
    Interrupted(Box<Exchange>),
    /// A request and its outcome.
    Exchange(Box<Exchange>),
    /// A notification.
    Notification(Box<Notification>),
    /// A `text/event-stream`, MCP or not.
    Stream(Box<Stream>),
    /// An HTTP transaction of MCP that carried no message and is no event stream.
    Transaction(Box<Transaction>),
    /// A session, at the end of the capture or when it is evicted.
    Session(Box<Session>),
    /// Tools, prompts or resources of a server: one for each response that lists them.
    Offer(Box<Offer>),
}

impl Record {
    /// Returns whether this is a request that comes again, as an exchange.
    #[must_use]
    pub fn comes_again(&self) -> bool {
        matches!(self, Self::Request(_) | Self::Interrupted(_))
    }
}

/// A server. Gateways serve several on one port, each under a path of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerRef {
    /// Its address and port.
    pub address: SocketAddr,
    /// The path of its MCP endpoint, of its event stream for HTTP+SSE; `None` if it was not seen.
    pub path: Option<Arc<str>>,
}

impl ServerRef {
    /// The length of its texts, in bytes.
    #[must_use]
    pub fn text_len(&self) -> usize {
        self.path.as_ref().map_or(0, |path| path.len())
    }
}

/// Address, port and path. The path is text from traffic.
impl fmt::Display for ServerRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.address, self.path.as_deref().unwrap_or_default())
    }
}

impl SessionRef {
    /// Returns the length of its texts, in bytes.
    #[must_use]
    pub fn text_len(&self) -> usize {
        let texts = [&self.id, &self.path, &self.server_name, &self.client_name];
        texts.into_iter().flatten().map(|text| text.len()).sum()
    }

    /// The server that the record is about.
    #[must_use]
    pub fn identity(&self) -> ServerRef {
        ServerRef { address: self.server, path: self.path.clone() }
    }
}

/// The session of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRef {
    /// The session's number in this capture, from 1: `s1`.
    pub number: u32,
    /// The session id on the wire; `None` if the session has none.
    pub id: Option<Arc<str>>,
    /// Its transport.
    pub transport: Transport,
    /// The server's address and port.
    pub server: SocketAddr,
    /// The server's path: that of the MCP endpoint, of the event stream for HTTP+SSE; `None` if it
    /// was not seen. Gateways serve several servers on one port.
    pub path: Option<Arc<str>>,
    /// The client's address and port on the session's first connection.
    pub client: SocketAddr,
    /// The balancer or proxy that opened that connection and named the client with a PROXY protocol
    /// header; `None` if the client opened it.
    pub via: Option<SocketAddr>,
    /// Number of the session that is the same one seen nearer to the client: this one is the leg
    /// behind a proxy. `None` if no proxy is known in front of it.
    pub behind: Option<u32>,
    /// The name that the server gives itself (`serverInfo`); `None` until it was seen.
    pub server_name: Option<Arc<str>>,
    /// The name that the client gives itself (`clientInfo`); `None` until it was seen.
    pub client_name: Option<Arc<str>>,
}

/// Why a request has no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// The client closed the connection or stream that should have carried the response.
    ClientClosed,
    /// The server closed it, or completed the event stream without the response.
    ServerClosed,
    /// The client reset it.
    ClientReset,
    /// The server reset it.
    ServerReset,
    /// The server accepted the request (202), and has no stream to send the response on.
    NoStream,
    /// The HTTP response is complete and holds no usable JSON-RPC response: a redirect, no body,
    /// another media type, or a body that cannot be read.
    NoResponse,
    /// The client deleted the session.
    Deleted,
    /// `notifications/cancelled`.
    Cancelled,
    /// The HTTP status in `http_status`.
    HttpError,
    /// The capture ended before the response.
    CaptureEnd,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 10] = [
        Self::ClientClosed,
        Self::ServerClosed,
        Self::ClientReset,
        Self::ServerReset,
        Self::NoStream,
        Self::NoResponse,
        Self::Deleted,
        Self::Cancelled,
        Self::HttpError,
        Self::CaptureEnd,
    ];

    /// The side that closed or reset what should have carried the response; `None` for other
    /// causes.
    #[must_use]
    pub fn by(self) -> Option<Side> {
        match self {
            Self::ClientClosed | Self::ClientReset => Some(Side::Client),
            Self::ServerClosed | Self::ServerReset => Some(Side::Server),
            _ => None,
        }
    }

    /// Name in exports and filters.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ClientClosed => "client_closed",
            Self::ServerClosed => "server_closed",
            Self::ClientReset => "client_reset",
            Self::ServerReset => "server_reset",
            Self::NoStream => "no_stream",
            Self::NoResponse => "no_response",
            Self::Deleted => "deleted",
            Self::Cancelled => "cancelled",
            Self::HttpError => "http_error",
            Self::CaptureEnd => "capture_end",
        }
    }
}

/// Packets and size of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageSpan {
    /// The packets that carried it; its times are theirs.
    pub span: Span,
    /// Length of its JSON text, in bytes.
    pub bytes: u64,
}

/// The same call on the legs of a proxy next to this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Twins {
    /// Its `n` on the leg nearer to the client; `None` if this is the first leg.
    pub in_front: Option<u64>,
    /// Its `n` on the leg nearer to the server; `None` if this is the last leg.
    pub behind: Option<u64>,
    /// The time of the call that is the proxy's own, in nanoseconds: the difference of the totals
    /// of two legs. Known to the leg whose response is later; `None` otherwise.
    pub proxy_ns: Option<i64>,
}

/// What the server asked the client inside a call: elicitation, sampling, roots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Number of requests of the server.
    pub requests: u32,
    /// The time in which the server waited for at least one of the answers, in nanoseconds: from
    /// the last byte of its request to the first byte of the client's response, or to the end of
    /// the call.
    pub client_ns: i64,
}

/// A JSON-RPC request and its outcome.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Number of the request in the capture, from 1, in packet order.
    pub n: u64,
    /// Wireshark's number of the connection that carried the request.
    pub tcp_stream: u32,
    /// The number of the transaction that carried the request, on that connection.
    pub transaction: u32,
    /// The protocols that carried the request.
    pub protocols: Protocols,
    /// The connection and the transaction that carried the response; `None` if there is no
    /// response.
    pub answered_on: Option<(u32, u32)>,
    /// Its session.
    pub session: SessionRef,
    /// The client's address and port on the connection that carried the request.
    pub client: SocketAddr,
    /// The revision of MCP that applies; `None` if it is not known.
    pub protocol_version: Option<Arc<str>>,
    /// The side that sent the request.
    pub origin: Side,
    /// The request's id.
    pub id: Id,
    /// The method.
    pub method: Arc<str>,
    /// The tool, the prompt or the resource URI; `None` for methods without one.
    pub name: Option<Arc<str>>,
    /// The outcome.
    pub status: Status,
    /// The JSON-RPC error, also the one in the body of an `http_error`.
    pub error: Option<RpcError>,
    /// Status of the POST's final response; `None` for requests from the server, or if it was not
    /// captured.
    pub http_status: Option<u16>,
    /// The request.
    pub request: MessageSpan,
    /// The response; `None` if there is none.
    pub response: Option<MessageSpan>,
    /// Time of the first byte of the final status line that answers the POST; `None` for requests
    /// from the server.
    pub ack: Option<Timestamp>,
    /// Number of its progress notifications.
    pub progress: u32,
    /// Why it has no response; `None` if it has one.
    pub cause: Option<Cause>,
    /// The packet that ended the wait without a response, or before it: a cancellation, the end of
    /// what should have carried the response, the last packet of the capture. `None` if the
    /// response ended the wait, or if it is not known what did.
    pub wait_ended: Option<Origin>,
    /// What HTTP/2 tells of it besides; `None` if nothing.
    pub http2: Option<Box<Http2Facts>>,
    /// The `n` of the exchange that it continues (`input_required`, tasks); `None` if it continues
    /// none.
    pub continues: Option<u64>,
    /// If it continues one that asked for input: from the last byte of that response to the first
    /// byte of this request, in nanoseconds. The time of the user, or of the client's model.
    pub input_ns: Option<i64>,
    /// The `n` of the call in which the server sent the request; `None` if it is not known, and for
    /// requests of the client.
    pub parent: Option<u64>,
    /// What the server asked the client meanwhile.
    pub asked: Asked,
    /// The same call on the other legs of a proxy.
    pub twins: Twins,
    /// The span in which its sender sent it (`_meta.traceparent`); `None` if it names none.
    pub trace: Option<Box<TraceContext>>,
    /// Retransmitted segments of the directions that carried its request and its response, while
    /// they did.
    pub retransmissions: u32,
    /// Reasons why the record may be incomplete.
    pub degraded: Degraded,
    /// Codes of its findings.
    pub findings: Vec<Code>,
}

impl Exchange {
    /// Returns the length of its texts, in bytes, as if it shared none.
    #[must_use]
    pub fn text_len(&self) -> usize {
        let texts = [self.name.as_deref(), self.protocol_version.as_deref()];
        let texts: usize = texts.into_iter().flatten().map(str::len).sum();
        let error = self.error.as_ref().map_or(0, |error| error.message.len());
        let names = self.protocols.tls.as_ref().map_or(0, |tls| {
            [&tls.suite, &tls.sni, &tls.alpn].into_iter().flatten().map(|text| text.len()).sum()
        });
        self.method.len() + texts + error + names + self.id.len() + self.session.text_len()
    }

    /// Which view of the call this is: `front` if it is the client's, `back` if another leg is in
    /// front; `None` if only one was seen.
    #[must_use]
    pub fn view(&self) -> Option<&'static str> {
        match (self.twins.in_front, self.twins.behind) {
            (Some(_), _) => Some("back"),
            (None, Some(_)) => Some("front"),
            (None, None) => None,
        }
    }

    /// Whether the same call was seen nearer to the client, too, where it is counted.
    #[must_use]
    pub fn is_other_view(&self) -> bool {
        self.twins.in_front.is_some()
    }

    /// Whether its revision has no session ids and no `initialize` (MCP 2026-07-28 or later);
    /// `false` if the revision is not known.
    #[must_use]
    pub fn is_stateless(&self) -> bool {
        self.protocol_version.as_deref().is_some_and(revision::is_stateless)
    }

    /// The packet that completed the exchange: the later one of the ends of request and response.
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
    /// The number of the transaction that carried it, on that connection.
    pub transaction: u32,
    /// The protocols that carried it.
    pub protocols: Protocols,
    /// The side that sent it.
    pub from: Side,
    /// The method.
    pub method: Arc<str>,
    /// Its packets and its size.
    pub message: MessageSpan,
    /// The `n` of the exchange that it belongs to (progress, cancellation, a message on a POST's
    /// own stream); `None` if it belongs to none.
    pub exchange: Option<u64>,
    /// Reasons why the record may be incomplete.
    pub degraded: Degraded,
}

/// A `text/event-stream` response.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Its session; `None` if it does not carry MCP, or its session is not known.
    pub session: Option<SessionRef>,
    /// The `n` of the exchange whose POST opened it; `None` if no request did.
    pub exchange: Option<u64>,
    /// Wireshark's number of its connection.
    pub tcp_stream: u32,
    /// The number of its transaction on that connection.
    pub transaction: u32,
    /// The protocols that carried it.
    pub protocols: Protocols,
    /// The HTTP method of its request; `None` if the request was not captured.
    pub method: Option<Box<str>>,
    /// The target of its request; `None` if the request was not captured.
    pub target: Option<Box<str>>,
    /// The status of its response; `None` if the head was not captured.
    pub http_status: Option<u16>,
    /// The server's address and port.
    pub server: SocketAddr,
    /// The client's address and port.
    pub client: SocketAddr,
    /// Its packets, from the first captured byte of the request's head.
    pub span: Span,
    /// Start of its first event; `None` without events.
    pub first_event: Option<Timestamp>,
    /// End of its last event; `None` without events.
    pub last_event: Option<Timestamp>,
    /// Number of events dispatched (WHATWG HTML, server-sent events).
    pub events: u64,
    /// Length of its body after content decoding, in bytes.
    pub bytes: u64,
    /// How it ended.
    pub ended: ResponseEnd,
    /// The packet that ended it; `None` if it did not end in the capture.
    pub end: Option<Origin>,
    /// Reasons why the record may be incomplete.
    pub degraded: Degraded,
}

impl Stream {
    /// Returns whether it is no response of HTTP but what a server writes to its standard output.
    #[must_use]
    pub fn is_stdio(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.transport == Transport::Stdio)
    }

    /// First byte of the request to the end of the stream, in nanoseconds; `None` if it did not
    /// end.
    #[must_use]
    pub fn open_ns(&self) -> Option<i64> {
        self.end.map(|end| end.time.since(self.span.start.time))
    }

    /// Last byte of the stream to its end, in nanoseconds; `None` if it did not end.
    #[must_use]
    pub fn silent_ns(&self) -> Option<i64> {
        self.end.map(|end| end.time.since(self.span.end.time))
    }
}

/// An HTTP transaction of MCP that carried no message and is no event stream: a GET, a DELETE, a
/// preflight, or a POST without a readable message.
///
/// It is MCP if it belongs to a session; if it has a header of MCP, or asks for one in a preflight;
/// if it is a GET that accepts event streams, or a POST that accepts JSON and event streams; or if
/// its client uses MCP at this server, and it goes to the same path or to one that serves
/// authorization (`/.well-known/…`, `/authorize`, `/token`, `/register`).
#[derive(Clone, Debug)]
pub struct Transaction {
    /// Its session; `None` if it belongs to none, or to one that is not known.
    pub session: Option<SessionRef>,
    /// Wireshark's number of its connection.
    pub tcp_stream: u32,
    /// Its number on that connection.
    pub transaction: u32,
    /// The protocols that carried it.
    pub protocols: Protocols,
    /// The HTTP method.
    pub method: Box<str>,
    /// The target of the request.
    pub target: Box<str>,
    /// The status of the response; `None` if there is none.
    pub http_status: Option<u16>,
    /// The media type of the response; `None` if it names none.
    pub media_type: Option<Box<str>>,
    /// The server's address and port.
    pub server: SocketAddr,
    /// The client's address and port.
    pub client: SocketAddr,
    /// The request.
    pub request: Span,
    /// The response; `None` if there is none.
    pub response: Option<Span>,
    /// Length of the response's body after content decoding, in bytes.
    pub bytes: u64,
    /// How it ended.
    pub ended: ResponseEnd,
    /// What became of it, in words: what the response says, or why there is none.
    pub why: Box<str>,
    /// Reasons why the record may be incomplete.
    pub degraded: Degraded,
    /// Codes of its findings.
    pub findings: Vec<Code>,
}

impl Transaction {
    /// First byte of the request to last byte of the response, in nanoseconds; `None` without
    /// a response.
    #[must_use]
    pub fn total_ns(&self) -> Option<i64> {
        self.response.map(|response| response.end.time.since(self.request.start.time))
    }
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionEnd {
    /// The client deleted it (HTTP DELETE, answered 2xx).
    Deleted,
    /// The stream of an HTTP+SSE session ended.
    StreamClosed {
        /// The side that closed or reset it; `None` if its body came to its end.
        by: Option<Side>,
    },
    /// It did not end before the capture did.
    Open,
}

impl SessionEnd {
    /// Name in exports and filters.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::StreamClosed { .. } => "stream_closed",
            Self::Open => "open",
        }
    }
}

/// What one client and one server exchanged under one session id, or without one.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its number, id, transport and addresses.
    pub session: SessionRef,
    /// Every address and port of the server at which the session was seen, in that order: replicas
    /// behind a balancer, a host with several addresses.
    pub addresses: Vec<SocketAddr>,
    /// The negotiated revision; since 2026-07-28 the one of the latest request. `None` if it was
    /// not seen.
    pub protocol_version: Option<Arc<str>>,
    /// Name and version of the client; `None` if not seen.
    pub client_info: Option<Implementation>,
    /// Name and version of the server; `None` if not seen.
    pub server_info: Option<Implementation>,
    /// Names of the client's capabilities, as announced.
    pub client_capabilities: Vec<Box<str>>,
    /// Names of the server's capabilities, as announced.
    pub server_capabilities: Vec<Box<str>>,
    /// Number of its exchanges.
    pub exchanges: u64,
    /// Number of those that call a tool, get a prompt or read a resource.
    pub calls: u64,
    /// Its first packet.
    pub first: Origin,
    /// Its last packet.
    pub last: Origin,
    /// How it ended.
    pub ended: SessionEnd,
    /// Reasons why the record may be incomplete.
    pub degraded: Degraded,
}

impl Session {
    /// Sets what a request of the client says about it.
    pub(super) fn set_client(&mut self, look: &Look) {
        if look.client_info.is_some() {
            self.client_info.clone_from(&look.client_info);
            set_name(&mut self.session.client_name, self.client_info.as_ref());
        }
        if !look.capabilities.is_empty() {
            self.client_capabilities.clone_from(&look.capabilities);
        }
    }

    /// Sets what a response of the server says about it.
    pub(super) fn set_server(&mut self, look: &Look) {
        self.server_info.clone_from(&look.server_info);
        set_name(&mut self.session.server_name, self.server_info.as_ref());
        if !look.capabilities.is_empty() {
            self.server_capabilities.clone_from(&look.capabilities);
        }
    }

    /// Returns the length of its texts, in bytes.
    #[must_use]
    pub fn text_len(&self) -> usize {
        let arc = |text: &Option<Arc<str>>| text.as_ref().map_or(0, |text| text.len());
        let infos = [&self.client_info, &self.server_info].into_iter().flatten();
        let infos: usize = infos.map(|info| info.name.len() + info.version.len()).sum();
        let names = self.client_capabilities.iter().chain(&self.server_capabilities);
        let names: usize = names.map(|name| name.len() + size_of::<Box<str>>()).sum();
        self.session.text_len() + arc(&self.protocol_version) + infos + names
    }
}

/// Sets the name of a client or server, if it has one. Allocates only if it is another one.
fn set_name(name: &mut Option<Arc<str>>, info: Option<&Implementation>) {
    let Some(new) = info.map(|info| &*info.name).filter(|new| !new.is_empty()) else { return };
    if name.as_deref() != Some(new) {
        *name = Some(Arc::from(new));
    }
}

/// One page of a server's `tools/list`, `prompts/list`, `resources/list` or
/// `resources/templates/list`.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The server.
    pub server: ServerRef,
    /// Whether the same list was seen nearer to the client, too: see [`SessionRef::behind`].
    pub is_other_view: bool,
    /// `tools`, `prompts`, `resources` or `resourceTemplates`.
    pub kind: &'static str,
    /// Name (or URI) and length of each definition's JSON text, in bytes, in order.
    pub definitions: Vec<(Box<str>, u64)>,
}
