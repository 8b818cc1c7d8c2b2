//! An inventory as one JSON document (docs/inventory.md).

use std::io;

use serde_json::{Map, Value, json};

use super::census::Inventory;
use super::client::Client;
use super::server::Server;
use super::values::Values;
use crate::base::Timestamp;
use crate::base::json::write_compact;
use crate::ledger::ServerRef;

/// Writes the inventory.
pub(super) fn write(inventory: &Inventory, out: &mut dyn io::Write) -> io::Result<()> {
    let document = json!({
        "type": "inventory",
        "v": 1,
        "sessions": inventory.sessions,
        "sessions_left_out": inventory.left_out,
        "missing": inventory.missing.names().collect::<Vec<_>>(),
        "servers": inventory.servers.iter().map(server).collect::<Vec<_>>(),
        "clients": inventory.clients.iter().map(client).collect::<Vec<_>>(),
    });
    write_compact(&mut &mut *out, &document)?;
    writeln!(out)
}

fn server((reference, server): (&ServerRef, &Server)) -> Value {
    json!({
        "address": reference.address.to_string(),
        "path": reference.path.as_deref(),
        "names": values(&server.names),
        "sessions": server.sessions,
        "clients": values(&server.clients),
        "revisions": values(&server.revisions),
        "transports": values(&server.transports),
        "tls": values(&server.tls),
        "hosts": values(&server.hosts),
        "authentication": values(&server.authentication),
        "capabilities": values(&server.capabilities),
        "requests": server.requests,
        "failed": server.failures,
        "tools_offered": server.offered,
        "tools_used": values(&server.used),
        "first": seconds(server.first),
        "last": seconds(server.last),
    })
}

fn client((name, client): (&String, &Client)) -> Value {
    json!({
        "name": name,
        "sessions": client.sessions,
        "addresses": values(&client.addresses),
        "revisions_asked": values(&client.asked),
        "revisions": values(&client.revisions),
        "transports": values(&client.transports),
        "http": values(&client.http),
        "authentication": values(&client.authentication),
        "capabilities": values(&client.capabilities),
        "requests": client.requests,
        "failed": client.failures,
        "gave_up": values(&client.gave_up),
        "retries": client.retries,
        "parallel": client.parallel,
        "connections": client.connections,
        "first": seconds(client.first),
        "last": seconds(client.last),
    })
}

/// Each value with how often it was seen.
fn values(values: &Values) -> Value {
    Value::Object(values.iter().map(|(value, count)| (value.to_owned(), count.into())).collect::<Map<_, _>>())
}

/// Seconds since the epoch.
fn seconds(time: Option<Timestamp>) -> Value {
    time.map_or(Value::Null, |time| json!(time.0 as f64 / 1e9))
}
