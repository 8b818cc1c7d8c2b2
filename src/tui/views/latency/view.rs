//! Latency per method and tool: percentiles, and a histogram and a heat map of the selected row.

use ratatui::layout::Rect;

use crate::base::Timestamp;
use crate::ledger::{LatencyKey, LatencyRow};
use crate::tui::action::{Action, KeyContext};
use crate::tui::config::Config;
use crate::tui::effect::{CopyMenu, Effect};
use crate::tui::frame_info::{FrameInfo, Hit, Pane};
use crate::tui::list_state::ListState;
use crate::tui::model::Model;
use crate::tui::painter::Painter;
use crate::tui::sorted_list::Sorting;
use crate::tui::table::Table;
use crate::tui::view_name::ViewName;
use crate::tui::views::empty;
use crate::tui::views::view::View;

use super::columns;
use super::filter::{self, BucketLimits};
use super::grid::{self, Grid};
use super::pane::{self, GridSelection, PaneContent};

/// View of the latencies.
#[derive(Debug)]
pub(in crate::tui::views) struct Latency {
    /// Indices of the summary's rows, in the order of the table.
    order: Vec<usize>,
    /// Version and epoch of the summary that `order` was built from; `None` before the first.
    order_version: Option<(u64, u64)>,
    sorting: Sorting,
    list: ListState,
    /// Key of the selected row; `None` before the first row.
    selected: Option<LatencyKey>,
    /// Selected bucket; `None` if keys go to the table.
    bucket: Option<SelectedBucket>,
}

/// A selected bucket, by its content: the selection survives when the grid is folded differently.
#[derive(Clone, Copy, Debug)]
struct SelectedBucket {
    step: usize,
    /// Time within its column; `None` if the whole line is selected.
    time: Option<Timestamp>,
}

impl View for Latency {
    fn new(_: &Config, _: &Model) -> Self {
        Self {
            order: Vec::new(),
            order_version: None,
            sorting: Sorting::by(columns::P95, &columns::COLUMNS),
            list: ListState::default(),
            selected: None,
            bucket: None,
        }
    }

    fn name(&self) -> ViewName {
        ViewName::Latency
    }

    fn draw(&self, model: &Model, area: Rect, painter: &mut Painter<'_>) {
        if self.order.is_empty() {
            return empty::draw_empty(
                model,
                "exchange",
                model.exchanges().len() < model.store().len(),
                area,
                painter,
            );
        }
        let above = Rect { height: self.table_height(area.height, model), ..area };
        let below = Rect { y: above.bottom(), height: area.height.saturating_sub(above.height), ..area };
        let table = Table {
            columns: &columns::COLUMNS,
            sorted: Some((self.sorting.column, self.sorting.down)),
            rows: self.order.len(),
            list: self.list,
            focused: self.bucket.is_none(),
            pane: Pane::List,
        };
        let symbols = painter.symbols();
        table.draw(above, painter, |row| {
            self.row(row, model).map(|row| columns::row_cells(row, &symbols, model)).unwrap_or_default()
        });
        if let Some(row) = self.row(self.list.selected, model) {
            let grid = self.grid(pane::body(below), model);
            let chosen = grid.as_ref().and_then(|grid| self.chosen(grid, model));
            pane::draw(model, PaneContent { row, grid: grid.as_ref(), chosen }, below, painter);
        }
    }

    fn handle_action(&mut self, action: Action, model: &mut Model, frame: &FrameInfo) -> Option<Vec<Effect>> {
        if self.bucket.is_some() {
            return self.act_in_grid(action, model, frame);
        }
        match action {
            Action::Open => {
                let filter = self.row(self.list.selected, model);
                let filter = filter.and_then(|row| filter::row(row, &model.totals().summary().latency));
                return Some(
                    filter.map_or(vec![Effect::Bell], |text| vec![Effect::Filter(model.filter_with(&text))]),
                );
            }
            Action::NextPane | Action::Right => self.enter_grid(model, frame),
            _ if self.sorting.handle_action(action, &columns::COLUMNS) => self.sort_from_top(model),
            _ => {
                if !self.list.handle_action(action, frame.visible_rows(Pane::List), self.order.len()) {
                    return None;
                }
                self.remember_selection(model);
            }
        }
        Some(Vec::new())
    }

    fn handle_click(&mut self, hit: Hit, model: &mut Model, frame: &FrameInfo) -> Vec<Effect> {
        match hit {
            Hit::Row(Pane::List, row) => {
                self.bucket = None;
                self.list.select(row, self.order.len());
                self.remember_selection(model);
            }
            Hit::Column(column) => {
                self.sorting.handle_click(column, &columns::COLUMNS);
                self.sort_from_top(model);
            }
            Hit::Row(Pane::Detail, line) => self.choose(GridSelection { line, column: None }, model, frame),
            Hit::Cell(Pane::Detail, line, column) => {
                self.choose(GridSelection { line, column: Some(column) }, model, frame);
            }
            _ => {}
        }
        Vec::new()
    }

