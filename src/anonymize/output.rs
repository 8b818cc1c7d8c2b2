//! The replaced bytes of one direction of a connection, by their offset.

use std::collections::VecDeque;

use super::words::{MAX_WORD, Words};

/// How a word is replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Rule {
    /// By another one, unless it is public.
    #[default]
    Word,
    /// By another one, even if it is public: it is part of a sentence.
    Prose,
    /// As [`Rule::Word`], but a number and a date stay.
    Digits,
    /// It is a number of JSON.
    Number,
    /// As [`Rule::Number`], but a code of JSON-RPC or HTTP stays.
    Code,
    /// It stays.
    Keep,
}

/// What is being collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pending {
    Word(Rule),
    /// `%` and two hexadecimal digits (RFC 3986 section 2.1).
    Percent(Rule),
    /// The four hexadecimal digits of an escape of JSON.
    Unicode(Rule),
}

/// Where in a URL the text is, as far as the port is concerned: it stays, as in the packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Url {
    #[default]
    Elsewhere,
    /// Behind `/`.
    Slash,
    /// Behind `//`.
    Host,
    /// Behind the colon that follows.
    Port,
}

impl Url {
    fn next(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Slash, b'/') => Self::Host,
            (_, b'/') => Self::Slash,
            (Self::Host, b':') => Self::Port,
            (Self::Host, _) if is_word(byte) => Self::Host,
            (Self::Port, b'0'..=b'9') => Self::Port,
            _ => Self::Elsewhere,
        }
    }
}

/// Replaced bytes. Those of a word stand for themselves until the word is complete.
#[derive(Debug)]
pub(super) struct Output {
    /// Offset of the first byte that is kept.
    base: u64,
    /// The bytes as they were, and as they are replaced.
    original: Vec<u8>,
    replaced: Vec<u8>,
    /// The word that is not complete, and the offset of each of its bytes: the framing of chunks
    /// may stand between two of them.
    word: Vec<u8>,
    places: Vec<(u64, u8)>,
    pending: Pending,
    /// What the next byte is masked with (RFC 6455 section 5.3); 0 if it is not. Every byte that is
    /// added is one without the mask.
    mask: u8,
    /// The number of bytes at which the oldest ones are forgotten.
    trim_at: usize,
    url: Url,
    /// Begin and end of what can only be cut off, ascending.
    cuts: VecDeque<(u64, u64)>,
}

/// Replaced bytes that are kept, for packets that are sent again.
pub(super) const MAX_KEPT: usize = 128 << 10;

impl Output {
    /// Begins at an offset.
    pub(super) fn new(base: u64) -> Self {
        Self {
            base,
            original: Vec::new(),
            replaced: Vec::new(),
            word: Vec::new(),
            places: Vec::new(),
            pending: Pending::Word(Rule::Word),
            mask: 0,
            trim_at: 2 * MAX_KEPT,
            url: Url::default(),
            cuts: VecDeque::new(),
        }
    }

    /// Masks the bytes that are added from now on.
    pub(super) fn set_mask(&mut self, mask: u8) {
        self.mask = mask;
    }

    /// The offset behind the last byte.
    pub(super) fn end(&self) -> u64 {
        self.base + self.replaced.len() as u64
    }

    /// The offset up to which bytes are replaced for good.
    pub(super) fn done(&self) -> u64 {
        self.places.first().map_or_else(|| self.end(), |(place, _)| *place)
    }

    /// What is allocated, in bytes.
    pub(super) fn allocated(&self) -> usize {
        self.original.capacity() + self.replaced.capacity() + self.cuts.capacity() * size_of::<(u64, u64)>()
    }

    /// Adds a byte that does not interrupt a word: framing.
    pub(super) fn frame(&mut self, byte: u8) {
        self.push(byte, byte);
    }

    /// Adds a byte that is replaced by another one, and does not interrupt a word.
    pub(super) fn push(&mut self, original: u8, replaced: u8) {
        self.original.push(original ^ self.mask);
        self.replaced.push(replaced ^ self.mask);
    }

    /// Adds a byte that stays.
    pub(super) fn keep(&mut self, byte: u8, words: &mut Words) {
        self.end_word(words);
        self.url = self.url.next(byte);
        self.push(byte, byte);
    }

    /// Adds a byte that becomes 0.
    pub(super) fn clear(&mut self, byte: u8, words: &mut Words) {
        self.end_word(words);
        self.push(byte, 0);
    }

    /// Adds a byte that is cut off from its packet, with everything behind it there.
    pub(super) fn cut(&mut self, byte: u8, words: &mut Words) {
        self.end_word(words);
        let at = self.end();
        match self.cuts.back_mut() {
            Some((_, end)) if *end == at => *end += 1,
            _ => self.cuts.push_back((at, at + 1)),
        }
        self.push(byte, 0);
    }

