//! What the store tells of one kind, as a list: those that are over, then those that go on.

use std::fmt::Debug;

use ratatui::layout::Rect;

use crate::ledger::store::Store;
use crate::tui::listing::{Items, Key};
use crate::tui::pen::Pen;
use crate::tui::table::Cell;
use crate::tui::theme::Role;
use crate::tui::world::World;

/// Something of which the store has many: a session, a stream, a connection.
pub(super) trait Kept: Sized + 'static {
    /// What it is known by.
    type Id: Copy + PartialEq + Debug;

    /// Those that are over, in the order in which they were told.
    fn over(store: &Store) -> &[Self];

    /// Those that go on.
    fn open(store: &Store) -> impl Iterator<Item = &Self>;

    /// What it is known by.
    fn id(&self) -> Self::Id;

    /// What it is sorted by in a column.
    fn key(&self, column: usize, world: &World) -> Key;

    /// Whether it passes the filter; asked only where there is one.
    fn passes(&self, world: &World) -> bool;

    /// What stands in its row. `is_open`: it goes on.
    fn cells(&self, is_open: bool, world: &World) -> Vec<Cell>;
}

/// All of one kind, as they are now.
pub(super) struct Shelf<'w, T> {
    world: &'w World,
    over: &'w [T],
    open: Vec<&'w T>,
}

impl<'w, T: Kept> Shelf<'w, T> {
    pub(super) fn of(world: &'w World) -> Self {
        Self { world, over: T::over(&world.store), open: T::open(&world.store).collect() }
    }

    /// The one at a place, and whether it goes on; `None` beyond the last.
    pub(super) fn get(&self, place: usize) -> Option<(&'w T, bool)> {
        let open = || Some((*self.open.get(place.checked_sub(self.over.len())?)?, true));
        self.over.get(place).map(|item| (item, false)).or_else(open)
    }

    fn is_narrowed(&self) -> bool {
        !self.world.rows.filter().text().trim().is_empty()
    }
}

impl<T: Kept> Items for Shelf<'_, T> {
    type Id = T::Id;

    fn len(&self) -> usize {
        self.over.len() + self.open.len()
    }

    fn settled(&self) -> usize {
        self.over.len()
    }

    /// What goes on is told together with the counts of the capture: where these stand still nothing changed.
    fn version(&self) -> u64 {
        if self.open.is_empty() { 0 } else { self.world.store.capture().packets }
    }

    fn epoch(&self) -> u64 {
        self.world.epoch()
    }

    fn id(&self, place: usize) -> Option<T::Id> {
        self.get(place).map(|(item, _)| item.id())
    }

    fn key(&self, place: usize, column: usize) -> Key {
        self.get(place).map_or(Key::Missing, |(item, _)| item.key(column, self.world))
    }

    fn passes(&self, place: usize) -> bool {
        !self.is_narrowed() || self.get(place).is_some_and(|(item, _)| item.passes(self.world))
    }

    fn cells(&self, place: usize) -> Vec<Cell> {
        self.get(place).map(|(item, is_open)| item.cells(is_open, self.world)).unwrap_or_default()
    }
}

/// Says why a list is empty. `what` is what it would list; `any`: there is some, and none of it passes the filter.
pub(super) fn draw_empty(what: &str, any: bool, area: Rect, pen: &mut Pen<'_>) {
    let text = if any {
        format!("no {what} passes the filter; esc clears it")
    } else if pen.world.ended {
        format!("no {what} was seen")
    } else {
        format!("waiting for the first {what}...")
    };
    pen.text((area.x + 2, area.y + area.height / 3).into(), area.width, Role::Faint, &text);
}

/// A length in a column, without the blank: `1.29kB`.
pub(super) fn size(bytes: u64) -> String {
    crate::base::units::bytes(bytes).replace(' ', "")
}
