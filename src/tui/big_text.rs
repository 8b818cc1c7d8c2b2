//! Large text made of block characters, for text of the program itself.

use ratatui::layout::Rect;
use ratatui::widgets::Widget;
use tui_big_text::{BigText, PixelSize};

use super::painter::Painter;
use super::theme::Role;

/// The columns and lines of a character: its eight by eight dots are quarters of a cell.
pub(super) const CHARACTER: (u16, u16) = (4, 4);

/// Draws ASCII text into `area`. Returns the columns that it took; `None` if it does not fit, or if
/// the terminal has no block characters.
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
