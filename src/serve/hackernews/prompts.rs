//! The prompt `discuss-story`, and completion for its arguments and the resource templates.

use rmcp::{
    ErrorData,
    model::{
        CompleteRequestParams, CompleteResult, CompletionInfo, ContentBlock, GetPromptRequestParams,
        GetPromptResult, Prompt, PromptArgument, PromptMessage, Reference, Role,
    },
};
use serde_json::{Value, json};

use super::{
    resources::{ITEM_TEMPLATE, LIST_TEMPLATE, contents, item_uri},
    revision::Revision,
    stories::{List, Stories},
};

const DISCUSS: &str = "discuss-story";

/// Tones of a discussion; the first is the default.
const TONES: [&str; 4] = ["curious", "critical", "practical", "playful"];

/// Returns the prompts in the form of a revision (titles exist since 2025-06-18).
pub(super) fn all(revision: Revision) -> Vec<Prompt> {
    let id = PromptArgument::new("id").with_description("The id of the story").with_required(true);
    let tone = PromptArgument::new("tone")
        .with_description(format!("How to discuss it: {}", TONES.join(", ")))
        .with_required(false);
    let mut prompt = Prompt::new(DISCUSS, Some("Discuss a story from Hacker News"), Some(vec![id, tone]));
    if revision >= Revision::V2025_06_18 {
        prompt = prompt.with_title("Discuss a story");
    }
    vec![prompt]
}

/// Returns the messages of a prompt: the instruction and the story.
///
/// # Errors
/// -32602 for an unknown prompt, a missing or invalid argument, or an unknown id; -32603 if the
/// source fails.
pub(super) async fn get(
    stories: &Stories,
    request: GetPromptRequestParams,
) -> Result<GetPromptResult, ErrorData> {
    let wrong = |text: String| ErrorData::invalid_params(text, None);
    if request.name != DISCUSS {
        return Err(wrong(format!("Unknown prompt: {}", request.name)));
    }
    let arguments = request.arguments.unwrap_or_default();
    if let Some(name) = arguments.keys().find(|name| !["id", "tone"].contains(&name.as_str())) {
        return Err(wrong(format!("unknown argument \"{name}\"")));
    }
    let text = |name: &str| arguments.get(name).and_then(Value::as_str);
    let id = text("id").ok_or_else(|| wrong("missing argument \"id\"".to_owned()))?;
    let tone = text("tone").unwrap_or(TONES[0]);
    if !TONES.contains(&tone) {
        return Err(wrong(format!("argument \"tone\" is none of {}", TONES.join(", "))));
    }
    let id: u64 = id.parse().map_err(|_| wrong("argument \"id\" must be a number".to_owned()))?;
    let item = stories.item(id).await?;
    let item = item.ok_or_else(|| wrong(format!("There is no item {id} on Hacker News.")))?;
    let text = format!("Let us discuss \"{}\" from Hacker News. Be {tone}.", item.title());
    let story = ContentBlock::resource(contents(&item_uri(id), item.to_json()));
    let messages = vec![PromptMessage::new_text(Role::User, text), PromptMessage::new(Role::User, story)];
    Ok(GetPromptResult::new(messages).with_description(format!("Discuss \"{}\"", item.title())))
}

/// Returns completions for an argument.
///
/// # Errors
/// -32602 for an unknown prompt, template or argument, -32603 if the source fails.
pub(super) async fn complete(
    stories: &Stories,
    request: &CompleteRequestParams,
) -> Result<CompleteResult, ErrorData> {
    let argument = request.argument.name.as_str();
    let values = match (&request.r#ref, argument) {
        (Reference::Resource(template), "id") if template.uri == ITEM_TEMPLATE => ids(stories).await?,
        (Reference::Resource(template), "type") if template.uri == LIST_TEMPLATE => {
            List::ALL.map(|list| list.name().to_owned()).to_vec()
        }
        (Reference::Prompt(prompt), "id") if prompt.name == DISCUSS => ids(stories).await?,
        (Reference::Prompt(prompt), "tone") if prompt.name == DISCUSS => TONES.map(str::to_owned).to_vec(),
        _ => {
            let text = format!("nothing is known of the argument \"{argument}\" of that reference");
            return Err(ErrorData::invalid_params(text, Some(json!({"argument": argument}))));
        }
    };
    let typed = request.argument.value.as_str();
    let mut fitting: Vec<_> = values.into_iter().filter(|value| value.starts_with(typed)).collect();
    let total = fitting.len();
    fitting.truncate(CompletionInfo::MAX_VALUES);
    let has_more = total > fitting.len();
    let info = CompletionInfo::with_pagination(fitting, u32::try_from(total).ok(), has_more);
    info.map(CompleteResult::new).map_err(|error| ErrorData::internal_error(error, None))
}

async fn ids(stories: &Stories) -> Result<Vec<String>, ErrorData> {
    let ids = stories.ids(List::Top).await?;
    Ok(ids.iter().map(u64::to_string).collect())
}
