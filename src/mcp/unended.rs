//! Requests that the end of a stream is to be applied to.

use super::request_index::RequestIndex;

/// Entries that are not worth a look at whether they are over.
const FEW: usize = 64;

/// The requests of one side that wait, and that the end of a stream was not applied to. Each is
/// visited by one end, however many streams a session opens and closes while it waits.
#[derive(Debug, Default)]
pub(super) struct Unended {
    /// All of them, and others that are over.
    numbers: Vec<u64>,
}

impl Unended {
    /// Adds a request; `outstanding` are those that are not over.
    pub(super) fn add(&mut self, n: u64, outstanding: &RequestIndex) {
        self.numbers.push(n);
        if self.numbers.len() > FEW + 4 * outstanding.len() {
            self.numbers = outstanding.sorted();
        }
    }

    /// Takes all of them, oldest first. Some may be over.
    pub(super) fn take(&mut self) -> Vec<u64> {
        let mut numbers = std::mem::take(&mut self.numbers);
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// What is allocated, in bytes.
    pub(super) fn allocated(&self) -> usize {
        self.numbers.capacity() * size_of::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::Id;

    #[test]
    fn requests_that_are_over_do_not_pile_up() {
        let (mut unended, mut outstanding) = (Unended::default(), RequestIndex::default());
        outstanding.insert(Id::Int(0), 0);
        unended.add(0, &outstanding);
        for n in 1..10_000 {
            outstanding.insert(Id::Int(1), n);
            unended.add(n, &outstanding);
            outstanding.remove(&Id::Int(1), n);
            assert!(unended.numbers.len() <= FEW + 8, "{} entries", unended.numbers.len());
        }
        assert_eq!(unended.take().first(), Some(&0), "the one that waits is kept");
        assert!(unended.take().is_empty());
    }
}
