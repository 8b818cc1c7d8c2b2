//! Finds how many bytes at the front are of one kind, eight at a time.

/// A one in each byte of a word.
pub(crate) const ONES: u64 = 0x0101_0101_0101_0101;

/// The highest bit of each byte of a word.
pub(crate) const HIGH: u64 = 0x80 * ONES;

/// Sets the highest bit of each byte that is at least `least`, which is 1 to 127. The highest bits
/// of `low` have to be clear.
#[inline]
pub(crate) fn at_least(low: u64, least: u8) -> u64 {
    // No sum carries into the next byte.
    low.wrapping_add(ONES.wrapping_mul(u64::from(0x80 - least)))
}

/// Returns the number of bytes at the front that are all accepted. `accepted` takes eight bytes and
/// sets the highest bit of each that is accepted; it must not accept zero.
#[inline(always)]
pub(crate) fn len(bytes: &[u8], accepted: impl Fn(u64) -> u64) -> usize {
    let mut rest = bytes;
    while let Some((chunk, behind)) = rest.split_first_chunk::<8>() {
        let refused = (accepted(u64::from_le_bytes(*chunk)) & HIGH) ^ HIGH;
        if refused != 0 {
            return bytes.len() - rest.len() + refused.trailing_zeros() as usize / 8;
        }
        rest = behind;
    }
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(into, byte)| *into = *byte);
    let refused = (accepted(u64::from_le_bytes(last)) & HIGH) ^ HIGH;
    // Of fewer than eight bytes the zeros behind them are refused.
    bytes.len() - rest.len() + refused.trailing_zeros() as usize / 8
}

/// Returns the number of bytes before the first `byte`: all if there is none.
#[inline]
pub(crate) fn before(bytes: &[u8], byte: u8) -> usize {
    let pattern = ONES.wrapping_mul(u64::from(byte));
    let mut rest = bytes;
    while let Some((chunk, behind)) = rest.split_first_chunk::<8>() {
        let difference = u64::from_le_bytes(*chunk) ^ pattern;
        // The lowest bit that is set belongs to the first byte without a difference.
        let same = difference.wrapping_sub(ONES) & !difference & HIGH;
        if same != 0 {
            return bytes.len() - rest.len() + same.trailing_zeros() as usize / 8;
        }
        rest = behind;
    }
    bytes.len() - rest.len() + rest.iter().take_while(|other| **other != byte).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_byte_is_found(bytes in prop::collection::vec(prop_oneof![Just(58u8), Just(59), Just(57), any::<u8>()], 0..40)) {
            let place = bytes.iter().position(|byte| *byte == b':');
            prop_assert_eq!(before(&bytes, b':'), place.unwrap_or(bytes.len()));
        }

        #[test]
        fn same_as_byte_by_byte(bytes in prop::collection::vec(any::<u8>(), 0..40), least in 1u8..=127) {
            let found = len(&bytes, |word| at_least(word & !HIGH, least) & !word);
            let is_accepted = |byte: &&u8| (least..0x80).contains(*byte);
            prop_assert_eq!(found, bytes.iter().take_while(is_accepted).count());
        }
    }
}
