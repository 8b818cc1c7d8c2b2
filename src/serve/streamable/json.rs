//! `--json`: converts an event stream to `application/json` if its first message is the response.
//!
//! rmcp does this for stateless servers only; revisions with sessions allow it too (MCP 2025-03-26,
//! Transports, Sending Messages to the Server, point 5).

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use futures::{StreamExt, stream};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::serve::media::{JSON, is_event_stream};

/// Members of a response (JSON-RPC 2.0 section 5).
#[derive(Deserialize)]
struct Answer {
    result: Option<IgnoredAny>,
    error: Option<IgnoredAny>,
}

/// Waits for the first message. A response becomes the body; anything else leaves the stream
/// unchanged.
pub(super) async fn instead_of_stream(response: Response) -> Response {
    if !is_event_stream(response.headers()) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let mut pieces = body.into_data_stream();
    // rmcp writes one event or comment per piece.
    let first = loop {
        match pieces.next().await {
            Some(Ok(piece)) if piece.starts_with(b":") => {}
            first => break first,
        }
    };
    let answer = first.as_ref().and_then(|piece| answer_of(piece.as_ref().ok()?));
    if let Some(answer) = answer {
        parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
        parts.headers.remove(header::CACHE_CONTROL);
        parts.headers.remove("x-accel-buffering");
        return Response::from_parts(parts, Body::from(answer));
    }
    Response::from_parts(parts, Body::from_stream(stream::iter(first).chain(pieces)))
}

/// Returns the data of an event if it is a response.
fn answer_of(event: &Bytes) -> Option<Bytes> {
    let text = std::str::from_utf8(event).ok()?;
    let data = text.lines().find_map(|line| line.strip_prefix("data:"))?.trim_start();
    let answer: Answer = serde_json::from_str(data).ok()?;
    (answer.result.is_some() || answer.error.is_some()).then(|| event.slice_ref(data.as_bytes()))
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;
    use crate::serve::media::EVENT_STREAM;

    async fn converted(events: &[&'static str]) -> (String, String) {
        let body = Body::from_stream(stream::iter(events.to_vec()).map(Ok::<_, std::convert::Infallible>));
        let response = Response::builder().header(header::CONTENT_TYPE, EVENT_STREAM).body(body).unwrap();
        let response = instead_of_stream(response).await;
        let kind = response.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (kind, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_response_becomes_the_body() {
        let events = [":\n\n", "id: 0/1\ndata: {\"id\":1,\"result\":{}}\n\n"];
        assert_eq!(converted(&events).await, (JSON.to_owned(), "{\"id\":1,\"result\":{}}".to_owned()));
    }

    #[tokio::test]
    async fn a_stream_with_other_messages_stays_a_stream() {
        let events =
            ["data: {\"method\":\"notifications/progress\"}\n\n", "data: {\"id\":1,\"result\":{}}\n\n"];
        assert_eq!(converted(&events).await, (EVENT_STREAM.to_owned(), events.concat()));
    }
}
