//! Tools: definitions, arguments, and the tools that only read.

use std::{borrow::Cow, collections::HashSet};

use rmcp::{
    ErrorData, RoleServer,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, JsonObject, Tool,
        ToolAnnotations,
    },
    service::RequestContext,
};
use serde_json::{Value, json};

use super::{
    arguments::{list, number, text},
    digest,
    handler::Hackernews,
    item::Item,
    reader,
    results::{cancelled, error},
    revision::Revision,
    schema,
    stories::{List, Stories, StoriesError},
};

/// Stories of each list that `search-hackernews` reads: the API has no search, so each is fetched.
const SEARCH_DEPTH: usize = 100;

pub(super) const TOP_STORIES: &str = "get-hackernews-top-stories";
pub(super) const ITEM: &str = "get-hackernews-item";
pub(super) const SEARCH: &str = "search-hackernews";
pub(super) const DIGEST: &str = "digest";
pub(super) const ASK_READER: &str = "ask-reader";

/// Returns the definitions in the form of a revision. `is_live`: whether stories come from the
/// network.
pub(super) fn all(revision: Revision, is_live: bool) -> Vec<Tool> {
    definitions().into_iter().map(|tool| in_form_of(revision, is_live, tool)).collect()
}

/// Returns the definition of a tool; `None` if unknown.
pub(super) fn by_name(name: &str) -> Option<Tool> {
    definitions().into_iter().find(|tool| tool.name == name)
}

/// Runs the tool that `request` names.
///
/// # Errors
/// -32602 for an unknown tool, and before 2025-11-25 for wrong arguments (since then they are
/// errors of the tool, SEP-1303). Other failures are errors of the tool.
pub(super) async fn call(
    handler: &Hackernews,
    request: CallToolRequestParams,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let Some(tool) = by_name(&request.name) else {
        return Err(ErrorData::invalid_params(format!("Unknown tool: {}", request.name), None));
    };
    let arguments = match schema::check(&tool.input_schema, request.arguments.clone()) {
        Ok(arguments) => arguments,
        Err(wrong) => {
            let text = format!("Invalid arguments for tool {}: {wrong}", tool.name);
            return match Revision::of(context) >= Revision::V2025_11_25 {
                true => Ok(error(text).into()),
                false => Err(ErrorData::invalid_params(text, None)),
            };
        }
    };
    match tool.name.as_ref() {
        DIGEST => digest::call(handler, &arguments, request, context).await,
        ASK_READER => reader::call(handler, &arguments, request, context).await,
        name => {
            // Read-only tools can be cancelled too: the API may be slow.
            tokio::select! {
                () = context.ct.cancelled() => Ok(cancelled().into()),
                result = read(&handler.stories, name, &arguments) => {
                    Ok(result.unwrap_or_else(|failed| error(failed.to_string())).into())
                }
            }
        }
    }
}

async fn read(stories: &Stories, name: &str, arguments: &JsonObject) -> Result<CallToolResult, StoriesError> {
    match name {
        TOP_STORIES => top_stories(stories, list(arguments), amount(arguments)).await,
        SEARCH => search(stories, text(arguments, "words"), amount(arguments)).await,
        _ => one_item(stories, number(arguments, "id")).await,
    }
}

async fn top_stories(stories: &Stories, list: List, amount: usize) -> Result<CallToolResult, StoriesError> {
    let ids = stories.ids(list).await?;
    let items = stories.items(ids.get(..amount).unwrap_or(&ids)).await?;
    Ok(CallToolResult::success(items.iter().map(|item| ContentBlock::text(item.to_json())).collect()))
}

async fn one_item(stories: &Stories, id: u64) -> Result<CallToolResult, StoriesError> {
    Ok(match stories.item(id).await? {
        Some(item) => CallToolResult::success(vec![ContentBlock::text(item.to_json())]),
        None => error(format!("There is no item {id} on Hacker News.")),
    })
}

