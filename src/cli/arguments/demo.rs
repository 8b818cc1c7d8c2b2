//! Arguments of `mcpdump demo`.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

use super::screen::ScreenArguments;
use super::traffic::Pace;
use crate::serve::{self, Delay, Faults, TlsOptions};
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
    /// Run over HTTPS, and decrypt it with the secrets that the server logs
    ///
    /// The server makes a certificate that the clients trust. With -w, the secrets are written with
    /// the packets.
    #[arg(long)]
    pub(crate) tls: bool,
    /// Also append the TLS secrets to this file (mode 0600), for another program
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "tls")]
    pub(crate) tls_keylog: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) screen: ScreenArguments,
}

impl Demo {
    /// Options of a server on a free port of the loopback device, with every kind of fault. With
    /// TLS it writes its secrets to `keylog`.
    pub(crate) fn server_options(&self, keylog: Option<PathBuf>) -> serve::Options {
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
            tls: keylog.map(|path| TlsOptions { certificate: None, keylog: Some(path) }),
            ..serve::Options::default()
        }
    }

    /// Options of the clients for a server at `address` with this certificate, as PEM; `None`
    /// without TLS.
    ///
    /// # Errors
    /// A number is out of range.
    pub(crate) fn traffic_options(
        &self,
        address: SocketAddr,
        certificate: Option<String>,
    ) -> anyhow::Result<traffic::Options> {
        // A name, so that the client names it in TLS.
        let origin = match certificate {
            Some(_) => format!("https://localhost:{}", address.port()),
            None => format!("http://{address}"),
        };
        let target = |(transport, revision): (Transport, &str)| {
            let path = if transport == Transport::Sse { "sse" } else { "mcp" };
            let mut target = Target::new(&format!("{origin}/{path}"))?;
            (target.transport, target.revision) = (transport, Some(revision.to_owned()));
            target.address = Some(address);
            Ok(target)
        };
        let targets = CLIENTS.into_iter().map(target).collect::<Result<Vec<_>, traffic::Error>>()?;
        let certificates = certificate;
        let options = traffic::Options { targets, certificates, timeout: TIMEOUT, ..self.pace.options() };
        options.check()?;
        Ok(options)
    }
}
