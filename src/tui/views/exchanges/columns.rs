//! The columns of the exchanges, and what stands in each.

use crate::base::{Side, Timestamp, units};
use crate::ledger::{Exchange, SessionRef, Status};
use crate::tui::column_name::ColumnName;
use crate::tui::filtered_exchanges::SortBy;
use crate::tui::model::Model;
use crate::tui::painter::MASK;
use crate::tui::table::{Cell, Column};
use crate::tui::theme::{Role, Symbols};

/// A column as the table has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct ColumnInfo {
    pub(super) column: Column,
    /// What a click on its header sorts by.
    pub(super) sorts: Option<SortBy>,
}

/// Columns on the screen of the bar.
const BAR: u16 = 14;

/// The columns by what they are worth where there is no room for all. Why a call failed is worth more than who made it.
const WORTH: [ColumnName; 11] = [
    ColumnName::Time,
    ColumnName::Method,
    ColumnName::Status,
    ColumnName::Total,
    ColumnName::Session,
    ColumnName::Id,
    ColumnName::Detail,
    ColumnName::Bar,
    ColumnName::Bytes,
    ColumnName::Events,
    ColumnName::Ends,
];

/// Columns of the screen that tools and why they failed share beyond their least, before anything is shown that is worth
/// less. Chosen: most names of tools are read in full then.
const READABLE: u16 = 12;

/// Those of `columns` that have room on `width` columns of the screen, in their order: what is worth most stays longest.
pub(super) fn fitting(columns: &[ColumnName], width: u16) -> Vec<ColumnName> {
    // The table keeps a column of the screen for the pointer and one for the scroll bar, and one between its columns.
    let mut room = width.saturating_sub(1);
    let mut kept = Vec::new();
    for name in WORTH.into_iter().filter(|name| columns.contains(name)) {
        let needs = name.info().column.width + 1;
        let is_extra =
            matches!(name, ColumnName::Detail | ColumnName::Bytes | ColumnName::Events | ColumnName::Ends);
        let left = if is_extra { READABLE } else { 0 };
        if needs + left <= room || kept.is_empty() {
            room = room.saturating_sub(needs);
            kept.push(name);
        } else if name != ColumnName::Detail {
            // But for the widest, nothing stands where something worth more was left out.
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
            Self::Method => info(Column::new("Method and tool", 22).grows(), Some(SortBy::Method)),
            Self::Id => info(Column::new("Id", 4).right(), None),
            Self::Status => info(Column::new("Status", 14), Some(SortBy::Status)),
            Self::Total => info(Column::new("Total", 7).right(), Some(SortBy::Total)),
            Self::Bar => info(Column::new("Send·wait·recv", BAR), None),
            Self::Events => info(Column::new("Ev", 3).right(), Some(SortBy::Progress)),
            Self::Bytes => info(Column::new("Bytes", 7).right(), Some(SortBy::Bytes)),
            Self::Ends => info(Column::new("Client and server", 32), Some(SortBy::Client)),
            Self::Detail => info(Column::new("Detail", 24).grows(), None),
        }
    }

    /// What stands in it. `scale` is the longest total on the screen, in nanoseconds: bars are drawn to it.
    pub(super) fn cell(self, exchange: &Exchange, of: &Shown<'_>) -> Cell {
        let model = of.model;
        match self {
            Self::Time => Cell::text(Role::Faint, units::time_of_day(exchange.request.span.start.time)),
            Self::Session => Cell::text(Role::Faint, session(&exchange.session)),
            Self::Method => method(exchange, of),
            Self::Id if model.private => Cell::text(Role::Faint, MASK),
            Self::Id => Cell::text(Role::Faint, exchange.id.json()),
            Self::Status => status(exchange, of),
            Self::Total => total(exchange, of),
            Self::Bar => bar(exchange, of),
            Self::Events if exchange.progress == 0 => Cell::Empty,
            Self::Events => Cell::text(Role::Text, exchange.progress.to_string()),
            Self::Bytes => {
                let bytes = exchange.request.bytes + exchange.response.map_or(0, |response| response.bytes);
                Cell::text(Role::Faint, units::bytes(bytes).replace(' ', ""))
            }
            Self::Ends => Cell::text(Role::Faint, format!("{} {}", exchange.client, exchange.session.server)),
            Self::Detail => Cell::Parts(detail(exchange, of)),
        }
    }
}

