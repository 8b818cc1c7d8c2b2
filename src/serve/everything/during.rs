//! Tools that send something before they answer: log messages, progress, or the end of their
//! stream.

#![expect(deprecated, reason = "older revisions have logging (SEP-2577)")]

use std::time::Duration;

use axum::http::request::Parts;
use rmcp::model::{
    CallToolResult, ClientCapabilities, ContentBlock, LoggingLevel, LoggingMessageNotificationParam,
    ProgressNotificationParam, Tool,
};
use rmcp::service::{RequestContext, ServiceError};
use rmcp::{ErrorData, RoleServer};
use serde_json::json;

use super::revision::is_stateless;
use super::session::Session;
use super::tool::plain;
use crate::serve::streamable::StreamCloser;

/// Pause between two notifications, so that each is an event in its own packet.
const STEP: Duration = Duration::from_millis(50);

/// Time from the end of the stream to the response, so that the client reconnects before or after
/// it.
const AWAY: Duration = Duration::from_millis(200);

const TOOLS: &[(&str, &str)] = &[
    ("test_tool_with_logging", "Logs three messages, then answers"),
    ("test_logging_tool", "Logs a message where the request asks for log messages (2026-07-28)"),
    ("test_tool_with_progress", "Reports its progress three times, then answers"),
    ("test_reconnection", "Ends the stream before its response, which a client gets by resuming (SEP-1699)"),
    ("test_missing_capability", "Needs a client that offers sampling"),
];

/// Whether this module has the tool.
pub(super) fn has(name: &str) -> bool {
    TOOLS.iter().any(|(tool, _)| *tool == name)
}

/// Returns the definitions of these tools.
pub(super) fn tools() -> Vec<Tool> {
    TOOLS.iter().map(|(name, description)| plain(name, description)).collect()
}

/// Calls one of these tools.
///
/// # Errors
///
/// Missing required client capability, from the tool that needs one; an internal error if the
/// client is gone.
pub(super) async fn call(
    name: &str,
    session: &Session,
    cx: &RequestContext<RoleServer>,
) -> Result<CallToolResult, ErrorData> {
    let said = match name {
        "test_tool_with_logging" => {
            for step in ["Tool execution started", "Tool processing data", "Tool execution completed"] {
                log(step, session, cx).await?;
                pause(STEP, cx).await?;
            }
            "Logged three messages"
        }
        "test_logging_tool" => {
            log("The request asked for log messages", session, cx).await?;
            "Logged what was asked for"
        }
        "test_tool_with_progress" => {
            for (progress, message) in [(0.0, "Started"), (50.0, "Half done"), (100.0, "Done")] {
                report(progress, message, cx).await?;
                pause(STEP, cx).await?;
            }
            "Reported its progress"
        }
        "test_reconnection" => {
            let head = cx.extensions.get::<Parts>();
            // Flushes earlier events, above all the one whose id the client resumes from.
            pause(STEP, cx).await?;
            if let Some(closer) = head.and_then(|head| head.extensions.get::<StreamCloser>()) {
                closer.close();
                pause(AWAY, cx).await?;
            }
            "Reconnection test completed"
        }
        _ => {
            if cx.client_capabilities().is_none_or(|client| client.sampling.is_none()) {
                let needed = ClientCapabilities::builder().enable_sampling().build();
                return Err(ErrorData::missing_required_client_capability(needed));
            }
            "The client offers sampling"
        }
    };
    Ok(CallToolResult::success(vec![ContentBlock::text(said)]))
}

/// Waits; returns at once if the call is cancelled.
pub(super) async fn pause(time: Duration, cx: &RequestContext<RoleServer>) -> Result<(), ErrorData> {
    tokio::select! {
        () = cx.ct.cancelled() => Err(ErrorData::internal_error("the call was cancelled", None)),
        () = tokio::time::sleep(time) => Ok(()),
    }
}

/// Sends a log message at level `info`: in 2026-07-28 only if the request names a level, before
/// that unless the session set a higher one.
async fn log(text: &str, session: &Session, cx: &RequestContext<RoleServer>) -> Result<(), ErrorData> {
    let level = if is_stateless(cx) { cx.meta.log_level() } else { Some(session.level()) };
    if level.is_none_or(|level| severity(level) > severity(LoggingLevel::Info)) {
        return Ok(());
    }
    let message =
        LoggingMessageNotificationParam::new(LoggingLevel::Info, json!(text)).with_logger("everything");
    cx.peer.notify_logging_message(message).await.map_err(|error| gone(&error))
}

/// Order of the levels of RFC 5424 section 6.2.1, from `debug` up.
fn severity(level: LoggingLevel) -> u8 {
    match level {
        LoggingLevel::Debug => 0,
        LoggingLevel::Info => 1,
        LoggingLevel::Notice => 2,
        LoggingLevel::Warning => 3,
        LoggingLevel::Error => 4,
        LoggingLevel::Critical => 5,
        LoggingLevel::Alert => 6,
        LoggingLevel::Emergency => 7,
    }
}

async fn report(progress: f64, message: &str, cx: &RequestContext<RoleServer>) -> Result<(), ErrorData> {
    let Some(token) = cx.meta.get_progress_token() else { return Ok(()) };
    let notification =
        ProgressNotificationParam::new(token, progress).with_total(100.0).with_message(message);
    cx.peer.notify_progress(notification).await.map_err(|error| gone(&error))
}

fn gone(error: &ServiceError) -> ErrorData {
    ErrorData::internal_error(format!("the client cannot be notified: {error}"), None)
}
