//! Why the server could not start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::hackernews::StoriesError;
use super::options::CertificateFiles;

/// Why the server could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process listens on this address.
    #[error("{0} is in use: choose another port with --listen, or --listen {ip}:0 for a free one", ip = .0.ip())]
    InUse(SocketAddr),
    /// The port is reserved for root.
    #[error("{0} needs root: choose a port from 1024 on with --listen")]
    Forbidden(SocketAddr),
    /// The address does not belong to this machine, or cannot be used for another reason.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, #[source] io::Error),
    /// Invalid allowed host.
    #[error("{0:?} is not a host: write NAME or NAME:PORT, as in mcp.example:8443")]
    Host(String),
    /// Invalid allowed origin.
    #[error("{0:?} is not an origin: write SCHEME://HOST or SCHEME://HOST:PORT, as in https://app.example")]
    Origin(String),
    /// No certificate could be created, for instance because an allowed host is not a DNS name.
    #[error("no certificate for --tls: {0}")]
    Certificate(String),
    /// The certificate or its key cannot be read.
    #[error("{path}: {1}: name a PEM file with {2}", path = .0.display())]
    Pem(PathBuf, String, &'static str),
    /// The certificate cannot be used with its key.
    #[error("{cert} cannot be used with the key in {key}: {why}", cert = .0.chain.display(), key = .0.key.display(), why = .1)]
    Pair(CertificateFiles, String),
    /// The key log cannot be written.
    #[error("cannot write the key log {path}: {1}", path = .0.display())]
    Keylog(PathBuf, #[source] io::Error),
    /// The stories cannot be loaded.
    #[error(transparent)]
    Stories(#[from] StoriesError),
}

impl Error {
    /// Converts an error of listening on `address`.
    pub(super) fn listen(address: SocketAddr, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AddrInUse => Self::InUse(address),
            io::ErrorKind::PermissionDenied => Self::Forbidden(address),
            _ => Self::Listen(address, error),
        }
    }
}
