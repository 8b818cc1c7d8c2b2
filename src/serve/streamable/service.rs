//! The services of rmcp, one with sessions and one without, and their limits.

use std::sync::Arc;
use std::time::Duration;

use rmcp::transport::StreamableHttpServerConfig;
use rmcp::transport::streamable_http_server::StreamableHttpService;
use rmcp::transport::streamable_http_server::session::local::{LocalSessionManager, SessionConfig};
use tokio_util::sync::CancellationToken;

use super::events::Events;
use crate::serve::faults::{Faulty, Plan};

/// Most open sessions. They have no connection of their own and last until they are idle.
const SESSIONS: usize = 4096;

/// Delay before a client reconnects to a cut stream (SSE field `retry`).
const RETRY: Duration = Duration::from_secs(1);

type Service = StreamableHttpService<Faulty, LocalSessionManager>;

/// Service at `/mcp`.
pub(in crate::serve) struct Mcp {
    pub(super) plan: Arc<Plan>,
    /// Cancelled when the server shuts down.
    pub(super) end: CancellationToken,
    pub(super) events: Arc<Events>,
    /// Whether to answer with JSON if possible.
    pub(super) json: bool,
    sessions: Arc<LocalSessionManager>,
    with_sessions: Service,
    stateless: Service,
}

impl Mcp {
    /// Creates the service. It answers with JSON if possible and `json` is set; sessions unused for
    /// `idle` end, and streams end when `end` is cancelled.
    pub(in crate::serve) fn new(
        handler: Faulty,
        plan: Arc<Plan>,
        json: bool,
        idle: Duration,
        end: CancellationToken,
    ) -> Self {
        let retry = (!json).then_some(RETRY);
        // `guard` and `http` have checked Host, Origin and the size of the body.
        let config = StreamableHttpServerConfig::default()
            .disable_allowed_hosts()
            .with_sse_retry(retry)
            .with_json_response(json)
            .with_cancellation_token(CancellationToken::new());
        let events = Arc::new(Events::new(idle, SESSIONS));
        let mut manager = LocalSessionManager::default().with_event_store(events.clone());
        manager.session_config.keep_alive = Some(idle);
        manager.session_config.sse_retry = retry;
        manager.session_config.channel_capacity = SessionConfig::DEFAULT_CHANNEL_CAPACITY;
        let sessions = Arc::new(manager);
        let factory = handler.clone();
        let with_sessions = Service::new(move || Ok(factory.clone()), Arc::clone(&sessions), config.clone());
        let stateless = Service::new(move || Ok(handler.clone()), Arc::default(), config);
        Self { plan, end, events, json, sessions, with_sessions, stateless }
    }

    /// Returns the service with or without sessions.
    pub(super) fn service(&self, stateless: bool) -> &Service {
        if stateless { &self.stateless } else { &self.with_sessions }
    }

    /// Whether no session can be opened.
    pub(super) async fn is_full(&self) -> bool {
        self.sessions.sessions.read().await.len() >= SESSIONS
    }
}
