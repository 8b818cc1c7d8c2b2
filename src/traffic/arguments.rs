//! Generates random values that fit a JSON schema, and values that do not.
//!
//! It supports what schemas of tools use (type, enum, const, ranges, lengths, required, local
//! references, alternatives) and generates small values. Servers choose the schemas: depth, sizes
//! and numbers are bounded.

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Map, Value, json};

/// Deepest nesting, references included: a schema may refer to itself.
const MAX_DEPTH: usize = 8;

/// Most optional properties of an object, and elements of an array.
const MAX_MEMBERS: usize = 16;

/// Most properties and required names to read: each required name is searched in the others.
const MAX_PROPERTIES: usize = 500;

/// Most values of a document: nested arrays grow exponentially.
const MAX_VALUES: usize = 1_000;

/// Longest string in characters, whatever `minLength` asks for.
const MAX_TEXT: usize = 1_000;

/// Words for generated strings.
const WORDS: [&str; 12] = [
    "rust", "database", "compiler", "latency", "show", "ask", "linux", "protocol", "network", "history",
    "paper", "open",
];

/// Generates a value that fits a schema, as far as the schema is supported.
pub(super) fn plausible(schema: &Value, random: &mut StdRng) -> Value {
    Generator { root: schema, random, left: MAX_VALUES }.value(schema, 0)
}

/// Generates arguments that do not fit the schema of an object: one is missing, has another type,
/// or is unknown.
pub(super) fn invalid(schema: &Value, random: &mut StdRng) -> Value {
    let fitting = plausible(schema, random);
    let mut members = match fitting {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    let required = schema.get("required").and_then(Value::as_array);
    let required: Vec<&str> = required.into_iter().flatten().filter_map(Value::as_str).collect();
    let names: Vec<String> = members.keys().cloned().collect();
    match (required.choose(random), names.choose(random)) {
        (Some(name), _) if random.random_bool(0.5) => drop(members.remove(*name)),
        (_, Some(name)) if random.random_bool(0.7) => {
            drop(members.insert(name.clone(), json!({"not": ["what", "was", "asked", "for"]})));
        }
        _ => drop(members.insert("no-such-argument".to_owned(), json!(true))),
    }
    Value::Object(members)
}

struct Generator<'a> {
    root: &'a Value,
    random: &'a mut StdRng,
    /// Number of values that may still be generated.
    left: usize,
}

impl<'a> Generator<'a> {
    fn value(&mut self, schema: &Value, depth: usize) -> Value {
        if depth >= MAX_DEPTH || self.left == 0 {
            return Value::Null;
        }
        self.left -= 1;
        if let Some(value) = schema.get("const") {
            return value.clone();
        }
        if let Some(Value::Array(values)) = schema.get("enum")
            && let Some(value) = values.choose(self.random)
        {
            return value.clone();
        }
        if let Some(target) =
            schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#'))
            && let Some(target) = self.resolve(target)
        {
            return self.value(target, depth + 1);
        }
        if let Some(value) = self.example(schema) {
            return value;
        }
        for alternatives in ["anyOf", "oneOf", "allOf"] {
            if let Some(Value::Array(schemas)) = schema.get(alternatives)
                && let Some(one) = schemas.choose(self.random)
            {
                return self.value(one, depth + 1);
            }
        }
        self.typed(schema, depth)
    }

