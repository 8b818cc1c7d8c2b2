//! The open connection: what it was, and its packets, transactions and bytes in tabs. They are read
//! again from the capture, since they are not stored.

use ratatui::layout::{Position, Rect};

use crate::base::{Files, Side};
use crate::ledger::{ConnectionFact, ConnectionPackets};
use crate::tui::action::Action;
use crate::tui::effect::{CopyMenu, Effect};
use crate::tui::frame_info::{FrameInfo, Hit, Pane};
use crate::tui::list_state::ListState;
use crate::tui::painter::Painter;
use crate::tui::table::{self, Cell, Column, Table};
use crate::tui::theme::{MASK, Role};
use crate::tui::views::wrap::wrap_words;
use crate::tui::views::{format, wireshark};

use super::byte_lines::ByteLines;
use super::packet_rows::{self, PacketRow};
use super::summary;

const TRANSACTION_COLUMNS: [Column; 5] = [
    Column::new("Nr", 4).right(),
    Column::new("Packets", 13),
    Column::new("Request", 20).grows(),
    Column::new("Response", 18),
    Column::new("Calls", 20).grows(),
];

/// Stands before the rest of a line that does not fit.
const CONTINUED: &str = "  ";

/// The tabs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Tab {
    #[default]
    Packets,
    Transactions,
    ClientBytes,
    ServerBytes,
}

impl Tab {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Packets, "Packets"),
        (Self::Transactions, "Transactions"),
        (Self::ClientBytes, "Client's bytes"),
        (Self::ServerBytes, "Server's bytes"),
    ];
}

/// An open connection.
#[derive(Debug)]
pub(super) struct OpenConnection {
    fact: ConnectionFact,
    /// `None` until they were read.
    packets: Option<Box<ConnectionPackets>>,
    rows: Vec<PacketRow>,
    /// The lines of the bytes of client and server.
    lines: [ByteLines; 2],
    tab: Tab,
    lists: [ListState; 4],
    /// Why the packets cannot be read; `None` if they can.
    failed: Option<String>,
}

impl OpenConnection {
    pub(super) fn new(fact: ConnectionFact) -> Self {
        Self {
            fact,
            packets: None,
            rows: Vec::new(),
            lines: Default::default(),
            tab: Tab::default(),
            lists: Default::default(),
            failed: None,
        }
    }

    /// Wireshark's number of the connection.
    pub(super) fn tcp_stream(&self) -> u32 {
        self.fact.tcp_stream
    }

    /// Shows what was read, or why nothing was.
    pub(super) fn set_packets(&mut self, read: Result<Box<ConnectionPackets>, String>) {
        match read {
            Ok(packets) => {
                if let Some(fact) = &packets.fact {
                    // Whether it carries MCP may be decided on another connection.
                    self.fact = ConnectionFact { mcp: self.fact.mcp, ..fact.clone() };
                }
                self.rows = packet_rows::rows(&packets);
                self.lines = Default::default();
                self.packets = Some(packets);
                self.failed = None;
            }
            Err(why) => self.failed = Some(why),
        }
    }

    /// Handles an action; `None` if it does not apply.
    pub(super) fn handle_action(&mut self, action: Action, frame: &FrameInfo) -> Option<Vec<Effect>> {
        self.fit_lines(frame);
        let (lines, rows) = (frame.visible_rows(Pane::List), self.row_count());
        match action {
            Action::Left | Action::Right => self.next_tab(action == Action::Right),
            Action::NextFound | Action::PreviousFound => {
                return Some(self.go_to_notable(action == Action::NextFound));
            }
            Action::Open => return Some(self.open_row()),
            Action::Partner => {
                let filter = format!("client:{} server:{}", self.fact.client, self.fact.server);
                return Some(vec![Effect::Filter(filter)]);
            }
            _ => return self.list_mut().handle_action(action, lines, rows).then(Vec::new),
        }
        Some(Vec::new())
    }

    pub(super) fn handle_click(&mut self, hit: Hit) {
        match hit {
            Hit::Tab(index) => self.tab = Tab::ALL.get(index).map_or(self.tab, |(tab, _)| *tab),
            Hit::Row(Pane::List, row) => {
                let rows = self.row_count();
                self.list_mut().select(row, rows);
            }
            _ => {}
        }
    }

    pub(super) fn handle_wheel(&mut self, down: bool, frame: &FrameInfo) {
        self.fit_lines(frame);
        let rows = self.row_count();
        self.list_mut().scroll(down, 3, frame.visible_rows(Pane::List), rows);
    }

