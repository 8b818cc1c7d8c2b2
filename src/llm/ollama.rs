//! Ollama (`/api/chat`, `/api/generate`): a JSON text a line, the last one with `done` and counts.

use super::answer::{Answer, set};
use super::json::Json;

/// Reads a line, or a whole answer.
pub(super) fn read(answer: &mut Answer, json: Json<'_>) {
    answer.read_error(json);
    let names = ["model", "message", "response", "thinking", "done", "done_reason"];
    let [model, message, response, thinking, done, reason] = json.get_all(names);
    answer.set_model(model);
    answer.add_reasoning_of(thinking);
    answer.add_text_of(response);
    if let Some(message) = message {
        let [content, thinking, tools] = message.get_all(["content", "thinking", "tool_calls"]);
        answer.add_reasoning_of(thinking);
        answer.add_text_of(content);
        if let Some(tools) = tools {
            tools.elements(|tool| read_tool(answer, tool));
        }
    }
    if done.and_then(Json::flag) == Some(true) {
        answer.is_done = true;
        answer.set_finish(reason);
        let [input, output] = json.get_all(["prompt_eval_count", "eval_count"]);
        set(&mut answer.usage.input, input);
        set(&mut answer.usage.output, output);
    }
}

/// Reads a call, which comes as a whole.
fn read_tool(answer: &mut Answer, tool: Json<'_>) {
    let [id, function] = tool.get_all(["id", "function"]);
    let at = answer.begin_tool(None, id.and_then(Json::text).as_deref());
    if let Some(function) = function {
        let [name, arguments] = function.get_all(["name", "arguments"]);
        answer.set_tool_name(at, name);
        let text = arguments.and_then(Json::text);
        answer.set_arguments(at, text.as_deref().unwrap_or_else(|| arguments.map_or("{}", Json::raw)));
    }
    answer.end_tool(at);
}
