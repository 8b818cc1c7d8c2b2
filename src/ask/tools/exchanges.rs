//! `list_exchanges`: the exchanges that match a filter, page by page.

use std::cmp::Reverse;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::answer::{Answer, answer};
use super::super::context::Context;
use super::super::paging::{self, Filling, Paging, Wanted};
use super::super::rows::ExchangeRow;
use super::super::selection;

/// Arguments of `list_exchanges`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Arguments {
    /// Filter, as in `method:tools/call`, `tool:search dur>500ms`, `status:error or finding:any`,
    /// `packet:812`, `time>=2026-11-22T09:30`, `body:password`; without one all exchanges match.
    /// The resource mcpdump://help/filter explains the language
    filter: Option<String>,
    /// Order of the rows (default `oldest`)
    order: Option<Order>,
    #[serde(flatten)]
    wanted: Wanted,
}

/// Order of exchanges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Order {
    /// By packet, the first request first.
    #[default]
    Oldest,
    /// By packet, the last request first.
    Latest,
    /// By duration, or time waited without a response, the longest first.
    Slowest,
}

impl Order {
    fn name(self) -> &'static str {
        match self {
            Self::Oldest => "oldest",
            Self::Latest => "latest",
            Self::Slowest => "slowest",
        }
    }
}

/// Body of the answer.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Exchanges {
    paging: Paging,
    exchanges: Vec<ExchangeRow>,
}

/// Answers the question.
///
/// # Errors
/// The filter or the cursor is invalid.
pub(super) fn call(context: &Context, arguments: &Arguments) -> Result<Answer, String> {
    let Context { capture, limits, .. } = context;
    let files = &capture.source().numbering;
    let filter = selection::parse(capture, arguments.filter.as_deref())?;
    let order = arguments.order.unwrap_or_default();
    let question = format!("exchanges {} {}", order.name(), filter.text());
    let position = paging::position(arguments.wanted.cursor.as_deref(), &question)?;
    // Sorted by the first value, then the second.
    let mut found: Vec<(i64, u64)> = Vec::new();
    selection::each(capture, &filter, |exchange, _| {
        let ns = if order == Order::Slowest { exchange.elapsed_ns().unwrap_or(-1) } else { 0 };
        found.push((ns, exchange.n));
    });
    match order {
        Order::Oldest => found.sort_unstable(),
        Order::Latest => found.sort_unstable_by_key(|(_, n)| Reverse(*n)),
        Order::Slowest => found.sort_unstable_by_key(|(ns, n)| (Reverse(*ns), *n)),
    }
    // A live capture goes on between two pages: a position is that of an exchange where it can be.
    let start = match (order, arguments.wanted.cursor.is_some()) {
        (_, false) => 0,
        (Order::Oldest, true) => found.partition_point(|(_, n)| *n <= position),
        (Order::Latest, true) => found.partition_point(|(_, n)| *n >= position),
        (Order::Slowest, true) => usize::try_from(position).unwrap_or(usize::MAX).min(found.len()),
    };
    let mut filling = Filling::new(&arguments.wanted);
    let mut last = 0;
    let mut end = start;
    for (_, n) in found.iter().skip(start) {
        let exchange = capture.lock().kept.exchange(*n);
        if let Some((exchange, is_open)) = exchange {
            let row = ExchangeRow::of(&exchange, is_open, files, limits);
            let line = row.line();
            if !filling.push(row, &line) {
                break;
            }
        }
        (last, end) = (*n, end + 1);
    }
    let (rows, lines) = filling.finish();
    let left_out = found.len() - end;
    let at = if order == Order::Slowest { end as u64 } else { last };
    let next_cursor = (left_out > 0).then(|| paging::cursor(at, &question));
    let paging = Paging { returned: rows.len(), total: found.len(), left_out, next_cursor };
    let text = format!("{}\n{lines}", paging.describe("exchanges"));
    Ok(answer(capture, &text, Exchanges { paging, exchanges: rows }))
}
