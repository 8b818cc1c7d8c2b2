//! Totals of calls of language models, by server and model.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::series::Series;
use crate::base::{Room, limits};
use crate::llm::{CallStatus, Dialect, LlmCall};

/// The calls of one model at one server.
#[derive(Clone, Debug, PartialEq)]
pub struct LlmRow {
    /// Which calls these are; `None` for those beyond the cap on rows.
    pub key: Option<LlmKey>,
    /// Calls by status, in the order of [`CallStatus::ALL`].
    pub statuses: [u64; CallStatus::ALL.len()],
    /// Calls that the capture may not hold completely.
    pub degraded: u64,
    /// Calls whose answer came in pieces.
    pub streamed: u64,
    /// Median time to the first token, in nanoseconds; `None` if no answer came in pieces.
    pub first_token_p50_ns: Option<i64>,
    /// Its 99th percentile.
    pub first_token_p99_ns: Option<i64>,
    /// The longest time between two pieces of an answer, in nanoseconds.
    pub longest_gap_ns: Option<i64>,
    /// Median of the whole time, of calls whose answer is complete, in nanoseconds.
    pub total_p50_ns: Option<i64>,
    /// Its 99th percentile.
    pub total_p99_ns: Option<i64>,
    /// Median of tokens a second; `None` if the server does not count tokens.
    pub tokens_per_second_p50: Option<f64>,
    /// Tokens of the input; `None` if the server tells none.
    pub input_tokens: Option<u64>,
    /// Tokens of the output; `None` if the server tells none.
    pub output_tokens: Option<u64>,
    /// Tools that the model called.
    pub tool_calls: u64,
}

/// What calls of a row have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LlmKey {
    /// The server's address and port.
    pub server: SocketAddr,
    /// The host that requests name; `None` if they name none.
    pub host: Option<Arc<str>>,
    /// The model; `None` if it is not named.
    pub model: Option<Arc<str>>,
    /// The API.
    pub dialect: Dialect,
}

impl LlmRow {
    /// Number of calls.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.statuses.iter().sum()
    }

    /// Number of calls with this status.
    #[must_use]
    pub fn count(&self, status: CallStatus) -> u64 {
        let at = CallStatus::ALL.iter().position(|known| *known == status);
        at.and_then(|at| self.statuses.get(at)).copied().unwrap_or_default()
    }
}

/// Rows under construction.
#[derive(Clone, Debug, Default)]
pub(super) struct LlmTotals {
    rows: BTreeMap<LlmKey, Total>,
    /// Those beyond the cap.
    rest: Total,
    /// Bytes of texts of the rows.
    text: usize,
}

#[derive(Clone, Debug, Default)]
struct Total {
    statuses: [u64; CallStatus::ALL.len()],
    degraded: u64,
    streamed: u64,
    first_tokens: Series,
    totals: Series,
    /// Tokens in 1000 s.
    rates: Series,
    longest_gap_ns: Option<i64>,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    tool_calls: u64,
}

impl LlmTotals {
    /// Adds a call. `room` is what durations may take.
    pub(super) fn record(&mut self, call: &LlmCall, room: &mut Room) {
        let key = LlmKey {
            server: call.server,
            host: call.host.clone(),
            model: call.model.clone(),
            dialect: call.dialect,
        };
        let texts: usize = [&key.host, &key.model].into_iter().flatten().map(|text| text.len()).sum();
        let has_room =
            self.rows.len() < limits::MAX_TABLE_ROWS && self.text + texts <= limits::MAX_TABLE_TEXT;
        let total = match self.rows.contains_key(&key) {
            false if !has_room => &mut self.rest,
            is_known => {
                self.text += if is_known { 0 } else { texts };
                self.rows.entry(key).or_default()
            }
        };
        total.record(call, room);
    }

