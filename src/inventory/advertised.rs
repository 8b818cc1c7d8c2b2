//! What servers offer, as files for other programs.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde_json::Value;

use super::census::Inventory;
use crate::base::json;
use crate::ledger::definitions::{DefinitionKind, ServerOffers, Version};

/// Length of the part of a file's name that comes from traffic, in bytes.
const MAX_NAME: usize = 60;

/// Length of a definition that is written with a member on each line, in bytes: parsed it takes up
/// to forty times as much memory.
const MAX_PRETTY: usize = 256 << 10;

/// A file with what a server offers of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertised {
    /// Its name: letters, digits, `-`, `_` and `.` inside, never a directory.
    pub file: String,
    /// Its content: the result of a listing with all definitions.
    pub json: String,
}

/// Returns the files: `tools.json`, `prompts.json`, `resources.json` and `resourceTemplates.json`
/// of one server; of several, each with the server's name before it. Each is made as it is taken.
pub fn advertised(inventory: &Inventory) -> impl Iterator<Item = Advertised> + '_ {
    let is_one = inventory.offers.len() == 1;
    let mut taken = BTreeMap::new();
    inventory.offers.iter().flat_map(move |(reference, offers)| {
        let prefix = if is_one {
            String::new()
        } else {
            let name = offers.name.as_deref().map_or_else(|| reference.to_string(), str::to_owned);
            format!("{}-", unique(&safe(&name), &mut taken))
        };
        DefinitionKind::ALL.into_iter().filter_map(move |kind| {
            let json = list(offers, kind)?;
            Some(Advertised { file: format!("{prefix}{}.json", kind.list_name()), json })
        })
    })
}

/// The result of a listing; `None` if nothing of the kind was listed.
fn list(offers: &ServerOffers, kind: DefinitionKind) -> Option<String> {
    let offered = offers.kinds.get(&kind)?;
    let latest = offered.names().filter(|name| offered.has(name));
    let definitions = latest.filter_map(|name| offered.versions(name).last());
    let mut text = String::new();
    for Version { json, .. } in definitions {
        text.push_str(if text.is_empty() { "\n    " } else { ",\n    " });
        text.push_str(&pretty(json));
    }
    let end = if text.is_empty() { "" } else { "\n  " };
    Some(format!("{{\n  \"{}\": [{text}{end}]\n}}\n", kind.list_name()))
}

/// A definition with a member on each line, unless that makes it much longer. Invisible characters
/// in strings are escaped.
fn pretty(definition: &str) -> String {
    let mut text = Vec::new();
    let is_short = definition.len() <= MAX_PRETTY;
    let value = if is_short { serde_json::from_str::<Value>(definition).ok() } else { None };
    let written = value.and_then(|value| json::write_pretty(&mut text, &value).ok());
    // A line end in a string is an escape.
    let text = written.and_then(|()| String::from_utf8(text).ok()).map(|text| text.replace('\n', "\n    "));
    text.filter(|text| text.len() <= 8 * definition.len() + 64).unwrap_or_else(|| json::escape(definition))
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
fn unique(name: &str, taken: &mut BTreeMap<String, u32>) -> String {
    let key = name.to_ascii_lowercase();
    // The last number of this name: all servers may have the same.
    let Some(mut number) = taken.get(&key).copied() else {
        taken.insert(key, 1);
        return name.to_owned();
    };
    loop {
        number += 1;
        let candidate = format!("{name}-{number}");
        if let Entry::Vacant(entry) = taken.entry(candidate.to_ascii_lowercase()) {
            entry.insert(1);
            taken.insert(key, number);
            return candidate;
        }
    }
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
        let mut taken = BTreeMap::new();
        let names = ["a", "A", "a", "a-4", "a", "A-2"].map(|name| unique(name, &mut taken));
        assert_eq!(names, ["a", "A-2", "a-3", "a-4", "a-5", "A-2-2"]);
    }
}
