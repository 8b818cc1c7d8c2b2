//! Options of `mcpdump web`.

use std::net::SocketAddr;

use clap::Args;

use super::named::named;
use super::quantity;
use super::redaction::Redaction;
use super::source::SourceArguments;
use crate::ledger::{By, Views};

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
    /// Add latency tables per server, session or client address
    #[arg(long, value_name = "WHAT")]
    #[arg(value_parser = named(&By::ALL, By::name))]
    pub(crate) by: Option<By>,
    /// Count calls that were captured on both legs of a proxy once (front), or on each leg (all)
    /// [default: front, or all if --filter selects servers, sessions or addresses]
    #[arg(long, value_name = "WHICH")]
    #[arg(value_parser = named(&Views::ALL, Views::name))]
    pub(crate) views: Option<Views>,
    /// Add a section on security, as check --security finds it
    #[arg(long)]
    pub(crate) security: bool,
    #[command(flatten)]
    pub(crate) redaction: Redaction,
}
