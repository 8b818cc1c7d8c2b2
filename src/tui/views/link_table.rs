//! A table whose rows may lead to an exchange or to a filter.

use ratatui::layout::Rect;

use crate::tui::action::Action;
use crate::tui::effect::Effect;
use crate::tui::frame_info::{FrameInfo, Hit, Pane};
use crate::tui::list_state::ListState;
use crate::tui::painter::Painter;
use crate::tui::table::{Cell, Column, Table};

/// Where a row leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum LinkTarget {
    /// Nowhere.
    #[default]
    Nothing,
    /// An exchange, by its `n`.
    Exchange(u64),
    /// The exchanges that pass a filter.
    Filter(String),
}

/// A row of a link table.
#[derive(Clone, Debug)]
pub(super) struct LinkRow {
    pub(super) cells: Vec<Cell>,
    pub(super) target: LinkTarget,
}

/// A list of rows that is rebuilt when something changes.
#[derive(Debug, Default)]
pub(super) struct LinkTable {
    rows: Vec<LinkRow>,
    list: ListState,
    /// Target of the row that the user selected; `None` before that, and if the row leads nowhere.
    selected: Option<LinkTarget>,
}

impl LinkTable {
    /// Replaces the rows. The row that the user selected stays selected at its new position.
    pub(super) fn set(&mut self, rows: Vec<LinkRow>) {
        self.rows = rows;
        let stays = |row: &LinkRow| self.selected.as_ref() == Some(&row.target);
        match self.rows.iter().position(stays) {
            Some(row) if !self.rows.get(self.list.selected).is_some_and(stays) => self.list.move_to(row),
            _ => self.list.clamp_to(self.rows.len()),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns the target of the selected row.
    fn target(&self) -> LinkTarget {
        self.rows.get(self.list.selected).map(|row| row.target.clone()).unwrap_or_default()
    }

    pub(super) fn draw(&self, area: Rect, columns: &[Column], painter: &mut Painter<'_>) {
        let table = Table {
            columns,
            sorted: None,
            rows: self.rows.len(),
            list: self.list,
            focused: true,
            pane: Pane::List,
        };
        table.draw(area, painter, |row| self.rows.get(row).map(|row| row.cells.clone()).unwrap_or_default());
    }

    /// Moves the selection or follows the selected row; `None` if the action does not apply.
    pub(super) fn handle_action(&mut self, action: Action, frame: &FrameInfo) -> Option<Vec<Effect>> {
        if action == Action::Open {
            return match self.target() {
                LinkTarget::Nothing => Some(vec![Effect::Bell]),
                LinkTarget::Exchange(n) => Some(vec![Effect::OpenExchange(n)]),
                LinkTarget::Filter(text) => Some(vec![Effect::Filter(text)]),
            };
        }
        let moved = self.list.handle_action(action, frame.visible_rows(Pane::List), self.rows.len());
        self.remember_selection();
        moved.then(Vec::new)
    }

    pub(super) fn handle_click(&mut self, hit: Hit) {
        if let Hit::Row(Pane::List, row) = hit {
            self.list.select(row, self.rows.len());
            self.remember_selection();
        }
    }

    pub(super) fn handle_wheel(&mut self, down: bool, frame: &FrameInfo) {
        self.list.scroll(down, 3, frame.visible_rows(Pane::List), self.rows.len());
        self.remember_selection();
    }

    fn remember_selection(&mut self) {
        self.selected = Some(self.target()).filter(|target| *target != LinkTarget::Nothing);
    }
}
