//! `mcpdump serve`: arguments in, a server that runs until Ctrl-C out.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum, ValueHint};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::serve::{Delay, Faults, LiveOptions, Options, Server, StoriesOptions, TlsOptions, duration};

/// What `serve` takes.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The address to listen on: ADDRESS:PORT, or a port of 127.0.0.1; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3000", value_parser = address)]
    listen: SocketAddr,
    /// Streamable HTTP answers with JSON, not with a stream, where the response is all there is to say
    #[arg(long)]
    json: bool,
    /// Where the stories come from: a snapshot in the program, or the Hacker News API
    #[arg(long, value_enum, default_value_t = From::Snapshot)]
    stories: From,
    /// Another address for --stories live, without the slash at its end
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    stories_url: Option<String>,
    /// Adds the tools, resources and prompts that the MCP conformance suite calls: every feature of the protocol
    #[arg(long)]
    everything: bool,
    /// Lets in requests that name this host too (NAME or NAME:PORT; may be given again)
    #[arg(long, value_name = "HOST")]
    allow_host: Vec<String>,
    /// Lets in web pages of this origin too (SCHEME://HOST or SCHEME://HOST:PORT; may be given again)
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<String>,
    #[command(flatten)]
    faults: FaultArguments,
    /// Speaks HTTPS, with a certificate that is made at the start
    #[arg(long, help_heading = "TLS")]
    tls: bool,
    /// Appends the secrets of the connections to this file, for mcpdump and Wireshark to read them by
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "tls", help_heading = "TLS")]
    tls_keylog: Option<PathBuf>,
}

/// What goes wrong on purpose.
#[derive(Debug, Args)]
#[command(next_help_heading = "What goes wrong on purpose")]
pub(crate) struct FaultArguments {
    /// Answers later: a time, or two bounds to draw from, as in 5ms..80ms
    #[arg(long, value_name = "TIME[..TIME]")]
    delay: Option<Delay>,
    /// Lets this share of the requests (0 to 1) fail: tool errors, JSON-RPC errors and HTTP 500, a third each
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share, hide_default_value = true)]
    fail_rate: f64,
    /// Never answers this share of the requests (0 to 1): half of them with an open stream, half with none
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share, hide_default_value = true)]
    hang_rate: f64,
    /// Cuts the stream of every Nth request before its response, by FIN and RST in turn
    #[arg(long, value_name = "N")]
    drop_stream_every: Option<NonZeroU64>,
    /// Lets a stream say nothing, not even comments, for so long after each event
    #[arg(long, value_name = "TIME", value_parser = duration)]
    silence: Option<Duration>,
    /// Draws other faults: the same seed and the same requests meet the same ones
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,
}

/// Where stories come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum From {
    Snapshot,
    Live,
}

/// `127.0.0.1:3000`, `[::1]:3000`, `localhost:3000`, `3000`.
fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.parse() {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    let text = text.strip_prefix("localhost:").map_or(text.to_owned(), |port| format!("127.0.0.1:{port}"));
    text.parse().map_err(|_| "write 127.0.0.1:3000, [::1]:3000, 0.0.0.0:3000 or 3000".to_owned())
}

/// A share of all: 0 to 1.
fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "write a number from 0 to 1, as in 0.1".to_owned())
}

impl Serve {
    fn options(self) -> anyhow::Result<Options> {
        let stories = match (self.stories, self.stories_url) {
            (From::Snapshot, None) => StoriesOptions::Snapshot,
            (From::Snapshot, Some(_)) => anyhow::bail!("--stories-url needs --stories live"),
            (From::Live, None) => StoriesOptions::Live(LiveOptions::default()),
            (From::Live, Some(base_url)) => {
                StoriesOptions::Live(LiveOptions { base_url, ..LiveOptions::default() })
            }
        };
        let faults = self.faults.faults()?;
        Ok(Options {
            listen: self.listen,
            json: self.json,
            stories,
            faults,
            everything: self.everything,
            tls: self.tls.then_some(TlsOptions { keylog: self.tls_keylog }),
            allowed_hosts: self.allow_host,
            allowed_origins: self.allow_origin,
            ..Options::default()
        })
    }
}

impl FaultArguments {
    fn faults(self) -> anyhow::Result<Faults> {
        if self.fail_rate + self.hang_rate > 1.0 {
            anyhow::bail!("--fail-rate and --hang-rate are more than 1 together");
        }
        Ok(Faults {
            seed: self.seed,
            delay: self.delay,
            fail_rate: self.fail_rate,
            hang_rate: self.hang_rate,
            drop_stream_every: self.drop_stream_every,
            silence: self.silence,
        })
    }
}

/// Serves until SIGINT or SIGTERM. A second one ends at once.
pub(crate) fn run(serve: Serve) -> anyhow::Result<()> {
    let options = serve.options()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("cannot start threads")?;
    let served = runtime.block_on(until_told(options));
    // What hangs on purpose is not waited for.
    runtime.shutdown_background();
    served
}

async fn until_told(options: Options) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let notes = notes(&options);
    let server = Server::bind(options).await?;
    announce(&server, &notes)?;
    let shutdown = CancellationToken::new();
    let mut running = tokio::spawn(server.run(shutdown.clone()));
    for _ in 0..2 {
        tokio::select! {
            ended = &mut running => return ended.context("the server ended by itself"),
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        shutdown.cancel();
    }
    Ok(())
}

/// What is worth knowing of what was asked for.
fn notes(options: &Options) -> Vec<String> {
    let mut notes = Vec::new();
    if !options.listen.ip().is_loopback() {
        notes.push(
            "others can reach this address: there is no authentication, and --allow-host NAME lets them in"
                .to_owned(),
        );
    }
    if options.faults != (Faults { seed: options.faults.seed, ..Faults::default() }) {
        notes.push(format!("things go wrong on purpose, drawn by --seed {}", options.faults.seed));
    }
    if let Some(path) = options.tls.as_ref().and_then(|tls| tls.keylog.as_ref()) {
        notes.push(format!("secrets go to {}: who has them reads the traffic", path.display()));
    }
    notes
}

/// Says on standard output where which transport is, a line each, and the rest on standard error.
fn announce(server: &Server, notes: &[String]) -> io::Result<()> {
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
    out.flush()?;
    let mut err = io::stderr().lock();
    for note in notes {
        writeln!(err, "mcpdump: {note}")?;
    }
    writeln!(err, "mcpdump: Ctrl-C ends")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_may_be_short() {
        for (text, full) in [
            ("3000", "127.0.0.1:3000"),
            ("localhost:1", "127.0.0.1:1"),
            ("[::1]:2", "[::1]:2"),
            ("0.0.0.0:0", "0.0.0.0:0"),
        ] {
            assert_eq!(address(text).unwrap(), full.parse().unwrap());
        }
        for wrong in ["", "host:1", "127.0.0.1", "70000"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn shares_are_between_none_and_all() {
        assert_eq!((share("0"), share("0.25"), share("1")), (Ok(0.0), Ok(0.25), Ok(1.0)));
        for wrong in ["-0.1", "1.1", "NaN", "10%"] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
    }
}
