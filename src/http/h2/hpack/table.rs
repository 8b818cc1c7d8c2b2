//! The table of HPACK: static entries, then dynamic ones (RFC 7541 sections 2.3 and 4).

use std::collections::VecDeque;

use super::static_table::STATIC;
use crate::base::{Degraded, limits};

/// Size of the dynamic table before its encoder changes it (RFC 9113 section 6.5.2).
const DEFAULT_SIZE: usize = 4096;

/// What an entry counts beyond its name and value (RFC 7541 section 4.1).
const OVERHEAD: usize = 32;

/// The dynamic table of one direction, as far as the capture shows it.
///
/// ```text
///   index   62   63   64 │ 65   66  …
///           newest       │        oldest
///           entries      │ unknown: added before the capture began, or in a gap
/// ```
///
/// New entries are added on the left and evicted on the right, so an unknown entry is evicted
/// before a known one, and what is added while the table is watched has a known index.
#[derive(Debug)]
pub(super) struct Table {
    /// The known entries, the newest first.
    entries: VecDeque<Entry>,
    /// Sum of the sizes of `entries`: at least that, if a name or a value is unknown.
    size: usize,
    /// Maximum size; `None` if it is not known.
    max: Option<usize>,
    /// Why there may be older entries that are not known; none if there are no such entries.
    unknown: Degraded,
    /// Why entries were ever unknown: what known entries repeat of them stays unknown.
    lost: Degraded,
}

/// A dynamic entry. Its name or its value is `None` if it repeats that of an unknown entry.
#[derive(Debug)]
struct Entry {
    name: Option<Box<[u8]>>,
    value: Option<Box<[u8]>>,
}

/// An entry, as an index finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// The name and the value; `None` for what is not known.
    Entry(Option<&'a [u8]>, Option<&'a [u8]>),
    /// An entry that was added in bytes that are not captured or not kept.
    Unknown(Degraded),
    /// There is no entry with this index.
    None,
}

impl Table {
    /// Creates the table of a connection whose beginning is known.
    pub(super) fn new() -> Self {
        Self {
            entries: VecDeque::new(),
            size: 0,
            max: Some(DEFAULT_SIZE),
            unknown: Degraded::NONE,
            lost: Degraded::NONE,
        }
    }

    /// Forgets everything: header blocks are missing.
    pub(super) fn lose(&mut self, why: Degraded) {
        self.entries.clear();
        self.size = 0;
        self.max = None;
        self.set_unknown(why);
    }

    /// Returns why entries were ever unknown.
    pub(super) fn lost(&self) -> Degraded {
        self.lost
    }

    /// Returns the memory of the entries, in bytes. What an entry counts beyond its texts is about
    /// what their allocations cost.
    pub(super) fn held(&self) -> usize {
        self.size + self.entries.capacity() * size_of::<Entry>()
    }

    /// Returns the sum of the sizes of the known entries (RFC 7541 section 4.1).
    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Returns the entry with an index, from 1.
    pub(super) fn get(&self, index: u32) -> Found<'_> {
        let Some(index) = (index as usize).checked_sub(1) else { return Found::None };
        if let Some((name, value)) = STATIC.get(index) {
            return Found::Entry(Some(name.as_bytes()), Some(value.as_bytes()));
        }
        let age = index - STATIC.len();
        match self.entries.get(age) {
            Some(entry) => Found::Entry(entry.name.as_deref(), entry.value.as_deref()),
            None if self.unknown.any()
                && age < self.max.unwrap_or(limits::MAX_HEADER_TABLE * 16) / OVERHEAD =>
            {
                Found::Unknown(self.unknown)
            }
            None => Found::None,
        }
    }

    /// Adds an entry, and evicts the oldest ones that no longer fit.
    pub(super) fn add(&mut self, name: Option<&[u8]>, value: Option<&[u8]>) {
        let len = |text: Option<&[u8]>| text.map_or(0, <[u8]>::len);
        let size = OVERHEAD + len(name) + len(value);
        self.evict(size);
        // RFC 7541 section 4.4: an entry that is larger than the table empties it.
        if size <= self.kept() {
            self.entries.push_front(Entry { name: name.map(Into::into), value: value.map(Into::into) });
            self.size += size;
        } else if size <= self.max.unwrap_or(usize::MAX) {
            self.set_unknown(Degraded::NOT_READ);
        }
    }

    /// Sets the maximum size, as its encoder announces (RFC 7541 section 4.3).
    pub(super) fn resize(&mut self, max: u32) {
        self.max = Some(max as usize);
        self.evict(0);
    }

    fn set_unknown(&mut self, why: Degraded) {
        self.unknown.add(why);
        self.lost.add(why);
    }

    /// Returns the size that is kept: the maximum, or what the cap on memory allows of it.
    fn kept(&self) -> usize {
        self.max.unwrap_or(usize::MAX).min(limits::MAX_HEADER_TABLE)
    }

    /// Evicts the oldest entries until `room` is free.
    fn evict(&mut self, room: usize) {
        let max = self.max.unwrap_or(usize::MAX);
        while self.size + room > self.kept()
            && let Some(oldest) = self.entries.pop_back()
        {
            if self.size + room <= max {
                // Its encoder still has it.
                self.set_unknown(Degraded::NOT_READ);
            }
            self.size -= oldest.size();
        }
        if self.size + room + OVERHEAD > max && self.kept() == max {
            // No older entry fits beside the known ones.
            self.unknown = Degraded::NONE;
        }
    }
}

