//! What servers defined before, to tell when a definition changes.

use std::collections::hash_map::{Entry, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::handle::SessionIndex;
use super::record::ServerRef;
use crate::base::{PacketNo, limits, text};
use crate::rpc::Listing;

/// What is compared.
const KINDS: [&str; 2] = ["tools", "prompts"];

/// Versions of a definition that are remembered: a server may offer one to each kind of user.
const MAX_VERSIONS: usize = 4;

/// About the memory of a definition, in bytes.
const DEFINITION: usize = 50;

/// The definitions of all servers, and the complete lists of all sessions.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    /// By server and audience, then by kind and name (as a hash).
    servers: HashMap<(ServerRef, Audience), Known, RandomState>,
    definitions: usize,
    /// The latest complete list of each session and kind.
    complete: HashMap<(SessionIndex, &'static str), Names, RandomState>,
    names: usize,
    is_limit_reported: bool,
}

/// Who is offered something: a server may describe its tools differently in another revision of
/// MCP, or to another client.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Audience {
    /// The revision of MCP.
    pub(super) revision: Option<Arc<str>>,
    /// The name of the client.
    pub(super) client: Option<Arc<str>>,
}

/// The versions of each definition, by kind and name (as a hash).
type Known = HashMap<(&'static str, u64), Versions, RandomState>;

/// Names in order.
type Names = Arc<[Box<str>]>;

/// The versions of a definition.
#[derive(Debug, Default)]
struct Versions {
    /// Hashes of the content, the latest last.
    hashes: Vec<u64>,
    /// The packet that completed the latest list with it.
    seen: PacketNo,
}

/// How a list differs from earlier ones of the same server.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// Definitions with new content, and the packet that completed the latest list with the old
    /// one.
    pub(super) changed: Vec<(Box<str>, PacketNo)>,
    /// Names that the session's list did not have before.
    pub(super) added: Vec<Box<str>>,
    /// Names that it has no longer.
    pub(super) removed: Vec<Box<str>>,
    /// Whether there are too many definitions to compare them all; said once.
    pub(super) reaches_limit: bool,
}

impl Changes {
    pub(super) fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.added.is_empty() && self.removed.is_empty()
    }
}

