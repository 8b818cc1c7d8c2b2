//! The handler with rmcp's client over a pipe in memory, in a revision with sessions and in one
//! without.
#![expect(deprecated, reason = "logging, sampling and resources/subscribe are to be on the wire")]

use std::collections::BTreeSet;
use std::time::Duration;

use rmcp::model::{
    CallToolRequestParams, CallToolResult, ClientCapabilities, ClientConfig, CreateMessageRequestParams,
    CreateMessageResult, GetPromptRequestParams, Implementation, JsonObject, LoggingLevel,
    LoggingMessageNotificationParam, ProtocolVersion, ReadResourceRequestParams,
    ResourceUpdatedNotificationParam, SetLevelRequestParams, SubscribeRequestParams,
};
use rmcp::service::{NotificationContext, RequestContext, RunningService, ServiceError};
use rmcp::{ClientHandler, ClientLifecycleMode, ClientServiceExt, ErrorData, RoleClient, ServiceExt};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::*;
use crate::serve::hackernews::Stories;

/// Awaits `future` with a timeout, so that a hanging test fails.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("it takes too long")
}

fn everything() -> Everything {
    Everything::new(Hackernews::new(Stories::snapshot().unwrap()))
}

/// A client whose model knows one word, and which records what it receives.
struct Person {
    config: ClientConfig,
    received: mpsc::UnboundedSender<String>,
}

impl ClientHandler for Person {
    fn get_info(&self) -> ClientConfig {
        self.config.clone()
    }

