//! Where telemetry goes, and how: an option of the command line and the variables of OpenTelemetry.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::environment::{Environment, pairs};
use super::error::Error;
use crate::export::otlp::{Encoding, Signal};

/// Time limit of one request (OpenTelemetry, `OTEL_EXPORTER_OTLP_TIMEOUT`).
const TIMEOUT: Duration = Duration::from_secs(10);

/// How long a request is tried, if it is not said.
const RETRY_FOR: Duration = Duration::from_secs(300);

/// Where one signal goes, and how.
#[derive(Clone)]
pub struct Target {
    /// The signal.
    pub signal: Signal,
    /// The URL that requests are sent to.
    pub url: Url,
    /// Header fields of each request. They hold credentials.
    pub headers: HeaderMap,
    /// The encoding.
    pub encoding: Encoding,
    /// Whether requests are compressed with gzip.
    pub is_compressed: bool,
    /// Time limit of one request.
    pub timeout: Duration,
}

impl Target {
    /// Returns the URL for messages, without what may be a credential.
    #[must_use]
    pub fn name(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        let port = self.url.port().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{host}{port}{}", self.url.scheme(), self.url.path())
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("signal", &self.signal)
            .field("url", &self.name())
            .finish_non_exhaustive()
    }
}

/// Where telemetry goes, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// One for each signal that is sent.
    pub targets: Vec<Target>,
    /// A file with the certificates that are trusted, in PEM; `None` for those of the system.
    pub certificates: Option<PathBuf>,
    /// Files with the client's certificate and its key, in PEM; `None` if it shows none.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// How long a request is sent again before it is dropped.
    pub retry_for: Duration,
    /// The first and the longest time between attempts.
    pub backoff: (Duration, Duration),
    /// How long messages wait for more of them.
    pub patience: Duration,
    /// How long everything is tried after a live capture has ended.
    pub last_words: Duration,
}

impl Options {
    /// Reads the options: `endpoint` is that of all signals and goes before the variables; `None`
    /// if the variables name no endpoint either.
    ///
    /// # Errors
    /// An option or a variable is wrong, or asks for something that is not supported.
    pub fn new(endpoint: Option<&str>, environment: &Environment<'_>) -> Result<Option<Self>, Error> {
        let mut targets = Vec::new();
        for signal in Signal::ALL {
            let off = format!("OTEL_{}_EXPORTER", signal.name().to_uppercase());
            if environment.get(&off).is_some_and(|exporter| exporter.trim() == "none") {
                continue;
            }
            if let Some(url) = url(signal, endpoint, environment)? {
                targets.push(target(signal, url, environment)?);
            }
        }
        if targets.is_empty() {
            return match endpoint {
                Some(_) => {
                    Err(Error("OTEL_TRACES_EXPORTER and its siblings leave nothing to send".to_owned()))
                }
                None => Ok(None),
            };
        }
        let file = |name: &str| environment.get(&format!("OTEL_EXPORTER_OTLP_{name}")).map(PathBuf::from);
        let identity = match (file("CLIENT_CERTIFICATE"), file("CLIENT_KEY")) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => {
                return Err(Error(
                    "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY: set both, or none"
                        .to_owned(),
                ));
            }
        };
        Ok(Some(Self {
            targets,
            certificates: file("CERTIFICATE"),
            identity,
            retry_for: RETRY_FOR,
            backoff: (Duration::from_secs(1), Duration::from_secs(30)),
            patience: Duration::from_secs(1),
            last_words: Duration::from_secs(10),
        }))
    }
}

