//! Messages, and the bodies and events that carry them.

use std::borrow::Cow;
use std::sync::Arc;

use super::id::Id;
use super::look::Found;
use crate::base::protocols::TlsNames;
use crate::base::{Code, Degraded, Few, Peers, Span};
use crate::http::{Fault, Update};

/// A step in the life of a transaction, its messages parsed. Boxed: steps are moved several times.
pub type ParsedUpdate = Update<Box<Parsed>, Box<StreamEvent>>;

/// Steps in the life of a connection's transactions that one piece of the connection completes,
/// their messages parsed.
#[derive(Clone, Debug)]
pub struct ConnectionUpdates {
    /// The connection.
    pub by: CarriedBy,
    /// The steps, in order.
    pub list: Vec<ParsedUpdate>,
}

/// The connection that carried some updates.
#[derive(Clone, Debug)]
pub struct CarriedBy {
    /// The connection and its ends.
    pub peers: Arc<Peers>,
    /// What the connection agreed on; `None` without TLS.
    pub tls: Option<Arc<TlsNames>>,
    /// Segments that the client and the server retransmitted on the connection so far.
    pub retransmissions: [u32; 2],
}

/// One SSE event with what it carries.
#[derive(Clone, Debug)]
pub struct StreamEvent {
    /// Event type; `None` for the default, `message`.
    pub name: Option<Box<str>>,
    /// The `id` field; `None` if the event has none.
    pub id: Option<Arc<str>>,
    /// Its data, where it can be the target of an `endpoint` event: shorter than 4 KiB and no JSON.
    pub text: Option<Box<str>>,
    /// Its data, parsed.
    pub parsed: Parsed,
}

impl StreamEvent {
    /// A fault if it holds a message and has a type of its own, which MCP clients do not read.
    #[must_use]
    pub fn unread_message(&self) -> Option<Fault> {
        let name = self.name.as_ref()?;
        self.parsed.envelopes.iter().find(|message| message.has_version)?;
        let detail = format!("a JSON-RPC message in an event of the type {name:?}").into();
        Some(Fault { code: Code::SseEventType, detail })
    }

    /// Returns about what is allocated for its texts and messages, in bytes.
    pub(crate) fn allocated(&self) -> usize {
        let Self { name, id, text, parsed } = self;
        let texts = [name.as_deref(), id.as_deref(), text.as_deref()];
        parsed.allocated() + texts.into_iter().flatten().map(str::len).sum::<usize>()
    }
}

/// A parsed body, or the parsed data of an event.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The packets that carried it: of a body from its head on, of an event from its first field
    /// line on.
    pub span: Span,
    /// Reasons why it may be incomplete.
    pub degraded: Degraded,
    /// Length after content decoding, in bytes.
    pub bytes: u64,
    /// The messages, in order.
    pub envelopes: Few<Envelope>,
    /// Whether they form a batch.
    pub batch: bool,
    /// What is wrong with it as a whole. Of interest only where it should have been JSON-RPC.
    pub faults: Few<Fault>,
    /// The text of a response's body in which no message has a `jsonrpc` member: what an HTTP error
    /// says. `None` if it has no text, and for everything else.
    pub text: Option<Cow<'static, str>>,
}

impl Parsed {
    /// Creates the result for an empty body, or for one that could not be kept.
    #[must_use]
    pub fn nothing(span: Span, degraded: Degraded, bytes: u64) -> Self {
        Self { span, degraded, bytes, envelopes: Few::None, batch: false, faults: Few::None, text: None }
    }

    /// Returns whether it has neither messages nor faults, and is no batch.
    #[must_use]
    pub fn holds_nothing(&self) -> bool {
        self.envelopes.is_empty() && self.faults.is_empty() && !self.batch
    }

    /// Returns whether it is `{}`: what SDKs replay for the event without data with which they
    /// begin a stream.
    #[must_use]
    pub fn is_empty_object(&self) -> bool {
        matches!(&*self.envelopes, [only] if !self.batch && only.bytes == 2)
    }

    /// Returns about what is allocated for its messages, faults and text, in bytes.
    pub(crate) fn allocated(&self) -> usize {
        let Self { envelopes, faults, text, .. } = self;
        let messages: usize = envelopes.iter().map(Envelope::allocated).sum();
        let details: usize = faults.iter().map(|fault| fault.detail.len()).sum();
        let text = text.as_ref().map_or(0, |text| text.len());
        envelopes.allocated() + messages + faults.allocated() + details + text
    }
}

/// The kind of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Has a method and an id.
    Request,
    /// Has a method and no id.
    Notification,
    /// Has a result.
    Response,
    /// Has an error.
    Error,
    /// None of these; a fault says why.
    Unknown,
}

/// One JSON-RPC message.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// What it is.
    pub kind: Kind,
    /// The `id`; `None` if it is absent, [`Id::Null`] if it is null.
    pub id: Option<Id>,
    /// Its method.
    pub method: Option<Cow<'static, str>>,
    /// Whether it has a `jsonrpc` member: only then it is taken for JSON-RPC where nothing else
    /// says so.
    pub has_version: bool,
    /// Length of its JSON text, in bytes: of an element of a batch the element alone.
    pub bytes: u64,
    /// Hash of its JSON text, the same in every run: equal texts have equal hashes.
    pub digest: u64,
    /// Members of its `params` or `result`.
    pub look: Found,
    /// Its error.
    pub error: Option<RpcError>,
    /// Its violations.
    pub faults: Vec<Fault>,
}

impl Envelope {
    /// Returns about what is allocated for its texts, its faults and what was found in it, in
    /// bytes.
    fn allocated(&self) -> usize {
        let Self { id, method, look, error, faults, .. } = self;
        let texts = id.as_ref().map_or(0, |id| id.len())
            + method.as_ref().map_or(0, |method| method.len())
            + error.as_ref().map_or(0, |error| error.message.len());
        let details: usize = faults.iter().map(|fault| fault.detail.len()).sum();
        texts + look.allocated() + faults.capacity() * size_of::<Fault>() + details
    }
}

/// The error of a JSON-RPC error response (JSON-RPC 2.0 section 5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcError {
    /// The code; `None` if it is missing or no integer.
    pub code: Option<i64>,
    /// The message; empty if it is absent. Truncated at [`crate::base::limits::MAX_TEXT`].
    pub message: Box<str>,
}
