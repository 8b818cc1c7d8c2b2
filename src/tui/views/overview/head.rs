//! The upper part of the overview: totals, capture quality, hanging exchanges and rates over time.

use ratatui::layout::{Position, Rect};

use crate::base::fact::Loser;
use crate::base::{Timestamp, units};
use crate::ledger::Status;
use crate::tui::big_text::{CHARACTER, draw_big_text};
use crate::tui::model::Model;
use crate::tui::painter::Painter;
use crate::tui::theme::Role;
use crate::tui::views::{empty, format};

use super::hanging::{Hanging, MAX_COUNTED};

/// Width of the scale beside the rates, in columns.
const SCALE_WIDTH: u16 = 7;

/// Height below the totals and width of the screen from which hanging exchanges are written in big
/// letters.
const BIG_TEXT_HEIGHT: u16 = 28;
const BIG_TEXT_WIDTH: u16 = 110;

/// Width of the time axis, in columns, from which it shows the average.
const AVERAGE_WIDTH: u16 = 68;

/// Width of a bar of the rates, in columns, at most: few bars do not become large blocks.
const MAX_BAR_WIDTH: usize = 4;

/// Draws the totals: two lines.
pub(super) fn draw_totals(model: &Model, area: Rect, painter: &mut Painter<'_>) {
    let exchanges = &model.all().summary().exchanges;
    let pending = model.pending().len() as u64;
    let count = |status| exchanges.count(status);
    let failed = exchanges.errors();
    let symbols = painter.symbols();
    let texts = [
        (Role::Strong, units::several(exchanges.total() + pending, "exchange")),
        (role_if_any(Role::Good, count(Status::Ok)), format!("{} {} ok", symbols.ok, count(Status::Ok))),
        (role_if_any(Role::Bad, failed), format!("{} {failed} failed", symbols.bad)),
        (
            role_if_any(Role::Bad, count(Status::Unanswered)),
            format!("{} {} unanswered", symbols.unanswered, count(Status::Unanswered)),
        ),
        (
            role_if_any(Role::Warn, count(Status::Cancelled)),
            format!("{} {} cancelled", symbols.cancelled, count(Status::Cancelled)),
        ),
    ];
    let undetermined = Some(count(Status::Undetermined)).filter(|count| *count > 0);
    let undetermined =
        undetermined.map(|count| (Role::Faint, format!("{} {count} undetermined", symbols.undetermined)));
    let open = (pending > 0).then(|| (Role::Pending, format!("{pending} pending")));
    let parts: Vec<(Role, &str)> = texts
        .iter()
        .chain(&undetermined)
        .chain(&open)
        .flat_map(|(role, text)| [(*role, text.as_str()), (Role::Text, "  ")])
        .collect();
    painter.draw_spans(area, &parts);
    let capture = model.store().capture();
    let handshake = model
        .all()
        .summary()
        .handshake_p50_ns
        .map_or(String::new(), |ns| format!(", handshake {}", units::duration(ns)));
    let open = model.store().open_sessions().len() as u64;
    let open_streams = model.store().open_streams().len() as u64;
    let second = format!(
        "{}, {}, {}; {} in {}{handshake}",
        units::several(model.all().summary().sessions_count + open, "session"),
        units::several(model.all().summary().notifications, "notification"),
        units::several(model.all().summary().streams.streams + open_streams, "stream"),
        units::bytes(capture.bytes),
        units::duration(capture.length_ns),
    );
    painter.draw_spans(Rect { y: area.y + 1, ..area }, &[(Role::Faint, &second)]);
}

