//! The columns of the exchanges table and their cells.

use crate::base::{Side, units};
use crate::ledger::{Cause, Exchange};
use crate::tui::column_name::ColumnName;
use crate::tui::filtered_exchanges::SortBy;
use crate::tui::model::Model;
use crate::tui::table::{Cell, Column};
use crate::tui::theme::MASK;
use crate::tui::theme::{Role, Symbols};
use crate::tui::views::format;

/// A column and the order that a click on its header selects.
#[derive(Clone, Copy, Debug)]
pub(super) struct ColumnInfo {
    pub(super) column: Column,
    /// Order that a click on the header selects; `None` if rows cannot be sorted by this column.
    pub(super) sorts: Option<SortBy>,
}

/// Width of the bar, in terminal columns.
const BAR_WIDTH: u16 = 14;

/// Columns by importance: the last ones are dropped first when the terminal is narrow. How long a
/// call took is worth more than when it began, the reason of a failure more than the addresses.
const IMPORTANCE: [ColumnName; 12] = [
    ColumnName::Method,
    ColumnName::Status,
    ColumnName::Total,
    ColumnName::Time,
    ColumnName::Session,
    ColumnName::Id,
    ColumnName::Detail,
    ColumnName::Server,
    ColumnName::Bar,
    ColumnName::Bytes,
    ColumnName::Events,
    ColumnName::Ends,
];

/// Extra width, in terminal columns, that the method and detail columns need before less important
/// columns are shown. With 12, most tool names are readable in full.
const READABLE_WIDTH: u16 = 12;

/// The same before the name of the server and the bar are shown.
const SHORT_WIDTH: u16 = 8;

/// Returns those of `columns` that fit into `width` terminal columns, in the given order. The least
/// important columns are dropped first.
pub(super) fn fitting(columns: &[ColumnName], width: u16) -> Vec<ColumnName> {
    // The table reserves a column for the pointer, one for the scroll bar and one before it, and
    // one between columns.
    let mut room = width.saturating_sub(2);
    let mut kept = Vec::new();
    for name in IMPORTANCE.into_iter().filter(|name| columns.contains(name)) {
        let needs = name.info().column.width + 1;
        let left = match name {
            ColumnName::Detail | ColumnName::Bytes | ColumnName::Events | ColumnName::Ends => READABLE_WIDTH,
            ColumnName::Server | ColumnName::Bar => SHORT_WIDTH,
            _ => 0,
        };
        if needs + left <= room || kept.is_empty() {
            room = room.saturating_sub(needs);
            kept.push(name);
        } else if name != ColumnName::Detail {
            // Only the widest column may be skipped; after any other, less important ones are
            // dropped too.
            break;
        }
    }
    columns.iter().copied().filter(|name| kept.contains(name)).collect()
}

impl ColumnName {
    pub(super) fn info(self) -> ColumnInfo {
        let info = |column, sorts| ColumnInfo { column, sorts };
        match self {
            Self::Time => info(Column::new("Time", 12), Some(SortBy::Time)),
            Self::Session => info(Column::new("Sess", 5), Some(SortBy::Session)),
            Self::Server => info(Column::new("Server", 12), None),
            Self::Method => info(Column::new("Method and tool", 22).grows(), Some(SortBy::Method)),
            Self::Id => info(Column::new("Id", 4).right(), None),
            Self::Status => info(Column::new("Status", 14), Some(SortBy::Status)),
            Self::Total => info(Column::new("Total", 7).right(), Some(SortBy::Total)),
            Self::Bar => info(Column::new("Send·wait·recv", BAR_WIDTH), None),
            Self::Events => info(Column::new("Ev", 3).right(), Some(SortBy::Progress)),
            Self::Bytes => info(Column::new("Bytes", 7).right(), Some(SortBy::Bytes)),
            Self::Ends => info(Column::new("Client and server", 32), Some(SortBy::Client)),
            Self::Detail => info(Column::new("Detail", 24).grows(), None),
        }
    }

    /// Returns the cell of this column for an exchange.
    pub(super) fn cell(self, exchange: &Exchange, context: &RowContext<'_>) -> Cell {
        let model = context.model;
        match self {
            Self::Time => Cell::text(Role::Faint, model.time_text(exchange.request.span.start.time)),
            Self::Session => Cell::text(Role::Faint, format::session_name(exchange.session.number)),
            Self::Server if exchange.session.server_name.is_some() => {
                Cell::text(Role::Text, format::server_name(exchange))
            }
            Self::Server => Cell::end(Role::Faint, format::server_name(exchange)),
            Self::Method => method(exchange, context),
            Self::Id if model.is_private() => Cell::text(Role::Faint, MASK),
            Self::Id => Cell::text(Role::Faint, exchange.id.json()),
            Self::Status => status(exchange, context),
            Self::Total => total(exchange, context),
            Self::Bar => bar(exchange, context),
            Self::Events if exchange.progress == 0 => Cell::Empty,
            Self::Events => Cell::text(Role::Text, exchange.progress.to_string()),
            Self::Bytes => {
                let bytes = exchange.request.bytes + exchange.response.map_or(0, |response| response.bytes);
                Cell::text(Role::Faint, format::size(bytes))
            }
            Self::Ends => Cell::text(Role::Faint, format!("{} {}", exchange.client, exchange.session.server)),
            Self::Detail => Cell::Parts(detail(exchange, context)),
        }
    }
}

