//! Options of the server, and why it could not start.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::faults::Faults;
use super::hackernews::{StoriesError, StoriesOptions};

/// Default listening address: loopback only.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 3000);

/// Default idle limit of a session: a person at a terminal may pause for minutes.
const SESSION_IDLE: Duration = Duration::from_secs(30 * 60);

/// Options of a server.
#[derive(Clone, Debug)]
pub struct Options {
    /// Address to listen on; port 0 selects a free port.
    pub listen: SocketAddr,
    /// Whether Streamable HTTP answers a request with JSON instead of a stream if the response is
    /// its only message.
    pub json: bool,
    /// Source of the stories.
    pub stories: StoriesOptions,
    /// Deliberate faults.
    pub faults: Faults,
    /// HTTPS with a certificate created at startup; `None` for plain HTTP.
    pub tls: Option<TlsOptions>,
    /// Whether to add the tools, resources and prompts of the conformance suite.
    pub everything: bool,
    /// Allowed hosts beside `localhost`, `127.0.0.1`, `[::1]` and the listening address: `host` for
    /// any port, `host:port` for one.
    pub allowed_hosts: Vec<String>,
    /// Allowed origins of web pages beside those of the allowed hosts: `https://host` or
    /// `https://host:port`.
    pub allowed_origins: Vec<String>,
    /// Idle time after which a session is removed.
    pub session_idle: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: LISTEN,
            json: false,
            stories: StoriesOptions::default(),
            faults: Faults::default(),
            tls: None,
            everything: false,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            session_idle: SESSION_IDLE,
        }
    }
}

/// Options for HTTPS.
#[derive(Clone, Debug, Default)]
pub struct TlsOptions {
    /// File to which the secrets of connections are appended (key log format, RFC 9850); `None`
    /// writes none.
    pub keylog: Option<PathBuf>,
}

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