/// Draws the capture quality: one line.
pub(super) fn draw_quality(model: &Model, area: Rect, painter: &mut Painter<'_>) {
    let capture = model.store().capture();
    let lost = Loser::ALL.into_iter().filter_map(|by| {
        let count = capture.lost.by(by);
        (count > 0).then(|| format!("{} lost by {}", units::several(count, "packet"), by.name()))
    });
    let connections = &model.all().summary().connections;
    let gaps: u64 = connections.iter().map(|count| count.gap_bytes).sum();
    let lost_before: u64 = connections.iter().map(|count| count.lost_before).sum();
    let degraded = model.all().summary().exchanges.degraded;
    let problems = [
        (capture.truncated_files, format!("{} truncated", units::several(capture.truncated_files, "file"))),
        (capture.cut_packets, format!("{} cut short", units::several(capture.cut_packets, "packet"))),
        (
            capture.unreadable_packets,
            format!("{} unreadable", units::several(capture.unreadable_packets, "packet")),
        ),
        (
            capture.quic_connections,
            format!("HTTP/3 not read on {}", units::several(capture.quic_connections, "connection")),
        ),
        (gaps, format!("{} not captured", units::bytes(gaps))),
        (lost_before, format!("{} lost before the capture", units::several(lost_before, "segment"))),
        (capture.time_steps, "packet times go back".to_owned()),
        (degraded, format!("{} with missing evidence", units::several(degraded, "exchange"))),
    ];
    let problems = problems.into_iter().filter(|(count, _)| *count > 0).map(|(_, text)| text);
    let texts: Vec<String> = lost.chain(problems).collect();
    let symbols = painter.symbols();
    let (role, text) = if texts.is_empty() {
        (Role::Good, format!("{} nothing lost, cut or missing", symbols.ok))
    } else {
        (Role::Warn, format!("{} {}", symbols.flag, texts.join(", ")))
    };
    let twice = match model.all().summary().other_views {
        0 => String::new(),
        count => format!("; {} seen on both legs of a proxy count once", units::several(count, "exchange")),
    };
    painter.draw_spans(area, &[(Role::Faint, "capture  "), (role, &text), (Role::Faint, &twice)]);
}

/// Draws the hanging exchanges and returns the height, with an empty line below.
pub(super) fn draw_hanging(model: &Model, hanging: &Hanging, area: Rect, painter: &mut Painter<'_>) -> u16 {
    let Some((since, oldest)) = &hanging.oldest else { return 0 };
    let call = format!("{} {}", oldest.method, model.display_name(oldest).unwrap_or_default());
    let place = format!(
        "on {}, {} packet {}",
        format::server_name(oldest),
        format::session_name(oldest.session.number),
        model.files().packet(oldest.request.span.first)
    );
    let words = match hanging.count {
        1 => "1 hangs".to_owned(),
        MAX_COUNTED => format!("{MAX_COUNTED}+ hang"),
        count => format!("{count} hang"),
    };
    let since = units::cell(*since);
    if area.height >= BIG_TEXT_HEIGHT
        && area.width >= BIG_TEXT_WIDTH
        && let Some(used) = draw_big_text(area, Role::Pending, &format!("{words} {since}"), painter)
    {
        let x = area.x + used + 1;
        let beside = |y| Rect { x, y, width: area.right().saturating_sub(x), height: 1 };
        painter.draw_spans(beside(area.y + 1), &[(Role::Faint, "the oldest is "), (Role::Strong, &call)]);
        painter.draw_spans(beside(area.y + 2), &[(Role::Faint, &place)]);
        return CHARACTER.1 + 1;
    }
    // The role of search results is reversed: it stands out most in all themes, colors or not.
    let parts = [
        (Role::Found, format!(" {words} ")),
        (Role::Text, "  ".to_owned()),
        (Role::Pending, format!("{since}  ")),
        (Role::Strong, format!("{call}  ")),
        (Role::Faint, place),
    ];
    let parts: Vec<(Role, &str)> = parts.iter().map(|(role, text)| (*role, text.as_str())).collect();
    painter.draw_spans(area, &parts);
    2
}

fn role_if_any(role: Role, count: u64) -> Role {
    if count > 0 { role } else { Role::Faint }
}

/// Draws what was captured instead if there are no exchanges, and returns the height.
pub(super) fn draw_no_exchanges(model: &Model, area: Rect, painter: &mut Painter<'_>) -> u16 {
    if !model.store().is_empty() {
        return 0;
    }
    let text = if model.has_ended() { "no MCP in this capture" } else { "no MCP so far" };
    painter.draw_spans(area, &[(Role::Warn, text)]);
    if model.has_ended()
        && let Some(traffic) = empty::describe_traffic(model)
    {
        painter.draw_spans(Rect { y: area.y + 1, ..area }, &[(Role::Text, &traffic)]);
        return 3;
    }
    2
}

