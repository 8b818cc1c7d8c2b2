//! Calls of language models by server and model.

use super::html::Html;
use crate::base::units;
use crate::ledger::llm_words;
use crate::ledger::{CallStatus, LlmRow, Snapshot};
use crate::report::llm_label;

/// Rows of the table.
const ROWS: usize = 200;

/// Adds the table, if there are calls.
pub(super) fn section(snapshot: &Snapshot, html: &mut Html) {
    if snapshot.llm.is_empty() {
        return;
    }
    html.raw(
        "<section id=\"llm\" aria-labelledby=\"llm-title\"><h2 id=\"llm-title\">LLM calls</h2>\
        <p class=\"note\">First token: from the first byte of the request to the first piece of the answer. \
        Tokens as the server counts them.</p>\
        <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"LLM calls\">\
        <table class=\"latency\"><thead><tr><th scope=\"col\">model, API and server</th>",
    );
    for head in HEADS {
        html.raw("<th scope=\"col\" class=\"n\">").raw(head).raw("</th>");
    }
    html.raw("</tr></thead><tbody>");
    for row in snapshot.llm.iter().take(ROWS) {
        self::row(row, html);
    }
    html.raw("</tbody></table></div>").more(snapshot.llm.len() as u64, snapshot.llm.len().min(ROWS));
    html.raw("</section>");
}

const HEADS: [&str; 9] = [
    "n",
    "errors",
    "cancelled, cut or open",
    "first token p50",
    "p99",
    "total p50",
    "tokens/s",
    "tokens in",
    "tokens out",
];

fn row(row: &LlmRow, html: &mut Html) {
    html.raw("<tr><th scope=\"row\">").text(&llm_label::row(row)).raw("</th>");
    html.raw("<td class=\"n\">").number(row.calls()).raw("</td>");
    html.failures_cell(row.count(CallStatus::Error));
    let partial = [CallStatus::Cut, CallStatus::Cancelled, CallStatus::Open];
    html.failures_cell(partial.iter().map(|status| row.count(*status)).sum());
    for ns in [row.first_token_p50_ns, row.first_token_p99_ns, row.total_p50_ns] {
        html.raw("<td class=\"n\">").text(&ns.map(units::duration).unwrap_or_default()).raw("</td>");
    }
    let rate = row.tokens_per_second_p50.map(llm_words::per_second);
    html.raw("<td class=\"n\">").text(&rate.unwrap_or_default()).raw("</td>");
    for tokens in [row.input_tokens, row.output_tokens] {
        html.raw("<td class=\"n\">").text(&tokens.map(|n| n.to_string()).unwrap_or_default()).raw("</td>");
    }
    html.raw("</tr>");
}
