//! The stream that GET opens, for messages that belong to no request.
//!
//! A client opens it after the handshake, beside its first calls. When rmcp keeps events (`events`)
//! it drops messages sent before the stream was open; here they are sent when the stream is first
//! opened.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use futures::{StreamExt, future, stream};
use rmcp::transport::common::server_side_http::ServerSseMessage;

use super::events::Events;
use crate::serve::media;

/// Returns the session whose stream a request opens; `None` for other requests.
pub(super) fn opens(method: &Method, headers: &HeaderMap) -> Option<String> {
    let anew = *method == Method::GET && !headers.contains_key("last-event-id");
    let session = headers.get("mcp-session-id").filter(|_| anew)?;
    session.to_str().ok().map(ToOwned::to_owned)
}

/// Prepends the messages from before the stream of `session` was opened.
pub(super) fn with_early(response: Response, session: &str, events: &Events) -> Response {
    if !media::is_event_stream(response.headers()) {
        return response;
    }
    let Some((early, last)) = events.early(session) else {
        return response;
    };
    response.map(|body| {
        let early: Vec<_> = early.iter().filter_map(text).map(Ok).collect();
        // Messages since rmcp opened the stream may be among the early ones.
        let later = body.into_data_stream().filter(move |piece| {
            let number = piece.as_ref().ok().and_then(number);
            future::ready(number.is_none_or(|number| number > last))
        });
        Body::from_stream(stream::iter(early).chain(later))
    })
}

/// Formats an event; `None` if it has no message.
fn text(event: &ServerSseMessage) -> Option<Bytes> {
    let data = serde_json::to_string(event.message.as_ref()?).ok()?;
    Some(format!("id: {}\ndata: {data}\n\n", event.event_id.as_ref()?).into())
}

/// Returns the number of a formatted event; `None` if its id is not one of `events`.
fn number(piece: &Bytes) -> Option<u64> {
    let text = std::str::from_utf8(piece).ok()?;
    let id = text.lines().find_map(|line| line.strip_prefix("id:"))?;
    id.trim_start().split_once('/')?.0.parse().ok()
}
