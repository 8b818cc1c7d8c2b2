//! Sessions, streams or connections of the store as list items: the completed ones, then the open
//! ones.

use std::fmt::Debug;

use crate::ledger::store::{Rows, Store};
use crate::tui::model::Model;
use crate::tui::sorted_list::{Items, SortKey};
use crate::tui::table::Cell;

/// A kind of item that the store keeps many of: session, stream, connection.
pub(super) trait StoreItem: Sized + 'static {
    /// Identifies an item.
    type Id: Copy + PartialEq + Debug;

    /// Returns the completed items, in the order in which they were stored.
    fn completed(store: &Store) -> &Rows<Self>;

    /// Returns the open items.
    fn open(store: &Store) -> impl Iterator<Item = &Self>;

    /// Returns the identity of the item.
    fn id(&self) -> Self::Id;

    /// Returns the sort key of the item in a column.
    fn sort_key(&self, column: usize, model: &Model) -> SortKey;

    /// Returns whether the item matches the filter. Only called if there is a filter.
    fn passes(&self, model: &Model) -> bool;

    /// Returns the cells of the item's row.
    fn cells(&self, is_open: bool, model: &Model) -> Vec<Cell>;
}

/// All items of a kind.
pub(super) struct StoreItems<'m, T> {
    model: &'m Model,
    completed: &'m Rows<T>,
    open: Vec<&'m T>,
}

impl<'m, T: StoreItem> StoreItems<'m, T> {
    pub(super) fn of(model: &'m Model) -> Self {
        Self { model, completed: T::completed(model.store()), open: T::open(model.store()).collect() }
    }

    /// Returns the item at an index and whether it is open; `None` after the last.
    pub(super) fn get(&self, index: usize) -> Option<(&'m T, bool)> {
        let open = || Some((*self.open.get(index.checked_sub(self.completed.len())?)?, true));
        self.completed.get(index).map(|item| (item, false)).or_else(open)
    }

    fn is_narrowed(&self) -> bool {
        !self.model.filter().is_empty()
    }
}

impl<T: StoreItem> Items for StoreItems<'_, T> {
    type Id = T::Id;

    fn len(&self) -> usize {
        self.completed.len() + self.open.len()
    }

    fn settled(&self) -> usize {
        self.completed.len()
    }

    /// Open items are updated together with the packet count of the capture.
    fn version(&self) -> u64 {
        if self.open.is_empty() { 0 } else { self.model.store().capture().packets }
    }

    fn settled_version(&self) -> u64 {
        self.model.filter_version()
    }

    fn id_at(&self, index: usize) -> Option<T::Id> {
        self.get(index).map(|(item, _)| item.id())
    }

    fn sort_key(&self, index: usize, column: usize) -> SortKey {
        self.get(index).map_or(SortKey::Missing, |(item, _)| item.sort_key(column, self.model))
    }

    fn passes(&self, index: usize) -> bool {
        !self.is_narrowed() || self.get(index).is_some_and(|(item, _)| item.passes(self.model))
    }

    fn cells(&self, index: usize) -> Vec<Cell> {
        self.get(index).map(|(item, is_open)| item.cells(is_open, self.model)).unwrap_or_default()
    }
}
