//! Batches, which exist in 2025-03-26 only and which rmcp lacks: a POST with several messages, each
//! answered as if it had come alone, and the answers combined (MCP 2025-03-26, Transports, Sending
//! Messages to the Server; JSON-RPC 2.0 section 6).

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt, future, stream};
use serde_json::value::RawValue;

use super::message;
use super::service::Mcp;
use crate::serve::connection::Connection;
use crate::serve::faults::Line;
use crate::serve::http::{self, Peek, Post};
use crate::serve::media::{self, EVENT_STREAM, JSON};

/// Most messages of a batch, which are all handled at once.
const MESSAGES: usize = 64;

/// Largest JSON answer in bytes. The server's largest answer has 500 stories.
const ANSWER: usize = 16 * 1024 * 1024;

/// The revision with batches.
const REVISION: &str = "2025-03-26";

/// Whether the body is an array.
pub(super) fn is_batch(post: &Post) -> bool {
    post.body.trim_ascii_start().starts_with(b"[")
}

/// Answers every message of a batch.
pub(super) async fn all(mcp: &Mcp, post: &Post, connection: &Connection) -> Response {
    let messages = match split(post) {
        Ok(messages) => messages,
        Err(why) => return http::rpc_error(StatusCode::BAD_REQUEST, -32600, &why),
    };
    let answers = messages.into_iter().map(|body| {
        let post = Post { parts: post.parts.clone(), body };
        message::answer(mcp, post, Line::new(connection.clone()))
    });
    let answers: Vec<Response> = future::join_all(answers).await;
    let is_wrong = |answer: &Response| !answer.status().is_success();
    if answers.iter().any(is_wrong) {
        // Usually all fail for the same reason: an unknown session.
        return answers.into_iter().find(is_wrong).unwrap_or_default();
    }
    let answers: Vec<Response> =
        answers.into_iter().filter(|answer| answer.status() != StatusCode::ACCEPTED).collect();
    if answers.is_empty() {
        StatusCode::ACCEPTED.into_response()
    } else if answers.iter().any(|answer| media::is_event_stream(answer.headers())) {
        let pieces = stream::select_all(answers.into_iter().map(|answer| Box::pin(events(answer))));
        ([(header::CONTENT_TYPE, EVENT_STREAM)], Body::from_stream(pieces)).into_response()
    } else {
        array(answers).await
    }
}

/// Splits a batch into its messages.
///
/// # Errors
///
/// The reason why the body is not a batch.
fn split(post: &Post) -> Result<Vec<Bytes>, String> {
    if !has_batches(&post.parts.headers) {
        return Err(format!("Invalid Request: batches exist in {REVISION} only"));
    }
    let messages: Vec<&RawValue> =
        serde_json::from_slice(&post.body).map_err(|error| format!("Invalid Request: {error}"))?;
    if messages.is_empty() || messages.len() > MESSAGES {
        return Err(format!("Invalid Request: a batch has 1 to {MESSAGES} messages"));
    }
    let messages: Vec<Bytes> =
        messages.into_iter().map(|message| Bytes::copy_from_slice(message.get().as_bytes())).collect();
    if messages.iter().any(|message| Peek::of(message).request() == Some("initialize")) {
        return Err("Invalid Request: initialize is never part of a batch".to_owned());
    }
    Ok(messages)
}

/// Whether the client speaks the revision with batches. Such a client sends no
/// `MCP-Protocol-Version`, which came later.
fn has_batches(headers: &HeaderMap) -> bool {
    headers.get("mcp-protocol-version").is_none_or(|version| version == REVISION)
}

/// Converts an answer to pieces of an event stream.
fn events(answer: Response) -> impl Stream<Item = Result<Bytes, axum::Error>> {
    let is_json = !media::is_event_stream(answer.headers());
    let pieces = answer.into_body().into_data_stream();
    if !is_json {
        return pieces.left_stream();
    }
    // The JSON was written by this server without line breaks and comes in one piece.
    let event = |piece: Bytes| [b"data: ", &*piece, b"\n\n"].concat().into();
    pieces.map(move |piece| piece.map(event)).right_stream()
}

/// Combines JSON answers into one array.
async fn array(answers: Vec<Response>) -> Response {
    let mut whole = vec![b'['];
    for (at, answer) in answers.into_iter().enumerate() {
        if at > 0 {
            whole.push(b',');
        }
        match to_bytes(answer.into_body(), ANSWER).await {
            Ok(answer) => whole.extend_from_slice(&answer),
            Err(error) => {
                let why = format!("Internal error: {error}");
                return http::rpc_error(StatusCode::INTERNAL_SERVER_ERROR, -32603, &why);
            }
        }
    }
    whole.push(b']');
    ([(header::CONTENT_TYPE, HeaderValue::from_static(JSON))], whole).into_response()
}
