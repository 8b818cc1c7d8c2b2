//! Routes, and what every POST has in common: its body, its size, and what kind of JSON-RPC message it is.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use futures::StreamExt;
use rmcp::handler::server::ServerHandler;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

use super::faults::Plan;
use super::guard::Guard;
use super::sse::{self, Sessions};
use super::streamable::{self, Mcp};

/// Bytes of a request's body. Clients send some hundred; an answer to sampling may carry an image. Each connection may
/// hold one, so a megabyte keeps a gigabyte the worst case.
const BODY: usize = 1024 * 1024;

/// A body must be there so long after its head.
const BODY_TIME: Duration = Duration::from_secs(30);

/// A media type of this server.
pub(super) const JSON: &str = "application/json";
/// A media type of this server.
pub(super) const EVENT_STREAM: &str = "text/event-stream";

/// What every route needs.
pub(super) struct App<H> {
    pub(super) guard: Guard,
    pub(super) plan: Plan,
    pub(super) sse: Sessions<H>,
    pub(super) mcp: Mcp<H>,
    /// Cancelled when the server is to end.
    pub(super) end: CancellationToken,
}

/// The routes of the server.
pub(super) fn router<H: ServerHandler + Clone>(app: Arc<App<H>>) -> Router {
    Router::new()
        .route("/sse", get(sse::open::<H>))
        .route("/messages", post(sse::message::<H>))
        .route("/mcp", any(streamable::answer::<H>))
        .fallback(not_found)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), check::<H>))
        .with_state(app)
}

async fn not_found() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "not here: /mcp speaks Streamable HTTP, /sse HTTP+SSE\n")
}

async fn check<H: ServerHandler>(State(app): State<Arc<App<H>>>, request: Request, next: Next) -> Response {
    match app.guard.check(request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err((status, why)) => (status, format!("{why}\n")).into_response(),
    }
}

/// A POST with its body.
pub(super) struct Post {
    pub(super) parts: Parts,
    pub(super) body: Bytes,
}

/// Reads a POST that must carry JSON.
///
/// # Errors
///
/// The response that says what is wrong: 408, 413, 415, or 400 with the JSON-RPC error -32700.
pub(super) async fn read(request: Request) -> Result<Post, Response> {
    let (parts, body) = request.into_parts();
    if !media_type(&parts.headers).is_some_and(|kind| kind.eq_ignore_ascii_case(JSON)) {
        let why = "Content-Type must be application/json\n";
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, why).into_response());
    }
    let length =
        parts.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: usize| length > BODY) {
        return Err(too_large());
    }
    let body = tokio::time::timeout(BODY_TIME, collect(body)).await;
    let body =
        body.map_err(|_| (StatusCode::REQUEST_TIMEOUT, "the body did not come\n").into_response())??;
    if let Err(error) = serde_json::from_slice::<&RawValue>(&body) {
        return Err(rpc_error(StatusCode::BAD_REQUEST, -32700, &format!("Parse error: {error}")));
    }
    Ok(Post { parts, body })
}

/// The bytes of a body, as long as they are not too many.
async fn collect(body: Body) -> Result<Bytes, Response> {
    let mut pieces = body.into_data_stream();
    let mut whole = Vec::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| {
            (StatusCode::BAD_REQUEST, format!("the body cannot be read: {error}\n")).into_response()
        })?;
        if whole.len() + piece.len() > BODY {
            return Err(too_large());
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.into())
}

fn too_large() -> Response {
    (StatusCode::PAYLOAD_TOO_LARGE, format!("a body may have {BODY} bytes\n")).into_response()
}

/// What the server looks at before a transport does. `method` and `id` make a request (JSON-RPC 2.0, section 4).
#[derive(Debug, Default, Deserialize)]
pub(super) struct Peek<'a> {
    #[serde(borrow, default)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
}

impl<'a> Peek<'a> {
    /// Looks at one message; nothing is seen in what is none.
    pub(super) fn of(body: &'a [u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }

    /// The method, if the message is a request.
    pub(super) fn request(&self) -> Option<&str> {
        self.id.and(self.method.as_deref())
    }

    /// The id as it was sent; `null` where there is none.
    pub(super) fn id(&self) -> &str {
        self.id.map_or("null", RawValue::get)
    }
}

/// A response with a JSON-RPC error that belongs to no request.
pub(super) fn rpc_error(status: StatusCode, code: i32, message: &str) -> Response {
    rpc_error_of("null", status, code, message)
}

/// A response with a JSON-RPC error; `id` is JSON.
pub(super) fn rpc_error_of(id: &str, status: StatusCode, code: i32, message: &str) -> Response {
    let message = serde_json::Value::from(message);
    let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":{message}}}}}"#);
    (status, [(header::CONTENT_TYPE, HeaderValue::from_static(JSON))], body).into_response()
}

/// The answer that `--fail-rate` gives in place of the server's.
pub(super) fn failed() -> Response {
    rpc_error(StatusCode::INTERNAL_SERVER_ERROR, -32603, "failed on purpose (--fail-rate)")
}

/// The media type of a body, without its parameters (RFC 9110, section 8.3.1).
pub(super) fn media_type(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or(value).trim())
}
