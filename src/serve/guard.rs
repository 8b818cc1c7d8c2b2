//! Checks the Host and Origin of requests.
//!
//! A web page in a browser on this machine can reach a server on loopback; with DNS rebinding it
//! can even read the answers, because its host name then resolves to 127.0.0.1. Its requests name
//! that host in `Host` and the page in `Origin`: both must be allowed (MCP 2025-03-26 to
//! 2026-07-28, Transports, Security Warning).

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use axum::http::{HeaderMap, StatusCode, Uri, header, uri::Authority};

use super::error::Error;
use super::options::Options;
use super::reporter::Reporter;

/// Names that always mean this machine.
const LOCAL: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Allowed hosts and origins.
#[derive(Debug)]
pub(super) struct Guard {
    hosts: Vec<Host>,
    origins: Vec<String>,
    /// Whether the server speaks HTTPS. Pages of an allowed host may come by either.
    is_tls: bool,
    /// Hosts that were refused and reported.
    refused: Mutex<BTreeSet<String>>,
    reporter: Reporter,
}

/// Most refused hosts that are reported.
const REPORTED: usize = 8;

/// Longest refused host that is reported, in bytes: that of a DNS name.
const REPORTED_LEN: usize = 255;

/// An allowed host.
#[derive(Debug, PartialEq, Eq)]
struct Host {
    /// Lower case; an IPv6 address in brackets.
    name: String,
    /// `None` allows any port.
    port: Option<u16>,
}

impl Guard {
    /// Allows the names of this machine and the listening address with the port of the server, and
    /// the hosts and origins given. Hosts that are refused are reported.
    ///
    /// # Errors
    ///
    /// A given host or origin is invalid and could never match.
    pub(super) fn new(listen: SocketAddr, options: &Options) -> Result<Self, Error> {
        let port = Some(listen.port());
        let Options { allowed_hosts: hosts, allowed_origins: origins, .. } = options;
        let mut allowed: Vec<Host> =
            LOCAL.iter().map(|name| Host { name: (*name).to_owned(), port }).collect();
        if !listen.ip().is_unspecified() {
            let name = SocketAddr::new(listen.ip(), 0).to_string();
            allowed.push(Host { name: name.trim_end_matches(":0").to_owned(), port });
        }
        for host in hosts {
            allowed.push(Host::parse(host).ok_or_else(|| Error::Host(host.clone()))?);
        }
        let written = |text: &String| origin(text).ok_or_else(|| Error::Origin(text.clone()));
        let origins = origins.iter().map(written).collect::<Result<_, _>>()?;
        Ok(Self {
            hosts: allowed,
            origins,
            is_tls: options.tls.is_some(),
            refused: Mutex::default(),
            reporter: options.reporter.clone(),
        })
    }

