//! Credentials in messages, by their form.

use memchr::memmem::Finder;

use super::genuine::is_genuine;
use crate::base::credential::token_at;

/// What tokens of known forms begin with; the longer prefixes begin with one of these.
const PREFIXES: [&str; 12] = [
    "sk-",
    "sk_live_",
    "rk_live_",
    "github_pat_",
    "gh",
    "glpat-",
    "xox",
    "AKIA",
    "ASIA",
    "AIza",
    "npm_",
    "eyJ",
];

/// Finds credentials.
#[derive(Debug)]
pub(super) struct Secrets {
    prefixes: [Finder<'static>; 12],
    key: Finder<'static>,
}

impl Default for Secrets {
    fn default() -> Self {
        Self { prefixes: PREFIXES.map(Finder::new), key: Finder::new("PRIVATE KEY-----") }
    }
}

impl Secrets {
    /// The kind of the first credential in a text; `None` if it has none.
    pub(super) fn find(&self, bytes: &[u8]) -> Option<&'static str> {
        let found = self.prefixes.iter().find_map(|prefix| {
            prefix.find_iter(bytes).find_map(|at| {
                let (before, rest) = bytes.split_at_checked(at)?;
                let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
                // A line break is written as an escape that ends in a letter.
                let is_escape =
                    before.ends_with(b"\\n") || before.ends_with(b"\\t") || before.ends_with(b"\\r");
                if before.last().is_some_and(|byte| is_word(*byte)) && !is_escape {
                    return None;
                }
                // A token is of ASCII.
                let len = rest.iter().take(MAX_TOKEN).position(|byte| !byte.is_ascii()).unwrap_or(MAX_TOKEN);
                let rest = std::str::from_utf8(rest.get(..len).unwrap_or(rest)).ok()?;
                let (form, len) = token_at(rest)?;
                is_genuine(rest.get(..len)?).then_some(form.kind)
            })
        });
        found.or_else(|| self.key.find(bytes).map(|_| "private key"))
    }
}

/// Longest token that is looked at, in bytes.
const MAX_TOKEN: usize = 4096;
