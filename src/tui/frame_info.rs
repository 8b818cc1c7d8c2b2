//! What drawing a frame learned: where the panes are, and what lies where for the mouse.

use ratatui::layout::{Position, Rect};

use super::action::Action;
use super::view_name::ViewName;

/// A part of the screen that is scrolled for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pane {
    /// The list of the view.
    List,
    /// What was opened, or stands below or beside the list.
    Detail,
}

/// What lies at a place of the screen, for the mouse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hit {
    /// The tab of a view.
    View(ViewName),
    /// A row of a pane.
    Row(Pane, usize),
    /// A cell of a row of a pane: the row, and the place in it.
    Cell(Pane, usize, usize),
    /// The header of a column, by its number in the view's table.
    Column(usize),
    /// A tab of what was opened.
    Tab(usize),
    /// Something that can be asked for.
    Action(Action),
}

/// What drawing learned: where panes are and what lies where.
#[derive(Clone, Debug, Default)]
pub struct FrameInfo {
    pub(super) panes: Vec<(Pane, Rect)>,
    pub(super) hits: Vec<(Rect, Hit)>,
}

impl FrameInfo {
    /// The lines that a pane has for its rows; 1 where it was not drawn.
    #[must_use]
    pub fn lines(&self, pane: Pane) -> usize {
        self.area(pane).map_or(1, |area| usize::from(area.height).max(1))
    }

    /// Where the rows of a pane are; `None` where it was not drawn.
    #[must_use]
    pub fn area(&self, pane: Pane) -> Option<Rect> {
        self.panes.iter().rev().find(|(of, _)| *of == pane).map(|(_, area)| *area)
    }

    /// What lies at a place: what was drawn last.
    #[must_use]
    pub fn hit(&self, at: Position) -> Option<Hit> {
        self.hits.iter().rev().find(|(area, _)| area.contains(at)).map(|(_, hit)| *hit)
    }

    /// The pane at a place.
    #[must_use]
    pub fn pane(&self, at: Position) -> Option<Pane> {
        self.panes.iter().rev().find(|(_, area)| area.contains(at)).map(|(pane, _)| *pane)
    }
}
