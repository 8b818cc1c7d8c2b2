//! The heat map and the histograms, as SVG without text: labels are HTML, which keeps its size.

use super::grid::{self, Classes, Column, Grid};
use super::html::Html;
use crate::base::{Timestamp, units};

/// Shades of the heat map.
const SHADES: u32 = 5;

/// Names of the classes of the shades in the style sheet, the lightest first.
const SHADE_CLASSES: [&str; SHADES as usize] = ["h1", "h2", "h3", "h4", "h5"];

/// Height of a histogram.
const BAR_HEIGHT: u64 = 24;

/// Adds the heat map of all exchanges: time to the right, duration upwards, and below a row of
/// those that failed.
pub(super) fn heat_map(grid: &Grid, html: &mut Html) {
    let Some((first, last)) = grid.shown() else { return };
    let columns = grid.columns_count();
    let rows = (last - first + 1) as u64;
    html.raw(
        "<figure class=\"heat\" id=\"heat\"><div class=\"chart\"><div class=\"y\" aria-hidden=\"true\">",
    );
    for bound in grid::labels(first, last).rev() {
        html.raw("<span>").text(&round_duration(bound)).raw("</span>");
    }
    html.raw("</div><svg viewBox=\"0 0 ").number(columns).raw(" ").number(rows);
    html.raw("\" preserveAspectRatio=\"none\" role=\"img\" aria-labelledby=\"heat-about\">");
    let most =
        grid.columns().flat_map(|(_, column)| shown(column, first, last)).map(|(_, count)| count).max();
    for (shade, class) in (1..).zip(SHADE_CLASSES) {
        let mut is_empty = true;
        for (at, column) in grid.columns() {
            for (row, count) in shown(column, first, last) {
                if count == 0 || shade_of(count, most.unwrap_or(0)) != shade {
                    continue;
                }
                if is_empty {
                    html.raw("<path class=\"").raw(class).raw("\" d=\"");
                    is_empty = false;
                }
                // From the top: the longest durations.
                let y = rows.saturating_sub(row as u64 + 1);
                html.raw("M").number(at).raw(" ").number(y).raw("h1v1h-1z");
            }
        }
        if !is_empty {
            html.raw("\"/>");
        }
    }
    html.raw("</svg>");
    failures(grid, columns, html);
    let (start, end) = (grid.start(), grid.start().saturating_add(grid.width().saturating_mul(columns)));
    html.raw("<div class=\"x\" aria-hidden=\"true\">");
    for part in 0..=4_i64 {
        let time = start.saturating_add((end.saturating_sub(start) / 4).saturating_mul(part));
        html.raw("<span>").text(&time_label(Timestamp(time), end.saturating_sub(start))).raw("</span>");
    }
    html.raw(
        "</div></div><figcaption id=\"heat-about\">Exchanges by the time of their request and by \
        duration. The strongest shade stands for up to ",
    );
    html.number(most.unwrap_or(0));
    html.raw(". The row below counts those that failed or were cancelled.</figcaption></figure>");
}

/// The row of the exchanges that failed.
fn failures(grid: &Grid, columns: i64, html: &mut Html) {
    html.raw("<svg class=\"failures\" viewBox=\"0 0 ").number(columns);
    html.raw(" 1\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><path d=\"");
    for (at, _) in grid.columns().filter(|(_, column)| column.failed > 0) {
        html.raw("M").number(at).raw(" 0h1v1h-1z");
    }
    html.raw("\"/></svg>");
}

/// Returns the counts of the rows that are shown. What is shorter or longer counts in the first or
/// in the last.
fn shown(column: &Column, first: usize, last: usize) -> Vec<(usize, u32)> {
    let mut counts = vec![0_u32; last - first + 1];
    for (class, count) in column.answered.iter().enumerate() {
        let row = class.clamp(first, last) - first;
        if let Some(sum) = counts.get_mut(row) {
            *sum = sum.saturating_add(*count);
        }
    }
    counts.into_iter().enumerate().collect()
}

/// Returns the shade of a count, from 1: each is for twice to several times the counts of the one
/// before.
fn shade_of(count: u32, most: u32) -> u32 {
    let (bits, all) = (count.ilog2(), most.max(1).ilog2() + 1);
    (bits * SHADES / all + 1).min(SHADES)
}

/// Formats a time as finely as a span of `ns` nanoseconds needs.
pub(super) fn time_label(time: Timestamp, ns: i64) -> String {
    let of_day = units::time_of_day(time);
    match ns {
        86_400_000_000_000.. => format!("{} {}", units::date(time), of_day.get(..5).unwrap_or_default()),
        20_000_000_000.. => of_day.get(..8).unwrap_or_default().to_owned(),
        _ => of_day,
    }
}

/// Formats a duration of one digit and zeros: `10 ms`.
fn round_duration(ns: i64) -> String {
    units::duration(ns).replace(".00", "").replace(".0", "")
}

/// Adds the labels of the axis of histograms.
pub(super) fn histogram_axis(grid: &Grid, html: &mut Html) {
    let Some((first, last)) = grid.shown() else { return };
    let labels: Vec<_> = grid::labels(first, last).collect();
    html.raw("<span class=\"axis\" aria-hidden=\"true\">");
    for (at, bound) in labels.iter().enumerate() {
        // Labels of many decades would overlap.
        let is_shown = labels.len() <= 4 || at == 0 || at + 1 == labels.len();
        let text = if is_shown { round_duration(*bound) } else { String::new() };
        html.raw("<span>").text(&text).raw("</span>");
    }
    html.raw("</span>");
}

/// Adds the histogram of a method and tool, on the axis of [`histogram_axis`].
pub(super) fn histogram(grid: &Grid, classes: &Classes, html: &mut Html) {
    let Some((first, last)) = grid.shown() else { return };
    let column = Column { answered: *classes, failed: 0 };
    let counts = shown(&column, first, last);
    let most = u64::from(counts.iter().map(|(_, count)| *count).max().unwrap_or(0));
    html.raw("<svg class=\"histogram\" viewBox=\"0 0 ").number((last - first + 1) as u64).raw(" ");
    html.number(BAR_HEIGHT).raw("\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><path d=\"");
    for (at, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        // A bar is at least a line, so that outliers are seen.
        let height = (u64::from(count) * BAR_HEIGHT).div_ceil(most.max(1)).max(2);
        html.raw("M").number(at as u64).raw(" ").number(BAR_HEIGHT).raw("v-").number(height);
        html.raw("h1v").number(height).raw("z");
    }
    html.raw("\"/></svg>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shades_are_in_the_order_of_counts() {
        for most in [1, 2, 7, 1000, u32::MAX] {
            let shades: Vec<u32> = (1..=most.min(2000)).map(|count| shade_of(count, most)).collect();
            assert!(shades.is_sorted() && shades[0] == 1, "{shades:?}");
            assert!((1..=SHADES).contains(&shade_of(most, most)), "{most}");
        }
        assert_eq!(shade_of(1000, 1000), SHADES);
    }
}
