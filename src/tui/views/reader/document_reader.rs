//! A viewer for a document: scrolling, folding, search, a long string in full, and the bytes as
//! captured.

use ratatui::layout::Rect;

use crate::tui::action::Action;
use crate::tui::document::{Document, Matches, RowOptions};
use crate::tui::effect::{CopyMenu, Effect};
use crate::tui::frame_info::{Hit, Pane};
use crate::tui::list_state::ListState;
use crate::tui::painter::Painter;
use crate::tui::table;
use crate::tui::theme::MASK;
use crate::tui::theme::Role;

use super::hex::{self, Highlight};
use super::value;

/// A document with its scroll position and search.
#[derive(Debug, Default)]
pub(in crate::tui::views) struct DocumentReader {
    document: Document,
    /// Text of the next document, not parsed yet: parsing 10 MB would delay a key.
    next_text: Option<Vec<u8>>,
    list: ListState,
    search_text: String,
    matches: Matches,
    /// Selected value as byte ranges. Updated when the selection moves, since it takes time linear
    /// in the number of lines.
    highlight: Highlight,
    /// Packets that carried the document, as text; empty if unknown.
    packets: String,
    /// Whether the bytes are shown.
    has_bytes: bool,
    /// A string of the document that is open.
    open_string: Option<Box<Self>>,
}

impl DocumentReader {
    /// Replaces the document. An equal document changes nothing.
    pub(in crate::tui::views) fn set(&mut self, document: Document) {
        if document.bytes() == self.document.bytes() {
            return;
        }
        self.document = document;
        self.open_string = None;
        self.matches = self.document.find(&self.search_text);
        self.list.selected = self.list.selected.min(self.document.rows().saturating_sub(1));
        self.update_highlight();
    }

    /// Replaces the document; it is parsed by [`load`](Self::load).
    pub(in crate::tui::views) fn set_text(&mut self, bytes: Vec<u8>) {
        self.next_text = (bytes != self.document.bytes()).then_some(bytes);
    }

    /// Parses the document that was set last.
    pub(in crate::tui::views) fn load(&mut self) {
        if let Some(bytes) = self.next_text.take() {
            self.set(Document::new(bytes));
        }
    }

    /// Sets the text that names the packets of the document.
    pub(in crate::tui::views) fn set_packets(&mut self, packets: String) {
        self.packets = packets;
    }

    /// Shows or hides the bytes.
    pub(in crate::tui::views) fn show_bytes(&mut self, shown: bool) {
        self.has_bytes = shown;
    }

