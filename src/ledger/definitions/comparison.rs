//! Compares two versions of a definition.

use serde_json::{Map, Value};

use super::member_change::{Changes, MemberChange, object, union};
use super::schema_change::{self, Side};
use crate::base::ContentHash;

/// Length of the longest definition that is compared member by member, in bytes. Real ones have
/// fewer than 20 kB; parsed it takes up to forty times as much memory.
const MAX_COMPARED: usize = 256 << 10;

/// Returns the differences between two versions of a definition, in the order of its members: none
/// if they have the same content.
#[must_use]
pub fn member_changes(old: &str, new: &str) -> Vec<MemberChange> {
    let mut changes = Changes::default();
    if old.len().max(new.len()) > MAX_COMPARED {
        if ContentHash::of(old) != ContentHash::of(new) {
            changes.add(false, "definition changed: too long to be compared".to_owned());
        }
        return changes.finish();
    }
    let parsed = |text| serde_json::from_str::<Value>(text).ok();
    match (parsed(old), parsed(new)) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => members(&old, &new, &mut changes),
        (old, new) => changes.value(false, "definition", old.as_ref(), new.as_ref()),
    }
    changes.finish()
}

fn members(old: &Map<String, Value>, new: &Map<String, Value>, changes: &mut Changes) {
    for name in union(old, new) {
        let (before, after) = (old.get(name), new.get(name));
        if before == after {
            continue;
        }
        match name.as_str() {
            // A text is too long to be shown, and what it says is read in the definition.
            "description" | "title" if before.is_some() && after.is_some() => {
                changes.add(false, format!("{name} changed"));
            }
            "inputSchema" => schema_change::compare(Side::Input, before, after, changes),
            "outputSchema" => schema_change::compare(Side::Output, before, after, changes),
            "annotations" => annotations(before, after, changes),
            "arguments" => arguments(before, after, changes),
            "icons" | "_meta" | "execution" => changes.add(false, format!("{name} changed")),
            _ => changes.value(false, name, before, after),
        }
    }
}

fn annotations(old: Option<&Value>, new: Option<&Value>, changes: &mut Changes) {
    let (old, new) = (object(old), object(new));
    for name in union(old, new) {
        changes.value(false, &format!("annotation {name}"), old.get(name), new.get(name));
    }
}

/// The arguments of a prompt: a list of objects with `name` and `required`.
fn arguments(old: Option<&Value>, new: Option<&Value>, changes: &mut Changes) {
    let named = |list: Option<&Value>| -> Map<String, Value> {
        let list = list.and_then(Value::as_array).into_iter().flatten();
        list.filter_map(|argument| Some((argument.get("name")?.as_str()?.to_owned(), argument.clone())))
            .collect()
    };
    let is_required = |argument: &Value| argument.get("required").and_then(Value::as_bool).unwrap_or(false);
    let (old, new) = (named(old), named(new));
    for name in union(&old, &new) {
        match (old.get(name), new.get(name)) {
            (Some(_), None) => changes.add(true, format!("argument {name} removed")),
            (None, Some(new)) if is_required(new) => {
                changes.add(true, format!("argument {name} added, required"));
            }
            (None, _) => changes.add(false, format!("argument {name} added")),
            (Some(old), Some(new)) => match (is_required(old), is_required(new)) {
                (false, true) => changes.add(true, format!("argument {name} now required")),
                (true, false) => changes.add(false, format!("argument {name} no longer required")),
                _ if old != new => changes.add(false, format!("argument {name}: description changed")),
                _ => {}
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::member_change::MAX_CHANGES;
    use super::*;

    fn told(old: &str, new: &str) -> Vec<String> {
        let mark =
            |change: MemberChange| format!("{}{}", if change.is_breaking { "! " } else { "" }, change.text);
        member_changes(old, new).into_iter().map(mark).collect()
    }

    #[test]
    fn a_definition_is_compared_by_what_it_means() {
        let old = r#"{"name":"a","description":"x","annotations":{"readOnlyHint":true},"inputSchema":{"type":"object"}}"#;
        let same = r#"{"inputSchema":{"type":"object"},"annotations":{"readOnlyHint":true},"name":"a","description":"x"}"#;
        assert_eq!(told(old, same), Vec::<String>::new());
        let new = r#"{"name":"a","description":"y","annotations":{"readOnlyHint":false},"inputSchema":{"type":"object"},"title":"A"}"#;
        assert_eq!(
            told(old, new),
            ["description changed", "annotation readOnlyHint: true → false", "title added: A"]
        );
    }

    #[test]
    fn arguments_of_a_prompt_are_compared_by_name() {
        let old = r#"{"arguments":[{"name":"a"},{"name":"b","required":true},{"name":"c"}]}"#;
        let new = r#"{"arguments":[{"name":"b"},{"name":"a","required":true},{"name":"d","required":true},{"name":"e"}]}"#;
        assert_eq!(
            told(old, new),
            [
                "! argument a now required",
                "argument b no longer required",
                "! argument c removed",
                "! argument d added, required",
                "argument e added",
            ]
        );
    }

    #[test]
    fn many_differences_are_counted() {
        let tool = |prefix: &str| {
            let members: Vec<String> = (0..100).map(|n| format!("\"{prefix}{n}\":1")).collect();
            format!("{{{}}}", members.join(","))
        };
        let changes = member_changes(&tool("a"), &tool("b"));
        assert_eq!(changes.len(), MAX_CHANGES + 1);
        assert_eq!(changes.last().unwrap().text, "and 136 more");
        assert_eq!(told("7", "{"), ["definition removed: 7"]);
    }
}
