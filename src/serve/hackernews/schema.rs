//! Validates arguments against the JSON Schema of a tool: the part of draft-07 that this server's
//! schemas use.
//!
//! A full validator would be a dependency larger than the server. A test checks every schema with
//! `is_covered`, so that no keyword is silently ignored.

use rmcp::model::JsonObject;
use serde_json::Value;

/// Returns the arguments with the defaults of the schema filled in.
///
/// # Errors
/// The first violation, as text for the caller.
pub(super) fn check(schema: &JsonObject, arguments: Option<JsonObject>) -> Result<JsonObject, String> {
    let mut arguments = arguments.unwrap_or_default();
    let empty = JsonObject::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
    if let Some(name) = arguments.keys().find(|name| !properties.contains_key(*name)) {
        return Err(format!("unknown argument \"{name}\""));
    }
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    for name in required.filter_map(Value::as_str) {
        if !arguments.contains_key(name) {
            return Err(format!("missing argument \"{name}\""));
        }
    }
    for (name, property) in properties {
        if let Some(value) = arguments.get(name) {
            check_value(property, value).map_err(|wrong| format!("argument \"{name}\" {wrong}"))?;
        } else if let Some(default) = property.get("default") {
            arguments.insert(name.clone(), default.clone());
        }
    }
    Ok(arguments)
}

fn check_value(schema: &Value, value: &Value) -> Result<(), String> {
    let kind = schema.get("type").and_then(Value::as_str).unwrap_or_default();
    let fits = match kind {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        // A number without a fraction is an integer, however it is written (draft-06 and later).
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => false,
    };
    if !fits {
        return Err(format!("must be {} {kind}", if kind == "integer" { "an" } else { "a" }));
    }
    if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
        && !allowed.contains(value)
    {
        let names: Vec<_> = allowed.iter().map(Value::to_string).collect();
        return Err(format!("is none of {}", names.join(", ")));
    }
    check_size(schema, value)
}

fn check_size(schema: &Value, value: &Value) -> Result<(), String> {
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    if let Some(number) = value.as_f64() {
        if let Some(least) = bound("minimum").filter(|least| number < *least) {
            return Err(format!("is less than {least}"));
        }
        if let Some(most) = bound("maximum").filter(|most| number > *most) {
            return Err(format!("is more than {most}"));
        }
    }
    if let Some(text) = value.as_str() {
        // JSON Schema counts characters, not bytes.
        let length = text.chars().count() as f64;
        if let Some(least) = bound("minLength").filter(|least| length < *least) {
            return Err(format!("has less than {least} characters"));
        }
        if let Some(most) = bound("maxLength").filter(|most| length > *most) {
            return Err(format!("has more than {most} characters"));
        }
    }
    Ok(())
}

/// Whether [`check`] supports every keyword of a schema.
#[cfg(test)]
pub(super) fn is_covered(schema: &JsonObject) -> bool {
    const OUTER: [&str; 5] = ["$schema", "additionalProperties", "properties", "required", "type"];
    const INNER: [&str; 9] =
        ["default", "description", "enum", "maxLength", "maximum", "minLength", "minimum", "title", "type"];
    const TYPES: [&str; 4] = ["string", "boolean", "number", "integer"];
    let properties = schema["properties"].as_object().unwrap();
    schema["type"] == "object"
        && schema["additionalProperties"] == false
        && schema.keys().all(|key| OUTER.contains(&key.as_str()))
        && properties.values().all(|property| {
            TYPES.contains(&property["type"].as_str().unwrap())
                && property.as_object().unwrap().keys().all(|key| INNER.contains(&key.as_str()))
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> JsonObject {
        serde_json::from_value(value).unwrap()
    }

    fn schema() -> JsonObject {
        object(json!({
            "type": "object",
            "properties": {
                "kind": {"type": "string", "enum": ["a", "b"]},
                "words": {"type": "string", "minLength": 2, "maxLength": 3},
                "amount": {"type": "number", "minimum": 1, "maximum": 5, "default": 2},
                "id": {"type": "integer", "minimum": 0},
                "loud": {"type": "boolean"},
            },
            "required": ["kind"],
            "additionalProperties": false,
        }))
    }

    #[test]
    fn valid_arguments_get_their_defaults() {
        let given = object(json!({"kind": "a", "words": "äöü", "id": 4.0, "loud": true}));
        let checked = check(&schema(), Some(given)).unwrap();
        assert_eq!(checked["amount"], 2);
        let given = object(json!({"kind": "b", "amount": 2.5}));
        assert_eq!(check(&schema(), Some(given)).unwrap()["amount"], 2.5);
    }

    #[test]
    fn each_wrong_argument_is_named() {
        let cases = [
            (json!({}), "missing argument \"kind\""),
            (json!({"kind": "a", "x": 1}), "unknown argument \"x\""),
            (json!({"kind": "c"}), "argument \"kind\" is none of \"a\", \"b\""),
            (json!({"kind": null}), "argument \"kind\" must be a string"),
            (json!({"kind": "a", "words": "x"}), "argument \"words\" has less than 2 characters"),
            (json!({"kind": "a", "words": "abcd"}), "argument \"words\" has more than 3 characters"),
            (json!({"kind": "a", "amount": 0}), "argument \"amount\" is less than 1"),
            (json!({"kind": "a", "amount": 6}), "argument \"amount\" is more than 5"),
            (json!({"kind": "a", "amount": "3"}), "argument \"amount\" must be a number"),
            (json!({"kind": "a", "id": 1.5}), "argument \"id\" must be an integer"),
            (json!({"kind": "a", "id": -1}), "argument \"id\" is less than 0"),
            (json!({"kind": "a", "loud": 1}), "argument \"loud\" must be a boolean"),
        ];
        for (arguments, expected) in cases {
            assert_eq!(check(&schema(), Some(object(arguments))), Err(expected.to_owned()));
        }
        assert!(check(&schema(), None).is_err());
    }

    #[test]
    fn an_unsupported_keyword_is_detected() {
        assert!(is_covered(&schema()));
        let mut other = schema();
        other["properties"]["kind"]["pattern"] = json!("^a");
        assert!(!is_covered(&other));
    }
}
