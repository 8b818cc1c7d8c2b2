//! Reads DER (X.690): tag, length, value.

/// Tags that are looked for.
pub(super) mod tag {
    pub(in crate::tls::handshake) const BOOLEAN: u8 = 0x01;
    pub(in crate::tls::handshake) const OCTET_STRING: u8 = 0x04;
    pub(in crate::tls::handshake) const OBJECT_IDENTIFIER: u8 = 0x06;
    pub(in crate::tls::handshake) const UTC_TIME: u8 = 0x17;
    pub(in crate::tls::handshake) const GENERALIZED_TIME: u8 = 0x18;
    pub(in crate::tls::handshake) const BMP_STRING: u8 = 0x1e;
    pub(in crate::tls::handshake) const SEQUENCE: u8 = 0x30;
    pub(in crate::tls::handshake) const SET: u8 = 0x31;
    /// `[n]`, constructed.
    pub(in crate::tls::handshake) const fn explicit(number: u8) -> u8 {
        0xa0 | number
    }
    /// `[n]`, primitive.
    pub(in crate::tls::handshake) const fn implicit(number: u8) -> u8 {
        0x80 | number
    }
}

/// The values of one constructed value, in order.
#[derive(Clone, Debug)]
pub(super) struct Der<'a>(pub(super) &'a [u8]);

impl<'a> Der<'a> {
    /// Takes the next value if it has this tag.
    pub(super) fn tagged(&mut self, tag: u8) -> Option<&'a [u8]> {
        let before = self.0;
        match self.next() {
            Some((found, value)) if found == tag => Some(value),
            _ => {
                self.0 = before;
                None
            }
        }
    }
}

impl<'a> Iterator for Der<'a> {
    type Item = (u8, &'a [u8]);

    /// Takes the next value: its tag and its contents. `None` at the end, and if the length lies.
    fn next(&mut self) -> Option<Self::Item> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (len, rest) = if first < 0x80 {
            (usize::from(first), rest)
        } else {
            // Three bytes of length are 16 MiB, more than a message can have.
            let (digits, rest) =
                rest.split_at_checked(usize::from(first & 0x7f)).filter(|(d, _)| d.len() <= 3)?;
            (digits.iter().fold(0, |len, digit| len << 8 | usize::from(*digit)), rest)
        };
        let (value, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        Some((tag, value))
    }
}
