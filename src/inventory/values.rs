//! Values that were seen, each once, with how often.

use std::collections::BTreeMap;

use crate::base::Room;

/// Values of one list that are kept. The others are counted.
const MAX_VALUES: usize = 100;

/// Length of a value that is kept, in bytes.
const MAX_LEN: usize = 256;

/// About the memory of a value beside its text, in bytes.
const ENTRY: usize = 64;

/// Values that were seen, with how often.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values {
    counts: BTreeMap<String, u64>,
    /// How often other values were seen.
    more: u64,
}

impl Values {
    /// Counts a value. One that is new is kept if `room` has place for it.
    pub(super) fn add(&mut self, value: &str, room: &mut Room) {
        self.add_times(value, 1, room);
    }

    fn add_times(&mut self, value: &str, times: u64, room: &mut Room) {
        if let Some(count) = self.counts.get_mut(value) {
            *count += times;
        } else if self.counts.len() < MAX_VALUES && value.len() <= MAX_LEN && room.take(value.len() + ENTRY) {
            self.counts.insert(value.to_owned(), times);
        } else {
            self.more += times;
        }
    }

    /// Adds those of another list.
    pub(super) fn merge(&mut self, other: &Self, room: &mut Room) {
        for (value, times) in &other.counts {
            self.add_times(value, *times, room);
        }
        self.more += other.more;
    }

    /// Returns the values with how often each was seen, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.counts.iter().map(|(value, count)| (value.as_str(), *count))
    }

    /// Returns about the memory of the values, in bytes.
    pub(super) fn allocated(&self) -> usize {
        self.counts.keys().map(|value| value.len() + ENTRY).sum()
    }

    /// Returns how often values were seen that are not kept.
    #[must_use]
    pub fn more(&self) -> u64 {
        self.more
    }

    /// Whether none was seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty() && self.more == 0
    }

    /// Whether a value was seen.
    #[must_use]
    pub fn has(&self, value: &str) -> bool {
        self.counts.contains_key(value)
    }
}
