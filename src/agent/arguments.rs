//! Arguments of tools, to be compared.

use serde_json::{Number, Value};

use crate::base::ContentHash;

/// The largest number up to which every integer is a double, 2^53.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The arguments of a call. Two are equal if they are the same JSON value: the order of members,
/// blanks, escapes, and whether a number is written `1` or `1.0` do not matter. No arguments are an
/// empty object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arguments(ContentHash);

impl Arguments {
    /// Reads a JSON text; `None` if it is none, or nests too deeply to be read.
    pub(super) fn read(text: &str) -> Option<Self> {
        if text.trim().is_empty() {
            return Some(Self::of(Value::Null));
        }
        serde_json::from_str(text).ok().map(Self::of)
    }

    /// Returns those of a value.
    pub(super) fn of(mut value: Value) -> Self {
        if value.is_null() {
            value = Value::Object(serde_json::Map::new());
        }
        unify(&mut value);
        Self(ContentHash::of(&value.to_string()))
    }

    /// Returns a number that is the same for equal arguments.
    pub(super) fn key(self) -> u64 {
        self.0.0
    }
}

/// Writes numbers without a fraction as integers: languages with one type of numbers do.
fn unify(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            let float = number.as_f64().unwrap_or_default();
            if float.fract() == 0.0 && float.abs() <= EXACT {
                *number = Number::from(float as i64);
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(unify),
        Value::Object(members) => members.values_mut().for_each(unify),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_equal_arguments() {
        let same = |a, b| Arguments::read(a).unwrap() == Arguments::read(b).unwrap();
        assert!(same(r#"{"a":1,"b":[true,null]}"#, "{ \"b\" : [true, null], \"\\u0061\" : 1.0 }"));
        assert!(same("", "{}") && same("null", " {} ") && same("[-0.0]", "[0]"));
        for (a, b) in [
            (r#"{"a":1}"#, r#"{"a":2}"#),
            (r#"{"a":1}"#, r#"{"a":"1"}"#),
            (r#"{"a":1}"#, r#"{"a":1.5}"#),
            (r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#),
            (r#"{"a":null}"#, "{}"),
        ] {
            assert!(!same(a, b), "{a} {b}");
        }
        assert_eq!(Arguments::read("{\"a\":"), None);
        assert_eq!(Arguments::read(&"[".repeat(500)), None);
    }
}
