//! Drawing of the histogram and the heat map: a line is a range of latency, a column a range of
//! time.

use ratatui::layout::Rect;

use super::columns;
use super::filter;
use super::grid::{Bucket, Grid};
use crate::base::units;
use crate::ledger::LatencyRow;
use crate::tui::frame_info::{Hit, Pane};
use crate::tui::heat_map::{LatencyCount, step_of};
use crate::tui::model::Model;
use crate::tui::painter::Painter;
use crate::tui::theme::Role;
use crate::tui::views::format::AT_LEAST;

/// Width of the percentile mark and the scale, in columns.
const SCALE_WIDTH: u16 = 13;

/// Width of the screen, in columns, from which bars are long.
const LONG_BARS_WIDTH: u16 = 110;

/// Height of a bucket, in lines, at most.
const MAX_BUCKET_HEIGHT: u16 = 2;

/// Width of a heat map column, in terminal columns, at most: few columns do not become large
/// blocks.
const MAX_COLUMN_WIDTH: usize = 4;

/// Selected part of the grid.
#[derive(Clone, Copy, Debug)]
pub(super) struct GridSelection {
    /// Line of the scale.
    pub(super) line: usize,
    /// Column of the heat map; `None` if the whole line is selected.
    pub(super) column: Option<usize>,
}

/// What the pane shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct PaneContent<'a> {
    pub(super) row: &'a LatencyRow,
    /// `None` if no exchange of the row has a latency.
    pub(super) grid: Option<&'a Grid>,
    /// The selected part; `None` if keys go to the table.
    pub(super) chosen: Option<GridSelection>,
}

/// Areas of the pane.
#[derive(Clone, Copy, Debug)]
struct PaneLayout {
    bars: Rect,
    heat: Rect,
}

impl PaneLayout {
    fn of(body: Rect) -> Self {
        let wide = if body.width < LONG_BARS_WIDTH { 20 } else { 36 };
        let bars = Rect { x: body.x + SCALE_WIDTH, width: wide, ..body };
        let heat =
            Rect { x: bars.right() + 1, width: body.width.saturating_sub(SCALE_WIDTH + wide + 2), ..body };
        Self { bars, heat }
    }
}

/// Layout of the heat map's columns, which share its width evenly.
#[derive(Clone, Copy, Debug)]
struct ColumnLayout {
    columns: usize,
    width: u16,
    /// Exchanges of the cell that has most.
    hottest: u64,
}

impl ColumnLayout {
    fn of(grid: &Grid, heat: Rect) -> Self {
        let columns = grid.columns().max(1);
        Self {
            columns,
            width: heat.width.min(u16::try_from(columns * MAX_COLUMN_WIDTH).unwrap_or(u16::MAX)),
            hottest: grid.maxima().1,
        }
    }

    /// Returns the area of a column within a line of the heat map.
    fn place(self, column: usize, heat: Rect) -> Rect {
        let at = |column: usize| (column * usize::from(self.width) / self.columns) as u16;
        let (from, to) = (at(column), at(column + 1));
        Rect { x: heat.x + from, width: to - from, ..heat }.intersection(heat)
    }
}

/// Returns how many columns the heat map has if the pane's lines are drawn in `body`.
pub(super) fn heat_map_columns(body: Rect) -> usize {
    PaneLayout::of(body).heat.width.into()
}

/// Returns the area between the rule at the top and the axis at the bottom.
pub(super) fn body(area: Rect) -> Rect {
    Rect { y: area.y + 1, height: area.height.saturating_sub(2), ..area }
}

