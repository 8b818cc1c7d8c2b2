//! How often methods and tools failed, over all sessions.

use std::io;

use serde_json::json;

use super::census::Inventory;
use super::tool_use::{CallName, ToolUse};
use crate::base::json::write_compact;
use crate::base::markdown::{cell, code};
use crate::base::{OutputFormat, Side, sanitize, units};

/// Rows of text and Markdown. The others are counted.
const MAX_ROWS: usize = 100;

/// Methods and tools that are named among those that never failed.
const NAMED: usize = 8;

/// Writes a row for each method and tool: those that failed in the most sessions first.
///
/// # Errors
/// Those of `out`.
pub fn write(format: OutputFormat, inventory: &Inventory, out: &mut dyn io::Write) -> io::Result<()> {
    match format {
        OutputFormat::Text => text(inventory, out),
        OutputFormat::Json => document(inventory, out),
        OutputFormat::Markdown => markdown(inventory, out),
    }
}

/// `3 of 13 sessions`.
fn sessions(row: &ToolUse) -> String {
    format!("{} of {}", row.failed_sessions(), units::several(row.sessions(), "session"))
}

/// `5 of 120 calls (4.2 %, 1 unknown)`.
fn calls(row: &ToolUse) -> String {
    let unknown = if row.unknown > 0 { format!(", {} unknown", row.unknown) } else { String::new() };
    let share = units::share(row.failed, row.calls);
    format!("{} of {} ({share}{unknown})", row.failed, units::several(row.calls, "call"))
}

fn label(name: &CallName) -> String {
    let of = name.name.as_ref().map(|name| format!(" {}", sanitize::clean(name))).unwrap_or_default();
    let origin = if name.origin == Side::Server { " (of the server)" } else { "" };
    format!("{}{of}{origin}", sanitize::clean(&name.method))
}

/// The rows that failed at least once, or whose outcome is not known: they come first.
fn failing(inventory: &Inventory) -> Vec<&(CallName, ToolUse)> {
    inventory.uses.iter().filter(|(_, row)| row.failed + row.unknown > 0).collect()
}

fn text(inventory: &Inventory, out: &mut dyn io::Write) -> io::Result<()> {
    let failing = failing(inventory);
    if !failing.is_empty() {
        writeln!(out, "failed in           failed calls")?;
    }
    for (name, row) in failing.iter().take(MAX_ROWS) {
        writeln!(out, "{:<19} {:<28} {}", sessions(row), calls(row), label(name))?;
    }
    rest(inventory, out)
}

fn markdown(inventory: &Inventory, out: &mut dyn io::Write) -> io::Result<()> {
    writeln!(out, "| | failed in | failed calls |\n|---|---|---|")?;
    for (name, row) in failing(inventory).iter().take(MAX_ROWS) {
        writeln!(out, "| {} | {} | {} |", code(&label(name)), cell(&sessions(row)), cell(&calls(row)))?;
    }
    let mut text = Vec::new();
    rest(inventory, &mut text)?;
    writeln!(out, "\n{}", cell(String::from_utf8_lossy(&text).trim()))
}

/// What has no row: those beyond the cap, and in one sentence those that never failed.
fn rest(inventory: &Inventory, out: &mut dyn io::Write) -> io::Result<()> {
    let more = failing(inventory).len().saturating_sub(MAX_ROWS) as u64;
    if more > 0 {
        writeln!(out, "and {more} more")?;
    }
    let mut sound: Vec<_> = inventory.uses.iter().filter(|(_, row)| row.failed + row.unknown == 0).collect();
    sound.sort_by_key(|(_, row)| std::cmp::Reverse(row.calls));
    let named: Vec<String> = sound
        .iter()
        .take(NAMED)
        .map(|(name, row)| format!("{} ({})", label(name), units::several(row.calls, "call")))
        .collect();
    let more = sound.len() - named.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    match sound.len() {
        0 => Ok(()),
        1 => writeln!(out, "1 method or tool never failed: {}", named.join(", ")),
        n => writeln!(out, "{n} methods and tools never failed: {}{more}", named.join(", ")),
    }
}

fn document(inventory: &Inventory, out: &mut dyn io::Write) -> io::Result<()> {
    let rows = inventory.uses.iter().map(|(name, row)| {
        json!({
            "origin": name.origin.name(),
            "method": name.method.as_ref(),
            "name": name.name.as_deref(),
            "calls": row.calls,
            "failed": row.failed,
            "unknown": row.unknown,
            "sessions": row.sessions(),
            "failed_sessions": row.failed_sessions(),
        })
    });
    let document = json!({
        "type": "stats",
        "v": 1,
        "sessions": inventory.sessions,
        "missing": inventory.missing.names().collect::<Vec<_>>(),
        "calls": rows.collect::<Vec<_>>(),
    });
    write_compact(&mut &mut *out, &document)?;
    writeln!(out)
}
