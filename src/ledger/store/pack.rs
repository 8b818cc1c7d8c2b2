//! Numbers and texts in as few bytes as they need, and back.
//!
//! A number is seven bits a byte, the lowest first, the eighth says that more follow (LEB128); one with a sign has that
//! in its lowest bit first, so that what is near 0 is short. A text is its length and its bytes.

/// Appends a number.
pub(super) fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends a number that may be negative.
pub(super) fn put_signed(out: &mut Vec<u8>, number: i64) {
    put(out, (number.wrapping_shl(1) ^ (number >> 63)) as u64);
}

/// Appends how far `number` lies from `from`: few bytes where they are near.
pub(super) fn put_from(out: &mut Vec<u8>, number: u64, from: u64) {
    put_signed(out, number.wrapping_sub(from) as i64);
}

/// Appends a text.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Takes from the front of bytes what was appended to them. `None` where they end too early, which those that were
/// packed here never do.
#[derive(Debug)]
pub(super) struct Unpack<'a>(pub(super) &'a [u8]);

impl<'a> Unpack<'a> {
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

    pub(super) fn number(&mut self) -> Option<u64> {
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

    /// A number that fits into 32 bits.
    pub(super) fn short(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    pub(super) fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// See [`put_from`].
    pub(super) fn from(&mut self, from: u64) -> Option<u64> {
        Some(from.wrapping_add(self.signed()? as u64))
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        let len = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }
}

/// Packed things, one behind the other, each found by its offset. Their blocks are never moved or made larger: what is
/// held is what was put in, and at most a block more.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    blocks: Vec<Vec<u8>>,
}

/// Bytes of a block. What does not fit into one has a block of its own.
const BLOCK: usize = 1 << 16;

/// Where a thing lies: its block, and its offset there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At(u64);

impl At {
    /// Nowhere.
    pub(super) const NONE: Self = Self(u64::MAX);
}

impl Blocks {
    /// Appends a thing, which is not empty.
    pub(super) fn push(&mut self, bytes: &[u8]) -> At {
        // A thing begins within the first BLOCK bytes, also where it is longer than that.
        let fits = |block: &Vec<u8>| block.len() < BLOCK && block.capacity() - block.len() >= bytes.len();
        if !self.blocks.last().is_some_and(fits) {
            self.blocks.push(Vec::with_capacity(bytes.len().max(BLOCK)));
        }
        let block = self.blocks.len().saturating_sub(1) as u64;
        let Some(last) = self.blocks.last_mut() else { return At::NONE };
        let at = At(block * BLOCK as u64 + last.len() as u64);
        last.extend_from_slice(bytes);
        at
    }

    /// The thing at a place, and what lies behind it.
    pub(super) fn get(&self, at: At) -> Option<Unpack<'_>> {
        let block = self.blocks.get(usize::try_from(at.0 / BLOCK as u64).ok()?)?;
        block.get((at.0 % BLOCK as u64) as usize..).map(Unpack)
    }
}

/// Which place belongs to a number. Numbers that follow one another cost 4 bytes each.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// By the number without its last ten bits; 0 where there is none, else one more than the place.
    pages: std::collections::HashMap<u64, Box<[u32; PAGE]>, foldhash::fast::RandomState>,
}

const PAGE: usize = 1024;

impl Places {
    /// The place of a number.
    pub(super) fn get(&self, number: u64) -> Option<u32> {
        let page = self.pages.get(&(number / PAGE as u64))?;
        page.get((number % PAGE as u64) as usize)?.checked_sub(1)
    }

    /// From now on the number has this place; false where there is none left: 2^32 - 1 are too many.
    pub(super) fn put(&mut self, number: u64, place: usize) -> bool {
        let Some(kept) = u32::try_from(place).ok().and_then(|place| place.checked_add(1)) else {
            return false;
        };
        let page = self.pages.entry(number / PAGE as u64).or_insert_with(|| Box::new([0; PAGE]));
        if let Some(at) = page.get_mut((number % PAGE as u64) as usize) {
            *at = kept;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_packed_is_unpacked(
            numbers in prop::collection::vec((any::<u64>(), any::<i64>(), any::<u64>(), ".{0,9}", 0_u32..64), 1..30),
        ) {
            let mut out = Vec::new();
            for (a, b, c, text, shift) in &numbers {
                put(&mut out, a >> shift);
                put_signed(&mut out, b >> shift);
                put_from(&mut out, *a, *c);
                put_text(&mut out, text);
            }
            let mut unpack = Unpack(&out);
            for (a, b, c, text, shift) in &numbers {
                prop_assert_eq!(unpack.number(), Some(a >> shift));
                prop_assert_eq!(unpack.signed(), Some(b >> shift));
                prop_assert_eq!(unpack.from(*c), Some(*a));
                prop_assert_eq!(unpack.text(), Some(text.as_str()));
            }
            prop_assert_eq!(unpack.byte(), None);
        }

        #[test]
        fn bytes_that_were_not_packed_here_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut unpack = Unpack(&bytes);
            while unpack.number().is_some() {}
            unpack = Unpack(&bytes);
            while unpack.text().is_some() {}
        }

        #[test]
        fn things_lie_where_they_were_put(lens in prop::collection::vec(1_usize..90_000, 1..60)) {
            let mut blocks = Blocks::default();
            let at: Vec<At> = lens.iter().map(|len| blocks.push(&vec![*len as u8; *len])).collect();
            for (at, len) in at.into_iter().zip(lens) {
                let bytes = blocks.get(at).unwrap().0;
                prop_assert!(bytes.len() >= len && bytes[..len].iter().all(|byte| *byte == len as u8));
            }
            prop_assert!(blocks.get(At::NONE).is_none());
        }

        #[test]
        fn a_number_has_its_latest_place(numbers in prop::collection::vec((0_u64..5000, 0_usize..9000), 1..300)) {
            let (mut places, mut oracle) = (Places::default(), std::collections::HashMap::new());
            for (number, place) in numbers {
                prop_assert!(places.put(number, place));
                oracle.insert(number, place as u32);
            }
            for number in 0..5000 {
                prop_assert_eq!(places.get(number), oracle.get(&number).copied());
            }
        }
    }

    #[test]
    fn short_numbers_take_few_bytes() {
        let mut out = Vec::new();
        put(&mut out, 127);
        put_signed(&mut out, -64);
        put_from(&mut out, 1_000_003, 1_000_000);
        assert_eq!(out.len(), 3);
        put(&mut out, u64::MAX);
        assert_eq!(out.len(), 13);
        assert_eq!(Places::default().get(u64::MAX), None);
        assert!(!Places::default().put(1, u32::MAX as usize));
    }
}
