//! A head as HAR shows it.

use serde_json::{Value, json};

use super::masking::Masking;

/// A head: the words of its start line, and its fields.
#[derive(Clone, Debug, Default)]
pub(super) struct Head {
    /// Method, target and version of a request; version, status and reason of a response.
    start: [String; 3],
    fields: Vec<(String, String)>,
    bytes: usize,
}

impl Head {
    /// Reads the text of a head. Lines that are no fields are left out.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.lines();
        let mut words = lines.next().unwrap_or_default().splitn(3, ' ').map(str::to_owned);
        let start = [(); 3].map(|()| words.next().unwrap_or_default());
        let mut fields: Vec<(String, String)> = Vec::new();
        for line in lines {
            if let (true, Some((_, value))) = (line.starts_with([' ', '\t']), fields.last_mut()) {
                // A folded line continues the value before it (RFC 9112 section 5.2).
                value.push(' ');
                value.push_str(line.trim());
            } else if let Some((name, value)) = line.split_once(':') {
                fields.push((name.to_owned(), value.trim().to_owned()));
            }
        }
        Self { start, fields, bytes: bytes.len() }
    }

    pub(super) fn method(&self) -> &str {
        &self.start[0]
    }

    pub(super) fn target(&self) -> &str {
        &self.start[1]
    }

    /// The version: the last word of a request, the first of a response.
    pub(super) fn version(&self) -> &str {
        let [first, _, last] = &self.start;
        if first.starts_with("HTTP/") { first } else { last }
    }

    /// The length on the wire, in bytes, with the empty line; -1 if it was compressed (HPACK) or
    /// not captured.
    pub(super) fn size(&self) -> i64 {
        if self.bytes == 0 || self.version() == "HTTP/2" { -1 } else { self.bytes as i64 }
    }

    /// The status of a response; 0 for a request.
    pub(super) fn status(&self) -> u16 {
        self.start[1].parse().unwrap_or(0)
    }

    pub(super) fn reason(&self) -> &str {
        &self.start[2]
    }

    /// The value of a field; `None` if the head does not have it.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The length of the body, as the head says; -1 if it does not.
    pub(super) fn content_length(&self) -> i64 {
        self.field("content-length").and_then(|value| value.parse().ok()).unwrap_or(-1)
    }

    /// The fields as `headers` of HAR.
    pub(super) fn headers(&self, masking: &Masking) -> Vec<Value> {
        let row =
            |(name, value): &(String, String)| json!({"name": name, "value": masking.field(name, value)});
        self.fields.iter().map(row).collect()
    }

    /// The parameters of the target as `queryString` of HAR.
    pub(super) fn query(&self, masking: &Masking) -> Vec<Value> {
        let (_, query) = self.target().split_once('?').unwrap_or_default();
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let row = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let masked = masking.text(pair);
            let value = masked.split_once('=').map_or(value, |(_, value)| value);
            json!({"name": name, "value": value})
        };
        pairs.map(row).collect()
    }
}