    /// Checks a request.
    ///
    /// # Errors
    ///
    /// `400` if the `Host` that HTTP/1.1 requires is missing or repeated (RFC 9112 section 3.2),
    /// `403` if the host or origin is not allowed.
    pub(super) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), (StatusCode, &'static str)> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = match (hosts.next(), hosts.next(), uri.authority()) {
            (Some(host), None, _) => host.to_str().ok().and_then(Host::parse),
            (None, _, Some(authority)) => Host::parse(authority.as_str()),
            (Some(_), Some(_), _) => return Err((StatusCode::BAD_REQUEST, "more than one Host")),
            (None, _, None) => return Err((StatusCode::BAD_REQUEST, "no Host")),
        };
        let default = if self.is_tls { 443 } else { 80 };
        if !host.as_ref().is_some_and(|host| self.allows_host(host, default)) {
            self.report(host.as_ref());
            return Err((
                StatusCode::FORBIDDEN,
                "this Host is not allowed: start the server with --allow-host",
            ));
        }
        let origins = headers.get_all(header::ORIGIN).iter();
        if !origins.map(|origin| origin.to_str().unwrap_or_default()).all(|origin| self.allows_origin(origin))
        {
            return Err((
                StatusCode::FORBIDDEN,
                "this Origin is not allowed: start the server with --allow-origin",
            ));
        }
        Ok(())
    }

    /// Whether a host is allowed; `default` is its port if it names none (RFC 9110 section 4.2).
    fn allows_host(&self, host: &Host, default: u16) -> bool {
        let port = host.port.unwrap_or(default);
        self.hosts.iter().any(|known| known.name == host.name && known.port.is_none_or(|known| known == port))
    }

    /// Reports a refused host, once.
    fn report(&self, host: Option<&Host>) {
        let Some(host) = host.map(Host::to_string).filter(|host| host.len() <= REPORTED_LEN) else {
            return;
        };
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.len() < REPORTED && refused.insert(host.clone()) {
            let end = if refused.len() == REPORTED { "; further hosts are not reported" } else { "" };
            self.reporter.report(&format!(
                "a request for Host {host} was refused: if it is yours, add --allow-host {host}{end}"
            ));
        }
    }

    /// Whether pages of this origin may call: `scheme://host[:port]`, or `null` for a page without
    /// an origin (RFC 6454 section 6).
    fn allows_origin(&self, origin: &str) -> bool {
        let origin = origin.to_ascii_lowercase();
        if self.origins.contains(&origin) {
            return true;
        }
        let (host, default) = match (origin.strip_prefix("http://"), origin.strip_prefix("https://")) {
            (Some(host), _) => (host, 80),
            (_, Some(host)) => (host, 443),
            (None, None) => return false,
        };
        Host::parse(host).is_some_and(|host| self.allows_host(&host, default))
    }
}

/// Normalizes an origin to the form that browsers send (RFC 6454 section 6.2): `null`, or scheme
/// and host in lower case without a path. `None` if `text` is not an origin.
fn origin(text: &str) -> Option<String> {
    let origin = text.trim_end_matches('/').to_ascii_lowercase();
    let is_one = origin.split_once("://").is_some_and(|(scheme, host)| {
        scheme.starts_with(|first: char| first.is_ascii_lowercase()) && Host::parse(host).is_some()
    });
    (is_one || origin == "null").then_some(origin)
}

