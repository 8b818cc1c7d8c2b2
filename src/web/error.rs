//! Errors of the server.

use std::io;
use std::net::SocketAddr;

/// Why the page cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Others than this machine could read the page.
    #[error(
        "{0}: the page is for this machine alone: listen on 127.0.0.1 or ::1, and forward the port from elsewhere \
        (ssh -L PORT:127.0.0.1:PORT)"
    )]
    NotLoopback(SocketAddr),
    /// The address cannot be listened on.
    #[error("{address}: cannot be listened on")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The cause.
        source: io::Error,
    },
    /// The system has no random bytes for the path.
    #[error("the system has no random bytes for the path of the page")]
    Random,
    /// A thread or its event loop cannot be started.
    #[error("the server cannot be started")]
    Start(#[from] io::Error),
}
