//! The latest of many items, without holding all of them.

/// Returns the `most` items with the highest keys, ascending. Holds a quarter more while it reads.
pub(crate) fn latest<T, K: Ord>(
    items: impl Iterator<Item = T>,
    most: usize,
    key: impl Fn(&T) -> K,
) -> Vec<T> {
    let room = most + most / 4 + 1;
    let mut kept = Vec::new();
    for item in items {
        kept.push(item);
        if kept.len() >= room {
            keep_highest(&mut kept, most, &key);
        }
    }
    keep_highest(&mut kept, most, &key);
    kept.sort_unstable_by_key(key);
    kept
}

/// Leaves the `most` items with the highest keys, in any order.
fn keep_highest<T, K: Ord>(items: &mut Vec<T>, most: usize, key: impl Fn(&T) -> K) {
    let lower = items.len().saturating_sub(most);
    if lower > 0 {
        items.select_nth_unstable_by_key(lower - 1, key);
        items.drain(..lower);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn they_are_the_end_of_the_sorted_ones(
            mut items in proptest::collection::hash_set(any::<u16>(), 0..200),
            most in 0..50_usize,
        ) {
            let kept = latest(items.iter().copied(), most, |item| *item);
            let mut sorted: Vec<_> = items.drain().collect();
            sorted.sort_unstable();
            prop_assert_eq!(kept.as_slice(), &sorted[sorted.len().saturating_sub(most)..]);
        }
    }
}
