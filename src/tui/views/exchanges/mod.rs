//! The exchanges: a list of requests with their outcome, and beside or in place of it the open
//! exchange.

pub(in crate::tui) mod columns;
mod copies;
pub(super) mod detail;

use std::cell::Cell as Memo;

use ratatui::layout::Rect;

use super::store_items;
use super::view::View;
use crate::tui::action::{Action, KeyContext};
use crate::tui::effect::{Copies, Effect};
use crate::tui::filtered_exchanges::SortBy;
use crate::tui::frame_info::{FrameInfo, Hit, Pane};
use crate::tui::list_state::ListState;
use crate::tui::model::Model;
use crate::tui::painter::Painter;
use crate::tui::table::{Column, Table};
use crate::tui::theme::Role;
use crate::tui::view_name::ViewName;

use crate::tui::column_name::ColumnName;
use columns::Shown;
use detail::Detail;

/// Width of the screen, in columns, from which the open exchange is drawn beside the list.
const BESIDE: u16 = 160;

/// View of the exchanges.
#[derive(Debug)]
pub(in crate::tui) struct Exchanges {
    columns: Vec<ColumnName>,
    list: ListState,
    /// Number `n` of the selected exchange; `None` before the first exchange.
    selected: Option<u64>,
    /// Whether the last row stays selected as rows are added.
    follows: bool,
    /// Row count when following stopped.
    left_at: usize,
    /// The open exchange.
    detail: Option<Detail>,
    /// Whether keys go to the open exchange.
    in_detail: bool,
}

impl Exchanges {
    pub(in crate::tui) fn new(columns: Vec<ColumnName>, follows: bool) -> Self {
        Self {
            columns,
            list: ListState::default(),
            selected: None,
            follows,
            left_at: 0,
            detail: None,
            in_detail: false,
        }
    }
}

impl View for Exchanges {
    fn name(&self) -> ViewName {
        ViewName::Exchanges
    }

    fn draw(&self, model: &Model, area: Rect, painter: &mut Painter<'_>) {
        let Some(detail) = &self.detail else { return self.draw_list(model, area, true, painter) };
        if area.width < BESIDE {
            return detail.draw(model, area, true, painter);
        }
        let left = Rect { width: area.width / 2, ..area };
        let right = Rect { x: area.x + left.width + 1, width: area.width - left.width - 1, ..area };
        self.draw_list(model, left, !self.in_detail, painter);
        let [_, standing] = painter.symbols().rules;
        for line in area.y..area.bottom() {
            painter.draw_text((left.right(), line).into(), 1, Role::Border, standing);
        }
        detail.draw(model, right, self.in_detail, painter);
    }

    fn act(&mut self, action: Action, model: &mut Model, frame: &FrameInfo) -> Option<Vec<Effect>> {
        if self.in_detail
            && let Some(detail) = &mut self.detail
            && let Some(effects) = detail.act(action, model, frame)
        {
            return Some(effects);
        }
        match action {
            Action::Back => return self.back(),
            Action::Open | Action::Right if !self.in_detail => return self.open(model),
            Action::NextPane => {
                if self.detail.is_none() {
                    return self.open(model);
                }
                self.in_detail = !self.in_detail;
                // On a narrow screen, leaving the open exchange closes it.
                if !self.in_detail && frame.area(Pane::List).is_none() {
                    self.detail = None;
                }
            }
            Action::Follow => {
                self.follows = !self.follows;
                self.left_at = model.exchanges().len();
                self.refresh(model);
            }
            Action::Sort => self.sort(next(model.exchanges().order().0), model),
            Action::SortReverse => {
                let (by, descending) = model.exchanges().order();
                model.sort_exchanges(by, !descending);
                self.refresh(model);
            }
            _ => return self.walk(action, model, frame),
        }
        Some(Vec::new())
    }

