//! What the conventions call the outcome and the target of an exchange.

use std::borrow::Cow;

use super::names::attribute;
use crate::base::Status;
use crate::base::fact::Loser;
use crate::ledger::{Cause, Exchange, Transport};

/// The class of a failure that has no other name (OpenTelemetry, `error.type`).
const OTHER_ERROR: &str = "_OTHER";

/// Returns why an exchange failed, in one of few words: the code of the JSON-RPC error,
/// `tool_error`, the status of HTTP, or what ended the wait; `None` if it did not fail, or if that
/// is not known.
#[must_use]
pub fn error_type(exchange: &Exchange) -> Option<Cow<'static, str>> {
    if !exchange.is_failure() || unknown_outcome(exchange) {
        return None;
    }
    if exchange.status == Status::ToolError {
        return Some("tool_error".into());
    }
    let code = exchange.error.as_ref().and_then(|error| error.code);
    Some(match (code, exchange.http_status, exchange.cause) {
        (Some(code), ..) => code.to_string().into(),
        (None, Some(status), Some(Cause::HttpError)) => status.to_string().into(),
        (None, _, Some(cause)) if cause != Cause::HttpError => cause.name().into(),
        _ => OTHER_ERROR.into(),
    })
}

/// Whether it is not known how an exchange ended: packets may be missing, or the capture ended
/// first.
#[must_use]
pub fn unknown_outcome(exchange: &Exchange) -> bool {
    exchange.status == Status::Undetermined || exchange.cause == Some(Cause::CaptureEnd)
}

/// Returns the tool or the prompt of a request, and the attribute for it; `None` for other
/// requests.
#[must_use]
pub fn method_target(exchange: &Exchange) -> Option<(&'static str, &str)> {
    let key = match &*exchange.method {
        "tools/call" => attribute::TOOL,
        "prompts/get" => attribute::PROMPT,
        _ => return None,
    };
    exchange.name.as_deref().map(|name| (key, name))
}

/// Returns the word for a component that lost packets.
#[must_use]
pub fn lost_by(by: Loser) -> &'static str {
    match by {
        Loser::Kernel => "kernel",
        Loser::Interface => "interface",
        Loser::Mcpdump => "mcpdump",
        Loser::Unknown => "unknown",
    }
}

/// Returns the value of `network.transport`.
#[must_use]
pub fn network_transport(transport: Transport) -> &'static str {
    if transport == Transport::Stdio { "pipe" } else { "tcp" }
}

/// Returns the value of `network.protocol.name`.
#[must_use]
pub fn protocol_name(transport: Transport) -> &'static str {
    match transport {
        Transport::HttpSse | Transport::StreamableHttp => "http",
        Transport::WebSocket => "websocket",
        Transport::Stdio => "stdio",
    }
}
