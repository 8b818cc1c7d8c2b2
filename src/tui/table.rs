//! A table of rows: columns that drop from the right as the screen narrows, the header, the selected row, the scroll bar.

use std::borrow::Cow;

use ratatui::layout::{Position, Rect};

use super::list::List;
use super::pen::{Hit, Pane, Pen};
use super::theme::Role;

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Column {
    /// What stands above it.
    pub(super) title: &'static str,
    /// Its columns on the screen; the least, where it grows.
    pub(super) width: u16,
    /// Whether it takes what is left. The first such column does.
    pub(super) grows: bool,
    /// Whether its texts end at its right end.
    pub(super) right: bool,
}

impl Column {
    /// A column of fixed width whose texts begin at the left.
    #[must_use]
    pub(super) const fn new(title: &'static str, width: u16) -> Self {
        Self { title, width, grows: false, right: false }
    }

    /// With texts that end at the right: numbers.
    #[must_use]
    pub(super) const fn right(self) -> Self {
        Self { right: true, ..self }
    }

    /// With the columns that are left.
    #[must_use]
    pub(super) const fn grows(self) -> Self {
        Self { grows: true, ..self }
    }
}

/// What stands in a row's column.
#[derive(Clone, Debug)]
pub(super) enum Cell {
    /// Text.
    Text(Role, Cow<'static, str>),
    /// Several texts, one behind the other.
    Parts(Vec<(Role, Cow<'static, str>)>),
    /// A bar in parts: how long each is, of a whole of 1.
    Bar(Vec<(Role, f64)>),
    /// Nothing.
    Empty,
}

impl Cell {
    /// A text.
    pub(super) fn text(role: Role, text: impl Into<Cow<'static, str>>) -> Self {
        Self::Text(role, text.into())
    }
}

/// A table to be drawn: rows are made for what is visible alone.
#[derive(Debug)]
pub(super) struct Table<'a> {
    /// The columns, in the order of the view; those that find no room are left out from the right.
    pub(super) columns: &'a [Column],
    /// Which column it is sorted by, and whether downwards; `None` where it is in no order.
    pub(super) sorted: Option<(usize, bool)>,
    /// How many rows there are.
    pub(super) rows: usize,
    /// Which is selected.
    pub(super) list: List,
    /// Whether keys go here.
    pub(super) focused: bool,
    /// Which pane it is.
    pub(super) pane: Pane,
}

impl Table<'_> {
    /// Draws the header and the rows that fit; `row` makes the cells of one, in the order of the columns.
    pub(super) fn draw(&self, area: Rect, pen: &mut Pen<'_>, row: impl Fn(usize) -> Vec<Cell>) {
        if area.height < 2 || area.width < 4 {
            return;
        }
        let inner = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
        let places = places(self.columns, inner);
        for (index, (column, place)) in self.columns.iter().zip(&places).enumerate() {
            let place = Rect { height: 1, ..*place };
            let mark = self.sorted.filter(|(sorted, _)| *sorted == index).map_or("", |(_, down)| {
                let [up, downwards] = pen.symbols().sorted;
                if down { downwards } else { up }
            });
            let title = format!("{}{mark}", column.title);
            if column.right {
                pen.right(place, Role::Title, &title);
            } else {
                pen.text(place.as_position(), place.width, Role::Title, &title);
            }
            pen.hit(place, Hit::Column(index));
        }
        let body = Rect { y: area.y + 1, height: area.height - 1, ..area };
        pen.pane(self.pane, body);
        let top = self.list.top(body.height.into(), self.rows);
        for (line, index) in (body.y..body.bottom()).zip(top..self.rows) {
            let whole = Rect { y: line, height: 1, ..body };
            for ((column, place), cell) in self.columns.iter().zip(&places).zip(row(index)) {
                draw_cell(&cell, Rect { y: line, height: 1, ..*place }, column.right, pen);
            }
            if index == self.list.selected {
                pen.wash(whole, if self.focused { Role::Selected } else { Role::Strong });
                let pointer = pen.symbols().pointer;
                pen.text(Position::new(body.x, line), 1, Role::Key, pointer);
            }
            pen.hit(whole, Hit::Row(self.pane, index));
        }
        scroll_bar(pen, body, top, self.rows);
    }
}

/// How far through its rows a pane is, at its right end. Nothing where all are to be seen.
pub(super) fn scroll_bar(pen: &mut Pen<'_>, body: Rect, top: usize, rows: usize) {
    let lines = usize::from(body.height);
    if rows <= lines || lines == 0 {
        return;
    }
    let thumb = (lines * lines / rows).clamp(1, lines);
    let at = (lines - thumb) * top / (rows - lines).max(1);
    let [_, standing] = pen.symbols().rules;
    for line in 0..lines.min(usize::from(u16::MAX)) {
        let is_thumb = (at..at + thumb).contains(&line);
        let (role, text) =
            if is_thumb { (Role::Title, pen.symbols().bar[7]) } else { (Role::Border, standing) };
        pen.text(Position::new(body.right().saturating_sub(1), body.y + line as u16), 1, role, text);
    }
}

/// Where the columns are: as many as fit, from the left.
fn places(columns: &[Column], area: Rect) -> Vec<Rect> {
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
    let mut x = area.x;
    shown
        .iter()
        .map(|column| {
            let width = column.width + if column.grows { std::mem::take(&mut spare) } else { 0 };
            let place = Rect { x, y: area.y, width, height: area.height }.intersection(area);
            x = x.saturating_add(width + 1);
            place
        })
        .collect()
}

fn draw_cell(cell: &Cell, place: Rect, right: bool, pen: &mut Pen<'_>) {
    match cell {
        Cell::Text(role, text) if right => pen.right(place, *role, text),
        Cell::Text(role, text) => drop(pen.text(place.as_position(), place.width, *role, text)),
        Cell::Parts(parts) => {
            let parts: Vec<(Role, &str)> = parts.iter().map(|(role, text)| (*role, text.as_ref())).collect();
            pen.line(place, &parts);
        }
        Cell::Bar(parts) => draw_parts(parts, place, pen),
        Cell::Empty => {}
    }
}

/// Parts of a whole: each has at least a column where it has any length, so that what is short is seen.
fn draw_parts(parts: &[(Role, f64)], place: Rect, pen: &mut Pen<'_>) {
    let full = pen.symbols().bar[7];
    let mut from = 0.0_f64;
    let mut x = place.x;
    for (role, part) in parts {
        from += part.max(0.0);
        let until = place.x + (from.min(1.0) * f64::from(place.width)).round() as u16;
        let until = if *part > 0.0 { until.max(x + 1) } else { until };
        let width = until.min(place.right()).saturating_sub(x);
        pen.text(Position::new(x, place.y), width, *role, &full.repeat(width.into()));
        x += width;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_drop_from_the_right_and_one_grows() {
        let columns = [Column::new("a", 5), Column::new("b", 10).grows(), Column::new("c", 5)];
        let widths = |width| -> Vec<u16> {
            places(&columns, Rect::new(0, 0, width, 1)).iter().map(|place| place.width).collect()
        };
        assert_eq!(widths(30), [5, 18, 5]);
        assert_eq!(widths(22), [5, 10, 5]);
        assert_eq!(widths(21), [5, 15]);
        assert_eq!(widths(15), [5]);
        assert_eq!(widths(3), [3]);
    }
}
