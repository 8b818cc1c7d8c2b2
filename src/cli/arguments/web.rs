//! Options of `mcpdump web`.

use std::net::SocketAddr;

use clap::Args;

use super::counted::Counted;
use super::quantity;
use super::source::SourceArguments;

/// `mcpdump web`.
#[derive(Debug, Args)]
pub(crate) struct Web {
    #[command(flatten)]
    pub(crate) source: SourceArguments,
    #[command(flatten)]
    pub(crate) options: WebOptions,
}

/// Options of `web` alone.
#[derive(Debug, Args)]
pub(crate) struct WebOptions {
    /// Listen at this port, or address and port, of loopback (default: a free port)
    #[arg(long, value_name = "ADDR", value_parser = quantity::local_address, default_value = "0")]
    #[arg(hide_default_value = true)]
    pub(crate) listen: SocketAddr,
    #[command(flatten)]
    pub(crate) counted: Counted,
}