    /// Returns the rows, the servers and APIs with most calls first, and of each the models with
    /// most.
    pub(super) fn rows(&self) -> Vec<LlmRow> {
        let mut rows: Vec<LlmRow> = self.rows.iter().map(|(key, total)| total.row(Some(key))).collect();
        let mut of_group: BTreeMap<_, u64> = BTreeMap::new();
        let group = |row: &LlmRow| row.key.as_ref().map(|key| (key.server, key.host.clone(), key.dialect));
        for row in &rows {
            *of_group.entry(group(row)).or_default() += row.calls();
        }
        rows.sort_by_cached_key(|row| {
            let of = group(row);
            (Reverse(of_group.get(&of).copied()), of, Reverse(row.calls()))
        });
        let rest = self.rest.row(None);
        rows.extend((rest.calls() > 0).then_some(rest));
        rows
    }
}

impl Total {
    fn record(&mut self, call: &LlmCall, room: &mut Room) {
        let at = CallStatus::ALL.iter().position(|status| *status == call.status);
        if let Some(count) = at.and_then(|at| self.statuses.get_mut(at)) {
            *count += 1;
        }
        self.degraded += u64::from(call.degraded.any());
        self.streamed += u64::from(call.is_streamed);
        self.tool_calls += call.tool_calls.len() as u64;
        if let Some(ns) = call.first_token_ns() {
            self.first_tokens.record(ns, 2, room);
        }
        if let Some(ns) = call.total_ns().filter(|_| call.status == CallStatus::Ok) {
            self.totals.record(ns, 2, room);
        }
        if let Some(rate) = call.tokens_per_second() {
            self.rates.record((rate * 1000.0) as i64, 2, room);
        }
        self.longest_gap_ns = self.longest_gap_ns.max(call.longest_gap_ns());
        let add = |sum: &mut Option<u64>, tokens: Option<u64>| {
            if let Some(tokens) = tokens {
                *sum = Some(sum.unwrap_or_default().saturating_add(tokens));
            }
        };
        add(&mut self.input_tokens, call.input_tokens);
        add(&mut self.output_tokens, call.output_tokens);
    }

    fn row(&self, key: Option<&LlmKey>) -> LlmRow {
        LlmRow {
            key: key.cloned(),
            statuses: self.statuses,
            degraded: self.degraded,
            streamed: self.streamed,
            first_token_p50_ns: self.first_tokens.quantile(500),
            first_token_p99_ns: self.first_tokens.quantile(990),
            longest_gap_ns: self.longest_gap_ns,
            total_p50_ns: self.totals.quantile(500),
            total_p99_ns: self.totals.quantile(990),
            tokens_per_second_p50: self.rates.quantile(500).map(|rate| rate as f64 / 1000.0),
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            tool_calls: self.tool_calls,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::sample;

    #[test]
    fn calls_of_a_model_at_a_server_are_one_row() {
        let (mut totals, mut room) = (LlmTotals::default(), Room::new(usize::MAX));
        assert!(totals.rows().is_empty());
        for model in ["b", "a", "b"] {
            totals.record(&LlmCall { model: Some(model.into()), ..sample::llm_call(1) }, &mut room);
        }
        let untold = LlmCall { input_tokens: None, output_tokens: None, ..sample::llm_call(2) };
        totals.record(&LlmCall { model: None, status: CallStatus::Cut, ..untold }, &mut room);
        let rows = totals.rows();
        let shown: Vec<_> = rows
            .iter()
            .map(|row| {
                (row.key.as_ref().and_then(|key| key.model.as_deref()), row.calls(), row.output_tokens)
            })
            .collect();
        assert_eq!(shown, [(Some("b"), 2, Some(114)), (None, 1, None), (Some("a"), 1, Some(57))]);
        assert_eq!((rows[0].count(CallStatus::Ok), rows[1].count(CallStatus::Cut)), (2, 1));
        assert_eq!(rows[0].first_token_p50_ns, sample::llm_call(1).first_token_ns());
    }

    #[test]
    fn rows_have_a_cap() {
        let (mut totals, mut room) = (LlmTotals::default(), Room::new(1 << 20));
        let number = limits::MAX_TABLE_ROWS + 50;
        for model in 0..number {
            totals
                .record(&LlmCall { model: Some(model.to_string().into()), ..sample::llm_call(1) }, &mut room);
        }
        let rows = totals.rows();
        assert_eq!(rows.len(), limits::MAX_TABLE_ROWS + 1);
        assert_eq!(rows.last().map(|row| (row.key.is_none(), row.calls())), Some((true, 50)));
    }
}
