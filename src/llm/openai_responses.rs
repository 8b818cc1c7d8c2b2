//! OpenAI Responses (`/v1/responses`).
//!
//! Events have a `type` that begins with `response.`; an answer consists of items: messages,
//! reasoning, calls of functions. A whole answer is the `response` that the last event holds.

use super::answer::{Answer, set};
use super::json::Json;

/// Reads an event, or a whole answer.
pub(super) fn read(answer: &mut Answer, json: Json<'_>) {
    let names = ["type", "object", "delta", "output_index", "item", "response", "arguments", "input"];
    let [kind, object, delta, index, item, response, arguments, input] = json.get_all(names);
    let index = index.and_then(Json::count);
    let kind = kind.and_then(Json::text);
    match kind.as_deref() {
        Some("response.output_text.delta" | "response.refusal.delta") => answer.add_text_of(delta),
        Some("response.reasoning_summary_text.delta" | "response.reasoning_text.delta") => {
            answer.add_reasoning_of(delta);
        }
        Some("response.function_call_arguments.delta" | "response.custom_tool_call_input.delta") => {
            let at = answer.tool(index, None);
            answer.add_arguments(at, &delta.and_then(Json::text).unwrap_or_default());
        }
        Some("response.function_call_arguments.done" | "response.custom_tool_call_input.done") => {
            let at = answer.tool(index, None);
            let whole = arguments.or(input).and_then(Json::text).unwrap_or_default();
            answer.set_arguments(at, &whole);
            answer.end_tool(at);
        }
        Some("response.output_item.added") => {
            if let Some(item) = item {
                read_call(answer, index, item);
            }
        }
        Some("response.output_item.done") => {
            let at = item.and_then(|item| read_call(answer, index, item));
            answer.end_tool(at);
        }
        Some("error") => answer.set_error(json.get("error").unwrap_or(json)),
        Some(_) => {
            if let Some(response) = response {
                read_response(answer, response, false);
            }
        }
        None if object.and_then(Json::text).as_deref() == Some("response") => {
            read_response(answer, json, true);
        }
        None => answer.read_error(json),
    }
}

/// Reads an item that is the call of a tool; returns its place.
fn read_call(answer: &mut Answer, index: Option<u64>, item: Json<'_>) -> Option<usize> {
    let names = ["type", "call_id", "name", "arguments", "input"];
    let [kind, id, name, arguments, input] = item.get_all(names);
    if !matches!(kind.and_then(Json::text).as_deref(), Some("function_call" | "custom_tool_call")) {
        return None;
    }
    let at = answer.tool(index, id.and_then(Json::text).as_deref());
    answer.set_tool_name(at, name);
    let whole = arguments.or(input).and_then(Json::text).unwrap_or_default();
    answer.set_arguments(at, &whole);
    at
}

/// Reads a response: its items only if it is a whole answer, since events held them otherwise.
fn read_response(answer: &mut Answer, response: Json<'_>, is_whole: bool) {
    let names = ["model", "status", "error", "incomplete_details", "usage", "output"];
    let [model, status, error, incomplete, usage, output] = response.get_all(names);
    answer.set_model(model);
    if let Some(error) = error {
        answer.set_error(error);
    }
    let status_text = status.and_then(Json::text);
    if !matches!(status_text.as_deref(), None | Some("in_progress" | "queued")) {
        answer.set_finish(incomplete.and_then(|it| it.get("reason")).or(status));
        answer.is_done = true;
    }
    if let Some(usage) = usage.filter(|usage| usage.is_object()) {
        let names = ["input_tokens", "output_tokens", "output_tokens_details", "input_tokens_details"];
        let [input, output, output_details, input_details] = usage.get_all(names);
        set(&mut answer.usage.input, input);
        set(&mut answer.usage.output, output);
        set(&mut answer.usage.reasoning, output_details.and_then(|it| it.get("reasoning_tokens")));
        set(&mut answer.usage.cached, input_details.and_then(|it| it.get("cached_tokens")));
    }
    let Some(output) = output.filter(|_| is_whole) else { return };
    let mut index = 0;
    output.elements(|item| {
        let [kind, content, summary] = item.get_all(["type", "content", "summary"]);
        let is_reasoning = kind.and_then(Json::text).as_deref() == Some("reasoning");
        for part in [content, summary].into_iter().flatten() {
            part.elements(|part| {
                let [text, refusal] = part.get_all(["text", "refusal"]);
                if is_reasoning {
                    answer.add_reasoning_of(text);
                } else {
                    answer.add_text_of(text);
                    answer.add_text_of(refusal);
                }
            });
        }
        let at = read_call(answer, Some(index), item);
        answer.end_tool(at);
        index += 1;
    });
}
