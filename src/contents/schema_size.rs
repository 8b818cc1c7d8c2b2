//! How large a JSON Schema is when its references are followed: what validating with it may cost.

use serde_json::{Map, Value};

/// Most subschemas, references followed.
const MAX_NODES: u64 = 10_000;

/// Most levels, references followed: a validator calls itself for each.
const MAX_DEPTH: usize = 48;

/// Keywords that apply a subschema to the same value.
const IN_PLACE: [&str; 9] =
    ["$ref", "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas"];

/// Keywords that hold subschemas by name.
const BY_NAME: [&str; 5] = ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"];

/// Keywords that hold values, no subschemas.
const VALUES: [&str; 4] = ["enum", "const", "default", "examples"];

/// Keywords whose target depends on how the validator came there, which is not followed.
const DYNAMIC: [&str; 4] = ["$dynamicRef", "$recursiveRef", "$dynamicAnchor", "$recursiveAnchor"];

/// The size of a schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SchemaSize {
    /// Its subschemas, references followed once.
    pub(super) nodes: u64,
    /// References that lead back into the schema that they stand in.
    recursions: u64,
}

impl SchemaSize {
    /// Measures a schema; `None` if it is too large, refers to another document or to itself
    /// without end, or has references that are not followed here.
    pub(super) fn of(schema: &Value) -> Option<Self> {
        let mut walk = Walk { root: schema, size: Self::default(), open: vec![("#", true)] };
        walk.schema(schema, 0, true)?;
        Some(walk.size)
    }

    /// An upper limit of the steps that validating a value takes.
    pub(super) fn steps(self, value: &Value) -> u64 {
        let (values, depth) = extent(value);
        let branches = (0..depth).fold(1_u64, |all, _| all.saturating_mul(self.recursions.max(1)));
        self.nodes.saturating_mul(values).saturating_mul(branches)
    }
}

/// The number of values in a value, and how deep they are nested.
fn extent(value: &Value) -> (u64, u32) {
    let inside = |children: &mut dyn Iterator<Item = &Value>| {
        children
            .map(extent)
            .fold((1, 0), |(all, deepest): (u64, u32), (count, depth)| (all + count, deepest.max(depth)))
    };
    let (count, depth) = match value {
        Value::Array(list) => inside(&mut list.iter()),
        Value::Object(members) => inside(&mut members.values()),
        _ => (1, 0),
    };
    (count, depth + 1)
}

struct Walk<'a> {
    root: &'a Value,
    size: SchemaSize,
    /// The references that are followed, each with whether all since then applies to the same
    /// value.
    open: Vec<(&'a str, bool)>,
}

impl<'a> Walk<'a> {
    fn schema(&mut self, schema: &'a Value, depth: usize, is_root: bool) -> Option<()> {
        self.size.nodes += 1;
        if self.size.nodes > MAX_NODES || depth > MAX_DEPTH {
            return None;
        }
        match schema {
            Value::Object(keywords) => self.keywords(keywords, depth, is_root),
            Value::Array(list) => list.iter().try_for_each(|one| self.schema(one, depth + 1, false)),
            _ => Some(()),
        }
    }

    fn keywords(&mut self, keywords: &'a Map<String, Value>, depth: usize, is_root: bool) -> Option<()> {
        for (name, value) in keywords {
            let name = name.as_str();
            // An identifier further in would be the base of the references beside it.
            if DYNAMIC.contains(&name) || (name == "$id" && !is_root && value.is_string()) {
                return None;
            }
            if VALUES.contains(&name) {
                self.size.nodes += 1;
            } else if let (true, Value::Object(named)) = (BY_NAME.contains(&name), value) {
                named.values().try_for_each(|one| self.inside(name, one, depth))?;
            } else if let ("$ref", Value::String(reference)) = (name, value) {
                self.reference(reference, depth)?;
            } else {
                self.inside(name, value, depth)?;
            }
        }
        Some(())
    }

    /// Walks what is below a keyword.
    fn inside(&mut self, keyword: &str, value: &'a Value, depth: usize) -> Option<()> {
        if IN_PLACE.contains(&keyword) {
            return self.schema(value, depth + 1, false);
        }
        let before: Vec<bool> = self.open.iter().map(|(_, is_in_place)| *is_in_place).collect();
        self.open.iter_mut().for_each(|(_, is_in_place)| *is_in_place = false);
        self.schema(value, depth + 1, false)?;
        self.open.iter_mut().zip(before).for_each(|((_, is_in_place), before)| *is_in_place = before);
        Some(())
    }

    fn reference(&mut self, reference: &'a str, depth: usize) -> Option<()> {
        let pointer = reference.strip_prefix('#')?;
        if let Some((_, is_in_place)) = self.open.iter().find(|(open, _)| *open == reference) {
            self.size.recursions += 1;
            return (!is_in_place).then_some(());
        }
        let target = self.root.pointer(&unescaped(pointer)?)?;
        self.open.push((reference, true));
        self.schema(target, depth + 1, false)?;
        self.open.pop();
        Some(())
    }
}

/// A JSON pointer without percent escapes; `None` if it is none, such as the name of an anchor.
fn unescaped(pointer: &str) -> Option<String> {
    if !pointer.starts_with('/') {
        return None;
    }
    let mut bytes = pointer.bytes();
    let mut out = Vec::with_capacity(pointer.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digits = [bytes.next()?, bytes.next()?].map(|digit| char::from(digit).to_digit(16));
        let [Some(high), Some(low)] = digits else { return None };
        out.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_are_followed_once() {
        let schema = json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/a%20b"}, "enum": {}},
            "$defs": {"a b": {"type": "string", "enum": [{"$ref": "http://x"}]}}});
        let size = SchemaSize::of(&schema).unwrap();
        assert_eq!(size.recursions, 0);
        assert_eq!(size.steps(&json!({"a": "b"})), size.nodes * 2);
        let tree = json!({"properties": {"children": {"items": {"$ref": "#"}}, "next": {"$ref": "#"}}});
        let size = SchemaSize::of(&tree).unwrap();
        assert_eq!(size.recursions, 2);
        assert_eq!(size.steps(&json!({"next": {"next": {}}})), size.nodes * 3 * 8);
    }

    #[test]
    fn what_may_not_end_or_leads_elsewhere_is_refused() {
        let mut twice = json!({"a20": {}});
        for n in 0..20 {
            let to = json!({"$ref": format!("#/$defs/a{}", n + 1)});
            twice[format!("a{n}")] = json!({"allOf": [to, to]});
        }
        let mut deep = json!({});
        for _ in 0..100 {
            deep = json!({"items": deep});
        }
        for schema in [
            json!({"$ref": "#"}),
            json!({"allOf": [{"$ref": "#"}]}),
            json!({"properties": {"a": {"$ref": "#/properties/a"}}}),
            json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"not": {"$ref": "#/$defs/a"}}}}),
            json!({"$ref": "https://example.com/schema.json"}),
            json!({"$ref": "file:///etc/passwd"}),
            json!({"$ref": "#name"}),
            json!({"$ref": "#/$defs/none"}),
            json!({"$dynamicRef": "#x"}),
            json!({"items": {"$id": "http://x/", "$ref": "#/$defs/a"}}),
            json!({"$ref": "#/$defs/a0", "$defs": twice}),
            deep,
        ] {
            assert_eq!(SchemaSize::of(&schema), None, "{schema}");
        }
    }
}
