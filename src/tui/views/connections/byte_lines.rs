//! The bytes that an end sent, as lines of digits and characters. Each packet begins a line.

use std::ops::Range;

use ratatui::layout::{Position, Rect};

use crate::base::{Ending, PacketNo, units};
use crate::ledger::{SentBytes, SentPiece};
use crate::tui::painter::Painter;
use crate::tui::theme::{MASK, Role};
use crate::tui::views::format;

/// Width of an area from which 16 bytes fit on a line; less has 8.
const WIDE: u16 = 90;

/// Widths of the packet number and of the offset, with the blanks after them.
const PACKET_WIDTH: u16 = 9;
const OFFSET_WIDTH: u16 = 10;

/// Finds the line of a row.
#[derive(Debug, Default)]
pub(super) struct ByteLines {
    per_line: usize,
    /// The first row of each piece.
    starts: Vec<usize>,
    rows: usize,
}

impl ByteLines {
    /// Divides what was sent into lines for an area of this width.
    pub(super) fn new(sent: &SentBytes, width: u16) -> Self {
        let per_line = if width >= WIDE { 16 } else { 8 };
        let (mut rows, mut starts) = (0, Vec::with_capacity(sent.pieces.len()));
        for piece in &sent.pieces {
            starts.push(rows);
            rows += match piece {
                SentPiece::Bytes { len, .. } => len.div_ceil(per_line),
                SentPiece::Gap { .. } | SentPiece::End { .. } => 1,
            };
        }
        Self { per_line, starts, rows }
    }

    /// Returns the number of rows.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Whether the lines are those of an area of this width.
    pub(super) fn fits(&self, width: u16) -> bool {
        self.per_line == if width >= WIDE { 16 } else { 8 }
    }

    /// Draws a row.
    pub(super) fn draw(&self, row: usize, sent: &SentBytes, line: Rect, painter: &mut Painter<'_>) {
        let Some(index) = self.starts.partition_point(|start| *start <= row).checked_sub(1) else { return };
        let (Some(piece), Some(start)) = (sent.pieces.get(index), self.starts.get(index)) else { return };
        let files = painter.files().clone();
        let packet_width = PACKET_WIDTH + format::file_width(&files);
        let name = |packet: &PacketNo| files.packet(*packet).to_string();
        let text = |painter: &mut Painter<'_>, role, packet: String, text: String| {
            painter.draw_text(line.as_position(), packet_width, Role::Title, &format!("{packet:>7}"));
            let at = Position::new(line.x + packet_width, line.y);
            painter.draw_text(at, line.width.saturating_sub(packet_width), role, &text);
        };
        match piece {
            SentPiece::Gap { len: 0, packet } => {
                text(painter, Role::Warn, name(packet), "the beginning was not captured".to_owned())
            }
            SentPiece::Gap { len, packet } => {
                let lost = format!("{} not captured", units::bytes(*len));
                text(painter, Role::Bad, name(packet), lost);
            }
            SentPiece::End { how, packet } => {
                let how = match how {
                    Ending::Closed => "end (FIN)",
                    Ending::Reset(_) => "end (RST)",
                    Ending::Open => "open at the end of the capture",
                };
                text(painter, Role::Faint, name(packet), how.to_owned());
            }
            SentPiece::Bytes { at, len, packet } => {
                let within = (row - start) * self.per_line;
                if within == 0 {
                    let packet = format!("{:>7}", name(packet));
                    painter.draw_text(line.as_position(), packet_width, Role::Title, &packet);
                }
                let from = at + within;
                let to = (from + self.per_line).min(at + len);
                self.draw_bytes(from..to, sent, line, painter);
            }
        }
    }

    fn draw_bytes(&self, range: Range<usize>, sent: &SentBytes, line: Rect, painter: &mut Painter<'_>) {
        let Range { start: from, end: to } = range;
        let x = line.x + PACKET_WIDTH + format::file_width(painter.files());
        painter.draw_text(Position::new(x, line.y), OFFSET_WIDTH, Role::Faint, &format!("{from:08x}"));
        let digits = x + OFFSET_WIDTH;
        let letters = digits + self.per_line as u16 * 3 + 2;
        if painter.is_private() {
            painter.draw_text(Position::new(digits, line.y), line.width, Role::Faint, MASK);
            return;
        }
        let first = sent.secrets.partition_point(|secret| secret.end <= from);
        let secrets = sent.secrets.get(first..).unwrap_or_default();
        let middle = |at: usize| u16::from(at >= self.per_line / 2);
        for (at, offset) in (from..to).enumerate() {
            let Some(byte) = sent.bytes.get(offset) else { break };
            let is_secret =
                secrets.iter().take_while(|secret| secret.start < to).any(|secret| secret.contains(&offset));
            let is_text = (0x20..0x7f).contains(byte);
            let (role, hex, letter) = match (is_secret, is_text) {
                (true, _) => (Role::Faint, "**".to_owned(), '*'),
                (false, true) => (Role::Text, format!("{byte:02x}"), char::from(*byte)),
                (false, false) => (Role::Faint, format!("{byte:02x}"), '.'),
            };
            let place = Position::new(digits + at as u16 * 3 + middle(at), line.y);
            painter.draw_text(place, 2, Role::Faint, &hex);
            let place = Position::new(letters + at as u16, line.y);
            painter.draw_text(place, 1, role, letter.encode_utf8(&mut [0; 4]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_packet_begins_a_line() {
        let piece = |at, len, packet| SentPiece::Bytes { at, len, packet: PacketNo(packet) };
        let gap = SentPiece::Gap { len: 9, packet: PacketNo(3) };
        let sent = SentBytes {
            bytes: vec![b'a'; 37],
            pieces: vec![piece(0, 17, 1), piece(17, 16, 2), gap, piece(33, 4, 4)],
            secrets: Vec::new(),
        };
        let wide = ByteLines::new(&sent, 120);
        assert_eq!((wide.rows(), wide.starts.as_slice()), (5, &[0, 2, 3, 4][..]));
        let narrow = ByteLines::new(&sent, 80);
        assert_eq!(narrow.rows(), 3 + 2 + 1 + 1);
        assert!(narrow.fits(80) && !narrow.fits(120));
    }
}