/// Context for drawing a row.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowContext<'a> {
    pub(super) model: &'a Model,
    pub(super) symbols: &'a Symbols,
    /// Longest total on the screen, in nanoseconds. Bars are drawn to this scale.
    pub(super) scale: i64,
    pub(super) is_open: bool,
    /// Whether the phases of a bar have colors. Without colors they have different symbols.
    pub(super) is_colored: bool,
}

fn method(exchange: &Exchange, context: &RowContext<'_>) -> Cell {
    let from_server = context.symbols.from_server;
    let arrow = if exchange.origin == Side::Server { format!("{from_server} ") } else { String::new() };
    let method = exchange.method.to_string();
    match context.model.display_name(exchange) {
        Some(name) => Cell::Parts(vec![
            (Role::Faint, format!("{arrow}{method} ").into()),
            (Role::Strong, name.to_string().into()),
        ]),
        None => Cell::text(Role::Text, format!("{arrow}{method}")),
    }
}

fn status(exchange: &Exchange, context: &RowContext<'_>) -> Cell {
    if let Some(cause) = exchange.cause.filter(|_| context.is_open) {
        // Its outcome is open, but who hung up is known.
        let is_cancelled = cause == Cause::Cancelled;
        let symbol = if is_cancelled { context.symbols.cancelled } else { context.symbols.unanswered };
        return Cell::text(Role::Warn, format!("{symbol} {}", format::cause_text(cause)));
    }
    if context.is_open {
        let phase = if context.model.is_still() {
            0
        } else {
            (context.model.uptime().as_millis() / 250 % 4) as usize
        };
        let spinner = context.symbols.spinner.get(phase).copied().unwrap_or_default();
        return Cell::text(Role::Pending, format!("{spinner} pending"));
    }
    let symbol = context.symbols.status(exchange.status);
    Cell::text(Role::of(exchange), format!("{symbol} {}", format::status_text(exchange)))
}

/// Totals of a second or more are highlighted, those of ten seconds or more more strongly.
fn total(exchange: &Exchange, context: &RowContext<'_>) -> Cell {
    const SLOW: i64 = 1_000_000_000;
    if context.is_open {
        return Cell::text(Role::Pending, units::cell(format::pending_ns(exchange, context.model.now())));
    }
    let text = format::elapsed(exchange);
    let elapsed = exchange.unanswered_ns().or_else(|| exchange.total_ns());
    let Some(elapsed) = elapsed else { return Cell::text(Role::Faint, text) };
    let role = match elapsed {
        ..SLOW => Role::Text,
        SLOW..10_000_000_000 => Role::Warn,
        _ => Role::Bad,
    };
    Cell::text(role, text)
}

fn bar(exchange: &Exchange, context: &RowContext<'_>) -> Cell {
    if context.is_open {
        // A pending exchange has a single phase. It is drawn in full height so that it is easy to
        // see.
        let part = format::pending_ns(exchange, context.model.now()) as f64 / context.scale.max(1) as f64;
        return Cell::Bar(vec![(Role::Pending, part)]);
    }
    let send = (Role::Send, exchange.send_ns());
    if let Some(waited) = exchange.unanswered_ns() {
        return bar_cells(&[send, (Role::Warn, waited.saturating_sub(send.1))], context);
    }
    let (Some(wait), Some(receive)) = (exchange.wait_ns(), exchange.receive_ns()) else { return Cell::Empty };
    let user = exchange.asked.client_ns;
    let server = (Role::Wait, wait.saturating_sub(user));
    bar_cells(&[send, server, (Role::User, user), (Role::Receive, receive)], context)
}

