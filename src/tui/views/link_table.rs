//! FilteredExchanges that are read and some of which lead somewhere.

use ratatui::layout::Rect;

use crate::tui::action::Action;
use crate::tui::effect::Effect;
use crate::tui::frame_info::{FrameInfo, Hit, Pane};
use crate::tui::list_state::ListState;
use crate::tui::painter::Painter;
use crate::tui::table::{Cell, Column, Table};

/// Where a row leads to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Target {
    /// Nowhere.
    #[default]
    Nothing,
    /// To an exchange, by its `n`.
    Exchange(u64),
    /// To the exchanges that pass a filter.
    Filter(String),
}

/// A row.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) cells: Vec<Cell>,
    pub(super) target: Target,
}

/// The rows of a view, as they are made when something changes.
#[derive(Debug, Default)]
pub(super) struct LinkTable {
    rows: Vec<Row>,
    list: ListState,
    /// Where the row leads to that somebody selected; `None` before that, and of one that leads nowhere.
    chosen: Option<Target>,
}

impl LinkTable {
    /// Other rows; what somebody selected stays so wherever it stands now.
    pub(super) fn set(&mut self, rows: Vec<Row>) {
        self.rows = rows;
        let stays = |row: &Row| self.chosen.as_ref() == Some(&row.target);
        match self.rows.iter().position(stays) {
            Some(row) if !self.rows.get(self.list.selected).is_some_and(stays) => self.list.follow(row),
            _ => self.list.hold(self.rows.len()),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Where the selected row leads to.
    fn target(&self) -> Target {
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

    /// Moves, or follows where the selected row leads; `None` for what it does not know.
    pub(super) fn act(&mut self, action: Action, seen: &FrameInfo) -> Option<Vec<Effect>> {
        if action == Action::Open {
            return match self.target() {
                Target::Nothing => Some(vec![Effect::Bell]),
                Target::Exchange(n) => Some(vec![Effect::Open(n)]),
                Target::Filter(text) => Some(vec![Effect::Filter(text)]),
            };
        }
        let moved = self.list.act(action, seen.lines(Pane::List), self.rows.len());
        self.keep();
        moved.then(Vec::new)
    }

    pub(super) fn click(&mut self, hit: Hit) {
        if let Hit::Row(Pane::List, row) = hit {
            self.list.select(row, self.rows.len());
            self.keep();
        }
    }

    pub(super) fn wheel(&mut self, down: bool, seen: &FrameInfo) {
        self.list.scroll(down, 3, seen.lines(Pane::List), self.rows.len());
        self.keep();
    }

    fn keep(&mut self) {
        self.chosen = Some(self.target()).filter(|target| *target != Target::Nothing);
    }
}
