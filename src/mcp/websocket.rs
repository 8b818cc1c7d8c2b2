//! Messages on a WebSocket, which belong to the transaction that changed to it.

use super::content::Content;
use super::step::Step;
use crate::rpc::{Kind, Parsed, StreamEvent};

impl Step<'_> {
    /// Takes a message of the server.
    pub(super) fn message_of_server(&mut self, event: Box<StreamEvent>) {
        if self.is_of_session(&event.parsed) {
            self.content(Content::Event(event));
        }
    }

    /// Takes a message of the client.
    pub(super) fn message_of_client(&mut self, message: Box<Parsed>) {
        if self.is_of_session(&message) {
            let requests = message.envelopes.iter().filter(|envelope| envelope.kind == Kind::Request).count();
            let first = self.tables.exchanges.reserve_numbers(requests as u64);
            self.content(Content::Request(message, first));
        }
    }

    /// Whether a message is MCP: its session is known, or it is JSON-RPC and opens it.
    fn is_of_session(&self, message: &Parsed) -> bool {
        self.transaction.session().is_some() || message.envelopes.iter().any(|envelope| envelope.has_version)
    }
}
