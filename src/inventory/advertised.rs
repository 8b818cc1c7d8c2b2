//! What servers offer, as files for other programs.

use std::collections::BTreeSet;

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::census::Inventory;
use crate::ledger::definitions::{DefinitionKind, ServerOffers};

/// Length of the part of a file's name that comes from traffic, in bytes.
const MAX_NAME: usize = 60;

/// A file with what a server offers of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertised {
    /// Its name: letters, digits, `-`, `_` and `.` inside, never a directory.
    pub file: String,
    /// Its content: the result of a listing with all definitions.
    pub json: String,
}

/// Returns the files: `tools.json`, `prompts.json`, `resources.json` and `resourceTemplates.json`
/// of one server; of several, each with the server's name before it.
#[must_use]
pub fn advertised(inventory: &Inventory) -> Vec<Advertised> {
    let is_one = inventory.offers.len() == 1;
    let mut taken = BTreeSet::new();
    let mut files = Vec::new();
    for (reference, offers) in &inventory.offers {
        let prefix = if is_one {
            String::new()
        } else {
            let name = offers.name.as_deref().map_or_else(|| reference.to_string(), str::to_owned);
            format!("{}-", unique(&safe(&name), &mut taken))
        };
        files.extend(DefinitionKind::ALL.into_iter().filter_map(|kind| {
            let json = list(offers, kind)?;
            Some(Advertised { file: format!("{prefix}{}.json", kind.list_name()), json })
        }));
    }
    files
}

/// The result of a listing; `None` if nothing of the kind was listed.
fn list(offers: &ServerOffers, kind: DefinitionKind) -> Option<String> {
    let offered = offers.kinds.get(&kind)?;
    let latest = offered.names().filter(|name| offered.has(name));
    let definitions: Vec<Box<RawValue>> = latest
        .filter_map(|name| offered.versions(name).last())
        .filter_map(|json| RawValue::from_string(json.to_string()).ok())
        .collect();
    let values: Vec<Value> =
        definitions.iter().filter_map(|raw| serde_json::from_str(raw.get()).ok()).collect();
    let mut document = Map::new();
    document.insert(kind.list_name().to_owned(), json!(values));
    serde_json::to_string_pretty(&document).ok().map(|text| text + "\n")
}

/// Returns a name as part of a file's name: what is no letter, digit, `-` or `_` of ASCII, and no
/// `.` inside, becomes `-`.
fn safe(name: &str) -> String {
    let is_kept = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let kept: String = name.chars().map(|c| if is_kept(c) { c } else { '-' }).take(MAX_NAME).collect();
    let kept = kept.trim_matches(['.', '-']).replace("..", "-");
    if kept.is_empty() { "server".to_owned() } else { kept }
}

/// Returns a name that is not taken yet, also on file systems that ignore case.
fn unique(name: &str, taken: &mut BTreeSet<String>) -> String {
    let mut candidate = name.to_owned();
    let mut number = 1;
    while !taken.insert(candidate.to_ascii_lowercase()) {
        number += 1;
        candidate = format!("{name}-{number}");
    }
    candidate
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_traffic_stay_in_the_directory() {
        for (name, expected) in [
            ("hackernews", "hackernews"),
            ("../../etc/passwd", "etc-passwd"),
            ("..", "server"),
            (".bashrc", "bashrc"),
            ("a/../b", "a---b"),
            ("10.0.0.2:3000/mcp", "10.0.0.2-3000-mcp"),
            ("\u{202e}x\0y", "x-y"),
            ("", "server"),
            ("a..b", "a-b"),
        ] {
            assert_eq!(safe(name), expected, "{name:?}");
        }
        assert_eq!(safe(&"x".repeat(1000)).len(), MAX_NAME);
        let mut taken = BTreeSet::new();
        let names = ["a", "A", "a"].map(|name| unique(name, &mut taken));
        assert_eq!(names, ["a", "A-2", "a-3"]);
    }
}
