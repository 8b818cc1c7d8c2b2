//! Streamable HTTP at `/mcp`: rmcp's service, extended by faults, limits and JSON answers.
//!
//! There are two services of rmcp. The one with sessions (2025-03-26 to 2025-11-25) keeps its
//! events, so that a stream can be resumed with `Last-Event-ID`. The one for 2026-07-28 does not,
//! because there the end of the connection cancels the request.

mod batch;
mod closer;
mod events;
mod json;
mod standalone;

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rmcp::handler::server::ServerHandler;
use rmcp::model::ClientJsonRpcMessage;
use rmcp::transport::StreamableHttpServerConfig;
use rmcp::transport::streamable_http_server::StreamableHttpService;
use rmcp::transport::streamable_http_server::session::local::{LocalSessionManager, SessionConfig};
use tokio_util::sync::CancellationToken;

use super::faults::{AssignedVerdict, Faulty, Line, Outcome, Outgoing, Verdict, broken};
use super::http::{self, App, EVENT_STREAM, Peek, Post};
use super::net::Connection;
pub(super) use closer::StreamCloser;
use events::Events;

/// Most open sessions. They have no connection of their own and last until they are idle.
const SESSIONS: usize = 4096;

/// Delay before a client reconnects to a cut stream (SSE field `retry`).
const RETRY: Duration = Duration::from_secs(1);

/// First revision without sessions. Revisions are dates and compare as text.
const STATELESS: &str = "2026-07-28";

type Service<H> = StreamableHttpService<Faulty<H>, LocalSessionManager>;

/// Service at `/mcp`.
pub(super) struct Mcp<H> {
    sessions: Arc<LocalSessionManager>,
    events: Arc<Events>,
    with_sessions: Service<H>,
    stateless: Service<H>,
    json: bool,
}

impl<H: ServerHandler + Clone> Mcp<H> {
    /// Creates the service. It answers with JSON if possible and `json` is set; sessions unused for
    /// `idle` end.
    pub(super) fn new(handler: Faulty<H>, json: bool, idle: Duration) -> Self {
        let retry = (!json).then_some(RETRY);
        // `guard` and `http` have checked Host, Origin and the size of the body.
        let config = StreamableHttpServerConfig::default()
            .disable_allowed_hosts()
            .with_sse_retry(retry)
            .with_json_response(json)
            .with_cancellation_token(CancellationToken::new());
        let events = Arc::new(Events::new(idle));
        let mut manager = LocalSessionManager::default().with_event_store(events.clone());
        manager.session_config.keep_alive = Some(idle);
        manager.session_config.sse_retry = retry;
        manager.session_config.channel_capacity = SessionConfig::DEFAULT_CHANNEL_CAPACITY;
        let sessions = Arc::new(manager);
        let factory = handler.clone();
        let with_sessions = Service::new(move || Ok(factory.clone()), Arc::clone(&sessions), config.clone());
        let stateless = Service::new(move || Ok(handler.clone()), Arc::default(), config);
        Self { sessions, events, with_sessions, stateless, json }
    }

    fn service(&self, stateless: bool) -> &Service<H> {
        if stateless { &self.stateless } else { &self.with_sessions }
    }

    async fn is_full(&self) -> bool {
        self.sessions.sessions.read().await.len() >= SESSIONS
    }
}

/// Answers a request of any method.
pub(super) async fn answer<H: ServerHandler + Clone>(
    State(app): State<Arc<App<H>>>,
    Extension(connection): Extension<Connection>,
    request: Request,
) -> Response {
    if request.method() != Method::POST {
        let line = Line::new(connection);
        let stateless = is_stateless(request.headers());
        let deletes = request.method() == Method::DELETE;
        let opened = standalone::opens(request.method(), request.headers());
        let mut response = app.mcp.service(stateless).handle(request).await.map(Body::new);
        // rmcp answers 202, which the Python SDK takes for a failure.
        if deletes && response.status() == StatusCode::ACCEPTED {
            *response.status_mut() = StatusCode::OK;
        }
        if let Some(session) = opened {
            response = standalone::with_early(response, &session, &app.mcp.events);
        }
        if !is_stream(response.headers()) {
            return response;
        }
        let outgoing =
            |body| Outgoing::new(body, &line).with_silence(app.plan.silence()).until(app.end.clone());
        return response.map(|body| outgoing(body).into_body());
    }
    match http::read(request).await {
        Ok(post) if batch::is_batch(&post) => batch::all(&app, &post, &connection).await,
        Ok(post) => one(&app, post, Line::new(connection)).await,
        Err(response) => response,
    }
}

/// Answers a POST with one message.
async fn one<H: ServerHandler + Clone>(app: &App<H>, post: Post, line: Line) -> Response {
    let Post { mut parts, body } = post;
    let peek = Peek::of(&body);
    if let Err(error) = serde_json::from_slice::<ClientJsonRpcMessage>(&body) {
        let why = format!("Invalid Request: {error}");
        return http::rpc_error_of(peek.id(), StatusCode::BAD_REQUEST, -32600, &why);
    }
    let method = peek.request();
    if method == Some("initialize") && app.mcp.is_full().await {
        let why = "there are too many sessions: try again later\n";
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "10")], why).into_response();
    }
    let verdict = method.map_or_else(Verdict::default, |method| app.plan.next(method));
    let stateless = method != Some("initialize") && is_stateless(&parts.headers);
    if let Some(response) = faulty_answer(verdict).await {
        return response;
    }
    parts.extensions.insert(AssignedVerdict { verdict, line: line.clone() });
    let closer = StreamCloser::default();
    if !stateless && !app.mcp.json {
        parts.extensions.insert(closer.clone());
    }
    let is_request = method.is_some();
    let request = Request::from_parts(parts, Body::from(body));
    let answered = async {
        let response = app.mcp.service(stateless).handle(request).await.map(Body::new);
        if app.mcp.json { json::instead_of_stream(response).await } else { response }
    };
    // With `--json` a client may leave before there is a body to read.
    let reader = line.reader();
    let response = tokio::select! {
        biased;
        () = line.is_cut() => return ([(header::CONTENT_TYPE, EVENT_STREAM)], broken()).into_response(),
        response = answered => response,
    };
    if !is_request {
        return response;
    }
    let silence = app.plan.silence().filter(|_| is_stream(response.headers()));
    let response = response
        .map(|body| Outgoing::new(body, &line).with_silence(silence).until(closer.token()).into_body());
    // The body has its own guard.
    drop(reader.disarm());
    response
}

/// Returns the faulty answer of a verdict; `None` if the handler should answer.
async fn faulty_answer(verdict: Verdict) -> Option<Response> {
    let response = match verdict.outcome {
        Outcome::HttpError => http::failed(),
        Outcome::NoStream => StatusCode::ACCEPTED.into_response(),
        _ => return None,
    };
    tokio::time::sleep(verdict.delay).await;
    Some(response)
}

/// Whether a request names a revision without sessions in the header of 2026-07-28.
fn is_stateless(headers: &HeaderMap) -> bool {
    headers.get("mcp-protocol-version").is_some_and(|version| version.as_bytes() >= STATELESS.as_bytes())
}

fn is_stream(headers: &HeaderMap) -> bool {
    http::media_type(headers) == Some(EVENT_STREAM)
}
