//! The bytes of a document; those of the selected value are highlighted and kept in sight.

use std::ops::Range;

use ratatui::layout::{Position, Rect};

use crate::base::sanitize;
use crate::tui::frame_info::{Hit, Pane};
use crate::tui::painter::Painter;
use crate::tui::theme::MASK;
use crate::tui::theme::Role;

/// The selected value as byte ranges of the document.
#[derive(Clone, Debug, Default)]
pub(super) struct Highlight {
    /// Range of its name; empty if it has none.
    pub(super) name: Range<usize>,
    /// Range of its name and its value, nested values included.
    pub(super) bytes: Range<usize>,
    /// Its JSON pointer.
    pub(super) pointer: String,
}

/// Width of the offset with the blanks after it, in columns.
const OFFSET_WIDTH: u16 = 9;

/// Width in columns of a line with 16 and with 8 bytes: offset, digits with a gap in the middle,
/// characters.
const LINE_WIDTHS: [(u16, usize); 2] = [(78, 16), (44, 8)];

/// Width of the area, in columns, from which 16 and 8 bytes per line fit beside the text.
const BESIDE_WIDTHS: [u16; 2] = [140, 100];

/// Height of the bytes below the text, in lines, with the rule.
const BELOW_HEIGHTS: Range<u16> = 5..14;

/// Minimum height of the text, in lines; with less, the bytes are not shown.
const MIN_TEXT_HEIGHT: u16 = 6;

/// Divides an area between the text and its bytes; `None` if there is no room for both.
pub(super) fn split(area: Rect) -> Option<(Rect, Rect)> {
    for ((width, _), from) in LINE_WIDTHS.into_iter().zip(BESIDE_WIDTHS) {
        if area.width >= from {
            let reading = Rect { width: area.width - width - 1, ..area };
            return Some((reading, Rect { x: reading.right() + 1, width, ..area }));
        }
    }
    let height = (area.height / 2).min(BELOW_HEIGHTS.end);
    if height < BELOW_HEIGHTS.start || area.height - height < MIN_TEXT_HEIGHT {
        return None;
    }
    let reading = Rect { height: area.height - height, ..area };
    Some((reading, Rect { y: reading.bottom(), height, ..area }))
}

/// Draws the bytes, the highlighted range and the packets that carried them.
pub(super) fn draw(
    bytes: &[u8],
    highlight: &Highlight,
    packets: &str,
    area: Rect,
    painter: &mut Painter<'_>,
) {
    let line = |y| Rect { y, height: 1, ..area };
    painter.draw_rule(line(area.y), &title(bytes.len(), &highlight.bytes, area.width.into()));
    let pointer = if painter.is_private() { MASK } else { &highlight.pointer };
    let used = draw_place(packets, pointer, line(area.y + 1), painter);
    let body = Rect { y: area.y + 1 + used, height: area.height.saturating_sub(1 + used), ..area };
    if painter.is_private() {
        painter.draw_spans(body, &[(Role::Faint, MASK)]);
        return;
    }
    let per_line = bytes_per_line(area.width);
    let lines = usize::from(body.height);
    // Leave a line above the highlighted range.
    let last = bytes.len().div_ceil(per_line).saturating_sub(lines);
    let first = (highlight.bytes.start / per_line).saturating_sub(1);
    let fits = highlight.bytes.end.div_ceil(per_line) <= lines;
    let top = if fits { 0 } else { first.min(last) };
    for (y, index) in (body.y..body.bottom()).zip(top..) {
        let from = index * per_line;
        let Some(part) = bytes.get(from..(from + per_line).min(bytes.len())) else { break };
        if part.is_empty() {
            break;
        }
        draw_line(part, from, highlight, line(y), painter);
    }
}

