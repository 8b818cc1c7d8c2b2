//! A sorted list of items with one selected, which stays selected while items arrive and the order
//! changes.
//!
//! Settled items are sorted once; only the others are sorted again, and only if they may have
//! changed. Without a change a refresh costs nothing, whatever the number of items.

use std::cmp::Ordering;
use std::fmt::Debug;

use ratatui::layout::Rect;

use super::action::Action;
use super::frame_info::{Hit, Pane};
use super::list_state::ListState;
use super::painter::Painter;
use super::table::{Cell, Column, First, Table};

/// The value that an item is sorted by in a column.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SortKey {
    /// The item has no value; sorts below all others.
    Missing,
    /// A number, in the unit of the column.
    Number(i64),
    /// A text, in lower case.
    Text(Box<str>),
}

impl SortKey {
    /// Returns the key of a count.
    pub(super) fn count(count: u64) -> Self {
        Self::Number(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// Returns the key of a text, ignoring case.
    pub(super) fn text(text: &str) -> Self {
        Self::Text(text.to_lowercase().into())
    }

    /// Returns the key of a number that may be missing.
    pub(super) fn number(number: Option<i64>) -> Self {
        number.map_or(Self::Missing, Self::Number)
    }
}

/// The items of a list. An index counts them from 0 in the order of their source; a row counts them
/// as the list shows them.
pub(super) trait Items {
    /// The identity of an item, while its index changes.
    type Id: Clone + PartialEq + Debug;

    /// Returns the number of items.
    fn len(&self) -> usize;

    /// Returns the number of settled items: the first ones, which no longer change or move.
    fn settled(&self) -> usize {
        0
    }

    /// Returns a number that changes when unsettled items may have changed.
    fn version(&self) -> u64;

    /// Returns a number that changes when settled items may have changed: for another filter.
    fn settled_version(&self) -> u64 {
        0
    }

    /// Returns the identity of an item; `None` beyond the last.
    fn id_at(&self, index: usize) -> Option<Self::Id>;

    /// Returns the sort key of an item in a column.
    fn sort_key(&self, index: usize, column: usize) -> SortKey;

    /// Whether the item is shown.
    fn passes(&self, _index: usize) -> bool {
        true
    }

    /// Returns the cells of the row of an item.
    fn cells(&self, index: usize) -> Vec<Cell>;
}

/// The column that a list is sorted by, and the direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sorting {
    /// The index of the column.
    pub(super) column: usize,
    /// Whether the largest come first.
    pub(super) down: bool,
}

impl Sorting {
    /// Sorts by a column, in its usual direction.
    pub(super) fn by(column: usize, columns: &[Column]) -> Self {
        let first = columns.get(column).and_then(|column| column.sorts);
        Self { column, down: first == Some(First::Largest) }
    }

    /// Applies a sort action. Returns false if the action is not one.
    pub(super) fn handle_action(&mut self, action: Action, columns: &[Column]) -> bool {
        match action {
            Action::Sort => {
                let count = columns.len();
                let mut next = (1..=count).map(|step| (self.column + step) % count.max(1));
                let sorts = |at: &usize| columns.get(*at).is_some_and(|column| column.sorts.is_some());
                *self = next.find(sorts).map_or(*self, |column| Self::by(column, columns));
            }
            Action::SortReverse => self.down = !self.down,
            _ => return false,
        }
        true
    }

    /// Returns the column for the footer, `by Bytes, `; empty if it is the column `usual`.
    pub(super) fn status(self, usual: usize, columns: &[Column]) -> String {
        let column = columns.get(self.column).filter(|_| self.column != usual);
        column.map_or(String::new(), |column| format!("by {}, ", column.title))
    }

