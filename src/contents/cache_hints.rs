//! What MCP 2026-07-28 demands of results: their type, and how long they may be kept.

use serde_json::Value;

use super::call::{Call, server_key};
use super::reported::Reported;
use crate::base::{Code, Finding, limits, text};

/// Methods whose results have cache hints.
const CACHED: [&str; 8] = [
    "server/discover",
    "tools/list",
    "prompts/list",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "skills/list",
    "skills/get",
];

/// Results whose hints were looked at.
#[derive(Debug, Default)]
pub(super) struct CacheHints {
    /// By code, server and method.
    reported: Reported<(Code, u64, u64), { limits::MAX_TABLE_ROWS }>,
}

impl CacheHints {
    /// Takes a call and returns what is wrong with its result.
    pub(super) fn push(&mut self, call: &Call<'_>) -> Vec<Finding> {
        let Some(result) = call.result().filter(|_| call.exchange.is_stateless()) else { return Vec::new() };
        let method = &*call.exchange.method;
        let kind = result.get("resultType");
        let mut findings = Vec::new();
        let mut tell = |code, detail: String| {
            let key = (code, server_key(&call.exchange.session.identity()), text::hash(method));
            if self.reported.insert(key) {
                findings.push(call.of_response(code, detail));
            }
        };
        if !kind.is_some_and(Value::is_string) {
            tell(Code::ContentsResultType, format!("the result of {method} has no resultType"));
        }
        if CACHED.contains(&method) && kind.is_none_or(|kind| kind == "complete") {
            let is_time = result.get("ttlMs").is_some_and(|ttl| ttl.as_f64().is_some_and(|ms| ms >= 0.0));
            let is_scope =
                result.get("cacheScope").is_some_and(|scope| scope == "public" || scope == "private");
            let wrong = [("ttlMs", is_time), ("cacheScope", is_scope)];
            let wrong: Vec<_> =
                wrong.iter().filter(|(_, is_right)| !is_right).map(|(name, _)| *name).collect();
            if !wrong.is_empty() {
                let detail = format!("the result of {method} has no valid {}", wrong.join(" and no valid "));
                tell(Code::ContentsCacheHint, detail);
            }
        }
        findings
    }
}
