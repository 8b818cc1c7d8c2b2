//! The content of a JSON value as a hash that does not depend on how it is written.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// The hash of a JSON value. Blanks, escapes and the order of members do not matter: a server that
/// builds a definition anew for each list may write its members in another order. The order of
/// array elements does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentHash(pub u64);

impl ContentHash {
    /// Returns the hash of a JSON text; of its bytes if it nests too deeply to be read.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self::read(text).unwrap_or_else(|_| Self::hash((0_u8, text)))
    }

    /// Reads a JSON text to its end without building it.
    ///
    /// # Errors
    /// What `serde_json` cannot read, at its place: it is no JSON, or nests too deeply.
    pub fn read(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }

    fn hash(value: impl Hash) -> Self {
        // The same in every run.
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        Self(hasher.finish())
    }
}

impl<'de> Deserialize<'de> for ContentHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Hashing)
    }
}

struct Hashing;

impl<'de> Visitor<'de> for Hashing {
    type Value = ContentHash;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<ContentHash, E> {
        Ok(ContentHash::hash(1_u8))
    }

    fn visit_bool<E>(self, value: bool) -> Result<ContentHash, E> {
        Ok(ContentHash::hash((2_u8, value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<ContentHash, E> {
        Ok(ContentHash::hash((3_u8, value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<ContentHash, E> {
        Ok(ContentHash::hash((4_u8, value)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<ContentHash, E> {
        Ok(ContentHash::hash((5_u8, value.to_bits())))
    }

    fn visit_str<E>(self, value: &str) -> Result<ContentHash, E> {
        Ok(ContentHash::hash((6_u8, value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<ContentHash, A::Error> {
        let mut all = ContentHash::hash(7_u8);
        while let Some(ContentHash(element)) = seq.next_element()? {
            all = ContentHash::hash((all.0, element));
        }
        Ok(all)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ContentHash, A::Error> {
        let (mut sum, mut count) = (0_u64, 0_u64);
        while let Some((ContentHash(name), ContentHash(value))) = map.next_entry()? {
            // A sum does not depend on the order.
            sum = sum.wrapping_add(ContentHash::hash((name, value)).0);
            count += 1;
        }
        Ok(ContentHash::hash((8_u8, count, sum)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_content_counts() {
        let same = |a, b| ContentHash::of(a) == ContentHash::of(b);
        assert!(same(r#"{"a":1,"b":[true,null]}"#, "{ \"b\" : [true, null], \"\\u0061\" : 1 }"));
        assert!(!same(r#"{"a":1}"#, r#"{"a":2}"#) && !same("[1,2]", "[2,1]") && !same("[]", "{}"));
        assert!(!same(r#"{"a":{"b":1},"c":2}"#, r#"{"a":{"b":2},"c":1}"#));
        assert!(!same("1", "\"1\"") && !same("null", "false") && same("1.50", "1.5"));
        let deep = "[".repeat(1000);
        assert!(same(&deep, &deep) && !same(&deep, &"[".repeat(999)), "never fails");
    }
}
