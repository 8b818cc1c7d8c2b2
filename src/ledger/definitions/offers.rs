//! What the servers of a capture offer: the latest version of each definition, and whether a whole
//! list was captured.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::carried::{CarriedLists, CarriedPage};
use super::kind::DefinitionKind;
use super::page::ListedPage;
use crate::base::{ContentHash, Fact, limits};
use crate::mcp::{Exchange, ServerRef};

/// Versions of a definition that are kept: the latest. A server may offer one to each kind of
/// client.
const MAX_VERSIONS: usize = 4;

/// Lists whose next page is awaited, and the names in all of them.
const MAX_OPEN_LISTS: usize = 1024;
const MAX_OPEN_NAMES: usize = 65_536;

/// What the servers of a capture offer: exchanges and payloads in, definitions out. Texts beyond
/// [`limits::MAX_DEFINITION_TEXT`] are left out, and then no list is whole.
#[derive(Debug, Default)]
pub struct Offers {
    carried: CarriedLists,
    servers: BTreeMap<ServerRef, ServerOffers>,
    open: OpenLists,
    definitions: usize,
    /// Length of the texts of definitions, and of what names servers.
    text_len: usize,
    /// Whether not everything was kept.
    is_full: bool,
}

/// What a server offers.
#[derive(Clone, Debug, Default)]
pub struct ServerOffers {
    /// The name that it gives itself; `None` if it was not seen.
    pub name: Option<Arc<str>>,
    /// Its definitions.
    pub kinds: BTreeMap<DefinitionKind, Offered>,
}

/// Lists of which a page is missing yet, the latest last.
#[derive(Debug, Default)]
struct OpenLists {
    lists: VecDeque<OpenList>,
    names: usize,
}

#[derive(Debug)]
struct OpenList {
    of: ListKey,
    names: BTreeSet<String>,
    cursor: Box<str>,
}

/// A session and what it lists.
type ListKey = (u32, DefinitionKind);

/// A version of a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its JSON text.
    pub json: Box<str>,
    /// Its content.
    pub content: ContentHash,
}

/// The definitions of one kind.
#[derive(Clone, Debug, Default)]
pub struct Offered {
    /// The versions of each definition, the latest last.
    definitions: BTreeMap<String, Vec<Version>>,
    /// The names of the latest list that was captured whole; `None` if none was.
    whole: Option<BTreeSet<String>>,
}

impl Offered {
    /// Whether a definition is offered, as far as it was captured.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        match &self.whole {
            Some(names) => names.contains(name),
            None => self.definitions.contains_key(name),
        }
    }

    /// Whether a whole list was captured: what it does not have is not offered.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.whole.is_some()
    }

    /// The names of all definitions that were seen.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.definitions.keys()
    }

    /// The versions of a definition, the latest last.
    #[must_use]
    pub fn versions(&self, name: &str) -> &[Version] {
        self.definitions.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    fn merge(&mut self, other: Self) {
        for (name, versions) in other.definitions {
            let known = self.definitions.entry(name).or_default();
            for version in versions {
                add_version(known, version);
            }
        }
        self.whole = match (self.whole.take(), other.whole) {
            (Some(mut one), Some(other)) => {
                one.extend(other);
                Some(one)
            }
            (one, other) => one.or(other),
        };
    }
}

/// Adds the latest version. Returns the number of bytes that are kept more.
fn add_version(versions: &mut Vec<Version>, new: Version) -> usize {
    if let Some(known) = versions.iter().position(|known| known.content == new.content) {
        let known = versions.remove(known);
        versions.push(known);
        return 0;
    }
    let dropped = if versions.len() >= MAX_VERSIONS { versions.remove(0).json.len() } else { 0 };
    let len = new.json.len();
    versions.push(new);
    len.saturating_sub(dropped)
}

impl Offers {
    /// Takes a payload: the texts of definitions are in them.
    pub fn fact(&mut self, fact: &Fact) {
        if let Fact::Payload(payload) = fact {
            self.carried.push(payload);
        }
    }

    /// Takes an exchange that is over.
    pub fn exchange(&mut self, exchange: &Exchange) {
        let reference = exchange.session.identity();
        let page = self.carried.take(exchange);
        if !self.has_server(&reference, exchange.session.server_name.as_ref()) {
            return;
        }
        let Some(CarriedPage { body, cursor }) = page else { return };
        let Some(page) = ListedPage::parse(&body) else { return };
        let session = exchange.session.number;
        for (kind, list) in &page.lists {
            let names: BTreeSet<String> = list.iter().map(|listed| listed.name.clone()).collect();
            for listed in list {
                self.definition(&reference, *kind, &listed.name, listed.json);
            }
            if self.is_full {
                continue;
            }
            let whole = self.open.page((session, *kind), names, cursor.as_deref(), page.next_cursor.clone());
            if let Some(names) = whole {
                let offers = self.servers.entry(reference.clone()).or_default();
                offers.kinds.entry(*kind).or_default().whole = Some(names);
            }
        }
    }

