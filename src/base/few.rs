//! A list that seldom has more than one element.

use std::ops::Deref;
use std::slice;

/// A list whose only element takes no memory of its own.
#[derive(Clone, Debug, Default)]
pub enum Few<T> {
    /// Empty.
    #[default]
    None,
    /// Nearly always.
    One(T),
    /// Any number of elements.
    Several(Vec<T>),
}

impl<T> Few<T> {
    /// Appends an element.
    pub fn push(&mut self, element: T) {
        match self {
            Self::None => *self = Self::One(element),
            Self::Several(list) => list.push(element),
            Self::One(_) => {
                let mut list = Vec::with_capacity(4);
                if let Self::One(first) = std::mem::take(self) {
                    list.push(first);
                }
                list.push(element);
                *self = Self::Several(list);
            }
        }
    }

    /// Keeps the elements that `is_kept` accepts.
    pub fn retain(&mut self, mut is_kept: impl FnMut(&T) -> bool) {
        match self {
            Self::None => {}
            Self::One(only) if is_kept(only) => {}
            Self::One(_) => *self = Self::None,
            Self::Several(list) => list.retain(is_kept),
        }
    }

    /// Removes all elements.
    pub fn clear(&mut self) {
        *self = Self::None;
    }

    /// Returns the number of elements that there is memory for.
    #[must_use]
    pub fn capacity(&self) -> usize {
        match self {
            Self::None => 0,
            Self::One(_) => 1,
            Self::Several(list) => list.capacity(),
        }
    }

    /// Returns what is allocated for the list itself, in bytes.
    pub(crate) fn allocated(&self) -> usize {
        if let Self::Several(list) = self { list.capacity() * size_of::<T>() } else { 0 }
    }
}

impl<T> Deref for Few<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        match self {
            Self::None => &[],
            Self::One(only) => slice::from_ref(only),
            Self::Several(list) => list,
        }
    }
}

impl<'a, T> IntoIterator for &'a Few<T> {
    type Item = &'a T;
    type IntoIter = slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn same_as_a_list(pushed in prop::collection::vec(0u8..4, 0..6), removed in prop::option::of(0u8..5)) {
            let (mut few, mut list) = (Few::None, pushed.clone());
            pushed.into_iter().for_each(|element| few.push(element));
            prop_assert_eq!(&*few, &*list);
            match removed {
                Some(removed) => {
                    few.retain(|element| *element != removed);
                    list.retain(|element| *element != removed);
                }
                None => {
                    few.clear();
                    list.clear();
                }
            }
            prop_assert_eq!(few.into_iter().collect::<Vec<_>>(), list.iter().collect::<Vec<_>>());
            prop_assert!(few.capacity() >= list.len());
        }
    }
}
