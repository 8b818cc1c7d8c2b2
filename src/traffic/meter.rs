//! Sits between a session and its transport: messages pass both ways unchanged, and every exchange is timed.
//!
//! An exchange begins when its request is handed to the transport and ends when the transport hands back the response,
//! so that the client's time includes what the wire took. What rmcp sends by itself (`initialize`, the retries of an
//! `input_required` result) is counted like what the script asked for.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rmcp::model::{
    ClientJsonRpcMessage, ClientNotification, ClientRequest, JsonRpcMessage, RequestId, ServerJsonRpcMessage,
    ServerNotification, ServerResult,
};
use rmcp::service::RoleClient;
use rmcp::transport::Transport;
use tokio::time::Instant;

use super::options::Observer;
use super::summary::{Summary, Totals};

/// Bytes of a name that are kept: servers choose them.
const MAX_NAME: usize = 200;

/// What became of a call. The words are those of the reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// A result.
    Ok,
    /// A result with `isError`.
    ToolError,
    /// A JSON-RPC error.
    Error,
    /// The client took it back, or gave it up after [`super::Options::timeout`].
    Cancelled,
    /// The transport could not deliver it: an HTTP status, a broken connection.
    HttpError,
    /// No answer came before the client left.
    Unanswered,
}

impl Outcome {
    /// All of them, in the order of the reports.
    pub const ALL: [Self; 6] =
        [Self::Ok, Self::ToolError, Self::Error, Self::Cancelled, Self::HttpError, Self::Unanswered];

    /// Whether there was a response, and with it a latency.
    #[must_use]
    pub fn is_answered(self) -> bool {
        matches!(self, Self::Ok | Self::ToolError | Self::Error)
    }
}

/// A request of a client, and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Which client, from 0.
    pub client: usize,
    /// Which session of the run, from 0.
    pub session: u64,
    /// The id of the request.
    pub id: serde_json::Value,
    /// The method.
    pub method: Arc<str>,
    /// The tool or the prompt.
    pub name: Option<Arc<str>>,
    /// What became of it.
    pub outcome: Outcome,
    /// From handing the request to the transport to the response, or to the moment when it was given up.
    pub took: Duration,
}

/// Counts for all clients of a run. Clones count together.
#[derive(Clone)]
pub(super) struct Meter {
    shared: Arc<Mutex<Shared>>,
    observer: Option<Observer>,
}

struct Shared {
    began: Instant,
    sessions: u64,
    /// What waits for its response. Bounded: a client has [`super::client::MAX_OPEN`] calls open, and what it abandons
    /// goes with the session.
    open: HashMap<(u64, RequestId), Open>,
    totals: Totals,
}

struct Open {
    client: usize,
    method: Arc<str>,
    name: Option<Arc<str>>,
    began: Instant,
}

impl Meter {
    pub(super) fn new(observer: Option<Observer>) -> Self {
        let began = Instant::now();
        let shared = Shared { began, sessions: 0, open: HashMap::new(), totals: Totals::default() };
        Self { shared: Arc::new(Mutex::new(shared)), observer }
    }

    /// A meter of a session that `client` is about to open.
    pub(super) fn session(&self, client: usize) -> SessionMeter {
        let mut shared = self.lock();
        let session = shared.sessions;
        shared.sessions += 1;
        drop(shared);
        SessionMeter { meter: self.clone(), client, session, is_leaving: Arc::default() }
    }

