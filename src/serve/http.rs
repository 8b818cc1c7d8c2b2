//! What all POSTs have in common: reading the body, its size limit, and a first look at the
//! JSON-RPC message.

use std::borrow::Cow;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::budget::{self, Share, Taken};
use super::connection::{Connection, FREE};
use super::media::{JSON, media_type};

/// Largest request body, in bytes. Most have a few hundred; a response to sampling may carry an
/// image.
const BODY: usize = 1024 * 1024;

/// Most memory for what a body is parsed to, in bytes.
const MEMORY: usize = 16 * 1024 * 1024;

/// Time limit for a body after its head.
const BODY_TIME: Duration = Duration::from_secs(30);

/// A POST and its body. What it takes of the budget is in the extensions of `parts`, which stay
/// with the message until it is handled.
pub(super) struct Post {
    pub(super) parts: Parts,
    pub(super) body: Bytes,
}

/// What a message takes of the budget.
#[derive(Clone, Debug)]
struct InMemory {
    _taken: Vec<Taken>,
}

/// Reads a POST with a JSON body.
///
/// # Errors
///
/// The error response: 408, 413, 415, or 400 with the JSON-RPC error -32700.
pub(super) async fn read(request: Request) -> Result<Post, Response> {
    let (mut parts, body) = request.into_parts();
    if !media_type(&parts.headers).is_some_and(|kind| kind.eq_ignore_ascii_case(JSON)) {
        let why = "Content-Type must be application/json\n";
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, why).into_response());
    }
    let length =
        parts.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: usize| length > BODY) {
        return Err(too_large());
    }
    let connection = parts.extensions.get::<Connection>().cloned();
    let budget = connection.as_ref().map(Connection::request_budget);
    let body = tokio::time::timeout(BODY_TIME, collect(body, budget)).await;
    let (body, mut taken) =
        body.map_err(|_| (StatusCode::REQUEST_TIMEOUT, "the body did not come\n").into_response())??;
    let memory = budget::weigh(&body);
    if memory > MEMORY {
        return Err((StatusCode::PAYLOAD_TOO_LARGE, "the body has too many values\n").into_response());
    }
    taken.extend(take(budget, memory).map_err(|response| *response)?);
    parts.extensions.insert(InMemory { _taken: taken });
    if let Some(connection) = &connection {
        connection.begin_answer();
    }
    if let Err(error) = serde_json::from_slice::<&RawValue>(&body) {
        return Err(rpc_error(StatusCode::BAD_REQUEST, -32700, &format!("Parse error: {error}")));
    }
    Ok(Post { parts, body })
}

/// Takes bytes beyond those that every message may have.
fn take(budget: Option<&Share>, bytes: usize) -> Result<Option<Taken>, Box<Response>> {
    let more = bytes.saturating_sub(FREE);
    let Some(budget) = budget.filter(|_| more > 0) else {
        return Ok(None);
    };
    let why = "too many large messages are handled: try again later\n";
    let busy =
        || Box::new((StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], why).into_response());
    budget.take(more).map(Some).ok_or_else(busy)
}

/// Collects a body up to the size limit. Returns it with what it takes of the budget.
async fn collect(body: Body, budget: Option<&Share>) -> Result<(Bytes, Vec<Taken>), Response> {
    let mut pieces = body.into_data_stream();
    let (mut whole, mut taken, mut paid) = (Vec::new(), Vec::new(), FREE);
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| {
            (StatusCode::BAD_REQUEST, format!("the body cannot be read: {error}\n")).into_response()
        })?;
        if whole.len() + piece.len() > BODY {
            return Err(too_large());
        }
        whole.extend_from_slice(&piece);
        // The buffer doubles as it grows.
        if whole.capacity() > paid {
            let more = take(budget, whole.capacity() - paid + FREE).map_err(|response| *response)?;
            taken.extend(more);
            paid = whole.capacity();
        }
    }
    Ok((whole.into(), taken))
}

fn too_large() -> Response {
    (StatusCode::PAYLOAD_TOO_LARGE, format!("a body may have {BODY} bytes\n")).into_response()
}

/// The members read before a transport handles a message. `method` and `id` make a request
/// (JSON-RPC 2.0 section 4).
#[derive(Debug, Default, Deserialize)]
pub(super) struct Peek<'a> {
    #[serde(borrow, default)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
}

impl<'a> Peek<'a> {
    /// Reads one message; empty if `body` is not a JSON object.
    pub(super) fn of(body: &'a [u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }

    /// Returns the method if the message is a request.
    pub(super) fn request(&self) -> Option<&str> {
        self.id.and(self.method.as_deref())
    }

    /// Returns the id as sent; `null` if there is none.
    pub(super) fn id(&self) -> &str {
        self.id.map_or("null", RawValue::get)
    }
}

/// Builds a response with a JSON-RPC error that belongs to no request.
pub(super) fn rpc_error(status: StatusCode, code: i32, message: &str) -> Response {
    rpc_error_of("null", status, code, message)
}

/// Builds a response with a JSON-RPC error for the request `id`, which is JSON text.
pub(super) fn rpc_error_of(id: &str, status: StatusCode, code: i32, message: &str) -> Response {
    let message = serde_json::Value::from(message);
    let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":{message}}}}}"#);
    (status, [(header::CONTENT_TYPE, HeaderValue::from_static(JSON))], body).into_response()
}

/// Builds the response of a request that `--fail-rate` fails with HTTP 500.
pub(super) fn failed() -> Response {
    rpc_error(StatusCode::INTERNAL_SERVER_ERROR, -32603, "failed on purpose (--fail-rate)")
}
