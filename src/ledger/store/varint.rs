//! Numbers and texts in few bytes.
//!
//! A number is written in LEB128: seven bits a byte, the lowest first, the eighth bit set if more
//! bytes follow. A signed number has its sign in the lowest bit (zigzag), so that numbers near 0
//! are short. A text is its length in bytes and its bytes.

/// Appends an unsigned number.
pub(super) fn put_unsigned(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends a signed number.
pub(super) fn put_signed(out: &mut Vec<u8>, number: i64) {
    put_unsigned(out, (number.wrapping_shl(1) ^ (number >> 63)) as u64);
}

/// Appends `number` as its difference to `base`: few bytes if they are close.
pub(super) fn put_delta(out: &mut Vec<u8>, number: u64, base: u64) {
    put_signed(out, number.wrapping_sub(base) as i64);
}

/// Appends a text.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_unsigned(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Reads values in the order in which they were appended. Each method returns `None` if the bytes
/// end too early or are malformed, which never happens to bytes written here.
#[derive(Debug)]
pub(super) struct Decoder<'a>(pub(super) &'a [u8]);

impl<'a> Decoder<'a> {
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    pub(super) fn unsigned(&mut self) -> Option<u64> {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(number);
            }
            shift += 7;
        }
    }

    /// Returns an unsigned number that fits into 32 bits.
    pub(super) fn unsigned_32(&mut self) -> Option<u32> {
        u32::try_from(self.unsigned()?).ok()
    }

    pub(super) fn signed(&mut self) -> Option<i64> {
        let number = self.unsigned()?;
        Some((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// Returns a number that [`put_delta`] wrote with the same `base`.
    pub(super) fn delta(&mut self, base: u64) -> Option<u64> {
        Some(base.wrapping_add(self.signed()? as u64))
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        let len = usize::try_from(self.unsigned()?).ok()?;
        let (text, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn values_round_trip(
            numbers in prop::collection::vec((any::<u64>(), any::<i64>(), any::<u64>(), ".{0,9}", 0_u32..64), 1..30),
        ) {
            let mut out = Vec::new();
            for (a, b, c, text, shift) in &numbers {
                put_unsigned(&mut out, a >> shift);
                put_signed(&mut out, b >> shift);
                put_delta(&mut out, *a, *c);
                put_text(&mut out, text);
            }
            let mut decoder = Decoder(&out);
            for (a, b, c, text, shift) in &numbers {
                prop_assert_eq!(decoder.unsigned(), Some(a >> shift));
                prop_assert_eq!(decoder.signed(), Some(b >> shift));
                prop_assert_eq!(decoder.delta(*c), Some(*a));
                prop_assert_eq!(decoder.text(), Some(text.as_str()));
            }
            prop_assert_eq!(decoder.byte(), None);
        }

        #[test]
        fn malformed_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut decoder = Decoder(&bytes);
            while decoder.unsigned().is_some() {}
            decoder = Decoder(&bytes);
            while decoder.text().is_some() {}
        }
    }

    #[test]
    fn small_numbers_take_few_bytes() {
        let mut out = Vec::new();
        put_unsigned(&mut out, 127);
        put_signed(&mut out, -64);
        put_delta(&mut out, 1_000_003, 1_000_000);
        assert_eq!(out.len(), 3);
        put_unsigned(&mut out, u64::MAX);
        assert_eq!(out.len(), 13);
    }
}