    fn click(&mut self, hit: Hit, model: &mut Model, frame: &FrameInfo) -> Vec<Effect> {
        match hit {
            Hit::Row(Pane::List, row) => {
                self.in_detail = false;
                self.select(row, model);
            }
            Hit::Column(index) => {
                let width = frame.area(Pane::List).map_or(u16::MAX, |area| area.width);
                let columns = columns::fitting(&self.columns, width);
                let by = columns.get(index).and_then(|column| column.info().sorts);
                by.into_iter().for_each(|by| self.sort(by, model));
            }
            hit => {
                if let Some(detail) = &mut self.detail {
                    self.in_detail = true;
                    return detail.click(hit);
                }
            }
        }
        Vec::new()
    }

    fn wheel(&mut self, pane: Pane, down: bool, model: &mut Model, frame: &FrameInfo) {
        if let (Pane::Detail, Some(detail)) = (pane, &mut self.detail) {
            return detail.wheel(down, frame);
        }
        self.list.scroll(down, 3, frame.visible_rows(Pane::List), model.exchanges().len());
        self.select(self.list.selected, model);
    }

    fn refresh(&mut self, model: &mut Model) {
        let rows = model.exchanges().len();
        if self.follows && rows > 0 {
            self.list.selected = rows - 1;
            self.selected = n_of(model, rows - 1);
        } else if let Some(place) =
            self.selected.and_then(|n| model.store().find(n)).and_then(|index| model.row_of(index))
        {
            // The selected row keeps its line on the screen when rows are added before it.
            let moved = place as i128 - self.list.selected as i128;
            self.list.top = usize::try_from(self.list.top as i128 + moved).unwrap_or(0);
            self.list.selected = place;
        } else if rows > 0 && !model.is_scanning() {
            self.list.selected = self.list.selected.min(rows - 1);
            self.selected = n_of(model, self.list.selected);
        }
        if let Some(detail) = self.detail.as_mut().filter(|_| !model.is_frozen()) {
            detail.refresh(model);
        }
    }

    fn knows(&self, action: Action) -> bool {
        let is_doc = self.detail.as_ref().is_some_and(Detail::is_doc);
        is_doc || !matches!(action, Action::Search | Action::Fold | Action::Bytes)
    }

    fn key_context(&self) -> KeyContext {
        if self.in_detail { KeyContext::Detail } else { KeyContext::List }
    }

    fn copies(&self, model: &mut Model) -> Copies {
        // Copy the open exchange if keys go to it; the list may have another one selected.
        let is_meant = |detail: &&Detail| self.in_detail || Some(detail.exchange.n) == self.selected;
        match (self.detail.as_ref().filter(is_meant), self.selected) {
            (Some(detail), _) => copies::of(detail),
            (None, Some(n)) => Detail::open(n, model).as_ref().map(copies::of).unwrap_or_default(),
            (None, None) => Copies::default(),
        }
    }

    fn status(&self, model: &Model) -> String {
        if let Some(detail) = self.detail.as_ref().filter(|_| self.in_detail) {
            return detail.status();
        }
        let rows = model.exchanges().len();
        let at = if rows == 0 { 0 } else { self.list.selected + 1 };
        let new = rows.saturating_sub(self.left_at);
        let follow = match (self.follows, model.is_receiving()) {
            (true, true) => "following, ".to_owned(),
            (false, true) if new > 0 => format!("paused, {new} new, "),
            _ => String::new(),
        };
        format!("{follow}{at} of {rows}")
    }