/// What a row is shown with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown<'a> {
    pub(super) model: &'a Model,
    pub(super) symbols: &'a Symbols,
    /// The longest total on the screen, in nanoseconds.
    pub(super) scale: i64,
    pub(super) is_open: bool,
    /// Whether the parts of a bar have colours; where they have none symbols tell them apart.
    pub(super) is_colored: bool,
}

/// How long an open exchange has been open, against the capture's clock, in nanoseconds.
pub(in crate::tui) fn pending(exchange: &Exchange, now: Timestamp) -> i64 {
    now.since(exchange.request.span.start.time).max(0)
}

/// `s1`.
pub(in crate::tui) fn session(session: &SessionRef) -> String {
    format!("s{}", session.number)
}

/// The word of a status on the screen.
pub(in crate::tui) fn status_word(exchange: &Exchange) -> String {
    match (exchange.status, exchange.http_status, &exchange.error) {
        (Status::HttpError, Some(code), _) => format!("http {code}"),
        (Status::Error, _, Some(error)) => {
            error.code.map_or("error".to_owned(), |code| format!("error {code}"))
        }
        (status, ..) => status.name().replace('_', " "),
    }
}

fn method(exchange: &Exchange, of: &Shown<'_>) -> Cell {
    let from_server = of.symbols.from_server;
    let arrow = if exchange.origin == Side::Server { format!("{from_server} ") } else { String::new() };
    let method = exchange.method.to_string();
    match of.model.name_of(exchange) {
        Some(name) => Cell::Parts(vec![
            (Role::Faint, format!("{arrow}{method} ").into()),
            (Role::Strong, name.to_string().into()),
        ]),
        None => Cell::text(Role::Text, format!("{arrow}{method}")),
    }
}

fn status(exchange: &Exchange, of: &Shown<'_>) -> Cell {
    if of.is_open {
        let phase = if of.model.still { 0 } else { (of.model.uptime.as_millis() / 250 % 4) as usize };
        let spinner = of.symbols.spinner.get(phase).copied().unwrap_or_default();
        return Cell::text(Role::Pending, format!("{spinner} pending"));
    }
    let symbol = of.symbols.status(exchange.status);
    Cell::text(Role::of(exchange.status), format!("{symbol} {}", status_word(exchange)))
}

/// Totals from a second on are told from the others, from ten on they are shouted.
fn total(exchange: &Exchange, of: &Shown<'_>) -> Cell {
    const SLOW: i64 = 1_000_000_000;
    if of.is_open {
        return Cell::text(Role::Pending, units::cell(pending(exchange, of.model.now())));
    }
    let Some(total) = exchange.total_ns() else { return Cell::text(Role::Faint, "-") };
    let role = match total {
        ..SLOW => Role::Text,
        SLOW..10_000_000_000 => Role::Warn,
        _ => Role::Bad,
    };
    Cell::text(role, units::cell(total))
}

fn bar(exchange: &Exchange, of: &Shown<'_>) -> Cell {
    if of.is_open {
        // It has one part, and none that is over: no thin line, for it is to be seen.
        let part = pending(exchange, of.model.now()) as f64 / of.scale.max(1) as f64;
        return Cell::Bar(vec![(Role::Pending, part)]);
    }
    let (Some(wait), Some(receive)) = (exchange.wait_ns(), exchange.receive_ns()) else { return Cell::Empty };
    cells(&[(Role::Send, exchange.send_ns()), (Role::Wait, wait), (Role::Receive, receive)], of)
}

