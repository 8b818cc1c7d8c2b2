//! How the definitions of a server changed within the capture: their versions, and what its lists
//! gained and lost.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use crate::base::{ContentHash, Files, Origin};
use crate::ledger::definitions::{DefinitionKind, Listed, ListedPage, member_changes};
use crate::tui::times::Times;

/// Length of the longest definition that is compared line by line, in bytes.
const MAX_COMPARED: usize = 64 << 10;

/// Versions of a definition that are kept: the latest.
const MAX_VERSIONS: usize = 20;

/// A definition: its kind and its name.
pub(super) type DefinitionKey = (DefinitionKind, String);

/// A version of a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version {
    /// Its JSON text.
    pub(super) json: Box<str>,
    content: ContentHash,
    /// The packet that completed the first listing with it.
    pub(super) since: Origin,
    /// Who was offered it.
    audience: Audience,
}

/// Who is offered a definition: a server may describe its tools differently in another revision of
/// MCP, or to another client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Audience {
    /// The revision of MCP.
    pub(super) revision: Option<Arc<str>>,
    /// The name of the client.
    pub(super) client: Option<Arc<str>>,
}

/// A page of a listing.
#[derive(Clone, Debug)]
pub(super) struct Page<'a> {
    /// The response that holds it.
    pub(super) body: &'a [u8],
    /// The packet that completed it.
    pub(super) at: Origin,
    /// The number of the session in which it was asked for.
    pub(super) session: u32,
    /// Whether the request asked for what is behind another page.
    pub(super) has_cursor: bool,
    /// Who asked for it.
    pub(super) audience: Audience,
}

/// The definitions of a server over time. Pages are added from the latest to the earliest.
#[derive(Debug, Default)]
pub(super) struct History {
    /// The versions of each definition, the latest first.
    versions: HashMap<DefinitionKey, Vec<Version>>,
    /// Since when a definition is in the list of a session that did not have it before, and since
    /// when it is not any more.
    added: HashMap<DefinitionKey, Origin>,
    removed: HashMap<DefinitionKey, Origin>,
    /// The names of the complete list of each session and kind that was added last: a later one.
    later: HashMap<(u32, DefinitionKind), (BTreeSet<String>, Origin)>,
}

impl History {
    /// Adds a page that is earlier than all that were added before.
    pub(super) fn add_earlier(&mut self, page: &Page<'_>) {
        // Malformed listings are reported as findings; here they are skipped.
        let Some(listed) = ListedPage::parse(page.body) else { return };
        let is_complete = listed.next_cursor.is_none() && !page.has_cursor;
        for (kind, list) in listed.lists {
            let mut names = BTreeSet::new();
            for Listed { name, json } in list {
                self.add_version((kind, name.clone()), json, page);
                names.insert(name);
            }
            if is_complete {
                self.compare_names((page.session, kind), names, page.at);
            }
        }
    }

    /// The versions of a definition, the latest first; empty if it is in no listing that was read.
    pub(super) fn versions(&self, key: &DefinitionKey) -> &[Version] {
        self.versions.get(key).map(Vec::as_slice).unwrap_or_default()
    }

    /// What happened to a definition, the latest change; `None` if it did not change.
    pub(super) fn change(&self, key: &DefinitionKey) -> Option<DefinitionChange> {
        // Resources are data, which changes.
        let is_code = matches!(key.0, DefinitionKind::Tool | DefinitionKind::Prompt);
        let changed = pairs(self.versions(key)).next().map(|(latest, _)| latest.since).filter(|_| is_code);
        let changes = [
            (self.removed.get(key).copied(), ChangeKind::Removed),
            (changed, ChangeKind::Changed),
            (self.added.get(key).copied(), ChangeKind::Added),
        ];
        let known = changes.into_iter().filter_map(|(at, kind)| Some(DefinitionChange { kind, at: at? }));
        known.max_by_key(|change| (change.at.packet, change.kind == ChangeKind::Changed))
    }

    fn add_version(&mut self, key: DefinitionKey, json: &str, page: &Page<'_>) {
        let (versions, content) = (self.versions.entry(key).or_default(), ContentHash::of(json));
        let count = versions.len();
        let earliest = versions.iter_mut().rfind(|version| version.audience == page.audience);
        match earliest {
            Some(earliest) if earliest.content == content => earliest.since = page.at,
            _ if count < MAX_VERSIONS => {
                let audience = page.audience.clone();
                versions.push(Version { json: json.into(), content, since: page.at, audience });
            }
            _ => {}
        }
    }

    /// Compares the names of a complete list with those of the next one of its session.
    fn compare_names(&mut self, list: (u32, DefinitionKind), names: BTreeSet<String>, at: Origin) {
        if let Some((later, since)) = self.later.get(&list) {
            for name in later.difference(&names) {
                self.added.entry((list.1, name.clone())).or_insert(*since);
            }
            for name in names.difference(later) {
                self.removed.entry((list.1, name.clone())).or_insert(*since);
            }
        }
        self.later.insert(list, (names, at));
    }
}

/// What happened to a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChangeKind {
    Changed,
    Added,
    Removed,
}

impl ChangeKind {
    /// The word on the screen.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Added => "new",
            Self::Removed => "gone",
        }
    }
}

/// What happened to a definition, and the packet that showed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DefinitionChange {
    pub(super) kind: ChangeKind,
    pub(super) at: Origin,
}

impl DefinitionChange {
    /// The text on the screen: `changed 08:49:15.351`.
    pub(super) fn text(self, times: &Times) -> String {
        let what = match self.kind {
            ChangeKind::Changed => "changed",
            ChangeKind::Added => "new since",
            ChangeKind::Removed => "gone since",
        };
        format!("{what} {}", times.text(self.at.time))
    }
}

