//! Anthropic Messages (`/v1/messages`).
//!
//! Events: `message_start`, then for each block of content `content_block_start`, `…_delta`,
//! `…_stop`, then `message_delta` with the usage, and `message_stop`. A whole answer is a
//! `message`.

use super::answer::{Answer, set};
use super::json::Json;

/// Reads an event, or a whole answer.
pub(super) fn read(answer: &mut Answer, json: Json<'_>) {
    let names = ["type", "index", "delta", "content_block", "message", "usage", "error"];
    let [kind, index, delta, block, message, usage, error] = json.get_all(names);
    let index = index.and_then(Json::count);
    let kind = kind.and_then(Json::text);
    match kind.as_deref() {
        Some("message_start") => {
            let [model, usage] = message.map_or([None; 2], |it| it.get_all(["model", "usage"]));
            answer.set_model(model);
            // Its number of output tokens is that of the tokens so far, not of the answer.
            read_usage(answer, usage, false);
        }
        Some("content_block_start") => {
            if let Some(block) = block {
                read_block(answer, index, block);
            }
        }
        Some("content_block_delta") => {
            let Some(delta) = delta else { return };
            let [text, thinking, json] = delta.get_all(["text", "thinking", "partial_json"]);
            answer.add_text_of(text);
            answer.add_reasoning_of(thinking);
            // Of tools that the server itself runs nothing is kept.
            if let Some(json) = json.and_then(Json::text).filter(|_| answer.has_tool(index)) {
                let at = answer.tool(index, None);
                answer.add_arguments(at, &json);
            }
        }
        Some("content_block_stop") => {
            if answer.has_tool(index) {
                let at = answer.tool(index, None);
                // A tool without parameters gets an empty object, of which no piece comes.
                answer.set_arguments(at, "{}");
                answer.end_tool(at);
            }
        }
        Some("message_delta") => {
            answer.set_finish(delta.and_then(|delta| delta.get("stop_reason")));
            read_usage(answer, usage, true);
        }
        Some("message_stop") => answer.is_done = true,
        Some("error") => {
            if let Some(error) = error {
                answer.set_error(error);
            }
        }
        Some("message") => {
            let [model, content, stop] = json.get_all(["model", "content", "stop_reason"]);
            answer.set_model(model);
            answer.set_finish(stop);
            read_usage(answer, usage, true);
            let mut index = 0;
            if let Some(content) = content {
                content.elements(|block| {
                    let at = read_block(answer, Some(index), block);
                    if let Some(input) = block.get("input").filter(|_| at.is_some()) {
                        answer.set_arguments(at, input.raw());
                    }
                    answer.end_tool(at);
                    index += 1;
                });
            }
        }
        Some(_) => {}
        None => answer.read_error(json),
    }
}

/// Reads a block of content; returns the place of the call that it is.
fn read_block(answer: &mut Answer, index: Option<u64>, block: Json<'_>) -> Option<usize> {
    let names = ["type", "text", "thinking", "id", "name"];
    let [kind, text, thinking, id, name] = block.get_all(names);
    match kind.and_then(Json::text).as_deref() {
        Some("text") => answer.add_text_of(text),
        Some("thinking") => answer.add_reasoning_of(thinking),
        // Tools that the server itself runs are not the client's to call.
        Some("tool_use") => {
            let at = answer.tool(index, id.and_then(Json::text).as_deref());
            answer.set_tool_name(at, name);
            return at;
        }
        _ => {}
    }
    None
}

fn read_usage(answer: &mut Answer, usage: Option<Json<'_>>, has_output: bool) {
    let Some(usage) = usage else { return };
    let names = ["input_tokens", "output_tokens", "cache_read_input_tokens"];
    let [input, output, cached] = usage.get_all(names);
    set(&mut answer.usage.input, input);
    set(&mut answer.usage.cached, cached);
    if has_output {
        set(&mut answer.usage.output, output);
    }
}