    fn help(&self) -> &'static [&'static str] {
        &[
            "A row is a JSON-RPC request and what became of it. Its number is that of",
            "the request in the capture. Total is from the first byte of the request to",
            "the last of the response; the bar shows its parts: sending the request,",
            "waiting, receiving the response, all rows to one scale. A request that has",
            "no answer yet is pending, and its clock runs against the capture's. Detail",
            "says why it failed, and what was noticed (!code).",
            "",
            "Opened: Timeline is where the time went, with the packets to look up in",
            "Wireshark; Request and Response are the messages; Events what the stream",
            "carried; HTTP the heads; Packets what came when in which packet, and the",
            "filters for them; Findings what was noticed. Enter on a stage goes to its",
            "tab, on an event opens it, on a string of JSON reads it in full. Bytes are",
            "those of the message: [ and ] hold those of what is selected, and a click",
            "on one of them selects what it belongs to.",
        ]
    }

    fn search(&mut self, text: &str) -> Option<usize> {
        self.detail.as_mut().and_then(|detail| detail.search(text))
    }

    fn show(&mut self, n: u64, model: &mut Model) {
        self.selected = Some(n);
        self.follows = false;
        self.left_at = model.exchanges().len();
        self.refresh(model);
        self.selected = Some(n);
        self.detail = Detail::open(n, model);
        self.in_detail = self.detail.is_some();
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
            let shown =
                Shown { model, symbols: &symbols, scale, is_open: model.store().is_open(index), is_colored };
            names.iter().map(|column| column.cell(&exchange, &shown)).collect()
        });
    }

    /// Returns the longest total among the visible rows, in nanoseconds.
    fn scale(&self, lines: usize, model: &Model) -> i64 {
        let top = self.list.top(lines, model.exchanges().len());
        let longest = Memo::new(1);
        for row in top..model.exchanges().len().min(top + lines) {
            let Some((index, exchange)) = model.exchange_at(row) else { continue };
            let total = if model.store().is_open(index) {
                columns::pending(&exchange, model.now())
            } else {
                exchange.total_ns().unwrap_or(0)
            };
            longest.set(longest.get().max(total));
        }
        longest.get()
    }

    fn draw_empty(&self, model: &Model, area: Rect, painter: &mut Painter<'_>) {
        if model.is_scanning() {
            return store_items::say(&["looking...".to_owned()], Role::Faint, area, painter);
        }
        store_items::draw_empty(model, "exchange", !model.store().is_empty(), area, painter);
    }

    fn walk(&mut self, action: Action, model: &mut Model, frame: &FrameInfo) -> Option<Vec<Effect>> {
        if !self.list.act(action, frame.visible_rows(Pane::List), model.exchanges().len()) {
            return None;
        }
        let follows = action == Action::End && model.is_receiving();
        self.select(self.list.selected, model);
        self.follows = follows;
        Some(Vec::new())
    }

    /// Selects a row on behalf of the user, which stops following.
    fn select(&mut self, row: usize, model: &mut Model) {
        if self.follows {
            self.left_at = model.exchanges().len();
        }
        self.follows = false;
        self.list.selected = row;
        self.selected = n_of(model, row);
        // The exchange beside the list is the selected one.
        if let (Some(was), Some(n)) = (&self.detail, self.selected) {
            self.detail = Detail::open(n, model).map(|detail| detail.like(was));
        }
    }

    fn open(&mut self, model: &mut Model) -> Option<Vec<Effect>> {
        // The filter may hide the selected exchange.
        if model.exchanges().is_empty() {
            return None;
        }
        let n = self.selected?;
        // Stop following, so that new rows do not change what the user reads.
        if self.follows {
            (self.follows, self.left_at) = (false, model.exchanges().len());
        }
        self.detail = Detail::open(n, model);
        self.in_detail = self.detail.is_some();
        Some(Vec::new())
    }

    fn back(&mut self) -> Option<Vec<Effect>> {
        self.detail.take()?;
        self.in_detail = false;
        Some(Vec::new())
    }

    fn sort(&mut self, by: SortBy, model: &mut Model) {
        let (was, descending) = model.exchanges().order();
        let descending = if was == by { !descending } else { by.is_descending_first() };
        model.sort_exchanges(by, descending);
        self.refresh(model);
    }
}

fn next(by: SortBy) -> SortBy {
    let at = SortBy::ALL.iter().position(|known| *known == by).unwrap_or(0);
    SortBy::ALL.get((at + 1) % SortBy::ALL.len()).copied().unwrap_or_default()
}

fn n_of(model: &Model, row: usize) -> Option<u64> {
    model.exchange_at(row).map(|(_, exchange)| exchange.n)
}
