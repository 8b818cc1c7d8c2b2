//! Descriptions of tools that name a tool of another server: one server can tell the model how to
//! use, or not to use, what another one offers.

use std::collections::{BTreeSet, HashMap, VecDeque};

use foldhash::fast::RandomState;
use serde_json::Value;

use crate::base::fact::PayloadFact;
use crate::base::{Side, limits, text};
use crate::ledger::ServerRef;

/// Names of tools, and words of descriptions that may be names of tools, that are kept, each.
const MAX_WORDS: usize = 50_000;

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

/// Shortest name that is no common word, in bytes.
const MIN_NAME: usize = 6;

/// Names of tools, and the words of descriptions that look like one.
#[derive(Debug, Default)]
pub(super) struct Mentions {
    /// Lists by the connection and transaction that carried them.
    lists: VecDeque<((u32, u32), Vec<Described>)>,
    /// The servers that offer a tool, by its name.
    offered: HashMap<Box<str>, Vec<ServerRef>, RandomState>,
    /// The servers that mention a word, and the tool whose description does, by word.
    mentioned: HashMap<Box<str>, Vec<ToolRef>, RandomState>,
}

/// A server, and the name of one of its tools.
type ToolRef = (ServerRef, Box<str>);

/// A tool, and the words of its description that look like names of tools.
#[derive(Debug)]
struct Described {
    name: Box<str>,
    words: Vec<Box<str>>,
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
            let words: BTreeSet<_> = words(description).collect();
            Some(Described { name, words: words.into_iter().take(MAX_OF_TOOL).map(Into::into).collect() })
        });
        let key = (payload.peers.tcp_stream, payload.transaction);
        self.lists.push_back((key, tools.collect()));
        if self.lists.len() > MAX_LISTS {
            self.lists.pop_front();
        }
    }

    /// Takes the exchange whose answer came on a connection and transaction: a list of a server's
    /// tools. Returns what it mentions of others, and what others mention of it.
    pub(super) fn listed(&mut self, server: &ServerRef, on: (u32, u32)) -> Vec<Mention> {
        let mut found = Vec::new();
        let Some(at) = self.lists.iter().position(|(key, _)| *key == on) else { return found };
        let Some((_, tools)) = self.lists.remove(at) else { return found };
        let own: BTreeSet<_> = tools.iter().map(|tool| &*tool.name).collect();
        for tool in &tools {
            if is_distinctive(&tool.name) {
                let by = self.mentioned.get(&tool.name).into_iter().flatten();
                found.extend(
                    by.filter(|(other, _)| other != server)
                        .map(|by| Mention { by: by.clone(), of: (server.clone(), tool.name.clone()) }),
                );
            }
            for word in tool.words.iter().filter(|word| !own.contains(&***word)) {
                let of = self.offered.get(word).into_iter().flatten();
                found.extend(of.filter(|other| *other != server).map(|other| Mention {
                    by: (server.clone(), tool.name.clone()),
                    of: (other.clone(), word.clone()),
                }));
            }
        }
        for tool in &tools {
            if is_distinctive(&tool.name) && has_room(&self.offered, &tool.name) {
                let servers = self.offered.entry(tool.name.clone()).or_default();
                if servers.len() < MAX_SERVERS && !servers.contains(server) {
                    servers.push(server.clone());
                }
            }
            for word in tool.words.iter().filter(|word| !own.contains(&***word)) {
                if has_room(&self.mentioned, word) {
                    let servers = self.mentioned.entry(word.clone()).or_default();
                    if servers.len() < MAX_SERVERS && !servers.iter().any(|(known, _)| known == server) {
                        servers.push((server.clone(), tool.name.clone()));
                    }
                }
            }
        }
        found
    }
}

fn has_room<T>(map: &HashMap<Box<str>, T, RandomState>, word: &str) -> bool {
    map.len() < MAX_WORDS || map.contains_key(word)
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
