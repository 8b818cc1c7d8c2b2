//! Routes of the server.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};

use super::connection;
use super::guard::Guard;
use super::sse::{self, Sse};
use super::streamable::{self, Mcp};

/// Returns the routes of the two transports, behind the guard.
pub(super) fn router(guard: Guard, sse: Sse, mcp: Mcp) -> Router {
    let sse = Router::new()
        .route("/sse", get(sse::open))
        .route("/messages", post(sse::message))
        .with_state(Arc::new(sse));
    let mcp = Router::new().route("/mcp", any(streamable::answer)).with_state(Arc::new(mcp));
    let guarded = middleware::from_fn_with_state(Arc::new(guard), check);
    sse.merge(mcp).fallback(not_found).layer(guarded).layer(middleware::from_fn(connection::watch))
}

async fn not_found() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "not here: /mcp speaks Streamable HTTP, /sse HTTP+SSE\n")
}

async fn check(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    match guard.check(request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err((status, why)) => (status, format!("{why}\n")).into_response(),
    }
}
