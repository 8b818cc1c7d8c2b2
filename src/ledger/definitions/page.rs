//! A page of a listing, parsed.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::kind::DefinitionKind;
use crate::base::{ContentHash, limits};

/// A page of a listing: the response to `tools/list` and its like.
#[derive(Debug, Default)]
pub struct ListedPage<'a> {
    /// The lists that it has, with their definitions in order. A well-formed page has one.
    pub lists: Vec<(DefinitionKind, Vec<Listed<'a>>)>,
    /// The text of `nextCursor`, a hash if it is long; `None` if no page follows.
    pub next_cursor: Option<Box<str>>,
}

/// A definition in a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<'a> {
    /// Its name; the URI of a resource, as in the ledger.
    pub name: String,
    /// Its JSON text.
    pub json: &'a str,
}

#[derive(Deserialize)]
struct ListResponse<'a> {
    #[serde(borrow)]
    result: ListResult<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListResult<'a> {
    #[serde(borrow)]
    tools: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    prompts: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    resources: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    resource_templates: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    next_cursor: Option<&'a RawValue>,
}

/// Members that name a definition. A resource is named by its URI.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DefinitionName {
    uri: Option<String>,
    uri_template: Option<String>,
    name: Option<String>,
}

impl<'a> ListedPage<'a> {
    /// Parses a response; `None` if it is no listing. Definitions that cannot be read are left out:
    /// findings report them.
    #[must_use]
    pub fn parse(body: &'a [u8]) -> Option<Self> {
        let ListResponse { result } = serde_json::from_slice(body).ok()?;
        let lists = [result.tools, result.prompts, result.resources, result.resource_templates];
        let lists = DefinitionKind::ALL.into_iter().zip(lists).filter_map(|(kind, list)| {
            let definitions = list?.into_iter().filter_map(Listed::of).collect();
            Some((kind, definitions))
        });
        Some(Self { lists: lists.collect(), next_cursor: result.next_cursor.map(|raw| cursor(raw.get())) })
    }
}

impl<'a> Listed<'a> {
    fn of(raw: &'a RawValue) -> Option<Self> {
        let named: DefinitionName = serde_json::from_str(raw.get()).ok()?;
        let name = named.uri.or(named.uri_template).or(named.name).unwrap_or_default();
        Some(Self { name, json: raw.get() })
    }
}

/// Returns a cursor from its JSON text: blanks and escapes do not matter, and a long one is a hash.
pub(super) fn cursor(json: &str) -> Box<str> {
    if json.len() > limits::MAX_TEXT {
        return format!("{:016x}", ContentHash::of(json).0).into();
    }
    let value = serde_json::from_str::<Value>(json);
    value.map_or_else(|_| json.into(), |value| value.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_have_the_names_of_the_ledger() {
        let body = br#"{"result":{"tools":[{"name":"a","title":"A"},7],"resourceTemplates":[{"name":"n","uriTemplate":"u://{x}"}],"nextCursor":"c"}}"#;
        let page = ListedPage::parse(body).unwrap();
        let names: Vec<_> = page
            .lists
            .iter()
            .map(|(kind, list)| (*kind, list.iter().map(|it| &*it.name).collect()))
            .collect();
        let expected: [(_, Vec<&str>); 2] =
            [(DefinitionKind::Tool, vec!["a"]), (DefinitionKind::Template, vec!["u://{x}"])];
        assert_eq!(names, expected);
        assert_eq!(page.next_cursor.as_deref(), Some(r#""c""#));
        for none in [&br#"{"error":{"code":1}}"#[..], br#"{"result":{"tools":{"no":"list"}}}"#] {
            assert!(ListedPage::parse(none).is_none());
        }
    }
}
