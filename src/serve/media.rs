//! Media types of bodies.

use axum::http::{HeaderMap, header};

/// Media type of JSON.
pub(super) const JSON: &str = "application/json";
/// Media type of event streams.
pub(super) const EVENT_STREAM: &str = "text/event-stream";

/// Returns the media type of a body without parameters (RFC 9110 section 8.3.1).
pub(super) fn media_type(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or(value).trim())
}

/// Whether a body is an event stream.
pub(super) fn is_event_stream(headers: &HeaderMap) -> bool {
    media_type(headers) == Some(EVENT_STREAM)
}
