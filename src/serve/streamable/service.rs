//! The services of rmcp, one with sessions and one without, and their limits.

use std::sync::Arc;
use std::time::Duration;

use rmcp::transport::StreamableHttpServerConfig;
use rmcp::transport::streamable_http_server::StreamableHttpService;
use rmcp::transport::streamable_http_server::session::local::{LocalSessionManager, SessionConfig};
use tokio_util::sync::CancellationToken;

use super::events::Events;
use super::sessions::Sessions;
use crate::serve::faults::{Faulty, Plan};
use crate::serve::options::Options;

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
    pub(super) sessions: Sessions,
    with_sessions: Service,
    stateless: Service,
}

impl Mcp {
    /// Creates the service. It answers with JSON if possible and wanted; sessions end as `options`
    /// say, and streams when `end` is cancelled.
    pub(in crate::serve) fn new(
        handler: Faulty,
        plan: Arc<Plan>,
        options: &Options,
        end: CancellationToken,
    ) -> Self {
        let (json, idle, most) = (options.json, options.session_idle, options.sessions);
        let retry = (!json).then_some(RETRY);
        // `guard` and `http` have checked Host, Origin and the size of the body.
        let config = StreamableHttpServerConfig::default()
            .disable_allowed_hosts()
            .with_sse_retry(retry)
            .with_json_response(json)
            .with_cancellation_token(CancellationToken::new());
        let events = Arc::new(Events::new(idle, most));
        let mut manager = LocalSessionManager::default().with_event_store(events.clone());
        manager.session_config.keep_alive = Some(idle);
        manager.session_config.sse_retry = retry;
        manager.session_config.channel_capacity = SessionConfig::DEFAULT_CHANNEL_CAPACITY;
        // Events are kept by `events`.
        manager.session_config.completed_cache_ttl = Duration::ZERO;
        let manager = Arc::new(manager);
        let factory = handler.clone();
        let with_sessions = Service::new(move || Ok(factory.clone()), Arc::clone(&manager), config.clone());
        let sessions = Sessions::new(manager, most);
        let stateless = Service::new(move || Ok(handler.clone()), Arc::default(), config);
        Self { plan, end, events, json, sessions, with_sessions, stateless }
    }

    /// Returns the service with or without sessions.
    pub(super) fn service(&self, stateless: bool) -> &Service {
        if stateless { &self.stateless } else { &self.with_sessions }
    }
}
