//! Words for calls of language models, which reports and the TUI share. All text from traffic is
//! sanitized.

use crate::base::{ResponseEnd, sanitize, units};
use crate::llm::{CallStatus, LlmCall};

/// Tools that a line names.
const TOOLS_NAMED: usize = 5;

/// Returns what is known of an answer: its times, its tokens, its tools, why it ended.
pub(crate) fn words(call: &LlmCall) -> Vec<String> {
    let mut words = Vec::new();
    if let Some(ns) = call.first_token_ns() {
        words.push(format!("first token {}", units::duration(ns)));
    }
    if let Some(ns) = call.longest_gap_ns() {
        words.push(format!("longest gap {}", units::duration(ns)));
    }
    match (call.input_tokens, call.output_tokens) {
        (None, None) => {}
        (input, output) => {
            let count = |tokens: Option<u64>| tokens.map_or_else(|| "?".to_owned(), |n| n.to_string());
            words.push(format!("tokens {} in {} out", count(input), count(output)));
        }
    }
    if let Some(rate) = call.tokens_per_second() {
        words.push(format!("{} tokens/s", per_second(rate)));
    }
    if call.text.len > 0 {
        words.push(format!("{} of text", units::bytes(call.text.len)));
    }
    if !call.tool_calls.is_empty() {
        let names = call.tool_calls.iter().take(TOOLS_NAMED).map(|tool| sanitize::clean(&tool.name));
        let names = names.collect::<Vec<_>>().join(" ");
        let more = call.tool_calls.len().saturating_sub(TOOLS_NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        words.push(format!("calls {names}{more}"));
    }
    words.extend(call.finish_reason.as_deref().map(sanitize::clean));
    if call.ended != ResponseEnd::Complete && call.status != CallStatus::Ok {
        words.push(call.ended.name().to_owned());
    }
    words
}

/// Returns what is wrong with a call; `None` if nothing.
pub(crate) fn error(call: &LlmCall) -> Option<String> {
    if call.status != CallStatus::Error {
        return None;
    }
    let status = call.http_status.filter(|status| *status >= 300).map(|status| format!("HTTP {status}"));
    let error = call.error.as_ref();
    let code = error.and_then(|error| error.code.as_deref()).map(sanitize::clean);
    let message = error.map(|error| sanitize::clean(&error.message));
    let parts = [status, code, message].into_iter().flatten().filter(|part| !part.is_empty());
    Some(parts.collect::<Vec<_>>().join(" "))
}

/// Returns a number of tokens a second.
pub(crate) fn per_second(rate: f64) -> String {
    if rate < 10.0 { format!("{rate:.1}") } else { format!("{rate:.0}") }
}
