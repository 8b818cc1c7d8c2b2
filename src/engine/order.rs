//! Merges what lanes emit: the order of the output does not depend on the number of lanes.

use super::lane::Emitted;

/// The place of an emitted value in the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Order {
    /// Number of the packet or tick that completed it, as the front counts them.
    pub(super) input: u64,
    /// Wireshark's number of the connection.
    pub(super) connection: u32,
    /// Position among the values that this input completed on this connection.
    pub(super) sequence: u32,
}

/// Collects what lanes emit, and hands it out in order.
#[derive(Debug, Default)]
pub(super) struct Merge {
    emitted: Vec<Emitted>,
}

impl Merge {
    /// Returns whether nothing was collected.
    pub(super) fn is_empty(&self) -> bool {
        self.emitted.is_empty()
    }

    /// Returns the list that lanes append to. What one lane appends for one connection is in order.
    pub(super) fn emitted(&mut self) -> &mut Vec<Emitted> {
        &mut self.emitted
    }

    /// Removes everything that was collected, in order.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Emitted> + '_ {
        // One packet concerns one connection: most often there is nothing to sort.
        if !self.emitted.is_sorted_by_key(|emitted| emitted.order) {
            self.emitted.sort_by_key(|emitted| emitted.order);
        }
        self.emitted.drain(..)
    }
}