/// Returns the URL of a signal: its own variable, else the common endpoint with the signal's path.
fn url(signal: Signal, endpoint: Option<&str>, environment: &Environment<'_>) -> Result<Option<Url>, Error> {
    let own = format!("OTEL_EXPORTER_OTLP_{}_ENDPOINT", signal.name().to_uppercase());
    let (text, from, is_base) = match (endpoint, environment.get(&own)) {
        (Some(endpoint), _) => (endpoint.to_owned(), "--endpoint".to_owned(), true),
        (None, Some(url)) => (url, own, false),
        (None, None) => match environment.get("OTEL_EXPORTER_OTLP_ENDPOINT") {
            Some(url) => (url, "OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), true),
            None => return Ok(None),
        },
    };
    // The text may hold a password.
    let wrong = || Error(format!("{from}: is no URL of http or https, as in http://localhost:4318"));
    let mut url = Url::parse(text.trim()).map_err(|_| wrong())?;
    if !["http", "https"].contains(&url.scheme()) || url.host_str().is_none_or(str::is_empty) {
        return Err(wrong());
    }
    if is_base {
        let path = format!("{}/v1/{}", url.path().trim_end_matches('/'), signal.name());
        url.set_path(&path);
    }
    Ok(Some(url))
}

fn target(signal: Signal, url: Url, environment: &Environment<'_>) -> Result<Target, Error> {
    let of = |name: &str| environment.of_signal(signal, name);
    let encoding = match of("PROTOCOL") {
        None => Encoding::Protobuf,
        Some((protocol, variable)) => match protocol.trim() {
            "http/protobuf" => Encoding::Protobuf,
            "http/json" => Encoding::Json,
            _ => {
                return Err(Error(format!(
                    "{variable}: {protocol:?} is not supported: http/protobuf and http/json are"
                )));
            }
        },
    };
    let is_compressed = match of("COMPRESSION") {
        None => true,
        Some((compression, variable)) => match compression.trim() {
            "gzip" => true,
            "none" => false,
            _ => {
                return Err(Error(format!(
                    "{variable}: {compression:?} is not supported: gzip and none are"
                )));
            }
        },
    };
    let timeout = match of("TIMEOUT") {
        None => TIMEOUT,
        Some((milliseconds, variable)) => match milliseconds.trim().parse::<u32>() {
            Ok(milliseconds) if milliseconds > 0 => Duration::from_millis(milliseconds.into()),
            _ => return Err(Error(format!("{variable}: {milliseconds:?} is no number of milliseconds"))),
        },
    };
    let mut headers = HeaderMap::new();
    if let Some((list, variable)) = of("HEADERS") {
        // Neither name nor value is shown: a list that is spelled wrongly may be a credential.
        let wrong = || Error(format!("{variable}: is no list of header fields, as in key=value,key2=value2"));
        for (name, value) in pairs(&list).ok_or_else(wrong)? {
            let name = HeaderName::try_from(name).map_err(|_| wrong())?;
            let mut value = HeaderValue::try_from(value).map_err(|_| wrong())?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
    }
    Ok(Target { signal, url, headers, encoding, is_compressed, timeout })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(endpoint: Option<&str>, variables: &[(&str, &str)]) -> Result<Option<Options>, Error> {
        let find = |name: &str| {
            let name = name.strip_prefix("OTEL_").unwrap();
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Options::new(endpoint, &Environment(&find))
    }

    fn urls(endpoint: Option<&str>, variables: &[(&str, &str)]) -> Vec<String> {
        let targets =
            options(endpoint, variables).unwrap().map(|options| options.targets).unwrap_or_default();
        targets.iter().map(Target::name).collect()
    }

    #[test]
    fn each_signal_has_a_url() {
        let all = ["traces", "metrics", "logs"].map(|signal| format!("http://a:4318/v1/{signal}"));
        assert_eq!(urls(Some("http://a:4318"), &[("EXPORTER_OTLP_ENDPOINT", "http://b")]), all);
        assert_eq!(urls(None, &[("EXPORTER_OTLP_ENDPOINT", "http://a:4318/")]), all);
        assert_eq!(urls(None, &[]), [""; 0]);
        let own = ("EXPORTER_OTLP_TRACES_ENDPOINT", "https://user:pass@c/x?token=1");
        assert_eq!(urls(None, &[own]), ["https://c/x"]);
        assert_eq!(
            urls(None, &[own, ("EXPORTER_OTLP_ENDPOINT", "http://b/otlp"), ("LOGS_EXPORTER", "none")]),
            ["https://c/x", "http://b/otlp/v1/metrics"]
        );
    }

    #[test]
    fn a_variable_of_a_signal_goes_before_the_shared_one() {
        let options = options(
            Some("http://a"),
            &[
                ("EXPORTER_OTLP_HEADERS", "api-key=1"),
                ("EXPORTER_OTLP_LOGS_HEADERS", "api-key=2"),
                ("EXPORTER_OTLP_PROTOCOL", "http/json"),
                ("EXPORTER_OTLP_METRICS_COMPRESSION", "none"),
                ("EXPORTER_OTLP_METRICS_TIMEOUT", "250"),
            ],
        );
        let targets = options.unwrap().unwrap().targets;
        let keys: Vec<_> = targets.iter().map(|it| it.headers["api-key"].to_str().unwrap()).collect();
        assert_eq!(keys, ["1", "1", "2"]);
        assert!(targets.iter().all(|it| it.encoding == Encoding::Json));
        assert_eq!(targets.iter().map(|it| it.is_compressed).collect::<Vec<_>>(), [true, false, true]);
        assert_eq!(targets[1].timeout, Duration::from_millis(250));
        assert_eq!(targets[0].timeout, TIMEOUT);
    }

    /// What may be a credential is in no message.
    #[test]
    fn what_is_wrong_is_named_without_secrets() {
        for (endpoint, variable) in [
            ("http://a", ("EXPORTER_OTLP_HEADERS", "hunter2")),
            ("http://a", ("EXPORTER_OTLP_HEADERS", "key=hunter2%0a")),
            ("http://a", ("EXPORTER_OTLP_HEADERS", "a hunter2=1")),
            ("localhost:4318/hunter2", ("X", "")),
            ("ftp://user:hunter2@a", ("X", "")),
            ("http://", ("X", "")),
            ("http://a", ("EXPORTER_OTLP_PROTOCOL", "grpc")),
            ("http://a", ("EXPORTER_OTLP_COMPRESSION", "zstd")),
            ("http://a", ("EXPORTER_OTLP_TIMEOUT", "soon")),
            ("http://a", ("EXPORTER_OTLP_CLIENT_KEY", "a.pem")),
        ] {
            let error = options(Some(endpoint), &[variable]).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
            assert!(error.contains("--endpoint") || error.contains(variable.0), "{error}");
        }
        let secret = options(Some("http://u:hunter2@a"), &[("EXPORTER_OTLP_HEADERS", "k=hunter2")]);
        assert!(!format!("{secret:?}").contains("hunter2"), "{secret:?}");
    }
}
