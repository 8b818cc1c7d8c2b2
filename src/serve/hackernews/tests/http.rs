//! The handler over HTTP, where each request of 2026-07-28 reaches another clone.

use std::sync::Arc;

use axum::Router;
use rmcp::{
    ClientLifecycleMode, ClientServiceExt,
    model::ProtocolVersion,
    transport::{
        StreamableHttpClientTransport,
        streamable_http_client::StreamableHttpClientTransportConfig,
        streamable_http_server::{StreamableHttpService, session::local::LocalSessionManager},
    },
};
use serde_json::json;
use tokio::net::TcpListener;

use super::{Person, Seen, call, snapshot, soon, text};
use crate::serve::hackernews::tools::{ASK_READER, DIGEST};

/// Progress, a request to the model and one to the user, each on the response stream of its call
/// (or by a retry that another clone answers).
#[tokio::test]
async fn the_asking_tools_work_over_streamable_http() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let handler = snapshot();
    let sessions = Arc::new(LocalSessionManager::default());
    let service = StreamableHttpService::new(move || Ok(handler.clone()), sessions, Default::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let router = Router::new().nest_service("/mcp", service);
    let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });

    for version in
        [ProtocolVersion::V_2025_06_18, ProtocolVersion::V_2025_11_25, ProtocolVersion::V_2026_07_28]
    {
        let (person, mut inbox) = Person::new(version.clone(), json!({"sampling": {}, "elicitation": {}}));
        let content = json!({"type": "text", "text": "All is well."});
        let message = json!({"role": "assistant", "content": content, "model": "tiny-1"});
        let opinion = json!({"action": "accept", "content": {"opinion": "Good"}});
        let person = person
            .answering("sampling/createMessage", Some(Ok(message)))
            .answering("elicitation/create", Some(Ok(opinion)));
        let lifecycle = match version.has_initialize() {
            true => ClientLifecycleMode::Initialize,
            false => ClientLifecycleMode::Discover { preferred_versions: vec![version.clone()] },
        };
        let transport = StreamableHttpClientTransport::with_client(
            reqwest::Client::builder().no_proxy().build().unwrap(),
            StreamableHttpClientTransportConfig::with_uri(url.as_str()),
        );
        let client = soon(person.serve_with_lifecycle(transport, lifecycle)).await.unwrap();
        let digest = soon(client.call_tool(call(DIGEST, json!({"amount": 3})))).await.unwrap();
        assert!(text(&digest).starts_with("All is well."), "{version}");
        let opinion =
            soon(client.call_tool(call(ASK_READER, json!({"id": super::asking::first_id()})))).await;
        assert_eq!(text(&opinion.unwrap()), r#"{"opinion":"Good","recommend":false}"#, "{version}");
        let (mut steps, mut requests) = (Vec::new(), 0);
        for _ in 0..5 {
            match soon(inbox.recv()).await.unwrap() {
                Seen::Progress(progress) => steps.push(progress.progress),
                Seen::Request(_) => requests += 1,
                Seen::Cancelled(cancelled) => panic!("{cancelled:?}"),
            }
        }
        assert_eq!((steps, requests), (vec![1.0, 2.0, 3.0], 2), "{version}");
        soon(client.cancel()).await.unwrap();
    }
    server.abort();
}
