//! Every request and what became of it: the list, and beside or in place of it the exchange that was opened.

pub(in crate::tui) mod columns;
mod copies;
pub(super) mod detail;

use std::cell::Cell as Memo;

use ratatui::layout::Rect;

use super::{View, ViewName, shelf};
use crate::ledger::Exchange;
use crate::tui::action::{Action, Place};
use crate::tui::effect::{Copies, Effect};
use crate::tui::list::List;
use crate::tui::pen::{FrameInfo, Hit, Pane, Pen};
use crate::tui::rows::SortBy;
use crate::tui::table::{Column, Table};
use crate::tui::theme::Role;
use crate::tui::update::SLICE;
use crate::tui::world::World;

use columns::{ColumnName, Shown};
use detail::Detail;

/// The screen from which on the opened exchange stands beside the list, in columns.
const BESIDE: u16 = 160;

/// The view of the exchanges.
#[derive(Debug)]
pub(in crate::tui) struct Exchanges {
    columns: Vec<ColumnName>,
    list: List,
    /// The `n` of the exchange that is selected; `None` before there is any.
    selected: Option<u64>,
    /// Whether the last row stays selected as rows come.
    follows: bool,
    /// How many rows there were when following stopped.
    left_at: usize,
    /// The exchange that is opened.
    detail: Option<Detail>,
    /// Whether keys go to what is opened.
    in_detail: bool,
}

