//! Reads key logs (RFC 9850, the format of `SSLKEYLOGFILE`).
//!
//! ```text
//!   CLIENT_TRAFFIC_SECRET_0 5b0d8f39…(64 digits) 4869ad19…
//!   label                   client random        secret
//! ```
//!
//! Several programs may append to one file, in any order; comments, empty lines, CRLF and unknown
//! labels are skipped, and the last line needs no line end.

use super::secret::{ClientRandom, Label, Secret};

/// A line of a key log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What the secret is for.
    pub label: Label,
    /// The connection.
    pub random: ClientRandom,
    /// The secret.
    pub secret: Secret,
}

/// The contents of a part of a key log.
#[derive(Debug, Default)]
pub struct KeyLog {
    /// The secrets that decryption needs, in the order of the lines.
    pub lines: Vec<Line>,
    /// Number of lines that are no line of a key log.
    pub malformed: usize,
    /// Number of lines with a premaster secret, from which the keys do not follow alone.
    pub premaster: usize,
}

impl KeyLog {
    /// Reads whole lines.
    #[must_use]
    pub fn read(text: &[u8]) -> Self {
        let mut log = Self::default();
        for line in text.split(|byte| matches!(byte, b'\n' | b'\r')) {
            match read_line(line) {
                Parsed::Line(line) => log.lines.push(line),
                Parsed::Skipped => {}
                Parsed::Premaster => log.premaster += 1,
                Parsed::Malformed => log.malformed += 1,
            }
        }
        log
    }
}

enum Parsed {
    Line(Line),
    /// A comment, an empty line, or a label that decryption does not need.
    Skipped,
    /// A premaster secret: NSS wrote these before it wrote master secrets.
    Premaster,
    Malformed,
}

fn read_line(line: &[u8]) -> Parsed {
    // Some writers of secrets blocks pad with NUL and count the padding.
    let blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0;
    let mut fields = line.split(blank).filter(|field| !field.is_empty());
    let Some(name) = fields.next() else { return Parsed::Skipped };
    if name.starts_with(b"#") {
        return Parsed::Skipped;
    }
    if PREMASTER.contains(&name) {
        return Parsed::Premaster;
    }
    let Some(label) = Label::named(name) else {
        // Labels are capital letters, digits and underscores: anything else is no key log.
        let is_label = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
        return if name.iter().all(is_label) { Parsed::Skipped } else { Parsed::Malformed };
    };
    let (Some(random), Some(secret), None) = (fields.next(), fields.next(), fields.next()) else {
        return Parsed::Malformed;
    };
    let random = hex(random).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    match (random, hex(secret).map(Secret::new)) {
        (Some(random), Some(secret)) if label.fits(secret.len()) => {
            Parsed::Line(Line { label, random: ClientRandom(random), secret })
        }
        _ => Parsed::Malformed,
    }
}

/// Labels of premaster secrets (NSS key log format).
const PREMASTER: [&[u8]; 2] = [b"PMS_CLIENT_RANDOM", b"RSA"];

/// Decodes hexadecimal digits of either case; `None` if there are other characters, an odd number
/// of digits, or more than a secret can have.
fn hex(digits: &[u8]) -> Option<Vec<u8>> {
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    if pairs.len() > MAX_FIELD {
        return None;
    }
    let mut bytes = Vec::with_capacity(pairs.len());
    for [high, low] in pairs {
        let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        bytes.push(digit(high)? << 4 | digit(low)?);
    }
    Some(bytes)
}

/// Longest field of a line that decryption needs, in bytes after decoding: the output of SHA-512.
const MAX_FIELD: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn line(label: &str, random: u8, secret: &str) -> String {
        format!("{label} {} {secret}", format!("{random:02x}").repeat(32))
    }

    #[test]
    fn lines_of_several_programs_are_read_whatever_their_line_ends() {
        let master = "Ab".repeat(48);
        let traffic = "01".repeat(32);
        let text = [
            "# SSL/TLS secrets log file\r\n",
            "\r\n",
            &line("CLIENT_RANDOM", 1, &master),
            "\r\n",
            &line("CLIENT_TRAFFIC_SECRET_0", 2, &traffic),
            "\n",
            &line("EXPORTER_SECRET", 2, &traffic),
            "\nRSA 0011223344556677 00\nECH_CONFIG 00 00\n",
            &line("SERVER_TRAFFIC_SECRET_0", 2, &traffic),
        ]
        .concat();
        let log = KeyLog::read(text.as_bytes());
        let got: Vec<_> = log.lines.iter().map(|line| (line.label, line.random.0[0])).collect();
        assert_eq!(got, [(Label::Master, 1), (Label::ClientApplication, 2), (Label::ServerApplication, 2)]);
        assert_eq!(log.lines[0].secret.bytes(), [0xab; 48]);
        assert_eq!((log.malformed, log.premaster), (0, 1));
    }

    #[test]
    fn what_is_no_key_log_is_counted() {
        let short = line("CLIENT_RANDOM", 1, "ab");
        let odd = line("CLIENT_TRAFFIC_SECRET_0", 1, "abc");
        for text in ["-----BEGIN CERTIFICATE-----", &short, &odd, "CLIENT_RANDOM", "CLIENT_RANDOM x y"] {
            let log = KeyLog::read(text.as_bytes());
            assert_eq!((log.lines.len(), log.malformed), (0, 1), "{text}");
        }
    }

    #[test]
    fn debug_output_has_no_secret() {
        let log = KeyLog::read(line("CLIENT_RANDOM", 1, &"ab".repeat(48)).as_bytes());
        let text = format!("{log:?}");
        assert!(text.contains("48 bytes") && !text.contains("abab"), "{text}");
    }

    proptest::proptest! {
        /// Damage anywhere in a key log costs the lines that it touches, and nothing else.
        #[test]
        fn damage_costs_a_line(at in 0usize..900, byte: u8) {
            let lines: Vec<_> = (0..4).map(|i| line("CLIENT_RANDOM", i, &"ab".repeat(48))).collect();
            let mut text = lines.join("\n").into_bytes();
            let at = at % text.len();
            text[at] = byte;
            let got = KeyLog::read(&text);
            proptest::prop_assert!(got.lines.len() >= 2, "{}", got.lines.len());
        }
    }
}
