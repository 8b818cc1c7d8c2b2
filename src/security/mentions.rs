//! Descriptions of tools that name a tool of another server: one server can tell the model how to
//! use, or not to use, what another one offers.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use foldhash::fast::RandomState;
use serde_json::Value;

use crate::base::fact::PayloadFact;
use crate::base::{Side, limits, text};
use crate::ledger::ServerRef;

/// Memory of the names of tools, and of the words of descriptions that may be names of tools, in
/// bytes.
const MAX_WORDS_LEN: usize = 2 << 20;

/// Memory of the lists that wait for their exchange, in bytes. One of [`MAX_LIST`] fits.
const MAX_LISTS_LEN: usize = 2 << 20;

/// Servers of which one word is kept.
const MAX_SERVERS: usize = 8;

/// Tools of one list that are read.
const MAX_TOOLS: usize = 2000;

/// Words of one description that are kept.
const MAX_OF_TOOL: usize = 64;

/// Lists that wait for their exchange.
const MAX_LISTS: usize = 64;

/// Longest list that is read, in bytes.
const MAX_LIST: usize = 1 << 20;

/// Memory of a table with few entries, in bytes.
const MIN_TABLE: usize = 1024;

/// Shortest name that is no common word, in bytes.
const MIN_NAME: usize = 6;

/// Names of tools, and the words of descriptions that look like one.
#[derive(Debug, Default)]
pub(super) struct Mentions {
    /// The oldest first.
    lists: VecDeque<List>,
    lists_len: usize,
    /// The servers that offer a tool, by its name.
    offered: HashMap<Box<str>, Vec<ServerRef>, RandomState>,
    /// The servers that mention a word, and the tool whose description does, by word.
    mentioned: HashMap<Box<str>, Vec<ToolRef>, RandomState>,
    /// Memory of the texts and servers of both, in bytes.
    texts_len: usize,
}

/// A list that waits for its exchange, with the connection and transaction that carried it.
type List = ((u32, u32), Box<[Described]>);

/// A server, and the name of one of its tools.
type ToolRef = (ServerRef, Box<str>);

/// A tool, and the words of its description that look like names of tools.
#[derive(Debug)]
struct Described {
    name: Box<str>,
    /// With a space after each: thousands of short texts take more memory than their letters.
    words: Box<str>,
}

impl Described {
    fn words(&self) -> impl Iterator<Item = &str> {
        self.words.split_ascii_whitespace()
    }

    /// Its memory, in bytes.
    fn allocated(&self) -> usize {
        size_of::<Self>() + allocated(self.name.len()) + allocated(self.words.len())
    }
}

/// A description that names another server's tool.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mention {
    /// The server whose description it is, and the tool that is described.
    pub(super) by: ToolRef,
    /// The server whose tool is named, and the tool.
    pub(super) of: ToolRef,
}

impl Mentions {
    /// Takes a message of a server.
    pub(super) fn payload(&mut self, payload: &PayloadFact) {
        let bytes = &*payload.bytes;
        let is_list = payload.side == Side::Server
            && bytes.len() <= MAX_LIST
            && memchr::memmem::find(bytes, b"\"inputSchema\"").is_some();
        if !is_list || payload.degraded.any() {
            return;
        }
        let Ok(message) = serde_json::from_slice::<Value>(bytes) else { return };
        let tools = message.pointer("/result/tools").and_then(Value::as_array);
        let tools = tools.into_iter().flatten().take(MAX_TOOLS).filter_map(|tool| {
            let name = text::kept_name(tool.get("name")?.as_str()?).into();
            let description = tool.get("description").and_then(Value::as_str).unwrap_or_default();
            let all: BTreeSet<_> = words(description).collect();
            let mut words = String::new();
            for word in all.into_iter().take(MAX_OF_TOOL) {
                words.push_str(word);
                words.push(' ');
            }
            Some(Described { name, words: words.into() })
        });
        let key = (payload.peers.tcp_stream, payload.transaction);
        let tools: Box<[Described]> = tools.collect();
        self.lists_len += list_len(&tools);
        self.lists.push_back((key, tools));
        while (self.lists.len() > MAX_LISTS || self.lists_len > MAX_LISTS_LEN)
            && let Some((_, oldest)) = self.lists.pop_front()
        {
            self.lists_len -= list_len(&oldest);
        }
    }

