//! The differences between two JSON schemas of a tool, in words.
//!
//! The keywords of JSON Schema 2020-12 that say what fits are compared by their meaning, the others
//! by their values. References are not followed.

use std::collections::BTreeSet;

use serde_json::Value;

use super::member_change::{Changes, object, shown, union};

/// Schemas within schemas that are compared, at most.
const MAX_DEPTH: usize = 32;

/// The schema that is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// `inputSchema`: what a call must fit.
    Input,
    /// `outputSchema`: what a result fits.
    Output,
}

impl Side {
    fn noun(self) -> &'static str {
        match self {
            Self::Input => "argument",
            Self::Output => "result field",
        }
    }

    fn member(self) -> &'static str {
        match self {
            Self::Input => "inputSchema",
            Self::Output => "outputSchema",
        }
    }
}

/// A schema in a schema.
#[derive(Clone, Copy)]
struct Place<'a> {
    side: Side,
    /// `filter.name`, `ids[]`; empty for the whole.
    path: &'a str,
    depth: usize,
}

impl Place<'_> {
    /// The text before what changed: `argument limit: `, `inputSchema: `.
    fn prefix(self) -> String {
        match self.path {
            "" => self.side.member().to_owned(),
            path => format!("{} {path}", self.side.noun()),
        }
    }

    fn child(self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

/// Adds the differences between two schemas. `None` is a tool without one.
pub(super) fn compare(side: Side, old: Option<&Value>, new: Option<&Value>, changes: &mut Changes) {
    match (old, new) {
        (Some(old @ Value::Object(_)), Some(new @ Value::Object(_))) => {
            schemas(Place { side, path: "", depth: 0 }, old, new, changes);
        }
        (Some(_), None) => changes.add(side == Side::Output, format!("{} removed", side.member())),
        (None, Some(_)) => changes.add(side == Side::Input, format!("{} added", side.member())),
        (old, new) => changes.value(false, side.member(), old, new),
    }
}

fn schemas(place: Place<'_>, old: &Value, new: &Value, changes: &mut Changes) {
    if old == new {
        return;
    }
    let prefix = place.prefix();
    if !old.is_object() || !new.is_object() || place.depth >= MAX_DEPTH {
        changes.value(false, &prefix, Some(old), Some(new));
        return;
    }
    let (before, after) = (object(Some(old)), object(Some(new)));
    properties(place, old, new, changes);
    for keyword in union(before, after) {
        let (one, other) = (before.get(keyword), after.get(keyword));
        if one == other {
            continue;
        }
        let named = format!("{prefix}: {keyword}");
        match keyword.as_str() {
            "properties" | "required" => {}
            "type" => types(place, one, other, changes),
            "enum" => values(place, one, other, changes),
            "items" => items(place, one, other, changes),
            "description" | "title" if one.is_some() && other.is_some() => {
                changes.add(false, format!("{named} changed"));
            }
            "additionalProperties" => {
                let is_closed = other == Some(&Value::Bool(false));
                changes.value(is_closed && place.side == Side::Input, &named, one, other);
            }
            "minimum" | "exclusiveMinimum" | "minLength" | "minItems" | "minProperties" => {
                bound(place, &named, [one, other], changes, |old, new| new > old);
            }
            "maximum" | "exclusiveMaximum" | "maxLength" | "maxItems" | "maxProperties" => {
                bound(place, &named, [one, other], changes, |old, new| new < old);
            }
            "const" | "pattern" | "format" | "multipleOf" | "uniqueItems" => {
                changes.value(place.side == Side::Input && other.is_some(), &named, one, other);
            }
            // What these mean depends on the whole.
            "$defs" | "definitions" | "anyOf" | "oneOf" | "allOf" | "not" | "if" | "then" | "else"
            | "patternProperties" => changes.add(false, format!("{named} changed")),
            _ => changes.value(false, &named, one, other),
        }
    }
}

fn properties(place: Place<'_>, old: &Value, new: &Value, changes: &mut Changes) {
    let (before, after) = (object(old.get("properties")), object(new.get("properties")));
    let required = |schema: &Value| -> BTreeSet<String> {
        let list = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        list.filter_map(|name| name.as_str().map(str::to_owned)).collect()
    };
    let (was_required, is_required) = (required(old), required(new));
    let noun = place.side.noun();
    let is_input = place.side == Side::Input;
    for name in union(before, after) {
        let path = place.child(name);
        let needs = (was_required.contains(name), is_required.contains(name));
        match (before.get(name), after.get(name)) {
            (Some(_), None) => changes.add(true, format!("{noun} {path} removed")),
            (None, _) if needs.1 => changes.add(is_input, format!("{noun} {path} added, required")),
            (None, _) => changes.add(false, format!("{noun} {path} added")),
            (Some(one), Some(other)) => {
                match needs {
                    (false, true) => changes.add(is_input, format!("{noun} {path} now required")),
                    (true, false) => changes.add(!is_input, format!("{noun} {path} no longer required")),
                    _ => {}
                }
                schemas(Place { path: &path, depth: place.depth + 1, ..place }, one, other, changes);
            }
        }
    }
}

fn types(place: Place<'_>, old: Option<&Value>, new: Option<&Value>, changes: &mut Changes) {
    let names = |value: Option<&Value>| -> Option<BTreeSet<String>> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        match value? {
            Value::Array(list) => Some(list.iter().filter_map(text).collect()),
            value => Some(text(value).into_iter().collect()),
        }
    };
    let (before, after) = (names(old), names(new));
    // Without a type everything fits.
    let covers = |wide: &Option<BTreeSet<String>>, narrow: &Option<BTreeSet<String>>| match (wide, narrow) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(wide), Some(narrow)) => {
            narrow.iter().all(|name| wide.contains(name) || (name == "integer" && wide.contains("number")))
        }
    };
    let is_breaking = match place.side {
        Side::Input => !covers(&after, &before),
        Side::Output => !covers(&before, &after),
    };
    changes.value(is_breaking, &format!("{}: type", place.prefix()), old, new);
}

