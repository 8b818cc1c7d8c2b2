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
                "x-api-key" | "api-key" => found.scheme = Some("API key".into()),
                _ => {}
            }
        }
        found
    }

    /// Whether it shows a credential.
    pub(super) fn is_plain(&self) -> bool {
        self.scheme.is_none() && self.in_url.is_none()
    }
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
        assert!(head.token.is_some() && !head.is_plain());
        for target in
            ["/messages?sessionId=0123456789abcdef", "/cb?code=0123456789", "/x?page=2", "/x?token="]
        {
            let head = RequestHead::read(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
            assert!(head.is_plain(), "{target}");
        }
        let known = "GET /x?q=ghp_0123456789abcdefghijABCDEFGHIJ012345 HTTP/1.1\r\n\r\n";
        assert_eq!(RequestHead::read(known.as_bytes()).in_url.as_deref(), Some("q"));
    }
}
