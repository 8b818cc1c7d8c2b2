//! What a result of one server has and a call to another repeats.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::SocketAddr;

use foldhash::fast::RandomState;

use crate::base::{Side, text};

/// Shortest text that is distinctive, in bytes.
const MIN_WORD: usize = 20;

/// Longest text that is compared, in bytes.
const MAX_WORD: usize = 256;

/// Words that are kept; the oldest are forgotten first.
const MAX_WORDS: usize = 100_000;

/// Words of one message that are kept.
const MAX_OF_MESSAGE: usize = 1000;

/// Pairs of servers that were told, and calls whose exchange is awaited, each.
const MAX_TOLD: usize = 10_000;

/// Distinctive words of results, as hashes.
#[derive(Debug, Default)]
pub(super) struct DataFlow {
    /// The server that sent a word first; `None` if a client sent it before.
    words: HashMap<u64, Option<SocketAddr>, RandomState>,
    order: VecDeque<u64>,
    /// The server whose words a call repeats, by connection and transaction.
    calls: HashMap<(u32, u32), SocketAddr, RandomState>,
    told: HashSet<(SocketAddr, SocketAddr), RandomState>,
}

impl DataFlow {
    /// Takes a message between a client and a server.
    pub(super) fn push(&mut self, on: (u32, u32), side: Side, server: SocketAddr, bytes: &[u8]) {
        let mut source = None;
        for hash in words(bytes).take(MAX_OF_MESSAGE) {
            match (self.words.get(&hash), side) {
                (Some(Some(from)), Side::Client) if *from != server => source = source.or(Some(*from)),
                (Some(_), _) => {}
                (None, Side::Client) => self.add(hash, None),
                (None, Side::Server) => self.add(hash, Some(server)),
            }
        }
        if let Some(source) = source
            && self.calls.len() < MAX_TOLD
        {
            self.calls.insert(on, source);
        }
    }

    /// The server whose words a call to `server` repeats; `None` if it repeats none.
    pub(super) fn take(&mut self, on: (u32, u32)) -> Option<SocketAddr> {
        self.calls.remove(&on)
    }

    /// Whether it was not told yet that words of one server go to another.
    pub(super) fn is_new(&mut self, from: SocketAddr, to: SocketAddr) -> bool {
        self.told.len() < MAX_TOLD && self.told.insert((from, to))
    }

    fn add(&mut self, hash: u64, from: Option<SocketAddr>) {
        if self.words.len() >= MAX_WORDS
            && let Some(oldest) = self.order.pop_front()
        {
            self.words.remove(&oldest);
        }
        self.words.insert(hash, from);
        self.order.push_back(hash);
    }
}

/// Hashes of the distinctive words of a JSON text: long, of letters and digits.
fn words(bytes: &[u8]) -> impl Iterator<Item = u64> {
    let is_word =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'=' | b'~');
    let mut at = 0;
    let next = move || {
        let start = at + bytes.get(at..)?.iter().position(is_word)?;
        let len = bytes.get(start..)?.iter().take_while(|byte| is_word(byte)).count();
        at = start + len;
        // The letter of an escape, or its four digits, belong to no word.
        let is_escape = start.checked_sub(1).and_then(|before| bytes.get(before)) == Some(&b'\\');
        let escape = match bytes.get(start) {
            Some(b'u') if is_escape => 5,
            _ => usize::from(is_escape),
        };
        Some(bytes.get(start + escape..at).unwrap_or_default())
    };
    std::iter::from_fn(next)
        .filter(|word| is_distinctive(word))
        .map(|word| text::digest(std::str::from_utf8(word).unwrap_or_default()))
}

/// Whether a word is no name of a constant or of a file, which have few digits.
fn is_distinctive(word: &[u8]) -> bool {
    let digits = word.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = word.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    (MIN_WORD..=MAX_WORD).contains(&word.len()) && digits >= 4 && letters >= 4
}