    /// Resolves a reference within the document.
    fn resolve(&self, pointer: &str) -> Option<&'a Value> {
        self.root.pointer(pointer)
    }

    /// Returns a default or an example, in half of the cases if the schema has one.
    fn example(&mut self, schema: &Value) -> Option<Value> {
        let examples = schema.get("examples").and_then(Value::as_array);
        let examples = examples.into_iter().flatten().take(MAX_MEMBERS);
        let given: Vec<&Value> = schema.get("default").into_iter().chain(examples).collect();
        // Patterns are not supported: only the examples are known to match.
        let only = schema.get("pattern").is_some();
        (only || self.random.random_bool(0.5))
            .then(|| given.choose(self.random).map(|value| (*value).clone()))?
    }

    fn typed(&mut self, schema: &Value, depth: usize) -> Value {
        let kind = match schema.get("type") {
            Some(Value::String(kind)) => kind.as_str(),
            Some(Value::Array(kinds)) => {
                let kinds: Vec<_> =
                    kinds.iter().filter_map(Value::as_str).filter(|kind| *kind != "null").collect();
                kinds.choose(self.random).copied().unwrap_or("null")
            }
            _ if schema.get("properties").is_some() => "object",
            _ => "string",
        };
        match kind {
            "object" => self.object(schema, depth),
            "array" => self.array(schema, depth),
            "string" => Value::String(self.text(schema)),
            "integer" => self.integer(schema),
            "number" => self.number(schema),
            "boolean" => Value::Bool(self.random.random_bool(0.5)),
            _ => Value::Null,
        }
    }

    /// Generates all required properties and half of the others.
    fn object(&mut self, schema: &Value, depth: usize) -> Value {
        let mut members = Map::new();
        let required = schema.get("required").and_then(Value::as_array);
        let required: Vec<&str> =
            required.into_iter().flatten().filter_map(Value::as_str).take(MAX_PROPERTIES).collect();
        let is_required = |name: &String| required.contains(&name.as_str());
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, schema) in properties.into_iter().flatten().take(MAX_PROPERTIES) {
            let wanted = is_required(name) || (members.len() < MAX_MEMBERS && self.random.random_bool(0.5));
            if wanted && members.len() < 4 * MAX_MEMBERS {
                members.insert(name.clone(), self.value(schema, depth + 1));
            }
        }
        Value::Object(members)
    }

    fn array(&mut self, schema: &Value, depth: usize) -> Value {
        let bound =
            |name: &str| schema.get(name).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        let least = bound("minItems").unwrap_or(1).min(MAX_MEMBERS);
        let most = bound("maxItems").unwrap_or(least + 2).clamp(least, MAX_MEMBERS);
        let anything = json!({});
        let items = schema.get("items").unwrap_or(&anything);
        let len = self.random.random_range(least..=most);
        Value::Array((0..len).map(|_| self.value(items, depth + 1)).collect())
    }

    fn text(&mut self, schema: &Value) -> String {
        let word = |random: &mut StdRng| WORDS.choose(random).copied().unwrap_or("word");
        let mut text = match schema.get("format").and_then(Value::as_str) {
            Some("date") => "2026-11-22".to_owned(),
            Some("date-time") => "2026-11-22T08:49:15Z".to_owned(),
            Some("time") => "08:49:15Z".to_owned(),
            Some("email") => format!("{}@example.com", word(self.random)),
            Some("uri" | "url") => format!("https://example.com/{}", word(self.random)),
            Some("uuid") => uuid::Builder::from_u128(self.random.random()).into_uuid().to_string(),
            _ => word(self.random).to_owned(),
        };
        let bound =
            |name: &str| schema.get(name).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        let least = bound("minLength").unwrap_or(0).min(MAX_TEXT);
        while text.chars().count() < least {
            text.push(' ');
            text.push_str(word(self.random));
        }
        let most = bound("maxLength").unwrap_or(MAX_TEXT).min(MAX_TEXT);
        text.chars().take(most).collect()
    }

    fn integer(&mut self, schema: &Value) -> Value {
        let (least, most) = range(schema);
        let step =
            schema.get("multipleOf").and_then(Value::as_f64).filter(|step| *step >= 1.0).unwrap_or(1.0);
        let (first, last) = ((least / step).ceil(), (most / step).floor());
        let drawn = self.random.random::<f64>() * (last - first + 1.0).max(1.0);
        // The cast saturates: the bounds may be any number.
        json!(((first + drawn.floor().min((last - first).max(0.0))) * step) as i64)
    }

    fn number(&mut self, schema: &Value) -> Value {
        // Integers are numbers too.
        let (least, most) = range(schema);
        if least.ceil() <= most.floor() {
            return self.integer(schema);
        }
        json!(least + (most - least) / 2.0)
    }
}

