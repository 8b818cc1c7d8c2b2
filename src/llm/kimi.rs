//! The web client of Kimi (`/api/chat/…/completion/stream`).
//!
//! The kind of an event is inside: `{"event": "cmpl", "text": "…"}`, at the end `all_done`. The
//! format is not documented.

use super::answer::Answer;
use super::json::Json;

/// Reads an event.
pub(super) fn read(answer: &mut Answer, json: Json<'_>) {
    let [kind, text, error, model] = json.get_all(["event", "text", "error", "model"]);
    answer.set_model(model);
    match kind.and_then(Json::text).as_deref() {
        Some("cmpl") => answer.add_text_of(text),
        Some("k1") => answer.add_reasoning_of(text),
        Some("all_done") => answer.is_done = true,
        Some("error") => answer.set_error(error.unwrap_or(json)),
        Some(_) => {}
        None => answer.read_error(json),
    }
}
