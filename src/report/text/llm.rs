//! The table of calls of language models.

use super::page::Page;
use crate::base::units;
use crate::ledger::llm_words;
use crate::ledger::{CallStatus, LlmRow, Snapshot};
use crate::report::llm_label;
use crate::report::style::Role;
use crate::report::table::{Align, Cell, Table};

/// Adds the calls by server and model, if there are any.
pub(super) fn section(page: &mut Page, snapshot: &Snapshot) {
    if snapshot.llm.is_empty() {
        return;
    }
    page.heading("LLM calls", "first token: from the first byte of the request");
    let mut table = Table::new(&[
        (Align::Rest, "API, server and model"),
        (Align::Right, "n"),
        (Align::Right, "err"),
        (Align::Right, "partial"),
        (Align::Right, "first p50"),
        (Align::Right, "p99"),
        (Align::Right, "total p50"),
        (Align::Right, "tok/s"),
        (Align::Right, "in"),
        (Align::Right, "out"),
    ]);
    let mut above = None;
    for row in snapshot.llm.iter().take(page.rows) {
        let of = llm_label::group(row);
        if above.as_ref() != Some(&of) {
            table.span(vec![Cell::in_role(Role::Strong, of.clone())]);
        }
        table.row(cells(row));
        above = Some(of);
    }
    page.table(&table);
    page.more(snapshot.llm.len() as u64, page.rows.min(snapshot.llm.len()));
}

fn cells(row: &LlmRow) -> Vec<Cell> {
    let partial = [CallStatus::Cut, CallStatus::Cancelled, CallStatus::Open];
    let tokens = |tokens: Option<u64>| match tokens {
        Some(tokens) => Cell::new(tokens.to_string()),
        None => Cell::in_role(Role::Faint, "-"),
    };
    vec![
        Cell::new(format!("  {}", llm_label::model(row))),
        Cell::new(row.calls().to_string()),
        Cell::count(Role::Bad, row.count(CallStatus::Error)),
        Cell::count(Role::Warn, partial.iter().map(|status| row.count(*status)).sum()),
        Cell::duration(row.first_token_p50_ns),
        Cell::duration(row.first_token_p99_ns),
        Cell::duration(row.total_p50_ns),
        match row.tokens_per_second_p50 {
            Some(rate) => Cell::new(llm_words::per_second(rate)),
            None => Cell::in_role(Role::Faint, "-"),
        },
        tokens(row.input_tokens),
        tokens(row.output_tokens),
    ]
}

/// Returns the calls by status, in words.
pub(super) fn counts(rows: &[LlmRow]) -> Option<Vec<String>> {
    let all: u64 = rows.iter().map(LlmRow::calls).sum();
    let mut words = vec![units::several(all, "call")];
    for status in CallStatus::ALL {
        let count: u64 = rows.iter().map(|row| row.count(status)).sum();
        if count > 0 && status != CallStatus::Ok {
            words.push(format!("{count} {}", status.name()));
        }
    }
    (all > 0).then_some(words)
}
