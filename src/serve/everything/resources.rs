//! The resources that `--everything` adds: a text, some bytes, and a template.

use rmcp::model::{CompletionInfo, ReadResourceResult, Resource, ResourceContents, ResourceTemplate};
use serde_json::json;

use super::content::PNG;

const TEXT: &str = "test://static-text";
const BYTES: &str = "test://static-binary";

/// The template for `resources/templates/list`.
pub(super) const TEMPLATE: &str = "test://template/{id}/data";

/// Ids that completion offers for [`TEMPLATE`]; any other id can be read too.
const IDS: &[&str] = &["1", "12", "123"];

/// Longest id of [`TEMPLATE`], in bytes: it is repeated in the contents.
const MAX_ID: usize = 256;

/// Returns the resources for `resources/list`.
pub(super) fn list() -> Vec<Resource> {
    vec![
        Resource::new(TEXT, "static-text").with_description("A text").with_mime_type("text/plain"),
        Resource::new(BYTES, "static-binary").with_description("Some bytes").with_mime_type("image/png"),
    ]
}

/// Returns the templates for `resources/templates/list`.
pub(super) fn templates() -> Vec<ResourceTemplate> {
    vec![
        ResourceTemplate::new(TEMPLATE, "template")
            .with_description("A resource for every id")
            .with_mime_type("application/json"),
    ]
}

/// Returns the contents of a resource; `None` if this module does not have it.
pub(super) fn read(uri: &str) -> Option<ReadResourceResult> {
    let contents = match uri {
        TEXT => ResourceContents::text("This is the content of the static text resource.", uri)
            .with_mime_type("text/plain"),
        BYTES => ResourceContents::blob(PNG, uri).with_mime_type("image/png"),
        _ => {
            let id = uri.strip_prefix("test://template/")?.strip_suffix("/data")?;
            if id.is_empty() || id.len() > MAX_ID || id.contains('/') {
                return None;
            }
            let data = json!({"id": id, "templateTest": true, "data": format!("Data for ID: {id}")});
            ResourceContents::text(data.to_string(), uri).with_mime_type("application/json")
        }
    };
    Some(ReadResourceResult::new(vec![contents]))
}

/// Returns the ids of [`TEMPLATE`] with this prefix.
pub(super) fn complete(typed: &str) -> CompletionInfo {
    starting(IDS, typed)
}

/// Returns the words with this prefix.
pub(super) fn starting(words: &[&str], typed: &str) -> CompletionInfo {
    let mut info = CompletionInfo::default();
    info.values = words.iter().filter(|word| word.starts_with(typed)).map(ToString::to_string).collect();
    info.has_more = Some(false);
    info
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listed_resources_can_be_read() {
        for resource in list() {
            assert!(read(&resource.uri).is_some(), "{}", resource.uri);
        }
        assert!(read("test://template/7/data").is_some());
    }

    #[test]
    fn uris_outside_the_template_are_not_found() {
        for uri in ["test://template//data", "test://template/a/b/data", "test://template/7", "test://other"]
        {
            assert!(read(uri).is_none(), "{uri}");
        }
        assert!(read(&format!("test://template/{}/data", "x".repeat(MAX_ID + 1))).is_none());
    }

    #[test]
    fn completion_offers_values_with_the_prefix() {
        assert_eq!(complete("12").values, ["12", "123"]);
        assert!(complete("x").values.is_empty());
    }
}