    pub(super) fn copy_menu(&self, files: &Files) -> CopyMenu {
        let packets = (self.fact.first.packet, self.fact.last.packet);
        let filter = wireshark::connection(self.fact.tcp_stream, packets, files);
        let menu = filter.in_menu(CopyMenu::default(), 's', "filter, connection");
        let Some(packets) = &self.packets else { return menu };
        match self.tab {
            Tab::Packets => match self.rows.get(self.list().selected) {
                Some(PacketRow::Segment(index)) => match packets.segments.get(*index) {
                    Some(segment) => {
                        wireshark::packet(segment.origin.packet, files).in_menu(menu, 'w', "filter, packet")
                    }
                    None => menu,
                },
                _ => menu,
            },
            Tab::Transactions => menu,
            Tab::ClientBytes | Tab::ServerBytes => {
                let sent = packets.said_by(self.side());
                let text = String::from_utf8_lossy(&sent.bytes);
                menu.with('t', "text, credentials masked", crate::base::sanitize::redact(&text))
            }
        }
    }

    pub(super) fn status(&self) -> String {
        let cut = if self.packets.as_ref().is_some_and(|packets| packets.is_cut) { "cut, " } else { "" };
        format!("{cut}{}", self.list().status(self.row_count()))
    }

    pub(super) fn draw(&self, area: Rect, painter: &mut Painter<'_>) {
        let facts = summary::lines(&self.fact, self.packets.as_deref(), painter.files());
        let room = usize::from(area.width).max(CONTINUED.len() + 1);
        let mut summary: Vec<(Role, String)> = Vec::new();
        for (index, fact) in facts.iter().enumerate() {
            let role = if index == 0 { Role::Strong } else { Role::Text };
            for (part, text) in wrap_words(fact, room - CONTINUED.len()).into_iter().enumerate() {
                let indent = if part == 0 { "" } else { CONTINUED };
                summary.push((role, format!("{indent}{text}")));
            }
        }
        // A certificate may have a long name.
        summary.truncate(usize::from(area.height / 2));
        // The summary and the tabs stand above the rows.
        let head_height = summary.len() as u16 + 1;
        if area.height <= head_height {
            return;
        }
        let line = |y| Rect { y, height: 1, ..area };
        for (y, (role, text)) in (area.y..).zip(&summary) {
            painter.draw_spans(line(y), &[(*role, text)]);
        }
        self.draw_tabs(line(area.y + head_height - 1), painter);
        let body = Rect { y: area.y + head_height, height: area.height - head_height, ..area };
        let Some(packets) = &self.packets else {
            let (role, text) = match &self.failed {
                Some(why) => (Role::Bad, why.as_str()),
                None => (Role::Faint, "reading its packets..."),
            };
            painter.draw_spans(body, &[(role, text)]);
            return;
        };
        match self.tab {
            Tab::Packets => {
                let (files, columns) = (painter.files().clone(), packet_rows::columns(painter.files()));
                let table = self.table(&columns, self.rows.len());
                table.draw(body, painter, |row| match self.rows.get(row) {
                    Some(row) => packet_rows::cells(*row, packets, &files),
                    None => Vec::new(),
                });
            }
            Tab::Transactions => {
                let (private, files) = (painter.is_private(), painter.files().clone());
                let mut columns = TRANSACTION_COLUMNS;
                columns[1].width += format::file_width(&files);
                let table = self.table(&columns, packets.transactions.len());
                table.draw(body, painter, |row| transaction_cells(packets, row, private, &files));
            }
            Tab::ClientBytes | Tab::ServerBytes => self.draw_bytes(packets, body, painter),
        }
    }

    fn draw_tabs(&self, area: Rect, painter: &mut Painter<'_>) {
        let mut x = area.x;
        for (index, (tab, title)) in Tab::ALL.into_iter().enumerate() {
            let role = if tab == self.tab { Role::Selected } else { Role::Faint };
            let room = area.right().saturating_sub(x);
            let columns = painter.draw_text(Position::new(x, area.y), room, role, &format!(" {title} "));
            painter.add_hit(Rect { x, width: columns, ..area }, Hit::Tab(index));
            x += columns;
        }
    }

    fn draw_bytes(&self, packets: &ConnectionPackets, area: Rect, painter: &mut Painter<'_>) {
        let sent = packets.said_by(self.side());
        let mut area = area;
        if let Some(note) = byte_note(&self.fact, packets) {
            painter.draw_spans(Rect { height: 1, ..area }, &[(Role::Title, note)]);
            (area.y, area.height) = (area.y + 1, area.height.saturating_sub(1));
        }
        let fresh = ByteLines::new(sent, area.width);
        painter.add_pane(Pane::List, area);
        let top = self.list().top(area.height.into(), fresh.rows());
        for (y, row) in (area.y..area.bottom()).zip(top..fresh.rows()) {
            let line = Rect { y, height: 1, ..area };
            fresh.draw(row, sent, line, painter);
            if row == self.list().selected {
                painter.draw_text(line.as_position(), 1, Role::Key, painter.symbols().pointer);
            }
            painter.add_hit(line, Hit::Row(Pane::List, row));
        }
        if fresh.rows() == 0 {
            painter.draw_spans(area, &[(Role::Faint, "it sent nothing that was captured")]);
        }
        table::scroll_bar(painter, area, top, fresh.rows());
    }

