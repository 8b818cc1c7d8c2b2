//! Objects of the document about calls of language models.

use serde::Serialize;

use super::values::{Ms, text};
use crate::ledger::{CallStatus, LlmRow};

/// The calls of one model at one server.
#[derive(Serialize)]
pub(super) struct Llm {
    model: Option<String>,
    dialect: Option<&'static str>,
    server: Option<String>,
    host: Option<String>,
    calls: u64,
    ok: u64,
    errors: u64,
    cancelled: u64,
    cut: u64,
    open: u64,
    degraded: u64,
    streamed: u64,
    first_token_p50_ms: Option<Ms>,
    first_token_p99_ms: Option<Ms>,
    longest_gap_ms: Option<Ms>,
    total_p50_ms: Option<Ms>,
    total_p99_ms: Option<Ms>,
    tokens_per_second_p50: Option<f64>,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    tool_calls: u64,
}

impl Llm {
    pub(super) fn of(row: &LlmRow) -> Self {
        let key = row.key.as_ref();
        Self {
            model: key.and_then(|key| key.model.as_deref()).map(text),
            dialect: key.map(|key| key.dialect.name()),
            server: key.map(|key| key.server.to_string()),
            host: key.and_then(|key| key.host.as_deref()).map(text),
            calls: row.calls(),
            ok: row.count(CallStatus::Ok),
            errors: row.count(CallStatus::Error),
            cancelled: row.count(CallStatus::Cancelled),
            cut: row.count(CallStatus::Cut),
            open: row.count(CallStatus::Open),
            degraded: row.degraded,
            streamed: row.streamed,
            first_token_p50_ms: row.first_token_p50_ns.map(Ms),
            first_token_p99_ms: row.first_token_p99_ns.map(Ms),
            longest_gap_ms: row.longest_gap_ns.map(Ms),
            total_p50_ms: row.total_p50_ns.map(Ms),
            total_p99_ms: row.total_p99_ns.map(Ms),
            tokens_per_second_p50: row.tokens_per_second_p50,
            input_tokens: row.input_tokens,
            output_tokens: row.output_tokens,
            tool_calls: row.tool_calls,
        }
    }
}