impl Exchanges {
    /// With these columns. A live capture is followed from the start.
    pub(in crate::tui) fn new(columns: Vec<ColumnName>, follows: bool) -> Self {
        Self {
            columns,
            list: List::default(),
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

    fn draw(&self, area: Rect, pen: &mut Pen<'_>) {
        let Some(detail) = &self.detail else { return self.draw_list(area, true, pen) };
        if area.width < BESIDE {
            return detail.draw(area, true, pen);
        }
        let left = Rect { width: area.width / 2, ..area };
        let right = Rect { x: area.x + left.width + 1, width: area.width - left.width - 1, ..area };
        self.draw_list(left, !self.in_detail, pen);
        let [_, standing] = pen.symbols().rules;
        for line in area.y..area.bottom() {
            pen.text((left.right(), line).into(), 1, Role::Border, standing);
        }
        detail.draw(right, self.in_detail, pen);
    }

    fn act(&mut self, action: Action, world: &mut World, seen: &FrameInfo) -> Option<Vec<Effect>> {
        if self.in_detail
            && let Some(detail) = &mut self.detail
            && let Some(effects) = detail.act(action, world, seen)
        {
            return Some(effects);
        }
        match action {
            Action::Back => return self.back(),
            Action::Open | Action::Right if !self.in_detail => return self.open(world),
            Action::NextPane => {
                if self.detail.is_none() {
                    return self.open(world);
                }
                self.in_detail = !self.in_detail;
                // Where there is room for one alone, leaving it closes it.
                if !self.in_detail && seen.area(Pane::List).is_none() {
                    self.detail = None;
                }
            }
            Action::Follow => {
                self.follows = !self.follows;
                self.left_at = world.rows.len();
                self.refresh(world);
            }
            Action::Sort => self.sort(next(world.rows.sorted().0), world),
            Action::SortReverse => {
                let (by, descending) = world.rows.sorted();
                world.rows.resort(by, !descending);
                world.look(SLICE);
                self.refresh(world);
            }
            _ => return self.walk(action, world, seen),
        }
        Some(Vec::new())
    }

    fn click(&mut self, hit: Hit, world: &mut World, seen: &FrameInfo) -> Vec<Effect> {
        match hit {
            Hit::Row(Pane::List, row) => {
                self.in_detail = false;
                self.select(row, world);
            }
            Hit::Column(index) => {
                let width = seen.area(Pane::List).map_or(u16::MAX, |area| area.width);
                let columns = columns::fitting(&self.columns, width);
                let by = columns.get(index).and_then(|column| column.info().sorts);
                by.into_iter().for_each(|by| self.sort(by, world));
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

    fn wheel(&mut self, pane: Pane, down: bool, world: &mut World, seen: &FrameInfo) {
        if let (Pane::Detail, Some(detail)) = (pane, &mut self.detail) {
            return detail.wheel(down, seen);
        }
        self.list.scroll(down, 3, seen.lines(Pane::List), world.rows.len());
        self.select(self.list.selected, world);
    }

    fn refresh(&mut self, world: &mut World) {
        let rows = world.rows.len();
        if self.follows && rows > 0 {
            self.list.selected = rows - 1;
            self.selected = n_of(world, rows - 1);
        } else if let Some(place) = self
            .selected
            .and_then(|n| world.store.find(n))
            .and_then(|index| world.rows.place(&world.store, index))
        {
            // It keeps its line on the screen while others come before it.
            let moved = place as i128 - self.list.selected as i128;
            self.list.top = usize::try_from(self.list.top as i128 + moved).unwrap_or(0);
            self.list.selected = place;
        } else if rows > 0 && world.rows.looked() >= world.store.len() {
            self.list.selected = self.list.selected.min(rows - 1);
            self.selected = n_of(world, self.list.selected);
        }
        if let Some(detail) = self.detail.as_mut().filter(|_| !world.is_frozen()) {
            detail.refresh(world);
        }
    }

    fn knows(&self, action: Action) -> bool {
        let is_doc = self.detail.as_ref().is_some_and(Detail::is_doc);
        is_doc || !matches!(action, Action::Search | Action::Fold | Action::Bytes)
    }

    fn place(&self) -> Place {
        if self.in_detail { Place::Detail } else { Place::List }
    }

    fn copies(&self, world: &mut World) -> Copies {
        // What keys go to is what is copied: the list may stand elsewhere.
        let is_meant = |detail: &&Detail| self.in_detail || Some(detail.exchange.n) == self.selected;
        match (self.detail.as_ref().filter(is_meant), self.selected) {
            (Some(detail), _) => copies::of(detail),
            (None, Some(n)) => Detail::open(n, world).as_ref().map(copies::of).unwrap_or_default(),
            (None, None) => Copies::default(),
        }
    }

    fn status(&self, world: &World) -> String {
        if let Some(detail) = self.detail.as_ref().filter(|_| self.in_detail) {
            return detail.status();
        }
        let rows = world.rows.len();
        let at = if rows == 0 { 0 } else { self.list.selected + 1 };
        let new = rows.saturating_sub(self.left_at);
        let follow = match (self.follows, world.live && !world.ended) {
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

    fn show(&mut self, n: u64, world: &mut World) {
        self.selected = Some(n);
        self.follows = false;
        self.left_at = world.rows.len();
        self.refresh(world);
        self.selected = Some(n);
        self.detail = Detail::open(n, world);
        self.in_detail = self.detail.is_some();
    }
}

impl Exchanges {
    fn draw_list(&self, area: Rect, focused: bool, pen: &mut Pen<'_>) {
        let world = pen.world;
        if world.rows.is_empty() {
            return self.draw_empty(area, pen);
        }
        let symbols = pen.symbols();
        let (by, descending) = world.rows.sorted();
        let names = columns::fitting(&self.columns, area.width);
        let sorted = names.iter().position(|column| column.info().sorts == Some(by));
        let columns: Vec<Column> = names.iter().map(|column| column.info().column).collect();
        let lines = usize::from(area.height.saturating_sub(1));
        let scale = self.scale(lines, world);
        let is_colored = pen.theme.style(Role::Wait).fg.is_some();
        let table = Table {
            columns: &columns,
            sorted: sorted.map(|at| (at, descending)),
            rows: world.rows.len(),
            list: self.list,
            focused,
            pane: Pane::List,
        };
        table.draw(area, pen, |row| {
            let Some((index, exchange)) = exchange(world, row) else { return Vec::new() };
            let shown =
                Shown { world, symbols: &symbols, scale, is_open: world.store.is_open(index), is_colored };
            names.iter().map(|column| column.cell(&exchange, &shown)).collect()
        });
    }

    /// The longest total among the rows that are to be seen.
    fn scale(&self, lines: usize, world: &World) -> i64 {
        let top = self.list.top(lines, world.rows.len());
        let longest = Memo::new(1);
        for row in top..world.rows.len().min(top + lines) {
            let Some((index, exchange)) = exchange(world, row) else { continue };
            let total = if world.store.is_open(index) {
                columns::pending(&exchange, world.now())
            } else {
                exchange.total_ns().unwrap_or(0)
            };
            longest.set(longest.get().max(total));
        }
        longest.get()
    }

    fn draw_empty(&self, area: Rect, pen: &mut Pen<'_>) {
        let world = pen.world;
        if world.rows.looked() < world.store.len() {
            return shelf::say(&["looking...".to_owned()], Role::Faint, area, pen);
        }
        shelf::draw_empty("exchange", !world.store.is_empty(), area, pen);
    }

    fn walk(&mut self, action: Action, world: &mut World, seen: &FrameInfo) -> Option<Vec<Effect>> {
        if !self.list.act(action, seen.lines(Pane::List), world.rows.len()) {
            return None;
        }
        let follows = action == Action::End && world.live && !world.ended;
        self.select(self.list.selected, world);
        self.follows = follows;
        Some(Vec::new())
    }

    /// A row is selected by hand: following pauses.
    fn select(&mut self, row: usize, world: &mut World) {
        if self.follows {
            self.left_at = world.rows.len();
        }
        self.follows = false;
        self.list.selected = row;
        self.selected = n_of(world, row);
        // What stands beside the list is the selected one.
        if let (Some(was), Some(n)) = (&self.detail, self.selected) {
            self.detail = Detail::open(n, world).map(|detail| detail.like(was));
        }
    }

    fn open(&mut self, world: &mut World) -> Option<Vec<Effect>> {
        // What is selected may be hidden by the filter.
        if world.rows.is_empty() {
            return None;
        }
        let n = self.selected?;
        // Who reads is not taken along by what comes.
        if self.follows {
            (self.follows, self.left_at) = (false, world.rows.len());
        }
        self.detail = Detail::open(n, world);
        self.in_detail = self.detail.is_some();
        Some(Vec::new())
    }

    fn back(&mut self) -> Option<Vec<Effect>> {
        self.detail.take()?;
        self.in_detail = false;
        Some(Vec::new())
    }

    fn sort(&mut self, by: SortBy, world: &mut World) {
        let (was, descending) = world.rows.sorted();
        let descending = if was == by { !descending } else { by.is_descending_first() };
        world.rows.resort(by, descending);
        world.look(SLICE);
        self.refresh(world);
    }
}

fn next(by: SortBy) -> SortBy {
    let at = SortBy::ALL.iter().position(|known| *known == by).unwrap_or(0);
    SortBy::ALL.get((at + 1) % SortBy::ALL.len()).copied().unwrap_or_default()
}

fn exchange(world: &World, row: usize) -> Option<(usize, Exchange)> {
    let index = world.rows.get(row)?;
    Some((index, world.store.exchange(index)?))
}

fn n_of(world: &World, row: usize) -> Option<u64> {
    exchange(world, row).map(|(_, exchange)| exchange.n)
}
