//! Histogram and heat map on the screen: a line is a bucket of latency, a column a stretch of time.

use ratatui::layout::{Position, Rect};

use super::filter;
use super::grid::{Bucket, Grid};
use super::order;
use crate::base::units;
use crate::ledger::LatencyRow;
use crate::tui::heat::{Count, step_of};
use crate::tui::pen::{Hit, Pane, Pen};
use crate::tui::theme::Role;

/// Columns of a percentile's mark and of the scale, at the left.
const SCALE: u16 = 13;

/// The screen from which on there is room for long bars, in columns.
const WIDE: u16 = 110;

/// Columns that a stretch of time has at most: few stretches make no large blocks.
const BROADEST: u16 = 4;

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
    row: &LatencyRow,
    grid: Option<&Grid>,
    chosen: Option<Chosen>,
    area: Rect,
    pen: &mut Pen<'_>,
) {
    let symbols = pen.symbols();
    let called: String = order::name(&row.key.subject, &symbols).into_iter().map(|(_, text)| text).collect();
    let title = match (grid, chosen) {
        (Some(grid), Some(chosen)) => {
            format!("{} {} {}", said(grid, chosen, pen), symbols.dot, called.trim())
        }
        _ => called.trim().to_owned(),
    };
    pen.rule(Rect { height: 1, ..area }, &title);
    let body = body(area);
    pen.pane(Pane::Detail, body);
    let Some(grid) = grid else {
        pen.text((body.x + 2, body.y).into(), body.width, Role::Faint, "none of them was answered");
        return;
    };
    let places = Places::of(body);
    let broad = (places.heat.width / (grid.columns().max(1) as u16)).clamp(1, BROADEST);
    let (longest, hottest) = grid.most();
    // The slowest are above, as on any chart.
    for (y, (line, bucket)) in (body.y..body.bottom()).zip(grid.buckets().rev()) {
        let at = |place: Rect| Rect { y, height: 1, ..place };
        pen.hit(at(body), Hit::Row(Pane::Detail, line));
        scale(row, grid, line, at(body), pen);
        bar(bucket.total, longest, at(places.bars), pen);
        let [_, standing] = symbols.rules;
        pen.text((places.bars.right(), y).into(), 1, Role::Border, standing);
        heat((line, bucket), hottest, broad, at(places.heat), pen);
        if let Some(chosen) = chosen.filter(|chosen| chosen.line == line) {
            mark(chosen, broad, (at(body), at(places.heat)), pen);
        }
    }
    let lines = (grid.lines().len() as u16).min(body.height);
    axis(grid, broad, Rect { y: body.y + lines, height: 1, ..body }, pen);
}

/// The bucket in words: its limits, its time, its exchanges.
fn said(grid: &Grid, chosen: Chosen, pen: &Pen<'_>) -> String {
    let limits = match grid.latencies(chosen.line) {
        (None, to) => format!("below {}", filter::latency(to.unwrap_or_default())),
        (Some(from), None) => format!("{} and more", filter::latency(from)),
        (Some(from), Some(to)) => format!("{} to {}", filter::latency(from), filter::latency(to)),
    };
    let bucket = grid.bucket(chosen.line);
    let cell = chosen.column.and_then(|column| bucket?.columns.get(column));
    let count = cell.or(bucket.map(|bucket| &bucket.total)).copied().unwrap_or_default();
    let since = chosen.column.map_or(String::new(), |column| {
        format!(" at {}", units::time_of_day(grid.times(&pen.world.heats, column).0))
    });
    let failed = if count.failed > 0 { format!(", {} failed", count.failed) } else { String::new() };
    format!("{limits}{since}: {}{failed}", units::several(count.all, "exchange"))
}

/// Where the bucket begins, and the first percentile that lies in it.
fn scale(row: &LatencyRow, grid: &Grid, line: usize, area: Rect, pen: &mut Pen<'_>) {
    let percentiles = [("p50", row.p50_ns), ("p90", row.p90_ns), ("p95", row.p95_ns), ("p99", row.p99_ns)];
    let lies_here = |ns: &Option<i64>| ns.is_some_and(|ns| grid.line_of(step_of(ns)) == line);
    if let Some((name, _)) = percentiles.iter().find(|(_, ns)| lies_here(ns)) {
        pen.text((area.x + 1, area.y).into(), 3, Role::Title, name);
    }
    let from = grid.latencies(line).0.map_or_else(|| "0".to_owned(), filter::latency);
    pen.right(Rect { x: area.x + 5, width: 7, ..area }, Role::Faint, &from);
}

