//! Histogram and heat map on the screen: a line is a bucket of latency, a column a stretch of time.

use ratatui::layout::Rect;

use super::filter;
use super::grid::{Bucket, Grid};
use super::order;
use crate::base::units;
use crate::ledger::LatencyRow;
use crate::tui::frame_info::{Hit, Pane};
use crate::tui::heat_map::{Count, step_of};
use crate::tui::model::Model;
use crate::tui::painter::Painter;
use crate::tui::theme::Role;

/// Columns of a percentile's mark and of the scale, at the left.
const SCALE: u16 = 13;

/// The screen from which on there is room for long bars, in columns.
const WIDE: u16 = 110;

/// Lines of the screen that a bucket has at most.
const TALLEST: u16 = 2;

/// Columns of the screen that one of the heat map has at most: few stretches make no large blocks.
const BROADEST: usize = 4;

/// What of a bucket is selected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chosen {
    /// The line of the scale.
    pub(super) line: usize,
    /// The column; `None` for the whole line.
    pub(super) column: Option<usize>,
}

/// Where the parts of the pane are.
#[derive(Clone, Copy, Debug)]
struct Places {
    bars: Rect,
    heat: Rect,
}

impl Places {
    fn of(body: Rect) -> Self {
        let wide = if body.width < WIDE { 20 } else { 36 };
        let bars = Rect { x: body.x + SCALE, width: wide, ..body };
        let heat = Rect { x: bars.right() + 1, width: body.width.saturating_sub(SCALE + wide + 2), ..body };
        Self { bars, heat }
    }
}

/// Where the columns of the heat map are: they share its width, so that no part of the screen is left over.
#[derive(Clone, Copy, Debug)]
struct Across {
    columns: usize,
    width: u16,
}

impl Across {
    fn of(grid: &Grid, heat: Rect) -> Self {
        let columns = grid.columns().max(1);
        Self { columns, width: heat.width.min(u16::try_from(columns * BROADEST).unwrap_or(u16::MAX)) }
    }

    /// The part of a line of the heat map that a column has.
    fn place(self, column: usize, heat: Rect) -> Rect {
        let at = |column: usize| (column * usize::from(self.width) / self.columns) as u16;
        let (from, to) = (at(column), at(column + 1));
        Rect { x: heat.x + from, width: to - from, ..heat }.intersection(heat)
    }
}

/// The columns of the heat map, where the lines of the pane are in `body`.
pub(super) fn columns(body: Rect) -> usize {
    Places::of(body).heat.width.into()
}

/// The lines between the rule above them and the axis below them.
pub(super) fn body(area: Rect) -> Rect {
    Rect { y: area.y + 1, height: area.height.saturating_sub(2), ..area }
}

