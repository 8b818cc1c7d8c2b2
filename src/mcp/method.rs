//! JSON-RPC methods of MCP that the analysis knows.

use crate::rpc::Envelope;

pub(super) const INITIALIZE: &str = "initialize";
pub(super) const DISCOVER: &str = "server/discover";
pub(super) const PING: &str = "ping";
/// How the methods of notifications begin.
pub(super) const NOTIFICATIONS: &str = "notifications/";
pub(super) const PROGRESS: &str = "notifications/progress";
pub(super) const CANCELLED: &str = "notifications/cancelled";
pub(super) const INITIALIZED: &str = "notifications/initialized";

pub(super) fn is_initialize(method: &str) -> bool {
    method == INITIALIZE
}

/// Whether a client opens a session with the method, or asks how to.
pub(super) fn opens_session(method: &str) -> bool {
    matches!(method, INITIALIZE | DISCOVER)
}

/// Whether the method concerns an existing task (experimental in 2025-11-25, an extension since).
pub(super) fn is_task(method: &str) -> bool {
    method.starts_with("tasks/")
}

/// Whether the server sends the method to serve a call that is open.
pub(super) fn serves_a_call(method: &str) -> bool {
    method.starts_with("elicitation/") || method.starts_with("sampling/")
}

/// Whether the server may send the method to serve a call that is open, or without one.
pub(super) fn may_serve_a_call(method: &str) -> bool {
    serves_a_call(method) || method == "roots/list"
}

/// Whether the method opens a stream of notifications, which stays open until one side closes it.
pub(super) fn is_subscription(method: &str) -> bool {
    method == "subscriptions/listen"
}

/// Whether the method runs code of the server that may ask the client.
pub(super) fn is_call(method: &str) -> bool {
    matches!(method, "tools/call" | "prompts/get" | "resources/read")
}

/// The tool, prompt or resource URI that a request names; `None` for methods without one.
pub(super) fn name_of(envelope: &Envelope) -> Option<&str> {
    match envelope.method.as_deref() {
        Some(
            "tools/call" | "prompts/get" | "resources/read" | "resources/subscribe" | "resources/unsubscribe",
        ) => envelope.look.name.as_deref().or(envelope.look.uri.as_deref()),
        _ => None,
    }
}
