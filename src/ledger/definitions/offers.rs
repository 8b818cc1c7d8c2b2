//! What the servers of a capture offer: the latest version of each definition, and whether a whole
//! list was captured.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::carried::{CarriedLists, CarriedPage};
use super::kind::DefinitionKind;
use super::page::{ListedPage, has_same_content};
use crate::base::{Fact, limits};
use crate::mcp::{Exchange, ServerRef};

/// Versions of a definition that are kept: the latest. A server may offer one to each kind of
/// client.
const MAX_VERSIONS: usize = 4;

/// Lists whose next page is awaited, of one server and kind.
const MAX_OPEN_LISTS: usize = 64;

/// What the servers of a capture offer: exchanges and payloads in, definitions out. Texts beyond
/// [`limits::MAX_DEFINITION_TEXT`] are left out, and then no list is whole.
#[derive(Debug, Default)]
pub struct Offers {
    carried: CarriedLists,
    servers: BTreeMap<ServerRef, Server>,
    definitions: usize,
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

#[derive(Debug, Default)]
struct Server {
    /// The name that it gives itself; `None` if it was not seen.
    name: Option<Arc<str>>,
    kinds: BTreeMap<DefinitionKind, Offered>,
    /// Lists of which a page is missing yet, the latest last.
    open: VecDeque<OpenList>,
}

#[derive(Debug)]
struct OpenList {
    session: u32,
    kind: DefinitionKind,
    names: BTreeSet<String>,
    cursor: String,
}

/// The definitions of one kind.
#[derive(Clone, Debug, Default)]
pub struct Offered {
    /// The versions of each definition, the latest last.
    definitions: BTreeMap<String, Vec<Box<str>>>,
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
    pub fn versions(&self, name: &str) -> &[Box<str>] {
        self.definitions.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    fn merge(&mut self, other: Self) {
        for (name, versions) in other.definitions {
            let known = self.definitions.entry(name).or_default();
            for version in versions {
                add_version(known, &version);
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
fn add_version(versions: &mut Vec<Box<str>>, json: &str) -> usize {
    if let Some(known) = versions.iter().position(|known| has_same_content(known, json)) {
        let known = versions.remove(known);
        versions.push(known);
        return 0;
    }
    let dropped = if versions.len() >= MAX_VERSIONS { versions.remove(0).len() } else { 0 };
    versions.push(json.into());
    json.len().saturating_sub(dropped)
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
        let server = exchange.session.identity();
        if self.servers.len() >= limits::MAX_TABLE_ROWS && !self.servers.contains_key(&server) {
            self.is_full = true;
            return;
        }
        if let Some(name) = &exchange.session.server_name {
            let known = &mut self.servers.entry(server.clone()).or_default().name;
            if known.as_ref() != Some(name) {
                *known = Some(Arc::clone(name));
            }
        }
        let Some(CarriedPage { body, cursor }) = self.carried.take(exchange) else { return };
        let Some(page) = ListedPage::parse(&body) else { return };
        let session = exchange.session.number;
        for (kind, list) in &page.lists {
            let names: BTreeSet<String> = list.iter().map(|listed| listed.name.clone()).collect();
            for listed in list {
                self.definition(&server, *kind, &listed.name, listed.json);
            }
            let server = self.servers.entry(server.clone()).or_default();
            server.page((session, *kind), names, cursor.as_deref(), page.next_cursor);
        }
    }

    fn definition(&mut self, server: &ServerRef, kind: DefinitionKind, name: &str, json: &str) {
        let has_room = self.definitions < limits::MAX_DEFINITIONS
            && self.text_len + json.len() + name.len() <= limits::MAX_DEFINITION_TEXT;
        let offered = self.servers.entry(server.clone()).or_default().kinds.entry(kind).or_default();
        match offered.definitions.get_mut(name) {
            Some(versions) if has_room => self.text_len += add_version(versions, json),
            None if has_room => {
                self.definitions += 1;
                self.text_len += json.len() + name.len();
                offered.definitions.insert(name.to_owned(), vec![json.into()]);
            }
            _ => self.is_full = true,
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
            (reference, ServerOffers { name: server.name, kinds: server.kinds })
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

impl Server {
    /// Takes the names of a page: a list is whole if its pages follow each other by their cursors.
    fn page(
        &mut self,
        (session, kind): (u32, DefinitionKind),
        mut names: BTreeSet<String>,
        cursor: Option<&str>,
        next_cursor: Option<&str>,
    ) {
        if let Some(cursor) = cursor {
            let is_it =
                |open: &OpenList| (open.session, open.kind) == (session, kind) && open.cursor == cursor;
            let Some(at) = self.open.iter().position(is_it) else { return };
            names.extend(self.open.remove(at).map(|open| open.names).unwrap_or_default());
        }
        match next_cursor {
            None => self.kinds.entry(kind).or_default().whole = Some(names),
            Some(next) => {
                if self.open.len() >= MAX_OPEN_LISTS {
                    self.open.pop_front();
                }
                self.open.push_back(OpenList { session, kind, names, cursor: next.to_owned() });
            }
        }
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
        let mut server = Server::default();
        let of = (1, DefinitionKind::Tool);
        let whole = |server: &Server| server.kinds.get(&of.1).and_then(|offered| offered.whole.clone());
        server.page(of, names(&["a"]), None, Some("\"c1\""));
        server.page((2, of.1), names(&["x"]), Some("\"c1\""), None);
        assert_eq!(whole(&server), None, "the page of another session");
        server.page(of, names(&["b"]), Some("\"c1\""), Some("\"c2\""));
        server.page(of, names(&["d"]), Some("\"other\""), None);
        assert_eq!(whole(&server), None);
        server.page(of, names(&["c"]), Some("\"c2\""), None);
        assert_eq!(whole(&server), Some(names(&["a", "b", "c"])));
        server.page(of, names(&["a"]), None, None);
        assert_eq!(whole(&server), Some(names(&["a"])), "the latest");
    }

    #[test]
    fn lists_that_never_end_have_a_cap() {
        let mut server = Server::default();
        for session in 0..1000 {
            server.page((session, DefinitionKind::Tool), names(&["a"]), None, Some("1"));
        }
        assert_eq!(server.open.len(), MAX_OPEN_LISTS);
    }

    #[test]
    fn versions_are_kept_by_content() {
        let mut versions = Vec::new();
        for json in [r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#, r#"{"a":2}"#, r#"{"a":1,"b":2}"#] {
            add_version(&mut versions, json);
        }
        assert_eq!(versions, [r#"{"a":2}"#.into(), Box::from(r#"{"a":1,"b":2}"#)]);
    }
}
