//! Replaces words by others of the same length and shape.
//!
//! A word is replaced by a keyed permutation of all words of its shape: a Feistel network over its
//! letters and digits (as FF1 of NIST SP 800-38G), repeated until the result is of the same shape
//! and no word of the [vocabulary]. So equal words have equal replacements and different words
//! different ones, without a table of what was seen.

use std::collections::HashMap;
use std::ops::Range;

use foldhash::fast::RandomState;

use super::key::Key;
use super::vocabulary;

/// The longest word, in bytes; a longer one is replaced in pieces.
pub(super) const MAX_WORD: usize = 256;

/// Words that are remembered, and the longest of them.
const MAX_REMEMBERED: usize = 32_768;
const LONGEST_REMEMBERED: usize = 40;

/// Shortest text of hexadecimal digits that stays one, as in ids.
const MIN_HEX: usize = 8;

/// The rounds of the network (NIST SP 800-38G uses ten for small alphabets; what is protected here
/// is what cannot be guessed by the frequency of words anyway).
const ROUNDS: u8 = 8;

/// Results of another shape in a row. The shapes are chosen so that one in a few fits.
const MAX_TRIES: u32 = 10_000;

/// What has to be the same of a word and its replacement, beside the class of each character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// Hexadecimal digits in groups.
    Hex,
    /// An IPv4 address.
    Ipv4,
    /// Any other.
    Plain,
}

/// One place of a word: what may stand there.
#[derive(Clone, Copy, Debug)]
struct Place {
    at: usize,
    first: u8,
    size: u8,
}

/// Replaces words.
#[derive(Debug)]
pub(super) struct Words {
    key: Key,
    known: HashMap<Box<[u8]>, Box<[u8]>, RandomState>,
}

impl Words {
    pub(super) fn new(key: Key) -> Self {
        Self { key, known: HashMap::default() }
    }

    /// Replaces a word in place; one of the vocabulary stays if `keeps_vocabulary`.
    pub(super) fn replace(&mut self, word: &mut [u8], keeps_vocabulary: bool) {
        if keeps_vocabulary && vocabulary::contains(word) || is_zero(word) {
            return;
        }
        if let Some(known) = self.known.get(&*word) {
            word.copy_from_slice(known);
            return;
        }
        let before: Box<[u8]> = (&*word).into();
        self.permute(word);
        if before.len() <= LONGEST_REMEMBERED {
            if self.known.len() >= MAX_REMEMBERED {
                self.known.clear();
            }
            self.known.insert(before, (&*word).into());
        }
    }

    /// Replaces the digits of a JSON number in place.
    pub(super) fn replace_number(&mut self, number: &mut [u8]) {
        let mantissa = number.iter().position(|byte| matches!(byte, b'e' | b'E')).unwrap_or(number.len());
        if let Some(mantissa) = number.get_mut(..mantissa) {
            self.replace(mantissa, false);
        }
    }