/// The values of an enumeration.
fn values(place: Place<'_>, old: Option<&Value>, new: Option<&Value>, changes: &mut Changes) {
    let prefix = place.prefix();
    let is_input = place.side == Side::Input;
    let (Some(Value::Array(old)), Some(Value::Array(new))) = (old, new) else {
        changes.value(is_input && new.is_some(), &format!("{prefix}: enum"), old, new);
        return;
    };
    let without = |list: &[Value], other: &[Value]| -> Vec<String> {
        let other: BTreeSet<String> = other.iter().map(Value::to_string).collect();
        list.iter().filter(|value| !other.contains(&value.to_string())).map(shown).take(8).collect()
    };
    let (gone, added) = (without(old, new), without(new, old));
    if !gone.is_empty() {
        changes.add(is_input, format!("{prefix}: no longer {}", gone.join(", ")));
    }
    if !added.is_empty() {
        changes.add(false, format!("{prefix}: also {}", added.join(", ")));
    }
}

fn items(place: Place<'_>, old: Option<&Value>, new: Option<&Value>, changes: &mut Changes) {
    let path = format!("{}[]", place.path);
    match (old, new) {
        (Some(old), Some(new)) => {
            schemas(Place { path: &path, depth: place.depth + 1, ..place }, old, new, changes);
        }
        _ => changes.value(
            place.side == Side::Input && new.is_some(),
            &format!("{}: items", place.prefix()),
            old,
            new,
        ),
    }
}