    /// Returns the text of the document; invalid UTF-8 becomes U+FFFD.
    pub(in crate::tui::views) fn text(&self) -> std::borrow::Cow<'_, str> {
        match &self.next_text {
            Some(bytes) => String::from_utf8_lossy(bytes),
            None => self.document.text(),
        }
    }

    /// Adds what can be copied of the selected value; of an open string that is JSON, of the value
    /// within it.
    pub(in crate::tui::views) fn copy_menu(&self, menu: CopyMenu) -> CopyMenu {
        if let Some(inner) = self.open_string.as_ref().filter(|inner| inner.document.is_json()) {
            return inner.copy_menu(menu);
        }
        let row = self.list.selected;
        if self.document.rows() == 0 || !self.document.is_json() {
            return menu;
        }
        let raw = self.document.bytes().get(self.document.value_range(row)).unwrap_or_default();
        let mut menu = menu.with('v', "value, JSON", String::from_utf8_lossy(raw));
        if self.document.is_string(row) {
            menu = menu.with('t', "value, its text", self.document.value(row, usize::MAX));
        }
        // The pointer of the whole document is empty (RFC 6901, section 5).
        match self.document.pointer(row) {
            pointer if pointer.is_empty() => menu,
            pointer => menu.with('k', "JSON pointer", pointer),
        }
    }

    /// Returns the position, for the footer.
    pub(in crate::tui::views) fn status(&self) -> String {
        if let Some(inner) = &self.open_string {
            return format!("opened value, {}", inner.status());
        }
        let rows = self.document.rows();
        let line = (self.list.selected + 1).min(rows);
        if self.search_text.is_empty() {
            return format!("line {line} of {rows}");
        }
        format!("found {}, line {line} of {rows}", self.match_position())
    }

    /// Moves, folds, opens a value or continues the search; `None` if the action does not apply to
    /// a document.
    pub(in crate::tui::views) fn handle_action(
        &mut self,
        action: Action,
        lines: usize,
    ) -> Option<Vec<Effect>> {
        if action == Action::Bytes {
            self.has_bytes = !self.has_bytes;
            return Some(Vec::new());
        }
        if action == Action::Back {
            return self.close().then(Vec::new);
        }
        if let Some(inner) = &mut self.open_string {
            return inner.handle_action(action, lines);
        }
        let effects = match action {
            Action::Open => self.open(),
            Action::Fold => self.fold(),
            Action::FoldAll | Action::UnfoldAll => {
                let line = self.document.line_of(self.list.selected);
                if action == Action::FoldAll {
                    self.document.fold_all();
                } else {
                    self.document.unfold_all();
                }
                self.list.selected = self.document.row_near(line);
                Vec::new()
            }
            Action::NextFound | Action::PreviousFound => self.go_to_match(action == Action::NextFound),
            _ => self.list.handle_action(action, lines, self.document.rows()).then(Vec::new)?,
        };
        self.update_highlight();
        Some(effects)
    }

    /// Closes the innermost open string; `false` if none is open.
    pub(in crate::tui::views) fn close(&mut self) -> bool {
        let of_inner = self.open_string.as_mut().is_some_and(|inner| inner.close());
        of_inner || self.open_string.take().is_some()
    }

    /// Selects the clicked row. A click on the selected row folds it.
    pub(in crate::tui::views) fn handle_click(&mut self, row: usize) {
        if let Some(inner) = &mut self.open_string {
            return inner.handle_click(row);
        }
        if row == self.list.selected {
            // Rows without a bracket do not fold.
            self.list.selected = self.document.toggle(row).unwrap_or(row);
        } else {
            self.list.selected = row.min(self.document.rows().saturating_sub(1));
        }
        self.update_highlight();
    }

    /// Selects the value that the clicked byte belongs to.
    pub(in crate::tui::views) fn click_byte(&mut self, offset: usize) {
        self.open_string = None;
        self.list.selected = self.document.reveal(self.document.line_at(offset));
        self.update_highlight();
    }

    pub(in crate::tui::views) fn handle_wheel(&mut self, down: bool, lines: usize) {
        if let Some(inner) = &mut self.open_string {
            return inner.handle_wheel(down, lines);
        }
        self.list.scroll(down, 3, lines, self.document.rows());
        self.update_highlight();
    }

    /// Searches from now on and moves to the next match. Returns the number of matching lines.
    pub(in crate::tui::views) fn search(&mut self, text: &str) -> usize {
        if let Some(inner) = &mut self.open_string {
            return inner.search(text);
        }
        if text != self.search_text {
            text.clone_into(&mut self.search_text);
            self.matches = self.document.find(text);
        }
        let from = self.document.line_of(self.list.selected);
        let lines = &self.matches.lines;
        if let Some(line) = lines.iter().find(|line| **line >= from).or(lines.first()) {
            self.list.selected = self.document.reveal(*line);
            self.update_highlight();
        }
        self.matches.lines.len()
    }

    fn go_to_match(&mut self, next: bool) -> Vec<Effect> {
        let from = self.document.line_of(self.list.selected);
        let lines = &self.matches.lines;
        let to = if next {
            lines.iter().find(|line| **line > from).or(lines.first())
        } else {
            lines.iter().rev().find(|line| **line < from).or(lines.last())
        };
        let Some(line) = to.copied() else { return vec![Effect::Bell] };
        self.list.selected = self.document.reveal(line);
        vec![Effect::ShowMessage(self.match_position())]
    }

    /// Returns which match is selected: `3 of 17`.
    fn match_position(&self) -> String {
        let at = self.document.line_of(self.list.selected);
        let count = self.matches.lines.len();
        let more = if self.matches.is_cut { " or more" } else { "" };
        match self.matches.lines.binary_search(&at) {
            Ok(place) => format!("{} of {count}{more}", place + 1),
            Err(_) => format!("{count}{more}"),
        }
    }

    /// Folds an object or array, opens a string.
    fn open(&mut self) -> Vec<Effect> {
        let row = self.list.selected;
        if !self.document.is_string(row) {
            return self.fold();
        }
        let value = self.document.value(row, usize::MAX);
        let mut inner = Self::default();
        inner.set(value::document(&value));
        if inner.document.rows() == 0 {
            return vec![Effect::ShowMessage("an empty string".to_owned())];
        }
        self.open_string = Some(Box::new(inner));
        Vec::new()
    }

    fn fold(&mut self) -> Vec<Effect> {
        let Some(row) = self.document.toggle(self.list.selected) else { return vec![Effect::Bell] };
        self.list.selected = row;
        Vec::new()
    }

    fn update_highlight(&mut self) {
        let row = self.list.selected;
        self.highlight = Highlight {
            name: self.document.name_range(row),
            bytes: self.document.range(row),
            pointer: self.document.pointer(row),
        };
    }

    /// Draws the document into `area`, or `empty` if it has no lines.
    pub(in crate::tui::views) fn draw(
        &self,
        area: Rect,
        focused: bool,
        empty: &str,
        painter: &mut Painter<'_>,
    ) {
        if self.document.rows() == 0 {
            painter.draw_spans(area, &[(Role::Faint, empty)]);
            return;
        }
        let (reading, bytes) = match self.has_bytes.then(|| hex::split(area)).flatten() {
            Some((reading, bytes)) => (reading, Some(bytes)),
            None => (area, None),
        };
        self.draw_text(reading, focused, painter);
        if let Some(bytes) = bytes {
            hex::draw(self.document.bytes(), &self.highlight, &self.packets, bytes, painter);
        }
    }

    /// Draws the open string, or the lines of the document with the selected value below.
    fn draw_text(&self, area: Rect, focused: bool, painter: &mut Painter<'_>) {
        if let Some(inner) = &self.open_string {
            let title = if painter.is_private() { MASK } else { &self.highlight.pointer };
            painter.draw_rule(Rect { height: 1, ..area }, &format!("{title} in full; esc goes back"));
            let body = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
            return inner.draw_text(body, focused, painter);
        }
        let mask = painter.is_private().then_some(MASK);
        let value = if mask.is_none() { self.excerpt(area) } else { Vec::new() };
        let body = Rect { height: area.height - value.len() as u16, ..area };
        self.draw_rows(body, focused, mask, painter);
        // A value longer than its line is shown below.
        for (y, text) in (body.bottom()..area.bottom()).zip(&value) {
            let line = Rect { y, height: 1, ..area };
            match text {
                value::ExcerptLine::Rule(title) => painter.draw_rule(line, title),
                value::ExcerptLine::Text(text) => drop(painter.draw_spans(line, &[(Role::JsonString, text)])),
            }
        }
    }

    fn excerpt(&self, area: Rect) -> Vec<value::ExcerptLine> {
        let row = self.list.selected;
        if self.document.is_string(row) {
            value::excerpt(|most| self.document.value(row, most), self.document.value_range(row).len(), area)
        } else {
            Vec::new()
        }
    }

    fn draw_rows(&self, body: Rect, focused: bool, mask: Option<&str>, painter: &mut Painter<'_>) {
        painter.add_pane(Pane::Detail, body);
        let rows = self.document.rows();
        let top = self.list.top(body.height.into(), rows);
        let [folded, open] = painter.symbols().fold;
        let options = RowOptions { mask, needle: &self.search_text, columns: body.width.into() };
        for (y, row) in (body.y..body.bottom()).zip(top..rows) {
            let line = Rect { y, height: 1, ..body };
            let sign = match self.document.fold_of(row) {
                Some(true) => folded,
                Some(false) => open,
                None => " ",
            };
            let is_selected = row == self.list.selected;
            let pointer = if is_selected { painter.symbols().pointer } else { " " };
            let parts = self.document.row(row, options);
            let mut shown: Vec<(Role, &str)> =
                vec![(Role::Key, pointer), (Role::Border, sign), (Role::Faint, " ")];
            shown.extend(parts.iter().map(|(role, text)| (*role, text.as_str())));
            painter.draw_spans(Rect { width: line.width.saturating_sub(1), ..line }, &shown);
            if is_selected {
                let rest = Rect { x: line.x + 1, width: line.width.saturating_sub(1), ..line };
                painter.set_role(rest, if focused { Role::Selected } else { Role::Text });
            }
            painter.add_hit(line, Hit::Row(Pane::Detail, row));
        }
        table::scroll_bar(painter, body, top, rows);
    }
}
