//! What a run of traffic is told, and why it could not be made.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

use super::meter::Call;

/// Clients at once, at most: each has a connection or three and some hundred kB.
const MAX_CLIENTS: usize = 1_000;

/// Calls a second, at most: a demonstration, not an attack.
const MAX_RATE: f64 = 10_000.0;

/// Calls a second, at least: one in a quarter of an hour. With far less the next call would be due at a time that no
/// clock can name.
const MIN_RATE: f64 = 0.001;

/// What is told of each call that is over.
pub(super) type Observer = Arc<dyn Fn(&Call) + Send + Sync>;

/// A run of traffic.
#[derive(Clone)]
pub struct Options {
    /// The servers' ways in; clients take turns. At least one.
    pub targets: Vec<Target>,
    /// Clients at once: 1 to 1,000.
    pub clients: usize,
    /// Calls a second, of all clients together: 0.001 to 10,000.
    pub rate: f64,
    /// When to end; `None`: not by time.
    pub duration: Option<Duration>,
    /// Calls that the script makes, of all clients together; `None`: no end. What opens a session and what finds out
    /// what the server has is not counted.
    pub calls: Option<u64>,
    /// What the script is drawn from: the same seed gives the same calls to the same server.
    pub seed: u64,
    /// How long a call may take before the client gives it up; also the opening of a session.
    pub timeout: Duration,
    /// Which tools may be called.
    pub tools: Tools,
    /// Whether mistakes are made on purpose (wrong arguments, unknown tools and resources), calls are cancelled or
    /// abandoned, and clients leave and come back. `None`: where the server is ours (`mcpdump serve`).
    pub lively: Option<bool>,
    /// Whether any certificate will do: for servers that made their own.
    pub insecure: bool,
    /// Told of every call when it is over, on the thread of its client; must not block. For tests and for logs.
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
            observer: None,
        }
    }
}

impl Options {
    /// Whether they make sense. [`super::run`] asks as well; this is for who has something to do before.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |what: &str| Err(Error::Options(what.to_owned()));
        if self.targets.is_empty() {
            return wrong("no server is named");
        }
        if self.clients == 0 || self.clients > MAX_CLIENTS {
            return wrong(&format!("clients: 1 to {MAX_CLIENTS}"));
        }
        if !(MIN_RATE..=MAX_RATE).contains(&self.rate) {
            return wrong(&format!("rate: {MIN_RATE} to {MAX_RATE} calls a second"));
        }
        if self.timeout.is_zero() {
            return wrong("timeout: more than 0");
        }
        Ok(())
    }
}

/// One way into a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Where it is: of Streamable HTTP the endpoint (`/mcp`), of HTTP+SSE the stream (`/sse`).
    pub url: Url,
    /// What is spoken there.
    pub transport: Transport,
    /// The revision that is asked for, as `2025-06-18`; `None`: the newest that the server offers.
    pub revision: Option<String>,
}

impl Target {
    /// A way in over a transport that is to be found out, in the newest revision.
    ///
    /// # Errors
    /// The text is no URL, or none of http and https.
    pub fn new(url: &str) -> Result<Self, Error> {
        let wrong = |why: String| Error::Url { url: url.to_owned(), why };
        let url = Url::parse(url).map_err(|error| wrong(error.to_string()))?;
        if !["http", "https"].contains(&url.scheme()) || url.host_str().is_none() {
            return Err(wrong("a URL of http or https is wanted, as http://127.0.0.1:3000/mcp".to_owned()));
        }
        Ok(Self { url, transport: Transport::Auto, revision: None })
    }
}

/// What carries the messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// Streamable HTTP, and HTTP+SSE where the server does not take it (revision 2025-06-18, "Backwards
    /// Compatibility").
    #[default]
    Auto,
    /// HTTP+SSE of 2024-11-05.
    Sse,
    /// Streamable HTTP.
    Streamable,
}

/// Which tools may be called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Tools {
    /// Those that say that they only read (`annotations.readOnlyHint`), and those that are named.
    ReadOnly(BTreeSet<String>),
    /// All: for servers of one's own.
    All,
    /// As `ReadOnly` with no name; all where the server is ours (`mcpdump serve`), whose tools change nothing.
    #[default]
    Safe,
}

/// Why no traffic was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The options make no sense.
    #[error("{0}")]
    Options(String),
    /// Not a URL that can be used.
    #[error("{url}: {why}")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// Nobody answers there.
    #[error("{url}: cannot be reached: {why}")]
    Unreachable {
        /// Where.
        url: String,
        /// What the system said.
        why: String,
    },
    /// Something answers, and no session came of it.
    #[error("{url}: no MCP session: {why}")]
    Session {
        /// Where.
        url: String,
        /// What was answered, or not.
        why: String,
    },
    /// A client ended before its time.
    #[error("a client ended: {0}")]
    Client(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_clock_can_pace_is_refused() {
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
