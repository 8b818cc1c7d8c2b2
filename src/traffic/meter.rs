//! Wraps a transport and times every exchange. Messages pass unchanged.
//!
//! An exchange starts when its request is given to the transport and ends when the transport
//! returns the response: the measured time includes the network. Requests that rmcp sends by itself
//! (`initialize`, retries of an `input_required` result) are counted like those of the script.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmcp::model::{
    ClientJsonRpcMessage, ClientNotification, ClientRequest, JsonRpcMessage, RequestId, ServerJsonRpcMessage,
    ServerNotification, ServerResult,
};
use rmcp::service::RoleClient;
use rmcp::transport::Transport;
use tokio::time::Instant;

use super::call::Call;
use super::options::Observer;
use super::summary::{Summary, Totals};
use crate::base::Status;

/// Longest kept name of a tool or prompt, in bytes. Servers choose the names.
const MAX_NAME: usize = 200;

/// Counters of a run, shared by all clones.
#[derive(Clone)]
pub(super) struct Meter {
    shared: Arc<Mutex<Shared>>,
    observer: Option<Observer>,
}

struct Shared {
    start: Instant,
    sessions: u64,
    /// Calls without a response. Bounded: a client has at most [`super::client::MAX_OPEN`] open
    /// calls, and abandoned ones are removed with the session.
    open: HashMap<(u64, RequestId), OpenCall>,
    totals: Totals,
}

struct OpenCall {
    client: usize,
    method: Arc<str>,
    name: Option<Arc<str>>,
    start: Instant,
}

impl Meter {
    pub(super) fn new(observer: Option<Observer>) -> Self {
        let start = Instant::now();
        let shared = Shared { start, sessions: 0, open: HashMap::new(), totals: Totals::default() };
        Self { shared: Arc::new(Mutex::new(shared)), observer }
    }

    /// Returns a meter for a session that `client` is about to open.
    pub(super) fn session(&self, client: usize) -> SessionMeter {
        let mut shared = self.lock();
        let session = shared.sessions;
        shared.sessions += 1;
        drop(shared);
        SessionMeter {
            meter: self.clone(),
            client,
            session,
            is_closing: Arc::default(),
            trial: Arc::default(),
        }
    }

    /// Records a call of the script.
    pub(super) fn scripted(&self) {
        self.lock().totals.scripted += 1;
    }

    /// Returns the counts so far. `ended` is the reason if a client ended early.
    pub(super) fn summary(&self, ended: Option<String>) -> Summary {
        let shared = self.lock();
        shared.totals.summary(shared.start.elapsed(), ended)
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // No update is left half done by a panic, so the data of a poisoned lock is valid.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counters of one session.
#[derive(Clone)]
pub(super) struct SessionMeter {
    meter: Meter,
    client: usize,
    session: u64,
    /// Whether the client is closing the session. Errors after that are not transport failures.
    is_closing: Arc<AtomicBool>,
    /// Calls made to find out whether the server speaks a transport; `None` if that is known.
    trial: Arc<Mutex<Option<Vec<Call>>>>,
}

impl SessionMeter {
    /// Records that the session is open.
    pub(super) fn opened(&self) {
        self.meter.lock().totals.sessions += 1;
    }

    /// Holds back the calls from now on, until it is known whether the server speaks the transport.
    pub(super) fn begin_trial(&self) {
        *self.trial() = Some(Vec::new());
    }

    /// Records the calls that were held back if the server speaks the transport, else drops them.
    pub(super) fn end_trial(&self, is_spoken: bool) {
        if !is_spoken {
            // Requests without an answer end here, as part of the trial.
            self.ended();
        }
        for call in self.trial().take().into_iter().flatten().filter(|_| is_spoken) {
            self.record(&call);
        }
    }

    /// Locks the trial. Each update is one call, so the data of a poisoned lock is valid.
    fn trial(&self) -> MutexGuard<'_, Option<Vec<Call>>> {
        self.trial.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that the client starts to close the session.
    pub(super) fn closing(&self) {
        self.is_closing.store(true, Ordering::Relaxed);
    }

    /// Records the end of the session. Open calls become unanswered.
    pub(super) fn ended(&self) {
        let mut open: Vec<_> = {
            let shared = self.meter.lock();
            shared.open.keys().filter(|(session, _)| *session == self.session).cloned().collect()
        };
        open.sort_by_key(|(_, id)| id.to_string());
        for (_, id) in open {
            self.end(&id, Status::Unanswered);
        }
    }

    fn sent(&self, message: &ClientJsonRpcMessage) -> Option<RequestId> {
        match message {
            JsonRpcMessage::Request(request) => {
                let open = OpenCall {
                    client: self.client,
                    method: request.request.method().into(),
                    name: name_of(&request.request).map(Into::into),
                    start: Instant::now(),
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
                    self.end(id, Status::Cancelled);
                }
            }
            JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => self.meter.lock().totals.responses += 1,
        }
        None
    }

    fn received(&self, message: &ServerJsonRpcMessage) {
        match message {
            JsonRpcMessage::Response(response) => {
                let is_error = matches!(&response.result, ServerResult::CallToolResult(result)
                    if result.is_error == Some(true));
                self.end(&response.id, if is_error { Status::ToolError } else { Status::Ok });
            }
            JsonRpcMessage::Error(error) => {
                if let Some(id) = &error.id {
                    self.end(id, Status::Error);
                }
            }
            JsonRpcMessage::Request(_) => self.meter.lock().totals.server_requests += 1,
            JsonRpcMessage::Notification(notification) => {
                let mut shared = self.meter.lock();
                if matches!(&notification.notification, ServerNotification::ProgressNotification(_)) {
                    shared.totals.progress += 1;
                }
                shared.totals.server_notifications += 1;
            }
        }
    }

    /// Ends the open call with this id. A late response finds none and changes nothing.
    fn end(&self, id: &RequestId, status: Status) {
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
            status,
            took: open.start.elapsed(),
        };
        drop(shared);
        if let Some(held) = self.trial().as_mut() {
            held.push(call);
            return;
        }
        self.record(&call);
    }

    fn record(&self, call: &Call) {
        self.meter.lock().totals.record(call);
        if let Some(observer) = &self.meter.observer {
            observer(call);
        }
    }
}

/// A transport that reports to a meter.
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
                let closing = meter.is_closing.load(Ordering::Relaxed);
                meter.end(&id, if closing { Status::Unanswered } else { Status::HttpError });
            }
            sent
        }
    }

    // Cancel safe if the inner transport is: holds no state between polls.
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

/// Returns the tool or prompt of a request. Resources are left out: there may be as many as calls.
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