/// Draws phases (durations in nanoseconds) as the cells of a bar. The last cell is as wide as its
/// eighths, so that a phase of a hundredth of the longest total is still visible. A cell takes the
/// role of the phase at its middle.
fn bar_cells(phases: &[(Role, i64)], context: &RowContext<'_>) -> Cell {
    let total: i64 = phases.iter().map(|(_, ns)| (*ns).max(0)).fold(0, i64::saturating_add);
    let part = (total as f64 / context.scale.max(1) as f64).clamp(0.0, 1.0);
    let eighths = ((part * f64::from(BAR_WIDTH) * 8.0).round() as u32).max(u32::from(total > 0));
    let (whole, rest) = (eighths / 8, eighths % 8);
    let mut drawn = Vec::new();
    for cell in 0..eighths.div_ceil(8) {
        let is_rest = cell == whole;
        let middle = f64::from(cell) + if is_rest { f64::from(rest) / 16.0 } else { 0.5 };
        let role = phase_at(phases, total as f64 * (middle * 8.0 / f64::from(eighths)));
        let symbol = match (rest as usize).checked_sub(1).and_then(|at| context.symbols.bar.get(at)) {
            Some(eighths) if is_rest && !eighths.is_ascii() => Some(*eighths),
            // ASCII has no eighths: half a cell is rounded up to a whole one, and so is a bar that
            // is shorter than a cell.
            Some(_) if is_rest && whole > 0 && rest < 4 => None,
            _ => Some(phase_symbol(role, context)),
        };
        drawn.push((role, symbol.unwrap_or_default().into()));
    }
    Cell::Parts(drawn)
}

/// Returns the role of the phase that runs at `at` nanoseconds after the start.
fn phase_at(phases: &[(Role, i64)], at: f64) -> Role {
    let mut until = 0.0;
    let ran = |(_, ns): &&(Role, i64)| {
        until += (*ns).max(0) as f64;
        at < until
    };
    phases.iter().find(ran).or(phases.last()).map_or(Role::Text, |(role, _)| *role)
}

/// Returns the symbol of a whole cell. Without colors, or in ASCII mode, each phase has its own.
fn phase_symbol(role: Role, context: &RowContext<'_>) -> &'static str {
    let ([light, _, dark, _], [.., full], [lying, _]) =
        (context.symbols.heat, context.symbols.bar, context.symbols.rules);
    match role {
        _ if context.is_colored && !full.is_ascii() => full,
        Role::Wait if full.is_ascii() => lying,
        Role::Wait | Role::Warn => light,
        Role::User | Role::Send => dark,
        _ => full,
    }
}

/// Returns why the exchange failed, its findings and its missing evidence.
fn detail(exchange: &Exchange, context: &RowContext<'_>) -> Vec<(Role, std::borrow::Cow<'static, str>)> {
    let mut parts = Vec::new();
    if let Some(error) = &exchange.error {
        let message = if context.model.is_private() { MASK } else { &error.message };
        parts.push((Role::Bad, format!("{message} ").into()));
    } else if let Some(cause) = exchange.cause {
        let at = format::ended_at(exchange, context.model.files());
        let role = if exchange.is_ended_subscription() { Role::Faint } else { Role::Warn };
        parts.push((role, format!("{}{at} ", format::cause_text(cause)).into()));
    }
    if exchange.asked.requests > 0 {
        let time = units::duration(exchange.asked.client_ns);
        parts.push((Role::User, format!("user {time} ").into()));
    }
    for code in &exchange.findings {
        let role = Role::of(code.severity());
        parts.push((role, format!("{}{} ", context.symbols.flag, code.name()).into()));
    }
    if exchange.retransmissions > 0 {
        parts.push((Role::Warn, format!("{} retransmitted ", exchange.retransmissions).into()));
    }
    for reason in exchange.degraded.names() {
        parts.push((Role::Faint, format!("{} ", reason.replace('_', " ")).into()));
    }
    if let Some(continues) = exchange.continues {
        parts.push((Role::Faint, format!("continues #{continues}").into()));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_stays_longest() {
        let names = |width| -> Vec<&str> {
            fitting(&ColumnName::ALL, width).into_iter().map(|column| column.name()).collect()
        };
        assert_eq!(names(60), ["method", "status", "total"], "how long it took outlives when it began");
        assert_eq!(names(62), ["time", "method", "status", "total"]);
        assert_eq!(names(80), ["time", "session", "method", "id", "status", "total"]);
        let narrow = names(100);
        assert!(narrow.contains(&"server") && !narrow.contains(&"detail"), "names of tools are read first");
        assert_eq!(names(120), ["time", "session", "server", "method", "id", "status", "total", "detail"]);
        assert!(names(140).contains(&"bar"));
        assert_eq!(names(200).len(), ColumnName::ALL.len());
        assert_eq!(names(10), ["method"], "one at least");
        assert_eq!(fitting(&[ColumnName::Detail, ColumnName::Time], 30), [ColumnName::Time]);
    }

    #[test]
    fn a_bar_says_which_part_runs_when() {
        let parts = [(Role::Send, 10), (Role::Wait, 80), (Role::Receive, 0)];
        assert_eq!(phase_at(&parts, 5.0), Role::Send);
        assert_eq!(phase_at(&parts, 10.0), Role::Wait);
        assert_eq!(phase_at(&parts, 90.0), Role::Receive, "at its end the last");
        assert_eq!(phase_at(&[], 1.0), Role::Text);
    }
}
