//! The handler with rmcp's client over a pipe in memory, in every revision.
#![expect(deprecated, reason = "sampling is deprecated by SEP-2577 and yet a part of every revision")]

mod api;
mod asking;
mod http;
mod live;
mod reading;
mod tools;

use std::{collections::HashMap, time::Duration};

use rmcp::{
    ClientHandler, ClientLifecycleMode, ClientServiceExt, ErrorData, RoleClient, RoleServer, ServiceExt,
    model::{
        CallToolRequestParams, CallToolResult, CancelledNotificationParam, ClientCapabilities, ClientConfig,
        CreateMessageRequestParams, CreateMessageResult, ElicitRequestParams, ElicitResult, Implementation,
        JsonObject, ProgressNotificationParam, ProtocolVersion,
    },
    service::{NotificationContext, RequestContext, RunningService, ServerInitializeError, ServiceError},
};
use serde_json::Value;
use tokio::{sync::mpsc, task::JoinHandle};

use super::{Hackernews, Stories};

const REVISIONS: [ProtocolVersion; 5] = [
    ProtocolVersion::V_2024_11_05,
    ProtocolVersion::V_2025_03_26,
    ProtocolVersion::V_2025_06_18,
    ProtocolVersion::V_2025_11_25,
    ProtocolVersion::V_2026_07_28,
];

/// Awaits `future` with a timeout, so that a hanging test fails.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("it takes too long")
}

/// A client with prepared answers that records what it receives.
#[derive(Debug, Clone)]
struct Person {
    config: ClientConfig,
    /// By method: an answer, an error, or `None` to never answer.
    answers: HashMap<&'static str, Option<Result<Value, ErrorData>>>,
    seen: mpsc::UnboundedSender<Seen>,
}

#[derive(Debug)]
enum Seen {
    Progress(ProgressNotificationParam),
    Cancelled(CancelledNotificationParam),
    Request(Value),
}

impl Person {
    fn new(version: ProtocolVersion, capabilities: Value) -> (Self, mpsc::UnboundedReceiver<Seen>) {
        let capabilities: ClientCapabilities = serde_json::from_value(capabilities).unwrap();
        let config = ClientConfig::new(capabilities, Implementation::new("test-client", "1"));
        let (seen, inbox) = mpsc::unbounded_channel();
        (Self { config: config.with_protocol_version(version), answers: HashMap::new(), seen }, inbox)
    }

    fn plain(version: &ProtocolVersion) -> Self {
        Self::new(version.clone(), serde_json::json!({})).0
    }

    fn answering(mut self, method: &'static str, answer: Option<Result<Value, ErrorData>>) -> Self {
        self.answers.insert(method, answer);
        self
    }

    async fn answer<T: serde::de::DeserializeOwned>(
        &self,
        method: &'static str,
        request: Value,
    ) -> Result<T, ErrorData> {
        self.seen.send(Seen::Request(request)).unwrap();
        match self.answers.get(method).expect("nobody expected this request") {
            Some(answer) => answer.clone().map(|value| serde_json::from_value(value).unwrap()),
            None => std::future::pending().await,
        }
    }
}

impl ClientHandler for Person {
    fn get_info(&self) -> ClientConfig {
        self.config.clone()
    }

    async fn create_message(
        &self,
        params: CreateMessageRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<CreateMessageResult, ErrorData> {
        self.answer("sampling/createMessage", serde_json::to_value(params).unwrap()).await
    }

    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        self.answer("elicitation/create", serde_json::to_value(request).unwrap()).await
    }

    async fn on_progress(
        &self,
        params: ProgressNotificationParam,
        _context: NotificationContext<RoleClient>,
    ) {
        // Fails if the test has ended.
        let _ = self.seen.send(Seen::Progress(params));
    }

    async fn on_cancelled(
        &self,
        params: CancelledNotificationParam,
        _context: NotificationContext<RoleClient>,
    ) {
        let _ = self.seen.send(Seen::Cancelled(params));
    }
}

/// Both ends of a session (or of its replacement in 2026-07-28).
struct Pair {
    client: RunningService<RoleClient, Person>,
    /// Finishes when the session has begun; without a handshake, with the first request after
    /// discovery.
    server: JoinHandle<Result<RunningService<RoleServer, Hackernews>, ServerInitializeError>>,
}

impl Pair {
    async fn new(handler: Hackernews, person: Person) -> Self {
        let version = person.config.protocol_version.clone();
        let lifecycle = match version.has_initialize() {
            true => ClientLifecycleMode::Initialize,
            false => ClientLifecycleMode::Discover { preferred_versions: vec![version] },
        };
        let (near, far) = tokio::io::duplex(1 << 16);
        let server = tokio::spawn(handler.serve(far));
        let client = soon(person.serve_with_lifecycle(near, lifecycle)).await.unwrap();
        Self { client, server }
    }

    async fn of_snapshot(version: &ProtocolVersion) -> Self {
        Self::new(snapshot(), Person::plain(version)).await
    }

    async fn call(&self, name: &'static str, arguments: Value) -> Result<CallToolResult, ServiceError> {
        soon(self.client.call_tool(call(name, arguments))).await
    }
}

/// The handler on the snapshot, with a digest that does not wait.
fn snapshot() -> Hackernews {
    Hackernews::new(Stories::snapshot().unwrap()).with_step(Duration::ZERO)
}

fn call(name: &'static str, arguments: Value) -> CallToolRequestParams {
    let arguments: JsonObject = serde_json::from_value(arguments).unwrap();
    CallToolRequestParams::new(name).with_arguments(arguments)
}

/// Returns the texts of a result, and whether it is an error.
fn texts(result: &CallToolResult) -> (Vec<String>, bool) {
    let texts = result.content.iter().map(|block| block.as_text().unwrap().text.clone());
    (texts.collect(), result.is_error == Some(true))
}

/// Returns the single text of a successful result.
fn text(result: &CallToolResult) -> String {
    let (texts, is_error) = texts(result);
    assert!(!is_error && texts.len() == 1, "{texts:?}");
    texts.concat()
}

/// Returns the single text of an error result.
fn failure(result: &CallToolResult) -> String {
    let (texts, is_error) = texts(result);
    assert!(is_error && texts.len() == 1, "{texts:?}");
    texts.concat()
}

/// Returns code and message of a JSON-RPC error.
fn refusal<T: std::fmt::Debug>(result: Result<T, ServiceError>) -> (i32, String) {
    match result.unwrap_err() {
        ServiceError::McpError(error) => (error.code.0, error.message.into_owned()),
        error => panic!("{error}"),
    }
}