/// Draws the packets and the JSON pointer on one or two lines, and returns how many. A pointer that
/// is too long is cut at its beginning.
fn draw_place(packets: &str, pointer: &str, line: Rect, painter: &mut Painter<'_>) -> u16 {
    let room = usize::from(line.width);
    let wide = sanitize::width(&sanitize::escape(pointer));
    if sanitize::width(packets) + 2 + wide <= room {
        painter.draw_spans(line, &[(Role::Faint, packets), (Role::Text, "  "), (Role::JsonKey, pointer)]);
        return 1;
    }
    painter.draw_spans(line, &[(Role::Faint, packets)]);
    let below = Rect { y: line.y + 1, ..line };
    let more = painter.symbols().more;
    let mut tail =
        pointer.get(pointer.ceil_char_boundary(pointer.len().saturating_sub(room))..).unwrap_or(pointer);
    while sanitize::width(&sanitize::escape(tail)) >= room {
        let mut rest = tail.chars();
        if rest.next().is_none() {
            break;
        }
        tail = rest.as_str();
    }
    let front = if tail.len() < pointer.len() { more } else { "" };
    painter.draw_spans(below, &[(Role::Faint, front), (Role::JsonKey, tail)]);
    2
}

/// Returns the title: `bytes 118-142 of 260, 25 long`. Offsets start at 0, the last one is
/// included. The length is left out if it does not fit.
fn title(len: usize, highlight: &Range<usize>, columns: usize) -> String {
    let title = match highlight.len() {
        0 => format!("{len} bytes"),
        1 => format!("byte {} of {len}", highlight.start),
        _ => format!("bytes {}-{} of {len}", highlight.start, highlight.end - 1),
    };
    let long = format!("{title}, {} long", highlight.len());
    // The rule takes two columns and a blank on both sides.
    if highlight.len() > 1 && long.len() + 6 <= columns { long } else { title }
}

/// Returns how many bytes fit into a line of `width` columns.
fn bytes_per_line(width: u16) -> usize {
    LINE_WIDTHS.iter().find(|(needed, _)| width >= *needed).map_or(8, |(_, bytes)| *bytes)
}

/// Draws digits and characters of a line: `part` is at offset `from`. The highlighted range is in
/// brackets, so that it is visible without color.
fn draw_line(part: &[u8], from: usize, highlight: &Highlight, line: Rect, painter: &mut Painter<'_>) {
    painter.draw_text(line.as_position(), OFFSET_WIDTH, Role::Faint, &format!("{from:08x}"));
    let per_line = bytes_per_line(line.width);
    let middle = |at: usize| u16::from(at >= per_line / 2);
    let digits = line.x + OFFSET_WIDTH;
    let letters = digits + per_line as u16 * 3 + 3;
    for (at, byte) in part.iter().enumerate() {
        let offset = from + at;
        let is_highlighted = highlight.bytes.contains(&offset);
        let role = match (is_highlighted, highlight.name.contains(&offset)) {
            (true, true) => Role::JsonKey,
            (true, false) => Role::Strong,
            (false, _) => Role::Faint,
        };
        let x = digits + at as u16 * 3 + middle(at);
        let column = letters + at as u16;
        painter.draw_text(Position::new(x + 1, line.y), 2, role, &format!("{byte:02x}"));
        let letter = if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' };
        painter.draw_text(Position::new(column, line.y), 1, role, letter.encode_utf8(&mut [0; 4]));
        for (x, width) in [(x + 1, 2), (column, 1)] {
            let cell = Rect { x, width, ..line };
            if is_highlighted {
                painter.set_role(cell, Role::Selected);
            }
            painter.add_hit(cell, Hit::Cell(Pane::Detail, offset, 0));
        }
        if offset == highlight.bytes.start && is_highlighted {
            painter.draw_text(Position::new(x, line.y), 1, Role::Key, "[");
        }
        if offset + 1 == highlight.bytes.end {
            painter.draw_text(Position::new(x + 3, line.y), 1, Role::Key, "]");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_stand_beside_or_below_or_not_at_all() {
        let at = |width, height| split(Rect::new(0, 0, width, height));
        let wide = at(200, 40).unwrap();
        assert_eq!((wide.0.width, wide.1), (121, Rect::new(122, 0, 78, 40)));
        assert_eq!(at(120, 30).unwrap().1.width, 44);
        let narrow = at(80, 19).unwrap();
        assert_eq!((narrow.0.height, narrow.1.height), (10, 9));
        assert!(at(80, 9).is_none());
    }

    #[test]
    fn what_is_lit_is_named() {
        assert_eq!(title(260, &(118..143), 44), "bytes 118-142 of 260, 25 long");
        assert_eq!(title(260, &(118..143), 30), "bytes 118-142 of 260");
        assert_eq!(title(260, &(3..4), 44), "byte 3 of 260");
        assert_eq!(title(9, &(0..0), 44), "9 bytes");
    }
}
