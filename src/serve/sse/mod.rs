//! HTTP+SSE, the transport of MCP 2024-11-05: `GET /sse` opens a session and its stream, `POST
//! /messages?sessionId=` carries messages from the client, and every answer comes on the stream
//! (MCP 2024-11-05, Transports).
//!
//! rmcp lacks this transport: a session is rmcp's sink-and-stream transport with a queue on either
//! side. Newer revisions may be negotiated over it.

mod session;

use std::convert::Infallible;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt, stream};
use rmcp::model::ClientJsonRpcMessage;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::connection::{Connection, LoggedMethod};
use super::faults::{AssignedVerdict, Faulty, Line, Outcome, Outgoing, Plan};
use super::handshake;
use super::http::{self, Peek, Post};
use super::media::EVENT_STREAM;
use super::options::Options;

use session::{Refused, Session, Sessions, Unread};

/// Comment that keeps a silent stream alive through proxies (WHATWG HTML section 9.2.7).
const KEEP_ALIVE: &str = ": keep-alive\n\n";

/// Service at `/sse` and `/messages`.
pub(super) struct Sse {
    plan: Arc<Plan>,
    sessions: Sessions,
}

impl Sse {
    /// Creates the service. Sessions end as `options` say, and all when `end` is cancelled.
    pub(super) fn new(handler: Faulty, plan: Arc<Plan>, options: &Options, end: CancellationToken) -> Self {
        Self { plan, sessions: Sessions::new(handler, options, end) }
    }
}

/// Query of `POST /messages`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Target {
    session_id: Option<String>,
}

/// Answers `GET /sse`: opens a session and its stream.
pub(super) async fn open(
    State(sse): State<Arc<Sse>>,
    Extension(connection): Extension<Connection>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    if !accepts_events(&headers) {
        return (StatusCode::NOT_ACCEPTABLE, "Accept must have text/event-stream\n").into_response();
    }
    let headers = [
        (header::CONTENT_TYPE, EVENT_STREAM),
        (header::CACHE_CONTROL, "no-cache, no-transform"),
        (header::CONNECTION, "keep-alive"),
    ];
    if method == Method::HEAD {
        return headers.into_response();
    }
    let line = Line::new(connection);
    let Some((id, unread)) = sse.sessions.open(line.clone()) else {
        let why = "there are too many sessions: try again later\n";
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "10")], why).into_response();
    };
    let body = Body::from_stream(events(id, unread).map(Ok::<_, Infallible>));
    let body = Outgoing::new(body, &line).with_silence(sse.plan.silence()).into_body();
    (headers, body).into_response()
}

/// Whether a client accepts event streams. Without `Accept` it accepts everything (RFC 9110 section
/// 12.5.1).
fn accepts_events(headers: &HeaderMap) -> bool {
    let mut ranges = headers
        .get_all(header::ACCEPT)
        .iter()
        .flat_map(|value| value.to_str().unwrap_or_default().split(','))
        .map(|range| range.split(';').next().unwrap_or_default().trim())
        .peekable();
    ranges.peek().is_none() || ranges.any(|range| [EVENT_STREAM, "text/*", "*/*"].contains(&range))
}

/// Text of a session's stream: the endpoint event, then each message as an event.
fn events(id: Uuid, unread: Unread) -> impl Stream<Item = String> {
    let endpoint = format!("event: endpoint\ndata: /messages?sessionId={id}\n\n");
    let messages = stream::unfold(unread, |mut unread| async move {
        let text = match tokio::time::timeout(session::KEEP_ALIVE_AFTER, unread.next()).await {
            Err(_) => KEEP_ALIVE.to_owned(),
            Ok(None) => return None,
            Ok(Some(event)) => event,
        };
        Some((text, unread))
    });
    stream::once(std::future::ready(endpoint)).chain(messages)
}

/// Answers `POST /messages`: a message from the client of a session.
pub(super) async fn message(
    State(sse): State<Arc<Sse>>,
    target: Result<Query<Target>, axum::extract::rejection::QueryRejection>,
    request: Request,
) -> Response {
    let id = target.ok().and_then(|Query(target)| target.session_id);
    let Some(id) = id else {
        return (StatusCode::BAD_REQUEST, "sessionId is missing: GET /sse gives one\n").into_response();
    };
    let Some(session) = Uuid::parse_str(&id).ok().and_then(|id| sse.sessions.find(&id)) else {
        return (StatusCode::NOT_FOUND, "unknown session: GET /sse opens one\n").into_response();
    };
    let Post { parts, body } = match http::read(request).await {
        Ok(post) => post,
        Err(response) => return response,
    };
    let method = Peek::of(&body).request().map(str::to_owned);
    let mut response = send_all(&sse, &session, &parts, &body).await;
    LoggedMethod::add(method.as_deref(), &mut response);
    response
}

/// Passes the messages of a body to the handler.
async fn send_all(sse: &Sse, session: &Session, parts: &Parts, body: &[u8]) -> Response {
    // Each message of a batch is handled and answered on its own.
    let messages = match serde_json::from_slice::<Vec<&RawValue>>(body) {
        Ok(batch) => batch.into_iter().map(|message| message.get().as_bytes()).collect(),
        Err(_) => vec![body],
    };
    for message in messages {
        if let Err(response) = send(sse, session, parts, message).await {
            return response;
        }
    }
    (StatusCode::ACCEPTED, "Accepted").into_response()
}

/// Passes one message to the handler.
async fn send(sse: &Sse, session: &Session, parts: &Parts, body: &[u8]) -> Result<(), Response> {
    let mut parts = parts.clone();
    let peek = Peek::of(body);
    if peek.request() == Some("initialize") {
        handshake::check(body, &peek).map_err(|response| *response)?;
    }
    let mut message = serde_json::from_slice::<ClientJsonRpcMessage>(body).map_err(|error| {
        let why = format!("Invalid Request: {error}");
        http::rpc_error_of(peek.id(), StatusCode::BAD_REQUEST, -32600, &why)
    })?;
    if let Some(method) = peek.request() {
        let verdict = sse.plan.next(method);
        if verdict.outcome == Outcome::HttpError {
            tokio::time::sleep(verdict.delay).await;
            return Err(http::failed());
        }
        parts.extensions.insert(AssignedVerdict { verdict, line: session.line() });
    }
    message.insert_extension(parts);
    session.send(message).map_err(|refused| match refused {
        Refused::Full => {
            (StatusCode::SERVICE_UNAVAILABLE, "too many messages wait in this session\n").into_response()
        }
        Refused::Ended => (StatusCode::NOT_FOUND, "this session has ended\n").into_response(),
    })
}
