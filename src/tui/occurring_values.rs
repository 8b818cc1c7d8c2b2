//! The values of a filter field that occur in the capture, for completion.

use super::model::Model;

/// The number of exchanges that are searched.
const SEARCHED: usize = 2000;

/// The number of values that are returned.
const MAX_VALUES: usize = 12;

/// Returns the values of a field that begin with `typed`, sorted, at most [`MAX_VALUES`]. Only the
/// latest [`SEARCHED`] exchanges are searched. Empty while ids and payloads are masked.
pub(super) fn occurring_values(model: &Model, field: &str, typed: &str) -> Vec<String> {
    let mut found = Vec::new();
    if model.is_private() {
        return found;
    }
    for index in (0..model.store().len()).rev().take(SEARCHED) {
        let Some(exchange) = model.store().exchange(index) else { continue };
        let named = |name: &Option<std::sync::Arc<str>>, address: String| match name {
            Some(name) if name.starts_with(typed) => Some(name.to_string()),
            _ => Some(address),
        };
        let value = match field {
            "method" => Some(exchange.method.to_string()),
            "name" | "tool" => exchange.name.as_deref().map(str::to_owned),
            "session" => Some(format!("s{}", exchange.session.number)),
            "rev" => exchange.protocol_version.as_deref().map(str::to_owned),
            "server" => named(&exchange.session.server_name, exchange.session.server.to_string()),
            "client" => named(&exchange.session.client_name, exchange.client.to_string()),
            "ip" => Some(exchange.session.server.ip().to_string()),
            "port" => Some(exchange.session.server.port().to_string()),
            "file" => model.files().file(exchange.request.span.first).map(ToString::to_string),
            "error" => exchange.error.as_ref().and_then(|error| error.code).map(|code| code.to_string()),
            _ => return Vec::new(),
        };
        let Some(value) = value.filter(|value| value.starts_with(typed) && value.len() <= 100) else {
            continue;
        };
        let value = if value.contains(|c: char| c.is_whitespace() || "()\"!".contains(c)) {
            format!("{value:?}")
        } else {
            value
        };
        if value != typed && !found.contains(&value) {
            found.push(value);
        }
        if found.len() >= MAX_VALUES {
            break;
        }
    }
    found.sort();
    found
}
