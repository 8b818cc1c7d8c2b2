//! Masks the texts of LLM calls.

use super::entry::{boxed, masked_target, protocols, shared};
use super::message;
use super::rules::{MASK, Rules};
use crate::ledger::{Bounded, LlmCall};

/// Members in which the APIs carry the text of an answer, the arguments of a tool and the result of
/// one.
const MEMBERS: [&str; 36] = [
    "choices",
    "message",
    "messages",
    "delta",
    "content",
    "text",
    "output",
    "input",
    "candidates",
    "contents",
    "parts",
    "response",
    "v",
    "function",
    "arguments",
    "tool_calls",
    "partial_json",
    "functionCall",
    "functionResponse",
    "args",
    "refusal",
    "error",
    "detail",
    "item",
    "part",
    "output_text",
    "input_text",
    "summary",
    "thinking",
    "reasoning",
    "reasoning_content",
    "fragments",
    "function_call",
    "function_response",
    "result",
    "body",
];

/// Masks what a call holds. If names or paths mask a member that carries a text, all texts are
/// masked: they are put together from many messages, whose places they have lost.
pub(super) fn redact(call: &mut LlmCall, rules: &Rules) {
    let is_masked = !rules.paths.is_empty() || MEMBERS.iter().any(|name| rules.key(name).is_some());
    protocols(&mut call.protocols, rules);
    let texts = [&mut call.host, &mut call.model].into_iter().flatten();
    texts.for_each(|text| shared(text, rules));
    if let Some(target) = &mut call.target {
        *target = masked_target(target, rules).into();
    }
    if let Some(error) = &mut call.error {
        error.code.iter_mut().for_each(|code| boxed(code, rules));
        match is_masked {
            true => error.message = MASK.into(),
            false => boxed(&mut error.message, rules),
        }
    }
    bounded(&mut call.text, is_masked, rules);
    for tool in &mut call.tool_calls {
        boxed(&mut tool.name, rules);
        tool.id.iter_mut().for_each(|id| boxed(id, rules));
        bounded(&mut tool.arguments, is_masked, rules);
    }
    for result in &mut call.tool_results {
        result.id.iter_mut().chain(&mut result.name).for_each(|text| boxed(text, rules));
        bounded(&mut result.text, is_masked, rules);
    }
    call.tools.iter_mut().chain(&mut call.finish_reason).for_each(|text| boxed(text, rules));
}

fn bounded(text: &mut Bounded, is_masked: bool, rules: &Rules) {
    if text.kept.is_empty() {
        return;
    }
    // A value that was cut is no JSON: its name may not tell where it ends.
    text.kept = match is_masked || (!text.is_whole() && rules.name_values()) {
        true => MASK.to_owned(),
        // Arguments and results are JSON most often, in which values have names.
        false => message::redact(&text.kept, rules).unwrap_or_else(|_| rules.text(&text.kept).into_owned()),
    };
}
