//! The painter that views draw with. Every text passes through it and is sanitized: no control
//! character or credential from traffic reaches the terminal.

use std::borrow::Cow;

use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Position, Rect};
use ratatui::style::Style;

use super::frame_info::{FrameInfo, Hit, Pane};
use super::theme::{MASK, Role, Symbols, Theme};
use crate::base::{Files, sanitize};

/// A frame that is being drawn.
#[derive(Debug)]
pub(super) struct Painter<'a> {
    is_private: bool,
    files: Files,
    theme: &'a Theme,
    cells: &'a mut Buffer,
    info: FrameInfo,
}

impl<'a> Painter<'a> {
    /// Returns a painter for an empty frame. `is_private` masks ids, tokens and payloads.
    pub(super) fn new(theme: &'a Theme, cells: &'a mut Buffer, is_private: bool) -> Self {
        Self { is_private, files: Files::default(), theme, cells, info: FrameInfo::default() }
    }

    /// Numbers packets by these files.
    #[must_use]
    pub(super) fn with_files(self, files: Files) -> Self {
        Self { files, ..self }
    }

    /// Returns the files that number packets.
    pub(super) fn files(&self) -> &Files {
        &self.files
    }

    /// Returns the layout of the frame.
    pub(super) fn finish(self) -> FrameInfo {
        self.info
    }

    /// Whether ids, tokens and payloads are masked.
    pub(super) fn is_private(&self) -> bool {
        self.is_private
    }

    /// Returns the symbols of the theme.
    #[must_use]
    pub(super) fn symbols(&self) -> Symbols {
        *self.theme.symbols()
    }

    /// Returns the style of a role.
    #[must_use]
    pub(super) fn style(&self, role: Role) -> Style {
        self.theme.style(role)
    }

    /// Returns the cells of the frame, for widgets that draw themselves. They must not draw text
    /// from traffic.
    pub(super) fn cells(&mut self) -> &mut Buffer {
        self.cells
    }

    /// Draws text on one line, cut to `columns`. Returns the columns that it took.
    pub(super) fn draw_text(&mut self, at: Position, columns: u16, role: Role, text: &str) -> u16 {
        let area = self.cells.area;
        if columns == 0 || !area.contains(at) {
            return 0;
        }
        let columns = columns.min(area.right() - at.x);
        let text = sanitize(text, columns.into());
        let text = self.cut(&text, columns.into());
        let (end, _) = self.cells.set_stringn(at.x, at.y, &text, columns.into(), self.theme.style(role));
        end - at.x
    }

    /// Draws spans one after the other on the first line of `area`. Returns the columns that they
    /// took.
    pub(super) fn draw_spans(&mut self, area: Rect, spans: &[(Role, &str)]) -> u16 {
        let mut x = area.x;
        for (role, text) in spans {
            let left = area.right().saturating_sub(x);
            x += self.draw_text(Position::new(x, area.y), left, *role, text);
        }
        x - area.x
    }

    /// Draws text that ends at the right end of `area`.
    pub(super) fn draw_right(&mut self, area: Rect, role: Role, text: &str) {
        let text = sanitize(text, area.width.into());
        let columns = sanitize::width(&text).min(area.width.into()) as u16;
        self.draw_text(Position::new(area.right() - columns, area.y), columns, role, &text);
    }

    /// Restyles an area; the text in it stays.
    pub(super) fn set_role(&mut self, area: Rect, role: Role) {
        self.cells.set_style(area.intersection(self.cells.area), self.theme.style(role));
    }

    /// Empties an area.
    pub(super) fn clear(&mut self, area: Rect) {
        for at in area.intersection(self.cells.area).positions() {
            if let Some(cell) = self.cells.cell_mut(at) {
                cell.reset();
            }
        }
    }

    /// Draws a rule over the whole width of `area`, with a title unless it is empty.
    pub(super) fn draw_rule(&mut self, area: Rect, title: &str) {
        let [horizontal, _] = self.symbols().rules;
        self.draw_text(area.as_position(), area.width, Role::Border, &horizontal.repeat(area.width.into()));
        if !title.is_empty() {
            let at = Position::new(area.x + 2.min(area.width), area.y);
            self.draw_text(at, area.width.saturating_sub(4), Role::Title, &format!(" {title} "));
        }
    }

    /// Empties an area and draws a frame around it. Returns the area inside of the frame.
    pub(super) fn draw_frame(&mut self, area: Rect, title: &str) -> Rect {
        let ([_, vertical], corners) = (self.symbols().rules, self.symbols().corners);
        self.clear(area);
        let (right, bottom) = (area.right().saturating_sub(1), area.bottom().saturating_sub(1));
        self.draw_rule(Rect { height: 1, ..area }, title);
        self.draw_rule(Rect { y: bottom, height: 1, ..area }, "");
        for line in area.y..area.bottom() {
            self.draw_text(Position::new(area.x, line), 1, Role::Border, vertical);
            self.draw_text(Position::new(right, line), 1, Role::Border, vertical);
        }
        let positions = [(area.x, area.y), (right, area.y), (area.x, bottom), (right, bottom)];
        for ((x, y), corner) in positions.into_iter().zip(corners) {
            self.draw_text(Position::new(x, y), 1, Role::Border, corner);
        }
        area.inner(Margin::new(1, 1))
    }

    /// Draws a bar from the left of `area`, in eighths of a column. `part` is its length, 1 for the
    /// whole width.
    pub(super) fn draw_bar(&mut self, area: Rect, role: Role, part: f64) {
        let symbols = self.symbols();
        let eighths = (part.clamp(0.0, 1.0) * f64::from(area.width) * 8.0).round() as u16;
        let whole = symbols.bar[7].repeat((eighths / 8).into());
        let rest = usize::from(eighths % 8).checked_sub(1).and_then(|at| symbols.bar.get(at)).unwrap_or(&"");
        self.draw_text(area.as_position(), area.width, role, &format!("{whole}{rest}"));
    }

    /// Records the area of the rows of a pane.
    pub(super) fn add_pane(&mut self, pane: Pane, area: Rect) {
        self.info.add_pane(pane, area);
    }

    /// Records what a click on `area` hits.
    pub(super) fn add_hit(&mut self, area: Rect, hit: Hit) {
        self.info.add_hit(area, hit);
    }

    /// Returns the text, or a mask if ids, tokens and payloads are masked.
    #[must_use]
    pub(super) fn mask<'t>(&self, text: &'t str) -> &'t str {
        if self.is_private { MASK } else { text }
    }

    /// Cuts a text to `columns`; for a terminal without Unicode, replaces everything beyond ASCII.
    fn cut<'t>(&self, text: &'t str, columns: usize) -> Cow<'t, str> {
        let fits = sanitize::fit(text, columns);
        if !self.symbols().more.is_ascii() || fits.is_ascii() {
            return fits;
        }
        Cow::Owned(sanitize::to_ascii(&fits).into_owned())
    }
}

/// Returns as much of a text as `columns` can hold, sanitized and without credentials. A much
/// longer text is cut first: a line may have 10 MB.
fn sanitize(text: &str, columns: usize) -> String {
    let most = text.floor_char_boundary(columns.saturating_mul(16).saturating_add(64));
    let (front, _) = text.split_at_checked(most).unwrap_or((text, ""));
    sanitize::clean(front)
}