    fn handle_wheel(&mut self, pane: Pane, down: bool, model: &mut Model, frame: &FrameInfo) {
        if pane == Pane::List {
            self.list.scroll(down, 3, frame.visible_rows(Pane::List), self.order.len());
            self.remember_selection(model);
        } else if self.bucket.is_some() {
            let action = if down { Action::Down } else { Action::Up };
            self.act_in_grid(action, model, frame);
        }
    }

    fn refresh(&mut self, model: &mut Model) {
        let version = Some((model.totals().version(), model.filter_version()));
        if self.order_version != version {
            self.order_version = version;
            self.sort(model);
        }
    }

    fn uses_filter(&self) -> bool {
        true
    }

    fn supports(&self, action: Action) -> bool {
        match action {
            Action::Sort => self.bucket.is_none(),
            action => !matches!(action, Action::Follow | Action::Search | Action::Fold | Action::Bytes),
        }
    }

    fn key_context(&self) -> KeyContext {
        if self.bucket.is_some() { KeyContext::Detail } else { KeyContext::List }
    }

    fn copy_menu(&self, model: &mut Model) -> CopyMenu {
        let Some(row) = self.row(self.list.selected, model) else { return CopyMenu::default() };
        let filter = filter::row(row, &model.totals().summary().latency);
        let ms = |per_mille, ns: Option<i64>| {
            let at_least = if ns.is_some() && row.is_at_least(per_mille) { ">=" } else { "" };
            format!("{at_least}{}", ns.map_or_else(|| "-".to_owned(), crate::base::units::ms))
        };
        let text = format!(
            "n={} errors={} p50={} p90={} p95={} p99={} max={} (ms)",
            row.exchanges(),
            row.errors(),
            ms(500, row.p50_ns),
            ms(900, row.p90_ns),
            ms(950, row.p95_ns),
            ms(990, row.p99_ns),
            ms(1000, row.max_ns)
        );
        let menu = CopyMenu::default().with('p', "percentiles", text);
        match filter {
            Some(filter) => menu.with('f', "filter", filter),
            None => menu,
        }
    }

    fn status(&self, _: &Model) -> String {
        let sorted = self.sorting.status(columns::P95, &columns::COLUMNS);
        format!("{sorted}{}", self.list.status(self.order.len()))
    }

    fn help(&self) -> &'static [&'static str] {
        &[
            "A row is a method with its tool, prompt or resource: the number of exchanges, how many failed, and",
            "how long the answered ones took, from the first byte of the request to the last byte of the",
            "response. Half of them took no longer than p50, 95 of 100 no longer than p95. s and S sort.",
            "Exchanges without an answer count with the time they waited: a percentile that those that were",
            "answered do not reach is a lower limit, and marked as one. User p50 is the time of the client or",
            "its user, where the server asked; Server p50 the wait without it.",
            "",
            "Below is the selected row. A line is a range of latency, on a logarithmic scale, the slowest at",
            "the top; its number is the lower limit. The bar counts its exchanges; p50 to p99 mark the range",
            "that they are in. The right side shows when the requests began, darker if there were more; a cell",
            "with a cross has failed exchanges. Enter shows the exchanges of the row. tab goes to the ranges:",
            "up and down select one, left and right a time within it, enter shows its exchanges, tab or esc",
            "goes back.",
            "",
            "With a filter: only the exchanges that match it.",
        ]
    }
}

