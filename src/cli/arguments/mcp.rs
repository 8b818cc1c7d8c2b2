//! Options of `mcpdump mcp`.

#[cfg(feature = "demo")]
use std::net::SocketAddr;

use clap::Args;

use super::quantity;
use super::redaction::Redaction;
use super::source::SourceArguments;

/// `mcpdump mcp`.
#[derive(Debug, Args)]
pub(crate) struct Mcp {
    #[command(flatten)]
    pub(crate) source: SourceArguments,
    #[command(flatten)]
    pub(crate) options: McpOptions,
}

/// Options of `mcp` alone.
#[derive(Debug, Default, Args)]
pub(crate) struct McpOptions {
    /// Serve Streamable HTTP at this port, or address and port, of loopback instead of standard
    /// input and output
    #[cfg(feature = "demo")]
    #[arg(long, value_name = "ADDR", value_parser = quantity::local_address)]
    pub(crate) http: Option<SocketAddr>,
    /// With --http, also accept requests with this Host, as in localhost:9000 for a forwarded port
    /// (NAME or NAME:PORT; can be repeated)
    #[cfg(feature = "demo")]
    #[arg(long, value_name = "HOST", requires = "http")]
    pub(crate) allow_host: Vec<String>,
    /// With --http, also accept web pages of this origin (SCHEME://HOST or SCHEME://HOST:PORT; can be
    /// repeated)
    #[cfg(feature = "demo")]
    #[arg(long, value_name = "ORIGIN", requires = "http")]
    pub(crate) allow_origin: Vec<String>,
    /// Memory for what can be asked for, as in 256MiB (default 128MiB; a bare number is MiB)
    ///
    /// Of files, bodies that do not fit go to an unnamed temporary file. Of a capture that goes on,
    /// the latest exchanges are kept.
    #[arg(long, value_name = "SIZE", value_parser = quantity::memory)]
    pub(crate) memory: Option<usize>,
    #[command(flatten)]
    pub(crate) redaction: Redaction,
}