/// Returns each version with the one before it that the same audience was offered, the latest
/// first.
fn pairs(versions: &[Version]) -> impl Iterator<Item = (&Version, &Version)> {
    versions.iter().enumerate().filter_map(|(at, version)| {
        let before = versions.get(at + 1..)?.iter().find(|before| before.audience == version.audience)?;
        Some((version, before))
    })
}

/// Returns a text with the differences between the versions of a definition, then the versions, the
/// latest first; `None` if no audience was offered more than one.
pub(super) fn text(versions: &[Version], times: &Times, files: &Files) -> Option<String> {
    pairs(versions).next()?;
    let place = |version: &Version| {
        let client = version.audience.client.as_deref().map(|client| format!(", to {client}"));
        let (time, packet) = (times.text(version.since.time), files.packet(version.since.packet));
        format!("{time}, packet {packet}{}", client.unwrap_or_default())
    };
    let mut text = String::new();
    for (new, old) in pairs(versions) {
        text.push_str(&format!("changed at {}\n\n", place(new)));
        for change in member_changes(&old.json, &new.json) {
            let breaking = if change.is_breaking { " (breaking)" } else { "" };
            text.push_str(&format!("{}{breaking}\n", change.text));
        }
        text.push_str(&format!("\n{}\n", difference(&old.json, &new.json)));
    }
    for version in versions {
        text.push_str(&format!("version since {}\n\n{}\n\n", place(version), pretty(&version.json)));
    }
    Some(text)
}

/// Returns the lines of two JSON texts, marked as in a patch: `-` is in the old one, `+` in the
/// new.
fn difference(old: &str, new: &str) -> String {
    if old.len().max(new.len()) > MAX_COMPARED {
        return "too long to compare\n".to_owned();
    }
    let (old, new) = (sorted(old), sorted(new));
    let mut lines = String::new();
    for change in TextDiff::from_lines(&old, &new).iter_all_changes() {
        let sign = match change.tag() {
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
            ChangeTag::Equal => ' ',
        };
        lines.push_str(&format!("{sign} {}\n", change.value().trim_end_matches('\n')));
    }
    lines
}

/// Returns a JSON text with a member on each line, in the order of their names: members that only
/// changed places are no difference.
fn sorted(json: &str) -> String {
    let Ok(mut value) = serde_json::from_str::<Value>(json) else { return json.to_owned() };
    value.sort_all_objects();
    serde_json::to_string_pretty(&value).unwrap_or_else(|_| json.to_owned())
}

/// Returns a JSON text with a member on each line, in its order.
fn pretty(json: &str) -> String {
    let value = serde_json::from_str::<Value>(json).ok();
    value.and_then(|value| serde_json::to_string_pretty(&value).ok()).unwrap_or_else(|| json.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(pages: &[(u64, u32, &str)]) -> History {
        let mut history = History::default();
        for (packet, session, body) in pages.iter().rev() {
            let at = Origin::new(*packet, 1_000_000 * i64::try_from(*packet).unwrap());
            let (body, session) = (body.as_bytes(), *session);
            let audience = Audience::default();
            history.add_earlier(&Page { body, at, session, has_cursor: false, audience });
        }
        history
    }

    fn tool(name: &str) -> DefinitionKey {
        (DefinitionKind::Tool, name.to_owned())
    }

    #[test]
    fn versions_are_in_the_order_of_their_first_listing() {
        let history = history(&[
            (
                10,
                1,
                r#"{"result":{"tools":[{"name":"a","description":"x","n":1}],"resourceTemplates":[{"name":"n","uriTemplate":"u://{x}"}]}}"#,
            ),
            (20, 1, r#"{"result":{"tools":[{"n":1,"description":"x","name":"a"}],"nextCursor":"c"}}"#),
            (30, 2, r#"{"result":{"tools":[{"name":"a","description":"y","n":1}]}}"#),
            (40, 2, r#"{"error":{"code":1}}"#),
            (50, 2, r#"{"result":{"tools":{"no":"list"}}}"#),
        ]);
        let versions = history.versions(&tool("a"));
        assert_eq!(versions.iter().map(|version| version.since.packet.0).collect::<Vec<_>>(), [30, 10]);
        assert_eq!(history.versions(&(DefinitionKind::Template, "u://{x}".to_owned())).len(), 1);
        let change = history.change(&tool("a")).unwrap();
        assert_eq!((change.kind, change.at.packet.0), (ChangeKind::Changed, 30));
        let text = text(versions, &Times::default(), &Files::default()).unwrap();
        assert!(text.starts_with("changed at "), "{text}");
        assert!(text.contains("-   \"description\": \"x\",\n+   \"description\": \"y\",\n"), "{text}");
        assert_eq!(text.matches("version since").count(), 2);
    }

    #[test]
    fn lists_of_one_session_are_compared() {
        let history = history(&[
            (10, 1, r#"{"result":{"tools":[{"name":"a"},{"name":"b"}]}}"#),
            (20, 2, r#"{"result":{"tools":[]}}"#),
            (30, 1, r#"{"result":{"tools":[{"name":"b"}],"nextCursor":"more"}}"#),
            (40, 1, r#"{"result":{"tools":[{"name":"b"},{"name":"c"}]}}"#),
        ]);
        let change = |name| history.change(&tool(name)).map(|change| (change.kind, change.at.packet.0));
        assert_eq!(change("a"), Some((ChangeKind::Removed, 40)));
        assert_eq!(change("b"), None);
        assert_eq!(change("c"), Some((ChangeKind::Added, 40)));
    }
}
