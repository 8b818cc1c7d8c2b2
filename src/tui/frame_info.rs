//! The layout of a frame: where the panes are, and which areas can be clicked.

use ratatui::layout::{Position, Rect};

use super::action::Action;
use super::view_name::ViewName;

/// A part of the screen that scrolls on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pane {
    /// The list of the view.
    List,
    /// The opened item, or the pane below or beside the list.
    Detail,
}

/// Something on the screen that can be clicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hit {
    /// The tab of a view.
    View(ViewName),
    /// A row of a pane.
    Row(Pane, usize),
    /// A cell of a row of a pane: the row, and the index of the cell.
    Cell(Pane, usize, usize),
    /// The header of a column, by its index in the view's table.
    Column(usize),
    /// A tab of the opened item.
    Tab(usize),
    /// A label that stands for an action.
    Action(Action),
}

/// The layout of a frame: panes and clickable areas.
#[derive(Clone, Debug, Default)]
pub struct FrameInfo {
    panes: Vec<(Pane, Rect)>,
    hits: Vec<(Rect, Hit)>,
}

impl FrameInfo {
    /// Records the area of the rows of a pane.
    pub(super) fn add_pane(&mut self, pane: Pane, area: Rect) {
        self.panes.push((pane, area));
    }

    /// Records what a click on `area` hits. Later areas lie above earlier ones.
    pub(super) fn add_hit(&mut self, area: Rect, hit: Hit) {
        self.hits.push((area, hit));
    }

    /// Returns the number of rows that a pane shows; 1 if it was not drawn.
    #[must_use]
    pub(super) fn visible_rows(&self, pane: Pane) -> usize {
        self.area(pane).map_or(1, |area| usize::from(area.height).max(1))
    }

    /// Returns the area of the rows of a pane; `None` if it was not drawn.
    #[must_use]
    pub(super) fn area(&self, pane: Pane) -> Option<Rect> {
        self.panes.iter().rev().find(|(of, _)| *of == pane).map(|(_, area)| *area)
    }

    /// Returns what a click at a position hits.
    #[must_use]
    pub(super) fn hit_at(&self, position: Position) -> Option<Hit> {
        self.hits.iter().rev().find(|(area, _)| area.contains(position)).map(|(_, hit)| *hit)
    }

    /// Returns the pane at a position.
    #[must_use]
    pub(super) fn pane_at(&self, position: Position) -> Option<Pane> {
        self.panes.iter().rev().find(|(_, area)| area.contains(position)).map(|(pane, _)| *pane)
    }
}