impl Definitions {
    /// Takes a page of a server's list, complete at packet `at`, and returns what is new about it.
    /// Tools and prompts are compared: resources are data, which changes. Definitions beyond
    /// [`limits::MAX_DEFINITIONS`] are not compared.
    pub(super) fn compare(
        &mut self,
        (server, audience): (ServerRef, Audience),
        session: SessionIndex,
        listing: &Listing,
        at: PacketNo,
    ) -> Changes {
        let mut changes = Changes::default();
        if !KINDS.contains(&listing.kind) {
            return changes;
        }
        let has_room = self.definitions < limits::MAX_DEFINITIONS;
        let known = match self.servers.entry((server, audience)) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) if has_room => {
                // It takes as much memory as a definition, also if it has none, and its texts as
                // much as several.
                let (server, audience) = entry.key();
                let texts = [&audience.revision, &audience.client].into_iter().flatten();
                let len = server.text_len() + texts.map(|text| text.len()).sum::<usize>();
                self.definitions += 1 + len / DEFINITION;
                entry.insert(Known::default())
            }
            Entry::Vacant(_) => {
                changes.reaches_limit = !std::mem::replace(&mut self.is_limit_reported, true);
                return changes;
            }
        };
        for definition in &listing.definitions {
            let key = (listing.kind, text::hash(&definition.name));
            let Some(versions) = known.get_mut(&key) else {
                if self.definitions < limits::MAX_DEFINITIONS {
                    self.definitions += 1;
                    known.insert(key, Versions { hashes: vec![definition.content], seen: at });
                } else if !std::mem::replace(&mut self.is_limit_reported, true) {
                    changes.reaches_limit = true;
                }
                continue;
            };
            if !versions.hashes.contains(&definition.content) {
                changes.changed.push((definition.name.clone(), versions.seen));
                if versions.hashes.len() >= MAX_VERSIONS {
                    versions.hashes.remove(0);
                }
                versions.hashes.push(definition.content);
            }
            versions.seen = at;
        }
        if listing.is_complete {
            self.compare_names(session, listing, &mut changes);
        }
        changes
    }

    /// The session is no longer kept: its lists are not compared again.
    pub(super) fn forget(&mut self, session: SessionIndex) {
        for kind in KINDS {
            if let Some(names) = self.complete.remove(&(session, kind)) {
                self.names -= names.len() + 1;
            }
        }
    }

    /// Compares the names of a list that has one page with the session's list before.
    fn compare_names(&mut self, session: SessionIndex, listing: &Listing, changes: &mut Changes) {
        let key = (session, listing.kind);
        let mut names: Vec<Box<str>> = listing.definitions.iter().map(|it| it.name.clone()).collect();
        names.sort_unstable();
        let before = self.complete.get(&key).cloned();
        if let Some(before) = &before {
            let of_one = |names: &[Box<str>], other: &[Box<str>]| -> Vec<Box<str>> {
                names.iter().filter(|name| other.binary_search(name).is_err()).cloned().collect()
            };
            changes.added = of_one(&names, before);
            changes.removed = of_one(before, &names);
        }
        // A list counts as a name of its own: many may be empty.
        let kept = before.map_or(0, |before| before.len() + 1);
        let all = self.names - kept + names.len() + 1;
        if all <= limits::MAX_DEFINITIONS {
            self.names = all;
            self.complete.insert(key, names.into());
        } else if self.complete.remove(&key).is_some() {
            self.names -= kept;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::Definition;

    fn listing(definitions: &[(&str, u64)], is_complete: bool) -> Listing {
        let definition =
            |(name, content): &(&str, u64)| Definition { name: (*name).into(), bytes: 1, content: *content };
        let definitions = definitions.iter().map(definition).collect();
        Listing { kind: "tools", definitions, without_schema: None, is_complete }
    }

    fn audience() -> Audience {
        Audience { revision: None, client: Some("agent".into()) }
    }

    #[test]
    fn a_new_version_is_reported_once() {
        let mut known = Definitions::default();
        let server = ServerRef { address: "10.0.0.2:3000".parse().unwrap(), path: None };
        let session = SessionIndex::of_number(1);
        let mut compare = |definitions: &[(&str, u64)], at| {
            known.compare((server.clone(), audience()), session, &listing(definitions, true), PacketNo(at))
        };
        assert!(compare(&[("a", 1), ("b", 1)], 10).is_empty());
        assert!(compare(&[("b", 1), ("a", 1)], 20).is_empty());
        let changed = compare(&[("a", 2), ("c", 1)], 30);
        assert_eq!(changed.changed, [("a".into(), PacketNo(20))]);
        assert_eq!((changed.added, changed.removed), (vec!["c".into()], vec!["b".into()]));
        assert!(compare(&[("a", 1), ("c", 1)], 40).is_empty(), "a known version again");
    }

    /// Lists without definitions count, too: a client may give itself any number of names.
    #[test]
    fn empty_lists_have_a_cap() {
        let mut known = Definitions::default();
        let server = ServerRef { address: "10.0.0.2:3000".parse().unwrap(), path: None };
        let mut reports = 0;
        for number in 0..limits::MAX_DEFINITIONS as u32 + 10 {
            let audience = Audience { revision: None, client: Some(number.to_string().into()) };
            let session = SessionIndex(number);
            let changes =
                known.compare((server.clone(), audience), session, &listing(&[], true), PacketNo(1));
            reports += u32::from(changes.reaches_limit);
        }
        assert_eq!(
            (known.servers.len(), known.complete.len()),
            (limits::MAX_DEFINITIONS, limits::MAX_DEFINITIONS)
        );
        assert_eq!(reports, 1, "it is said once");
    }

    /// In a capture of many days, the lists of sessions that are gone make room for others.
    #[test]
    fn lists_of_sessions_that_are_gone_take_no_room() {
        let mut known = Definitions::default();
        let server = ServerRef { address: "10.0.0.2:3000".parse().unwrap(), path: None };
        let names: Vec<String> = (0..100).map(|n| format!("tool-{n}")).collect();
        let list: Vec<_> = names.iter().map(|name| (name.as_str(), 1)).collect();
        for number in 0..2_000 {
            let session = SessionIndex(number);
            for list in [&list[..], &list[1..]] {
                let list = listing(list, true);
                let changes = known.compare((server.clone(), audience()), session, &list, PacketNo(1));
                let removed = usize::from(list.definitions.len() < names.len());
                assert_eq!((changes.removed.len(), changes.reaches_limit), (removed, false), "{number}");
            }
            known.forget(session);
        }
        assert_eq!((known.names, known.complete.len()), (0, 0));
    }

    /// A page is no list: what is not in it may be on another page.
    #[test]
    fn pages_have_no_missing_names() {
        let mut known = Definitions::default();
        let server = ServerRef { address: "10.0.0.2:3000".parse().unwrap(), path: None };
        let session = SessionIndex::of_number(1);
        for name in ["a", "b", "a"] {
            let page = listing(&[(name, 1)], false);
            assert!(known.compare((server.clone(), audience()), session, &page, PacketNo(1)).is_empty());
        }
    }
}
