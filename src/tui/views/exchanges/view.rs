//! The exchanges: a list of requests with their outcome, and beside or in place of it the open
//! exchange.

use ratatui::layout::Rect;

use crate::tui::action::{Action, KeyContext};
use crate::tui::column_name::ColumnName;
use crate::tui::config::Config;
use crate::tui::effect::{CopyMenu, Effect};
use crate::tui::filtered_exchanges::SortBy;
use crate::tui::frame_info::{FrameInfo, Hit, Pane};
use crate::tui::list_state::ListState;
use crate::tui::model::Model;
use crate::tui::painter::Painter;
use crate::tui::table::{Column, Table};
use crate::tui::theme::Role;
use crate::tui::view_name::ViewName;
use crate::tui::views::view::View;
use crate::tui::views::{empty, format, layout};

use super::columns::{self, RowContext};
use super::copy_menu;
use super::detail::OpenExchange;

/// Width of the screen, in columns, from which the open exchange is drawn beside the list.
const BESIDE_WIDTH: u16 = 160;

/// View of the exchanges.
#[derive(Debug)]
pub(in crate::tui::views) struct Exchanges {
    columns: Vec<ColumnName>,
    list: ListState,
    /// Number `n` of the selected exchange; `None` before the first exchange.
    selected: Option<u64>,
    /// Whether the last row stays selected as rows are added.
    is_following: bool,
    /// Row count when following stopped.
    rows_when_paused: usize,
    /// The open exchange.
    open: Option<OpenExchange>,
    /// Whether copies hold credentials.
    with_secrets: bool,
    /// Whether keys go to the open exchange.
    is_in_open: bool,
}

impl View for Exchanges {
    fn new(config: &Config, model: &Model) -> Self {
        Self {
            columns: config.columns.clone(),
            list: ListState::default(),
            selected: None,
            is_following: model.source().is_live,
            rows_when_paused: 0,
            open: None,
            with_secrets: config.with_secrets,
            is_in_open: false,
        }
    }

    fn name(&self) -> ViewName {
        ViewName::Exchanges
    }

    fn draw(&self, model: &Model, area: Rect, painter: &mut Painter<'_>) {
        let Some(open) = &self.open else { return self.draw_list(model, area, true, painter) };
        if area.width < BESIDE_WIDTH {
            return open.draw(model, area, true, painter);
        }
        let (left, right) = layout::side_by_side(area, area.width / 2, painter);
        self.draw_list(model, left, !self.is_in_open, painter);
        open.draw(model, right, self.is_in_open, painter);
    }

    fn handle_action(&mut self, action: Action, model: &mut Model, frame: &FrameInfo) -> Option<Vec<Effect>> {
        if self.is_in_open
            && let Some(open) = &mut self.open
            && let Some(effects) = open.handle_action(action, model, frame)
        {
            return Some(effects);
        }
        match action {
            Action::Back => return self.close(),
            Action::Open | Action::Right if !self.is_in_open => return self.open_selected(model),
            Action::NextPane => {
                if self.open.is_none() {
                    return self.open_selected(model);
                }
                self.is_in_open = !self.is_in_open;
                // On a narrow screen, leaving the open exchange closes it.
                if !self.is_in_open && frame.area(Pane::List).is_none() {
                    self.open = None;
                }
            }
            Action::PreviousExchange | Action::NextExchange if self.open.is_some() => {
                return Some(self.open_adjacent(action == Action::NextExchange, model));
            }
            Action::Follow => {
                self.is_following = !self.is_following;
                self.rows_when_paused = model.exchanges().len();
                self.refresh(model);
            }
            Action::Sort => self.sort(next_order(model.exchanges().order().0), model),
            Action::SortReverse => {
                let (by, descending) = model.exchanges().order();
                model.sort_exchanges(by, !descending);
                self.go_to_top(model);
            }
            _ => return self.move_selection(action, model, frame),
        }
        Some(Vec::new())
    }

    fn handle_click(&mut self, hit: Hit, model: &mut Model, frame: &FrameInfo) -> Vec<Effect> {
        match hit {
            Hit::Row(Pane::List, row) => {
                self.is_in_open = false;
                self.select(row, model);
            }
            Hit::Column(index) => {
                let width = frame.area(Pane::List).map_or(u16::MAX, |area| area.width);
                let columns = columns::fitting(&self.columns, width);
                if let Some(by) = columns.get(index).and_then(|column| column.info().sorts) {
                    self.sort(by, model);
                }
            }
            hit => {
                if let Some(open) = &mut self.open {
                    self.is_in_open = true;
                    return open.handle_click(hit);
                }
            }
        }
        Vec::new()
    }

    fn handle_wheel(&mut self, pane: Pane, down: bool, model: &mut Model, frame: &FrameInfo) {
        if let (Pane::Detail, Some(open)) = (pane, &mut self.open) {
            return open.handle_wheel(down, frame);
        }
        self.list.scroll(down, 3, frame.visible_rows(Pane::List), model.exchanges().len());
        self.select(self.list.selected, model);
    }

