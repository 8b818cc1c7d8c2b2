//! `x-mcp-header`: the parameters of a tool that headers of its calls repeat (MCP 2026-07-28,
//! transports, "Custom Headers from Tool Parameters").

use std::collections::HashSet;

use serde_json::Value;

use crate::base::text;

/// Deepest nesting of a schema that is read.
const MAX_DEPTH: usize = 32;

/// Most subschemas of one tool that are read.
const MAX_NODES: usize = 10_000;

/// Parameters of one tool that are kept.
const MAX_PARAMETERS: usize = 64;

const ANNOTATION: &str = "x-mcp-header";

/// Keywords whose value is a schema, or a list of schemas, and no property of an object.
const APPLICATORS: [&str; 15] = [
    "items",
    "prefixItems",
    "additionalItems",
    "contains",
    "additionalProperties",
    "unevaluatedItems",
    "unevaluatedProperties",
    "propertyNames",
    "oneOf",
    "anyOf",
    "allOf",
    "not",
    "if",
    "then",
    "else",
];

/// Keywords whose value holds schemas by name, of which none is a property.
const NAMED: [&str; 4] = ["$defs", "definitions", "patternProperties", "dependentSchemas"];

/// A parameter that a header repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parameter {
    /// The names of the properties that lead to it.
    pub(super) path: Vec<Box<str>>,
    /// The name of the header after `Mcp-Param-`, in lower case.
    pub(super) header: Box<str>,
}

impl Parameter {
    /// Its value in the arguments of a call; `None` if it is absent or null.
    pub(super) fn value_in<'a>(&self, arguments: &'a Value) -> Option<&'a Value> {
        let value = self.path.iter().try_fold(arguments, |value, name| value.get(&**name))?;
        (!value.is_null()).then_some(value)
    }

    /// Length of its texts, in bytes.
    pub(super) fn text_len(&self) -> usize {
        self.header.len() + self.path.iter().map(|name| name.len()).sum::<usize>()
    }
}

/// The annotations of a schema.
#[derive(Debug, Default)]
pub(super) struct Annotations {
    /// The parameters that have one.
    pub(super) parameters: Vec<Parameter>,
    /// What makes the tool invalid; `None` if the annotations are valid.
    pub(super) fault: Option<String>,
    /// Whether not all of the schema was read.
    pub(super) is_cut: bool,
    nodes: usize,
}

impl Annotations {
    /// Reads the annotations of an `inputSchema`.
    pub(super) fn of(schema: &Value) -> Self {
        let mut found = Self::default();
        found.read(schema, &mut Vec::new(), true, 0);
        let mut names = HashSet::new();
        let twice = found.parameters.iter().find(|parameter| !names.insert(&parameter.header));
        if let Some(parameter) = twice.filter(|_| found.fault.is_none()) {
            found.fault = Some(format!("two parameters have the header {}", parameter.header));
        }
        found
    }

    /// Reads a schema. A property is reachable if only `properties` lead to it.
    fn read<'a>(&mut self, schema: &'a Value, path: &mut Vec<&'a str>, is_reachable: bool, depth: usize) {
        let Some(schema) = schema.as_object() else { return };
        self.nodes += 1;
        if depth > MAX_DEPTH || self.nodes > MAX_NODES {
            self.is_cut = true;
            return;
        }
        if let Some(annotation) = schema.get(ANNOTATION) {
            let fault = if !is_reachable || path.is_empty() {
                Some("is not on a property of the arguments")
            } else {
                fault(annotation, schema.get("type"))
            };
            match (fault, annotation.as_str()) {
                (None, Some(header)) if self.parameters.len() < MAX_PARAMETERS => {
                    let path = path.iter().map(|name| text::kept_name(name).into()).collect();
                    let header = text::kept_name(header).to_ascii_lowercase().into();
                    self.parameters.push(Parameter { path, header });
                }
                (None, _) => self.is_cut = true,
                (Some(what), _) => {
                    let on = path.last().copied().unwrap_or("the schema");
                    let on = text::kept_name(on);
                    self.fault.get_or_insert_with(|| format!("{ANNOTATION} of {on} {what}"));
                }
            }
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, property) in properties.into_iter().flatten() {
            path.push(name);
            self.read(property, path, is_reachable, depth + 1);
            path.pop();
        }
        for keyword in APPLICATORS {
            match schema.get(keyword) {
                Some(Value::Array(all)) => {
                    all.iter().for_each(|schema| self.read(schema, path, false, depth + 1));
                }
                Some(schema) => self.read(schema, path, false, depth + 1),
                None => {}
            }
        }
        for keyword in NAMED {
            let all = schema.get(keyword).and_then(Value::as_object);
            all.into_iter().flatten().for_each(|(_, schema)| self.read(schema, path, false, depth + 1));
        }
    }
}

/// What is wrong with the annotation of a property; `None` if nothing is.
fn fault(annotation: &Value, kind: Option<&Value>) -> Option<&'static str> {
    let Some(header) = annotation.as_str() else { return Some("is not a string") };
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if header.is_empty() {
        return Some("is empty");
    }
    if !header.bytes().all(is_token) {
        return Some("is not a valid header name");
    }
    let is_primitive = |kind: &Value| matches!(kind.as_str(), Some("string" | "integer" | "boolean"));
    let is_null = |kind: &Value| kind.as_str() == Some("null");
    match kind {
        // A schema without a type may be a list of constants.
        None => None,
        Some(Value::Array(kinds)) if kinds.iter().all(|kind| is_primitive(kind) || is_null(kind)) => None,
        Some(kind) if is_primitive(kind) => None,
        Some(_) => Some("is on a type other than string, integer and boolean"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn properties_have_headers_and_nothing_else_has() {
        let schema = json!({"type": "object", "properties": {
            "a": {"type": "string", "x-mcp-header": "Region"},
            "b": {"type": "object", "properties": {"c": {"type": "integer", "x-mcp-header": "Count"}}},
            // The name of a property, no annotation.
            "x-mcp-header": {"type": "string"},
        }});
        let found = Annotations::of(&schema);
        assert_eq!(found.fault, None);
        let headers: Vec<_> = found.parameters.iter().map(|parameter| &*parameter.header).collect();
        assert_eq!(headers, ["region", "count"]);
        let arguments = json!({"a": "eu", "b": {"c": 2}});
        let values: Vec<_> = found.parameters.iter().map(|one| one.value_in(&arguments)).collect();
        assert_eq!(values, [Some(&json!("eu")), Some(&json!(2))]);
        assert_eq!(found.parameters[0].value_in(&json!({"a": null})), None);
    }

    #[test]
    fn what_makes_a_tool_invalid() {
        let of = |property: Value| Annotations::of(&json!({"properties": {"a": property}})).fault.is_some();
        assert!(of(json!({"type": "string", "x-mcp-header": ""})));
        assert!(of(json!({"type": "string", "x-mcp-header": "a b"})));
        assert!(of(json!({"type": "number", "x-mcp-header": "A"})));
        assert!(of(json!({"type": "array", "items": {"type": "string", "x-mcp-header": "A"}})));
        assert!(of(json!({"anyOf": [{"type": "string", "x-mcp-header": "A"}]})));
        assert!(!of(json!({"type": ["integer", "null"], "x-mcp-header": "A"})));
        assert!(!of(json!({"type": "string", "default": {"x-mcp-header": ""}})));
        let twice = json!({"properties": {"a": {"type": "string", "x-mcp-header": "A"},
            "b": {"type": "string", "x-mcp-header": "a"}}});
        assert!(Annotations::of(&twice).fault.is_some());
    }
}
