//! What an HTTP error says of the session: nothing, if it is about the request.

use super::transaction::Transaction;

/// Codes of errors that are about a request, and not about its session (JSON-RPC 2.0, section 5.1).
const OF_REQUEST: [i64; 2] = [-32_601, -32_602];

impl Transaction {
    /// Whether the response holds an error that is about the request. It is known when the response
    /// is over.
    pub(super) fn is_error_of_request(&self) -> bool {
        let code = self.body_error().and_then(|error| error.code);
        code.is_some_and(|code| OF_REQUEST.contains(&code))
    }

    /// Whether a POST of a session is answered 404, and not because of its request.
    pub(super) fn refuses_session(&self) -> bool {
        self.is_post() && self.status() == Some(404) && !self.is_error_of_request()
    }
}