/// A limit of numbers, lengths or sizes. `is_tighter` compares the old one with the new one.
fn bound(
    place: Place<'_>,
    name: &str,
    [old, new]: [Option<&Value>; 2],
    changes: &mut Changes,
    is_tighter: fn(f64, f64) -> bool,
) {
    let number = |value: Option<&Value>| value.and_then(Value::as_f64);
    let is_breaking = match (number(old), number(new)) {
        (Some(old), Some(new)) => is_tighter(old, new),
        (None, new) => new.is_some(),
        (Some(_), None) => false,
    };
    changes.value(is_breaking && place.side == Side::Input, name, old, new);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::comparison::member_changes;
    use super::*;

    #[track_caller]
    fn differ(member: &str, old: &Value, new: &Value, expected: &[&str]) {
        let tool = |schema: &Value| json!({"name": "a", member: schema}).to_string();
        let changes = member_changes(&tool(old), &tool(new));
        let told: Vec<_> = changes
            .iter()
            .map(|change| format!("{}{}", if change.is_breaking { "! " } else { "" }, change.text))
            .collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn arguments_are_compared_by_what_fits() {
        let old = json!({"type": "object", "required": ["q"], "properties": {
            "q": {"type": "string", "description": "x"},
            "n": {"type": "integer", "maximum": 50},
            "sort": {"enum": ["new", "top"]},
            "old": {},
            "nested": {"type": "object", "properties": {"a": {"type": "string"}}},
            "ids": {"type": "array", "items": {"type": "string"}},
        }});
        let new = json!({"type": "object", "required": ["n", "key"], "properties": {
            "q": {"type": ["string", "null"], "description": "y"},
            "n": {"type": "integer", "maximum": 10},
            "sort": {"enum": ["new", "best"]},
            "key": {"type": "string"},
            "page": {"type": "integer"},
            "nested": {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}},
            "ids": {"type": "array", "items": {"type": "integer"}},
        }});
        differ(
            "inputSchema",
            &old,
            &new,
            &[
                "argument q no longer required",
                "argument q: type: string → [\"string\",\"null\"]",
                "argument q: description changed",
                "! argument n now required",
                "! argument n: maximum: 50 → 10",
                "! argument sort: no longer top",
                "argument sort: also best",
                "! argument old removed",
                "! argument nested.a now required",
                "! argument ids[]: type: string → integer",
                "! argument key added, required",
                "argument page added",
            ],
        );
    }

    #[test]
    fn a_wider_type_breaks_no_call_and_a_narrower_one_no_reader() {
        let schema = |kind: &str| json!({"properties": {"n": {"type": kind}}});
        let (wide, narrow) = (schema("number"), schema("integer"));
        differ("inputSchema", &narrow, &wide, &["argument n: type: integer → number"]);
        differ("inputSchema", &wide, &narrow, &["! argument n: type: number → integer"]);
        differ("outputSchema", &narrow, &wide, &["! result field n: type: integer → number"]);
        differ("outputSchema", &wide, &narrow, &["result field n: type: number → integer"]);
    }

    #[test]
    fn schemas_that_are_none_are_values() {
        differ(
            "inputSchema",
            &json!({"type": "object"}),
            &json!(7),
            &["inputSchema: {\"type\":\"object\"} → 7"],
        );
        differ(
            "inputSchema",
            &json!({}),
            &json!({"additionalProperties": false}),
            &["! inputSchema: additionalProperties added: false"],
        );
        differ(
            "outputSchema",
            &json!({"required": ["a"], "properties": {"a": {}}}),
            &json!({}),
            &["! result field a removed"],
        );
    }

    /// Schemas may be nested as deeply as JSON is parsed.
    #[test]
    fn deep_schemas_are_compared_to_a_depth() {
        let nested =
            |leaf: &str| (0..50).fold(json!({"type": leaf}), |inner, _| json!({"properties": {"p": inner}}));
        let tool = |schema: Value| json!({"inputSchema": schema}).to_string();
        assert_eq!(member_changes(&tool(nested("string")), &tool(nested("null"))).len(), 1);
    }
}
