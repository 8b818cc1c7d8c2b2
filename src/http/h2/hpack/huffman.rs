//! The Huffman code of HPACK (RFC 7541 appendix B).
//!
//! The code is canonical: codes of one length are consecutive numbers in the order of their
//! symbols, and the first code of a length follows the last one of the length before. So the
//! lengths define it.

/// Length in bits of the code of each byte. That of EOS is [`LONGEST`].
const LENGTHS: [u8; 256] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, //
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28, //
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, //
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, //
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, //
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, //
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, //
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, //
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, //
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, //
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, //
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, //
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, //
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, //
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, //
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
];

/// Length of the shortest code in bits.
const SHORTEST: usize = 5;

/// Length of the longest codes in bits, EOS among them.
const LONGEST: usize = 30;

/// The codes, by length.
static CODES: Codes = Codes::new();

struct Codes {
    /// The bytes in the order of their codes.
    symbols: [u8; 256],
    /// For each length: the first code that is longer, moved to the left end of 32 bits.
    ends: [u32; LONGEST + 1],
    /// For each length: the code of `symbols[0]` minus its position, if all had this length. The
    /// position of a code in `symbols` is the code minus this.
    bases: [u32; LONGEST + 1],
}

impl Codes {
    #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
    const fn new() -> Self {
        let mut codes = Self { symbols: [0; 256], ends: [0; LONGEST + 1], bases: [0; LONGEST + 1] };
        let (mut code, mut position, mut length) = (0u32, 0u32, SHORTEST);
        while length <= LONGEST {
            codes.bases[length] = code.wrapping_sub(position);
            let mut symbol = 0;
            while symbol < 256 {
                if LENGTHS[symbol] as usize == length {
                    codes.symbols[position as usize] = symbol as u8;
                    position += 1;
                    code += 1;
                }
                symbol += 1;
            }
            codes.ends[length] = code << (32 - length);
            code <<= 1;
            length += 1;
        }
        codes
    }

    /// Returns the byte whose code begins `window`, and the length of the code in bits; `None` for
    /// EOS.
    fn find(&self, window: u32) -> Option<(u8, usize)> {
        let lengths = self.ends.iter().zip(&self.bases).enumerate().skip(SHORTEST);
        for (length, (end, base)) in lengths {
            if window < *end {
                let position = (window >> (32 - length)).wrapping_sub(*base);
                return Some((*self.symbols.get(position as usize)?, length));
            }
        }
        None
    }
}

/// The bytes are no valid Huffman code: they contain EOS, or end in something other than at most 7
/// one bits (RFC 7541 section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Invalid;

/// Appends the decoded bytes to `out`; a byte of input becomes at most 1.6 bytes.
pub(super) fn decode(coded: &[u8], out: &mut Vec<u8>) -> Result<(), Invalid> {
    // The next bits stand at the left end of `bits`; `held` says how many there are.
    let (mut bits, mut held) = (0u64, 0usize);
    let mut rest = coded.iter();
    loop {
        while held <= 56 {
            let Some(byte) = rest.next() else { break };
            bits |= u64::from(*byte) << (56 - held);
            held += 8;
        }
        if held == 0 {
            return Ok(());
        }
        // Behind the last byte stand zeros. Padding is ones, so it is never taken for a code.
        match CODES.find((bits >> 32) as u32) {
            Some((byte, length)) if length <= held => {
                out.push(byte);
                bits <<= length;
                held -= length;
            }
            _ => {
                let is_padding = held < 8 && (bits >> (64 - held)) == (1 << held) - 1;
                return if is_padding { Ok(()) } else { Err(Invalid) };
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Encodes by the definition: each byte's code, then ones.
    pub(in super::super) fn encode(text: &[u8]) -> Vec<u8> {
        let code = |byte: u8| {
            let length = usize::from(LENGTHS[usize::from(byte)]);
            let position = CODES.symbols.iter().position(|symbol| *symbol == byte).unwrap();
            (CODES.bases[length].wrapping_add(position as u32), length)
        };
        let mut bits: Vec<bool> = Vec::new();
        for byte in text {
            let (code, length) = code(*byte);
            bits.extend((0..length).rev().map(|bit| code >> bit & 1 == 1));
        }
        while !bits.len().is_multiple_of(8) {
            bits.push(true);
        }
        bits.chunks(8).map(|byte| byte.iter().fold(0, |sum, bit| sum << 1 | u8::from(*bit))).collect()
    }

    fn decoded(coded: &[u8]) -> Result<Vec<u8>, Invalid> {
        let mut out = Vec::new();
        decode(coded, &mut out).map(|()| out)
    }

    /// Codes named in RFC 7541 appendix B, over all lengths.
    #[test]
    fn the_lengths_give_the_codes_of_the_rfc() {
        for (byte, code, length) in [
            (b'0', 0x0, 5),
            (b't', 0x9, 5),
            (b' ', 0x14, 6),
            (b':', 0x5c, 7),
            (b'&', 0xf8, 8),
            (b'!', 0x3f8, 10),
            (b'\\', 0x7fff0, 19),
            (0, 0x1ff8, 13),
            (0xc0, 0x3ff_ffe0, 26),
            (0xff, 0x3ff_ffee, 26),
            (0x0a, 0x3fff_fffc, 30),
            (0x16, 0x3fff_fffe, 30),
        ] {
            assert_eq!(CODES.find(code << (32 - length)), Some((byte, length)), "{byte}");
        }
        assert_eq!(CODES.find(u32::MAX), None, "EOS");
    }

    /// RFC 7541 appendix C.4 and C.6.
    #[test]
    fn the_examples_of_the_rfc_are_decoded() {
        for (coded, text) in [
            (
                &[0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff][..],
                "www.example.com",
            ),
            (&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf], "no-cache"),
            (&[0x64, 0x02], "302"),
            (
                &[
                    0x9d, 0x29, 0xad, 0x17, 0x18, 0x63, 0xc7, 0x8f, 0x0b, 0x97, 0xc8, 0xe9, 0xae, 0x82, 0xae,
                    0x43, 0xd3,
                ],
                "https://www.example.com",
            ),
        ] {
            assert_eq!(decoded(coded).unwrap(), text.as_bytes());
            assert_eq!(encode(text.as_bytes()), coded);
        }
    }

    #[test]
    fn eos_and_bad_padding_are_invalid() {
        assert_eq!(decoded(&[0xff, 0xff, 0xff, 0xff]), Err(Invalid), "EOS");
        assert_eq!(decoded(&[0x64, 0x02, 0xff]), Err(Invalid), "eight bits of padding");
        assert_eq!(decoded(&[0b0000_0000]), Err(Invalid), "0 and padding of zeros");
        assert_eq!(decoded(&[0b0000_0111]), Ok(b"0".to_vec()));
        assert_eq!(decoded(&[]), Ok(Vec::new()));
    }

    proptest::proptest! {
        #[test]
        fn what_is_encoded_is_decoded(text in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            proptest::prop_assert_eq!(decoded(&encode(&text)), Ok(text));
        }

        #[test]
        fn anything_is_decoded_or_invalid(coded in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            if let Ok(text) = decoded(&coded) {
                proptest::prop_assert!(text.len() * 5 <= coded.len() * 8);
                proptest::prop_assert_eq!(encode(&text), coded);
            }
        }
    }
}
