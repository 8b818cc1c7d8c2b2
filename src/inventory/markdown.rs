//! An inventory as Markdown: a table of servers, and a matrix of what clients do.

use std::io;

use super::census::Inventory;
use super::client::Client;
use super::words;
use crate::base::markdown::{cell, code};
use crate::base::units;

/// A row of the matrix: a property and how it is told of a client.
type Property = (&'static str, fn(&Client) -> String);

/// The rows of the matrix.
const PROPERTIES: [Property; 11] = [
    ("asks for", |client| words::counted(&client.asked)),
    ("transport", |client| words::list(&client.transports)),
    ("HTTP", |client| words::list(&client.http)),
    ("authentication", |client| words::list(&client.authentication)),
    ("capabilities", |client| words::list(&client.capabilities)),
    ("sessions", |client| client.sessions.to_string()),
    ("traffic", |client| words::requests(client.requests, client.failures)),
    ("gave up", |client| words::counted(&client.gave_up)),
    ("retries", |client| client.retries.to_string()),
    ("parallel requests", |client| client.parallel.to_string()),
    ("connections", words::reuse),
];

/// Clients of one matrix: more are in further ones.
const COLUMNS: usize = 6;

/// Writes the inventory.
pub(super) fn write(inventory: &Inventory, out: &mut dyn io::Write) -> io::Result<()> {
    writeln!(out, "### Servers\n")?;
    writeln!(
        out,
        "| server | name | revisions | transport | TLS | authentication | traffic | tools | seen |\n|---|---|---|---|---|---|---|---|---|"
    )?;
    for (reference, server) in &inventory.servers {
        let cells = [
            words::list(&server.names),
            words::list(&server.revisions),
            words::list(&server.transports),
            words::list(&server.tls),
            words::list(&server.authentication),
            words::requests(server.requests, server.failures),
            words::tools(server),
            format!("{} to {}", words::time(server.first), words::time(server.last)),
        ];
        let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
        writeln!(out, "| {} | {} |", code(&reference.to_string()), cells.join(" | "))?;
    }
    writeln!(out, "\n### Clients")?;
    let clients: Vec<_> = inventory.clients.iter().collect();
    for columns in clients.chunks(COLUMNS) {
        let names: Vec<String> = columns.iter().map(|(name, _)| code(name)).collect();
        writeln!(out, "\n| | {} |\n|---|{}", names.join(" | "), "---|".repeat(columns.len()))?;
        for (property, told) in PROPERTIES {
            let cells: Vec<String> = columns.iter().map(|(_, client)| cell(&told(client))).collect();
            writeln!(out, "| {property} | {} |", cells.join(" | "))?;
        }
    }
    if inventory.left_out > 0 {
        writeln!(out, "\nand {} of others", units::several(inventory.left_out, "session"))?;
    }
    Ok(())
}
