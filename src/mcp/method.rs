//! The methods that mean something here.

use crate::rpc::Envelope;

pub(super) const PROGRESS: &str = "notifications/progress";
pub(super) const CANCELLED: &str = "notifications/cancelled";
pub(super) const INITIALIZED: &str = "notifications/initialized";

pub(super) fn is_initialize(method: &str) -> bool {
    method == "initialize"
}

/// Methods about a task that exists (2025-11-25, experimental; an extension since).
pub(super) fn is_task(method: &str) -> bool {
    method.starts_with("tasks/")
}

/// Whether the method names a tool, a prompt or a resource.
pub(super) fn has_name(envelope: &Envelope) -> bool {
    matches!(
        envelope.method.as_deref(),
        Some(
            "tools/call" | "prompts/get" | "resources/read" | "resources/subscribe" | "resources/unsubscribe"
        )
    )
}
