//! Words for calls of language models. All text from traffic is sanitized.

use super::style::Role;
use crate::base::sanitize;
use crate::ledger::{CallStatus, LlmRow};

/// Returns the role of a status.
pub(super) fn role(status: CallStatus) -> Role {
    match status {
        CallStatus::Ok => Role::Good,
        CallStatus::Error => Role::Bad,
        CallStatus::Cancelled | CallStatus::Cut | CallStatus::Open => Role::Warn,
    }
}

/// Returns what the calls of a row have in common: model, API and server.
pub(super) fn row(row: &LlmRow) -> String {
    format!("{} {}", model(row), group(row))
}

/// Returns the model of a row.
pub(super) fn model(row: &LlmRow) -> String {
    let Some(key) = &row.key else { return "all others".to_owned() };
    key.model.as_deref().map_or_else(|| "?".to_owned(), sanitize::clean)
}

/// Returns the API and the server of a row.
pub(super) fn group(row: &LlmRow) -> String {
    row.key.as_ref().map_or_else(String::new, |key| format!("{} at {}", key.dialect.name(), server(row)))
}

/// Returns the host that the requests of a row name, else the address of the server.
pub(super) fn server(row: &LlmRow) -> String {
    let Some(key) = &row.key else { return String::new() };
    key.host.as_deref().map_or_else(|| key.server.to_string(), sanitize::clean)
}