    async fn create_message(
        &self,
        _: CreateMessageRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<CreateMessageResult, ErrorData> {
        let answer =
            json!({"role": "assistant", "model": "m", "content": {"type": "text", "text": "a word"}});
        Ok(serde_json::from_value(answer).unwrap())
    }

    async fn on_logging_message(
        &self,
        params: LoggingMessageNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        // Fails if the test has ended.
        let _ = self.received.send(format!("log {}", params.data));
    }

    async fn on_resource_updated(
        &self,
        params: ResourceUpdatedNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        let _ = self.received.send(format!("updated {}", params.uri));
    }
}

type Client = RunningService<RoleClient, Person>;

async fn connect(version: ProtocolVersion, capabilities: Value) -> (Client, mpsc::UnboundedReceiver<String>) {
    let capabilities: ClientCapabilities = serde_json::from_value(capabilities).unwrap();
    let config = ClientConfig::new(capabilities, Implementation::new("test", "1"));
    let (received, inbox) = mpsc::unbounded_channel();
    let person = Person { config: config.with_protocol_version(version.clone()), received };
    let lifecycle = match version.has_initialize() {
        true => ClientLifecycleMode::Initialize,
        false => ClientLifecycleMode::Discover { preferred_versions: vec![version] },
    };
    let (near, far) = tokio::io::duplex(1 << 16);
    tokio::spawn(async move {
        if let Ok(running) = everything().serve(far).await {
            drop(running.waiting().await);
        }
    });
    (soon(person.serve_with_lifecycle(near, lifecycle)).await.unwrap(), inbox)
}

async fn call(client: &Client, name: &'static str, arguments: Value) -> Result<CallToolResult, ServiceError> {
    let arguments: JsonObject = serde_json::from_value(arguments).unwrap();
    soon(client.call_tool(CallToolRequestParams::new(name).with_arguments(arguments))).await
}

fn text(result: &CallToolResult) -> &str {
    &result.content.first().unwrap().as_text().unwrap().text
}

fn code<T: std::fmt::Debug>(result: Result<T, ServiceError>) -> i32 {
    match result.unwrap_err() {
        ServiceError::McpError(error) => error.code.0,
        error => panic!("{error}"),
    }
}

#[tokio::test]
async fn added_features_are_listed_beside_hacker_news() {
    for version in [ProtocolVersion::V_2025_11_25, ProtocolVersion::V_2026_07_28] {
        let (client, _inbox) = connect(version, json!({})).await;
        let tools = soon(client.list_all_tools()).await.unwrap();
        let names: BTreeSet<&str> = tools.iter().map(|tool| tool.name.as_ref()).collect();
        assert_eq!(names.len(), tools.len(), "a name is there twice");
        assert!(names.contains("test_simple_text") && names.contains("get-hackernews-top-stories"));
        let stories = json!({"type": "topstories", "amount": 2});
        assert_eq!(call(&client, "get-hackernews-top-stories", stories).await.unwrap().content.len(), 2);
        let resources = soon(client.list_all_resources()).await.unwrap();
        let uris: BTreeSet<&str> = resources.iter().map(|resource| resource.uri.as_str()).collect();
        assert_eq!(uris.len(), resources.len(), "a resource is there twice");
        for uri in ["test://static-text", "skill://read-the-news/SKILL.md", "hackernews://list/topstories"] {
            assert!(uris.contains(uri), "{uri} is not listed");
            soon(client.read_resource(ReadResourceRequestParams::new(uri))).await.unwrap();
        }
        let simple = GetPromptRequestParams::new("test_simple_prompt");
        assert_eq!(soon(client.get_prompt(simple)).await.unwrap().messages.len(), 1);
    }
}

#[test]
fn every_listed_tool_is_implemented() {
    for tool in catalogue::tools() {
        let name = tool.name.as_ref();
        let kinds = [content::has, during::has, ask::has, rounds::has, tasks::has, watch::has];
        assert_eq!(kinds.iter().filter(|has| has(name)).count(), 1, "{name}");
        assert!(everything().get_tool(name).is_some(), "{name}");
    }
}

#[tokio::test]
async fn names_unknown_to_both_handlers_are_errors() {
    let (client, _inbox) = connect(ProtocolVersion::V_2025_11_25, json!({})).await;
    assert_eq!(code(call(&client, "no-such-tool", json!({})).await), -32602);
    let read = soon(client.read_resource(ReadResourceRequestParams::new("test://nothing"))).await;
    assert_eq!(code(read), -32002);
    let prompt = soon(client.get_prompt(GetPromptRequestParams::new("no-such-prompt"))).await;
    assert_eq!(code(prompt), -32602);
}

#[tokio::test]
async fn the_model_is_asked_in_the_way_of_the_revision() {
    for version in [ProtocolVersion::V_2025_11_25, ProtocolVersion::V_2026_07_28] {
        let (client, _inbox) = connect(version, json!({"sampling": {}})).await;
        let result = call(&client, "test_sampling", json!({"prompt": "Say a word"})).await.unwrap();
        assert!(text(&result).contains("a word"), "{}", text(&result));
    }
}

#[tokio::test]
async fn a_client_without_sampling_gets_the_plain_digest() {
    for version in [ProtocolVersion::V_2025_11_25, ProtocolVersion::V_2026_07_28] {
        let (client, _inbox) = connect(version, json!({})).await;
        let result = call(&client, "test_sampling", json!({"prompt": "Say a word"})).await.unwrap();
        assert_eq!(result.is_error, Some(true));
        assert!(text(&result).contains("does not offer sampling"), "{}", text(&result));
        assert_eq!(code(call(&client, "test_missing_capability", json!({})).await), -32021);
    }
}

#[tokio::test]
async fn a_session_is_notified_of_its_subscriptions() {
    let (client, mut inbox) = connect(ProtocolVersion::V_2025_11_25, json!({})).await;
    let update = |uri: &str| json!({"uri": uri});
    soon(client.subscribe(SubscribeRequestParams::new("test://b"))).await.unwrap();
    call(&client, "test_trigger_resource_update", update("test://a")).await.unwrap();
    call(&client, "test_trigger_resource_update", update("test://b")).await.unwrap();
    assert_eq!(soon(inbox.recv()).await.unwrap(), "updated test://b");
}

#[tokio::test]
async fn log_messages_below_the_level_are_not_sent() {
    let (client, mut inbox) = connect(ProtocolVersion::V_2025_11_25, json!({})).await;
    soon(client.set_level(SetLevelRequestParams::new(LoggingLevel::Error))).await.unwrap();
    call(&client, "test_tool_with_logging", json!({})).await.unwrap();
    soon(client.set_level(SetLevelRequestParams::new(LoggingLevel::Info))).await.unwrap();
    call(&client, "test_tool_with_logging", json!({})).await.unwrap();
    let mut logged = Vec::new();
    for _ in 0..3 {
        logged.push(soon(inbox.recv()).await.unwrap());
    }
    assert!(inbox.try_recv().is_err(), "more than one call was logged");
    assert_eq!(logged.first().unwrap(), "log \"Tool execution started\"");
}

#[test]
fn a_clone_is_a_new_session() {
    let first = everything();
    first.session.set_level(LoggingLevel::Error);
    first.session.subscribe("test://a").unwrap();
    let second = first.clone();
    assert_eq!(second.session.level(), LoggingLevel::Debug);
    assert!(!second.session.watches("test://a"));
}

#[test]
fn capabilities_combine_those_of_both_handlers() {
    let capabilities = everything().get_info().capabilities;
    assert!(capabilities.supports_tasks() && capabilities.supports_directory_read());
    assert!(capabilities.logging.is_some() && capabilities.completions.is_some());
    assert_eq!(capabilities.resources.unwrap().subscribe, Some(true));
}
