//! Filters for the exchanges of a row, a bucket or a cell.

use crate::base::{Side, Timestamp, units};
use crate::ledger::{CallGroup, Cause, LatencyRow, Status};

/// Limits of a bucket or a cell.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct BucketLimits {
    /// Lowest latency in nanoseconds, inclusive; `None` if unlimited.
    pub(super) from: Option<i64>,
    /// Highest latency in nanoseconds, exclusive; `None` if unlimited.
    pub(super) to: Option<i64>,
    /// When the requests began: from (inclusive) and to (exclusive), in whole milliseconds; `None`
    /// if at any time.
    pub(super) times: Option<(Timestamp, Timestamp)>,
}

/// Returns the filter of a row; `None` for the row that collects what exceeded the table's limit.
pub(super) fn row(of: &LatencyRow, all: &[LatencyRow]) -> Option<String> {
    let CallGroup::Call { origin, method, name } = &of.key.subject else { return None };
    let mut text = format!("method:{}", value(method));
    let mut same = all.iter().filter_map(|row| match &row.key.subject {
        CallGroup::Call { origin, method: other, name } if other == method => Some((*origin, name)),
        _ => None,
    });
    match name {
        Some(name) => text.push_str(&format!(" tool:{}", value(name))),
        None if same.clone().any(|(_, name)| name.is_some()) => text.push_str(" not tool:*"),
        None => {}
    }
    if *origin == Side::Server || same.any(|(other, _)| other != *origin) {
        text.push_str(&format!(" origin:{}", origin.name()));
    }
    Some(text)
}

/// Returns the filter for the exchanges of a row that have a latency within `limits`.
pub(super) fn bucket(of: &LatencyRow, all: &[LatencyRow], limits: BucketLimits) -> Option<String> {
    let mut text = row(of, all)?;
    // Without an answer there is no duration, but the time that it waited.
    let field = if of.waits > 0 { "waited" } else { "dur" };
    for (op, limit) in [(">=", limits.from), ("<", limits.to)] {
        if let Some(ns) = limit {
            text.push_str(&format!(" {field}{op}{}", latency(ns)));
        }
    }
    // These have no latency, but a duration.
    if of.count(Status::HttpError) > 0 {
        text.push_str(&format!(" status!={}", Status::HttpError.name()));
    }
    if of.waits == 0 && of.count(Status::Cancelled) > 0 {
        text.push_str(&format!(" status!={}", Status::Cancelled.name()));
    }
    if of.waits > 0 {
        text.push_str(&format!(" not cause:{}", Cause::NoResponse.name()));
    }
    if let Some((from, to)) = limits.times {
        for (op, time) in [(">=", from), ("<", to)] {
            text.push_str(&format!(" time{op}{}T{}", units::date(time), units::time_of_day(time)));
        }
    }
    Some(text)
}

/// Formats the limit of a bucket exactly: `12.5ms`. Limits have at most three digits.
pub(super) fn latency(ns: i64) -> String {
    let (unit, name) = match ns {
        ..1_000_000 => (1_000, "us"),
        1_000_000..1_000_000_000 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    let (whole, hundredths) = (ns / unit, ns % unit * 100 / unit);
    let decimals = format!("{hundredths:02}");
    let decimals = decimals.trim_end_matches('0');
    let point = if decimals.is_empty() { "" } else { "." };
    format!("{whole}{point}{decimals}{name}")
}

/// Quotes a value for the filter language if necessary.
fn value(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/' | '.');
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_exact() {
        let texts: Vec<String> =
            [1_000, 3_150, 12_500_000, 800_000_000, 1_000_000_000, 8_000_000_000_000].map(latency).into();
        assert_eq!(texts, ["1us", "3.15us", "12.5ms", "800ms", "1s", "8000s"]);
    }

    #[test]
    fn texts_are_quoted() {
        assert_eq!(value("tools/call"), "tools/call");
        assert_eq!(value("a \"b\"\\*\u{1b}"), r#""a \"b\"\\*\u{1b}""#);
    }
}
