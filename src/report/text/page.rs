//! Layout of the text report.

use crate::base::{Files, sanitize};
use crate::report::options::Options;
use crate::report::style::{Paint, Role};
use crate::report::table::Table;
use crate::why::Limits;

/// Minimum width in columns.
const MIN_WIDTH: usize = 60;

/// Blank at which [`Page::line`] does not wrap. Written as a normal blank.
pub(super) const HARD_BLANK: &str = "\u{a0}";

/// Text that is being composed, and its layout.
pub(super) struct Page {
    pub(super) paint: Paint,
    /// Width in columns.
    pub(super) width: usize,
    /// Maximum number of rows in each table.
    pub(super) rows: usize,
    /// Numbers the packets.
    pub(super) numbering: Files,
    /// The limits that ends are compared with.
    pub(super) limits: Limits,
    pub(super) text: String,
}

impl Page {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            paint: Paint { color: options.color },
            width: options.width.max(MIN_WIDTH),
            rows: options.rows,
            numbering: options.numbering.clone(),
            limits: options.limits.clone(),
            text: String::new(),
        }
    }

    pub(super) fn heading(&mut self, title: &str, remark: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.paint.push(&mut self.text, Role::Heading, title);
        if !remark.is_empty() {
            self.text.push_str("  ");
            let left = self.width.saturating_sub(sanitize::width(title) + 2);
            self.paint.push(&mut self.text, Role::Faint, &sanitize::fit(remark, left));
        }
        self.text.push('\n');
    }

    pub(super) fn table(&mut self, table: &Table) {
        table.draw(self.paint, self.width, &mut self.text);
    }

    /// Adds indented text, wrapped between words.
    pub(super) fn line(&mut self, role: Role, indent: usize, text: &str) {
        let width = self.width.saturating_sub(indent);
        let mut line = String::new();
        for word in text.split(' ') {
            let longer = sanitize::width(&line) + 1 + sanitize::width(word);
            if !line.is_empty() && longer > width {
                self.push_line(role, indent, &line);
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.push_line(role, indent, &line);
    }

    fn push_line(&mut self, role: Role, indent: usize, line: &str) {
        self.text.extend(std::iter::repeat_n(' ', indent));
        let line = line.replace(HARD_BLANK, " ");
        let line = sanitize::fit(&line, self.width.saturating_sub(indent));
        self.paint.push(&mut self.text, role, &line);
        self.text.push('\n');
    }

    /// Adds the line "and N more" if fewer than `all` rows of a table are `shown`.
    pub(super) fn more(&mut self, all: u64, shown: usize) {
        let count = all.saturating_sub(shown as u64);
        if count > 0 {
            self.line(Role::Faint, 2, &format!("and {count} more"));
        }
    }
}