    fn refresh(&mut self, model: &mut Model) {
        let rows = model.exchanges().len();
        if self.is_following && rows > 0 {
            self.list.selected = rows - 1;
            self.selected = number_of(model, rows - 1);
        } else if let Some(place) =
            self.selected.and_then(|n| model.store().find(n)).and_then(|index| model.row_of(index))
        {
            // The selected row keeps its line on the screen when rows are added before it.
            let moved = place as i128 - self.list.selected as i128;
            self.list.top = usize::try_from(self.list.top as i128 + moved).unwrap_or(0);
            self.list.selected = place;
        } else if rows > 0 && !model.is_scanning() {
            self.list.selected = self.list.selected.min(rows - 1);
            self.selected = number_of(model, self.list.selected);
        }
        if let Some(open) = &mut self.open
            && !model.is_frozen()
        {
            open.refresh(model);
        }
    }

    fn supports(&self, action: Action) -> bool {
        let shows_document = self.open.as_ref().is_some_and(OpenExchange::shows_document);
        shows_document || !matches!(action, Action::Search | Action::Fold | Action::Bytes)
    }

    fn key_context(&self) -> KeyContext {
        if self.is_in_open { KeyContext::Detail } else { KeyContext::List }
    }

    fn copy_menu(&self, model: &mut Model) -> CopyMenu {
        // Copy the open exchange if keys go to it; the list may have another one selected.
        let is_meant = |open: &&OpenExchange| self.is_in_open || Some(open.exchange.n) == self.selected;
        match (self.open.as_ref().filter(is_meant), self.selected) {
            (Some(open), _) => copy_menu::of(open, self.with_secrets, model.files()),
            (None, Some(n)) => OpenExchange::open(n, model).map_or_else(CopyMenu::default, |open| {
                copy_menu::of(&open, self.with_secrets, model.files())
            }),
            (None, None) => CopyMenu::default(),
        }
    }

    fn status(&self, model: &Model) -> String {
        if let Some(open) = &self.open
            && self.is_in_open
        {
            return open.status();
        }
        let rows = model.exchanges().len();
        let at = if rows == 0 { 0 } else { self.list.selected + 1 };
        let new = rows.saturating_sub(self.rows_when_paused);
        let follow = match (self.is_following, model.is_receiving()) {
            (true, true) => "following, ".to_owned(),
            (false, true) if new > 0 => format!("paused, {new} new, "),
            _ => String::new(),
        };
        // The screen may have no room for the column.
        let (by, descending) = model.exchanges().order();
        let sorted = match (by, descending) {
            (SortBy::Time, false) => String::new(),
            (by, descending) if descending != by.is_descending_first() => {
                format!("by {} reversed, ", by.title())
            }
            (by, _) => format!("by {}, ", by.title()),
        };
        let search = model.search_status().map(|search| format!("{search}, ")).unwrap_or_default();
        format!("{search}{sorted}{follow}{at} of {rows}")
    }

    fn help(&self) -> &'static [&'static str] {
        &[
            "A row is a JSON-RPC request and its outcome. Total is the time from the",
            "first byte of the request to the last byte of the response; without an",
            "answer, a lower limit: how long it waited for one. The bar shows its phases:",
            "sending the request, waiting for the server, for the user or client where",
            "the server asked, receiving the response, all rows to one scale. A request",
            "without a response is pending; its time runs with the clock of the capture",
            "until somebody hangs up, which the status says at once. Detail says why it",
            "failed, with the packet that ended the wait and the codes of its findings.",
            "",
            "A filter on body:, header: or auth: searches what was said; esc stops it, and",
            "keeps what it found.",
            "",
            "Open: [ and ] go to the exchange before and after it, and keep the tab.",
            "Timeline shows where the time went, with the packet numbers for",
            "Wireshark; Request and Response are the messages; Events those of the",
            "stream; HTTP the heads; Packets when each part was captured, with display",
            "filters; Findings those of the exchange. Enter on a stage goes to its tab,",
            "on an event opens it, on a JSON string shows it in full. Bytes shows the",
            "bytes of the message: [ and ] enclose those of the selected value, and a",
            "click on a byte selects its value.",
        ]
    }

    fn search(&mut self, text: &str) -> Option<usize> {
        self.open.as_mut().and_then(|open| open.search(text))
    }

    fn open_exchange(&mut self, n: u64, model: &mut Model) {
        self.selected = Some(n);
        self.is_following = false;
        self.rows_when_paused = model.exchanges().len();
        self.refresh(model);
        self.selected = Some(n);
        self.open = OpenExchange::open(n, model);
        self.is_in_open = self.open.is_some();
    }
}

