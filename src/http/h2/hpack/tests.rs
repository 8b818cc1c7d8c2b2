use std::collections::VecDeque;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::base::limits;

/// How an encoder sends a field.
#[derive(Clone, Copy, Debug)]
pub(in crate::http::h2) enum Form {
    /// As an index if the table has the field, else as a literal that is added.
    Added,
    /// As a literal that is not added.
    NotAdded,
    /// As a literal that no intermediary may add.
    Never,
}

/// An encoder by the letter of RFC 7541: the oracle of the decoder. Its table is a plain list.
#[derive(Debug)]
pub(in crate::http::h2) struct Encoder {
    entries: VecDeque<(Vec<u8>, Vec<u8>)>,
    max: usize,
    pub(in crate::http::h2) huffman: bool,
}

impl Default for Encoder {
    fn default() -> Self {
        Self { entries: VecDeque::new(), max: 4096, huffman: true }
    }
}

impl Encoder {
    pub(in crate::http::h2) fn resize(&mut self, max: usize, out: &mut Vec<u8>) {
        self.max = max;
        self.evict();
        integer(0x20, 5, max, out);
    }

    pub(in crate::http::h2) fn field(&mut self, (name, value): (&str, &str), form: Form, out: &mut Vec<u8>) {
        let (name, value) = (name.as_bytes(), value.as_bytes());
        let fixed = static_table::STATIC.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let all = fixed.chain(self.entries.iter().map(|(name, value)| (&name[..], &value[..])));
        let (mut same, mut same_name) = (None, None);
        for (index, entry) in all.enumerate() {
            if entry == (name, value) {
                same.get_or_insert(index + 1);
            }
            if entry.0 == name {
                same_name.get_or_insert(index + 1);
            }
        }
        let (first, prefix) = match (form, same) {
            (Form::Added, Some(index)) => return integer(0x80, 7, index, out),
            (Form::Added, None) => (0x40, 6),
            (Form::NotAdded, _) => (0, 4),
            (Form::Never, _) => (0x10, 4),
        };
        integer(first, prefix, same_name.unwrap_or(0), out);
        if same_name.is_none() {
            self.string(name, out);
        }
        self.string(value, out);
        if matches!(form, Form::Added) {
            self.entries.push_front((name.to_vec(), value.to_vec()));
            self.evict();
        }
    }

    fn evict(&mut self) {
        while self.entries.iter().map(|(name, value)| name.len() + value.len() + 32).sum::<usize>() > self.max
        {
            self.entries.pop_back();
        }
    }

    fn string(&self, text: &[u8], out: &mut Vec<u8>) {
        if self.huffman {
            let coded = huffman::tests::encode(text);
            integer(0x80, 7, coded.len(), out);
            out.extend(coded);
        } else {
            integer(0, 7, text.len(), out);
            out.extend(text);
        }
    }
}

