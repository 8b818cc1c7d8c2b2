//! Arguments of `mcpdump serve`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint};

use crate::cli::messages;
use crate::serve::{
    CertificateFiles, Delay, Faults, LiveOptions, Options, Reporter, StoriesOptions, TlsOptions, duration,
};

/// `mcpdump serve`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Address to listen on: ADDRESS:PORT, or a port of 127.0.0.1; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3000", value_parser = address)]
    listen: SocketAddr,
    /// Answer with JSON instead of an event stream (Streamable HTTP), unless more than the response
    /// is sent
    #[arg(long)]
    json: bool,
    /// Source of the stories: a snapshot built into the program, or the Hacker News API
    #[arg(long, value_enum, default_value_t = StoriesChoice::Snapshot)]
    stories: StoriesChoice,
    /// Base URL for --stories live, without a trailing slash
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    stories_url: Option<String>,
    /// Add the tools, resources and prompts of the MCP conformance suite: every feature of the
    /// protocol
    #[arg(long)]
    everything: bool,
    /// Also accept requests with this Host (NAME or NAME:PORT; can be repeated)
    #[arg(long, value_name = "HOST")]
    allow_host: Vec<String>,
    /// Also accept web pages of this origin (SCHEME://HOST or SCHEME://HOST:PORT; can be repeated)
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<String>,
    /// Print a line per request on standard error: client, method, path, JSON-RPC method, status,
    /// time to the response
    #[arg(short, long)]
    verbose: bool,
    #[command(flatten)]
    faults: FaultArguments,
    /// Serve HTTPS, with a self-signed certificate that is generated at start unless --cert names
    /// one
    #[arg(long, help_heading = "TLS")]
    tls: bool,
    /// Certificate of the server and those that certify it (PEM)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires_all = ["tls", "key"])]
    #[arg(help_heading = "TLS")]
    cert: Option<PathBuf>,
    /// Private key of --cert (PEM)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "cert")]
    #[arg(help_heading = "TLS")]
    key: Option<PathBuf>,
    /// Append the TLS secrets to this file (mode 0600), so that mcpdump and Wireshark can decrypt
    /// the traffic
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "tls", help_heading = "TLS")]
    tls_keylog: Option<PathBuf>,
}

/// Faults that the server injects.
#[derive(Debug, Args)]
#[command(next_help_heading = "Fault injection")]
struct FaultArguments {
    /// Delay each response: a time, or a range to draw from, as in 5ms..80ms
    #[arg(long, value_name = "TIME[..TIME]")]
    delay: Option<Delay>,
    /// Fail this share of the requests (0 to 1): tool errors, JSON-RPC errors and HTTP 500, a third
    /// each
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share, hide_default_value = true)]
    fail_rate: f64,
    /// Never answer this share of the requests (0 to 1): half of them with an open stream, half
    /// without
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share, hide_default_value = true)]
    hang_rate: f64,
    /// Cut the stream of every Nth request before its response, alternately with FIN and RST
    #[arg(long, value_name = "N")]
    drop_stream_every: Option<NonZeroU64>,
    /// Send nothing on a stream, not even comments, for this time after each event
    #[arg(long, value_name = "TIME", value_parser = duration)]
    silence: Option<Duration>,
    /// Seed of the faults: the same seed and the same requests meet the same faults
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,
}

/// The values of `--stories`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum StoriesChoice {
    Snapshot,
    Live,
}

/// Parses `127.0.0.1:3000`, `[::1]:3000`, `localhost:3000` or `3000`.
fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.parse() {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    let text = text.strip_prefix("localhost:").map_or(text.to_owned(), |port| format!("127.0.0.1:{port}"));
    text.parse().map_err(|_| "write 127.0.0.1:3000, [::1]:3000, 0.0.0.0:3000 or 3000".to_owned())
}

/// Parses a number from 0 to 1.
fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "write a number from 0 to 1, as in 0.1".to_owned())
}

impl Serve {
    /// Options of the server.
    ///
    /// # Errors
    /// Options contradict each other.
    pub(crate) fn options(self) -> anyhow::Result<Options> {
        let stories = match (self.stories, self.stories_url) {
            (StoriesChoice::Snapshot, None) => StoriesOptions::Snapshot,
            (StoriesChoice::Snapshot, Some(_)) => anyhow::bail!("--stories-url needs --stories live"),
            (StoriesChoice::Live, None) => StoriesOptions::Live(LiveOptions::default()),
            (StoriesChoice::Live, Some(base_url)) => {
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
            tls: self.tls.then(|| {
                let files = self.cert.zip(self.key).map(|(chain, key)| CertificateFiles { chain, key });
                TlsOptions { certificate: files, keylog: self.tls_keylog }
            }),
            allowed_hosts: self.allow_host,
            allowed_origins: self.allow_origin,
            reporter: Reporter::new(messages::error),
            request_log: if self.verbose { Reporter::new(messages::status) } else { Reporter::default() },
            ..Options::default()
        })
    }
}

impl FaultArguments {
    fn faults(self) -> anyhow::Result<Faults> {
        if self.fail_rate + self.hang_rate > 1.0 {
            anyhow::bail!("--fail-rate and --hang-rate add up to more than 1");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_a_port() {
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
    fn a_share_is_between_0_and_1() {
        assert_eq!((share("0"), share("0.25"), share("1")), (Ok(0.0), Ok(0.25), Ok(1.0)));
        for wrong in ["-0.1", "1.1", "NaN", "10%"] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
    }
}