impl Exchanges {
    fn draw_list(&self, model: &Model, area: Rect, focused: bool, painter: &mut Painter<'_>) {
        if model.exchanges().is_empty() {
            return self.draw_empty(model, area, painter);
        }
        let symbols = painter.symbols();
        let (by, descending) = model.exchanges().order();
        let names = columns::fitting(&self.columns, area.width);
        let sorted = names.iter().position(|column| column.info().sorts == Some(by));
        let columns: Vec<Column> = names.iter().map(|column| column.info().column).collect();
        let lines = usize::from(area.height.saturating_sub(1));
        let scale = self.scale(lines, model);
        let is_colored = painter.style(Role::Wait).fg.is_some();
        let table = Table {
            columns: &columns,
            sorted: sorted.map(|at| (at, descending)),
            rows: model.exchanges().len(),
            list: self.list,
            focused,
            pane: Pane::List,
        };
        table.draw(area, painter, |row| {
            let Some((index, exchange)) = model.exchange_at(row) else { return Vec::new() };
            let shown = RowContext {
                model,
                symbols: &symbols,
                scale,
                is_open: model.store().is_open(index),
                is_colored,
            };
            names.iter().map(|column| column.cell(&exchange, &shown)).collect()
        });
    }

    /// Returns the longest total among the visible rows, in nanoseconds.
    fn scale(&self, lines: usize, model: &Model) -> i64 {
        let top = self.list.top(lines, model.exchanges().len());
        let mut longest = 1;
        for row in top..model.exchanges().len().min(top + lines) {
            let Some((index, exchange)) = model.exchange_at(row) else { continue };
            let total = if model.store().is_open(index) {
                format::pending_ns(&exchange, model.now())
            } else {
                exchange.unanswered_ns().or_else(|| exchange.total_ns()).unwrap_or(0)
            };
            longest = longest.max(total);
        }
        longest
    }

    fn draw_empty(&self, model: &Model, area: Rect, painter: &mut Painter<'_>) {
        if model.is_scanning() {
            return empty::draw_lines(&["searching...".to_owned()], Role::Faint, area, painter);
        }
        empty::draw_empty(model, "exchange", !model.store().is_empty(), area, painter);
    }

    fn move_selection(
        &mut self,
        action: Action,
        model: &mut Model,
        frame: &FrameInfo,
    ) -> Option<Vec<Effect>> {
        if !self.list.handle_action(action, frame.visible_rows(Pane::List), model.exchanges().len()) {
            return None;
        }
        let follows = action == Action::End && model.is_receiving();
        self.select(self.list.selected, model);
        self.is_following = follows;
        Some(Vec::new())
    }

    /// Selects a row on behalf of the user, which stops following.
    fn select(&mut self, row: usize, model: &mut Model) {
        if self.is_following {
            self.rows_when_paused = model.exchanges().len();
        }
        self.is_following = false;
        self.list.selected = row;
        self.selected = number_of(model, row);
        // The exchange beside the list is the selected one.
        if let (Some(was), Some(n)) = (&self.open, self.selected) {
            self.open = OpenExchange::open(n, model).map(|open| open.with_options_of(was));
        }
    }

    fn open_selected(&mut self, model: &mut Model) -> Option<Vec<Effect>> {
        // The filter may hide the selected exchange.
        if model.exchanges().is_empty() {
            return None;
        }
        let n = self.selected?;
        // Stop following, so that new rows do not change what the user reads.
        if self.is_following {
            (self.is_following, self.rows_when_paused) = (false, model.exchanges().len());
        }
        self.open = OpenExchange::open(n, model);
        self.is_in_open = self.open.is_some();
        Some(Vec::new())
    }

    /// Opens the exchange of the next or the previous row, at the same tab.
    fn open_adjacent(&mut self, next: bool, model: &mut Model) -> Vec<Effect> {
        let open = self.open.as_ref().map(|open| open.exchange.n);
        let row = open.and_then(|n| model.store().find(n)).and_then(|index| model.row_of(index));
        // A filter may hide what is open.
        let row = row.unwrap_or(self.list.selected);
        let to = if next { row.checked_add(1) } else { row.checked_sub(1) };
        let Some(to) = to.filter(|to| *to < model.exchanges().len()) else { return vec![Effect::Bell] };
        self.select(to, model);
        Vec::new()
    }

    fn close(&mut self) -> Option<Vec<Effect>> {
        self.open.take()?;
        self.is_in_open = false;
        Some(Vec::new())
    }

    fn sort(&mut self, by: SortBy, model: &mut Model) {
        let (was, descending) = model.exchanges().order();
        let descending = if was == by { !descending } else { by.is_descending_first() };
        model.sort_exchanges(by, descending);
        self.go_to_top(model);
    }

    /// Selects the first row of a new order: who sorts wants to see what comes first.
    fn go_to_top(&mut self, model: &mut Model) {
        (self.list, self.selected) = (ListState::default(), None);
        (self.is_following, self.rows_when_paused) = (false, model.exchanges().len());
        self.refresh(model);
    }
}

fn next_order(by: SortBy) -> SortBy {
    let at = SortBy::ALL.iter().position(|known| *known == by).unwrap_or(0);
    SortBy::ALL.get((at + 1) % SortBy::ALL.len()).copied().unwrap_or_default()
}

fn number_of(model: &Model, row: usize) -> Option<u64> {
    model.exchange_at(row).map(|(_, exchange)| exchange.n)
}
