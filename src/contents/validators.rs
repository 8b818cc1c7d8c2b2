//! The schemas that were compiled last, and how much work validating may be.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::Value;

use super::schema::{Schema, Unusable};

/// Subschemas of all compiled schemas: about a kilobyte each.
const MAX_COMPILED: u64 = 20_000;

/// Subschemas that are compiled in all: what calls of many tools in turn may cost.
const MAX_COMPILATIONS: u64 = 1_000_000;

/// Steps that validating one value may take at most.
const MAX_STEPS: u64 = 20_000_000;

/// Steps of a value that are not counted: nearly all take fewer.
const FREE_STEPS: u64 = 20_000;

/// Steps of all others together.
const MAX_ALL_STEPS: u64 = 500_000_000;

/// What became of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Checked {
    /// It fits.
    Fits,
    /// It does not: what.
    Misfit(String),
    /// The schema is no JSON Schema: what is wrong with it.
    NoSchema(String),
    /// It was not checked: the schema is not supported.
    Unsupported,
    /// It was not checked: that would take too long.
    TooLong,
}

/// Compiles schemas, and keeps those that were used last.
#[derive(Debug, Default)]
pub(super) struct Validators {
    /// By hash of the text, the latest last.
    compiled: VecDeque<(u64, Result<Arc<Schema>, Unusable>)>,
    nodes: u64,
    compilations: u64,
    steps: u64,
}

impl Validators {
    /// Checks a value against the JSON text of a schema, whose hash is `hash`.
    pub(super) fn check(&mut self, hash: u64, schema: &str, value: &Value) -> Checked {
        let Some(schema) = self.schema(hash, schema) else { return Checked::TooLong };
        let schema = match schema {
            Ok(schema) => schema,
            Err(Unusable::Invalid(what)) => return Checked::NoSchema(what),
            Err(Unusable::Unsupported) => return Checked::Unsupported,
        };
        let steps = schema.size().steps(value);
        if steps > FREE_STEPS {
            if steps > MAX_STEPS || self.steps.saturating_add(steps) > MAX_ALL_STEPS {
                return Checked::TooLong;
            }
            self.steps += steps;
        }
        schema.misfit(value).map_or(Checked::Fits, Checked::Misfit)
    }

    /// A schema in a form that validates; `None` if too much was compiled.
    fn schema(&mut self, hash: u64, text: &str) -> Option<Result<Arc<Schema>, Unusable>> {
        if let Some(at) = self.compiled.iter().rposition(|(known, _)| *known == hash) {
            let found = self.compiled.remove(at)?;
            self.compiled.push_back(found.clone());
            return Some(found.1);
        }
        // A text takes at least as long to read.
        let least = 1 + text.len() as u64 / 1024;
        if self.compilations.saturating_add(least) > MAX_COMPILATIONS {
            return None;
        }
        let parsed: Result<Value, _> = serde_json::from_str(text);
        let compiled = parsed.map_err(|_| Unusable::Unsupported).and_then(|value| Schema::compile(&value));
        let compiled = compiled.map(Arc::new);
        let nodes = weight(&compiled);
        self.compilations = self.compilations.saturating_add(least.max(nodes));
        self.nodes += nodes;
        self.compiled.push_back((hash, compiled.clone()));
        while self.nodes > MAX_COMPILED
            && self.compiled.len() > 1
            && let Some((_, oldest)) = self.compiled.pop_front()
        {
            self.nodes -= weight(&oldest);
        }
        Some(compiled)
    }
}

/// What a compiled schema counts: one that cannot be compiled is kept, so that it is tried once.
fn weight(schema: &Result<Arc<Schema>, Unusable>) -> u64 {
    schema.as_ref().map_or(20, |schema| schema.size().nodes.max(20))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_takes_too_long_is_not_checked() {
        let mut validators = Validators::default();
        // Each level may be checked twice for each level above it.
        let schema =
            json!({"anyOf": [{"properties": {"a": {"$ref": "#"}}}, {"properties": {"a": {"$ref": "#"}}}]});
        let mut deep = json!(1);
        for _ in 0..60 {
            deep = json!({"a": deep});
        }
        assert_eq!(validators.check(1, &schema.to_string(), &deep), Checked::TooLong);
        assert_eq!(validators.check(1, &schema.to_string(), &json!({"a": {"a": 1}})), Checked::Fits);
    }

    #[test]
    fn schemas_are_compiled_again_until_it_is_too_much() {
        let mut validators = Validators::default();
        let many: Vec<_> = (0..3000).map(|n| json!({"const": n})).collect();
        let schema = json!({"anyOf": many}).to_string();
        let mut check = |hash: u64| validators.check(hash % 5, &schema, &json!(7));
        assert_eq!(check(0), Checked::Fits);
        assert!((1..200).any(|hash| check(hash) == Checked::TooLong));
        assert!(validators.nodes <= MAX_COMPILED);
    }
}
