//! Arguments of `mcpdump traffic`.

use std::collections::BTreeSet;
use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint};

use super::quantity;
use crate::traffic::{Error, Options, Target, Tools, Transport};

/// `mcpdump traffic`.
#[derive(Debug, Args)]
pub(crate) struct Traffic {
    /// The server's MCP endpoint, as in http://127.0.0.1:3000/mcp
    #[arg(value_name = "URL", value_hint = ValueHint::Url)]
    url: String,
    /// Transport to use: Streamable HTTP, HTTP+SSE, or the one that the server accepts
    #[arg(long, value_enum, default_value_t = TransportChoice::Auto)]
    transport: TransportChoice,
    /// Protocol revision to request, as in 2025-06-18 (default: the server's newest)
    #[arg(long, value_name = "DATE")]
    revision: Option<String>,
    #[command(flatten)]
    pace: Pace,
    /// Stop after N calls, not counting those that open sessions and list what the server has
    #[arg(long, value_name = "N")]
    calls: Option<u64>,
    /// Give up on a call after this time
    #[arg(long, value_name = "DURATION", value_parser = quantity::duration, default_value = "30s")]
    timeout: Duration,
    /// Also call this tool, even if it may change something (can be repeated)
    #[arg(long, value_name = "NAME")]
    tool: Vec<String>,
    /// Call all tools, even those that may change something: for your own servers
    #[arg(long, conflicts_with = "tool")]
    all_tools: bool,
    /// Also make mistakes: wrong arguments, unknown tools, cancelled calls, clients that reconnect
    /// (always on against mcpdump's own server)
    #[arg(long)]
    lively: bool,
    /// Accept any certificate: for a server with a self-signed one
    #[arg(long)]
    insecure: bool,
}

/// Number of clients, rate and duration of the traffic.
#[derive(Debug, Args)]
pub(crate) struct Pace {
    /// Number of concurrent clients
    #[arg(long, value_name = "N", default_value_t = 5)]
    clients: usize,
    /// Calls per second of all clients together: 0.001 to 10000
    #[arg(long, value_name = "N", default_value_t = 10.0)]
    rate: f64,
    /// Stop after this time, as in 30s or 5m (default: at Ctrl-C)
    #[arg(long = "for", value_name = "DURATION", value_parser = quantity::duration)]
    pub(crate) duration: Option<Duration>,
    /// Seed of the random choices: the same seed makes the same calls
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) seed: u64,
}

/// The values of `--transport`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TransportChoice {
    Auto,
    Sse,
    Streamable,
}

impl Traffic {
    /// Options of the clients.
    ///
    /// # Errors
    /// The URL is not one of a server.
    pub(crate) fn options(&self) -> Result<Options, Error> {
        let mut target = Target::new(&self.url)?;
        target.revision.clone_from(&self.revision);
        target.transport = match self.transport {
            TransportChoice::Auto => Transport::Auto,
            TransportChoice::Sse => Transport::Sse,
            TransportChoice::Streamable => Transport::Streamable,
        };
        let tools = match (self.all_tools, self.tool.is_empty()) {
            (true, _) => Tools::All,
            (false, true) => Tools::Safe,
            (false, false) => Tools::ReadOnly(self.tool.iter().cloned().collect::<BTreeSet<_>>()),
        };
        Ok(Options {
            targets: vec![target],
            calls: self.calls,
            timeout: self.timeout,
            tools,
            lively: self.lively.then_some(true),
            insecure: self.insecure,
            ..self.pace.options()
        })
    }
}

impl Pace {
    /// Options with these values; the others are defaults.
    pub(crate) fn options(&self) -> Options {
        Options {
            clients: self.clients,
            rate: self.rate,
            duration: self.duration,
            seed: self.seed,
            ..Options::default()
        }
    }
}
