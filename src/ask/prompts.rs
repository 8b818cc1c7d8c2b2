//! Prompts: questions that people ask often.

use rmcp::ErrorData;
use rmcp::model::{GetPromptRequestParams, GetPromptResult, Prompt, PromptArgument, PromptMessage, Role};
use serde_json::Value;

const DIAGNOSE: &str = "diagnose";
const EXPLAIN: &str = "explain-exchange";

/// Returns the prompts. Titles exist since 2025-06-18.
pub(super) fn all(has_titles: bool) -> Vec<Prompt> {
    let exchange = PromptArgument::new("exchange").with_description("Number of the exchange");
    let diagnose = Prompt::new(DIAGNOSE, Some("Find out what is wrong in the capture, and prove it"), None);
    let explain = Prompt::new(
        EXPLAIN,
        Some("Explain what became of an exchange"),
        Some(vec![exchange.with_required(true)]),
    );
    let titled = |prompt: Prompt, title| if has_titles { prompt.with_title(title) } else { prompt };
    vec![titled(diagnose, "Diagnose the capture"), titled(explain, "Explain an exchange")]
}

/// Returns the messages of a prompt.
///
/// # Errors
/// -32602 for an unknown prompt, or a missing or wrong argument.
pub(super) fn get(request: &GetPromptRequestParams) -> Result<GetPromptResult, ErrorData> {
    let wrong = |text: String| ErrorData::invalid_params(text, None);
    let given = request.arguments.clone().unwrap_or_default();
    let known: &[&str] = match request.name.as_str() {
        DIAGNOSE => &[],
        EXPLAIN => &["exchange"],
        name => return Err(wrong(format!("unknown prompt: {name}"))),
    };
    if let Some(name) = given.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(wrong(format!("{} has no argument {name:?}", request.name)));
    }
    let text = if request.name == DIAGNOSE {
        "Find out what is wrong in the capture: call summarize, then why and list_findings, and compare servers or \
         times where that helps. Say for each problem who caused it, how sure that is, and which packets prove it. \
         Say what the capture cannot tell."
            .to_owned()
    } else {
        let number = given.get("exchange").and_then(Value::as_str).unwrap_or_default();
        let number: u64 = number.trim().parse().map_err(|_| wrong("exchange must be a number".to_owned()))?;
        format!(
            "Explain what became of exchange {number} in the capture: call get_exchange. Say who ended it, where \
             the time went, how sure that is, and which packets prove it."
        )
    };
    Ok(GetPromptResult::new(vec![PromptMessage::new_text(Role::User, text)]))
}
