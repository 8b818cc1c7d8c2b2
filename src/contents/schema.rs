//! The schema of a tool's arguments or result, and what of a value does not fit it.

use jsonschema::error::ValidationErrorKind;
use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::Value;

use super::schema_size::SchemaSize;

/// Longest schema that is kept, in bytes.
pub(super) const MAX_SCHEMA: usize = 256 << 10;

/// Memory of a compiled pattern, in bytes.
const MAX_PATTERN: usize = 256 << 10;

/// Dialects that are known without looking anything up. A schema without `$schema` is of 2020-12
/// (MCP 2025-11-25, "JSON Schema Usage").
const DIALECTS: [&str; 5] = [
    "json-schema.org/draft-04/schema",
    "json-schema.org/draft-06/schema",
    "json-schema.org/draft-07/schema",
    "json-schema.org/draft/2019-09/schema",
    "json-schema.org/draft/2020-12/schema",
];

/// A schema in a form that validates.
#[derive(Debug)]
pub(super) struct Schema {
    validator: Validator,
    size: SchemaSize,
}

/// Why a schema does not validate anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// It is no JSON Schema: where, and what is wrong.
    Invalid(String),
    /// It is too large, refers to other documents, or has a pattern that is not supported.
    Unsupported,
}

impl Schema {
    /// Compiles a schema. Nothing is fetched: references to other documents are unsupported.
    ///
    /// # Errors
    /// It is no JSON Schema, or not supported.
    pub(super) fn compile(schema: &Value) -> Result<Self, Unusable> {
        if let Some(dialect) = schema.get("$schema") {
            let name = dialect.as_str().unwrap_or_default().trim_end_matches('#');
            let name = name.split_once("://").map_or(name, |(_, rest)| rest);
            if !DIALECTS.contains(&name) {
                return Err(Unusable::Unsupported);
            }
        }
        let size = SchemaSize::of(schema).ok_or(Unusable::Unsupported)?;
        if let Err(error) = jsonschema::meta::validate(schema) {
            return Err(Unusable::Invalid(describe(&error)));
        }
        let patterns = PatternOptions::regex().size_limit(MAX_PATTERN).dfa_size_limit(MAX_PATTERN);
        let options = jsonschema::options().offline().should_validate_formats(false);
        let validator =
            options.with_pattern_options(patterns).build(schema).map_err(|_| Unusable::Unsupported)?;
        Ok(Self { validator, size })
    }

    /// Its size.
    pub(super) fn size(&self) -> SchemaSize {
        self.size
    }

    /// Returns what of a value does not fit, without quoting the value; `None` if all does.
    pub(super) fn misfit(&self, value: &Value) -> Option<String> {
        self.validator.validate(value).err().map(|error| describe(&error))
    }
}

/// Where and what, without the value: it may be a secret.
fn describe(error: &ValidationError<'_>) -> String {
    let place = error.instance_path().to_string();
    let place = if place.is_empty() { String::new() } else { format!("{place}: ") };
    let what = match error.kind() {
        ValidationErrorKind::Required { property } => format!("{property} is missing"),
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            let names: Vec<_> = unexpected.iter().take(3).map(|name| format!("\"{name}\"")).collect();
            format!("{} is not in the schema", names.join(", "))
        }
        ValidationErrorKind::Type { .. } => format!("{} is of another type", kind(error.instance())),
        ValidationErrorKind::Enum { .. } => "none of the values that are allowed".to_owned(),
        other => format!("does not fit {}", other.keyword()),
    };
    let schema = error.schema_path().to_string();
    format!("{place}{what} ({schema})")
}

/// The type of a value, with its article.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn misfits_are_told_without_the_value() {
        let schema = json!({"type": "object", "required": ["q"], "additionalProperties": false, "properties": {
            "q": {"type": "string", "pattern": "^[a-z]+$"}, "n": {"type": "integer", "maximum": 5}, "e": {"enum": [1]}}});
        let schema = Schema::compile(&schema).unwrap();
        let told = |value: Value| schema.misfit(&value);
        assert_eq!(told(json!({"q": "a", "n": 5, "e": 1})), None);
        assert_eq!(told(json!({})).unwrap(), "\"q\" is missing (/required)");
        assert_eq!(told(json!({"q": 5})).unwrap(), "/q: a number is of another type (/properties/q/type)");
        assert_eq!(told(json!({"q": "SECRET"})).unwrap(), "/q: does not fit pattern (/properties/q/pattern)");
        let extra = told(json!({"q": "a", "x": 1})).unwrap();
        assert_eq!(extra, "\"x\" is not in the schema (/additionalProperties)");
        assert_eq!(
            told(json!({"q": "a", "e": 2})).unwrap(),
            "/e: none of the values that are allowed (/properties/e/enum)"
        );
    }

    #[test]
    fn schemas_of_every_dialect_are_compiled_and_other_documents_are_not_fetched() {
        let of = |schema: Value| Schema::compile(&schema).map(|_| ());
        assert_eq!(
            of(json!({"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"})),
            Ok(())
        );
        assert_eq!(of(json!({"$schema": "https://json-schema.org/draft/2020-12/schema"})), Ok(()));
        for unsupported in [
            json!({"$schema": "https://example.com/dialect"}),
            json!({"$ref": "https://json-schema.org/draft/2020-12/schema"}),
            json!({"properties": {"a": {"$ref": "file:///etc/hosts"}}}),
            json!({"pattern": "(?=look)ahead"}),
            json!({"pattern": "(a{1000}){1000}"}),
        ] {
            assert_eq!(of(unsupported.clone()), Err(Unusable::Unsupported), "{unsupported}");
        }
        let invalid = of(json!({"type": "strin"})).unwrap_err();
        assert!(matches!(&invalid, Unusable::Invalid(what) if what.starts_with("/type")), "{invalid:?}");
    }
}
