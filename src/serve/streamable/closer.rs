//! Ends a response stream before its response, as a server may (SEP-1699, polling): the client
//! reconnects with `Last-Event-ID` and receives the rest.

use tokio_util::sync::CancellationToken;

/// Ends the response stream of one POST. It is in the extensions of the request if its stream can
/// be resumed: not in 2026-07-28, where the end of a stream cancels the request, and not over
/// HTTP+SSE.
#[derive(Clone, Debug, Default)]
pub(in crate::serve) struct StreamCloser(CancellationToken);

impl StreamCloser {
    /// Ends the stream. Later messages are kept for a client that resumes.
    pub(in crate::serve) fn close(&self) {
        self.0.cancel();
    }

    /// Cancelled when the stream is to end.
    pub(super) fn token(&self) -> CancellationToken {
        self.0.clone()
    }
}
