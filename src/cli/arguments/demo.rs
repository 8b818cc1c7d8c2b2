//! Arguments of `mcpdump demo`.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

use super::screen::ScreenArguments;
use super::traffic::Pace;
use crate::serve::{self, Delay, Faults};
use crate::traffic::{self, Target, Transport};

/// Transport and revision of the clients, assigned in turn.
const CLIENTS: [(Transport, &str); 5] = [
    (Transport::Sse, "2024-11-05"),
    (Transport::Streamable, "2025-11-25"),
    (Transport::Streamable, "2026-07-28"),
    (Transport::Streamable, "2025-06-18"),
    (Transport::Streamable, "2025-03-26"),
];

/// How long a client waits for a response: the server leaves some calls unanswered on purpose.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(3);

/// `mcpdump demo`.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    #[command(flatten)]
    pub(crate) pace: Pace,
    /// Also write the packets to this file (pcapng)
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) write: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) screen: ScreenArguments,
}

impl Demo {
    /// Options of a server on a free port of the loopback device, with every kind of fault.
    pub(crate) fn server_options(&self) -> serve::Options {
        let (min, max) = (Duration::from_millis(2), Duration::from_millis(60));
        serve::Options {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            faults: Faults {
                seed: self.pace.seed,
                delay: Some(Delay { min, max }),
                fail_rate: 0.05,
                hang_rate: 0.02,
                drop_stream_every: NonZeroU64::new(40),
                silence: None,
            },
            ..serve::Options::default()
        }
    }

    /// Options of the clients for a server on `port`.
    ///
    /// # Errors
    /// A number is out of range.
    pub(crate) fn traffic_options(&self, port: u16) -> anyhow::Result<traffic::Options> {
        let target = |(transport, revision): (Transport, &str)| {
            let path = if transport == Transport::Sse { "sse" } else { "mcp" };
            let mut target = Target::new(&format!("http://127.0.0.1:{port}/{path}"))?;
            (target.transport, target.revision) = (transport, Some(revision.to_owned()));
            Ok(target)
        };
        let targets = CLIENTS.into_iter().map(target).collect::<Result<Vec<_>, traffic::Error>>()?;
        let options = traffic::Options { targets, timeout: TIMEOUT, ..self.pace.options() };
        options.check()?;
        Ok(options)
    }
}
