//! Parts of an inventory in words. Text from traffic is sanitized.

use super::client::Client;
use super::server::Server;
use super::values::Values;
use crate::base::{Timestamp, sanitize, units};

/// Values that are shown of a list.
const SHOWN: usize = 8;

/// The values of a list: `tools, prompts and 3 more`; `-` if there are none.
pub(super) fn list(values: &Values) -> String {
    let names: Vec<String> = values.iter().map(|(value, _)| sanitize::clean(value)).collect();
    let more = names.len().saturating_sub(SHOWN) as u64 + u64::from(values.more() > 0);
    joined(&names, more)
}

/// The same with how often each was seen: `cancelled after 60 s (3)`.
pub(super) fn counted(values: &Values) -> String {
    let count = |(value, count): (&str, u64)| format!("{} ({count})", sanitize::clean(value));
    let names: Vec<String> = values.iter().map(count).collect();
    let more = names.len().saturating_sub(SHOWN) as u64 + u64::from(values.more() > 0);
    joined(&names, more)
}

fn joined(names: &[String], more: u64) -> String {
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match (shown.is_empty(), more) {
        (true, _) => "-".to_owned(),
        (false, 0) => shown,
        (false, more) => format!("{shown} and {more} more"),
    }
}

/// `2026-11-22 08:49:15`; `-` if it is not known.
pub(super) fn time(time: Option<Timestamp>) -> String {
    let shown =
        |time| format!("{} {}", units::date(time), units::time_of_day(time).get(..8).unwrap_or_default());
    time.map_or_else(|| "-".to_owned(), shown)
}

/// `5 of 12 used: search, fetch; unused: a, b`.
pub(super) fn tools(server: &Server) -> String {
    let (offered, used) = (server.offered.len(), server.used.iter().count());
    if offered == 0 {
        return match used {
            0 => "-".to_owned(),
            _ => format!("not listed in the capture; used: {}", counted(&server.used)),
        };
    }
    let unused: Vec<String> = server
        .offered
        .iter()
        .filter(|name| !server.used.has(name))
        .map(|name| sanitize::clean(name))
        .collect();
    let is_used = offered - unused.len();
    let unlisted = server.used.iter().filter(|(name, _)| !server.offered.iter().any(|it| it == name)).count();
    let mut text = format!("{is_used} of {offered} used");
    if used > 0 {
        text.push_str(&format!(": {}", counted(&server.used)));
    }
    if !unused.is_empty() {
        let more = unused.len().saturating_sub(SHOWN) as u64;
        text.push_str(&format!("; unused: {}", joined(&unused, more)));
    }
    if unlisted > 0 {
        text.push_str(&format!("; {unlisted} used but not listed"));
    }
    text
}

/// `12 requests, 3 failed`.
pub(super) fn requests(requests: u64, failures: u64) -> String {
    format!("{}, {failures} failed", units::several(requests, "request"))
}

/// How a client uses connections: `8.0 requests a connection`.
pub(super) fn reuse(client: &Client) -> String {
    match client.connections {
        0 => "-".to_owned(),
        connections => {
            let tenths = client.requests * 10 / connections;
            format!("{}.{} requests a connection", tenths / 10, tenths % 10)
        }
    }
}
