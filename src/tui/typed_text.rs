//! A typed text on the screen, with its cursor.

use ratatui::layout::{Position, Rect};

use super::input_line::InputLine;
use super::painter::Painter;
use super::theme::Role;
use crate::base::sanitize;

/// A text that is being typed.
#[derive(Clone, Copy, Debug)]
pub(super) struct TypedText<'a> {
    text: &'a str,
    /// The position of the cursor, in bytes.
    cursor: usize,
}

impl<'a> TypedText<'a> {
    /// Returns the text of an input line.
    pub(super) fn of(line: &'a InputLine) -> Self {
        Self { text: line.text(), cursor: line.cursor() }
    }

    /// Draws the part of the text around the cursor that fits into `field`. Returns the position of
    /// the cursor.
    pub(super) fn draw(self, role: Role, field: Rect, painter: &mut Painter<'_>) -> Position {
        let (visible, before) = self.visible_part(field.width.into());
        painter.draw_text(field.as_position(), field.width, role, visible);
        Position::new((field.x + before).min(field.right().saturating_sub(1)), field.y)
    }

    /// Marks the position of an error, in bytes, if it is in the visible part.
    pub(super) fn mark_error(self, at: usize, field: Rect, painter: &mut Painter<'_>) {
        let (visible, _) = self.visible_part(field.width.into());
        let hidden = self.text.len() - visible.len();
        let Some(at) = at.min(self.text.len()).checked_sub(hidden) else { return };
        let before = visible.get(..at).unwrap_or(visible);
        let columns = sanitize::width(&sanitize::escape(before)).min(field.width.saturating_sub(1).into());
        painter.set_role(Rect { x: field.x + columns as u16, width: 1, ..field }, Role::Found);
    }

    /// Returns the text from the first visible character on, and the columns before the cursor.
    fn visible_part(self, columns: usize) -> (&'a str, u16) {
        let before = self.text.get(..self.cursor).unwrap_or(self.text);
        // From the cursor backwards, as far as it fits.
        let (mut start, mut width) = (before.len(), 0);
        for (at, c) in before.char_indices().rev() {
            let char_width = sanitize::width(&sanitize::escape(c.encode_utf8(&mut [0; 4])));
            if width + char_width >= columns.max(1) {
                break;
            }
            (start, width) = (at, width + char_width);
        }
        (self.text.get(start..).unwrap_or_default(), width as u16)
    }
}