fn integer(first: u8, prefix: u32, value: usize, out: &mut Vec<u8>) {
    let mask = (1usize << prefix) - 1;
    if value < mask {
        return out.push(first | value as u8);
    }
    out.push(first | mask as u8);
    let mut rest = value - mask;
    while rest >= 128 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// The decoded fields as lines; `?` for what is not known.
fn lines(fields: &Fields) -> Vec<String> {
    let shown =
        |text: Option<&[u8]>| text.map_or("?".to_owned(), |text| String::from_utf8_lossy(text).into());
    fields.iter().map(|(name, value)| format!("{}: {}", shown(name), shown(value))).collect()
}

fn decode(decoder: &mut Decoder, block: &[u8]) -> (Vec<String>, Result<(), Error>) {
    let mut fields = Fields::default();
    let result = decoder.decode(block, &mut fields);
    (lines(&fields), result)
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// RFC 7541 appendix C.4: three requests of one connection, with Huffman code.
#[test]
fn requests_of_the_rfc_are_decoded() {
    let mut decoder = Decoder::new();
    for (block, fields) in [
        (
            "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
            &[":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"][..],
        ),
        (
            "8286 84be 5886 a8eb 1064 9cbf",
            &[
                ":method: GET",
                ":scheme: http",
                ":path: /",
                ":authority: www.example.com",
                "cache-control: no-cache",
            ],
        ),
        (
            "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
            &[
                ":method: GET",
                ":scheme: https",
                ":path: /index.html",
                ":authority: www.example.com",
                "custom-key: custom-value",
            ],
        ),
    ] {
        assert_eq!(
            decode(&mut decoder, &bytes(block)),
            (fields.iter().map(|field| (*field).to_owned()).collect(), Ok(()))
        );
    }
    assert_eq!(decoder.table.size(), 164, "the size that the RFC gives");
}

/// RFC 7541 appendix C.5: responses that evict entries from a table of 256 bytes.
#[test]
fn evicted_entries_are_gone() {
    let mut decoder = Decoder::new();
    let mut fields = Fields::default();
    decoder.decode(&bytes("3fe1 01"), &mut fields).unwrap();
    for block in [
        "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "4803 3330 37c1 c0bf",
    ] {
        fields.clear();
        decoder.decode(&bytes(block), &mut fields).unwrap();
    }
    assert_eq!(
        lines(&fields),
        [
            ":status: 307",
            "cache-control: private",
            "date: Mon, 21 Oct 2013 20:13:21 GMT",
            "location: https://www.example.com"
        ]
    );
    assert_eq!(decoder.table.size(), 222);
    assert_eq!(decode(&mut decoder, &[0x80 | 66]).1, Err(Error::BadIndex(66)), ":status: 302 was evicted");
}

#[test]
fn invalid_blocks_say_why() {
    for (block, error) in [
        (&[0x80][..], Error::BadIndex(0)),
        (&[0x80 | 62], Error::BadIndex(62)),
        (&[0x82, 0x3f, 0x01], Error::LateResize),
        (&[0x40], Error::Cut),
        (&[0x40, 0x05, b'a'], Error::Cut),
        (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Error::BadInteger),
        (&[0x7f, 0xff, 0xff, 0xff, 0xff, 0x0f], Error::BadInteger),
        (&[0x41, 0x84, 0xff, 0xff, 0xff, 0xff], Error::BadHuffman),
    ] {
        assert_eq!(decode(&mut Decoder::new(), block).1, Err(error), "{block:x?}");
    }
}

/// A capture that starts in the middle: what the static table, literals and later additions say is
/// known, and the rest is known to be unknown.
#[test]
fn an_entry_from_before_the_capture_is_unknown_and_no_error() {
    let mut encoder = Encoder::default();
    let mut before = Vec::new();
    for field in [(":path", "/mcp"), ("mcp-session-id", "s1")] {
        encoder.field(field, Form::Added, &mut before);
    }
    let mut decoder = Decoder::new();
    decoder.lose(Degraded::MIDSTREAM);
    let mut block = Vec::new();
    for field in [(":method", "POST"), (":path", "/mcp"), ("mcp-session-id", "s2"), ("content-length", "7")] {
        encoder.field(field, Form::Added, &mut block);
    }
    let mut fields = Fields::default();
    assert_eq!(decoder.decode(&block, &mut fields), Ok(()));
    assert_eq!(lines(&fields), [":method: POST", "?: ?", "?: s2", "content-length: 7"]);
    assert_eq!(fields.unknown(), Degraded::MIDSTREAM);

    // What was added since is known, what it repeats of an unknown entry is not.
    let mut block = Vec::new();
    for field in [("content-length", "7"), ("mcp-session-id", "s2"), (":path", "/mcp")] {
        encoder.field(field, Form::Added, &mut block);
    }
    fields.clear();
    assert_eq!(decoder.decode(&block, &mut fields), Ok(()));
    assert_eq!(lines(&fields), ["content-length: 7", "?: s2", "?: ?"]);
    assert_eq!(fields.unknown(), Degraded::MIDSTREAM);

    // A table that is emptied has no unknown entry any more.
    let mut block = Vec::new();
    encoder.resize(0, &mut block);
    encoder.resize(4096, &mut block);
    encoder.field(("a", "b"), Form::Added, &mut block);
    fields.clear();
    assert_eq!(decoder.decode(&block, &mut fields), Ok(()));
    assert_eq!(decode(&mut decoder, &[0x80 | 63]).1, Err(Error::BadIndex(63)));
}

/// A block of indices, each of which stands for a long field: 16 KiB would become 64 MiB.
#[test]
fn a_bomb_of_indices_stays_within_the_cap() {
    let (mut encoder, mut block) = (Encoder { huffman: false, ..Encoder::default() }, Vec::new());
    encoder.field(("x", &"y".repeat(4000)), Form::Added, &mut block);
    block.resize(16_384, 0x80 | 62);
    let (mut decoder, mut fields) = (Decoder::new(), Fields::default());
    assert_eq!(decoder.decode(&block, &mut fields), Ok(()));
    assert!(fields.is_cut());
    assert!(fields.len() <= limits::MAX_HEAD);
    fields.clear();
    assert!(fields.held() <= 1 << 15, "a bomb keeps no memory");
}

/// A field of a block: an index into a few names and values, so that fields repeat, and its form.
fn field() -> impl Strategy<Value = (String, String, Form)> {
    let name =
        prop_oneof!["[a-d]", Just(":status".to_owned()), Just("content-type".to_owned()), "[a-z-]{1,40}"];
    let value = prop_oneof!["[0-3]", Just("200".to_owned()), "\\PC{0,60}"];
    let form = prop_oneof![4 => Just(Form::Added), 1 => Just(Form::NotAdded), 1 => Just(Form::Never)];
    (name, value, form)
}

/// The changes of the table's size at the front of a block, its fields, and whether Huffman code is
/// used.
type Block = (Vec<usize>, Vec<(String, String, Form)>, bool);

fn blocks() -> impl Strategy<Value = Vec<Block>> {
    vec((vec(0usize..300, 0..3), vec(field(), 0..12), any::<bool>()), 1..12)
}

fn encode(encoder: &mut Encoder, (sizes, fields, huffman): &Block) -> Vec<u8> {
    let mut out = Vec::new();
    encoder.huffman = *huffman;
    sizes.iter().for_each(|size| encoder.resize(*size, &mut out));
    fields.iter().for_each(|(name, value, form)| encoder.field((name, value), *form, &mut out));
    out
}

proptest! {
    #[test]
    fn what_an_encoder_writes_is_read(blocks in blocks()) {
        let (mut encoder, mut decoder) = (Encoder::default(), Decoder::new());
        for block in &blocks {
            let (got, result) = decode(&mut decoder, &encode(&mut encoder, block));
            let expected: Vec<String> = block.1.iter().map(|(name, value, _)| format!("{name}: {value}")).collect();
            prop_assert_eq!(result, Ok(()));
            prop_assert_eq!(got, expected);
        }
    }

    /// A decoder that joins later never reads anything else than what was written: each name and
    /// each value is right or unknown.
    #[test]
    fn what_is_read_from_the_middle_is_right_or_unknown(blocks in blocks(), from in 0usize..12) {
        let (mut encoder, mut decoder) = (Encoder::default(), Decoder::new());
        decoder.lose(Degraded::GAP);
        for (n, block) in blocks.iter().enumerate() {
            let coded = encode(&mut encoder, block);
            if n < from {
                continue;
            }
            let mut fields = Fields::default();
            prop_assert_eq!(decoder.decode(&coded, &mut fields), Ok(()));
            let got: Vec<Field<'_>> = fields.iter().collect();
            prop_assert_eq!(got.len(), block.1.len());
            for ((name, value), (wanted_name, wanted_value, _)) in got.iter().zip(&block.1) {
                prop_assert!(name.is_none_or(|name| name == wanted_name.as_bytes()));
                prop_assert!(value.is_none_or(|value| value == wanted_value.as_bytes()));
            }
            let lacks = got.iter().any(|(name, value)| name.is_none() || value.is_none());
            prop_assert_eq!(lacks, fields.unknown().any());
        }
    }

    #[test]
    fn anything_is_decoded_or_invalid_within_the_caps(block in vec(any::<u8>(), 0..300), lost in any::<bool>()) {
        let (mut decoder, mut fields) = (Decoder::new(), Fields::default());
        if lost {
            decoder.lose(Degraded::GAP);
        }
        for _ in 0..3 {
            let _ = decoder.decode(&block, &mut fields);
            prop_assert!(decoder.table.size() <= limits::MAX_HEADER_TABLE);
            prop_assert!(fields.len() <= limits::MAX_HEAD);
        }
    }
}
