//! Limits on what a client says of itself in `initialize`. It is kept as long as the session.

use std::borrow::Cow;

use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::budget;
use super::http::{self, Peek};

/// Largest `initialize` in bytes. Most have a few hundred; an icon may be part of it.
const TEXT: usize = 64 * 1024;

/// Most memory for the parameters of an `initialize`, in bytes.
pub(super) const MEMORY: usize = 256 * 1024;

/// Longest name, title or version in bytes. Most have twenty.
const NAME: usize = 1024;

/// Members that are limited by themselves.
#[derive(Debug, Default, Deserialize)]
struct Initialize<'a> {
    #[serde(borrow, default)]
    params: Params<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params<'a> {
    #[serde(borrow, default)]
    protocol_version: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    client_info: Option<Info<'a>>,
}

#[derive(Debug, Default, Deserialize)]
struct Info<'a> {
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    title: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    version: Option<Cow<'a, str>>,
}

/// Checks an `initialize` and returns what it costs to keep, in bytes.
///
/// # Errors
///
/// The error response: 413 if the message is too large, 400 if a text in it is too long or its
/// values are too many; both with the JSON-RPC error -32602.
pub(super) fn check(body: &[u8], peek: &Peek<'_>) -> Result<usize, Box<Response>> {
    let refuse = |status, why: String| {
        let why = format!("Invalid params: {why}");
        Err(Box::new(http::rpc_error_of(peek.id(), status, -32602, &why)))
    };
    if body.len() > TEXT {
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, format!("initialize may have {TEXT} bytes"));
    }
    // What cannot be parsed is refused by the transport.
    let Params { protocol_version, client_info } =
        serde_json::from_slice::<Initialize<'_>>(body).unwrap_or_default().params;
    let Info { name, title, version } = client_info.unwrap_or_default();
    for (member, text) in [
        ("protocolVersion", protocol_version),
        ("clientInfo.name", name),
        ("clientInfo.title", title),
        ("clientInfo.version", version),
    ] {
        if text.is_some_and(|text| text.len() > NAME) {
            return refuse(StatusCode::BAD_REQUEST, format!("{member} may have {NAME} bytes"));
        }
    }
    match budget::weigh(body) {
        memory if memory > MEMORY => {
            refuse(StatusCode::BAD_REQUEST, "initialize has too many values".to_owned())
        }
        memory => Ok(memory),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(body: &str) -> u16 {
        match check(body.as_bytes(), &Peek::of(body.as_bytes())) {
            Ok(memory) => {
                assert!(memory <= MEMORY);
                200
            }
            Err(response) => response.status().as_u16(),
        }
    }

    fn initialize(name: &str, capabilities: &str) -> String {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{{"protocolVersion":"2025-11-25","capabilities":{capabilities},"clientInfo":{{"name":"{name}","version":"1"}}}}}}"#
        )
    }

    #[test]
    fn large_handshakes_are_refused() {
        assert_eq!(status(&initialize("test", "{}")), 200);
        assert_eq!(status(&initialize(&"x".repeat(NAME), "{}")), 200);
        assert_eq!(status(&initialize(&"x".repeat(NAME + 1), "{}")), 400);
        let experimental = |of: &str| format!(r#"{{"experimental":{{"a":{of}}}}}"#);
        let text = format!(r#"{{"icon":"{}"}}"#, "x".repeat(TEXT / 2));
        assert_eq!(status(&initialize("test", &experimental(&text))), 200);
        let text = format!(r#"{{"icon":"{}"}}"#, "x".repeat(TEXT));
        assert_eq!(status(&initialize("test", &experimental(&text))), 413);
        let many = format!("[{}{{}}]", "{},".repeat(1000));
        assert_eq!(status(&initialize("test", &experimental(&many))), 400);
    }
}