/// Returns the inclusive range of a number; small if the schema has no bounds.
fn range(schema: &Value) -> (f64, f64) {
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64).filter(|bound| bound.is_finite());
    let least = bound("minimum").or_else(|| bound("exclusiveMinimum").map(|least| least + 1.0));
    let most = bound("maximum").or_else(|| bound("exclusiveMaximum").map(|most| most - 1.0));
    match (least, most) {
        // Keeps results small: of `amount: 1 to 500` it uses the first 20.
        (Some(least), Some(most)) => (least, most.min(least + 19.0).max(least)),
        (Some(least), None) => (least, least + 19.0),
        (None, Some(most)) => (most - 19.0, most),
        (None, None) => (1.0, 20.0),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;

    use super::*;

    fn stories() -> Value {
        json!({
            "type": "object",
            "properties": {
                "type": {"type": "string", "enum": ["topstories", "newstories", "beststories"]},
                "amount": {"type": "number", "minimum": 1, "maximum": 500, "default": 10}
            },
            "required": ["type"], "additionalProperties": false
        })
    }

    proptest! {
        #[test]
        fn arguments_fit_the_schema(seed: u64) {
            let arguments = plausible(&stories(), &mut StdRng::seed_from_u64(seed));
            let kind = arguments["type"].as_str().unwrap();
            prop_assert!(["topstories", "newstories", "beststories"].contains(&kind));
            let amount = arguments.get("amount").map(|amount| amount.as_i64().unwrap());
            prop_assert!(amount.is_none_or(|amount| (1..=500).contains(&amount)));
            prop_assert_eq!(plausible(&stories(), &mut StdRng::seed_from_u64(seed)), arguments, "by seed");
        }

        #[test]
        fn invalid_arguments_do_not_fit(seed: u64) {
            let arguments = invalid(&stories(), &mut StdRng::seed_from_u64(seed));
            let kind_fits = arguments["type"].as_str().is_some_and(|kind| kind.ends_with("stories"));
            let amount_fits = arguments.get("amount").is_none_or(Value::is_i64);
            let known = arguments.as_object().unwrap().keys().all(|name| name == "type" || name == "amount");
            prop_assert!(!(kind_fits && amount_fits && known), "{}", arguments);
        }

        #[test]
        fn strings_and_numbers_respect_their_bounds(seed: u64, least in 0usize..40, more in 0usize..40) {
            let mut random = StdRng::seed_from_u64(seed);
            let text = plausible(&json!({"type": "string", "minLength": least, "maxLength": least + more}), &mut random);
            let len = text.as_str().unwrap().chars().count();
            prop_assert!(len <= least + more && (len >= least), "{len}");
            let n = plausible(&json!({"type": "integer", "minimum": least, "multipleOf": 3}), &mut random);
            prop_assert!(n.as_i64().unwrap() >= least as i64 && n.as_i64().unwrap() % 3 == 0, "{n}");
        }

        #[test]
        fn any_schema_is_handled(schema in any_json(), seed: u64) {
            plausible(&schema, &mut StdRng::seed_from_u64(seed));
            invalid(&schema, &mut StdRng::seed_from_u64(seed));
        }
    }

    /// Random JSON with the keywords of schemas.
    fn any_json() -> impl Strategy<Value = Value> {
        let word = proptest::sample::select(vec![
            "type",
            "properties",
            "items",
            "enum",
            "const",
            "$ref",
            "anyOf",
            "minimum",
            "maximum",
            "minLength",
            "maxLength",
            "minItems",
            "maxItems",
            "required",
            "default",
            "examples",
            "multipleOf",
            "pattern",
        ]);
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<f64>().prop_map(|n| json!(n)),
            any::<i64>().prop_map(|n| json!(n)),
            proptest::sample::select(vec![
                "object", "array", "string", "integer", "number", "#", "#/items", "x"
            ])
            .prop_map(|text| json!(text)),
        ];
        leaf.prop_recursive(5, 40, 6, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                proptest::collection::vec((word.clone(), inner), 0..6)
                    .prop_map(|members| members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
            ]
        })
    }

    #[test]
    fn a_schema_may_refer_to_itself() {
        let schema = json!({"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]});
        let value = plausible(&schema, &mut StdRng::seed_from_u64(1));
        assert!(value["next"]["next"].is_object());
    }

    #[test]
    fn exponential_references_are_bounded() {
        let items = json!({"type": "array", "minItems": 1000, "items": {"$ref": "#"}});
        let value = plausible(&items, &mut StdRng::seed_from_u64(1));
        assert!(value.to_string().len() < 100_000);
    }
}
