//! Reads the arguments of a tool, which its schema has validated.

use rmcp::model::JsonObject;
use serde_json::Value;

use super::stories::List;

/// Returns a numeric argument, rounded down.
pub(super) fn number(arguments: &JsonObject, name: &str) -> u64 {
    // `as` saturates; the bounds of the schema hold already.
    arguments.get(name).and_then(Value::as_f64).map_or(0, |number| number as u64)
}

/// Returns a string argument.
pub(super) fn text<'a>(arguments: &'a JsonObject, name: &str) -> &'a str {
    arguments.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Returns the argument `type`.
pub(super) fn list(arguments: &JsonObject) -> List {
    List::by_name(text(arguments, "type")).unwrap_or(List::Top)
}
