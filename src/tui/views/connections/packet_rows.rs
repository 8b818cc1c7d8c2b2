//! The rows of the packets of a connection: its segments, and between them what was lost.

use crate::base::fact::{SegmentFact, SegmentNote};
use crate::base::{End, Files, PacketNo, Side, Timestamp, units};
use crate::ledger::{ConnectionPackets, SentPiece};
use crate::tui::table::{Cell, Column};
use crate::tui::theme::Role;
use crate::tui::views::format;

const COLUMNS: [Column; 8] = [
    Column::new("Packet", 8).right(),
    Column::new("Time", 12),
    Column::new("After", 8).right(),
    Column::new("From", 8),
    Column::new("Flags", 8),
    Column::new("Bytes", 6).right(),
    Column::new("Note", 16).grows(),
    Column::new("Seq", 11).right(),
];

/// Returns the columns; the one of the packets has room for the names of several files.
pub(super) fn columns(files: &Files) -> [Column; 8] {
    let mut columns = COLUMNS;
    columns[0].width += format::file_width(files);
    columns
}

/// A row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PacketRow {
    /// The segment with this index.
    Segment(usize),
    /// Bytes that this end sent and that are in no captured packet.
    Lost { from: End, len: u64 },
}

/// Returns the rows in packet order. What was lost comes before the packet that follows it.
pub(super) fn rows(packets: &ConnectionPackets) -> Vec<PacketRow> {
    let mut lost: Vec<(PacketNo, End, u64)> = Vec::new();
    for end in End::BOTH {
        let pieces = &end.of(&packets.sent).pieces;
        for (index, piece) in pieces.iter().enumerate() {
            let SentPiece::Gap { len, packet } = piece else { continue };
            // A capture that begins in the middle lost nothing.
            if *len == 0 {
                continue;
            }
            let next = pieces.get(index + 1..).unwrap_or_default().iter().find_map(|piece| match piece {
                SentPiece::Bytes { packet, .. } | SentPiece::End { packet, .. } => Some(*packet),
                SentPiece::Gap { .. } => None,
            });
            lost.push((next.unwrap_or(*packet), end, *len));
        }
    }
    lost.sort_by_key(|(packet, ..)| *packet);
    let mut lost = lost.into_iter().peekable();
    let mut rows = Vec::with_capacity(packets.segments.len());
    for (index, segment) in packets.segments.iter().enumerate() {
        while let Some((_, from, len)) = lost.next_if(|(packet, ..)| *packet <= segment.origin.packet) {
            rows.push(PacketRow::Lost { from, len });
        }
        rows.push(PacketRow::Segment(index));
    }
    rows.extend(lost.map(|(_, from, len)| PacketRow::Lost { from, len }));
    rows
}

/// Whether a row is one that a search for faults stops at.
pub(super) fn is_notable(row: PacketRow, packets: &ConnectionPackets) -> bool {
    match row {
        PacketRow::Lost { .. } => true,
        PacketRow::Segment(index) => {
            packets.segments.get(index).is_some_and(|it| it.note != SegmentNote::Ordinary || it.rst)
        }
    }
}

/// Returns the cells of a row.
pub(super) fn cells(row: PacketRow, packets: &ConnectionPackets, files: &Files) -> Vec<Cell> {
    let side = |end: End| match end.side(packets.client()) {
        Side::Client => "client →",
        Side::Server => "← server",
    };
    let index = match row {
        PacketRow::Lost { from, len } => {
            let text = format!("{} not captured", units::bytes(len));
            let empty = || Cell::text(Role::Faint, "");
            return vec![
                Cell::text(Role::Bad, "lost"),
                empty(),
                empty(),
                Cell::text(Role::Bad, side(from)),
                empty(),
                Cell::text(Role::Bad, len.to_string()),
                Cell::text(Role::Bad, text),
            ];
        }
        PacketRow::Segment(index) => index,
    };
    let Some(segment) = packets.segments.get(index) else { return Vec::new() };
    let before = index.checked_sub(1).and_then(|before| packets.segments.get(before));
    let after = before.map(|before| segment.origin.time.since(before.origin.time));
    let role = if segment.from == packets.client() { Role::Send } else { Role::Receive };
    let note_role = match segment.note {
        SegmentNote::Ordinary if segment.rst => Role::Bad,
        SegmentNote::Ordinary | SegmentNote::Duplicate => Role::Faint,
        _ => Role::Warn,
    };
    vec![
        format::numbers_cell(Role::Title, files.packet(segment.origin.packet).to_string(), files),
        Cell::text(Role::Faint, time(segment.origin.time)),
        Cell::text(Role::Faint, after.map_or(String::new(), |ns| format!("+{}", units::cell(ns)))),
        Cell::text(role, side(segment.from)),
        Cell::text(if segment.rst { Role::Bad } else { Role::Text }, flags(segment)),
        Cell::text(if segment.len > 0 { Role::Text } else { Role::Faint }, segment.len.to_string()),
        Cell::text(note_role, note(segment)),
        Cell::text(Role::Faint, relative(segment, packets).to_string()),
    ]
}

fn time(time: Timestamp) -> String {
    units::time_of_day(time)
}

fn flags(segment: &SegmentFact) -> String {
    let flags = [("S", segment.syn), ("F", segment.fin), ("R", segment.rst), (".", segment.ack.is_some())];
    flags.iter().filter(|(_, is_set)| *is_set).map(|(name, _)| *name).collect()
}

fn note(segment: &SegmentFact) -> String {
    let words = [
        segment.note.name(),
        if segment.syn && segment.ack.is_some() {
            "SYN-ACK"
        } else if segment.syn {
            "SYN"
        } else {
            ""
        },
        if segment.fin { "FIN" } else { "" },
        if segment.rst { "RST" } else { "" },
        if segment.window == 0 && !segment.rst { "receive window full" } else { "" },
    ];
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(", ")
}

/// Returns the sequence number relative to the first one of its direction, as Wireshark shows it.
fn relative(segment: &SegmentFact, packets: &ConnectionPackets) -> u32 {
    let first = packets.segments.iter().find(|other| other.from == segment.from).unwrap_or(segment);
    // Without the SYN, the first captured byte is number 1.
    segment.seq.wrapping_sub(first.seq).wrapping_add(u32::from(!first.syn))
}
