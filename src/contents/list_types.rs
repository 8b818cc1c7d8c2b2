//! The types of what lists contain: clients that check them reject the whole list for one member
//! (MCP 2025-11-25, schema).

use std::collections::HashSet;

use foldhash::fast::RandomState;
use serde_json::Value;

use super::call::{Call, server_key};
use super::schema;
use crate::base::{Code, Finding, limits, text};

/// Lists that were looked at.
#[derive(Debug, Default)]
pub(super) struct ListTypes {
    /// Servers and methods of which something was told.
    told: HashSet<(u64, u64), RandomState>,
}

/// The type of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Text,
    Number,
    Flag,
    Object,
    List,
}

impl Type {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Number => value.is_number(),
            Self::Flag => value.is_boolean(),
            Self::Object => value.is_object(),
            Self::List => value.is_array(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Number => "a number",
            Self::Flag => "a boolean",
            Self::Object => "an object",
            Self::List => "an array",
        }
    }
}

/// A member of what a list contains, and whether it has to be there.
type Member = (&'static str, Type, bool);

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

const RESOURCE: &[Member] = &[
    ("uri", Type::Text, true),
    ("name", Type::Text, true),
    ("title", Type::Text, false),
    ("description", Type::Text, false),
    ("mimeType", Type::Text, false),
    ("size", Type::Number, false),
    ("annotations", Type::Object, false),
    ("icons", Type::List, false),
    ("_meta", Type::Object, false),
];

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
    /// Takes a call and returns what is wrong with its list.
    pub(super) fn push(&mut self, call: &Call<'_>) -> Option<Finding> {
        let method = &*call.exchange.method;
        let (list, members) = match method {
            "tools/list" => ("tools", TOOL),
            "prompts/list" => ("prompts", PROMPT),
            "resources/list" => ("resources", RESOURCE),
            "resources/templates/list" => ("resourceTemplates", TEMPLATE),
            _ => return None,
        };
        let result = call.result()?;
        let wrong = wrong_list(result, list, members)?;
        let key = (server_key(&call.exchange.session.identity()), text::hash(method));
        let is_new = self.told.len() < limits::MAX_TABLE_ROWS && self.told.insert(key);
        is_new.then(|| call.of_response(Code::ContentsWrongType, format!("{method}: {wrong}")))
    }
}

/// What is wrong with a list; `None` if nothing is.
fn wrong_list(result: &Value, list: &str, members: &[Member]) -> Option<String> {
    let Some(all) = result.get(list).and_then(Value::as_array) else {
        return Some(due(list, result.get(list), Type::List));
    };
    if let Some(cursor) = result.get("nextCursor").filter(|cursor| !cursor.is_string()) {
        return Some(due("nextCursor", Some(cursor), Type::Text));
    }
    let wrong = |one: &Value| {
        if !one.is_object() {
            return Some("it is no object".to_owned());
        }
        let of_annotations = one.get("annotations").filter(|_| list == "tools");
        let arguments = one.get("arguments").filter(|_| list == "prompts").and_then(Value::as_array);
        wrong_member(one, members)
            .or_else(|| wrong_member(of_annotations?, TOOL_ANNOTATIONS))
            .or_else(|| arguments?.iter().find_map(|argument| wrong_member(argument, ARGUMENT)))
    };
    all.iter().enumerate().find_map(|(at, one)| {
        let name = one.get("name").and_then(Value::as_str).map(text::kept_name);
        let name = name.map_or_else(String::new, |name| format!(" ({name})"));
        wrong(one).map(|wrong| format!("{list}[{at}]{name}: {wrong}"))
    })
}

fn wrong_member(object: &Value, members: &[Member]) -> Option<String> {
    members.iter().find_map(|(name, kind, is_due)| {
        let value = object.get(*name);
        let is_right = value.map_or(!is_due, |value| kind.fits(value));
        (!is_right).then(|| due(name, value, *kind))
    })
}

/// Says which type a member has, and which it should have.
fn due(name: &str, value: Option<&Value>, expected: Type) -> String {
    let found = value.map_or("missing", schema::kind);
    format!("{name} is {found}, {} is due", expected.name())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_member_of_another_type() {
        let of = |tools: Value| wrong_list(&json!({"tools": tools}), "tools", TOOL);
        assert_eq!(
            of(json!([{"name": "a", "description": "b", "annotations": {"readOnlyHint": true}}])),
            None
        );
        let null = of(json!([{"name": "a"}, {"name": "b", "description": null}]));
        assert_eq!(null.as_deref(), Some("tools[1] (b): description is null, a string is due"));
        assert!(of(json!([{"name": "a", "annotations": {"readOnlyHint": "yes"}}])).is_some());
        assert!(of(json!({})).is_some());
        let prompts = json!({"prompts": [{"name": "a", "arguments": [{"name": 1}]}]});
        assert!(wrong_list(&prompts, "prompts", PROMPT).is_some());
        assert!(wrong_list(&json!({"tools": [], "nextCursor": null}), "tools", TOOL).is_some());
    }
}
