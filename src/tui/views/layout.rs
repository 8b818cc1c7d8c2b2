//! Arrangement of panes on the screen.

use ratatui::layout::Rect;

use crate::tui::painter::Painter;
use crate::tui::theme::Role;

/// Divides an area into a left part of `width` columns and the rest, and draws a line between them.
pub(super) fn side_by_side(area: Rect, width: u16, painter: &mut Painter<'_>) -> (Rect, Rect) {
    let left = Rect { width, ..area };
    let right = Rect { x: left.right() + 1, width: area.width.saturating_sub(width + 1), ..area };
    let [_, vertical] = painter.symbols().rules;
    for line in area.y..area.bottom() {
        painter.draw_text((left.right(), line).into(), 1, Role::Border, vertical);
    }
    (left, right)
}
