//! Opens a session over the requested transport and revision.

use std::time::Duration;

use reqwest::{Certificate, Client, redirect};
use rmcp::model::ProtocolVersion;
use rmcp::service::{
    ClientInitializeError, ClientLifecycleMode, RunningService, serve_client_with_lifecycle,
};
use rmcp::transport::sink_stream::SinkStreamTransport;
use rmcp::transport::streamable_http_client::{
    StreamableHttpClientTransport, StreamableHttpClientTransportConfig, StreamableHttpError,
};
use rmcp::transport::worker::WorkerQuitReason;
use rmcp::{RoleClient, transport};

use super::answers::Answers;
use super::meter::{Metered, SessionMeter};
use super::options::{Error, Options, Target, Transport};
use super::sse;
use crate::base::with_causes;

/// Redirects to follow, all within the origin (such as `/mcp` to `/mcp/`).
const MAX_REDIRECTS: usize = 5;

/// Longest reason in a message, in characters. It may quote the server, which may send a page of
/// HTML.
const MAX_WHY: usize = 400;

/// An open session.
pub(super) type Session = RunningService<RoleClient, Answers>;

/// Returns an HTTP client with its own connections, restricted to the origin of `target`.
pub(super) fn http(target: &Target, options: &Options) -> Result<Client, Error> {
    let failed =
        |error: reqwest::Error| Error::Session { url: target.url.to_string(), why: with_causes(&error) };
    let same_origin = redirect::Policy::custom(|attempt| {
        let from = attempt.previous().last().map(reqwest::Url::origin);
        if attempt.previous().len() > MAX_REDIRECTS || from != Some(attempt.url().origin()) {
            attempt.stop()
        } else {
            attempt.follow()
        }
    });
    // Plain http never uses TLS, redirects stay on the origin: skips loading the system's
    // certificates.
    let any_certificate = options.insecure || target.url.scheme() == "http";
    let mut builder = Client::builder()
        .user_agent(concat!("mcpdump/", env!("CARGO_PKG_VERSION")))
        .redirect(same_origin)
        .connect_timeout(options.timeout)
        .tls_danger_accept_invalid_certs(any_certificate);
    if is_loopback(target) {
        builder = builder.no_proxy();
    }
    if let (Some(host), Some(address)) = (target.url.host_str(), target.address) {
        builder = builder.resolve(host, address);
    }
    if let Some(pem) = &options.certificates {
        builder = builder.tls_certs_only(Certificate::from_pem_bundle(pem.as_bytes()).map_err(failed)?);
    }
    builder.build().map_err(failed)
}

/// Parses the revision of a target.
///
/// # Errors
/// The revision is unknown.
pub(super) fn revision(target: &Target) -> Result<Option<ProtocolVersion>, Error> {
    let Some(wanted) = &target.revision else {
        return Ok(None);
    };
    let known = ProtocolVersion::KNOWN_VERSIONS;
    let revision = known.iter().find(|known| known.as_str() == wanted).cloned();
    let unknown = || {
        let known: Vec<_> = known.iter().map(ProtocolVersion::as_str).collect();
        Error::Options(format!("unknown revision {wanted}; known are {}", known.join(", ")))
    };
    revision.ok_or_else(unknown).map(Some)
}

/// Parameters for opening a session.
pub(super) struct Opening<'a> {
    pub(super) http: &'a Client,
    pub(super) target: &'a Target,
    pub(super) revision: Option<ProtocolVersion>,
    pub(super) timeout: Duration,
    /// Client name sent to the server.
    pub(super) name: String,
    /// Seed of its answers.
    pub(super) seed: u64,
    /// Whether it sometimes leaves a request unanswered.
    pub(super) is_lively: bool,
}

