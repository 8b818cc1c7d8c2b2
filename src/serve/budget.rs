//! Bytes that all clients together may make the server hold, and what a JSON text costs in memory.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Unit of a budget in bytes.
const UNIT: usize = 1024;

/// A number of bytes to share. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    free: Arc<Semaphore>,
}

/// Bytes taken from a budget, returned when all clones are dropped.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    _permit: Arc<OwnedSemaphorePermit>,
}

impl Budget {
    /// Creates a budget of this many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(bytes / UNIT)) }
    }

    /// Takes bytes; `None` if so many are not free.
    pub(super) fn take(&self, bytes: usize) -> Option<Taken> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).ok()?;
        let permit = Arc::clone(&self.free).try_acquire_many_owned(units).ok()?;
        Some(Taken { _permit: Arc::new(permit) })
    }
}

/// Cost of a JSON value beside its text, in bytes: its place in an array or object, which may have
/// grown to twice the number, and that of its copy while it is parsed.
const VALUE: usize = 240;

/// Cost of an object or array beside its values, in bytes: allocations of a hash table and its
/// entries.
const CONTAINER: usize = 640;

/// Estimates what a JSON text costs in memory once it is parsed, in bytes. Does not check the text.
pub(super) fn weigh(json: &[u8]) -> usize {
    let (mut values, mut containers) = (1_usize, 0_usize);
    let (mut in_string, mut is_escaped) = (false, false);
    for byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b',' => values += 1,
            b'{' | b'[' => {
                values += 1;
                containers += 1;
            }
            _ => {}
        }
    }
    2 * json.len() + VALUE * values + CONTAINER * containers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_returned_when_all_clones_are_dropped() {
        let budget = Budget::new(10 * UNIT);
        let taken = budget.take(9 * UNIT + 1).unwrap();
        let clone = taken.clone();
        drop(taken);
        assert!(budget.take(1).is_none());
        drop(clone);
        assert!(budget.take(10 * UNIT).is_some());
        assert!(budget.take(10 * UNIT + 1).is_none() && budget.take(usize::MAX).is_none());
    }

    #[test]
    fn text_within_strings_costs_its_length() {
        let plain = weigh(br#"{"a":"xxxxxxxxx"}"#);
        assert_eq!(weigh(br#"{"a":"{[,\"{,[x"}"#), plain);
        assert!(weigh(br#"{"a":{},"b":[1,2]}"#) > plain + 2 * CONTAINER);
    }

    /// The estimate is an upper bound of what serde_json allocates for its values.
    #[test]
    fn values_cost_less_than_their_estimate() {
        fn cost(value: &serde_json::Value) -> usize {
            // A value of an object is stored with its key and hash; a table may have grown to twice
            // what it holds.
            size_of::<serde_json::Value>()
                + match value {
                    serde_json::Value::String(text) => text.capacity(),
                    serde_json::Value::Array(values) => {
                        values.capacity() * size_of::<serde_json::Value>()
                            + values.iter().map(cost).sum::<usize>()
                    }
                    serde_json::Value::Object(members) if members.is_empty() => 0,
                    serde_json::Value::Object(members) => {
                        let entry = size_of::<(u64, String, serde_json::Value)>() + 2 * size_of::<usize>();
                        (2 * members.len()).max(4) * entry
                            + members.iter().map(|(key, value)| key.capacity() + cost(value)).sum::<usize>()
                    }
                    _ => 0,
                }
        }
        for text in [
            "[]".to_owned(),
            format!("[{}0]", "{},".repeat(5000)),
            format!("[{}0]", r#"{"a":0},"#.repeat(5000)),
            format!("{}0{}", r#"{"a":"#.repeat(100), "}".repeat(100)),
            format!("{}{}", "[".repeat(100), "]".repeat(100)),
            format!("[{}0]", "0,".repeat(5000)),
            format!(r#"["{}"]"#, "x".repeat(5000)),
        ] {
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert!(cost(&value) <= weigh(text.as_bytes()), "{:.40}", text);
        }
    }
}