/// Parts in nanoseconds as cells of a bar, of which the last is as long as its eighths: what took a hundredth of the
/// longest is a thin line. A cell is of the part in which its middle lies.
fn cells(parts: &[(Role, i64)], of: &Shown<'_>) -> Cell {
    let total: i64 = parts.iter().map(|(_, ns)| (*ns).max(0)).fold(0, i64::saturating_add);
    let part = (total as f64 / of.scale.max(1) as f64).clamp(0.0, 1.0);
    let eighths = ((part * f64::from(BAR) * 8.0).round() as u32).max(u32::from(total > 0));
    let (whole, rest) = (eighths / 8, eighths % 8);
    let mut drawn = Vec::new();
    for cell in 0..eighths.div_ceil(8) {
        let is_rest = cell == whole;
        let middle = f64::from(cell) + if is_rest { f64::from(rest) / 16.0 } else { 0.5 };
        let role = role_at(parts, total as f64 * (middle * 8.0 / f64::from(eighths)));
        let symbol = match (rest as usize).checked_sub(1).and_then(|at| of.symbols.bar.get(at)) {
            Some(eighths) if is_rest && !eighths.is_ascii() => Some(*eighths),
            // ASCII has no eighths: the half of a cell is one, and what is short is one as well.
            Some(_) if is_rest && whole > 0 && rest < 4 => None,
            _ => Some(symbol(role, of)),
        };
        drawn.push((role, symbol.unwrap_or_default().into()));
    }
    Cell::Parts(drawn)
}

/// The part that runs at a time of the whole, in nanoseconds.
fn role_at(parts: &[(Role, i64)], at: f64) -> Role {
    let mut until = 0.0;
    let ran = |(_, ns): &&(Role, i64)| {
        until += (*ns).max(0) as f64;
        at < until
    };
    parts.iter().find(ran).or(parts.last()).map_or(Role::Text, |(role, _)| *role)
}

/// What a whole cell of a part looks like. Where there are no colours, or none but ASCII is had, each has a symbol of
/// its own.
fn symbol(role: Role, of: &Shown<'_>) -> &'static str {
    let ([light, _, dark, _], [.., full], [lying, _]) = (of.symbols.heat, of.symbols.bar, of.symbols.rules);
    match role {
        _ if of.is_colored && !full.is_ascii() => full,
        Role::Wait if full.is_ascii() => lying,
        Role::Wait => light,
        Role::Send => dark,
        _ => full,
    }
}

/// Why it failed, what was noticed, what is missing.
fn detail(exchange: &Exchange, of: &Shown<'_>) -> Vec<(Role, std::borrow::Cow<'static, str>)> {
    let mut parts = Vec::new();
    if let Some(error) = &exchange.error {
        let message = if of.model.private { MASK } else { &error.message };
        parts.push((Role::Bad, format!("{message} ").into()));
    } else if let Some(cause) = exchange.cause {
        parts.push((Role::Warn, format!("{} ", cause.name().replace('_', " ")).into()));
    }
    for code in &exchange.findings {
        let role = Role::of(code.severity());
        parts.push((role, format!("{}{} ", of.symbols.flag, code.name()).into()));
    }
    if exchange.retransmissions > 0 {
        parts.push((Role::Warn, format!("{} sent again ", exchange.retransmissions).into()));
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
        assert_eq!(names(60), ["time", "method", "status", "total"]);
        assert_eq!(names(80), ["time", "session", "method", "id", "status", "total"]);
        assert!(
            names(100).contains(&"bar") && !names(100).contains(&"detail"),
            "names of tools are read first"
        );
        assert_eq!(names(120), ["time", "session", "method", "id", "status", "total", "bar", "detail"]);
        assert_eq!(names(200).len(), ColumnName::ALL.len());
        assert_eq!(names(10), ["time"], "one at least");
        assert_eq!(fitting(&[ColumnName::Detail, ColumnName::Time], 30), [ColumnName::Time]);
    }

    #[test]
    fn a_bar_says_which_part_runs_when() {
        let parts = [(Role::Send, 10), (Role::Wait, 80), (Role::Receive, 0)];
        assert_eq!(role_at(&parts, 5.0), Role::Send);
        assert_eq!(role_at(&parts, 10.0), Role::Wait);
        assert_eq!(role_at(&parts, 90.0), Role::Receive, "at its end the last");
        assert_eq!(role_at(&[], 1.0), Role::Text);
    }
}
