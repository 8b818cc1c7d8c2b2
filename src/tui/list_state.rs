//! A list that is moved through: which row is selected, and which is the first on the screen.

use super::action::Action;

/// Where somebody stands in a list. Knows numbers of rows alone: whose rows they are is the view's business.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ListState {
    /// The selected row.
    pub(super) selected: usize,
    /// The first row that is shown, as far as the selected one allows.
    pub(super) top: usize,
}

impl ListState {
    /// The first row to be shown on so many lines, so that the selected one is among them.
    #[must_use]
    pub(super) fn top(&self, lines: usize, rows: usize) -> usize {
        let selected = self.selected.min(rows.saturating_sub(1));
        let lines = lines.max(1);
        let lowest = (selected + 1).saturating_sub(lines);
        self.top.clamp(lowest, selected.max(lowest)).min(rows.saturating_sub(lines).max(lowest))
    }

    /// Moves, where the action moves; else says so with false.
    pub(super) fn act(&mut self, action: Action, lines: usize, rows: usize) -> bool {
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

    /// What is selected stands in another row now: it keeps its line on the screen while others come before it.
    pub(super) fn follow(&mut self, row: usize) {
        let moved = row as i128 - self.selected as i128;
        self.top = usize::try_from(self.top as i128 + moved).unwrap_or(0);
        self.selected = row;
    }

    /// A row is selected, of so many.
    pub(super) fn select(&mut self, row: usize, rows: usize) {
        self.selected = row.min(rows.saturating_sub(1));
    }

    /// There are so many rows now: what is selected is one of them.
    pub(super) fn hold(&mut self, rows: usize) {
        self.select(self.selected, rows);
    }

    /// Where one is, for the footer: `3 of 10`.
    #[must_use]
    pub(super) fn status(&self, rows: usize) -> String {
        format!("{} of {rows}", (self.selected + 1).min(rows))
    }

    /// Moves the window by so many lines; what is selected stays on the screen.
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
        fn what_is_selected_is_on_the_screen(
            steps in prop::collection::vec((0usize..8, 0usize..50, 1usize..30), 1..60),
        ) {
            let mut list = ListState::default();
            let moves = [Action::Up, Action::Down, Action::PageUp, Action::PageDown, Action::Home, Action::End];
            for (step, rows, lines) in steps {
                match moves.get(step) {
                    Some(action) => prop_assert!(list.act(*action, lines, rows)),
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
