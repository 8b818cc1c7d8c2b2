//! A row of the list of HTTP: an event stream, an LLM call, or a transaction without messages.

use crate::base::{PacketNo, Span};
use crate::llm::LlmCall;
use crate::mcp::{SessionRef, Stream, Transaction};

/// An event stream, an LLM call that is none, or an HTTP transaction without messages.
#[derive(Clone, Debug)]
pub enum HttpItem {
    /// An event stream.
    Stream(Stream),
    /// A call of a language model whose answer is no event stream.
    LlmCall(Box<LlmCall>),
    /// A transaction without messages.
    Transaction(Transaction),
}

impl HttpItem {
    /// Wireshark's number of its connection, and its number on that connection.
    #[must_use]
    pub fn id(&self) -> (u32, u32) {
        match self {
            Self::Stream(stream) => (stream.tcp_stream, stream.transaction),
            Self::LlmCall(call) => (call.tcp_stream, call.transaction),
            Self::Transaction(transaction) => (transaction.tcp_stream, transaction.transaction),
        }
    }

    /// Its packets, from the first byte of the request to the last one of the response.
    #[must_use]
    pub fn span(&self) -> Span {
        match self {
            Self::Stream(stream) => stream.span,
            Self::LlmCall(call) => call.span(),
            Self::Transaction(transaction) => transaction
                .response
                .map_or(transaction.request, |response| transaction.request.join(response)),
        }
    }

    /// Its first and its last packet.
    #[must_use]
    pub fn packets(&self) -> (PacketNo, PacketNo) {
        (self.span().first, self.span().last)
    }

    /// Its session; `None` if it belongs to none, or to one that is not known.
    #[must_use]
    pub fn session(&self) -> Option<&SessionRef> {
        match self {
            Self::Stream(stream) => stream.session.as_ref(),
            Self::LlmCall(_) => None,
            Self::Transaction(transaction) => transaction.session.as_ref(),
        }
    }
}
