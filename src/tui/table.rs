//! A table: header, rows, selected row, scroll bar. Columns are left out from the right as the
//! screen narrows.

use std::borrow::Cow;

use ratatui::layout::{Position, Rect};
use ratatui::widgets::{Scrollbar, ScrollbarOrientation, ScrollbarState, StatefulWidget as _};

use super::frame_info::{Hit, Pane};
use super::list_state::ListState;
use super::painter::Painter;
use super::theme::Role;
use crate::base::sanitize;

/// A column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Column {
    /// The header.
    pub(super) title: &'static str,
    /// The width in columns of the screen; the smallest width if it grows.
    pub(super) width: u16,
    /// Whether it shares the remaining width with other growing columns.
    pub(super) grows: bool,
    /// Whether its text is aligned to the right.
    pub(super) right: bool,
    /// Which values come first when the rows are sorted by it; `None` if they cannot be.
    pub(super) sorts: Option<First>,
}

/// The values that come first when rows are sorted by a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum First {
    /// The smallest: for names and times.
    Least,
    /// The largest: for counts, where the user looks for the largest.
    Largest,
}

impl Column {
    /// Returns a column of fixed width, aligned to the left.
    #[must_use]
    pub(super) const fn new(title: &'static str, width: u16) -> Self {
        Self { title, width, grows: false, right: false, sorts: None }
    }

    /// Aligns the column to the right, for numbers.
    #[must_use]
    pub(super) const fn right(self) -> Self {
        Self { right: true, ..self }
    }

    /// Lets rows be sorted by the column.
    #[must_use]
    pub(super) const fn sorts(self, first: First) -> Self {
        Self { sorts: Some(first), ..self }
    }

    /// Lets the column share the remaining width.
    #[must_use]
    pub(super) const fn grows(self) -> Self {
        Self { grows: true, ..self }
    }
}

