//! An inventory as lines for a terminal.

use std::io;

use super::census::Inventory;
use super::words;
use crate::base::{sanitize, units};

/// Writes the inventory.
pub(super) fn write(inventory: &Inventory, out: &mut dyn io::Write) -> io::Result<()> {
    let counts = [
        units::several(inventory.servers.len() as u64, "server"),
        units::several(inventory.clients.len() as u64, "client"),
        units::several(inventory.sessions, "session"),
    ];
    writeln!(out, "{}", counts.join(", "))?;
    for (reference, server) in &inventory.servers {
        writeln!(out, "\nserver {}", sanitize::clean(&reference.to_string()))?;
        let lines = [
            ("name", words::list(&server.names)),
            ("seen", format!("{} to {}", words::time(server.first), words::time(server.last))),
            ("sessions", server.sessions.to_string()),
            ("clients", words::counted(&server.clients)),
            ("revisions", words::counted(&server.revisions)),
            ("transport", words::list(&server.transports)),
            ("TLS", words::list(&server.tls)),
            ("hosts", words::list(&server.hosts)),
            ("authentication", words::counted(&server.authentication)),
            ("capabilities", words::list(&server.capabilities)),
            ("traffic", words::requests(server.requests, server.failures)),
            ("tools", words::tools(server)),
        ];
        write_lines(&lines, out)?;
    }
    for (name, client) in &inventory.clients {
        writeln!(out, "\nclient {}", sanitize::clean(name))?;
        let lines = [
            ("seen", format!("{} to {}", words::time(client.first), words::time(client.last))),
            ("sessions", client.sessions.to_string()),
            ("addresses", words::counted(&client.addresses)),
            ("asks for", words::counted(&client.asked)),
            ("transport", words::list(&client.transports)),
            ("HTTP", words::list(&client.http)),
            ("authentication", words::counted(&client.authentication)),
            ("capabilities", words::list(&client.capabilities)),
            ("traffic", words::requests(client.requests, client.failures)),
            ("gave up", words::counted(&client.gave_up)),
            ("retries", client.retries.to_string()),
            ("parallel", format!("{} at most", units::several(client.parallel, "request"))),
            ("connections", words::reuse(client)),
        ];
        write_lines(&lines, out)?;
    }
    if inventory.left_out > 0 {
        writeln!(out, "\nand {} of others", units::several(inventory.left_out, "session"))?;
    }
    if inventory.missing.any() {
        let reasons = inventory.missing.names().collect::<Vec<_>>().join(", ");
        writeln!(out, "\nnot whole ({reasons}): there may be more")?;
    }
    Ok(())
}

fn write_lines(lines: &[(&str, String)], out: &mut dyn io::Write) -> io::Result<()> {
    for (name, text) in lines.iter().filter(|(_, text)| text != "-" && text != "0") {
        writeln!(out, "  {name:<15} {text}")?;
    }
    Ok(())
}
