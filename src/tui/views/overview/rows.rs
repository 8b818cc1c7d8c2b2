//! The rows of the list that is worth a look.

use std::borrow::Cow;

use crate::base::units;
use crate::ledger::{Cause, CauseCount, Exchange, Status};
use crate::tui::model::Model;
use crate::tui::table::Cell;
use crate::tui::theme::Role;
use crate::tui::views::format;
use crate::tui::views::link_table::{LinkRow, LinkTarget};

/// Calls that are named for each reason why there is no answer.
const MAX_CALLS: usize = 5;

pub(super) fn hanging(since: i64, exchange: &Exchange, model: &Model) -> LinkRow {
    // Its outcome is open, but somebody hung up.
    let what = exchange.cause.map_or_else(|| "hangs".to_owned(), format::cause_text);
    LinkRow {
        cells: vec![
            Cell::text(Role::Pending, units::cell(since)),
            call(&what, Role::Pending, exchange, model),
            Cell::text(Role::Faint, place(exchange, model)),
        ],
        target: LinkTarget::Exchange(exchange.n),
    }
}

/// Returns rows for exchanges that failed with a response, by status.
pub(super) fn failed(model: &Model) -> impl Iterator<Item = LinkRow> + use<'_> {
    [Status::Error, Status::ToolError].into_iter().filter_map(|status| {
        let count = model.all().summary().exchanges.count(status);
        let what = if status == Status::Error {
            "the response is a JSON-RPC error"
        } else {
            "the result of the tool says isError"
        };
        let cells = vec![
            Cell::text(Role::of(status), format!("{count}x")),
            Cell::Parts(vec![
                kind(Role::of(status), &status.name().replace('_', " ")),
                (Role::Text, what.into()),
            ]),
        ];
        let target = counted(format!("status:{}", status.name()), model);
        (count > 0).then_some(LinkRow { cells, target })
    })
}

pub(super) fn unanswered(count: &CauseCount, model: &Model) -> LinkRow {
    let cause = match (count.cause, count.http_status) {
        (Some(Cause::HttpError), Some(status)) => format!("HTTP {status}"),
        (Some(Cause::Cancelled), _) => "by its sender".to_owned(),
        (Some(cause), Some(status)) => format!("{}, HTTP {status}", format::cause_text(cause)),
        (Some(cause), None) => format::cause_text(cause),
        (None, _) => "cause unknown".to_owned(),
    };
    let status = count.status.name();
    let mut filter = format!("status:{status}");
    if let Some(cause) = count.cause {
        filter.push_str(&format!(" cause:{}", cause.name()));
    }
    if let Some(status) = count.http_status {
        filter.push_str(&format!(" http:{status}"));
    }
    LinkRow {
        cells: vec![
            Cell::text(Role::of((count.status, count.cause)), format!("{}x", count.exchanges)),
            Cell::Parts(vec![
                kind(Role::of((count.status, count.cause)), &status.replace('_', " ")),
                (Role::Text, Cow::from(format!("{cause}: "))),
                (Role::Strong, Cow::from(calls(count, model))),
            ]),
        ],
        target: counted(filter, model),
    }
}

/// Returns the target for the exchanges that a row counts: of a call on both legs of a proxy, the
/// one on the client's leg.
fn counted(mut filter: String, model: &Model) -> LinkTarget {
    if model.all().summary().other_views > 0 {
        filter.push_str(" not view:back");
    }
    LinkTarget::Filter(filter)
}

/// Names the calls that have no answer, and their servers: `search, 2 fetch on hackernews`.
fn calls(count: &CauseCount, model: &Model) -> String {
    let mut text = String::new();
    let shown = count.calls.iter().take(MAX_CALLS);
    let mut calls = shown.clone().peekable();
    while let Some(call) = calls.next() {
        let name = call.name.as_deref().map_or(&*call.method, |name| model.mask_name(&call.method, name));
        let times = if call.exchanges > 1 { format!("{} ", call.exchanges) } else { String::new() };
        text.push_str(&format!("{times}{name}"));
        // Each server is named once, after the last of its calls in a row.
        if calls.peek().is_none_or(|next| next.server != call.server) {
            let server = call.server_name.as_deref().map_or_else(|| call.server.to_string(), str::to_owned);
            text.push_str(&format!(" on {server}"));
        }
        text.push_str(if calls.peek().is_some() { ", " } else { "" });
    }
    let more = count.exchanges.saturating_sub(shown.map(|call| call.exchanges).sum());
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

pub(super) fn slowest(exchange: &Exchange, model: &Model) -> LinkRow {
    let what = if exchange.unanswered_ns().is_some() { "no answer" } else { "slowest" };
    LinkRow {
        cells: vec![
            Cell::text(Role::Strong, format::elapsed(exchange)),
            call(what, Role::Warn, exchange, model),
            Cell::text(Role::Faint, place(exchange, model)),
        ],
        target: LinkTarget::Exchange(exchange.n),
    }
}

/// Returns the row for exchanges whose answer may be in what the capture lacks.
pub(super) fn undetermined(model: &Model) -> Option<LinkRow> {
    let status = Status::Undetermined;
    let count = Some(model.all().summary().exchanges.count(status)).filter(|count| *count > 0)?;
    let text = "the answer may be in what the capture lacks";
    Some(LinkRow {
        cells: vec![
            Cell::text(Role::of(status), format!("{count}x")),
            Cell::Parts(vec![kind(Role::of(status), status.name()), (Role::Text, text.into())]),
        ],
        target: counted(format!("status:{}", status.name()), model),
    })
}

/// Returns the row for exchanges with missing evidence.
pub(super) fn degraded(model: &Model) -> Option<LinkRow> {
    let count = Some(model.all().summary().exchanges.degraded).filter(|count| *count > 0)?;
    let text = "the capture lacks evidence for these";
    Some(LinkRow {
        cells: vec![
            Cell::text(Role::Warn, format!("{count}x")),
            Cell::Parts(vec![kind(Role::Warn, "degraded"), (Role::Text, text.into())]),
        ],
        target: counted("degraded:any".to_owned(), model),
    })
}

/// Pads the kind of a row, so that the texts after it are aligned.
fn kind(role: Role, what: &str) -> (Role, Cow<'static, str>) {
    (role, format!("{what:<12}").into())
}

fn call(what: &str, role: Role, exchange: &Exchange, model: &Model) -> Cell {
    let name = model.display_name(exchange).map_or_else(String::new, |name| format!(" {name}"));
    Cell::Parts(vec![
        kind(role, what),
        (Role::Text, exchange.method.to_string().into()),
        (Role::Strong, name.into()),
        (Role::Faint, format!(" on {}", format::server_name(exchange)).into()),
    ])
}

fn place(exchange: &Exchange, model: &Model) -> String {
    let packet = model.files().packet(exchange.request.span.first);
    format!("{} packet {packet}", format::session_name(exchange.session.number))
}
