//! The stream that GET opens: a session's own, for what belongs to no request.
//!
//! A client opens it after the handshake, beside its first calls. rmcp forgets what was said before it was open, once
//! events are kept (`events`); here it is said when the stream is opened for the first time.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use futures::{StreamExt, future, stream};
use rmcp::transport::common::server_side_http::ServerSseMessage;

use super::events::Events;
use super::is_stream;

/// The session whose stream a request opens anew; `None` where it does something else.
pub(super) fn opens(method: &Method, headers: &HeaderMap) -> Option<String> {
    let anew = *method == Method::GET && !headers.contains_key("last-event-id");
    let session = headers.get("mcp-session-id").filter(|_| anew)?;
    session.to_str().ok().map(ToOwned::to_owned)
}

/// The stream of `session`, with what was said before it was opened.
pub(super) fn with_early(response: Response, session: &str, events: &Events) -> Response {
    if !is_stream(response.headers()) {
        return response;
    }
    let Some((early, last)) = events.early(session) else {
        return response;
    };
    response.map(|body| {
        let early: Vec<_> = early.iter().filter_map(text).map(Ok).collect();
        // What came since rmcp opened the stream may be among the early ones.
        let later = body.into_data_stream().filter(move |piece| {
            let number = piece.as_ref().ok().and_then(number);
            future::ready(number.is_none_or(|number| number > last))
        });
        Body::from_stream(stream::iter(early).chain(later))
    })
}

/// An event as it stands on the wire; `None` for one without a message.
fn text(event: &ServerSseMessage) -> Option<Bytes> {
    let data = serde_json::to_string(event.message.as_ref()?).ok()?;
    Some(format!("id: {}\ndata: {data}\n\n", event.event_id.as_ref()?).into())
}

/// The number of an event on the wire; `None` where it has no id of `events`.
fn number(piece: &Bytes) -> Option<u64> {
    let text = std::str::from_utf8(piece).ok()?;
    let id = text.lines().find_map(|line| line.strip_prefix("id:"))?;
    id.trim_start().split_once('/')?.0.parse().ok()
}
