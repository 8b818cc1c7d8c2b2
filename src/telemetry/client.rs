//! One request to a collector.

use std::fs;
use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Certificate, Client, Identity, redirect};
use tokio::runtime::{Builder, Runtime};

use super::answer::{PartialSuccess, reason, retry_after};
use super::error::Error;
use super::options::{Options, Target};
use crate::base::with_causes;

/// The part of an answer that is read, in bytes.
const MAX_ANSWER: usize = 64 << 10;

/// What came of a request.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The collector took it, except for what it says.
    Taken(PartialSuccess),
    /// It may take it later, after this time if it says one.
    Later { why: String, after: Option<Duration> },
    /// It will not take it.
    Refused { why: String },
}

/// Sends requests, one at a time.
pub(super) struct Requester {
    runtime: Runtime,
    client: Client,
}

impl Requester {
    /// Creates a client. It reads certificates.
    ///
    /// # Errors
    /// A certificate cannot be read.
    pub(super) fn new(options: &Options) -> Result<Self, Error> {
        // Fails if there is one already, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let uses_tls = options.targets.iter().any(|target| target.url.scheme() == "https");
        let mut builder = Client::builder()
            .user_agent(concat!("mcpdump/", env!("CARGO_PKG_VERSION")))
            // A redirect could lead what is sent, and credentials, to another host.
            .redirect(redirect::Policy::none())
            // Skips loading the system's certificates. Nothing is sent by https then.
            .tls_danger_accept_invalid_certs(!uses_tls);
        if options.targets.iter().all(is_loopback) {
            builder = builder.no_proxy();
        }
        let read = |path: &std::path::Path| {
            fs::read(path).map_err(|error| Error(format!("{}: cannot be read: {error}", path.display())))
        };
        if let Some(path) = &options.certificates {
            let wrong = |_| Error(format!("{}: holds no certificates in PEM", path.display()));
            builder = builder.tls_certs_only(Certificate::from_pem_bundle(&read(path)?).map_err(wrong)?);
        }
        if let Some((certificate, key)) = &options.identity {
            let mut pem = read(certificate)?;
            pem.push(b'\n');
            pem.extend(read(key)?);
            let wrong = |_| {
                Error(format!(
                    "{} and {}: are no certificate and key in PEM",
                    certificate.display(),
                    key.display()
                ))
            };
            builder = builder.identity(Identity::from_pem(&pem).map_err(wrong)?);
        }
        let client =
            builder.build().map_err(|error| Error(format!("no HTTP client: {}", with_causes(&error))))?;
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error(format!("no HTTP client: {error}")))?;
        Ok(Self { runtime, client })
    }

    /// Sends a request and reads the answer.
    pub(super) fn send(&self, target: &Target, body: &[u8], limit: Duration) -> Outcome {
        self.runtime.block_on(self.exchange(target, body, limit))
    }

    async fn exchange(&self, target: &Target, body: &[u8], limit: Duration) -> Outcome {
        let mut request = self
            .client
            .post(target.url.clone())
            .headers(target.headers.clone())
            .header(CONTENT_TYPE, target.encoding.media_type())
            .timeout(target.timeout.min(limit));
        let compressed = if target.is_compressed { compressed(body) } else { None };
        if compressed.is_some() {
            request = request.header(CONTENT_ENCODING, "gzip");
        }
        let request = request.body(compressed.unwrap_or_else(|| body.to_vec()));
        let mut answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => return Outcome::Later { why: with_causes(&error.without_url()), after: None },
        };
        let status = answer.status();
        let after = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let after = after.and_then(|value| retry_after(value, now()));
        let mut text = Vec::new();
        while let Ok(Some(chunk)) = answer.chunk().await {
            let room = MAX_ANSWER - text.len();
            text.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
            if text.len() >= MAX_ANSWER {
                break;
            }
        }
        if status.is_success() {
            return Outcome::Taken(PartialSuccess::read(&text, target.encoding));
        }
        let why = match reason(&text, target.encoding) {
            why if why.is_empty() => format!("HTTP status {status}"),
            why => format!("HTTP status {status}: {why}"),
        };
        // OTLP/HTTP, "Retryable Response Codes".
        match status.as_u16() {
            429 | 502 | 503 | 504 => Outcome::Later { why, after },
            _ => Outcome::Refused { why },
        }
    }
}

fn is_loopback(target: &Target) -> bool {
    target.url.host_str().is_some_and(|host| {
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    })
}

/// Compresses a body; `None` if that fails.
fn compressed(body: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body).ok()?;
    encoder.finish().ok()
}

/// Seconds since the epoch, which dates in answers are compared with.
#[expect(clippy::disallowed_methods, reason = "a collector may name the date after which to send again")]
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