/// Draws histogram and heat map of a row. `chosen` is the selected part if keys go to the pane.
pub(super) fn draw(model: &Model, content: PaneContent<'_>, area: Rect, painter: &mut Painter<'_>) {
    let PaneContent { row, grid, chosen } = content;
    let symbols = painter.symbols();
    let title_of_row: String =
        columns::row_name(&row.key.subject, &symbols, model).into_iter().map(|(_, text)| text).collect();
    let title = match (grid, chosen) {
        (Some(grid), Some(chosen)) => {
            format!("{} {} {}", describe(model, grid, chosen), symbols.dot, title_of_row.trim())
        }
        _ => title_of_row.trim().to_owned(),
    };
    painter.draw_rule(Rect { height: 1, ..area }, &title);
    let body = body(area);
    painter.add_pane(Pane::Detail, body);
    let Some(grid) = grid else {
        painter.draw_text((body.x + 2, body.y).into(), body.width, Role::Faint, "no responses");
        return;
    };
    let places = PaneLayout::of(body);
    let columns = ColumnLayout::of(grid, places.heat);
    let (longest, _) = grid.maxima();
    // With few buckets, each is up to [`MAX_BUCKET_HEIGHT`] lines high.
    let count = grid.lines().len().max(1) as u16;
    let tall = (body.height / count).clamp(1, MAX_BUCKET_HEIGHT);
    let [_, standing] = symbols.rules;
    // The slowest bucket is at the top.
    for (above, (line, bucket)) in grid.buckets().rev().enumerate() {
        let y = body.y + (above as u16).saturating_mul(tall);
        let rows = Rect { y, height: tall, ..body }.intersection(body);
        painter.add_hit(rows, Hit::Row(Pane::Detail, line));
        for y in rows.y..rows.bottom() {
            let at = |place: Rect| Rect { y, height: 1, ..place };
            draw_bar(bucket.total, longest, y == rows.y, at(places.bars), painter);
            painter.draw_text((places.bars.right(), y).into(), 1, Role::Border, standing);
            draw_cells(line, bucket, columns, at(places.heat), painter);
        }
        draw_scale(row, grid, line, Rect { height: 1, ..rows }, painter);
        if let Some(chosen) = chosen.filter(|chosen| chosen.line == line) {
            draw_selection(
                chosen,
                columns,
                rows,
                Rect { y: rows.y, height: rows.height, ..places.heat },
                painter,
            );
        }
    }
    // Labels below the bars and the heat map.
    let below = Rect { y: (body.y + count.saturating_mul(tall)).min(body.bottom()), height: 1, ..body };
    painter.draw_text((places.bars.x, below.y).into(), places.bars.width, Role::Faint, "exchanges");
    match chosen.and_then(|chosen| chosen.column) {
        Some(column) => draw_pointer(model, grid, column, below, painter),
        None => draw_axis(model, grid, columns, below, painter),
    }
}

/// Describes the selected part: its limits, its time and its exchanges.
fn describe(model: &Model, grid: &Grid, chosen: GridSelection) -> String {
    let limits = match grid.latencies(chosen.line) {
        (None, to) => format!("below {}", filter::latency(to.unwrap_or_default())),
        (Some(from), None) => format!("{} or more", filter::latency(from)),
        (Some(from), Some(to)) => format!("{} to {}", filter::latency(from), filter::latency(to)),
    };
    let bucket = grid.bucket(chosen.line);
    let cell = chosen.column.and_then(|column| bucket?.columns.get(column));
    let count = cell.or(bucket.map(|bucket| &bucket.total)).copied().unwrap_or_default();
    let since = chosen.column.map_or(String::new(), |column| {
        format!(" at {}", model.time_text(grid.times(model.totals().heat_maps(), column).0))
    });
    let failed = if count.failed > 0 { format!(", {} failed", count.failed) } else { String::new() };
    let waited =
        if count.waited > 0 { format!(", {} without an answer", count.waited) } else { String::new() };
    format!("{limits}{since}: {}{failed}{waited}", units::several(count.all, "exchange"))
}

/// Draws the lower limit of a bucket and the lowest percentile that lies in it.
fn draw_scale(row: &LatencyRow, grid: &Grid, line: usize, area: Rect, painter: &mut Painter<'_>) {
    let percentiles = [("p50", row.p50_ns), ("p90", row.p90_ns), ("p95", row.p95_ns), ("p99", row.p99_ns)];
    let lies_here = |ns: &Option<i64>| ns.is_some_and(|ns| grid.line_of(step_of(ns)) == line);
    if let Some((name, _)) = percentiles.iter().find(|(_, ns)| lies_here(ns)) {
        painter.draw_text((area.x + 1, area.y).into(), 3, Role::Title, name);
    }
    let from = grid.latencies(line).0.map_or_else(|| "0".to_owned(), filter::latency);
    painter.draw_right(Rect { x: area.x + 5, width: 7, ..area }, Role::Faint, &from);
}

/// Draws the bar of a bucket, and its counts if `counted`. The smallest bar is still visible.
fn draw_bar(count: LatencyCount, longest: u64, counted: bool, area: Rect, painter: &mut Painter<'_>) {
    if count.all == 0 {
        return;
    }
    let number = format!(" {}", count.all);
    let failed =
        if count.failed > 0 { format!(" {}{}", painter.symbols().bad, count.failed) } else { String::new() };
    // An answer would have taken longer.
    let waited = match count.waited {
        0 => String::new(),
        waited => format!(" {AT_LEAST}{waited}"),
    };
    let room = area.width.saturating_sub(10);
    let part = (count.all as f64 / longest.max(1) as f64).max(1.0 / (8.0 * f64::from(room.max(1))));
    painter.draw_bar(Rect { width: room, ..area }, Role::Send, part);
    if !counted {
        return;
    }
    let used = (part * f64::from(room)).ceil() as u16;
    let rest = Rect { x: area.x + used.min(room), width: area.width - used.min(room), ..area };
    painter.draw_spans(rest, &[(Role::Text, &number), (Role::Bad, &failed), (Role::Warn, &waited)]);
}

