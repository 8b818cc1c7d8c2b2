//! Words that several sentences share.

use crate::base::{Side, sanitize, units};
use crate::ledger::{Exchange, SessionRef};

/// Columns of a name that traffic chose.
const MAX_NAME: usize = 48;

/// Returns `the client` or `the server`.
pub(super) fn the(side: Side) -> &'static str {
    match side {
        Side::Client => "the client",
        Side::Server => "the server",
    }
}

/// Returns a sentence that begins with a capital letter.
pub(super) fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// Returns method and name of a call, sanitized: `tools/call search`. Requests of the server begin
/// with an arrow.
pub(super) fn call(origin: Side, method: &str, name: Option<&str>) -> String {
    let arrow = if origin == Side::Server { "← " } else { "" };
    let method = sanitize::fit(&sanitize::clean(method), MAX_NAME).into_owned();
    match name {
        Some(name) => format!("{arrow}{method} {}", sanitize::fit(&sanitize::clean(name), MAX_NAME)),
        None => format!("{arrow}{method}"),
    }
}

/// Returns the title of an exchange: `exchange 12: tools/call search, session s1, 10.0.0.1:5000 to
/// 10.0.0.2:3000`.
pub(super) fn exchange(exchange: &Exchange) -> String {
    let call = call(exchange.origin, &exchange.method, exchange.name.as_deref());
    let SessionRef { number, server, .. } = &exchange.session;
    format!("exchange {}: {call}, session s{number}, {} to {server}", exchange.n, exchange.client)
}

/// Formats a duration in nanoseconds so that times that differ by a tenth of a percent differ:
/// `60.003 s`, and shorter ones as elsewhere.
pub(super) fn precise(ns: i64) -> String {
    const SECOND: i64 = 1_000_000_000;
    let ms = ns.saturating_add(500_000) / 1_000_000;
    if ns < SECOND { units::duration(ns) } else { format!("{}.{:03} s", ms / 1000, ms % 1000) }
}

/// Joins words: `a`, `a and b`, `a, b and c`.
pub(super) fn list(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [others @ .., last] => format!("{} and {last}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_have_milliseconds() {
        assert_eq!(precise(60_003_400_000), "60.003 s");
        assert_eq!(precise(1_000_000_000), "1.000 s");
        assert_eq!(precise(350_000_600_000), "350.001 s");
        assert_eq!(precise(12_300_000), "12.3 ms");
        assert_eq!(precise(-3_000_000), "-3.00 ms");
    }

    #[test]
    fn words_are_joined() {
        let words = ["a", "b", "c"].map(str::to_owned);
        assert_eq!([0, 1, 2, 3].map(|n| list(&words[..n])), ["", "a", "a and b", "a, b and c"]);
        assert_eq!(capitalized("the server"), "The server");
        assert_eq!(capitalized(""), "");
    }
}
