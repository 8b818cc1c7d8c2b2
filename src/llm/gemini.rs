//! Google Gemini (`generateContent`, `streamGenerateContent`).
//!
//! Every event, every element of a streamed array and a whole answer is a
//! `GenerateContentResponse`.

use super::answer::{Answer, set};
use super::json::Json;

/// Reads a piece of an answer, or a whole one.
pub(super) fn read(answer: &mut Answer, json: Json<'_>) {
    answer.read_error(json);
    let names = ["candidates", "usageMetadata", "modelVersion", "promptFeedback"];
    let [candidates, usage, model, feedback] = json.get_all(names);
    answer.set_model(model);
    answer.set_finish(feedback.and_then(|feedback| feedback.get("blockReason")));
    if let Some(candidates) = candidates {
        candidates.elements(|candidate| read_candidate(answer, candidate));
    }
    if let Some(usage) = usage {
        let names =
            ["promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "cachedContentTokenCount"];
        let [input, output, thoughts, cached] = usage.get_all(names);
        set(&mut answer.usage.input, input);
        set(&mut answer.usage.output, output);
        set(&mut answer.usage.reasoning, thoughts);
        set(&mut answer.usage.cached, cached);
    }
}

fn read_candidate(answer: &mut Answer, candidate: Json<'_>) {
    let [index, content, finish] = candidate.get_all(["index", "content", "finishReason"]);
    if index.and_then(Json::count).is_some_and(|index| index != 0) {
        return;
    }
    answer.set_finish(finish);
    let Some(parts) = content.and_then(|content| content.get("parts")) else { return };
    parts.elements(|part| {
        let [text, thought, call] = part.get_all(["text", "thought", "functionCall"]);
        if thought.and_then(Json::flag) == Some(true) {
            answer.add_reasoning_of(text);
        } else {
            answer.add_text_of(text);
        }
        if let Some(call) = call {
            // A call comes as a whole.
            let [id, name, arguments] = call.get_all(["id", "name", "args"]);
            let at = answer.begin_tool(None, id.and_then(Json::text).as_deref());
            answer.set_tool_name(at, name);
            answer.set_arguments(at, arguments.map_or("{}", Json::raw));
            answer.end_tool(at);
        }
    });
}
