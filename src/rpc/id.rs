//! JSON-RPC ids: they keep their JSON type and spelling.

use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// The id of a JSON-RPC message (JSON-RPC 2.0 section 4), or a progress token, which has the same
/// form.
///
/// `1` and `"1"` differ; `1` and `1.0` are one number in two spellings and equal.
#[derive(Clone, Debug)]
pub enum Id {
    /// `null`.
    Null,
    /// An integer in its shortest spelling.
    Int(i64),
    /// Any other number, as it was spelled.
    Number(Box<str>),
    /// A number of more than 64 bytes: its first digits, `…` and a hash of all. Written as
    /// a string.
    Cut(Box<str>),
    /// A string, unescaped.
    Text(Box<str>),
}

impl Id {
    /// Returns the id as an integer, if it is one; `1.0` and `1e0` are 1.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(int) => Some(*int),
            Self::Number(spelled) => {
                let float: f64 = spelled.parse().ok()?;
                // Beyond 2^53 a float no longer names one integer: such spellings are compared as
                // text.
                (float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0).then_some(float as i64)
            }
            Self::Null | Self::Cut(_) | Self::Text(_) => None,
        }
    }

    /// Returns whether it is a number that is no integer: `1.5`.
    #[must_use]
    pub fn is_fractional(&self) -> bool {
        let is_fraction = |spelled: &str| spelled.parse::<f64>().is_ok_and(|float| float.fract() != 0.0);
        matches!(self, Self::Number(spelled) if is_fraction(spelled))
    }

    /// Returns the same id with the other JSON type: `"7"` of `7`, `7` of `"7"`. `None` if it has
    /// no such form.
    #[must_use]
    pub fn retyped(&self) -> Option<Self> {
        match self {
            Self::Null | Self::Cut(_) => None,
            Self::Int(int) => Some(Self::Text(int.to_string().into())),
            Self::Number(spelled) => Some(Self::Text(spelled.clone())),
            Self::Text(text) => {
                let int: i64 = text.parse().ok()?;
                (int.to_string() == **text).then_some(Self::Int(int))
            }
        }
    }

    /// Returns whether an answer with the id `answered` may be meant for this one: it differs by
    /// its JSON type, is cut to 32 bits, or is rounded to a float of 64 or 32 bits.
    #[must_use]
    pub fn is_changed_to(&self, answered: &Self) -> bool {
        if self == answered {
            return false;
        }
        let (Some(asked), Some(answered)) = (self.integer(), answered.integer()) else {
            return self.retyped().is_some_and(|other| other == *answered);
        };
        asked == answered || changed(asked).contains(&answered)
    }

    /// The integer that it is, or whose digits it spells; `None` if it is none.
    fn integer(&self) -> Option<i128> {
        match self {
            Self::Null | Self::Cut(_) => None,
            Self::Int(int) => Some((*int).into()),
            Self::Number(spelled) | Self::Text(spelled) => spelled.parse().ok().or_else(|| {
                let float: f64 = spelled.parse().ok()?;
                let is_integer = float.fract() == 0.0 && float.abs() < LARGEST;
                is_integer.then_some(float as i128)
            }),
        }
    }

    /// Returns the length of its text in memory, in bytes; 0 if it has none.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "an id is not a container")]
    pub fn len(&self) -> usize {
        match self {
            Self::Null | Self::Int(_) => 0,
            Self::Number(text) | Self::Cut(text) | Self::Text(text) => text.len(),
        }
    }

    /// Returns the length of [`Self::json`], in bytes.
    #[must_use]
    pub fn json_len(&self) -> usize {
        match self {
            Self::Int(int) => {
                let digits = int.unsigned_abs().checked_ilog10().map_or(1, |log| log as usize + 1);
                digits + usize::from(*int < 0)
            }
            Self::Null | Self::Number(_) | Self::Cut(_) | Self::Text(_) => self.json().len(),
        }
    }

    /// Returns the id as JSON text, spelled as on the wire (strings with minimal escapes).
    #[must_use]
    pub fn json(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Int(int) => int.to_string(),
            Self::Number(spelled) => spelled.to_string(),
            Self::Cut(text) | Self::Text(text) => serde_json::Value::from(text.as_ref()).to_string(),
        }
    }
}

