//! Options and errors of a traffic run.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

use super::call::Call;

/// Most clients: each has one to three connections and a few hundred kB of memory.
const MAX_CLIENTS: usize = 1_000;

/// Highest rate in calls per second: enough for a demonstration, too little for an attack.
const MAX_RATE: f64 = 10_000.0;

/// Lowest rate in calls per second: about one in 17 minutes. Far lower rates overflow the clock.
const MIN_RATE: f64 = 0.001;

/// Called for each finished call.
pub(super) type Observer = Arc<dyn Fn(&Call) + Send + Sync>;

/// Options of a traffic run.
#[derive(Clone)]
pub struct Options {
    /// Endpoints, used by the clients in turn. At least one.
    pub targets: Vec<Target>,
    /// Number of concurrent clients: 1 to 1,000.
    pub clients: usize,
    /// Calls per second over all clients: 0.001 to 10,000.
    pub rate: f64,
    /// When to stop; `None` for no time limit.
    pub duration: Option<Duration>,
    /// Number of scripted calls over all clients; `None` for no limit. Opening a session and
    /// listing what the server has does not count.
    pub calls: Option<u64>,
    /// Seed of the script: the same seed makes the same calls to the same server.
    pub seed: u64,
    /// Time limit for a call and for opening a session.
    pub timeout: Duration,
    /// Tools that may be called.
    pub tools: Tools,
    /// Whether to make deliberate errors (wrong arguments, unknown tools and resources), cancel or
    /// abandon calls, and close and reopen sessions. `None`: only if the server is `mcpdump serve`.
    pub lively: Option<bool>,
    /// Whether to accept any TLS certificate, such as a self-signed one.
    pub insecure: bool,
    /// The certificates that are trusted, as PEM, in place of those of the system; `None` for
    /// these.
    pub certificates: Option<String>,
    /// Called for every finished call, on the thread of its client; must not block.
    pub observer: Option<Observer>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            targets: Vec::new(),
            clients: 4,
            rate: 10.0,
            duration: None,
            calls: None,
            seed: 1,
            timeout: Duration::from_secs(30),
            tools: Tools::default(),
            lively: None,
            insecure: false,
            certificates: None,
            observer: None,
        }
    }
}

impl Options {
    /// Checks the options. [`super::run`] does this too.
    ///
    /// # Errors
    /// The first invalid option.
    pub fn check(&self) -> Result<(), Error> {
        let invalid = |what: &str| Err(Error::Options(what.to_owned()));
        if self.targets.is_empty() {
            return invalid("no server is named");
        }
        if self.clients == 0 || self.clients > MAX_CLIENTS {
            return invalid(&format!("clients: 1 to {MAX_CLIENTS}"));
        }
        if !(MIN_RATE..=MAX_RATE).contains(&self.rate) {
            return invalid(&format!("rate: {MIN_RATE} to {MAX_RATE} calls per second"));
        }
        if self.timeout.is_zero() {
            return invalid("timeout: more than 0");
        }
        Ok(())
    }
}

/// An endpoint of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// URL: the endpoint of Streamable HTTP (`/mcp`) or the stream of HTTP+SSE (`/sse`).
    pub url: Url,
    /// Transport.
    pub transport: Transport,
    /// Where the host of `url` is; `None` looks it up.
    pub address: Option<SocketAddr>,
    /// MCP revision to ask for, such as `2025-06-18`; `None` for the newest that the server offers.
    pub revision: Option<String>,
}

impl Target {
    /// Creates a target that detects the transport and asks for the newest revision. Without a
    /// scheme `url` is completed with `http://`.
    ///
    /// # Errors
    /// `url` is not an http or https URL.
    pub fn new(url: &str) -> Result<Self, Error> {
        let invalid = |why: String| Error::Url { url: url.to_owned(), why };
        let full = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        let url = Url::parse(&full).map_err(|error| invalid(error.to_string()))?;
        if !["http", "https"].contains(&url.scheme()) || url.host_str().is_none() {
            return Err(invalid("not an http or https URL, such as http://127.0.0.1:3000/mcp".to_owned()));
        }
        Ok(Self { url, transport: Transport::Auto, address: None, revision: None })
    }
}

/// Transport to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// Streamable HTTP, or HTTP+SSE if the server rejects it (MCP 2025-06-18, "Backwards
    /// Compatibility").
    #[default]
    Auto,
    /// HTTP+SSE (MCP 2024-11-05).
    Sse,
    /// Streamable HTTP.
    Streamable,
}

/// Tools that may be called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Tools {
    /// Tools marked read-only (`annotations.readOnlyHint`), and those named here.
    ReadOnly(BTreeSet<String>),
    /// All tools.
    All,
    /// Read-only tools; all tools if the server is `mcpdump serve`, whose tools change nothing.
    #[default]
    Safe,
}

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Invalid options.
    #[error("{0}")]
    Options(String),
    /// Unusable URL.
    #[error("{url}: {why}")]
    Url {
        /// URL as given.
        url: String,
        /// Reason.
        why: String,
    },
    /// No connection to the server.
    #[error("{url}: cannot be reached: {why}")]
    Unreachable {
        /// URL of the endpoint.
        url: String,
        /// Error of the system.
        why: String,
    },
    /// The server answered, but no session could be opened.
    #[error("{url}: no MCP session: {why}")]
    Session {
        /// URL of the endpoint.
        url: String,
        /// Reason.
        why: String,
    },
    /// A client ended early.
    #[error("a client ended: {0}")]
    Client(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_without_scheme_is_http() {
        for (given, url) in [
            ("127.0.0.1:3000/mcp", "http://127.0.0.1:3000/mcp"),
            ("localhost:3000/mcp", "http://localhost:3000/mcp"),
            ("[::1]:3000/sse", "http://[::1]:3000/sse"),
            ("https://host/mcp", "https://host/mcp"),
        ] {
            assert_eq!(Target::new(given).unwrap().url.as_str(), url);
        }
        assert!(Target::new("ftp://host/mcp").is_err());
        assert!(Target::new("").is_err());
    }

    #[test]
    fn rates_and_client_counts_out_of_range_are_refused() {
        let targets = vec![Target::new("http://127.0.0.1:3000/mcp").unwrap()];
        let with = |clients, rate| {
            Options { targets: targets.clone(), clients, rate, ..Options::default() }.check().is_ok()
        };
        assert!(with(1, MIN_RATE) && with(MAX_CLIENTS, MAX_RATE));
        for rate in [0.0, -1.0, 1e-30, f64::MIN_POSITIVE, f64::INFINITY, f64::NAN] {
            assert!(!with(2, rate), "{rate}");
        }
        assert!(!with(0, 1.0) && !with(MAX_CLIENTS + 1, 1.0));
        assert!(Options::default().check().is_err(), "no server is named");
    }
}
