//! Streamable HTTP at `/mcp`: rmcp's service, extended by faults, limits and JSON answers.
//!
//! There are two services of rmcp. The one with sessions (2025-03-26 to 2025-11-25) keeps its
//! events, so that a stream can be resumed with `Last-Event-ID`. The one for 2026-07-28 does not,
//! because there the end of the connection cancels the request.

mod batch;
mod closer;
mod events;
mod json;
mod message;
mod revision;
mod service;
mod sessions;
mod standalone;

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};

use super::connection::Connection;
use super::faults::{Line, Outgoing};
use super::http;
use super::media;
use revision::is_stateless;

pub(super) use closer::StreamCloser;
pub(super) use service::Mcp;

/// Answers a request of any method.
pub(super) async fn answer(
    State(mcp): State<Arc<Mcp>>,
    Extension(connection): Extension<Connection>,
    request: Request,
) -> Response {
    if request.method() != Method::POST {
        let line = Line::new(connection);
        let stateless = is_stateless(request.headers());
        let deletes = request.method() == Method::DELETE;
        if deletes && !stateless && mcp.sessions.is_unknown(request.headers()).await {
            return (StatusCode::NOT_FOUND, "unknown session\n").into_response();
        }
        mcp.sessions.record_use(request.headers());
        let opened = standalone::opens(request.method(), request.headers());
        let mut response = mcp.service(stateless).handle(request).await.map(Body::new);
        // rmcp answers 202, which the Python SDK takes for a failure.
        if deletes && response.status() == StatusCode::ACCEPTED {
            *response.status_mut() = StatusCode::OK;
        }
        if let Some(session) = opened {
            response = standalone::with_early(response, &session, &mcp.events);
        }
        if !media::is_event_stream(response.headers()) {
            return response;
        }
        let outgoing =
            |body| Outgoing::new(body, &line).with_silence(mcp.plan.silence()).until(mcp.end.clone());
        return response.map(|body| outgoing(body).into_body());
    }
    match http::read(request).await {
        Ok(post) if batch::is_batch(&post) => batch::all(&mcp, &post, &connection).await,
        Ok(post) => message::answer(&mcp, post, Line::new(connection)).await,
        Err(response) => response,
    }
}
