//! Checks the Host and Origin of requests.
//!
//! A web page in a browser on this machine can reach a server on loopback; with DNS rebinding it
//! can even read the answers, because its host name then resolves to 127.0.0.1. Its requests name
//! that host in `Host` and the page in `Origin`: both must be allowed (MCP 2025-03-26 to
//! 2026-07-28, Transports, Security Warning).

use std::net::SocketAddr;

use axum::http::{HeaderMap, StatusCode, Uri, header, uri::Authority};

use super::error::Error;

/// Names that always mean this machine.
const LOCAL: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Allowed hosts and origins.
#[derive(Debug)]
pub(super) struct Guard {
    hosts: Vec<Host>,
    origins: Vec<String>,
}

/// An allowed host.
#[derive(Debug, PartialEq, Eq)]
struct Host {
    /// Lower case; an IPv6 address in brackets.
    name: String,
    /// `None` allows any port.
    port: Option<u16>,
}

impl Guard {
    /// Allows the names of this machine, the listening address, and the hosts and origins given.
    ///
    /// # Errors
    ///
    /// A given host or origin is invalid and could never match.
    pub(super) fn new(listen: SocketAddr, hosts: &[String], origins: &[String]) -> Result<Self, Error> {
        let mut allowed: Vec<Host> =
            LOCAL.iter().map(|name| Host { name: (*name).to_owned(), port: None }).collect();
        if !listen.ip().is_unspecified() {
            let name = SocketAddr::new(listen.ip(), 0).to_string();
            allowed.push(Host { name: name.trim_end_matches(":0").to_owned(), port: None });
        }
        for host in hosts {
            allowed.push(Host::parse(host).ok_or_else(|| Error::Host(host.clone()))?);
        }
        let written = |text: &String| origin(text).ok_or_else(|| Error::Origin(text.clone()));
        let origins = origins.iter().map(written).collect::<Result<_, _>>()?;
        Ok(Self { hosts: allowed, origins })
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
        if !host.is_some_and(|host| self.allows_host(&host)) {
            return Err((StatusCode::FORBIDDEN, "this Host is not allowed: add it with --allow-host"));
        }
        let origins = headers.get_all(header::ORIGIN).iter();
        if !origins.map(|origin| origin.to_str().unwrap_or_default()).all(|origin| self.allows_origin(origin))
        {
            return Err((StatusCode::FORBIDDEN, "this Origin is not allowed: add it with --allow-origin"));
        }
        Ok(())
    }

    fn allows_host(&self, host: &Host) -> bool {
        self.hosts
            .iter()
            .any(|known| known.name == host.name && (known.port.is_none() || known.port == host.port))
    }

    /// Whether pages of this origin may call: `scheme://host[:port]`, or `null` for a page without
    /// an origin (RFC 6454 section 6).
    fn allows_origin(&self, origin: &str) -> bool {
        let origin = origin.to_ascii_lowercase();
        if self.origins.contains(&origin) {
            return true;
        }
        let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        host.and_then(Host::parse).is_some_and(|host| self.allows_host(&host))
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
        (!name.is_empty()).then(|| Self { name, port: authority.port_u16() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        let listen = "192.0.2.7:3000".parse().unwrap();
        let hosts = ["mcp.example:8443".to_owned(), "any.example".to_owned()];
        Guard::new(listen, &hosts, &["https://app.example".to_owned(), "null".to_owned()]).unwrap()
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
        for host in ["localhost", "LOCALHOST:1", "127.0.0.1:3000", "[::1]:9", "192.0.2.7:3000"] {
            assert_eq!(status(&[(header::HOST, host)]), 200, "{host}");
        }
        for host in ["mcp.example:8443", "any.example", "any.example:7"] {
            assert_eq!(status(&[(header::HOST, host)]), 200, "{host}");
        }
    }

    #[test]
    fn other_hosts_are_refused() {
        for host in
            ["evil.example", "localhost.evil.example", "mcp.example", "mcp.example:1", "127.0.0.2", ""]
        {
            assert_eq!(status(&[(header::HOST, host)]), 403, "{host}");
        }
        assert_eq!(status(&[(header::HOST, "localhost@evil.example")]), 403);
        assert_eq!(status(&[]), 400);
        assert_eq!(status(&[(header::HOST, "localhost"), (header::HOST, "evil.example")]), 400);
    }

    #[test]
    fn origins_of_allowed_hosts_and_given_origins_are_allowed() {
        let with = |origin| status(&[(header::HOST, "localhost"), (header::ORIGIN, origin)]);
        for origin in ["http://localhost:6274", "https://127.0.0.1", "https://app.example", "null"] {
            assert_eq!(with(origin), 200, "{origin}");
        }
        for origin in ["http://evil.example", "http://app.example", "https://app.example:1", "file://", ""] {
            assert_eq!(with(origin), 403, "{origin}");
        }
    }

    #[test]
    fn the_unspecified_address_is_not_a_host_name() {
        let guard = Guard::new("0.0.0.0:3000".parse().unwrap(), &[], &[]).unwrap();
        assert!(!guard.allows_host(&Host { name: "0.0.0.0".to_owned(), port: Some(3000) }));
    }

    #[test]
    fn invalid_hosts_and_origins_are_refused() {
        let listen = "127.0.0.1:3000".parse().unwrap();
        for host in ["http://a.example", "a.example/", "user@a.example", "a b", "::1", ""] {
            let refused = Guard::new(listen, &[host.to_owned()], &[]);
            assert!(matches!(refused, Err(Error::Host(named)) if named == host), "{host}");
        }
        for origin in ["a.example", "https://", "://a.example", "https://a.example/page", ""] {
            let refused = Guard::new(listen, &[], &[origin.to_owned()]);
            assert!(matches!(refused, Err(Error::Origin(named)) if named == origin), "{origin}");
        }
        assert_eq!(origin("HTTPS://App.example/").as_deref(), Some("https://app.example"));
        assert_eq!(origin("vscode-webview://1a2b").as_deref(), Some("vscode-webview://1a2b"));
    }
}
