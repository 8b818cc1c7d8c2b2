//! The web client of DeepSeek (`/api/v0/chat/completion`).
//!
//! Events patch a document, as those of ChatGPT do: `{"p": path, "o": operation, "v": value}`;
//! `{"v": "…"}` appends to the same text. The format is not documented.

use super::answer::{Answer, Target};
use super::json::Json;
use super::patch::{MAX_NESTED, Patch};

/// Reads an event.
pub(super) fn read(answer: &mut Answer, event: Option<&str>, json: Json<'_>) {
    match event {
        Some("finish" | "close") => answer.is_done = true,
        Some("ready" | "update_session" | "title") => {}
        _ => {
            answer.read_error(json);
            patch(answer, &Patch::read(json), 0);
        }
    }
}

/// Applies a patch that is within `nested` others.
fn patch(answer: &mut Answer, it: &Patch<'_>, nested: u32) {
    let (path, operation) = (it.path.as_deref(), it.operation.as_deref());
    let Some(value) = it.value.filter(|_| nested < MAX_NESTED) else { return };
    if operation == Some("BATCH") {
        value.elements(|one| patch(answer, &Patch::read(one), nested + 1));
        return;
    }
    match path {
        None => {}
        Some("response/content") => answer.target = Target::Text,
        Some("response/thinking_content") => answer.target = Target::Reasoning,
        // The latest fragment is of the kind with which it began.
        Some("response/fragments/-1/content") => {}
        Some("response/fragments" | "fragments") => {
            value.elements(|fragment| read_fragment(answer, fragment));
            return;
        }
        Some("response/status" | "status" | "quasi_status") => {
            answer.target = Target::Other;
            if value.text().as_deref() == Some("FINISHED") {
                answer.set_finish(Some(value));
                answer.is_done = true;
            }
        }
        Some(_) => answer.target = Target::Other,
    }
    if let Some(response) = value.get("response") {
        let [content, thinking, fragments] = response.get_all(["content", "thinking_content", "fragments"]);
        answer.add_reasoning_of(thinking);
        answer.add_text_of(content);
        if let Some(fragments) = fragments {
            fragments.elements(|fragment| read_fragment(answer, fragment));
        }
        return;
    }
    match answer.target {
        Target::Text if operation == Some("SET") => answer.set_text(&value.text().unwrap_or_default()),
        Target::Text => answer.add_text_of(Some(value)),
        Target::Reasoning => answer.add_reasoning_of(Some(value)),
        Target::Other => {}
    }
}

/// Reads a part of the answer that begins: text or reasoning.
fn read_fragment(answer: &mut Answer, fragment: Json<'_>) {
    let [kind, content] = fragment.get_all(["type", "content"]);
    if kind.and_then(Json::text).as_deref() == Some("RESPONSE") {
        answer.target = Target::Text;
        answer.add_text_of(content);
    } else {
        answer.target = Target::Reasoning;
        answer.add_reasoning_of(content);
    }
}
