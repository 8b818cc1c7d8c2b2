//! The types of what lists contain: clients that check them reject the whole list for one member
//! (MCP 2025-11-25, schema).

use super::call::{Call, server_key};
use super::member_types::{Member, RESOURCE, Type, describe_mismatch, find_wrong_item, find_wrong_member};
use super::outline::Outline;
use super::reported::Reported;
use crate::base::{Code, Finding, limits, text};

/// Checks lists.
#[derive(Debug, Default)]
pub(super) struct ListTypes {
    /// By server and method.
    reported: Reported<(u64, u64), { limits::MAX_TABLE_ROWS }>,
}

const TOOL: &[Member] = &[
    ("name", Type::Text, true),
    ("title", Type::Text, false),
    ("description", Type::Text, false),
    ("outputSchema", Type::Object, false),
    ("annotations", Type::Object, false),
    ("icons", Type::List, false),
    ("_meta", Type::Object, false),
];

const TOOL_ANNOTATIONS: &[Member] = &[
    ("title", Type::Text, false),
    ("readOnlyHint", Type::Flag, false),
    ("destructiveHint", Type::Flag, false),
    ("idempotentHint", Type::Flag, false),
    ("openWorldHint", Type::Flag, false),
];

const PROMPT: &[Member] = &[
    ("name", Type::Text, true),
    ("title", Type::Text, false),
    ("description", Type::Text, false),
    ("arguments", Type::List, false),
    ("icons", Type::List, false),
    ("_meta", Type::Object, false),
];

const ARGUMENT: &[Member] =
    &[("name", Type::Text, true), ("description", Type::Text, false), ("required", Type::Flag, false)];

const TEMPLATE: &[Member] = &[
    ("uriTemplate", Type::Text, true),
    ("name", Type::Text, true),
    ("title", Type::Text, false),
    ("description", Type::Text, false),
    ("mimeType", Type::Text, false),
    ("annotations", Type::Object, false),
    ("icons", Type::List, false),
    ("_meta", Type::Object, false),
];

impl ListTypes {
    /// Returns a finding about the list that answers a call, if it is wrong.
    pub(super) fn push(&mut self, call: &Call<'_>) -> Option<Finding> {
        let method = &*call.exchange.method;
        let (list, members) = match method {
            "tools/list" => ("tools", TOOL),
            "prompts/list" => ("prompts", PROMPT),
            "resources/list" => ("resources", RESOURCE),
            "resources/templates/list" => ("resourceTemplates", TEMPLATE),
            _ => return None,
        };
        let response = call.response_outline()?;
        let wrong = check_list(response.get("result")?, list, members)?;
        let key = (server_key(&call.exchange.session.identity()), text::hash(method));
        let is_new = self.reported.insert(key);
        is_new.then(|| call.of_response(Code::ContentsWrongType, format!("{method}: {wrong}")))
    }
}

/// Describes the first error of a list; `None` if it is right.
fn check_list(result: &Outline<'_>, list: &str, members: &[Member]) -> Option<String> {
    let cursor = result.get("nextCursor").filter(|cursor| cursor.as_str().is_none());
    let wrong = |one: &Outline<'_>| {
        let of_annotations = one.get("annotations").filter(|_| list == "tools");
        let arguments = one.get("arguments").filter(|_| list == "prompts").and_then(Outline::items);
        find_wrong_member(one, members)
            .or_else(|| find_wrong_member(of_annotations?, TOOL_ANNOTATIONS))
            .or_else(|| arguments?.iter().find_map(|argument| find_wrong_member(argument, ARGUMENT)))
    };
    find_wrong_item(result, list, wrong)
        .or_else(|| Some(describe_mismatch("nextCursor", Some(cursor?), Type::Text)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn one_member_of_another_type() {
        let wrong = |result: Value, list: &str, members| {
            check_list(
                Outline::of(json!({"result": result}).to_string().as_bytes())?.get("result")?,
                list,
                members,
            )
        };
        let of = |tools: Value| wrong(json!({"tools": tools}), "tools", TOOL);
        assert_eq!(
            of(json!([{"name": "a", "description": "b", "annotations": {"readOnlyHint": true}}])),
            None
        );
        let null = of(json!([{"name": "a"}, {"name": "b", "description": null}]));
        assert_eq!(null.as_deref(), Some("tools[1] (b): description is null, a string is due"));
        assert!(of(json!([{"name": "a", "annotations": {"readOnlyHint": "yes"}}])).is_some());
        assert!(of(json!({})).is_some());
        let prompts = json!({"prompts": [{"name": "a", "arguments": [{"name": 1}]}]});
        assert!(wrong(prompts, "prompts", PROMPT).is_some());
        assert!(wrong(json!({"tools": [], "nextCursor": null}), "tools", TOOL).is_some());
    }
}
