//! The web client of ChatGPT (`/backend-api/conversation`).
//!
//! `delta` events patch a document: `{"p": path, "o": operation, "v": value}`. What is left out is
//! as in the event before: `{"v": "…"}` appends to the same text. The format is not documented.

use super::answer::{Answer, Target};
use super::json::Json;
use super::patch::{MAX_NESTED, Patch};

/// Reads an event.
pub(super) fn read(answer: &mut Answer, event: Option<&str>, json: Json<'_>) {
    if event == Some("delta_encoding") {
        return;
    }
    answer.read_error(json);
    let [path, operation, value, kind, message] = json.get_all(["p", "o", "v", "type", "message"]);
    if kind.and_then(Json::text).as_deref() == Some("message_stream_complete") {
        answer.is_done = true;
        return;
    }
    if let Some(message) = message.filter(|message| message.is_object()) {
        // Before `delta` events each event held the whole message so far.
        read_message(answer, message);
        return;
    }
    patch(answer, &Patch::of([path, operation, value]), 0);
}

/// Applies a patch that is within `nested` others.
fn patch(answer: &mut Answer, it: &Patch<'_>, nested: u32) {
    let (path, operation) = (it.path.as_deref(), it.operation.as_deref());
    let Some(value) = it.value.filter(|_| nested < MAX_NESTED) else { return };
    if operation == Some("patch") || (path.is_none() && value.is_array()) {
        value.elements(|one| patch(answer, &Patch::read(one), nested + 1));
        return;
    }
    match path {
        None => {}
        Some("/message/content/parts/0") => answer.target = Target::Text,
        Some(path) if path.starts_with("/message/content/thoughts") => answer.target = Target::Reasoning,
        Some("/message/status") => {
            answer.target = Target::Other;
            read_status(answer, value);
        }
        Some(_) => answer.target = Target::Other,
    }
    if path == Some("") || (path.is_none() && value.is_object()) {
        if let Some(message) = value.get("message") {
            read_message(answer, message);
        }
        return;
    }
    match answer.target {
        Target::Text if operation == Some("replace") => {
            answer.set_text(&value.text().unwrap_or_default());
        }
        Target::Text => answer.add_text_of(Some(value)),
        Target::Reasoning => answer.add_reasoning_of(Some(value)),
        Target::Other => {}
    }
}

/// Reads a message that begins, or all of it so far.
fn read_message(answer: &mut Answer, message: Json<'_>) {
    answer.target = Target::Other;
    let [author, content, status, metadata] = message.get_all(["author", "content", "status", "metadata"]);
    let role = author.and_then(|author| author.get("role")).and_then(Json::text);
    if role.as_deref() != Some("assistant") {
        return;
    }
    answer.set_model(metadata.and_then(|metadata| metadata.get("model_slug")));
    let [kind, parts] = content.map_or([None; 2], |content| content.get_all(["content_type", "parts"]));
    if kind.and_then(Json::text).as_deref() != Some("text") {
        return;
    }
    let mut first = None;
    if let Some(parts) = parts {
        parts.elements(|part| first = first.or(Some(part)));
    }
    if let Some(text) = first.and_then(Json::text).filter(|text| !text.is_empty()) {
        answer.set_text(&text);
    }
    answer.target = Target::Text;
    if let Some(status) = status {
        read_status(answer, status);
    }
}

fn read_status(answer: &mut Answer, status: Json<'_>) {
    if status.text().is_some_and(|status| status.starts_with("finished")) {
        answer.set_finish(Some(status));
        answer.is_done = true;
    }
}