    /// Adds a server with its name; false if there are too many.
    fn has_server(&mut self, server: &ServerRef, name: Option<&Arc<str>>) -> bool {
        if !self.servers.contains_key(server) {
            let len = server.text_len();
            if self.servers.len() >= limits::MAX_TABLE_ROWS
                || self.text_len + len > limits::MAX_DEFINITION_TEXT
            {
                self.is_full = true;
                return false;
            }
            self.text_len += len;
            self.servers.insert(server.clone(), ServerOffers::default());
        }
        if let (Some(name), Some(server)) = (name, self.servers.get_mut(server))
            && server.name.as_ref() != Some(name)
        {
            self.text_len = self.text_len - server.name.as_ref().map_or(0, |name| name.len()) + name.len();
            server.name = Some(Arc::clone(name));
        }
        true
    }

    fn definition(&mut self, server: &ServerRef, kind: DefinitionKind, name: &str, json: &str) {
        let has_room = self.definitions < limits::MAX_DEFINITIONS
            && self.text_len + json.len() + name.len() <= limits::MAX_DEFINITION_TEXT;
        if !has_room {
            self.is_full = true;
            return;
        }
        let offered = self.servers.entry(server.clone()).or_default().kinds.entry(kind).or_default();
        let version = Version { json: json.into(), content: ContentHash::of(json) };
        match offered.definitions.get_mut(name) {
            Some(versions) => self.text_len += add_version(versions, version),
            None => {
                self.definitions += 1;
                self.text_len += json.len() + name.len();
                offered.definitions.insert(name.to_owned(), vec![version]);
            }
        }
    }

    /// Returns what each server offered, with its name.
    #[must_use]
    pub fn by_server(self) -> BTreeMap<ServerRef, ServerOffers> {
        let is_full = self.is_full;
        let servers = self.servers.into_iter().filter(|(_, server)| !server.kinds.is_empty());
        let offers = servers.map(|(reference, mut server)| {
            if is_full {
                server.kinds.values_mut().for_each(|offered| offered.whole = None);
            }
            (reference, server)
        });
        offers.collect()
    }

    /// Returns what was offered, by the server's name, else its address.
    #[must_use]
    pub fn by_name(self) -> BTreeMap<String, BTreeMap<DefinitionKind, Offered>> {
        let mut by_name: BTreeMap<String, BTreeMap<DefinitionKind, Offered>> = BTreeMap::new();
        for (reference, server) in self.by_server() {
            let name = server.name.map_or_else(|| reference.to_string(), |name| name.to_string());
            let kinds = by_name.entry(name).or_default();
            for (kind, offered) in server.kinds {
                kinds.entry(kind).or_default().merge(offered);
            }
        }
        by_name
    }
}

impl OpenLists {
    /// Takes the names of a page and returns those of the list if it is whole: its pages follow
    /// each other by their cursors.
    fn page(
        &mut self,
        of: ListKey,
        mut names: BTreeSet<String>,
        cursor: Option<&str>,
        next_cursor: Option<Box<str>>,
    ) -> Option<BTreeSet<String>> {
        if let Some(cursor) = cursor {
            let is_it = |open: &OpenList| open.of == of && *open.cursor == *cursor;
            let at = self.lists.iter().rposition(is_it)?;
            let before = self.lists.remove(at)?.names;
            self.names -= before.len();
            names.extend(before);
        }
        let Some(cursor) = next_cursor else { return Some(names) };
        self.names += names.len();
        self.lists.push_back(OpenList { of, names, cursor });
        while (self.lists.len() > MAX_OPEN_LISTS || self.names > MAX_OPEN_NAMES)
            && let Some(oldest) = self.lists.pop_front()
        {
            self.names -= oldest.names.len();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_list_is_whole_with_its_last_page() {
        let (mut open, of) = (OpenLists::default(), (1, DefinitionKind::Tool));
        let mut page = |of, list: &[&str], cursor, next: Option<&str>| {
            open.page(of, names(list), cursor, next.map(Into::into))
        };
        assert_eq!(page(of, &["a"], None, Some("\"c1\"")), None);
        assert_eq!(page((2, of.1), &["x"], Some("\"c1\""), None), None, "the page of another session");
        assert_eq!(page(of, &["b"], Some("\"c1\""), Some("\"c2\"")), None);
        assert_eq!(page(of, &["d"], Some("\"other\""), None), None);
        assert_eq!(page(of, &["c"], Some("\"c2\""), None), Some(names(&["a", "b", "c"])));
        assert_eq!(page(of, &["a"], None, None), Some(names(&["a"])));
    }

    #[test]
    fn lists_that_never_end_have_a_cap() {
        let mut open = OpenLists::default();
        for session in 0..3 * MAX_OPEN_LISTS as u32 {
            open.page((session, DefinitionKind::Tool), names(&["a", "b"]), None, Some("1".into()));
        }
        assert_eq!((open.lists.len(), open.names), (MAX_OPEN_LISTS, 2 * MAX_OPEN_LISTS));
        let many: BTreeSet<String> = (0..MAX_OPEN_NAMES).map(|n| n.to_string()).collect();
        open.page((0, DefinitionKind::Tool), many, None, Some("1".into()));
        assert_eq!((open.lists.len(), open.names), (1, MAX_OPEN_NAMES));
    }

    #[test]
    fn versions_are_kept_by_content() {
        let mut versions = Vec::new();
        for json in [r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#, r#"{"a":2}"#, r#"{"a":1,"b":2}"#] {
            add_version(&mut versions, Version { json: json.into(), content: ContentHash::of(json) });
        }
        let kept: Vec<_> = versions.iter().map(|version| &*version.json).collect();
        assert_eq!(kept, [r#"{"a":2}"#, r#"{"a":1,"b":2}"#]);
    }
}