    /// Adds a byte of text: a part of a word, or what separates words, which stays.
    pub(super) fn text(&mut self, byte: u8, rule: Rule, words: &mut Words) {
        // What looked like a port was a password.
        if self.url == Url::Port && byte == b'@' && self.pending == Pending::Word(Rule::Digits) {
            self.pending = Pending::Word(Rule::Word);
        }
        if is_word(byte) {
            self.url = self.url.next(byte);
        }
        let is_port = self.url == Url::Port && rule != Rule::Keep;
        let rule = if is_port { Rule::Digits } else { rule };
        if let (Pending::Percent(_), false) = (self.pending, self.word.is_empty()) {
            if self.word.len() < 3 && byte.is_ascii_hexdigit() {
                self.collect(byte);
                if self.word.len() == 3 {
                    self.end_word(words);
                }
                return;
            }
            self.end_word(words);
        }
        if byte == b'%' && rule != Rule::Keep {
            self.end_word(words);
            self.pending = Pending::Percent(rule);
            self.collect(byte);
        } else if is_word(byte) {
            self.word(byte, rule, words);
        } else if byte < b' ' && !matches!(byte, b'\t' | b'\r' | b'\n') {
            self.clear(byte, words);
        } else {
            self.keep(byte, words);
        }
    }

    /// Adds a byte of a word.
    pub(super) fn word(&mut self, byte: u8, rule: Rule, words: &mut Words) {
        // A character is not divided.
        if self.word.len() >= MAX_WORD && !matches!(byte, 0x80..=0xbf) || self.word.len() >= MAX_WORD + 3 {
            self.end_word(words);
        }
        if self.word.is_empty() {
            self.pending = Pending::Word(rule);
        }
        self.collect(byte);
    }

    /// Adds one of the four digits of a `\u` escape.
    pub(super) fn unicode(&mut self, byte: u8, rule: Rule, words: &mut Words) {
        if self.pending != Pending::Unicode(rule) {
            self.end_word(words);
            self.pending = Pending::Unicode(rule);
        }
        self.collect(byte);
        if self.word.len() == 4 {
            self.end_word(words);
        }
    }

    /// The first byte of the word that is being collected, and its last one; `None` between words.
    pub(super) fn pending(&self) -> Option<(u8, u8)> {
        self.word.first().copied().zip(self.word.last().copied())
    }

    fn collect(&mut self, byte: u8) {
        self.places.push((self.end(), self.mask));
        self.word.push(byte);
        // Nobody sees it: it is replaced before it is used.
        self.push(byte, b'x');
    }

    /// Replaces the word that is complete now.
    pub(super) fn end_word(&mut self, words: &mut Words) {
        if self.word.is_empty() {
            return;
        }
        match self.pending {
            Pending::Word(rule) => replace_word(&mut self.word, rule, words),
            Pending::Percent(_) => replace_percent(&mut self.word),
            Pending::Unicode(rule) => replace_unicode(&mut self.word, rule),
        }
        for ((place, mask), byte) in self.places.drain(..).zip(&self.word) {
            let at = usize::try_from(place - self.base).unwrap_or(usize::MAX);
            if let Some(replaced) = self.replaced.get_mut(at) {
                *replaced = *byte ^ mask;
            }
        }
        self.word.clear();
        self.pending = Pending::Word(Rule::Word);
    }

    /// Continues behind `len` bytes that are missing.
    pub(super) fn skip(&mut self, len: u64, words: &mut Words) {
        self.end_word(words);
        match usize::try_from(len).ok().filter(|len| *len <= MAX_KEPT) {
            Some(len) => {
                self.original.resize(self.original.len() + len, 0);
                self.replaced.resize(self.replaced.len() + len, 0);
            }
            None => {
                self.base = self.end() + len;
                self.forget_all();
            }
        }
    }

    /// Whether more bytes are kept than have to be.
    pub(super) fn is_long(&self) -> bool {
        self.replaced.len() >= self.trim_at
    }

    /// Forgets the oldest bytes, but those from `needed` on. To be called if the output is long: so
    /// each byte is moved once at most.
    pub(super) fn trim(&mut self, needed: u64) {
        let needed = needed.min(self.done()).saturating_sub(self.base);
        let unneeded = usize::try_from(needed).unwrap_or(usize::MAX);
        let count = unneeded.min(self.replaced.len().saturating_sub(MAX_KEPT));
        self.original.drain(..count);
        self.replaced.drain(..count);
        self.base += count as u64;
        self.forget_cuts();
        self.trim_at = self.replaced.len() + MAX_KEPT;
    }

    /// Forgets all bytes, which must be replaced for good, and frees their memory.
    pub(super) fn forget_all(&mut self) {
        if self.places.is_empty() {
            self.base = self.end();
            self.trim_at = 2 * MAX_KEPT;
            (self.original, self.replaced) = (Vec::new(), Vec::new());
            self.forget_cuts();
        }
    }

    fn forget_cuts(&mut self) {
        while self.cuts.pop_front_if(|(_, end)| *end <= self.base).is_some() {}
        if self.cuts.is_empty() {
            self.cuts = VecDeque::new();
        }
    }