/// The bar of a bucket and its counts. However few they are, they are seen.
fn bar(count: Count, longest: u64, area: Rect, pen: &mut Pen<'_>) {
    if count.all == 0 {
        return;
    }
    let number = format!(" {}", count.all);
    let failed =
        if count.failed > 0 { format!(" {}{}", pen.symbols().bad, count.failed) } else { String::new() };
    let room = area.width.saturating_sub(10);
    let part = (count.all as f64 / longest.max(1) as f64).max(1.0 / (8.0 * f64::from(room.max(1))));
    pen.bar(Rect { width: room, ..area }, Role::Send, part);
    let used = (part * f64::from(room)).ceil() as u16;
    let rest = Rect { x: area.x + used.min(room), width: area.width - used.min(room), ..area };
    pen.line(rest, &[(Role::Text, &number), (Role::Bad, &failed)]);
}

/// The cells of a bucket. One in which an exchange failed has the symbol of that in the place of a shade.
fn heat((line, bucket): (usize, &Bucket), hottest: u64, broad: u16, area: Rect, pen: &mut Pen<'_>) {
    let symbols = pen.symbols();
    for (column, count) in bucket.columns.iter().enumerate() {
        let x = area.x + (column as u16).saturating_mul(broad);
        if count.all == 0 || x + broad > area.right() {
            continue;
        }
        let cell = Rect { x, width: broad, ..area };
        let (role, symbol) = if count.failed > 0 {
            (Role::Bad, symbols.bad)
        } else {
            (Role::Send, shade(&symbols.heat, count.all, hottest))
        };
        pen.text(cell.as_position(), broad, role, &symbol.repeat(broad.into()));
        pen.hit(cell, Hit::Cell(Pane::Detail, line, column));
    }
}

/// By the logarithm: one exchange beside a thousand is seen, and ten are seen to be more.
fn shade(shades: &[&'static str; 4], count: u64, hottest: u64) -> &'static str {
    let (size, all) = (count.max(1).ilog2(), hottest.max(2).ilog2());
    let at = (size * 3).div_ceil(all.max(1)) as usize;
    shades.get(at.min(3)).copied().unwrap_or(" ")
}

/// Marks the line, or the cell and the scale beside it.
fn mark(chosen: Chosen, broad: u16, (line, heat): (Rect, Rect), pen: &mut Pen<'_>) {
    let pointer = pen.symbols().pointer;
    match chosen.column {
        None => pen.wash(line, Role::Selected),
        Some(column) => {
            pen.wash(Rect { width: SCALE, ..line }, Role::Selected);
            let x = heat.x + (column as u16).saturating_mul(broad);
            pen.wash(Rect { x, width: broad, ..heat }.intersection(heat), Role::Found);
        }
    }
    pen.text(line.as_position(), 1, Role::Key, pointer);
}

/// When the heat map begins and ends, and how long a column is.
fn axis(grid: &Grid, broad: u16, area: Rect, pen: &mut Pen<'_>) {
    let places = Places::of(area);
    let heats = &pen.world.heats;
    let (start, after) = grid.times(heats, 0);
    let end = grid.times(heats, grid.columns().saturating_sub(1)).1;
    let (from, to) = (units::time_of_day(start), units::time_of_day(end));
    let each = format!("  each {}  ", units::duration(after.since(start)));
    pen.text(Position::new(places.bars.x, area.y), places.bars.width, Role::Faint, "exchanges");
    let room = places.heat.width;
    let used = (grid.columns() as u16).saturating_mul(broad).max(from.len() as u16 * 2 + 16).min(room);
    let heat = Rect { width: used, ..places.heat };
    pen.line(heat, &[(Role::Faint, &from), (Role::Faint, &each)]);
    pen.right(heat, Role::Faint, &to);
}