    /// Replaces the words in a short text in place.
    pub(super) fn replace_text(&mut self, text: &mut [u8]) {
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | 0x80..);
        for word in text.split_mut(|byte| !is_part(byte)) {
            for piece in word.chunks_mut(MAX_WORD) {
                self.replace(piece, true);
            }
        }
    }

    /// Replaces random bytes in place by other ones.
    pub(super) fn replace_random(&self, bytes: &mut [u8]) {
        for block in bytes.chunks_mut(32) {
            let random = self.key.of_words(&[b"random", block]);
            block.iter_mut().zip(random.as_ref()).for_each(|(byte, random)| *byte = *random);
        }
    }

    /// Replaces a word that is not in the vocabulary.
    fn permute(&mut self, word: &mut [u8]) {
        if let Some((octets, shape)) = octets(word) {
            return self.permute_octets(word, &octets, shape);
        }
        let shape = shape(word);
        let places = places(word, shape);
        let was_public = vocabulary::contains(word);
        let mut symbols: Vec<u8> = places
            .iter()
            .map(|place| word.get(place.at).map_or(0, |byte| byte.wrapping_sub(place.first) % place.size))
            .collect();
        for _ in 0..MAX_TRIES {
            self.network(&mut symbols, &places);
            for (place, symbol) in places.iter().zip(&symbols) {
                if let Some(byte) = word.get_mut(place.at) {
                    *byte = place.first + symbol;
                }
            }
            let is_public = !was_public && vocabulary::contains(word);
            if !is_public && !is_zero(word) && self::shape(word) == shape {
                break;
            }
        }
    }

    /// Replaces the octets of an IPv4 address that may change, each by one of as many digits.
    fn permute_octets(&mut self, word: &mut [u8], octets: &[Range<usize>; 4], fixed: usize) {
        let mut symbols = [0_u8; 4];
        let mut places = [Place { at: 0, first: 0, size: 1 }; 4];
        for (i, ((symbol, place), octet)) in symbols.iter_mut().zip(&mut places).zip(octets).enumerate() {
            let digits = word.get(octet.clone()).unwrap_or_default();
            let value = digits.iter().fold(0_u32, |value, digit| value * 10 + u32::from(digit - b'0'));
            let (first, size) = match digits {
                _ if i < fixed => (value, 1),
                [b'0'] => (0, 1),
                [_] => (1, 9),
                [_, _] => (10, 90),
                _ => (100, 156),
            };
            // All of them are at most 255.
            *place = Place { at: i, first: first as u8, size: size as u8 };
            *symbol = (value - first) as u8;
        }
        for _ in 0..MAX_TRIES {
            self.network(&mut symbols, &places);
            for ((symbol, place), octet) in symbols.iter().zip(&places).zip(octets) {
                let text = (place.first + symbol).to_string();
                if let Some(digits) = word.get_mut(octet.clone()).filter(|digits| digits.len() == text.len())
                {
                    digits.copy_from_slice(text.as_bytes());
                }
            }
            if self::octets(word).is_some_and(|(_, now)| now == fixed) {
                break;
            }
        }
    }

    /// Permutes the symbols: adds to each half what follows from the other one.
    fn network(&self, symbols: &mut [u8], places: &[Place]) {
        let (places_left, places_right) = places.split_at(places.len() / 2);
        let (left, right) = symbols.split_at_mut(places_left.len());
        // Words of another shape are permuted in another way.
        let mut sizes = [0; MAX_WORD + 4];
        for (size, place) in sizes.iter_mut().zip(places) {
            *size = place.size;
        }
        let sizes = sizes.get(..places.len()).unwrap_or_default();
        for round in 0..ROUNDS {
            if round % 2 == 0 {
                self.add((right, places_right), left, &[&[round], sizes]);
            } else {
                self.add((left, places_left), right, &[&[round], sizes]);
            }
        }
    }

    fn add(&self, (half, places): (&mut [u8], &[Place]), other: &[u8], tweak: &[&[u8]; 2]) {
        let [round, sizes] = tweak;
        for (block, (half, places)) in half.chunks_mut(16).zip(places.chunks(16)).enumerate() {
            let random = self.key.of_words(&[round, &[block as u8], sizes, other]);
            for ((symbol, place), random) in half.iter_mut().zip(places).zip(random.as_ref().chunks(2)) {
                let random = random.iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte));
                let size = u32::from(place.size);
                *symbol = ((u32::from(*symbol) + random) % size) as u8;
            }
        }
    }
}

/// Whether a word has digits and all of them, and nothing else, are 0: a placeholder.
fn is_zero(word: &[u8]) -> bool {
    let mut symbols = word.iter().filter(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii()).peekable();
    symbols.peek().is_none() || symbols.all(|byte| *byte == b'0')
}

/// The octets of an IPv4 address, and how many of them stay so that its kind does; `None` for
/// another word.
fn octets(word: &[u8]) -> Option<([Range<usize>; 4], usize)> {
    let text = std::str::from_utf8(word).ok()?;
    let [a, b, ..] = text.parse::<std::net::Ipv4Addr>().ok()?.octets();
    let mut ranges = [const { 0..0 }; 4];
    let mut at = 0;
    for (range, octet) in ranges.iter_mut().zip(text.split('.')) {
        *range = at..at + octet.len();
        at += octet.len() + 1;
    }
    let fixed = match (a, b) {
        (0 | 127 | 224..=255, _) => 4,
        (172, 16..=31) | (192, 168) | (169, 254) => 2,
        (10, _) => 1,
        _ => 0,
    };
    Some((ranges, fixed))
}

fn shape(word: &[u8]) -> Shape {
    if octets(word).is_some() {
        return Shape::Ipv4;
    }
    let mut letters = word.iter().filter(|byte| byte.is_ascii_alphanumeric());
    let (mut count, mut digits) = (0, 0);
    let is_hex = word.is_ascii()
        && letters.all(|byte| {
            count += 1;
            digits += usize::from(byte.is_ascii_digit());
            byte.is_ascii_hexdigit()
        });
    if is_hex && count >= MIN_HEX && digits > 0 && digits < count { Shape::Hex } else { Shape::Plain }
}

/// The places of a word that change, each with the characters that may stand there. Of characters
/// beyond ASCII (UTF-8), what does not change is replaced here already.
fn places(word: &mut [u8], shape: Shape) -> Vec<Place> {
    let mut places = Vec::with_capacity(word.len());
    let mut at = 0;
    let letters = if shape == Shape::Hex { 6 } else { 26 };
    let mut is_first = true;
    while let Some(first) = word.get(at) {
        let range = match *first {
            // A number keeps its digits: it begins with none that can be left out.
            b'0' if is_first => None,
            b'1'..=b'9' if is_first => Some((b'1', 9)),
            b'0'..=b'9' => Some((b'0', 10)),
            b'a'..=b'z' => Some((b'a', letters)),
            b'A'..=b'Z' => Some((b'A', letters)),
            0x80.. => {
                let (len, changing) = beyond_ascii(word.get_mut(at..).unwrap_or_default());
                places.extend(changing.map(|i| Place { at: at + i, first: 0x80, size: 64 }));
                is_first = false;
                at += len;
                continue;
            }
            _ => None,
        };
        is_first &= !first.is_ascii_alphanumeric();
        places.extend(range.map(|(first, size)| Place { at, first, size }));
        at += 1;
    }
    places
}