async fn search(stories: &Stories, words: &str, amount: usize) -> Result<CallToolResult, StoriesError> {
    let mut ids = Vec::new();
    for list in List::ALL {
        ids.extend(stories.ids(list).await?.iter().copied().take(SEARCH_DEPTH));
    }
    let mut seen = HashSet::new();
    ids.retain(|id| seen.insert(*id));
    let words: Vec<_> = words.split_whitespace().map(str::to_lowercase).collect();
    let items = stories.items(&ids).await?;
    let mut found: Vec<_> =
        items.iter().filter_map(|item| rank(item, &words).map(|rank| (rank, item))).collect();
    // By rank, then points, then date: the order is always the same.
    found.sort_by_key(|(rank, item)| std::cmp::Reverse((*rank, item.score(), item.id())));
    found.truncate(amount);
    if found.is_empty() {
        return Ok(CallToolResult::success(vec![ContentBlock::text("No story has all of these words.")]));
    }
    let texts = found.into_iter().map(|(_, item)| ContentBlock::text(item.to_json()));
    Ok(CallToolResult::success(texts.collect()))
}

/// Returns how well an item matches; `None` unless it contains every word, or if there are no
/// words.
fn rank(item: &Item, words: &[String]) -> Option<u32> {
    let ranks: Vec<_> = words.iter().map(|word| item.rank(word)).collect();
    (!ranks.is_empty() && ranks.iter().all(|rank| *rank > 0)).then(|| ranks.iter().sum())
}

fn amount(arguments: &JsonObject) -> usize {
    usize::try_from(number(arguments, "amount")).unwrap_or(usize::MAX)
}

/// Annotations exist since 2025-03-26, titles since 2025-06-18. All tools are read-only; those that
/// use the snapshot and do not ask the client have a closed world.
fn in_form_of(revision: Revision, is_live: bool, mut tool: Tool) -> Tool {
    if revision >= Revision::V2025_03_26 {
        let asks = [DIGEST, ASK_READER].contains(&tool.name.as_ref());
        tool.annotations = Some(ToolAnnotations::new().read_only(true).open_world(is_live || asks));
    }
    if revision < Revision::V2025_06_18 {
        tool.title = None;
    }
    tool
}

fn definitions() -> Vec<Tool> {
    let kinds = json!({"type": "string", "enum": List::ALL.map(List::name)});
    let with_default = json!({"type": "string", "enum": List::ALL.map(List::name), "default": "topstories"});
    vec![
        // Word for word the tool of the walkthrough, which has no title.
        tool(
            TOP_STORIES,
            "Get the stories from Hacker News",
            json!({
                "type": kinds,
                "amount": {"type": "number", "minimum": 1, "maximum": 500, "default": 10},
            }),
            &["type"],
        ),
        tool(
            ITEM,
            "Get one item (a story, a job, a comment) from Hacker News by its id",
            // JSON numbers are exact up to 2^53 - 1 in most clients.
            json!({"id": {"type": "integer", "minimum": 1, "maximum": 9_007_199_254_740_991_u64}}),
            &["id"],
        )
        .with_title("Hacker News item"),
        tool(
            SEARCH,
            "Find current stories on Hacker News that have all of some words in their title, text, author or address",
            json!({
                "words": {"type": "string", "minLength": 1, "maxLength": 200},
                "amount": {"type": "integer", "minimum": 1, "maximum": 50, "default": 10},
            }),
            &["words"],
        )
        .with_title("Search Hacker News"),
        tool(
            DIGEST,
            "Read some stories from Hacker News, slowly, and sum them up with the help of the client's model if it has one",
            json!({
                "type": with_default,
                "amount": {"type": "integer", "minimum": 1, "maximum": 20, "default": 5},
            }),
            &[],
        )
        .with_title("Digest of stories"),
        tool(
            ASK_READER,
            "Ask the user of the client for an opinion on a story from Hacker News",
            json!({
                "id": {"type": "integer", "minimum": 1, "maximum": 9_007_199_254_740_991_u64},
                "question": {
                    "type": "string", "minLength": 1, "maxLength": 500, "default": "What do you think of this story?"
                },
            }),
            &["id"],
        )
        .with_title("Ask the reader"),
    ]
}

fn tool(name: &'static str, description: &'static str, properties: Value, required: &[&str]) -> Tool {
    let mut schema = JsonObject::new();
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("properties".to_owned(), properties);
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    schema.insert("additionalProperties".to_owned(), json!(false));
    schema.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
    Tool::new(name, Cow::Borrowed(description), schema)
}
