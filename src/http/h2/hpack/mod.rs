//! HPACK (RFC 7541): decodes header blocks, as an observer sees them.
//!
//! A published decoder answers an index that it does not know with an error. An observer has to
//! tell a field that was added before the capture began from one that never existed, and has to go
//! on after lost packets. So an entry, its name or its value may be unknown here, and memory is
//! capped whatever the encoder announces.

use std::borrow::Cow;
use std::fmt;

use crate::base::{Degraded, Side};

mod fields;
mod huffman;
#[cfg(any(test, feature = "fuzz"))]
pub(super) mod oracle;
mod static_table;
mod table;

pub(super) use fields::{Field, Fields};
use table::{Found, Table};

/// The decoder of one direction.
#[derive(Debug)]
pub(super) struct Decoder {
    table: Table,
}

/// A header block that cannot be decoded to its end. The table is not known from there on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Error {
    /// The block ends inside a field.
    Cut,
    /// An integer beyond 2³¹ - 1 (RFC 7541 section 5.1).
    BadInteger,
    /// Invalid Huffman code (section 5.2).
    BadHuffman,
    /// An index without an entry (section 2.3.3).
    BadIndex(u32),
    /// A change of the table's size behind a field (section 4.2).
    LateResize,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut => f.write_str("the block ends inside a field"),
            Self::BadInteger => f.write_str("an integer beyond 2147483647"),
            Self::BadHuffman => f.write_str("invalid Huffman code"),
            Self::BadIndex(index) => write!(f, "index {index} has no entry"),
            Self::LateResize => f.write_str("the table changes its size behind a field"),
        }
    }
}

impl Decoder {
    /// Creates the decoder of a connection whose beginning is known.
    pub(super) fn new() -> Self {
        Self { table: Table::new() }
    }

    /// Forgets the dynamic table: header blocks are missing.
    pub(super) fn lose(&mut self, why: Degraded) {
        self.table.lose(why);
    }

    /// Returns the memory of the dynamic table, in bytes.
    pub(super) fn held(&self) -> usize {
        self.table.held()
    }

    /// Appends the fields of a complete header block to `fields`.
    ///
    /// # Errors
    /// The block is invalid; the fields before the error are appended.
    pub(super) fn decode(&mut self, block: &[u8], fields: &mut Fields) -> Result<(), Error> {
        let mut input = Input { rest: block };
        let mut is_first = true;
        while let Some(first) = input.rest.first() {
            match first {
                // Section 6.1: an index.
                0x80.. => {
                    let index = input.integer(7)?;
                    self.indexed(index, fields)?;
                }
                // Section 6.2.1: a literal that is added to the table.
                0x40.. => {
                    let (name, value) = self.literal(&mut input, 6, fields)?;
                    fields.add(name.as_deref(), Some(&value));
                    self.table.add(name.as_deref(), Some(&value));
                }
                // Section 6.3: a change of the table's size.
                0x20.. if is_first => {
                    let max = input.integer(5)?;
                    self.table.resize(max);
                    continue;
                }
                0x20.. => return Err(Error::LateResize),
                // Sections 6.2.2 and 6.2.3: a literal that is not added.
                _ => {
                    let (name, value) = self.literal(&mut input, 4, fields)?;
                    fields.add(name.as_deref(), Some(&value));
                }
            }
            is_first = false;
        }
        Ok(())
    }

    fn indexed(&self, index: u32, fields: &mut Fields) -> Result<(), Error> {
        match self.table.get(index) {
            Found::Entry(name, value) => {
                if name.is_none() || value.is_none() {
                    fields.add_unknown(self.table.lost());
                }
                fields.add(name, value);
            }
            Found::Unknown(why) => {
                fields.add_unknown(why);
                fields.add(None, None);
            }
            Found::None => return Err(Error::BadIndex(index)),
        }
        Ok(())
    }

    /// Reads a literal: the index of its name or the name itself, and its value.
    fn literal<'a>(
        &self,
        input: &mut Input<'a>,
        prefix: u32,
        fields: &mut Fields,
    ) -> Result<Literal<'a>, Error> {
        let index = input.integer(prefix)?;
        if index == 0 {
            let name = input.string()?;
            return Ok((Some(name), input.string()?));
        }
        let name = match self.table.get(index) {
            Found::Entry(Some(name), _) => Some(Cow::Owned(name.to_vec())),
            Found::Entry(None, _) => {
                fields.add_unknown(self.table.lost());
                None
            }
            Found::Unknown(why) => {
                fields.add_unknown(why);
                None
            }
            Found::None => return Err(Error::BadIndex(index)),
        };
        Ok((name, input.string()?))
    }
}

/// Returns the side that sent a header block, by its first field; `None` if that does not show it.
/// A head begins with pseudo-header fields (RFC 9113 section 8.3), whose names are static entries.
pub(super) fn sender(block: &[u8]) -> Option<Side> {
    let mut input = Input { rest: block };
    while let Some(0x20..=0x3f) = input.rest.first() {
        input.integer(5).ok()?;
    }
    let prefix = match input.rest.first()? {
        0x80.. => 7,
        0x40.. => 6,
        _ => 4,
    };
    match input.integer(prefix).ok()? {
        1..=7 => Some(Side::Client),
        8..=14 => Some(Side::Server),
        _ => None,
    }
}

/// A literal: its name, `None` if that is not known, and its value.
type Literal<'a> = (Option<Cow<'a, [u8]>>, Cow<'a, [u8]>);

/// The rest of a header block.
struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    fn byte(&mut self) -> Result<u8, Error> {
        let (first, rest) = self.rest.split_first().ok_or(Error::Cut)?;
        self.rest = rest;
        Ok(*first)
    }

    /// Reads an integer whose first `prefix` bits stand in the next byte (section 5.1).
    fn integer(&mut self, prefix: u32) -> Result<u32, Error> {
        let mask = (1u8 << prefix) - 1;
        let first = self.byte()? & mask;
        let mut value = u64::from(first);
        if first < mask {
            return Ok(u32::from(first));
        }
        for shift in (0..35).step_by(7) {
            let byte = self.byte()?;
            value += u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return u32::try_from(value)
                    .ok()
                    .filter(|value| *value <= MAX_INTEGER)
                    .ok_or(Error::BadInteger);
            }
        }
        Err(Error::BadInteger)
    }

    /// Reads a string (section 5.2).
    fn string(&mut self) -> Result<Cow<'a, [u8]>, Error> {
        let is_coded = self.rest.first().ok_or(Error::Cut)? & 0x80 != 0;
        let length = self.integer(7)? as usize;
        let (text, rest) = self.rest.split_at_checked(length).ok_or(Error::Cut)?;
        self.rest = rest;
        if !is_coded {
            return Ok(Cow::Borrowed(text));
        }
        let mut decoded = Vec::with_capacity(length + length / 2);
        huffman::decode(text, &mut decoded).map_err(|_| Error::BadHuffman)?;
        Ok(Cow::Owned(decoded))
    }
}

/// The largest integer that is read: more than any length or index has.
const MAX_INTEGER: u32 = i32::MAX as u32;

#[cfg(test)]
pub(super) mod tests;
