//! The end of a response stream before its response, as a server may choose it (SEP-1699, "polling"): the client comes
//! back with `Last-Event-ID` and is given the rest.

use tokio_util::sync::CancellationToken;

/// Ends the response stream of one POST. It stands in the extensions of the request's head where its stream can be
/// resumed: never under 2026-07-28, where the end of a stream cancels the request, nor over HTTP+SSE.
#[derive(Clone, Debug, Default)]
pub(in crate::serve) struct StreamCloser(CancellationToken);

impl StreamCloser {
    /// Ends the stream; what is said later is kept for who comes back.
    pub(in crate::serve) fn close(&self) {
        self.0.cancel();
    }

    /// Cancelled when the stream is to end.
    pub(super) fn token(&self) -> CancellationToken {
        self.0.clone()
    }
}
