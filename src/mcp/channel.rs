//! Messages on a channel (WebSocket, or lines), which all belong to one transaction.

use super::content::Content;
use super::step::Step;
use crate::base::Code;
use crate::rpc::{Channel, Envelope, Fault, Kind, Parsed, StreamEvent};

impl Step<'_> {
    /// Takes a message of the server.
    pub(super) fn message_of_server(&mut self, event: Box<StreamEvent>) {
        if self.is_message("server", &event.parsed) {
            self.content(Content::Event(event));
        }
    }

    /// Takes a message of the client.
    pub(super) fn message_of_client(&mut self, message: Box<Parsed>) {
        if self.is_message("client", &message) {
            let requests = message.envelopes.iter().filter(|envelope| envelope.kind == Kind::Request).count();
            let first = self.tables.exchanges.reserve_numbers(requests as u64);
            self.content(Content::Request(message, first));
        }
    }

    /// Whether a message is MCP: its session is known, or it is JSON-RPC and opens it. Reports a
    /// line that is JSON and no message, which belongs on standard error.
    fn is_message(&mut self, side: &str, message: &Parsed) -> bool {
        let is_other = |only: &Envelope| !only.has_version && only.kind == Kind::Unknown;
        if self.transaction.channel() == Some(Channel::Lines)
            && let [only] = &*message.envelopes
            && is_other(only)
            && !message.batch
        {
            let bytes = message.bytes;
            let detail = format!("the {side} sent a line of {bytes} bytes: a JSON object that is no message");
            self.fault(Fault { code: Code::StdioNotMessage, detail: detail.into() });
            return false;
        }
        self.transaction.session().is_some() || message.envelopes.iter().any(|envelope| envelope.has_version)
    }
}
