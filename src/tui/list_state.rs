//! The position in a list: the selected row and the first visible row.

use super::action::Action;

/// The selected row and the first visible row of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ListState {
    /// The selected row.
    pub(super) selected: usize,
    /// The first visible row. The method of this name corrects it, so that the selected row is
    /// visible.
    pub(super) top: usize,
}

impl ListState {
    /// Returns the first row to show on `lines` lines, so that the selected row is visible.
    #[must_use]
    pub(super) fn top(&self, lines: usize, rows: usize) -> usize {
        let selected = self.selected.min(rows.saturating_sub(1));
        let lines = lines.max(1);
        let lowest = (selected + 1).saturating_sub(lines);
        self.top.clamp(lowest, selected.max(lowest)).min(rows.saturating_sub(lines).max(lowest))
    }

    /// Applies a movement. Returns false if the action is not a movement.
    pub(super) fn handle_action(&mut self, action: Action, lines: usize, rows: usize) -> bool {
        let last = rows.saturating_sub(1);
        let page = lines.saturating_sub(1).max(1);
        self.top = self.top(lines, rows);
        self.selected = match action {
            Action::Up => self.selected.saturating_sub(1),
            Action::Down => self.selected + 1,
            Action::PageUp => self.selected.saturating_sub(page),
            Action::PageDown => self.selected + page,
            Action::Home => 0,
            Action::End => last,
            _ => return false,
        }
        .min(last);
        self.top = self.top(lines, rows);
        true
    }

    /// Moves to the new row of the selected item. The item stays on its line of the screen.
    pub(super) fn move_to(&mut self, row: usize) {
        let moved = row as i128 - self.selected as i128;
        self.top = usize::try_from(self.top as i128 + moved).unwrap_or(0);
        self.selected = row;
    }

    /// Selects a row, or the last one if `row` is beyond it.
    pub(super) fn select(&mut self, row: usize, rows: usize) {
        self.selected = row.min(rows.saturating_sub(1));
    }

    /// Keeps the selection within `rows`.
    pub(super) fn clamp_to(&mut self, rows: usize) {
        self.select(self.selected, rows);
    }

    /// Returns the position for the footer: `3 of 10`.
    #[must_use]
    pub(super) fn status(&self, rows: usize) -> String {
        format!("{} of {rows}", (self.selected + 1).min(rows))
    }

    /// Scrolls by `by` lines. The selected row stays visible.
    pub(super) fn scroll(&mut self, down: bool, by: usize, lines: usize, rows: usize) {
        let top = self.top(lines, rows);
        self.top = if down { top + by } else { top.saturating_sub(by) }.min(rows.saturating_sub(lines));
        let lowest = (self.top + lines.max(1)).saturating_sub(1);
        self.selected = self.selected.clamp(self.top, lowest.max(self.top)).min(rows.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn selected_row_is_visible(
            steps in prop::collection::vec((0usize..8, 0usize..50, 1usize..30), 1..60),
        ) {
            let mut list = ListState::default();
            let moves = [Action::Up, Action::Down, Action::PageUp, Action::PageDown, Action::Home, Action::End];
            for (step, rows, lines) in steps {
                match moves.get(step) {
                    Some(action) => prop_assert!(list.handle_action(*action, lines, rows)),
                    None => list.scroll(step == 6, 3, lines, rows),
                }
                let top = list.top(lines, rows);
                prop_assert!(list.selected < rows.max(1));
                prop_assert!((top..top + lines).contains(&list.selected), "{list:?} {top} {lines}");
                prop_assert!(top == 0 || top + lines <= rows, "no empty lines below: {list:?}");
            }
        }
    }
}