/// Draws when exchanges began, as bars; below them those that failed, and the time axis. Returns
/// the height.
pub(super) fn draw_rates(model: &Model, area: Rect, painter: &mut Painter<'_>) -> u16 {
    let Some(start) = model.rates().start() else { return 0 };
    if area.height < 4 || area.width <= SCALE_WIDTH + 20 {
        return 0;
    }
    let plot =
        Rect { x: area.x + SCALE_WIDTH, width: area.width - SCALE_WIDTH, height: area.height - 2, ..area };
    let columns = model.rates().columns(plot.width.into());
    let wide = (usize::from(plot.width) / columns.len().max(1)).clamp(1, MAX_BAR_WIDTH);
    let most = columns.iter().map(|[all, _]| *all).max().unwrap_or(1).max(1);
    // Few exchanges do not make tall bars.
    let plot = Rect { height: plot.height.min(u16::try_from(most).unwrap_or(u16::MAX).max(3)), ..plot };
    let failures = Rect { y: plot.bottom(), height: 1, ..plot };
    for (index, [all, failed]) in columns.iter().enumerate() {
        let x = plot.x + (index * wide).min(usize::from(plot.width)) as u16;
        draw_column(*all, most, Rect { x, width: wide as u16, ..plot }, painter);
        if *failed > 0 {
            let at = (u64::from(*failed) * 8).div_ceil(u64::from(most)).clamp(1, 8) as usize - 1;
            let text = painter.symbols().levels.get(at).copied().unwrap_or_default().repeat(wide);
            painter.draw_text(Position::new(x, failures.y), wide as u16, Role::Bad, &text);
        }
    }
    let [_, standing] = painter.symbols().rules;
    for y in plot.y..=failures.y {
        painter.draw_text((plot.x - 1, y).into(), 1, Role::Border, standing);
    }
    let scale = |y, text: &str, role, painter: &mut Painter<'_>| {
        painter.draw_right(Rect { x: area.x, y, width: SCALE_WIDTH - 1, height: 1 }, role, text);
    };
    scale(plot.y, &most.to_string(), Role::Faint, painter);
    scale(plot.bottom() - 1, "began", Role::Faint, painter);
    scale(
        failures.y,
        "failed",
        if columns.iter().any(|[_, failed]| *failed > 0) { Role::Bad } else { Role::Faint },
        painter,
    );
    let together = model.rates().buckets_per_column(plot.width.into());
    let each = model.rates().width_ns().saturating_mul(together);
    let end = Timestamp(start.0.saturating_add(each.saturating_mul(columns.len() as i64)));
    let used = ((columns.len() * wide) as u16).max(AVERAGE_WIDTH).min(plot.width);
    let axis = Rect { y: failures.y + 1, height: 1, width: used, ..plot };
    let average = match average(model) {
        Some(rate) if used >= AVERAGE_WIDTH => format!(", on average {rate}/s"),
        _ => String::new(),
    };
    let middle = format!("  each column {}{average}", units::duration(each));
    painter.draw_spans(axis, &[(Role::Faint, &model.time_text(start)), (Role::Faint, &middle)]);
    painter.draw_right(axis, Role::Faint, &model.time_text(end));
    plot.height + 2
}

/// Returns exchanges per second between the first and the last packet; `None` if no time passed
/// between them.
fn average(model: &Model) -> Option<String> {
    let capture = model.store().capture();
    let seconds = capture.length_ns as f64 / 1e9;
    let rate = model.store().len() as f64 / seconds;
    let decimals = if rate < 10.0 { 2 } else { usize::from(rate < 100.0) };
    (seconds > 0.0).then(|| format!("{rate:.decimals$}"))
}

/// Draws a bar of `all` out of `most`, in eighths of a line, from the bottom of `area`.
fn draw_column(all: u32, most: u32, area: Rect, painter: &mut Painter<'_>) {
    let steps = (u64::from(all) * 8 * u64::from(area.height)).div_ceil(u64::from(most)) as usize;
    for line in 0..area.height {
        let here = steps.saturating_sub(usize::from(line) * 8).min(8);
        let Some(symbol) = here.checked_sub(1).and_then(|at| painter.symbols().levels.get(at).copied())
        else {
            continue;
        };
        let text = symbol.repeat(area.width.into());
        painter.draw_text(Position::new(area.x, area.bottom() - 1 - line), area.width, Role::Receive, &text);
    }
}
