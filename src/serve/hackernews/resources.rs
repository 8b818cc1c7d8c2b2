//! Resources: every item and list has a URI, `hackernews://item/{id}` and
//! `hackernews://list/{type}`.

use rmcp::{
    ErrorData,
    model::{ListResourcesResult, ReadResourceResult, Resource, ResourceContents, ResourceTemplate},
};
use serde_json::json;

use super::{
    item::Item,
    revision::Revision,
    stories::{List, Stories},
};

/// Items per page of `resources/list`: each may have to be fetched.
const PAGE: usize = 20;

const MIME_TYPE: &str = "application/json";

pub(super) const ITEM_TEMPLATE: &str = "hackernews://item/{id}";
pub(super) const LIST_TEMPLATE: &str = "hackernews://list/{type}";

/// Target of a URI of this server.
enum ResourceTarget {
    Item(u64),
    List(List),
}

/// Returns one page: first the lists, then the items of the top stories.
///
/// # Errors
/// -32602 for an unknown cursor, -32603 if the source fails.
pub(super) async fn list(
    stories: &Stories,
    cursor: Option<&str>,
    revision: Revision,
) -> Result<ListResourcesResult, ErrorData> {
    let ids = stories.ids(List::Top).await?;
    let start = match cursor {
        None => 0,
        Some(cursor) => start_of(cursor).ok_or_else(|| ErrorData::invalid_params("unknown cursor", None))?,
    };
    // The list may have become shorter since the cursor was created; the rest is then empty.
    let rest = ids.get(start..).unwrap_or_default();
    let page = rest.get(..PAGE).unwrap_or(rest);
    let items = stories.items(page).await?;
    let lists = List::ALL.into_iter().filter(|_| cursor.is_none()).map(list_resource);
    let all = lists.chain(items.iter().map(|item| item_resource(item)));
    let mut result = ListResourcesResult::with_all_items(all.map(|one| in_form_of(revision, one)).collect());
    result.next_cursor = (rest.len() > PAGE).then(|| cursor_of(start + PAGE));
    Ok(result)
}

/// Returns the two templates.
pub(super) fn templates(revision: Revision) -> Vec<ResourceTemplate> {
    let item = ResourceTemplate::new(ITEM_TEMPLATE, "item")
        .with_title("Hacker News item")
        .with_description("A story, a job or a comment by its id")
        .with_mime_type(MIME_TYPE);
    let list = ResourceTemplate::new(LIST_TEMPLATE, "list")
        .with_title("Hacker News list")
        .with_description("The ids of topstories, newstories or beststories, best rank first")
        .with_mime_type(MIME_TYPE);
    let mut both = vec![item, list];
    for template in &mut both {
        if revision < Revision::V2025_06_18 {
            template.title = None;
        }
    }
    both
}

/// Returns the contents of `uri`.
///
/// # Errors
/// -32002 for an unknown URI (rmcp converts it to -32602 in 2026-07-28), -32603 if the source
/// fails.
pub(super) async fn read(stories: &Stories, uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let not_found =
        || ErrorData::resource_not_found(format!("Resource not found: {uri}"), Some(json!({"uri": uri})));
    let text = match target_of(uri).ok_or_else(not_found)? {
        ResourceTarget::Item(id) => {
            let item = stories.item(id).await?;
            item.ok_or_else(not_found)?.to_json()
        }
        ResourceTarget::List(list) => json!(*stories.ids(list).await?).to_string(),
    };
    Ok(ReadResourceResult::new(vec![contents(uri, text)]))
}

/// Returns the URI of an item.
pub(super) fn item_uri(id: u64) -> String {
    format!("hackernews://item/{id}")
}

/// Wraps the text of an item or list as contents of a resource.
pub(super) fn contents(uri: &str, text: String) -> ResourceContents {
    ResourceContents::text(text, uri).with_mime_type(MIME_TYPE)
}

fn target_of(uri: &str) -> Option<ResourceTarget> {
    let (kind, name) = uri.strip_prefix("hackernews://")?.split_once('/')?;
    match kind {
        // Each item has one URI: `+7` and `007` are not `7`.
        "item" => name.parse().ok().filter(|id| item_uri(*id) == uri).map(ResourceTarget::Item),
        "list" => List::by_name(name).map(ResourceTarget::List),
        _ => None,
    }
}

fn list_resource(list: List) -> Resource {
    Resource::new(format!("hackernews://list/{}", list.name()), list.name())
        .with_title(list.title())
        .with_description("Ids of stories, best rank first")
        .with_mime_type(MIME_TYPE)
}

fn item_resource(item: &Item) -> Resource {
    Resource::new(item_uri(item.id()), item.id().to_string())
        .with_title(item.title())
        .with_description(format!("By {}, {} points", item.by().unwrap_or("nobody"), item.score()))
        .with_mime_type(MIME_TYPE)
        .with_size(item.to_json().len() as u64)
}

/// Titles exist since 2025-06-18; before, clients display the name.
fn in_form_of(revision: Revision, mut resource: Resource) -> Resource {
    if revision < Revision::V2025_06_18
        && let Some(title) = resource.title.take()
    {
        resource.name = title;
    }
    resource
}

fn cursor_of(start: usize) -> String {
    format!("topstories-{start}")
}

/// Parses a cursor made by [`cursor_of`]: the start of a page.
fn start_of(cursor: &str) -> Option<usize> {
    let start: usize = cursor.strip_prefix("topstories-")?.parse().ok()?;
    (start > 0 && start.is_multiple_of(PAGE) && cursor_of(start) == cursor).then_some(start)
}