    fn table<'c>(&self, columns: &'c [Column], rows: usize) -> Table<'c> {
        Table { columns, sorted: None, rows, list: self.list(), focused: true, pane: Pane::List }
    }

    /// Opens the selected row: of a transaction what it carried; of a packet, everything is read
    /// again.
    fn open_row(&self) -> Vec<Effect> {
        let tcp_stream = self.fact.tcp_stream;
        let transactions = self.packets.as_ref().map(|packets| packets.transactions.as_slice());
        match (self.tab, transactions.and_then(|all| all.get(self.list().selected))) {
            (Tab::Transactions, Some(transaction)) => vec![Effect::OpenPacket(tcp_stream, transaction.first)],
            (Tab::Transactions, None) => vec![Effect::Bell],
            _ => vec![Effect::Inspect(tcp_stream)],
        }
    }

    /// Goes to the next or the previous packet that was retransmitted, out of order or lost.
    fn go_to_notable(&mut self, next: bool) -> Vec<Effect> {
        let Some(packets) = &self.packets else { return vec![Effect::Bell] };
        self.tab = Tab::Packets;
        let selected = self.list().selected;
        let is_notable =
            |row: &usize| self.rows.get(*row).is_some_and(|row| packet_rows::is_notable(*row, packets));
        let found = if next {
            (selected + 1..self.rows.len()).chain(0..selected + 1).find(is_notable)
        } else {
            (0..selected).rev().chain((selected..self.rows.len()).rev()).find(is_notable)
        };
        match found {
            Some(row) => {
                self.list_mut().selected = row;
                Vec::new()
            }
            None => {
                let text = "no packet was retransmitted, out of order or lost";
                vec![Effect::ShowMessage(text.to_owned())]
            }
        }
    }

    fn next_tab(&mut self, right: bool) {
        let at = Tab::ALL.iter().position(|(tab, _)| *tab == self.tab).unwrap_or(0);
        let step = if right { 1 } else { Tab::ALL.len() - 1 };
        self.tab = Tab::ALL.get((at + step) % Tab::ALL.len()).map_or(self.tab, |(tab, _)| *tab);
    }

    /// Divides the bytes into lines for the area that they were drawn in.
    fn fit_lines(&mut self, frame: &FrameInfo) {
        let width = frame.area(Pane::List).map_or(80, |area| area.width);
        let Some(packets) = &self.packets else { return };
        for (side, lines) in Side::BOTH.into_iter().zip(&mut self.lines) {
            if !lines.fits(width) {
                *lines = ByteLines::new(packets.said_by(side), width);
            }
        }
    }

    fn side(&self) -> Side {
        if self.tab == Tab::ServerBytes { Side::Server } else { Side::Client }
    }

    fn row_count(&self) -> usize {
        let [client, server] = &self.lines;
        match self.tab {
            Tab::Packets => self.rows.len(),
            Tab::Transactions => self.packets.as_ref().map_or(0, |packets| packets.transactions.len()),
            Tab::ClientBytes => client.rows(),
            Tab::ServerBytes => server.rows(),
        }
    }

    fn list(&self) -> ListState {
        self.lists.get(self.tab as usize).copied().unwrap_or_default()
    }

    fn list_mut(&mut self) -> &mut ListState {
        let [packets, transactions, client, server] = &mut self.lists;
        match self.tab {
            Tab::Packets => packets,
            Tab::Transactions => transactions,
            Tab::ClientBytes => client,
            Tab::ServerBytes => server,
        }
    }
}

/// Says what the bytes of a TLS connection are; `None` without TLS.
fn byte_note(fact: &ConnectionFact, packets: &ConnectionPackets) -> Option<&'static str> {
    fact.tls.as_ref()?;
    Some(match packets.is_decrypted() {
        true => "decrypted, with the packets of the TLS records",
        false => "encrypted: TLS records as they were sent; --tls-keylog FILE decrypts them",
    })
}

fn transaction_cells(packets: &ConnectionPackets, row: usize, private: bool, files: &Files) -> Vec<Cell> {
    let Some(transaction) = packets.transactions.get(row) else { return Vec::new() };
    let masked = |text: &str| if private { MASK.to_owned() } else { text.to_owned() };
    let status = transaction.response.split_once(' ').map_or("-", |(_, status)| status);
    vec![
        Cell::text(Role::Title, (transaction.number + 1).to_string()),
        format::numbers_cell(Role::Faint, files.packets(transaction.first, transaction.last), files),
        Cell::text(Role::Text, masked(&transaction.request)),
        Cell::text(Role::Text, status.to_owned()),
        Cell::text(Role::Strong, masked(&transaction.calls.join(", "))),
    ]
}
