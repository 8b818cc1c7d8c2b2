//! `mcpdump serve`: runs the MCP server until Ctrl-C.

use std::io::{self, Write as _};
use std::net::IpAddr;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use crate::cli::arguments::serve::Serve;
use crate::serve::{Faults, Options, Server};

/// Serves until SIGINT or SIGTERM. A second signal stops without waiting for open connections.
///
/// # Errors
/// Options contradict each other, or the address cannot be used.
pub(crate) fn run(serve: Serve) -> anyhow::Result<()> {
    let options = serve.options()?;
    // One thread serves what a capture can need, and leaves the other cores to who captures.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("the runtime cannot be started")?;
    let result = runtime.block_on(serve_until_signal(options));
    // Do not wait for responses that hang on purpose.
    runtime.shutdown_background();
    result
}

async fn serve_until_signal(options: Options) -> anyhow::Result<()> {
    let mut signals = Signals::catch()?;
    let (notes, hosts) = (notes(&options), note_on_hosts(&options));
    let server = Server::bind(options).await?;
    announce(&server, hosts, &notes)?;
    let shutdown = CancellationToken::new();
    let mut running = tokio::spawn(server.run(shutdown.clone()));
    for _ in 0..2 {
        tokio::select! {
            ended = &mut running => return ended.context("the server failed"),
            () = signals.next() => {}
        }
        shutdown.cancel();
    }
    Ok(())
}

/// The signals that end the server.
#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn catch() -> anyhow::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        let interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be caught")?;
        let terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be caught")?;
        Ok(Self { interrupt, terminate })
    }

    /// Waits for one.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Ctrl-C, the only one on this system.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn catch() -> anyhow::Result<Self> {
        Ok(Self)
    }

    /// Waits for it; for ever if it cannot be caught.
    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Consequences of the options that the user should know.
fn notes(options: &Options) -> Vec<String> {
    let mut notes = Vec::new();
    if options.faults != (Faults { seed: options.faults.seed, ..Faults::default() }) {
        notes.push(format!("faults are injected, drawn with --seed {}", options.faults.seed));
    }
    if let Some(path) = options.tls.as_ref().and_then(|tls| tls.keylog.as_ref()) {
        notes.push(format!("TLS secrets are written to {}: they decrypt the traffic", path.display()));
    }
    notes
}

/// How other machines are let in. Without, those that connect get 403 and nobody knows why.
fn note_on_hosts(options: &Options) -> Option<&'static str> {
    let is_open = !options.listen.ip().is_loopback();
    let why = match options.allowed_hosts.is_empty() {
        true => {
            "other machines are refused (403) until their Host is allowed:\n  \
             add --allow-host NAME, the name or address of this machine in the URL that they use\n  \
             there is no authentication: whoever reaches this port can use the server"
        }
        false => "there is no authentication: whoever reaches this port can use the server",
    };
    is_open.then_some(why)
}

/// Prints a line per transport and how to let others in to standard output, the notes to standard
/// error.
fn announce(server: &Server, hosts: Option<&str>, notes: &[String]) -> io::Result<()> {
    let scheme = if server.certificate().is_some() { "https" } else { "http" };
    let mut address = server.local_addr();
    if address.ip().is_unspecified() {
        let local: IpAddr =
            if address.is_ipv4() { [127, 0, 0, 1].into() } else { [0, 0, 0, 0, 0, 0, 0, 1].into() };
        address.set_ip(local);
    }
    let mut out = io::stdout().lock();
    writeln!(out, "Streamable HTTP  {scheme}://{address}/mcp")?;
    writeln!(out, "HTTP+SSE         {scheme}://{address}/sse")?;
    if let Some(certificate) = server.certificate() {
        writeln!(out, "SHA-256          {}", certificate.fingerprint())?;
    }
    if let Some(hosts) = hosts {
        writeln!(out, "\n{hosts}\n")?;
    }
    out.flush()?;
    let mut err = io::stderr().lock();
    for note in notes {
        writeln!(err, "mcpdump: {note}")?;
    }
    writeln!(err, "mcpdump: Ctrl-C stops")
}
