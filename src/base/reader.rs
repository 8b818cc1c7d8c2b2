//! A reader with names in it: takes fields off the front of a slice and says which was missing, and where.

use std::fmt;

/// What a [`Reader`] lacks: a field that ends beyond the bytes that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Short {
    /// The field that was being read.
    pub field: &'static str,
    /// Where it begins, in bytes from the start of what the reader was made of.
    pub offset: usize,
    /// How many bytes it has.
    pub needed: usize,
    /// How many there are.
    pub left: usize,
}

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, offset, needed, left } = self;
        write!(f, "{field} at offset {offset} needs {needed} bytes, {left} are there")
    }
}

/// Reads fields of a header front to back. All integers are big-endian unless the name says otherwise.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// A reader of `bytes`, at offset 0.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, offset: 0 }
    }

    /// How many bytes were taken.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The bytes that were not taken yet.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Takes `len` bytes.
    ///
    /// # Errors
    /// [`Short`] where fewer are left; nothing is taken then.
    pub fn take(&mut self, field: &'static str, len: usize) -> Result<&'a [u8], Short> {
        let Some((front, rest)) = self.rest.split_at_checked(len) else {
            return Err(Short { field, offset: self.offset, needed: len, left: self.rest.len() });
        };
        self.rest = rest;
        self.offset += len;
        Ok(front)
    }

    /// Takes `N` bytes as an array.
    ///
    /// # Errors
    /// [`Short`] where fewer are left.
    pub fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], Short> {
        let Some((front, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(Short { field, offset: self.offset, needed: N, left: self.rest.len() });
        };
        self.rest = rest;
        self.offset += N;
        Ok(*front)
    }

    /// Takes one byte.
    ///
    /// # Errors
    /// [`Short`] where none is left.
    pub fn u8(&mut self, field: &'static str) -> Result<u8, Short> {
        self.array::<1>(field).map(|[b]| b)
    }

    /// Takes two bytes.
    ///
    /// # Errors
    /// [`Short`] where fewer are left.
    pub fn u16(&mut self, field: &'static str) -> Result<u16, Short> {
        self.array(field).map(u16::from_be_bytes)
    }

    /// Takes four bytes.
    ///
    /// # Errors
    /// [`Short`] where fewer are left.
    pub fn u32(&mut self, field: &'static str) -> Result<u32, Short> {
        self.array(field).map(u32::from_be_bytes)
    }
}
