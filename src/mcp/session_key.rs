//! What a session is found by.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::handle::TransactionKey;
use super::interner::Interner;
use crate::base::text;
use crate::rpc::{Channel, Implementation};

/// What identifies a session at a server's address and port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum SessionKey {
    /// HTTP+SSE: the target that its `endpoint` event names.
    Target(SocketAddr, Arc<str>),
    /// Streamable HTTP: the `Mcp-Session-Id`; with the server's path if the id alone does not tell
    /// two servers on one port apart.
    Id(SocketAddr, Option<Arc<str>>, Arc<str>),
    /// Without a session id: the server's path, the client's address and its `clientInfo`, if each
    /// request has one (2026-07-28).
    Client(SocketAddr, Arc<str>, IpAddr, Option<Implementation>),
    /// A channel: the transaction that is one, or changed to one.
    Channel(Channel, TransactionKey),
}

impl SessionKey {
    /// What is allocated for it and its copy in a table, in bytes. The copy shares its texts.
    pub(super) fn allocated(&self) -> usize {
        let texts = match self {
            Self::Target(_, text) | Self::Client(_, text, ..) => text.len(),
            Self::Channel(..) => 0,
            Self::Id(_, path, id) => path.as_ref().map_or(0, |path| path.len()) + id.len(),
        };
        2 * size_of::<Self>() + texts
    }

    /// The key of an `Mcp-Session-Id` that was seen at a server.
    pub(super) fn of_id(server: SocketAddr, path: &Arc<str>, id: &Arc<str>) -> Self {
        let path = (!is_unique(id)).then(|| Arc::clone(path));
        Self::Id(server, path, Arc::clone(id))
    }
}

/// Targets and addresses by which one session is found.
const MAX_KEYS: usize = 16;

/// What one session is found by.
#[derive(Debug, Default)]
pub(super) struct SessionKeys {
    list: Vec<SessionKey>,
    /// Sum of [`SessionKey::allocated`].
    allocated: usize,
}

impl SessionKeys {
    /// Adds a key.
    pub(super) fn push(&mut self, key: SessionKey) {
        self.allocated += key.allocated();
        self.list.push(key);
    }

    /// Adds another key; `false` if there are as many as are kept.
    pub(super) fn push_if_room(&mut self, key: &SessionKey) -> bool {
        let has_room = self.list.len() < MAX_KEYS;
        if has_room {
            self.push(key.clone());
        }
        has_room
    }

    /// Removes all keys.
    pub(super) fn take(&mut self) -> Vec<SessionKey> {
        std::mem::take(self).list
    }

    /// What is allocated for them and their copies in a table, in bytes.
    pub(super) fn allocated(&self) -> usize {
        self.allocated
    }
}

impl From<Vec<SessionKey>> for SessionKeys {
    fn from(list: Vec<SessionKey>) -> Self {
        Self { allocated: list.iter().map(SessionKey::allocated).sum(), list }
    }
}

/// Hexadecimal digits of a uuid.
const UUID_DIGITS: usize = 32;

/// Shortest text that can be random enough to be unique.
const MIN_UNIQUE: usize = 16;

/// Whether a session id is of uuid strength: no two servers give it out, so that it identifies its
/// session whatever the address. A uuid, 32 hexadecimal digits, or 16 or more characters that look
/// random: at least every third one is of another class (lower case, upper case, digit) than the
/// one before it, and ten of them differ. Words with a counter or a time do not.
pub(super) fn is_unique(id: &str) -> bool {
    let symbols = || id.bytes().filter(u8::is_ascii_alphanumeric);
    let mut digits = 0;
    for byte in id.bytes().filter(|byte| *byte != b'-') {
        digits = if byte.is_ascii_hexdigit() { digits + 1 } else { 0 };
        if digits == UUID_DIGITS {
            // The nil uuid and its like are placeholders.
            return symbols().any(|byte| byte != b'0');
        }
    }
    let len = symbols().count();
    if len < MIN_UNIQUE {
        return false;
    }
    let changes = symbols().zip(symbols().skip(1)).filter(|(a, b)| class(*a) != class(*b)).count();
    let mut distinct: Vec<u8> = symbols().collect();
    distinct.sort_unstable();
    distinct.dedup();
    changes * 3 >= len && distinct.len() >= 10
}

/// The class of an ASCII letter or digit.
fn class(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => 0,
        b'a'..=b'z' => 1,
        _ => 2,
    }
}

/// The path of a server in the target of a request: without query and trailing slash, since servers
/// redirect `/mcp` to `/mcp/` and back.
pub(super) fn server_path(target: &Arc<str>, interner: &mut Interner) -> Arc<str> {
    let end = memchr::memchr2(b'?', b'#', target.as_bytes()).unwrap_or(target.len());
    let path = target.get(..end).unwrap_or_default();
    let path = path.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(path);
    if path.len() == target.len() { Arc::clone(target) } else { interner.share_path(&text::kept(path)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_uuid_strength_are_unique() {
        for id in [
            "7f4d5d49-1c7e-4f2a-9d36-0b1e2f3a4c5d",
            "77777777-7777-4777-8777-777777777777",
            "5e4034d1e0fb4afdb8c23db4a49e301e",
            "mcp-session-7f4d5d49-1c7e-4f2a-9d36-0b1e2f3a4c5d",
            "V1StGXR8_Z5jdHi6B-myT",
            "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        ] {
            assert!(is_unique(id), "{id}");
        }
        for id in [
            "1",
            "abc",
            "00000000-0000-0000-0000-000000000000",
            "session-0000000001",
            "mcp-session-2026-11-28-1",
            "1795337355351000000",
            "aaaaaaaaaaaaaaaaaaaaaaaa",
            "the-session-of-the-first-client",
        ] {
            assert!(!is_unique(id), "{id}");
        }
    }

    #[test]
    fn a_server_has_the_path_without_query_and_slash() {
        for (target, path) in [
            ("/mcp", "/mcp"),
            ("/mcp/", "/mcp"),
            ("/mcp/?x=1", "/mcp"),
            ("/a/b?c/", "/a/b"),
            ("/", "/"),
            ("", ""),
        ] {
            assert_eq!(&*server_path(&target.into(), &mut Interner::default()), path, "{target}");
        }
    }
}