/// Integers below are read as floats, in which JavaScript spells them `1e21` and up.
const LARGEST: f64 = 1e36;

/// What programs make of an integer that is wider than their type.
fn changed(id: i128) -> [i128; 4] {
    [i128::from(id as i32), i128::from(id as u32), id as f64 as i128, id as f32 as i128]
}

impl PartialEq for Id {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Null, Self::Null) => true,
            (Self::Text(a), Self::Text(b)) | (Self::Cut(a), Self::Cut(b)) => a == b,
            (Self::Text(_) | Self::Cut(_) | Self::Null, _)
            | (_, Self::Text(_) | Self::Cut(_) | Self::Null) => false,
            (a, b) => match (a.as_int(), b.as_int()) {
                (Some(a), Some(b)) => a == b,
                (None, None) => matches!((a, b), (Self::Number(a), Self::Number(b)) if a == b),
                _ => false,
            },
        }
    }
}

impl Eq for Id {}

impl Hash for Id {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Null => 0u8.hash(state),
            Self::Text(text) => (1u8, text).hash(state),
            Self::Cut(text) => (5u8, text).hash(state),
            // Nearly every id: one word alone. As an integer that is spelled otherwise.
            Self::Int(int) => state.write_i64(*int),
            Self::Number(_) => match (self.as_int(), self) {
                (Some(int), _) => state.write_i64(int),
                (None, Self::Number(spelled)) => (3u8, spelled).hash(state),
                (None, _) => 4u8.hash(state),
            },
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.json())
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Int(int) => serializer.serialize_i64(*int),
            Self::Cut(text) | Self::Text(text) => serializer.serialize_str(text),
            Self::Number(spelled) => {
                let raw: &RawValue = serde_json::from_str(spelled).map_err(serde::ser::Error::custom)?;
                raw.serialize(serializer)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_is_that_of_the_text() {
        for int in [0, 1, 9, 10, 99, 100, -1, -9, -10, i64::MAX, i64::MIN] {
            assert_eq!(Id::Int(int).json_len(), Id::Int(int).json().len(), "{int}");
        }
        assert_eq!(Id::Text("a\"".into()).json_len(), 5);
    }

    #[test]
    fn type_and_spelling_are_kept() {
        let text = Id::Text("1".into());
        assert_ne!(Id::Int(1), text);
        assert_eq!(Id::Int(1), Id::Number("1.0".into()));
        assert_eq!(Id::Number("1.0".into()).json(), "1.0");
        assert_eq!(text.json(), "\"1\"");
        assert_eq!(Id::Int(1).retyped(), Some(text.clone()));
        assert_eq!(text.retyped(), Some(Id::Int(1)));
        assert_eq!(Id::Text("01".into()).retyped(), None);
        assert!(Id::Number("1.5".into()).is_fractional());
        assert!(!Id::Number("1.0".into()).is_fractional());
        assert!(!Id::Number("18446744073709551615".into()).is_fractional());
        assert_ne!(Id::Null, Id::Int(0));
        let big = Id::Number("123456789012345678901234567890".into());
        assert_eq!(big, big.clone());
        let cut = Id::Cut("12…ab".into());
        assert!(cut == cut.clone() && cut != Id::Text("12…ab".into()));
        assert_eq!(
            (cut.json(), serde_json::to_string(&cut).unwrap()),
            ("\"12…ab\"".into(), "\"12…ab\"".into())
        );
        assert_eq!(serde_json::to_string(&big).ok().as_deref(), Some("123456789012345678901234567890"));
    }
}