    /// Sorts by the clicked column, or reverses the direction if it is sorted by it already.
    pub(super) fn handle_click(&mut self, column: usize, columns: &[Column]) {
        if columns.get(column).is_none_or(|column| column.sorts.is_none()) {
            return;
        }
        *self = if self.column == column {
            Self { down: !self.down, ..*self }
        } else {
            Self::by(column, columns)
        };
    }
}

/// How a list is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct ListLayout<'a> {
    /// The columns to draw: all columns of the list, or the first of them.
    pub(super) columns: &'a [Column],
    /// Whether the list receives the keys.
    pub(super) is_focused: bool,
}

/// The inputs of the last sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SortInputs {
    len: usize,
    settled: usize,
    version: u64,
    settled_version: u64,
    sorting: Sorting,
}

/// The items of a view in order, and the selected item.
#[derive(Debug)]
pub(super) struct SortedList<I> {
    list: ListState,
    /// The selected item; `None` before there are items.
    selected: Option<I>,
    /// Whether the user selected it. Until then the first row is selected, whichever item it shows.
    is_chosen: bool,
    /// The columns of the table.
    columns: &'static [Column],
    sorting: Sorting,
    /// The sort key and the index of each shown item, in order.
    order: Vec<(SortKey, u32)>,
    sorted: Option<SortInputs>,
}

impl<I: Clone + PartialEq + Debug> SortedList<I> {
    /// Returns an empty list, sorted by the first column.
    pub(super) fn new(columns: &'static [Column]) -> Self {
        Self {
            list: ListState::default(),
            selected: None,
            is_chosen: false,
            columns,
            sorting: Sorting::by(0, columns),
            order: Vec::new(),
            sorted: None,
        }
    }

    /// Updates the order after items were added, removed or changed. The selected item stays
    /// selected.
    pub(super) fn refresh(&mut self, items: &impl Items<Id = I>) {
        let now = SortInputs {
            len: items.len(),
            settled: items.settled(),
            version: items.version(),
            settled_version: items.settled_version(),
            sorting: self.sorting,
        };
        if self.sorted == Some(now) {
            return;
        }
        let keeps = self.sorted.filter(|was| {
            (was.settled_version, was.sorting) == (now.settled_version, now.sorting)
                && was.settled <= now.settled
        });
        let from = keeps.map_or(0, |was| was.settled);
        if from == 0 {
            self.order.clear();
        } else if keeps.is_some_and(|was| was.len > was.settled) {
            self.order.retain(|(_, index)| (*index as usize) < from);
        }
        let down = now.sorting.down;
        let compare = |(a, x): &(SortKey, u32), (b, y): &(SortKey, u32)| {
            if down { b.cmp(a) } else { a.cmp(b) }.then(x.cmp(y))
        };
        let shown = (from..now.len).filter(|index| items.passes(*index));
        let mut more: Vec<(SortKey, u32)> = shown
            .filter_map(|index| Some((items.sort_key(index, now.sorting.column), u32::try_from(index).ok()?)))
            .collect();
        more.sort_unstable_by(compare);
        merge(&mut self.order, more, compare);
        self.sorted = Some(now);
        self.follow_selected(items);
    }

    /// Returns the number of shown items.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// Returns the index of the selected item, as of the last refresh.
    pub(super) fn selected(&self) -> Option<usize> {
        self.index_of_row(self.list.selected)
    }

    /// Selects an item, if it is shown.
    pub(super) fn select(&mut self, id: I, items: &impl Items<Id = I>) {
        self.refresh(items);
        (self.selected, self.is_chosen) = (Some(id), true);
        self.follow_selected(items);
    }

    /// Applies a movement or a sort action. Returns false if the action is neither.
    pub(super) fn handle_action(&mut self, action: Action, items: &impl Items<Id = I>, lines: usize) -> bool {
        if self.sorting.handle_action(action, self.columns) {
            self.go_to_top(items);
            return true;
        }
        let moved = self.list.handle_action(action, lines, self.order.len());
        if moved {
            self.select_current(items);
        }
        moved
    }