/// Draws the pane of a row. `chosen` is what is selected in it, where keys go here.
pub(super) fn pane(
    model: &Model,
    row: &LatencyRow,
    grid: Option<&Grid>,
    chosen: Option<Chosen>,
    area: Rect,
    painter: &mut Painter<'_>,
) {
    let symbols = painter.symbols();
    let called: String =
        order::name(&row.key.subject, &symbols, model).into_iter().map(|(_, text)| text).collect();
    let title = match (grid, chosen) {
        (Some(grid), Some(chosen)) => {
            format!("{} {} {}", said(model, grid, chosen), symbols.dot, called.trim())
        }
        _ => called.trim().to_owned(),
    };
    painter.rule(Rect { height: 1, ..area }, &title);
    let body = body(area);
    painter.pane(Pane::Detail, body);
    let Some(grid) = grid else {
        painter.text((body.x + 2, body.y).into(), body.width, Role::Faint, "none of them was answered");
        return;
    };
    let places = Places::of(body);
    let across = Across::of(grid, places.heat);
    let (longest, hottest) = grid.most();
    // Few buckets are as tall as the screen allows, within reason.
    let count = grid.lines().len().max(1) as u16;
    let tall = (body.height / count).clamp(1, TALLEST);
    let [_, standing] = symbols.rules;
    // The slowest are above, as on any chart.
    for (above, (line, bucket)) in grid.buckets().rev().enumerate() {
        let y = body.y + (above as u16).saturating_mul(tall);
        let rows = Rect { y, height: tall, ..body }.intersection(body);
        painter.hit(rows, Hit::Row(Pane::Detail, line));
        for y in rows.y..rows.bottom() {
            let at = |place: Rect| Rect { y, height: 1, ..place };
            bar(bucket.total, longest, y == rows.y, at(places.bars), painter);
            painter.text((places.bars.right(), y).into(), 1, Role::Border, standing);
            heat((line, bucket), hottest, across, at(places.heat), painter);
        }
        scale(row, grid, line, Rect { height: 1, ..rows }, painter);
        if let Some(chosen) = chosen.filter(|chosen| chosen.line == line) {
            mark(chosen, across, (rows, Rect { y: rows.y, height: rows.height, ..places.heat }), painter);
        }
    }
    // What bars and cells count, and when.
    let below = Rect { y: (body.y + count.saturating_mul(tall)).min(body.bottom()), height: 1, ..body };
    painter.text((places.bars.x, below.y).into(), places.bars.width, Role::Faint, "exchanges");
    match chosen.and_then(|chosen| chosen.column) {
        Some(column) => pointed(model, grid, across, column, below, painter),
        None => axis(model, grid, across, below, painter),
    }
}

/// The bucket in words: its limits, its time, its exchanges.
fn said(model: &Model, grid: &Grid, chosen: Chosen) -> String {
    let limits = match grid.latencies(chosen.line) {
        (None, to) => format!("below {}", filter::latency(to.unwrap_or_default())),
        (Some(from), None) => format!("{} and more", filter::latency(from)),
        (Some(from), Some(to)) => format!("{} to {}", filter::latency(from), filter::latency(to)),
    };
    let bucket = grid.bucket(chosen.line);
    let cell = chosen.column.and_then(|column| bucket?.columns.get(column));
    let count = cell.or(bucket.map(|bucket| &bucket.total)).copied().unwrap_or_default();
    let since = chosen.column.map_or(String::new(), |column| {
        format!(" at {}", units::time_of_day(grid.times(model.shown().heat_maps, column).0))
    });
    let failed = if count.failed > 0 { format!(", {} failed", count.failed) } else { String::new() };
    format!("{limits}{since}: {}{failed}", units::several(count.all, "exchange"))
}

/// Where the bucket begins, and the first percentile that lies in it.
fn scale(row: &LatencyRow, grid: &Grid, line: usize, area: Rect, painter: &mut Painter<'_>) {
    let percentiles = [("p50", row.p50_ns), ("p90", row.p90_ns), ("p95", row.p95_ns), ("p99", row.p99_ns)];
    let lies_here = |ns: &Option<i64>| ns.is_some_and(|ns| grid.line_of(step_of(ns)) == line);
    if let Some((name, _)) = percentiles.iter().find(|(_, ns)| lies_here(ns)) {
        painter.text((area.x + 1, area.y).into(), 3, Role::Title, name);
    }
    let from = grid.latencies(line).0.map_or_else(|| "0".to_owned(), filter::latency);
    painter.right(Rect { x: area.x + 5, width: 7, ..area }, Role::Faint, &from);
}

/// The bar of a bucket, and its counts where they are asked for. However few they are, they are seen.
fn bar(count: Count, longest: u64, counted: bool, area: Rect, painter: &mut Painter<'_>) {
    if count.all == 0 {
        return;
    }
    let number = format!(" {}", count.all);
    let failed =
        if count.failed > 0 { format!(" {}{}", painter.symbols().bad, count.failed) } else { String::new() };
    let room = area.width.saturating_sub(10);
    let part = (count.all as f64 / longest.max(1) as f64).max(1.0 / (8.0 * f64::from(room.max(1))));
    painter.bar(Rect { width: room, ..area }, Role::Send, part);
    if !counted {
        return;
    }
    let used = (part * f64::from(room)).ceil() as u16;
    let rest = Rect { x: area.x + used.min(room), width: area.width - used.min(room), ..area };
    painter.line(rest, &[(Role::Text, &number), (Role::Bad, &failed)]);
}

