//! Text that is read across the room: the program's own words and numbers, nothing that came from traffic.

use ratatui::layout::Rect;
use ratatui::widgets::Widget;
use tui_big_text::{BigText, PixelSize};

use super::painter::Painter;
use super::theme::Role;

/// Columns and lines of a character: quarters of a cell make its eight by eight dots.
pub(super) const CHARACTER: (u16, u16) = (4, 4);

/// Writes a text of ASCII into `area`; says how many columns it took, `None` where it has no room there, or the terminal
/// no such characters.
pub(super) fn draw_big_text(area: Rect, role: Role, text: &str, painter: &mut Painter<'_>) -> Option<u16> {
    let (wide, tall) = CHARACTER;
    let columns = u16::try_from(text.len()).ok()?.checked_mul(wide)?;
    let fits =
        columns <= area.width && tall <= area.height && area.intersection(painter.cells().area) == area;
    if !fits || !text.is_ascii() || painter.symbols().more.is_ascii() {
        return None;
    }
    let style = painter.style(role);
    let text = BigText::builder()
        .pixel_size(PixelSize::Quadrant)
        .style(style)
        .lines([text.to_owned().into()])
        .build();
    text.render(Rect { width: columns, height: tall, ..area }, painter.cells());
    Some(columns)
}
