//! What the heads of requests show of credentials.

use crate::base::credential::{self, token_at};
use crate::base::text;

/// What the head of a request shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RequestHead {
    /// The host that was asked; empty if it names none.
    pub(super) host: Box<str>,
    /// The scheme of `Authorization`, or `API key`; `None` if it has neither.
    pub(super) scheme: Option<Box<str>>,
    /// Hash of a Bearer token; `None` if there is none.
    pub(super) token: Option<u64>,
    /// The name of the query parameter that holds a credential; `None` if none does.
    pub(super) in_url: Option<Box<str>>,
    /// Whether it has cookies, which may be a credential.
    pub(super) has_cookie: bool,
    /// The page that sends the request (`Origin`); `None` if no browser does.
    origin: Option<Box<str>>,
    /// Whether the response allows that origin by its name; `None` if its head was not seen.
    pub(super) allows_origin: Option<bool>,
}

impl RequestHead {
    /// Reads a head as text.
    pub(super) fn read(head: &[u8]) -> Self {
        let head = String::from_utf8_lossy(head);
        let mut lines = head.lines();
        let target = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
        let mut found = Self { in_url: in_query(target), ..Self::default() };
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            match name.trim().to_ascii_lowercase().as_str() {
                "host" => found.host = text::kept_name(&value.to_ascii_lowercase()).into(),
                "authorization" => {
                    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
                    found.scheme = Some(text::kept_name(scheme).into());
                    let is_bearer = scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty();
                    found.token = is_bearer.then(|| text::hash(token.trim()));
                }
                "origin" if value != "null" => found.origin = Some(text::kept_name(value).into()),
                "cookie" => found.has_cookie = true,
                "x-api-key" | "api-key" => found.scheme = Some("API key".into()),
                _ => {}
            }
        }
        found
    }

    /// About its memory, in bytes.
    pub(super) fn allocated(&self) -> usize {
        let texts = [Some(&self.host), self.scheme.as_ref(), self.in_url.as_ref(), self.origin.as_ref()];
        2 * size_of::<Self>() + texts.into_iter().flatten().map(|text| text.len()).sum::<usize>()
    }

    /// Takes the head of the response.
    pub(super) fn answered(&mut self, head: &[u8]) {
        let Some(origin) = &self.origin else { return };
        let head = String::from_utf8_lossy(head);
        let fields = head.lines().filter_map(|line| line.split_once(':'));
        let allowed = fields
            .filter(|(name, _)| name.trim().eq_ignore_ascii_case("access-control-allow-origin"))
            .any(|(_, value)| *value.trim() == **origin);
        self.allows_origin = Some(allowed);
    }

    /// The origin, if it is another host than the one that is asked.
    pub(super) fn foreign_origin(&self) -> Option<&str> {
        let origin = self.origin.as_deref()?;
        let (_, authority) = origin.split_once("://")?;
        (host_of(authority) != host_of(&self.host)).then_some(origin)
    }
}

/// The host of an authority, without its port. The names of this machine are one.
fn host_of(authority: &str) -> &str {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    if ["127.0.0.1", "[::1]", "localhost"].contains(&host) { "localhost" } else { host }
}

/// The name of the query parameter of a target that holds a credential.
fn in_query(target: &str) -> Option<Box<str>> {
    let (_, query) = target.split_once('?')?;
    let holds = |(name, value): &(&str, &str)| {
        // A code of an authorization is used once, a signature opens one resource.
        let is_named = credential::redact(&format!("{name}=value")) != format!("{name}=value")
            && !["code", "sig", "signature", "key"].contains(&name.to_ascii_lowercase().as_str());
        value.len() >= 8 && (is_named || token_at(value).is_some())
    };
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(holds).map(|(name, _)| text::kept_name(name).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_show_credentials() {
        let head = RequestHead::read(
            b"POST /mcp?access_token=abcdefgh1 HTTP/1.1\r\nHost: A.example\r\nAuthorization: Bearer xyz\r\n\r\n",
        );
        assert_eq!((&*head.host, head.scheme.as_deref()), ("a.example", Some("Bearer")));
        assert_eq!(head.in_url.as_deref(), Some("access_token"));
        assert!(head.token.is_some());
        for target in
            ["/messages?sessionId=0123456789abcdef", "/cb?code=0123456789", "/x?page=2", "/x?token="]
        {
            let head = RequestHead::read(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
            assert!(head.scheme.is_none() && head.in_url.is_none(), "{target}");
        }
        let known = "GET /x?q=ghp_0123456789abcdefghijABCDEFGHIJ012345 HTTP/1.1\r\n\r\n";
        assert_eq!(RequestHead::read(known.as_bytes()).in_url.as_deref(), Some("q"));
    }

    #[test]
    fn origins_of_other_hosts_are_foreign() {
        let of = |host: &str, origin: &str| {
            let head = format!("POST /mcp HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\n\r\n");
            RequestHead::read(head.as_bytes())
        };
        assert_eq!(of("localhost:3000", "http://evil.example").foreign_origin(), Some("http://evil.example"));
        for (host, origin) in [
            ("localhost:3000", "http://127.0.0.1:6274"),
            ("a.example", "https://a.example"),
            ("a.example", "null"),
        ] {
            assert_eq!(of(host, origin).foreign_origin(), None, "{host} {origin}");
        }
        let mut head = of("localhost:3000", "http://page.example");
        head.answered(b"HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: http://page.example\r\n\r\n");
        assert_eq!(head.allows_origin, Some(true));
        head.answered(b"HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\n\r\n");
        assert_eq!(head.allows_origin, Some(false));
    }
}