impl Host {
    /// Parses `host`, `host:port` or `[v6]:port`; `None` if invalid.
    fn parse(text: &str) -> Option<Self> {
        let authority: Authority = text.parse().ok()?;
        if authority.as_str().contains('@') {
            return None;
        }
        let name = authority.host().trim_end_matches('.').to_ascii_lowercase();
        // A port that is no number is not the same as none.
        let port = match authority.port() {
            Some(port) => Some(port.as_str().parse().ok()?),
            None if authority.as_str().ends_with(':') => return None,
            None => None,
        };
        (!name.is_empty()).then_some(Self { name, port })
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(listen: &str, hosts: &[&str], origins: &[&str]) -> Result<Guard, Error> {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let options =
            Options { allowed_hosts: owned(hosts), allowed_origins: owned(origins), ..Options::default() };
        Guard::new(listen.parse().unwrap(), &options)
    }

    fn guard() -> Guard {
        let hosts = ["mcp.example:8443", "any.example"];
        with("192.0.2.7:3000", &hosts, &["https://app.example", "null"]).unwrap()
    }

    fn status(headers: &[(header::HeaderName, &str)]) -> u16 {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value.parse().unwrap());
        }
        let answer = guard().check(&Uri::from_static("/mcp"), &map);
        answer.map_or_else(|(status, _)| status.as_u16(), |()| 200)
    }

    #[test]
    fn hosts_of_this_machine_and_given_hosts_are_allowed() {
        for host in ["localhost:3000", "LOCALHOST.:3000", "127.0.0.1:3000", "[::1]:3000", "192.0.2.7:3000"] {
            assert_eq!(status(&[(header::HOST, host)]), 200, "{host}");
        }
        for host in ["mcp.example:8443", "any.example", "any.example:7"] {
            assert_eq!(status(&[(header::HOST, host)]), 200, "{host}");
        }
    }

    #[test]
    fn other_hosts_are_refused() {
        for host in [
            "evil.example",
            "localhost.evil.example:3000",
            "mcp.example",
            "mcp.example:1",
            "127.0.0.2:3000",
            "",
        ] {
            assert_eq!(status(&[(header::HOST, host)]), 403, "{host}");
        }
        assert_eq!(status(&[(header::HOST, "localhost:3000@evil.example")]), 403);
        assert_eq!(status(&[]), 400);
        assert_eq!(status(&[(header::HOST, "localhost:3000"), (header::HOST, "evil.example")]), 400);
    }

    #[test]
    fn the_port_is_that_of_the_server() {
        for host in
            ["localhost", "localhost:", "localhost:80", "localhost:3001", "localhost:x", "[::1]:803000"]
        {
            assert_eq!(status(&[(header::HOST, host)]), 403, "{host}");
        }
        let allows = |listen: &str, host: &str, origin: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            headers.insert(header::ORIGIN, origin.parse().unwrap());
            with(listen, &[], &[]).unwrap().check(&Uri::from_static("/mcp"), &headers).is_ok()
        };
        assert!(allows("127.0.0.1:80", "localhost", "http://localhost"), "the default port");
        assert!(!allows("127.0.0.1:80", "localhost", "https://localhost"));
        assert!(allows("127.0.0.1:3000", "localhost:3000", "http://localhost:3000"));
        assert!(!allows("127.0.0.1:3000", "localhost:3000", "http://localhost:6274"));
        assert!(!allows("127.0.0.1:3000", "localhost:3000", "http://localhost"));
    }

    #[test]
    fn refused_hosts_are_reported_once_and_not_without_end() {
        let lines = std::sync::Arc::new(Mutex::new(Vec::new()));
        let to = std::sync::Arc::clone(&lines);
        let reporter = Reporter::new(move |line| to.lock().unwrap().push(line.to_owned()));
        let options = Options { reporter, ..Options::default() };
        let guard = Guard::new("0.0.0.0:3000".parse().unwrap(), &options).unwrap();
        for n in 0..100 {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, format!("h{}.example:3000", n / 2).parse().unwrap());
            assert!(guard.check(&Uri::from_static("/mcp"), &headers).is_err());
        }
        let lines = lines.lock().unwrap();
        assert_eq!(lines.len(), REPORTED);
        assert!(lines[0].contains("add --allow-host h0.example:3000"), "{lines:?}");
    }

    #[test]
    fn origins_of_allowed_hosts_and_given_origins_are_allowed() {
        let with = |origin| status(&[(header::HOST, "localhost:3000"), (header::ORIGIN, origin)]);
        for origin in [
            "http://localhost:3000",
            "https://127.0.0.1:3000",
            "https://any.example",
            "https://app.example",
            "null",
        ] {
            assert_eq!(with(origin), 200, "{origin}");
        }
        for origin in ["http://evil.example", "http://app.example", "https://app.example:1", "file://", ""] {
            assert_eq!(with(origin), 403, "{origin}");
        }
    }

    #[test]
    fn the_unspecified_address_is_not_a_host_name() {
        let guard = with("0.0.0.0:3000", &[], &[]).unwrap();
        assert!(!guard.allows_host(&Host { name: "0.0.0.0".to_owned(), port: Some(3000) }, 80));
    }

    #[test]
    fn invalid_hosts_and_origins_are_refused() {
        let listen = "127.0.0.1:3000";
        for host in ["http://a.example", "a.example/", "user@a.example", "a b", "::1", ""] {
            let refused = with(listen, &[host], &[]);
            assert!(matches!(refused, Err(Error::Host(named)) if named == host), "{host}");
        }
        for origin in ["a.example", "https://", "://a.example", "https://a.example/page", ""] {
            let refused = with(listen, &[], &[origin]);
            assert!(matches!(refused, Err(Error::Origin(named)) if named == origin), "{origin}");
        }
        assert_eq!(origin("HTTPS://App.example/").as_deref(), Some("https://app.example"));
        assert_eq!(origin("vscode-webview://1a2b").as_deref(), Some("vscode-webview://1a2b"));
    }
}
