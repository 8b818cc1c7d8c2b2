//! A reader of binary headers whose errors name the missing field and its offset.

use std::fmt;

/// The error of a [`Reader`]: a field extends beyond the available bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Short {
    /// Name of the field.
    pub field: &'static str,
    /// Offset of the field, in bytes from the start of the reader's input.
    pub offset: usize,
    /// Length of the field in bytes.
    pub needed: usize,
    /// Number of bytes available.
    pub left: usize,
}

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, offset, needed, left } = self;
        write!(f, "{field} at offset {offset} needs {needed} bytes, {left} are there")
    }
}

/// Reads the fields of a header in order. Integers are big-endian.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// Creates a reader at the start of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, offset: 0 }
    }

    /// Returns the number of bytes taken so far.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Returns the remaining bytes.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Takes `len` bytes.
    ///
    /// # Errors
    /// [`Short`] if fewer bytes are left; nothing is taken then.
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
    /// [`Short`] if fewer bytes are left.
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
    /// [`Short`] if no byte is left.
    pub fn u8(&mut self, field: &'static str) -> Result<u8, Short> {
        self.array::<1>(field).map(|[b]| b)
    }

    /// Takes two bytes.
    ///
    /// # Errors
    /// [`Short`] if fewer bytes are left.
    pub fn u16(&mut self, field: &'static str) -> Result<u16, Short> {
        self.array(field).map(u16::from_be_bytes)
    }

    /// Takes four bytes.
    ///
    /// # Errors
    /// [`Short`] if fewer bytes are left.
    pub fn u32(&mut self, field: &'static str) -> Result<u32, Short> {
        self.array(field).map(u32::from_be_bytes)
    }
}
