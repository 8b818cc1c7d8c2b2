//! Streamable HTTP at `/mcp`: rmcp's service, with the faults, the caps and the JSON answers that it does not have.
//!
//! Two of rmcp's services stand side by side. The one for sessions (2025-03-26 to 2025-11-25) keeps its events, so that
//! a stream can be resumed by `Last-Event-ID`; the one for 2026-07-28 does not, for there the end of the connection
//! cancels the request.

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

use super::faults::{Faulty, Line, Outcome, Outgoing, Sentence, Verdict, broken};
use super::http::{self, App, EVENT_STREAM, Peek, Post};
use super::net::Connection;
pub(super) use closer::StreamCloser;
use events::Events;

/// Sessions that may be there at once: they have no connection of their own, and last until they are idle.
const SESSIONS: usize = 4096;

/// How soon a client comes back to a stream that was cut (the `retry` field of SSE).
const RETRY: Duration = Duration::from_secs(1);

/// The first revision without sessions. Revisions are dates, and compare as text.
const STATELESS: &str = "2026-07-28";

type Service<H> = StreamableHttpService<Faulty<H>, LocalSessionManager>;

/// What answers at `/mcp`.
pub(super) struct Mcp<H> {
    sessions: Arc<LocalSessionManager>,
    events: Arc<Events>,
    with_sessions: Service<H>,
    stateless: Service<H>,
    json: bool,
}

impl<H: ServerHandler + Clone> Mcp<H> {
    /// Answers with JSON where it can if `json`; sessions that nobody uses for `idle` end.
    pub(super) fn new(handler: Faulty<H>, json: bool, idle: Duration) -> Self {
        let retry = (!json).then_some(RETRY);
        // Host, Origin and the size of bodies are looked at before: `guard` and `http`.
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

/// `/mcp`: every method.
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
        // rmcp says 202, which clients take for a failure (the Python SDK does): the session is gone, nothing is to come.
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

/// A POST with one message.
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
    if let Some(response) = spoilt(verdict).await {
        return response;
    }
    parts.extensions.insert(Sentence { verdict, line: line.clone() });
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
    // The body has a reader of its own.
    drop(reader.disarm());
    response
}

/// The answer that a verdict gives without asking the handler.
async fn spoilt(verdict: Verdict) -> Option<Response> {
    let response = match verdict.outcome {
        Outcome::HttpError => http::failed(),
        Outcome::NoStream => StatusCode::ACCEPTED.into_response(),
        _ => return None,
    };
    tokio::time::sleep(verdict.delay).await;
    Some(response)
}

/// Whether a request names a revision without sessions, in the field that 2026-07-28 asks for.
fn is_stateless(headers: &HeaderMap) -> bool {
    headers.get("mcp-protocol-version").is_some_and(|version| version.as_bytes() >= STATELESS.as_bytes())
}

fn is_stream(headers: &HeaderMap) -> bool {
    http::media_type(headers) == Some(EVENT_STREAM)
}
