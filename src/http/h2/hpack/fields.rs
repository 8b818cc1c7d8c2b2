//! The decoded fields of a header block.

use std::ops::Range;

use crate::base::{Degraded, limits};

/// The fields of a header block, in order. Reused from block to block.
#[derive(Debug, Default)]
pub(in crate::http::h2) struct Fields {
    text: Vec<u8>,
    list: Vec<Place>,
    is_cut: bool,
    unknown: Degraded,
}

/// The places of a name and of a value in the text; `None` for what is not known.
type Place = (Option<Range<usize>>, Option<Range<usize>>);

/// A field: its name and its value; `None` for what is not known.
pub(in crate::http::h2) type Field<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

impl Fields {
    /// Returns the fields.
    pub(in crate::http::h2) fn iter(&self) -> impl Iterator<Item = Field<'_>> {
        let text = |range: &Option<Range<usize>>| range.clone().and_then(|range| self.text.get(range));
        self.list.iter().map(move |(name, value)| (text(name), text(value)))
    }

    /// Returns the length of all names and values, in bytes.
    pub(in crate::http::h2) fn len(&self) -> usize {
        self.text.len()
    }

    /// Returns what is allocated, in bytes.
    pub(in crate::http::h2) fn held(&self) -> usize {
        self.text.capacity() + self.list.capacity() * size_of::<Place>()
    }

    /// Returns whether fields were dropped because of a cap ([`limits::MAX_HEAD`],
    /// [`limits::MAX_FIELDS`]).
    pub(in crate::http::h2) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Returns why fields, names or values are not known; none if all are.
    pub(in crate::http::h2) fn unknown(&self) -> Degraded {
        self.unknown
    }

    /// Empties the list.
    pub(in crate::http::h2) fn clear(&mut self) {
        self.text.clear();
        self.list.clear();
        self.is_cut = false;
        self.unknown = Degraded::NONE;
        // One long block must not keep its memory for the life of the connection.
        self.text.shrink_to(4096);
        self.list.shrink_to(limits::MAX_FIELDS);
    }

    /// Some of the fields are not known.
    pub(in crate::http::h2) fn add_unknown(&mut self, why: Degraded) {
        self.unknown.add(why);
    }

    /// Appends a field.
    pub(super) fn add(&mut self, name: Option<&[u8]>, value: Option<&[u8]>) {
        let len = |text: Option<&[u8]>| text.map_or(0, <[u8]>::len);
        if self.list.len() >= limits::MAX_FIELDS
            || self.text.len() + len(name) + len(value) > limits::MAX_HEAD
        {
            self.is_cut = true;
            return;
        }
        let mut keep = |text: Option<&[u8]>| {
            let start = self.text.len();
            self.text.extend_from_slice(text?);
            Some(start..self.text.len())
        };
        let field = (keep(name), keep(value));
        self.list.push(field);
    }
}
