//! OpenAI Chat Completions (`/v1/chat/completions`), and Completions before it.
//!
//! Events are `chat.completion.chunk` objects, then `[DONE]`; each holds what is to be appended.
//! Gateways and local servers speak the same API with small differences: an index that does not
//! count, arguments that come whole, reasoning beside the text.

use super::answer::{Answer, set};
use super::json::Json;

/// Reads a chunk, or a whole answer.
pub(super) fn read(answer: &mut Answer, json: Json<'_>) {
    answer.read_error(json);
    let [model, choices, usage] = json.get_all(["model", "choices", "usage"]);
    answer.set_model(model);
    if let Some(choices) = choices {
        choices.elements(|choice| read_choice(answer, choice));
    }
    if let Some(usage) = usage.filter(|usage| usage.is_object()) {
        let names =
            ["prompt_tokens", "completion_tokens", "completion_tokens_details", "prompt_tokens_details"];
        let [input, output, output_details, input_details] = usage.get_all(names);
        set(&mut answer.usage.input, input);
        set(&mut answer.usage.output, output);
        set(&mut answer.usage.reasoning, output_details.and_then(|it| it.get("reasoning_tokens")));
        set(&mut answer.usage.cached, input_details.and_then(|it| it.get("cached_tokens")));
    }
}

fn read_choice(answer: &mut Answer, choice: Json<'_>) {
    let names = ["index", "delta", "message", "text", "finish_reason"];
    let [index, delta, message, text, finish] = choice.get_all(names);
    // Of several choices the first is shown.
    if index.and_then(Json::count).is_some_and(|index| index != 0) {
        return;
    }
    answer.set_finish(finish);
    answer.add_text_of(text);
    let Some(delta) = delta.filter(|delta| delta.is_object()).or(message) else { return };
    let names = ["content", "refusal", "reasoning_content", "reasoning", "tool_calls", "function_call"];
    let [content, refusal, reasoning_content, reasoning, tools, function] = delta.get_all(names);
    // Gateways repeat the one in the other.
    answer.add_reasoning_of(reasoning_content.filter(|it| !it.is_null()).or(reasoning));
    match content.filter(|content| content.is_array()) {
        Some(parts) => parts.elements(|part| answer.add_text_of(part.get("text"))),
        None => answer.add_text_of(content),
    }
    answer.add_text_of(refusal);
    if let Some(tools) = tools {
        tools.elements(|tool| read_tool(answer, tool));
    }
    if let Some(function) = function.filter(|function| function.is_object()) {
        let at = answer.tool(Some(0), None);
        read_function(answer, at, function);
    }
}

fn read_tool(answer: &mut Answer, tool: Json<'_>) {
    let [index, id, function, custom] = tool.get_all(["index", "id", "function", "custom"]);
    let id = id.and_then(Json::text);
    let at = answer.tool(index.and_then(Json::count), id.as_deref());
    if let Some(function) = function.or(custom) {
        read_function(answer, at, function);
    }
}

fn read_function(answer: &mut Answer, at: Option<usize>, function: Json<'_>) {
    let [name, arguments, input] = function.get_all(["name", "arguments", "input"]);
    answer.set_tool_name(at, name);
    let Some(arguments) = arguments.or(input) else { return };
    match arguments.text() {
        Some(text) => answer.add_arguments(at, &text),
        // Some servers send the object itself.
        None if arguments.is_object() => answer.set_arguments(at, arguments.raw()),
        None => {}
    }
}