    /// Returns the offset, from `begin` on and before `end`, from which a packet is cut off; `None`
    /// if it is not.
    pub(super) fn cut_between(&self, begin: u64, end: u64) -> Option<u64> {
        let at = self.cuts.partition_point(|(_, cut_end)| *cut_end <= begin);
        self.cuts.get(at).map(|(cut, _)| (*cut).max(begin)).filter(|cut| *cut < end)
    }

    /// Replaces the bytes of a packet that begin at an offset. A byte that differs from what was
    /// sent there before differs from its replacement, too. Returns the number of bytes that are no
    /// longer known, which become 0.
    pub(super) fn apply(&self, offset: u64, bytes: &mut [u8]) -> usize {
        let mut unknown = 0;
        for (i, byte) in bytes.iter_mut().enumerate() {
            let at = (offset + i as u64).checked_sub(self.base).and_then(|at| usize::try_from(at).ok());
            let known = at.and_then(|at| Some((self.original.get(at)?, self.replaced.get(at)?)));
            *byte = match known {
                Some((original, replaced)) if original == byte => *replaced,
                Some((_, b'x')) => b'y',
                Some(_) => b'x',
                None => {
                    unknown += 1;
                    0
                }
            };
        }
        unknown
    }
}

/// Whether a byte is part of a word.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | 0x80..)
}

fn replace_word(word: &mut [u8], rule: Rule, words: &mut Words) {
    match rule {
        Rule::Keep => {}
        Rule::Code if is_code(word) => {}
        Rule::Code => replace_word(word, Rule::Number, words),
        Rule::Digits if is_digits(word) => {}
        Rule::Word | Rule::Digits => words.replace(word, true),
        Rule::Prose => words.replace(word, false),
        Rule::Number if is_number(word) => words.replace_number(word),
        Rule::Number => words.replace(word, true),
    }
}

/// Whether a word is a number without sign, or a date as in the revisions of MCP.
fn is_digits(word: &[u8]) -> bool {
    let count = |other: u8| word.iter().filter(|byte| **byte == other).count();
    let are_digits = word.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
    are_digits && matches!((count(b'.'), count(b'-'), word.len()), (0 | 1, 0, 1..=12) | (0, 2, 10))
}

/// Whether a word is a code: of the range that JSON-RPC 2.0 reserves, or of three digits.
fn is_code(word: &[u8]) -> bool {
    let digits = word.strip_prefix(b"-32").unwrap_or(word);
    digits.len() <= 3 && digits.iter().all(u8::is_ascii_digit)
}

/// Whether a word is a number of JSON (RFC 8259 section 6). It accepts more, which is no JSON.
fn is_number(word: &[u8]) -> bool {
    let digits = word.strip_prefix(b"-").unwrap_or(word);
    digits.first().is_some_and(u8::is_ascii_digit)
        && digits.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'))
        && (!digits.iter().any(|byte| matches!(byte, b'-' | b'+' | b'e' | b'E')) || is_exponential(digits))
}

/// Whether digits are followed by an exponent.
fn is_exponential(digits: &[u8]) -> bool {
    let Some(at) = digits.iter().position(|byte| matches!(byte, b'e' | b'E')) else { return false };
    let (mantissa, exponent) = digits.split_at(at);
    let exponent = exponent.get(1..).unwrap_or_default();
    let exponent = exponent.strip_prefix(b"+").or_else(|| exponent.strip_prefix(b"-")).unwrap_or(exponent);
    mantissa.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
        && !exponent.is_empty()
        && exponent.iter().all(u8::is_ascii_digit)
}

/// Replaces an escape of a URL. That of a character which separates words stays.
fn replace_percent(escape: &mut [u8]) {
    let digits = escape.get(1..).filter(|digits| digits.len() == 2);
    let value = digits.and_then(|digits| std::str::from_utf8(digits).ok());
    let Some(value) = value.and_then(|digits| u8::from_str_radix(digits, 16).ok()) else {
        // `%` alone, or with one digit.
        escape.iter_mut().skip(1).for_each(|byte| *byte = b'0');
        return;
    };
    if is_word(value) && !matches!(value, b'_' | b'-' | b'.') {
        escape.copy_from_slice(b"%78");
    }
}

/// Replaces the digits of an escape. That of a control character or of one that separates words
/// stays.
fn replace_unicode(digits: &mut [u8], rule: Rule) {
    let value = std::str::from_utf8(digits).ok().and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let replaced = match value {
        _ if rule == Rule::Keep => return,
        Some(value) if value < 0x80 && !is_word(value as u8) => return,
        Some(0xd800..0xdc00) => b"d83d",
        Some(0xdc00..0xe000) => b"de00",
        Some(0..0x80) => b"0078",
        // No escape at all stays none.
        None => b"zzzz",
        Some(_) => b"5b57",
    };
    let len = digits.len();
    digits.copy_from_slice(replaced.get(..len).unwrap_or(b"zzzz"));
}
