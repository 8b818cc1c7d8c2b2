//! Tables with aligned columns.

use super::label;
use super::style::{Paint, Role};
use crate::base::sanitize;

/// Cell of a table: sanitized text and its role.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    text: String,
    role: Role,
}

impl Cell {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self::in_role(Role::Plain, text)
    }

    pub(super) fn in_role(role: Role, text: impl Into<String>) -> Self {
        Self { text: text.into(), role }
    }

    /// Returns the cell of a duration in nanoseconds, `-` if `None`.
    pub(super) fn duration(ns: Option<i64>) -> Self {
        let role = if ns.is_none() { Role::Faint } else { Role::Plain };
        Self::in_role(role, label::cell(ns))
    }

    /// Returns the cell of a count. 0 is faint, other counts have the given role.
    pub(super) fn count(role: Role, count: u64) -> Self {
        Self::in_role(if count == 0 { Role::Faint } else { role }, count.to_string())
    }
}

/// Alignment and width of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    /// Left-aligned, as wide as the widest cell.
    Left,
    /// Right-aligned, as wide as the widest cell.
    Right,
    /// Left-aligned, in the width that the other columns leave. Longer text is cut.
    Rest,
}

/// Minimum width in columns to which text is cut. Shorter text would be unreadable.
const MIN_CUT_WIDTH: usize = 8;

/// Table under construction. Columns are separated by two blanks.
#[derive(Debug)]
pub(super) struct Table {
    heads: Vec<(Align, &'static str)>,
    rows: Vec<TableRow>,
}

#[derive(Debug)]
enum TableRow {
    Cells(Vec<Cell>),
    /// Cells that ignore the columns.
    Span(Vec<Cell>),
}

impl Table {
    pub(super) fn new(heads: &[(Align, &'static str)]) -> Self {
        Self { heads: heads.to_vec(), rows: Vec::new() }
    }

    pub(super) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(TableRow::Cells(cells));
    }

    /// Adds a line that ignores the columns, with two blanks between its cells. Text beyond the
    /// width is cut.
    pub(super) fn span(&mut self, cells: Vec<Cell>) {
        self.rows.push(TableRow::Span(cells));
    }

    /// Appends the table to `out`. Lines are indented by two blanks and at most `width` columns
    /// wide.
    pub(super) fn draw(&self, paint: Paint, width: usize, out: &mut String) {
        let widths = self.widths(width.saturating_sub(2));
        let heads: Vec<_> = self.heads.iter().map(|(_, head)| Cell::in_role(Role::Faint, *head)).collect();
        if self.heads.iter().any(|(_, head)| !head.is_empty()) {
            self.line(&heads, &widths, paint, out);
        }
        for row in &self.rows {
            match row {
                TableRow::Cells(cells) => self.line(cells, &widths, paint, out),
                TableRow::Span(cells) => span_line(cells, paint, width, out),
            }
        }
    }

    fn widths(&self, width: usize) -> Vec<usize> {
        let mut widths: Vec<_> = self.heads.iter().map(|(_, head)| sanitize::width(head)).collect();
        for row in &self.rows {
            let TableRow::Cells(row) = row else { continue };
            for (widest, cell) in widths.iter_mut().zip(row) {
                *widest = sanitize::width(&cell.text).max(*widest);
            }
        }
        let gaps = self.heads.len().saturating_sub(1) * 2;
        let fixed: usize = widths
            .iter()
            .zip(&self.heads)
            .filter(|(_, (align, _))| *align != Align::Rest)
            .map(|(w, _)| w)
            .sum();
        let rests = self.heads.iter().filter(|(align, _)| *align == Align::Rest).count().max(1);
        let each = (width.saturating_sub(fixed + gaps) / rests).max(MIN_CUT_WIDTH);
        for (widest, (align, _)) in widths.iter_mut().zip(&self.heads) {
            if *align == Align::Rest {
                *widest = (*widest).min(each);
            }
        }
        // Columns that are not `Rest` may be too wide as well: shrink the widest ones that are not
        // right-aligned.
        while widths.iter().sum::<usize>() + gaps > width {
            let texts = widths.iter_mut().zip(&self.heads).filter(|(_, (align, _))| *align != Align::Right);
            match texts.map(|(widest, _)| widest).max() {
                Some(widest) if *widest > MIN_CUT_WIDTH => *widest -= 1,
                _ => break,
            }
        }
        widths
    }

    fn line(&self, cells: &[Cell], widths: &[usize], paint: Paint, out: &mut String) {
        out.push_str("  ");
        let columns = self.heads.iter().zip(widths).zip(cells).enumerate();
        for (i, (((align, _), width), cell)) in columns {
            let text = sanitize::fit(&cell.text, *width);
            let blanks = width.saturating_sub(sanitize::width(&text));
            if i > 0 {
                out.push_str("  ");
            }
            if *align == Align::Right {
                push_blanks(out, blanks);
            }
            paint.push(out, cell.role, &text);
            if *align != Align::Right && i + 1 < cells.len() {
                push_blanks(out, blanks);
            }
        }
        out.truncate(out.trim_end_matches(' ').len());
        out.push('\n');
    }
}

fn span_line(cells: &[Cell], paint: Paint, width: usize, out: &mut String) {
    let mut left = width;
    for cell in cells {
        left = left.saturating_sub(2);
        let text = sanitize::fit(&cell.text, left);
        left = left.saturating_sub(sanitize::width(&text));
        if !text.is_empty() {
            out.push_str("  ");
            paint.push(out, cell.role, &text);
        }
    }
    out.push('\n');
}

fn push_blanks(out: &mut String, blanks: usize) {
    out.extend(std::iter::repeat_n(' ', blanks));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_give_way_to_the_width() {
        let mut table = Table::new(&[
            (Align::Left, "client"),
            (Align::Rest, ""),
            (Align::Right, "n"),
            (Align::Left, "ended"),
        ]);
        let client = "[2001:db8:1234:5678:9abc:def0:1234:5678]:65535";
        let ended = "stream_closed (degraded)";
        table.row([client, "a-client 1.0.0", "1000000", ended].map(Cell::new).to_vec());
        let mut text = String::new();
        table.draw(Paint::default(), 80, &mut text);
        assert!(text.lines().all(|line| sanitize::width(line) <= 80), "{text}");
        assert!(
            text.contains(ended) && text.contains("1000000") && text.contains("[2001:db8:1234"),
            "{text}"
        );
    }
}