/// Draws the cells of a bucket. A cell with failed exchanges has the failure symbol instead of a
/// shade, one with exchanges that waited without an answer the symbol of a lower limit.
fn draw_cells(line: usize, bucket: &Bucket, columns: ColumnLayout, area: Rect, painter: &mut Painter<'_>) {
    let symbols = painter.symbols();
    for (column, count) in bucket.columns.iter().enumerate() {
        if count.all == 0 {
            continue;
        }
        let cell = columns.place(column, area);
        let (role, symbol) = if count.failed > 0 {
            (Role::Bad, symbols.bad)
        } else if count.waited > 0 {
            (Role::Warn, AT_LEAST)
        } else {
            (Role::Send, shade(&symbols.heat, count.all, columns.hottest))
        };
        painter.draw_text(cell.as_position(), cell.width, role, &symbol.repeat(cell.width.into()));
        painter.add_hit(cell, Hit::Cell(Pane::Detail, line, column));
    }
}

/// Returns a shade on a logarithmic scale, so that one exchange beside a thousand is visible.
fn shade(shades: &[&'static str; 4], count: u64, hottest: u64) -> &'static str {
    let (size, all) = (count.max(1).ilog2(), hottest.max(2).ilog2());
    let at = (size * 3).div_ceil(all.max(1)) as usize;
    shades.get(at.min(3)).copied().unwrap_or(" ")
}

/// Marks the selected line, or the selected cell and its scale.
fn draw_selection(
    chosen: GridSelection,
    columns: ColumnLayout,
    line: Rect,
    heat: Rect,
    painter: &mut Painter<'_>,
) {
    let pointer = painter.symbols().pointer;
    match chosen.column {
        None => painter.set_role(line, Role::Selected),
        Some(column) => {
            painter.set_role(Rect { width: SCALE_WIDTH, ..line }, Role::Selected);
            painter.set_role(columns.place(column, heat), Role::Found);
        }
    }
    painter.draw_text(line.as_position(), 1, Role::Key, pointer);
}

/// Draws a pointer below the selected column, for terminals without color, and the time at which
/// the column begins.
fn draw_pointer(model: &Model, grid: &Grid, column: usize, area: Rect, painter: &mut Painter<'_>) {
    let heat = PaneLayout::of(area).heat;
    let place = ColumnLayout::of(grid, heat).place(column, heat);
    let [up, _] = painter.symbols().sorted;
    let time = model.time_text(grid.times(model.totals().heat_maps(), column).0);
    let wide = time.len() as u16 + 1;
    let left = Rect { width: place.x.saturating_sub(heat.x + 1), ..heat };
    if place.x + 1 + wide <= heat.right() {
        painter.draw_spans(
            Rect { x: place.x, width: wide + 1, ..heat },
            &[(Role::Key, up), (Role::Faint, " "), (Role::Faint, &time)],
        );
    } else {
        painter.draw_text(place.as_position(), 1, Role::Key, up);
        painter.draw_right(left, Role::Faint, &time);
    }
}

/// Draws the times at which the heat map begins and ends, and the duration of a column.
fn draw_axis(model: &Model, grid: &Grid, columns: ColumnLayout, area: Rect, painter: &mut Painter<'_>) {
    let places = PaneLayout::of(area);
    let heat_maps = model.totals().heat_maps();
    let (start, after) = grid.times(heat_maps, 0);
    let last = grid.columns().saturating_sub(1);
    let end = grid.times(heat_maps, last).1;
    let (from, to) = (model.time_text(start), model.time_text(end));
    let room = places.heat.width;
    let ends = (from.len() + to.len()) as u16;
    let used = columns.width.max(ends + 18).min(room);
    let heat = Rect { width: used, ..places.heat };
    let middle = model.time_text(grid.times(heat_maps, last.div_ceil(2)).0);
    let each = format!("each {}", units::duration(after.since(start)));
    let between = if used > ends + 60 { format!("{each}, {middle} in the middle") } else { each };
    painter.draw_spans(heat, &[(Role::Faint, &from), (Role::Faint, "  "), (Role::Faint, &between)]);
    painter.draw_right(heat, Role::Faint, &to);
}
