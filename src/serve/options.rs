//! Options of the server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::faults::Faults;
use super::hackernews::StoriesOptions;
use super::reporter::Reporter;

/// Default listening address: loopback only.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 3000);

/// Default idle limit of a session: a person at a terminal may pause for minutes.
const SESSION_IDLE: Duration = Duration::from_secs(30 * 60);

/// Default number of connections.
const CONNECTIONS: usize = 1024;

/// Default number of sessions.
const SESSIONS: usize = 1024;

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
    /// HTTPS; `None` for plain HTTP.
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
    /// Most open connections. A client beyond them takes the place of one that is idle.
    pub connections: usize,
    /// Most open sessions of Streamable HTTP; HTTP+SSE has at most 512 of its own. A client beyond
    /// them takes the place of one that is idle.
    pub sessions: usize,
    /// Takes problems that whoever runs the server should know of.
    pub reporter: Reporter,
    /// Takes a line per request.
    pub request_log: Reporter,
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
            connections: CONNECTIONS,
            sessions: SESSIONS,
            reporter: Reporter::default(),
            request_log: Reporter::default(),
        }
    }
}

/// Options for HTTPS.
#[derive(Clone, Debug, Default)]
pub struct TlsOptions {
    /// The certificate; `None` creates one that is signed by itself.
    pub certificate: Option<CertificateFiles>,
    /// File to which the secrets of connections are appended (key log format, RFC 9850); `None`
    /// writes none.
    pub keylog: Option<PathBuf>,
}

/// The files of a certificate, as PEM.
#[derive(Clone, Debug)]
pub struct CertificateFiles {
    /// The certificate of the server, then those that certify it.
    pub chain: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}
