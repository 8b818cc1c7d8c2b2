//! A search for rare bytes.

/// Bytes that are looked at together.
const CHUNK: usize = 32;

/// Returns the first index at which the bytes of `a` and `b` are wanted; `None` if there is none in
/// the shorter of them. For bytes that are rarely wanted: many are looked at with one branch, which
/// the compiler does with vector instructions.
pub(crate) fn position(a: &[u8], b: &[u8], is_wanted: impl Fn(u8, u8) -> bool) -> Option<usize> {
    let len = a.len().min(b.len());
    let (a, b) = (a.get(..len)?, b.get(..len)?);
    let chunks = a.as_chunks::<CHUNK>().0.iter().zip(b.as_chunks::<CHUNK>().0);
    let mut passed = 0;
    for (a, b) in chunks {
        if a.iter().zip(b).fold(false, |any, (a, b)| any | is_wanted(*a, *b)) {
            break;
        }
        passed += CHUNK;
    }
    let rest = a.get(passed..)?.iter().zip(b.get(passed..)?);
    rest.into_iter().position(|(a, b)| is_wanted(*a, *b)).map(|at| passed + at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The oracle looks at one byte after the other.
        #[test]
        fn finds_what_a_simple_search_finds(
            a in prop::collection::vec(0_u8..40, 0..200),
            b in prop::collection::vec(0_u8..40, 0..200),
        ) {
            let is_wanted = |a: u8, b: u8| a < 3 && b < 20;
            let expected = a.iter().zip(&b).position(|(a, b)| is_wanted(*a, *b));
            prop_assert_eq!(position(&a, &b, is_wanted), expected);
        }
    }
}