/// The content of a cell.
#[derive(Clone, Debug)]
pub(super) enum Cell {
    /// Text.
    Text(Role, Cow<'static, str>),
    /// Several spans, one after the other.
    Parts(Vec<(Role, Cow<'static, str>)>),
    /// Several spans, then a text whose end matters, such as an address. If they do not fit, each
    /// is cut.
    Ended(Vec<(Role, Cow<'static, str>)>, (Role, Cow<'static, str>)),
    /// A bar of several parts, with the length of each as a part of 1.
    Bar(Vec<(Role, f64)>),
    /// A sparkline: the height of each column, relative to the largest.
    Levels(Role, Vec<u32>),
    /// Nothing.
    Empty,
}

impl Cell {
    /// Returns a cell with a text.
    pub(super) fn text(role: Role, text: impl Into<Cow<'static, str>>) -> Self {
        Self::Text(role, text.into())
    }

    /// Returns a cell with a text whose end matters, such as an address.
    pub(super) fn end(role: Role, text: impl Into<Cow<'static, str>>) -> Self {
        Self::Ended(Vec::new(), (role, text.into()))
    }
}

/// A table to draw. Rows are made only if they are visible.
#[derive(Debug)]
pub(super) struct Table<'a> {
    /// The columns in order. Those that do not fit are left out from the right.
    pub(super) columns: &'a [Column],
    /// The sorted column, and whether the largest come first; `None` if the rows are not sorted.
    pub(super) sorted: Option<(usize, bool)>,
    /// The number of rows.
    pub(super) rows: usize,
    /// The selected row and the scroll position.
    pub(super) list: ListState,
    /// Whether the table receives the keys.
    pub(super) focused: bool,
    /// The pane that the table fills.
    pub(super) pane: Pane,
}

impl Table<'_> {
    /// Draws the header and the rows that fit. `row` returns the cells of a row in the order of the
    /// columns; the last cell of a row that has fewer takes the width of those it lacks.
    pub(super) fn draw(&self, area: Rect, painter: &mut Painter<'_>, row: impl Fn(usize) -> Vec<Cell>) {
        if area.height < 2 || area.width < 4 {
            return;
        }
        // A blank separates the last column and the scroll bar.
        let right = if self.rows > usize::from(area.height - 1) { 3 } else { 2 };
        let inner = Rect { x: area.x + 1, width: area.width.saturating_sub(right), ..area };
        let areas = column_areas(self.columns, inner);
        for (index, (column, place)) in self.columns.iter().zip(&areas).enumerate() {
            let place = Rect { height: 1, ..*place };
            let mark = self.sorted.filter(|(sorted, _)| *sorted == index).map_or("", |(_, down)| {
                let [up, downwards] = painter.symbols().sorted;
                if down { downwards } else { up }
            });
            let title = format!("{}{mark}", column.title);
            // The mark may use the blank beside the column.
            let more = u16::from(!mark.is_empty() && title.chars().count() > usize::from(place.width));
            let wide =
                Rect { x: place.x - if column.right { more } else { 0 }, width: place.width + more, ..place };
            if column.right {
                painter.draw_right(wide, Role::Title, &title);
            } else {
                painter.draw_text(wide.as_position(), wide.width, Role::Title, &title);
            }
            // If there are two tables on the screen, the list is the sorted one.
            if self.pane == Pane::List {
                painter.add_hit(place, Hit::Column(index));
            }
        }
        let body = Rect { y: area.y + 1, height: area.height - 1, ..area };
        painter.add_pane(self.pane, body);
        let top = self.list.top(body.height.into(), self.rows);
        for (line, index) in (body.y..body.bottom()).zip(top..self.rows) {
            let whole = Rect { y: line, height: 1, ..body };
            let cells = row(index);
            for (at, ((column, place), cell)) in self.columns.iter().zip(&areas).zip(&cells).enumerate() {
                let end = if at + 1 == cells.len() { areas.last() } else { None }.unwrap_or(place).right();
                let place = Rect { y: line, height: 1, width: end.saturating_sub(place.x), ..*place };
                draw_cell(cell, place, column.right, painter);
            }
            if index == self.list.selected {
                painter.set_role(whole, if self.focused { Role::Selected } else { Role::Strong });
                let pointer = painter.symbols().pointer;
                painter.draw_text(Position::new(body.x, line), 1, Role::Key, pointer);
            }
            painter.add_hit(whole, Hit::Row(self.pane, index));
        }
        scroll_bar(painter, body, top, self.rows);
    }
}

/// Draws the scroll bar at the right end of `body`, unless all rows are visible.
pub(super) fn scroll_bar(painter: &mut Painter<'_>, body: Rect, top: usize, rows: usize) {
    let lines = usize::from(body.height);
    if rows <= lines || lines == 0 {
        return;
    }
    let symbols = painter.symbols();
    let [_, standing] = symbols.rules;
    let bar = Scrollbar::new(ScrollbarOrientation::VerticalRight)
        .begin_symbol(None)
        .end_symbol(None)
        .track_symbol(Some(standing))
        .thumb_symbol(symbols.bar[7])
        .track_style(painter.style(Role::Border))
        .thumb_style(painter.style(Role::Title));
    // The scroll bar ranges over the possible first rows.
    let mut state = ScrollbarState::new(rows - lines + 1).position(top).viewport_content_length(lines);
    bar.render(body, painter.cells(), &mut state);
}

/// Returns the areas of the columns that fit, from the left.
fn column_areas(columns: &[Column], area: Rect) -> Vec<Rect> {
    let mut used = 0;
    let fit = columns
        .iter()
        .take_while(|column| {
            let gap = u16::from(used > 0);
            used += column.width + gap;
            used <= area.width
        })
        .count()
        .max(1);
    let shown = columns.get(..fit).unwrap_or(columns);
    let least: u16 =
        shown.iter().map(|column| column.width).sum::<u16>() + (shown.len() as u16).saturating_sub(1);
    let mut spare = area.width.saturating_sub(least);
    let mut growing = shown.iter().filter(|column| column.grows).count() as u16;
    let mut x = area.x;
    shown
        .iter()
        .map(|column| {
            let more = if column.grows { spare.div_ceil(growing.max(1)) } else { 0 };
            growing -= u16::from(column.grows);
            spare -= more;
            let width = column.width + more;
            let place = Rect { x, y: area.y, width, height: area.height }.intersection(area);
            x = x.saturating_add(width + 1);
            place
        })
        .collect()
}

fn draw_cell(cell: &Cell, place: Rect, right: bool, painter: &mut Painter<'_>) {
    match cell {
        Cell::Text(role, text) if right => painter.draw_right(place, *role, text),
        Cell::Text(role, text) => drop(painter.draw_text(place.as_position(), place.width, *role, text)),
        Cell::Parts(parts) => {
            let parts: Vec<(Role, &str)> = parts.iter().map(|(role, text)| (*role, text.as_ref())).collect();
            painter.draw_spans(place, &parts);
        }
        Cell::Ended(parts, end) => draw_ended(parts, end, place, painter),
        Cell::Bar(parts) => draw_parts(parts, place, painter),
        Cell::Levels(role, counts) => draw_levels(*role, counts, place, painter),
        Cell::Empty => {}
    }
}

fn draw_ended(
    parts: &[(Role, Cow<'_, str>)],
    (role, end): &(Role, Cow<'_, str>),
    place: Rect,
    painter: &mut Painter<'_>,
) {
    let columns = |text: &str| u16::try_from(sanitize::width(&sanitize::escape(text))).unwrap_or(u16::MAX);
    let front: u16 = parts.iter().map(|(_, text)| columns(text)).fold(0, u16::saturating_add);
    // At least the port of an address is shown, behind the mark for cut text.
    let port = end.rfind(':').and_then(|at| end.get(at..)).unwrap_or(end);
    let back = columns(end).min(place.width.saturating_sub(front).max(columns(port) + 1)).min(place.width);
    let parts: Vec<(Role, &str)> = parts.iter().map(|(role, text)| (*role, text.as_ref())).collect();
    let room = place.width - back;
    let used =
        painter.draw_spans(Rect { width: room.saturating_sub(u16::from(front > room)), ..place }, &parts);
    let x = place.x + if front > room { room } else { used };
    let end = cut_front(end, back, painter.symbols().more);
    painter.draw_text(Position::new(x, place.y), back, *role, &end);
}

fn draw_levels(role: Role, counts: &[u32], place: Rect, painter: &mut Painter<'_>) {
    let levels = painter.symbols().levels;
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let step = |count: &u32| {
        let step = (u64::from(*count) * levels.len() as u64).div_ceil(u64::from(most));
        usize::try_from(step)
            .unwrap_or(0)
            .checked_sub(1)
            .and_then(|at| levels.get(at))
            .copied()
            .unwrap_or(" ")
    };
    let line: String = counts.iter().map(step).collect();
    painter.draw_text(place.as_position(), place.width, role, &line);
}

/// Returns as much of the end of a text as `columns` can hold.
fn cut_front(text: &str, columns: u16, more: &str) -> String {
    let text = sanitize::escape(text);
    if sanitize::width(&text) <= usize::from(columns) {
        return text.into_owned();
    }
    let room = usize::from(columns).saturating_sub(sanitize::width(more));
    let starts = text.char_indices().map(|(at, _)| text.get(at..).unwrap_or_default());
    let kept = starts.into_iter().find(|rest| sanitize::width(rest) <= room).unwrap_or_default();
    format!("{more}{kept}")
}

/// Draws the parts of a bar. Each part that is not empty takes at least one column.
fn draw_parts(parts: &[(Role, f64)], place: Rect, painter: &mut Painter<'_>) {
    let full = painter.symbols().bar[7];
    let mut from = 0.0_f64;
    let mut x = place.x;
    for (role, part) in parts {
        from += part.max(0.0);
        let until = place.x + (from.min(1.0) * f64::from(place.width)).round() as u16;
        let until = if *part > 0.0 { until.max(x + 1) } else { until };
        let width = until.min(place.right()).saturating_sub(x);
        painter.draw_text(Position::new(x, place.y), width, *role, &full.repeat(width.into()));
        x += width;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_drop_from_the_right_and_growing_ones_share_the_rest() {
        let columns = [Column::new("a", 5), Column::new("b", 10).grows(), Column::new("c", 5)];
        let widths = |width| -> Vec<u16> {
            column_areas(&columns, Rect::new(0, 0, width, 1)).iter().map(|place| place.width).collect()
        };
        assert_eq!(widths(30), [5, 18, 5]);
        assert_eq!(widths(22), [5, 10, 5]);
        assert_eq!(widths(21), [5, 15]);
        assert_eq!(widths(15), [5]);
        assert_eq!(widths(3), [3]);
        let columns = [Column::new("a", 5).grows(), Column::new("b", 5).grows()];
        let areas = column_areas(&columns, Rect::new(0, 0, 20, 1));
        assert_eq!(areas.iter().map(|place| (place.x, place.width)).collect::<Vec<_>>(), [(0, 10), (11, 9)]);
    }

    #[test]
    fn end_of_an_address_is_kept() {
        assert_eq!(cut_front("127.0.0.1:3000", 14, "…"), "127.0.0.1:3000");
        assert_eq!(cut_front("127.0.0.1:3000", 7, "…"), "…1:3000");
        assert_eq!(cut_front("127.0.0.1:3000", 1, "…"), "…");
    }
}
