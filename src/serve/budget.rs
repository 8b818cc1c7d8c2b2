//! Bytes that all clients together may make the server hold, which of them one address may take,
//! and what a JSON text costs in memory.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::roster;

/// A number of bytes to share. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    free: usize,
    /// What each address holds: of those that hold something.
    held: HashMap<IpAddr, usize>,
}

/// A budget as one client may use it: its address never holds more than is left for others. Alone
/// it gets half, beside another that takes all it can a third.
#[derive(Clone, Debug)]
pub(super) struct Share {
    budget: Budget,
    address: IpAddr,
}

/// Bytes taken from a budget, returned when all clones are dropped.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    _bytes: Arc<Bytes>,
}

#[derive(Debug)]
struct Bytes {
    budget: Budget,
    bytes: usize,
    /// Who holds them; `None` if that is not known.
    address: Option<IpAddr>,
}

impl Budget {
    /// Creates a budget of this many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        Self { state: Arc::new(Mutex::new(State { free: bytes, held: HashMap::new() })) }
    }

    /// Returns the budget as a client at this address may use it. The addresses of one network are
    /// one: see [`roster::network`].
    pub(super) fn share(&self, client: IpAddr) -> Share {
        Share { budget: self.clone(), address: roster::network(client) }
    }

    /// Takes bytes for a client whose address is not known; `None` if so many are not free.
    pub(super) fn take(&self, bytes: usize) -> Option<Taken> {
        let mut state = self.lock();
        state.free = state.free.checked_sub(bytes)?;
        drop(state);
        Some(self.taken(bytes, None))
    }

    fn taken(&self, bytes: usize, address: Option<IpAddr>) -> Taken {
        Taken { _bytes: Arc::new(Bytes { budget: self.clone(), bytes, address }) }
    }

    /// Locks the state. Each update leaves it consistent, so the data of a poisoned lock is valid.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// Takes bytes; `None` if so many are not free, or if the address would hold more than is free
    /// afterwards.
    pub(super) fn take(&self, bytes: usize) -> Option<Taken> {
        let mut state = self.budget.lock();
        let free = state.free.checked_sub(bytes)?;
        let held = state.held.get(&self.address).copied().unwrap_or(0) + bytes;
        if held > free {
            return None;
        }
        state.free = free;
        state.held.insert(self.address, held);
        drop(state);
        Some(self.budget.taken(bytes, Some(self.address)))
    }
}

impl Drop for Bytes {
    fn drop(&mut self) {
        let mut state = self.budget.lock();
        state.free += self.bytes;
        if let Some(address) = self.address
            && let Some(held) = state.held.get_mut(&address)
        {
            *held -= self.bytes;
            if *held == 0 {
                state.held.remove(&address);
            }
        }
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

    fn share(budget: &Budget, last: u8) -> Share {
        budget.share(IpAddr::from([192, 0, 2, last]))
    }

    #[test]
    fn what_is_taken_is_returned_when_all_clones_are_dropped() {
        let budget = Budget::new(1000);
        let taken = budget.take(1000).unwrap();
        let clone = taken.clone();
        drop(taken);
        assert!(budget.take(1).is_none());
        drop(clone);
        assert!(budget.take(1001).is_none() && budget.take(usize::MAX).is_none());
        assert!(budget.take(1000).is_some());
    }

    #[test]
    fn an_address_leaves_as_much_as_it_holds() {
        let budget = Budget::new(1000);
        // Takes as much as can be had, and returns it with its number of bytes.
        let fill = |share: &Share| {
            let taken: Vec<_> = std::iter::from_fn(|| share.take(10)).collect();
            (10 * taken.len(), taken)
        };
        let (first, first_taken) = fill(&share(&budget, 1));
        let (second, second_taken) = fill(&share(&budget, 2));
        assert_eq!((first, second), (500, 250), "the first cannot lock others out");
        assert_eq!(fill(&share(&budget, 1)).0, 0);
        let networks = ["2001:db8::1", "2001:db8::2"].map(|client| budget.share(client.parse().unwrap()));
        let (third, third_taken) = fill(&networks[0]);
        assert_eq!((third, fill(&networks[1]).0), (120, 0), "one network is one client");
        drop((first_taken, second_taken, third_taken));
        assert!(budget.lock().held.is_empty());
        assert_eq!(fill(&share(&budget, 3)).0, 500);
    }

    proptest::proptest! {
        /// Whatever is taken and returned, the books balance and no address holds more than was
        /// free when it took.
        #[test]
        fn shares_balance(steps in proptest::collection::vec((0u8..4, 0usize..400, 0usize..8), 0..100)) {
            let (budget, mut taken) = (Budget::new(1000), Vec::new());
            for (client, bytes, at) in steps {
                if client == 3 {
                    if at < taken.len() {
                        drop(taken.swap_remove(at));
                    }
                } else {
                    taken.extend(share(&budget, client).take(bytes).map(|taken| (taken, bytes)));
                }
                let state = budget.lock();
                let sum: usize = taken.iter().map(|(_, bytes)| *bytes).sum();
                proptest::prop_assert_eq!(state.held.values().sum::<usize>(), sum);
                proptest::prop_assert_eq!(state.free + sum, 1000);
                drop(state);
            }
        }
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