    /// Takes the exchange whose answer came on a connection and transaction: a list of a server's
    /// tools. Returns what it mentions of others, and what others mention of it: of two servers the
    /// first.
    pub(super) fn listed(&mut self, server: &ServerRef, on: (u32, u32)) -> Vec<Mention> {
        let mut found = Vec::new();
        let Some(at) = self.lists.iter().position(|(key, _)| *key == on) else { return found };
        let Some((_, tools)) = self.lists.remove(at) else { return found };
        self.lists_len -= list_len(&tools);
        let mut pairs = HashSet::new();
        let mut tell = |by: &ServerRef, tool: &str, of: &ServerRef, named: &str| {
            if by != of && pairs.insert((by.clone(), of.clone())) {
                found.push(Mention { by: (by.clone(), tool.into()), of: (of.clone(), named.into()) });
            }
        };
        let own: BTreeSet<_> = tools.iter().map(|tool| &*tool.name).collect();
        for tool in &tools {
            if is_distinctive(&tool.name) {
                for (by, described) in self.mentioned.get(&tool.name).into_iter().flatten() {
                    tell(by, described, server, &tool.name);
                }
            }
            for word in tool.words().filter(|word| !own.contains(word)) {
                for of in self.offered.get(word).into_iter().flatten() {
                    tell(server, &tool.name, of, word);
                }
            }
        }
        for tool in &tools {
            if is_distinctive(&tool.name) {
                self.offer(server, &tool.name);
            }
            for word in tool.words().filter(|word| !own.contains(word)) {
                self.mention(server, &tool.name, word);
            }
        }
        found
    }

    /// Keeps that a server offers a tool.
    fn offer(&mut self, server: &ServerRef, tool: &str) {
        let known = self.offered.get(tool);
        if known.is_some_and(|known| known.len() >= MAX_SERVERS || known.contains(server)) {
            return;
        }
        let len = size_of::<ServerRef>() + allocated(server.text_len());
        if self.has_room(len, tool, known.is_none() && is_full(&self.offered)) {
            self.texts_len += len + known.map_or(allocated(tool.len()), |_| 0);
            let servers = self.offered.entry(tool.into()).or_default();
            servers.reserve_exact(1);
            servers.push(server.clone());
        }
    }

    /// Keeps that a server mentions a word where it describes a tool.
    fn mention(&mut self, server: &ServerRef, tool: &str, word: &str) {
        let known = self.mentioned.get(word);
        let is_known = |known: &Vec<ToolRef>| known.iter().any(|(known, _)| known == server);
        if known.is_some_and(|known| known.len() >= MAX_SERVERS || is_known(known)) {
            return;
        }
        let len = size_of::<ToolRef>() + allocated(server.text_len()) + allocated(tool.len());
        if self.has_room(len, word, known.is_none() && is_full(&self.mentioned)) {
            self.texts_len += len + known.map_or(allocated(word.len()), |_| 0);
            let servers = self.mentioned.entry(word.into()).or_default();
            servers.reserve_exact(1);
            servers.push((server.clone(), tool.into()));
        }
    }

    /// Whether there is room for one more, and for the table that grows with it.
    fn has_room(&self, len: usize, word: &str, grows: bool) -> bool {
        let tables = table_len(&self.offered) + table_len(&self.mentioned);
        // A table is copied into one twice its size.
        let tables = if grows { 3 * tables + MIN_TABLE } else { tables };
        self.texts_len + tables + len + allocated(word.len()) <= MAX_WORDS_LEN
    }
}

/// Memory of a text or of a vector, in bytes: the allocator adds to each.
fn allocated(len: usize) -> usize {
    if len == 0 { 0 } else { len + 2 * size_of::<usize>() }
}

fn list_len(tools: &[Described]) -> usize {
    tools.iter().map(Described::allocated).sum()
}

/// Memory of a table, without what its entries lead to, in bytes.
fn table_len<T>(map: &HashMap<Box<str>, T, RandomState>) -> usize {
    // A place in eight stays free, and each has a byte of control.
    map.capacity() / 7 * 8 * (size_of::<(Box<str>, T)>() + 1)
}

/// Whether a table grows with the next entry.
fn is_full<T>(map: &HashMap<Box<str>, T, RandomState>) -> bool {
    map.len() == map.capacity()
}

/// The words of a description that look like names of tools.
fn words(description: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let words = description.split(move |c| !is_part(c)).map(|word| word.trim_matches('-'));
    words.filter(|word| is_distinctive(word) && word.len() <= limits::MAX_NAME)
}

/// Whether a name is no word of a language: `read_file`, `readFile`.
fn is_distinctive(name: &str) -> bool {
    let is_compound = name.contains('_');
    let letters = name.as_bytes();
    let pairs = letters.iter().zip(letters.iter().skip(1));
    let is_camel =
        pairs.into_iter().any(|(one, other)| one.is_ascii_lowercase() && other.is_ascii_uppercase());
    name.len() >= MIN_NAME && (is_compound || is_camel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_tools_are_no_words_of_a_language() {
        let found: Vec<_> =
            words("Before you call send_mail, use getUser; never well-known or search.").collect();
        assert_eq!(found, ["send_mail", "getUser"]);
    }
}