    /// Selects the clicked row of `pane`, or sorts by the clicked header.
    pub(super) fn handle_click(&mut self, hit: Hit, pane: Pane, items: &impl Items<Id = I>) {
        match hit {
            Hit::Row(of, row) if of == pane => {
                self.list.select(row, self.order.len());
                self.select_current(items);
            }
            Hit::Column(column) => {
                self.sorting.handle_click(column, self.columns);
                self.go_to_top(items);
            }
            _ => {}
        }
    }

    /// Scrolls with the wheel.
    pub(super) fn handle_wheel(&mut self, down: bool, items: &impl Items<Id = I>, lines: usize) {
        self.list.scroll(down, 3, lines, self.order.len());
        self.select_current(items);
    }

    /// Returns the position and, unless it is the first, the sorted column for the footer. The
    /// screen may have no room for that column.
    pub(super) fn status(&self) -> String {
        let sorted = self.sorting.status(0, self.columns);
        format!("{sorted}{}", self.list.status(self.order.len()))
    }

    /// Draws the header and the visible rows.
    pub(super) fn draw(
        &self,
        items: &impl Items<Id = I>,
        layout: ListLayout<'_>,
        area: Rect,
        painter: &mut Painter<'_>,
    ) {
        let table = Table {
            columns: layout.columns,
            sorted: Some((self.sorting.column, self.sorting.down)),
            rows: self.order.len(),
            list: self.list,
            focused: layout.is_focused,
            pane: Pane::List,
        };
        table.draw(area, painter, |row| {
            self.index_of_row(row).map(|index| items.cells(index)).unwrap_or_default()
        });
    }

    /// Applies a new order and selects its first row: who sorts wants to see what comes first.
    fn go_to_top(&mut self, items: &impl Items<Id = I>) {
        (self.list, self.selected, self.is_chosen) = (ListState::default(), None, false);
        self.refresh(items);
        self.select_current(items);
    }

    fn index_of_row(&self, row: usize) -> Option<usize> {
        self.order.get(row).map(|(_, index)| *index as usize)
    }

    fn id_of_row(&self, row: usize, items: &impl Items<Id = I>) -> Option<I> {
        items.id_at(self.index_of_row(row)?)
    }

    /// Makes the row at the position the selected one.
    fn select_current(&mut self, items: &impl Items<Id = I>) {
        self.selected = self.id_of_row(self.list.selected, items);
        self.is_chosen = true;
    }

    /// Moves to the row of the selected item; if it is no longer shown, selects the item in its
    /// row.
    fn follow_selected(&mut self, items: &impl Items<Id = I>) {
        if self.selected.is_some() && self.id_of_row(self.list.selected, items) == self.selected {
            return;
        }
        let row = self.selected.as_ref().filter(|_| self.is_chosen).and_then(|selected| {
            (0..self.order.len()).find(|row| self.id_of_row(*row, items).as_ref() == Some(selected))
        });
        match row {
            Some(row) => self.list.move_to(row),
            None => {
                self.list.clamp_to(self.order.len());
                self.selected = self.id_of_row(self.list.selected, items);
            }
        }
    }
}

/// Merges sorted items into sorted items. Each position is found by binary search and the rest is
/// moved once: merging a few items into a hundred thousand takes a millisecond, sorting all of them
/// six.
fn merge<T>(order: &mut Vec<T>, mut more: Vec<T>, compare: impl Fn(&T, &T) -> Ordering) {
    let follows = order.last().zip(more.first()).is_none_or(|(last, first)| compare(last, first).is_le());
    if follows {
        order.append(&mut more);
        return;
    }
    let position = |item: &T| order.partition_point(|known| compare(known, item).is_lt());
    let positions: Vec<usize> = more.iter().map(position).collect();
    let mut merged = Vec::with_capacity(order.len() + more.len());
    let mut rest = std::mem::take(order).into_iter();
    let mut taken = 0;
    for (item, position) in more.into_iter().zip(positions) {
        merged.extend(rest.by_ref().take(position - taken));
        taken = position;
        merged.push(item);
    }
    merged.extend(rest);
    *order = merged;
}

#[cfg(test)]
mod tests;