impl Opening<'_> {
    /// Opens a session.
    ///
    /// # Errors
    /// No connection, no MCP server, or no answer within the time limit.
    pub(super) async fn session(&self, meter: &SessionMeter) -> Result<Session, Error> {
        let opened = match self.target.transport {
            Transport::Streamable => self.streamable(meter).await,
            Transport::Sse => self.sse(meter).await,
            Transport::Auto => {
                meter.begin_trial();
                let opened = self.streamable(meter).await;
                meter.end_trial(opened.is_ok());
                match opened {
                    Err(Failure::Other(first)) => self.sse(meter).await.map_err(|second| match second {
                        Failure::Other(second) => {
                            Failure::Other(format!("Streamable HTTP: {first}; HTTP+SSE: {second}"))
                        }
                        unreachable => unreachable,
                    }),
                    opened => opened,
                }
            }
        };
        let url = || self.target.url.to_string();
        opened.inspect(|_| meter.opened()).map_err(|failure| {
            meter.ended();
            match failure {
                Failure::Unreachable(why) => Error::Unreachable { url: url(), why },
                Failure::Other(why) => Error::Session { url: url(), why: self.with_hint(why) },
            }
        })
    }

    /// Adds what is likely wrong with the URL.
    fn with_hint(&self, why: String) -> String {
        let url = &self.target.url;
        let host = url.host_str().unwrap_or_default();
        let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
        if url.path() == "/" && why.contains("404") {
            return format!("{why}; name the path, as in {}://{host}{port}/mcp", url.scheme());
        }
        // A TLS alert in place of a status line.
        if url.scheme() == "http" && why.contains("invalid HTTP version") {
            return format!("{why}; the server may speak HTTPS: https://{host}{port}{}", url.path());
        }
        why
    }

    async fn streamable(&self, meter: &SessionMeter) -> Result<Session, Failure> {
        let newest = ProtocolVersion::LATEST_WITH_INITIALIZE;
        let lifecycle = match &self.revision {
            Some(revision) if revision.has_initialize() => ClientLifecycleMode::Initialize,
            Some(revision) => ClientLifecycleMode::Discover { preferred_versions: vec![revision.clone()] },
            None => ClientLifecycleMode::Auto {
                preferred_versions: vec![ProtocolVersion::LATEST],
                legacy_version: Some(newest.clone()),
            },
        };
        let answers = self.answers(self.revision.clone().unwrap_or(newest));
        let config = StreamableHttpClientTransportConfig::with_uri(self.target.url.as_str());
        let inner = StreamableHttpClientTransport::with_client(self.http.clone(), config);
        self.serve(answers, Metered { inner, meter: meter.clone() }, lifecycle).await
    }

    async fn sse(&self, meter: &SessionMeter) -> Result<Session, Failure> {
        let (sink, stream) = sse::connect(self.http, &self.target.url, self.timeout).await?;
        let revision = self.revision.clone().unwrap_or(ProtocolVersion::LATEST_WITH_INITIALIZE);
        let inner = SinkStreamTransport::new(sink, stream);
        let metered = Metered { inner, meter: meter.clone() };
        self.serve(self.answers(revision), metered, ClientLifecycleMode::Initialize).await
    }

    fn answers(&self, revision: ProtocolVersion) -> Answers {
        Answers::new(self.name.clone(), revision, self.seed, self.is_lively)
    }

    async fn serve<T: transport::Transport<RoleClient> + 'static>(
        &self,
        answers: Answers,
        transport: Metered<T>,
        lifecycle: ClientLifecycleMode,
    ) -> Result<Session, Failure> {
        let opening = serve_client_with_lifecycle(answers, transport, lifecycle);
        match tokio::time::timeout(self.timeout, opening).await {
            Ok(opened) => Ok(opened?),
            Err(_) => Err(Failure::Other(format!("no answer within {:?}", self.timeout))),
        }
    }
}

/// Why no session could be opened.
#[derive(Debug)]
enum Failure {
    /// No connection: another transport would fail too.
    Unreachable(String),
    Other(String),
}

impl From<sse::Error> for Failure {
    fn from(error: sse::Error) -> Self {
        let why = error.to_string();
        match error {
            sse::Error::Http(error) if error.is_connect() => Self::Unreachable(root_cause(&error)),
            _ => Self::Other(why),
        }
    }
}

impl From<ClientInitializeError> for Failure {
    fn from(error: ClientInitializeError) -> Self {
        match http_error(&error) {
            Some(http) if http.is_connect() => Self::Unreachable(root_cause(http)),
            Some(http) => Self::Other(with_causes(http)),
            None => Self::Other(reason(&error)),
        }
    }
}

/// Returns the reason on one line, without rmcp's names for its parts. If rmcp tried two ways of
/// opening a session, this is the reason of the second: its own text says only that both failed.
fn reason(error: &ClientInitializeError) -> String {
    let text = match error {
        ClientInitializeError::LegacyFallbackFailed { fallback, .. } => return reason(fallback),
        ClientInitializeError::TransportError { error, .. } => with_causes(error.error.as_ref()),
        error => with_causes(error),
    };
    // Line breaks from the server must not look like lines of the program.
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(MAX_WHY).collect()
}

/// Returns the innermost error of a failed connection: the others repeat the URL. A certificate
/// that is not trusted has a remedy.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let why = cause.to_string();
    if why.contains("certificate") {
        format!("{why}; --insecure accepts any certificate, such as a self-signed one")
    } else {
        why
    }
}

/// Returns the HTTP error behind a failure, if any. rmcp does not expose it as `source`.
fn http_error(error: &ClientInitializeError) -> Option<&reqwest::Error> {
    type Http = StreamableHttpError<reqwest::Error>;
    let error = match error {
        ClientInitializeError::TransportError { error, .. } => &error.error,
        ClientInitializeError::LegacyFallbackFailed { fallback, .. } => return http_error(fallback),
        _ => return None,
    };
    let quit = error.downcast_ref::<WorkerQuitReason<Http>>();
    let error = match quit {
        Some(WorkerQuitReason::Fatal { error, .. }) => Some(error),
        _ => error.downcast_ref::<Http>(),
    };
    match error {
        Some(StreamableHttpError::Client(error)) => Some(error),
        _ => None,
    }
}

/// Whether the server is on this machine, where no proxy is used.
fn is_loopback(target: &Target) -> bool {
    let host = target.url.host_str().unwrap_or_default();
    // IPv6 addresses are in brackets (RFC 3986 section 3.2.2).
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    match address {
        Ok(address) => address.is_loopback(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}
