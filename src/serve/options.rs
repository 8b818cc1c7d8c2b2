//! What the server may be asked for, and why it could not start.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::faults::Faults;
use super::hackernews::{StoriesError, StoriesOptions};

/// Where the server listens when nobody says otherwise: this machine only.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 3000);

/// A session that nobody used for so long is forgotten: a client at a terminal may think for a while.
const SESSION_IDLE: Duration = Duration::from_secs(30 * 60);

/// What a server is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Streamable HTTP answers a request with JSON where its response is all there is to say, and not with a stream.
    pub json: bool,
    /// Where the stories come from.
    pub stories: StoriesOptions,
    /// What goes wrong on purpose.
    pub faults: Faults,
    /// HTTPS with a certificate made at the start; `None` is plain HTTP.
    pub tls: Option<TlsOptions>,
    /// Whether the tools, resources and prompts of the conformance suite are there too.
    pub everything: bool,
    /// Hosts that requests may name beside `localhost`, `127.0.0.1`, `[::1]` and the listening address: `host` for any
    /// port, `host:port` for one.
    pub allowed_hosts: Vec<String>,
    /// Origins of web pages that may call beside those of the allowed hosts: `https://host` or `https://host:port`.
    pub allowed_origins: Vec<String>,
    /// A session that nobody used for so long is forgotten.
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

/// HTTPS: what there is to choose.
#[derive(Clone, Debug, Default)]
pub struct TlsOptions {
    /// Where the secrets of the connections are appended (the `SSLKEYLOGFILE` format of RFC 9850); `None` keeps them.
    pub keylog: Option<PathBuf>,
}

/// Why a server could not start, or had to end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process listens there.
    #[error("{0} is in use: choose another port with --listen, or --listen {ip}:0 for a free one", ip = .0.ip())]
    InUse(SocketAddr),
    /// The port is kept for root.
    #[error("{0} needs root: choose a port from 1024 on with --listen")]
    Forbidden(SocketAddr),
    /// The address is none of this machine's, or cannot be listened on for another reason.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, #[source] io::Error),
    /// What was to be let in is no host.
    #[error("{0:?} is no host to let in: write NAME or NAME:PORT, as in mcp.example:8443")]
    Host(String),
    /// What was to be let in is no origin of a web page.
    #[error(
        "{0:?} is no origin to let in: write SCHEME://HOST or SCHEME://HOST:PORT, as in https://app.example"
    )]
    Origin(String),
    /// No certificate could be made: a host that is let in is no name, for instance.
    #[error("no certificate for --tls: {0}")]
    Certificate(String),
    /// The file for the secrets of the connections cannot be written.
    #[error("cannot write the key log {path}: {1}", path = .0.display())]
    Keylog(PathBuf, #[source] io::Error),
    /// There are no stories.
    #[error(transparent)]
    Stories(#[from] StoriesError),
}

impl Error {
    /// What went wrong when `address` was to be listened on.
    pub(super) fn listen(address: SocketAddr, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AddrInUse => Self::InUse(address),
            io::ErrorKind::PermissionDenied => Self::Forbidden(address),
            _ => Self::Listen(address, error),
        }
    }
}
