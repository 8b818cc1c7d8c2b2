//! What the body of the response says, and why it is no usable response.

use super::{Transaction, TransactionEnd};
use crate::rpc::{Fault, Parsed, RpcError};

impl Transaction {
    /// The error in the response that names none of its requests.
    pub(in crate::mcp) fn body_error(&self) -> Option<&RpcError> {
        self.body_error.as_ref()
    }

    pub(in crate::mcp) fn set_body_error(&mut self, error: Option<&RpcError>) {
        self.body_error = error.cloned();
    }

    /// What the response's body says: its text if it is no JSON-RPC, else the message of an error.
    pub(in crate::mcp) fn body_text(&self) -> Option<&str> {
        self.body_text.as_deref()
    }

    /// Keeps what the body of a 4xx or 5xx says that is no JSON-RPC: the error in it, else its
    /// text.
    pub(in crate::mcp) fn set_http_error_text(&mut self, body: &Parsed) {
        let has_code = |error: &&RpcError| error.code.is_some();
        let error = body.envelopes.iter().filter_map(|message| message.error.as_ref()).find(has_code);
        let text = || body.text.as_deref().map(|message| RpcError { code: None, message: message.into() });
        self.body_error = error.cloned().or_else(text);
    }

    /// Takes the body of a response that is no event stream.
    pub(in crate::mcp) fn set_response_body(&mut self, body: &mut Parsed) {
        self.body_is_json_rpc = !body.envelopes.is_empty();
        // Of a body that is no error nobody else asks for the text.
        let text = if self.is_refused() { body.text.clone() } else { body.text.take() };
        let error = || body.envelopes.iter().find_map(|message| message.error.as_ref());
        self.body_text = text.or_else(|| error().map(|error| error.message.clone().into_string().into()));
        // Bodies of 202 are not judged, and most servers send a word of text.
        if let Some(fault) = body.faults.first().filter(|_| self.status() != Some(202)) {
            self.set_body_fault(fault);
        }
    }

    /// Keeps why the body of the response is not read.
    pub(in crate::mcp) fn set_body_fault(&mut self, fault: &Fault) {
        self.body_fault = Some(format!("{}: {}", fault.code, fault.detail).into());
    }

    /// Why the response, which is complete and no event stream, holds no usable JSON-RPC response.
    pub(in crate::mcp) fn unusable_reason(&self, end: TransactionEnd) -> Box<str> {
        let Some(response) = &self.response else { return Box::default() };
        let status = response.status.unwrap_or_default();
        let media_type = response.media_type.as_deref().unwrap_or("no media type");
        let body = match &self.body_fault {
            _ if (300..400).contains(&status) => "a redirect",
            Some(fault) => fault,
            None if end.bytes == 0 => "no body",
            None if self.stream.is_some() => "no event in the body",
            None if self.body_is_json_rpc => "no response in the body",
            None => "no readable message in the body",
        };
        format!("HTTP {status}, {media_type}, {body}").into()
    }
}