/// The cells of a bucket. One in which an exchange failed has the symbol of that in the place of a shade.
fn heat(
    (line, bucket): (usize, &Bucket),
    hottest: u64,
    across: Across,
    area: Rect,
    painter: &mut Painter<'_>,
) {
    let symbols = painter.symbols();
    for (column, count) in bucket.columns.iter().enumerate() {
        if count.all == 0 {
            continue;
        }
        let cell = across.place(column, area);
        let (role, symbol) = if count.failed > 0 {
            (Role::Bad, symbols.bad)
        } else {
            (Role::Send, shade(&symbols.heat, count.all, hottest))
        };
        painter.text(cell.as_position(), cell.width, role, &symbol.repeat(cell.width.into()));
        painter.hit(cell, Hit::Cell(Pane::Detail, line, column));
    }
}

/// By the logarithm: one exchange beside a thousand is seen, and ten are seen to be more.
fn shade(shades: &[&'static str; 4], count: u64, hottest: u64) -> &'static str {
    let (size, all) = (count.max(1).ilog2(), hottest.max(2).ilog2());
    let at = (size * 3).div_ceil(all.max(1)) as usize;
    shades.get(at.min(3)).copied().unwrap_or(" ")
}

/// Marks the line, or the cell and the scale beside it.
fn mark(chosen: Chosen, across: Across, (line, heat): (Rect, Rect), painter: &mut Painter<'_>) {
    let pointer = painter.symbols().pointer;
    match chosen.column {
        None => painter.wash(line, Role::Selected),
        Some(column) => {
            painter.wash(Rect { width: SCALE, ..line }, Role::Selected);
            painter.wash(across.place(column, heat), Role::Found);
        }
    }
    painter.text(line.as_position(), 1, Role::Key, pointer);
}

/// The column that is selected, where no colour tells, and when it begins.
fn pointed(model: &Model, grid: &Grid, across: Across, column: usize, area: Rect, painter: &mut Painter<'_>) {
    let heat = Places::of(area).heat;
    let place = across.place(column, heat);
    let [up, _] = painter.symbols().sorted;
    let time = units::time_of_day(grid.times(model.shown().heat_maps, column).0);
    let wide = time.len() as u16 + 1;
    let left = Rect { width: place.x.saturating_sub(heat.x + 1), ..heat };
    if place.x + 1 + wide <= heat.right() {
        painter.line(
            Rect { x: place.x, width: wide + 1, ..heat },
            &[(Role::Key, up), (Role::Faint, " "), (Role::Faint, &time)],
        );
    } else {
        painter.text(place.as_position(), 1, Role::Key, up);
        painter.right(left, Role::Faint, &time);
    }
}

/// When the heat map begins and ends, and how long a column is.
fn axis(model: &Model, grid: &Grid, across: Across, area: Rect, painter: &mut Painter<'_>) {
    let places = Places::of(area);
    let heat_maps = model.shown().heat_maps;
    let (start, after) = grid.times(heat_maps, 0);
    let last = grid.columns().saturating_sub(1);
    let end = grid.times(heat_maps, last).1;
    let (from, to) = (units::time_of_day(start), units::time_of_day(end));
    let room = places.heat.width;
    let ends = (from.len() + to.len()) as u16;
    let used = across.width.max(ends + 18).min(room);
    let heat = Rect { width: used, ..places.heat };
    let middle = units::time_of_day(grid.times(heat_maps, last.div_ceil(2)).0);
    let each = format!("each {}", units::duration(after.since(start)));
    let between = if used > ends + 60 { format!("{each}, {middle} in the middle") } else { each };
    painter.line(heat, &[(Role::Faint, &from), (Role::Faint, "  "), (Role::Faint, &between)]);
    painter.right(heat, Role::Faint, &to);
}