impl Entry {
    fn size(&self) -> usize {
        let len = |text: &Option<Box<[u8]>>| text.as_ref().map_or(0, |text| text.len());
        OVERHEAD + len(&self.name) + len(&self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(found: Found<'_>) -> String {
        let shown =
            |text: Option<&[u8]>| text.map_or("?".to_owned(), |text| String::from_utf8_lossy(text).into());
        match found {
            Found::Entry(name, value) => format!("{}: {}", shown(name), shown(value)),
            Found::Unknown(why) => format!("{why:?}"),
            Found::None => "none".to_owned(),
        }
    }

    #[test]
    fn static_entries_stand_first_and_the_newest_dynamic_one_next() {
        let mut table = Table::new();
        assert_eq!(text(table.get(0)), "none");
        assert_eq!(text(table.get(2)), ":method: GET");
        assert_eq!(text(table.get(61)), "www-authenticate: ");
        assert_eq!(text(table.get(62)), "none");
        table.add(Some(b"a"), Some(b"1"));
        table.add(Some(b"b"), Some(b"2"));
        assert_eq!(text(table.get(62)), "b: 2");
        assert_eq!(text(table.get(63)), "a: 1");
    }

    #[test]
    fn the_oldest_entries_are_evicted() {
        let mut table = Table::new();
        table.resize(80);
        table.add(Some(b"abcd"), Some(b"1234"));
        table.add(Some(b"efgh"), Some(b"5678"));
        assert_eq!(text(table.get(63)), "abcd: 1234");
        table.add(Some(b"i"), Some(b"9"));
        assert_eq!((text(table.get(62)), text(table.get(64))), ("i: 9".to_owned(), "none".to_owned()));
        table.add(Some(&[b'x'; 49]), Some(b""));
        assert_eq!(text(table.get(62)), "none", "larger than the table");
    }

    /// A table that was in use before the capture began is known again once what was added since
    /// fills it.
    #[test]
    fn unknown_entries_stand_behind_known_ones_until_they_are_evicted() {
        let mut table = Table::new();
        table.lose(Degraded::MIDSTREAM);
        assert_eq!(text(table.get(62)), "{\"midstream\"}");
        table.add(Some(b"a"), None);
        assert_eq!(text(table.get(62)), "a: ?");
        assert_eq!(text(table.get(63)), "{\"midstream\"}");
        assert_eq!(text(table.get(100_000)), "none", "more than any table has");
        table.resize(64);
        assert_eq!(text(table.get(63)), "none", "no second entry fits");
        assert_eq!(text(table.get(62)), "a: ?");
    }

    #[test]
    fn an_announced_size_beyond_the_cap_costs_no_memory() {
        let mut table = Table::new();
        table.resize(u32::MAX);
        for n in 0..100_000u32 {
            table.add(Some(b"name"), Some(&n.to_be_bytes()));
        }
        assert!(table.size() <= limits::MAX_HEADER_TABLE, "{}", table.size());
        assert_eq!(text(table.get(62 + 5000)), "{\"not_read\"}");
    }
}