/// Moves the character at the front into a block of letters of the same length in UTF-8. Returns
/// its length, and which of its bytes may become any continuation byte.
fn beyond_ascii(bytes: &mut [u8]) -> (usize, Range<usize>) {
    let is_next = |byte: &u8| matches!(byte, 0x80..=0xbf);
    match bytes {
        // A byte order mark stays.
        [0xef, 0xbb, 0xbf, ..] => (3, 0..0),
        // U+0100 to U+013F.
        [lead @ 0xc2..=0xdf, a, ..] if is_next(a) => {
            *lead = 0xc4;
            (2, 1..2)
        }
        // U+5000 to U+5FFF.
        [lead @ 0xe0..=0xef, a, b, ..] if is_next(a) && is_next(b) => {
            *lead = 0xe5;
            (3, 1..3)
        }
        // U+1F600 to U+1F63F.
        [lead @ 0xf0..=0xf4, a, b, c, ..] if is_next(a) && is_next(b) && is_next(c) => {
            (*lead, *a, *b) = (0xf0, 0x9f, 0x98);
            (4, 3..4)
        }
        [first, ..] => {
            *first = 0xff;
            (1, 0..0)
        }
        [] => (1, 0..0),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn replaced(words: &mut Words, word: &str) -> String {
        let mut bytes = word.as_bytes().to_vec();
        words.replace(&mut bytes, true);
        String::from_utf8(bytes).unwrap()
    }

    fn words() -> Words {
        Words::new(Key::of(b"test"))
    }

    #[test]
    fn public_words_stay_and_others_do_not() {
        let mut words = words();
        for word in ["tools", "Content-Type", "0", "00000000-0000-0000-0000-000000000000", "127.0.0.1"] {
            assert_eq!(replaced(&mut words, word), word);
        }
        for word in ["alice", "get-weather", "7f4d5d49-1c7e-4f2a-9d36-0b1e2f3a4c5d", "10.1.2.3", "42"] {
            let new = replaced(&mut words, word);
            assert_ne!(new, word);
            assert_eq!(new.len(), word.len());
            assert_eq!(replaced(&mut words, word), new, "each time the same");
        }
        let mut hidden = b"tools".to_vec();
        words.replace(&mut hidden, false);
        assert_ne!(hidden, b"tools");
    }

    #[test]
    fn shapes_are_kept() {
        let mut words = words();
        let uuid = replaced(&mut words, "7f4d5d49-1c7e-4f2a-9d36-0b1e2f3a4c5d");
        assert!(uuid.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'), "{uuid}");
        let private = replaced(&mut words, "192.168.17.201");
        assert!(private.starts_with("192.168."), "{private}");
        assert!(private.parse::<std::net::Ipv4Addr>().is_ok());
        let mut number = b"-120.50e10".to_vec();
        words.replace_number(&mut number);
        let text = String::from_utf8(number).unwrap();
        assert!(text.ends_with("e10") && text.parse::<f64>().unwrap() < -1e11, "{text}");
    }

    #[test]
    fn short_words_are_permuted() {
        let mut words = words();
        let mut seen = HashSet::new();
        for a in 'a'..='z' {
            for b in 'a'..='z' {
                assert!(seen.insert(replaced(&mut words, &format!("{a}{b}"))), "{a}{b}");
            }
        }
        let numbers: HashSet<_> = (0..1000).map(|n| replaced(&mut words, &n.to_string())).collect();
        assert_eq!(numbers.len(), 1000);
    }

    fn class(char: char) -> String {
        match char {
            '0'..='9' => "d".into(),
            'a'..='z' => "l".into(),
            'A'..='Z' => "u".into(),
            char if char.is_ascii() => char.into(),
            char => char.len_utf8().to_string(),
        }
    }

    proptest! {
        #[test]
        fn every_character_keeps_its_class(word in "[a-zA-Z0-9_.äß本😀-]{1,40}", long in "[a-f0-9]{200,256}") {
            let mut words = words();
            for word in [word, long] {
                let new = replaced(&mut words, &word);
                let classes = |text: &str| text.chars().map(class).collect::<String>();
                prop_assert_eq!(classes(&word), classes(&new));
                prop_assert_eq!(shape(word.as_bytes()), shape(new.as_bytes()));
            }
        }

        #[test]
        fn any_bytes_are_replaced_at_the_same_length(mut word in proptest::collection::vec(any::<u8>(), 0..260)) {
            let before = word.clone();
            words().replace(&mut word, true);
            prop_assert_eq!(before.len(), word.len());
            let valid = |bytes: &[u8]| std::str::from_utf8(bytes).map_err(|error| error.valid_up_to()).err();
            if std::str::from_utf8(&before).is_ok() {
                prop_assert_eq!(valid(&word), None);
            }
        }
    }
}
