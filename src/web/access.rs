//! Who may read the page: whoever knows its path, from a page of this server or from none.

use std::fmt::Write as _;
use std::net::IpAddr;

use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, StatusCode, header};
use ring::digest::{self, SHA256};
use ring::rand::{SecureRandom as _, SystemRandom};

use super::error::Error;

/// Random bytes of a token.
const TOKEN_BYTES: usize = 16;

/// The part of the path that only the terminal knows.
pub(super) struct Token(String);

impl Token {
    /// Makes one.
    ///
    /// # Errors
    /// The system has no random bytes.
    pub(super) fn random() -> Result<Self, Error> {
        let mut bytes = [0; TOKEN_BYTES];
        SystemRandom::new().fill(&mut bytes).map_err(|_| Error::Random)?;
        let mut text = String::with_capacity(2 * TOKEN_BYTES);
        for byte in bytes {
            // A String takes everything.
            let _ = write!(text, "{byte:02x}");
        }
        Ok(Self(text))
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// Whether a text is the token. How long that takes tells nothing about it: digests are
    /// compared.
    pub(super) fn is(&self, text: &str) -> bool {
        let digest = |text: &str| digest::digest(&SHA256, text.as_bytes());
        digest(text).as_ref() == digest(&self.0).as_ref()
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Checks everything of a request but its path.
///
/// # Errors
/// The status and the text of the response.
pub(super) fn check(method: &Method, headers: &HeaderMap) -> Result<(), (StatusCode, &'static str)> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Err((StatusCode::METHOD_NOT_ALLOWED, "use GET\n"));
    }
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err((StatusCode::BAD_REQUEST, "one Host is needed\n"));
    };
    let host = host.to_str().unwrap_or_default();
    if !names_this_machine(host) {
        return Err((StatusCode::MISDIRECTED_REQUEST, "the Host names another machine\n"));
    }
    // A forwarded port has another number here and there, so Host tells the origin of the page.
    let origin = format!("http://{host}");
    let is_own = |value: &header::HeaderValue| value.as_bytes().eq_ignore_ascii_case(origin.as_bytes());
    if !headers.get_all(header::ORIGIN).iter().all(is_own) {
        return Err((StatusCode::FORBIDDEN, "a page of another origin asks\n"));
    }
    Ok(())
}

/// Whether `Host` is `localhost` or a loopback address, with any port.
fn names_this_machine(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host();
    // No user before it, and nothing behind it but a port.
    let is_port = |rest: &str| rest.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    if !host.strip_prefix(name).is_some_and(|rest| rest.is_empty() || is_port(rest)) {
        return false;
    }
    let address = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(method: &Method, headers: &[(header::HeaderName, &str)]) -> u16 {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value.parse().unwrap());
        }
        check(method, &map).map_or_else(|(status, _)| status.as_u16(), |()| 200)
    }

    #[test]
    fn hosts_of_this_machine_are_allowed() {
        for host in ["localhost:3000", "LOCALHOST", "127.0.0.1:1", "127.0.0.2:80", "[::1]:3000", "[::1]"] {
            assert_eq!(status(&Method::GET, &[(header::HOST, host)]), 200, "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example:3000",
            "192.0.2.1:3000",
            "[::2]",
            "a@localhost",
            "localhost:",
            "localhost:99999",
            "localhost:x",
            "",
        ] {
            assert_eq!(status(&Method::GET, &[(header::HOST, host)]), 421, "{host}");
        }
        assert_eq!(status(&Method::GET, &[]), 400);
        let two = [(header::HOST, "localhost"), (header::HOST, "localhost")];
        assert_eq!(status(&Method::GET, &two), 400);
    }

    #[test]
    fn pages_of_other_origins_are_refused() {
        let with =
            |origin| status(&Method::GET, &[(header::HOST, "localhost:3000"), (header::ORIGIN, origin)]);
        assert_eq!(with("http://localhost:3000"), 200);
        for origin in ["http://localhost:3001", "https://localhost:3000", "http://127.0.0.1:3000", "null", ""]
        {
            assert_eq!(with(origin), 403, "{origin}");
        }
    }

    #[test]
    fn nothing_can_be_changed() {
        let host = [(header::HOST, "localhost")];
        assert_eq!(status(&Method::HEAD, &host), 200);
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS, Method::CONNECT] {
            assert_eq!(status(&method, &host), 405, "{method}");
        }
    }

    #[test]
    fn a_token_is_random_and_not_printed() {
        let (one, two) = (Token::random().unwrap(), Token::random().unwrap());
        assert_ne!(one.text(), two.text());
        assert!(one.is(one.text()) && !one.is(two.text()) && !one.is("") && one.text().len() == 32);
        assert!(!format!("{one:?}").contains(one.text()));
    }
}
