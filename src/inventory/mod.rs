//! The servers and clients of any number of captures: what they are, and what they do.
//!
//! A [`Census`] takes entries, with the payloads of the captures, and gives an [`Inventory`].
//! [`write()`] prints it, [`write_stats`] prints how often each method and tool failed, and
//! [`advertised()`] returns what servers offered as files for other programs.

mod advertised;
mod behaviour;
mod census;
mod client;
mod json;
mod markdown;
mod server;
mod stats;
mod text;
mod tool_use;
mod values;
mod words;

pub use advertised::{Advertised, advertised};
pub use census::{Census, Inventory};
pub use client::Client;
pub use server::Server;
pub use stats::write as write_stats;
pub use tool_use::{CallName, ToolUse};
pub use values::Values;

use std::io;

use crate::base::OutputFormat;

/// Writes an inventory.
///
/// # Errors
/// Those of `out`.
pub fn write(format: OutputFormat, inventory: &Inventory, out: &mut dyn io::Write) -> io::Result<()> {
    match format {
        OutputFormat::Text => text::write(inventory, out),
        OutputFormat::Json => json::write(inventory, out),
        OutputFormat::Markdown => markdown::write(inventory, out),
    }
}