impl Latency {
    fn row<'m>(&self, row: usize, model: &'m Model) -> Option<&'m LatencyRow> {
        model.totals().summary().latency.get(*self.order.get(row)?)
    }

    /// Returns the height of the table: all of its rows if the pane below still has enough space,
    /// at least half of `height` otherwise.
    fn table_height(&self, height: u16, model: &Model) -> u16 {
        let wanted = u16::try_from(self.order.len() + 1).unwrap_or(u16::MAX);
        let heat = self
            .row(self.list.selected, model)
            .and_then(|row| model.totals().heat_maps().get(&row.key.subject));
        let lines = heat.map_or(1, grid::line_count).min(usize::from(height));
        // A minimum height for the pane avoids that it jumps from row to row.
        let below = (lines as u16 + 2).max(height / 3);
        wanted.clamp(3, height.saturating_sub(below).max(height / 2).max(3))
    }

    /// Returns the grid of the selected row for a pane whose lines are drawn in `body`.
    fn grid(&self, body: Rect, model: &Model) -> Option<Grid> {
        let heat_maps = model.totals().heat_maps();
        let heat = heat_maps.get(&self.row(self.list.selected, model)?.key.subject)?;
        Grid::of(heat_maps, heat, usize::from(body.height).max(1), pane::heat_map_columns(body))
    }

    /// Returns the grid as it was drawn last.
    fn drawn_grid(&self, model: &Model, frame: &FrameInfo) -> Option<Grid> {
        self.grid(frame.area(Pane::Detail)?, model)
    }

    fn chosen(&self, grid: &Grid, model: &Model) -> Option<GridSelection> {
        let SelectedBucket { step, time } = self.bucket?;
        let column = time.map(|time| grid.column_of(model.totals().heat_maps(), time));
        Some(GridSelection { line: grid.line_of(step), column })
    }

    fn choose(&mut self, chosen: GridSelection, model: &Model, frame: &FrameInfo) {
        if let Some(grid) = self.drawn_grid(model, frame) {
            let time = chosen.column.map(|column| grid.times(model.totals().heat_maps(), column).0);
            self.bucket = Some(SelectedBucket { step: grid.step(chosen.line), time });
        }
    }

    /// Selects the slowest bucket.
    fn enter_grid(&mut self, model: &Model, frame: &FrameInfo) {
        if let Some(grid) = self.drawn_grid(model, frame) {
            let line = grid.lines().end.saturating_sub(1);
            self.choose(GridSelection { line, column: None }, model, frame);
        }
    }

    fn act_in_grid(&mut self, action: Action, model: &Model, frame: &FrameInfo) -> Option<Vec<Effect>> {
        let Some((grid, chosen)) = self
            .drawn_grid(model, frame)
            .and_then(|grid| self.chosen(&grid, model).map(|chosen| (grid, chosen)))
        else {
            self.bucket = None;
            return Some(Vec::new());
        };
        let lines = grid.lines();
        let last = lines.end.saturating_sub(1);
        let to = |line: usize| GridSelection { line: line.clamp(lines.start, last), ..chosen };
        let next = match action {
            Action::Back | Action::NextPane => {
                self.bucket = None;
                return Some(Vec::new());
            }
            Action::Open => return Some(vec![self.open(&grid, chosen, model)]),
            Action::Up => to(chosen.line + 1),
            Action::Down => to(chosen.line.saturating_sub(1)),
            Action::PageUp | Action::Home => to(last),
            Action::PageDown | Action::End => to(lines.start),
            Action::Left | Action::Right => {
                GridSelection { column: next_column(&grid, chosen, action), ..chosen }
            }
            _ => return None,
        };
        self.choose(next, model, frame);
        Some(Vec::new())
    }

    /// Returns the effect that shows the exchanges of the selected part.
    fn open(&self, grid: &Grid, chosen: GridSelection, model: &Model) -> Effect {
        let bucket = grid.bucket(chosen.line);
        let cell = |column| bucket.and_then(|bucket| bucket.columns.get(column));
        let count = chosen.column.map_or(bucket.map(|bucket| &bucket.total), cell);
        if count.is_none_or(|count| count.all == 0) {
            return Effect::Bell;
        }
        let (from, to) = grid.latencies(chosen.line);
        let times = chosen.column.map(|column| grid.times(model.totals().heat_maps(), column));
        let filter = self.row(self.list.selected, model).and_then(|row| {
            filter::bucket(row, &model.totals().summary().latency, BucketLimits { from, to, times })
        });
        filter.map_or(Effect::Bell, |text| Effect::Filter(model.filter_with(&text)))
    }

    /// Sorts the rows on behalf of the user and selects the first.
    fn sort_from_top(&mut self, model: &Model) {
        (self.list, self.selected) = (ListState::default(), None);
        self.sort(model);
    }

    /// Sorts the rows; the selected row stays selected.
    fn sort(&mut self, model: &Model) {
        let rows = &model.totals().summary().latency;
        let Sorting { column, down } = self.sorting;
        let mut sorted: Vec<(usize, &LatencyRow)> = rows.iter().enumerate().collect();
        sorted.sort_by(|(_, a), (_, b)| columns::compare(a, b, column, down));
        self.order = sorted.into_iter().map(|(index, _)| index).collect();
        let is_selected = |index: &usize| rows.get(*index).map(|row| &row.key) == self.selected.as_ref();
        match self.order.iter().position(is_selected) {
            Some(row) => self.list.move_to(row),
            None => self.list.clamp_to(self.order.len()),
        }
    }

    /// Remembers the row that the user moved to.
    fn remember_selection(&mut self, model: &Model) {
        self.selected = self.row(self.list.selected, model).map(|row| row.key.clone());
    }
}

/// Returns the next column of the line that has exchanges; `None`, the whole line, after the last.
fn next_column(grid: &Grid, chosen: GridSelection, action: Action) -> Option<usize> {
    let columns = &grid.bucket(chosen.line)?.columns;
    let mut filled = columns.iter().enumerate().filter(|(_, count)| count.all > 0).map(|(at, _)| at);
    match (action, chosen.column) {
        (Action::Left, None) => filled.next_back(),
        (Action::Left, Some(column)) => filled.rfind(|at| *at < column),
        (_, None) => filled.next(),
        (_, Some(column)) => filled.find(|at| *at > column),
    }
}
