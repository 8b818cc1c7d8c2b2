//! The answer of a language model, put together, as a text to be read.

use crate::base::fact::PayloadKind;
use crate::base::{Side, Span, sanitize};
use crate::ledger::store::Payload;
use crate::ledger::{LlmCall, llm_words};

/// Name of the row that holds the answer.
pub(super) const ANSWER: &str = "answer";

/// Returns the answer as what the list of events holds.
pub(super) fn answer(call: &LlmCall) -> Payload {
    let name = Some(ANSWER.into());
    // It stands before the head of the request.
    let span = Span::of(call.span().start);
    Payload {
        side: Side::Server,
        kind: PayloadKind::Event { name, id: None },
        span,
        bytes: text(call).into_bytes(),
        degraded: call.degraded,
    }
}

/// What is known of a call, in a line.
#[derive(Debug)]
pub(super) struct Summary {
    words: String,
    /// What the server says is wrong.
    error: Option<String>,
}

impl Summary {
    pub(super) fn new(call: &LlmCall) -> Self {
        let mut words = vec![call.status.name().to_owned()];
        words.extend(llm_words::words(call));
        Self { words: words.join(", "), error: llm_words::error(call) }
    }

    /// Returns the line; `mask` stands for the words of the server, if it is there.
    pub(super) fn text(&self, mask: Option<&str>) -> String {
        let error = self.error.as_deref().map(|error| mask.unwrap_or(error));
        error.map_or_else(|| self.words.clone(), |error| format!("{}, {error}", self.words))
    }
}

/// Returns the text of the answer, then the tools that it calls and what the request carries.
fn text(call: &LlmCall) -> String {
    let model = call.model.as_deref().map_or_else(|| "?".to_owned(), sanitize::clean);
    let mut text = format!("{model} ({}): {}\n\n", call.dialect.name(), Summary::new(call).text(None));
    text.push_str(&call.text.kept);
    if !call.text.is_whole() {
        text.push_str(&format!("\n\u{2026} {} bytes in all", call.text.len));
    }
    for tool in &call.tool_calls {
        let id = tool.id.as_deref().unwrap_or_default();
        text.push_str(&format!("\n\ncalls {} {id}\n{}", tool.name, tool.arguments.kept));
        if !tool.is_complete {
            text.push_str(" (cut)");
        }
    }
    for result in &call.tool_results {
        let id = result.id.as_deref().or(result.name.as_deref()).unwrap_or_default();
        text.push_str(&format!("\n\nwith the result of {id}\n{}", result.text.kept));
    }
    if call.tools_offered > 0 {
        text.push_str(&format!("\n\n{} tools offered: {}", call.tools_offered, call.tools.join(" ")));
    }
    text
}