    /// What was counted so far. `ended` says why clients ended before their time.
    pub(super) fn summary(&self, ended: Option<String>) -> Summary {
        let shared = self.lock();
        shared.totals.summary(shared.began.elapsed(), ended)
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // Nothing in here panics half way; what a poisoned lock holds is as good.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts for one session.
#[derive(Clone)]
pub(super) struct SessionMeter {
    meter: Meter,
    client: usize,
    session: u64,
    /// Whether the client closes the session: what breaks then is no failure of the transport.
    is_leaving: Arc<AtomicBool>,
}

impl SessionMeter {
    /// The session is open.
    pub(super) fn opened(&self) {
        self.meter.lock().totals.sessions += 1;
    }

    /// The client is about to close the session.
    pub(super) fn leaves(&self) {
        self.is_leaving.store(true, Ordering::Relaxed);
    }

    /// The session is over: what is open has no answer.
    pub(super) fn ended(&self) {
        let mut left: Vec<_> = {
            let shared = self.meter.lock();
            shared.open.keys().filter(|(session, _)| *session == self.session).cloned().collect()
        };
        left.sort_by_key(|(_, id)| id.to_string());
        for (_, id) in left {
            self.end(&id, Outcome::Unanswered);
        }
    }

    fn sent(&self, message: &ClientJsonRpcMessage) -> Option<RequestId> {
        match message {
            JsonRpcMessage::Request(request) => {
                let open = Open {
                    client: self.client,
                    method: request.request.method().into(),
                    name: name_of(&request.request).map(Into::into),
                    began: Instant::now(),
                };
                self.meter.lock().open.insert((self.session, request.id.clone()), open);
                return Some(request.id.clone());
            }
            JsonRpcMessage::Notification(notification) => {
                let mut shared = self.meter.lock();
                shared.totals.notifications += 1;
                drop(shared);
                if let ClientNotification::CancelledNotification(cancelled) = &notification.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    self.end(id, Outcome::Cancelled);
                }
            }
            JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => self.meter.lock().totals.answered += 1,
        }
        None
    }

    fn received(&self, message: &ServerJsonRpcMessage) {
        match message {
            JsonRpcMessage::Response(response) => {
                let is_error = matches!(&response.result, ServerResult::CallToolResult(result)
                    if result.is_error == Some(true));
                self.end(&response.id, if is_error { Outcome::ToolError } else { Outcome::Ok });
            }
            JsonRpcMessage::Error(error) => {
                if let Some(id) = &error.id {
                    self.end(id, Outcome::Error);
                }
            }
            JsonRpcMessage::Request(_) => self.meter.lock().totals.asked += 1,
            JsonRpcMessage::Notification(notification) => {
                let mut shared = self.meter.lock();
                if matches!(&notification.notification, ServerNotification::ProgressNotification(_)) {
                    shared.totals.progress += 1;
                }
                shared.totals.notified += 1;
            }
        }
    }

    /// Ends what is open under an id. A second end, as of a late response, changes nothing.
    fn end(&self, id: &RequestId, outcome: Outcome) {
        let mut shared = self.meter.lock();
        let Some(open) = shared.open.remove(&(self.session, id.clone())) else {
            return;
        };
        let call = Call {
            client: open.client,
            session: self.session,
            id: id.clone().into_json_value(),
            method: open.method,
            name: open.name,
            outcome,
            took: open.began.elapsed(),
        };
        shared.totals.push(&call);
        drop(shared);
        if let Some(observer) = &self.meter.observer {
            observer(&call);
        }
    }
}

/// A transport with a meter in front.
pub(super) struct Metered<T> {
    pub(super) inner: T,
    pub(super) meter: SessionMeter,
}

impl<T: Transport<RoleClient>> Transport<RoleClient> for Metered<T> {
    type Error = T::Error;

    fn name() -> Cow<'static, str> {
        T::name()
    }

    fn send(
        &mut self,
        message: ClientJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let id = self.meter.sent(&message);
        let meter = self.meter.clone();
        let sending = self.inner.send(message);
        async move {
            let sent = sending.await;
            if let (Err(_), Some(id)) = (&sent, id) {
                let left = meter.is_leaving.load(Ordering::Relaxed);
                meter.end(&id, if left { Outcome::Unanswered } else { Outcome::HttpError });
            }
            sent
        }
    }

    // Holds nothing between polls: as safe to drop as the inner one.
    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        let message = self.inner.receive().await;
        if let Some(message) = &message {
            self.meter.received(message);
        }
        message
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.inner.close().await
    }
}

/// The tool or prompt of a request that has one. Resources have none here: there may be as many as calls.
fn name_of(request: &ClientRequest) -> Option<String> {
    let name = match request {
        ClientRequest::CallToolRequest(call) => call.params.name.as_ref(),
        ClientRequest::GetPromptRequest(prompt) => prompt.params.name.as_str(),
        _ => return None,
    };
    let mut end = name.len().min(MAX_NAME);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.get(..end).map(str::to_owned)
}
